/*
 * A topic that another program deleted and made again under its name, where its id does not say so:
 * all records of the new one land, in a folder and in a store with notes.
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
#include "support/memory_store.h"
#include "support/sink_fixture.h"

enum { VALUES_MAX = 256, NEW = 100, CONFIRM_MS = 10 * 1000 };

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    fake_log_count_ids(fixture->log);
    fake_log_set_id(fixture->log, "t", 0);
    *state = fixture;
    return 0;
}

static int set_up_notes(void **state)
{
    (void)set_up(state);
    struct sink_fixture *fixture = *state;
    pn_store_destroy(&fixture->store);
    fixture->store = memory_store_create(fixture->folder);
    fixture->config.store = fixture->store;
    return 0;
}

static int tear_down(void **state)
{
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

static void flush(struct pn_sink *sink)
{
    struct pn_err e = {.msg = ""};
    if (pn_sink_flush(sink, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

/* One life of the sink. */
static void live(struct sink_fixture *fixture)
{
    sink_bed_open(fixture);
    flush(fixture->sink);
    sink_bed_close(fixture);
}

/* Values first .. end - 1 are its records. */
static void make_again(struct sink_fixture *fixture, int first, int end)
{
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    fake_log_set_id(fixture->log, "t", 0);
    sink_bed_append(fixture, "t", first, end);
}

struct landed {
    struct pn_store *store;
    int times[VALUES_MAX];
};

static int see_object(void *arg, const struct pn_object *object)
{
    struct landed *landed = arg;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    assert_int_equal(pn_store_get(landed->store, object->key, &text, NULL), 0);
    for (const char *line = pn_buf_text(&text); *line != '\0'; line = strchr(line, '\n') + 1) {
        long value = strtol(line, NULL, 10);
        assert_in_range(value, 0, VALUES_MAX - 1);
        landed->times[value]++;
    }
    pn_buf_deinit(&text);
    return 0;
}

/* The values first .. end - 1 have landed from `least` to `most` times each. */
static void assert_landed(struct sink_fixture *fixture, int first, int end, int least, int most)
{
    struct landed landed = {.store = fixture->store};
    assert_int_equal(pn_store_list(fixture->store, "topics/", NULL, see_object, &landed, NULL), 0);
    for (int i = first; i < end; i++) {
        if (landed.times[i] < least || landed.times[i] > most) {
            fail_msg("%d has landed %d times", i, landed.times[i]);
        }
    }
}

static void assert_once(struct sink_fixture *fixture, int first, int end)
{
    assert_landed(fixture, first, end, 1, 1);
}

/* --- while no sink looks ---------------------------------------------------------------------- */

static void test_with_more_records(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 10);
    live(fixture);
    make_again(fixture, NEW, NEW + 20);
    live(fixture);
    assert_once(fixture, 0, 10);
    assert_once(fixture, NEW, NEW + 20);
    live(fixture);
    sink_bed_append(fixture, "t", NEW + 20, NEW + 25);
    live(fixture);
    assert_once(fixture, 0, 10);
    assert_once(fixture, NEW, NEW + 25);
}

/* The end that is too early may be a broker's mistake: it counts after a while. */
static void test_with_fewer_records(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 10);
    live(fixture);
    make_again(fixture, NEW, NEW + 2);
    sink_bed_open(fixture);
    struct pn_err e = {.msg = ""};
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "the topic counts as created again"));
    assert_landed(fixture, NEW, NEW + 2, 0, 0);
    pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_once(fixture, 0, 10);
    assert_once(fixture, NEW, NEW + 2);
}

/* A leader that was behind has the records again. */
static void test_an_end_that_comes_back(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 10);
    live(fixture);
    fake_log_set_end(fixture->log, "t", 0, 7);
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, NULL), 0);
    sink_bed_append(fixture, "t", 7, 12);
    pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_once(fixture, 0, 12);
}

/* Only what is seen all the time lasts: after a look without an answer the wait begins again. */
static void test_an_end_between_looks_that_fail(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_err e = {.msg = ""};
    sink_bed_append(fixture, "t", 0, 10);
    live(fixture);
    fake_log_set_end(fixture->log, "t", 0, 7);
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_non_null(strstr(e.msg, "the topic counts as created again"));
    fake_log_fail_reads(fixture->log, "t", 1);
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_null(strstr(e.msg, "the topic counts as created again"));
    pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_non_null(strstr(e.msg, "the topic counts as created again"));
    sink_bed_append(fixture, "t", 7, 12);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_once(fixture, 0, 12);
}

/* A cluster may refuse reads for another reason than their offset: that says nothing of its end. */
static void test_reads_that_are_refused(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_err e = {.msg = ""};
    sink_bed_append(fixture, "t", 0, 10);
    live(fixture);
    fake_log_refuse_reads(fixture->log, "t", true);
    sink_bed_open(fixture);
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
        assert_non_null(strstr(e.msg, "invalid request"));
        pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    }
    fake_log_refuse_reads(fixture->log, "t", false);
    sink_bed_append(fixture, "t", 10, 12);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_once(fixture, 0, 12);
}

