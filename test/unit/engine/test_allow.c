/* What a query may name, gone through with all that this DuckDB has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <duckdb.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/store.h"
#include "support/engine_fixture.h"

enum { TEXT_MAX = 4096 };

static int set_up(void **state)
{
    static struct engine_fixture fixture;
    engine_fixture_init(&fixture);
    fixture.pipeline.prelude_duckdb = "CREATE OR REPLACE MACRO twice(n) AS n * 2;"
                                      "CREATE OR REPLACE MACRO sevens() AS TABLE SELECT 7 AS n;"
                                      "CREATE OR REPLACE MACRO peek(f) AS TABLE SELECT content "
                                      "FROM read_text(f);";
    engine_fixture_reopen(&fixture);
    engine_land(&fixture, "t.thing", "a.json", "{\"id\":1,\"word\":\"w\"}\n");
    engine_load(&fixture, RAW_THING);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    return 0;
}

static bool is_in(const char *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Calls `each` with the names that a statement gives on a DuckDB of its own. */
static size_t for_names(struct engine_fixture *fixture, const char *sql,
                        void (*each)(struct engine_fixture *fixture, const char *name))
{
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    duckdb_result result;
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_query(connection, sql, &result), DuckDBSuccess);
    idx_t count = duckdb_row_count(&result);
    for (idx_t i = 0; i < count; i++) {
        char *name = duckdb_value_varchar(&result, 0, i);
        each(fixture, name);
        duckdb_free(name);
    }
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return count;
}

static void assert_table_function(struct engine_fixture *fixture, const char *name)
{
    static const char *const allowed[] = {"generate_series",
                                          "icu_calendar_names",
                                          "json_each",
                                          "json_tree",
                                          "pg_timezone_names",
                                          "range",
                                          "repeat",
                                          "repeat_row",
                                          "test_all_types",
                                          "unnest",
                                          NULL};
    if (!is_in(name, allowed)) {
        char *sql = pn_xasprintf("SELECT * FROM \"%s\"()", name);
        assert_refused(fixture, sql, "is not for queries");
        free(sql);
    }
}

static void test_table_functions(void **state)
{
    size_t count = for_names(*state,
                             "SELECT DISTINCT function_name FROM duckdb_functions() WHERE "
                             "function_type IN ('table', 'table_macro')",
                             assert_table_function);
    assert_true(count > 50);
}

/* Those that DuckDB doesn't call consistent, and macros with a SELECT in them. */
static void assert_function(struct engine_fixture *fixture, const char *name)
{
    static const char *const harmless[] = {"current_connection_id",
                                           "current_database",
                                           "current_date",
                                           "current_query",
                                           "current_query_id",
                                           "current_schema",
                                           "current_schemas",
                                           "current_transaction_id",
                                           "error",
                                           "format_type",
                                           "gen_random_uuid",
                                           "get_current_time",
                                           "get_current_timestamp",
                                           "in_search_path",
                                           "now",
                                           "pg_get_constraintdef",
                                           "random",
                                           "setseed",
                                           "stats",
                                           "today",
                                           "transaction_timestamp",
                                           "txid_current",
                                           "uuid",
                                           "uuidv4",
                                           "uuidv7",
                                           NULL};
    if (!is_in(name, harmless)) {
        char *sql = pn_xasprintf("SELECT \"%s\"('x')", name);
        assert_refused(fixture, sql, "is not for queries");
        free(sql);
    }
}

static void test_functions(void **state)
{
    size_t count = for_names(*state,
                             "SELECT DISTINCT function_name FROM duckdb_functions() WHERE "
                             "(function_type = 'scalar' AND (stability <> 'CONSISTENT' OR "
                             "regexp_matches(function_name, 'setting|secret|env$|plan|execute'))) "
                             "OR (function_type = 'macro' AND macro_definition ILIKE '%select%')",
                             assert_function);
    assert_true(count > 20);
}

static void assert_view(struct engine_fixture *fixture, const char *name)
{
    char *sql = pn_xasprintf("SELECT * FROM %s", name);
    assert_refused(fixture, sql, "there is no table");
    free(sql);
}

