/*
 * txns_before: a batch goes in only where the one before it ended. Two writers of the same
 * positions, replies that get lost, checkpoints in between, and a disk that fails at every call.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/delta_fixture.h"

/* Appends one row with the position of "app" going from `from` to `to`. */
static int move(struct pn_delta *table, int64_t from, int64_t to, struct pn_err *e)
{
    char path[64];
    snprintf(path, sizeof path, "%" PRId64 "-%" PRId64 ".parquet", from, to);
    struct pn_delta_file file = delta_file(path, 1);
    const struct pn_delta_txn txn = {.app_id = "app", .version = to};
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "STREAMING UPDATE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1,
                                           .txns = &txn,
                                           .txn_count = 1,
                                           .txns_before = &from};
    int64_t version = -1;
    return pn_delta_commit(table, &commit, &version, e);
}

static int64_t position(struct pn_delta *table)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {0};
    if (pn_delta_snapshot(table, -1, &snapshot, &e) != 0) {
        assert_int_equal(e.class_, PN_CLASS_MISSING);
        return -1;
    }
    int64_t version = pn_delta_txn_version(snapshot, "app");
    pn_delta_snapshot_destroy(&snapshot);
    return version;
}

static size_t count_files(struct pn_delta *table)
{
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, NULL), 0);
    size_t count = snapshot->file_count;
    pn_delta_snapshot_destroy(&snapshot);
    return count;
}

static void assert_seen(struct pn_delta *table, int64_t from, int64_t to, const char *part)
{
    struct pn_err e = {0};
    assert_int_equal(move(table, from, to, &e), PN_DELTA_TXN_SEEN);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    if (strstr(e.msg, part) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", e.msg, part);
    }
}

/* A commit that sets nothing of it, on the condition that it is where it was read. */
static void test_a_condition_that_does_not_hold(void **state)
{
    struct delta_fixture *fixture = *state;
    assert_int_equal(move(fixture->table, -1, 5, NULL), 0);
    assert_seen(fixture->table, -1, -1, "the transaction app is at 5, and was not set;");
    assert_seen(fixture->table, 4, 4, "the transaction app is at 5, and was at 4;");
    assert_int_equal(move(fixture->table, 5, 5, NULL), 0);
}

static void test_a_batch_follows_the_one_before(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta *table = fixture->table;
    int64_t latest = 0;
    assert_int_equal(pn_delta_txn_latest(table, "app", &latest, NULL), 0);
    assert_int_equal(latest, -1);
    assert_seen(table, 0, 5, "the transaction app is not set, and was at 0;");
    assert_int_equal(move(table, -1, 5, NULL), 0);
    assert_int_equal(move(table, 5, 9, NULL), 0);
    assert_seen(table, 5, 9, "already has the transaction 9 of app");
    assert_seen(table, 5, 12, "the transaction app is at 9, and was at 5;");
    assert_seen(table, -1, 30, "the transaction app is at 9, and was not set;");
    assert_seen(table, 11, 30, "the transaction app is at 9, and was at 11;");
    struct pn_delta *other = delta_fixture_open(fixture);
    assert_seen(other, 5, 12, "the transaction app is at 9, and was at 5;");
    assert_int_equal(move(other, 9, 12, NULL), 0);
    assert_int_equal(pn_delta_txn_latest(table, "app", &latest, NULL), 0);
    assert_int_equal(latest, 12);
    assert_int_equal(pn_delta_txn_latest(table, "none", &latest, NULL), 0);
    assert_int_equal(latest, -1);
    assert_seen(table, 9, 13, "the transaction app is at 12, and was at 9;");
    assert_int_equal(position(other), 12);
    assert_int_equal(count_files(other), 3);
    pn_delta_destroy(&other);
}

static void test_backwards_is_refused(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_err e = {0};
    assert_int_equal(move(fixture->table, -1, 5, NULL), 0);
    assert_int_not_equal(move(fixture->table, 5, 4, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_string_equal(e.msg, "t: the transaction 4 of app is below the 5 it follows");
}

/* A position that stays where it is is checked with the others, and not written again. */
static void test_a_position_that_stays(void **state)
{
    struct delta_fixture *fixture = *state;
    const struct pn_delta_txn both[] = {{.app_id = "a", .version = 3},
                                        {.app_id = "b", .version = 7}};
    const int64_t none[] = {-1, -1};
    struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                     .operation = "STREAMING UPDATE",
                                     .schema = DELTA_SCHEMA,
                                     .txns = both,
                                     .txn_count = 2,
                                     .txns_before = none};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    const struct pn_delta_txn next[] = {{.app_id = "a", .version = 4},
                                        {.app_id = "b", .version = 7}};
    const int64_t before[] = {3, 7};
    commit.txns = next;
    commit.txns_before = before;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    char *text = delta_read(fixture, "00000000000000000001.json", NULL);
    assert_non_null(strstr(text, "\"appId\":\"a\""));
    assert_null(strstr(text, "\"appId\":\"b\""));
    free(text);
    const struct pn_delta_txn late[] = {{.app_id = "a", .version = 5},
                                        {.app_id = "b", .version = 6}};
    const int64_t stale[] = {4, 6};
    commit.txns = late;
    commit.txns_before = stale;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), PN_DELTA_TXN_SEEN);
}

