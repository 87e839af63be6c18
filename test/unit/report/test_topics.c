/* Topics, partitions and records as rows, and read back from what a server answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/records.h"
#include "report/topics.h"
#include "support/memory_log.h"
#include "support/report_golden.h"

static struct pn_arena arena;
static struct pn_json_parser *parser;

/* What a report gives for /api/v1, in an object under `key`, parsed. */
static struct pn_json *answer(const char *key,
                              void (*produce)(struct pn_row_writer *rows, void *arg), void *arg)
{
    struct pn_buf out;
    struct pn_json *root = NULL;
    pn_buf_init(&out, 1 << 20);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_API);
    pn_buf_addf(&out, "{\"%s\":", key);
    produce(rows, arg);
    pn_row_writer_end(&rows);
    pn_buf_addc(&out, '}');
    char *text = pn_arena_strdup(&arena, pn_buf_text(&out));
    assert_int_equal(pn_json_parse(parser, text, out.len, out.len, &root, NULL), 0);
    pn_buf_deinit(&out);
    return root;
}

/* --- topics ----------------------------------------------------------------------------------- */

static const struct pn_topic_row some_topics[] = {
    {.topic = "clicks",
     .partitions = 3,
     .records = 9007199254740993,
     .size_bytes = 100,
     .first_partition = 1,
     .first_offset = 7,
     .tables = "click, click_raw",
     .retention_ms = 604800000,
     .retention_bytes = 1048576,
     .oldest_ms = 1764374400123,
     .newest_ms = 1764374460000},
    {.topic = "orders",
     .partitions = 1,
     .first_partition = -1,
     .first_offset = -1,
     .retention_ms = -1,
     .retention_bytes = -1},
};

static void topics(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    pn_report_topics(some_topics, 2, rows);
}

