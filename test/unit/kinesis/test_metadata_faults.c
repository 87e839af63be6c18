/*
 * The disk under streams and their log fails, call by call, and the power goes after each sync.
 * Whatever was done by then is there at the next start, and what was acknowledged most of all.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/internal.h"
#include "support/cut_io.h"
#include "support/fault_io.h"
#include "support/kinesis_fixture.h"

enum step {
    CREATE_A,
    PUT_A_FIRST,
    SPLIT_A,
    PUT_A_SECOND,
    UPDATE_A,
    CREATE_B,
    PUT_B,
    DELETE_B,
    PUT_B_AGAIN,
    MERGE_A,
    PUT_A_THIRD,
    SCALE_A,
    PUT_A_FOURTH,
    STEPS
};
enum { KEYS = 3, CUTS_MAX = 400, IMAGES = 3, RETENTION_HOURS = 48 };

/* What was begun, and what was acknowledged. */
struct outcome {
    bool begun[STEPS];
    bool done[STEPS];
    bool put[STEPS][KEYS]; /* which records of a step that puts */
};

static const char *key_of(int key)
{
    static const char *const keys[KEYS] = {"a", "b", "c"}; /* of both halves of the ring */
    return keys[key];
}

static bool put(struct kinesis_fixture *fixture, const char *stream, int key, enum step step)
{
    char value[16];
    struct pn_err e;
    (void)snprintf(value, sizeof value, "%02d", (int)step);
    struct pn_stream_record record = {.partition_key = {key_of(key), 1}, .data = {value, 2}};
    int rc = kinesis_try_put(fixture, stream, &record, &e);
    assert_true(rc == 0 || strlen(e.msg) > 0);
    return rc == 0;
}

static int change(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arg;
    (void)arena;
    (void)e;
    edit->retention_hours = RETENTION_HOURS;
    edit->policy = "{}";
    return 0;
}

