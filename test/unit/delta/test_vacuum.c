/*
 * Vacuum: which files go, whatever the log calls them, whatever the clock says, and beside commits.
 */
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
#include "store/local/local.h"
#include "support/delta_fixture.h"

#define DAY_MS ((int64_t)86400000)

struct swept {
    struct pn_buf names;
    int64_t bytes;
    int looks;
    int looks_max; /* then it ends */
};

enum { ENDED = 77 };

static int look(void *arg)
{
    struct swept *swept = arg;
    return ++swept->looks > swept->looks_max ? ENDED : 0;
}

static int note(void *arg, const char *path, int64_t size_bytes)
{
    struct swept *swept = arg;
    pn_buf_addf(&swept->names, "%s%s", swept->names.len > 0 ? "," : "", path);
    swept->bytes += size_bytes;
    return 0;
}

static void put_data(const struct delta_fixture *fixture, const char *name, int64_t modified_ms)
{
    char *relative = pn_xasprintf("../%s", name);
    delta_write_text(fixture, relative, "12345");
    delta_touch(fixture, relative, modified_ms);
    free(relative);
}

static bool has_data(const struct delta_fixture *fixture, const char *name)
{
    char *relative = pn_xasprintf("../%s", name);
    bool there = delta_exists(fixture, relative);
    free(relative);
    return there;
}

static void vacuum(struct delta_fixture *fixture, int64_t retention_ms, bool dry_run,
                   const char *expected)
{
    struct swept swept = {0};
    pn_buf_init(&swept.names, 1 << 20);
    struct pn_err e = {0};
    if (pn_delta_vacuum(fixture->table, retention_ms, dry_run, note, NULL, &swept, &e) != 0) {
        fail_msg("vacuum: %s", e.msg);
    }
    assert_string_equal(pn_buf_text(&swept.names), expected);
    assert_int_equal(swept.bytes % 5, 0);
    pn_buf_deinit(&swept.names);
}

static void test_vacuum_takes_what_no_kept_version_needs(void **state)
{
    struct delta_fixture *fixture = *state;
    int64_t old_ms = DELTA_TIME_MS - 30 * DAY_MS;
    static const char *const files[] = {
        "live one.parquet", "gone.parquet",           "gone-lately.parquet",
        "never.parquet",    "p=1/never.parquet",      "_hidden.parquet",
        ".hidden.parquet",  "_change_data/c.parquet", "p=1/_x/y.parquet"};
    delta_append(fixture, "gone.parquet", 1);
    pn_fake_clock_advance(&fixture->clock, -10 * DAY_MS);
    delta_overwrite(fixture, "gone-lately.parquet", 1);
    pn_fake_clock_advance(&fixture->clock, 10 * DAY_MS);
    delta_overwrite(fixture, "live one.parquet", 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        put_data(fixture, files[i], old_ms);
    }
    put_data(fixture, "young.parquet", DELTA_TIME_MS - 1 * DAY_MS);
    pn_fake_clock_advance(&fixture->clock, DAY_MS);

    static const char expected[] = "gone.parquet,never.parquet,p=1/never.parquet";
    vacuum(fixture, 7 * DAY_MS, true, expected);
    assert_true(has_data(fixture, "gone.parquet"));
    vacuum(fixture, 7 * DAY_MS, false, expected);
    assert_false(has_data(fixture, "gone.parquet"));
    assert_false(has_data(fixture, "p=1/never.parquet"));
    vacuum(fixture, 7 * DAY_MS, false, "");
    assert_true(has_data(fixture, "gone-lately.parquet"));
    assert_true(has_data(fixture, "young.parquet"));
    vacuum(fixture, 0, false, "gone-lately.parquet,young.parquet");
    assert_true(has_data(fixture, "live one.parquet"));
    assert_true(has_data(fixture, "_hidden.parquet"));
    assert_true(has_data(fixture, ".hidden.parquet"));
    assert_true(has_data(fixture, "_change_data/c.parquet"));
    assert_true(has_data(fixture, "p=1/_x/y.parquet"));
    delta_assert_live(fixture->table, -1, "live one.parquet");
}

