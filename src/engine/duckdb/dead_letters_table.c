/*
 * The table of dead letters: put together of what a load has spooled and what the sink could not
 * land. For tables that a load makes of all there is, their dead letters are replaced, but those of
 * objects that an incremental table's load did not list stay: a faster load has them. For tables
 * that it adds to, they are added, each once: those of an object that the table has already came
 * with a load that ended before its own commit.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters_internal.h"
#include "engine/duckdb/offsets_table.h"
#include "engine/duckdb/scan.h"
#include "pipeline/pattern.h"

enum { ATTEMPTS_MAX = 8 };

static const struct pn_column SINK_COLUMNS[] = {
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "partition", .type = {.kind = PN_TYPE_INT}},
    {.name = "offset", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "timestamp", .type = {.kind = PN_TYPE_TIMESTAMP}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
    {.name = "encoding", .type = {.kind = PN_TYPE_STRING}},
    {.name = "key", .type = {.kind = PN_TYPE_STRING}},
    {.name = "key_encoding", .type = {.kind = PN_TYPE_STRING}},
};
static const struct pn_table SINK = {
    .name = "dead letters of the sink",
    .columns = SINK_COLUMNS,
    .column_count = sizeof SINK_COLUMNS / sizeof *SINK_COLUMNS,
};
#define COLUMN_LIST \
    "\"table\", topic, partition, \"offset\", object, line, reason, value, timestamp, key"

/* A line that can't be read in a file of dead letters: nothing to do but to say so. */
static int warn_unreadable(void *arg, const struct pn_landed_reject *reject, struct pn_err *e)
{
    struct pn_dead_letters *dead = arg;
    (void)e;
    pn_logger_warn(dead->engine->logger, "engine", "a dead letter in %s is unreadable: %s",
                   reject->object, reject->reason);
    return 0;
}

/* The lines of a file before each of its ranges, for the ranges that aren't the first. */
static int make_line_bases(duckdb_connection connection, struct pn_landed_scan *const *scans,
                           size_t count, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE line_bases (scan BIGINT, unit BIGINT, "
                           "base BIGINT)",
                           NULL, e);
    if (rc != 0) {
        return rc;
    }
    bool ok = duckdb_appender_create(connection, NULL, "line_bases", &appender) == DuckDBSuccess;
    for (size_t scan = 0; ok && scan < count; scan++) {
        for (size_t unit = 0; ok && unit < pn_landed_units(scans[scan]); unit++) {
            int64_t base = pn_landed_line_base(scans[scan], unit);
            if (base == 0) {
                continue;
            }
            ok = duckdb_append_int64(appender, (int64_t)scan) == DuckDBSuccess &&
                 duckdb_append_int64(appender, (int64_t)unit) == DuckDBSuccess &&
                 duckdb_append_int64(appender, base) == DuckDBSuccess &&
                 duckdb_appender_end_row(appender) == DuckDBSuccess;
        }
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok) {
        rc = pn_err_fatal(e, "DuckDB does not accept line numbers");
    }
    return rc;
}

/* The objects that the load listed, of each table. */
static int make_listed(duckdb_connection connection, const struct pn_dead_letters *dead,
                       struct pn_landed_scan *const *scans, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = pn_duckdb_run(
        connection, "CREATE OR REPLACE TEMP TABLE listed (\"table\" VARCHAR, object VARCHAR)", NULL,
        e);
    if (rc != 0) {
        return rc;
    }
    bool ok = duckdb_appender_create(connection, NULL, "listed", &appender) == DuckDBSuccess;
    for (size_t scan = 0; ok && scan < dead->count; scan++) {
        for (size_t i = 0; ok && i < pn_landed_files(scans[scan]); i++) {
            ok = duckdb_append_varchar(appender, dead->tables[scan]->name) == DuckDBSuccess &&
                 duckdb_append_varchar(appender, pn_landed_file(scans[scan], i).name) ==
                     DuckDBSuccess &&
                 duckdb_appender_end_row(appender) == DuckDBSuccess;
        }
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok) {
        rc = pn_err_fatal(e, "DuckDB does not accept the names of objects");
    }
    return rc;
}

/* What a load's dead letters are put together of. */
struct putting {
    struct pn_dead_letters *dead;
    duckdb_connection connection;
    struct pn_landed_scan *spool;
    struct pn_landed_scan *const *scans; /* of the load's tables */
    struct pn_landed_scan **sunk;
    const bool *is_added; /* a table whose dead letters stay, and get more */
};

