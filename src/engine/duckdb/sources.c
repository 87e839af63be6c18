#include "engine/duckdb/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/taken.h"
#include "engine/incremental.h"

static bool grows(const struct pn_table *source)
{
    return source->mode == PN_MODE_APPEND;
}

/* --- what the table was made of --------------------------------------------------------------- */

static int64_t version_of(const struct pn_sources *sources, const char *app_id)
{
    return sources->target != NULL ? pn_delta_txn_version(sources->target, app_id) : -1;
}

static void add_txn(struct pn_sources *sources, const char *app_id, int64_t version)
{
    sources->before[sources->txn_count] = version_of(sources, app_id);
    sources->txns[sources->txn_count++] = (struct pn_delta_txn){
        .app_id = app_id, .version = version, .updated_ms = pn_wall_ms(sources->engine->clock)};
}

static void set_why(struct pn_sources *sources, struct pn_table_report *report, const char *what,
                    const char *why)
{
    if (!sources->afresh && sources->target != NULL) {
        (void)snprintf(report->why_afresh, sizeof report->why_afresh, "%s%s", what, why);
    }
    sources->afresh = true;
}

/* --- the logs --------------------------------------------------------------------------------- */

/* Was the table overwritten since its last run, or is that not known? */
static int is_replaced(const struct pn_sources *sources, bool *replaced, struct pn_err *e)
{
    bool gone = false;
    *replaced = false;
    if (version_of(sources, PN_INCREMENTAL_MARK) != 1) {
        return 0;
    }
    struct pn_delta *delta = pn_duckdb_delta(sources->engine, sources->table->path);
    int rc = pn_delta_replaced_since(delta, version_of(sources, PN_INCREMENTAL_SINCE),
                                     sources->target, PN_INCREMENTAL_SINCE, replaced, &gone, e);
    pn_delta_destroy(&delta);
    *replaced = *replaced || gone;
    return rc;
}

/* What a source got since a version; *why as of pn_delta_added_since(). */
static int read_added(struct pn_sources *sources, size_t i, int64_t after, const char **why,
                      struct pn_err *e)
{
    struct pn_delta *delta = pn_duckdb_delta(sources->engine, sources->table->reads[i]->path);
    int rc = pn_delta_added_since(delta, after, sources->reads[i], &sources->arena,
                                  &sources->added[i], &sources->added_count[i], why, e);
    pn_delta_destroy(&delta);
    return rc;
}

