/* The copying itself. */
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/copy_work.h"

enum { BLOCK_BYTES = 1 << 20, MEMORY_BYTES_MAX = 4 << 20 };

/* One object on its way. */
struct passage {
    struct pn_copy_work *work;
    struct pn_copy_item *item;
    struct pn_store_file *source;
    uint32_t sum;  /* of the bytes as they were read */
    int64_t first; /* struct pn_put */
    int64_t end;
};

static const struct pn_copy_config *config_of(const struct passage *passage)
{
    return &passage->work->copy->config;
}

/* Reads all of the source, a block at a time, and gives each to `fn`. */
static int read_source(struct passage *passage, char *block, size_t block_len,
                       int (*fn)(void *arg, const char *bytes, size_t len, int64_t at,
                                 struct pn_err *e),
                       void *arg, struct pn_err *e)
{
    int64_t at = 0;
    size_t got = 1;
    uint32_t kept = 0;
    int rc = 0;
    while (rc == 0 && got > 0) {
        rc = pn_copy_work_is_ending(passage->work)
                 ? pn_err_set(e, PN_CLASS_RETRY, EINTR, "stopped")
                 : pn_store_read_at(passage->source, block, block_len, at, &got, e);
        if (rc == 0 && got > 0) {
            passage->sum = pn_crc32c_add(passage->sum, block, got);
            pn_copy_work_note(passage->work, (int64_t)got);
            rc = fn(arg, block, got, at, e);
            at += (int64_t)got;
        }
    }
    bool is_whole = at == passage->source->object.size_bytes;
    if (rc == 0 && (!is_whole || (pn_store_sum(passage->source, &kept) && kept != passage->sum))) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the object '%s' of the %s store is damaged: what was read is not what was "
                        "put (CRC-32C). Restore it from a backup",
                        passage->item->key, config_of(passage)->from->ops->name);
    }
    passage->item->size_bytes = at;
    return rc;
}

/* --- through memory --------------------------------------------------------------------------- */

static int add_bytes(void *arg, const char *bytes, size_t len, int64_t at, struct pn_err *e)
{
    (void)at;
    (void)e;
    pn_buf_add(arg, bytes, len);
    return 0;
}

static int put_bytes(struct passage *passage, const struct pn_buf *bytes, struct pn_err *e)
{
    struct pn_store *to = config_of(passage)->to;
    const struct pn_copy_item *item = passage->item;
    const struct pn_put put = {.key = item->key,
                               .bytes = pn_buf_text(bytes),
                               .len = bytes->len,
                               .first = passage->first,
                               .end = passage->end};
    if (item->is_there || passage->end > 0) {
        return pn_store_put_many(to, &put, 1, e);
    }
    struct pn_err why = {0};
    int rc = pn_store_put_if_absent(to, put.key, put.bytes, put.len, &why);
    if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
        return 0; /* somebody put it meanwhile: it is compared with the source */
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

static int copy_by_memory(struct passage *passage, struct pn_err *e)
{
    int64_t size_bytes = passage->source->object.size_bytes;
    struct pn_buf bytes;
    pn_copy_work_hold(passage->work, size_bytes);
    pn_buf_init(&bytes, (size_t)size_bytes + 1);
    char *block = pn_xmalloc(BLOCK_BYTES);
    int rc = read_source(passage, block, BLOCK_BYTES, add_bytes, &bytes, e);
    if (rc == 0) {
        rc = pn_buf_check(&bytes, passage->item->key, e);
    }
    if (rc == 0) {
        rc = put_bytes(passage, &bytes, e);
    }
    free(block);
    pn_buf_deinit(&bytes);
    pn_copy_work_give_back(passage->work, size_bytes);
    return rc;
}

/* --- through a file --------------------------------------------------------------------------- */

struct staged {
    const struct pn_io *io;
    char *path;
    int fd;
};

static int write_bytes(void *arg, const char *bytes, size_t len, int64_t at, struct pn_err *e)
{
    struct staged *staged = arg;
    return pn_io_write_at(staged->io, staged->fd, bytes, len, at, staged->path, e);
}

static int copy_by_file(struct passage *passage, struct pn_err *e)
{
    const struct pn_copy_config *config = config_of(passage);
    struct staged staged = {.io = config->io, .fd = -1};
    int64_t size_bytes = 0;
    char *block = pn_xmalloc(BLOCK_BYTES);
    int rc = pn_store_begin_file(config->to, passage->item->key, &staged.path, e);
    if (rc == 0) {
        rc = pn_io_open(config->io, staged.path, O_WRONLY | O_CREAT | O_EXCL, &staged.fd, e);
    }
    if (rc == 0) {
        rc = read_source(passage, block, BLOCK_BYTES, write_bytes, &staged, e);
        pn_io_close(config->io, &staged.fd);
    }
    if (rc == 0) {
        rc = pn_store_commit_file(config->to, passage->item->key, staged.path, &size_bytes, e);
    }
    if (rc != 0 && staged.path != NULL) {
        int ignored = pn_io_unlink(config->io, staged.path, NULL);
        (void)ignored; /* the next start sweeps it away */
    }
    free(staged.path);
    free(block);
    return rc;
}

/* --- one object ------------------------------------------------------------------------------- */

/* Is what the target has now what was read? */
static int verify(struct passage *passage, struct pn_err *e)
{
    const struct pn_copy_config *config = config_of(passage);
    int64_t there_bytes = 0;
    uint32_t there = 0;
    int rc = pn_copy_sum(passage->work, config->to, passage->item->key, config->reads_back,
                         &there_bytes, &there, e);
    if (rc == 0 && (there_bytes != passage->item->size_bytes || there != passage->sum)) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the copy '%s' has %lld bytes with the CRC-32C %08x, and its source %lld "
                        "with %08x",
                        passage->item->key, (long long)there_bytes, there,
                        (long long)passage->item->size_bytes, passage->sum);
    }
    return rc;
}

