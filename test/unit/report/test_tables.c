/* Tables, a table's schema, files and history, and queries as rows, in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/files.h"
#include "report/tables.h"
#include "report/undeclared.h"
#include "support/delta_fixture.h"
#include "support/report_golden.h"

static struct pn_table tables[] = {{.name = "thing", .path = "t"},
                                   {.name = "not_yet", .path = "other/path"}};
static const struct pn_pipeline pipeline = {.tables = tables,
                                            .table_count = 2,
                                            .dead_letters_path = "dead_letters",
                                            .stream_dead_letters_path = "streams/dead_letters"};

static struct pn_table_source source_of(struct delta_fixture *fixture)
{
    return (struct pn_table_source){.pipeline = &pipeline,
                                    .store = fixture->store,
                                    .parquet = &fixture->parquet,
                                    .config = &fixture->config,
                                    .clock = &fixture->clock.clock,
                                    .logger = fixture->logger};
}

static void some_commits(struct delta_fixture *fixture)
{
    (void)delta_append(fixture, "a.parquet", 3);
    (void)delta_append(fixture, "b.parquet", 4);
    fixture->config.maker =
        (struct pn_delta_maker){.dag = "nightly", .run = "manual__1", .task = "load", .attempt = 2};
    delta_fixture_reopen(fixture);
    (void)delta_append(fixture, "c.parquet", 5);
    for (int version = 0; version < 3; version++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%020d.json", version);
        delta_touch(fixture, name, DELTA_TIME_MS + version * INT64_C(1000));
    }
    delta_fixture_reopen(fixture);
}

static struct pn_delta_snapshot *snapshot_of(struct delta_fixture *fixture)
{
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    return snapshot;
}

/* --- tables ----------------------------------------------------------------------------------- */

static void list(struct pn_row_writer *rows, void *arg)
{
    const struct pn_table_source source = source_of(arg);
    assert_int_equal(pn_report_tables(&source, rows, NULL, NULL), 0);
}

static void test_tables(void **state)
{
    some_commits(*state);
    report_is_golden("tables", list, *state);
}

static void keep_problem(void *arg, const char *table, const struct pn_err *why)
{
    struct pn_buf *told = arg;
    pn_buf_addf(told, "%s: %s\n", table, why->msg);
}

/* One that cannot be read is said by name, and the others are there. */
static void test_a_table_that_cannot_be_read(void **state)
{
    struct delta_fixture *fixture = *state;
    const struct pn_table_source source = source_of(fixture);
    struct pn_buf out;
    struct pn_buf told;
    some_commits(fixture);
    delta_write_text(fixture, "00000000000000000001.json", "no JSON\n");
    pn_buf_init(&out, 10000);
    pn_buf_init(&told, 10000);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_CSV);
    assert_int_equal(pn_report_tables(&source, rows, keep_problem, &told), 1);
    pn_row_writer_end(&rows);
    assert_string_equal(pn_buf_text(&out), "table,kind,path,version,committed,files,rows,"
                                           "size_bytes\r\n"
                                           "thing,clean,t,,,,,\r\n"
                                           "not_yet,clean,other/path,,,,,\r\n"
                                           "dead_letters,dead_letters,dead_letters,,,,,\r\n");
    assert_int_equal(strncmp(pn_buf_text(&told), "thing: ", strlen("thing: ")), 0);
    assert_non_null(strstr(pn_buf_text(&told), "00000000000000000001.json"));
    pn_buf_deinit(&told);
    pn_buf_deinit(&out);
}

/* --- tables that the pipeline does not declare ------------------------------------------------ */

static void put(struct delta_fixture *fixture, const char *key)
{
    assert_int_equal(pn_store_put(fixture->store, key, "{}", 2, NULL), 0);
}

static void log_of(struct delta_fixture *fixture, const char *path)
{
    char key[PN_KEY_MAX];
    (void)snprintf(key, sizeof key, "%s/_delta_log/00000000000000000000.json", path);
    put(fixture, key);
}

static const struct pn_table kept[] = {
    {.name = "own", .path = "home/raw/own"},
    {.name = "live", .path = "home/live", .checkpoints = "home/checkpoints"}};