static void test_a_new_table_gets_its_configuration(void **state)
{
    struct delta_fixture *fixture = *state;
    const struct pn_delta_map_entry configuration[] = {
        {"delta.checkpointInterval", "3"}, {"delta.logRetentionDuration", "interval 10 minutes"}};
    struct pn_delta_file file = delta_file("a.parquet", 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1,
                                           .configuration = configuration,
                                           .configuration_count = 2};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(snapshot->metadata.configuration_count, 2);
    assert_string_equal(snapshot->metadata.configuration[1].value, "interval 10 minutes");
    pn_delta_snapshot_destroy(&snapshot);
    /* ... and what it says counts, for the handle that keeps only the head too. */
    delta_append(fixture, "b.parquet", 1);
    delta_append(fixture, "c.parquet", 1);
    delta_append(fixture, "d.parquet", 1);
    assert_true(delta_exists(fixture, "00000000000000000003.checkpoint.parquet"));
    const struct pn_delta_map_entry other[] = {{"delta.checkpointInterval", "9"}};
    struct pn_delta_commit later = commit;
    struct pn_delta_file last = delta_file("e.parquet", 1);
    later.adds = &last;
    later.configuration = other;
    later.configuration_count = 1;
    assert_int_equal(pn_delta_commit(fixture->table, &later, &version, NULL), 0);
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_string_equal(snapshot->metadata.configuration[0].value, "3");
    pn_delta_snapshot_destroy(&snapshot);
}

/* Positions must be right for a handle that remembers, a new one, and one that has only a
 * checkpoint to go by, because the commits before it are gone. */
static void test_positions_across_checkpoints(void **state)
{
    struct delta_fixture *fixture = *state;
    fixture->config.checkpoint_interval = 3;
    fixture->config.log_retention_ms = 0;
    fixture->clock.wall_ms = pn_wall_ms(pn_clock_system()) + 2 * (int64_t)86400000;
    delta_fixture_reopen(fixture);
    struct pn_delta *idle = delta_fixture_open(fixture);
    assert_int_equal(move(idle, -1, 1, NULL), 0);
    for (int64_t at = 1; at < 20; at++) {
        if (at % 4 == 0) {
            delta_fixture_reopen(fixture);
        }
        assert_seen(fixture->table, at - 1, at + 1, "the transaction app is at");
        assert_int_equal(move(fixture->table, at, at + 1, NULL), 0);
        assert_int_equal(position(fixture->table), at + 1);
    }
    assert_false(delta_exists(fixture, "00000000000000000000.json"));
    assert_seen(idle, 1, 21, "the transaction app is at 20, and was at 1;");
    assert_int_equal(move(idle, 20, 21, NULL), 0);
    assert_int_equal(count_files(idle), 21);
    pn_delta_destroy(&idle);
}

/* Sets "mark" beside "app", whatever it was. */
static int move_with_mark(struct pn_delta *table, int64_t from, int64_t to, int64_t mark)
{
    const struct pn_delta_txn txns[] = {{.app_id = "app", .version = to},
                                        {.app_id = "mark", .version = mark}};
    const int64_t before[] = {from, PN_DELTA_TXN_ANY};
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "STREAMING UPDATE",
                                           .schema = DELTA_SCHEMA,
                                           .txns = txns,
                                           .txn_count = 2,
                                           .txns_before = before};
    int64_t version = -1;
    return pn_delta_commit(table, &commit, &version, NULL);
}

static void assert_mark(struct pn_delta *table, int64_t expected)
{
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, NULL), 0);
    assert_int_equal(pn_delta_txn_version(snapshot, "mark"), expected);
    pn_delta_snapshot_destroy(&snapshot);
}