static int copy_item(struct pn_copy_work *work, struct pn_copy_item *item, struct pn_err *e)
{
    const struct pn_copy_config *config = &work->copy->config;
    bool is_hint = item->rank == PN_COPY_RANK_HINT;
    bool is_wanted = item->state == PN_COPY_MISSING ||
                     (item->state == PN_COPY_DIFFERS && (work->replaces || is_hint));
    struct passage passage = {.work = work, .item = item};
    struct pn_err why = {0};
    if (!is_wanted) {
        return 0;
    }
    int rc = pn_store_open(config->from, item->key, &passage.source, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        item->state = PN_COPY_GONE;
        return 0;
    }
    if (rc == 0) {
        if (!pn_store_offsets(passage.source, &passage.first, &passage.end)) {
            passage.end = 0;
        }
        bool by_memory = passage.end > 0 || passage.source->object.size_bytes <= MEMORY_BYTES_MAX;
        rc = by_memory ? copy_by_memory(&passage, &why) : copy_by_file(&passage, &why);
    }
    if (rc == 0) {
        rc = verify(&passage, &why);
    }
    pn_store_close(&passage.source);
    if (rc != 0) {
        return pn_copy_fail_item(item, rc, &why, e);
    }
    item->state = PN_COPY_DONE;
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int64_t wanted_bytes(const struct pn_copy *copy, bool replaces)
{
    int64_t bytes = pn_copy_count(copy, PN_COPY_MISSING).bytes;
    return bytes + (replaces ? pn_copy_count(copy, PN_COPY_DIFFERS).bytes : 0);
}

/* Objects of later ranks may name one that is not in the target. */
static bool lacks_any(const struct pn_copy *copy, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (copy->items[i].state == PN_COPY_FAILED || copy->items[i].state == PN_COPY_GONE) {
            return true;
        }
    }
    return false;
}

int pn_copy_run(struct pn_copy *copy, bool replaces, struct pn_err *e)
{
    struct pn_copy_work work;
    pn_copy_work_init(&work, copy);
    work.fn = copy_item;
    work.replaces = replaces;
    work.phase = PN_COPY_COPYING;
    work.all = wanted_bytes(copy, replaces);
    int rc = 0;
    for (size_t first = 0; rc == 0 && first < copy->count;) {
        size_t end = first;
        while (end < copy->count && copy->items[end].rank == copy->items[first].rank) {
            end++;
        }
        rc = pn_copy_work_run(&work, first, end, e);
        if (rc == 0 && lacks_any(copy, first, end)) {
            break;
        }
        first = end;
    }
    pn_copy_work_deinit(&work);
    return rc;
}
