#include "engine/record.h"

#include <string.h>

#include "base/base64.h"
#include "base/text_signature.h"

static const char wrapper[] = "value";

struct decoding {
    struct pn_json_parser *parser;
    bool keeps_value;
    struct pn_arena *arena;
    const struct pn_decoded *out;
};

static void give_reason(const struct decoding *decoding, const char *reason)
{
    decoding->out->row(decoding->out->arg, (struct pn_bytes){0}, reason);
}

/* The row that an object is, or wraps. */
static const struct pn_json *row_of(const struct decoding *decoding, const struct pn_json *object)
{
    const struct pn_json *only = object->first;
    bool wraps = !decoding->keeps_value && object->count == 1 && only->type == PN_JSON_OBJECT &&
                 only->key_len == sizeof wrapper - 1 &&
                 memcmp(only->key, wrapper, only->key_len) == 0;
    return wraps ? only : object;
}

/* The parser's texts are good until its next parse, so rows get a copy. */
static void give_object(const struct decoding *decoding, const struct pn_json *object)
{
    const struct pn_json *row = row_of(decoding, object);
    const struct pn_bytes value = {
        .data = pn_arena_strndup(decoding->arena, row->raw, row->raw_len), .len = row->raw_len};
    decoding->out->row(decoding->out->arg, value, NULL);
}

static void give_array(const struct decoding *decoding, const struct pn_json *array)
{
    if (array->count == 0) {
        give_reason(decoding, "an empty array has no rows");
        return;
    }
    if (array->count > PN_RECORD_ROWS_MAX) {
        give_reason(decoding,
                    pn_arena_printf(decoding->arena, "an array of %zu rows: at most %d are allowed",
                                    array->count, PN_RECORD_ROWS_MAX));
        return;
    }
    size_t i = 0;
    for (const struct pn_json *item = array->first; item != NULL; item = item->next, i++) {
        if (item->type == PN_JSON_OBJECT) {
            give_object(decoding, item);
        } else {
            give_reason(decoding, pn_arena_printf(decoding->arena,
                                                  "item %zu of the array is not an object but %s",
                                                  i, pn_json_type_name(item->type)));
        }
    }
}

static void give(const struct decoding *decoding, const struct pn_json *root)
{
    if (root->type == PN_JSON_OBJECT) {
        give_object(decoding, root);
    } else if (root->type == PN_JSON_ARRAY) {
        give_array(decoding, root);
    } else {
        give_reason(decoding, pn_arena_printf(decoding->arena, "not a JSON object but %s",
                                              pn_json_type_name(root->type)));
    }
}

/* Decoded base64 when it is that and holds JSON; *root is the JSON then, else NULL. *looks says
 * what base64 seems to hold instead, or is NULL. */
static void parse_base64(const struct decoding *decoding, const char *text, size_t len,
                         struct pn_json **root, const char **looks)
{
    *root = NULL;
    *looks = NULL;
    struct pn_buf bytes;
    pn_buf_init(&bytes, len + 4); /* the decoder asks for a little more than it needs */
    /* A JSON text in braces is not base64: most strings need no second look. */
    if (text[0] != '{' && text[0] != '[' && pn_base64_decode(&bytes, text, len)) {
        if (pn_json_parse(decoding->parser, pn_buf_text(&bytes), bytes.len, bytes.len, root,
                          NULL) != 0) {
            *root = NULL;
            *looks = pn_text_looks_like(pn_buf_text(&bytes), bytes.len);
        }
    }
    pn_buf_deinit(&bytes);
}

static void decode_string(const struct decoding *decoding, const struct pn_json *string)
{
    if (string->text_len == 0) {
        give_reason(decoding, "the data is an empty string");
        return;
    }
    size_t len = string->text_len;
    const char *text = pn_arena_strndup(decoding->arena, string->text, len);
    struct pn_json *root = NULL;
    struct pn_err why = {0};
    const char *looks = NULL;
    parse_base64(decoding, text, len, &root, &looks);
    if (root == NULL && pn_json_parse(decoding->parser, text, len, len, &root, &why) != 0) {
        give_reason(decoding,
                    looks != NULL
                        ? pn_arena_printf(decoding->arena, "a string in base64 that %s", looks)
                        : pn_arena_printf(decoding->arena,
                                          "a string that is neither base64 of JSON nor JSON: %s",
                                          why.msg));
        return;
    }
    give(decoding, root);
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

bool pn_record_keeps_value(const struct pn_table *raw)
{
    for (size_t i = 0; i < raw->column_count; i++) {
        bool is_it = strcmp(raw->columns[i].name, wrapper) == 0;
        for (size_t j = 0; j < raw->columns[i].alias_count; j++) {
            is_it = is_it || strcmp(raw->columns[i].aliases[j], wrapper) == 0;
        }
        if (is_it) {
            return true;
        }
    }
    return false;
}

bool pn_record_is_row(struct pn_bytes data, bool keeps_value)
{
    if (data.len == 0) {
        return false;
    }
    const char *end = (const char *)data.data + data.len;
    const char *at = skip_blanks(data.data, end);
    if (at == end || *at != '{') {
        return false;
    }
    at = skip_blanks(at + 1, end);
    if (at == end || *at != '"') {
        return false;
    }
    at++;
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (quote == NULL || memchr(at, '\\', (size_t)(quote - at)) != NULL) {
        return false;
    }
    size_t len = (size_t)(quote - at);
    return keeps_value || len != sizeof wrapper - 1 || memcmp(at, wrapper, len) != 0;
}

/* Bytes that are not JSON: base64 of it perhaps. `why` is the parser's reason. */
static void decode_bytes(const struct decoding *decoding, struct pn_bytes data, const char *why)
{
    struct pn_json *root = NULL;
    const char *looks = NULL;
    parse_base64(decoding, data.data, data.len, &root, &looks);
    if (root != NULL && (root->type == PN_JSON_OBJECT || root->type == PN_JSON_ARRAY)) {
        give(decoding, root);
    } else if (looks != NULL) {
        give_reason(decoding, pn_arena_printf(decoding->arena, "base64 that %s", looks));
    } else {
        give_reason(decoding, pn_arena_strdup(decoding->arena, why));
    }
}

void pn_record_decode(struct pn_json_parser *parser, struct pn_bytes data, bool keeps_value,
                      struct pn_arena *arena, const struct pn_decoded *out)
{
    const struct decoding decoding = {
        .parser = parser, .keeps_value = keeps_value, .arena = arena, .out = out};
    struct pn_json *root = NULL;
    struct pn_err why = {0};
    size_t bom = pn_text_bom(data.data, data.len);
    if (data.len == bom) {
        give_reason(&decoding, "the record is empty");
        return;
    }
    const struct pn_bytes text = {.data = (const char *)data.data + bom, .len = data.len - bom};
    if (pn_json_parse(parser, text.data, text.len, text.len, &root, &why) != 0) {
        decode_bytes(&decoding, text, why.msg);
    } else if (root->type == PN_JSON_OBJECT && row_of(&decoding, root) == root) {
        out->row(out->arg, text, NULL);
    } else if (root->type == PN_JSON_STRING) {
        decode_string(&decoding, root);
    } else {
        give(&decoding, root);
    }
}
