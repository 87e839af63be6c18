/*
 * A state brought up to date is the state that reading everything gives: after each of many
 * commits of every kind, near and far behind, and when the log was cut in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delta/load.h"
#include "support/delta_fixture.h"

enum { STATS_BYTES = 1 << 20 };

static void add_files(struct pn_buf *out, const char *what, const struct pn_delta_file *files,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(out, "%s %s %lld %lld %s\n", what, files[i].path,
                    (long long)files[i].size_bytes, (long long)files[i].deleted_ms,
                    files[i].stats != NULL ? files[i].stats : "-");
    }
}

static int by_app(const void *one, const void *other)
{
    return strcmp(((const struct pn_delta_txn *)one)->app_id,
                  ((const struct pn_delta_txn *)other)->app_id);
}

/* All of a state as text. Caller frees. */
static char *tell(struct pn_delta_snapshot *snapshot)
{
    struct pn_buf out;
    pn_buf_init(&out, 1 << 24);
    pn_buf_addf(&out, "version %lld at %lld\nid %s\nschema %s\n", (long long)snapshot->version,
                (long long)snapshot->timestamp_ms, snapshot->metadata.id,
                snapshot->metadata.schema);
    add_files(&out, "live", snapshot->files, snapshot->file_count);
    add_files(&out, "removed", snapshot->removed, snapshot->removed_count);
    qsort(snapshot->txns, snapshot->txn_count, sizeof *snapshot->txns, by_app);
    for (size_t i = 0; i < snapshot->txn_count; i++) {
        pn_buf_addf(&out, "txn %s %lld\n", snapshot->txns[i].app_id,
                    (long long)snapshot->txns[i].version);
    }
    return pn_buf_take(&out);
}

static void assert_up_to_date(struct delta_fixture *fixture, struct pn_delta_snapshot **snapshot)
{
    struct pn_delta_snapshot *whole = NULL;
    struct pn_err e = {.msg = ""};
    if (pn_delta_load_newer(fixture->table, snapshot, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(pn_delta_load(fixture->table, -1, true, &whole, NULL), 0);
    char *expected = tell(whole);
    char *actual = tell(*snapshot);
    assert_string_equal(actual, expected);
    free(expected);
    free(actual);
    pn_delta_snapshot_destroy(&whole);
}

/* Replaces the table's first live file. */
static void rewrite_one(struct delta_fixture *fixture, const char *path)
{
    struct pn_delta_snapshot *snapshot = NULL;
    int64_t version = -1;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    struct pn_delta_file add = delta_file(path, 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_REWRITE,
                                           .operation = "OPTIMIZE",
                                           .adds = &add,
                                           .add_count = 1,
                                           .removes = snapshot->files,
                                           .remove_count = 1};
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    pn_delta_snapshot_destroy(&snapshot);
}

static void append_with_txn(struct delta_fixture *fixture, const char *path, int n)
{
    int64_t version = -1;
    struct pn_delta_file add = delta_file(path, 1);
    add.stats = "{\"numRecords\":1}";
    const struct pn_delta_txn txn = {.app_id = n % 3 == 0 ? "a" : "b", .version = n};
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .adds = &add,
                                           .add_count = 1,
                                           .txns = &txn,
                                           .txn_count = 1};
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
}

static void change(struct delta_fixture *fixture, int n)
{
    char path[32];
    snprintf(path, sizeof path, "%03d.parquet", (n * 37) % 500);
    pn_fake_clock_advance(&fixture->clock, 1000);
    if (n % 11 == 10) {
        delta_overwrite(fixture, path, 1);
    } else if (n % 4 == 3) {
        rewrite_one(fixture, path);
    } else {
        append_with_txn(fixture, path, n + 1);
    }
}

static void test_after_each_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_snapshot *near = NULL;
    struct pn_delta_snapshot *far = NULL;
    delta_append(fixture, "first.parquet", 1);
    assert_int_equal(pn_delta_load(fixture->table, -1, true, &near, NULL), 0);
    assert_int_equal(pn_delta_load(fixture->table, -1, true, &far, NULL), 0);
    for (int n = 0; n < 120; n++) {
        change(fixture, n);
        assert_up_to_date(fixture, &near);
        if (n % 17 == 16) {
            assert_up_to_date(fixture, &far);
        }
    }
    assert_up_to_date(fixture, &near); /* nothing came */
    pn_delta_snapshot_destroy(&near);
    pn_delta_snapshot_destroy(&far);
}