static const struct pn_table kept_pattern = {
    .name = "live_*", .path = "home/each/*", .checkpoints = "home/marks/*"};
static const struct pn_pipeline keeper = {.tables = kept,
                                          .table_count = 2,
                                          .table_patterns = &kept_pattern,
                                          .table_pattern_count = 1,
                                          .dead_letters_path = "home/dead_letters",
                                          .topics_dir = "landed",
                                          .stream_dead_letters_path = "home/stream_dead_letters"};

static void are_undeclared(struct delta_fixture *fixture, enum pn_undeclared_where where,
                           const char *expected, bool is_cut)
{
    struct pn_arena arena;
    struct pn_undeclared found = {0};
    struct pn_buf keys;
    pn_arena_init(&arena, 0);
    pn_buf_init(&keys, 10000);
    assert_int_equal(pn_report_undeclared(&keeper, fixture->store, where, &arena, &found, NULL), 0);
    for (size_t i = 0; i < found.count; i++) {
        pn_buf_addf(&keys, "%s ", found.keys[i]);
    }
    assert_string_equal(pn_buf_text(&keys), expected);
    assert_int_equal(found.is_cut, is_cut);
    pn_buf_deinit(&keys);
    pn_arena_deinit(&arena);
}

/* Those beside the pipeline's own, none inside of another, none in hidden folders or elsewhere. */
static void test_undeclared(void **state)
{
    static const char *const declared[] = {"home/raw/own", "home/live", "home/each/one",
                                           "home/dead_letters"};
    struct delta_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof declared / sizeof *declared; i++) {
        log_of(fixture, declared[i]);
    }
    put(fixture, "home/checkpoints/shard/_delta_log/x");
    put(fixture, "home/marks/one/_delta_log/x");
    put(fixture, "home/_hidden/t/_delta_log/x");
    put(fixture, "home/.hidden/t/_delta_log/x");
    put(fixture, "elsewhere/t/_delta_log/x");
    put(fixture, "home/a file");
    put(fixture, "home/plain/folder/file");
    are_undeclared(fixture, PN_UNDECLARED_BESIDE_TABLES, "", false);
    log_of(fixture, "home/z");
    put(fixture, "home/z/day=1/part.parquet");
    put(fixture, "home/z/inner/_delta_log/x");
    log_of(fixture, "home/raw/other");
    log_of(fixture, "home/2/3/4/5/6/7/8");
    log_of(fixture, "home/2/3/4/5/6/7/8-/9");
    are_undeclared(fixture, PN_UNDECLARED_BESIDE_TABLES,
                   "home/2/3/4/5/6/7/8 home/raw/other home/z ", false);
    put(fixture, "landed/t/_delta_log/x");
    put(fixture, "t/_delta_log/x");
    put(fixture, "a file of the root");
    put(fixture, "elsewhere/store/.pinion/owner");
    put(fixture, "elsewhere/store/t/_delta_log/x");
    put(fixture, "home/store/.pinion/owner");
    put(fixture, "home/store/t/_delta_log/x");
    are_undeclared(fixture, PN_UNDECLARED_ANYWHERE,
                   "elsewhere/t home/2/3/4/5/6/7/8 home/raw/other home/z t ", false);
}

static void test_undeclared_are_limited(void **state)
{
    enum { MANY = PN_UNDECLARED_MAX + 1 };
    struct delta_fixture *fixture = *state;
    struct pn_arena arena;
    struct pn_undeclared found = {0};
    struct pn_put puts[MANY];
    static char keys[MANY][64];
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "home/%03zu/_delta_log/x", i);
        puts[i] = (struct pn_put){.key = keys[i], .bytes = "{}", .len = 2};
    }
    assert_int_equal(pn_store_put_many(fixture->store, puts, MANY, NULL), 0);
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_report_undeclared(&keeper, fixture->store, PN_UNDECLARED_BESIDE_TABLES,
                                          &arena, &found, NULL),
                     0);
    assert_int_equal(found.count, PN_UNDECLARED_MAX);
    assert_string_equal(found.keys[PN_UNDECLARED_MAX - 1], "home/199");
    assert_true(found.is_cut);
    pn_arena_deinit(&arena);
}

