#include "base/gzip.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/mem.h"

/* What ISA-L keeps while it compresses; too much for a thread's stack. */
struct room {
    struct isal_zstream stream;
    uint8_t level[ISAL_DEF_LVL1_DEFAULT];
};

/* Returns how many bytes came of it, 0 when they did not fit. */
static size_t compress(struct room *room, const void *bytes, size_t len, void *out, size_t max)
{
    struct isal_zstream *stream = &room->stream;
    isal_deflate_init(stream);
    stream->level = 1;
    stream->level_buf = room->level;
    stream->level_buf_size = sizeof room->level;
    stream->gzip_flag = IGZIP_GZIP;
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)(uintptr_t)bytes; /* ISA-L only reads it */
    stream->avail_in = (uint32_t)len;
    stream->next_out = out;
    stream->avail_out = (uint32_t)max;
    bool is_whole = isal_deflate(stream) == COMP_OK && stream->avail_in == 0 &&
                    stream->internal_state.state == ZSTATE_END;
    return is_whole ? max - stream->avail_out : 0;
}

bool pn_gzip(const void *bytes, size_t len, struct pn_buf *out)
{
    if (len == 0 || len > UINT32_MAX || !pn_buf_reserve(out, len)) {
        return false;
    }
    struct room *room = pn_try_alloc(sizeof *room);
    if (room == NULL) {
        return false;
    }
    size_t zipped = compress(room, bytes, len, out->data + out->len, len - 1);
    free(room);
    out->len += zipped;
    return zipped > 0;
}
