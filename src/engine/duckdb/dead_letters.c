#include "engine/duckdb/dead_letters.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/offsets.h"
#include "engine/duckdb/scan.h"
#include "pipeline/pattern.h"

enum {
    SPOOL_FLUSH_BYTES = 256 * 1024,
    SPOOL_BUFFER_MAX = 64 << 20, /* a value in base64 with its escapes is far below */
    ATTEMPTS_MAX = 5
};

/* The columns of the spool, of the sink's dead letters, and of the table. */
static const struct pn_column SPOOL_COLUMNS[] = {
    {.name = "table", .type = {.kind = PN_TYPE_STRING}},
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "object", .type = {.kind = PN_TYPE_STRING}},
    {.name = "scan", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "unit", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "line", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
};
static const struct pn_table SPOOL = {
    .name = "spool",
    .columns = SPOOL_COLUMNS,
    .column_count = sizeof SPOOL_COLUMNS / sizeof *SPOOL_COLUMNS,
};
static const struct pn_column SINK_COLUMNS[] = {
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "partition", .type = {.kind = PN_TYPE_INT}},
    {.name = "offset", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "timestamp", .type = {.kind = PN_TYPE_TIMESTAMP}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
    {.name = "encoding", .type = {.kind = PN_TYPE_STRING}},
};
static const struct pn_table SINK = {
    .name = "dead letters of the sink",
    .columns = SINK_COLUMNS,
    .column_count = sizeof SINK_COLUMNS / sizeof *SINK_COLUMNS,
};
static const struct pn_column COLUMNS[] = {
    {.name = "table", .type = {.kind = PN_TYPE_STRING}},
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "partition", .type = {.kind = PN_TYPE_INT}},
    {.name = "offset", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "object", .type = {.kind = PN_TYPE_STRING}},
    {.name = "line", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
    {.name = "timestamp", .type = {.kind = PN_TYPE_TIMESTAMP}},
};
#define COLUMN_LIST \
    "\"table\", topic, partition, \"offset\", object, line, reason, value, timestamp"

struct feed {
    struct pn_dead_letters *dead;
    size_t table;
};

struct pn_dead_letters {
    struct pn_duckdb *engine;
    const struct pn_table *const *tables;
    size_t count;
    struct pn_table itself;
    struct feed *feeds;
    pthread_mutex_t lock; /* of the spool */
    char *path;           /* NULL until there is something to spool */
    int fd;
    int64_t size_bytes;
    struct pn_buf pending;
};

struct pn_table pn_dead_letters_table(const struct pn_pipeline *pipeline)
{
    return (struct pn_table){
        .name = "dead_letters",
        .path = pipeline->dead_letters_path,
        .columns = COLUMNS,
        .column_count = sizeof COLUMNS / sizeof *COLUMNS,
    };
}

struct pn_dead_letters *pn_dead_letters_create(struct pn_duckdb *engine,
                                               const struct pn_table *const *tables, size_t count)
{
    struct pn_dead_letters *dead = pn_xcalloc(1, sizeof *dead);
    dead->engine = engine;
    dead->tables = tables;
    dead->count = count;
    dead->itself = pn_dead_letters_table(engine->pipeline);
    dead->feeds = pn_xcalloc(count, sizeof *dead->feeds);
    for (size_t i = 0; i < count; i++) {
        dead->feeds[i] = (struct feed){.dead = dead, .table = i};
    }
    dead->fd = -1;
    pthread_mutex_init(&dead->lock, NULL);
    pn_buf_init(&dead->pending, SPOOL_BUFFER_MAX);
    return dead;
}

void pn_dead_letters_destroy(struct pn_dead_letters **dead)
{
    struct pn_dead_letters *it = *dead;
    struct pn_err e;
    if (it == NULL) {
        return;
    }
    pn_io_close(it->engine->config.io, &it->fd);
    if (it->path != NULL && pn_io_unlink(it->engine->config.io, it->path, &e) != 0) {
        pn_logger_warn(it->engine->logger, "engine", "%s", e.msg);
    }
    pn_buf_deinit(&it->pending);
    pthread_mutex_destroy(&it->lock);
    free(it->path);
    free(it->feeds);
    free(it);
    *dead = NULL;
}

