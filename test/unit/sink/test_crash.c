/*
 * Exactly once: every call to the disk, of the sink's memory and of the store, fails in turn, once
 * or from then on (which is a crash), and a later life with other settings continues. At the end
 * each record is in one object, the names are dense, and what had landed did not change.
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

#include "base/mem.h"
#include "store/local/local.h"
#include "support/fault_io.h"
#include "support/ram_io.h"
#include "support/sink_fixture.h"

enum { RECORDS_MAX = 64 };

/* What the objects of one partition hold. */
struct seen {
    int times[RECORDS_MAX];   /* a record's offset, landed as value or as dead letter */
    int covered[RECORDS_MAX]; /* by an object's number: how many records it has */
};

/* A value is its own offset; every fifth record is not JSON. */
static void append(struct sink_fixture *fixture, const char *topic, int count)
{
    for (int i = 0; i < count; i++) {
        struct pn_log_offsets offsets;
        char value[16];
        assert_int_equal(pn_log_offsets(fixture->config.log, topic, 0, &offsets, NULL), 0);
        int offset = (int)offsets.end;
        assert_true(offset < RECORDS_MAX);
        snprintf(value, sizeof value, offset % 5 == 4 ? "x%d" : "%d", offset);
        (void)fake_log_append(fixture->log, topic, 0, value);
    }
}

static void see(struct seen *seen, long number, long offset)
{
    assert_true(offset >= 0 && offset < RECORDS_MAX);
    assert_true(number <= offset);
    seen->times[offset]++;
    seen->covered[number]++;
}

/* One line of sink_bed_landed(). */
static void see_object(struct seen *seen, const char *line)
{
    const char *colon = strstr(line, ".json: ");
    assert_non_null(colon);
    long number = strtol(colon - 10, NULL, 10);
    const char *at = colon + strlen(".json: ");
    if (strncmp(line, "topics/", 7) == 0) {
        while (*at != '\0') {
            char *end;
            see(seen, number, strtol(at, &end, 10));
            at = *end == ' ' ? end + 1 : end;
        }
        return;
    }
    static const char FIELD[] = "\"offset\":";
    while ((at = strstr(at, FIELD)) != NULL) {
        at += strlen(FIELD);
        long offset = strtol(at, NULL, 10);
        assert_int_equal(offset % 5, 4);
        see(seen, number, offset);
    }
}

static void assert_each_once(char *landed, const char *topic, int count)
{
    struct seen seen = {0};
    char *part = pn_xasprintf("/%s/partition=0/", topic);
    char *rest = NULL;
    char *copy = pn_xstrdup(landed);
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strstr(line, part) != NULL && strncmp(line, "origins/", strlen("origins/")) != 0) {
            see_object(&seen, line);
        }
    }
    for (int i = 0; i < RECORDS_MAX; i++) {
        assert_int_equal(seen.times[i], i < count ? 1 : 0);
    }
    int next = 0;
    while (next < count) {
        assert_true(seen.covered[next] > 0);
        next += seen.covered[next];
    }
    assert_int_equal(next, count);
    free(copy);
    free(part);
}

static void assert_unchanged(const char *before, const char *after)
{
    char *copy = pn_xstrdup(before);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *whole = pn_xasprintf("%s\n", line);
        assert_non_null(strstr(after, whole));
        free(whole);
    }
    free(copy);
}

/* Full objects, an age cut, a flush, a topic of its own pace; failures are what it is about. */
static void live(struct sink_fixture *fixture, struct fault_io *fault)
{
    struct pn_store *store = NULL;
    if (pn_local_store_open(fixture->store_folder, &fault->io, &store, NULL) != 0) {
        return;
    }
    fixture->config.store = store;
    fixture->config.io = &fault->io;
    if (pn_sink_create(&fixture->config, &fixture->sink, NULL) == 0) {
        append(fixture, "t", 7);
        append(fixture, "u", 1);
        (void)!pn_sink_run(fixture->sink, NULL);
        pn_fake_clock_advance(&fixture->clock, 1000);
        (void)!pn_sink_run(fixture->sink, NULL);
        append(fixture, "t", 5);
        (void)!pn_sink_run(fixture->sink, NULL);
        append(fixture, "u", 2);
        (void)!pn_sink_flush(fixture->sink, NULL);
        append(fixture, "t", 1);
        pn_fake_clock_advance(&fixture->clock, 20000); /* after all delays */
        (void)!pn_sink_run(fixture->sink, NULL);
        pn_sink_destroy(&fixture->sink);
    }
    pn_store_destroy(&store);
}

static int count_records(struct sink_fixture *fixture, const char *topic)
{
    struct pn_log_offsets offsets;
    assert_int_equal(pn_log_offsets(fixture->config.log, topic, 0, &offsets, NULL), 0);
    return (int)offsets.end;
}