/* Whatever the table says, what left it, or is about to come into it, stays a minute. */
static void test_a_minute_is_kept_at_least(void **state)
{
    struct delta_fixture *fixture = *state;
    fixture->config.tombstone_retention_ms = 0;
    delta_fixture_reopen(fixture);
    delta_append(fixture, "gone.parquet", 1);
    delta_overwrite(fixture, "live.parquet", 1);
    put_data(fixture, "gone.parquet", DELTA_TIME_MS - DAY_MS);
    pn_fake_clock_advance(&fixture->clock, 1000);
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    int64_t retention_ms = pn_delta_retention_ms(fixture->table, snapshot);
    assert_int_equal(snapshot->removed_count, 1);
    pn_delta_snapshot_destroy(&snapshot);
    vacuum(fixture, retention_ms, false, "");
    pn_fake_clock_advance(&fixture->clock, 60000);
    vacuum(fixture, retention_ms, false, "gone.parquet");
}

/* One action of another writer's commit, in which %s is the table's folder. */
static void commit_text(struct delta_fixture *fixture, int version, const char *format)
{
    char name[64];
    snprintf(name, sizeof name, "%020d.json", version);
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    for (const char *at = format; *at != '\0'; at++) {
        if (strncmp(at, "%s", 2) == 0) {
            pn_buf_addf(&text, "%s/t", fixture->folder);
            at++;
        } else {
            pn_buf_addc(&text, *at);
        }
    }
    delta_write_text(fixture, name, pn_buf_text(&text));
    pn_buf_deinit(&text);
}

/* However another writer spells the path of a live file: it stays, and it is read as one file. */
static void test_vacuum_knows_a_file_by_every_path(void **state)
{
    static const char *const paths[] = {
        "live.parquet",
        "./live.parquet",
        ".//live.parquet",
        "sub/../live.parquet",
        "sub/.././live.parquet",
        "../t/live.parquet",
        "l%69ve.parquet",
        "%s/live.parquet",
        "%s//live.parquet",
        "%s/../t/live.parquet",
        "file:%s/live.parquet",
        "file://%s/live.parquet",
        "file://localhost%s/live.parquet",
        "FILE://%s/sub/../live.parquet",
        "file://%s/l%69ve.parquet",
        "%s-link/live.parquet",
        "file://%s-link/live.parquet",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct delta_fixture *fixture = *state;
        delta_append(fixture, "other.parquet", 1);
        put_data(fixture, "live.parquet", 1000);
        char *folder = pn_xasprintf("%s/t", fixture->folder);
        char *link = pn_xasprintf("%s-link", folder);
        assert_int_equal(symlink(folder, link), 0);
        free(link);
        free(folder);
        char *add = pn_xasprintf("{\"add\":{\"path\":\"%s\",\"partitionValues\":{},\"size\":5,"
                                 "\"dataChange\":true}}\n"
                                 "{\"remove\":{\"path\":\"other.parquet\",\"dataChange\":true,"
                                 "\"deletionTimestamp\":1}}\n",
                                 paths[i]);
        commit_text(fixture, 1, add);
        free(add);
        delta_touch(fixture, "../other.parquet", 1000);
        vacuum(fixture, 7 * DAY_MS, false, "other.parquet");
        assert_true(has_data(fixture, "live.parquet"));
        delta_fixture_deinit(fixture);
        delta_fixture_init(fixture);
    }
}

