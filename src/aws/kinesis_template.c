#include "aws/kinesis_template.h"

#include <stdint.h>
#include <string.h>

#include "base/units.h"
#include "kinesis/api/wire.h"

/* One more than a call takes, so that the call refuses what is too many. */
enum { RECORDS_MAX = 501, TEXT_BYTES_MAX = 1 << 30 };

static const char none[] = "\"\"";
static const char shards_default[] = "5";

/* --- trees ------------------------------------------------------------------------------------ */

static struct pn_json *add(struct pn_arena *arena, struct pn_json *parent, const char *key)
{
    struct pn_json *node = pn_arena_calloc(arena, 1, sizeof *node);
    struct pn_json **link = &parent->first;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = node;
    parent->count++;
    node->key = key;
    node->key_len = key != NULL ? strlen(key) : 0;
    return node;
}

struct pn_json *pn_aws_template_object(struct pn_arena *arena)
{
    struct pn_json *node = pn_arena_calloc(arena, 1, sizeof *node);
    node->type = PN_JSON_OBJECT;
    return node;
}

void pn_aws_template_text(struct pn_arena *arena, struct pn_json *object, const char *key,
                          const char *text)
{
    pn_wire_set_text(add(arena, object, key), text, strlen(text));
}

void pn_aws_template_number(struct pn_arena *arena, struct pn_json *object, const char *key,
                            const char *text)
{
    struct pn_json *node = add(arena, object, key);
    int64_t value = 0;
    if (pn_parse_i64(text, &value, NULL) != 0) {
        pn_wire_set_text(node, text, strlen(text));
        return;
    }
    node->type = PN_JSON_NUMBER;
    node->is_integer = true;
    node->integer = value;
    node->number = (double)value;
    node->raw = text;
    node->raw_len = strlen(text);
}

/* --- values ----------------------------------------------------------------------------------- */

struct text {
    const char *at;
    size_t len;
};

/* $input.json(): compact. */
static struct text json_of(struct pn_arena *arena, const struct pn_json *node)
{
    struct pn_buf out;
    pn_buf_init(&out, TEXT_BYTES_MAX);
    pn_json_write(&out, node);
    const struct text text = {pn_arena_strndup(arena, pn_buf_text(&out), out.len), out.len};
    pn_buf_deinit(&out);
    return text;
}

/* $input.path(): a string without its quotes. */
static struct text text_of(struct pn_arena *arena, const struct pn_json *node)
{
    if (node == NULL || node->type == PN_JSON_NULL) {
        return (struct text){"", 0};
    }
    if (node->type == PN_JSON_STRING) {
        return (struct text){pn_arena_strndup(arena, node->text, node->text_len), node->text_len};
    }
    return json_of(arena, node);
}

static void add_record(struct pn_arena *arena, struct pn_json *object, struct text data,
                       struct text key)
{
    pn_wire_set_bytes(add(arena, object, "Data"), data.at, data.len);
    pn_wire_set_text(add(arena, object, "PartitionKey"), key.at, key.len);
}

/* --- templates -------------------------------------------------------------------------------- */

struct pn_json *pn_aws_template_put_record(struct pn_arena *arena, const char *stream,
                                           const struct pn_json *body)
{
    const struct pn_json *data = pn_json_get(body, "Data");
    struct pn_json *input = pn_aws_template_object(arena);
    pn_aws_template_text(arena, input, "StreamName", stream);
    add_record(arena, input,
               data != NULL ? json_of(arena, data) : (struct text){none, sizeof none - 1},
               text_of(arena, pn_json_get(body, "PartitionKey")));
    return input;
}

static const struct pn_json *either(const struct pn_json *object, const char *one,
                                    const char *other)
{
    const struct pn_json *found = pn_json_get(object, one);
    return found != NULL ? found : pn_json_get(object, other);
}

struct pn_json *pn_aws_template_put_records(struct pn_arena *arena, const char *stream,
                                            const struct pn_json *body)
{
    const struct pn_json *given = either(body, "records", "Records");
    struct pn_json *input = pn_aws_template_object(arena);
    pn_aws_template_text(arena, input, "StreamName", stream);
    struct pn_json *records = add(arena, input, "Records");
    struct pn_json **link = &records->first;
    records->type = PN_JSON_ARRAY;
    const struct pn_json *element =
        given != NULL && given->type == PN_JSON_ARRAY ? given->first : NULL;
    for (; element != NULL && records->count < RECORDS_MAX; element = element->next) {
        const struct pn_json *data = either(element, "data", "Data");
        struct pn_json *record = pn_aws_template_object(arena);
        add_record(arena, record,
                   data != NULL ? text_of(arena, data) : (struct text){none, sizeof none - 1},
                   text_of(arena, either(element, "partition-key", "PartitionKey")));
        *link = record;
        link = &record->next;
        records->count++;
    }
    return input;
}

struct pn_json *pn_aws_template_create_stream(struct pn_arena *arena, const char *stream,
                                              const struct pn_json *body)
{
    struct text shards = text_of(arena, pn_json_get(body, "ShardCount"));
    struct pn_json *input = pn_aws_template_object(arena);
    pn_aws_template_text(arena, input, "StreamName", stream);
    pn_aws_template_number(arena, input, "ShardCount", shards.len > 0 ? shards.at : shards_default);
    return input;
}
