#include "base/json.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_simdjson.h"
#include "base/mem.h"
#include "base/text_signature.h"

struct pn_json_parser {
    void *simd;
    struct pn_arena arena; /* the nodes */
    char *copy;            /* of a text that came without padding */
    size_t copy_capacity;
    size_t values_max;
    size_t largest;      /* text since it was trimmed */
    size_t fault_offset; /* of the parse that failed last */
};

enum { ARENA_BLOCK_BYTES = 16 * 1024 };
/* How much memory of a text, and of a tree, may be kept; and how large a tree has to be for its
 * memory to be given back to the system, which free() alone doesn't do with small blocks. */
enum { KEPT_BYTES_MAX = 1024 * 1024, HUGE_BYTES = 32 * 1024 * 1024 };

struct pn_json_parser *pn_json_parser_create(void)
{
    struct pn_json_parser *parser = pn_xcalloc(1, sizeof *parser);
    parser->simd = pn_simdjson_create();
    PN_ASSERT(parser->simd != NULL);
    pn_arena_init(&parser->arena, ARENA_BLOCK_BYTES);
    parser->values_max = SIZE_MAX;
    return parser;
}

void pn_json_parser_limit(struct pn_json_parser *parser, size_t values_max)
{
    parser->values_max = values_max > 0 ? values_max : SIZE_MAX;
}

void pn_json_parser_trim(struct pn_json_parser *parser)
{
    bool huge = parser->arena.total_bytes > HUGE_BYTES;
    if (parser->arena.total_bytes > KEPT_BYTES_MAX) {
        pn_arena_deinit(&parser->arena);
    }
    if (parser->largest > KEPT_BYTES_MAX) {
        pn_simdjson_destroy(parser->simd);
        parser->simd = pn_simdjson_create();
        PN_ASSERT(parser->simd != NULL);
        free(parser->copy);
        parser->copy = NULL;
        parser->copy_capacity = 0;
        parser->largest = 0;
    }
    if (huge) {
        (void)malloc_trim(0);
    }
}

void pn_json_parser_destroy(struct pn_json_parser **parser)
{
    if (*parser == NULL) {
        return;
    }
    pn_simdjson_destroy((*parser)->simd);
    pn_arena_deinit(&(*parser)->arena);
    free((*parser)->copy);
    free(*parser);
    *parser = NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int copy_padded(struct pn_json_parser *parser, const char *text, size_t len,
                       struct pn_err *e)
{
    size_t need = len + PN_JSON_PADDING;
    if (need > parser->copy_capacity) {
        size_t grown = parser->copy_capacity * 2 > need ? parser->copy_capacity * 2 : need;
        free(parser->copy);
        parser->copy = pn_try_alloc(grown);
        parser->copy_capacity = parser->copy != NULL ? grown : 0;
        if (parser->copy == NULL) {
            return pn_err_errno(e, ENOMEM, "cannot parse JSON of %zu bytes", len);
        }
    }
    memcpy(parser->copy, text, len);
    memset(parser->copy + len, 0, PN_JSON_PADDING);
    return 0;
}

/* The length of the character that starts at `text`, or 0 when none does. */
static size_t utf8_char_len(const char *text, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++) {
        if (pn_utf8_valid(text, n)) {
            return n;
        }
    }
    return 0;
}

/* The offset of the first byte that is not UTF-8. */
static size_t find_bad_utf8(const char *text, size_t len)
{
    enum { CHUNK_BYTES = 4096 };
    size_t good = 0;
    while (len - good > CHUNK_BYTES) {
        size_t end = good + CHUNK_BYTES;
        while (end > good && ((unsigned char)text[end] & 0xC0) == 0x80) {
            end--; /* into a character: back to its start */
        }
        if (end == good || !pn_utf8_valid(text + good, end - good)) {
            break;
        }
        good = end;
    }
    for (size_t n = 1; n > 0; good += n) {
        n = utf8_char_len(text + good, len - good);
    }
    return good;
}

/* The offset of the first control character in a string, or else of the string without an end. */
static size_t find_bad_string(const char *text, size_t len, const char **reason)
{
    size_t open = 0;
    bool inside = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            inside = !inside;
            open = i;
        } else if (inside && text[i] == '\\') {
            i++;
        } else if (inside && (unsigned char)text[i] < 0x20) {
            *reason = "a control character in a string is not escaped";
            return i;
        }
    }
    *reason = "a string is not terminated";
    return open;
}