static int read_source(struct pn_sources *sources, size_t i, struct pn_table_report *report,
                       struct pn_err *e)
{
    const struct pn_table *source = sources->table->reads[i];
    const char *why = NULL;
    int rc = pn_duckdb_newest(sources->engine, source->path, &sources->reads[i], e);
    if (rc == 0 && sources->reads[i] == NULL) {
        rc = pn_pipeline_not_yet(sources->engine->pipeline, source, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct pn_delta_snapshot *read = sources->reads[i];
    const char *app_id =
        pn_arena_printf(&sources->arena, "pinion/source/%s/%s", source->name, read->metadata.id);
    int64_t after = version_of(sources, app_id);
    add_txn(sources, app_id, read->version);
    const char *what = pn_arena_printf(&sources->arena, "table '%s': ", source->name);
    sources->is_idle = sources->is_idle && after == read->version;
    if (after < 0) {
        set_why(sources, report, what, "it was made again, or not read before");
    } else if (!sources->afresh) {
        rc = read_added(sources, i, after, &why, e);
        if (rc == 0 && why == NULL && !grows(source) && sources->added_count[i] > 0) {
            why = "rows were added to it, which may belong to old rows";
        }
        if (rc == 0 && why != NULL) {
            set_why(sources, report, what, why);
        }
    }
    return rc;
}

int pn_sources_read(struct pn_sources *sources, struct pn_duckdb *engine,
                    const struct pn_table *table, struct pn_table_report *report, struct pn_err *e)
{
    enum { FURTHER_TXNS = 3 + PN_LETTER_BATCH_TXNS };
    *sources = (struct pn_sources){
        .engine = engine,
        .table = table,
        .reads = pn_xcalloc(table->read_count, sizeof(struct pn_delta_snapshot *)),
        .added = pn_xcalloc(table->read_count, sizeof(struct pn_delta_file *)),
        .added_count = pn_xcalloc(table->read_count, sizeof(size_t)),
        .txns = pn_xcalloc(table->read_count + FURTHER_TXNS, sizeof(struct pn_delta_txn)),
        .before = pn_xcalloc(table->read_count + FURTHER_TXNS, sizeof(int64_t)),
        .is_idle = true,
    };
    pn_arena_init(&sources->arena, 0);
    int rc = pn_duckdb_newest(engine, table->path, &sources->target, e);
    if (rc != 0) {
        return rc;
    }
    int64_t sum = pn_incremental_definition(engine->pipeline, table);
    bool replaced = false;
    rc = is_replaced(sources, &replaced, e);
    if (rc != 0) {
        return rc;
    }
    if (pn_duckdb_refreshes(engine, table)) {
        set_why(sources, report, "--full-refresh", "");
    } else if (version_of(sources, PN_INCREMENTAL_MARK) != 1) {
        set_why(sources, report, "the last run overwrote it", "");
    } else if (replaced) {
        set_why(sources, report, "another program may have overwritten it since", "");
    } else if (version_of(sources, PN_INCREMENTAL_DEFINITION) != sum) {
        set_why(sources, report, "its SQL, columns, partitions or mode have changed", "");
    }
    add_txn(sources, PN_INCREMENTAL_MARK, 1);
    add_txn(sources, PN_INCREMENTAL_DEFINITION, sum);
    add_txn(sources, PN_INCREMENTAL_SINCE,
            sources->target != NULL ? sources->target->version + 1 : 0);
    for (size_t i = 0; rc == 0 && i < table->read_count; i++) {
        rc = read_source(sources, i, report, e);
    }
    sources->is_idle = sources->is_idle && !sources->afresh;
    pn_letter_batch_begin(&sources->batch, table, sources->target, sources->afresh);
    pn_letter_batch_txns(&sources->batch, pn_wall_ms(engine->clock), sources->txns, sources->before,
                         &sources->txn_count);
    return rc;
}

void pn_sources_deinit(struct pn_sources *sources)
{
    for (size_t i = 0; sources->reads != NULL && i < sources->table->read_count; i++) {
        pn_delta_snapshot_destroy(&sources->reads[i]);
    }
    pn_delta_snapshot_destroy(&sources->target);
    free(sources->reads);
    free(sources->added);
    free(sources->added_count);
    free(sources->txns);
    free(sources->before);
    pn_arena_deinit(&sources->arena);
}

/* --- views ------------------------------------------------------------------------------------ */

static int view_source(struct pn_sources *sources, size_t i, duckdb_connection connection,
                       struct pn_file_lease *lease, struct pn_err *e)
{
    const struct pn_table *source = sources->table->reads[i];
    struct pn_delta_snapshot part = *sources->reads[i]; /* borrows all it points to */
    struct pn_buf sql;
    if (!sources->afresh && grows(source)) {
        part.files = sources->added[i];
        part.file_count = sources->added_count[i];
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW ");
    pn_duckdb_add_name(&sql, source->name);
    pn_buf_adds(&sql, " AS ");
    int rc = pn_duckdb_add_scan(sources->engine, connection, source, &part, true, lease, &sql, e);
    if (rc == 0) {
        rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_sources_view(struct pn_sources *sources, duckdb_connection connection,
                    struct pn_file_lease *lease, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sources->table->read_count; i++) {
        rc = view_source(sources, i, connection, lease, e);
    }
    return rc;
}
