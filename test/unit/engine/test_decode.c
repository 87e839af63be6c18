/* Records to rows of values with parts: what they become is read back from the vectors as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/duckdb/decode.h"
#include "engine/duckdb/private.h"

static const struct pn_column SMALL[] = {{.name = "element", .type = {.kind = PN_TYPE_SMALLINT}}};
static const struct pn_column LISTS[] = {
    {.name = "element", .type = {.kind = PN_TYPE_ARRAY, .fields = SMALL, .field_count = 1}}};
static const struct pn_column PRICES[] = {
    {.name = "key", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_DECIMAL, .precision = 20, .scale = 2}}};
static const struct pn_column FIELDS[] = {
    {.name = "s", .type = {.kind = PN_TYPE_STRING}},
    {.name = "m", .type = {.kind = PN_TYPE_MAP, .fields = PRICES, .field_count = 2}}};
static const struct pn_column STRUCTS[] = {
    {.name = "element", .type = {.kind = PN_TYPE_STRUCT, .fields = FIELDS, .field_count = 2}}};
static const struct pn_column COLUMNS[] = {
    {.name = "lists", .type = {.kind = PN_TYPE_ARRAY, .fields = LISTS, .field_count = 1}},
    {.name = "items", .type = {.kind = PN_TYPE_ARRAY, .fields = STRUCTS, .field_count = 1}},
    {.name = "doc", .type = {.kind = PN_TYPE_JSON}},
    {.name = "bytes", .type = {.kind = PN_TYPE_BINARY}},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS, TEXT_MAX = 1 << 20 };

static const struct pn_table table = {
    .name = "t", .columns = COLUMNS, .column_count = COLUMN_COUNT, .from_topic = "t"};

struct fixture {
    struct pn_decoder *decoder;
    duckdb_data_chunk chunk;
};

static uint64_t no_record(void *arg)
{
    (void)arg;
    return 0;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    duckdb_logical_type types[COLUMN_COUNT];
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        types[i] = pn_duckdb_type(&COLUMNS[i].type);
    }
    fixture.chunk = duckdb_create_data_chunk(types, COLUMN_COUNT);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        assert_true(pn_duckdb_type_is(types[i], &COLUMNS[i].type));
        assert_true(i == 0 || !pn_duckdb_type_is(types[i], &COLUMNS[i - 1].type));
        duckdb_destroy_logical_type(&types[i]);
    }
    fixture.decoder = pn_decoder_create(&table, &(struct pn_unknown_where){.record = no_record});
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_decoder_destroy(&fixture->decoder);
    duckdb_destroy_data_chunk(&fixture->chunk);
    return 0;
}

static void decode(struct fixture *fixture, const char *text, idx_t row)
{
    struct pn_err why;
    size_t len = strlen(text);
    if (pn_decoder_row(fixture->decoder, text, len, len, &pn_origin_unknown, row, &why) != 0) {
        fail_msg("%s", why.msg);
    }
}

/* The row as an array of its columns. */
static void check(const struct fixture *fixture, idx_t row, const char *expected)
{
    struct pn_buf out;
    pn_buf_init(&out, TEXT_MAX);
    for (idx_t i = 0; i < COLUMN_COUNT; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(fixture->chunk, i);
        duckdb_logical_type type = duckdb_vector_get_column_type(vector);
        pn_buf_adds(&out, i == 0 ? "[" : ",");
        pn_duckdb_json(&out, type, vector, row, false);
        duckdb_destroy_logical_type(&type);
    }
    pn_buf_addc(&out, ']');
    assert_string_equal(pn_buf_text(&out), expected);
    pn_buf_deinit(&out);
}

