/* Reading CBOR: libcbor's streaming decoder takes one item at a time apart (it checks that a string
 * lies inside of the bytes before it hands it out); this file makes a tree of the items. */
#include <cbor.h>
#include <math.h>
#include <string.h>

#include "kinesis/api/wire.h"

enum { TAG_EPOCH = 1 };

enum item_kind {
    ITEM_INTEGER,
    ITEM_FLOAT, /* also an integer beyond int64 */
    ITEM_BOOL,
    ITEM_NULL,
    ITEM_TEXT,
    ITEM_BYTES,
    ITEM_ARRAY,
    ITEM_MAP,
    ITEM_TAG,
    ITEM_BREAK
};

/* The head of an item, as the decoder's callbacks leave it. */
struct item {
    enum item_kind kind;
    bool indefinite; /* TEXT, BYTES, ARRAY, MAP */
    bool boolean;
    int64_t integer;
    double number;
    const char *bytes;
    uint64_t count; /* of bytes, of elements, of pairs; the number of a TAG */
};

struct parse {
    const unsigned char *bytes;
    size_t len;
    size_t at;
    size_t items;
    struct pn_arena *arena;
    struct pn_err *e;
};

/* --- the decoder's callbacks ------------------------------------------------------------------ */

static void set_unsigned(void *context, uint64_t value)
{
    struct item *item = context;
    bool fits = value <= INT64_MAX;
    item->kind = fits ? ITEM_INTEGER : ITEM_FLOAT;
    item->integer = fits ? (int64_t)value : 0;
    item->number = (double)value;
}

/* The item is -1 - value. */
static void set_negative(void *context, uint64_t value)
{
    struct item *item = context;
    bool fits = value <= INT64_MAX;
    item->kind = fits ? ITEM_INTEGER : ITEM_FLOAT;
    item->integer = fits ? -1 - (int64_t)value : 0;
    item->number = -1.0 - (double)value;
}

static void on_uint8(void *context, uint8_t value)
{
    set_unsigned(context, value);
}

static void on_uint16(void *context, uint16_t value)
{
    set_unsigned(context, value);
}

static void on_uint32(void *context, uint32_t value)
{
    set_unsigned(context, value);
}

static void on_negative8(void *context, uint8_t value)
{
    set_negative(context, value);
}

static void on_negative16(void *context, uint16_t value)
{
    set_negative(context, value);
}

static void on_negative32(void *context, uint32_t value)
{
    set_negative(context, value);
}

static void on_float(void *context, float value)
{
    *(struct item *)context = (struct item){.kind = ITEM_FLOAT, .number = (double)value};
}

static void on_double(void *context, double value)
{
    *(struct item *)context = (struct item){.kind = ITEM_FLOAT, .number = value};
}

static void on_bool(void *context, bool value)
{
    *(struct item *)context = (struct item){.kind = ITEM_BOOL, .boolean = value};
}

static void on_null(void *context)
{
    *(struct item *)context = (struct item){.kind = ITEM_NULL};
}

static void on_text(void *context, cbor_data data, size_t len)
{
    *(struct item *)context =
        (struct item){.kind = ITEM_TEXT, .bytes = (const char *)data, .count = len};
}

static void on_bytes(void *context, cbor_data data, size_t len)
{
    *(struct item *)context =
        (struct item){.kind = ITEM_BYTES, .bytes = (const char *)data, .count = len};
}

static void on_text_start(void *context)
{
    *(struct item *)context = (struct item){.kind = ITEM_TEXT, .indefinite = true};
}

static void on_bytes_start(void *context)
{
    *(struct item *)context = (struct item){.kind = ITEM_BYTES, .indefinite = true};
}

static void on_array(void *context, size_t count)
{
    *(struct item *)context = (struct item){.kind = ITEM_ARRAY, .count = count};
}

static void on_array_start(void *context)
{
    *(struct item *)context = (struct item){.kind = ITEM_ARRAY, .indefinite = true};
}

static void on_map(void *context, size_t count)
{
    *(struct item *)context = (struct item){.kind = ITEM_MAP, .count = count};
}

static void on_map_start(void *context)
{
    *(struct item *)context = (struct item){.kind = ITEM_MAP, .indefinite = true};
}

static void on_tag(void *context, uint64_t number)
{
    *(struct item *)context = (struct item){.kind = ITEM_TAG, .count = number};
}

static void on_break(void *context)
{
    *(struct item *)context = (struct item){.kind = ITEM_BREAK};
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = set_unsigned,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = set_negative,
    .byte_string_start = on_bytes_start,
    .byte_string = on_bytes,
    .string = on_text,
    .string_start = on_text_start,
    .indef_array_start = on_array_start,
    .array_start = on_array,
    .indef_map_start = on_map_start,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_null,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_break,
};

/* --- from items to a tree --------------------------------------------------------------------- */

static int fail(const struct parse *p, const char *reason)
{
    return pn_err_input(p->e, "invalid CBOR at byte %zu: %s", p->at, reason);
}

static int next_item(struct parse *p, struct item *item)
{
    if (++p->items > PN_CBOR_ITEMS_MAX) {
        return fail(p, "too many items");
    }
    *item = (struct item){0};
    struct cbor_decoder_result result =
        cbor_stream_decode(p->bytes + p->at, p->len - p->at, &callbacks, item);
    if (result.status == CBOR_DECODER_NEDATA) {
        return fail(p, "the item is cut short");
    }
    if (result.status != CBOR_DECODER_FINISHED) {
        return fail(p, "not a well-formed item");
    }
    p->at += result.read;
    return 0;
}

