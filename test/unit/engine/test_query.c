/* What a query may do, and above all what it may not. */
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

/* One fixture for all: queries change nothing. */
static int set_up(void **state)
{
    struct engine_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    engine_fixture_init(fixture);
    engine_land(fixture, "t.thing", "a.json", "{\"id\":1,\"word\":\"w\"}\n{\"id\":2}\n");
    engine_load(fixture, RAW_THING);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    free(*state);
    return 0;
}

static void test_values(void **state)
{
    assert_answer(*state,
                  "SELECT true, -1::TINYINT, 65535::USMALLINT, 18446744073709551615::UBIGINT, "
                  "170141183460469231731687303715884105727::HUGEINT, 0.5::FLOAT",
                  "true|-1|65535|18446744073709551615|170141183460469231731687303715884105727|0.5"
                  "\n");
    assert_answer(*state, "SELECT 'NaN'::DOUBLE, 'inf'::FLOAT, [-'inf'::DOUBLE], NULL::DOUBLE",
                  "\"NaN\"|\"Infinity\"|[\"-Infinity\"]|null\n");
    assert_answer(*state,
                  "SELECT 1.50::DECIMAL(4,2), -0.05::DECIMAL(4,2), 0::DECIMAL(3,3), "
                  "12345678901234567890.5::DECIMAL(38,1), sum(id) FROM raw_thing",
                  "1.50|-0.05|0.000|12345678901234567890.5|3\n");
    assert_answer(*state,
                  "SELECT DATE '2018-09-03', TIMESTAMP '2018-09-03 07:12:45', "
                  "TIMESTAMPTZ '2018-09-03 07:12:45.5+02', [1, NULL], {'a': 'b'}, NULL",
                  "\"2018-09-03\"|\"2018-09-03T07:12:45\"|\"2018-09-03T05:12:45.500000Z\"|[1,null]|"
                  "{\"a\":\"b\"}|null\n");
    assert_refused(*state, "SELECT 1::BIGNUM AS b", "column 'b' is BIGNUM");
    assert_refused(*state, "SELECT [1::BIGNUM] AS b", "cast it to VARCHAR");
}

/* Each as DuckDB's own cast to text has it, but for times, whose fractions have all digits. */
static void test_values_as_text(void **state)
{
    assert_answer(*state,
                  "SELECT TIME '07:12:45', TIME '07:12:45.5', '07:12:45-03:30'::TIMETZ, "
                  "'07:12:45.000000001'::TIME_NS",
                  "\"07:12:45\"|\"07:12:45.500000\"|\"07:12:45-03:30\"|\"07:12:45.000000001\"\n");
    assert_answer(
        *state,
        "SELECT '1969-12-31 23:59:59'::TIMESTAMP_S, '1969-12-31 23:59:59.5'::TIMESTAMP_MS,"
        " '1969-12-31 23:59:59.000000001'::TIMESTAMP_NS, 'infinity'::TIMESTAMP_S",
        "\"1969-12-31T23:59:59\"|\"1969-12-31T23:59:59.500000\"|"
        "\"1969-12-31T23:59:59.000000001\"|\"infinity\"\n");
    assert_answer(*state,
                  "SELECT INTERVAL '14 months 3 days 4 hours', INTERVAL '-1.5 seconds', "
                  "INTERVAL '0 days', INTERVAL '-1 month 1 day'",
                  "\"1 year 2 months 3 days 04:00:00\"|\"-00:00:01.500000\"|\"00:00:00\"|"
                  "\"-1 month 1 day\"\n");
    assert_answer(*state,
                  "SELECT 'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID, "
                  "'0eebc99a-9c0b-4ef8-0b6d-6bb9bd380a11'::UUID, 'b'::ENUM('a', 'b'), "
                  "'\\x00a\"\\xFF'::BLOB, '0110'::BIT, "
                  "340282366920938463463374607431768211455::UHUGEINT",
                  "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"|"
                  "\"0eebc99a-9c0b-4ef8-0b6d-6bb9bd380a11\"|\"b\"|\"\\\\x00a\\\\x22\\\\xFF\"|"
                  "\"0110\"|340282366920938463463374607431768211455\n");
    assert_answer(*state,
                  "SELECT s = v FROM (SELECT unnest(['\\x00a\"\\xFF~', '']::BLOB[]) b, "
                  "b::VARCHAR s, '\\x00a\\x22\\xFF~' v) LIMIT 1",
                  "true\n");
}

