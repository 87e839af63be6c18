/*
 * The pipeline's tables as views of an instance, by their names. A view stays until the table has
 * another version, so that queries one after the other share it.
 */
#ifndef PN_ENGINE_DUCKDB_VIEWS_H
#define PN_ENGINE_DUCKDB_VIEWS_H

#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/embedded.h"
#include "store/file_cache.h"

struct pn_delta_snapshot;
struct pn_duckdb;

struct pn_duckdb_view {
    char *name;
    int64_t version;
    int64_t timestamp_ms;
};

/* Those of one instance. */
struct pn_duckdb_views {
    atomic_bool lost;     /* the instance is another one, without any */
    pthread_mutex_t lock; /* of the rest */
    struct pn_duckdb_view *items;
    size_t count;
    size_t capacity;
};

void pn_duckdb_views_init(struct pn_duckdb_views *views);
void pn_duckdb_views_deinit(struct pn_duckdb_views *views);

/* What a view is of. */
struct pn_duckdb_viewed {
    int64_t version;
    int64_t bytes; /* of its files */
};
/* Sees to it that the instance has a view over the latest version of a table, whose files are there
 * until `lease` is released. MISSING, with what to do, when the table has none. */
int pn_duckdb_view_latest(struct pn_duckdb *engine, struct pn_duckdb_views *views,
                          duckdb_connection connection, const struct pn_table *table,
                          struct pn_file_lease *lease, struct pn_duckdb_viewed *viewed,
                          struct pn_err *e) PN_MUST_CHECK;
/* The same over a version that was read, under table->name, which may be "<table>@<version>". NULL:
 * the table has none, and no view then. */
int pn_duckdb_view_of(struct pn_duckdb *engine, struct pn_duckdb_views *views,
                      duckdb_connection connection, const struct pn_table *table,
                      const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                      struct pn_err *e) PN_MUST_CHECK;
/* The version that the instance's view is of; -1: it has none. */
int64_t pn_duckdb_view_version(struct pn_duckdb_views *views, const char *name);

#endif
