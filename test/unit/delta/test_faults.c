/*
 * What a crash, a full or a failing disk and flipped bits can do to a table: every call to the disk
 * fails in turn, and every file of the log is cut and changed at every byte.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/delta_fixture.h"

static int append(struct pn_delta *table, const char *path, int64_t *version, struct pn_err *e)
{
    struct pn_delta_file file = delta_file(path, 1);
    file.stats = "{\"numRecords\":1}";
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1};
    return pn_delta_commit(table, &commit, version, e);
}

/* --- every call fails in turn ---------------------------------------------------------------- */

struct fault {
    int error;
    enum fault_mode mode;
};

static const struct fault faults[] = {
    {EIO, FAULT_ONCE}, {ENOSPC, FAULT_ONCE}, {ENOSPC, FAULT_SHORT_WRITE}, {EIO, FAULT_FOREVER}};

/* How often is `path` live? */
static int count_live(struct pn_delta *table, const char *path)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {0};
    if (pn_delta_snapshot(table, -1, &snapshot, &e) != 0) {
        if (e.class_ != PN_CLASS_MISSING) {
            fail_msg("%s", e.msg);
        }
        return 0;
    }
    int count = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        count += strcmp(snapshot->files[i].path, path) == 0;
    }
    pn_delta_snapshot_destroy(&snapshot);
    return count;
}

/* Commits `path` with the nth call failing; what the caller learns must be what is there. Returns
 * false when the fault was not reached any more. */
static bool commit_with_fault(struct delta_fixture *fixture, const struct fault *fault, int64_t nth,
                              const char *path)
{
    int64_t version = -1;
    struct pn_err e = {0};
    fault_io_fail(&fixture->fault, FAULT_ANY, nth, fault->error, fault->mode);
    int rc = append(fixture->table, path, &version, &e);
    bool fired = fault_io_fired(&fixture->fault);
    fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    bool unknown = rc != 0 && strstr(e.msg, "is unknown") != NULL;
    struct pn_delta *other = delta_fixture_open(fixture);
    int there = count_live(other, path);
    if (rc != 0) {
        assert_true(e.msg[0] != '\0');
    }
    if (!unknown && there != (rc == 0)) {
        fail_msg("call %lld, errno %d: told %d (%s), but %d there", (long long)nth, fault->error,
                 rc, e.msg, there);
    }
    /* Only a disk that stays broken can leave it open. */
    assert_true(!unknown || fault->mode == FAULT_FOREVER);
    pn_delta_destroy(&other);
    return fired;
}

static void test_every_call_of_a_commit_fails_in_turn(void **state)
{
    struct delta_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool fired = true;
        for (int64_t nth = 1; fired; nth++) {
            char path[64];
            snprintf(path, sizeof path, "%zu-%lld.parquet", i, (long long)nth);
            fired = commit_with_fault(fixture, &faults[i], nth, path);
            assert_true(nth < 500);
        }
    }
    assert_int_equal(fault_io_open_count(&fixture->fault), 0);
}

/* The commit that is due for a checkpoint and for cleaning the log: it must not fail for their
 * sake, and whatever is left of them must not keep anybody from reading the table. */
static void test_every_call_of_a_checkpoint_fails_in_turn(void **state)
{
    struct delta_fixture *fixture = *state;
    fixture->config.checkpoint_interval = 2;
    fixture->config.log_retention_ms = 0;
    fixture->config.tombstone_retention_ms = 0; /* or each checkpoint would be larger */
    /* Files have the disk's time: seen from the day after tomorrow all are old. */
    fixture->clock.wall_ms = pn_wall_ms(pn_clock_system()) + 2 * (int64_t)86400000;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool fired = true;
        for (int64_t nth = 1; fired; nth++) {
            char path[64];
            delta_fixture_reopen(fixture);
            /* Up to the next odd version, and past one that cleans without a fault. */
            int64_t version = 0;
            for (int more = 0; more < 2 || version % 2 == 0; more++) {
                snprintf(path, sizeof path, "%zu-%lld-%d.parquet", i, (long long)nth, more);
                version = delta_overwrite(fixture, path, 1);
            }
            snprintf(path, sizeof path, "%zu-%lld-c.parquet", i, (long long)nth);
            fired = commit_with_fault(fixture, &faults[i], nth, path);
            assert_true(nth < 500);
        }
    }
    assert_true(delta_exists(fixture, "_last_checkpoint"));
    assert_false(delta_exists(fixture, "00000000000000000000.json"));
}

