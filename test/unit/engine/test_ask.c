/* What a query says beside its rows, what is given to it, and rows on their way back. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <duckdb.h>

#include "base/mem.h"
#include "support/engine_fixture.h"

enum { TEXT_MAX = 64 * 1024 };

/* What came of a query. */
struct taken {
    struct pn_buf rows;
    struct pn_buf tables;
    char *name; /* of the first column */
    char *type;
    size_t columns_seen;
};

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    struct taken *taken = arg;
    taken->name = pn_xstrdup(names[0]);
    taken->type = pn_xstrdup(types[0]);
    taken->columns_seen = count;
    return 0;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct taken *taken = arg;
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(&taken->rows, i > 0 ? "|" : "");
        pn_buf_adds(&taken->rows, values[i]);
    }
    pn_buf_addc(&taken->rows, '\n');
    return 0;
}

static void take_table(void *arg, const char *name, int64_t version)
{
    struct taken *taken = arg;
    assert_null(taken->name); /* before the columns */
    pn_buf_addf(&taken->tables, "%s=%lld\n", name, (long long)version);
}

static void taken_init(struct taken *taken)
{
    *taken = (struct taken){.name = NULL};
    pn_buf_init(&taken->rows, TEXT_MAX);
    pn_buf_init(&taken->tables, TEXT_MAX);
}

static void taken_deinit(struct taken *taken)
{
    pn_buf_deinit(&taken->rows);
    pn_buf_deinit(&taken->tables);
    free(taken->name);
    free(taken->type);
}

static int set_up(void **state)
{
    struct engine_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    engine_fixture_init(fixture);
    engine_land(fixture, "t.thing", "a.json", "{\"id\":1,\"word\":\"w\"}\n{\"id\":2}\n");
    (void)engine_load(fixture, RAW_THING);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    free(*state);
    return 0;
}

