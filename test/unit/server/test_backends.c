/*
 * The whole way on second backends: a log whose offsets have gaps and a store that is not a folder,
 * below the sink, the engine and a processor, which know the ports alone.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "log/embedded/embedded.h"
#include "processor/lag.h"
#include "processor/processor.h"
#include "sink/sink.h"
#include "support/append_fixture.h"
#include "support/defaults.h"
#include "support/gap_log.h"
#include "support/memory_store.h"

struct fixture {
    struct append_fixture *base; /* pipeline and engine, on a store in memory */
    char *log_folder;
    char *sink_folder;
    char *kinesis_folder;
    struct pn_log *log;
    struct pn_metrics *metrics;
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    void *base = NULL;
    engine_fixture_in_memory = true;
    assert_int_equal(append_bed_set_up(&base), 0);
    fixture->base = base;
    const char *folder = fixture->base->base.folder;
    fixture->log_folder = pn_xasprintf("%s/log", folder);
    fixture->sink_folder = pn_xasprintf("%s/sink", folder);
    fixture->kinesis_folder = pn_xasprintf("%s/kinesis", folder);
    fixture->metrics = pn_metrics_create();
    struct pn_embedded_config config;
    struct pn_log *dense = NULL;
    pn_settings_to_log(default_settings(), &config);
    config.folder = fixture->log_folder;
    assert_int_equal(
        pn_embedded_open(&config, pn_io_system(), pn_clock_system(), NULL, NULL, &dense, NULL), 0);
    fixture->log = gap_log_create(dense);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    void *base = fixture->base;
    pn_log_destroy(&fixture->log);
    pn_metrics_destroy(&fixture->metrics);
    assert_int_equal(append_bed_tear_down(&base), 0);
    free(fixture->log_folder);
    free(fixture->sink_folder);
    free(fixture->kinesis_folder);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, const char *topic, int32_t partition, const char *value)
{
    struct pn_log_entry entry = {
        .record = {.key = {"k", 1}, .value = {value, strlen(value)}, .timestamp_ms = -1},
        .partition = partition};
    struct pn_log_request request = {.topic = topic, .entries = &entry, .count = 1};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
}

/* {"id":n,"word":"w<n>"} for first <= n < end. */
static void put_rows(struct fixture *fixture, const char *topic, int32_t partition, int first,
                     int end)
{
    for (int n = first; n < end; n++) {
        char value[64];
        (void)snprintf(value, sizeof value, "{\"id\":%d,\"word\":\"w%d\"}", n, n);
        put(fixture, topic, partition, value);
    }
}

/* --- batch: log, sink, store, load, clean, query ---------------------------------------------- */