/* With nothing to compare, brokers that have lost the newest record look like a topic that was made
 * again: all lands, twice rather than never. */
static void test_without_prints_the_newest_is_lost(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 10);
    fake_log_uncount_ids(fixture->log);
    live(fixture);
    fake_log_count_ids(fixture->log);
    fake_log_set_end(fixture->log, "t", 0, 9);
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, NULL), 0);
    pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    flush(fixture->sink);
    sink_bed_append(fixture, "t", NEW, NEW + 2);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_landed(fixture, 0, 9, 2, 2);
    assert_once(fixture, 9, 10);
    assert_once(fixture, NEW, NEW + 2);
}

/* A sink of an earlier version has kept no prints: only an end that is too early says something. */
static void test_without_prints(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 10);
    fake_log_uncount_ids(fixture->log);
    live(fixture);
    fake_log_count_ids(fixture->log);
    live(fixture);
    assert_once(fixture, 0, 10);
    make_again(fixture, NEW, NEW + 2);
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, NULL), 0);
    pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_once(fixture, NEW, NEW + 2);
}

/* --- the same topic --------------------------------------------------------------------------- */

/* Nothing lands again, and with few reads, also when retention has removed what had landed. */
static void test_the_same_topic(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 30);
    live(fixture);
    for (int begin = 0; begin <= 30; begin++) {
        fake_log_set_begin(fixture->log, "t", 0, begin);
        int64_t reads = fake_log_reads(fixture->log);
        live(fixture);
        assert_true(fake_log_reads(fixture->log) - reads <= 3);
    }
    sink_bed_append(fixture, "t", 30, 33);
    live(fixture);
    assert_once(fixture, 0, 33);
}

/* The cluster has lost the newest records, and has others since then: those that it still has do
 * not land again. */
static void test_a_log_that_lost_its_end(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    for (int i = 0; i < 12; i += 3) {
        sink_bed_append(fixture, "t", i, i + 3);
        flush(fixture->sink);
    }
    sink_bed_close(fixture);
    fake_log_set_end(fixture->log, "t", 0, 9);
    sink_bed_append(fixture, "t", NEW, NEW + 10);
    live(fixture);
    assert_once(fixture, 0, 12);
    assert_once(fixture, NEW, NEW + 10);
}

/* --- while a sink runs ------------------------------------------------------------------------ */

static void test_while_it_runs(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 10);
    sink_bed_open(fixture);
    flush(fixture->sink);
    make_again(fixture, NEW, NEW + 20);
    fake_log_doubt(fixture->log, "t", 0);
    flush(fixture->sink);
    assert_once(fixture, 0, 10);
    assert_once(fixture, NEW, NEW + 20);
    fake_log_doubt(fixture->log, "t", 0);
    sink_bed_append(fixture, "t", NEW + 20, NEW + 22);
    flush(fixture->sink);
    assert_once(fixture, NEW, NEW + 22);
}

/* Nobody flushes: a sink that has noticed it lands by itself. */
static void test_a_sink_wakes_for_it(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.flush_size = 100;
    sink_bed_append(fixture, "t", 0, 10);
    sink_bed_open(fixture);
    flush(fixture->sink);
    make_again(fixture, NEW, NEW + 10);
    fake_log_doubt(fixture->log, "t", 0);
    assert_int_equal(pn_sink_run(fixture->sink, NULL), 0);
    pn_fake_clock_advance(&fixture->clock, fixture->config.rotate_interval_ms);
    assert_int_equal(pn_sink_run(fixture->sink, NULL), 0);
    assert_once(fixture, NEW, NEW + 10);
}

/* --- two sinks -------------------------------------------------------------------------------- */

static struct pn_sink *open_other(struct sink_fixture *fixture)
{
    struct pn_sink *sink = NULL;
    assert_int_equal(pn_sink_create(&fixture->config, &sink, NULL), 0);
    return sink;
}

/* One has seen nothing of it, and learns it from the mark of the other one. */
static void test_a_sink_that_saw_nothing(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink *other = open_other(fixture);
    sink_bed_append(fixture, "t", 0, 10);
    flush(other);
    make_again(fixture, NEW, NEW + 20);
    live(fixture);
    assert_once(fixture, NEW, NEW + 20);
    sink_bed_append(fixture, "t", NEW + 20, NEW + 25);
    flush(other);
    assert_once(fixture, 0, 10);
    assert_once(fixture, NEW, NEW + 25);
    pn_sink_destroy(&other);
}

/* It has landed records of the new topic after those of the former: the next sink sees that the
 * first ones are missing. Those that were landed land twice. */
static void test_a_sink_that_went_on(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink *other = open_other(fixture);
    sink_bed_append(fixture, "t", 0, 10);
    flush(other);
    make_again(fixture, NEW, NEW + 20);
    flush(other);
    assert_landed(fixture, NEW, NEW + 10, 0, 0);
    live(fixture);
    assert_landed(fixture, NEW, NEW + 10, 1, 1);
    assert_landed(fixture, NEW + 10, NEW + 20, 2, 2);
    flush(other);
    sink_bed_append(fixture, "t", NEW + 20, NEW + 23);
    flush(other);
    live(fixture);
    assert_landed(fixture, NEW, NEW + 10, 1, 1);
    assert_landed(fixture, NEW + 20, NEW + 23, 1, 1);
    pn_sink_destroy(&other);
}

