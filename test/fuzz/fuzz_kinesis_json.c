/* A JSON body of the Kinesis API, from bytes to a checked input. */
#include <stdlib.h>

#include "kinesis_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_arena arena;
    struct pn_json *root = NULL;
    pn_arena_init(&arena, 0);
    if (pn_json_parse(parser, (const char *)data + 1, size - 1, size - 1, &root, NULL) == 0) {
        check_input(inputs[data[0] % INPUT_COUNT], root, &arena);
    }
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
    return 0;
}
