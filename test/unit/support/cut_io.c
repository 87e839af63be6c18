#include "support/cut_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { SECTOR_BYTES = 512 };

static struct cut_inode *find(const struct cut_io *cut, ino_t ino)
{
    for (size_t i = 0; i < cut->count; i++) {
        if (cut->inodes[i].ino == ino) {
            return &cut->inodes[i];
        }
    }
    return NULL;
}

static void forget(struct cut_inode *inode)
{
    free(inode->bytes);
    free(inode->entries);
    *inode = (struct cut_inode){.ino = inode->ino};
}

static struct cut_inode *find_or_add(struct cut_io *cut, ino_t ino)
{
    struct cut_inode *inode = find(cut, ino);
    if (inode == NULL) {
        pn_grow((void **)&cut->inodes, &cut->capacity, cut->count + 1, sizeof *cut->inodes);
        inode = &cut->inodes[cut->count++];
        *inode = (struct cut_inode){.ino = ino};
    }
    forget(inode);
    return inode;
}

static uint8_t *read_all(const char *path, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    PN_ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = pn_xmalloc((size_t)st.st_size);
    *len = (size_t)st.st_size;
    PN_ASSERT(pread(fd, bytes, *len, 0) == st.st_size);
    (void)close(fd);
    return bytes;
}

static struct cut_entry *list_all(const char *path, size_t *count)
{
    struct cut_entry *entries = NULL;
    size_t capacity = 0;
    *count = 0;
    DIR *dir = opendir(path);
    PN_ASSERT(dir != NULL);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            pn_grow((void **)&entries, &capacity, *count + 1, sizeof *entries);
            struct cut_entry *added = &entries[(*count)++];
            (void)snprintf(added->name, sizeof added->name, "%s", entry->d_name);
            added->ino = entry->d_ino;
            added->is_dir = entry->d_type == DT_DIR;
        }
    }
    (void)closedir(dir);
    return entries;
}

/* Takes note of what is now in a file or folder. */
static void remember(struct cut_io *cut, int fd)
{
    struct stat st;
    PN_ASSERT(fstat(fd, &st) == 0);
    struct cut_inode *inode = find_or_add(cut, st.st_ino);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (S_ISDIR(st.st_mode)) {
        inode->entries = list_all(path, &inode->entry_count);
    } else {
        inode->bytes = read_all(path, &inode->len);
    }
}

static int sync_any(const struct pn_io *io, int fd, bool lies)
{
    struct cut_io *cut = io->ctx;
    pthread_mutex_lock(&cut->lock);
    if (!lies) {
        remember(cut, fd);
    }
    cut->synced(cut->arg);
    pthread_mutex_unlock(&cut->lock);
    return 0;
}

static int cut_fsync(const struct pn_io *io, int fd)
{
    return sync_any(io, fd, false);
}

static int cut_fdatasync(const struct pn_io *io, int fd)
{
    return sync_any(io, fd, ((const struct cut_io *)io->ctx)->fdatasync_lies);
}

/* The number of a file that is gone may be given to a new one, of which nothing lasts yet. */
static int cut_open(const struct pn_io *io, const char *path, int flags, mode_t mode)
{
    struct cut_io *cut = io->ctx;
    int fd = pn_io_system()->ops->open(io, path, flags, mode);
    if (fd >= 0 && (flags & O_EXCL) != 0) {
        struct stat st;
        PN_ASSERT(fstat(fd, &st) == 0);
        pthread_mutex_lock(&cut->lock);
        (void)find_or_add(cut, st.st_ino);
        pthread_mutex_unlock(&cut->lock);
    }
    return fd;
}

void cut_io_init(struct cut_io *cut, void (*synced)(void *arg), void *arg)
{
    *cut = (struct cut_io){.ops = *pn_io_system()->ops, .synced = synced, .arg = arg};
    cut->ops.open = cut_open;
    cut->ops.fsync = cut_fsync;
    cut->ops.fdatasync = cut_fdatasync;
    cut->io = (struct pn_io){.ops = &cut->ops, .ctx = cut};
    pthread_mutex_init(&cut->lock, NULL);
}

void cut_io_deinit(struct cut_io *cut)
{
    for (size_t i = 0; i < cut->count; i++) {
        forget(&cut->inodes[i]);
    }
    free(cut->inodes);
    pthread_mutex_destroy(&cut->lock);
}

/* --- images ---------------------------------------------------------------------------------- */

static bool coin(struct pn_random *random)
{
    return random != NULL && pn_random_below(random, 2) == 0;
}

/* `now` is the file's path, or NULL when it has none any more. */
static void image_file(const struct cut_io *cut, ino_t ino, const char *now, const char *to,
                       struct pn_random *random)
{
    static const struct cut_inode nothing = {0};
    const struct cut_inode *inode = find(cut, ino);
    size_t now_len = 0;
    uint8_t *now_bytes = NULL;
    inode = inode != NULL ? inode : &nothing;
    if (now != NULL && random != NULL) {
        now_bytes = read_all(now, &now_len);
    }
    size_t len = now_bytes != NULL && coin(random) ? now_len : inode->len;
    uint8_t *bytes = pn_xcalloc(len, 1);
    for (size_t at = 0; at < len; at += SECTOR_BYTES) {
        bool as_now = now_bytes != NULL && coin(random);
        const uint8_t *source = as_now ? now_bytes : inode->bytes;
        size_t source_len = as_now ? now_len : inode->len;
        size_t end = at + SECTOR_BYTES < len ? at + SECTOR_BYTES : len;
        end = end < source_len ? end : source_len;
        if (end > at) {
            memcpy(bytes + at, source + at, end - at);
        }
    }
    FILE *file = fopen(to, "wb");
    PN_ASSERT(file != NULL);
    PN_ASSERT(fwrite(bytes, 1, len, file) == len);
    PN_ASSERT(fclose(file) == 0);
    free(bytes);
    free(now_bytes);
}

static void image_folder(const struct cut_io *cut, ino_t ino, const char *now, const char *to,
                         struct pn_random *random)
{
    size_t count = 0;
    struct cut_entry *entries = NULL;
    const struct cut_inode *inode = find(cut, ino);
    if (now != NULL && coin(random)) {
        entries = list_all(now, &count);
    } else if (inode != NULL) {
        entries = pn_xcalloc(inode->entry_count, sizeof *entries);
        count = inode->entry_count;
        if (count > 0) {
            memcpy(entries, inode->entries, count * sizeof *entries);
        }
    }
    PN_ASSERT(mkdir(to, 0755) == 0);
    for (size_t i = 0; i < count; i++) {
        char *inner_now = now != NULL ? pn_xasprintf("%s/%s", now, entries[i].name) : NULL;
        char *inner_to = pn_xasprintf("%s/%s", to, entries[i].name);
        struct stat st;
        bool there = inner_now != NULL && stat(inner_now, &st) == 0 && st.st_ino == entries[i].ino;
        void (*image)(const struct cut_io *, ino_t, const char *, const char *,
                      struct pn_random *) = entries[i].is_dir ? image_folder : image_file;
        image(cut, entries[i].ino, there ? inner_now : NULL, inner_to, random);
        free(inner_now);
        free(inner_to);
    }
    free(entries);
}

void cut_io_image(const struct cut_io *cut, const char *from, const char *to,
                  struct pn_random *random)
{
    struct stat st;
    PN_ASSERT(stat(from, &st) == 0);
    image_folder(cut, st.st_ino, from, to, random);
}
