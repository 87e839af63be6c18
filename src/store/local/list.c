/*
 * Listing in the order of whole keys. A folder's entries are sorted as the keys below them do: a
 * folder "a" counts as "a/", so that "a-b/x" comes before "a/x" ('-' is less than '/'). No name
 * holds a '/', hence all keys under one entry are on the same side of all keys under another, and a
 * walk in that order is a walk in the order of the keys. Memory holds one folder a level, without
 * the names that the prefix or `after` rule out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/local/private.h"

struct walk {
    const struct pn_io *io;
    const char *folder;
    const char *prefix;
    const char *after;
    int (*fn)(void *arg, const struct pn_object *object);
    void *arg;
    struct pn_buf key;  /* of the folder walked, with its trailing "/"; "" at the top */
    struct pn_buf path; /* scratch: where `key` is */
};

/* The entries of one folder that are wanted; a folder's name has its trailing "/". */
struct level {
    const struct walk *walk;
    struct pn_arena arena;
    char **names;
    size_t count;
    size_t capacity;
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Can `key`, or for a folder a key below it, have the prefix and be after `after`? */
static bool is_wanted(const struct walk *walk, const char *key, size_t len, bool is_dir)
{
    size_t prefix_len = strlen(walk->prefix);
    size_t common = is_dir && len < prefix_len ? len : prefix_len;
    if (strncmp(key, walk->prefix, common) != 0) {
        return false;
    }
    if (walk->after == NULL) {
        return true;
    }
    return is_dir ? strncmp(key, walk->after, len) >= 0 : strcmp(key, walk->after) > 0;
}

static int take_entry(void *arg, const char *name, bool is_dir)
{
    struct level *level = arg;
    const char *folder_key = pn_buf_text(&level->walk->key);
    if (folder_key[0] == '\0' && name[0] == '.') {
        return 0; /* .tmp and whatever else is not a key */
    }
    const char *key = pn_arena_printf(&level->arena, "%s%s%s", folder_key, name, is_dir ? "/" : "");
    size_t len = strlen(key);
    if (!is_wanted(level->walk, key, len, is_dir)) {
        return 0;
    }
    pn_grow((void **)&level->names, &level->capacity, level->count + 1, sizeof *level->names);
    level->names[level->count] = pn_arena_strdup(&level->arena, key + level->walk->key.len);
    level->count++;
    return 0;
}

static const char *path_of(struct walk *walk)
{
    pn_buf_reset(&walk->path);
    pn_buf_addf(&walk->path, "%s/%s", walk->folder, pn_buf_text(&walk->key));
    return pn_buf_text(&walk->path);
}

static int walk_folder(struct walk *walk, struct pn_err *e);

static int visit(struct walk *walk, struct pn_err *e)
{
    const char *key = pn_buf_text(&walk->key);
    if (walk->key.failed || walk->key.len > PN_KEY_MAX) {
        return 0; /* somebody else's file: longer than any key */
    }
    if (key[walk->key.len - 1] == '/') {
        return walk_folder(walk, e);
    }
    if (pn_store_key_check(key, NULL) != 0) {
        return 0;
    }
    struct stat st;
    struct pn_err failure;
    int rc = pn_io_stat(walk->io, path_of(walk), &st, &failure);
    if (rc == ENOENT || (rc == 0 && !S_ISREG(st.st_mode))) {
        return 0; /* removed since the folder was read, or no object */
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    struct pn_object object;
    pn_local_object(&object, key, &st);
    return walk->fn(walk->arg, &object);
}

static int walk_folder(struct walk *walk, struct pn_err *e)
{
    struct level level = {.walk = walk};
    pn_arena_init(&level.arena, 0);
    const char *path = path_of(walk);
    int rc = walk->io->ops->list(walk->io, path, take_entry, &level);
    if (rc == -ENOENT || rc == -ENOTDIR) {
        rc = 0; /* nothing there is fine */
        goto out;
    }
    if (rc < 0) {
        rc = pn_err_errno(e, -rc, "cannot list the folder '%s'", path);
        goto out;
    }
    if (level.count > 1) {
        qsort(level.names, level.count, sizeof *level.names, compare_names);
    }
    size_t folder_len = walk->key.len;
    for (size_t i = 0; i < level.count && rc == 0; i++) {
        pn_buf_adds(&walk->key, level.names[i]);
        rc = visit(walk, e);
        walk->key.failed = false;
        walk->key.len = folder_len;
        if (walk->key.data != NULL) {
            walk->key.data[folder_len] = '\0';
        }
    }
out:
    free(level.names);
    pn_arena_deinit(&level.arena);
    return rc;
}

int pn_local_list(const struct pn_io *io, const char *folder, const char *prefix, const char *after,
                  int (*fn)(void *arg, const struct pn_object *object), void *arg, struct pn_err *e)
{
    struct walk walk = {
        .io = io, .folder = folder, .prefix = prefix, .after = after, .fn = fn, .arg = arg};
    pn_buf_init(&walk.key, PN_KEY_MAX + 1);
    pn_buf_init(&walk.path, strlen(folder) + PN_KEY_MAX + 2);

    /* The walk starts in the folder that the prefix names, which must be one of ours. */
    const char *slash = strrchr(prefix, '/');
    int rc = 0;
    if (slash != NULL) {
        char *start = pn_xstrndup(prefix, (size_t)(slash - prefix));
        rc = pn_store_key_check(start, e);
        pn_buf_addf(&walk.key, "%s/", start);
        free(start);
    }
    if (rc == 0) {
        rc = walk_folder(&walk, e);
    }
    pn_buf_deinit(&walk.key);
    pn_buf_deinit(&walk.path);
    return rc;
}
