/* Any bytes as an event stream, in pieces, and as headers and payload of a message whose check sums
 * are right: what is read stands within the bytes, however they are cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>

#include "base/mem.h"
#include "kinesis/api/event_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PRELUDE_BYTES = 12, CRC_BYTES = 4 };

static void check_within(struct pn_bytes part, const struct pn_buf *whole)
{
    const char *at = part.data;
    PN_ASSERT(at == NULL || (at >= whole->data && at + part.len <= whole->data + whole->len));
}

/* Reads all in pieces of `piece` bytes; the messages that came. */
static size_t read_all(const char *bytes, size_t size, size_t piece)
{
    struct pn_event_reader reader;
    size_t count = 0;
    size_t at = 0;
    int rc = 0;
    pn_event_reader_init(&reader);
    while (rc == 0 && at < size) {
        struct pn_event event;
        struct pn_err e = {0};
        size_t taken = 0;
        bool whole = false;
        size_t len = size - at < piece ? size - at : piece;
        char *exact = pn_xmalloc(len);
        memcpy(exact, bytes + at, len);
        rc = pn_event_reader_take(&reader, exact, len, &taken, &whole, &event, &e);
        free(exact);
        PN_ASSERT(rc == 0 || (e.class_ == PN_CLASS_CORRUPT && e.msg[0] != '\0'));
        PN_ASSERT(taken <= len && (rc != 0 || taken > 0));
        if (rc == 0 && whole) {
            check_within(event.type, &reader.frame);
            check_within(event.message, &reader.frame);
            check_within(event.payload, &reader.frame);
            count++;
        }
        at += taken;
    }
    pn_event_reader_deinit(&reader);
    return count;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--) {
        to[i] = (uint8_t)value;
        value >>= 8;
    }
}

/* A message of these headers and payload. Caller frees. */
static char *message_of(const uint8_t *data, size_t size, size_t headers, size_t *len)
{
    *len = PRELUDE_BYTES + size + CRC_BYTES;
    uint8_t *out = pn_xmalloc(*len);
    put_u32(out, (uint32_t)*len);
    put_u32(out + 4, (uint32_t)headers);
    put_u32(out + 8, crc32_gzip_refl(0, out, 8));
    if (size > 0) {
        memcpy(out + PRELUDE_BYTES, data, size);
    }
    put_u32(out + *len - CRC_BYTES, crc32_gzip_refl(0, out, *len - CRC_BYTES));
    return (char *)out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = size > 0 ? 1 + data[0] % 64 : 1;
    size_t once = read_all((const char *)data, size, size > 0 ? size : 1);
    PN_ASSERT(once == read_all((const char *)data, size, piece));
    if (size == 0) {
        return 0;
    }
    size_t len = 0;
    char *message = message_of(data + 1, size - 1, data[0] % size, &len);
    once = read_all(message, len, len);
    PN_ASSERT(once <= 1 && once == read_all(message, len, piece));
    free(message);
    return 0;
}
