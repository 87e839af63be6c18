/*
 * The one place that touches the disk. Every other module reaches files through a `struct pn_io`,
 * so a test can make any call fail (EIO, ENOSPC, a short write) or count them.
 *
 * pn_io_system() is the real disk. The functions below the table are what modules call: they retry
 * EINTR and short writes, turn errnos into messages with the path in them, and never retry a
 * failed sync: after one, the page may be clean and lost, so the caller treats the file as broken.
 */
#ifndef PN_BASE_IO_H
#define PN_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/err.h"

struct pn_io;

/* System calls as they are, except that a failure returns -errno. `io` is the instance. */
struct pn_io_ops {
    int (*open)(const struct pn_io *io, const char *path, int flags, mode_t mode);
    int (*close)(const struct pn_io *io, int fd);
    ssize_t (*pread)(const struct pn_io *io, int fd, void *bytes, size_t len, off_t offset);
    ssize_t (*pwritev)(const struct pn_io *io, int fd, const struct iovec *iov, int count,
                       off_t offset);
    int (*fdatasync)(const struct pn_io *io, int fd);
    int (*fsync)(const struct pn_io *io, int fd);
    int (*syncfs)(const struct pn_io *io, int fd);
    void (*start_writeback)(const struct pn_io *io, int fd); /* a hint; may be NULL */
    int (*ftruncate)(const struct pn_io *io, int fd, off_t size);
    int (*fstat)(const struct pn_io *io, int fd, struct stat *st);
    int (*stat)(const struct pn_io *io, const char *path, struct stat *st);
    int (*rename)(const struct pn_io *io, const char *from, const char *to);
    int (*link)(const struct pn_io *io, const char *from, const char *to);
    int (*unlink)(const struct pn_io *io, const char *path);
    int (*mkdir)(const struct pn_io *io, const char *path, mode_t mode);
    int (*rmdir)(const struct pn_io *io, const char *path);
    int (*flock)(const struct pn_io *io, int fd, int operation);
    /* Of the disk that a path is on: what is free for this user, and all of it. */
    int (*space)(const struct pn_io *io, const char *path, int64_t *free_bytes, int64_t *all_bytes);
    /* Extended attributes, see base/file_sum.h; both may be NULL. The second returns a length. */
    int (*setxattr)(const struct pn_io *io, const char *path, const char *name, const void *value,
                    size_t size);
    ssize_t (*getxattr)(const struct pn_io *io, const char *path, const char *name, void *value,
                        size_t size);
    /* Calls fn for each entry of a folder but "." and "..", in no order, until it returns non-zero,
     * which is then returned. */
    int (*list)(const struct pn_io *io, const char *path,
                int (*fn)(void *arg, const char *name, bool is_dir), void *arg);
};

struct pn_io {
    const struct pn_io_ops *ops;
    void *ctx; /* the implementation's own */
};

/* The real disk. Static, never freed. */
const struct pn_io *pn_io_system(void);

/*
 * Opens /dev/null as each of standard input, output and error that is closed. Call it first in
 * main(): otherwise the next file to be opened gets that number, and log lines are written into it.
 */
void pn_io_open_std(void);

/* Files. All paths are NUL-terminated; all functions return 0 or an errno with *e set. */
int pn_io_open(const struct pn_io *io, const char *path, int flags, int *fd,
               struct pn_err *e) PN_MUST_CHECK; /* new files get mode 0644; O_CLOEXEC is added */
/* The same with the mode of a new file. */
int pn_io_open_mode(const struct pn_io *io, const char *path, int flags, mode_t mode, int *fd,
                    struct pn_err *e) PN_MUST_CHECK;
void pn_io_close(const struct pn_io *io, int *fd); /* -1 ok; sets *fd to -1 */
/* Reads exactly `len` bytes at `offset`; fewer is a CORRUPT error "file ends early". `path` is for
 * the message. */
