/* Many small files become few: no row changes, no column goes, and no vacuum is in the way. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/duckdb/private.h"
#include "support/append_fixture.h"

/* More small files than are read at once still become one, and the positions stay. */
static void test_compaction_of_many_files(void **state)
{
    struct append_fixture *fixture = *state;
    for (int i = 0; i < PN_DELTA_GROUP_FILES_MAX + 1; i++) {
        char value[32];
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        snprintf(value, sizeof value, "{\"id\": %d}", i);
        append_row(batch, value);
        append_ok(fixture, batch);
    }
    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 30, NULL,
                                        &before, &after, NULL),
                     0);
    assert_int_equal(before, PN_DELTA_GROUP_FILES_MAX + 1);
    assert_int_equal(after, 1);
    assert_int_equal(append_live_position(fixture), PN_DELTA_GROUP_FILES_MAX + 1);
    char expected[32];
    snprintf(expected, sizeof expected, "%d|%d\n", PN_DELTA_GROUP_FILES_MAX + 1,
             PN_DELTA_GROUP_FILES_MAX + 1);
    assert_answer(&fixture->base, "SELECT count(*), count(DISTINCT id) FROM live", expected);
}

/* A column that the pipeline no longer has stays in the rows that have it. */
static void test_compaction_of_files_with_other_columns(void **state)
{
    struct append_fixture *fixture = *state;
    struct append_batch *both = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(both, "{\"id\": 1, \"word\": \"kept\"}");
    append_ok(fixture, both);
    fixture->tables[LIKE].sql = "SELECT twice(id) AS id FROM raw";
    fixture->tables[LIKE].column_count = 1;
    fixture->tables[STREAM].column_count = 1;
    engine_fixture_reopen(&fixture->base);
    struct append_batch *one = append_batch_create(&fixture->tables[STREAM], 1);
    append_row(one, "{\"id\": 2}");
    append_ok(fixture, one);
    fixture->tables[STREAM].column_count = 2;
    engine_fixture_reopen(&fixture->base);
    assert_answer(&fixture->base, "SELECT id, word FROM live ORDER BY id", "2|\"KEPT\"\n4|null\n");
    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20, NULL,
                                        &before, &after, NULL),
                     0);
    assert_int_equal(before, 2);
    assert_int_equal(after, 1);
    assert_answer(&fixture->base, "SELECT id, word FROM live ORDER BY id", "2|\"KEPT\"\n4|null\n");
}

/* Files without rows, which other writers make, become none. */
static void test_compaction_of_files_without_rows(void **state)
{
    struct append_fixture *fixture = *state;
    const struct pn_delta_parquet *parquet = pn_engine_parquet(fixture->base.engine);
    struct pn_delta *table =
        pn_delta_create(fixture->base.store, "tables/none", parquet, &fixture->base.clock.clock,
                        NULL, &fixture->base.config.delta);
    static const char *const names[] = {"a.parquet", "b.parquet"};
    struct pn_delta_file files[2];
    for (size_t i = 0; i < 2; i++) {
        char *path = NULL;
        char *key = pn_xasprintf("tables/none/%s", names[i]);
        files[i] = (struct pn_delta_file){.path = names[i]};
        assert_int_equal(pn_store_begin_file(fixture->base.store, key, &path, NULL), 0);
        assert_int_equal(parquet->write_checkpoint(parquet->ctx, "", 0, path, NULL), 0);
        assert_int_equal(
            pn_store_commit_file(fixture->base.store, key, path, &files[i].size_bytes, NULL), 0);
        free(path);
        free(key);
    }
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = "{\"type\":\"struct\",\"fields\":[]}",
                                           .adds = files,
                                           .add_count = 2};
    int64_t version = 0;
    assert_int_equal(pn_delta_commit(table, &commit, &version, NULL), 0);
    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/none", 1 << 20, NULL,
                                        &before, &after, NULL),
                     0);
    assert_int_equal(before, 2);
    assert_int_equal(after, 0);
    pn_delta_destroy(&table);
}

/* --- a vacuum at the same time --------------------------------------------------------------- */

/* A disk on which a sync takes `sync_ms`. */
struct slow_disk {
    struct pn_io_ops ops;
    const struct pn_io_ops *under;
    struct pn_fake_clock *clock;
    int64_t sync_ms;
};
static struct slow_disk slow;