/* The store's folder may be reached by a name of its own, too. */
static void test_vacuum_by_another_name_of_the_store(void **state)
{
    struct delta_fixture *fixture = *state;
    static const char *const names[] = {"%s/", "%s/./", "%s/t/..", "%s-link"};
    delta_append(fixture, "x.parquet", 1);
    commit_text(fixture, 1,
                "{\"add\":{\"path\":\"file://%s/live.parquet\",\"partitionValues\":{},"
                "\"size\":5,\"dataChange\":true}}\n");
    put_data(fixture, "live.parquet", 1000);
    char *link = pn_xasprintf("%s-link", fixture->folder);
    assert_int_equal(symlink(fixture->folder, link), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *folder = pn_xasprintf("%s%s", fixture->folder, names[i] + 2);
        struct pn_store *store = NULL;
        assert_int_equal(pn_local_store_open(folder, pn_io_system(), &store, NULL), 0);
        struct pn_delta *table =
            pn_delta_create(store, "t", NULL, &fixture->clock.clock, NULL, &fixture->config);
        struct swept swept = {0};
        pn_buf_init(&swept.names, 1 << 20);
        assert_int_equal(pn_delta_vacuum(table, 7 * DAY_MS, false, note, NULL, &swept, NULL), 0);
        assert_string_equal(pn_buf_text(&swept.names), "");
        pn_buf_deinit(&swept.names);
        pn_delta_destroy(&table);
        pn_store_destroy(&store);
        free(folder);
    }
    assert_true(has_data(fixture, "live.parquet"));
    assert_int_equal(unlink(link), 0);
    free(link);
}

static void assert_refused(struct delta_fixture *fixture, enum pn_class class_, const char *part)
{
    struct pn_err e = {0};
    put_data(fixture, "garbage.parquet", 1000);
    assert_int_not_equal(pn_delta_vacuum(fixture->table, 7 * DAY_MS, false, note, NULL, NULL, &e),
                         0);
    assert_int_equal(e.class_, class_);
    if (strstr(e.msg, part) == NULL) {
        fail_msg("'%s' is not in: %s", part, e.msg);
    }
    assert_true(has_data(fixture, "garbage.parquet"));
}

/* A path that leads nowhere may be one that is not understood here: then nothing is deleted. */
static void test_vacuum_refuses_where_a_live_file_is_not_found(void **state)
{
    static const struct {
        const char *path;
        enum pn_class class_;
    } paths[] = {{"gone.parquet", PN_CLASS_CORRUPT},
                 {"../elsewhere/gone.parquet", PN_CLASS_CORRUPT},
                 {"../../../gone.parquet", PN_CLASS_CORRUPT},
                 {"/elsewhere/gone.parquet", PN_CLASS_CORRUPT},
                 {"s3://bucket/t/x.parquet", PN_CLASS_INPUT},
                 {"file://elsewhere/t/x.parquet", PN_CLASS_INPUT}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct delta_fixture *fixture = *state;
        delta_append(fixture, "x.parquet", 1);
        char *add = pn_xasprintf("{\"add\":{\"path\":\"%s\",\"partitionValues\":{},\"size\":5,"
                                 "\"dataChange\":true}}\n",
                                 paths[i].path);
        commit_text(fixture, 1, add);
        assert_refused(fixture, paths[i].class_, paths[i].path);
        free(add);
        delta_fixture_deinit(fixture);
        delta_fixture_init(fixture);
    }
}

/* A removed file that is gone already is as it should be. */
static void test_vacuum_after_another_ones(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "gone.parquet", 1);
    delta_overwrite(fixture, "live.parquet", 1);
    delta_remove(fixture, "../gone.parquet");
    vacuum(fixture, 7 * DAY_MS, false, "");
}