/* One crash at the nth call, then a life that ends well. False when there is no nth call. */
static bool crash_at(int64_t nth, int error, enum fault_mode mode, int64_t flush_size_after)
{
    struct sink_fixture fixture;
    struct fault_io fault;
    sink_bed_init(&fixture);
    sink_bed_keep_origins(&fixture, PN_SINK_ORIGINS_ALL);
    fake_log_add_topic(fixture.log, "u", 1);
    fixture.topics[1] = "u";
    fixture.config.topic_count = 2;
    fault_io_init(&fault, ram_io());
    fault_io_fail(&fault, FAULT_ANY, nth, error, mode);
    live(&fixture, &fault);
    bool fired = fault_io_fired(&fault);
    assert_int_equal(fault_io_open_count(&fault), 0);

    char *before = sink_bed_landed(&fixture);
    fixture.config.store = fixture.store;
    fixture.config.io = ram_io();
    fixture.config.flush_size = flush_size_after;
    sink_bed_open(&fixture);
    append(&fixture, "t", 3);
    assert_int_equal(pn_sink_flush(fixture.sink, NULL), 0);
    char *after = sink_bed_landed(&fixture);
    assert_unchanged(before, after);
    sink_bed_assert_origins(&fixture);
    assert_each_once(after, "t", count_records(&fixture, "t"));
    assert_each_once(after, "u", count_records(&fixture, "u"));
    free(before);
    free(after);
    sink_bed_deinit(&fixture);
    return fired;
}

static void crash_everywhere(int error, enum fault_mode mode, int64_t flush_size_after)
{
    int64_t nth = 1;
    while (crash_at(nth, error, mode, flush_size_after)) {
        nth++;
    }
    assert_true(nth > 100);
}

static void test_crash_at_every_call(void **state)
{
    (void)state;
    crash_everywhere(EIO, FAULT_FOREVER, 2);
}

static void test_disk_full_from_every_call_on(void **state)
{
    (void)state;
    crash_everywhere(ENOSPC, FAULT_FOREVER, 1000);
}

static void test_every_call_fails_once(void **state)
{
    (void)state;
    crash_everywhere(EIO, FAULT_ONCE, 1);
}

static void test_every_write_is_short(void **state)
{
    (void)state;
    crash_everywhere(ENOSPC, FAULT_SHORT_WRITE, 3);
}

/* Two crashes: the second one while the first one's cuts are carried out. */
static void test_crash_while_recovering(void **state)
{
    (void)state;
    for (int64_t nth = 1; nth < 60; nth++) {
        struct sink_fixture fixture;
        struct fault_io fault;
        sink_bed_init(&fixture);
        fixture.config.flush_size = 1;
        fault_io_init(&fault, ram_io());
        struct pn_store *store = NULL;
        assert_int_equal(pn_local_store_open(fixture.store_folder, &fault.io, &store, NULL), 0);
        fixture.config.store = store;
        append(&fixture, "t", 20);
        sink_bed_open(&fixture);
        fault_io_fail(&fault, FAULT_RENAME, 8, EIO, FAULT_FOREVER);
        assert_int_not_equal(pn_sink_flush(fixture.sink, NULL), 0);
        sink_bed_close(&fixture);

        fixture.config.flush_size = 7;
        sink_bed_open(&fixture);
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_FOREVER);
        (void)!pn_sink_flush(fixture.sink, NULL);
        sink_bed_close(&fixture);

        fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
        sink_bed_open(&fixture);
        append(&fixture, "t", 2);
        assert_int_equal(pn_sink_flush(fixture.sink, NULL), 0);
        char *landed = sink_bed_landed(&fixture);
        assert_each_once(landed, "t", 22);
        /* The first life cut them by one: so they are, whatever later settings say. */
        assert_non_null(strstr(landed, "t+0+0000000018.json: 18\n"));
        free(landed);
        sink_bed_close(&fixture);
        pn_store_destroy(&store);
        sink_bed_deinit(&fixture);
    }
}

