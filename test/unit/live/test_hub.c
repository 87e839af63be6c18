/* The hub of live updates: which events a subscriber gets, in which order, after which absence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "live/hub.h"

enum { VALUES = 4, STEP_US = 500, WAIT_STEPS = 120000, TEXT_MAX = 1 << 22 };

/* A source whose topics "value/0" to "value/3" are numbers of the test. */
struct bed {
    struct pn_live *live;
    atomic_int values[VALUES];
    atomic_int looks;
    atomic_int wakes;
};

static void look(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count)
{
    struct bed *bed = arg;
    for (size_t i = 0; i < count; i++) {
        int value = atomic_load(&bed->values[atoi(topics[i]->parts[1])]);
        if (!topics[i]->is_new && topics[i]->seen != (uint64_t)value) {
            pn_json_add_i64(pn_live_begin(live, topics[i], "value"), "value", value);
            pn_live_end(live);
        }
        topics[i]->seen = (uint64_t)value;
    }
    atomic_fetch_add(&bed->looks, 1);
}

static void wake(void *arg)
{
    struct bed *bed = arg;
    atomic_fetch_add(&bed->wakes, 1);
}

static int set_up(void **state)
{
    static const struct pn_live_kind kinds[] = {{"value", 2}, {NULL, 0}};
    struct bed *bed = pn_xcalloc(1, sizeof *bed);
    const struct pn_live_source source = {.kinds = kinds, .look_ms = 1, .look = look, .arg = bed};
    bed->live = pn_live_create(pn_clock_system(), wake, bed);
    pn_live_add_source(bed->live, &source);
    assert_int_equal(pn_live_start(bed->live, NULL), 0);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    pn_live_destroy(&bed->live);
    free(bed);
    return 0;
}

