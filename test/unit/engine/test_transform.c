/* Transformed tables: their SELECT is held to the declaration; statistics, compaction and
 * checkpoints of what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/engine_fixture.h"

static const struct pn_column PLACE_FIELDS[] = {
    {.name = "x", .type = {.kind = PN_TYPE_DOUBLE}},
    {.name = "y", .type = {.kind = PN_TYPE_DOUBLE}},
};
static const struct pn_column COLUMNS[] = {
    {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "word", .type = {.kind = PN_TYPE_STRING}},
    {.name = "small", .type = {.kind = PN_TYPE_INT}},
    {.name = "ratio", .type = {.kind = PN_TYPE_DOUBLE}},
    {.name = "flag", .type = {.kind = PN_TYPE_BOOLEAN}},
    {.name = "moment", .type = {.kind = PN_TYPE_TIMESTAMP}},
    {.name = "day", .type = {.kind = PN_TYPE_DATE}},
    {.name = "place", .type = {.kind = PN_TYPE_STRUCT, .fields = PLACE_FIELDS, .field_count = 2}},
};
enum { COLUMN_COUNT = 8 };

static int set_up(void **state)
{
    struct engine_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    engine_fixture_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    free(*state);
    return 0;
}

static int transform(struct engine_fixture *fixture, struct pn_table_report *report,
                     struct pn_err *e)
{
    const struct pn_table *tables[] = {&fixture->tables[THING]};
    return pn_engine_transform(&fixture->engine->batch, tables, 1, report, e);
}

static void transform_ok(struct engine_fixture *fixture)
{
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    if (transform(fixture, &report, &e) != 0) {
        fail_msg("transform: %s", e.msg);
    }
}

static void assert_fails(struct engine_fixture *fixture, const char *message)
{
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    assert_int_not_equal(transform(fixture, &report, &e), 0);
    assert_string_equal(e.msg, message);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

static struct pn_delta_snapshot *snapshot_of(struct engine_fixture *fixture, struct pn_delta *table)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e;
    (void)fixture;
    assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, &e), 0);
    return snapshot;
}

static struct pn_delta *open_thing(struct engine_fixture *fixture)
{
    return pn_delta_create(fixture->store, "tables/thing", pn_engine_parquet(fixture->engine),
                           &fixture->clock.clock, NULL, &fixture->config.delta);
}

/* The statistics of the one file of `thing`. */
static void assert_stats(struct engine_fixture *fixture, const char *stats)
{
    struct pn_delta *table = open_thing(fixture);
    struct pn_delta_snapshot *snapshot = snapshot_of(fixture, table);
    assert_int_equal(snapshot->file_count, 1);
    assert_string_equal(snapshot->files[0].stats, stats);
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&table);
}

static void test_stats(void **state)
{
    struct engine_fixture *fixture = *state;
    engine_load(fixture, RAW_THING);
    engine_fixture_sql(fixture,
                       "SELECT * FROM (VALUES (1::BIGINT, 'a', 5::INT, 0.5::DOUBLE, true, "
                       "TIMESTAMPTZ '2018-09-03 07:12:45.123999+00', DATE '2018-09-03', "
                       "{'x': 1::DOUBLE, 'y': NULL::DOUBLE}), (2, 'b\"', NULL, -1, NULL, "
                       "'2018-09-04 00:00:00+00', NULL, NULL)) "
                       "t(id, word, small, ratio, flag, moment, day, place)",
                       COLUMNS, COLUMN_COUNT);
    transform_ok(fixture);
    assert_stats(fixture,
                 "{\"numRecords\":2,\"minValues\":{\"id\":1,\"word\":\"a\",\"small\":5,"
                 "\"ratio\":-1.0,\"moment\":\"2018-09-03T07:12:45.123Z\",\"day\":\"2018-09-03\","
                 "\"place\":{\"x\":1.0}},\"maxValues\":{\"id\":2,\"word\":\"b\\\"\",\"small\":5,"
                 "\"ratio\":0.5,\"moment\":\"2018-09-04T00:00:00.000Z\",\"day\":\"2018-09-03\","
                 "\"place\":{\"x\":1.0}},\"nullCount\":{\"id\":0,\"word\":0,\"small\":1,"
                 "\"ratio\":0,\"flag\":1,\"moment\":0,\"day\":1,\"place\":{\"x\":1,\"y\":2}}}");
}