static void test_nested_values(void **state)
{
    assert_answer(*state,
                  "SELECT MAP {1: 'x', 2: NULL}, MAP {'k\"': [TIME '01:02:03']}, "
                  "MAP {DATE '2020-01-01': 1}, MAP {}::MAP(INT, INT)",
                  "{\"1\":\"x\",\"2\":null}|{\"k\\\"\":[\"01:02:03\"]}|{\"2020-01-01\":1}|{}\n");
    assert_answer(*state,
                  "SELECT unnest([[1, 2], NULL, [3, NULL]]::INT[2][]), "
                  "unnest([union_value(a := 1), union_value(b := INTERVAL 1 DAY)::UNION(a INT, b "
                  "INTERVAL), NULL]::UNION(a INT, b INTERVAL)[])",
                  "[1,2]|1\nnull|\"1 day\"\n[3,null]|null\n");
    assert_answer(*state, "SELECT {'a': INTERVAL 2 DAY, 'b': [uuid() IS NULL]}",
                  "{\"a\":\"2 days\",\"b\":[false]}\n");
    /* Many of them, over more than one vector. */
    assert_answer(
        *state,
        "SELECT m FROM (SELECT i, MAP {i: [i, i + 1]} AS m FROM range(5000) t(i)) WHERE i "
        "IN (1, 4999) ORDER BY i",
        "{\"1\":[1,2]}\n{\"4999\":[4999,5000]}\n");
    assert_answer(*state,
                  "SELECT bool_and(x IS NULL) FROM (SELECT bigint AS x FROM "
                  "test_all_types() LIMIT 0)",
                  "null\n");
}

static void test_tables_by_name(void **state)
{
    assert_answer(*state, "SELECT id, word FROM raw_thing ORDER BY id", "1|\"w\"\n2|null\n");
    assert_answer(*state, "select count(*) from RAW_THING", "2\n");
    assert_answer(*state, "FROM raw_thing SELECT max(id);", "2\n");
    assert_answer(*state, "SELECT twice(id) FROM raw_thing WHERE id = 2 -- a comment", "4\n");
    assert_answer(*state,
                  "WITH t AS (SELECT id FROM raw_thing) SELECT count(*) FROM t JOIN t u "
                  "USING (id)",
                  "2\n");
    assert_refused(*state, "SELECT * FROM thing", "table 'thing' does not exist yet");
    assert_answer(*state, "SELECT 'thing' AS thing", "\"thing\"\n");
    assert_refused(*state, "SELECT * FROM nothing",
                   "there is no table 'nothing' in the pipeline '");
    assert_refused(*state, "SELECT * FROM raw_thin", "did you mean 'raw_thing'?");
    assert_refused(*state, "show all tables", "`pinion table list`");
    assert_refused(*state, "SHOW TABLES", "`pinion table list`");
    assert_refused(*state, "SELECT nothing FROM raw_thing", "nothing");
    assert_refused(*state, "SELECT\n1 +\nFROM", "(line 3)");
}

static void test_a_new_version_is_seen(void **state)
{
    struct engine_fixture *fixture = *state;
    for (int i = 1; i <= 3; i++) {
        char text[32];
        char count[32];
        char name[32];
        (void)snprintf(text, sizeof text, "{\"id\":%d}\n", i);
        (void)snprintf(count, sizeof count, "%d\n", i);
        (void)snprintf(name, sizeof name, "%d.json", i);
        engine_land(fixture, "t.kept", name, text);
        engine_load(fixture, RAW_KEPT);
        assert_answer(fixture, "SELECT count(*) FROM raw_kept", count);
    }
}

static void test_nothing_but_one_select(void **state)
{
    static const char *const statements[] = {
        "CREATE TABLE x (a INT)",
        "CREATE OR REPLACE VIEW raw_thing AS SELECT 1",
        "DROP VIEW raw_thing",
        "INSERT INTO raw_thing VALUES (1)",
        "DELETE FROM raw_thing",
        "UPDATE raw_thing SET id = 1",
        "COPY raw_thing TO '/tmp/pn-engine-copy.csv'",
        "COPY (SELECT 1) TO '/tmp/pn-engine-copy.parquet'",
        "ATTACH '/tmp/pn-engine.db' AS x",
        "ATTACH ':memory:' AS x",
        "DETACH memory",
        "USE memory",
        "PRAGMA database_list",
        "SET memory_limit = '1TB'",
        "SET enable_external_access = true",
        "RESET memory_limit",
        "INSTALL httpfs",
        "LOAD httpfs",
        "EXPORT DATABASE '/tmp/pn-engine-export'",
        "IMPORT DATABASE '/tmp/pn-engine-export'",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p AS SELECT 1",
        "BEGIN TRANSACTION",
        "CHECKPOINT",
        "VACUUM",
        "CREATE MACRO f() AS 1",
        "CREATE SECRET s (TYPE s3)",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        assert_refused(*state, statements[i], "a query is one SELECT");
    }
    assert_refused(*state, "SELECT 1; SELECT 2", "several statements");
    assert_refused(*state, "SELECT 1; DROP VIEW raw_thing", "several statements");
    assert_refused(*state, "", "there is no statement");
    assert_refused(*state, " -- nothing\n;", "there is no statement");
    assert_refused(*state, "CREATE TABLE x (a INT)", "the statement is not a SELECT");
    assert_answer(*state, "SELECT count(*) FROM raw_thing", "2\n");
}

