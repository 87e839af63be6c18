#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/features.h"
#include "delta/keyset.h"
#include "delta/load.h"
#include "delta/uri.h"

/* What lies in the table's folder and is old enough to go, by its name there. */
struct found {
    char *name;
    int64_t size_bytes;
};

struct sweep {
    struct pn_delta *table;
    size_t prefix_len;
    int64_t before_ms;
    struct found *found;
    size_t count;
    size_t capacity;
};

/* Does a folder or the file start with an underscore or a dot? The log does, and all that other
 * engines hide: change data, bloom filters, temporary files. */
static bool is_hidden(const char *name)
{
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (*at == '_' || *at == '.') {
            return true;
        }
    }
    return false;
}

static int collect(void *arg, const struct pn_object *object)
{
    struct sweep *sweep = arg;
    const char *name = object->key + sweep->prefix_len;
    if (is_hidden(name) || object->modified_ms >= sweep->before_ms) {
        return 0;
    }
    pn_grow((void **)&sweep->found, &sweep->capacity, sweep->count + 1, sizeof *sweep->found);
    sweep->found[sweep->count++] =
        (struct found){.name = pn_xstrdup(name), .size_bytes = object->size_bytes};
    return 0;
}

/* The name in the table's folder of a file that the log knows; an absolute path may lie within it,
 * given as a URL or as a path. */
static const char *name_in_table(const char *path, const char *folder)
{
    if (!pn_delta_path_is_absolute(path)) {
        while (strncmp(path, "./", 2) == 0) {
            path += 2;
        }
        return path;
    }
    static const char *const schemes[] = {"file://", "file:"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(path, schemes[i], len) == 0 && path[len] == '/') {
            path += len;
            break;
        }
    }
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static void keep(struct pn_delta_keyset *needed, const char *path, const char *folder)
{
    const char *name = name_in_table(path, folder);
    size_t len = strlen(name);
    if (!pn_delta_keyset_get(needed, name, len, NULL)) {
        pn_delta_keyset_add(needed, name, len, 0);
    }
}

/* The files of the newest version, and those that left it less than the retention ago. */
static void collect_needed(const struct pn_delta_snapshot *snapshot, const char *folder,
                           int64_t before_ms, struct pn_delta_keyset *needed)
{
    for (size_t i = 0; i < snapshot->file_count; i++) {
        keep(needed, snapshot->files[i].path, folder);
    }
    for (size_t i = 0; i < snapshot->removed_count; i++) {
        if (snapshot->removed[i].deleted_ms >= before_ms) {
            keep(needed, snapshot->removed[i].path, folder);
        }
    }
}

static int remove_found(const struct sweep *sweep, const struct pn_delta_keyset *needed,
                        bool dry_run, void (*fn)(void *arg, const char *path, int64_t size_bytes),
                        void *arg, struct pn_err *e)
{
    for (size_t i = 0; i < sweep->count; i++) {
        const struct found *found = &sweep->found[i];
        if (pn_delta_keyset_get(needed, found->name, strlen(found->name), NULL)) {
            continue;
        }
        if (!dry_run) {
            char *key = pn_xasprintf("%s/%s", sweep->table->path, found->name);
            int rc = pn_store_remove(sweep->table->store, key, e);
            free(key);
            if (rc != 0) {
                return rc;
            }
        }
        fn(arg, found->name, found->size_bytes);
    }
    return 0;
}

int pn_delta_vacuum(struct pn_delta *table, int64_t retention_ms, bool dry_run,
                    void (*fn)(void *arg, const char *path, int64_t size_bytes), void *arg,
                    struct pn_err *e)
{
    PN_ASSERT(retention_ms >= 0);
    struct sweep sweep = {.table = table,
                          .prefix_len = strlen(table->path) + 1,
                          .before_ms = pn_wall_ms(table->clock) - retention_ms};
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_keyset needed;
    pn_delta_keyset_init(&needed);
    char *folder = NULL;
    char *prefix = pn_xasprintf("%s/", table->path);
    /* First what is there, then what is needed: a file that is committed in between is needed. */
    int rc = pn_store_list(table->store, prefix, NULL, collect, &sweep, e);
    if (rc == 0) {
        rc = pn_store_url(table->store, table->path, &folder, e);
    }
    if (rc == 0) {
        rc = pn_delta_load(table, -1, true, &snapshot, e);
    }
    if (rc == 0) {
        rc = pn_delta_check_writable(table, snapshot, e);
    }
    if (rc == 0) {
        collect_needed(snapshot, folder, sweep.before_ms, &needed);
        rc = remove_found(&sweep, &needed, dry_run, fn, arg, e);
    }
    for (size_t i = 0; i < sweep.count; i++) {
        free(sweep.found[i].name);
    }
    free(sweep.found);
    free(prefix);
    free(folder);
    pn_delta_keyset_deinit(&needed);
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}
