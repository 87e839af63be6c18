/*
 * The table of dead letters: put together of what a load has spooled and what the sink could not
 * land. For tables that a load makes of all there is, their dead letters are replaced, but those of
 * objects that an incremental table's load did not list stay: a faster load has them. Those of
 * imported files stay until the load's commit, which may find that an import came in between. For
 * tables
 * that it adds to, they are added, each once: those of an object that the table has already came
 * with a load that ended before its own commit.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters_parts.h"
#include "engine/duckdb/dropped.h"
#include "engine/duckdb/letter_maker.h"
#include "engine/duckdb/letters_out.h"
#include "engine/duckdb/offsets_table.h"
#include "engine/duckdb/scan.h"

enum { ATTEMPTS_MAX = 8 };

#define COLUMN_LIST                                                                          \
    "\"table\", topic, partition, \"offset\", object, line, reason, value, timestamp, key, " \
    "made_by, after_version, batch"

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

/* Those whose dead letters are replaced. */
static void add_replaced(const struct pn_letters_putting *putting, struct pn_buf *sql)
{
    pn_letters_add_names(putting, false, sql);
}

/* The row `r` is of an object that this load did not list, and that is in the store: a faster load
 * has read it. */
#define IS_ELSEWHERE(r)                                                                          \
    r ".object IS NOT NULL AND NOT EXISTS (SELECT 1 FROM listed AS l WHERE l.\"table\" = " r     \
      ".\"table\" AND l.object = " r ".object) AND NOT EXISTS (SELECT 1 FROM gone AS g WHERE g." \
      "\"table\" = " r ".\"table\" AND g.object = " r ".object)"

/* The row `r` is of a file that was imported. */
#define IS_IMPORTED(r)                                                                \
    r ".topic IS NULL AND EXISTS (SELECT 1 FROM imported AS i WHERE i.\"table\" = " r \
      ".\"table\" "                                                                   \
      "AND i.object = " r ".object)"

/* Rows of letters that nobody has dropped. */
#define NOT_DROPPED " WHERE " PN_NOT_DROPPED

/* What earlier loads found for other tables, what a faster load found in objects that this one did
 * not list, and what imports found. */
static void add_kept(const struct pn_letters_putting *putting, const struct pn_buf *scan,
                     struct pn_buf *sql)
{
    const struct pn_dead_letters *dead = putting->dead;
    pn_buf_addf(sql, "SELECT " COLUMN_LIST " FROM (%s) AS k WHERE \"table\" NOT IN ",
                pn_buf_text(scan));
    add_replaced(putting, sql);
    for (size_t i = 0; i < dead->count; i++) {
        if (!putting->ways[i].is_added && pn_letters_has_batch(putting, i)) {
            pn_buf_adds(sql, " OR (\"table\" = ");
            pn_duckdb_add_text(sql, dead->tables[i]->name);
            pn_buf_adds(sql, " AND batch IS NOT NULL)");
        }
        if (!putting->ways[i].is_added) {
            pn_buf_adds(sql, " OR (\"table\" = ");
            pn_duckdb_add_text(sql, dead->tables[i]->name);
            pn_buf_adds(sql, " AND " IS_IMPORTED("k") ")");
        }
        if (!putting->ways[i].is_added && dead->tables[i]->mode != PN_MODE_OVERWRITE &&
            dead->engine->config.landed_folder == NULL) {
            pn_buf_adds(sql, " OR (\"table\" = ");
            pn_duckdb_add_text(sql, dead->tables[i]->name);
            pn_buf_adds(sql, " AND " IS_ELSEWHERE("k") ")");
        }
    }
}

/* --- replaced --------------------------------------------------------------------------------- */

/* Appends a SELECT of what this load found for the tables whose letters are replaced; false: there
 * is nothing. */