static void test_parts(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "[null,null,null,null]"},
        {"{\"lists\":[],\"items\":[],\"bytes\":\"\"}", "[[],[],null,\"\"]"},
        {"{\"lists\":[[1,null,-2.0],null,[]]}", "[[[1,null,-2],null,[]],null,null,null]"},
        {"{\"items\":[{\"s\":\"a\",\"m\":{\"x\":1.5,\"y\":null}},null,{}],\"doc\":[1.50]}",
         "[null,[{\"s\":\"a\",\"m\":{\"x\":1.50,\"y\":null}},null,{\"s\":null,\"m\":null}],"
         "\"[1.50]\",null]"},
        {"{\"items\":[{\"m\":{\"b\":1,\"a\":2,\"b\":3,\"\":4,\"a\":5}}],\"bytes\":\"YWI\"}",
         "[null,[{\"s\":null,\"m\":{\"b\":3.00,\"\":4.00,\"a\":5.00}}],null,\"ab\"]"},
    };
    struct fixture *fixture = *state;
    enum { ROUNDS = 2 }; /* a chunk that is used again has nothing left of before */
    for (int round = 0; round < ROUNDS; round++) {
        duckdb_data_chunk_reset(fixture->chunk);
        pn_decoder_attach(fixture->decoder, fixture->chunk);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            decode(fixture, cases[i][0], i);
        }
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            check(fixture, i, cases[i][1]);
        }
    }
}

/* More items than a vector begins with, at each depth, so that all of them grow. */
static void test_many_items(void **state)
{
    struct fixture *fixture = *state;
    enum { ROWS = 300, ITEMS = 40 };
    struct pn_buf text;
    struct pn_buf expected;
    pn_buf_init(&text, TEXT_MAX);
    pn_buf_init(&expected, TEXT_MAX);
    duckdb_data_chunk_reset(fixture->chunk);
    pn_decoder_attach(fixture->decoder, fixture->chunk);
    for (int pass = 0; pass < 2; pass++) {
        for (int row = 0; row < ROWS; row++) {
            pn_buf_reset(&text);
            pn_buf_reset(&expected);
            pn_buf_adds(&text, "{\"lists\":[");
            pn_buf_adds(&expected, "[[");
            for (int i = 0; i < ITEMS; i++) {
                const char *comma = i == 0 ? "" : ",";
                pn_buf_addf(&text, "%s[%d,null,%d]", comma, row, i);
                pn_buf_addf(&expected, "%s[%d,null,%d]", comma, row, i);
            }
            pn_buf_addf(&text, "],\"items\":[{\"s\":\"a text that is long %d\",\"m\":{", row);
            pn_buf_addf(&expected, "],[{\"s\":\"a text that is long %d\",\"m\":{", row);
            for (int i = 0; i < ITEMS; i++) {
                pn_buf_addf(&text, "%s\"key %d\":%d", i == 0 ? "" : ",", i, row);
                pn_buf_addf(&expected, "%s\"key %d\":%d.00", i == 0 ? "" : ",", i, row);
            }
            pn_buf_adds(&text, "}}]}");
            pn_buf_adds(&expected, "}}],null,null]");
            if (pass == 0) {
                decode(fixture, pn_buf_text(&text), (idx_t)row);
            } else {
                check(fixture, (idx_t)row, pn_buf_text(&expected));
            }
        }
    }
    pn_buf_deinit(&text);
    pn_buf_deinit(&expected);
}

static void test_reasons(void **state)
{
    static const char *const cases[][2] = {
        {"{\"lists\":{}}", "column 'lists': expected an array, found object {}"},
        {"{\"lists\":[[1],[2,40000]]}",
         "column 'lists': item 1: item 1: 40000 is out of range for smallint"},
        {"{\"items\":[{\"s\":\"a\"},{\"s\":1}]}",
         "column 'items': item 1: column 's': expected a string, found number 1"},
        {"{\"items\":[{\"m\":{\"a\":1,\"k\":1.005}}]}",
         "column 'items': item 0: column 'm': key 'k': 1.005 has more digits after the point than "
         "decimal(20,2)"},
        {"{\"items\":[{\"m\":[]}]}",
         "column 'items': item 0: column 'm': expected an object, found array []"},
        {"{\"items\":[5]}", "column 'items': item 0: expected an object, found number 5"},
    };
    struct fixture *fixture = *state;
    pn_decoder_attach(fixture->decoder, fixture->chunk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_err why;
        size_t len = strlen(cases[i][0]);
        assert_int_equal(
            pn_decoder_row(fixture->decoder, cases[i][0], len, len, &pn_origin_unknown, 0, &why),
            PN_FAIL);
        assert_string_equal(why.msg, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_many_items),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