static int slow_fsync(const struct pn_io *io, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        pn_fake_clock_advance(slow.clock, slow.sync_ms);
    }
    return slow.under->fsync(io, fd);
}

static void make_slow(struct append_fixture *fixture, int64_t sync_ms)
{
    struct pn_io *io = &fixture->base.fault.io;
    if (io->ops != &slow.ops) {
        slow = (struct slow_disk){.ops = *io->ops, .under = io->ops, .clock = &fixture->base.clock};
        slow.ops.fsync = slow_fsync;
        io->ops = &slow.ops;
    }
    slow.sync_ms = sync_ms;
}

/* The number after the first `key` from `text` on; moves `text` after it. False: no more. */
static bool next_number(const char **text, const char *key, int64_t *number)
{
    const char *at = strstr(*text, key);
    if (at == NULL) {
        return false;
    }
    *number = strtoll(at + strlen(key), NULL, 10);
    *text = at + strlen(key);
    return true;
}

/* Commits of compactions; none names a file that was older than half a minute. */
static int64_t count_compactions(struct append_fixture *fixture)
{
    int64_t count = 0;
    for (int version = 0;; version++) {
        struct pn_buf text;
        int64_t now_ms = 0;
        int64_t made_ms = 0;
        pn_buf_init(&text, 1 << 20);
        char *key = pn_xasprintf("tables/live/_delta_log/%020d.json", version);
        int rc = pn_store_get(fixture->base.store, key, &text, NULL);
        const char *at = pn_buf_text(&text);
        if (rc == 0 && strstr(at, "OPTIMIZE") != NULL) {
            count++;
            assert_true(next_number(&at, "\"timestamp\":", &now_ms));
            while (next_number(&at, "\"modificationTime\":", &made_ms)) {
                assert_true(now_ms - made_ms <= 30000);
            }
        }
        free(key);
        pn_buf_deinit(&text);
        if (rc != 0) {
            return count;
        }
    }
}

/* What compacts for long commits bit by bit, so that no vacuum takes its files before. */
static void test_a_long_compaction(void **state)
{
    enum { ROWS = 12 };
    struct append_fixture *fixture = *state;
    for (int i = 0; i < ROWS; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        append_row(batch, "{\"id\": 1}");
        append_ok(fixture, batch);
    }
    make_slow(fixture, 20000);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta *table = append_open_live(fixture);
    assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, NULL), 0);
    int64_t target_bytes = 3 * snapshot->files[0].size_bytes;
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&table);
    int64_t before = 0;
    int64_t after = 0;
    struct pn_err e = {.msg = ""};
    int rc = pn_engine_optimize(&fixture->base.engine->batch, "tables/live", target_bytes, NULL,
                                &before, &after, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
    assert_int_equal(before, ROWS);
    assert_true(after < ROWS / 2 + 1);
    assert_true(count_compactions(fixture) > 2);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "12\n");
}

/* A file whose sync took longer than a vacuum waits for its commit is not committed. */
static void test_a_slow_sync(void **state)
{
    struct append_fixture *fixture = *state;
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1}");
    make_slow(fixture, 40000);
    assert_int_not_equal(append_try(fixture, batch, &report, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    make_slow(fixture, 0);
    append_ok(fixture, batch);
    batch = append_batch_create(&fixture->tables[STREAM], 1);
    append_row(batch, "{\"id\": 2}");
    append_ok(fixture, batch);
    int64_t before = 0;
    int64_t after = 0;
    make_slow(fixture, 40000);
    assert_int_not_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20,
                                            NULL, &before, &after, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    make_slow(fixture, 0);
    assert_int_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20, NULL,
                                        &before, &after, &e),
                     0);
    assert_int_equal(after, 1);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "2\n");
}

static int make_old(void *arg, const struct pn_object *object)
{
    struct append_fixture *fixture = arg;
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char *url = NULL;
    if (strstr(object->key, ".parquet") != NULL && strstr(object->key, "_delta_log") == NULL) {
        assert_int_equal(pn_store_url(fixture->base.store, object->key, &url, NULL), 0);
        assert_int_equal(utimensat(AT_FDCWD, url, times, 0), 0);
        free(url);
    }
    return 0;
}