static void test_topics(void **state)
{
    (void)state;
    report_is_golden("topics", topics, NULL);
    struct pn_topic_row *read = NULL;
    size_t count = 0;
    assert_int_equal(pn_topics_read(answer("items", topics, NULL), &arena, &read, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(read[i].topic, some_topics[i].topic);
        assert_int_equal(read[i].partitions, some_topics[i].partitions);
        assert_int_equal(read[i].records, some_topics[i].records);
        assert_int_equal(read[i].size_bytes, some_topics[i].size_bytes);
        assert_int_equal(read[i].first_partition, some_topics[i].first_partition);
        assert_int_equal(read[i].first_offset, some_topics[i].first_offset);
        assert_int_equal(read[i].retention_ms, some_topics[i].retention_ms);
        assert_int_equal(read[i].retention_bytes, some_topics[i].retention_bytes);
        assert_int_equal(read[i].oldest_ms, some_topics[i].oldest_ms);
        assert_int_equal(read[i].newest_ms, some_topics[i].newest_ms);
    }
    assert_string_equal(read[0].tables, "click, click_raw");
    assert_null(read[1].tables);
    struct pn_err e = {0};
    assert_int_not_equal(pn_topics_read(answer("other", topics, NULL), &arena, &read, &count, &e),
                         0);
    assert_non_null(strstr(e.msg, "not pinion"));
}

/* The list of a log has what its partitions hold, and who reads it. */
static void test_topics_of_a_log(void **state)
{
    (void)state;
    static struct pn_table tables[] = {{.name = "raw", .from_topic = "ord*"},
                                       {.name = "again", .from_topic = "orders"}};
    static const struct pn_pipeline pipeline = {.tables = tables, .table_count = 2};
    struct pn_log *log = pn_memory_log_create(2);
    struct pn_topic_row *rows = NULL;
    size_t count = 0;
    pn_memory_log_put(log, "orders", 0, "a");
    pn_memory_log_put(log, "orders", 1, "b");
    pn_memory_log_put(log, "views", 1, "c");
    assert_int_equal(pn_topics_list(log, &pipeline, &arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].topic, "orders");
    assert_int_equal(rows[0].partitions, 2);
    assert_int_equal(rows[0].records, 2);
    assert_string_equal(rows[0].tables, "raw, again");
    assert_int_equal(rows[1].records, 1);
    assert_null(rows[1].tables);
    pn_log_destroy(&log);
}

static void put_at(struct pn_log *log, int32_t partition, int64_t time_ms)
{
    struct pn_log_entry entry = {
        .record = {.value = {.data = "v", .len = 1}, .timestamp_ms = time_ms},
        .partition = partition};
    struct pn_log_request request = {.topic = "timed", .entries = &entry, .count = 1};
    assert_int_equal(pn_log_append(log, &request, NULL), 0);
}

/* Of all partitions, also where one of them is empty. */
static void test_the_oldest_and_the_newest_record(void **state)
{
    (void)state;
    static const struct pn_pipeline pipeline = {.table_count = 0};
    static const struct pn_log_topic_config three = {.partitions = 3};
    struct pn_log *log = pn_memory_log_create(1);
    struct pn_topic_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(pn_log_create_topic(log, "empty", &three, NULL), 0);
    assert_int_equal(pn_log_create_topic(log, "timed", &three, NULL), 0);
    put_at(log, 0, 5000);
    put_at(log, 0, 6000);
    put_at(log, 2, 4000);
    assert_int_equal(pn_topics_list(log, &pipeline, &arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(rows[1].oldest_ms, 0); /* not looked at yet */
    pn_topics_time(log, rows, count);
    assert_int_equal(rows[0].oldest_ms, 0);
    assert_int_equal(rows[0].newest_ms, 0);
    assert_int_equal(rows[1].oldest_ms, 4000);
    assert_int_equal(rows[1].newest_ms, 6000);
    pn_log_destroy(&log);
}

static void partitions(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static struct pn_log_offsets offsets[] = {
        {.begin = 5, .end = 9007199254740993, .size_bytes = 1000}, {.begin = 0, .end = 0}};
    static struct pn_topic_detail detail = {.info = {.name = "orders",
                                                     .partitions = 2,
                                                     .settings = {.retention_ms = 604800000,
                                                                  .retention_bytes = -1,
                                                                  .record_bytes_max = 1048576,
                                                                  .compression = "lz4"}},
                                            .partitions = offsets};
    pn_report_partitions(&detail, rows);
}

static void test_partitions(void **state)
{
    (void)state;
    struct pn_topic_detail detail = {0};
    report_is_golden("partitions", partitions, NULL);
    assert_int_equal(
        pn_topic_read_detail(answer("partitions", partitions, NULL), &arena, &detail, NULL), 0);
    assert_string_equal(detail.info.name, "orders");
    assert_int_equal(detail.info.partitions, 2);
    assert_int_equal(detail.info.settings.retention_ms, 604800000);
    assert_int_equal(detail.info.settings.retention_bytes, -1);
    assert_int_equal(detail.info.settings.record_bytes_max, 1048576);
    assert_string_equal(detail.info.settings.compression, "lz4");
    assert_int_equal(detail.partitions[0].begin, 5);
    assert_true(detail.partitions[0].end == 9007199254740993);
    assert_int_equal(detail.partitions[0].size_bytes, 1000);
}

/* --- records ---------------------------------------------------------------------------------- */

static const struct pn_record_header some_headers[] = {
    {.name = {"h", 1}, .value = {"x", 1}},
    {.name = {"absent", 6}},
    {.name = {"bytes", 5}, .value = {"\xff", 1}},
};
static const struct pn_record some_records[] = {
    {.key = {"k", 1},
     .value = {"a \"b\"\n", 6},
     .offset = 9007199254740993,
     .timestamp_ms = 1764345600123},
    {.key = {"\x00\xff", 2},
     .value = {"\xff\x00\x01", 3},
     .offset = 1,
     .timestamp_ms = 1764345600124,
     .headers = some_headers,
     .header_count = 3},
    {.key = {"gone", 4}, .offset = 2, .timestamp_ms = 1764345600125},
    {.value = {"", 0}, .offset = 3, .timestamp_ms = 1764345600126},
};
enum { RECORDS = sizeof some_records / sizeof *some_records };

static void records(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    pn_report_records_begin(rows);
    for (size_t i = 0; i < RECORDS; i++) {
        pn_report_record(7, &some_records[i], rows);
    }
}

static void assert_bytes(struct pn_bytes found, struct pn_bytes expected)
{
    assert_int_equal(found.data == NULL, expected.data == NULL);
    assert_int_equal(found.len, expected.len);
    if (expected.len > 0) {
        assert_memory_equal(found.data, expected.data, expected.len);
    }
}

/* What is written is read back the same, with what is absent, empty and not text. */
static void test_records(void **state)
{
    (void)state;
    report_is_golden("records", records, NULL);
    const struct pn_json *rows = pn_json_get(answer("records", records, NULL), "records");
    const struct pn_json *row = rows->first;
    for (size_t i = 0; i < RECORDS; i++, row = row->next) {
        struct pn_record read = {0};
        assert_int_equal(pn_record_read(row, &arena, &read, NULL), 0);
        assert_true(pn_report_read_wide(row, "offset") == some_records[i].offset);
        assert_bytes(read.key, some_records[i].key);
        assert_bytes(read.value, some_records[i].value);
        assert_int_equal(read.header_count, some_records[i].header_count);
        for (size_t h = 0; h < read.header_count; h++) {
            assert_bytes(read.headers[h].name, some_records[i].headers[h].name);
            assert_bytes(read.headers[h].value, some_records[i].headers[h].value);
        }
    }
    assert_null(row);
}

static void test_records_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"[1]", "an object"},
        {"{\"value\":\"?\",\"encoding\":\"base64\"}", "value is not base64"},
        {"{\"value\":\"v\",\"encoding\":\"hex\"}", "encoding is"},
        {"{\"key\":\"?\",\"key_encoding\":\"base64\",\"value\":1}", "key is not base64"},
        {"{\"value\":\"v\",\"headers\":{}}", "headers is an array"},
        {"{\"value\":\"v\",\"headers\":[{\"value\":\"x\"}]}", "name"},
        {"{\"value\":\"v\",\"headers\":[1]}", "name"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pn_json *root = NULL;
        struct pn_record record;
        struct pn_err e = {0};
        size_t len = strlen(bad[i].text);
        assert_int_equal(pn_json_parse(parser, bad[i].text, len, len, &root, NULL), 0);
        assert_int_not_equal(pn_record_read(root, &arena, &record, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(e.msg, bad[i].why));
    }
}

static void test_where_to_begin(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum pn_records_at at;
        int64_t value;
    } good[] = {{"newest", PN_RECORDS_NEWEST, 0},
                {"latest", PN_RECORDS_NEWEST, 0},
                {"oldest", PN_RECORDS_OLDEST, 0},
                {"earliest", PN_RECORDS_OLDEST, 0},
                {"0", PN_RECORDS_OFFSET, 0},
                {"9223372036854775807", PN_RECORDS_OFFSET, INT64_MAX},
                {"1970-01-02", PN_RECORDS_TIME, 86400000},
                {"1970-01-01T00:00:01.5Z", PN_RECORDS_TIME, 1500}};
    static const char *const bad[] = {"", "soon", "-1", "9223372036854775808", "1.5"};
    struct pn_records_from from = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(pn_records_from_parse(good[i].text, &from));
        assert_int_equal(from.at, good[i].at);
        assert_true(from.at < PN_RECORDS_OFFSET || from.value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(pn_records_from_parse(bad[i], &from));
    }
    struct pn_log *log = pn_memory_log_create(1);
    int64_t offset = -1;
    pn_memory_log_put(log, "t", 0, "a");
    pn_memory_log_put(log, "t", 0, "b");
    const struct {
        struct pn_records_from from;
        int64_t offset;
    } places[] = {{{PN_RECORDS_NEWEST, 0}, 2},
                  {{PN_RECORDS_OLDEST, 0}, 0},
                  {{PN_RECORDS_OFFSET, 1}, 1},
                  {{PN_RECORDS_OFFSET, 99}, 2},
                  {{PN_RECORDS_TIME, 0}, 0}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_int_equal(pn_records_find(log, "t", 0, &places[i].from, &offset, NULL), 0);
        assert_int_equal(offset, places[i].offset);
    }
    struct pn_err e = {0};
    assert_int_not_equal(pn_records_find(log, "t", 5, &places[0].from, &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    pn_log_destroy(&log);
}

static int set_up(void **state)
{
    (void)state;
    pn_arena_init(&arena, 0);
    parser = pn_json_parser_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pn_json_parser_destroy(&parser);
    pn_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_topics_of_a_log),
        cmocka_unit_test(test_the_oldest_and_the_newest_record),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_records_that_are_refused),
        cmocka_unit_test(test_where_to_begin),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