/* The commit that the state stands on is gone, and those after it: all is read again. */
static void test_after_the_log_was_cut(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_snapshot *snapshot = NULL;
    delta_append(fixture, "first.parquet", 1);
    assert_int_equal(pn_delta_load(fixture->table, -1, true, &snapshot, NULL), 0);
    for (int n = 0; n < 20; n++) {
        change(fixture, n);
    }
    for (int version = 0; version < 10; version++) {
        char name[64];
        snprintf(name, sizeof name, "%020d.json", version);
        delta_remove(fixture, name);
    }
    assert_up_to_date(fixture, &snapshot);
    pn_delta_snapshot_destroy(&snapshot);
}

/* --- a log that is cut while it is read ------------------------------------------------------- */

enum { CUT = 20 };
static struct delta_fixture *cutting; /* whose log is cut below CUT, ... */
static const char *cut_at;            /* ... when this of its files is opened */

static int cutting_open(const struct pn_io *io, const char *path, int flags, mode_t mode)
{
    if (cut_at != NULL && strstr(path, cut_at) != NULL) {
        cut_at = NULL;
        for (int version = 0; version < CUT; version++) {
            char name[64];
            snprintf(name, sizeof name, "%020d.json", version);
            delta_remove(cutting, name);
        }
    }
    return pn_io_system()->ops->open(io, path, flags, mode);
}

/* Commits that went while they were to be read don't make a table that was never there. */
static void test_a_log_that_is_cut_while_it_is_read(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "000.parquet", 1);
    struct pn_delta *other = delta_fixture_open(fixture);
    struct pn_delta *mine = fixture->table;
    int64_t version = 0;
    assert_int_equal(pn_delta_txn_latest(mine, "new", &version, NULL), 0);
    fixture->table = other;
    for (int i = 1; i <= CUT; i++) {
        char path[32];
        snprintf(path, sizeof path, "%03d.parquet", i);
        append_with_txn(fixture, path, i);
    }
    assert_int_equal(pn_delta_checkpoint(other, NULL), 0);
    fixture->table = mine;
    cutting = fixture;
    cut_at = "00000000000000000010.json";
    fixture->ops.open = cutting_open;
    const struct pn_delta_txn txn = {.app_id = "new", .version = 1};
    const int64_t before = -1;
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .txns = &txn,
                                           .txn_count = 1,
                                           .txns_before = &before};
    assert_int_equal(pn_delta_commit(mine, &commit, &version, NULL), 0);
    assert_null(cut_at);
    assert_int_equal(version, CUT + 1);
    pn_delta_destroy(&other);
}

/* What happens to the table just before a commit's file gets its name; once. */
static void (*before_link)(struct delta_fixture *fixture);

static int late_link(const struct pn_io *io, const char *from, const char *to)
{
    void (*happens)(struct delta_fixture * fixture) = before_link;
    if (happens != NULL && strstr(to, "/_delta_log/") != NULL) {
        before_link = NULL;
        happens(cutting);
        char *folder = pn_xasprintf("%s/t", cutting->folder);
        char *log = pn_xasprintf("%s/_delta_log", folder);
        (void)pn_io_system()->ops->mkdir(io, folder, 0755); /* as the store had made sure of */
        (void)pn_io_system()->ops->mkdir(io, log, 0755);
        free(folder);
        free(log);
    }
    return pn_io_system()->ops->link(io, from, to);
}

static void be_late(struct delta_fixture *fixture, void (*happens)(struct delta_fixture *fixture))
{
    cutting = fixture;
    before_link = happens;
    fixture->ops.link = late_link;
}

/* The commit doesn't count, and the next one is what it should be. */
static void commit_twice(struct delta_fixture *fixture, int64_t expected)
{
    struct pn_delta_file add = delta_file("late.parquet", 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &add,
                                           .add_count = 1};
    int64_t version = -1;
    struct pn_err e = {.msg = ""};
    assert_int_not_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "nothing was committed"));
    add = delta_file("late.parquet", 1); /* written again */
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
    assert_int_equal(version, expected);
}

static void move_away(struct delta_fixture *fixture)
{
    char *from = pn_xasprintf("%s/t", fixture->folder);
    char *to = pn_xasprintf("%s/moved", fixture->folder);
    assert_int_equal(pn_io_rename(pn_io_system(), from, to, NULL), 0);
    free(from);
    free(to);
}

static void test_a_table_that_is_taken_away_before_a_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof path, "%03d.parquet", i);
        delta_append(fixture, path, 1);
    }
    be_late(fixture, move_away);
    commit_twice(fixture, 0);
    delta_assert_live(fixture->table, -1, "late.parquet");
}