static int count_file(void *arg, const char *path, int64_t size_bytes)
{
    (void)path;
    (void)size_bytes;
    ++*(int *)arg;
    return 0;
}

/* Before a commit of "live" gets its name, 100 s pass, and the table is vacuumed meanwhile. */
static struct append_fixture *stalled;
static int swept;

static int stalling_link(const struct pn_io *io, const char *from, const char *to)
{
    struct append_fixture *fixture = stalled;
    if (fixture != NULL && strstr(to, "/live/_delta_log/") != NULL) {
        stalled = NULL;
        pn_fake_clock_advance(&fixture->base.clock, 100000);
        assert_int_equal(
            pn_store_list(fixture->base.store, "tables/live/", NULL, make_old, fixture, NULL), 0);
        struct pn_delta *other = append_open_live(fixture);
        struct pn_err e = {.msg = ""};
        if (pn_delta_vacuum(other, 60000, false, count_file, NULL, &swept, &e) != 0) {
            fail_msg("vacuum: %s", e.msg);
        }
        pn_delta_destroy(&other);
    }
    return slow.under->link(io, from, to);
}

/* A commit that waits for the disk, or a machine that slept, loses no file to our own vacuum. */
static void test_a_vacuum_during_a_slow_commit(void **state)
{
    struct append_fixture *fixture = *state;
    make_slow(fixture, 0);
    slow.ops.link = stalling_link;
    for (int i = 0; i < 3; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        append_row(batch, "{\"id\": 1}");
        stalled = i > 0 ? fixture : NULL;
        append_ok(fixture, batch);
    }
    int64_t before = 0;
    int64_t after = 0;
    stalled = fixture;
    assert_int_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20, NULL,
                                        &before, &after, NULL),
                     0);
    assert_null(stalled);
    assert_int_equal(after, 1);
    assert_int_equal(swept, 0);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "3\n");
}

/* Another writer compacts the table each time before ours gets its name, `rivals` times. */
static int rivals;

static int rival_link(const struct pn_io *io, const char *from, const char *to)
{
    struct append_fixture *fixture = stalled;
    if (rivals > 0 && strstr(to, "/live/_delta_log/") != NULL) {
        int left = rivals;
        rivals = 0;
        struct pn_delta_snapshot *snapshot = NULL;
        struct pn_delta *other = append_open_live(fixture);
        assert_int_equal(pn_delta_snapshot(other, -1, &snapshot, NULL), 0);
        struct pn_delta_file add = snapshot->files[0];
        char *name = pn_delta_new_file_name(0, "snappy");
        char *key = pn_xasprintf("tables/live/%s", name);
        struct pn_buf bytes;
        pn_buf_init(&bytes, 1 << 20);
        char *old = pn_xasprintf("tables/live/%s", add.path);
        assert_int_equal(pn_store_get(fixture->base.store, old, &bytes, NULL), 0);
        assert_int_equal(pn_store_put(fixture->base.store, key, bytes.data, bytes.len, NULL), 0);
        add.path = name;
        add.uri = NULL;
        const struct pn_delta_commit commit = {.mode = PN_DELTA_REWRITE,
                                               .operation = "OPTIMIZE",
                                               .schema = snapshot->metadata.schema,
                                               .adds = &add,
                                               .add_count = 1,
                                               .removes = &snapshot->files[0],
                                               .remove_count = 1};
        int64_t version = 0;
        assert_int_equal(pn_delta_commit(other, &commit, &version, NULL), 0);
        pn_buf_deinit(&bytes);
        free(old);
        free(key);
        free(name);
        pn_delta_snapshot_destroy(&snapshot);
        pn_delta_destroy(&other);
        rivals = left - 1;
    }
    return slow.under->link(io, from, to);
}

/* A lost race is run again with the files that are there then; not forever. */
static void test_a_compaction_beside_others(void **state)
{
    struct append_fixture *fixture = *state;
    for (int i = 0; i < 4; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        append_row(batch, "{\"id\": 1}");
        append_ok(fixture, batch);
    }
    make_slow(fixture, 0);
    slow.ops.link = rival_link;
    stalled = fixture;
    int64_t before = 0;
    int64_t after = 0;
    struct pn_err e = {.msg = ""};
    rivals = 100;
    assert_int_not_equal(pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20,
                                            NULL, &before, &after, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    rivals = 3;
    int rc = pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20, NULL, &before,
                                &after, &e);
    assert_int_equal(rc, 0);
    assert_int_equal(before, 4);
    assert_int_equal(after, 1);
    stalled = NULL;
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "4\n");
}