static void put(struct engine_fixture *fixture, const char *key, const char *text)
{
    struct pn_err e;
    assert_int_equal(pn_store_put(fixture->store, key, text, strlen(text), &e), 0);
}

static void test_nothing_outside_the_tables(void **state)
{
    struct engine_fixture *fixture = *state;
    static const char *const statements[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM read_parquet('/tmp/*.parquet')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
        "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
        "SELECT * FROM read_csv('s3://bucket/x.csv')",
        "SELECT (SELECT content FROM read_text('/proc/self/environ'))",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "SELECT * FROM query_table('/etc/passwd')",
        "SELECT * FROM raw_thing, read_text('/etc/hostname')",
        "SELECT * FROM pn_landed(0)",
        "SELECT getenv('HOME')",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        assert_refused(fixture, statements[i], "");
    }
    /* Nor by a way out of a table's folder, nor anything else in the store. */
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "SELECT * FROM read_text('%s/tables/thing/../../topics/"
                   "t.thing/partition=0/a.json')",
                   fixture->folder);
    assert_refused(fixture, sql, "");
    (void)snprintf(sql, sizeof sql,
                   "SELECT * FROM read_text('%s/topics/t.thing/partition=0/"
                   "a.json')",
                   fixture->folder);
    assert_refused(fixture, sql, "");
    /* Nor the folder beside a table's, though its name starts like it. */
    put(fixture, "tables/thing2/secret.txt", "secret");
    (void)snprintf(sql, sizeof sql, "SELECT * FROM read_text('%s/tables/thing2/secret.txt')",
                   fixture->folder);
    assert_refused(fixture, sql, "");
}

static int refuse_columns(void *arg, const char *const *names, const char *const *types,
                          size_t count)
{
    (void)names;
    (void)types;
    (void)count;
    *(int *)arg += 1;
    return 0;
}

static int stop_at_third(void *arg, const char *const *values, size_t count)
{
    (void)values;
    (void)count;
    *(int *)arg += 1;
    return *(int *)arg == 4 ? 77 : 0;
}

/* A large result is streamed, and ends when the taker has enough. */
static void test_the_taker_ends_it(void **state)
{
    struct engine_fixture *fixture = *state;
    int calls = 0;
    const struct pn_rows rows = {.columns = refuse_columns, .row = stop_at_third, .arg = &calls};
    struct pn_err e;
    int rc =
        pn_engine_query(&fixture->engine->batch, "SELECT * FROM range(10000000000)", &rows, &e);
    assert_int_equal(rc, 77);
    assert_int_equal(calls, 4);
}

static void test_memory_is_bounded(void **state)
{
    assert_refused(*state,
                   "SELECT max(len(l)) FROM (SELECT list(i) AS l FROM range(100000000) t(i))",
                   "engine.memory_bytes_max");
    assert_answer(*state, "SELECT 1", "1\n");
    /* A sort of more than that spills. */
    assert_answer(*state,
                  "SELECT count(*), sum(n) > 0 FROM (SELECT row_number() OVER (ORDER BY hash(i)) "
                  "AS n, md5(i::VARCHAR) AS m FROM range(4000000) t(i)) WHERE m <> ''",
                  "4000000|true\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_values_as_text),
        cmocka_unit_test(test_nested_values),
        cmocka_unit_test(test_tables_by_name),
        cmocka_unit_test(test_a_new_version_is_seen),
        cmocka_unit_test(test_nothing_but_one_select),
        cmocka_unit_test(test_nothing_outside_the_tables),
        cmocka_unit_test(test_the_taker_ends_it),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
