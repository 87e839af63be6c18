/*
 * The tables that a stream table's SELECT joins: each is read at the version that was the newest
 * when the batch began. Snapshot and view stay from batch to batch until there is another version,
 * so that a batch costs no reading of a log and no planning.
 *
 * A batch may come again after its dead letters were committed and its rows were not. Which of the
 * records are dead letters may depend on what was joined. So the commit of dead letters has a
 * transaction with the version of each table, and the batch reads these versions again: a record is
 * then in the table or in the dead letters, not in both or in neither.
 *
 * Where such a version cannot be read any more, the newest one decides again, on all records of the
 * batch: none is missing, but one that is a dead letter already may be in the table, too, or among
 * the dead letters twice.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/append.h"
#include "engine/duckdb/scan.h"

void pn_joined_init(struct pn_appender *appender)
{
    const struct pn_table *table = appender->table;
    appender->joined = pn_xcalloc(table->read_count + 1, sizeof *appender->joined);
    for (size_t i = 0; i < table->read_count; i++) {
        appender->joined[i].table = table->reads[i];
        appender->joined[i].delta = pn_duckdb_delta(appender->engine, table->reads[i]->path);
        appender->joined[i].version = -1;
        appender->joined[i].gone = -1;
    }
}

void pn_joined_deinit(struct pn_appender *appender)
{
    for (size_t i = 0; i < appender->table->read_count; i++) {
        pn_delta_snapshot_destroy(&appender->joined[i].snapshot);
        pn_delta_destroy(&appender->joined[i].delta);
    }
    free(appender->joined);
}

void pn_joined_forget_views(struct pn_appender *appender)
{
    for (size_t i = 0; i < appender->table->read_count; i++) {
        appender->joined[i].is_bound = false;
    }
}

/* --- a batch that comes again ----------------------------------------------------------------- */

const char *pn_appender_letters_id(struct pn_appender *appender, size_t position)
{
    return pn_arena_printf(&appender->arena, "%s/%s", appender->batch->positions[position].app_id,
                           appender->table->name);
}

const char *pn_joined_app_id(struct pn_appender *appender, size_t position, size_t joined)
{
    return pn_arena_printf(&appender->arena, "%s/%s/%s",
                           appender->batch->positions[position].app_id, appender->table->name,
                           appender->joined[joined].table->name);
}

bool pn_joined_decides_again(const struct pn_appender *appender, size_t position)
{
    const size_t reads = appender->table->read_count;
    bool is_other = false;
    for (size_t k = 0; k < reads; k++) {
        is_other =
            is_other || appender->decided_by[position * reads + k] != appender->joined[k].version;
    }
    return is_other && appender->lettered[position] > appender->batch->positions[position].from;
}

/* Which dead letters are there, and what decided on them? */
static int read_letters(struct pn_appender *appender, struct pn_err *e)
{
    const size_t reads = appender->table->read_count;
    const size_t count = appender->batch->position_count;
    const char **ids = pn_xcalloc(count * (1 + reads) + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        ids[i] = pn_appender_letters_id(appender, i);
    }
    for (size_t i = 0; i < count * reads; i++) {
        ids[count + i] = pn_joined_app_id(appender, i / reads, i % reads);
    }
    int rc = pn_delta_txns_latest(appender->letter_delta, ids, count * (1 + reads),
                                  appender->lettered, e);
    free(ids);
    return rc;
}

static int pin(struct pn_appender *appender, struct pn_err *e)
{
    const size_t reads = appender->table->read_count;
    int rc = read_letters(appender, e);
    for (size_t k = 0; k < reads; k++) {
        appender->joined[k].pinned = -1;
    }
    for (size_t i = 0; rc == 0 && i < appender->batch->position_count * reads; i++) {
        struct pn_joined *joined = &appender->joined[i % reads];
        const int64_t version = appender->decided_by[i];
        if (appender->lettered[i / reads] > appender->batch->positions[i / reads].from &&
            version > joined->gone && version > joined->pinned) {
            joined->pinned = version;
        }
    }
    return rc;
}

/* --- versions --------------------------------------------------------------------------------- */

/* What is wrong with the table can be mended while the records wait: by a run that makes it again,
 * say. */
static int fail(struct pn_joined *joined, const struct pn_err *why, struct pn_err *e)
{
    bool mends = why->class_ == PN_CLASS_INPUT || why->class_ == PN_CLASS_CORRUPT ||
                 why->class_ == PN_CLASS_MISSING;
    if (mends && joined->pinned >= 0) { /* its files are gone: the newest version must do */
        joined->gone = joined->pinned;
    }
    return pn_err_set(e, mends ? PN_CLASS_RETRY : why->class_, PN_FAIL,
                      "the records wait, because the SELECT joins table '%s': %s",
                      joined->table->name, why->msg);
}

