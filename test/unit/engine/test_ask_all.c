/* Several queries at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/duckdb/private.h"
#include "support/engine_fixture.h"

enum { QUERIES_MAX = 16, TEXT_MAX = 64 * 1024, PATIENCE_S = 300 };

struct asked;

struct answer {
    struct asked *asked;
    size_t i;
    struct pn_buf rows;
    int64_t version;
    int rc;
    bool has_ended;
    char why[sizeof(((struct pn_err *)NULL)->msg)];
};

/* What came of the queries, from any thread. */
struct asked {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct answer answers[QUERIES_MAX];
    size_t ended;
    size_t ends_max;  /* false from `ended` on; 0: never */
    bool first_waits; /* the first one's rows, until the second has ended */
    bool was_in_vain;
    duckdb_connection killer; /* by it the first row of all kills the instance; NULL: none does */
};

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    (void)arg;
    (void)names;
    (void)types;
    return count == 1 ? 0 : PN_FAIL;
}

static void wait_for_second(struct asked *asked)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&asked->lock);
    while (!asked->answers[1].has_ended && !asked->was_in_vain) {
        asked->was_in_vain = pthread_cond_timedwait(&asked->changed, &asked->lock, &until) != 0;
    }
    pthread_mutex_unlock(&asked->lock);
}

/* A fatal error, as a statement beside them has. */
static void kill_instance(struct asked *asked)
{
    assert_int_equal(duckdb_query(asked->killer, "CHECKPOINT", NULL), DuckDBError);
    duckdb_disconnect(&asked->killer);
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct answer *answer = arg;
    (void)count;
    if (answer->asked->killer != NULL) {
        kill_instance(answer->asked);
    }
    if (answer->asked->first_waits && answer->i == 0) {
        wait_for_second(answer->asked);
    }
    pn_buf_addf(&answer->rows, "%s;", values[0]);
    return 0;
}

static void take_table(void *arg, const char *name, int64_t version)
{
    struct answer *answer = arg;
    (void)name;
    answer->version = version;
}

static bool take_end(void *arg, size_t i, int rc, const struct pn_err *e)
{
    struct asked *asked = arg;
    pthread_mutex_lock(&asked->lock);
    asked->answers[i].rc = rc;
    asked->answers[i].has_ended = true;
    (void)snprintf(asked->answers[i].why, sizeof asked->answers[i].why, "%s",
                   rc != 0 ? e->msg : "");
    asked->ended++;
    bool goes_on = asked->ends_max == 0 || asked->ended < asked->ends_max;
    pthread_cond_broadcast(&asked->changed);
    pthread_mutex_unlock(&asked->lock);
    return goes_on;
}

static void asked_init(struct asked *asked)
{
    *asked = (struct asked){.ended = 0};
    pthread_mutex_init(&asked->lock, NULL);
    pthread_cond_init(&asked->changed, NULL);
    for (size_t i = 0; i < QUERIES_MAX; i++) {
        asked->answers[i] = (struct answer){.asked = asked, .i = i, .version = -1};
        pn_buf_init(&asked->answers[i].rows, TEXT_MAX);
    }
}

static void asked_deinit(struct asked *asked)
{
    for (size_t i = 0; i < QUERIES_MAX; i++) {
        pn_buf_deinit(&asked->answers[i].rows);
    }
    pthread_cond_destroy(&asked->changed);
    pthread_mutex_destroy(&asked->lock);
}

/* Asks queries up to a NULL. */
static void ask_all(struct engine_fixture *fixture, const char *const *sqls, struct asked *asked)
{
    struct pn_rows rows[QUERIES_MAX];
    struct pn_ask items[QUERIES_MAX];
    size_t count = 0;
    for (; sqls[count] != NULL; count++) {
        rows[count] = (struct pn_rows){take_columns, take_row, &asked->answers[count]};
        items[count] =
            (struct pn_ask){.sql = sqls[count], .rows = &rows[count], .table = take_table};
    }
    const struct pn_asks asks = {items, count, take_end, asked};
    pn_engine_ask_all(fixture->engine, &asks);
}

static void assert_rows(const struct asked *asked, size_t i, const char *rows)
{
    assert_true(asked->answers[i].has_ended);
    assert_string_equal(asked->answers[i].why, "");
    assert_int_equal(asked->answers[i].rc, 0);
    assert_string_equal(pn_buf_text(&asked->answers[i].rows), rows);
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

static void test_each_gets_its_own_rows(void **state)
{
    static const char *const sqls[] = {"SELECT id FROM raw_thing ORDER BY 1",
                                       "SELECT 10 * id FROM raw_thing ORDER BY 1",
                                       "SELECT count(*) FROM raw_thing",
                                       "SELECT word FROM raw_thing WHERE id = 1",
                                       "SELECT sum(a.id) FROM raw_thing a, raw_thing b",
                                       "SELECT max(id) FROM \"raw_thing@0\"",
                                       "SELECT 'no table'",
                                       "SELECT id FROM raw_thing WHERE false",
                                       NULL};
    static const char *const rows[] = {"1;2;", "10;20;",        "2;", "\"w\";", "6;",
                                       "2;",   "\"no table\";", ""};
    struct engine_fixture *fixture = *state;
    for (int64_t version = 0; version < 3; version++) { /* a commit comes between them */
        struct asked asked;
        asked_init(&asked);
        ask_all(fixture, sqls, &asked);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            assert_rows(&asked, i, rows[i]);
        }
        assert_int_equal(asked.ended, sizeof rows / sizeof *rows);
        assert_int_equal(asked.answers[0].version, version);
        assert_int_equal(asked.answers[5].version, 0);
        assert_int_equal(asked.answers[6].version, -1);
        asked_deinit(&asked);
        (void)engine_load(fixture, RAW_THING);
    }
}