/* Merges the two open shards of A that begin the ring, whichever these are. */
static int merge_first(struct kinesis_fixture *fixture, struct pn_err *e)
{
    const struct pn_stream *stream = NULL;
    char ids[2][PN_SHARD_ID_SIZE];
    size_t count = 0;
    int rc = pn_kinesis_stream(fixture->kinesis, "a", &stream, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_shard **open = pn_stream_open_shards(stream, &fixture->arena, &count);
    (void)pn_shard_id(open[0]->index, ids[0]);
    (void)pn_shard_id(open[1]->index, ids[1]);
    pn_stream_release(&stream);
    return pn_kinesis_merge(fixture->kinesis, "a", ids[0], ids[1], e);
}

static bool run_step(struct kinesis_fixture *fixture, enum step step, bool *records)
{
    struct pn_kinesis *kinesis = fixture->kinesis;
    struct pn_err e = {0};
    int32_t before = 0;
    int rc = 0;
    switch (step) {
    case CREATE_A:
        rc = pn_kinesis_create_stream(kinesis, &(struct pn_stream_create){.name = "a", .shards = 2},
                                      &e);
        break;
    case CREATE_B:
        rc = pn_kinesis_create_stream(kinesis, &(struct pn_stream_create){.name = "b", .shards = 1},
                                      &e);
        break;
    case SPLIT_A:
        rc = pn_kinesis_split(kinesis, "a", "shardId-000000000000",
                              (struct pn_hash_key){UINT64_C(1) << 60, 0}, &e);
        break;
    case UPDATE_A:
        rc = pn_kinesis_update(kinesis, "a", change, NULL, &e);
        break;
    case DELETE_B:
        rc = pn_kinesis_delete_stream(kinesis, "b", false, &e);
        break;
    case MERGE_A:
        rc = merge_first(fixture, &e);
        break;
    case SCALE_A:
        rc = pn_kinesis_scale(kinesis, "a", 3, &before, &e);
        break;
    case PUT_B:
    case PUT_B_AGAIN:
        records[0] = put(fixture, "b", 0, step);
        return records[0];
    default:
        for (int key = 0; key < KEYS; key++) {
            records[key] = put(fixture, "a", key, step);
        }
        return true;
    }
    assert_true(rc == 0 || strlen(e.msg) > 0);
    return rc == 0;
}

/* The log and the streams are side by side in the fixture's folder. */
static void place(struct kinesis_fixture *fixture, const char *folder)
{
    fixture->log->config.folder = pn_arena_printf(&fixture->arena, "%s/log", folder);
    fixture->config.folder = pn_arena_printf(&fixture->arena, "%s/kinesis", folder);
}

static bool open_on(struct kinesis_fixture *fixture, const struct pn_io *log_io,
                    const struct pn_io *io, struct pn_err *e)
{
    if (log_fixture_try_open(fixture->log, log_io, e) != 0) {
        return false;
    }
    if (pn_kinesis_create(&fixture->config, fixture->log->log, io, &fixture->log->clock.clock, NULL,
                          NULL, &fixture->kinesis, e) != 0) {
        log_fixture_close(fixture->log);
        return false;
    }
    return true;
}

/* --- what must be there ----------------------------------------------------------------------- */

/* A key's records, from parents to children: in order, all that were acknowledged, none twice. */
static void check_records(struct kinesis_fixture *fixture, const struct pn_stream *stream, int key,
                          const struct outcome *outcome)
{
    bool found[STEPS] = {false};
    int last = -1;
    for (size_t i = 0; i < stream->shard_count; i++) {
        struct pn_log_records records = log_get(fixture->log, stream->topic, (int32_t)i, 0, 1000);
        assert_true(stream->shards[i].open || stream->shards[i].end_offset == records.end_offset);
        for (size_t r = 0; r < records.count; r++) {
            const struct pn_record *record = &records.records[r];
            if (*(const char *)record->key.data != *key_of(key)) {
                continue;
            }
            const char *value = record->value.data;
            int step = (value[0] - '0') * 10 + (value[1] - '0');
            assert_true(step > last && step < STEPS);
            found[step] = true;
            last = step;
        }
    }
    for (int step = 0; step < STEPS; step++) {
        bool is_ours = (stream->name[0] == 'b') == (step == PUT_B || step == PUT_B_AGAIN);
        if (is_ours && outcome->put[step][key] && !found[step]) {
            fail_msg("stream %s: the record of step %d under key %s is lost", stream->name, step,
                     key_of(key));
        }
    }
}

static void check_a(struct kinesis_fixture *fixture, const struct outcome *outcome)
{
    struct pn_snapshot *snapshot = pn_registry_find(fixture->kinesis, "a");
    if (snapshot == NULL) {
        assert_false(outcome->done[CREATE_A]);
        return;
    }
    const struct pn_stream *stream = &snapshot->stream;
    struct pn_log_topic_info info;
    size_t least = 2;
    least += outcome->done[SPLIT_A] ? 2 : 0;
    least += outcome->done[MERGE_A] ? 1 : 0;
    least += outcome->done[SPLIT_A] && outcome->done[MERGE_A] && outcome->done[SCALE_A] ? 5 : 0;
    assert_int_equal(stream->status, PN_STREAM_ACTIVE);
    assert_true(stream->shard_count >= least);
    assert_true(stream->retention_hours == (outcome->begun[UPDATE_A] ? RETENTION_HOURS : 24) ||
                (stream->retention_hours == 24 && !outcome->done[UPDATE_A]));
    assert_int_equal(stream->policy != NULL, stream->retention_hours == RETENTION_HOURS);
    assert_int_equal(pn_log_topic(fixture->log->log, stream->topic, &info, NULL), 0);
    assert_int_equal(info.retention_ms, (int64_t)stream->retention_hours * 3600 * 1000);
    for (int key = 0; key < KEYS; key++) {
        check_records(fixture, stream, key, outcome);
    }
    pn_stream_release(&stream);
}

static void check_b(struct kinesis_fixture *fixture, const struct outcome *outcome)
{
    struct pn_snapshot *snapshot = pn_registry_find(fixture->kinesis, "b");
    if (snapshot != NULL) {
        const struct pn_stream *stream = &snapshot->stream;
        assert_true(outcome->begun[CREATE_B]);
        assert_false(outcome->done[DELETE_B]);
        check_records(fixture, stream, 0, outcome);
        pn_stream_release(&stream);
        return;
    }
    assert_true(!outcome->done[CREATE_B] || outcome->begun[DELETE_B]);
    /* What was acknowledged after a deletion that failed is not to be deleted later. */
    assert_false(outcome->done[PUT_B_AGAIN]);
}

/* All can continue: new records, new streams, the end of the old ones. */
static void check_life(struct kinesis_fixture *fixture)
{
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pn_err e;
        struct pn_snapshot *snapshot = pn_registry_find(fixture->kinesis, names[i]);
        if (snapshot == NULL) {
            kinesis_create(fixture, names[i], 1);
        } else {
            const struct pn_stream *stream = &snapshot->stream;
            pn_stream_release(&stream);
        }
        (void)kinesis_put(fixture, names[i], "key", "more");
        assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, names[i], true, &e), 0);
    }
}

