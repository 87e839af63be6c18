/*
 * Every call to the disk failing in turn. After each failure a request has either failed and left
 * nothing to be seen, or its records are there when the log is opened again; and what fails in one
 * partition is not felt in another.
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

#include "support/fault_io.h"
#include "support/log_fixture.h"

enum { PUTS = 7, RECORD_BATCH_BYTES = 71 };

/* What became of each step of the scenario. */
struct outcome {
    bool opened;
    bool put[PUTS];
    bool configured;
    bool created;
    bool deleted;
    bool put_other;
};

static const char *value_of(char *value, size_t size, int i)
{
    (void)snprintf(value, size, "v%02d", i);
    return value;
}

/* Opens, appends over two rolls of a segment, changes, makes and deletes topics, closes. */
static void scenario(struct log_fixture *fixture, const struct pn_io *io, struct outcome *outcome)
{
    struct pn_err e;
    memset(outcome, 0, sizeof *outcome);
    if (log_fixture_try_open(fixture, io, &e) != 0) {
        assert_true(strlen(e.msg) > 0);
        return;
    }
    outcome->opened = true;
    int64_t offset = -1;
    for (int i = 0; i < PUTS; i++) {
        char value[16];
        e.class_ = PN_CLASS_NONE;
        outcome->put[i] =
            log_try_put(fixture, "t", 0, NULL, value_of(value, sizeof value, i), &offset, &e) == 0;
        assert_true(outcome->put[i] || (e.class_ != PN_CLASS_NONE && strlen(e.msg) > 0));
    }
    const struct pn_log_topic_config two = {.partitions = 2};
    outcome->configured = pn_log_configure_topic(fixture->log, "t", &two, &e) == 0;
    outcome->created = pn_log_create_topic(fixture->log, "u", NULL, &e) == 0;
    outcome->put_other = log_try_put(fixture, "u", 0, NULL, "other", &offset, &e) == 0;
    outcome->deleted = pn_log_delete_topic(fixture->log, "u", &e) == 0;
    log_fixture_close(fixture);
}

/* Opens on a disk without faults and compares what is there with what was promised. */
static void check(struct log_fixture *fixture, const struct outcome *outcome, bool refused_may_show)
{
    log_fixture_open(fixture);
    struct pn_log_topic_info info;
    bool there = pn_log_topic(fixture->log, "t", &info, NULL) == 0;
    size_t count = 0;
    struct pn_log_records records = {0};
    if (there) {
        records = log_get(fixture, "t", 0, 0, 100);
        assert_int_equal(records.end_offset, records.count);
        assert_true(!outcome->configured || info.partitions == 2);
    }
    for (int i = 0; i < PUTS; i++) {
        char value[16];
        (void)value_of(value, sizeof value, i);
        bool shows = count < records.count &&
                     memcmp(records.records[count].value.data, value, strlen(value)) == 0;
        if (outcome->put[i] || !refused_may_show) {
            assert_int_equal(shows, outcome->put[i]);
        }
        count += shows;
    }
    assert_int_equal(count, records.count); /* nothing twice, nothing else */
    if (outcome->deleted) {
        assert_int_not_equal(pn_log_topic(fixture->log, "u", &info, NULL), 0);
    }
    /* And it continues from there. */
    assert_int_equal(log_put(fixture, "t", 0, NULL, "next"), records.count);
    log_fixture_close(fixture);
}

static void torture(enum fault_call call, int error, enum fault_mode mode)
{
    for (int64_t nth = 1;; nth++) {
        void *state = NULL;
        (void)log_fixture_set_up(&state);
        struct log_fixture *fixture = state;
        fixture->config.segment_bytes = (int64_t)3 * RECORD_BATCH_BYTES;
        static struct fault_io fault;
        fault_io_init(&fault, pn_io_system());
        fault_io_fail(&fault, call, nth, error, mode);
        struct outcome outcome;
        scenario(fixture, &fault.io, &outcome);
        assert_int_equal(fault_io_open_count(&fault), 0);
        bool fired = fault_io_fired(&fault);
        if (!fired) { /* every call has had its turn */
            for (int i = 0; i < PUTS; i++) {
                assert_true(outcome.put[i]);
            }
            assert_true(outcome.configured && outcome.created && outcome.deleted &&
                        outcome.put_other);
            assert_true(nth > 1);
        }
        /* When everything fails from a sync on, taking back what was refused fails too. */
        check(fixture, &outcome, mode == FAULT_FOREVER);
        (void)log_fixture_tear_down(&state);
        if (!fired) {
            return;
        }
    }
}

