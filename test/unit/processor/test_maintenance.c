/* What keeps stream tables small: when files are made into one, and what stays for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "processor/maintenance.h"
#include "support/delta_fixture.h"

enum { MIB = 1 << 20, COMPACT_FILES = 8, KEEP_MS = 60000 };

/* An engine that can do no more than make files into one, and write checkpoints. */
struct fixture {
    struct delta_fixture fixture;
    struct pn_embedded_engine engine;
    int optimized;
    int64_t limit; /* of the last time */
    int letters_optimized;
    bool fails;
    struct pn_processor_maintenance *maintenance;
    struct pn_processor_maintenance_table *table;
    int appended;
    int seconds;
};

/* A file in table "t" gets the time that the clock of the test says. */
static void date(struct fixture *fixture, const char *name)
{
    delta_touch(&fixture->fixture, name, pn_wall_ms(&fixture->fixture.clock.clock));
}

static void date_commit(struct fixture *fixture, int64_t version)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%020lld.json", (long long)version);
    date(fixture, name);
}

static void put_file(struct fixture *fixture, const char *path, int64_t size)
{
    char *name = pn_xasprintf("../%s", path);
    char *bytes = pn_xcalloc((size_t)size, 1);
    delta_write(&fixture->fixture, name, bytes, (size_t)size);
    date(fixture, name);
    free(name);
    free(bytes);
}

static int optimize(struct pn_engine *engine, const char *path, int64_t target_bytes,
                    const struct pn_optimize_watch *watch, int64_t *files_before,
                    int64_t *files_after, struct pn_err *e)
{
    (void)watch;
    struct fixture *fixture = (struct fixture *)((char *)engine - offsetof(struct fixture, engine));
    if (fixture->fails) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "the disk is full");
    }
    if (strcmp(path, "letters") == 0) {
        fixture->letters_optimized++;
        *files_before = *files_after = 0;
        return 0;
    }
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_group *groups = NULL;
    size_t count = 0;
    assert_string_equal(path, "t");
    assert_int_equal(pn_delta_snapshot(fixture->fixture.table, -1, &snapshot, e), 0);
    assert_int_equal(pn_delta_optimize_plan(snapshot, target_bytes, &groups, &count, e), 0);
    fixture->optimized++;
    fixture->limit = target_bytes;
    *files_before = (int64_t)snapshot->file_count;
    *files_after = *files_before;
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "big-%d-%zu", fixture->optimized, i);
        put_file(fixture, name, groups[i].size_bytes);
        struct pn_delta_file add = delta_file(name, 0);
        add.size_bytes = groups[i].size_bytes;
        add.num_records = -1;
        add.stats = NULL;
        struct pn_delta_file *removes = pn_xcalloc(groups[i].count, sizeof *removes);
        for (size_t j = 0; j < groups[i].count; j++) {
            removes[j] = *groups[i].files[j];
        }
        const struct pn_delta_commit commit = {.mode = PN_DELTA_REWRITE,
                                               .operation = "OPTIMIZE",
                                               .adds = &add,
                                               .add_count = 1,
                                               .removes = removes,
                                               .remove_count = groups[i].count};
        int64_t version = 0;
        assert_int_equal(pn_delta_commit(fixture->fixture.table, &commit, &version, e), 0);
        date_commit(fixture, version);
        *files_after += 1 - (int64_t)groups[i].count;
        free(removes);
    }
    pn_delta_snapshot_destroy(&snapshot);
    return 0;
}

static const struct pn_delta_parquet *parquet(struct pn_embedded_engine *engine)
{
    return &((struct fixture *)((char *)engine - offsetof(struct fixture, engine)))
                ->fixture.parquet;
}

static const struct pn_engine_ops batch_ops = {.name = "test", .optimize = optimize};
static const struct pn_embedded_engine_ops engine_ops = {.parquet = parquet};

