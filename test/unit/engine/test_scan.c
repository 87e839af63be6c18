/* What a table's files lack is null; what lies around them is not a part of their rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/append_fixture.h"

static const struct pn_column NEW_FIELDS[] = {
    {.name = "height", .type = {.kind = PN_TYPE_DOUBLE}},
};
static const struct pn_column DEEPER_FIELDS[] = {
    {.name = "old", .type = {.kind = PN_TYPE_STRUCT, .fields = NEW_FIELDS, .field_count = 1}},
    {.name = "Y", .type = {.kind = PN_TYPE_DOUBLE}},
};
static const struct pn_column OLD_FIELDS[] = {
    {.name = "x", .type = {.kind = PN_TYPE_DOUBLE}},
};
static const struct pn_column OLD_DEEPER_FIELDS[] = {
    {.name = "y", .type = {.kind = PN_TYPE_DOUBLE}},
    {.name = "old", .type = {.kind = PN_TYPE_STRUCT, .fields = OLD_FIELDS, .field_count = 1}},
};

static int set_up(void **state)
{
    static struct engine_fixture fixture;
    engine_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    return 0;
}

/* Gives the table these columns from now on. */
static void declare(struct engine_fixture *fixture, int table, const struct pn_column *columns,
                    size_t count)
{
    fixture->tables[table].columns = columns;
    fixture->tables[table].column_count = count;
    engine_fixture_reopen(fixture);
}

static void test_a_column_that_no_file_has(void **state)
{
    static const struct pn_column columns[] = {
        {.name = "later", .type = {.kind = PN_TYPE_TIMESTAMP}},
        {.name = "ID", .type = {.kind = PN_TYPE_BIGINT}},
        {.name = "spot", .type = {.kind = PN_TYPE_STRUCT, .fields = NEW_FIELDS, .field_count = 1}},
    };
    struct engine_fixture *fixture = *state;
    engine_land(fixture, "t.kept", "a.json", "{\"id\":1}\n{\"id\":2}\n");
    engine_load(fixture, RAW_KEPT);
    declare(fixture, RAW_KEPT, columns, 3);
    assert_answer(fixture, "SELECT count(*), count(later), sum(id) FROM raw_kept", "2|0|3\n");
    assert_answer(fixture, "SELECT * FROM raw_kept WHERE id = 2", "null|2|null|null\n");
    assert_answer(fixture, "SELECT typeof(later), typeof(spot) FROM raw_kept LIMIT 1",
                  "\"TIMESTAMP WITH TIME ZONE\"|\"STRUCT(height DOUBLE)\"\n");
}

