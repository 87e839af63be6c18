/*
 * A disk that remembers what would be left of it if the power went now, for tests: a `struct pn_io`
 * that works on real files and takes note, at each sync, of what that made last: a file's contents
 * (fsync, fdatasync) or a folder's names (fsync of the folder). Nothing else lasts: neither the
 * name of a new file whose folder was not synced, nor bytes written since a file's last sync.
 *
 * After each sync it calls back, and cut_io_image() can then write out a folder as a power cut at
 * that moment would leave it.
 */
#ifndef PN_TEST_SUPPORT_CUT_IO_H
#define PN_TEST_SUPPORT_CUT_IO_H

#include <pthread.h>

#include "base/io.h"
#include "base/random.h"

struct cut_entry {
    char name[256];
    ino_t ino;
    bool is_dir;
};

/* What lasts of a file or folder. */
struct cut_inode {
    ino_t ino;
    uint8_t *bytes;
    size_t len;
    struct cut_entry *entries;
    size_t entry_count;
};

struct cut_io {
    struct pn_io io; /* pass &cut.io */
    struct pn_io_ops ops;
    pthread_mutex_t lock;
    struct cut_inode *inodes;
    size_t count;
    size_t capacity;
    bool fdatasync_lies; /* it says that it has synced, and has not */
    void (*synced)(void *arg);
    void *arg;
};

/* `synced` is called on the thread that synced, with the lock held: one at a time. */
void cut_io_init(struct cut_io *cut, void (*synced)(void *arg), void *arg);
void cut_io_deinit(struct cut_io *cut);

/*
 * Writes what would be left of the folder `from` into the new folder `to`. With `random`, what was
 * not synced is not all lost: of each folder either its synced or its present names are there, and
 * each 512 bytes of a file, and its length, may be as at the last sync or as now.
 */
void cut_io_image(const struct cut_io *cut, const char *from, const char *to,
                  struct pn_random *random);

#endif
