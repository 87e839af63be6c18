/*
 * Checkpoints as they are written, cleaning the log, the plan of an optimize, history.
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
#include "delta/internal.h"
#include "support/delta_fixture.h"

#define DAY_MS ((int64_t)86400000)

static void append_many(struct delta_fixture *fixture, int count)
{
    for (int i = 0; i < count; i++) {
        char path[32];
        snprintf(path, sizeof path, "%03d.parquet", i);
        delta_append(fixture, path, 1);
    }
}

static bool has_version(const struct delta_fixture *fixture, int version, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%020d.%s", version, suffix);
    return delta_exists(fixture, name);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

static void test_a_checkpoint_holds_the_state(void **state)
{
    struct delta_fixture *fixture = *state;
    const struct pn_delta_txn txn = {.app_id = "p-0", .version = 7, .updated_ms = 5};
    struct pn_delta_file file = delta_file("a b.parquet", 1);
    file.stats = "{\"numRecords\":1}";
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1,
                                           .txns = &txn,
                                           .txn_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    delta_overwrite(fixture, "b.parquet", 2); /* its tombstone is 8 days old below: expired */
    pn_fake_clock_advance(&fixture->clock, 8 * DAY_MS);
    delta_overwrite(fixture, "c.parquet", 3);
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);

    char *text = delta_read(fixture, "00000000000000000002.checkpoint.parquet", NULL);
    const char *lines = strchr(text, '\n') + 1;
    const char *metadata = strstr(lines, "{\"metaData\":");
    assert_int_equal(strncmp(lines,
                             "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n",
                             (size_t)(metadata - lines)),
                     0);
    assert_string_equal(
        strchr(metadata, '\n') + 1,
        "{\"txn\":{\"appId\":\"p-0\",\"version\":7,\"lastUpdated\":5}}\n"
        "{\"remove\":{\"path\":\"b.parquet\",\"deletionTimestamp\":1767916800000,\"dataChange\":"
        "true,\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":200}}\n"
        "{\"add\":{\"path\":\"c.parquet\",\"partitionValues\":{},\"size\":300,"
        "\"modificationTime\":1767225600000,\"dataChange\":false}}\n");
    free(text);
    /* The checksum is what md5sum gives for "numOfAddFiles"=1,"size"=5,"sizeInBytes"=748,
     * "version"=2 (with the quotes), the canonical form of the rest. */
    text = delta_read(fixture, "_last_checkpoint", NULL);
    assert_string_equal(text, "{\"version\":2,\"size\":5,\"sizeInBytes\":748,\"numOfAddFiles\":1,"
                              "\"checksum\":\"589ec8931a68a76fbce70ad22968fa98\"}");
    free(text);
    delta_remove(fixture, "00000000000000000000.json");
    delta_remove(fixture, "00000000000000000001.json");
    delta_fixture_reopen(fixture);
    delta_assert_live(fixture->table, -1, "c.parquet");
    assert_int_equal(delta_append(fixture, "d.parquet", 1), 3);
}

static void test_sums_of_files_that_hadoop_wrote_go_with_them(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a", 1);
    delta_write_text(fixture, "_last_checkpoint", "{\"version\":0,\"size\":1}");
    delta_write_text(fixture, "._last_checkpoint.crc", "crc");
    delta_write_text(fixture, ".00000000000000000000.checkpoint.parquet.crc", "crc");
    delta_write_text(fixture, ".00000000000000000000.json.crc", "crc");
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    assert_false(delta_exists(fixture, "._last_checkpoint.crc"));
    assert_false(delta_exists(fixture, ".00000000000000000000.checkpoint.parquet.crc"));
    assert_true(delta_exists(fixture, ".00000000000000000000.json.crc"));
}

static void test_every_tenth_commit_gets_a_checkpoint(void **state)
{
    struct delta_fixture *fixture = *state;
    append_many(fixture, 22);
    for (int version = 0; version < 22; version++) {
        assert_int_equal(has_version(fixture, version, "checkpoint.parquet"),
                         version == 10 || version == 20);
        assert_true(has_version(fixture, version, "json"));
    }
    char *hint = delta_read(fixture, "_last_checkpoint", NULL);
    assert_non_null(strstr(hint, "{\"version\":20,"));
    free(hint);
}

static void test_a_hint_never_goes_back(void **state)
{
    struct delta_fixture *fixture = *state;
    append_many(fixture, 3);
    delta_write_text(fixture, "_last_checkpoint", "{\"version\":30,\"size\":1}");
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    char *hint = delta_read(fixture, "_last_checkpoint", NULL);
    assert_string_equal(hint, "{\"version\":30,\"size\":1}");
    free(hint);
}

