#include "delta/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/uri.h"

enum { UUID_BYTES = 16, Z85_CHARS = 20 };

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

/* --- deletion vectors ------------------------------------------------------------------------- */

/* Z85 (ZeroMQ RFC 32): five characters are four bytes. */
static bool decode_z85(const char *text, unsigned char out[UUID_BYTES])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    for (int group = 0; group < UUID_BYTES / 4; group++) {
        uint64_t value = 0;
        for (int i = 0; i < 5; i++) {
            const char *digit = strchr(digits, text[5 * group + i]);
            if (digit == NULL || *digit == '\0') {
                return false;
            }
            value = value * 85 + (uint64_t)(digit - digits);
        }
        if (value > UINT32_MAX) {
            return false;
        }
        for (int i = 0; i < 4; i++) {
            out[4 * group + i] = (unsigned char)(value >> (24 - 8 * i));
        }
    }
    return true;
}

/* "<prefix><UUID in Z85>": the file is "<prefix>/deletion_vector_<UUID>.bin". */
static int vector_by_uuid(const char *text, size_t len, struct pn_arena *arena, const char **path,
                          struct pn_err *e)
{
    unsigned char uuid[UUID_BYTES];
    if (len < Z85_CHARS || !decode_z85(text + len - Z85_CHARS, uuid)) {
        return pn_err_input(e, "a deletion vector's file is named by '%.*s', which is not a UUID",
                            (int)(len < 100 ? len : 100), text);
    }
    char hex[2 * UUID_BYTES + 5];
    size_t at = 0;
    for (int i = 0; i < UUID_BYTES; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        at += (size_t)snprintf(hex + at, sizeof hex - at, dash ? "-%02x" : "%02x", uuid[i]);
    }
    int prefix_len = (int)(len - Z85_CHARS);
    *path = pn_arena_printf(arena, "%.*s%sdeletion_vector_%s.bin", prefix_len, text,
                            prefix_len > 0 ? "/" : "", hex);
    return 0;
}

int pn_delta_place_vector(struct pn_delta *table, const char *descriptor, struct pn_arena *arena,
                          const char **path, struct pn_err *e)
{
    struct pn_json *root = NULL;
    const char *where = NULL;
    size_t where_len = 0;
    size_t len = strlen(descriptor);
    *path = NULL;
    int rc = pn_json_parse(table->reader.texts, descriptor, len, len, &root, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_json *type = pn_json_get(root, "storageType");
    if (pn_json_text_is(type, "i")) {
        return 0;
    }
    if (!pn_json_get_text(root, "pathOrInlineDv", &where, &where_len)) {
        return pn_err_input(e, "a deletion vector's descriptor does not name a file");
    }
    if (pn_json_text_is(type, "u")) {
        return vector_by_uuid(where, where_len, arena, path, e);
    }
    if (pn_json_text_is(type, "p")) {
        return pn_delta_uri_decode(arena, where, where_len, path, e);
    }
    return pn_err_input(e, "a deletion vector is stored in an unknown way");
}