static void test_each_call_fails_once(void **state)
{
    (void)state;
    torture(FAULT_ANY, EIO, FAULT_ONCE);
    torture(FAULT_ANY, ENOSPC, FAULT_ONCE);
    torture(FAULT_ANY, EMFILE, FAULT_ONCE);
}

static void test_each_call_and_all_behind_it_fail(void **state)
{
    (void)state;
    torture(FAULT_ANY, EIO, FAULT_FOREVER);
    torture(FAULT_ANY, ENOSPC, FAULT_FOREVER);
}

static void test_each_write_is_short(void **state)
{
    (void)state;
    torture(FAULT_PWRITEV, ENOSPC, FAULT_SHORT_WRITE);
    torture(FAULT_PWRITEV, EIO, FAULT_SHORT_WRITE);
    torture(FAULT_PWRITEV, 0, FAULT_SHORT_WRITE);
}

/* A log as a crash leaves it: segments with and without index, a torn tail, half-made topics. With
 * `begin` 3 its first segment was dropped before. */
static void crashed_log(struct log_fixture *fixture, int begin)
{
    fixture->config.segment_bytes = (int64_t)3 * RECORD_BATCH_BYTES;
    log_fixture_open(fixture);
    for (int i = 0; i < PUTS; i++) {
        char value[16];
        (void)log_put(fixture, "t", 0, NULL, value_of(value, sizeof value, i));
    }
    log_fixture_close(fixture);
    (void)unlink(log_file(fixture, "t", 0, 0, "index"));
    if (begin > 0) {
        (void)unlink(log_file(fixture, "t", 0, 0, "log"));
    }
    size_t len = 0;
    char *path = log_file(fixture, "t", 0, 6, "log");
    uint8_t *bytes = file_read(path, &len);
    uint8_t torn[2 * RECORD_BATCH_BYTES] = {0};
    memcpy(torn, bytes, len);
    memcpy(torn + len, bytes, len / 2);
    file_write(path, torn, len + len / 2 + 5);
    free(bytes);
    char *half_made = pn_arena_printf(&fixture->arena, "%s/~new.1", fixture->folder);
    assert_int_equal(pn_io_mkdirs(pn_io_system(), half_made, NULL), 0);
}

/* Whatever fails while a log is recovered, nothing is lost by it. */
static void torture_recovery(int error, enum fault_mode mode, int begin)
{
    for (int64_t nth = 1;; nth++) {
        static struct fault_io fault;
        void *state = NULL;
        (void)log_fixture_set_up(&state);
        struct log_fixture *fixture = state;
        crashed_log(fixture, begin);
        fault_io_init(&fault, pn_io_system());
        fault_io_fail(&fault, FAULT_ANY, nth, error, mode);
        bool put = false;
        struct pn_err e;
        if (log_fixture_try_open(fixture, &fault.io, &e) == 0) {
            int64_t offset = 0;
            put = log_try_put(fixture, "t", 0, NULL, "more", &offset, &e) == 0;
            assert_true(!put || offset == PUTS);
            log_fixture_close(fixture);
        }
        assert_int_equal(fault_io_open_count(&fault), 0);
        bool fired = fault_io_fired(&fault);
        assert_true(fired || put);
        log_fixture_open(fixture);
        struct pn_log_records records = log_get(fixture, "t", 0, 0, 100);
        if (mode == FAULT_ONCE || put) {
            assert_int_equal(records.count, PUTS - begin + put);
        }
        assert_true((int)records.count >= PUTS - begin);
        for (int i = begin; i < PUTS; i++) {
            char value[16];
            assert_value(&records.records[i - begin], value_of(value, sizeof value, i));
        }
        (void)log_fixture_tear_down(&state);
        if (!fired) {
            return;
        }
    }
}