static void test_the_tables_own_interval(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "x.parquet", 1);
    char *text = delta_read(fixture, "00000000000000000000.json", NULL);
    char *metadata = strstr(text, "{\"metaData\"");
    char *end = strchr(metadata, '\n');
    char *at = strstr(metadata, "\"configuration\":{}");
    char *changed = pn_xasprintf("%.*s\"configuration\":{\"delta.checkpointInterval\":\"3\"}%.*s\n",
                                 (int)(at - metadata), metadata, (int)(end - at - 18), at + 18);
    delta_write_text(fixture, "00000000000000000001.json", changed);
    free(changed);
    free(text);
    append_many(fixture, 5);
    assert_true(has_version(fixture, 3, "checkpoint.parquet"));
    assert_true(has_version(fixture, 6, "checkpoint.parquet"));
    assert_false(has_version(fixture, 4, "checkpoint.parquet"));
}

static void test_intervals_as_tables_have_them(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(pn_delta_interval_parse("interval 30 days", &ms));
    assert_int_equal(ms, 30 * DAY_MS);
    assert_true(pn_delta_interval_parse("INTERVAL 1 WEEK", &ms));
    assert_int_equal(ms, 7 * DAY_MS);
    assert_true(pn_delta_interval_parse("168 hours", &ms));
    assert_int_equal(ms, 7 * DAY_MS);
    static const char *const others[] = {
        "",      "interval",        "days", "interval 1 month", "1 day 2 hours", "-1 days",
        "1days", "99999999999 days"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(pn_delta_interval_parse(others[i], &ms));
    }
}

/* --- cleaning -------------------------------------------------------------------------------- */

static void test_old_log_files_go_and_the_kept_checkpoint_stays_whole(void **state)
{
    struct delta_fixture *fixture = *state;
    append_many(fixture, 20);
    /* Seen from day 40, versions 0 to 14 are older than the retention of 30 days. */
    int64_t now_ms = DELTA_TIME_MS + 40 * DAY_MS;
    for (int version = 0; version < 20; version++) {
        char name[64];
        snprintf(name, sizeof name, "%020d.json", version);
        delta_touch(fixture, name, DELTA_TIME_MS + (version < 15 ? 0 : 39) * DAY_MS + version);
    }
    delta_write_text(fixture, "00000000000000000004.crc", "{}");
    delta_write_text(fixture, "00000000000000000001.00000000000000000003.compacted.json", "");
    delta_write_text(fixture, "unknown.txt", "kept");
    fixture->clock.wall_ms = now_ms;
    delta_append(fixture, "last.parquet", 1); /* version 20: a checkpoint, and the cleaning */
    for (int version = 0; version <= 20; version++) {
        assert_int_equal(has_version(fixture, version, "json"), version >= 10);
    }
    assert_true(has_version(fixture, 10, "checkpoint.parquet"));
    assert_true(has_version(fixture, 20, "checkpoint.parquet"));
    assert_false(delta_exists(fixture, "00000000000000000004.crc"));
    assert_false(delta_exists(fixture, "00000000000000000001.00000000000000000003.compacted.json"));
    assert_true(delta_exists(fixture, "unknown.txt"));
    for (int version = 10; version <= 20; version++) {
        struct pn_delta_snapshot *snapshot = NULL;
        assert_int_equal(pn_delta_snapshot(fixture->table, version, &snapshot, NULL), 0);
        assert_int_equal(snapshot->file_count, version + 1);
        pn_delta_snapshot_destroy(&snapshot);
    }
}

/* A stream's table keeps minutes of its log: these are not rounded to days. */
static void test_a_short_retention_is_kept_to_the_minute(void **state)
{
    struct delta_fixture *fixture = *state;
    const int64_t minute_ms = 60000;
    fixture->config.log_retention_ms = 10 * minute_ms;
    delta_fixture_reopen(fixture);
    append_many(fixture, 20);
    int64_t now_ms = DELTA_TIME_MS + 13 * DAY_MS / 24;
    for (int version = 0; version < 20; version++) {
        char name[64];
        snprintf(name, sizeof name, "%020d.json", version);
        delta_touch(fixture, name, now_ms - (version < 12 ? 11 : 9) * minute_ms + version);
    }
    fixture->clock.wall_ms = now_ms;
    delta_append(fixture, "last.parquet", 1);
    for (int version = 0; version <= 20; version++) {
        assert_int_equal(has_version(fixture, version, "json"), version >= 10);
    }
}

