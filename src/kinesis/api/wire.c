#include "kinesis/api/wire.h"

#include <cbor.h>
#include <math.h>
#include <string.h>

#include "base/base64.h"

/* --- reading ---------------------------------------------------------------------------------- */

void pn_wire_set_text(struct pn_json *node, const char *text, size_t len)
{
    node->type = PN_JSON_STRING;
    node->is_lossy = false;
    node->text = text;
    node->text_len = len;
    node->raw = text;
    node->raw_len = len;
}

void pn_wire_set_bytes(struct pn_json *node, const void *bytes, size_t len)
{
    node->type = PN_JSON_STRING;
    node->is_lossy = false;
    node->text = bytes;
    node->text_len = len;
    node->raw = NULL;
    node->raw_len = 0;
}

bool pn_wire_blob(const struct pn_json *node, struct pn_arena *arena, const void **bytes,
                  size_t *len)
{
    if (node == NULL || node->type != PN_JSON_STRING || node->raw == node->text) {
        return false;
    }
    if (node->raw != NULL) {
        return pn_base64_decode_exact(arena, node->text, node->text_len, bytes, len);
    }
    *bytes = node->text;
    *len = node->text_len;
    return true;
}

int64_t pn_wire_timestamp_ms(const struct pn_json *node)
{
    double ms = round(node->number * 1000);
    if (ms >= 9.2e18) {
        return INT64_MAX;
    }
    return ms <= -9.2e18 ? INT64_MIN : (int64_t)ms;
}

/* --- writing ---------------------------------------------------------------------------------- */

enum { HEAD_BYTES_MAX = 9 }; /* of a CBOR item: its type and a length of 8 bytes */

/* Room for an item's head; NULL when the buffer is full. What was written there, added() counts. */
static unsigned char *head_room(struct pn_wire *wire)
{
    struct pn_buf *out = wire->out;
    return pn_buf_reserve(out, HEAD_BYTES_MAX) ? (unsigned char *)out->data + out->len : NULL;
}

static void added(struct pn_wire *wire, size_t bytes)
{
    wire->out->len += bytes;
    wire->out->data[wire->out->len] = '\0';
}

/* A value of JSON begins: the comma before it, when it is not the first of a list. */
static void separate(struct pn_wire *wire)
{
    const struct pn_buf *out = wire->out;
    if (wire->depth > 0 && out->len > 0) {
        char last = out->data[out->len - 1];
        if (last != '[' && last != ':') {
            pn_buf_addc(wire->out, ',');
        }
    }
}

static void open_container(struct pn_wire *wire, char bracket,
                           size_t (*encode)(unsigned char *, size_t))
{
    if (!wire->cbor) {
        separate(wire);
        pn_buf_addc(wire->out, bracket);
    } else {
        unsigned char *to = head_room(wire);
        if (to != NULL) {
            added(wire, encode(to, HEAD_BYTES_MAX));
        }
    }
    wire->depth++;
}

static void close_container(struct pn_wire *wire, char bracket)
{
    wire->depth--;
    if (!wire->cbor) {
        pn_buf_addc(wire->out, bracket);
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_break(to, HEAD_BYTES_MAX));
    }
}

void pn_wire_map(struct pn_wire *wire)
{
    open_container(wire, '{', cbor_encode_indef_map_start);
}

void pn_wire_map_end(struct pn_wire *wire)
{
    close_container(wire, '}');
}

void pn_wire_list(struct pn_wire *wire)
{
    open_container(wire, '[', cbor_encode_indef_array_start);
}

void pn_wire_list_end(struct pn_wire *wire)
{
    close_container(wire, ']');
}

static void cbor_text(struct pn_wire *wire, const char *text, size_t len)
{
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_string_start(len, to, HEAD_BYTES_MAX));
        pn_buf_add(wire->out, text, len);
    }
}

void pn_wire_key(struct pn_wire *wire, const char *key)
{
    if (wire->cbor) {
        cbor_text(wire, key, strlen(key));
    } else {
        pn_json_write_key(wire->out, key);
    }
}

void pn_wire_text(struct pn_wire *wire, const char *text, size_t len)
{
    if (wire->cbor) {
        cbor_text(wire, text, len);
        return;
    }
    separate(wire);
    pn_json_write_string(wire->out, text, len);
}

void pn_wire_cstr(struct pn_wire *wire, const char *text)
{
    if (text != NULL) {
        pn_wire_text(wire, text, strlen(text));
        return;
    }
    if (!wire->cbor) {
        separate(wire);
        pn_buf_adds(wire->out, "null");
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_null(to, HEAD_BYTES_MAX));
    }
}

static void cbor_int(struct pn_wire *wire, int64_t value)
{
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, value < 0 ? cbor_encode_negint((uint64_t)(-1 - value), to, HEAD_BYTES_MAX)
                              : cbor_encode_uint((uint64_t)value, to, HEAD_BYTES_MAX));
    }
}

void pn_wire_int(struct pn_wire *wire, int64_t value)
{
    if (wire->cbor) {
        cbor_int(wire, value);
        return;
    }
    separate(wire);
    pn_buf_add_i64(wire->out, value);
}

void pn_wire_bool(struct pn_wire *wire, bool value)
{
    if (!wire->cbor) {
        separate(wire);
        pn_buf_adds(wire->out, value ? "true" : "false");
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_bool(value, to, HEAD_BYTES_MAX));
    }
}

void pn_wire_blob_bytes(struct pn_wire *wire, const void *bytes, size_t len)
{
    if (!wire->cbor) {
        separate(wire);
        pn_buf_addc(wire->out, '"');
        pn_base64_encode(wire->out, bytes, len);
        pn_buf_addc(wire->out, '"');
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_bytestring_start(len, to, HEAD_BYTES_MAX));
        pn_buf_add(wire->out, bytes, len);
    }
}

void pn_wire_timestamp(struct pn_wire *wire, int64_t ms)
{
    if (!wire->cbor) {
        separate(wire);
        pn_json_write_double(wire->out, (double)ms / 1000);
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_tag(1, to, HEAD_BYTES_MAX));
        cbor_int(wire, ms);
    }
}