/* Bounds that no reader may take for more than they are: cut texts, NaN, infinities, far years. */
static void test_stats_that_need_care(void **state)
{
    struct engine_fixture *fixture = *state;
    engine_load(fixture, RAW_THING);
    engine_fixture_sql(
        fixture,
        "SELECT 1::BIGINT AS id, repeat('\xc3\xa9', 40) AS word, NULL::INT AS small, "
        "unnest(['NaN'::DOUBLE, 1]) AS ratio, NULL::BOOLEAN AS flag, "
        "TIMESTAMPTZ '12018-09-03 07:12:45+00' AS moment, NULL::DATE AS day, "
        "{'x': 'inf'::DOUBLE, 'y': '-inf'::DOUBLE} AS place",
        COLUMNS, COLUMN_COUNT);
    transform_ok(fixture);
    char stats[1024];
    char word[128] = "";
    for (size_t i = 0; i < 32; i++) {
        memcpy(word + 2 * i, "\xc3\xa9", 3);
    }
    (void)snprintf(stats, sizeof stats,
                   "{\"numRecords\":2,\"minValues\":{\"id\":1,\"word\":\"%s\"},\"maxValues\":{"
                   "\"id\":1,\"word\":\"%s\xf4\x8f\xbf\xbf\"},\"nullCount\":{\"id\":0,\"word\":0,"
                   "\"small\":2,\"ratio\":0,\"flag\":2,\"moment\":0,\"day\":2,\"place\":{\"x\":0,"
                   "\"y\":0}}}",
                   word, word);
    assert_stats(fixture, stats);
}

