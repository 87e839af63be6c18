#include "delta/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/uri.h"

/* The key of a relative path, or the URL of one that leaves the store. Either is malloc'ed. */
static int resolve(struct pn_store *store, const char *table_path, const char *path, char **key,
                   char **url, struct pn_err *e)
{
    char *joined = pn_xasprintf("%s/%s", table_path, path);
    char *clean = pn_store_normalize(joined);
    char *root = NULL;
    int rc = 0;
    if (strcmp(clean, "..") != 0 && strncmp(clean, "../", 3) != 0) {
        *key = clean;
        clean = NULL;
    } else {
        rc = pn_store_url(store, "", &root, e);
        if (rc == 0) {
            char *outside = pn_xasprintf("%s/%s", root, clean);
            *url = pn_store_normalize(outside);
            free(outside);
        }
    }
    free(root);
    free(clean);
    free(joined);
    return rc;
}

int pn_delta_file_place(struct pn_store *store, const char *table_path, const char *path,
                        char **key, char **url, struct pn_err *e)
{
    *key = NULL;
    *url = NULL;
    if (!pn_delta_path_is_absolute(path)) {
        return resolve(store, table_path, path, key, url, e);
    }
    struct pn_object object;
    int rc = path[0] == '/' ? pn_store_locate(store, path, key, &object, e) : 0;
    if (rc == 0 && *key == NULL) {
        *url = pn_xstrdup(path);
    }
    return rc;
}

int pn_delta_place_find(struct pn_delta *table, const char *path, char **key,
                        struct pn_object *object, struct pn_err *e)
{
    char *url = NULL;
    *key = NULL;
    if (pn_delta_path_is_absolute(path)) {
        return pn_store_locate(table->store, path, key, object, e);
    }
    int rc = resolve(table->store, table->path, path, key, &url, e);
    if (rc == 0 && url != NULL) {
        rc = pn_store_locate(table->store, url, key, object, e);
    } else if (rc == 0) {
        rc = pn_store_head(table->store, *key, object, e);
    }
    free(url);
    if (rc != 0) {
        free(*key);
        *key = NULL;
    }
    return rc;
}