/* The first cannot end before the second has: they run at the same time. */
static void test_little_data_is_asked_side_by_side(void **state)
{
    static const char *const sqls[] = {"SELECT id FROM raw_thing ORDER BY 1",
                                       "SELECT count(*) FROM raw_thing", NULL};
    struct asked asked;
    asked_init(&asked);
    asked.first_waits = true;
    ask_all(*state, sqls, &asked);
    assert_false(asked.was_in_vain);
    assert_rows(&asked, 0, "1;2;");
    assert_rows(&asked, 1, "2;");
    asked_deinit(&asked);
}

/* Whether it is found when all are read, or when it runs. */
static void test_a_fault_is_its_own_querys(void **state)
{
    static const char *const wrong[] = {"SELECT nothing FROM raw_thing", "SELECT 1 FROM missing",
                                        "SELECT CAST('x' AS INT)", "SELECT FROM WHERE",
                                        "DROP TABLE raw_thing"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const sqls[] = {"SELECT id FROM raw_thing ORDER BY 1", wrong[i],
                                    "SELECT count(*) FROM raw_thing", NULL};
        struct asked asked;
        asked_init(&asked);
        ask_all(*state, sqls, &asked);
        assert_rows(&asked, 0, "1;2;");
        assert_rows(&asked, 2, "2;");
        assert_int_not_equal(asked.answers[1].rc, 0);
        assert_string_not_equal(asked.answers[1].why, "");
        asked_deinit(&asked);
    }
}

static void test_no_more_begin_after_the_caller_has_had_enough(void **state)
{
    const char *sqls[QUERIES_MAX + 1] = {NULL};
    struct asked asked;
    asked_init(&asked);
    asked.ends_max = 1;
    for (size_t i = 0; i < QUERIES_MAX; i++) {
        sqls[i] = "SELECT count(*) FROM raw_thing";
    }
    ask_all(*state, sqls, &asked);
    assert_true(asked.answers[0].has_ended || asked.answers[1].has_ended);
    assert_true(asked.ended < QUERIES_MAX);
    asked_deinit(&asked);
}

/* Tables by their keys, which have one view where they differ only in the case of letters. */
static void test_tables_by_their_keys(void **state)
{
    static const char *const sqls[] = {"SELECT count(*) FROM \"delta_tables/raw/thing\"",
                                       "SELECT count(*) FROM raw_thing",
                                       "SELECT count(*) FROM \"delta_tables/RAW/thing\"", NULL};
    struct asked asked;
    asked_init(&asked);
    ask_all(*state, sqls, &asked);
    assert_rows(&asked, 1, "2;");
    assert_int_not_equal(asked.answers[2].rc, 0);
    asked_deinit(&asked);
}

/* An instance in a file, whose next CHECKPOINT is a fatal error: in memory there is none. */
static duckdb_connection open_mortal(struct engine_fixture *fixture)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)fixture->engine;
    duckdb_connection connection = NULL;
    char *path = pn_xasprintf("%s/.tmp/ask.db", fixture->folder);
    assert_int_equal(duckdb_open(path, &engine->ask), DuckDBSuccess);
    assert_int_equal(duckdb_connect(engine->ask, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_query(connection,
                                  "CREATE TABLE t (i INT); INSERT INTO t VALUES (1);"
                                  "SET debug_checkpoint_abort = 'before_header'",
                                  NULL),
                     DuckDBSuccess);
    free(path);
    return connection;
}

/* The error comes while the first gives its rows; the others begin after it, on a connection to the
 * dead instance: one thread runs all. */
static void test_a_fatal_error_of_one_is_not_the_others(void **state)
{
    static const char *const sqls[] = {"SELECT 7", "SELECT id FROM raw_thing ORDER BY 1",
                                       "SELECT count(*) FROM raw_thing", NULL};
    struct engine_fixture *fixture = *state;
    struct asked asked;
    fixture->config.threads = 1;
    engine_fixture_reopen(fixture);
    asked_init(&asked);
    asked.killer = open_mortal(fixture);
    ask_all(fixture, sqls, &asked);
    assert_rows(&asked, 0, "7;");
    assert_rows(&asked, 1, "1;2;");
    assert_rows(&asked, 2, "2;");
    asked_deinit(&asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_gets_its_own_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_little_data_is_asked_side_by_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_fault_is_its_own_querys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_more_begin_after_the_caller_has_had_enough, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_tables_by_their_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_fatal_error_of_one_is_not_the_others, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