static void go_on_and_cut(struct delta_fixture *fixture)
{
    struct pn_delta *mine = fixture->table;
    fixture->table = delta_fixture_open(fixture);
    for (int i = 1; i <= CUT; i++) {
        char path[32];
        snprintf(path, sizeof path, "%03d.parquet", i);
        append_with_txn(fixture, path, i);
    }
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    for (int version = 0; version < CUT; version++) {
        char name[64];
        snprintf(name, sizeof name, "%020d.json", version);
        delta_remove(fixture, name);
    }
    pn_delta_destroy(&fixture->table);
    fixture->table = mine;
}

/* The same for who was about to make the table. */
static void make_and_cut(struct delta_fixture *fixture)
{
    struct pn_delta *mine = fixture->table;
    fixture->table = delta_fixture_open(fixture);
    delta_append(fixture, "000.parquet", 1);
    go_on_and_cut(fixture);
    pn_delta_destroy(&fixture->table);
    fixture->table = mine;
}

static void test_a_table_that_others_made_long_ago(void **state)
{
    struct delta_fixture *fixture = *state;
    be_late(fixture, make_and_cut);
    commit_twice(fixture, CUT + 1);
    assert_false(delta_exists(fixture, "00000000000000000000.json"));
}

/* A writer that slept finds its version free: it was taken, and has been cleaned away since. */
static void test_a_version_that_was_taken_and_cleaned_away(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "000.parquet", 1);
    be_late(fixture, go_on_and_cut);
    commit_twice(fixture, CUT + 1);
    assert_false(delta_exists(fixture, "00000000000000000001.json"));
}

/* Others may clean up to the newest checkpoint's own commit: the next one is where it should be. */
static void test_behind_a_checkpoint_alone(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "000.parquet", 1);
    delta_append(fixture, "001.parquet", 1);
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    delta_remove(fixture, "00000000000000000000.json");
    delta_remove(fixture, "00000000000000000001.json");
    delta_append(fixture, "002.parquet", 1);
    assert_true(delta_exists(fixture, "00000000000000000002.json"));
    delta_assert_live(fixture->table, -1, "000.parquet,001.parquet,002.parquet");
}

static void test_a_table_that_is_no_more(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {.msg = ""};
    delta_append(fixture, "first.parquet", 1);
    assert_int_equal(pn_delta_load(fixture->table, -1, true, &snapshot, NULL), 0);
    char *folder = pn_xasprintf("%s/t", fixture->folder);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
    free(folder);
    assert_int_not_equal(pn_delta_load_newer(fixture->table, &snapshot, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_null(snapshot);
}

/* A snapshot that is refreshed after each of many commits is the whole one, and its memory has an
 * end. */
static void test_a_refresh_after_each_of_many_commits(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {.msg = ""};
    size_t most = 0;
    assert_int_not_equal(pn_delta_refresh(fixture->table, &snapshot, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_null(snapshot);
    char *stats = pn_xcalloc(1, STATS_BYTES + 1);
    memset(stats, ' ', STATS_BYTES);
    memcpy(stats, "{\"numRecords\":1}", strlen("{\"numRecords\":1}"));
    delta_append(fixture, "only.parquet", 1);
    for (int64_t version = 1; version < 60; version++) {
        const struct pn_delta_file add = {
            .path = "only.parquet", .size_bytes = version, .num_records = 1, .stats = stats};
        const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                               .operation = "WRITE",
                                               .schema = DELTA_SCHEMA,
                                               .adds = &add,
                                               .add_count = 1};
        int64_t made = -1;
        if (pn_delta_commit(fixture->table, &commit, &made, &e) != 0) {
            fail_msg("%s", e.msg);
        }
        assert_int_equal(pn_delta_refresh(fixture->table, &snapshot, NULL), 0);
        assert_int_equal(snapshot->version, version);
        assert_int_equal(snapshot->file_count, 1);
        assert_int_equal(snapshot->files[0].size_bytes, version);
        most = snapshot->arena.total_bytes > most ? snapshot->arena.total_bytes : most;
        const struct pn_delta_snapshot *same = snapshot;
        assert_int_equal(pn_delta_refresh(fixture->table, &snapshot, NULL), 0);
        assert_int_equal(snapshot->version, version);
        assert_true(same == snapshot || most > 16 << 20);
    }
    assert_true(most < 32 << 20);
    free(stats);
    pn_delta_snapshot_destroy(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_refresh_after_each_of_many_commits, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_after_each_commit, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_after_the_log_was_cut, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_log_that_is_cut_while_it_is_read, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_that_is_taken_away_before_a_commit,
                                        delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_that_others_made_long_ago, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_version_that_was_taken_and_cleaned_away,
                                        delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_behind_a_checkpoint_alone, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_that_is_no_more, delta_set_up,
                                        delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
