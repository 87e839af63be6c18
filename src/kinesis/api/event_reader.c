#include "kinesis/api/event_reader.h"

#include <isa-l/crc.h>
#include <string.h>

enum {
    LENGTHS_BYTES = 8,
    CRC_BYTES = 4,
    PRELUDE_BYTES = LENGTHS_BYTES + CRC_BYTES,
    REST_BYTES_MIN = PRELUDE_BYTES + CRC_BYTES,
    FRAME_BYTES_KEPT = 64 * 1024, /* from one message to the next */
    FRAME_BYTES_MAX = REST_BYTES_MIN + PN_EVENT_HEADERS_MAX + PN_EVENT_PAYLOAD_MAX
};

/* --- numbers ---------------------------------------------------------------------------------- */

static uint32_t get_u32(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Do the four bytes after `len` bytes hold these's CRC-32? */
static bool is_sound(const char *bytes, size_t len)
{
    return crc32_gzip_refl(0, (const unsigned char *)bytes, len) == get_u32(bytes + len);
}

static int corrupt(struct pn_err *e, const char *what)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "a message of the event stream %s", what);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* A header that is being read; `value` is NULL unless it is a text. */
struct header {
    struct pn_bytes name;
    struct pn_bytes value;
};

/* The bytes of a value by its type: those of its length first, where it has one. */
static bool size_of_type(unsigned char type, size_t *fixed, bool *has_len)
{
    enum { TRUE_, FALSE_, BYTE, SHORT, INTEGER, LONG, BYTES, TEXT, TIMESTAMP, UUID, TYPES };
    static const unsigned char sizes[TYPES] = {
        [BYTE] = 1, [SHORT] = 2, [INTEGER] = 4, [LONG] = 8, [TIMESTAMP] = 8, [UUID] = 16};
    *has_len = type == BYTES || type == TEXT;
    *fixed = type < TYPES ? sizes[type] : 0;
    return type < TYPES;
}

