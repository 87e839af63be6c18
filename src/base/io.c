#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/mem.h"

enum { IOV_COUNT_MAX = 64 };

int pn_io_open(const struct pn_io *io, const char *path, int flags, int *fd, struct pn_err *e)
{
    return pn_io_open_mode(io, path, flags, 0644, fd, e);
}

int pn_io_open_mode(const struct pn_io *io, const char *path, int flags, mode_t mode, int *fd,
                    struct pn_err *e)
{
    int rc;
    do {
        rc = io->ops->open(io, path, flags | O_CLOEXEC, mode);
    } while (rc == -EINTR);
    if (rc < 0) {
        return pn_err_errno(e, -rc, "cannot open %s", path);
    }
    *fd = rc;
    return 0;
}

void pn_io_close(const struct pn_io *io, int *fd)
{
    if (*fd >= 0) {
        (void)io->ops->close(io, *fd);
        *fd = -1;
    }
}

int pn_io_read_some(const struct pn_io *io, int fd, void *bytes, size_t len, int64_t offset,
                    size_t *got, const char *path, struct pn_err *e)
{
    *got = 0;
    while (*got < len) {
        off_t at = (off_t)offset + (off_t)*got;
        ssize_t n = io->ops->pread(io, fd, (char *)bytes + *got, len - *got, at);
        if (n == -EINTR) {
            continue;
        }
        if (n < 0) {
            return pn_err_errno(e, (int)-n, "cannot read %s at byte %lld", path, (long long)at);
        }
        if (n == 0) {
            break;
        }
        *got += (size_t)n;
    }
    return 0;
}

int pn_io_read_at(const struct pn_io *io, int fd, void *bytes, size_t len, int64_t offset,
                  const char *path, struct pn_err *e)
{
    size_t got = 0;
    int rc = pn_io_read_some(io, fd, bytes, len, offset, &got, path, e);
    if (rc == 0 && got < len) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "%s: file ends early, at byte %lld instead of %lld or later", path,
                          (long long)offset + (long long)got, (long long)offset + (long long)len);
    }
    return rc;
}

int pn_io_write_at(const struct pn_io *io, int fd, const void *bytes, size_t len, int64_t offset,
                   const char *path, struct pn_err *e)
{
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = len};
    return pn_io_writev_at(io, fd, &piece, 1, offset, path, e);
}

