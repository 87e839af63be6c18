/* Whole files: read, written, replaced. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/random.h"

enum { READ_BYTES = 64 * 1024 };

/* Is there a byte at `offset`? Then the file is larger than the buffer may become. */
static int check_end(const struct pn_io *io, int fd, int64_t offset, const char *path,
                     struct pn_buf *out, struct pn_err *e)
{
    char byte;
    size_t got = 0;
    int rc = pn_io_read_some(io, fd, &byte, 1, offset, &got, path, e);
    if (rc == 0 && got > 0) {
        return pn_err_input(e, "%s is larger than %zu bytes", path, out->max);
    }
    return rc;
}

/* `expected` is a hint: the file may be growing, or be one without a size. */
static int read_whole(const struct pn_io *io, int fd, size_t expected, const char *path,
                      struct pn_buf *out, struct pn_err *e)
{
    int64_t offset = 0;
    size_t want = expected + 1; /* one more than the file has, to see its end at once */
    for (;;) {
        size_t room = out->max - out->len;
        if (room == 0) {
            return check_end(io, fd, offset, path, out, e);
        }
        if (want > room) {
            want = room;
        }
        if (!pn_buf_reserve(out, want)) {
            return pn_err_errno(e, ENOMEM, "cannot read %s", path);
        }
        size_t got = 0;
        int rc = pn_io_read_some(io, fd, out->data + out->len, want, offset, &got, path, e);
        if (rc != 0) {
            return rc;
        }
        out->len += got;
        out->data[out->len] = '\0';
        offset += (int64_t)got;
        if (got < want) {
            return 0;
        }
        want = READ_BYTES;
    }
}

int pn_io_read_file(const struct pn_io *io, const char *path, struct pn_buf *out, struct pn_err *e)
{
    size_t old_len = out->len;
    int64_t size = 0;
    int fd = -1;
    int rc = pn_io_open(io, path, O_RDONLY, &fd, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_io_size(io, fd, &size, path, e);
    if (rc != 0) {
        goto out;
    }
    rc = read_whole(io, fd, (size_t)size, path, out, e);
out:
    pn_io_close(io, &fd);
    if (rc != 0 && out->data != NULL) {
        out->len = old_len;
        out->data[old_len] = '\0';
    }
    return rc;
}

/*
 * The name of a fresh file beside `path`; the caller frees it. It starts with a dot, which readers
 * of tables and listings skip, and is random, so that two writers of one path do not meet.
 */
static char *temp_path_for(const char *path)
{
    const char *slash = strrchr(path, '/');
    int folder_len = slash != NULL ? (int)(slash - path) + 1 : 0;
    return pn_xasprintf("%.*s.pinion-%016llx.tmp", folder_len, path,
                        (unsigned long long)pn_entropy_u64());
}

static int write_synced(const struct pn_io *io, const char *path, mode_t mode, const void *bytes,
                        size_t len, struct pn_err *e)
{
    int fd = -1;
    int rc = pn_io_open_mode(io, path, O_WRONLY | O_CREAT | O_EXCL, mode, &fd, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_io_write_at(io, fd, bytes, len, 0, path, e);
    if (rc == 0) {
        rc = pn_io_sync(io, fd, path, e);
    }
    pn_io_close(io, &fd);
    if (rc != 0) {
        (void)io->ops->unlink(io, path);
    }
    return rc;
}

static int replace(const struct pn_io *io, const char *path, mode_t mode, const void *bytes,
                   size_t len, struct pn_err *e)
{
    char *temp = temp_path_for(path);
    int rc = write_synced(io, temp, mode, bytes, len, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_io_rename(io, temp, path, e);
    if (rc != 0) {
        (void)io->ops->unlink(io, temp);
        goto out;
    }
    rc = pn_io_sync_parent(io, path, e);
out:
    free(temp);
    return rc;
}

int pn_io_replace_file(const struct pn_io *io, const char *path, const void *bytes, size_t len,
                       struct pn_err *e)
{
    return replace(io, path, 0644, bytes, len, e);
}

int pn_io_replace_secret(const struct pn_io *io, const char *path, const void *bytes, size_t len,
                         struct pn_err *e)
{
    return replace(io, path, 0600, bytes, len, e);
}

int pn_io_create_file(const struct pn_io *io, const char *path, const void *bytes, size_t len,
                      struct pn_err *e)
{
    char *temp = temp_path_for(path);
    int rc = write_synced(io, temp, 0644, bytes, len, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_io_link(io, temp, path, e);
    /* The contents live on under `path`; a temporary name that stays is only untidy. */
    (void)io->ops->unlink(io, temp);
    if (rc != 0) {
        goto out;
    }
    rc = pn_io_sync_parent(io, path, e);
out:
    free(temp);
    return rc;
}
