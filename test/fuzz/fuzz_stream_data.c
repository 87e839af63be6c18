/* Any bytes as a record's data: each row is a JSON object, and there is a row or a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct pn_json_parser *parser;
    size_t count;
};

static void check_row(void *arg, struct pn_bytes value, const char *reason)
{
    struct seen *seen = arg;
    struct pn_json *root = NULL;
    seen->count++;
    PN_ASSERT((reason == NULL) == (value.data != NULL));
    if (reason == NULL) {
        PN_ASSERT(pn_json_parse(seen->parser, value.data, value.len, value.len, &root, NULL) == 0);
        PN_ASSERT(root->type == PN_JSON_OBJECT);
    } else {
        PN_ASSERT(reason[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct seen seen = {.parser = pn_json_parser_create()};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    char *text = pn_xmalloc(size); /* exactly as long as the input, for the sanitizers */
    if (size > 0) {
        memcpy(text, data, size);
    }
    const struct pn_decoded out = {.row = check_row, .arg = &seen};
    for (int keeps_value = 0; keeps_value < 2; keeps_value++) {
        seen.count = 0;
        pn_record_decode(parser, (struct pn_bytes){text, size}, keeps_value == 1, &arena, &out);
        PN_ASSERT(seen.count > 0);
    }
    free(text);
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
    pn_json_parser_destroy(&seen.parser);
    return 0;
}