static void test_views_of_the_engine(void **state)
{
    size_t count = for_names(*state,
                             "SELECT view_name FROM duckdb_views() WHERE internal UNION ALL SELECT "
                             "concat(schema_name, '.', view_name) FROM duckdb_views() WHERE "
                             "internal",
                             assert_view);
    assert_true(count > 40);
}

static void test_ways_around(void **state)
{
    struct engine_fixture *fixture = *state;
    static const char *const refused[] = {
        "SELECT 'a' || lower(system.main.CURRENT_SETTING('temp_directory'))",
        "SELECT id FROM raw_thing ORDER BY current_setting('threads')",
        "SELECT list_transform(['threads'], lambda x: current_setting(x))",
        "SELECT (SELECT count(*) FROM duckdb_settings())",
        "WITH a AS (WITH duckdb_settings AS (SELECT 1) SELECT * FROM duckdb_settings) "
        "SELECT * FROM duckdb_settings",
        "SELECT * FROM raw_thing, LATERAL (SELECT * FROM enable_logging())",
        "SELECT * FROM \"Enable_Logging\"(storage = 'file', storage_path = '/tmp')",
        "SELECT * FROM (SHOW ALL TABLES)",
        "SELECT * FROM (SHOW DATABASES)",
        "SELECT * FROM memory.raw_thing",
        "SELECT * FROM system.information_schema.tables",
        "SELECT EXISTS (FROM sqlite_master)",
        "SELECT json_serialize_plan('SELECT * FROM raw_thing')",
        "SELECT * FROM histogram('duckdb_settings', 'value')",
        "DESCRIBE SELECT * FROM duckdb_secrets()",
        "SUMMARIZE duckdb_settings",
        "FROM raw_thing UNION ALL FROM duckdb_views()",
        "SELECT \"type\" FROM (SELECT 'x' AS \"type\") WHERE \"type\" = (FROM duckdb_logs)",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *got = engine_ask(fixture, refused[i]);
        if (strncmp(got, "error: ", strlen("error: ")) != 0) {
            fail_msg("%s: %s", refused[i], got);
        }
        free(got);
    }
}

/* The form with the path of a file of the store at each @. */
static void assert_refused_of(struct engine_fixture *fixture, const char *form, const char *file,
                              const char *part)
{
    struct pn_buf sql;
    pn_buf_init(&sql, TEXT_MAX);
    for (; *form != '\0'; form++) {
        if (*form == '@') {
            pn_buf_addf(&sql, "%s/%s", fixture->folder, file);
        } else {
            pn_buf_addc(&sql, *form);
        }
    }
    assert_refused(fixture, pn_buf_text(&sql), part);
    pn_buf_deinit(&sql);
}

/* A name that a WITH defines elsewhere in the statement is, outside of its scope, a file's. */
static void test_files_under_defined_names(void **state)
{
    struct engine_fixture *fixture = *state;
    static const char *const forms[] = {
        "SELECT b.* FROM (WITH \"@\" AS (SELECT 1) SELECT 1) a, \"@\" b",
        "WITH \"@\" AS (SELECT * FROM \"@\") SELECT 1",
        "SELECT * FROM '@' WHERE EXISTS (WITH \"@\" AS (SELECT 1) SELECT 1)",
        "WITH a AS (WITH \"@\" AS (SELECT 1) SELECT 1) FROM \"@\"",
        "SELECT (WITH \"@\" AS (SELECT 1) SELECT 1) UNION ALL SELECT id FROM main.\"@\"",
        "SELECT (WITH \"@\" AS (SELECT 1) SELECT 1), t.* FROM range(1), LATERAL (FROM \"@\") t",
        "SUMMARIZE SELECT (WITH \"@\" AS (SELECT 1) SELECT 1) FROM \"@\"",
        "SELECT 1 AS \"@\" FROM \"@\"",
    };
    static const char *const files[] = {"topics/t.thing/partition=0/a.json",
                                        "topics/t.thing/*/*.json", "topics/**/A.JSON"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
            assert_refused_of(fixture, forms[i], files[k], "there is no table");
        }
    }
}

/* What isn't a SELECT is not even bound: that would open files, and the message would show what is
 * in them. */