void *pn_dead_letters_for(struct pn_dead_letters *dead, size_t table)
{
    return &dead->feeds[table];
}

/* --- the spool -------------------------------------------------------------------------------- */

static int open_spool(struct pn_dead_letters *dead, struct pn_err *e)
{
    const char *folder = NULL;
    char uuid[PN_UUID_SIZE];
    int rc = pn_duckdb_temp_folder(dead->engine, &folder, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_xasprintf("%s/rejected-%s.jsonl", folder, pn_uuid(uuid));
    rc = pn_io_open(dead->engine->config.io, path, O_RDWR | O_CREAT | O_EXCL, &dead->fd, e);
    if (rc != 0) {
        free(path);
        return rc;
    }
    dead->path = path;
    return 0;
}

static int flush_spool(struct pn_dead_letters *dead, struct pn_err *e)
{
    struct pn_buf *pending = &dead->pending;
    int rc = pn_buf_check(pending, "what a load rejects at once", e);
    if (rc == 0 && dead->path == NULL) {
        rc = open_spool(dead, e);
    }
    if (rc == 0) {
        rc = pn_io_write_at(dead->engine->config.io, dead->fd, pending->data, pending->len,
                            dead->size_bytes, dead->path, e);
        dead->size_bytes += (int64_t)pending->len;
    }
    pn_buf_reset(pending);
    return rc;
}

/* The value as text, or in base64 when it isn't text; the reason says so, and whether it's
 * whole. */
static void add_value(struct pn_json_writer *json, const struct pn_landed_reject *reject)
{
    size_t len = reject->value_len;
    bool cut = len > PN_DEAD_LETTER_VALUE_MAX;
    if (cut) {
        len = PN_DEAD_LETTER_VALUE_MAX;
        while (len > 0 && ((unsigned char)reject->value[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    bool text = pn_utf8_valid(reject->value, len);
    char note[96] = "";
    snprintf(note, sizeof note, "%s%s", cut ? " (only the beginning of the value is stored)" : "",
             text ? "" : " (the value is in base64)");
    pn_json_add_textf(json, "reason", "%s%s", reject->reason, note);
    pn_json_put_key(json, "value");
    if (text) {
        pn_json_put_string(json, reject->value, len);
    } else {
        pn_json_put_base64(json, reject->value, len);
    }
}

int pn_dead_letters_take(void *arg, const struct pn_landed_reject *reject, struct pn_err *e)
{
    const struct feed *feed = arg;
    struct pn_dead_letters *dead = feed->dead;
    const struct pn_table *table = dead->tables[feed->table];
    struct pn_buf *out = &dead->pending;
    struct pn_json_writer json;
    int rc = 0;
    pthread_mutex_lock(&dead->lock);
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "table", table->name);
    pn_json_add_cstr(&json, "topic", reject->topic);
    pn_json_add_cstr(&json, "object", reject->object);
    pn_json_add_i64(&json, "scan", (int64_t)feed->table);
    pn_json_add_i64(&json, "unit", (int64_t)reject->unit);
    pn_json_add_i64(&json, "line", reject->line);
    add_value(&json, reject);
    pn_json_end(&json);
    pn_json_end_line(&json);
    if (out->len >= SPOOL_FLUSH_BYTES || pn_buf_failed(out)) {
        rc = flush_spool(dead, e);
    }
    pthread_mutex_unlock(&dead->lock);
    return rc;
}

/* --- the table -------------------------------------------------------------------------------- */

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

/* What earlier loads found for other tables. */
static int add_kept(struct pn_dead_letters *dead, duckdb_connection connection,
                    const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                    struct pn_buf *sql, struct pn_err *e)
{
    pn_buf_adds(sql, "SELECT " COLUMN_LIST " FROM (");
    int rc =
        pn_duckdb_add_scan(dead->engine, connection, &dead->itself, snapshot, true, lease, sql, e);
    pn_buf_adds(sql, ") WHERE \"table\" NOT IN (");
    for (size_t i = 0; i < dead->count; i++) {
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        pn_duckdb_add_text(sql, dead->tables[i]->name);
    }
    pn_buf_addc(sql, ')');
    return rc;
}

static void add_spooled(struct pn_landed_scan *spool, struct pn_buf *sql)
{
    pn_buf_adds(sql,
                "\nUNION ALL SELECT r.\"table\", r.topic, "
                "TRY_CAST(regexp_extract(r.object, '/partition=([0-9]+)/', 1) AS INTEGER), "
                "r.line + o.shift, r.object, r.line, r.reason, r.value, "
                "CAST(NULL AS TIMESTAMPTZ) FROM (SELECT s.* REPLACE (s.line + coalesce(b.base, 0) "
                "AS line) FROM ");
    pn_landed_add_call(spool, sql);
    pn_buf_adds(sql, " AS s LEFT JOIN line_bases AS b ON b.scan = s.scan AND b.unit = s.unit) AS r "
                     "ASOF LEFT JOIN line_offsets AS o ON o.scan = r.scan AND "
                     "o.object = r.object AND o.line <= r.line");
}

static void add_sunk(const struct pn_table *table, struct pn_landed_scan *scan, struct pn_buf *sql)
{
    pn_buf_adds(sql, "\nUNION ALL SELECT ");
    pn_duckdb_add_text(sql, table->name);
    pn_buf_adds(sql, ", topic, partition, \"offset\", CAST(NULL AS VARCHAR), "
                     "CAST(NULL AS BIGINT), CASE WHEN encoding = 'base64' THEN "
                     "concat(reason, ' (the value is in base64)') ELSE reason END, value, "
                     "timestamp FROM ");
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
static int find_sunk(struct pn_dead_letters *dead, struct pn_landed_scan **sunk, bool *any,
                     struct pn_err *e)
{
    struct pn_duckdb *engine = dead->engine;
    int rc = 0;
    if (engine->config.landed_folder != NULL) {
        return 0; /* a folder's files never went through a sink */
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        struct owner owner = {engine->pipeline, dead->tables[i]};
        sunk[i] = pn_landed_create(engine, &SINK, warn_unreadable, dead);
        rc = pn_landed_add_topics(sunk[i], engine->pipeline->dead_letters_dir,
                                  dead->tables[i]->from_topic, owns_topic, &owner, e);
        *any = *any || pn_landed_counts(sunk[i]).objects > 0;
    }
    return rc;
}

static int put_together(struct pn_dead_letters *dead, duckdb_connection connection,
                        const struct pn_delta_snapshot *snapshot, struct pn_landed_scan *spool,
                        struct pn_landed_scan *const *sunk, struct pn_file_lease *lease,
                        struct pn_buf *sql, struct pn_err *e)
{
    pn_buf_reset(sql);
    pn_buf_adds(sql, "SELECT * FROM (");
    int rc = add_kept(dead, connection, snapshot, lease, sql, e);
    if (dead->size_bytes > 0) {
        add_spooled(spool, sql);
    }
    for (size_t i = 0; i < dead->count; i++) {
        if (sunk[i] != NULL && pn_landed_units(sunk[i]) > 0) {
            add_sunk(dead->tables[i], sunk[i], sql);
        }
    }
    pn_buf_adds(sql, ") ORDER BY \"table\", topic, partition, \"offset\", object, line");
    return rc;
}

/* The table at `version` (-1: the latest), or NULL when there is none yet. */
static int read_snapshot(struct pn_dead_letters *dead, int64_t version,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    struct pn_err cause = {.class_ = PN_CLASS_NONE};
    struct pn_delta *delta = pn_duckdb_delta(dead->engine, dead->itself.path);
    int rc = pn_delta_snapshot(delta, version, snapshot, &cause);
    pn_delta_destroy(&delta);
    if (rc != 0 && version < 0 && cause.class_ == PN_CLASS_MISSING) {
        *snapshot = NULL;
        return 0;
    }
    pn_err_copy(e, &cause);
    return rc;
}

/* The versions of one attempt. */
struct attempt {
    int64_t read;     /* whose rows of other tables are kept; -1: the latest's */
    int64_t expected; /* what the commit is when no other load's came in between */
    int64_t version;  /* what it became; -1 when there was nothing to write */
};

static int rewrite(struct pn_dead_letters *dead, duckdb_connection connection,
                   struct pn_landed_scan *spool, struct pn_landed_scan *const *sunk, bool nothing,
                   struct attempt *attempt, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    attempt->version = -1;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = read_snapshot(dead, attempt->read, &snapshot, e);
    if (rc != 0) {
        goto out;
    }
    bool empty = snapshot == NULL || snapshot->file_count == 0;
    if (attempt->read < 0) {
        attempt->expected = snapshot == NULL ? 0 : snapshot->version + 1;
        if (snapshot != NULL && empty && nothing) {
            goto out; /* none before, none now */
        }
    }
    if (!empty || !nothing) {
        rc = put_together(dead, connection, snapshot, spool, sunk, &lease, &sql, e);
        if (rc == 0) {
            rc = pn_duckdb_write(dead->engine, connection, &dead->itself, &sql, &written, e);
        }
    }
    if (rc == 0) {
        rc = pn_duckdb_overwrite(dead->engine, &dead->itself, &written, NULL, &attempt->version, e);
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

/* A load beside this one may commit its dead letters between our reading and our commit, which then
 * overwrites them: so what it wrote is read, and the table written again with both. */
static int rewrite_until_alone(struct pn_dead_letters *dead, duckdb_connection connection,
                               struct pn_landed_scan *spool, struct pn_landed_scan *const *sunk,
                               bool nothing, struct pn_err *e)
{
    struct attempt attempt = {.read = -1};
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        int rc = rewrite(dead, connection, spool, sunk, nothing, &attempt, e);
        if (rc != 0 || attempt.version < 0 || attempt.version == attempt.expected) {
            return rc;
        }
        attempt.read = attempt.version - 1;
        attempt.expected = attempt.version + 1;
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: too many loads at once; load again",
                      dead->itself.path);
}

int pn_dead_letters_commit(struct pn_dead_letters *dead, duckdb_connection connection,
                           struct pn_landed_scan *const *scans, int64_t *counts, struct pn_err *e)
{
    struct pn_landed_scan **sunk = pn_xcalloc(dead->count, sizeof(struct pn_landed_scan *));
    struct pn_landed_scan *spool = pn_landed_create(dead->engine, &SPOOL, warn_unreadable, dead);
    bool any_sunk = false;
    int rc = dead->pending.len > 0 ? flush_spool(dead, e) : 0;
    if (rc == 0 && dead->size_bytes > 0) {
        rc = pn_landed_add_file(spool, dead->path, "", e);
        if (rc == 0) {
            rc = make_line_bases(connection, scans, dead->count, e);
        }
        if (rc == 0) {
            rc = pn_offsets_make_table(dead->engine, connection, scans, dead->count, e);
        }
    }
    if (rc == 0) {
        rc = find_sunk(dead, sunk, &any_sunk, e);
    }
    if (rc == 0) {
        rc = rewrite_until_alone(dead, connection, spool, sunk, dead->size_bytes == 0 && !any_sunk,
                                 e);
    }
    for (size_t i = 0; i < dead->count; i++) {
        if (sunk[i] != NULL) {
            counts[i] += pn_landed_counts(sunk[i]).rows;
            pn_landed_destroy(&sunk[i]);
        }
    }
    pn_landed_destroy(&spool);
    free(sunk);
    return rc;
}