static void test_names(void **state)
{
    (void)state;
    const struct pn_table *table = NULL;
    const char *path = NULL;
    struct pn_err e = {0};
    assert_int_equal(pn_report_find_table(&pipeline, "thing", NULL, &table, &path, &e), 0);
    assert_ptr_equal(table, &tables[0]);
    assert_string_equal(path, "t");
    assert_int_equal(
        pn_report_find_table(&pipeline, "stream_dead_letters", NULL, &table, &path, &e), 0);
    assert_null(table);
    assert_string_equal(path, "streams/dead_letters");
    assert_int_equal(pn_report_find_table(&pipeline, "some/key", NULL, &table, &path, &e), 0);
    assert_string_equal(path, "some/key");
    assert_int_not_equal(pn_report_find_table(&pipeline, "nobody", NULL, &table, &path, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(pn_report_find_table(&pipeline, "a/../b", NULL, &table, &path, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

/* --- schema ----------------------------------------------------------------------------------- */

static void schema(struct pn_row_writer *rows, void *arg)
{
    static const char nested[] =
        "{\"type\":\"struct\",\"fields\":["
        "{\"name\":\"id\",\"type\":\"long\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"day\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"pos\",\"type\":{\"type\":\"struct\",\"fields\":["
        "{\"name\":\"x\",\"type\":\"double\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"elementType\":\"string\","
        "\"containsNull\":true},\"nullable\":true,\"metadata\":{}}]},\"nullable\":true,"
        "\"metadata\":{}},"
        "{\"name\":\"counts\",\"type\":{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":"
        "\"integer\",\"valueContainsNull\":true},\"nullable\":true,\"metadata\":{}}]}";
    static const char *partitions[] = {"day"};
    struct pn_delta_snapshot snapshot = {.metadata = {.schema = (char *)(uintptr_t)nested,
                                                      .partition_columns = partitions,
                                                      .partition_column_count = 1}};
    assert_int_equal(pn_report_schema(&snapshot, arg, rows, NULL), 0);
}

static void test_schema(void **state)
{
    (void)state;
    struct pn_delta_since since[] = {
        {"id", 0, true}, {"day", 3, true}, {"pos", 2, false}, {"counts", 2, false}};
    report_is_golden("schema", schema, NULL);
    report_is_golden("schema_since", schema, since);
}

/* --- files, history --------------------------------------------------------------------------- */

static void files(struct pn_row_writer *rows, void *arg)
{
    const struct pn_file_choice all = {.words = NULL};
    const char *next = NULL;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_report_files(arg, &all, &arena, rows, &next, NULL), 0);
    assert_null(next);
    pn_arena_deinit(&arena);
}

static void test_files(void **state)
{
    some_commits(*state);
    struct pn_delta_snapshot *snapshot = snapshot_of(*state);
    report_is_golden("files", files, snapshot);
    pn_delta_snapshot_destroy(&snapshot);
}

/* The paths of all files that are chosen, read by pages of one: "a.parquet c.parquet ". */
static char *paths_of(const struct pn_delta_snapshot *snapshot, struct pn_file_choice choice,
                      struct pn_arena *arena)
{
    char *paths = pn_arena_printf(arena, "%s", "");
    const char *next = NULL;
    choice.limit = 1;
    do {
        struct pn_buf out;
        pn_buf_init(&out, 10000);
        const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
        struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_JSONL);
        choice.after = next;
        assert_int_equal(pn_report_files(snapshot, &choice, arena, rows, &next, NULL), 0);
        pn_row_writer_end(&rows);
        const char *path = strstr(pn_buf_text(&out), "\"path\":\"");
        if (path != NULL) {
            path += strlen("\"path\":\"");
            paths = pn_arena_printf(arena, "%s%.*s ", paths, (int)strcspn(path, "\""), path);
        }
        pn_buf_deinit(&out);
    } while (next != NULL);
    return paths;
}

/* Page by page: every file once, in the order that is asked for. */
static void test_pages_of_files(void **state)
{
    some_commits(*state);
    struct pn_delta_snapshot *snapshot = snapshot_of(*state);
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < snapshot->file_count; i++) {
        static const int64_t rows[] = {5, -1, 5};
        snapshot->files[i].num_records = rows[i];
        snapshot->files[i].size_bytes = 100 - (int64_t)i;
        snapshot->files[i].modified_ms = 7;
    }
    static const struct {
        struct pn_file_choice choice;
        const char *paths;
    } cases[] = {
        {{.order = PN_FILES_BY_PATH}, "a.parquet b.parquet c.parquet "},
        {{.is_falling = true}, "c.parquet b.parquet a.parquet "},
        {{.order = PN_FILES_BY_ROWS}, "b.parquet a.parquet c.parquet "},
        {{.order = PN_FILES_BY_ROWS, .is_falling = true}, "c.parquet a.parquet b.parquet "},
        {{.order = PN_FILES_BY_SIZE}, "c.parquet b.parquet a.parquet "},
        {{.order = PN_FILES_BY_TIME}, "a.parquet b.parquet c.parquet "},
        {{.order = PN_FILES_BY_SIZE, .words = "B. parquet"}, "b.parquet "},
        {{.words = "parquet none"}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(paths_of(snapshot, cases[i].choice, &arena), cases[i].paths);
    }
    pn_arena_deinit(&arena);
    pn_delta_snapshot_destroy(&snapshot);
}

/* A file is found by the values of its partition, too. */
static void test_files_of_a_partition(void **state)
{
    some_commits(*state);
    struct pn_delta_snapshot *snapshot = snapshot_of(*state);
    struct pn_delta_map_entry day = {"day", "2026-11-29"};
    struct pn_delta_map_entry none = {"day", NULL};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    snapshot->files[1].partition_values = &day;
    snapshot->files[1].partition_value_count = 1;
    snapshot->files[2].partition_values = &none;
    snapshot->files[2].partition_value_count = 1;
    const struct pn_file_choice by_day = {.words = "DAY=2026"};
    const struct pn_file_choice by_null = {.words = "day=null"};
    assert_string_equal(paths_of(snapshot, by_day, &arena), "b.parquet ");
    assert_string_equal(paths_of(snapshot, by_null, &arena), "c.parquet ");
    pn_arena_deinit(&arena);
    pn_delta_snapshot_destroy(&snapshot);
}

static void test_a_foreign_cursor(void **state)
{
    some_commits(*state);
    struct pn_delta_snapshot *snapshot = snapshot_of(*state);
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    static const char *const cursors[] = {"a.parquet", "x a.parquet", "1.5 a.parquet"};
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        const struct pn_file_choice choice = {.after = cursors[i], .limit = 1};
        const char *next = NULL;
        struct pn_err e = {0};
        assert_int_equal(pn_report_files(snapshot, &choice, &arena, NULL, &next, &e), PN_FAIL);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
    pn_arena_deinit(&arena);
    pn_delta_snapshot_destroy(&snapshot);
}

static void history(struct pn_row_writer *rows, void *arg)
{
    struct delta_fixture *fixture = arg;
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_delta_history(fixture->table, -1, 2, &arena, &entries, &count, NULL), 0);
    pn_report_history(entries, count, rows);
    pn_arena_deinit(&arena);
}

static void test_history(void **state)
{
    some_commits(*state);
    report_is_golden("history", history, *state);
}

static void queries(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static struct pn_query all[] = {{.name = "by_year", .description = "how many, by year"},
                                    {.name = "top", .description = ""}};
    static const struct pn_pipeline asked = {.queries = all, .query_count = 2};
    pn_report_queries(&asked, rows);
}

static void test_queries(void **state)
{
    (void)state;
    report_is_golden("queries", queries, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_that_cannot_be_read, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_undeclared, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_undeclared_are_limited, delta_set_up, delta_tear_down),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_queries),
        cmocka_unit_test_setup_teardown(test_files, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_pages_of_files, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_files_of_a_partition, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_foreign_cursor, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_history, delta_set_up, delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
