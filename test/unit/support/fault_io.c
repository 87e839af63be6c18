#include "support/fault_io.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* What a call is to do. */
struct verdict {
    int error; /* 0: continue to the disk below, else return -error */
    bool half; /* write half of it */
};

static struct fault_io *fault_of(const struct pn_io *io)
{
    return io->ctx;
}

static bool is_sync(enum fault_call call)
{
    return call == FAULT_FDATASYNC || call == FAULT_FSYNC || call == FAULT_SYNCFS;
}

static bool is_armed_for(const struct fault_io *fault, enum fault_call call)
{
    switch (fault->call) {
    case FAULT_ANY:
        return true;
    case FAULT_SYNCS:
        return is_sync(call);
    default:
        return fault->call == call;
    }
}

static struct verdict judge_armed(struct fault_io *fault, enum fault_call call)
{
    int64_t seen = fault->calls[fault->call];
    bool hit = fault->mode == FAULT_FOREVER ? seen >= fault->nth : seen == fault->nth;
    if (fault->nth == 0 || !hit) {
        return (struct verdict){0};
    }
    fault->fired = true;
    if (fault->mode == FAULT_SHORT_WRITE && call == FAULT_PWRITEV) {
        fault->pwritev_fails_next = fault->error != 0;
        return (struct verdict){.half = true};
    }
    return (struct verdict){.error = fault->error};
}

static struct verdict judge(struct fault_io *fault, enum fault_call call)
{
    struct verdict verdict = {0};
    (void)pthread_mutex_lock(&fault->lock);
    fault->calls[FAULT_ANY]++;
    fault->calls[call]++;
    if (is_sync(call)) {
        fault->calls[FAULT_SYNCS]++;
    }
    if (call == FAULT_PWRITEV && fault->pwritev_fails_next) {
        fault->pwritev_fails_next = false;
        verdict.error = fault->error;
    } else if (is_armed_for(fault, call)) {
        verdict = judge_armed(fault, call);
    }
    (void)pthread_mutex_unlock(&fault->lock);
    return verdict;
}

static void count_open(struct fault_io *fault, int64_t change)
{
    (void)pthread_mutex_lock(&fault->lock);
    fault->open_count += change;
    (void)pthread_mutex_unlock(&fault->lock);
}

static int fault_open(const struct pn_io *io, const char *path, int flags, mode_t mode)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_OPEN);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    int fd = fault->under->ops->open(fault->under, path, flags, mode);
    if (fd >= 0) {
        count_open(fault, 1);
    }
    return fd;
}

static int fault_close(const struct pn_io *io, int fd)
{
    struct fault_io *fault = fault_of(io);
    count_open(fault, -1);
    return fault->under->ops->close(fault->under, fd);
}

static ssize_t fault_pread(const struct pn_io *io, int fd, void *bytes, size_t len, off_t offset)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_PREAD);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->pread(fault->under, fd, bytes, len, offset);
}

/* Half of the bytes, but one at least, of what the first non-empty piece and its followers have. */
static ssize_t write_half(struct fault_io *fault, int fd, const struct iovec *iov, int count,
                          off_t offset)
{
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        total += iov[i].iov_len;
    }
    size_t left = (total + 1) / 2;
    ssize_t written = 0;
    for (int i = 0; i < count && left > 0; i++) {
        struct iovec piece = iov[i];
        if (piece.iov_len > left) {
            piece.iov_len = left;
        }
        ssize_t n =
            fault->under->ops->pwritev(fault->under, fd, &piece, 1, offset + (off_t)written);
        if (n < 0) {
            return n;
        }
        written += n;
        left -= (size_t)n;
    }
    return written;
}

static ssize_t fault_pwritev(const struct pn_io *io, int fd, const struct iovec *iov, int count,
                             off_t offset)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_PWRITEV);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    if (verdict.half) {
        return write_half(fault, fd, iov, count, offset);
    }
    return fault->under->ops->pwritev(fault->under, fd, iov, count, offset);
}

static int fault_fdatasync(const struct pn_io *io, int fd)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_FDATASYNC);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->fdatasync(fault->under, fd);
}

static int fault_fsync(const struct pn_io *io, int fd)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_FSYNC);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->fsync(fault->under, fd);
}

static int fault_syncfs(const struct pn_io *io, int fd)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_SYNCFS);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->syncfs(fault->under, fd);
}

static int fault_ftruncate(const struct pn_io *io, int fd, off_t size)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_FTRUNCATE);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->ftruncate(fault->under, fd, size);
}

