/* The body of a produce request, from bytes to log entries, in both formats. What comes out must
 * be whole: every record's bytes lie in the buffer of values. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/rest/produce_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bytes(const struct pn_buf *values, const struct pn_bytes *bytes)
{
    const char *from = bytes->data;
    if (from == NULL) {
        PN_ASSERT(bytes->len == 0);
        return;
    }
    PN_ASSERT(from >= values->data && from + bytes->len <= values->data + values->len);
}

static void check_entries(const struct pn_buf *values, const struct pn_log_entry *entries,
                          size_t count)
{
    PN_ASSERT(count > 0);
    for (size_t i = 0; i < count; i++) {
        const struct pn_record *record = &entries[i].record;
        check_bytes(values, &record->key);
        check_bytes(values, &record->value);
        for (size_t h = 0; h < record->header_count; h++) {
            PN_ASSERT(record->headers[h].name.data != NULL);
            check_bytes(values, &record->headers[h].name);
            check_bytes(values, &record->headers[h].value);
        }
    }
}

static void parse(const struct pn_json *root, enum pn_kafka_rest_format_kind format, size_t size)
{
    struct pn_arena arena;
    struct pn_buf values;
    struct pn_log_entry *entries = NULL;
    size_t count = 0;
    struct pn_kafka_rest_refusal refusal = {0};
    pn_arena_init(&arena, 0);
    pn_buf_init(&values, 2 * size + PN_JSON_PADDING);
    const struct pn_kafka_rest_produce_input input = {.root = root,
                                                      .format = format,
                                                      .partition = PN_PARTITION_ANY,
                                                      .records_max = 100,
                                                      .record_bytes_max = 1000};
    if (pn_kafka_rest_produce_parse(&input, &arena, &values, &entries, &count, &refusal) == 0) {
        check_entries(&values, entries, count);
    } else {
        PN_ASSERT(refusal.status >= 400 && refusal.msg[0] != '\0');
    }
    pn_buf_deinit(&values);
    pn_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    if (pn_json_parse(parser, (const char *)data, size, size, &root, NULL) == 0) {
        parse(root, PN_KAFKA_REST_BODY_JSON, size);
        parse(root, PN_KAFKA_REST_BODY_BINARY, size);
    } else {
        size_t index = 0;
        size_t offset = pn_json_fault_offset(parser);
        bool inside = pn_kafka_rest_produce_record_at((const char *)data, offset, &index);
        PN_ASSERT(offset <= size && (!inside || index < size));
    }
    pn_json_parser_destroy(&parser);
    return 0;
}