static void count_second(void *arg)
{
    ((struct fixture *)arg)->seconds++;
}

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    delta_fixture_init(&fixture->fixture);
    fixture->fixture.config.checkpoint_interval = INT64_MAX;
    fixture->fixture.config.log_retention_ms = KEEP_MS;
    fixture->fixture.config.tombstone_retention_ms = KEEP_MS;
    /* Earlier than the folder's own clock, which a vacuum looks at, too. */
    pn_fake_clock_init(&fixture->fixture.clock, DELTA_TIME_MS);
    delta_fixture_reopen(&fixture->fixture);
    fixture->engine.batch.ops = &batch_ops;
    fixture->engine.ops = &engine_ops;
    struct pn_processor_maintenance_config config = {.engine = &fixture->engine,
                                                     .store = fixture->fixture.store,
                                                     .clock = &fixture->fixture.clock.clock,
                                                     .logger = fixture->fixture.logger,
                                                     .delta = fixture->fixture.config,
                                                     .compact_files = COMPACT_FILES,
                                                     .optimize_target_bytes = 100 * MIB,
                                                     .keep_ms = KEEP_MS,
                                                     .each_second = count_second,
                                                     .arg = fixture};
    config.delta.checkpoint_interval = 10;
    fixture->maintenance = pn_processor_maintenance_create(&config);
    fixture->table = pn_processor_maintenance_add(fixture->maintenance, "t");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_processor_maintenance_destroy(&fixture->maintenance);
    delta_fixture_deinit(&fixture->fixture);
    free(fixture);
    return 0;
}

static void append(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "small-%d", fixture->appended++);
        put_file(fixture, path, 100);
        date_commit(fixture, delta_append(&fixture->fixture, path, 1));
        pn_processor_maintenance_committed(fixture->table, true, false);
    }
}

static size_t live_files(struct fixture *fixture, int64_t version)
{
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->fixture.table, version, &snapshot, NULL), 0);
    size_t count = snapshot->file_count;
    pn_delta_snapshot_destroy(&snapshot);
    return count;
}

static int count_object(void *arg, const struct pn_object *object)
{
    (void)object;
    ++*(int *)arg;
    return 0;
}

static int objects(struct fixture *fixture, const char *prefix)
{
    int count = 0;
    assert_int_equal(
        pn_store_list(fixture->fixture.store, prefix, NULL, count_object, &count, NULL), 0);
    return count;
}

/* --- when ------------------------------------------------------------------------------------- */

static int64_t choose(const int64_t *sizes, size_t count)
{
    struct pn_delta_file files[64] = {0};
    for (size_t i = 0; i < count; i++) {
        files[i].size_bytes = sizes[i];
    }
    const struct pn_delta_snapshot snapshot = {.files = files, .file_count = count};
    return pn_processor_maintenance_choose(&snapshot, 4, 100 * MIB);
}

static void test_files_of_a_size_are_counted(void **state)
{
    (void)state;
    const int64_t small[] = {1000, 2000, 3000, 4000, 50 * MIB};
    assert_int_equal(choose(small, 3), 0);
    assert_int_equal(choose(small, 4), MIB);
    assert_int_equal(choose(small, 5), MIB);
    /* What small ones became is not made again until there are enough of these. */
    const int64_t middling[] = {MIB - 1, MIB - 2, MIB / 2, 1000, 1000, 2 * MIB};
    assert_int_equal(choose(middling, 5), 0);
    assert_int_equal(choose(middling, 6), 16 * MIB);
    const int64_t large[] = {8 * MIB, 99 * MIB, 50 * MIB, 17 * MIB};
    assert_int_equal(choose(large, 4), 100 * MIB);
    const int64_t whole[] = {100 * MIB, 200 * MIB, 100 * MIB, 100 * MIB, 101 * MIB};
    assert_int_equal(choose(whole, 5), 0);
}

static void test_compaction_comes_with_enough_files(void **state)
{
    struct fixture *fixture = *state;
    pn_processor_maintenance_run(fixture->maintenance); /* there is no table yet */
    assert_int_equal(fixture->optimized, 0);
    append(fixture, COMPACT_FILES - 1);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_int_equal(fixture->optimized, 0);
    append(fixture, 1);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_int_equal(fixture->optimized, 1);
    assert_int_equal(fixture->limit, MIB);
    assert_int_equal(live_files(fixture, -1), 1);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_int_equal(fixture->optimized, 1);
    assert_int_equal(fixture->seconds, 4);
}

static void test_a_failure_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, COMPACT_FILES);
    fixture->fails = true;
    pn_processor_maintenance_run(fixture->maintenance);
    fixture->fails = false;
    append(fixture, COMPACT_FILES);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_int_equal(live_files(fixture, -1), 1);
}

static void test_what_an_earlier_life_left_is_looked_at(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < COMPACT_FILES; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "old-%d", i);
        put_file(fixture, path, 100);
        delta_append(&fixture->fixture, path, 1);
    }
    pn_processor_maintenance_run(fixture->maintenance);
    assert_int_equal(live_files(fixture, -1), 1);
}

/* --- what stays ------------------------------------------------------------------------------- */

