/* Any bytes: parsing never reads outside them, and what was parsed writes a text that parses to the
 * same text again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number is what strtod() makes of it; whether it is whole, is decided once. */
static void check_number(const struct pn_json *node)
{
    char *text = pn_xstrndup(node->raw, node->raw_len);
    double expected = strtod(text, NULL);
    PN_ASSERT(memcmp(&node->number, &expected, sizeof expected) == 0);
    PN_ASSERT(!node->is_integer || (double)node->integer == expected);
    PN_ASSERT(!node->is_integer || !pn_json_has_fraction(node));
    free(text);
}

/* Every node's own text lies inside of its parent's. */
static void check_nodes(const struct pn_json *node)
{
    size_t count = 0;
    const char *at = node->raw;
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        PN_ASSERT(child->raw > at);
        at = child->raw + child->raw_len;
        PN_ASSERT(at < node->raw + node->raw_len);
        check_nodes(child);
        count++;
    }
    PN_ASSERT(count == node->count);
    PN_ASSERT(node->raw_len > 0);
    PN_ASSERT(node->type != PN_JSON_STRING || pn_utf8_valid(node->text, node->text_len));
    if (node->type == PN_JSON_NUMBER) {
        check_number(node);
    }
    PN_ASSERT(node->key == NULL || pn_utf8_valid(node->key, node->key_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_err e;
    char *text = pn_xmalloc(size); /* exactly as long as the input, for the sanitizers */
    if (size > 0) {
        memcpy(text, data, size);
    }
    if (pn_json_parse(parser, text, size, size, &root, &e) == 0) {
        struct pn_buf once;
        struct pn_buf twice;
        pn_buf_init(&once, 8 * size + 64);
        pn_buf_init(&twice, 8 * size + 64);
        check_nodes(root);
        pn_json_write(&once, root);
        PN_ASSERT(pn_json_parse(parser, once.data, once.len, once.len, &root, &e) == 0);
        pn_json_write(&twice, root);
        PN_ASSERT(strcmp(once.data, twice.data) == 0 && once.len == twice.len);
        pn_buf_deinit(&once);
        pn_buf_deinit(&twice);
    } else {
        PN_ASSERT(strncmp(e.msg, "invalid JSON at byte ", 21) == 0 ||
                  strncmp(e.msg, "invalid JSON: it ", 17) == 0 ||
                  strncmp(e.msg, "JSON nested deeper than ", 24) == 0);
        PN_ASSERT(pn_json_fault_offset(parser) <= size);
    }
    free(text);
    pn_json_parser_destroy(&parser);
    return 0;
}