static bool add_found(const struct pn_letters_putting *putting, struct pn_buf *sql)
{
    bool has_some = putting->dead->size_bytes > 0;
    if (has_some) {
        pn_letters_add_spooled(putting, sql);
        pn_buf_adds(sql, " WHERE r.\"table\" IN ");
        add_replaced(putting, sql);
    }
    for (size_t i = 0; i < putting->dead->count; i++) {
        if (!putting->ways[i].is_added && pn_letters_has_sunk(putting, i)) {
            pn_buf_adds(sql, has_some ? "\nUNION ALL " : "");
            pn_letters_add_sunk(putting, i, sql);
            has_some = true;
        }
        if (!putting->ways[i].is_added && pn_letters_has_rows(putting, i)) {
            pn_buf_adds(sql, has_some ? "\nUNION ALL " : "");
            pn_letters_add_rows(putting, i, sql);
            has_some = true;
        }
    }
    return has_some;
}

enum whereabouts { THERE, GONE, IMPORTED };

/* Is the object one of the table's, and in the store? */
static int look_for(const struct pn_letters_putting *putting, const char *table, const char *object,
                    enum whereabouts *where, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_object found;
    struct pn_err why = {0};
    size_t i = 0;
    while (i < dead->count && strcmp(dead->tables[i]->name, table) != 0) {
        i++;
    }
    bool is_own = i < dead->count && pn_dropped_is_object_of(dead->engine, dead->tables[i], object);
    /* A load of files of a folder lists no objects: it replaces all. */
    bool is_sought = is_own && dead->engine->config.landed_folder == NULL;
    int rc = is_sought ? pn_store_head(dead->engine->store, object, &found, &why) : 0;
    *where = !is_own ? IMPORTED : is_sought && rc == 0 ? THERE : GONE;
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

static bool append_object(duckdb_appender appender, const char *table, const char *object)
{
    return duckdb_append_varchar(appender, table) == DuckDBSuccess &&
           duckdb_append_varchar(appender, object) == DuckDBSuccess &&
           duckdb_appender_end_row(appender) == DuckDBSuccess;
}

/* Puts those of the objects ("table", object) that are not there into the temporary table gone, and
 * those that are files of imports into `imported`. */
static int note_gone(const struct pn_letters_putting *putting, duckdb_result *objects,
                     struct pn_err *e)
{
    duckdb_appender gone = NULL;
    duckdb_appender imported = NULL;
    int rc = 0;
    bool ok = duckdb_appender_create_ext(putting->connection, "temp", NULL, "gone", &gone) ==
                  DuckDBSuccess &&
              duckdb_appender_create_ext(putting->connection, "temp", NULL, "imported",
                                         &imported) == DuckDBSuccess;
    for (idx_t row = 0; rc == 0 && ok && row < duckdb_row_count(objects); row++) {
        char *table = duckdb_value_varchar(objects, 0, row);
        char *object = duckdb_value_varchar(objects, 1, row);
        enum whereabouts where = THERE;
        rc = look_for(putting, table, object, &where, e);
        if (rc == 0 && where != THERE) {
            ok = append_object(where == GONE ? gone : imported, table, object);
        }
        duckdb_free(table);
        duckdb_free(object);
    }
    ok = duckdb_appender_destroy(&gone) == DuckDBSuccess && ok;
    ok = duckdb_appender_destroy(&imported) == DuckDBSuccess && ok;
    if (!ok && rc == 0) {
        rc = pn_err_fatal(e, "DuckDB does not accept the names of objects");
    }
    return rc;
}

static int make_gone(const struct pn_letters_putting *putting, struct pn_err *e)
{
    return pn_duckdb_run(putting->connection,
                         "CREATE OR REPLACE TEMP TABLE gone (\"table\" VARCHAR, object VARCHAR); "
                         "CREATE OR REPLACE TEMP TABLE imported (\"table\" VARCHAR, object "
                         "VARCHAR)",
                         NULL, e);
}

/* Which objects with letters, that this load did not list, are gone, or are files of imports? */
static int find_gone(const struct pn_letters_putting *putting, const struct pn_buf *scan,
                     struct pn_err *e)
{
    duckdb_result objects;
    struct pn_buf sql;
    int rc = make_gone(putting, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql,
                "SELECT DISTINCT \"table\", object FROM (SELECT \"table\", object FROM (%s) UNION "
                "ALL SELECT \"table\", object FROM dropped) AS k WHERE \"table\" IN ",
                pn_buf_text(scan));
    add_replaced(putting, &sql);
    pn_buf_adds(&sql, " AND " IS_ELSEWHERE("k"));
    rc = pn_duckdb_run_buf(putting->connection, &sql, &objects, e);
    if (rc == 0) {
        rc = note_gone(putting, &objects, e);
        duckdb_destroy_result(&objects);
    }
    pn_buf_deinit(&sql);
    return rc;
}

static int add_rewritten(const struct pn_letters_putting *putting,
                         const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                         struct pn_buf *sql, struct pn_err *e)
{
    struct pn_buf scan;
    struct pn_buf found;
    pn_buf_init(&scan, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&found, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_add_scan(putting->dead->engine, putting->connection, &putting->dead->itself,
                                snapshot, true, lease, &scan, e);
    if (rc == 0) {
        rc = find_gone(putting, &scan, e);
    }
    pn_buf_adds(sql, "SELECT * FROM (");
    add_kept(putting, &scan, sql);
    if (add_found(putting, &found)) {
        pn_buf_addf(sql, "\nUNION ALL SELECT * FROM (%s)%s", pn_buf_text(&found),
                    putting->dropped->count > 0 ? NOT_DROPPED : "");
    }
    pn_buf_adds(sql, ") ORDER BY \"table\", topic, partition, \"offset\", object, line");
    if (rc == 0) {
        rc = pn_buf_check(&found, "a statement for DuckDB", e);
    }
    pn_buf_deinit(&found);
    pn_buf_deinit(&scan);
    return rc;
}

/* Forgets all but what is left, a SELECT of rows of `dropped`. */
static int forget_others(const struct pn_letters_putting *putting, const struct pn_buf *left,
                         struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    int64_t gone = 0;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "SELECT (SELECT count(*) FROM dropped) - count(*) FROM (%s)",
                pn_buf_text(left));
    int rc = pn_duckdb_run_buf(putting->connection, &sql, &result, e);
    if (rc == 0) {
        gone = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    if (rc == 0 && gone > 0) {
        rc = pn_dropped_keep(putting->dead->engine, putting->connection, putting->dropped,
                             putting->before, left, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Forgets what was dropped of the replaced tables and was not found again: the record, or its
 * object, is gone. After the commit, so that a failure forgets nothing; the next load tries again.
 */
static void forget(const struct pn_letters_putting *putting)
{
    struct pn_duckdb *engine = putting->dead->engine;
    struct pn_err why = {0};
    struct pn_buf found;
    struct pn_buf left;
    if (putting->dropped->count == 0 || engine->config.landed_folder != NULL) {
        return;
    }
    pn_buf_init(&found, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&left, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&left, "SELECT * FROM dropped AS d WHERE \"table\" NOT IN ");
    add_replaced(putting, &left);
    pn_buf_adds(&left,
                " OR (" IS_ELSEWHERE("d") " AND NOT EXISTS (SELECT 1 FROM imported AS i WHERE "
                                          "i.\"table\" = d.\"table\" AND i.object = d.object))");
    if (add_found(putting, &found)) {
        pn_buf_addf(&left, " OR id IN (" PN_FOUND_IDS " (%s))", pn_buf_text(&found));
    }
    if (forget_others(putting, &left, &why) != 0) {
        pn_dropped_warn(engine, &why);
    }
    pn_buf_deinit(&found);
    pn_buf_deinit(&left);
}

static int rewrite(const struct pn_letters_putting *putting, bool nothing, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    int64_t version = -1;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(dead->engine, dead->itself.path, &snapshot, e);
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        if (!putting->ways[i].is_added && pn_letters_has_rows(putting, i)) {
            rc = pn_letter_batch_check(putting->ways[i].batch, dead->engine, e);
        }
    }
    if (rc == 0) { /* after the letters: a drop after this makes the commit fail as moved */
        rc = pn_dropped_read(dead->engine, putting->connection, putting->dropped, e);
    }
    bool empty = rc == 0 && (snapshot == NULL || snapshot->file_count == 0);
    bool is_idle = rc == 0 && snapshot != NULL && empty && nothing; /* none before, none now */
    if (rc != 0 || (is_idle && putting->dropped->count == 0)) {
        goto out;
    }
    if (!empty || !nothing || is_idle) {
        rc = add_rewritten(putting, snapshot, &lease, &sql, e);
    }
    if (rc == 0 && sql.len > 0 && !is_idle) {
        rc = pn_duckdb_write(dead->engine, putting->connection, &dead->itself, &sql, &written, e);
    }
    if (rc == 0 && !is_idle) {
        const int64_t read = snapshot != NULL ? snapshot->version : -1;
        const struct pn_duckdb_put put = {.mode = PN_DELTA_OVERWRITE, .read_version = &read};
        rc = pn_duckdb_commit(dead->engine, &dead->itself, &written, &put, &version, e);
    }
    if (rc == 0 && sql.len > 0) {
        forget(putting);
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
static int rewrite_until_alone(const struct pn_letters_putting *putting, struct pn_err *e)
{
    bool any = false;
    bool nothing = true;
    for (size_t i = 0; i < putting->dead->count; i++) {
        any = any || !putting->ways[i].is_added;
        nothing = nothing && (putting->ways[i].is_added || !pn_letters_has_any(putting, i));
    }
    for (int i = 0; any && i < ATTEMPTS_MAX; i++) {
        int rc = rewrite(putting, nothing, e);
        if (rc != PN_DELTA_MOVED) {
            return rc;
        }
    }
    return any ? too_many(putting->dead, e) : 0;
}

/* --- of imports ------------------------------------------------------------------------------- */

int pn_dead_letters_end_imported(struct pn_dead_letters *dead, duckdb_connection connection,
                                 const struct pn_table *table, int64_t before, struct pn_err *e)
{
    struct pn_buf which;
    pn_buf_init(&which, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&which, "topic IS NULL AND batch IS NULL AND \"table\" = ");
    pn_duckdb_add_text(&which, table->name);
    pn_buf_addf(&which,
                " AND coalesce(after_version, -1) < %" PRId64
                " AND object IN (SELECT object FROM imported AS i WHERE i.\"table\" = ",
                before);
    pn_duckdb_add_text(&which, table->name);
    pn_buf_adds(&which, ")");
    int rc = pn_buf_check(&which, "a statement for DuckDB", e);
    rc = rc == 0
             ? pn_letters_take_out(dead->engine, connection, &dead->itself, pn_buf_text(&which), e)
             : rc;
    pn_buf_deinit(&which);
    return rc;
}

/* --- added ------------------------------------------------------------------------------------ */

static int add_known(const struct pn_letters_putting *putting, size_t i,
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
static int add_new(const struct pn_letters_putting *putting, size_t i,
                   const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                   struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_table *table = putting->dead->tables[i];
    int rc = add_known(putting, i, snapshot, lease, sql, e);
    pn_buf_adds(sql, "SELECT * FROM (");
    if (pn_letters_has_rejects(putting, i)) {
        pn_letters_add_spooled(putting, sql);
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
    pn_buf_adds(sql, pn_letters_has_rejects(putting, i) && pn_letters_has_sunk(putting, i)
                         ? "\nUNION ALL "
                         : "");
    if (pn_letters_has_sunk(putting, i)) {
        pn_buf_adds(sql, "SELECT * FROM (");
        pn_letters_add_sunk(putting, i, sql);
        pn_buf_adds(sql, ") AS s WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.object IS NULL "
                         "AND known.topic = s.topic AND known.partition = s.partition AND "
                         "known.\"offset\" = s.\"offset\" AND known.timestamp IS NOT DISTINCT "
                         "FROM s.timestamp)");
    }
    if (pn_letters_has_rows(putting, i)) {
        pn_buf_adds(sql, pn_letters_has_rejects(putting, i) || pn_letters_has_sunk(putting, i)
                             ? "\nUNION ALL "
                             : "");
        pn_letters_add_rows(putting, i, sql);
    }
    pn_buf_addf(sql, ")%s ORDER BY ALL", putting->dropped->count > 0 ? NOT_DROPPED : "");
    return rc;
}

/* The transaction counts the table's commits, so of two loads one comes first. */
static int append(const struct pn_letters_putting *putting, size_t i, int64_t *rows,
                  struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    int64_t version = -1;
    char *app_id = pn_letter_batch_count_id(dead->tables[i]);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(dead->engine, dead->itself.path, &snapshot, e);
    if (rc == 0 && pn_letters_has_rows(putting, i)) {
        rc = pn_letter_batch_check(putting->ways[i].batch, dead->engine, e);
    }
    if (rc == 0) { /* after the letters: one that is not there any more is among the dropped */
        rc = pn_dropped_read(dead->engine, putting->connection, putting->dropped, e);
    }
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

static int append_until_first(const struct pn_letters_putting *putting, size_t i, int64_t *count,
                              struct pn_err *e)
{
    int64_t rows = 0;
    if (!pn_letters_has_any(putting, i)) {
        return 0;
    }
    for (int tries = 0; tries < ATTEMPTS_MAX; tries++) {
        int rc = append(putting, i, &rows, e);
        if (rc != PN_DELTA_TXN_SEEN) {
            int64_t others =
                pn_landed_counts(putting->scans[i]).rejected + putting->dead->row_counts[i];
            *count += rc == 0 && rows > others ? rows - others : 0;
            return rc;
        }
    }
    return too_many(putting->dead, e);
}

/* Which rows of `dropped`, of tables that the load adds to, stay: their object is there, the sink's
 * letters still have them, or they may be rows that a data test takes out again. */
static void add_left(const struct pn_letters_putting *putting, struct pn_buf *left)
{
    const char *between = " OR (object IS NULL AND id IN (" PN_FOUND_IDS " (";
    bool has_some = false;
    struct pn_buf tested;
    pn_buf_init(&tested, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(left, "SELECT * FROM dropped AS d WHERE \"table\" NOT IN ");
    pn_letters_add_names(putting, true, left);
    pn_buf_adds(left, " OR (object IS NOT NULL AND NOT EXISTS (SELECT 1 FROM gone AS g WHERE "
                      "g.\"table\" = d.\"table\" AND g.object = d.object))");
    for (size_t i = 0; i < putting->dead->count; i++) {
        if (putting->ways[i].is_added && pn_letters_has_batch(putting, i)) {
            pn_buf_adds(&tested, " OR (object IS NULL AND \"table\" = ");
            pn_duckdb_add_text(&tested, putting->dead->tables[i]->name);
            pn_buf_addc(&tested, ')');
        }
        if (putting->ways[i].is_added && pn_letters_has_sunk(putting, i)) {
            pn_buf_adds(left, has_some ? "\nUNION ALL " : between);
            pn_letters_add_sunk(putting, i, left);
            has_some = true;
        }
    }
    pn_buf_adds(left, has_some ? ")))" : "");
    pn_buf_adds(left, pn_buf_text(&tested));
    pn_buf_deinit(&tested);
}

/* Forgets what was dropped of tables that the load adds to and can't come back. */
static int try_to_forget_added(const struct pn_letters_putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_buf left;
    pn_buf_init(&left, PN_DUCKDB_SQL_MAX);
    int rc = pn_dropped_read(dead->engine, putting->connection, putting->dropped, e);
    if (rc == 0) {
        rc = make_gone(putting, e);
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        if (putting->ways[i].is_added) {
            rc = pn_dropped_find_gone(dead->engine, putting->connection, dead->tables[i], e);
        }
    }
    if (rc == 0) {
        add_left(putting, &left);
        rc = forget_others(putting, &left, e);
    }
    pn_buf_deinit(&left);
    return rc;
}

static void forget_added(const struct pn_letters_putting *putting)
{
    struct pn_err why = {0};
    bool any = false;
    for (size_t i = 0; i < putting->dead->count; i++) {
        any = any || putting->ways[i].is_added;
    }
    if (any && putting->before->key_count > 0 && try_to_forget_added(putting, &why) != 0) {
        pn_dropped_warn(putting->dead->engine, &why);
    }
}

/* --- the commit ------------------------------------------------------------------------------- */

/* Finds what was dropped, and ends a drop that was killed. */
static int end_drops(struct pn_duckdb *engine, duckdb_connection connection,
                     struct pn_dropped *before, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = pn_dropped_list(engine, before, e);
    if (rc == 0 && pn_dropped_end(engine, connection, before, &why) != 0) {
        pn_logger_warn(engine->logger, "engine",
                       "dead letters that were dropped are in their table still; the next load "
                       "takes them out: %s",
                       why.msg);
    }
    return rc;
}

static int prepare(const struct pn_letters_putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    int rc = dead->pending.len > 0 ? pn_dead_letters_flush(dead, e) : 0;
    if (rc == 0) {
        rc = make_gone(putting, e);
    }
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
    if (rc == 0) {
        rc = pn_letters_find_sunk(putting, e);
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        putting->after[i] = -1;
        if (pn_letters_has_any(putting, i)) {
            rc = pn_letter_after(dead->engine, dead->tables[i]->path, &putting->after[i], e);
        }
    }
    return rc;
}

int pn_dead_letters_commit(struct pn_dead_letters *dead, duckdb_connection connection,
                           struct pn_landed_scan *const *scans,
                           const struct pn_dead_letters_way *ways, int64_t *counts,
                           struct pn_err *e)
{
    struct pn_dropped dropped = {.keys = NULL};
    struct pn_dropped before = {.keys = NULL};
    const struct pn_letters_putting putting = {
        .dead = dead,
        .connection = connection,
        .spool = pn_landed_create(dead->engine, &pn_dead_letters_spool, pn_letters_warn_unreadable,
                                  dead),
        .scans = scans,
        .sunk = pn_xcalloc(dead->count, sizeof(struct pn_landed_scan *)),
        .ways = ways,
        .after = pn_xcalloc(dead->count, sizeof *putting.after),
        .dropped = &dropped,
        .before = &before,
    };
    struct pn_landed_scan *spool = putting.spool;
    int rc = end_drops(dead->engine, connection, &before, e);
    if (rc == 0) {
        rc = prepare(&putting, e);
    }
    if (rc == 0) {
        rc = rewrite_until_alone(&putting, e);
    }
    for (size_t i = 0; i < dead->count; i++) {
        if (rc == 0 && ways[i].is_added) {
            rc = append_until_first(&putting, i, &counts[i], e);
        } else if (putting.sunk[i] != NULL) {
            counts[i] += pn_landed_counts(putting.sunk[i]).rows;
        }
    }
    if (rc == 0) {
        forget_added(&putting);
    }
    for (size_t i = 0; i < dead->count; i++) {
        pn_landed_destroy(&putting.sunk[i]);
    }
    pn_landed_destroy(&spool);
    free(putting.sunk);
    free(putting.after);
    pn_dropped_deinit(&dropped);
    pn_dropped_deinit(&before);
    return rc;
}