/* Another writer may be about to write the version that was just taken from it. */
static void test_a_young_commit_stays_whatever_the_retention(void **state)
{
    struct delta_fixture *fixture = *state;
    fixture->config.log_retention_ms = 0;
    delta_fixture_reopen(fixture);
    append_many(fixture, 20);
    for (int version = 0; version < 20; version++) {
        char name[64];
        snprintf(name, sizeof name, "%020d.json", version);
        delta_touch(fixture, name, DELTA_TIME_MS + version);
    }
    fixture->clock.wall_ms = DELTA_TIME_MS + 59000;
    assert_int_equal(pn_delta_clean(fixture->table, NULL), 0);
    assert_true(has_version(fixture, 0, "json"));
    fixture->clock.wall_ms = DELTA_TIME_MS + 61000;
    assert_int_equal(pn_delta_clean(fixture->table, NULL), 0);
    for (int version = 0; version < 20; version++) {
        assert_int_equal(has_version(fixture, version, "json"), version >= 10);
    }
}

static void test_nothing_is_cleaned_behind_a_damaged_checkpoint(void **state)
{
    struct delta_fixture *fixture = *state;
    append_many(fixture, 20);
    for (int version = 0; version < 20; version++) {
        char name[64];
        snprintf(name, sizeof name, "%020d.json", version);
        delta_touch(fixture, name, DELTA_TIME_MS + version);
    }
    delta_write_text(fixture, "00000000000000000010.checkpoint.parquet", "damaged");
    fixture->clock.wall_ms = DELTA_TIME_MS + 40 * DAY_MS;
    delta_append(fixture, "last.parquet", 1);
    for (int version = 0; version <= 20; version++) {
        assert_true(has_version(fixture, version, "json"));
    }
}

/* --- optimize -------------------------------------------------------------------------------- */

static void plan(struct delta_fixture *fixture, int64_t target_bytes, const char *expected)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_group *groups = NULL;
    size_t count = 0;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(pn_delta_optimize_plan(snapshot, target_bytes, &groups, &count, NULL), 0);
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(&text, i > 0 ? " | " : "");
        for (size_t j = 0; j < groups[i].count; j++) {
            pn_buf_addf(&text, "%s%s", j > 0 ? " " : "", groups[i].files[j]->path);
        }
        pn_buf_addf(&text, " =%lld", (long long)groups[i].size_bytes);
    }
    assert_string_equal(pn_buf_text(&text), expected);
    pn_buf_deinit(&text);
    pn_delta_snapshot_destroy(&snapshot);
}

static void test_the_plan_of_an_optimize(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a3", 3);
    plan(fixture, 1000, "");
    delta_append(fixture, "b1", 1);
    delta_append(fixture, "c2", 2);
    delta_append(fixture, "d9", 9);
    delta_append(fixture, "e20", 20);
    delta_append(fixture, "f4", 4);
    plan(fixture, 1000, "b1 c2 a3 f4 =1000");
    plan(fixture, 500, "b1 c2 =300");
    plan(fixture, 5000, "b1 c2 a3 f4 d9 e20 =3900");
    plan(fixture, 100, "");
    plan(fixture, 700, "b1 c2 a3 =600");
}

/* However many small files there are, no group has more than an engine should open at once. */
static void test_the_plan_of_many_files(void **state)
{
    struct delta_fixture *fixture = *state;
    enum { COUNT = 2 * PN_DELTA_GROUP_FILES_MAX + 1 };
    for (int i = 0; i < COUNT; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d", i);
        delta_append(fixture, path, 1);
    }
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_group *groups = NULL;
    size_t count = 0;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(pn_delta_optimize_plan(snapshot, 1 << 30, &groups, &count, NULL), 0);
    assert_int_equal(count, 2); /* the last file is alone */
    assert_int_equal(groups[0].count, PN_DELTA_GROUP_FILES_MAX);
    assert_int_equal(groups[1].count, PN_DELTA_GROUP_FILES_MAX);
    assert_int_equal(groups[1].size_bytes, 100 * PN_DELTA_GROUP_FILES_MAX);
    pn_delta_snapshot_destroy(&snapshot);
}

static void append_partition(struct delta_fixture *fixture, const char *path, const char *value)
{
    const char *columns[] = {"word"};
    struct pn_delta_map_entry entry = {"word", value};
    struct pn_delta_file file = delta_file(path, 1);
    file.partition_values = &entry;
    file.partition_value_count = 1;
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .partition_columns = columns,
                                           .partition_column_count = 1,
                                           .adds = &file,
                                           .add_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
}

static void test_the_plan_keeps_partitions_apart(void **state)
{
    struct delta_fixture *fixture = *state;
    append_partition(fixture, "1", "x");
    append_partition(fixture, "2", NULL);
    append_partition(fixture, "3", "y");
    append_partition(fixture, "4", "x");
    append_partition(fixture, "5", NULL);
    plan(fixture, 1000, "2 5 =200 | 1 4 =200");
}

/* --- history --------------------------------------------------------------------------------- */

