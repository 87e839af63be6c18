/* A CBOR body of the Kinesis API, from bytes to a checked input. */
#include <stdlib.h>

#include "kinesis_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each text is UTF-8 and each string lies in the body, or is put together in the arena. */
static void check_nodes(const struct pn_json *node)
{
    size_t count = 0;
    PN_ASSERT(node->type != PN_JSON_STRING || node->raw == NULL ||
              (node->raw == node->text && pn_utf8_valid(node->text, node->text_len)));
    PN_ASSERT(node->key == NULL || pn_utf8_valid(node->key, node->key_len));
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        PN_ASSERT((child->key != NULL) == (node->type == PN_JSON_OBJECT));
        check_nodes(child);
        count++;
    }
    PN_ASSERT(count == node->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct pn_arena arena;
    struct pn_json *root = NULL;
    struct pn_err e = {0};
    pn_arena_init(&arena, 0);
    if (pn_cbor_parse(data + 1, size - 1, &arena, &root, &e) == 0) {
        check_nodes(root);
        check_input(inputs[data[0] % INPUT_COUNT], root, &arena);
    } else {
        PN_ASSERT(strncmp(e.msg, "invalid CBOR at byte ", 21) == 0 ||
                  strncmp(e.msg, "CBOR nested deeper than ", 24) == 0);
    }
    pn_arena_deinit(&arena);
    return 0;
}