/* Appends the names of the tables whose dead letters are replaced, in brackets. */
static void add_replaced(const struct putting *putting, struct pn_buf *sql)
{
    bool first = true;
    for (size_t i = 0; i < putting->dead->count; i++) {
        if (!putting->is_added[i]) {
            pn_buf_adds(sql, first ? "(" : ", ");
            pn_duckdb_add_text(sql, putting->dead->tables[i]->name);
            first = false;
        }
    }
    PN_ASSERT(!first);
    pn_buf_addc(sql, ')');
}

/* What earlier loads found for other tables, and what a faster load found in objects that this one
 * did not list. */
static int add_kept(const struct putting *putting, const struct pn_delta_snapshot *snapshot,
                    struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    pn_buf_adds(sql, "SELECT " COLUMN_LIST " FROM (");
    int rc = pn_duckdb_add_scan(dead->engine, putting->connection, &dead->itself, snapshot, true,
                                lease, sql, e);
    pn_buf_adds(sql, ") AS k WHERE \"table\" NOT IN ");
    add_replaced(putting, sql);
    for (size_t i = 0; i < dead->count; i++) {
        if (!putting->is_added[i] && dead->tables[i]->mode != PN_MODE_OVERWRITE &&
            dead->engine->config.landed_folder == NULL) {
            pn_buf_adds(sql, " OR (\"table\" = ");
            pn_duckdb_add_text(sql, dead->tables[i]->name);
            pn_buf_adds(sql, " AND object IS NOT NULL AND NOT EXISTS (SELECT 1 FROM listed AS l "
                             "WHERE l.\"table\" = k.\"table\" AND l.object = k.object))");
        }
    }
    return rc;
}

/* Appends a SELECT of what the load rejected; a condition may follow. */
static void add_spooled(struct pn_landed_scan *spool, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT r.\"table\", r.topic, "
                     "CASE WHEN r.topic IS NOT NULL THEN TRY_CAST(regexp_extract(r.object, "
                     "'/partition=([0-9]+)/', 1) AS INTEGER) END AS partition, "
                     "coalesce(r.\"offset\", r.line + o.shift) AS \"offset\", r.object, r.line, "
                     "r.reason, r.value, make_timestamptz(r.time_ms * 1000) AS timestamp, r.key "
                     "FROM (SELECT s.* REPLACE (s.line + coalesce(b.base, 0) AS line) FROM ");
    pn_landed_add_call(spool, sql);
    pn_buf_adds(sql, " AS s LEFT JOIN line_bases AS b ON b.scan = s.scan AND b.unit = s.unit) AS r "
                     "ASOF LEFT JOIN line_offsets AS o ON o.scan = r.scan AND "
                     "o.object = r.object AND o.line <= r.line");
}

static void add_sunk(const struct pn_table *table, struct pn_landed_scan *scan, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT ");
    pn_duckdb_add_text(sql, table->name);
    pn_buf_adds(sql,
                " AS \"table\", topic, partition, \"offset\", CAST(NULL AS VARCHAR) AS "
                "object, CAST(NULL AS BIGINT) AS line, CASE WHEN encoding = 'base64' THEN "
                "concat(reason, ' (the value is in base64)') ELSE reason END AS reason, value, "
                "timestamp, CASE WHEN key_encoding = 'text' THEN key END AS key FROM ");
    pn_landed_add_call(scan, sql);
}

/* Which table has a topic's dead letters of the sink. */
struct owner {
    const struct pn_pipeline *pipeline;
    const struct pn_table *table;
};

/* The tables that a topic's records could have gone to share its dead letters: the first has them.
 */
static bool owns_topic(void *arg, const char *topic)
{
    const struct owner *owner = arg;
    for (size_t i = 0; i < owner->pipeline->table_count; i++) {
        const struct pn_table *other = &owner->pipeline->tables[i];
        if (other->from_topic != NULL && pn_pattern_matches(other->from_topic, topic)) {
            return strcmp(other->name, owner->table->name) == 0;
        }
    }
    return false;
}

/* Scans of the sink's dead letters; NULL where a table has none. */
static int find_sunk(const struct putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_duckdb *engine = dead->engine;
    int rc = 0;
    if (engine->config.landed_folder != NULL) {
        return 0; /* a folder's files never went through a sink */
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        struct owner owner = {engine->pipeline, dead->tables[i]};
        if (dead->tables[i]->from_topic == NULL) {
            continue;
        }
        putting->sunk[i] = pn_landed_create(engine, &SINK, warn_unreadable, dead);
        rc = pn_landed_add_topics(putting->sunk[i], engine->pipeline->dead_letters_dir,
                                  dead->tables[i]->from_topic, owns_topic, &owner, e);
    }
    return rc;
}

static bool has_rejects(const struct putting *putting, size_t i)
{
    return pn_landed_counts(putting->scans[i]).rejected > 0;
}