/* Takes `done` written bytes off the pieces and skips the empty ones. */
static void skip_written(struct iovec **iov, int *count, size_t done)
{
    while (*count > 0 && done >= (*iov)->iov_len) {
        done -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (done > 0) {
        PN_ASSERT(*count > 0);
        (*iov)->iov_base = (char *)(*iov)->iov_base + done;
        (*iov)->iov_len -= done;
    }
}

int pn_io_writev_at(const struct pn_io *io, int fd, struct iovec *iov, int count, int64_t offset,
                    const char *path, struct pn_err *e)
{
    skip_written(&iov, &count, 0);
    while (count > 0) {
        int pieces = count < IOV_COUNT_MAX ? count : IOV_COUNT_MAX;
        ssize_t n = io->ops->pwritev(io, fd, iov, pieces, (off_t)offset);
        if (n == -EINTR) {
            continue;
        }
        if (n <= 0) {
            return pn_err_errno(e, n < 0 ? (int)-n : EIO, "cannot write %s at byte %lld", path,
                                (long long)offset);
        }
        offset += n;
        skip_written(&iov, &count, (size_t)n);
    }
    return 0;
}

/* The syncs are never retried, not even for EINTR: see the header. */
int pn_io_datasync(const struct pn_io *io, int fd, const char *path, struct pn_err *e)
{
    int rc = io->ops->fdatasync(io, fd);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot sync %s", path) : 0;
}

int pn_io_sync(const struct pn_io *io, int fd, const char *path, struct pn_err *e)
{
    int rc = io->ops->fsync(io, fd);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot sync %s", path) : 0;
}

int pn_io_sync_all(const struct pn_io *io, int fd, const char *path, struct pn_err *e)
{
    int rc = io->ops->syncfs(io, fd);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot sync the file system of %s", path) : 0;
}

void pn_io_start_writeback(const struct pn_io *io, int fd)
{
    if (io->ops->start_writeback != NULL) {
        io->ops->start_writeback(io, fd);
    }
}

int pn_io_truncate(const struct pn_io *io, int fd, int64_t size, const char *path, struct pn_err *e)
{
    int rc;
    do {
        rc = io->ops->ftruncate(io, fd, (off_t)size);
    } while (rc == -EINTR);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot truncate %s to %lld bytes", path, (long long)size)
                  : 0;
}

int pn_io_fstat(const struct pn_io *io, int fd, struct stat *st, const char *path, struct pn_err *e)
{
    int rc = io->ops->fstat(io, fd, st);
    return rc != 0 ? pn_err_errno(e, -rc, "cannot get the status of %s", path) : 0;
}

int pn_io_size(const struct pn_io *io, int fd, int64_t *size_bytes, const char *path,
               struct pn_err *e)
{
    struct stat st;
    int rc = pn_io_fstat(io, fd, &st, path, e);
    if (rc == 0) {
        *size_bytes = st.st_size;
    }
    return rc;
}

int pn_io_stat(const struct pn_io *io, const char *path, struct stat *st, struct pn_err *e)
{
    int rc = io->ops->stat(io, path, st);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot examine %s", path) : 0;
}

bool pn_io_exists(const struct pn_io *io, const char *path)
{
    struct stat st;
    return io->ops->stat(io, path, &st) == 0;
}

int pn_io_space(const struct pn_io *io, const char *path, int64_t *free_bytes, int64_t *all_bytes,
                struct pn_err *e)
{
    int rc = io->ops->space(io, path, free_bytes, all_bytes);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot ask how much space the disk of %s has", path) : 0;
}

int pn_io_rename(const struct pn_io *io, const char *from, const char *to, struct pn_err *e)
{
    int rc = io->ops->rename(io, from, to);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot rename %s to %s", from, to) : 0;
}

int pn_io_link(const struct pn_io *io, const char *from, const char *to, struct pn_err *e)
{
    int rc = io->ops->link(io, from, to);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot create %s", to) : 0;
}

int pn_io_unlink(const struct pn_io *io, const char *path, struct pn_err *e)
{
    int rc = io->ops->unlink(io, path);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot remove %s", path) : 0;
}

int pn_io_rmdir(const struct pn_io *io, const char *path, struct pn_err *e)
{
    int rc = io->ops->rmdir(io, path);
    return rc < 0 ? pn_err_errno(e, -rc, "cannot remove the folder %s", path) : 0;
}

/* Opens and locks; *fd is -1 when that fails. */
static int open_locked(const struct pn_io *io, const char *path, int flags, int operation, int *fd,
                       struct pn_err *e)
{
    *fd = -1;
    int rc = pn_io_open(io, path, flags, fd, e);
    if (rc != 0) {
        return rc;
    }
    do {
        rc = io->ops->flock(io, *fd, operation);
    } while (rc == -EINTR);
    if (rc == 0) {
        return 0;
    }
    pn_io_close(io, fd);
    if (rc == -EWOULDBLOCK) {
        return pn_err_set(e, PN_CLASS_CONFLICT, EWOULDBLOCK, "%s is locked by another process",
                          path);
    }
    return pn_err_errno(e, -rc, "cannot lock %s", path);
}

int pn_io_lock(const struct pn_io *io, const char *path, int *fd, struct pn_err *e)
{
    return open_locked(io, path, O_RDWR | O_CREAT, LOCK_EX | LOCK_NB, fd, e);
}

int pn_io_lock_announced(const struct pn_io *io, const char *path, int *fd, struct pn_err *e)
{
    return open_locked(io, path, O_RDWR | O_CREAT, LOCK_EX, fd, e);
}

int pn_io_is_locked(const struct pn_io *io, const char *path, bool *locked, struct pn_err *e)
{
    int fd = -1;
    struct pn_err failure = {0};
    int rc = open_locked(io, path, O_RDONLY, LOCK_SH | LOCK_NB, &fd, &failure);
    *locked = rc != 0 && failure.class_ == PN_CLASS_CONFLICT;
    if (rc == 0) {
        pn_io_close(io, &fd);
    } else if (*locked || failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &failure);
    }
    return rc;
}