static int fault_fstat(const struct pn_io *io, int fd, struct stat *st)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_FSTAT);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->fstat(fault->under, fd, st);
}

static int fault_stat(const struct pn_io *io, const char *path, struct stat *st)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_STAT);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->stat(fault->under, path, st);
}

static int fault_rename(const struct pn_io *io, const char *from, const char *to)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_RENAME);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->rename(fault->under, from, to);
}

static int fault_space(const struct pn_io *io, const char *path, int64_t *free_bytes,
                       int64_t *all_bytes)
{
    const struct pn_io *under = fault_of(io)->under;
    return under->ops->space(under, path, free_bytes, all_bytes);
}

/* What goes with a file is a help that may be missing: no fault to inject. */
static int fault_setxattr(const struct pn_io *io, const char *path, const char *name,
                          const void *value, size_t size)
{
    const struct pn_io *under = fault_of(io)->under;
    return under->ops->setxattr(under, path, name, value, size);
}

static ssize_t fault_getxattr(const struct pn_io *io, const char *path, const char *name,
                              void *value, size_t size)
{
    const struct pn_io *under = fault_of(io)->under;
    return under->ops->getxattr(under, path, name, value, size);
}

static int fault_link(const struct pn_io *io, const char *from, const char *to)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_LINK);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->link(fault->under, from, to);
}

static int fault_unlink(const struct pn_io *io, const char *path)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_UNLINK);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->unlink(fault->under, path);
}

static int fault_mkdir(const struct pn_io *io, const char *path, mode_t mode)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_MKDIR);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->mkdir(fault->under, path, mode);
}

static int fault_rmdir(const struct pn_io *io, const char *path)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_RMDIR);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->rmdir(fault->under, path);
}

static int fault_flock(const struct pn_io *io, int fd, int operation)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_FLOCK);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->flock(fault->under, fd, operation);
}

static int fault_list(const struct pn_io *io, const char *path,
                      int (*fn)(void *arg, const char *name, bool is_dir), void *arg)
{
    struct fault_io *fault = fault_of(io);
    struct verdict verdict = judge(fault, FAULT_LIST);
    if (verdict.error != 0) {
        return -verdict.error;
    }
    return fault->under->ops->list(fault->under, path, fn, arg);
}

void fault_io_init(struct fault_io *fault, const struct pn_io *under)
{
    static const struct pn_io_ops ops = {
        .open = fault_open,
        .close = fault_close,
        .pread = fault_pread,
        .pwritev = fault_pwritev,
        .fdatasync = fault_fdatasync,
        .fsync = fault_fsync,
        .syncfs = fault_syncfs,
        .ftruncate = fault_ftruncate,
        .fstat = fault_fstat,
        .stat = fault_stat,
        .rename = fault_rename,
        .space = fault_space,
        .setxattr = fault_setxattr,
        .getxattr = fault_getxattr,
        .link = fault_link,
        .unlink = fault_unlink,
        .mkdir = fault_mkdir,
        .rmdir = fault_rmdir,
        .flock = fault_flock,
        .list = fault_list,
    };
    *fault = (struct fault_io){
        .io = {.ops = &ops, .ctx = fault},
        .under = under,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
}

void fault_io_fail(struct fault_io *fault, enum fault_call call, int64_t nth, int error,
                   enum fault_mode mode)
{
    PN_ASSERT(nth >= 0 && (error > 0 || (error == 0 && mode == FAULT_SHORT_WRITE) || nth == 0));
    (void)pthread_mutex_lock(&fault->lock);
    memset(fault->calls, 0, sizeof fault->calls);
    fault->call = call;
    fault->nth = nth;
    fault->error = error;
    fault->mode = mode;
    fault->fired = false;
    fault->pwritev_fails_next = false;
    (void)pthread_mutex_unlock(&fault->lock);
}

bool fault_io_fired(struct fault_io *fault)
{
    (void)pthread_mutex_lock(&fault->lock);
    bool fired = fault->fired;
    (void)pthread_mutex_unlock(&fault->lock);
    return fired;
}

int64_t fault_io_calls(struct fault_io *fault, enum fault_call call)
{
    (void)pthread_mutex_lock(&fault->lock);
    int64_t calls = fault->calls[call];
    (void)pthread_mutex_unlock(&fault->lock);
    return calls;
}

int64_t fault_io_open_count(struct fault_io *fault)
{
    (void)pthread_mutex_lock(&fault->lock);
    int64_t count = fault->open_count;
    (void)pthread_mutex_unlock(&fault->lock);
    return count;
}