/* A SELECT of the pipeline's sees the same. */
static void test_a_transform_reads_null(void **state)
{
    static const struct pn_column columns[] = {
        {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
        {.name = "later", .type = {.kind = PN_TYPE_STRING}},
    };
    struct engine_fixture *fixture = *state;
    const struct pn_table *tables[] = {&fixture->tables[THING]};
    struct pn_table_report report;
    engine_land(fixture, "t.thing", "a.json", "{\"id\":1}\n");
    engine_load(fixture, RAW_THING);
    engine_fixture_sql(fixture, "SELECT id, later FROM raw_thing", columns, 2);
    declare(fixture, RAW_THING, columns, 2);
    assert_int_equal(pn_engine_transform(&fixture->engine->batch, tables, 1, &report, NULL), 0);
    assert_answer(fixture, "SELECT id, later FROM thing", "1|null\n");
}

static const struct pn_column *spot(const struct pn_column *fields, size_t count)
{
    static struct pn_column columns[] = {
        {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
        {.name = "spot", .type = {.kind = PN_TYPE_STRUCT}},
    };
    columns[1].type.fields = fields;
    columns[1].type.field_count = count;
    return columns;
}

static void test_fields_that_no_file_has(void **state)
{
    struct engine_fixture *fixture = *state;
    declare(fixture, RAW_STRICT, spot(OLD_DEEPER_FIELDS, 2), 2);
    engine_land(fixture, "t.strict", "a.json",
                "{\"id\":1,\"spot\":{\"y\":2,\"old\":{\"x\":1}}}\n{\"id\":2}\n"
                "{\"id\":3,\"spot\":{\"y\":3}}\n");
    engine_load(fixture, RAW_STRICT);
    /* None of the struct's, at the top or below: it is there still, and null where it was. */
    declare(fixture, RAW_STRICT, spot(NEW_FIELDS, 1), 2);
    assert_answer(fixture, "SELECT spot FROM raw_strict ORDER BY id",
                  "{\"height\":null}\nnull\n{\"height\":null}\n");
    declare(fixture, RAW_STRICT, spot(DEEPER_FIELDS, 2), 2);
    assert_answer(fixture, "SELECT spot FROM raw_strict ORDER BY id",
                  "{\"old\":{\"height\":null},\"Y\":2}\nnull\n{\"old\":null,\"Y\":3}\n");
}

/* DuckDB has columns of its own for each file, which are not the table's. */
static void test_names_that_a_reader_makes_up(void **state)
{
    static const struct pn_column columns[] = {
        {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
        {.name = "filename", .type = {.kind = PN_TYPE_STRING}},
        {.name = "current_date", .type = {.kind = PN_TYPE_DATE}},
    };
    struct engine_fixture *fixture = *state;
    engine_land(fixture, "t.strict", "a.json", "{\"id\":1}\n");
    engine_load(fixture, RAW_STRICT);
    declare(fixture, RAW_STRICT, columns, 3);
    assert_answer(fixture, "SELECT * FROM raw_strict", "1|null|null\n");
    declare(fixture, RAW_STRICT, columns + 1, 2);
    assert_answer(fixture, "SELECT * FROM raw_strict", "null|null\n");
}

/* A folder named as Hive names partitions is on the way to the files. */
static void test_a_folder_is_no_column(void **state)
{
    struct append_fixture *fixture = *state;
    int64_t before = 0;
    int64_t after = 0;
    fixture->tables[STREAM].path = "tables/id=77/word=w/live";
    for (int64_t i = 0; i < 2; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        append_row(batch, i == 0 ? "{\"id\": 1, \"word\": \"a\"}" : "{\"id\": 2}");
        append_ok(fixture, batch);
    }
    assert_answer(&fixture->base, "SELECT id, word FROM live ORDER BY id", "2|\"A\"\n4|null\n");
    assert_int_equal(pn_engine_optimize(&fixture->base.engine->batch, fixture->tables[STREAM].path,
                                        1 << 20, NULL, &before, &after, NULL),
                     0);
    assert_int_equal(before, 2);
    assert_int_equal(after, 1);
    assert_answer(&fixture->base, "SELECT id, word FROM live ORDER BY id", "2|\"A\"\n4|null\n");
}

/* A commit of another writer's names a file that is elsewhere, as a shallow clone does. */
static void test_a_file_elsewhere(void **state)
{
    struct engine_fixture *fixture = *state;
    char folder[] = "/tmp/pn-scan-XXXXXX";
    char commit[512];
    struct pn_err e;
    assert_non_null(mkdtemp(folder));
    char *path = pn_xasprintf("%s/else where.parquet", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs("PAR1", file) >= 0 && fclose(file) == 0, 1);
    engine_land(fixture, "t.strict", "a.json", "{\"id\":1}\n");
    engine_load(fixture, RAW_STRICT);
    engine_land(fixture, "t.thing", "a.json", "{\"id\":1}\n");
    engine_load(fixture, RAW_THING);
    (void)snprintf(commit, sizeof commit,
                   "{\"add\":{\"path\":\"file://%s/else%%20where.parquet\",\"partitionValues\":{},"
                   "\"size\":1,\"modificationTime\":1,\"dataChange\":true}}\n",
                   folder);
    assert_int_equal(pn_store_put(fixture->store,
                                  "tables/raw/thing/_delta_log/00000000000000000001.json", commit,
                                  strlen(commit), &e),
                     0);
    assert_refused(fixture, "SELECT * FROM raw_thing", "table 'raw_thing': its file /");
    assert_refused(fixture, "SELECT * FROM raw_thing", "/else where.parquet is outside");
    assert_refused(fixture, "SELECT * FROM raw_thing", "deep clone");
    assert_answer(fixture, "SELECT * FROM raw_strict", "1\n");
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_column_that_no_file_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_transform_reads_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_that_no_file_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_a_reader_makes_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_is_no_column, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_elsewhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
