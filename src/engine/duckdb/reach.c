#include "engine/duckdb/reach.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/private.h"

void pn_duckdb_reach_deinit(struct pn_duckdb_reach *reach)
{
    for (size_t i = 0; i < reach->count; i++) {
        free(reach->paths[i]);
    }
    free(reach->paths);
    *reach = (struct pn_duckdb_reach){.count = 0};
}

static void take(struct pn_duckdb_reach *reach, char *path)
{
    pn_grow((void **)&reach->paths, &reach->capacity, reach->count + 1, sizeof *reach->paths);
    reach->paths[reach->count++] = path;
}

static int add_file(struct pn_duckdb *engine, const char *table_path, const char *path,
                    struct pn_duckdb_reach *reach, struct pn_err *e)
{
    char *key = NULL;
    char *url = NULL;
    char *opened = NULL;
    /* What is not there is found when the view is made, which says how it can be mended. */
    int rc = pn_delta_file_place(engine->store, table_path, path, &key, &url, NULL);
    if (rc == 0 && key != NULL) {
        rc = pn_store_local_path(engine->store, key, &opened, e);
        if (rc == 0) {
            take(reach, opened);
        }
    } else {
        rc = 0;
    }
    free(key);
    free(url);
    return rc;
}

int pn_duckdb_reach_add(struct pn_duckdb *engine, const char *table_path,
                        const struct pn_delta_snapshot *snapshot, struct pn_duckdb_reach *reach,
                        struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && pn_store_is_local(engine->store) && i < snapshot->file_count;
         i++) {
        rc = add_file(engine, table_path, snapshot->files[i].path, reach, e);
    }
    return rc;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void pn_duckdb_reach_sort(struct pn_duckdb_reach *reach)
{
    size_t kept = 0;
    if (reach->count > 1) {
        qsort(reach->paths, reach->count, sizeof *reach->paths, compare);
    }
    for (size_t i = 0; i < reach->count; i++) {
        if (kept > 0 && strcmp(reach->paths[kept - 1], reach->paths[i]) == 0) {
            free(reach->paths[i]);
        } else {
            reach->paths[kept++] = reach->paths[i];
        }
    }
    reach->count = kept;
}

bool pn_duckdb_reach_covers(const struct pn_duckdb_reach *outer,
                            const struct pn_duckdb_reach *inner)
{
    size_t at = 0;
    for (size_t i = 0; i < inner->count; i++, at++) {
        while (at < outer->count && strcmp(outer->paths[at], inner->paths[i]) < 0) {
            at++;
        }
        if (at == outer->count || strcmp(outer->paths[at], inner->paths[i]) != 0) {
            return false;
        }
    }
    return true;
}

void pn_duckdb_reach_merge(struct pn_duckdb_reach *reach, struct pn_duckdb_reach *from)
{
    for (size_t i = 0; i < from->count; i++) {
        take(reach, from->paths[i]);
    }
    from->count = 0;
    pn_duckdb_reach_deinit(from);
    pn_duckdb_reach_sort(reach);
}

/* DuckDB compares the text that it is given, before it looks for patterns in it. */
void pn_duckdb_reach_list(const struct pn_duckdb_reach *reach, struct pn_buf *sql)
{
    pn_buf_addc(sql, '[');
    for (size_t i = 0; i < reach->count; i++) {
        const char *path = reach->paths[i];
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        pn_duckdb_add_text(sql, path);
        if (strpbrk(path, "*?[") != NULL && strchr(path, '\\') == NULL) {
            pn_buf_adds(sql, ", ");
            pn_duckdb_add_path(sql, path);
        }
    }
    pn_buf_addc(sql, ']');
}
