#include "engine/duckdb/origin.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

enum {
    MICROS_A_MS = 1000,
    BASE64_BYTES_MAX = 256 << 20 /* a line of origins, from which the bytes are, is shorter */
};

const struct pn_origin_values pn_origin_unknown = {
    .partition = -1, .offset = -1, .timestamp_ms = -1};

static struct pn_json *text_node(const char *text, size_t len, struct pn_arena *arena)
{
    struct pn_json *node = pn_arena_calloc(arena, 1, sizeof *node);
    *node = (struct pn_json){.type = PN_JSON_STRING, .text = text, .text_len = len};
    return node;
}

static const struct pn_json *name_node(const char *name, struct pn_arena *arena)
{
    return name != NULL ? text_node(name, strlen(name), arena) : NULL;
}

static const struct pn_json *integer_node(int64_t value, struct pn_arena *arena)
{
    if (value < 0) {
        return NULL;
    }
    struct pn_json *node = pn_arena_calloc(arena, 1, sizeof *node);
    *node = (struct pn_json){.type = PN_JSON_NUMBER, .is_integer = true, .integer = value};
    return node;
}

/* An instant is a number of microseconds where it is not a text. */
static const struct pn_json *time_node(int64_t wall_ms, struct pn_arena *arena)
{
    return wall_ms >= 0 && wall_ms <= PN_ORIGIN_TIME_MS_MAX
               ? integer_node(wall_ms * MICROS_A_MS, arena)
               : NULL;
}

static struct pn_json *base64_node(struct pn_bytes bytes, struct pn_arena *arena)
{
    struct pn_buf text;
    pn_buf_init(&text, BASE64_BYTES_MAX);
    pn_base64_encode(&text, bytes.data, bytes.len);
    PN_ASSERT(!pn_buf_failed(&text));
    struct pn_json *node =
        text_node(pn_arena_strndup(arena, pn_buf_text(&text), text.len), text.len, arena);
    pn_buf_deinit(&text);
    return node;
}

/* Bytes that may be anything, for a column of text or of bytes: those have base64 in JSON. */
static struct pn_json *bytes_node(struct pn_bytes bytes, const struct pn_type *type,
                                  struct pn_arena *arena)
{
    if (bytes.data == NULL) {
        return NULL;
    }
    bool is_text = type->kind == PN_TYPE_STRING && pn_utf8_valid(bytes.data, bytes.len);
    return is_text ? text_node(bytes.data, bytes.len, arena) : base64_node(bytes, arena);
}

/* --- headers ---------------------------------------------------------------------------------- */

static void add_child(struct pn_json *parent, struct pn_json *child, struct pn_json **last)
{
    if (*last == NULL) {
        parent->first = child;
    } else {
        (*last)->next = child;
    }
    *last = child;
    parent->count++;
}

static struct pn_json *as_member(struct pn_json *node, const char *name, size_t len,
                                 struct pn_arena *arena)
{
    if (node == NULL) {
        node = pn_arena_calloc(arena, 1, sizeof *node); /* JSON's null */
    }
    node->key = name;
    node->key_len = len;
    return node;
}

/* {"key": name, "value": value}, or in a map {name: value}. */
static const struct pn_json *headers_node(const struct pn_origin_values *origin,
                                          const struct pn_type *type, struct pn_arena *arena)
{
    bool is_map = type->kind == PN_TYPE_MAP;
    const struct pn_type *value_type =
        is_map ? &type->fields[1].type : &type->fields[0].type.fields[1].type;
    if (origin->header_count == 0) {
        return NULL;
    }
    struct pn_json *all = pn_arena_calloc(arena, 1, sizeof *all);
    struct pn_json *last = NULL;
    all->type = is_map ? PN_JSON_OBJECT : PN_JSON_ARRAY;
    for (size_t i = 0; i < origin->header_count; i++) {
        const struct pn_record_header *header = &origin->headers[i];
        struct pn_json *value = bytes_node(header->value, value_type, arena);
        if (is_map) {
            value = as_member(value, header->name.data, header->name.len, arena);
            add_child(all, value, &last);
            continue;
        }
        struct pn_json *item = pn_arena_calloc(arena, 1, sizeof *item);
        struct pn_json *last_member = NULL;
        struct pn_json *name = text_node(header->name.data, header->name.len, arena);
        item->type = PN_JSON_OBJECT;
        add_child(item, as_member(name, "key", strlen("key"), arena), &last_member);
        add_child(item, as_member(value, "value", strlen("value"), arena), &last_member);
        add_child(all, item, &last);
    }
    return all;
}

/* --- all -------------------------------------------------------------------------------------- */

const struct pn_json *pn_origin_value(const struct pn_origin_values *origin,
                                      const struct pn_column *column, struct pn_arena *arena)
{
    switch (origin->file != NULL     ? column->file_origin
            : origin->stream != NULL ? column->stream_origin
                                     : column->topic_origin) {
    case PN_ORIGIN_TOPIC:
        return name_node(origin->topic, arena);
    case PN_ORIGIN_PARTITION:
        return integer_node(origin->partition, arena);
    case PN_ORIGIN_OFFSET:
        return integer_node(origin->offset, arena);
    case PN_ORIGIN_TIMESTAMP:
        return time_node(origin->timestamp_ms, arena);
    case PN_ORIGIN_KEY:
        return bytes_node(origin->key, &column->type, arena);
    case PN_ORIGIN_HEADERS:
        return headers_node(origin, &column->type, arena);
    case PN_ORIGIN_STREAM:
        return name_node(origin->stream, arena);
    case PN_ORIGIN_SHARD:
        return name_node(origin->shard, arena);
    case PN_ORIGIN_SEQUENCE_NUMBER:
        return name_node(origin->sequence, arena);
    case PN_ORIGIN_PARTITION_KEY:
        return bytes_node(origin->partition_key, &column->type, arena);
    case PN_ORIGIN_ARRIVAL:
        return time_node(origin->arrival_ms, arena);
    case PN_ORIGIN_FILE:
        return name_node(origin->file, arena);
    case PN_ORIGIN_NONE:
        break;
    }
    return NULL;
}
