/* A body sent to API Gateway's routes, through its mapping template to a checked input. The first
 * byte chooses the route, the rest is the body. What `record` stores must be JSON again, and the
 * same after another turn through the template. */
#include <stdlib.h>

#include "aws/kinesis_template.h"
#include "base/err.h"
#include "kinesis_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_data(const struct pn_json *input)
{
    const struct pn_json *data = pn_json_get(input, "Data");
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_buf again;
    pn_buf_init(&again, data->text_len * 2 + 64);
    PN_ASSERT(pn_json_parse(parser, data->text, data->text_len, data->text_len, &root, NULL) == 0);
    pn_json_write(&again, root);
    PN_ASSERT(again.len == data->text_len && memcmp(again.data, data->text, again.len) == 0);
    pn_buf_deinit(&again);
    pn_json_parser_destroy(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_arena arena;
    struct pn_json *root = NULL;
    pn_arena_init(&arena, 0);
    const char *body = (const char *)data + 1;
    if (pn_json_parse(parser, body, size - 1, size - 1, &root, NULL) == 0) {
        if (data[0] % 3 == 0) {
            struct pn_json *input = pn_aws_template_put_record(&arena, "s", root);
            check_data(input);
            check_input(&pn_shape_PutRecord_input, input, &arena);
        } else if (data[0] % 3 == 1) {
            check_input(&pn_shape_PutRecords_input, pn_aws_template_put_records(&arena, "s", root),
                        &arena);
        } else {
            check_input(&pn_shape_CreateStream_input,
                        pn_aws_template_create_stream(&arena, "s", root), &arena);
        }
    }
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
    return 0;
}
