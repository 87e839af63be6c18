#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

void pn_store_destroy(struct pn_store **store)
{
    if (*store != NULL) {
        (*store)->ops->destroy(*store);
        *store = NULL;
    }
}

static bool segment_is_dots(const char *segment, size_t len)
{
    return (len == 1 && segment[0] == '.') || (len == 2 && memcmp(segment, "..", 2) == 0);
}

int pn_store_key_check(const char *key, struct pn_err *e)
{
    size_t len = strlen(key);
    if (len == 0) {
        return pn_err_input(e, "the key of an object must not be empty");
    }
    if (len > PN_KEY_MAX) {
        return pn_err_input(e, "the key '%.60s...' has %zu bytes; at most %d are allowed", key, len,
                            PN_KEY_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)key[i];
        if (c < 0x20 || c == 0x7f) {
            return pn_err_input(e, "a key contains the control character 0x%02x at byte %zu", c, i);
        }
    }
    if (!pn_utf8_valid(key, len)) {
        return pn_err_input(e, "a key of %zu bytes is not UTF-8", len);
    }
    for (const char *segment = key;;) {
        size_t segment_len = strcspn(segment, "/");
        if (segment_len == 0) {
            return pn_err_input(
                e, "the key '%s' has an empty part: '/' at its ends and '//' are not allowed", key);
        }
        if (segment_is_dots(segment, segment_len)) {
            return pn_err_input(e, "the key '%s' has the part '%.*s', which is not allowed", key,
                                (int)segment_len, segment);
        }
        if (segment[segment_len] == '\0') {
            return 0;
        }
        segment += segment_len + 1;
    }
}

/* --- folders ---------------------------------------------------------------------------------- */

struct folder_search {
    size_t prefix_len;
    char *folder; /* found; the caller frees */
};

static int take_folder(void *arg, const struct pn_object *object)
{
    struct folder_search *search = arg;
    const char *name = object->key + search->prefix_len;
    const char *slash = strchr(name, '/');
    if (slash == NULL) {
        return 0;
    }
    search->folder = pn_xstrndup(name, (size_t)(slash - name));
    return 1;
}

int pn_store_folders(struct pn_store *store, const char *prefix,
                     int (*fn)(void *arg, const char *folder), void *arg, struct pn_err *e)
{
    char *after = NULL;
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct folder_search search = {.prefix_len = strlen(prefix)};
        rc = pn_store_list(store, prefix, after, take_folder, &search, e);
        free(after);
        after = NULL;
        more = search.folder != NULL;
        if (more) {
            /* '0' comes right behind '/': all keys of the folder are passed over. */
            after = pn_xasprintf("%s%s0", prefix, search.folder);
            rc = fn(arg, search.folder);
        }
        free(search.folder);
    }
    free(after);
    return rc;
}

/* --- paths ------------------------------------------------------------------------------------ */

char *pn_store_normalize(const char *path)
{
    size_t root = path[0] == '/' ? 1 : 0;
    char *clean = pn_xstrdup(path);
    size_t len = root;
    size_t floor = root; /* what lies below cannot be climbed out of */
    for (const char *at = path; *at != '\0';) {
        size_t segment_len = strcspn(at, "/");
        bool climbs = segment_len == 2 && memcmp(at, "..", 2) == 0;
        if (climbs && len > floor) {
            while (len > floor && clean[len - 1] != '/') {
                len--;
            }
            len -= len > floor ? 1 : 0;
        } else if (segment_len > 0 && !segment_is_dots(at, segment_len)) {
            if (len > root) {
                clean[len++] = '/';
            }
            memcpy(clean + len, at, segment_len);
            len += segment_len;
        } else if (climbs && root == 0) {
            if (len > 0) {
                clean[len++] = '/';
            }
            memcpy(clean + len, "..", 2);
            len += 2;
            floor = len;
        }
        at += segment_len;
        at += *at == '/';
    }
    clean[len] = '\0';
    return clean;
}