static void test_each_call_of_a_recovery_fails(void **state)
{
    (void)state;
    for (int begin = 0; begin <= 3; begin += 3) {
        torture_recovery(EIO, FAULT_ONCE, begin);
        torture_recovery(ENOSPC, FAULT_ONCE, begin);
        torture_recovery(EIO, FAULT_FOREVER, begin);
        torture_recovery(ENOSPC, FAULT_FOREVER, begin);
    }
}

/* --- one failure, in detail ------------------------------------------------------------------ */

static int64_t stopped(struct log_fixture *fixture)
{
    return pn_metric_value(pn_metrics_get(fixture->metrics, PN_METRIC_LOG_FAILED_PARTITIONS, NULL));
}

static void test_a_failed_sync_stops_its_partition_alone(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    struct pn_err e;
    int64_t offset = 0;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "before"), 0);
    assert_int_equal(log_put(fixture, "u", 0, NULL, "before"), 0);
    fault_io_fail(&fault, FAULT_FDATASYNC, 1, EIO, FAULT_ONCE);
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(log_try_put(fixture, "t", 0, NULL, "lost", &offset, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_FATAL);
        assert_non_null(strstr(e.msg, "partition 0 of topic t accepts no writes"));
        assert_non_null(strstr(e.msg, strerror(EIO)));
        assert_int_equal(log_put(fixture, "u", 0, NULL, "after"), 1 + i);
    }
    /* The failed sync was not tried again: these are u's. */
    assert_int_equal(fault_io_calls(&fault, FAULT_FDATASYNC), 1 + 3);
    assert_int_equal(stopped(fixture), 1);
    assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 1);
    log_fixture_close(fixture);
    log_fixture_open(fixture);
    assert_int_equal(stopped(fixture), 0);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "after"), 1);
}

static void test_a_full_disk_is_waited_for(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    struct pn_err e;
    int64_t offset = 0;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "before"), 0);
    fault_io_fail(&fault, FAULT_PWRITEV, 1, ENOSPC, FAULT_FOREVER);
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(log_try_put(fixture, "t", 0, NULL, "no room", &offset, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_RETRY);
        assert_non_null(strstr(e.msg, strerror(ENOSPC)));
    }
    assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 1);
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "after"), 1);
    assert_int_equal(stopped(fixture), 0);
    log_fixture_close(fixture);
    log_fixture_open(fixture);
    assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 2);
}

/* At each open() in turn there is no descriptor left, over rolls of the segment too. */
static void test_too_many_open_files_are_waited_for(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    int64_t count = 0;
    fixture->config.segment_bytes = RECORD_BATCH_BYTES;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    assert_int_equal(pn_log_create_topic(fixture->log, "t", NULL, NULL), 0);
    bool fired = true;
    for (int64_t nth = 1; fired || count < 5; nth++) {
        struct pn_err e;
        int64_t offset = 0;
        fault_io_fail(&fault, FAULT_OPEN, nth, EMFILE, FAULT_ONCE);
        if (log_try_put(fixture, "t", 0, NULL, "v", &offset, &e) != 0) {
            assert_int_equal(e.class_, PN_CLASS_RETRY);
            assert_non_null(strstr(e.msg, strerror(EMFILE)));
            assert_int_equal(log_put(fixture, "t", 0, NULL, "v"), count);
        }
        count++;
        fired = fault_io_fired(&fault);
    }
    assert_int_equal(stopped(fixture), 0);
    log_fixture_close(fixture);
    assert_int_equal(fault_io_open_count(&fault), 0);
    log_fixture_open(fixture);
    assert_int_equal(log_get(fixture, "t", 0, 0, 100).count, count);
}

