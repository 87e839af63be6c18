/* Where records came from, in objects beside the landed ones (store/origins_key.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/origins_key.h"
#include "support/memory_store.h"
#include "support/ram_io.h"
#include "support/sink_fixture.h"

#define TOPIC "topics/t/partition=0/t+0+000000000"
#define FROM  "origins/t/partition=0/t+0+000000000"

static struct pn_bytes bytes(const char *text)
{
    return (struct pn_bytes){text, strlen(text)};
}

static void append(struct sink_fixture *fixture, struct pn_bytes key, const char *value,
                   int64_t timestamp_ms)
{
    (void)fake_log_append_bytes(fixture->log, "t", 0, key, bytes(value), timestamp_ms);
}

static void land(struct sink_fixture *fixture)
{
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
}

static void test_a_line_has_timestamp_and_key(void **state)
{
    struct sink_fixture fixture;
    (void)state;
    sink_bed_init(&fixture);
    sink_bed_keep_origins(&fixture, PN_SINK_ORIGINS_ALL);
    append(&fixture, bytes("k\"1"), "1", 17);
    append(&fixture, (struct pn_bytes){0}, "2", -1);
    append(&fixture, bytes("\xff"), "3", 1764489600123);
    append(&fixture, bytes(""), "4", 18);
    land(&fixture);
    sink_bed_assert_landed(&fixture, FROM
                           "0+a1f49d34.json: "
                           "{\"offset\":0,\"timestamp\":17,\"key\":\"k\\\"1\"} "
                           "{\"offset\":1,\"timestamp\":-1} "
                           "{\"offset\":2,\"timestamp\":1764489600123,"
                           "\"key_base64\":\"/w==\"}\n" FROM
                           "3+94472cb5.json: {\"offset\":3,\"timestamp\":18,\"key\":\"\"}\n" TOPIC
                           "0.json: 1 2 3\n" TOPIC "3.json: 4\n");
    sink_bed_deinit(&fixture);
}

/* Of offsets that follow from the first one nothing is landed. */
static void test_offsets_are_kept_where_they_do_not_follow(void **state)
{
    struct sink_fixture fixture;
    (void)state;
    sink_bed_init(&fixture);
    sink_bed_keep_origins(&fixture, PN_SINK_ORIGINS_OFFSETS);
    sink_bed_append(&fixture, "t", 0, 3);
    append(&fixture, bytes("k"), "3", 17);
    append(&fixture, bytes("k"), "not JSON", 17);
    append(&fixture, bytes("k"), "5", 17);
    land(&fixture);
    char *landed = sink_bed_landed(&fixture);
    assert_null(strstr(landed, FROM "0"));
    assert_non_null(strstr(landed, ".json: {\"offset\":3} {\"offset\":5}\n"));
    free(landed);
    sink_bed_deinit(&fixture);
}

/* Two workers land the same object, and the pipeline.yml of one asks for offsets alone: in either
 * order, what the other one keeps stays. */
static void test_offsets_do_not_replace_more(void **state)
{
    static const enum pn_sink_origins orders[][2] = {
        {PN_SINK_ORIGINS_ALL, PN_SINK_ORIGINS_OFFSETS},
        {PN_SINK_ORIGINS_OFFSETS, PN_SINK_ORIGINS_ALL}};
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct sink_fixture fixture;
        sink_bed_init(&fixture);
        sink_bed_keep_origins(&fixture, orders[i][0]);
        append(&fixture, bytes("k"), "0", 17);
        append(&fixture, bytes("k"), "not JSON", 18);
        append(&fixture, bytes("l"), "2", 19);
        land(&fixture);
        sink_bed_close(&fixture);
        /* The second one knows nothing of the first, which has landed no more than the origins. */
        assert_int_equal(pn_store_remove(fixture.store, TOPIC "0.json", NULL), 0);
        assert_int_equal(pn_io_remove_tree(ram_io(), fixture.state_folder, NULL), 0);
        sink_bed_keep_origins(&fixture, orders[i][1]);
        land(&fixture);
        char *landed = sink_bed_landed(&fixture);
        assert_non_null(strstr(landed, "{\"offset\":0,\"timestamp\":17,\"key\":\"k\"} "
                                       "{\"offset\":2,\"timestamp\":19,\"key\":\"l\"}\n"));
        free(landed);
        sink_bed_deinit(&fixture);
    }
}