static void test_old_versions_stay_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 2 * COMPACT_FILES);
    pn_processor_maintenance_run(fixture->maintenance); /* compaction and checkpoint */
    assert_int_equal(live_files(fixture, -1), 1);
    pn_fake_clock_advance(&fixture->fixture.clock, KEEP_MS / 2);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_int_equal(live_files(fixture, 3), 4); /* a reader of version 3 is not disturbed */
    assert_int_equal(objects(fixture, "t/small-"), 2 * COMPACT_FILES);
    pn_fake_clock_advance(&fixture->fixture.clock, KEEP_MS);
    append(fixture, 2 * COMPACT_FILES);
    pn_processor_maintenance_run(fixture->maintenance);
    /* The files of the first half are gone, and so are commits before its checkpoint. */
    assert_int_equal(objects(fixture, "t/small-"), 2 * COMPACT_FILES);
    assert_false(delta_exists(&fixture->fixture, "00000000000000000000.json"));
    assert_int_equal(live_files(fixture, -1), 1);
}

/* A table that grows for a long time has no more files than one that has for a short one. */
static void test_files_stay_few(void **state)
{
    struct fixture *fixture = *state;
    int most = 0;
    for (int i = 0; i < 60; i++) {
        append(fixture, COMPACT_FILES);
        pn_fake_clock_advance(&fixture->fixture.clock, KEEP_MS / 4);
        pn_processor_maintenance_run(fixture->maintenance);
        int now = objects(fixture, "t/");
        if (i <= 20) {
            most = now > most ? now : most;
        }
        assert_true(now <= most + 4 * COMPACT_FILES);
    }
    assert_true(live_files(fixture, -1) < 3 * COMPACT_FILES);
}

static void test_dead_letters_are_kept_small_too(void **state)
{
    struct fixture *fixture = *state;
    struct pn_processor_maintenance_table *letters =
        pn_processor_maintenance_add(fixture->maintenance, "letters");
    pn_processor_maintenance_set_dead_letters(fixture->maintenance, letters);
    assert_ptr_equal(pn_processor_maintenance_add(fixture->maintenance, "letters"), letters);
    pn_processor_maintenance_run(fixture->maintenance); /* neither is there: counting begins */
    struct pn_delta *delta = pn_delta_create(
        fixture->fixture.store, "letters", &fixture->fixture.parquet, &fixture->fixture.clock.clock,
        fixture->fixture.logger, &fixture->fixture.config);
    for (int i = 0; i < COMPACT_FILES; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "letter-%d", i);
        char *key = pn_xasprintf("letters/%s", path);
        assert_int_equal(pn_store_put(fixture->fixture.store, key, "12345", 5, NULL), 0);
        free(key);
        const struct pn_delta_file add = delta_file(path, 1);
        const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                               .operation = "WRITE",
                                               .schema = DELTA_SCHEMA,
                                               .adds = &add,
                                               .add_count = 1};
        int64_t version = 0;
        assert_int_equal(pn_delta_commit(delta, &commit, &version, NULL), 0);
        assert_int_equal(fixture->letters_optimized, 0);
        pn_processor_maintenance_committed(fixture->table, false, true);
        pn_processor_maintenance_run(fixture->maintenance);
    }
    assert_int_equal(fixture->letters_optimized, 1);
    assert_int_equal(fixture->optimized, 0);
    pn_delta_destroy(&delta);
}

/* A table whose newest version names a file that is not there is known to be unreadable. */
static void test_a_lost_file_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    append(fixture, 2);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_null(pn_processor_maintenance_unreadable(fixture->table, &arena));
    delta_remove(&fixture->fixture, "../small-0");
    append(fixture, 1);
    pn_fake_clock_advance(&fixture->fixture.clock, KEEP_MS);
    pn_processor_maintenance_run(fixture->maintenance);
    const char *why = pn_processor_maintenance_unreadable(fixture->table, &arena);
    assert_non_null(why);
    assert_non_null(strstr(why, "'small-0', which does not exist"));
    put_file(fixture, "small-0", 100);
    pn_fake_clock_advance(&fixture->fixture.clock, KEEP_MS);
    pn_processor_maintenance_run(fixture->maintenance);
    assert_null(pn_processor_maintenance_unreadable(fixture->table, &arena));
    pn_arena_deinit(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_a_size_are_counted),
        TEST(test_compaction_comes_with_enough_files),
        TEST(test_a_failure_is_tried_again),
        TEST(test_what_an_earlier_life_left_is_looked_at),
        TEST(test_old_versions_stay_for_a_while),
        TEST(test_files_stay_few),
        TEST(test_a_lost_file_is_told),
        TEST(test_dead_letters_are_kept_small_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