static void test_a_full_disk_that_cannot_be_cut_back_stops_the_partition(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    struct pn_err e;
    int64_t offset = 0;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "before"), 0);
    /* The next calls are: write, cut back. Both fail. */
    fault_io_fail(&fault, FAULT_ANY, 1, ENOSPC, FAULT_FOREVER);
    assert_int_not_equal(log_try_put(fixture, "t", 0, NULL, "no", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    assert_int_not_equal(log_try_put(fixture, "t", 0, NULL, "no", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
}

/* The second partition's sync fails: the request fails, but only that one entry of it. */
static void test_a_request_over_two_partitions_fails_where_it_failed(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    struct pn_err e;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    const struct pn_log_topic_config two = {.partitions = 2};
    assert_int_equal(pn_log_create_topic(fixture->log, "t", &two, NULL), 0);
    struct pn_log_entry entries[] = {{.partition = 0}, {.partition = 1}};
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 2};
    fault_io_fail(&fault, FAULT_FDATASYNC, 2, EIO, FAULT_ONCE);
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_int_equal(entries[0].rc, 0);
    assert_int_equal(entries[0].offset, 0);
    assert_int_not_equal(entries[1].rc, 0);
    assert_int_equal(entries[1].class_, PN_CLASS_FATAL);
    log_fixture_close(fixture);
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 1);
    assert_int_equal(log_offsets(fixture, "t", 1).end, 0);
}

static void test_a_failing_read_is_an_error_of_that_read(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    struct pn_err e;
    struct pn_log_records records;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    (void)log_put(fixture, "t", 0, NULL, "v");
    const enum fault_call calls[] = {FAULT_OPEN, FAULT_PREAD};
    for (int i = 0; i < 2; i++) {
        fault_io_fail(&fault, calls[i], 1, EIO, FAULT_ONCE);
        assert_int_not_equal(
            pn_log_read(fixture->log, "t", 0, 0, 1, 1, &fixture->arena, &records, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_FATAL);
        assert_int_equal(log_get(fixture, "t", 0, 0, 10).count, 1);
    }
    int64_t at = 0;
    fault_io_fail(&fault, FAULT_PREAD, 1, EIO, FAULT_ONCE);
    assert_int_not_equal(pn_log_offset_at(fixture->log, "t", 0, 0, &at, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "v"), 1);
}

/* With durability os nothing is synced for a record. */
static void test_durability_os_does_not_sync(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    fixture->config.durability = PN_DURABILITY_OS;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    (void)log_put(fixture, "t", 0, NULL, "v");
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    (void)log_put(fixture, "t", 0, NULL, "v");
    assert_int_equal(fault_io_calls(&fault, FAULT_SYNCS), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_ANY), 3); /* the write; is the file there? */
}

/* A record costs one write and one sync, once its segment is open and has space set aside. */
static void test_a_record_costs_one_write_and_one_sync(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    (void)log_put(fixture, "t", 0, NULL, "v");
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    (void)log_put(fixture, "t", 0, NULL, "v");
    assert_int_equal(fault_io_calls(&fault, FAULT_PWRITEV), 1);
    assert_int_equal(fault_io_calls(&fault, FAULT_FDATASYNC), 1);
    assert_int_equal(fault_io_calls(&fault, FAULT_STAT), 1); /* is the file there? */
    assert_int_equal(fault_io_calls(&fault, FAULT_FSTAT), 1);
    assert_int_equal(fault_io_calls(&fault, FAULT_ANY), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_each_call_and_all_behind_it_fail),
        cmocka_unit_test(test_each_write_is_short),
        cmocka_unit_test(test_each_call_of_a_recovery_fails),
        TEST(test_a_failed_sync_stops_its_partition_alone),
        TEST(test_a_full_disk_is_waited_for),
        TEST(test_too_many_open_files_are_waited_for),
        TEST(test_a_full_disk_that_cannot_be_cut_back_stops_the_partition),
        TEST(test_a_request_over_two_partitions_fails_where_it_failed),
        TEST(test_a_failing_read_is_an_error_of_that_read),
        TEST(test_durability_os_does_not_sync),
        TEST(test_a_record_costs_one_write_and_one_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