/* Both have noticed, and put their marks at the same time. */
struct rival {
    struct pn_sink *sink;
    int requests;
    int at;
};

static int run_rival(void *arg, bool is_after, struct pn_err *e)
{
    struct rival *rival = arg;
    (void)e;
    if (!is_after && rival->sink != NULL && rival->requests++ == rival->at) {
        struct pn_sink *sink = rival->sink;
        rival->sink = NULL;
        flush(sink);
    }
    return 0;
}

static void test_two_that_notice(void **state)
{
    (void)state;
    bool has_run = true;
    for (int at = 0; has_run; at++) {
        void *bed = NULL;
        assert_int_equal(set_up_notes(&bed), 0);
        struct sink_fixture *fixture = bed;
        sink_bed_append(fixture, "t", 0, 10);
        live(fixture);
        make_again(fixture, NEW, NEW + 20);
        struct pn_sink *other = open_other(fixture);
        struct rival rival = {.sink = other, .at = at};
        memory_store_watch(fixture->store, run_rival, &rival);
        live(fixture);
        memory_store_watch(fixture->store, NULL, NULL);
        has_run = rival.sink == NULL;
        assert_once(fixture, 0, 10);
        assert_once(fixture, NEW, NEW + 20);
        pn_sink_destroy(&other);
        assert_int_equal(tear_down(&bed), 0);
    }
}

/* --- crashes ---------------------------------------------------------------------------------- */

struct failure {
    int requests;
    int nth;
    bool is_after;
};

static int fail_from(void *arg, bool is_after, struct pn_err *e)
{
    struct failure *failure = arg;
    failure->requests += !is_after;
    return failure->requests >= failure->nth && is_after == failure->is_after
               ? pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "no reply")
               : 0;
}

/* A life of which every request from the nth on fails. Did it come to that? */
static bool live_until(struct sink_fixture *fixture, int nth, bool is_after)
{
    struct failure failure = {.nth = nth, .is_after = is_after};
    memory_store_watch(fixture->store, fail_from, &failure);
    if (pn_sink_create(&fixture->config, &fixture->sink, NULL) == 0) {
        (void)!pn_sink_flush(fixture->sink, NULL);
        sink_bed_close(fixture);
    }
    memory_store_watch(fixture->store, NULL, NULL);
    return failure.requests >= nth;
}

static void crash_everywhere(bool is_after, bool is_former)
{
    bool has_crashed = true;
    for (int nth = 1; has_crashed; nth++) {
        void *bed = NULL;
        assert_int_equal(set_up_notes(&bed), 0);
        struct sink_fixture *fixture = bed;
        sink_bed_append(fixture, "t", 0, 10);
        if (is_former) {
            has_crashed = live_until(fixture, nth, is_after);
        } else {
            live(fixture);
        }
        make_again(fixture, NEW, NEW + 20);
        if (!is_former) {
            has_crashed = live_until(fixture, nth, is_after);
        }
        live(fixture);
        assert_landed(fixture, 0, 10, is_former ? 0 : 1, 1);
        assert_once(fixture, NEW, NEW + 20);
        assert_int_equal(tear_down(&bed), 0);
    }
}

static void test_crashes_of_the_sink_that_notices(void **state)
{
    (void)state;
    crash_everywhere(false, false);
    crash_everywhere(true, false);
}

/* The former topic's objects are not all there: they are not made from the new one's records. */
static void test_crashes_before_it(void **state)
{
    (void)state;
    crash_everywhere(false, true);
    crash_everywhere(true, true);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define NOTES(name) cmocka_unit_test_setup_teardown(name, set_up_notes, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_with_more_records),
        NOTES(test_with_more_records),
        TEST(test_with_fewer_records),
        NOTES(test_with_fewer_records),
        TEST(test_an_end_that_comes_back),
        NOTES(test_an_end_that_comes_back),
        TEST(test_an_end_between_looks_that_fail),
        NOTES(test_an_end_between_looks_that_fail),
        TEST(test_reads_that_are_refused),
        NOTES(test_reads_that_are_refused),
        TEST(test_without_prints),
        NOTES(test_without_prints),
        TEST(test_without_prints_the_newest_is_lost),
        NOTES(test_without_prints_the_newest_is_lost),
        TEST(test_the_same_topic),
        NOTES(test_the_same_topic),
        TEST(test_a_log_that_lost_its_end),
        NOTES(test_a_log_that_lost_its_end),
        TEST(test_while_it_runs),
        NOTES(test_while_it_runs),
        TEST(test_a_sink_wakes_for_it),
        NOTES(test_a_sink_wakes_for_it),
        NOTES(test_a_sink_that_saw_nothing),
        NOTES(test_a_sink_that_went_on),
        cmocka_unit_test(test_two_that_notice),
        cmocka_unit_test(test_crashes_of_the_sink_that_notices),
        cmocka_unit_test(test_crashes_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