/* `skipped` bytes are before the text. */
static int parse_error(struct pn_json_parser *parser, const char *text, size_t len, size_t skipped,
                       const struct pn_simdjson_fault *fault, struct pn_err *e)
{
    const char *looks = pn_text_looks_like(text, len);
    const char *reason = fault->reason;
    parser->fault_offset = fault->offset + skipped;
    switch (fault->kind) {
    case PN_SIMDJSON_AT:
        break;
    case PN_SIMDJSON_DEPTH:
        return pn_err_set(e, PN_CLASS_INPUT, PN_JSON_TOO_DEEP,
                          "JSON nested deeper than %d levels, at byte %zu", PN_JSON_DEPTH_MAX,
                          parser->fault_offset);
    case PN_SIMDJSON_UTF8:
        parser->fault_offset = skipped + find_bad_utf8(text, len);
        reason = "no UTF-8";
        break;
    case PN_SIMDJSON_STRING:
        parser->fault_offset = skipped + find_bad_string(text, len, &reason);
        break;
    case PN_SIMDJSON_VALUES:
        parser->fault_offset = skipped + len;
        return pn_err_set(e, PN_CLASS_INPUT, PN_JSON_TOO_MANY, "JSON of more than %zu values",
                          parser->values_max);
    case PN_SIMDJSON_MEMORY:
        parser->fault_offset = skipped + len;
        return pn_err_errno(e, ENOMEM, "cannot parse JSON of %zu bytes", len);
    }
    if (looks != NULL) {
        return pn_err_input(e, "invalid JSON: it %s", looks);
    }
    return pn_err_input(e, "invalid JSON at byte %zu: %s", parser->fault_offset, reason);
}

size_t pn_json_fault_offset(const struct pn_json_parser *parser)
{
    return parser->fault_offset;
}

int pn_json_parse(struct pn_json_parser *parser, const char *text, size_t len, size_t capacity,
                  struct pn_json **root, struct pn_err *e)
{
    PN_ASSERT(capacity >= len);
    pn_arena_reset(&parser->arena);
    parser->largest = len > parser->largest ? len : parser->largest;
    bool padded = capacity - len >= PN_JSON_PADDING;
    size_t bom = pn_text_bom(text, len);
    text += bom;
    size_t trimmed = len - bom;
    while (trimmed > 0 && is_space(text[trimmed - 1])) {
        trimmed--;
    }
    if (trimmed == 0) {
        parser->fault_offset = len;
        return pn_err_input(e, "invalid JSON at byte %zu: a value is expected", len);
    }
    if (!padded) {
        int rc = copy_padded(parser, text, trimmed, e);
        if (rc != 0) {
            return rc;
        }
        text = parser->copy;
    }
    struct pn_simdjson_fault fault = {.kind = PN_SIMDJSON_AT};
    if (!pn_simdjson_parse(parser->simd, text, trimmed, parser->values_max, &parser->arena, root,
                           &fault)) {
        return parse_error(parser, text, trimmed, bom, &fault, e);
    }
    return 0;
}

const struct pn_json *pn_json_get(const struct pn_json *object, const char *key)
{
    if (object == NULL || object->type != PN_JSON_OBJECT) {
        return NULL;
    }
    const struct pn_json *found = NULL;
    size_t len = strlen(key);
    for (const struct pn_json *member = object->first; member != NULL; member = member->next) {
        if (member->key_len == len && memcmp(member->key, key, len) == 0) {
            found = member;
        }
    }
    return found;
}

bool pn_json_get_text(const struct pn_json *object, const char *key, const char **text, size_t *len)
{
    const struct pn_json *member = pn_json_get(object, key);
    if (member == NULL || member->type != PN_JSON_STRING) {
        return false;
    }
    *text = member->text;
    *len = member->text_len;
    return true;
}

char *pn_json_dup(const struct pn_json *node)
{
    if (node == NULL || node->type != PN_JSON_STRING ||
        memchr(node->text, '\0', node->text_len) != NULL) {
        return NULL;
    }
    return pn_xstrndup(node->text, node->text_len);
}

bool pn_json_text_is(const struct pn_json *node, const char *text)
{
    size_t len = strlen(text);
    return node != NULL && node->type == PN_JSON_STRING && node->text_len == len &&
           memcmp(node->text, text, len) == 0;
}

int64_t pn_json_get_i64(const struct pn_json *object, const char *key, int64_t fallback)
{
    const struct pn_json *member = pn_json_get(object, key);
    return member != NULL && member->is_integer ? member->integer : fallback;
}

bool pn_json_get_bool(const struct pn_json *object, const char *key, bool fallback)
{
    const struct pn_json *member = pn_json_get(object, key);
    return member != NULL && member->type == PN_JSON_BOOL ? member->boolean : fallback;
}

const char *pn_json_type_name(enum pn_json_type type)
{
    switch (type) {
    case PN_JSON_NULL:
        return "null";
    case PN_JSON_BOOL:
        return "boolean";
    case PN_JSON_NUMBER:
        return "number";
    case PN_JSON_STRING:
        return "string";
    case PN_JSON_ARRAY:
        return "array";
    case PN_JSON_OBJECT:
        return "object";
    }
    return "unknown";
}

bool pn_utf8_valid(const char *text, size_t len)
{
    return len == 0 || pn_simdjson_utf8_valid(text, len);
}

void pn_utf8_add_clean(struct pn_buf *out, const char *text, size_t len)
{
    if (pn_utf8_valid(text, len)) {
        pn_buf_add(out, text, len);
        return;
    }
    for (size_t at = 0; at < len;) {
        size_t n = utf8_char_len(text + at, len - at);
        if (n == 0) {
            pn_buf_adds(out, "\xEF\xBF\xBD");
            at++;
        } else {
            pn_buf_add(out, text + at, n);
            at += n;
        }
    }
}