static bool has_sunk(const struct putting *putting, size_t i)
{
    return putting->sunk[i] != NULL && pn_landed_units(putting->sunk[i]) > 0;
}

/* --- replaced --------------------------------------------------------------------------------- */

static int add_rewritten(const struct putting *putting, const struct pn_delta_snapshot *snapshot,
                         struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    pn_buf_adds(sql, "SELECT * FROM (");
    int rc = add_kept(putting, snapshot, lease, sql, e);
    if (putting->dead->size_bytes > 0) {
        pn_buf_adds(sql, "\nUNION ALL ");
        add_spooled(putting->spool, sql);
        pn_buf_adds(sql, " WHERE r.\"table\" IN ");
        add_replaced(putting, sql);
    }
    for (size_t i = 0; i < putting->dead->count; i++) {
        if (!putting->is_added[i] && has_sunk(putting, i)) {
            pn_buf_adds(sql, "\nUNION ALL ");
            add_sunk(putting->dead->tables[i], putting->sunk[i], sql);
        }
    }
    pn_buf_adds(sql, ") ORDER BY \"table\", topic, partition, \"offset\", object, line");
    return rc;
}

static int rewrite(const struct putting *putting, bool nothing, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    int64_t version = -1;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(dead->engine, dead->itself.path, &snapshot, e);
    bool empty = rc == 0 && (snapshot == NULL || snapshot->file_count == 0);
    if (rc != 0 || (snapshot != NULL && empty && nothing)) {
        goto out; /* none before, none now */
    }
    if (!empty || !nothing) {
        rc = add_rewritten(putting, snapshot, &lease, &sql, e);
        if (rc == 0) {
            rc = pn_duckdb_write(dead->engine, putting->connection, &dead->itself, &sql, &written,
                                 e);
        }
    }
    if (rc == 0) {
        const int64_t read = snapshot != NULL ? snapshot->version : -1;
        const struct pn_duckdb_put put = {.mode = PN_DELTA_OVERWRITE, .read_version = &read};
        rc = pn_duckdb_commit(dead->engine, &dead->itself, &written, &put, &version, e);
    }
out:
    if (rc != 0) {
        pn_duckdb_write_undo(dead->engine, &written, rc);
    }
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&sql);
    return rc;
}

static int too_many(const struct pn_dead_letters *dead, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: too many loads at once; load again",
                      dead->itself.path);
}

/* A load beside this one may commit its dead letters between our reading and our commit: then what
 * it wrote is read, and the table written again with both. */
static int rewrite_until_alone(const struct putting *putting, struct pn_err *e)
{
    bool any = false;
    bool nothing = true;
    for (size_t i = 0; i < putting->dead->count; i++) {
        any = any || !putting->is_added[i];
        nothing =
            nothing && (putting->is_added[i] || !(has_rejects(putting, i) || has_sunk(putting, i)));
    }
    for (int i = 0; any && i < ATTEMPTS_MAX; i++) {
        int rc = rewrite(putting, nothing, e);
        if (rc != PN_DELTA_MOVED) {
            return rc;
        }
    }
    return any ? too_many(putting->dead, e) : 0;
}

/* --- added ------------------------------------------------------------------------------------ */

static int add_known(const struct putting *putting, size_t i,
                     const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                     struct pn_buf *sql, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    pn_buf_adds(sql, "WITH known AS (SELECT * FROM (");
    int rc = pn_duckdb_add_scan(dead->engine, putting->connection, &dead->itself, snapshot, true,
                                lease, sql, e);
    pn_buf_adds(sql, ") WHERE \"table\" = ");
    pn_duckdb_add_text(sql, dead->tables[i]->name);
    pn_buf_adds(sql, ")\n");
    return rc;
}

/* An object is read whole, so its dead letters are all there or none is. Those of the sink have no
 * object: what they are of is known by its place in the log, and by its time where a topic was made
 * again. */
static int add_new(const struct putting *putting, size_t i,
                   const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                   struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_table *table = putting->dead->tables[i];
    int rc = add_known(putting, i, snapshot, lease, sql, e);
    pn_buf_adds(sql, "SELECT * FROM (");
    if (has_rejects(putting, i)) {
        add_spooled(putting->spool, sql);
        pn_buf_adds(sql, " WHERE r.\"table\" = ");
        pn_duckdb_add_text(sql, table->name);
        /* A file may have changed since a load that ended before its own commit. */
        pn_buf_adds(sql, table->from_files != NULL
                             ? " AND NOT EXISTS (SELECT 1 FROM known WHERE known.object = "
                               "r.object AND known.line IS NOT DISTINCT FROM r.line AND "
                               "known.value IS NOT DISTINCT FROM r.value)"
                             : " AND r.object NOT IN (SELECT object FROM known WHERE object IS "
                               "NOT NULL)");
    }
    pn_buf_adds(sql, has_rejects(putting, i) && has_sunk(putting, i) ? "\nUNION ALL " : "");
    if (has_sunk(putting, i)) {
        pn_buf_adds(sql, "SELECT * FROM (");
        add_sunk(table, putting->sunk[i], sql);
        pn_buf_adds(sql, ") AS s WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.object IS NULL "
                         "AND known.topic = s.topic AND known.partition = s.partition AND "
                         "known.\"offset\" = s.\"offset\" AND known.timestamp IS NOT DISTINCT "
                         "FROM s.timestamp)");
    }
    pn_buf_adds(sql, ") ORDER BY ALL");
    return rc;
}