/* Their bytes count, so an object's origins are not much larger than objects may be. */
static void test_large_keys_cut_objects(void **state)
{
    struct sink_fixture fixture;
    char key[400];
    (void)state;
    memset(key, 'k', sizeof key);
    sink_bed_init(&fixture);
    sink_bed_keep_origins(&fixture, PN_SINK_ORIGINS_ALL);
    fixture.config.flush_bytes = 1000;
    fixture.config.flush_size = 100;
    for (int i = 0; i < 6; i++) {
        append(&fixture, (struct pn_bytes){key, sizeof key}, "1", 17);
    }
    land(&fixture);
    assert_int_equal(sink_bed_status(&fixture, "t", 0).objects, 3);
    sink_bed_assert_origins(&fixture);
    sink_bed_deinit(&fixture);
}

static void assert_object(struct sink_fixture *fixture, const char *key, const char *lines)
{
    struct pn_buf text;
    pn_buf_init(&text, 1024);
    assert_int_equal(pn_store_get(fixture->store, key, &text, NULL), 0);
    assert_string_equal(pn_buf_text(&text), lines);
    pn_buf_deinit(&text);
}

/* Its line would be longer than readers take: it is a dead letter, and blocks no table. */
static void test_a_key_whose_line_is_too_long(void **state)
{
    enum { KEY_BYTES = PN_ORIGINS_LINE_BYTES_MAX };
    struct sink_fixture fixture;
    char *key = pn_xmalloc(KEY_BYTES);
    (void)state;
    memset(key, 'k', KEY_BYTES);
    sink_bed_init(&fixture);
    sink_bed_keep_origins(&fixture, PN_SINK_ORIGINS_ALL);
    append(&fixture, bytes("k"), "1", 17);
    append(&fixture, (struct pn_bytes){key, KEY_BYTES}, "2", 17);
    append(&fixture, bytes("l"), "3", 17);
    land(&fixture);
    assert_int_equal(sink_bed_status(&fixture, "t", 0).dead_letters, 1);
    assert_object(&fixture, TOPIC "0.json", "1\n");
    assert_object(&fixture, TOPIC "2.json", "3\n");
    sink_bed_deinit(&fixture);
    free(key);
}

struct counter {
    int requests;
};

static int count_request(void *arg, bool is_after, struct pn_err *e)
{
    struct counter *counter = arg;
    (void)e;
    counter->requests += !is_after;
    return 0;
}

/* In the steady state an object in a bucket costs its put, and that of its origins where all are
 * kept. */
static void test_requests_in_a_bucket(void **state)
{
    static const struct {
        enum pn_sink_origins keeps;
        int requests;
    } cases[] = {
        {PN_SINK_ORIGINS_NONE, 100}, {PN_SINK_ORIGINS_OFFSETS, 100}, {PN_SINK_ORIGINS_ALL, 200}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sink_fixture fixture;
        struct counter counter = {0};
        sink_bed_init(&fixture);
        pn_store_destroy(&fixture.store);
        fixture.store = memory_store_create(fixture.folder);
        fixture.config.store = fixture.store;
        fixture.config.flush_size = 4;
        sink_bed_keep_origins(&fixture, cases[c].keeps);
        sink_bed_open(&fixture);
        memory_store_watch(fixture.store, count_request, &counter);
        for (int i = 0; i < 100; i++) {
            sink_bed_append(&fixture, "t", 4 * i, 4 * i + 4);
            assert_int_equal(pn_sink_run(fixture.sink, NULL), 0);
        }
        memory_store_watch(fixture.store, NULL, NULL);
        assert_int_equal(sink_bed_status(&fixture, "t", 0).objects, 100);
        assert_int_equal(counter.requests, cases[c].requests);
        sink_bed_deinit(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_has_timestamp_and_key),
        cmocka_unit_test(test_offsets_are_kept_where_they_do_not_follow),
        cmocka_unit_test(test_offsets_do_not_replace_more),
        cmocka_unit_test(test_large_keys_cut_objects),
        cmocka_unit_test(test_a_key_whose_line_is_too_long),
        cmocka_unit_test(test_requests_in_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
