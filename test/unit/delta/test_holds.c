/*
 * A commit and the data files it names: they are there before it, and after it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delta/delta.h"
#include "support/delta_fixture.h"

/* A disk on which somebody takes a data file while the commit's link() waits. */
struct thief {
    struct pn_io_ops ops;
    const struct pn_io_ops *under;
    char *takes;       /* the file's path; NULL: nothing */
    bool keeps_it_out; /* it cannot be put back */
};
static struct thief thief;

static int thief_link(const struct pn_io *io, const char *from, const char *to)
{
    if (thief.takes != NULL && strstr(to, "/_delta_log/") != NULL) {
        (void)unlink(thief.takes);
    }
    if (thief.keeps_it_out && thief.takes != NULL && strcmp(to, thief.takes) == 0) {
        return -EDQUOT;
    }
    return thief.under->link(io, from, to);
}

static void let_thief_in(struct delta_fixture *fixture, const char *path, bool keeps_it_out)
{
    struct pn_io *io = &fixture->fault.io;
    thief = (struct thief){.ops = *io->ops,
                           .under = io->ops,
                           .takes = pn_xasprintf("%s/t/%s", fixture->folder, path),
                           .keeps_it_out = keeps_it_out};
    thief.ops.link = thief_link;
    io->ops = &thief.ops;
}

static void catch_thief(struct delta_fixture *fixture)
{
    fixture->fault.io.ops = thief.under;
    free(thief.takes);
    thief.takes = NULL;
}

static int commit(struct delta_fixture *fixture, const struct pn_delta_file *adds, size_t count,
                  int64_t *version, struct pn_err *e)
{
    const struct pn_delta_commit it = {.mode = PN_DELTA_APPEND,
                                       .operation = "WRITE",
                                       .schema = DELTA_SCHEMA,
                                       .adds = adds,
                                       .add_count = count};
    return pn_delta_commit(fixture->table, &it, version, e);
}

static int count_object(void *arg, const char *name, bool is_dir)
{
    (void)name;
    (void)is_dir;
    ++*(int *)arg;
    return 0;
}

/* Holds are given back, however a commit ends. */
static void assert_nothing_is_held(struct delta_fixture *fixture)
{
    int count = 0;
    char *path = pn_xasprintf("%s/.tmp", fixture->folder);
    const struct pn_io *io = pn_io_system();
    assert_int_equal(io->ops->list(io, path, count_object, &count), 0);
    assert_int_equal(count, 0);
    free(path);
}

static void test_a_commit_of_a_file_that_is_gone(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file adds[] = {delta_file("a.parquet", 1), delta_file("b.parquet", 1)};
    int64_t version = -1;
    struct pn_err e = {0};
    delta_remove(fixture, "../b.parquet");
    assert_int_not_equal(commit(fixture, adds, 2, &version, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "t/b.parquet was removed before its commit"));
    assert_false(delta_exists(fixture, "00000000000000000000.json"));
    assert_nothing_is_held(fixture);
    delta_write_text(fixture, "../b.parquet", "12345"); /* written again */
    assert_int_equal(commit(fixture, adds, 2, &version, NULL), 0);
    delta_assert_live(fixture->table, -1, "a.parquet,b.parquet");
    assert_nothing_is_held(fixture);
}

static void test_a_file_that_goes_during_its_commit_is_put_back(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file adds[] = {delta_file("a.parquet", 1), delta_file("p/b.parquet", 1)};
    int64_t version = -1;
    let_thief_in(fixture, "p/b.parquet", false);
    assert_int_equal(commit(fixture, adds, 2, &version, NULL), 0);
    catch_thief(fixture);
    size_t len = 0;
    char *bytes = delta_read(fixture, "../p/b.parquet", &len);
    assert_int_equal(len, 5);
    assert_memory_equal(bytes, "12345", 5);
    free(bytes);
    assert_int_equal(pn_delta_check_newest(fixture->table, NULL), 0);
    assert_nothing_is_held(fixture);
}

static void test_a_file_that_cannot_be_put_back_is_told(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file add = delta_file("a.parquet", 1);
    int64_t version = -1;
    struct pn_err e = {0};
    let_thief_in(fixture, "a.parquet", true);
    assert_int_equal(commit(fixture, &add, 1, &version, &e), PN_DELTA_LOST);
    catch_thief(fixture);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "version 0 of t is committed, but its file t/a.parquet"));
    assert_nothing_is_held(fixture);
    assert_int_not_equal(pn_delta_check_newest(fixture->table, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "'a.parquet', which does not exist"));
}

/* When the disk fails after a commit, but the file is there, the commit is one. */
static void test_a_disk_that_fails_behind_the_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    struct pn_delta_file add = delta_file("b.parquet", 1);
    for (int64_t nth = 1;; nth++) {
        int64_t version = -1;
        fault_io_fail(&fixture->fault, FAULT_STAT, nth, EIO, FAULT_ONCE);
        int rc = commit(fixture, &add, 1, &version, NULL);
        bool fired = fault_io_fired(&fixture->fault);
        fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
        struct pn_delta_snapshot *snapshot = NULL;
        assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
        assert_int_equal(snapshot->version == 0, rc != 0 && rc != PN_DELTA_UNKNOWN);
        pn_delta_snapshot_destroy(&snapshot);
        if (!fired) {
            assert_int_equal(rc, 0);
            break;
        }
        delta_fixture_deinit(fixture);
        delta_fixture_init(fixture);
        delta_append(fixture, "a.parquet", 1);
        add = delta_file("b.parquet", 1);
    }
}

static void test_the_check_of_the_newest_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_err e = {0};
    assert_int_equal(pn_delta_check_newest(fixture->table, NULL), 0); /* no table */
    delta_append(fixture, "a b.parquet", 1);
    delta_overwrite(fixture, "c.parquet", 1);
    delta_remove(fixture, "../a b.parquet"); /* of an older version */
    assert_int_equal(pn_delta_check_newest(fixture->table, NULL), 0);
    delta_write_text(fixture, "_last_checkpoint", "{\"version\":7,\"size\":1}");
    assert_int_equal(pn_delta_check_newest(fixture->table, NULL), 0);
    delta_remove(fixture, "../c.parquet");
    assert_int_not_equal(pn_delta_check_newest(fixture->table, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    delta_write_text(fixture, "00000000000000000001.json", "{\"commitInfo\":");
    assert_int_not_equal(pn_delta_check_newest(fixture->table, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, delta_set_up, delta_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_commit_of_a_file_that_is_gone),
        TEST(test_a_file_that_goes_during_its_commit_is_put_back),
        TEST(test_a_file_that_cannot_be_put_back_is_told),
        TEST(test_a_disk_that_fails_behind_the_commit),
        TEST(test_the_check_of_the_newest_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
