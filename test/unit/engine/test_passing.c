/* What DuckDB refuses for a while: memory that others have, what the system has no more of, and
 * all, after a fatal error in somebody's statement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/duckdb/append.h"
#include "support/append_fixture.h"

static struct pn_duckdb *duckdb_of(struct append_fixture *fixture)
{
    return (struct pn_duckdb *)fixture->base.engine;
}

static struct append_batch *one_row(struct append_fixture *fixture, int64_t from,
                                    const char *reason)
{
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], from);
    append_row(batch, "{\"id\": 1}")->reason = reason;
    return batch;
}

static void test_reasons_that_pass(void **state)
{
    static const char *const passing[] = {
        "IO Error: Could not write file \"x\": No space left on device",
        "IO Error: Cannot open file \"x\": Too many open files",
        "IO Error: Could not write file \"x\": Disk quota exceeded",
        "FATAL Error: Failed: database has been invalidated because of a previous fatal error."};
    struct pn_err e;
    (void)state;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        assert_int_not_equal(pn_duckdb_fail(&e, passing[i]), 0);
        assert_int_equal(e.class_, PN_CLASS_RETRY);
    }
    assert_int_not_equal(pn_duckdb_fail(&e, "FATAL Error: what invalidates the database"), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Takes all the memory there is until the connection is closed. */
static duckdb_connection hog(struct append_fixture *fixture)
{
    duckdb_connection connection = NULL;
    struct pn_err e = {.msg = ""};
    assert_int_equal(pn_duckdb_connect_work(duckdb_of(fixture), &connection, &e), 0);
    assert_int_equal(pn_duckdb_run(connection,
                                   "SET GLOBAL max_temp_directory_size = '0KiB';"
                                   "CREATE TEMP TABLE hog (a UBIGINT, b UBIGINT)",
                                   NULL, &e),
                     0);
    for (int64_t rows = 1 << 21; rows > 64; rows /= 2) {
        int rc = 0;
        while (rc == 0) {
            char *sql = pn_xasprintf("INSERT INTO hog SELECT hash(i), hash(i + 1) FROM range(%lld) "
                                     "t(i)",
                                     (long long)rows);
            rc = pn_duckdb_run(connection, sql, NULL, &e);
            free(sql);
        }
    }
    return connection;
}

static void append_waits(struct append_fixture *fixture, struct append_batch *batch)
{
    struct pn_table_report report;
    struct pn_err e;
    duckdb_connection hogging = hog(fixture);
    int rc = append_try(fixture, batch, &report, &e);
    duckdb_disconnect(&hogging);
    assert_int_not_equal(rc, 0);
    assert_non_null(strstr(e.msg, "Out of Memory"));
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    append_ok(fixture, batch);
}

static void test_memory_that_others_have(void **state)
{
    struct append_fixture *fixture = *state;
    append_waits(fixture, one_row(fixture, -1, NULL));
    append_waits(fixture, one_row(fixture, 1, "no row"));
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "1\n");
    assert_answer(&fixture->base, "SELECT count(*) FROM stream_dead_letters", "1\n");
}

/* A checkpoint that can't be read for want of memory is not damaged. */
static void test_a_checkpoint_without_memory(void **state)
{
    struct append_fixture *fixture = *state;
    append_ok(fixture, one_row(fixture, -1, NULL));
    struct pn_delta *table = append_open_live(fixture);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {.msg = ""};
    assert_int_equal(pn_delta_checkpoint(table, &e), 0);
    duckdb_connection hogging = hog(fixture);
    int rc = pn_delta_snapshot(table, -1, &snapshot, &e);
    duckdb_disconnect(&hogging);
    assert_int_not_equal(rc, 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, &e), 0);
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&table);
}

/* --- a fatal error --------------------------------------------------------------------------- */

/* An instance in a file: in memory there is no error that is fatal. */
static duckdb_database open_file(struct append_fixture *fixture, const char *name)
{
    duckdb_database database = NULL;
    char *path = pn_xasprintf("%s/.tmp/%s.db", fixture->base.folder, name);
    assert_int_equal(duckdb_open(path, &database), DuckDBSuccess);
    free(path);
    return database;
}

/* Somebody's statement meets a fatal error. */
static void kill_database(duckdb_database database)
{
    duckdb_connection connection = NULL;
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_query(connection,
                                  "CREATE TABLE t (i INT); INSERT INTO t VALUES (1);"
                                  "SET debug_checkpoint_abort = 'before_header'",
                                  NULL),
                     DuckDBSuccess);
    assert_int_equal(duckdb_query(connection, "CHECKPOINT", NULL), DuckDBError);
    assert_int_equal(duckdb_query(connection, "SELECT 1", NULL), DuckDBError);
    duckdb_disconnect(&connection);
}

static void prepare_work(struct append_fixture *fixture)
{
    duckdb_connection connection = NULL;
    struct pn_duckdb *engine = duckdb_of(fixture);
    assert_int_equal(duckdb_connect(engine->work, &connection), DuckDBSuccess);
    assert_int_equal(pn_duckdb_register(engine, connection, &pn_batch_function, NULL), 0);
    assert_int_equal(pn_duckdb_register(engine, connection, &pn_dead_letters_function, NULL), 0);
    assert_int_equal(pn_duckdb_run(connection, fixture->base.pipeline.prelude_duckdb, NULL, NULL),
                     0);
    duckdb_disconnect(&connection);
}

/* Connected callers get an error that says to try again, and then another instance. */
static void test_a_fatal_error(void **state)
{
    struct append_fixture *fixture = *state;
    struct pn_duckdb *engine = duckdb_of(fixture);
    struct pn_table_report report;
    struct pn_err e;
    engine->work = open_file(fixture, "work");
    prepare_work(fixture);
    append_ok(fixture, one_row(fixture, -1, NULL));
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "1\n");
    kill_database(engine->work);
    duckdb_close(&engine->ask);
    engine->ask = open_file(fixture, "ask");
    kill_database(engine->ask);
    struct append_batch *batch = one_row(fixture, 1, NULL);
    assert_int_not_equal(append_try(fixture, batch, &report, &e), 0);
    assert_non_null(strstr(e.msg, "database has been invalidated"));
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "1\n");
    append_ok(fixture, batch);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "2\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, append_bed_set_up, append_bed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reasons_that_pass),
        TEST(test_memory_that_others_have),
        TEST(test_a_checkpoint_without_memory),
        TEST(test_a_fatal_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
