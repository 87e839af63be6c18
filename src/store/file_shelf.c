#include "store/file_shelf.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file_sum.h"
#include "base/mem.h"
#include "base/random.h"

/*
 * A look at all copies is not free: a process looks when it has given so large a part of what fits,
 * and then makes room down to what leaves two parts free. Each process begins somewhere within the
 * part, so that many that give little look as often as one that gives much.
 */
enum { PARTS = 8, BYTES_PER_SMALL_COPY = 64 * 1024, FULL_PARTS = 64 };

struct pn_file_shelf {
    const struct pn_io *io;
    char *folder;
    int64_t bytes_max;
    pthread_mutex_t lock;
    int64_t unseen_bytes; /* given since the last look */
};

/* A copy, as a look at the folder finds it. */
struct shelved {
    char *path;
    int64_t weight;
    int64_t used_ns;
};

struct pn_file_shelf *pn_file_shelf_create(const struct pn_io *io, const char *folder,
                                           int64_t bytes_max)
{
    struct pn_file_shelf *shelf = pn_xcalloc(1, sizeof *shelf);
    *shelf = (struct pn_file_shelf){
        .io = io,
        .folder = pn_xstrdup(folder),
        .bytes_max = bytes_max,
        .unseen_bytes = (int64_t)(pn_entropy_u64() % (uint64_t)(bytes_max / PARTS + 1))};
    pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

void pn_file_shelf_destroy(struct pn_file_shelf **shelf)
{
    if (*shelf != NULL) {
        pthread_mutex_destroy(&(*shelf)->lock);
        free((*shelf)->folder);
        free(*shelf);
        *shelf = NULL;
    }
}

static void remove_file(const struct pn_file_shelf *shelf, const char *path)
{
    int ignored = pn_io_unlink(shelf->io, path, NULL);
    (void)ignored;
}

/* --- taking ----------------------------------------------------------------------------------- */

static bool is_whole(const struct pn_io *io, const char *path)
{
    uint32_t sum = 0;
    return pn_file_sum_get(io, path, &sum) && pn_file_sum_check(io, path, NULL) == 0;
}

bool pn_file_shelf_take(struct pn_file_shelf *shelf, const char *name, const char *path,
                        int64_t *size_bytes)
{
    struct stat st;
    char *from = pn_xasprintf("%s/%s", shelf->folder, name);
    bool taken = pn_io_exists(shelf->io, from) && pn_io_link(shelf->io, from, path, NULL) == 0;
    if (taken && (!is_whole(shelf->io, path) || pn_io_stat(shelf->io, path, &st, NULL) != 0)) {
        remove_file(shelf, path);
        remove_file(shelf, from);
        taken = false;
    }
    if (taken) {
        *size_bytes = st.st_size;
    }
    free(from);
    return taken;
}

/* --- giving, and room ------------------------------------------------------------------------- */

/* What a copy counts as: small ones for more than their bytes, so that a limit of bytes is one of
 * copies as well. */
static int64_t weight(const struct pn_file_shelf *shelf, const struct stat *st)
{
    int64_t least = shelf->bytes_max / FULL_PARTS < BYTES_PER_SMALL_COPY
                        ? shelf->bytes_max / FULL_PARTS
                        : BYTES_PER_SMALL_COPY;
    return st->st_size > least ? st->st_size : least;
}

static int by_use(const void *a, const void *b)
{
    const struct shelved *one = a;
    const struct shelved *other = b;
    return (one->used_ns > other->used_ns) - (one->used_ns < other->used_ns);
}

/* What is there; those that other processes remove meanwhile are left out. */
static struct shelved *look(const struct pn_file_shelf *shelf, size_t *count, int64_t *bytes)
{
    struct pn_io_listing listing = {0};
    struct stat st;
    *count = 0;
    *bytes = 0;
    if (pn_io_list(shelf->io, shelf->folder, &listing, NULL) != 0) {
        return NULL;
    }
    struct shelved *found = pn_xcalloc(listing.count + 1, sizeof *found);
    for (size_t i = 0; i < listing.count; i++) {
        char *path = pn_xasprintf("%s/%s", shelf->folder, listing.entries[i].name);
        if (pn_io_stat(shelf->io, path, &st, NULL) != 0) {
            free(path);
            continue;
        }
        *bytes += weight(shelf, &st);
        found[(*count)++] = (struct shelved){.path = path,
                                             .weight = weight(shelf, &st),
                                             .used_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 +
                                                        st.st_ctim.tv_nsec};
    }
    pn_io_listing_deinit(&listing);
    return found;
}

static void make_room(const struct pn_file_shelf *shelf)
{
    size_t count = 0;
    int64_t bytes = 0;
    int64_t aim = shelf->bytes_max - 2 * (shelf->bytes_max / PARTS);
    struct shelved *found = look(shelf, &count, &bytes);
    if (count > 0) {
        qsort(found, count, sizeof *found, by_use);
    }
    for (size_t i = 0; i < count; i++) {
        if (bytes > aim) {
            remove_file(shelf, found[i].path);
            bytes -= found[i].weight;
        }
        free(found[i].path);
    }
    free(found);
}

/* Is it time to look? */
static bool count_given(struct pn_file_shelf *shelf, int64_t bytes)
{
    pthread_mutex_lock(&shelf->lock);
    bool is_time = shelf->unseen_bytes + bytes > shelf->bytes_max / PARTS;
    shelf->unseen_bytes = is_time ? 0 : shelf->unseen_bytes + bytes;
    pthread_mutex_unlock(&shelf->lock);
    return is_time;
}

/* The disk keeps as much free as the shelf may take: it is there for others first. */
static bool has_space(const struct pn_file_shelf *shelf, const char *path)
{
    int64_t free_bytes = 0;
    int64_t all_bytes = 0;
    return pn_io_space(shelf->io, path, &free_bytes, &all_bytes, NULL) == 0 &&
           free_bytes >= shelf->bytes_max;
}

bool pn_file_shelf_fits(struct pn_file_shelf *shelf, const char *path)
{
    struct stat st;
    return pn_io_stat(shelf->io, path, &st, NULL) == 0 && st.st_size <= shelf->bytes_max / PARTS &&
           has_space(shelf, path);
}

void pn_file_shelf_give(struct pn_file_shelf *shelf, const char *name, const char *path)
{
    struct stat st;
    uint32_t sum = 0;
    if (!pn_file_shelf_fits(shelf, path) || !pn_file_sum_get(shelf->io, path, &sum) ||
        pn_io_stat(shelf->io, path, &st, NULL) != 0 ||
        pn_io_mkdirs(shelf->io, shelf->folder, NULL) != 0) {
        return;
    }
    char *to = pn_xasprintf("%s/%s", shelf->folder, name);
    bool given = pn_io_link(shelf->io, path, to, NULL) == 0; /* or another process has given it */
    free(to);
    if (given && count_given(shelf, weight(shelf, &st))) {
        make_room(shelf);
    }
}
