#include "log/embedded/compress.h"

#include <string.h>

#include <lz4frame.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { ZSTD_LEVEL = 1, CHUNK_BYTES = 64 * 1024 };

static int no_memory(struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "no memory for a compressed record batch");
}

static int compress_lz4(const void *bytes, size_t len, struct pn_buf *out, struct pn_err *e)
{
    /* Kafka's Java client refuses frames with blocks that depend on each other. */
    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent}};
    size_t bound = LZ4F_compressFrameBound(len, &preferences);
    if (!pn_buf_reserve(out, bound)) {
        return no_memory(e);
    }
    size_t made = LZ4F_compressFrame(out->data + out->len, bound, bytes, len, &preferences);
    if (LZ4F_isError(made)) {
        return no_memory(e);
    }
    out->len += made;
    return 0;
}

static int compress_zstd(void **zstd, const void *bytes, size_t len, struct pn_buf *out,
                         struct pn_err *e)
{
    if (*zstd == NULL) {
        *zstd = ZSTD_createCCtx();
    }
    size_t bound = ZSTD_compressBound(len);
    if (*zstd == NULL || !pn_buf_reserve(out, bound)) {
        return no_memory(e);
    }
    size_t made = ZSTD_compressCCtx(*zstd, out->data + out->len, bound, bytes, len, ZSTD_LEVEL);
    if (ZSTD_isError(made)) {
        return no_memory(e);
    }
    out->len += made;
    return 0;
}

int pn_compress(enum pn_log_compression kind, void **zstd, const void *bytes, size_t len,
                struct pn_buf *out, struct pn_err *e)
{
    switch (kind) {
    case PN_COMPRESSION_NONE:
        break;
    case PN_COMPRESSION_LZ4:
        return compress_lz4(bytes, len, out, e);
    case PN_COMPRESSION_ZSTD:
        return compress_zstd(zstd, bytes, len, out, e);
    }
    pn_buf_add(out, bytes, len);
    return pn_buf_failed(out) ? no_memory(e) : 0;
}

void pn_compress_state_free(void **zstd)
{
    (void)ZSTD_freeCCtx(*zstd);
    *zstd = NULL;
}

static int corrupt(struct pn_err *e, const char *kind, const char *reason)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "the records' %s frame is damaged: %s", kind,
                      reason);
}

static int too_large(struct pn_err *e, const char *kind)
{
    return corrupt(e, kind, "it decompresses to more bytes than a batch may have");
}

/* The buffer did not grow: for want of memory, or by its limit? Only the second is damage. */
static int no_room(const struct pn_buf *out, const char *kind, struct pn_err *e)
{
    return CHUNK_BYTES > out->max - out->len ? too_large(e, kind) : no_memory(e);
}

static int decompress_lz4(const char *bytes, size_t len, struct pn_buf *out, struct pn_err *e)
{
    LZ4F_dctx *dctx = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION))) {
        return no_memory(e);
    }
    int rc = 0;
    size_t at = 0;
    size_t hint = 1;
    while (hint != 0) {
        if (!pn_buf_reserve(out, CHUNK_BYTES)) {
            rc = no_room(out, "lz4", e);
            goto out;
        }
        size_t made = CHUNK_BYTES;
        size_t taken = len - at;
        hint = LZ4F_decompress(dctx, out->data + out->len, &made, bytes + at, &taken, NULL);
        if (LZ4F_isError(hint)) {
            bool starved = strcmp(LZ4F_getErrorName(hint), "ERROR_allocation_failed") == 0;
            rc = starved ? no_memory(e) : corrupt(e, "lz4", LZ4F_getErrorName(hint));
            goto out;
        }
        out->len += made;
        at += taken;
        if (hint != 0 && made == 0 && taken == 0) {
            rc = corrupt(e, "lz4", "it ends early");
            goto out;
        }
    }
    if (at != len) {
        rc = corrupt(e, "lz4", "unexpected bytes follow it");
    }
out:
    (void)LZ4F_freeDecompressionContext(dctx);
    return rc;
}

static int decompress_zstd(const void *bytes, size_t len, struct pn_buf *out, struct pn_err *e)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (stream == NULL) {
        return no_memory(e);
    }
    int rc = 0;
    ZSTD_inBuffer input = {.src = bytes, .size = len};
    size_t hint = 1;
    while (hint != 0) {
        if (!pn_buf_reserve(out, CHUNK_BYTES)) {
            rc = no_room(out, "zstd", e);
            goto out;
        }
        ZSTD_outBuffer output = {.dst = out->data + out->len, .size = CHUNK_BYTES};
        size_t before = input.pos;
        hint = ZSTD_decompressStream(stream, &output, &input);
        if (ZSTD_isError(hint)) {
            bool starved = ZSTD_getErrorCode(hint) == ZSTD_error_memory_allocation;
            rc = starved ? no_memory(e) : corrupt(e, "zstd", ZSTD_getErrorName(hint));
            goto out;
        }
        out->len += output.pos;
        if (hint != 0 && output.pos == 0 && input.pos == before) {
            rc = corrupt(e, "zstd", "it ends early");
            goto out;
        }
    }
    if (input.pos != len) {
        rc = corrupt(e, "zstd", "unexpected bytes follow it");
    }
out:
    (void)ZSTD_freeDStream(stream);
    return rc;
}

int pn_decompress(enum pn_log_compression kind, const void *bytes, size_t len, struct pn_buf *out,
                  struct pn_err *e)
{
    switch (kind) {
    case PN_COMPRESSION_NONE:
        break;
    case PN_COMPRESSION_LZ4:
        return decompress_lz4(bytes, len, out, e);
    case PN_COMPRESSION_ZSTD:
        return decompress_zstd(bytes, len, out, e);
    }
    pn_buf_add(out, bytes, len);
    return pn_buf_failed(out) ? too_large(e, "plain") : 0;
}