static void test_the_declaration_holds(void **state)
{
    struct engine_fixture *fixture = *state;
    static const struct pn_column two[] = {{.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
                                           {.name = "moment", .type = {.kind = PN_TYPE_TIMESTAMP}}};
    static const struct pn_column place[] = {
        {.name = "place",
         .type = {.kind = PN_TYPE_STRUCT, .fields = PLACE_FIELDS, .field_count = 2}}};
    engine_load(fixture, RAW_THING);
    engine_fixture_sql(fixture, "SELECT id FROM raw_thing", two, 2);
    assert_fails(fixture, "clean/thing.sql: it returns 1 column, but the pipeline declares 2");
    engine_fixture_sql(fixture, "SELECT moment, id FROM raw_thing", two, 2);
    assert_fails(fixture, "clean/thing.sql: column 1 is 'moment', but the pipeline declares 'id'");
    engine_fixture_sql(fixture, "SELECT small AS id, moment FROM raw_thing", two, 2);
    assert_fails(fixture, "clean/thing.sql: column 'id' is INTEGER, but the pipeline declares "
                          "bigint: cast it");
    engine_fixture_sql(
        fixture, "SELECT id, TIMESTAMP '2018-01-01 00:00:00' AS moment FROM raw_thing", two, 2);
    assert_fails(fixture,
                 "clean/thing.sql: column 'moment' is TIMESTAMP, but the pipeline declares "
                 "timestamp: cast it to TIMESTAMP WITH TIME ZONE");
    engine_fixture_sql(fixture, "SELECT {'x': 1.5::DOUBLE} AS place", place, 1);
    assert_fails(fixture, "clean/thing.sql: column 'place' is STRUCT(\"x\" DOUBLE), but the "
                          "pipeline declares struct<x double, y double>: cast it");
    engine_fixture_sql(fixture, "SELECT id, nope FROM raw_thing", two, 2);
    struct pn_table_report report;
    struct pn_err e;
    assert_int_not_equal(transform(fixture, &report, &e), 0);
    assert_non_null(strstr(e.msg, "clean/thing.sql: Binder Error"));
    engine_fixture_sql(fixture, "DROP VIEW raw_thing", two, 2);
    assert_fails(fixture, "clean/thing.sql: it has to be one SELECT: its rows become the table");
}

static void test_what_it_reads_must_exist(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_table_report report;
    struct pn_err e;
    assert_int_not_equal(transform(fixture, &report, &e), 0);
    assert_string_equal(e.msg, "table 'raw_thing' does not exist yet, and no DAG makes it: run "
                               "`pinion batch`, or add the table to a DAG of pipeline.yml");
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

static void test_overwrites(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_table_report report;
    struct pn_err e;
    for (int i = 0; i < 3; i++) {
        engine_land(fixture, "t.thing", "a.json",
                    i == 1 ? "" : "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
        engine_load(fixture, RAW_THING);
        assert_int_equal(transform(fixture, &report, &e), 0);
        assert_int_equal(report.version, i);
        assert_int_equal(report.rows, i == 1 ? 0 : 3);
        assert_answer(fixture, "SELECT count(*), sum(twice(id)) FROM thing",
                      i == 1 ? "0|null\n" : "3|12\n");
    }
}

/* Twelve commits: a checkpoint is written by this engine, and read when the log after it is gone.
 */
static void test_checkpoints(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_err e;
    for (int i = 0; i < 12; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"id\":%d}\n", i);
        engine_land(fixture, "t.thing", "a.json", text);
        engine_load(fixture, RAW_THING);
        transform_ok(fixture);
    }
    struct pn_delta *table = open_thing(fixture);
    struct pn_delta_snapshot *before = snapshot_of(fixture, table);
    for (int i = 0; i < 10; i++) {
        char *key = pn_xasprintf("tables/thing/_delta_log/%020d.json", i);
        assert_int_equal(pn_store_remove(fixture->store, key, &e), 0);
        free(key);
    }
    pn_delta_destroy(&table);
    table = open_thing(fixture);
    struct pn_delta_snapshot *after = snapshot_of(fixture, table);
    assert_int_equal(after->version, before->version);
    assert_int_equal(after->file_count, 1);
    assert_string_equal(after->files[0].path, before->files[0].path);
    assert_string_equal(after->files[0].stats, before->files[0].stats);
    assert_string_equal(after->metadata.id, before->metadata.id);
    assert_string_equal(after->metadata.schema, before->metadata.schema);
    assert_int_equal(after->removed_count, before->removed_count);
    assert_int_equal(after->protocol.min_writer_version, 2);
    pn_delta_snapshot_destroy(&before);
    pn_delta_snapshot_destroy(&after);
    pn_delta_destroy(&table);
    engine_fixture_reopen(fixture);
    assert_answer(fixture, "SELECT id FROM thing", "11\n");
}

static int count_line(void *arg, const char *json, size_t len, struct pn_err *e)
{
    (void)e;
    struct pn_buf *lines = arg;
    pn_buf_add(lines, json, len);
    pn_buf_addc(lines, '\n');
    return 0;
}

/* Every action comes back as it went in, whatever is in it. */
static void test_checkpoint_round_trip(void **state)
{
    struct engine_fixture *fixture = *state;
    const struct pn_delta_parquet *parquet = pn_engine_parquet(fixture->engine);
    static const char actions[] =
        "{\"txn\":{\"appId\":\"a\",\"version\":5,\"lastUpdated\":7}}\n"
        "{\"add\":{\"path\":\"x%20y\",\"partitionValues\":{\"p\":null,\"q\":\"\"},\"size\":5,"
        "\"modificationTime\":1,\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":3}\","
        "\"tags\":{\"t\":\"u\"}}}\n"
        "{\"remove\":{\"path\":\"z\",\"deletionTimestamp\":9,\"dataChange\":false,"
        "\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":4}}\n"
        "{\"metaData\":{\"id\":\"i\",\"name\":\"n\",\"format\":{\"provider\":\"parquet\","
        "\"options\":{}},\"schemaString\":\"{}\",\"partitionColumns\":[\"p\",\"q\"],"
        "\"configuration\":{\"a.b\":\"c\"},\"createdTime\":12}}\n"
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
        "{\"add\":{\"path\":\"d\",\"partitionValues\":{},\"size\":1,\"modificationTime\":2,"
        "\"dataChange\":false,\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"ab\","
        "\"offset\":1,\"sizeInBytes\":40,\"cardinality\":6}}}\n";
    static const char key[] = "c[1]*.parquet";
    char *path = pn_xasprintf("%s/%s", fixture->folder, key);
    struct pn_buf lines;
    struct pn_err e = {.msg = ""};
    pn_buf_init(&lines, 1 << 20);
    assert_int_equal(parquet->write_checkpoint(parquet->ctx, actions, sizeof actions - 1, path, &e),
                     0);
    assert_int_equal(parquet->read_checkpoint(parquet->ctx, key, count_line, &lines, &e), 0);
    assert_string_equal(pn_buf_text(&lines), actions);
    pn_buf_deinit(&lines);
    /* A damaged one is CORRUPT. */
    int fd = -1;
    assert_int_equal(pn_io_open(pn_io_system(), path, 2, &fd, &e), 0);
    assert_int_equal(pn_io_truncate(pn_io_system(), fd, 200, path, &e), 0);
    pn_io_close(pn_io_system(), &fd);
    assert_int_not_equal(parquet->read_checkpoint(parquet->ctx, key, count_line, &lines, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    free(path);
}

/* Appends the rows of `thing`'s SELECT as another file, as a stream does. */
static void append_again(struct engine_fixture *fixture, struct pn_delta *table)
{
    struct pn_delta_snapshot *snapshot = snapshot_of(fixture, table);
    struct pn_delta_file file = snapshot->files[0];
    struct pn_buf bytes;
    struct pn_err e;
    char *name = pn_delta_new_file_name(0, "snappy");
    char *from = pn_xasprintf("tables/thing/%s", file.path);
    char *to = pn_xasprintf("tables/thing/%s", name);
    pn_buf_init(&bytes, 1 << 20);
    assert_int_equal(pn_store_get(fixture->store, from, &bytes, &e), 0);
    assert_int_equal(pn_store_put(fixture->store, to, bytes.data, bytes.len, &e), 0);
    file.path = name;
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = snapshot->metadata.schema,
                                           .adds = &file,
                                           .add_count = 1};
    int64_t version = 0;
    assert_int_equal(pn_delta_commit(table, &commit, &version, &e), 0);
    pn_buf_deinit(&bytes);
    free(name);
    free(from);
    free(to);
    pn_delta_snapshot_destroy(&snapshot);
}