static int read_version(struct pn_joined *joined, struct pn_err *why)
{
    if (joined->pinned < 0) {
        return pn_delta_refresh(joined->delta, &joined->snapshot, why);
    }
    if (joined->snapshot != NULL && joined->snapshot->version == joined->pinned) {
        return 0;
    }
    pn_delta_snapshot_destroy(&joined->snapshot);
    int rc = pn_delta_snapshot(joined->delta, joined->pinned, &joined->snapshot, why);
    return rc != 0 && why->class_ == PN_CLASS_MISSING
               ? pn_delta_refresh(joined->delta, &joined->snapshot, why)
               : rc;
}

static int refresh(struct pn_appender *appender, struct pn_joined *joined, bool *moved,
                   struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = read_version(joined, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        (void)pn_pipeline_not_yet(appender->engine->pipeline, joined->table, &why);
    }
    if (rc == 0) {
        rc = pn_duckdb_lease_snapshot(appender->engine, joined->table->path, joined->snapshot,
                                      &appender->lease, &why);
    }
    if (rc != 0) {
        joined->version = -1;
        return fail(joined, &why, e);
    }
    if (joined->version != joined->snapshot->version ||
        joined->timestamp_ms != joined->snapshot->timestamp_ms) {
        joined->version = joined->snapshot->version;
        joined->timestamp_ms = joined->snapshot->timestamp_ms;
        joined->is_bound = false;
        *moved = true;
    }
    return 0;
}

int pn_joined_refresh(struct pn_appender *appender, bool *moved, struct pn_err *e)
{
    *moved = false;
    int rc = appender->table->read_count > 0 ? pin(appender, e) : 0;
    for (size_t i = 0; rc == 0 && i < appender->table->read_count; i++) {
        rc = refresh(appender, &appender->joined[i], moved, e);
    }
    return rc;
}

static int bind(struct pn_appender *appender, struct pn_joined *joined, struct pn_err *e)
{
    struct pn_buf sql;
    struct pn_err why = {0};
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW ");
    pn_duckdb_add_name(&sql, joined->table->name);
    pn_buf_adds(&sql, " AS ");
    int rc = pn_duckdb_add_scan(appender->engine, appender->connection, joined->table,
                                joined->snapshot, true, &appender->lease, &sql, &why);
    if (rc == 0) {
        rc = pn_duckdb_run_buf(appender->connection, &sql, NULL, &why);
    }
    joined->is_bound = rc == 0;
    if (rc != 0) {
        pn_duckdb_explain_unread(appender->engine, joined->table, joined->snapshot, &why);
        rc = fail(joined, &why, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_joined_bind(struct pn_appender *appender, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < appender->table->read_count; i++) {
        if (!appender->joined[i].is_bound) {
            rc = bind(appender, &appender->joined[i], e);
        }
    }
    return rc;
}

/* Reads every column of every row, for nothing but the failure. */
static int read_all(struct pn_appender *appender, struct pn_joined *joined, struct pn_err *e)
{
    struct pn_buf sql;
    struct pn_err why = {0};
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT bit_xor(hash(\"pinion's row\")) FROM ");
    pn_duckdb_add_name(&sql, joined->table->name);
    pn_buf_adds(&sql, " AS \"pinion's row\"");
    int rc = pn_duckdb_run_buf(appender->connection, &sql, NULL, &why);
    if (rc != 0) {
        pn_duckdb_explain_unread(appender->engine, joined->table, joined->snapshot, &why);
        rc = fail(joined, &why, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_joined_read_all(struct pn_appender *appender, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < appender->table->read_count; i++) {
        if (appender->joined[i].is_bound) {
            rc = read_all(appender, &appender->joined[i], e);
        }
    }
    return rc;
}

void pn_joined_add_versions(const struct pn_appender *appender, struct pn_json_writer *json)
{
    struct pn_buf text;
    struct pn_json_writer versions;
    pn_buf_init(&text, PN_DUCKDB_SQL_MAX);
    pn_json_writer_init(&versions, &text);
    pn_json_put_object(&versions);
    for (size_t i = 0; i < appender->table->read_count; i++) {
        pn_json_add_i64(&versions, appender->joined[i].table->name, appender->joined[i].version);
    }
    pn_json_end(&versions);
    pn_json_add_string(json, "readVersions", pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}