static void land(struct fixture *fixture)
{
    static const char *const topics[] = {"t.one"};
    struct pn_sink_config config;
    struct pn_sink *sink = NULL;
    struct pn_err e = {0};
    pn_settings_to_sink(default_settings(), &config);
    config.folder = fixture->sink_folder;
    config.topics = topics;
    config.topic_count = 1;
    config.topics_dir = "topics";
    config.dead_letters_dir = "dead";
    config.flush_size = 7;
    config.log = fixture->log;
    config.store = fixture->base->base.store;
    config.io = pn_io_system();
    config.clock = pn_clock_system();
    config.metrics = fixture->metrics;
    assert_int_equal(pn_sink_create(&config, &sink, &e), 0);
    if (pn_sink_flush(sink, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    pn_sink_destroy(&sink);
}

static struct pn_table_report load(struct fixture *fixture)
{
    const struct pn_table *tables[] = {&fixture->base->tables[RAW]};
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    if (pn_engine_load(&fixture->base->base.engine->batch, tables, 1, &report, &e) != 0) {
        fail_msg("load: %s", e.msg);
    }
    return report;
}

static void clean(struct fixture *fixture)
{
    const struct pn_table *tables[] = {&fixture->base->tables[LIKE]};
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    if (pn_engine_transform(&fixture->base->base.engine->batch, tables, 1, &report, &e) != 0) {
        fail_msg("transform: %s", e.msg);
    }
}

static void test_batch(void **state)
{
    struct fixture *fixture = *state;
    struct engine_fixture *engine = &fixture->base->base;
    assert_false(pn_store_is_local(engine->store));
    put_rows(fixture, "t.one", 0, 0, 20);
    put(fixture, "t.one", 0, "this is no JSON");
    put(fixture, "t.one", 0, "{\"id\":\"no number\"}");
    put_rows(fixture, "t.one", 0, 20, 30);
    land(fixture);
    for (int again = 0; again < 2; again++) {
        struct pn_table_report report = load(fixture);
        assert_int_equal(report.rows, 30);
        assert_int_equal(report.dead_letters, 2);
    }
    clean(fixture);
    assert_answer(engine, "SELECT count(*), sum(id), min(word) FROM clean", "30|870|\"W0\"\n");
    assert_answer(engine, "SELECT count(*) FROM dead_letters", "2\n");

    /* Once they are here, the tables' files are not fetched again. */
    assert_answer(engine, "SELECT max(id) FROM raw", "29\n");
    put_rows(fixture, "t.one", 0, 30, 40);
    land(fixture);
    assert_int_equal(load(fixture).rows, 40);
    clean(fixture);
    assert_answer(engine, "SELECT count(*), max(id) FROM clean", "40|78\n");
}

/* A landed object that was changed where it is stored is found by its sum. */
static void test_damage_is_found(void **state)
{
    struct fixture *fixture = *state;
    put_rows(fixture, "t.one", 0, 0, 7);
    land(fixture);
    memory_store_damage(fixture->base->base.store,
                        "topics/t.one/partition=0/t.one+0+0000000000.json");
    const struct pn_table *tables[] = {&fixture->base->tables[RAW]};
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    assert_int_not_equal(pn_engine_load(&fixture->base->base.engine->batch, tables, 1, &report, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "memory://store/topics/t.one"));
}

/* --- stream: log, processor, store, query ----------------------------------------------------- */

static const char TOPIC[] = PN_KINESIS_TOPIC_PREFIX "s";

/* One processor's life: what the stream holds comes into the table. */
static void drain(struct fixture *fixture, struct pn_kinesis *kinesis)
{
    struct engine_fixture *engine = &fixture->base->base;
    struct pn_processor_source *source = NULL;
    struct pn_processor *processor = NULL;
    struct pn_err e = {.msg = ""};
    assert_int_equal(pn_processor_source_embedded(kinesis, &source, NULL), 0);
    const struct pn_processor_env env = {.pipeline = &engine->pipeline,
                                         .engine = engine->engine,
                                         .store = engine->store,
                                         .source = source,
                                         .clock = pn_clock_system(),
                                         .metrics = fixture->metrics};
    const struct pn_processor_config config = {.trigger_ms = 1,
                                               .batch_rows_max = 8,
                                               .batch_bytes_max = 1 << 20,
                                               .optimize_target_bytes = 1 << 20,
                                               .keep_ms = 600000,
                                               .delta = engine->config.delta};
    assert_int_equal(pn_processor_create(&config, &env, &processor, &e), 0);
    if (pn_processor_drain(processor, NULL, NULL, &e) != 0) {
        fail_msg("drain: %s", e.msg);
    }
    pn_processor_destroy(&processor);

    struct pn_arena arena;
    struct pn_processor_lag *lags = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_processor_lags(&config, &env, &arena, &lags, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lags[i].records, 0);
        assert_int_equal(lags[i].lost, 0);
    }
    pn_arena_deinit(&arena);
    pn_processor_source_destroy(&source);
}

static void test_stream(void **state)
{
    struct fixture *fixture = *state;
    struct engine_fixture *engine = &fixture->base->base;
    const struct pn_flow flow = {.table = &fixture->base->tables[STREAM]};
    const struct pn_pipeline_stream stream = {
        .name = "s", .start = PN_START_TRIM_HORIZON, .flows = &flow, .flow_count = 1};
    engine->pipeline.streams = &stream;
    engine->pipeline.stream_count = 1;
    struct pn_kinesis_config config;
    struct pn_kinesis *kinesis = NULL;
    pn_settings_to_kinesis(default_settings(), &config);
    config.folder = fixture->kinesis_folder;
    assert_int_equal(pn_kinesis_create(&config, fixture->log, pn_io_system(), pn_clock_system(),
                                       NULL, fixture->metrics, &kinesis, NULL),
                     0);
    const struct pn_stream_create create = {.name = "s", .shards = 2};
    assert_int_equal(pn_kinesis_create_stream(kinesis, &create, NULL), 0);
    int rows = 0;
    for (int life = 0; life < 3; life++) {
        put_rows(fixture, TOPIC, life % 2, rows, rows + 20);
        put(fixture, TOPIC, 1, "[1,2"); /* a dead letter */
        rows += 20;
        drain(fixture, kinesis);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%d|%d|%d\n", rows, rows, rows * (rows - 1));
        assert_answer(engine, "SELECT count(*), count(DISTINCT id), sum(id) FROM live", expected);
    }
    assert_answer(engine, "SELECT count(*) FROM stream_dead_letters", "3\n");

    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(pn_engine_optimize(&engine->engine->batch, "tables/live", 1 << 20, NULL,
                                        &before, &after, NULL),
                     0);
    assert_true(before > 1);
    assert_int_equal(after, 1);
    assert_answer(engine, "SELECT count(*), count(DISTINCT id) FROM live", "60|60\n");
    pn_kinesis_destroy(&kinesis);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_batch),
        TEST(test_damage_is_found),
        TEST(test_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