static void check(struct kinesis_fixture *fixture, const struct outcome *outcome)
{
    struct pn_err e;
    if (!open_on(fixture, pn_io_system(), pn_io_system(), &e)) {
        fail_msg("the streams do not open: %s", e.msg);
    }
    check_a(fixture, outcome);
    check_b(fixture, outcome);
    kinesis_fixture_close(fixture);
    if (!open_on(fixture, pn_io_system(), pn_io_system(), &e)) { /* as the start before left it */
        fail_msg("the streams do not open again: %s", e.msg);
    }
    check_a(fixture, outcome);
    check_b(fixture, outcome);
    check_life(fixture);
    kinesis_fixture_close(fixture);
}

/* --- each call fails -------------------------------------------------------------------------- */

/* Takes the steps. A failure within a step that puts nothing fails that step at most. */
static void run_steps(struct kinesis_fixture *fixture, struct fault_io *fault,
                      struct outcome *outcome)
{
    bool puts_work = false;
    for (int step = 0; step < STEPS; step++) {
        bool fired = fault_io_fired(fault);
        outcome->begun[step] = true;
        outcome->done[step] = run_step(fixture, (enum step)step, outcome->put[step]);
        bool is_put = step == PUT_A_FIRST || step == PUT_A_SECOND || step == PUT_A_THIRD ||
                      step == PUT_A_FOURTH;
        if (puts_work && is_put && outcome->done[CREATE_A]) {
            assert_true(outcome->put[step][0] && outcome->put[step][1] && outcome->put[step][2]);
        }
        if (!fired && fault_io_fired(fault) && fault->mode == FAULT_ONCE) {
            puts_work = !is_put && step != PUT_B && step != PUT_B_AGAIN;
        }
    }
}

/* `log_fails`: the log is on the disk that fails, too. */
static void fail_each_call(struct kinesis_fixture *fixture, enum fault_mode mode, int error,
                           bool log_fails)
{
    bool fired = true;
    for (int64_t nth = 1; fired; nth++) {
        struct fault_io fault;
        struct outcome outcome;
        struct pn_err e;
        memset(&outcome, 0, sizeof outcome);
        char *folder = pn_xasprintf("%s/%lld", fixture->folder, (long long)nth);
        assert_int_equal(pn_io_mkdirs(pn_io_system(), folder, &e), 0);
        place(fixture, folder);
        fault_io_init(&fault, pn_io_system());
        fault_io_fail(&fault, FAULT_ANY, nth, error, mode);
        if (open_on(fixture, log_fails ? &fault.io : pn_io_system(), &fault.io, &e)) {
            run_steps(fixture, &fault, &outcome);
            kinesis_fixture_close(fixture);
        } else {
            assert_true(strlen(e.msg) > 0);
        }
        fired = fault_io_fired(&fault);
        assert_int_equal(fault_io_open_count(&fault), 0);
        for (int step = 0; step < STEPS && !fired; step++) {
            assert_int_equal(outcome.done[step], step != PUT_B_AGAIN);
        }
        check(fixture, &outcome);
        assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
        free(folder);
    }
}