int pn_io_read_at(const struct pn_io *io, int fd, void *bytes, size_t len, int64_t offset,
                  const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Reads up to `len` bytes; *got is less only at the end of the file. */
int pn_io_read_some(const struct pn_io *io, int fd, void *bytes, size_t len, int64_t offset,
                    size_t *got, const char *path, struct pn_err *e) PN_MUST_CHECK;
int pn_io_write_at(const struct pn_io *io, int fd, const void *bytes, size_t len, int64_t offset,
                   const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Writes all of iov (which it may change), at most 64 pieces a call. */
int pn_io_writev_at(const struct pn_io *io, int fd, struct iovec *iov, int count, int64_t offset,
                    const char *path, struct pn_err *e) PN_MUST_CHECK;
int pn_io_datasync(const struct pn_io *io, int fd, const char *path,
                   struct pn_err *e) PN_MUST_CHECK;
int pn_io_sync(const struct pn_io *io, int fd, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Asks the disk to start writing what the file holds, and does not wait: a later sync of many such
 * files shares its waits. Promises nothing. */
void pn_io_start_writeback(const struct pn_io *io, int fd);
/*
 * Syncs the whole file system that `fd` is on: for many small files it costs one wait instead of
 * one each, but it also waits for what others have written there. Failures of writing back are
 * those since `fd` was opened, so open it before writing the files.
 */
int pn_io_sync_all(const struct pn_io *io, int fd, const char *path,
                   struct pn_err *e) PN_MUST_CHECK;
int pn_io_truncate(const struct pn_io *io, int fd, int64_t size, const char *path,
                   struct pn_err *e) PN_MUST_CHECK;
int pn_io_fstat(const struct pn_io *io, int fd, struct stat *st, const char *path,
                struct pn_err *e) PN_MUST_CHECK;
int pn_io_size(const struct pn_io *io, int fd, int64_t *size_bytes, const char *path,
               struct pn_err *e) PN_MUST_CHECK;

/* Names. */
int pn_io_stat(const struct pn_io *io, const char *path, struct stat *st,
               struct pn_err *e) PN_MUST_CHECK;
bool pn_io_exists(const struct pn_io *io, const char *path);
/* The bytes that are free for this user on the disk that a path is on, and all of the disk's. */
int pn_io_space(const struct pn_io *io, const char *path, int64_t *free_bytes, int64_t *all_bytes,
                struct pn_err *e) PN_MUST_CHECK;
int pn_io_rename(const struct pn_io *io, const char *from, const char *to,
                 struct pn_err *e) PN_MUST_CHECK;
int pn_io_link(const struct pn_io *io, const char *from, const char *to,
               struct pn_err *e) PN_MUST_CHECK; /* EEXIST is class CONFLICT */
int pn_io_unlink(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* The folder and every missing parent; the parent of each one made is synced. */
int pn_io_mkdirs(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* A new folder that only this user may look into, for what is gone with the process. */
int pn_io_mkdir_private(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Does a call's error code say that this user may not write there? */
bool pn_io_is_read_only(int rc);
int pn_io_rmdir(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Makes names created, renamed or removed in a folder last. */
int pn_io_sync_dir(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* The same for the folder that holds `path`. */
int pn_io_sync_parent(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Makes an existing file's contents last (opens, fsyncs, closes): for files others wrote. */
int pn_io_sync_file(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;

/* An owned, sorted (bytewise) list of a folder's entries. A missing folder is an error MISSING. */
struct pn_io_entry {
    char *name;
    bool is_dir;
};
struct pn_io_listing {
    struct pn_io_entry *entries;
    size_t count;
    size_t capacity;
};
int pn_io_list(const struct pn_io *io, const char *path, struct pn_io_listing *listing,
               struct pn_err *e) PN_MUST_CHECK;
void pn_io_listing_deinit(struct pn_io_listing *listing);

/* Whole files. */
/* Appends the contents to `out`; larger than out's maximum is an INPUT error. */
int pn_io_read_file(const struct pn_io *io, const char *path, struct pn_buf *out,
                    struct pn_err *e) PN_MUST_CHECK;
/*
 * Temporary file beside `path` (".pinion-<random>.tmp"), write, sync, rename over `path`, sync of
 * the folder: after a crash either the old or the new contents are there, whole. The temporary file
 * is removed on failure; one may be left by a crash, and is nobody's. When only the last sync fails
 * the new contents are in place, but may not last.
 */
int pn_io_replace_file(const struct pn_io *io, const char *path, const void *bytes, size_t len,
                       struct pn_err *e) PN_MUST_CHECK;
/* The same for what only this user may read: the file's mode is 0600. */
int pn_io_replace_secret(const struct pn_io *io, const char *path, const void *bytes, size_t len,
                         struct pn_err *e) PN_MUST_CHECK;
/* The same, but exclusive: an existing `path` is left alone and the error is CONFLICT (by link()).
 */
int pn_io_create_file(const struct pn_io *io, const char *path, const void *bytes, size_t len,
                      struct pn_err *e) PN_MUST_CHECK;
/* The path from the root on, without trailing slashes, whatever the working folder is later. Caller
 * frees. It need not exist. */
int pn_io_absolute_path(const char *path, char **absolute, struct pn_err *e) PN_MUST_CHECK;
/* Removes a folder with all that's in it; a missing one is fine. */
int pn_io_remove_tree(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;

/*
 * Takes an exclusive lock on `path` (created when missing) for the life of *fd; fails with class
 * CONFLICT when another process holds it.
 */
int pn_io_lock(const struct pn_io *io, const char *path, int *fd, struct pn_err *e) PN_MUST_CHECK;
/* The same for a file that others only look at (pn_io_is_locked): waits while they do. */
int pn_io_lock_announced(const struct pn_io *io, const char *path, int *fd,
                         struct pn_err *e) PN_MUST_CHECK;
/* Whether a process that lives holds the lock; a missing file is not locked. */
int pn_io_is_locked(const struct pn_io *io, const char *path, bool *locked,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
