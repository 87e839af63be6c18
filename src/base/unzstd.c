#include "base/unzstd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"

struct unpacking {
    const struct pn_io *io;
    const char *from;
    const char *to;
    int from_fd;
    int to_fd;
    int64_t read;
    int64_t written;
    int64_t bytes_max;
    ZSTD_DStream *stream;
    char *in;
    char *out;
};

static int write_out(struct unpacking *unpacking, size_t len, struct pn_err *e)
{
    if (unpacking->written + (int64_t)len > unpacking->bytes_max) {
        return pn_err_input(e, "%s holds more than %" PRId64 " bytes", unpacking->from,
                            unpacking->bytes_max);
    }
    int rc = pn_io_write_at(unpacking->io, unpacking->to_fd, unpacking->out, len,
                            unpacking->written, unpacking->to, e);
    unpacking->written += (int64_t)len;
    return rc;
}

/* *hint is 0 at the end of a frame. */
static int unpack(struct unpacking *unpacking, size_t len, size_t *hint, struct pn_err *e)
{
    ZSTD_inBuffer in = {.src = unpacking->in, .size = len};
    size_t room = ZSTD_DStreamOutSize();
    int rc = 0;
    bool is_full = true;
    while (rc == 0 && (in.pos < in.size || is_full)) {
        ZSTD_outBuffer out = {.dst = unpacking->out, .size = room};
        *hint = ZSTD_decompressStream(unpacking->stream, &out, &in);
        is_full = out.pos == room;
        if (ZSTD_isError(*hint)) {
            return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s: the zstd data is damaged: %s",
                              unpacking->from, ZSTD_getErrorName(*hint));
        }
        rc = write_out(unpacking, out.pos, e);
    }
    return rc;
}

static int unpack_all(struct unpacking *unpacking, struct pn_err *e)
{
    size_t hint = 0;
    size_t got = 1;
    int rc = 0;
    while (rc == 0 && got > 0) {
        rc = pn_io_read_some(unpacking->io, unpacking->from_fd, unpacking->in, ZSTD_DStreamInSize(),
                             unpacking->read, &got, unpacking->from, e);
        unpacking->read += (int64_t)got;
        if (rc == 0 && got > 0) {
            rc = unpack(unpacking, got, &hint, e);
        }
    }
    return rc != 0 || hint == 0 ? rc
                                : pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                                             "%s: the zstd data ends early", unpacking->from);
}

int pn_unzstd_file(const struct pn_io *io, const char *from, const char *to, int64_t bytes_max,
                   struct pn_err *e)
{
    struct unpacking unpacking = {.io = io,
                                  .from = from,
                                  .to = to,
                                  .from_fd = -1,
                                  .to_fd = -1,
                                  .bytes_max = bytes_max,
                                  .stream = ZSTD_createDStream(),
                                  .in = pn_xmalloc(ZSTD_DStreamInSize()),
                                  .out = pn_xmalloc(ZSTD_DStreamOutSize())};
    PN_ASSERT(unpacking.stream != NULL);
    int rc = pn_io_open(io, from, O_RDONLY, &unpacking.from_fd, e);
    if (rc == 0) {
        rc = pn_io_open(io, to, O_WRONLY | O_CREAT | O_EXCL, &unpacking.to_fd, e);
    }
    if (rc == 0) {
        rc = unpack_all(&unpacking, e);
    }
    pn_io_close(io, &unpacking.from_fd);
    pn_io_close(io, &unpacking.to_fd);
    (void)ZSTD_freeDStream(unpacking.stream);
    free(unpacking.in);
    free(unpacking.out);
    return rc;
}