static void test_optimize(void **state)
{
    struct engine_fixture *fixture = *state;
    int64_t before = 0;
    int64_t after = 0;
    struct pn_err e = {.msg = ""};
    engine_load(fixture, RAW_THING);
    engine_fixture_sql(fixture,
                       "SELECT i AS id, concat('w', i) AS word, NULL::INT AS small, 0.5::DOUBLE AS "
                       "ratio, true AS flag, TIMESTAMPTZ '2018-01-01 00:00:00+00' AS moment, "
                       "NULL::DATE AS day, {'x': i::DOUBLE, 'y': NULL::DOUBLE} AS place "
                       "FROM range(100) t(i)",
                       COLUMNS, COLUMN_COUNT);
    transform_ok(fixture);
    struct pn_delta *table = open_thing(fixture);
    for (int i = 0; i < 4; i++) {
        append_again(fixture, table);
    }
    int rc = pn_engine_optimize(&fixture->engine->batch, "tables/thing", 1 << 20, NULL, &before,
                                &after, &e);
    if (rc != 0) {
        fail_msg("optimize: %s", e.msg);
    }
    assert_int_equal(before, 5);
    assert_int_equal(after, 1);
    assert_answer(fixture, "SELECT count(*), sum(id), sum(place.x), min(moment) FROM thing",
                  "500|24750|24750|\"2018-01-01T00:00:00Z\"\n");
    struct pn_delta_snapshot *snapshot = snapshot_of(fixture, table);
    assert_int_equal(snapshot->files[0].num_records, 500);
    assert_non_null(strstr(snapshot->files[0].stats, "\"maxValues\":{\"id\":99,\"word\":\"w99\""));
    assert_false(snapshot->files[0].data_change);
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&table);
    /* Nothing is left to do. */
    assert_int_equal(pn_engine_optimize(&fixture->engine->batch, "tables/thing", 1 << 20, NULL,
                                        &before, &after, &e),
                     0);
    assert_int_equal(before, 1);
    assert_int_equal(after, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stats_that_need_care, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_declaration_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_it_reads_must_exist, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overwrites, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checkpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checkpoint_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_optimize, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
