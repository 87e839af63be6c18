#include "engine/duckdb/asked.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/stream_dead_letters.h"

/* --- names ------------------------------------------------------------------------------------ */

enum { OWN_TABLES = 2 /* those of dead letters, which every pipeline has */ };

static struct pn_table table_at(const struct pn_pipeline *pipeline, size_t at)
{
    return at == 0   ? pn_dead_letters_table(pipeline)
           : at == 1 ? pn_stream_dead_letters_table(pipeline)
                     : pipeline->tables[at - OWN_TABLES];
}

/* The pipeline's table of this name; false: it has none. */
static bool find_table(const struct pn_pipeline *pipeline, const char *name, size_t len,
                       struct pn_table *found)
{
    for (size_t i = 0; i < OWN_TABLES + pipeline->table_count; i++) {
        struct pn_table table = table_at(pipeline, i);
        if (strlen(table.name) == len && strncasecmp(table.name, name, len) == 0) {
            *found = table;
            return true;
        }
    }
    return false;
}

/* No folder has a name that is longer than this. */
static bool may_be_key(const char *text)
{
    enum { PART_BYTES_MAX = 255 };
    bool fits = true;
    for (const char *part = text; fits && part != NULL; part = strchr(part, '/')) {
        part += *part == '/' ? 1 : 0;
        fits = strcspn(part, "/") <= PART_BYTES_MAX;
    }
    return fits && strchr(text, '/') != NULL && pn_store_key_check(text, NULL) == 0;
}

/* DuckDB has one view for names that differ only in the case of letters. */
static int add_key(struct pn_duckdb_names *keys, const char *name, struct pn_err *e)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i], name) != 0 && strcasecmp(keys->items[i], name) == 0) {
            return pn_err_input(e,
                                "\"%s\" and \"%s\" are two tables whose keys differ only in the "
                                "case of letters: one query cannot read both",
                                keys->items[i], name);
        }
    }
    pn_duckdb_names_add(keys, name);
    return 0;
}

/* --- tables ----------------------------------------------------------------------------------- */

static void add_table(struct pn_duckdb_asked *asked, const char *name, const struct pn_table *table,
                      struct pn_delta_snapshot *snapshot)
{
    pn_grow((void **)&asked->items, &asked->capacity, asked->count + 1, sizeof *asked->items);
    struct pn_duckdb_asked_table *item = &asked->items[asked->count++];
    *item = (struct pn_duckdb_asked_table){.name = pn_xstrdup(name),
                                           .path = pn_xstrdup(table->path),
                                           .table = *table,
                                           .snapshot = snapshot};
    item->table.name = item->name;
    item->table.path = item->path;
}

/* The version that a name has, or the one at `at` (NULL: the newest). *snapshot is NULL where there
 * is no such table; a WITH may have its name. */
static int read_asked(struct pn_duckdb *engine, const char *path, int64_t version,
                      const struct pn_delta_moment *at, struct pn_delta_snapshot **snapshot,
                      struct pn_err *e)
{
    struct pn_err cause = {.class_ = PN_CLASS_NONE};
    struct pn_err none = {.class_ = PN_CLASS_NONE};
    struct pn_delta_snapshot *newest = NULL;
    struct pn_delta *delta = pn_duckdb_delta(engine, path);
    bool travels = version < 0 && at != NULL;
    int rc = travels ? pn_delta_snapshot_of(delta, at, snapshot, &cause)
                     : pn_delta_snapshot(delta, version, snapshot, &cause);
    bool missing = rc != 0 && cause.class_ == PN_CLASS_MISSING && version < 0;
    if (missing && travels) {
        missing =
            pn_delta_snapshot(delta, -1, &newest, &none) != 0 && none.class_ == PN_CLASS_MISSING;
    }
    pn_delta_snapshot_destroy(&newest);
    pn_delta_destroy(&delta);
    if (rc != 0 && !missing) {
        pn_err_copy(e, &cause);
    }
    return missing ? 0 : rc;
}

/* A table that the statement names: one of the pipeline, or by its key in the store. One that
 * doesn't exist yet is not an error here, as a WITH may define its name. */
static int find_named(struct pn_duckdb *engine, const char *name, const struct pn_delta_moment *at,
                      struct pn_duckdb_asked *asked, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    size_t len = strlen(name);
    int64_t version = -1;
    (void)pn_duckdb_version_name(name, len, &len, &version);
    char *key = pn_xstrndup(name, len);
    struct pn_table table = {.name = key, .path = key};
    bool is_pipelines = find_table(engine->pipeline, name, len, &table);
    int rc = 0;
    if (!is_pipelines && !may_be_key(key)) {
        goto out;
    }
    rc = read_asked(engine, table.path, version, at, &snapshot, e);
    if (rc == 0 && snapshot != NULL && !is_pipelines) {
        rc = add_key(&asked->keys, name, e);
    }
    if (rc == 0) {
        add_table(asked, name, &table, snapshot);
        snapshot = NULL;
    }
out:
    pn_delta_snapshot_destroy(&snapshot);
    free(key);
    return rc;
}

int pn_duckdb_asked_find(struct pn_duckdb *engine, const char *tree, const char *at,
                         struct pn_duckdb_asked *asked, struct pn_err *e)
{
    struct pn_duckdb_names tables = {.count = 0};
    struct pn_delta_moment moment;
    int rc = at != NULL ? pn_delta_moment_parse(at, &moment, e) : 0;
    pn_duckdb_read_names(tree, &tables);
    for (size_t i = 0; rc == 0 && i < tables.count; i++) {
        rc = find_named(engine, tables.items[i], at != NULL ? &moment : NULL, asked, e);
    }
    for (size_t i = 0; rc == 0 && i < asked->count; i++) {
        const struct pn_duckdb_asked_table *item = &asked->items[i];
        rc = item->snapshot == NULL
                 ? 0
                 : pn_duckdb_reach_add(engine, item->path, item->snapshot, &asked->reach, e);
    }
    pn_duckdb_names_deinit(&tables);
    return rc;
}

void pn_duckdb_asked_widen(struct pn_duckdb *engine, struct pn_duckdb_reach *reach)
{
    for (size_t i = 0; i < OWN_TABLES + engine->pipeline->table_count; i++) {
        struct pn_err ignored = {0};
        struct pn_delta_snapshot *snapshot = NULL;
        struct pn_table table = table_at(engine->pipeline, i);
        struct pn_delta *delta = pn_duckdb_delta(engine, table.path);
        if (pn_delta_snapshot(delta, -1, &snapshot, &ignored) == 0 &&
            pn_duckdb_reach_add(engine, table.path, snapshot, reach, &ignored) != 0) {
            pn_logger_debug(engine->logger, "engine", "%s", ignored.msg);
        }
        pn_delta_snapshot_destroy(&snapshot);
        pn_delta_destroy(&delta);
    }
}

int pn_duckdb_asked_view(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_duckdb_asked *asked, struct pn_file_lease *lease,
                         struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < asked->count; i++) {
        const struct pn_duckdb_asked_table *item = &asked->items[i];
        rc = pn_duckdb_view_of(engine, &engine->ask_views, connection, &item->table, item->snapshot,
                               lease, e);
    }
    return rc;
}

void pn_duckdb_asked_deinit(struct pn_duckdb_asked *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        pn_delta_snapshot_destroy(&asked->items[i].snapshot);
        free(asked->items[i].name);
        free(asked->items[i].path);
    }
    free(asked->items);
    pn_duckdb_names_deinit(&asked->keys);
    pn_duckdb_reach_deinit(&asked->reach);
}
