/* What a changed pipeline.yml will do to tables: each change of a column, for each way in which a
 * table is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/incremental.h"
#include "report/pipeline_diff.h"
#include "support/delta_fixture.h"

/* The table as it is: id int, note string, place struct<x int>; by note. */
#define FIELD(name, type) \
    "{\"name\":\"" name "\",\"type\":" type ",\"nullable\":true,\"metadata\":{}}"
static const char *const SCHEMA =
    "{\"type\":\"struct\",\"fields\":[" FIELD("id", "\"integer\"") "," FIELD(
        "note", "\"string\"") "," FIELD("place",
                                        "{\"type\":\"struct\",\"fields\":[" FIELD(
                                            "x", "\"integer\"") "]}") "]}";

static const struct pn_column X_INT[] = {{.name = "x", .type = {.kind = PN_TYPE_INT}}};
static const struct pn_column X_LONG[] = {{.name = "x", .type = {.kind = PN_TYPE_BIGINT}}};
#define ID(of)                                \
    {                                         \
        .name = "id", .type = {.kind = (of) } \
    }
#define NOTE                                              \
    {                                                     \
        .name = "note", .type = {.kind = PN_TYPE_STRING } \
    }
#define PLACE(f)                                                                            \
    {                                                                                       \
        .name = "place", .type = {.kind = PN_TYPE_STRUCT, .fields = (f), .field_count = 1 } \
    }
#define MORE                                            \
    {                                                   \
        .name = "more", .type = {.kind = PN_TYPE_DATE } \
    }

static const struct pn_column SAME[] = {ID(PN_TYPE_INT), NOTE, PLACE(X_INT)};
static const struct pn_column ADDED[] = {ID(PN_TYPE_INT), NOTE, PLACE(X_INT), MORE};
static const struct pn_column LEFT_OUT[] = {ID(PN_TYPE_INT), NOTE};
static const struct pn_column RENAMED[] = {ID(PN_TYPE_INT), NOTE, MORE};
static const struct pn_column OTHER_CASE[] = {
    ID(PN_TYPE_INT), NOTE, PLACE(X_INT), {.name = "ID", .type = {.kind = PN_TYPE_INT}}};
static const struct pn_column WIDER[] = {ID(PN_TYPE_BIGINT), NOTE, PLACE(X_LONG)};
static const struct pn_column NARROWER[] = {ID(PN_TYPE_SMALLINT), NOTE, PLACE(X_INT)};

#define DEFINE(array) .columns = (array), .column_count = sizeof(array) / sizeof *(array)

/* How a table is made. */
static const struct pn_table OVERWRITTEN = {.name = "t", .path = "t", .sql = "SELECT 1"};
static const struct pn_table REPLACED = {
    .name = "t", .path = "t", .sql = "SELECT 1", .replace_where = "note = 'a'"};
static const struct pn_table CLEAN = {
    .name = "t", .path = "t", .sql = "SELECT 1", .mode = PN_MODE_APPEND};
static const struct pn_table RAW = {
    .name = "t", .path = "t", .from_topic = "a", .mode = PN_MODE_APPEND};
static const struct pn_column KEY = ID(PN_TYPE_INT);
static const struct pn_table RAW_MERGE = {.name = "t",
                                          .path = "t",
                                          .from_topic = "a",
                                          .mode = PN_MODE_MERGE,
                                          .key_column = "id",
                                          .order_column = &KEY};

