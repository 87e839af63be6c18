/* Objects read: whole, or in stretches. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/s3/private.h"

enum { READ_AHEAD = 4 << 20, NOTHING_THERE = 416 };

struct s3_file {
    struct pn_store_file file;
    bool has_sum;
    uint32_t sum;
    int64_t first;
    int64_t end;
    struct pn_buf stretch; /* of the object */
    int64_t at;            /* where it begins */
};

static int damaged(const struct pn_s3 *s3, const char *key, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "s3://%s/%s%s: the bytes that arrived are not those that were put (CRC-32C)",
                      s3->bucket, s3->prefix, key);
}

int pn_s3_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e)
{
    size_t before = out->len;
    struct pn_s3_call call = {.method = "GET", .key = key, .out = out};
    int rc = pn_store_key_check(key, e);
    if (rc == 0) {
        pn_s3_add_header(&call, "x-amz-checksum-mode", "ENABLED");
        rc = pn_s3_send(pn_s3_of(store), &call, 1, e);
    }
    if (rc == 0 && call.reply.has_sum &&
        pn_crc32c(out->data != NULL ? out->data + before : "", out->len - before) !=
            call.reply.sum) {
        rc = damaged(pn_s3_of(store), key, e);
    }
    return rc;
}

/* --- open files ------------------------------------------------------------------------------- */

/* Gets the stretch from `offset` on, at least `len` bytes of it where there are as many. `same`:
 * only if the object is still the one that was opened. */
static int get_stretch(struct s3_file *opened, const char *key, int64_t offset, size_t len,
                       struct pn_s3_call *call, bool same, struct pn_err *e)
{
    struct pn_arena arena;
    size_t wanted = len > READ_AHEAD ? len : READ_AHEAD;
    pn_arena_init(&arena, 0);
    pn_buf_deinit(&opened->stretch);
    pn_buf_init(&opened->stretch, wanted);
    *call = (struct pn_s3_call){.method = "GET", .key = key, .out = &opened->stretch};
    pn_s3_add_header(call, "Range",
                     pn_arena_printf(&arena, "bytes=%lld-%lld", (long long)offset,
                                     (long long)offset + (long long)wanted - 1));
    if (same) {
        pn_s3_add_header(call, "If-Match", opened->file.object.etag);
    } else {
        pn_s3_add_header(call, "x-amz-checksum-mode", "ENABLED");
    }
    int rc = pn_s3_send(pn_s3_of(opened->file.store), call, 1, e);
    opened->at = offset;
    pn_arena_deinit(&arena);
    return rc;
}

/* The first stretch; an empty object has none, and is looked at instead. */
static int begin(struct s3_file *opened, const char *key, struct pn_err *e)
{
    struct pn_s3 *s3 = pn_s3_of(opened->file.store);
    struct pn_s3_call call;
    struct pn_err why = {0};
    int rc = get_stretch(opened, key, 0, 0, &call, false, &why);
    if (rc != 0 && call.reply.status == NOTHING_THERE) {
        call = (struct pn_s3_call){.method = "HEAD", .key = key};
        rc = pn_s3_send(s3, &call, 1, &why);
    }
    if (rc != 0) {
        pn_err_copy(e, &why);
        return rc;
    }
    pn_s3_describe(&call.reply, &opened->file.object);
    opened->file.object.key = pn_xstrdup(key);
    opened->has_sum = call.reply.has_sum;
    opened->sum = call.reply.sum;
    opened->first = call.reply.first;
    opened->end = call.reply.end;
    bool whole = opened->file.object.size_bytes == (int64_t)opened->stretch.len;
    if (whole && opened->has_sum &&
        pn_crc32c(pn_buf_text(&opened->stretch), opened->stretch.len) != opened->sum) {
        return damaged(s3, key, e);
    }
    return 0;
}

int pn_s3_open(struct pn_store *store, const char *key, struct pn_store_file **file,
               struct pn_err *e)
{
    *file = NULL;
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    struct s3_file *opened = pn_xcalloc(1, sizeof *opened);
    opened->file.store = store;
    pn_buf_init(&opened->stretch, READ_AHEAD);
    rc = begin(opened, key, e);
    if (rc == 0) {
        *file = &opened->file;
    } else {
        pn_s3_close(&opened->file);
    }
    return rc;
}

int pn_s3_read_at(struct pn_store_file *file, void *bytes, size_t len, int64_t offset, size_t *got,
                  struct pn_err *e)
{
    struct s3_file *opened = (struct s3_file *)file;
    int64_t left = file->object.size_bytes - offset;
    *got = 0;
    if (left <= 0 || len == 0) {
        return 0;
    }
    size_t wanted = (int64_t)len < left ? len : (size_t)left;
    if (offset < opened->at ||
        offset + (int64_t)wanted > opened->at + (int64_t)opened->stretch.len) {
        struct pn_s3_call call;
        struct pn_err why = {0};
        int rc = get_stretch(opened, file->object.key, offset, wanted, &call, true, &why);
        if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
            return pn_err_set(e, PN_CLASS_CONFLICT, rc,
                              "the object '%s' was replaced while it was read", file->object.key);
        }
        if (rc == 0 && opened->stretch.len < wanted) {
            rc = damaged(pn_s3_of(file->store), file->object.key, &why);
        }
        if (rc != 0) {
            pn_buf_reset(&opened->stretch);
            pn_err_copy(e, &why);
            return rc;
        }
    }
    memcpy(bytes, opened->stretch.data + (offset - opened->at), wanted);
    *got = wanted;
    return 0;
}

bool pn_s3_sum(struct pn_store_file *file, uint32_t *crc32c)
{
    *crc32c = ((struct s3_file *)file)->sum;
    return ((struct s3_file *)file)->has_sum;
}

bool pn_s3_offsets(struct pn_store_file *file, int64_t *first, int64_t *end)
{
    *first = ((struct s3_file *)file)->first;
    *end = ((struct s3_file *)file)->end;
    return *end > 0;
}

void pn_s3_close(struct pn_store_file *file)
{
    struct s3_file *opened = (struct s3_file *)file;
    pn_buf_deinit(&opened->stretch);
    free((char *)file->object.key);
    free(opened);
}