/* A string's bytes: where they stand, or the chunks of an indefinite one put together. */
static int read_string(struct parse *p, const struct item *head, const char **bytes, size_t *len)
{
    if (!head->indefinite) {
        *bytes = head->bytes;
        *len = (size_t)head->count;
        return 0;
    }
    const struct parse start = *p;
    char *joined = NULL;
    *len = 0;
    /* Once to measure, once to copy: the second round meets what the first has checked. */
    for (int copying = 0; copying < 2; copying++) {
        size_t at = 0;
        *p = start;
        for (;;) {
            struct item chunk;
            int rc = next_item(p, &chunk);
            if (rc != 0) {
                return rc;
            }
            if (chunk.kind == ITEM_BREAK) {
                break;
            }
            if (chunk.kind != head->kind || chunk.indefinite) {
                return fail(p, "a string in chunks contains another item");
            }
            if (copying != 0 && chunk.count > 0) {
                memcpy(joined + at, chunk.bytes, (size_t)chunk.count);
            }
            at += (size_t)chunk.count;
        }
        if (copying == 0) {
            joined = pn_arena_alloc(p->arena, at + 1);
            *len = at;
        }
    }
    *bytes = joined;
    return 0;
}

static int read_text(struct parse *p, const struct item *head, const char **text, size_t *len)
{
    int rc = read_string(p, head, text, len);
    if (rc == 0 && !pn_utf8_valid(*text, *len)) {
        return fail(p, "a text string is not UTF-8");
    }
    return rc;
}

static int read_number(struct parse *p, const struct item *head, bool is_epoch,
                       struct pn_json *node)
{
    if (!isfinite(head->number)) {
        return fail(p, "a number is not finite");
    }
    node->type = PN_JSON_NUMBER;
    node->number = head->number;
    if (head->kind != ITEM_INTEGER) {
        return 0;
    }
    if (!is_epoch) {
        node->is_integer = true;
        node->integer = head->integer;
        return 0;
    }
    node->number = (double)head->integer / 1000;
    node->is_integer = head->integer % 1000 == 0;
    node->integer = node->is_integer ? head->integer / 1000 : 0;
    return 0;
}

static int read_value(struct parse *p, struct item head, int depth, struct pn_json *node);

static int read_children(struct parse *p, const struct item *head, int depth, struct pn_json *node)
{
    bool is_map = head->kind == ITEM_MAP;
    node->type = is_map ? PN_JSON_OBJECT : PN_JSON_ARRAY;
    if (depth == PN_JSON_DEPTH_MAX) {
        return pn_err_input(p->e, "CBOR nested deeper than %d levels, at byte %zu",
                            PN_JSON_DEPTH_MAX, p->at);
    }
    /* Each element takes a byte at least, each pair two. */
    if (head->count > (p->len - p->at) / (is_map ? 2 : 1)) {
        return fail(p, "more elements are announced than bytes follow");
    }
    struct pn_json **link = &node->first;
    while (head->indefinite || node->count < head->count) {
        struct item item;
        const char *key = NULL;
        size_t key_len = 0;
        int rc = next_item(p, &item);
        if (rc == 0 && item.kind == ITEM_BREAK && head->indefinite) {
            return 0;
        }
        if (rc == 0 && is_map) {
            if (item.kind != ITEM_TEXT) {
                return fail(p, "a member's name is not a text string");
            }
            rc = read_text(p, &item, &key, &key_len);
            if (rc == 0) {
                rc = next_item(p, &item);
            }
        }
        if (rc != 0) {
            return rc;
        }
        struct pn_json *child = pn_arena_calloc(p->arena, 1, sizeof *child);
        child->key = key;
        child->key_len = key_len;
        rc = read_value(p, item, depth + 1, child);
        if (rc != 0) {
            return rc;
        }
        *link = child;
        link = &child->next;
        node->count++;
    }
    return 0;
}

static int read_value(struct parse *p, struct item head, int depth, struct pn_json *node)
{
    bool is_epoch = false;
    while (head.kind == ITEM_TAG) {
        is_epoch = head.count == TAG_EPOCH;
        int rc = next_item(p, &head);
        if (rc != 0) {
            return rc;
        }
    }
    const char *bytes = NULL;
    size_t len = 0;
    int rc = 0;
    switch (head.kind) {
    case ITEM_INTEGER:
    case ITEM_FLOAT:
        return read_number(p, &head, is_epoch, node);
    case ITEM_BOOL:
        node->type = PN_JSON_BOOL;
        node->boolean = head.boolean;
        return 0;
    case ITEM_NULL:
        node->type = PN_JSON_NULL;
        return 0;
    case ITEM_TEXT:
        rc = read_text(p, &head, &bytes, &len);
        pn_wire_set_text(node, bytes, len);
        return rc;
    case ITEM_BYTES:
        rc = read_string(p, &head, &bytes, &len);
        pn_wire_set_bytes(node, bytes, len);
        return rc;
    case ITEM_ARRAY:
    case ITEM_MAP:
        return read_children(p, &head, depth, node);
    case ITEM_TAG:
    case ITEM_BREAK:
        break;
    }
    return fail(p, "an unexpected end of an item");
}

int pn_cbor_parse(const void *bytes, size_t len, struct pn_arena *arena, struct pn_json **root,
                  struct pn_err *e)
{
    struct parse p = {.bytes = bytes, .len = len, .arena = arena, .e = e};
    struct item head;
    int rc = next_item(&p, &head);
    if (rc != 0) {
        return rc;
    }
    struct pn_json *node = pn_arena_calloc(arena, 1, sizeof *node);
    rc = read_value(&p, head, 0, node);
    if (rc != 0) {
        return rc;
    }
    if (p.at != len) {
        return fail(&p, "unexpected bytes follow the item");
    }
    *root = node;
    return 0;
}