/* It rises and falls, also across checkpoints; what is refused leaves it as it is. */
static void test_a_mark_is_set_whatever_it_was(void **state)
{
    static const int64_t marks[] = {9, 3, 0, 999999999999999999, 3, 8, 7};
    struct delta_fixture *fixture = *state;
    fixture->config.checkpoint_interval = 3;
    delta_fixture_reopen(fixture);
    for (int64_t i = 0; i < (int64_t)(sizeof marks / sizeof *marks); i++) {
        assert_int_equal(move_with_mark(fixture->table, i - 1, i, marks[i]), 0);
        assert_mark(fixture->table, marks[i]);
        assert_int_equal(move_with_mark(fixture->table, i - 1, i + 1, 55), PN_DELTA_TXN_SEEN);
        struct pn_delta *other = delta_fixture_open(fixture);
        assert_mark(other, marks[i]);
        pn_delta_destroy(&other);
    }
}

/* --- two writers ------------------------------------------------------------------------------ */

struct writer {
    struct pn_delta *table;
    int64_t until;
    int64_t commits;
    int64_t refused;
    bool failed;
};

/* Moves the position on by one, from where it finds it, until it is at the end. */
static void *write_all(void *arg)
{
    struct writer *writer = arg;
    for (int64_t at = -1; at < writer->until && !writer->failed;) {
        struct pn_err e = {0};
        int rc = move(writer->table, at, at + 1, &e);
        if (rc == 0) {
            writer->commits++;
            at++;
        } else if (rc == PN_DELTA_TXN_SEEN) {
            writer->refused++;
            struct pn_delta_snapshot *snapshot = NULL;
            writer->failed = pn_delta_snapshot(writer->table, -1, &snapshot, NULL) != 0;
            at = writer->failed ? at : pn_delta_txn_version(snapshot, "app");
            pn_delta_snapshot_destroy(&snapshot);
        } else {
            writer->failed = true;
        }
    }
    return NULL;
}

static void test_two_writers_of_one_position(void **state)
{
    enum { UNTIL = 60, WRITERS = 3 };
    struct delta_fixture *fixture = *state;
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.table = delta_fixture_open(fixture), .until = UNTIL};
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }
    int64_t commits = 0;
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(writers[i].failed);
        commits += writers[i].commits;
        pn_delta_destroy(&writers[i].table);
    }
    assert_int_equal(commits, UNTIL + 1);
    assert_int_equal(count_files(fixture->table), UNTIL + 1);
    assert_int_equal(position(fixture->table), UNTIL);
}

/* --- a disk that fails ------------------------------------------------------------------------ */

/* A writer that asks the table where it is after each failure, and continues from there, writes
 * each batch once, whichever call to the disk failed. */
static void test_every_call_fails_in_turn(void **state)
{
    static const int errors[] = {EIO, ENOSPC};
    struct delta_fixture *fixture = *state;
    int64_t at = -1;
    for (size_t i = 0; i < 2; i++) {
        bool fired = true;
        for (int64_t nth = 1; fired; nth++) {
            struct pn_err e = {0};
            fault_io_fail(&fixture->fault, FAULT_ANY, nth, errors[i], FAULT_ONCE);
            int rc = move(fixture->table, at, at + 1, &e);
            fired = fault_io_fired(&fixture->fault);
            fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
            int64_t found = position(fixture->table);
            assert_int_equal(found, rc == 0 ? at + 1 : at);
            at = found;
            assert_true(nth < 200);
        }
    }
    assert_int_equal(count_files(fixture->table), at + 1);
}

/* The write happened and nobody could tell: the same batch again is refused, not repeated. */
static void test_an_unknown_outcome(void **state)
{
    struct delta_fixture *fixture = *state;
    bool unknown = false;
    int64_t at = 0;
    assert_int_equal(move(fixture->table, -1, 0, NULL), 0);
    for (int64_t nth = 1; !unknown; nth++) {
        struct pn_err e = {0};
        fault_io_fail(&fixture->fault, FAULT_ANY, nth, EIO, FAULT_FOREVER);
        int rc = move(fixture->table, at, at + 1, &e);
        fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
        unknown = rc == PN_DELTA_UNKNOWN && position(fixture->table) > at;
        if (!unknown) {
            at = position(fixture->table);
        }
        assert_true(nth < 200);
    }
    assert_seen(fixture->table, at, at + 1, "already has the transaction");
    delta_fixture_reopen(fixture);
    assert_seen(fixture->table, at, at + 1, "already has the transaction");
    assert_int_equal(count_files(fixture->table), at + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_condition_that_does_not_hold, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_follows_the_one_before, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_backwards_is_refused, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_position_that_stays, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_table_gets_its_configuration, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_positions_across_checkpoints, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_mark_is_set_whatever_it_was, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_two_writers_of_one_position, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_every_call_fails_in_turn, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_an_unknown_outcome, delta_set_up, delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