/* A table of its own: the log of one for all would grow, and so would the calls. */
static void make_two_versions(struct delta_fixture *fixture)
{
    char folder[128];
    snprintf(folder, sizeof folder, "%s/t", fixture->folder);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
    delta_fixture_reopen(fixture);
    delta_append(fixture, "old.parquet", 1);
    delta_overwrite(fixture, "new.parquet", 1);
}

/* A restore is there whole, or the table is as it was; and what the caller learns is so. */
static void test_every_call_of_a_restore_fails_in_turn(void **state)
{
    struct delta_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool fired = true;
        for (int64_t nth = 1; fired; nth++) {
            struct pn_delta_restored restored = {0};
            struct pn_err e = {0};
            make_two_versions(fixture);
            fault_io_fail(&fixture->fault, FAULT_ANY, nth, faults[i].error, faults[i].mode);
            int rc = pn_delta_restore(fixture->table, 0, NULL, NULL, false, &restored, &e);
            fired = fault_io_fired(&fixture->fault);
            fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
            bool unknown = rc != 0 && strstr(e.msg, "is unknown") != NULL;
            struct pn_delta *other = delta_fixture_open(fixture);
            int old = count_live(other, "old.parquet");
            assert_int_equal(old + count_live(other, "new.parquet"), 1);
            assert_true(unknown || old == (rc == 0));
            assert_true(!unknown || faults[i].mode == FAULT_FOREVER);
            assert_true(rc == 0 || e.msg[0] != '\0');
            pn_delta_destroy(&other);
            assert_true(nth < 500);
        }
    }
    assert_int_equal(fault_io_open_count(&fixture->fault), 0);
}