static void test_one_call_fails(void **state)
{
    fail_each_call(*state, FAULT_ONCE, EIO, true);
}

static void test_the_disk_is_full_from_a_call_on(void **state)
{
    fail_each_call(*state, FAULT_FOREVER, ENOSPC, true);
}

/* A change that failed can't be taken back, while the log continues acknowledging records. */
static void test_the_disk_of_the_metadata_is_broken_from_a_call_on(void **state)
{
    fail_each_call(*state, FAULT_FOREVER, EIO, false);
}

/* The log can't read a closed shard at the start: where it ends isn't known then, and a reader is
 * not told that it had all of it. */
static void test_a_closed_shard_that_cannot_be_read_has_no_end(void **state)
{
    struct kinesis_fixture *fixture = *state;
    enum { PUTS = 3 };
    bool fired = true;
    bool unknown = false;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "a", 1);
    for (int i = 0; i < PUTS; i++) {
        (void)kinesis_put(fixture, "a", "key", "value");
    }
    assert_true(run_step(fixture, SPLIT_A, NULL));
    kinesis_fixture_close(fixture);
    for (int64_t nth = 1; fired; nth++) {
        struct fault_io fault;
        fault_io_init(&fault, pn_io_system());
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        bool opened = open_on(fixture, &fault.io, pn_io_system(), &(struct pn_err){0});
        if (opened && pn_kinesis_closed_count(fixture->kinesis) > 0) {
            kinesis_fixture_close(fixture); /* its topic's file could not be read */
        } else if (opened) {
            const struct pn_stream *stream = kinesis_stream(fixture, "a");
            int64_t end_offset = stream->shards[0].end_offset;
            assert_true(end_offset == PUTS || end_offset == -1);
            unknown = unknown || end_offset == -1;
            pn_stream_release(&stream);
            kinesis_fixture_close(fixture);
        }
        fired = fault_io_fired(&fault);
    }
    assert_true(unknown);
}

/* --- the power goes --------------------------------------------------------------------------- */

struct scene {
    struct kinesis_fixture *fixture;
    struct cut_io cut_io;
    struct pn_random random;
    char *folder;
    struct outcome now;
    struct outcome cuts[CUTS_MAX];
    int cut_count;
};

static char *image_path(const struct scene *scene, int cut, int image)
{
    return pn_xasprintf("%s/cut-%d-%d", scene->fixture->folder, cut, image);
}

/* After each sync: one image with all lost that was not synced, others with part of it lost. The
 * outcome is the main thread's, which waits for most syncs; one that it learns of too late is only
 * not asked for. */
static void synced(void *arg)
{
    struct scene *scene = arg;
    PN_ASSERT(scene->cut_count < CUTS_MAX);
    scene->cuts[scene->cut_count] = scene->now;
    for (int image = 0; image < IMAGES; image++) {
        char *path = image_path(scene, scene->cut_count, image);
        cut_io_image(&scene->cut_io, scene->folder, path, image == 0 ? NULL : &scene->random);
        free(path);
    }
    scene->cut_count++;
}

static void test_the_power_goes(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct scene *scene = pn_xcalloc(1, sizeof *scene);
    struct pn_err e;
    scene->fixture = fixture;
    scene->folder = pn_xasprintf("%s/live", fixture->folder);
    pn_random_init(&scene->random, 3);
    cut_io_init(&scene->cut_io, synced, scene);
    place(fixture, scene->folder);
    assert_true(open_on(fixture, &scene->cut_io.io, &scene->cut_io.io, &e));
    for (int step = 0; step < STEPS; step++) {
        bool records[KEYS] = {false};
        scene->now.begun[step] = true;
        bool done = run_step(fixture, (enum step)step, records);
        memcpy(scene->now.put[step], records, sizeof records);
        scene->now.done[step] = done;
    }
    kinesis_fixture_close(fixture);
    assert_true(scene->cut_count > 3 * STEPS);
    for (int cut = 0; cut < scene->cut_count; cut++) {
        for (int image = 0; image < IMAGES; image++) {
            char *path = image_path(scene, cut, image);
            assert_int_equal(pn_io_mkdirs(pn_io_system(), path, NULL), 0);
            place(fixture, path);
            check(fixture, &scene->cuts[cut]);
            assert_int_equal(pn_io_remove_tree(pn_io_system(), path, NULL), 0);
            free(path);
        }
    }
    cut_io_deinit(&scene->cut_io);
    free(scene->folder);
    free(scene);
}

