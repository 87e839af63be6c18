/* Folders: made, listed, synced, removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

static int sync_path(const struct pn_io *io, const char *path, int flags, struct pn_err *e)
{
    int fd = -1;
    int rc = pn_io_open(io, path, flags, &fd, e);
    if (rc == 0) {
        rc = pn_io_sync(io, fd, path, e);
    }
    pn_io_close(io, &fd);
    return rc;
}

int pn_io_sync_dir(const struct pn_io *io, const char *path, struct pn_err *e)
{
    return sync_path(io, path, O_RDONLY | O_DIRECTORY, e);
}

int pn_io_sync_file(const struct pn_io *io, const char *path, struct pn_err *e)
{
    return sync_path(io, path, O_RDONLY, e);
}

/* The folder that holds `path`; the caller frees it. */
static char *parent_of(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return len == 0 ? pn_xstrdup(".") : pn_xstrndup(path, len);
}

int pn_io_sync_parent(const struct pn_io *io, const char *path, struct pn_err *e)
{
    char *parent = parent_of(path);
    int rc = pn_io_sync_dir(io, parent, e);
    free(parent);
    return rc;
}

/* One folder; fine when it is there already. */
static int make_dir(const struct pn_io *io, const char *path, struct pn_err *e)
{
    int rc = io->ops->mkdir(io, path, 0755);
    if (rc == 0) {
        rc = pn_io_sync_parent(io, path, e);
        if (rc != 0) {
            (void)io->ops->rmdir(io, path); /* the next try would not sync a folder it finds */
        }
        return rc;
    }
    struct stat st;
    if (rc == -EEXIST && io->ops->stat(io, path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return 0;
    }
    return pn_err_errno(e, rc == -EEXIST ? ENOTDIR : -rc, "cannot create the folder %s", path);
}

int pn_io_mkdirs(const struct pn_io *io, const char *path, struct pn_err *e)
{
    struct stat st;
    if (io->ops->stat(io, path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return 0;
    }
    char *prefix = pn_xstrdup(path);
    int rc = 0;
    for (char *at = prefix; rc == 0 && *at != '\0';) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char kept = *at;
        *at = '\0';
        rc = make_dir(io, prefix, e);
        *at = kept;
        at += strspn(at, "/");
    }
    free(prefix);
    return rc;
}

int pn_io_mkdir_private(const struct pn_io *io, const char *path, struct pn_err *e)
{
    int rc = io->ops->mkdir(io, path, 0700);
    return rc == 0 ? 0 : pn_err_errno(e, -rc, "cannot create the folder %s", path);
}

bool pn_io_is_read_only(int rc)
{
    return rc == EACCES || rc == EPERM || rc == EROFS;
}

static int add_entry(void *arg, const char *name, bool is_dir)
{
    struct pn_io_listing *listing = arg;
    pn_grow((void **)&listing->entries, &listing->capacity, listing->count + 1,
            sizeof *listing->entries);
    listing->entries[listing->count++] =
        (struct pn_io_entry){.name = pn_xstrdup(name), .is_dir = is_dir};
    return 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct pn_io_entry *a = left;
    const struct pn_io_entry *b = right;
    return strcmp(a->name, b->name);
}

int pn_io_list(const struct pn_io *io, const char *path, struct pn_io_listing *listing,
               struct pn_err *e)
{
    struct pn_io_listing found = {0};
    int rc = io->ops->list(io, path, add_entry, &found);
    if (rc < 0) {
        pn_io_listing_deinit(&found);
        return pn_err_errno(e, -rc, "cannot list the folder %s", path);
    }
    if (found.count > 0) {
        qsort(found.entries, found.count, sizeof *found.entries, compare_entries);
    }
    *listing = found;
    return 0;
}

void pn_io_listing_deinit(struct pn_io_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->entries[i].name);
    }
    free(listing->entries);
    *listing = (struct pn_io_listing){0};
}

int pn_io_remove_tree(const struct pn_io *io, const char *path, struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(io, path, &listing, e);
    if (rc != 0) {
        return rc == ENOENT ? 0 : rc;
    }
    for (size_t i = 0; rc == 0 && i < listing.count; i++) {
        char *child = pn_xasprintf("%s/%s", path, listing.entries[i].name);
        rc = listing.entries[i].is_dir ? pn_io_remove_tree(io, child, e)
                                       : pn_io_unlink(io, child, e);
        free(child);
    }
    pn_io_listing_deinit(&listing);
    return rc != 0 ? rc : pn_io_rmdir(io, path, e);
}

int pn_io_absolute_path(const char *path, char **absolute, struct pn_err *e)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (path[0] == '/') {
        *absolute = pn_xstrndup(path, len);
        return 0;
    }
    char *here = getcwd(NULL, 0);
    if (here == NULL) {
        return pn_err_errno(e, errno, "cannot get the working directory, which '%s' is in", path);
    }
    *absolute = pn_xasprintf("%s/%.*s", here, (int)len, path);
    free(here);
    return 0;
}