static void test_every_call_of_reading_fails_in_turn(void **state)
{
    struct delta_fixture *fixture = *state;
    fixture->config.checkpoint_interval = 3;
    delta_fixture_reopen(fixture);
    for (int i = 0; i < 5; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d", i);
        delta_append(fixture, path, 1);
    }
    bool fired = true;
    for (int64_t nth = 1; fired; nth++) {
        struct pn_delta_snapshot *snapshot = NULL;
        struct pn_err e = {0};
        fault_io_fail(&fixture->fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = pn_delta_snapshot(fixture->table, -1, &snapshot, &e);
        fired = fault_io_fired(&fixture->fault);
        if (rc == 0) {
            assert_int_equal(snapshot->file_count, 5);
            pn_delta_snapshot_destroy(&snapshot);
        } else {
            assert_true(fired && e.msg[0] != '\0');
        }
    }
    fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
}

/* --- torn and flipped ------------------------------------------------------------------------ */

static int read_files(struct delta_fixture *fixture, size_t *count, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    int rc = pn_delta_snapshot(fixture->table, -1, &snapshot, e);
    if (rc == 0) {
        *count = snapshot->file_count;
        pn_delta_snapshot_destroy(&snapshot);
    }
    return rc;
}

static void test_a_commit_torn_at_every_byte(void **state)
{
    struct delta_fixture *fixture = *state;
    static const char name[] = "00000000000000000001.json";
    delta_append(fixture, "a", 1);
    delta_append(fixture, "b", 1);
    size_t len = 0;
    char *bytes = delta_read(fixture, name, &len);
    for (size_t cut = 0; cut < len; cut++) {
        delta_write(fixture, name, bytes, cut);
        struct pn_err e = {0};
        size_t count = 0;
        int rc = read_files(fixture, &count, &e);
        if (cut == len - 1) {
            /* Only the newline is gone: nothing of the commit is, but its sum tells. */
            assert_int_not_equal(rc, 0);
        }
        if (rc == 0 || e.class_ != PN_CLASS_CORRUPT ||
            strstr(e.msg, "t/_delta_log/00000000000000000001.json line ") == NULL) {
            fail_msg("cut at %zu: %d, %s", cut, rc, e.msg);
        }
        /* Nobody writes on top of it either. */
        int64_t version = -1;
        delta_fixture_reopen(fixture);
        assert_int_not_equal(append(fixture->table, "c", &version, NULL), 0);
    }
    free(bytes);
}

static void test_a_commit_with_any_byte_changed(void **state)
{
    struct delta_fixture *fixture = *state;
    static const char name[] = "00000000000000000001.json";
    delta_append(fixture, "a", 1);
    delta_append(fixture, "b", 1);
    size_t len = 0;
    char *bytes = delta_read(fixture, name, &len);
    size_t first_line = strcspn(bytes, "\n") + 1;
    for (size_t at = 0; at < len; at++) {
        for (int bit = (int)(at % 4); bit < 8; bit += 4) {
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
            delta_write(fixture, name, bytes, len);
            struct pn_err e = {0};
            size_t count = 0;
            int rc = read_files(fixture, &count, &e);
            /* In the first line there is nothing that a reader of rows needs. */
            if (rc == 0 ? at >= first_line || count != 2 : e.class_ != PN_CLASS_CORRUPT) {
                fail_msg("bit %d of byte %zu: %d, %s", bit, at, rc, e.msg);
            }
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
        }
    }
    free(bytes);
}

/* A file of the log that can be done without is cut, then changed, at every byte; the table must
 * read as before. */
static void assert_dispensable(struct delta_fixture *fixture, const char *name, size_t files)
{
    size_t len = 0;
    char *bytes = delta_read(fixture, name, &len);
    assert_non_null(bytes);
    for (size_t at = 0; at < len; at++) {
        for (int change = 0; change < 2; change++) {
            char kept = bytes[at];
            bytes[at] = (char)(change == 0 ? kept : kept ^ 0x11);
            delta_write(fixture, name, bytes, change == 0 ? at : len);
            bytes[at] = kept;
            struct pn_err e = {0};
            size_t count = 0;
            int rc = read_files(fixture, &count, &e);
            if (rc != 0 || count != files) {
                fail_msg("%s %s at %zu: %d, %s, %zu files", name, change == 0 ? "cut" : "changed",
                         at, rc, e.msg, count);
            }
        }
    }
    delta_write(fixture, name, bytes, len);
    free(bytes);
}

static void test_a_hint_and_a_checkpoint_torn_and_changed_at_every_byte(void **state)
{
    struct delta_fixture *fixture = *state;
    fixture->config.checkpoint_interval = 2;
    delta_fixture_reopen(fixture);
    delta_append(fixture, "a", 1);
    delta_append(fixture, "b", 1);
    delta_overwrite(fixture, "c", 1);
    delta_append(fixture, "d", 1);
    assert_dispensable(fixture, "_last_checkpoint", 2);
    assert_dispensable(fixture, "00000000000000000002.checkpoint.parquet", 2);
    delta_assert_live(fixture->table, -1, "c,d");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, delta_set_up, delta_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_call_of_a_commit_fails_in_turn),
        TEST(test_every_call_of_a_checkpoint_fails_in_turn),
        TEST(test_every_call_of_a_restore_fails_in_turn),
        TEST(test_every_call_of_reading_fails_in_turn),
        TEST(test_a_commit_torn_at_every_byte),
        TEST(test_a_commit_with_any_byte_changed),
        TEST(test_a_hint_and_a_checkpoint_torn_and_changed_at_every_byte),
    };
    return cmocka_run_group_tests_name("delta/faults", tests, NULL, NULL);
}