/* Reads the header at `at`; NULL when the bytes up to `end` are not one, else what follows it. */
static const char *read_header(const char *at, const char *end, struct header *header)
{
    enum { TEXT = 7 };
    size_t len = 0;
    bool has_len = false;
    size_t name_len = (unsigned char)*at++;
    if (name_len == 0 || (size_t)(end - at) < name_len + 1) {
        return NULL;
    }
    *header = (struct header){.name = {at, name_len}};
    at += name_len;
    unsigned char type = (unsigned char)*at++;
    if (!size_of_type(type, &len, &has_len)) {
        return NULL;
    }
    if (has_len) {
        if (end - at < 2) {
            return NULL;
        }
        len = (size_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
        at += 2;
    }
    if ((size_t)(end - at) < len) {
        return NULL;
    }
    if (type == TEXT) {
        header->value = (struct pn_bytes){at, len};
    }
    return at + len;
}

static bool is(struct pn_bytes text, const char *wanted)
{
    return text.data != NULL && text.len == strlen(wanted) &&
           memcmp(text.data, wanted, text.len) == 0;
}

/* What the headers say. */
struct said {
    struct pn_bytes message_type;
    struct pn_bytes event_type;
    struct pn_bytes exception_type;
    struct pn_bytes error_code;
    struct pn_bytes error_message;
};

static void note(struct said *said, const struct header *header)
{
    const struct {
        const char *name;
        struct pn_bytes *value;
    } known[] = {{":message-type", &said->message_type},
                 {":event-type", &said->event_type},
                 {":exception-type", &said->exception_type},
                 {":error-code", &said->error_code},
                 {":error-message", &said->error_message}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (is(header->name, known[i].name)) {
            *known[i].value = header->value;
        }
    }
}

static int read_headers(const char *at, size_t len, struct said *said, struct pn_err *e)
{
    const char *end = at + len;
    while (at < end) {
        struct header header;
        at = read_header(at, end, &header);
        if (at == NULL) {
            return corrupt(e, "has headers that are not like those");
        }
        note(said, &header);
    }
    return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

/* The lengths, once the prelude is there. */
static int check_prelude(const char *frame, struct pn_err *e)
{
    if (!is_sound(frame, LENGTHS_BYTES)) {
        return corrupt(e, "has other lengths than its check sum says: it changed on its way");
    }
    size_t whole = get_u32(frame);
    size_t headers = get_u32(frame + 4);
    if (whole < REST_BYTES_MIN || headers > PN_EVENT_HEADERS_MAX ||
        headers > whole - REST_BYTES_MIN ||
        whole - REST_BYTES_MIN - headers > PN_EVENT_PAYLOAD_MAX) {
        return corrupt(e, "has lengths that no message has");
    }
    return 0;
}

static int read_message(const struct pn_buf *frame, struct pn_event *event, struct pn_err *e)
{
    struct said said = {0};
    size_t headers_len = get_u32(frame->data + 4);
    if (!is_sound(frame->data, frame->len - CRC_BYTES)) {
        return corrupt(e, "is not the one that its check sum says: it changed on its way");
    }
    int rc = read_headers(frame->data + PRELUDE_BYTES, headers_len, &said, e);
    if (rc != 0) {
        return rc;
    }
    *event = (struct pn_event){.payload = {frame->data + PRELUDE_BYTES + headers_len,
                                           frame->len - REST_BYTES_MIN - headers_len}};
    if (is(said.message_type, "event")) {
        event->kind = PN_EVENT;
        event->type = said.event_type;
    } else if (is(said.message_type, "exception")) {
        event->kind = PN_EVENT_EXCEPTION;
        event->type = said.exception_type;
    } else if (is(said.message_type, "error")) {
        event->kind = PN_EVENT_ERROR;
        event->type = said.error_code;
        event->message = said.error_message;
    }
    return 0;
}

void pn_event_reader_init(struct pn_event_reader *reader)
{
    *reader = (struct pn_event_reader){.is_whole = false};
    pn_buf_init(&reader->frame, FRAME_BYTES_MAX);
}

void pn_event_reader_deinit(struct pn_event_reader *reader)
{
    pn_buf_deinit(&reader->frame);
}

/* Bytes until the frame has `wanted` of them. */
static size_t add_until(struct pn_buf *frame, size_t wanted, const char *bytes, size_t len)
{
    size_t missing = wanted > frame->len ? wanted - frame->len : 0;
    size_t used = len < missing ? len : missing;
    pn_buf_add(frame, bytes, used);
    return used;
}

int pn_event_reader_take(struct pn_event_reader *reader, const char *bytes, size_t len,
                         size_t *taken, bool *whole, struct pn_event *event, struct pn_err *e)
{
    struct pn_buf *frame = &reader->frame;
    if (reader->is_whole) {
        if (frame->capacity > FRAME_BYTES_KEPT) {
            pn_buf_deinit(frame);
        }
        pn_buf_reset(frame);
        reader->is_whole = false;
    }
    *whole = false;
    *taken = 0;
    if (frame->len < PRELUDE_BYTES) {
        *taken = add_until(frame, PRELUDE_BYTES, bytes, len);
        if (!pn_buf_failed(frame) && frame->len < PRELUDE_BYTES) {
            return 0;
        }
        int rc = pn_buf_failed(frame) ? 0 : check_prelude(frame->data, e);
        if (rc != 0) {
            return rc;
        }
    }
    if (!pn_buf_failed(frame)) {
        *taken += add_until(frame, get_u32(frame->data), bytes + *taken, len - *taken);
    }
    if (pn_buf_failed(frame)) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                          "there is no memory for a message of the event stream");
    }
    if (frame->len < get_u32(frame->data)) {
        return 0;
    }
    reader->is_whole = true;
    *whole = true;
    return read_message(frame, event, e);
}