/* Makes the table as the pipeline defines it now, with the columns of SCHEMA. */
static void make(struct delta_fixture *fixture, const struct pn_pipeline *pipeline,
                 const struct pn_table *table)
{
    struct pn_table made = *table;
    made.columns = SAME;
    made.column_count = 3;
    const struct pn_delta_txn txns[] = {
        {.app_id = PN_INCREMENTAL_MARK, .version = made.mode != PN_MODE_OVERWRITE ? 1 : 0},
        {.app_id = PN_INCREMENTAL_DEFINITION,
         .version = pn_incremental_definition(pipeline, &made)},
    };
    const int64_t before[] = {PN_DELTA_TXN_ANY, PN_DELTA_TXN_ANY};
    const char *column = "note";
    const struct pn_delta_commit commit = {.mode = PN_DELTA_OVERWRITE,
                                           .operation = "WRITE",
                                           .operation_parameters = "{}",
                                           .schema = SCHEMA,
                                           .partition_columns = &column,
                                           .partition_column_count = 1,
                                           .txns = txns,
                                           .txns_before = before,
                                           .txn_count = 2};
    int64_t version = -1;
    struct pn_err e = {.msg = ""};
    if (pn_delta_commit(fixture->table, &commit, &version, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

/* Asserts the report's rows, as CSV without its header. */
static void assert_diff(struct delta_fixture *fixture, const struct pn_table *kind,
                        const struct pn_column *columns, size_t count, const char *expected)
{
    static struct pn_partition by_note[] = {{.column = NOTE}};
    struct pn_table table = *kind;
    struct pn_pipeline pipeline = {.tables = &table,
                                   .table_count = 1,
                                   .topics_dir = "topics",
                                   .dead_letters_path = "dead_letters",
                                   .stream_dead_letters_path = "stream_dead_letters"};
    table.partitions = by_note;
    table.partition_count = 1;
    make(fixture, &pipeline, &table);
    table.columns = columns;
    table.column_count = count;
    const struct pn_table_source source = {.pipeline = &pipeline,
                                           .store = fixture->store,
                                           .parquet = &fixture->parquet,
                                           .config = &fixture->config,
                                           .clock = &fixture->clock.clock,
                                           .logger = fixture->logger};
    struct pn_buf out;
    bool is_cut = true;
    pn_buf_init(&out, 1 << 16);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_CSV);
    assert_int_equal(pn_report_pipeline_diff(&source, rows, &is_cut, NULL), 0);
    pn_row_writer_end(&rows);
    assert_false(is_cut);
    const char *body = strchr(pn_buf_text(&out), '\n');
    assert_non_null(body);
    assert_string_equal(body + 1, expected);
    pn_buf_deinit(&out);
}
#define DIFF(kind, columns, expected) \
    assert_diff(*state, &(kind), columns, sizeof(columns) / sizeof *(columns), expected)

#define NEXT   ",the next run overwrites the table,false\r\n"
#define AFRESH ",\"the next run makes the table afresh, from all records or rows\",false\r\n"
#define REFUSED \
    ",\"refused until --full-refresh, which makes it from the objects that there are\",true\r\n"
#define STAYS \
    ",\"refused: take replace_where out for one run, which makes the whole table\",true\r\n"

static void test_nothing(void **state)
{
    DIFF(OVERWRITTEN, SAME, "");
    DIFF(REPLACED, SAME, "");
    DIFF(CLEAN, SAME, "");
    DIFF(RAW, SAME, "");
    DIFF(RAW_MERGE, SAME, "");
}

static void test_added(void **state)
{
    DIFF(OVERWRITTEN, ADDED, "t,added,more,,date" NEXT);
    DIFF(CLEAN, ADDED, "t,definition,,," AFRESH "t,added,more,,date" AFRESH);
    DIFF(RAW, ADDED,
         "t,added,more,,date,the next commit adds it; it is null for old rows,false\r\n");
    DIFF(RAW_MERGE, ADDED,
         "t,added,more,,date,the next commit adds it; it is null for old rows,false\r\n");
    /* Readers that ignore case would see two. */
    DIFF(RAW, OTHER_CASE, "t,added,ID,,integer" REFUSED);
}

static void test_left_out(void **state)
{
    DIFF(OVERWRITTEN, LEFT_OUT, "t,left out,place,struct<x integer>," NEXT);
    DIFF(RAW, LEFT_OUT,
         "t,left out,place,struct<x integer>,,\"it stays in the table, and is null for "
         "new rows\",false\r\n");
    DIFF(RAW_MERGE, LEFT_OUT, "t,left out,place,struct<x integer>," REFUSED);
    DIFF(REPLACED, RENAMED, "t,added,more,,date" STAYS "t,left out,place,struct<x integer>," STAYS);
}

static void test_types(void **state)
{
    DIFF(OVERWRITTEN, NARROWER, "t,type,id,integer,short" NEXT);
    DIFF(RAW, NARROWER, "t,type,id,integer,short" REFUSED);
    DIFF(RAW, WIDER,
         "t,type,id,integer,long,the next run rewrites the files with the wider type,"
         "false\r\nt,type,place.x,integer,long,the next run rewrites the files with the "
         "wider type,false\r\n");
    DIFF(REPLACED, NARROWER, "t,type,id,integer,short" STAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_added, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_left_out, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_types, delta_set_up, delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
