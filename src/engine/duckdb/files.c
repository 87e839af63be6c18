#include "engine/duckdb/files.h"

#include <stdlib.h>

#include "base/mem.h"

/* Where copies are, in the temporary folder that was made; caller frees. */
static char *copies_folder(const struct pn_duckdb *engine)
{
    PN_ASSERT(engine->temp_folder != NULL);
    return pn_xasprintf("%s/objects", engine->temp_folder);
}

/* Made when it is first needed. */
static int open_cache(struct pn_duckdb *engine, struct pn_file_cache **cache, struct pn_err *e)
{
    pthread_mutex_lock(&engine->lock);
    int rc = pn_duckdb_make_temp_folder(engine, e);
    if (rc == 0 && engine->copies == NULL) {
        char *folder = copies_folder(engine);
        engine->copies = pn_file_cache_create(engine->store, engine->config.io, folder,
                                              engine->config.copies_bytes_max);
        free(folder);
    }
    *cache = engine->copies;
    pthread_mutex_unlock(&engine->lock);
    return rc;
}

int pn_duckdb_object_path(struct pn_duckdb *engine, const char *key, bool may_change,
                          struct pn_file_lease *lease, char **path, struct pn_err *e)
{
    struct pn_file_cache *cache = NULL;
    if (pn_store_is_local(engine->store)) {
        return pn_store_local_path(engine->store, key, path, e);
    }
    int rc = open_cache(engine, &cache, e);
    return rc != 0 ? rc : pn_file_cache_take(cache, key, may_change, lease, path, e);
}

int pn_duckdb_data_path(struct pn_duckdb *engine, const char *table_path, const char *path,
                        struct pn_file_lease *lease, char **out, struct pn_err *e)
{
    char *key = NULL;
    char *url = NULL;
    struct pn_err why = {0};
    *out = NULL;
    int rc = pn_delta_file_place(engine->store, table_path, path, &key, &url, &why);
    if (rc == 0 && key != NULL) {
        rc = pn_duckdb_object_path(engine, key, false, lease, out, &why);
    } else if (rc == 0 && pn_store_is_local(engine->store)) {
        *out = url;
        url = NULL;
    } else if (rc == 0) {
        rc = pn_err_input(&why, "%s lies outside the store", url);
    }
    if (rc != 0) {
        enum pn_class class_ = why.class_ == PN_CLASS_MISSING ? PN_CLASS_CORRUPT : why.class_;
        pn_err_set(e, class_, rc, "table %s names a file that cannot be read: %s", table_path,
                   why.msg);
    }
    free(key);
    free(url);
    return rc;
}

int pn_duckdb_lease_snapshot(struct pn_duckdb *engine, const char *table_path,
                             const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                             struct pn_err *e)
{
    int rc = 0;
    if (pn_store_is_local(engine->store)) {
        return 0; /* nothing is copied */
    }
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        char *path = NULL;
        rc = pn_duckdb_data_path(engine, table_path, snapshot->files[i].path, lease, &path, e);
        free(path);
    }
    return rc;
}

int pn_duckdb_folder_path(struct pn_duckdb *engine, const char *key, char **path, struct pn_err *e)
{
    if (pn_store_is_local(engine->store)) {
        return pn_store_local_path(engine->store, key, path, e);
    }
    *path = copies_folder(engine);
    return 0;
}
