/*
 * The tables that a stream table's SELECT joins: each is read at the version that was the newest
 * when the batch began. Snapshot and view stay from batch to batch until there is another version,
 * so that a batch costs no reading of a log and no planning.
 *
 * A batch may come again after its dead letters were committed and its rows were not. Which of the
 * records are dead letters may depend on what was joined. So the commit of dead letters has a
 * transaction with the version of each table, and the batch reads these versions again: a record is
 * then in the table or in the dead letters, not in both or in neither.
 */
#include <stdlib.h>
#include <string.h>

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
    }
}

void pn_joined_deinit(struct pn_appender *appender)
{
    for (size_t i = 0; i < appender->table->read_count; i++) {
        pn_delta_snapshot_destroy(&appender->joined[i].snapshot);
        pn_delta_destroy(&appender->joined[i].delta);
    }
    pn_joined_unsettle(appender);
    free(appender->settled);
    free(appender->joined);
}

void pn_joined_forget_views(struct pn_appender *appender)
{
    for (size_t i = 0; i < appender->table->read_count; i++) {
        appender->joined[i].is_bound = false;
    }
}

/* --- a batch that comes again ----------------------------------------------------------------- */

/* Where the table was after the last batch, so that dead letters after it are of no batch. */
static struct pn_settled *find_settled(const struct pn_appender *appender, const char *app_id)
{
    for (size_t i = 0; i < appender->settled_count; i++) {
        if (strcmp(appender->settled[i].app_id, app_id) == 0) {
            return &appender->settled[i];
        }
    }
    return NULL;
}

void pn_joined_unsettle(struct pn_appender *appender)
{
    for (size_t i = 0; i < appender->settled_count; i++) {
        free(appender->settled[i].app_id);
    }
    appender->settled_count = 0;
}

/* As if the table had come to these positions by batches of this process. */
static void settle(struct pn_appender *appender, bool is_done)
{
    const struct pn_append *batch = appender->batch;
    for (size_t i = 0; i < batch->position_count && appender->table->read_count > 0; i++) {
        const struct pn_append_position *position = &batch->positions[i];
        struct pn_settled *settled = find_settled(appender, position->app_id);
        if (is_done && appender->lettered[i] > position->to) {
            continue; /* the batch was cut short: the next ones are of those dead letters, too */
        }
        if (settled == NULL) {
            pn_grow((void **)&appender->settled, &appender->settled_capacity,
                    appender->settled_count + 1, sizeof *appender->settled);
            settled = &appender->settled[appender->settled_count++];
            settled->app_id = pn_xstrdup(position->app_id);
        }
        settled->to = is_done ? position->to : position->from;
    }
}

void pn_joined_settle(struct pn_appender *appender)
{
    settle(appender, true);
}

const char *pn_joined_app_id(struct pn_appender *appender, size_t position, size_t joined)
{
    return pn_arena_printf(&appender->arena, "%s/%s/%s",
                           appender->batch->positions[position].app_id, appender->table->name,
                           appender->joined[joined].table->name);
}

static int pin_position(struct pn_appender *appender, size_t i, struct pn_err *e)
{
    const struct pn_append_position *position = &appender->batch->positions[i];
    const struct pn_settled *settled = find_settled(appender, position->app_id);
    int64_t lettered = -1;
    if (settled != NULL && settled->to == position->from) {
        appender->lettered[i] = position->from;
        return 0;
    }
    const char *app_id =
        pn_arena_printf(&appender->arena, "%s/%s", position->app_id, appender->table->name);
    int rc = pn_delta_txn_latest(appender->letter_delta, app_id, &lettered, e);
    appender->lettered[i] = lettered;
    for (size_t k = 0; rc == 0 && lettered > position->from && k < appender->table->read_count;
         k++) {
        struct pn_joined *joined = &appender->joined[k];
        int64_t version = -1;
        rc = pn_delta_txn_latest(appender->letter_delta, pn_joined_app_id(appender, i, k), &version,
                                 e);
        joined->pinned = version > joined->pinned ? version : joined->pinned;
    }
    return rc;
}

static int pin(struct pn_appender *appender, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < appender->table->read_count; i++) {
        appender->joined[i].pinned = -1;
    }
    for (size_t i = 0; rc == 0 && i < appender->batch->position_count; i++) {
        rc = pin_position(appender, i, e);
    }
    return rc;
}

/* --- versions --------------------------------------------------------------------------------- */

/* What is wrong with the table can be mended while the records wait: by a run that makes it again,
 * say. */
static int fail(struct pn_appender *appender, const struct pn_joined *joined,
                const struct pn_err *why, struct pn_err *e)
{
    bool mends = why->class_ == PN_CLASS_INPUT || why->class_ == PN_CLASS_CORRUPT ||
                 why->class_ == PN_CLASS_MISSING;
    if (mends && joined->pinned >= 0) { /* its files are gone: the newest version must do */
        settle(appender, false);
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
        return fail(appender, joined, &why, e);
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
        rc = fail(appender, joined, &why, e);
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
static int read_all(struct pn_appender *appender, const struct pn_joined *joined, struct pn_err *e)
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
        rc = fail(appender, joined, &why, e);
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