/* --- a crash, then the power goes ------------------------------------------------------------- */

static void note_nothing(void *arg)
{
    (void)arg;
}

/* The records are where their puts said, in shards that the stream has. */
static void check_puts(struct kinesis_fixture *fixture, const struct pn_stream_record *puts)
{
    const struct pn_stream *stream = kinesis_stream(fixture, "a");
    for (int key = 0; key < KEYS; key++) {
        assert_true(puts[key].shard < stream->shard_count);
        struct pn_log_records records =
            log_get(fixture->log, stream->topic, (int32_t)puts[key].shard, puts[key].offset, 1);
        assert_int_equal(records.count, 1);
        assert_int_equal(records.records[0].offset, puts[key].offset);
    }
    pn_stream_release(&stream);
}

/* A stream is made and split on a disk of which nothing works from a call on, as if the process
 * were killed there. What the next start finds of it must last once it took records. */
static bool acknowledged_after(struct kinesis_fixture *fixture, const char *live, const char *image,
                               int64_t nth)
{
    struct fault_io fault;
    struct cut_io cut;
    struct pn_stream_record puts[KEYS];
    cut_io_init(&cut, note_nothing, NULL);
    fault_io_init(&fault, &cut.io);
    fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_FOREVER);
    place(fixture, live);
    if (open_on(fixture, &fault.io, &fault.io, &(struct pn_err){0})) {
        (void)run_step(fixture, CREATE_A, NULL);
        (void)run_step(fixture, SPLIT_A, NULL);
        kinesis_fixture_close(fixture);
    }
    assert_true(open_on(fixture, &cut.io, &cut.io, &(struct pn_err){0}));
    struct pn_snapshot *found = pn_registry_find(fixture->kinesis, "a");
    if (found == NULL) {
        kinesis_create(fixture, "a", 2);
    } else {
        const struct pn_stream *stream = &found->stream;
        pn_stream_release(&stream);
    }
    for (int key = 0; key < KEYS; key++) {
        puts[key] = kinesis_put(fixture, "a", key_of(key), "value");
    }
    cut_io_image(&cut, live, image, NULL);
    kinesis_fixture_close(fixture);
    place(fixture, image);
    kinesis_fixture_open(fixture);
    check_puts(fixture, puts);
    kinesis_fixture_close(fixture);
    cut_io_deinit(&cut);
    return fault_io_fired(&fault);
}

static void test_the_power_goes_after_a_crash(void **state)
{
    struct kinesis_fixture *fixture = *state;
    bool fired = true;
    for (int64_t nth = 1; fired; nth++) {
        char *live = pn_xasprintf("%s/live", fixture->folder);
        char *image = pn_xasprintf("%s/image", fixture->folder);
        assert_int_equal(pn_io_mkdirs(pn_io_system(), live, NULL), 0);
        fired = acknowledged_after(fixture, live, image, nth);
        assert_int_equal(pn_io_remove_tree(pn_io_system(), live, NULL), 0);
        assert_int_equal(pn_io_remove_tree(pn_io_system(), image, NULL), 0);
        free(live);
        free(image);
    }
}

int main(void)
{
#define TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, kinesis_fixture_set_up, kinesis_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_call_fails),
        TEST(test_the_disk_is_full_from_a_call_on),
        TEST(test_the_disk_of_the_metadata_is_broken_from_a_call_on),
        TEST(test_a_closed_shard_that_cannot_be_read_has_no_end),
        TEST(test_the_power_goes),
        TEST(test_the_power_goes_after_a_crash),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
