#include "kinesis/api/eventstream.h"

#include <isa-l/crc.h>
#include <string.h>

enum { PRELUDE_BYTES = 12, CRC_BYTES = 4, HEADER_TEXT = 7 };

static void put_u32(char *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--) {
        to[i] = (char)(value & 0xFFU);
        value >>= 8;
    }
}

/* The CRC-32 of gzip. */
static uint32_t crc32(const char *bytes, size_t len)
{
    return crc32_gzip_refl(0, (const unsigned char *)bytes, len);
}

static void add_header(struct pn_buf *out, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);
    PN_ASSERT(name_len <= UINT8_MAX && value_len <= INT16_MAX);
    pn_buf_addc(out, (char)name_len);
    pn_buf_add(out, name, name_len);
    pn_buf_addc(out, HEADER_TEXT);
    pn_buf_addc(out, (char)(value_len >> 8));
    pn_buf_addc(out, (char)(value_len & 0xFFU));
    pn_buf_add(out, value, value_len);
}

static void begin(struct pn_event_message *message, struct pn_buf *out, const char *message_type,
                  const char *type_header, const char *type, const char *content_type)
{
    static const char prelude[PRELUDE_BYTES];
    *message = (struct pn_event_message){.out = out, .start = out->len};
    pn_buf_add(out, prelude, sizeof prelude);
    add_header(out, type_header, type);
    add_header(out, ":content-type", content_type);
    add_header(out, ":message-type", message_type);
    message->headers_end = out->len;
}

void pn_event_begin(struct pn_event_message *message, struct pn_buf *out, const char *type,
                    const char *content_type)
{
    begin(message, out, "event", ":event-type", type, content_type);
}

void pn_event_exception_begin(struct pn_event_message *message, struct pn_buf *out,
                              const char *name, const char *content_type)
{
    begin(message, out, "exception", ":exception-type", name, content_type);
}

void pn_event_message_end(struct pn_event_message *message)
{
    struct pn_buf *out = message->out;
    if (pn_buf_failed(out) || !pn_buf_reserve(out, CRC_BYTES)) {
        return;
    }
    char *start = out->data + message->start;
    size_t len = out->len - message->start;
    size_t headers_len = message->headers_end - message->start - PRELUDE_BYTES;
    PN_ASSERT(len + CRC_BYTES <= UINT32_MAX);
    put_u32(start, (uint32_t)(len + CRC_BYTES));
    put_u32(start + 4, (uint32_t)headers_len);
    put_u32(start + 8, crc32(start, 8));
    put_u32(start + len, crc32(start, len));
    out->len += CRC_BYTES;
    out->data[out->len] = '\0';
}
