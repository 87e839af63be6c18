/* Patterns of names: what they match, where two meet, and what is made of them. */
#include "pipeline/pattern.h"

#include "pipelines.h"
#include "store/local/local.h"

static void test_matches(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *name;
        bool matches;
    } cases[] = {
        {"*.pin", "a.pin", true},
        {"*.pin", "a.b.pin", true},
        {"*.pin", ".pin", false},
        {"*.pin", "apin", false},
        {"*.pin", "a.pin2", false},
        {"a*", "a", false},
        {"a*", "ab", true},
        {"a*", "ba", false},
        {"a*a", "aa", false},
        {"a*a", "aba", true},
        {"*", "x", true},
        {"*", "", false},
        {"s-*-pin", "s--pin", false},
        {"s-*-pin", "s-1-pin", true},
        {"s-*-pin", "s-pin", false},
        {"exact", "exact", true},
        {"exact", "exactly", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (pn_pattern_matches(cases[i].pattern, cases[i].name) != cases[i].matches) {
            fail_msg("%s and %s", cases[i].pattern, cases[i].name);
        }
    }
}

/* The witness is matched by both; where there is none, no short name is. */
static void test_meet(void **state)
{
    (void)state;
    static const char *const patterns[] = {"*",   "a*",  "*a",   "ab*",  "*ba",  "a*a",
                                           "a*b", "b*b", "a.*",  "*.b",  "aa",   "ab",
                                           "a",   "a.b", "ab*a", "a*ba", "ba*b", "aba"};
    static const char letters[] = "ab.x";
    enum { COUNT = sizeof patterns / sizeof *patterns };
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            const char *both = pn_patterns_meet(patterns[i], patterns[j], &arena);
            if (both != NULL) {
                assert_true(pn_pattern_matches(patterns[i], both));
                assert_true(pn_pattern_matches(patterns[j], both));
                continue;
            }
            for (size_t number = 0; number < 4 * 4 * 4 * 4 * 4; number++) {
                char name[6] = "";
                size_t rest = number;
                size_t len = 1 + number % 5;
                for (size_t k = 0; k < len; k++, rest /= 4) {
                    name[k] = letters[rest % 4];
                }
                assert_false(pn_pattern_matches(patterns[i], name) &&
                             pn_pattern_matches(patterns[j], name));
            }
        }
    }
    pn_arena_deinit(&arena);
}

static void test_fill(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_string_equal(pn_pattern_fill("t/*_table", "s-*-pin", "s-12-pin", &arena), "t/12_table");
    assert_string_equal(pn_pattern_fill("*/*", "*", "a.b", &arena), "a.b/a.b");
    assert_string_equal(pn_pattern_fill("same", "x*", "xy", &arena), "same");
    pn_arena_deinit(&arena);
}

/* --- in a pipeline ---------------------------------------------------------------------------- */

#define MANY                                                                              \
    "name: many\n"                                                                        \
    "topics:\n"                                                                           \
    "  own.pin:\n"                                                                        \
    "  \"*.pin\": {partitions: 3, retention: 7d}\n"                                       \
    "streams:\n"                                                                          \
    "  s-own-pin: {tables: {k: live}}\n"                                                  \
    "  s-*-pin: {shards: 2, retention: 48h, table: live_*}\n"                             \
    "tables:\n"                                                                           \
    "  live_*: {path: live/*_table, like: clean, checkpoints: live/checkpoints/*}\n"      \
    "  raw: {path: raw, from_topic: \"*.pin\", columns: {id: bigint}}\n"                  \
    "  clean: {path: clean, sql: clean/clean.sql, reads: [raw], columns: {id: bigint}}\n" \
    "  live: {path: live/own_table, like: clean, checkpoints: live/checkpoints/own}\n"

static struct pn_pipeline *load_many(void)
{
    write_text("clean/clean.sql", "SELECT id FROM raw");
    return load(MANY);
}

static void test_topics(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_many();
    assert_int_equal(pipeline->topic_count, 1);
    assert_int_equal(pipeline->topic_pattern_count, 1);
    assert_null(pn_pipeline_topic_pattern(pipeline, "own.pin"));
    assert_null(pn_pipeline_topic_pattern(pipeline, "other.pins"));
    const struct pn_pipeline_topic *pattern = pn_pipeline_topic_pattern(pipeline, "other.pin");
    assert_non_null(pattern);
    assert_int_equal(pattern->partitions, 3);
    assert_int_equal(pattern->retention_ms, 7 * INT64_C(86400000));
    assert_true(pn_pipeline_reads_topic(pipeline, "own.pin"));
    assert_true(pn_pipeline_reads_topic(pipeline, "other.pin"));
    assert_false(pn_pipeline_reads_topic(pipeline, "other.geo"));
    pn_pipeline_destroy(&pipeline);
}

