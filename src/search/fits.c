/* Does a record fit? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "search/internal.h"

enum { ARRAY_ITEMS_MAX = 10000, NUMBER_SIZE = 24 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Is the word, in lower case, a part of the text? */
static bool has_word(const char *text, size_t len, struct pn_search_text word)
{
    if (word.len == 0 || word.len > len) {
        return word.len == 0;
    }
    for (size_t at = 0; at <= len - word.len; at++) {
        size_t same = 0;
        while (same < word.len && lower(text[at + same]) == word.data[same]) {
            same++;
        }
        if (same == word.len) {
            return true;
        }
    }
    return false;
}

static int compare_texts(const char *a, size_t a_len, struct pn_search_text b)
{
    int order = memcmp(a, b.data, a_len < b.len ? a_len : b.len);
    return order != 0 ? order : a_len < b.len ? -1 : a_len > b.len ? 1 : 0;
}

static bool holds(enum pn_search_operator operator, int order)
{
    switch (operator) {
    case PN_SEARCH_EQUAL:
        return order == 0;
    case PN_SEARCH_DIFFERENT:
        return order != 0;
    case PN_SEARCH_BELOW:
        return order < 0;
    case PN_SEARCH_ABOVE:
        return order > 0;
    case PN_SEARCH_AT_MOST:
        return order <= 0;
    case PN_SEARCH_AT_LEAST:
        return order >= 0;
    }
    return false;
}

/* A number is compared with what is a number; with any other text it differs, and no more. */
static bool number_holds(const struct pn_search_term *term, const char *digits, size_t len)
{
    int order = 0;
    return pn_search_compare_numbers(digits, len, term->value.data, term->value.len, &order)
               ? holds(term->operator, order)
               : term->operator== PN_SEARCH_DIFFERENT;
}

/* A text is compared with a text. With a number it is compared as a number, if it is one. */
static bool text_holds(const struct pn_search_term *term, const char *text, size_t len)
{
    bool is_order = term->operator!= PN_SEARCH_EQUAL && term->operator!= PN_SEARCH_DIFFERENT;
    int order = 0;
    if (is_order && pn_search_compare_numbers("0", 1, term->value.data, term->value.len, &order)) {
        return number_holds(term, text, len);
    }
    return holds(term->operator, compare_texts(text, len, term->value));
}

static bool integer_holds(const struct pn_search_term *term, int64_t value)
{
    char digits[NUMBER_SIZE];
    int len = snprintf(digits, sizeof digits, "%" PRId64, value);
    return number_holds(term, digits, (size_t)len);
}

/* --- in the value ----------------------------------------------------------------------------- */

static const struct pn_json *member(const struct pn_json *node, struct pn_search_text name)
{
    size_t index = 0;
    if (node->type == PN_JSON_OBJECT) {
        const struct pn_json *child = node->first;
        while (child != NULL &&
               (child->key_len != name.len || memcmp(child->key, name.data, name.len) != 0)) {
            child = child->next;
        }
        return child;
    }
    if (node->type != PN_JSON_ARRAY || name.len == 0 || name.len > 6) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return NULL;
        }
        index = index * 10 + (size_t)(name.data[i] - '0');
    }
    const struct pn_json *child = node->first;
    while (child != NULL && index-- > 0) {
        child = child->next;
    }
    return child;
}

static bool value_holds(const struct pn_search_term *term, const struct pn_json *node)
{
    switch (node->type) {
    case PN_JSON_NUMBER:
        return number_holds(term, node->raw, node->raw_len);
    case PN_JSON_STRING:
        return text_holds(term, node->text, node->text_len);
    default:
        return holds(term->operator, compare_texts(node->raw, node->raw_len, term->value));
    }
}

/* An array has the value if an item does; it differs from it if every item does. */
static bool array_holds(const struct pn_search_term *term, const struct pn_json *array)
{
    bool all = term->operator== PN_SEARCH_DIFFERENT;
    size_t count = 0;
    for (const struct pn_json *item = array->first; item != NULL && count < ARRAY_ITEMS_MAX;
         item = item->next, count++) {
        if (value_holds(term, item) != all) {
            return !all;
        }
    }
    return all;
}

static bool path_holds(const struct pn_search_term *term, const struct pn_json *root)
{
    const struct pn_json *node = root;
    for (size_t i = 0; node != NULL && i < term->path_len; i++) {
        node = member(node, term->path[i]);
    }
    if (node == NULL) {
        return term->operator== PN_SEARCH_DIFFERENT;
    }
    return node->type == PN_JSON_ARRAY ? array_holds(term, node) : value_holds(term, node);
}

/* --- the record ------------------------------------------------------------------------------- */

static bool term_holds(const struct pn_search_term *term, int32_t partition,
                       const struct pn_record *record, const struct pn_json *root)
{
    switch (term->field) {
    case PN_SEARCH_WORD:
        return has_word(record->value.data, record->value.len, term->value) ||
               has_word(record->key.data, record->key.len, term->value);
    case PN_SEARCH_KEY:
        return record->key.data == NULL ? term->operator== PN_SEARCH_DIFFERENT
            : holds(term->operator, compare_texts(record->key.data, record->key.len, term->value));
    case PN_SEARCH_PARTITION:
        return integer_holds(term, partition);
    case PN_SEARCH_OFFSET:
        return integer_holds(term, record->offset);
    case PN_SEARCH_SIZE:
        return integer_holds(term, (int64_t)(record->key.len + record->value.len));
    case PN_SEARCH_TIME:
        return integer_holds(term, record->timestamp_ms);
    case PN_SEARCH_PATH:
        return path_holds(term, root);
    }
    return false;
}

bool pn_search_fits(const struct pn_search *search, int32_t partition,
                    const struct pn_record *record, struct pn_json_parser *parser)
{
    struct pn_json *root = NULL;
    /* What needs no tree first: most records are out by then. */
    for (size_t i = 0; i < search->count; i++) {
        const struct pn_search_term *term = &search->terms[i];
        if (term->field != PN_SEARCH_PATH &&
            term_holds(term, partition, record, NULL) == term->negated) {
            return false;
        }
    }
    if (!search->needs_json) {
        return true;
    }
    if (record->value.data == NULL || pn_json_parse(parser, record->value.data, record->value.len,
                                                    record->value.len, &root, NULL) != 0) {
        root = NULL;
    }
    for (size_t i = 0; i < search->count; i++) {
        const struct pn_search_term *term = &search->terms[i];
        if (term->field == PN_SEARCH_PATH && path_holds(term, root) == term->negated) {
            return false;
        }
    }
    return true;
}
