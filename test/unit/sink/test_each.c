/*
 * Many partitions in a store with notes land side by side: several requests wait at a time, one
 * failure is one partition's, and each record lands once, however many sinks there are.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/memory_store.h"
#include "support/sink_fixture.h"

enum { PARTITIONS = 24, ROUNDS = 20, TOGETHER = 3, WAIT_SECONDS = 20 };

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    pn_store_destroy(&fixture->store);
    fixture->store = memory_store_create(fixture->folder);
    fixture->config.store = fixture->store;
    fake_log_add_topic(fixture->log, "many", PARTITIONS);
    fixture->topics[0] = "many";
    sink_bed_keep_origins(fixture, PN_SINK_ORIGINS_ALL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    memory_store_watch(((struct sink_fixture *)*state)->store, NULL, NULL);
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

/* One record more in each partition: the number of the round and of the partition. */
static void append_round(struct sink_fixture *fixture, int round)
{
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", round * PARTITIONS + partition);
        (void)fake_log_append(fixture->log, "many", partition, value);
    }
}

struct seen {
    struct pn_store *store;
    int times[ROUNDS * PARTITIONS];
};

static int see_object(void *arg, const struct pn_object *object)
{
    struct seen *seen = arg;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    assert_int_equal(pn_store_get(seen->store, object->key, &text, NULL), 0);
    for (const char *line = pn_buf_text(&text); *line != '\0'; line = strchr(line, '\n') + 1) {
        long value = strtol(line, NULL, 10);
        assert_in_range(value, 0, ROUNDS * PARTITIONS - 1);
        seen->times[value]++;
    }
    pn_buf_deinit(&text);
    return 0;
}

static void assert_each_once(struct sink_fixture *fixture, int rounds)
{
    struct seen seen = {.store = fixture->store};
    assert_int_equal(pn_store_list(fixture->store, "topics/", NULL, see_object, &seen, NULL), 0);
    for (int i = 0; i < ROUNDS * PARTITIONS; i++) {
        assert_int_equal(seen.times[i], i < rounds * PARTITIONS);
    }
    sink_bed_assert_origins(fixture);
}

/* --- side by side ----------------------------------------------------------------------------- */

/* Requests wait until there are TOGETHER. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int waiting;
    bool is_open;
    bool was_alone;
};

static int wait_for_others(void *arg, bool is_after, struct pn_err *e)
{
    struct gate *gate = arg;
    struct timespec until;
    (void)e;
    if (is_after) {
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    gate->is_open = gate->is_open || gate->waiting >= TOGETHER;
    pthread_cond_broadcast(&gate->came);
    int rc = 0;
    while (!gate->is_open && rc == 0) {
        rc = pthread_cond_timedwait(&gate->came, &gate->lock, &until);
    }
    gate->was_alone = gate->was_alone || rc != 0;
    gate->waiting--;
    pthread_mutex_unlock(&gate->lock);
    return 0;
}

static void watch_together(struct sink_fixture *fixture, struct gate *gate)
{
    *gate = (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    memory_store_watch(fixture->store, wait_for_others, gate);
}

static void test_partitions_land_side_by_side(void **state)
{
    struct sink_fixture *fixture = *state;
    struct gate gate;
    sink_bed_open(fixture);
    append_round(fixture, 0);
    watch_together(fixture, &gate);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    assert_false(gate.was_alone);
    memory_store_watch(fixture->store, NULL, NULL);
    assert_each_once(fixture, 1);
}

static void test_their_ends_are_found_side_by_side(void **state)
{
    struct sink_fixture *fixture = *state;
    struct gate gate;
    sink_bed_open(fixture);
    append_round(fixture, 0);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    sink_bed_close(fixture);
    watch_together(fixture, &gate);
    sink_bed_open(fixture);
    assert_false(gate.was_alone);
    memory_store_watch(fixture->store, NULL, NULL);
    append_round(fixture, 1);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    assert_each_once(fixture, 2);
}

struct crowd {
    pthread_mutex_t lock;
    int now;
    int most;
};

static int count_together(void *arg, bool is_after, struct pn_err *e)
{
    struct crowd *crowd = arg;
    const struct timespec moment = {.tv_nsec = 1000000};
    (void)is_after;
    (void)e;
    pthread_mutex_lock(&crowd->lock);
    crowd->now++;
    crowd->most = crowd->now > crowd->most ? crowd->now : crowd->most;
    pthread_mutex_unlock(&crowd->lock);
    nanosleep(&moment, NULL);
    pthread_mutex_lock(&crowd->lock);
    crowd->now--;
    pthread_mutex_unlock(&crowd->lock);
    return 0;
}

/* A batch of each that lands may be in memory. */
static void test_large_objects_land_one_by_one(void **state)
{
    struct sink_fixture *fixture = *state;
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER};
    fixture->config.flush_bytes = PN_SINK_FLUSH_BYTES_MAX;
    sink_bed_open(fixture);
    append_round(fixture, 0);
    memory_store_watch(fixture->store, count_together, &crowd);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    memory_store_watch(fixture->store, NULL, NULL);
    assert_int_equal(crowd.most, 1);
    assert_each_once(fixture, 1);
}

/* --- failures --------------------------------------------------------------------------------- */

/* Each 7th request fails, before or after it took effect. */
struct unlucky {
    pthread_mutex_t lock;
    int requests;
};

static int fail_now_and_then(void *arg, bool is_after, struct pn_err *e)
{
    struct unlucky *unlucky = arg;
    (void)is_after;
    pthread_mutex_lock(&unlucky->lock);
    bool fails = ++unlucky->requests % 7 == 0;
    pthread_mutex_unlock(&unlucky->lock);
    return fails ? pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "bad luck") : 0;
}

static void test_failures_are_of_one_partition(void **state)
{
    struct sink_fixture *fixture = *state;
    struct unlucky unlucky = {.lock = PTHREAD_MUTEX_INITIALIZER};
    for (int round = 0; round < ROUNDS; round++) {
        sink_bed_open(fixture);
        append_round(fixture, round);
        memory_store_watch(fixture->store, fail_now_and_then, &unlucky);
        struct pn_err e = {.msg = ""};
        if (pn_sink_flush(fixture->sink, &e) != 0) {
            assert_non_null(strstr(e.msg, "bad luck"));
        }
        memory_store_watch(fixture->store, NULL, NULL);
        sink_bed_close(fixture);
    }
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    assert_each_once(fixture, ROUNDS);
}

/* --- several sinks ---------------------------------------------------------------------------- */

static void *land_all(void *arg)
{
    struct sink_fixture *fixture = arg;
    struct pn_log_offsets offsets = {0};
    for (int life = 0; offsets.end < ROUNDS || life < 2; life++) {
        struct pn_sink *sink = NULL;
        PN_ASSERT(pn_sink_create(&fixture->config, &sink, NULL) == 0);
        PN_ASSERT(pn_log_offsets(fixture->config.log, "many", PARTITIONS - 1, &offsets, NULL) == 0);
        PN_ASSERT(pn_sink_flush(sink, NULL) == 0);
        pn_sink_destroy(&sink);
    }
    return NULL;
}

static void test_sinks_beside_each_other(void **state)
{
    struct sink_fixture *fixture = *state;
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, land_all, fixture), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        append_round(fixture, round);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_each_once(fixture, ROUNDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_partitions_land_side_by_side),  TEST(test_their_ends_are_found_side_by_side),
        TEST(test_large_objects_land_one_by_one), TEST(test_failures_are_of_one_partition),
        TEST(test_sinks_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
