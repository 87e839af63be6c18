/* Reading from the local store: an object's facts, its bytes, and ranges of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/file_offsets.h"
#include "base/file_sum.h"
#include "base/mem.h"
#include "store/local/private.h"

/* An object's file that is open. */
struct local_file {
    struct pn_store_file file;
    int fd;
    char *path;
};

static char *put_hex(char *at, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4) {
        *at++ = digits[number >> shift & 15];
    }
    return at;
}

void pn_local_object(struct pn_object *object, const char *key, const struct stat *st)
{
    object->key = key;
    object->has_sum = false;
    object->crc32c = 0;
    object->size_bytes = st->st_size;
    object->modified_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    object->device = (uint64_t)st->st_dev;
    object->inode = (uint64_t)st->st_ino;
    /* Each put makes a file of its own; an inode's number comes again. */
    uint64_t modified_ns =
        (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
    _Static_assert(PN_ETAG_SIZE > 3 * 16, "an etag is three numbers in hex");
    char *end = put_hex(object->etag, (uint64_t)st->st_ino);
    end = put_hex(end, modified_ns);
    end = put_hex(end, (uint64_t)st->st_size);
    *end = '\0';
}

/* What a file that is not an object says, whichever way it was tried. */
static bool is_no_object(int rc)
{
    return rc == ENOENT || rc == ENOTDIR || rc == EISDIR;
}

int pn_local_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e)
{
    struct pn_local_store *local = (struct pn_local_store *)store;
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_local_path_of_key(local, key);
    rc = pn_io_read_file(local->io, path, out, e);
    if (is_no_object(rc)) {
        rc = pn_local_missing(local, key, e);
    }
    free(path);
    return rc;
}

int pn_local_head(struct pn_store *store, const char *key, struct pn_object *object,
                  struct pn_err *e)
{
    struct pn_local_store *local = (struct pn_local_store *)store;
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_local_path_of_key(local, key);
    struct stat st;
    rc = pn_io_stat(local->io, path, &st, e);
    if (is_no_object(rc) || (rc == 0 && !S_ISREG(st.st_mode))) {
        rc = pn_local_missing(local, key, e);
    }
    if (rc == 0) {
        pn_local_object(object, key, &st);
        object->has_sum = pn_file_sum_get(local->io, path, &object->crc32c);
    }
    free(path);
    return rc;
}

int pn_local_open(struct pn_store *store, const char *key, struct pn_store_file **file,
                  struct pn_err *e)
{
    struct pn_local_store *local = (struct pn_local_store *)store;
    struct stat st;
    *file = NULL;
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    struct local_file *opened = pn_xcalloc(1, sizeof *opened);
    opened->file.store = store;
    opened->file.object.key = pn_xstrdup(key);
    opened->fd = -1;
    opened->path = pn_local_path_of_key(local, key);
    rc = pn_io_open(local->io, opened->path, O_RDONLY, &opened->fd, e);
    if (rc == 0) {
        rc = pn_io_fstat(local->io, opened->fd, &st, opened->path, e);
    }
    if (is_no_object(rc) || (rc == 0 && !S_ISREG(st.st_mode))) {
        rc = pn_local_missing(local, key, e);
    }
    if (rc == 0) {
        pn_local_object(&opened->file.object, opened->file.object.key, &st);
        *file = &opened->file;
        opened = NULL;
    }
    if (opened != NULL) {
        pn_local_close(&opened->file);
    }
    return rc;
}

bool pn_local_sum(struct pn_store_file *file, uint32_t *crc32c)
{
    const struct pn_local_store *local = (const struct pn_local_store *)file->store;
    return pn_file_sum_get(local->io, ((struct local_file *)file)->path, crc32c);
}

bool pn_local_offsets(struct pn_store_file *file, int64_t *first, int64_t *end)
{
    const struct pn_local_store *local = (const struct pn_local_store *)file->store;
    return pn_file_offsets_get(local->io, ((struct local_file *)file)->path, first, end);
}

int pn_local_read_at(struct pn_store_file *file, void *bytes, size_t len, int64_t offset,
                     size_t *got, struct pn_err *e)
{
    struct local_file *opened = (struct local_file *)file;
    const struct pn_local_store *local = (const struct pn_local_store *)file->store;
    return pn_io_read_some(local->io, opened->fd, bytes, len, offset, got, opened->path, e);
}

void pn_local_close(struct pn_store_file *file)
{
    struct local_file *opened = (struct local_file *)file;
    pn_io_close(((const struct pn_local_store *)file->store)->io, &opened->fd);
    free((char *)file->object.key);
    free(opened->path);
    free(opened);
}
