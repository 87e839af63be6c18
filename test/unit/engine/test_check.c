/* The SQL of a pipeline is checked before there is any data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/engine_fixture.h"

static const struct pn_column ID[] = {{.name = "id", .type = {.kind = PN_TYPE_BIGINT}}};

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

/* By an engine without a store and a folder, as a command without data has it. */
static int check(struct engine_fixture *fixture, struct pn_err *e)
{
    const struct pn_duckdb_config config = {.parquet_compression = "snappy"};
    struct pn_embedded_engine *engine = NULL;
    assert_int_equal(pn_duckdb_engine_create(&config, &fixture->pipeline, NULL,
                                             &fixture->clock.clock, NULL, &engine, e),
                     0);
    int rc = pn_engine_check(&engine->batch, e);
    pn_embedded_engine_destroy(&engine);
    return rc;
}

static void assert_mistake(struct engine_fixture *fixture, const char *part)
{
    struct pn_err e = {.msg = ""};
    assert_int_not_equal(check(fixture, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    if (strstr(e.msg, part) == NULL) {
        fail_msg("\"%s\" is not in: %s", part, e.msg);
    }
}

static void assert_fine(struct engine_fixture *fixture)
{
    struct pn_err e = {.msg = ""};
    if (check(fixture, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

static void set_query(struct engine_fixture *fixture, const char *sql)
{
    static struct pn_query query = {.name = "q", .file = "queries/q.sql"};
    query.sql = sql;
    fixture->pipeline.queries = &query;
    fixture->pipeline.query_count = 1;
}

static void test_tables(void **state)
{
    struct engine_fixture *fixture = *state;
    assert_fine(fixture);
    engine_fixture_sql(fixture, "SELECT twice(id) AS id FROM raw_thing WHERE place.x > 1", ID, 1);
    assert_fine(fixture);
    engine_fixture_sql(fixture, "SELECT id FROM", ID, 1);
    assert_mistake(fixture, "clean/thing.sql: Parser Error");
    engine_fixture_sql(fixture, "SELECT nope AS id FROM raw_thing", ID, 1);
    assert_mistake(fixture, "clean/thing.sql: Binder Error");
    engine_fixture_sql(fixture, "SELECT word AS id FROM raw_thing", ID, 1);
    assert_mistake(fixture, "clean/thing.sql: column 'id' is VARCHAR, but the pipeline declares");
    engine_fixture_sql(fixture, "SELECT id FROM RAW_KEPT", ID, 1);
    assert_mistake(fixture, "clean/thing.sql: it reads 'raw_kept', which `reads` of the table "
                            "'thing' must name");
    engine_fixture_sql(fixture, "SELECT id FROM nobody", ID, 1);
    assert_mistake(fixture, "clean/thing.sql: Catalog Error: Table with name nobody");
}

static void test_queries(void **state)
{
    struct engine_fixture *fixture = *state;
    set_query(fixture, "SELECT t.id, k._unknown, d.reason, s.shard FROM thing t, raw_kept k, "
                       "dead_letters d, stream_dead_letters s");
    assert_fine(fixture);
    set_query(fixture, "SELECT nope FROM thing");
    assert_mistake(fixture, "queries/q.sql: Binder Error");
    set_query(fixture, "DELETE FROM thing");
    assert_mistake(fixture, "queries/q.sql: the statement is not a SELECT");
    set_query(fixture, "SELECT 1; SELECT 2");
    assert_mistake(fixture, "queries/q.sql: there are several statements");
}

static void test_prelude(void **state)
{
    struct engine_fixture *fixture = *state;
    fixture->pipeline.prelude_duckdb = "CREATE MACRO f(x) AS";
    assert_mistake(fixture, "/prelude/duckdb.sql: Parser Error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_queries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prelude, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