static void assert_fault(struct engine_fixture *fixture, const char *sql, int64_t byte,
                         int64_t line, int64_t column, const char *candidates)
{
    struct taken taken;
    struct pn_sql_fault fault = {.byte = 7};
    struct pn_err e;
    taken_init(&taken);
    const struct pn_rows rows = {take_columns, take_row, &taken};
    const struct pn_ask ask = {.sql = sql, .rows = &rows, .fault = &fault};
    assert_int_not_equal(pn_engine_ask(fixture->engine, &ask, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(fault.byte, byte);
    assert_int_equal(fault.line, line);
    assert_int_equal(fault.column, column);
    assert_string_equal(fault.candidates, candidates);
    taken_deinit(&taken);
}

static void test_where_a_query_is_wrong(void **state)
{
    assert_fault(*state, "SELECT\n  '\xc3\xa9', wrd FROM raw_thing", 15, 2, 8, "word,ratio");
    assert_fault(*state, "SELECT 1 FROM WHERE", 14, 1, 15, "");
    assert_fault(*state, "-- \xc3\xa9\nSELECT lenth('a')", 13, 2, 8, "length");
    /* While it runs. */
    assert_fault(*state, "SELECT id,\nCAST(word AS INT) FROM raw_thing", 11, 2, 1, "");
    /* What we refuse ourselves has no place. */
    assert_fault(*state, "DROP TABLE raw_thing", -1, 0, 0, "");
    assert_refused(*state, "SELECT\n wrd FROM raw_thing",
                   "Binder Error: Referenced column \"wrd\" not found in FROM clause! "
                   "Candidate bindings: ");
    assert_refused(*state, "SELECT\n wrd FROM raw_thing", "(line 2)");
}

static void test_the_tables_that_were_read(void **state)
{
    struct engine_fixture *fixture = *state;
    struct taken taken;
    (void)engine_load(fixture, RAW_THING);
    taken_init(&taken);
    const struct pn_rows rows = {take_columns, take_row, &taken};
    const struct pn_ask ask = {.sql = "SELECT count(*) AS raw_kept, 'raw_strict' FROM RAW_THING a "
                                      "JOIN raw_thing b USING (id)",
                               .rows = &rows,
                               .table = take_table};
    assert_int_equal(pn_engine_ask(fixture->engine, &ask, NULL), 0);
    assert_string_equal(pn_buf_text(&taken.tables), "raw_thing=1\n");
    assert_string_equal(pn_buf_text(&taken.rows), "2|\"raw_strict\"\n");
    taken_deinit(&taken);
}

/* The rows of a query with parameters, or the error's message. Caller frees. */
static char *ask_with(struct engine_fixture *fixture, const char *sql, const char *parameters)
{
    struct taken taken;
    struct pn_err e = {.msg = ""};
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    size_t len = strlen(parameters);
    taken_init(&taken);
    assert_int_equal(pn_json_parse(parser, parameters, len, len, &root, NULL), 0);
    const struct pn_rows rows = {take_columns, take_row, &taken};
    const struct pn_ask ask = {.sql = sql, .rows = &rows, .parameters = root};
    int rc = pn_engine_ask(fixture->engine, &ask, &e);
    char *said = rc == 0 ? pn_buf_take(&taken.rows) : pn_xstrdup(e.msg);
    taken_deinit(&taken);
    pn_json_parser_destroy(&parser);
    return said;
}

static void assert_with(struct engine_fixture *fixture, const char *sql, const char *parameters,
                        const char *said)
{
    char *found = ask_with(fixture, sql, parameters);
    assert_string_equal(found, said);
    free(found);
}

static void test_parameters(void **state)
{
    assert_with(*state, "SELECT ?, ?, ?, ?, ?", "[9007199254740993, 1.5, \"a'b\", true, null]",
                "9007199254740993|1.5|\"a'b\"|true|null\n");
    assert_with(*state, "SELECT id FROM raw_thing WHERE id = $1 OR word = $2", "[2, \"w\"]",
                "1\n2\n");
    assert_with(*state, "SELECT $a + $b, $a", "{\"b\": 2, \"a\": 1}", "3|1\n");
    assert_with(*state, "SELECT ?", "[\"1; DROP TABLE x\"]", "\"1; DROP TABLE x\"\n");
    assert_with(*state, "SELECT ?", "[]", "the query has 1 parameter, but 0 values were given");
    assert_with(*state, "SELECT 1", "[1]", "the query has 0 parameters, but 1 value was given");
    assert_with(*state, "SELECT $a", "{\"b\": 1}", "the query has no parameter $b");
    assert_with(*state, "SELECT ?", "[[1]]",
                "parameter 1 is an array: a parameter is null, a boolean, a number or a string");
}

static void *interrupt(void *arg)
{
    struct engine_fixture *fixture = arg;
    (void)usleep(50000);
    pn_engine_interrupt(&fixture->engine->batch);
    return NULL;
}

static void test_a_query_is_interrupted(void **state)
{
    struct engine_fixture *fixture = *state;
    pthread_t thread;
    assert_true(pn_engine_progress(fixture->engine) < 0);
    assert_int_equal(pthread_create(&thread, NULL, interrupt, fixture), 0);
    assert_refused(fixture,
                   "SELECT count(*) FROM range(100000000000) t(i), range(1000) WHERE hash(i) = 1",
                   "nterrupt");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_refused(fixture, "SELECT 1", "interrupted");
    engine_fixture_reopen(fixture);
    assert_answer(fixture, "SELECT 1", "1\n");
}

/* --- rows on their way back ------------------------------------------------------------------- */

struct given {
    const char *const *values; /* all rows, one after the other */
    size_t width;
    size_t rows;
    size_t at;
};

static int next_row(void *arg, const char *const **values, struct pn_err *e)
{
    struct given *given = arg;
    (void)e;
    *values = given->at < given->rows ? given->values + given->at * given->width : NULL;
    given->at++;
    return 0;
}

static int take_order(void *arg, int64_t row)
{
    pn_buf_addf(arg, "%lld ", (long long)row);
    return 0;
}

static void assert_order(struct engine_fixture *fixture, const char *type,
                         const char *const *values, size_t count, bool descending,
                         const char *order)
{
    const char *name = "x";
    struct given given = {.values = values, .width = 1, .rows = count};
    const struct pn_row_texts rows = {&name, &type, 1, next_row, &given};
    struct pn_buf out;
    pn_buf_init(&out, TEXT_MAX);
    assert_int_equal(pn_engine_order(fixture->engine, &rows, descending, take_order, &out, NULL),
                     0);
    assert_string_equal(pn_buf_text(&out), order);
    pn_buf_deinit(&out);
}

static void test_rows_are_sorted_as_sql_does(void **state)
{
    static const char *const numbers[] = {"10", "9007199254740993", "null", "9007199254740992",
                                          "-3"};
    static const char *const texts[] = {"\"b\"", "\"\\u00e9\"", "null", "\"B\"", "\"\"", "\"b\""};
    static const char *const times[] = {"\"2018-09-03T07:12:45.5Z\"", "\"2018-09-03T07:12:45Z\"",
                                        "\"-infinity\"", "null"};
    static const char *const decimals[] = {"10.50", "9.75", "-0.01"};
    static const char *const lists[] = {"[2]", "[1,2]", "null"};
    assert_order(*state, "BIGINT", numbers, 5, false, "4 0 3 1 2 ");
    assert_order(*state, "HUGEINT", numbers, 5, true, "1 3 0 4 2 ");
    assert_order(*state, "VARCHAR", texts, 6, false, "4 3 0 5 1 2 ");
    assert_order(*state, "VARCHAR", texts, 6, true, "1 0 5 3 4 2 ");
    assert_order(*state, "TIMESTAMP WITH TIME ZONE", times, 4, false, "2 1 0 3 ");
    assert_order(*state, "DECIMAL(10,2)", decimals, 3, false, "2 1 0 ");
    assert_order(*state, "BIGINT[]", lists, 3, false, "1 0 2 ");
    assert_order(*state, "BIGINT", numbers, 0, false, "");
}

/* The first row of a statement of the test's own, in an instance of its own, as text. */
static void assert_row(const char *sql, const char *const *cells, size_t count)
{
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    duckdb_result result;
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    duckdb_state state = duckdb_query(connection, sql, &result);
    const char *failure = duckdb_result_error(&result);
    assert_string_equal(failure != NULL ? failure : "", "");
    assert_int_equal(state, DuckDBSuccess);
    assert_int_equal(duckdb_column_count(&result), count);
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    assert_non_null(chunk);
    for (size_t i = 0; i < count; i++) {
        duckdb_string_t *strings = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, i));
        char *cell =
            pn_xstrndup(duckdb_string_t_data(&strings[0]), duckdb_string_t_length(strings[0]));
        assert_string_equal(cell, cells[i]);
        free(cell);
    }
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* The columns and their types, to the digit, come back from the file. */
static void test_parquet_keeps_types_and_digits(void **state)
{
    struct engine_fixture *fixture = *state;
    enum { WIDTH = 12 };
    static const char *const names[] = {"b", "d",  "h", "t", "s", "l",
                                        "i", "bl", "x", "x", "m", "n"};
    static const char *const types[] = {"BIGINT",
                                        "DECIMAL(38,9)",
                                        "HUGEINT",
                                        "TIMESTAMP WITH TIME ZONE",
                                        "STRUCT(\"a b\" BIGINT)",
                                        "VARCHAR[]",
                                        "INTERVAL",
                                        "BLOB",
                                        "BOOLEAN",
                                        "DOUBLE",
                                        "MAP",
                                        "TIMESTAMP_NS"};
    static const char *const kept[] = {"BIGINT",
                                       "DECIMAL(38,9)",
                                       "DECIMAL(38,0)",
                                       "TIMESTAMP WITH TIME ZONE",
                                       "STRUCT(\"a b\" BIGINT)",
                                       "VARCHAR[]",
                                       "VARCHAR",
                                       "BLOB",
                                       "BOOLEAN",
                                       "DOUBLE",
                                       "VARCHAR",
                                       "TIMESTAMP_NS"};
    static const char *const values[] = {"null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "null",
                                         "9007199254740993",
                                         "12345678901234567890.123456789",
                                         "99999999999999999999999999999999999",
                                         "\"2018-09-03T07:12:45.000001Z\"",
                                         "{\"a b\":9007199254740993}",
                                         "[\"q\\\"\\u00e9\",null]",
                                         "\"1 day 02:00:00\"",
                                         "\"\\\\xC3\\\\x00a\"",
                                         "true",
                                         "\"NaN\"",
                                         "{\"1\":2}",
                                         "\"2018-09-03T07:12:45.000000001\""};
    static const char *const cells[] = {"9007199254740993",
                                        "12345678901234567890.123456789",
                                        "99999999999999999999999999999999999",
                                        "2018-09-03 07:12:45.000001+00",
                                        "{'a b': 9007199254740993}",
                                        "['q\"\xc3\xa9', NULL]",
                                        "1 day 02:00:00",
                                        "\\xC3\\x00a",
                                        "true",
                                        "nan",
                                        "{\"1\":2}",
                                        "2018-09-03 07:12:45.000000001"};
    struct given given = {.values = values, .width = WIDTH, .rows = 2};
    const struct pn_row_texts rows = {names, types, WIDTH, next_row, &given};
    struct pn_err e = {.msg = ""};
    char *path = pn_xasprintf("%s/out.parquet", fixture->folder);
    int rc = pn_engine_write_parquet(fixture->engine, &rows, path, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
    char *sql = pn_xasprintf(
        "SET TimeZone = 'UTC'; SELECT COLUMNS(*)::VARCHAR FROM '%s' WHERE b IS NOT NULL", path);
    assert_row(sql, cells, WIDTH);
    free(sql);
    sql =
        pn_xasprintf("SELECT %s FROM '%s'",
                     "typeof(b), typeof(d), typeof(h), typeof(t), typeof(s), typeof(l), typeof(i), "
                     "typeof(bl), typeof(x), typeof(x_1), typeof(m), typeof(n)",
                     path);
    assert_row(sql, kept, WIDTH);
    free(sql);
    free(path);
}

/* Rows stay in their order, however many they are. */
static int next_number(void *arg, const char *const **values, struct pn_err *e)
{
    static char text[16];
    static const char *cell = text;
    int *at = arg;
    (void)e;
    (void)snprintf(text, sizeof text, "%d", *at);
    *values = *at < 300000 ? &cell : NULL;
    ++*at;
    return 0;
}

static void test_parquet_keeps_the_order(void **state)
{
    struct engine_fixture *fixture = *state;
    const char *name = "n";
    const char *type = "INTEGER";
    static const char *const cells[] = {"300000", "true"};
    int at = 0;
    const struct pn_row_texts rows = {&name, &type, 1, next_number, &at};
    char *path = pn_xasprintf("%s/order.parquet", fixture->folder);
    assert_int_equal(pn_engine_write_parquet(fixture->engine, &rows, path, NULL), 0);
    char *sql =
        pn_xasprintf("SELECT count(*)::VARCHAR, bool_and(n = file_row_number)::VARCHAR FROM "
                     "read_parquet('%s', file_row_number = true)",
                     path);
    assert_row(sql, cells, 2);
    free(sql);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_where_a_query_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_tables_that_were_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_query_is_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_are_sorted_as_sql_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parquet_keeps_types_and_digits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parquet_keeps_the_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