static void test_history_newest_first(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file file = delta_file("a", 5);
    file.stats = "{\"numRecords\":5}";
    const struct pn_delta_commit commit = {.mode = PN_DELTA_OVERWRITE,
                                           .operation = "WRITE",
                                           .operation_parameters = "{\"k\":\"v\"}",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    file.path = delta_file("b", 5).path;
    const struct pn_delta_commit noted = {.mode = PN_DELTA_OVERWRITE,
                                          .operation = "WRITE",
                                          .operation_parameters = "{\"k\":\"v\"}",
                                          .notes = "{\"n\":[2]}",
                                          .schema = DELTA_SCHEMA,
                                          .adds = &file,
                                          .add_count = 1};
    assert_int_equal(pn_delta_commit(fixture->table, &noted, &version, NULL), 0);
    delta_write_text(fixture, "00000000000000000002.json", "{\"remove\":{\"path\":\"b\"}}\n");
    delta_touch(fixture, "00000000000000000000.json", 1000);
    delta_touch(fixture, "00000000000000000001.json", 3000);
    delta_touch(fixture, "00000000000000000002.json", 2000);

    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(pn_delta_history(fixture->table, -1, 10, &arena, &entries, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(entries[0].version, 2);
    assert_int_equal(entries[0].timestamp_ms, 3001);
    assert_string_equal(entries[0].operation, "");
    assert_string_equal(entries[0].parameters, "{}");
    assert_int_equal(entries[0].files_removed, 1);
    assert_int_equal(entries[1].version, 1);
    assert_int_equal(entries[1].timestamp_ms, 3000);
    assert_string_equal(entries[1].operation, "WRITE");
    assert_string_equal(entries[1].parameters, "{\"k\":\"v\"}");
    assert_string_equal(entries[1].metrics,
                        "{\"numFiles\":\"1\",\"numOutputBytes\":\"500\",\"numOutputRows\":\"5\","
                        "\"numRemovedFiles\":\"1\",\"numRemovedBytes\":\"500\"}");
    assert_string_equal(entries[1].engine_info, "pinion/test");
    assert_string_equal(entries[1].notes, "{\"n\":[2]}");
    assert_null(entries[0].notes);
    assert_null(entries[2].notes);
    assert_int_equal(entries[1].files_added, 1);
    assert_int_equal(entries[1].files_removed, 1);
    assert_int_equal(entries[1].rows_added, 5);
    assert_int_equal(pn_delta_history(fixture->table, 1, 1, &arena, &entries, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(entries[0].version, 1);
    assert_int_equal(pn_delta_history_up(fixture->table, -1, 2, &arena, &entries, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(entries[0].version, 0);
    assert_int_equal(entries[1].version, 1);
    assert_int_equal(pn_delta_history_up(fixture->table, 2, 9, &arena, &entries, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(entries[0].version, 2);
    const char *notes = NULL;
    assert_int_equal(pn_delta_newest_notes(fixture->table, -1, &arena, &version, &notes, NULL), 0);
    assert_int_equal(version, 2);
    assert_string_equal(notes, "{\"n\":[2]}");
    assert_int_equal(pn_delta_newest_notes(fixture->table, 2, &arena, &version, &notes, NULL), 0);
    assert_int_equal(version, 2);
    assert_null(notes);
    pn_arena_deinit(&arena);
}

static void test_file_names_are_never_the_same(void **state)
{
    (void)state;
    char *one = pn_delta_new_file_name(3, "zstd");
    char *other = pn_delta_new_file_name(3, "zstd");
    assert_string_not_equal(one, other);
    assert_int_equal(strncmp(one, "part-00003-", 11), 0);
    assert_string_equal(one + 11 + 36, "-c000.zstd.parquet");
    free(one);
    free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, delta_set_up, delta_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_checkpoint_holds_the_state),
        TEST(test_sums_of_files_that_hadoop_wrote_go_with_them),
        TEST(test_every_tenth_commit_gets_a_checkpoint),
        TEST(test_a_hint_never_goes_back),
        TEST(test_the_tables_own_interval),
        cmocka_unit_test(test_intervals_as_tables_have_them),
        TEST(test_old_log_files_go_and_the_kept_checkpoint_stays_whole),
        TEST(test_a_short_retention_is_kept_to_the_minute),
        TEST(test_a_young_commit_stays_whatever_the_retention),
        TEST(test_nothing_is_cleaned_behind_a_damaged_checkpoint),
        TEST(test_the_plan_of_an_optimize),
        TEST(test_the_plan_of_many_files),
        TEST(test_the_plan_keeps_partitions_apart),
        TEST(test_history_newest_first),
        cmocka_unit_test(test_file_names_are_never_the_same),
    };
    return cmocka_run_group_tests_name("delta/maintain", tests, NULL, NULL);
}