/* The files of deletion vectors are named by a UUID in Z85, or by a path. */
static void test_vacuum_keeps_deletion_vectors(void **state)
{
    struct delta_fixture *fixture = *state;
    static const char *const vectors[] = {
        "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
        "deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin", "other.bin", "never.bin"};
    delta_append(fixture, "a.parquet", 1);
    delta_append(fixture, "b.parquet", 1);
    delta_append(fixture, "c.parquet", 1);
    commit_text(fixture, 3,
                "{\"remove\":{\"path\":\"a.parquet\",\"dataChange\":true}}\n"
                "{\"remove\":{\"path\":\"b.parquet\",\"dataChange\":true}}\n"
                "{\"remove\":{\"path\":\"c.parquet\",\"dataChange\":true}}\n"
                "{\"add\":{\"path\":\"a.parquet\",\"partitionValues\":{},\"size\":5,\"dataChange\":"
                "true,\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":"
                "\"ab^-aqEH.-t@S}K{vb[*k^\",\"offset\":4,\"sizeInBytes\":40,\"cardinality\":6}}}\n"
                "{\"add\":{\"path\":\"b.parquet\",\"partitionValues\":{},\"size\":5,\"dataChange\":"
                "true,\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":"
                "\"^-aqEH.-t@S}K{vb[*k^\",\"offset\":4,\"sizeInBytes\":40,\"cardinality\":6}}}\n"
                "{\"add\":{\"path\":\"c.parquet\",\"partitionValues\":{},\"size\":5,\"dataChange\":"
                "true,\"deletionVector\":{\"storageType\":\"p\",\"pathOrInlineDv\":"
                "\"file://%s/other.bin\",\"offset\":4,\"sizeInBytes\":40,\"cardinality\":6}}}\n");
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        put_data(fixture, vectors[i], 1000);
    }
    vacuum(fixture, 7 * DAY_MS, false, "never.bin");
    delta_remove(fixture, "../other.bin");
    assert_refused(fixture, PN_CLASS_CORRUPT, "other.bin");
}

/* Two spellings of one path are one file, as for Spark; the last action counts. */
static void test_detours_in_a_replay(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    commit_text(fixture, 1,
                "{\"add\":{\"path\":\"file://%s//b.parquet\",\"partitionValues\":{},\"size\":5,"
                "\"dataChange\":true}}\n"
                "{\"add\":{\"path\":\"x/.././c.parquet\",\"partitionValues\":{},\"size\":5,"
                "\"dataChange\":true}}\n");
    commit_text(fixture, 2,
                "{\"remove\":{\"path\":\"./a.parquet\",\"dataChange\":true}}\n"
                "{\"remove\":{\"path\":\"%s/b.parquet\",\"dataChange\":true}}\n");
    delta_assert_live(fixture->table, -1, "c.parquet");
}

/* --- vacuum beside commits ------------------------------------------------------------------- */

/* What this process is about to commit stays, whatever its age. */
static void test_vacuum_spares_what_is_pending(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "live.parquet", 1);
    put_data(fixture, "pending.parquet", 1000);
    pn_delta_pending_add("t/pending.parquet");
    pn_delta_pending_add("t/other.parquet");
    vacuum(fixture, 0, false, "");
    pn_delta_pending_remove("t/pending.parquet");
    vacuum(fixture, 0, false, "pending.parquet");
    pn_delta_pending_remove("t/other.parquet");
}

/* A clock that was set forward makes every file look old; but what is no older than the newest
 * commit may be in the next one. */
static void test_vacuum_spares_what_may_be_the_next_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "live.parquet", 1);
    put_data(fixture, "young.parquet", DELTA_TIME_MS + 5000);
    put_data(fixture, "old.parquet", DELTA_TIME_MS + 4999);
    delta_touch(fixture, "00000000000000000000.json", DELTA_TIME_MS + 5000);
    pn_fake_clock_advance(&fixture->clock, 30 * DAY_MS);
    vacuum(fixture, 7 * DAY_MS, false, "old.parquet");
    vacuum(fixture, 0, false, "young.parquet"); /* by force */
}

/* The folder's clock may be behind ours (a file server's): a file is as old as it says. */
static void test_vacuum_goes_by_the_folders_clock(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "live.parquet", 1);
    int64_t now_ms = 0;
    assert_int_equal(pn_store_now(fixture->store, &now_ms, NULL), 0);
    fixture->clock.wall_ms = now_ms + 10 * DAY_MS;
    put_data(fixture, "new.parquet", now_ms - 1000);
    put_data(fixture, "old.parquet", now_ms - 8 * DAY_MS);
    vacuum(fixture, 7 * DAY_MS, false, "old.parquet");
}

static size_t vacuum_again(struct delta_fixture *fixture, const char *expected)
{
    struct swept swept = {0};
    size_t waiting = 0;
    pn_buf_init(&swept.names, 1 << 20);
    struct pn_err e = {0};
    if (pn_delta_vacuum_again(fixture->table, 100000, note, &swept, &waiting, &e) != 0) {
        fail_msg("vacuum: %s", e.msg);
    }
    assert_string_equal(pn_buf_text(&swept.names), expected);
    pn_buf_deinit(&swept.names);
    return waiting;
}

