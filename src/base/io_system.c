/* The real disk: system calls as they are. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"

static int result_of(int rc)
{
    return rc < 0 ? -errno : rc;
}

static int system_open(const struct pn_io *io, const char *path, int flags, mode_t mode)
{
    (void)io;
    return result_of(open(path, flags, mode));
}

static int system_close(const struct pn_io *io, int fd)
{
    (void)io;
    return result_of(close(fd));
}

static ssize_t system_pread(const struct pn_io *io, int fd, void *bytes, size_t len, off_t offset)
{
    (void)io;
    ssize_t got = pread(fd, bytes, len, offset);
    return got < 0 ? -errno : got;
}

static ssize_t system_pwritev(const struct pn_io *io, int fd, const struct iovec *iov, int count,
                              off_t offset)
{
    (void)io;
    ssize_t wrote = pwritev(fd, iov, count, offset);
    return wrote < 0 ? -errno : wrote;
}

static int system_fdatasync(const struct pn_io *io, int fd)
{
    (void)io;
    return result_of(fdatasync(fd));
}

static int system_fsync(const struct pn_io *io, int fd)
{
    (void)io;
    return result_of(fsync(fd));
}

static int system_syncfs(const struct pn_io *io, int fd)
{
    (void)io;
    return result_of(syncfs(fd));
}

static void system_start_writeback(const struct pn_io *io, int fd)
{
    (void)io;
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int system_ftruncate(const struct pn_io *io, int fd, off_t size)
{
    (void)io;
    return result_of(ftruncate(fd, size));
}

static int system_fstat(const struct pn_io *io, int fd, struct stat *st)
{
    (void)io;
    return result_of(fstat(fd, st));
}

static int system_stat(const struct pn_io *io, const char *path, struct stat *st)
{
    (void)io;
    return result_of(stat(path, st));
}

static int system_rename(const struct pn_io *io, const char *from, const char *to)
{
    (void)io;
    return result_of(rename(from, to));
}

static int system_link(const struct pn_io *io, const char *from, const char *to)
{
    (void)io;
    return result_of(link(from, to));
}

static int system_unlink(const struct pn_io *io, const char *path)
{
    (void)io;
    return result_of(unlink(path));
}

static int system_mkdir(const struct pn_io *io, const char *path, mode_t mode)
{
    (void)io;
    return result_of(mkdir(path, mode));
}

static int system_rmdir(const struct pn_io *io, const char *path)
{
    (void)io;
    return result_of(rmdir(path));
}

static int system_flock(const struct pn_io *io, int fd, int operation)
{
    (void)io;
    return result_of(flock(fd, operation));
}

static int system_space(const struct pn_io *io, const char *path, int64_t *free_bytes,
                        int64_t *all_bytes)
{
    (void)io;
    struct statvfs st;
    if (statvfs(path, &st) != 0) {
        return -errno;
    }
    *free_bytes = (int64_t)(st.f_bavail * st.f_frsize);
    *all_bytes = (int64_t)(st.f_blocks * st.f_frsize);
    return 0;
}

static int system_setxattr(const struct pn_io *io, const char *path, const char *name,
                           const void *value, size_t size)
{
    (void)io;
    return result_of(setxattr(path, name, value, size, 0));
}

static ssize_t system_getxattr(const struct pn_io *io, const char *path, const char *name,
                               void *value, size_t size)
{
    (void)io;
    ssize_t got = getxattr(path, name, value, size);
    return got < 0 ? -errno : got;
}

/* A link to a folder does not count as a folder here, so that removing a tree does not follow
 * it. */
static bool entry_is_dir(DIR *dir, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_DIR;
    }
    struct stat st;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int system_list(const struct pn_io *io, const char *path,
                       int (*fn)(void *arg, const char *name, bool is_dir), void *arg)
{
    (void)io;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -errno;
    }
    int rc = 0;
    while (rc == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            rc = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            rc = fn(arg, entry->d_name, entry_is_dir(dir, entry));
        }
    }
    (void)closedir(dir);
    return rc;
}

const struct pn_io *pn_io_system(void)
{
    static const struct pn_io_ops ops = {
        .open = system_open,
        .close = system_close,
        .pread = system_pread,
        .pwritev = system_pwritev,
        .fdatasync = system_fdatasync,
        .fsync = system_fsync,
        .syncfs = system_syncfs,
        .start_writeback = system_start_writeback,
        .ftruncate = system_ftruncate,
        .fstat = system_fstat,
        .stat = system_stat,
        .rename = system_rename,
        .link = system_link,
        .unlink = system_unlink,
        .mkdir = system_mkdir,
        .rmdir = system_rmdir,
        .flock = system_flock,
        .space = system_space,
        .setxattr = system_setxattr,
        .getxattr = system_getxattr,
        .list = system_list,
    };
    static const struct pn_io io = {.ops = &ops};
    return &io;
}