/* Cuts that could not be remembered are not carried out, not by a later try either. */
static void test_cuts_are_remembered_first(void **state)
{
    (void)state;
    struct sink_fixture fixture;
    struct fault_io fault;
    sink_bed_init(&fixture);
    fault_io_init(&fault, ram_io());
    struct pn_store *store = NULL;
    assert_int_equal(pn_local_store_open(fixture.store_folder, &fault.io, &store, NULL), 0);
    fixture.config.store = store;
    fixture.config.io = &fault.io;
    append(&fixture, "t", 12);
    sink_bed_open(&fixture);
    fault_io_fail(&fault, FAULT_RENAME, 1, ENOSPC, FAULT_ONCE);
    assert_int_not_equal(pn_sink_flush(fixture.sink, NULL), 0);
    sink_bed_assert_landed(&fixture, "");
    fault_io_fail(&fault, FAULT_RENAME, 4, EIO, FAULT_FOREVER);
    assert_int_not_equal(pn_sink_flush(fixture.sink, NULL), 0);
    sink_bed_close(&fixture);

    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    fixture.config.flush_size = 2;
    char *before = sink_bed_landed(&fixture);
    assert_string_not_equal(before, "");
    sink_bed_open(&fixture);
    assert_int_equal(pn_sink_flush(fixture.sink, NULL), 0);
    char *after = sink_bed_landed(&fixture);
    assert_unchanged(before, after);
    assert_each_once(after, "t", 12);
    free(before);
    free(after);
    sink_bed_close(&fixture);
    pn_store_destroy(&store);
    sink_bed_deinit(&fixture);
}

/* The log's retention took records of cuts that were remembered, some of which had landed. */
static void test_records_of_remembered_cuts_are_gone(void **state)
{
    (void)state;
    struct sink_fixture fixture;
    struct fault_io fault;
    sink_bed_init(&fixture);
    fault_io_init(&fault, ram_io());
    struct pn_store *store = NULL;
    assert_int_equal(pn_local_store_open(fixture.store_folder, &fault.io, &store, NULL), 0);
    fixture.config.store = store;
    sink_bed_append(&fixture, "t", 0, 12);
    sink_bed_open(&fixture);
    fault_io_fail(&fault, FAULT_RENAME, 3, EIO, FAULT_FOREVER);
    assert_int_not_equal(pn_sink_flush(fixture.sink, NULL), 0);
    sink_bed_close(&fixture);
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);

    fake_log_set_begin(fixture.log, "t", 0, 8); /* 0 to 5 landed; 6 and 7 did not */
    sink_bed_open(&fixture);
    assert_int_equal(pn_sink_flush(fixture.sink, NULL), 0);
    sink_bed_assert_landed(&fixture, "topics/t/partition=0/t+0+0000000000.json: 0 1 2\n"
                                     "topics/t/partition=0/t+0+0000000003.json: 3 4 5\n"
                                     "topics/t/partition=0/t+0+0000000006.json: 8\n"
                                     "topics/t/partition=0/t+0+0000000009.json: 9 10 11\n");
    assert_int_equal(sink_bed_status(&fixture, "t", 0).lost, 2);
    sink_bed_close(&fixture);
    pn_store_destroy(&store);
    sink_bed_deinit(&fixture);
}

/* The log lost its end within cuts that were remembered and partly landed. */
static void test_log_steps_back_into_remembered_cuts(void **state)
{
    (void)state;
    for (int64_t end = 0; end <= 12; end++) {
        struct sink_fixture fixture;
        struct fault_io fault;
        sink_bed_init(&fixture);
        fault_io_init(&fault, ram_io());
        struct pn_store *store = NULL;
        assert_int_equal(pn_local_store_open(fixture.store_folder, &fault.io, &store, NULL), 0);
        fixture.config.store = store;
        sink_bed_append(&fixture, "t", 0, 12);
        sink_bed_open(&fixture);
        fault_io_fail(&fault, FAULT_RENAME, 3, EIO, FAULT_FOREVER);
        assert_int_not_equal(pn_sink_flush(fixture.sink, NULL), 0);
        sink_bed_close(&fixture);
        fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);

        fake_log_set_end(fixture.log, "t", 0, end);
        sink_bed_open(&fixture);
        sink_bed_append(&fixture, "t", 100, 130);
        assert_int_equal(pn_sink_flush(fixture.sink, NULL), 0);
        char *landed = sink_bed_landed(&fixture);
        for (int value = 0; value < 130; value++) {
            char number[16];
            int times = 0;
            snprintf(number, sizeof number, " %d", value);
            for (const char *at = landed; (at = strstr(at, number)) != NULL; at++) {
                char behind = at[strlen(number)];
                times += behind == ' ' || behind == '\n';
            }
            /* What the log had is there once, what it lost may have landed before: 0 to 5 had. */
            bool is_sure = value < 6 || value < end || value >= 100;
            assert_int_equal(times, is_sure ? 1 : 0);
        }
        free(landed);
        sink_bed_close(&fixture);
        pn_store_destroy(&store);
        sink_bed_deinit(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_at_every_call),
        cmocka_unit_test(test_disk_full_from_every_call_on),
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_every_write_is_short),
        cmocka_unit_test(test_crash_while_recovering),
        cmocka_unit_test(test_cuts_are_remembered_first),
        cmocka_unit_test(test_records_of_remembered_cuts_are_gone),
        cmocka_unit_test(test_log_steps_back_into_remembered_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