static struct pn_live_subscriber *subscribe(struct bed *bed, const char *topics, const char *last)
{
    struct pn_live_subscriber *subscriber = NULL;
    struct pn_err e = {0};
    if (pn_live_subscribe(bed->live, topics, last, 60000, &subscriber, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return subscriber;
}

/* Reads until the text has come; all that was read is in `out`. */
static void read_until(struct pn_live_subscriber *subscriber, const char *text, struct pn_buf *out)
{
    for (int i = 0; i < WAIT_STEPS; i++) {
        if (pn_live_is_ready(subscriber)) {
            pn_live_read(subscriber, out);
        }
        if (strstr(pn_buf_text(out), text) != NULL) {
            return;
        }
        usleep(STEP_US);
    }
    fail_msg("'%s' did not come: %s", text, pn_buf_text(out));
}

/* A subscriber that has its first lines, and is sure to hear of what comes. */
static struct pn_live_subscriber *join(struct bed *bed, const char *topics, const char *last,
                                       struct pn_buf *out)
{
    struct pn_live_subscriber *subscriber = subscribe(bed, topics, last);
    read_until(subscriber, "\n\n", out);
    return subscriber;
}

/* The last id in a text. */
static void last_id(const struct pn_buf *out, char id[64])
{
    const char *found = NULL;
    for (const char *at = pn_buf_text(out); (at = strstr(at, "id: ")) != NULL; at += 4) {
        found = at + 4;
    }
    assert_non_null(found);
    size_t len = strcspn(found, "\n");
    assert_true(len < 64);
    memcpy(id, found, len);
    id[len] = '\0';
}

static int count_of(const struct pn_buf *out, const char *text)
{
    int count = 0;
    for (const char *at = pn_buf_text(out); (at = strstr(at, text)) != NULL; at += strlen(text)) {
        count++;
    }
    return count;
}

static void test_only_what_was_named(void **state)
{
    struct bed *bed = *state;
    struct pn_buf one;
    struct pn_buf both;
    pn_buf_init(&one, TEXT_MAX);
    pn_buf_init(&both, TEXT_MAX);
    struct pn_live_subscriber *first = join(bed, "value/0", NULL, &one);
    struct pn_live_subscriber *second = join(bed, "value/1,value/0", NULL, &both);
    assert_int_equal(strncmp(pn_buf_text(&one), "retry: 1000\nid: ", 16), 0);
    atomic_store(&bed->values[1], 5);
    read_until(second, "data: {\"topic\":\"value/1\",\"value\":5}\n\n", &both);
    atomic_store(&bed->values[0], 7);
    read_until(first, "event: value\ndata: {\"topic\":\"value/0\",\"value\":7}\n\n", &one);
    read_until(second, "\"value\":7", &both);
    assert_null(strstr(pn_buf_text(&one), "value/1"));
    assert_true(atomic_load(&bed->wakes) > 0);
    pn_live_unsubscribe(&first);
    pn_live_unsubscribe(&second);
    pn_buf_deinit(&one);
    pn_buf_deinit(&both);
}

static void test_what_was_missed_comes_once(void **state)
{
    struct bed *bed = *state;
    struct pn_buf out;
    struct pn_buf other;
    char id[64];
    pn_buf_init(&out, TEXT_MAX);
    pn_buf_init(&other, TEXT_MAX);
    struct pn_live_subscriber *stays = join(bed, "value/0", NULL, &other);
    struct pn_live_subscriber *goes = join(bed, "value/0", NULL, &out);
    atomic_store(&bed->values[0], 1);
    read_until(goes, "\"value\":1}", &out);
    last_id(&out, id);
    pn_live_unsubscribe(&goes);
    atomic_store(&bed->values[0], 2);
    read_until(stays, "\"value\":2}", &other);
    pn_buf_reset(&out);
    goes = subscribe(bed, "value/0", id);
    read_until(goes, "\"value\":2}", &out);
    assert_int_equal(count_of(&out, "\"value\":"), 1);
    assert_int_equal(count_of(&out, "resync"), 0);
    pn_live_unsubscribe(&goes);
    pn_live_unsubscribe(&stays);
    pn_buf_deinit(&out);
    pn_buf_deinit(&other);
}

/* Nobody looked while the value changed: the next look finds it. */
static void test_a_change_that_nobody_saw(void **state)
{
    struct bed *bed = *state;
    struct pn_buf out;
    char id[64];
    pn_buf_init(&out, TEXT_MAX);
    struct pn_live_subscriber *subscriber = join(bed, "value/2", NULL, &out);
    last_id(&out, id);
    pn_live_unsubscribe(&subscriber);
    assert_false(pn_live_is_watched(bed->live));
    atomic_store(&bed->values[2], 9);
    pn_buf_reset(&out);
    subscriber = subscribe(bed, "value/2", id);
    read_until(subscriber, "\"value\":9}", &out);
    assert_int_equal(count_of(&out, "resync"), 0);
    pn_live_unsubscribe(&subscriber);
    pn_buf_deinit(&out);
}

static void test_resync(void **state)
{
    struct bed *bed = *state;
    struct pn_buf out;
    char id[64];
    pn_buf_init(&out, TEXT_MAX);
    struct pn_live_subscriber *subscriber =
        join(bed, "value/0,value/1", "0123456789abcdef.3", &out);
    assert_non_null(strstr(pn_buf_text(&out),
                           "event: resync\ndata: {\"topics\":[\"value/0\",\"value/1\"]}\n\n"));
    last_id(&out, id);
    pn_live_unsubscribe(&subscriber);

    pn_buf_reset(&out); /* a topic more than before: it alone is fetched again */
    subscriber = join(bed, "value/0,value/3", id, &out);
    assert_non_null(strstr(pn_buf_text(&out), "data: {\"topics\":[\"value/3\"]}"));
    pn_live_unsubscribe(&subscriber);

    static const char *const bad[] = {"x", ".", "1.2.3", "0123456789abcdef.", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pn_buf_reset(&out);
        subscriber = join(bed, "value/0", bad[i], &out);
        assert_non_null(strstr(pn_buf_text(&out), "event: resync"));
        pn_live_unsubscribe(&subscriber);
    }
    pn_buf_deinit(&out);
}

/* A subscriber that read nothing for longer than the ring is. */
static void test_the_ring_is_left_behind(void **state)
{
    struct bed *bed = *state;
    struct pn_buf out;
    struct pn_buf slow;
    pn_buf_init(&out, TEXT_MAX);
    pn_buf_init(&slow, TEXT_MAX);
    struct pn_live_subscriber *sleeps = join(bed, "value/0", NULL, &slow);
    struct pn_live_subscriber *reads = join(bed, "value/0", NULL, &out);
    for (int i = 1; i <= PN_LIVE_RING + 10; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "\"value\":%d}", i);
        atomic_store(&bed->values[0], i);
        pn_buf_reset(&out);
        read_until(reads, text, &out);
    }
    pn_buf_reset(&slow);
    read_until(sleeps, "event: resync", &slow);
    assert_int_equal(count_of(&slow, "event: value"), 0);
    pn_live_unsubscribe(&sleeps);
    pn_live_unsubscribe(&reads);
    pn_buf_deinit(&out);
    pn_buf_deinit(&slow);
}

static void test_what_is_refused(void **state)
{
    struct bed *bed = *state;
    static const char *const bad[] = {
        "",         ",",         "value",       "value/1/2",      "other/1",   "value/1,",
        "value//1", "value/%zz", "value/\"x\"", "value/\xc3\xa4", "value/%00", "value/"};
    struct pn_live_subscriber *subscriber = NULL;
    struct pn_err e = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(pn_live_subscribe(bed->live, bad[i], NULL, 1, &subscriber, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
    char many[16 * (PN_LIVE_TOPICS_MAX + 1)] = "value/0";
    for (int i = 0; i < PN_LIVE_TOPICS_MAX; i++) {
        strcat(many, ",value/1");
    }
    assert_int_not_equal(pn_live_subscribe(bed->live, many, NULL, 1, &subscriber, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_false(pn_live_is_watched(bed->live));

    struct pn_live_subscriber *all[PN_LIVE_SUBSCRIBERS_MAX];
    for (size_t i = 0; i < PN_LIVE_SUBSCRIBERS_MAX; i++) {
        all[i] = subscribe(bed, "value/0", NULL);
    }
    assert_int_equal(pn_live_subscribe(bed->live, "value/0", NULL, 1, &subscriber, &e),
                     PN_LIVE_FULL);
    for (size_t i = 0; i < PN_LIVE_SUBSCRIBERS_MAX; i++) {
        pn_live_unsubscribe(&all[i]);
    }
}

static void test_nobody_looks(void **state)
{
    struct bed *bed = *state;
    struct pn_buf out;
    pn_buf_init(&out, TEXT_MAX);
    struct pn_live_subscriber *subscriber = join(bed, "value/0", NULL, &out);
    pn_live_unsubscribe(&subscriber);
    usleep(50000); /* a look may be in progress */
    int looks = atomic_load(&bed->looks);
    usleep(100000);
    assert_int_equal(atomic_load(&bed->looks), looks);
    pn_buf_deinit(&out);
}

static void test_heartbeat(void **state)
{
    struct bed *bed = *state;
    struct pn_buf out;
    struct pn_live_subscriber *subscriber = NULL;
    pn_buf_init(&out, TEXT_MAX);
    assert_int_equal(pn_live_subscribe(bed->live, "value/0", NULL, 1, &subscriber, NULL), 0);
    read_until(subscriber, "\n\n", &out);
    pn_buf_reset(&out);
    usleep(5000);
    pn_live_read(subscriber, &out);
    assert_int_equal(strncmp(pn_buf_text(&out), ":\nid: ", 6), 0);
    size_t len = out.len;
    pn_live_unsubscribe(&subscriber);
    subscriber = join(bed, "value/0", NULL, &out);
    len = out.len;
    pn_live_read(subscriber, &out); /* its heartbeat is a minute */
    assert_int_equal(out.len, len);
    pn_live_unsubscribe(&subscriber);
    pn_buf_deinit(&out);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *come_and_go(void *arg)
{
    struct bed *bed = arg;
    struct pn_buf out;
    pn_buf_init(&out, TEXT_MAX);
    char id[64] = "";
    for (int i = 0; i < 60; i++) {
        struct pn_live_subscriber *subscriber = join(bed, "value/0,value/1", id, &out);
        for (int reads = 0; reads < 20; reads++) {
            pn_live_read(subscriber, &out);
        }
        last_id(&out, id);
        pn_live_unsubscribe(&subscriber);
        pn_buf_reset(&out);
    }
    pn_buf_deinit(&out);
    return NULL;
}

/* One that stays sees every value of its topic that was published, in order. */
static void test_many_threads(void **state)
{
    struct bed *bed = *state;
    enum { THREADS = 4, ROUNDS = 400 };
    pthread_t threads[THREADS];
    struct pn_buf out;
    pn_buf_init(&out, TEXT_MAX);
    struct pn_live_subscriber *stays = join(bed, "value/0", NULL, &out);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, bed), 0);
    }
    for (int i = 1; i <= ROUNDS; i++) {
        atomic_store(&bed->values[1], -i);
        atomic_store(&bed->values[0], i);
        usleep(STEP_US);
        pn_live_read(stays, &out);
    }
    char text[32];
    (void)snprintf(text, sizeof text, "\"value\":%d}", ROUNDS);
    read_until(stays, text, &out);
    int before = 0;
    for (const char *at = pn_buf_text(&out); (at = strstr(at, "\"value\":")) != NULL; at++) {
        int value = atoi(at + strlen("\"value\":"));
        assert_true(value > before);
        before = value;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pn_live_unsubscribe(&stays);
    pn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_what_was_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_missed_comes_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_that_nobody_saw, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_ring_is_left_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_heartbeat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