/* How an optimize is interrupted: when it tells how far it has come, for the time-th time. */
struct interrupting {
    struct pn_engine *engine;
    int times_left;
};

static bool interrupt_at(void *arg, int64_t done, int64_t total)
{
    struct interrupting *interrupting = arg;
    (void)done;
    (void)total;
    if (interrupting->times_left-- == 0) {
        pn_engine_interrupt(interrupting->engine);
    }
    return true;
}

static size_t count_live_files(struct append_fixture *fixture, int64_t *version)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta *table =
        pn_delta_create(fixture->base.store, "tables/live", pn_engine_parquet(fixture->base.engine),
                        &fixture->base.clock.clock, NULL, &fixture->base.config.delta);
    assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, NULL), 0);
    size_t count = snapshot->file_count;
    *version = snapshot->version;
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&table);
    return count;
}

static int count_parquet(void *arg, const struct pn_object *object)
{
    *(size_t *)arg += strstr(object->key, ".parquet") != NULL;
    return 0;
}

/* Nothing of it is left: no commit, and no file beside those that are live. */
static void test_a_compaction_is_interrupted(void **state)
{
    struct append_fixture *fixture = *state;
    for (int i = 0; i < 4; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        append_row(batch, "{\"id\": 1}");
        append_ok(fixture, batch);
    }
    int64_t version = -1;
    int64_t version_after = -1;
    int64_t before = 0;
    int64_t after = 0;
    size_t stored = 0;
    struct pn_err e = {.msg = ""};
    struct interrupting interrupting = {.engine = &fixture->base.engine->batch};
    const struct pn_optimize_watch watch = {.step = interrupt_at, .arg = &interrupting};
    assert_int_equal(count_live_files(fixture, &version), 4);
    assert_int_not_equal(pn_engine_optimize(interrupting.engine, "tables/live", 1 << 20, &watch,
                                            &before, &after, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "cancelled"));
    assert_int_equal(count_live_files(fixture, &version_after), 4);
    assert_int_equal(version_after, version);
    assert_int_equal(
        pn_store_list(fixture->base.store, "tables/live/part-", NULL, count_parquet, &stored, NULL),
        0);
    assert_int_equal(stored, 4);
    engine_fixture_reopen(&fixture->base);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "4\n");
}

static void *stop_soon(void *arg)
{
    (void)usleep(50000);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

/* The statement would take hours. */
static void test_a_statement_is_stopped_in_its_midst(void **state)
{
    struct append_fixture *fixture = *state;
    struct pn_duckdb *engine = (struct pn_duckdb *)fixture->base.engine;
    duckdb_connection connection = NULL;
    duckdb_result result;
    atomic_bool stop = false;
    pthread_t thread;
    struct pn_buf sql;
    struct pn_err e = {.msg = ""};
    pn_buf_init(&sql, 1000);
    pn_buf_adds(&sql, "SELECT count(*) FROM range(100000000000) t(i), range(1000) u(j)"
                      " WHERE hash(i + j) = 1");
    assert_int_equal(pn_duckdb_connect_work(engine, &connection, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    assert_int_not_equal(pn_duckdb_run_long(connection, &sql, &stop, &result, &e), 0);
    assert_non_null(strstr(e.msg, "nterrupt"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    duckdb_disconnect(&connection);
    pn_buf_deinit(&sql);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, append_bed_set_up, append_bed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_compaction_of_many_files),
        TEST(test_compaction_of_files_with_other_columns),
        TEST(test_compaction_of_files_without_rows),
        TEST(test_a_long_compaction),
        TEST(test_a_slow_sync),
        TEST(test_a_vacuum_during_a_slow_commit),
        TEST(test_a_compaction_beside_others),
        TEST(test_a_compaction_is_interrupted),
        TEST(test_a_statement_is_stopped_in_its_midst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
