#include "engine/duckdb/files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

/* Where copies are, in the temporary folder that was made; caller frees. */
static char *copies_folder(const struct pn_duckdb *engine)
{
    PN_ASSERT(engine->temp_folder != NULL);
    return pn_xasprintf("%s/objects", engine->temp_folder);
}

/* NULL: there is no folder for one. */
static struct pn_file_shelf *open_shelf(const struct pn_duckdb *engine)
{
    const struct pn_duckdb_config *config = &engine->config;
    return config->shelf_folder == NULL
               ? NULL
               : pn_file_shelf_create(config->io, config->shelf_folder, config->copies_bytes_max);
}

/* Made when it is first needed. */
static int open_cache(struct pn_duckdb *engine, struct pn_file_cache **cache, struct pn_err *e)
{
    pthread_mutex_lock(&engine->lock);
    int rc = pn_duckdb_make_temp_folder(engine, e);
    if (rc == 0 && engine->copies == NULL) {
        char *folder = copies_folder(engine);
        engine->shelf = open_shelf(engine);
        engine->copies = pn_file_cache_create(engine->store, engine->config.io, folder,
                                              engine->config.copies_bytes_max, engine->shelf);
        free(folder);
    }
    *cache = engine->copies;
    pthread_mutex_unlock(&engine->lock);
    return rc;
}

int pn_duckdb_object_path(struct pn_duckdb *engine, const char *key, const char *version,
                          struct pn_file_lease *lease, char **path, struct pn_err *e)
{
    struct pn_file_cache *cache = NULL;
    if (pn_store_is_local(engine->store)) {
        return pn_store_local_path(engine->store, key, path, e);
    }
    int rc = open_cache(engine, &cache, e);
    return rc != 0 ? rc : pn_file_cache_take(cache, key, version, lease, path, e);
}

/* Of a data file: another one under its key has another size, or was made at another time. */
static char *version_of(int64_t size_bytes, int64_t modified_ms)
{
    return pn_xasprintf("%" PRId64 " %" PRId64, size_bytes, modified_ms);
}

void pn_duckdb_offer(struct pn_duckdb *engine, const char *key, int64_t modified_ms,
                     const char *path)
{
    struct pn_file_cache *cache = NULL;
    struct stat st;
    if (pn_store_is_local(engine->store) || open_cache(engine, &cache, NULL) != 0 ||
        pn_io_stat(engine->config.io, path, &st, NULL) != 0) {
        return;
    }
    char *version = version_of(st.st_size, modified_ms);
    pn_file_cache_offer(cache, key, version, path);
    free(version);
}

int pn_duckdb_data_path(struct pn_duckdb *engine, const char *table_path,
                        const struct pn_delta_file *file, struct pn_file_lease *lease, char **out,
                        struct pn_err *e)
{
    char *key = NULL;
    char *url = NULL;
    struct pn_err why = {0};
    *out = NULL;
    int rc = pn_delta_file_place(engine->store, table_path, file->path, &key, &url, &why);
    if (rc == 0 && key != NULL) {
        char *version = version_of(file->size_bytes, file->modified_ms);
        rc = pn_duckdb_object_path(engine, key, version, lease, out, &why);
        free(version);
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

struct bringing {
    struct pn_duckdb *engine;
    const char *table_path;
    const struct pn_delta_file **files; /* that are not here */
};

static int bring_one(void *arg, size_t i, struct pn_err *e)
{
    const struct bringing *bringing = arg;
    struct pn_file_lease lease = {0};
    char *path = NULL;
    int rc = pn_duckdb_data_path(bringing->engine, bringing->table_path, bringing->files[i], &lease,
                                 &path, e);
    pn_file_lease_release(&lease);
    free(path);
    return rc;
}

static bool is_here(struct pn_duckdb *engine, struct pn_file_cache *cache, const char *table_path,
                    const struct pn_delta_file *file)
{
    char *key = NULL;
    char *url = NULL;
    char *version = version_of(file->size_bytes, file->modified_ms);
    bool here = pn_delta_file_place(engine->store, table_path, file->path, &key, &url, NULL) != 0 ||
                key == NULL || pn_file_cache_has(cache, key, version);
    free(version);
    free(url);
    free(key);
    return here;
}

void pn_duckdb_bring(struct pn_duckdb *engine, const char *table_path,
                     const struct pn_delta_file *files, size_t count)
{
    struct pn_file_cache *cache = NULL;
    struct bringing bringing = {.engine = engine, .table_path = table_path};
    size_t missing = 0;
    if (pn_store_is_local(engine->store) || count < 2 || open_cache(engine, &cache, NULL) != 0) {
        return;
    }
    bringing.files = pn_xcalloc(count, sizeof(struct pn_delta_file *));
    for (size_t i = 0; i < count; i++) {
        if (!is_here(engine, cache, table_path, &files[i])) {
            bringing.files[missing++] = &files[i];
        }
    }
    if (missing > 1) {
        int ignored = pn_duckdb_requests(engine, missing, bring_one, &bringing, NULL);
        (void)ignored;
    }
    free(bringing.files);
}

int pn_duckdb_lease_snapshot(struct pn_duckdb *engine, const char *table_path,
                             const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                             struct pn_err *e)
{
    int rc = 0;
    if (pn_store_is_local(engine->store)) {
        return 0; /* nothing is copied */
    }
    pn_duckdb_bring(engine, table_path, snapshot->files, snapshot->file_count);
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        char *path = NULL;
        rc = pn_duckdb_data_path(engine, table_path, &snapshot->files[i], lease, &path, e);
        free(path);
    }
    return rc;
}

struct pn_fetch *pn_duckdb_fetch(struct pn_duckdb *engine, const struct pn_object *objects,
                                 size_t count)
{
    struct pn_file_cache *cache = NULL;
    return pn_store_is_local(engine->store) || open_cache(engine, &cache, NULL) != 0
               ? NULL
               : pn_fetch_start(cache, objects, count);
}

int pn_duckdb_folder_path(struct pn_duckdb *engine, const char *key, char **path, struct pn_err *e)
{
    if (pn_store_is_local(engine->store)) {
        return pn_store_local_path(engine->store, key, path, e);
    }
    *path = copies_folder(engine);
    return 0;
}