static void test_other_statements_open_no_file(void **state)
{
    struct engine_fixture *fixture = *state;
    static const char *const forms[] = {
        "EXPLAIN SELECT nope FROM '@'",
        "EXPLAIN ANALYZE SELECT nope FROM read_json('@')",
        "EXPLAIN SELECT * FROM read_csv('@', columns = {'a': 'INT', 'b': 'INT'})",
        "SET VARIABLE x = (SELECT nope FROM '@')",
        "PREPARE p AS SELECT nope FROM '@'",
        "CALL sniff_csv('@')",
        "CREATE TEMP TABLE x AS SELECT nope FROM '@'",
        "COPY (SELECT nope FROM '@') TO '/tmp/x'",
        "ATTACH '@'",
        "PIVOT '@' ON nope",
        "EXECUTE \"@\"",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_refused_of(fixture, forms[i], "topics/t.thing/partition=0/a.json",
                          "a query is one SELECT");
    }
}

/* Where the names hold nothing back, DuckDB itself opens the files of the query's tables alone: a
 * function of the prelude that reads files stands for a way around the names. */
static void test_the_instance_opens_no_other_file(void **state)
{
    struct engine_fixture *fixture = *state;
    static const char *const forms[] = {
        "SELECT * FROM peek('@')",
        "SELECT p.* FROM raw_thing, peek('@') AS p",
        "SELECT * FROM raw_thing AS t, LATERAL (SELECT * FROM peek('@')) AS p",
    };
    static const char *const files[] = {
        "topics/t.thing/partition=0/a.json", "topics/*/*/*.json", "topics/**/a.json",
        "topics/../topics/t.thing/partition=0/a.json", "secret/part-0.parquet"};
    assert_int_equal(pn_store_put(fixture->store, "secret/part-0.parquet", "secret", 6, NULL), 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
            assert_refused_of(fixture, forms[i], files[k], "Permission Error");
        }
    }
    assert_answer(fixture, "SELECT id FROM raw_thing", "1\n");
}

static void test_what_stays_allowed(void **state)
{
    struct engine_fixture *fixture = *state;
    assert_answer(fixture, "SELECT * FROM sevens()", "7\n");
    assert_answer(fixture, "SELECT id FROM main.raw_thing", "1\n");
    assert_answer(fixture,
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                  "i < 3) SELECT count(*) FROM N",
                  "3\n");
    assert_answer(fixture,
                  "WITH \"a \"\"b\"\"\" AS MATERIALIZED (SELECT 2 AS x) SELECT x FROM range(1), "
                  "(VALUES (3)) v(y), (SELECT 2 AS x) s",
                  "2\n");
    assert_answer(fixture, "SELECT '{\"type\":\"TABLE_FUNCTION\",\"function_name\":\"glob\"}' AS s",
                  "\"{\\\"type\\\":\\\"TABLE_FUNCTION\\\",\\\"function_name\\\":\\\"glob\\\"}\"\n");
    assert_answer(fixture, "SELECT {'type': 'BASE_TABLE', 'table_name': 'x'}",
                  "{\"type\":\"BASE_TABLE\",\"table_name\":\"x\"}\n");
    assert_answer(fixture, "SELECT column_name FROM (DESCRIBE raw_thing) LIMIT 1", "\"id\"\n");
    assert_answer(fixture, "SELECT * FROM (SELECT 1 AS a, 'x' AS b) PIVOT (sum(a) FOR b IN ('x'))",
                  "1\n");
    assert_answer(fixture, "SELECT count(*) FROM unnest([1, 2]) u, json_each('[1]')", "2\n");
}

/* What DuckDB would have liked better is part of the message. */
static void test_hints_are_kept(void **state)
{
    assert_refused(*state, "SELECT wrd FROM raw_thing", "Candidate bindings: \"word\"");
    assert_refused(*state, "SELECT uper(word) FROM raw_thing", "Did you mean \"upper\"?");
    assert_refused(*state, "SELECT\nwrd FROM raw_thing", "(line 2)");
    assert_refused(*state, "SELECT date_trunc(1, 2, 3)", "Candidate functions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_functions),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_views_of_the_engine),
        cmocka_unit_test(test_ways_around),
        cmocka_unit_test(test_files_under_defined_names),
        cmocka_unit_test(test_other_statements_open_no_file),
        cmocka_unit_test(test_the_instance_opens_no_other_file),
        cmocka_unit_test(test_what_stays_allowed),
        cmocka_unit_test(test_hints_are_kept),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
