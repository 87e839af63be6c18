#include "engine/duckdb/views.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/duckdb/private.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/write.h"

void pn_duckdb_views_init(struct pn_duckdb_views *views)
{
    *views = (struct pn_duckdb_views){.count = 0};
    atomic_init(&views->lost, false);
    pthread_mutex_init(&views->lock, NULL);
}

void pn_duckdb_views_deinit(struct pn_duckdb_views *views)
{
    for (size_t i = 0; i < views->count; i++) {
        free(views->items[i].name);
    }
    free(views->items);
    pthread_mutex_destroy(&views->lock);
}

/* NULL: none was ever made. DuckDB takes names that differ in the case of letters for one, but the
 * keys of tables that do are two: the view is then that of the last one. */
static struct pn_duckdb_view *find(struct pn_duckdb_views *views, const char *name)
{
    for (size_t i = 0; i < views->count; i++) {
        struct pn_duckdb_view *view = &views->items[i];
        if (strcasecmp(view->name, name) == 0) {
            if (strcmp(view->name, name) != 0) {
                free(view->name);
                *view = (struct pn_duckdb_view){.name = pn_xstrdup(name), .version = -1};
            }
            return view;
        }
    }
    return NULL;
}

static struct pn_duckdb_view *find_or_add(struct pn_duckdb_views *views, const char *name)
{
    struct pn_duckdb_view *view = find(views, name);
    if (view != NULL) {
        return view;
    }
    pn_grow((void **)&views->items, &views->capacity, views->count + 1, sizeof *views->items);
    views->items[views->count] = (struct pn_duckdb_view){.name = pn_xstrdup(name), .version = -1};
    return &views->items[views->count++];
}

static void forget_lost(struct pn_duckdb_views *views)
{
    bool lost = atomic_exchange(&views->lost, false);
    for (size_t i = 0; lost && i < views->count; i++) {
        views->items[i].version = -1;
    }
}

static int try_make(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                    bool ask, struct pn_file_lease *lease, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE VIEW ");
    pn_duckdb_add_name(&sql, table->name);
    pn_buf_adds(&sql, " AS ");
    int rc = pn_duckdb_add_scan(engine, connection, table, snapshot, ask, lease, &sql, e);
    if (rc == 0) {
        rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

static int make(struct pn_duckdb *engine, duckdb_connection connection,
                const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                struct pn_file_lease *lease, struct pn_err *e)
{
    struct pn_err why = {.msg = ""};
    int rc = try_make(engine, connection, table, snapshot, false, lease, &why);
    if (rc != 0 && pn_duckdb_misses_column(&why)) {
        rc = try_make(engine, connection, table, snapshot, true, lease, &why);
    }
    if (rc != 0) {
        pn_duckdb_explain_unread(engine, table, snapshot, &why);
        pn_err_copy(e, &why);
    }
    return rc;
}

/* A table that was there and is no more. */
static int drop(struct pn_duckdb_views *views, duckdb_connection connection,
                const struct pn_table *table, struct pn_err *e)
{
    struct pn_duckdb_view *view = find(views, table->name);
    struct pn_buf sql;
    if (view == NULL) {
        return 0;
    }
    view->version = -1;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "DROP VIEW IF EXISTS ");
    pn_duckdb_add_name(&sql, table->name);
    int rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* Makes the view, or keeps one that is of this snapshot. */
static int see_to(struct pn_duckdb *engine, struct pn_duckdb_views *views,
                  duckdb_connection connection, const struct pn_table *table,
                  const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                  struct pn_err *e)
{
    struct pn_duckdb_view *view = find_or_add(views, table->name);
    if (view->version == snapshot->version && view->timestamp_ms == snapshot->timestamp_ms) {
        return pn_duckdb_lease_snapshot(engine, table->path, snapshot, lease, e);
    }
    int rc = make(engine, connection, table, snapshot, lease, e);
    view->version = rc == 0 ? snapshot->version : -1;
    view->timestamp_ms = snapshot->timestamp_ms;
    return rc;
}

/* With the lock held. */
static int see_to_or_drop(struct pn_duckdb *engine, struct pn_duckdb_views *views,
                          duckdb_connection connection, const struct pn_table *table,
                          const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                          struct pn_err *e)
{
    forget_lost(views);
    return snapshot != NULL ? see_to(engine, views, connection, table, snapshot, lease, e)
                            : drop(views, connection, table, e);
}

int pn_duckdb_view_of(struct pn_duckdb *engine, struct pn_duckdb_views *views,
                      duckdb_connection connection, const struct pn_table *table,
                      const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                      struct pn_err *e)
{
    pthread_mutex_lock(&views->lock);
    int rc = see_to_or_drop(engine, views, connection, table, snapshot, lease, e);
    pthread_mutex_unlock(&views->lock);
    return rc;
}

int pn_duckdb_view_latest(struct pn_duckdb *engine, struct pn_duckdb_views *views,
                          duckdb_connection connection, const struct pn_table *table,
                          struct pn_file_lease *lease, struct pn_duckdb_viewed *viewed,
                          struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err cause = {.class_ = PN_CLASS_NONE};
    struct pn_delta *delta = pn_duckdb_delta(engine, table->path);
    pthread_mutex_lock(&views->lock);
    int rc = pn_delta_snapshot(delta, -1, &snapshot, &cause);
    bool missing = rc != 0 && cause.class_ == PN_CLASS_MISSING;
    if (rc == 0 || missing) {
        rc = see_to_or_drop(engine, views, connection, table, snapshot, lease, e);
    } else {
        pn_err_copy(e, &cause);
    }
    pthread_mutex_unlock(&views->lock);
    if (rc == 0 && missing) {
        rc = pn_pipeline_not_yet(engine->pipeline, table, e);
    }
    if (rc == 0) {
        *viewed = (struct pn_duckdb_viewed){snapshot->version, pn_delta_snapshot_bytes(snapshot)};
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rc;
}

int64_t pn_duckdb_view_version(struct pn_duckdb_views *views, const char *name)
{
    pthread_mutex_lock(&views->lock);
    const struct pn_duckdb_view *view = find(views, name);
    int64_t version = view != NULL ? view->version : -1;
    pthread_mutex_unlock(&views->lock);
    return version;
}
