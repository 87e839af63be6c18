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

void pn_wire_init(struct pn_wire *wire, struct pn_buf *out, bool cbor)
{
    pn_json_writer_init(&wire->json, out);
    wire->cbor = cbor;
}

/* Room for an item's head; NULL when the buffer is full. What was written there, added() counts. */
static unsigned char *head_room(struct pn_wire *wire)
{
    struct pn_buf *out = wire->json.out;
    return pn_buf_reserve(out, HEAD_BYTES_MAX) ? (unsigned char *)out->data + out->len : NULL;
}

static void added(struct pn_wire *wire, size_t bytes)
{
    struct pn_buf *out = wire->json.out;
    out->len += bytes;
    out->data[out->len] = '\0';
}

/* An item of CBOR that is a head alone. */
static void cbor_head(struct pn_wire *wire, size_t (*encode)(unsigned char *, size_t))
{
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, encode(to, HEAD_BYTES_MAX));
    }
}

static void end(struct pn_wire *wire)
{
    if (wire->cbor) {
        cbor_head(wire, cbor_encode_break);
    } else {
        pn_json_end(&wire->json);
    }
}

void pn_wire_map(struct pn_wire *wire)
{
    if (wire->cbor) {
        cbor_head(wire, cbor_encode_indef_map_start);
    } else {
        pn_json_put_object(&wire->json);
    }
}

void pn_wire_map_end(struct pn_wire *wire)
{
    end(wire);
}

void pn_wire_list(struct pn_wire *wire)
{
    if (wire->cbor) {
        cbor_head(wire, cbor_encode_indef_array_start);
    } else {
        pn_json_put_array(&wire->json);
    }
}

void pn_wire_list_end(struct pn_wire *wire)
{
    end(wire);
}

static void cbor_text(struct pn_wire *wire, const char *text, size_t len)
{
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_string_start(len, to, HEAD_BYTES_MAX));
        pn_buf_add(wire->json.out, text, len);
    }
}

void pn_wire_key(struct pn_wire *wire, const char *key)
{
    if (wire->cbor) {
        cbor_text(wire, key, strlen(key));
    } else {
        pn_json_put_key(&wire->json, key);
    }
}

void pn_wire_text(struct pn_wire *wire, const char *text, size_t len)
{
    if (wire->cbor) {
        cbor_text(wire, text, len);
    } else {
        pn_json_put_string(&wire->json, text, len);
    }
}

void pn_wire_cstr(struct pn_wire *wire, const char *text)
{
    if (text != NULL) {
        pn_wire_text(wire, text, strlen(text));
    } else if (wire->cbor) {
        cbor_head(wire, cbor_encode_null);
    } else {
        pn_json_put_null(&wire->json);
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
    } else {
        pn_json_put_i64(&wire->json, value);
    }
}

void pn_wire_bool(struct pn_wire *wire, bool value)
{
    if (!wire->cbor) {
        pn_json_put_bool(&wire->json, value);
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
        pn_json_put_base64(&wire->json, bytes, len);
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_bytestring_start(len, to, HEAD_BYTES_MAX));
        pn_buf_add(wire->json.out, bytes, len);
    }
}

void pn_wire_timestamp(struct pn_wire *wire, int64_t ms)
{
    if (!wire->cbor) {
        pn_json_put_double(&wire->json, (double)ms / 1000);
        return;
    }
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_tag(1, to, HEAD_BYTES_MAX));
        cbor_int(wire, ms);
    }
}

static void cbor_double(struct pn_wire *wire, double value)
{
    unsigned char *to = head_room(wire);
    if (to != NULL) {
        added(wire, cbor_encode_double(value, to, HEAD_BYTES_MAX));
    }
}

static void write_number(struct pn_wire *wire, const struct pn_json *node)
{
    if (node->is_integer) {
        pn_wire_int(wire, node->integer);
    } else if (wire->cbor) {
        cbor_double(wire, node->number);
    } else {
        pn_json_put_double(&wire->json, node->number);
    }
}

static void write_children(struct pn_wire *wire, const struct pn_json *parent)
{
    for (const struct pn_json *node = parent->first; node != NULL; node = node->next) {
        if (parent->type == PN_JSON_OBJECT && wire->cbor) {
            cbor_text(wire, node->key, node->key_len);
        } else if (parent->type == PN_JSON_OBJECT) {
            pn_json_put_name(&wire->json, node->key, node->key_len);
        }
        pn_wire_node(wire, node);
    }
}

void pn_wire_node(struct pn_wire *wire, const struct pn_json *node)
{
    switch (node->type) {
    case PN_JSON_NULL:
        pn_wire_cstr(wire, NULL);
        break;
    case PN_JSON_BOOL:
        pn_wire_bool(wire, node->boolean);
        break;
    case PN_JSON_NUMBER:
        write_number(wire, node);
        break;
    case PN_JSON_STRING:
        if (node->raw == NULL) {
            pn_wire_blob_bytes(wire, node->text, node->text_len);
        } else {
            pn_wire_text(wire, node->text, node->text_len);
        }
        break;
    case PN_JSON_ARRAY:
        pn_wire_list(wire);
        write_children(wire, node);
        pn_wire_list_end(wire);
        break;
    case PN_JSON_OBJECT:
        pn_wire_map(wire);
        write_children(wire, node);
        pn_wire_map_end(wire);
        break;
    }
}
