/* A search from bytes, and a record from the bytes after it: neither is read past its end. Numbers
 * compare the same from both sides. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "search/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = line != NULL ? (size_t)(line - data) : size;
    const char *rest = line != NULL ? (const char *)line + 1 : NULL;
    size_t rest_len = line != NULL ? size - len - 1 : 0;
    const struct pn_record record = {.key = {.data = rest, .len = rest_len < 8 ? rest_len : 8},
                                     .value = {.data = rest, .len = rest_len},
                                     .offset = (int64_t)size};
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_arena arena;
    struct pn_search *search = NULL;
    int order = 0;
    int back = 0;
    pn_arena_init(&arena, 0);
    if (pn_search_parse((const char *)data, len, &arena, &search, NULL) == 0) {
        (void)pn_search_fits(search, 1, &record, parser);
    }
    if (pn_search_compare_numbers((const char *)data, len, rest, rest_len, &order)) {
        PN_ASSERT(pn_search_compare_numbers(rest, rest_len, (const char *)data, len, &back));
        PN_ASSERT(order == -back);
    }
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
    return 0;
}
