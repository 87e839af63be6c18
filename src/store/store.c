#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

void pn_store_destroy(struct pn_store **store)
{
    if (*store != NULL) {
        (*store)->ops->destroy(*store);
        *store = NULL;
    }
}

void pn_store_close(struct pn_store_file **file)
{
    if (*file != NULL) {
        (*file)->store->ops->close(*file);
        *file = NULL;
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

/* --- listing ---------------------------------------------------------------------------------- */

/* A list in progress, and the last key it gave. */
struct listing {
    const struct pn_store *store;
    const char *prefix;
    int (*fn)(void *arg, const struct pn_object *object);
    void *arg;
    struct pn_err *e;
    bool is_first;
    char last[PN_KEY_MAX + 1];
};

static void set_last(struct listing *listing, const char *key)
{
    size_t len = strnlen(key, PN_KEY_MAX);
    memcpy(listing->last, key, len);
    listing->last[len] = '\0';
    listing->is_first = false;
}

static int take_in_order(void *arg, const struct pn_object *object)
{
    struct listing *listing = arg;
    bool is_below = strncmp(object->key, listing->prefix, strlen(listing->prefix)) == 0;
    if (!is_below || (!listing->is_first && strcmp(object->key, listing->last) <= 0)) {
        return pn_err_fatal(listing->e,
                            "the %s store lists '%s' after '%s', for the prefix '%s': it does not "
                            "keep the order of the keys, without which objects would be "
                            "skipped. Use another store",
                            listing->store->ops->name, object->key,
                            listing->is_first ? "" : listing->last, listing->prefix);
    }
    set_last(listing, object->key);
    return listing->fn(listing->arg, object);
}

int pn_store_list(struct pn_store *store, const char *prefix, const char *after,
                  int (*fn)(void *arg, const struct pn_object *object), void *arg, struct pn_err *e)
{
    struct listing listing = {
        .store = store, .prefix = prefix, .fn = fn, .arg = arg, .e = e, .is_first = true};
    if (after != NULL) {
        set_last(&listing, after);
    }
    return store->ops->list(store, prefix, after, take_in_order, &listing, e);
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
            /* '0' comes right after '/': all keys of the folder are skipped. */
            after = pn_xasprintf("%s%s0", prefix, search.folder);
            rc = fn(arg, search.folder);
        }
        free(search.folder);
    }
    free(after);
    return rc;
}

/* --- the check -------------------------------------------------------------------------------- */

static const char CHECK_TEXT[] = "pinion was here to see whether this store keeps its promises\n";

static int count_object(void *arg, const struct pn_object *object)
{
    (void)object;
    ++*(int *)arg;
    return 0;
}

/* The probes in the order of their bytes, and not in that of folders and their files. The first one
 * is for everything else. It is the only one in a folder of this machine, whose order is a matter
 * of our own code: the folder of the second one would stay. */
enum { PROBES = 3 };
static const char *const PROBE_ENDS[PROBES] = {"-b", "/a", "0"};

static int check_read(struct pn_store *store, const char *key, struct pn_err *e)
{
    struct pn_buf back;
    pn_buf_init(&back, 2 * sizeof CHECK_TEXT);
    int rc = pn_store_get(store, key, &back, e);
    if (rc == 0 && strcmp(pn_buf_text(&back), CHECK_TEXT) != 0) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the %s store gives back other bytes than were written to '%s': check the "
                        "disk it is on",
                        store->ops->name, key);
    }
    pn_buf_deinit(&back);
    return rc;
}

/* Are there `expected` objects below `prefix`, after `after`? */
static int check_list(struct pn_store *store, const char *prefix, const char *after, int expected,
                      struct pn_err *e)
{
    int listed = 0;
    int rc = pn_store_list(store, prefix, after, count_object, &listed, e);
    if (rc != 0 || listed == expected) {
        return rc;
    }
    return pn_err_fatal(e,
                        "the %s store lists %d objects below '%s'%s%s, where there are %d: objects "
                        "would be skipped, or seen after they were removed. Use another store",
                        store->ops->name, listed, prefix, after != NULL ? ", after " : "",
                        after != NULL ? after : "", expected);
}

static int check_lists(struct pn_store *store, const char *prefix, char *const *keys, size_t count,
                       struct pn_err *e)
{
    struct pn_put puts[PROBES];
    for (size_t i = 0; i < count; i++) {
        puts[i] = (struct pn_put){.key = keys[i], .bytes = CHECK_TEXT, .len = strlen(CHECK_TEXT)};
    }
    int rc = count > 1 ? pn_store_put_many(store, puts + 1, count - 1, e) : 0;
    if (rc == 0) {
        rc = check_list(store, prefix, NULL, (int)count, e);
    }
    return rc == 0 && count > 1 ? check_list(store, prefix, keys[1], (int)count - 2, e) : rc;
}

static int check_exclusive(struct pn_store *store, const char *key, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = pn_store_put_if_absent(store, key, "second", 6, &why);
    if (rc == 0) {
        return pn_err_fatal(e,
                            "the %s store replaces an object that is to be put only if there is "
                            "none (a server that ignores If-None-Match?): writers would lose each "
                            "other's commits. Use another one",
                            store->ops->name);
    }
    if (why.class_ != PN_CLASS_CONFLICT) {
        pn_err_copy(e, &why);
        return rc;
    }
    return 0;
}

int pn_store_check(struct pn_store *store, struct pn_err *e)
{
    char uuid[PN_UUID_SIZE];
    char *prefix = pn_xasprintf("pinion_check-%s", pn_uuid(uuid));
    char *keys[PROBES];
    size_t count = pn_store_keeps_notes(store) ? PROBES : 1;
    for (size_t i = 0; i < PROBES; i++) {
        keys[i] = pn_xasprintf("%s%s", prefix, PROBE_ENDS[i]);
    }
    int rc = pn_store_put_if_absent(store, keys[0], CHECK_TEXT, strlen(CHECK_TEXT), e);
    if (rc == 0) {
        rc = check_read(store, keys[0], e);
    }
    if (rc == 0) {
        rc = check_exclusive(store, keys[0], e);
    }
    if (rc == 0) {
        rc = check_lists(store, prefix, keys, count, e);
    }
    struct pn_err unremoved = {0};
    int removed = pn_store_remove_many(store, (const char *const *)keys, count, &unremoved);
    if (rc == 0 && removed != 0) {
        pn_err_copy(e, &unremoved);
        rc = removed;
    }
    if (rc == 0) {
        rc = check_list(store, prefix, NULL, 0, e);
    }
    for (size_t i = 0; i < PROBES; i++) {
        free(keys[i]);
    }
    free(prefix);
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