/* Who vacuums again and again goes by what it saw: a step of the clock by years changes nothing. */
static void test_a_set_clock_takes_no_file(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "gone.parquet", 1);
    delta_overwrite(fixture, "live.parquet", 1);
    put_data(fixture, "gone.parquet", 1000);
    put_data(fixture, "never.parquet", 1000);
    assert_int_equal(vacuum_again(fixture, ""), 2);
    fixture->clock.wall_ms += 100 * DAY_MS;
    assert_int_equal(vacuum_again(fixture, ""), 2);
    fixture->clock.mono_ns += INT64_C(99999) * 1000000;
    assert_int_equal(vacuum_again(fixture, ""), 2);
    fixture->clock.mono_ns += 1000000;
    assert_int_equal(vacuum_again(fixture, "gone.parquet,never.parquet"), 2);
    assert_int_equal(vacuum_again(fixture, ""), 0);
    assert_true(has_data(fixture, "live.parquet"));
}

static void test_vacuum_needs_a_table(void **state)
{
    struct delta_fixture *fixture = *state;
    put_data(fixture, "x.parquet", 1000);
    struct pn_err e = {0};
    assert_int_not_equal(pn_delta_vacuum(fixture->table, 0, false, note, NULL, NULL, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_true(has_data(fixture, "x.parquet"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, delta_set_up, delta_tear_down)

/* It ends at the step at which `look` says so, without an error of its own, and deletes nothing
 * before the last step. There is a step for each file that is listed or examined. */
static void test_vacuum_ends_soon(void **state)
{
    struct delta_fixture *fixture = *state;
    enum { FILES = 8 };
    for (int i = 0; i < FILES; i++) {
        char *name = pn_xasprintf("%d.parquet", i);
        delta_append(fixture, name, 1);
        put_data(fixture, name, DELTA_TIME_MS - 30 * DAY_MS);
        free(name);
    }
    put_data(fixture, "never.parquet", DELTA_TIME_MS - 30 * DAY_MS);
    struct swept swept = {.looks_max = INT32_MAX};
    pn_buf_init(&swept.names, 1 << 20);
    assert_int_equal(pn_delta_vacuum(fixture->table, 7 * DAY_MS, true, note, look, &swept, NULL),
                     0);
    assert_string_equal(pn_buf_text(&swept.names), "never.parquet");
    int steps = swept.looks;
    assert_true(steps >= FILES + 1 + FILES + 1);
    pn_buf_reset(&swept.names);
    for (int i = 0; i < steps; i++) {
        struct pn_err failure = {.class_ = PN_CLASS_NONE};
        swept.looks = 0;
        swept.looks_max = i;
        assert_int_equal(
            pn_delta_vacuum(fixture->table, 7 * DAY_MS, false, note, look, &swept, &failure),
            ENDED);
        assert_int_equal(failure.class_, PN_CLASS_NONE);
        assert_int_equal(swept.looks, i + 1);
        assert_string_equal(pn_buf_text(&swept.names), "");
        assert_true(has_data(fixture, "never.parquet"));
    }
    pn_buf_deinit(&swept.names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_vacuum_takes_what_no_kept_version_needs),
        TEST(test_a_minute_is_kept_at_least),
        TEST(test_vacuum_ends_soon),
        TEST(test_vacuum_knows_a_file_by_every_path),
        TEST(test_vacuum_by_another_name_of_the_store),
        TEST(test_vacuum_refuses_where_a_live_file_is_not_found),
        TEST(test_vacuum_after_another_ones),
        TEST(test_vacuum_keeps_deletion_vectors),
        TEST(test_detours_in_a_replay),
        TEST(test_vacuum_spares_what_is_pending),
        TEST(test_vacuum_spares_what_may_be_the_next_commit),
        TEST(test_vacuum_goes_by_the_folders_clock),
        TEST(test_a_set_clock_takes_no_file),
        TEST(test_vacuum_needs_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