static void test_streams(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_many();
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_int_equal(pipeline->stream_count, 1);
    assert_int_equal(pipeline->streams[0].start, PN_START_LATEST);
    assert_int_equal(pipeline->table_count, 3);
    assert_int_equal(pipeline->table_pattern_count, 1);
    assert_null(pn_pipeline_stream_pattern(pipeline, "s-own-pin"));
    assert_null(pn_pipeline_stream_pattern(pipeline, "s--pin"));
    const struct pn_pipeline_stream *pattern = pn_pipeline_stream_pattern(pipeline, "s-a.B-pin");
    const struct pn_pipeline_stream *made = NULL;
    assert_non_null(pattern);
    assert_int_equal(pn_pipeline_make_stream(pipeline, pattern, "s-a.B-pin", &arena, &made, &err),
                     0);
    assert_string_equal(made->name, "s-a.B-pin");
    assert_int_equal(made->shards, 2);
    assert_int_equal(made->retention_hours, 48);
    assert_int_equal(made->start, PN_START_TRIM_HORIZON);
    assert_int_equal(made->flow_count, 1);
    assert_null(made->flows[0].partition_key);
    const struct pn_table *table = made->flows[0].table;
    assert_string_equal(table->name, "live_a.B");
    assert_string_equal(table->path, "live/a.B_table");
    assert_string_equal(table->checkpoints, "live/checkpoints/a.B");
    assert_string_equal(table->like->name, "clean");
    assert_int_equal(table->column_count, 1);
    pn_arena_deinit(&arena);
    pn_pipeline_destroy(&pipeline);
}

/* A table that a pattern makes takes nobody's place, name or way out of the folder. */
static void test_places_are_kept(void **state)
{
    (void)state;
    write_text("clean/clean.sql", "SELECT id FROM raw");
    struct pn_pipeline *pipeline =
        load("name: x\n"
             "topics: {t: }\n"
             "streams: {\"*\": {table: \"t_*\"}}\n"
             "tables:\n"
             "  \"t_*\": {path: \"live/*\", like: clean, checkpoints: \"notes/*\"}\n"
             "  raw: {path: raw, from_topic: t, columns: {id: bigint}}\n"
             "  clean: {path: live/clean, sql: clean/clean.sql, reads: [raw], columns: {id: "
             "bigint}}\n"
             "  T_taken: {path: live2, like: clean, checkpoints: notes2}\n");
    static const struct {
        const char *name;
        const char *message;
    } cases[] = {
        {"clean", "the stream clean: the path of its table, live/clean, is that of clean"},
        {"free", NULL},
        {"taken", "the stream taken: its table t_taken would have the name of another table"},
        {"..", "the stream ..: the key 'live/..' has the part '..', which is not allowed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_arena arena;
        const struct pn_pipeline_stream *made = NULL;
        pn_arena_init(&arena, 0);
        int rc = pn_pipeline_make_stream(pipeline, &pipeline->stream_patterns[0], cases[i].name,
                                         &arena, &made, &err);
        if (cases[i].message == NULL) {
            assert_int_equal(rc, 0);
        } else {
            assert_int_not_equal(rc, 0);
            assert_string_equal(err.msg, cases[i].message);
        }
        pn_arena_deinit(&arena);
    }
    pn_pipeline_destroy(&pipeline);
}

/* --- tables in the store ---------------------------------------------------------------------- */

static void put(struct pn_store *store, const char *key)
{
    assert_int_equal(pn_store_put(store, key, "x", 1, &err), 0);
}

static void test_tables_are_found(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_many();
    struct pn_store *store = NULL;
    char folder_path[80];
    (void)snprintf(folder_path, sizeof folder_path, "%s/store", folder);
    assert_int_equal(pn_local_store_open(folder_path, pn_io_system(), &store, &err), 0);
    put(store, "live/own_table/_delta_log/00000000000000000000.json"); /* has a name already */
    put(store, "live/b_table/_delta_log/00000000000000000000.json");
    put(store, "live/a_table/_delta_log/00000000000000000000.json");
    put(store, "live/A_table/_delta_log/00000000000000000000.json"); /* SQL calls it live_a */
    put(store, "live/c_table/part-0.parquet");                       /* no table yet */
    put(store, "live/checkpoints/a/shardId-000000000000.json");
    assert_int_equal(pn_pipeline_find_tables(pipeline, store, &err), 0);
    assert_int_equal(pipeline->table_count, 5);
    assert_string_equal(pipeline->tables[3].name, "live_A");
    assert_string_equal(pipeline->tables[3].path, "live/A_table");
    assert_string_equal(pipeline->tables[3].checkpoints, "live/checkpoints/A");
    assert_string_equal(pipeline->tables[4].name, "live_b");
    assert_int_equal(pn_pipeline_find_tables(pipeline, store, &err), 0);
    assert_int_equal(pipeline->table_count, 5);
    pn_store_destroy(&store);
    pn_pipeline_destroy(&pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_meet),
        cmocka_unit_test(test_fill),
        cmocka_unit_test_setup_teardown(test_topics, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_streams, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_places_are_kept, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_tables_are_found, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