/* The transaction counts the table's commits, so of two loads one comes first. */
static int append(const struct putting *putting, size_t i, int64_t *rows, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    int64_t version = -1;
    char *app_id = pn_xasprintf("pinion/dead_letters/%s", dead->tables[i]->name);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(dead->engine, dead->itself.path, &snapshot, e);
    if (rc == 0) {
        rc = add_new(putting, i, snapshot, &lease, &sql, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_write(dead->engine, putting->connection, &dead->itself, &sql, &written, e);
    }
    *rows = written.rows;
    if (rc == 0 && written.rows > 0) {
        int64_t before = snapshot != NULL ? pn_delta_txn_version(snapshot, app_id) : -1;
        const struct pn_delta_txn txn = {.app_id = app_id,
                                         .version = before < 0 ? 1 : before + 1,
                                         .updated_ms = pn_wall_ms(dead->engine->clock)};
        const struct pn_duckdb_put put = {
            .mode = PN_DELTA_APPEND, .txns = &txn, .txns_before = &before, .txn_count = 1};
        rc = pn_duckdb_commit(dead->engine, &dead->itself, &written, &put, &version, e);
        if (rc != 0) {
            pn_duckdb_write_undo(dead->engine, &written, rc);
        }
    }
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&sql);
    free(app_id);
    return rc;
}

static int append_until_first(const struct putting *putting, size_t i, int64_t *count,
                              struct pn_err *e)
{
    int64_t rows = 0;
    if (!has_rejects(putting, i) && !has_sunk(putting, i)) {
        return 0;
    }
    for (int tries = 0; tries < ATTEMPTS_MAX; tries++) {
        int rc = append(putting, i, &rows, e);
        if (rc != PN_DELTA_TXN_SEEN) {
            int64_t rejected = pn_landed_counts(putting->scans[i]).rejected;
            *count += rc == 0 && rows > rejected ? rows - rejected : 0;
            return rc;
        }
    }
    return too_many(putting->dead, e);
}

/* --- the commit ------------------------------------------------------------------------------- */

static int prepare(const struct putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    int rc = dead->pending.len > 0 ? pn_dead_letters_flush(dead, e) : 0;
    if (rc == 0) {
        rc = make_listed(putting->connection, dead, putting->scans, e);
    }
    if (rc == 0 && dead->size_bytes > 0) {
        rc = pn_landed_add_file(putting->spool, dead->path, "", e);
        if (rc == 0) {
            rc = make_line_bases(putting->connection, putting->scans, dead->count, e);
        }
        if (rc == 0) {
            rc = pn_offsets_make_table(dead->engine, putting->connection, putting->scans,
                                       dead->count, e);
        }
    }
    return rc == 0 ? find_sunk(putting, e) : rc;
}

int pn_dead_letters_commit(struct pn_dead_letters *dead, duckdb_connection connection,
                           struct pn_landed_scan *const *scans, const bool *is_added,
                           int64_t *counts, struct pn_err *e)
{
    const struct putting putting = {
        .dead = dead,
        .connection = connection,
        .spool = pn_landed_create(dead->engine, &pn_dead_letters_spool, warn_unreadable, dead),
        .scans = scans,
        .sunk = pn_xcalloc(dead->count, sizeof(struct pn_landed_scan *)),
        .is_added = is_added,
    };
    struct pn_landed_scan *spool = putting.spool;
    int rc = prepare(&putting, e);
    if (rc == 0) {
        rc = rewrite_until_alone(&putting, e);
    }
    for (size_t i = 0; i < dead->count; i++) {
        if (rc == 0 && is_added[i]) {
            rc = append_until_first(&putting, i, &counts[i], e);
        } else if (putting.sunk[i] != NULL) {
            counts[i] += pn_landed_counts(putting.sunk[i]).rows;
        }
        pn_landed_destroy(&putting.sunk[i]);
    }
    pn_landed_destroy(&spool);
    free(putting.sunk);
    return rc;
}
