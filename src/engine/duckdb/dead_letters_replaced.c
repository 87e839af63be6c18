/* Dead letters that a load replaces: those of tables that it makes of all there is. */
#include <stdlib.h>
#include <string.h>

#include "engine/duckdb/dead_letters_ways.h"
#include "engine/duckdb/scan.h"

#define COLUMN_LIST                                                                          \
    "\"table\", topic, partition, \"offset\", object, line, reason, value, timestamp, key, " \
    "made_by, after_version, batch"

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

/* Which objects with letters, that this load did not list, are gone, or are files of imports? */
static int find_gone(const struct pn_letters_putting *putting, const struct pn_buf *scan,
                     struct pn_err *e)
{
    duckdb_result objects;
    struct pn_buf sql;
    int rc = pn_letters_make_gone(putting, e);
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
                    putting->dropped->count > 0 ? PN_LETTERS_NOT_DROPPED : "");
    }
    pn_buf_adds(sql, ") ORDER BY \"table\", topic, partition, \"offset\", object, line");
    if (rc == 0) {
        rc = pn_buf_check(&found, "a statement for DuckDB", e);
    }
    pn_buf_deinit(&found);
    pn_buf_deinit(&scan);
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
    if (pn_dropped_keep(engine, putting->connection, putting->dropped, putting->before, &left,
                        &why) != 0) {
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

/* A load beside this one may commit its dead letters between our reading and our commit: then what
 * it wrote is read, and the table written again with both. */
int pn_letters_replace(const struct pn_letters_putting *putting, struct pn_err *e)
{
    bool any = false;
    bool nothing = true;
    for (size_t i = 0; i < putting->dead->count; i++) {
        any = any || !putting->ways[i].is_added;
        nothing = nothing && (putting->ways[i].is_added || !pn_letters_has_any(putting, i));
    }
    for (int i = 0; any && i < PN_LETTERS_ATTEMPTS_MAX; i++) {
        int rc = rewrite(putting, nothing, e);
        if (rc != PN_DELTA_MOVED) {
            return rc;
        }
    }
    return any ? pn_letters_too_many(putting->dead, e) : 0;
}
