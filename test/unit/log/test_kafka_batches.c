/*
 * Requests that nobody waits for before the next one is made, on librdkafka's mock cluster: a real
 * broker neither refuses a batch nor keeps an answer back when a test wants it, and does not count
 * requests. Where a test counts, the clock stands still, so that no gathering ends by time.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/mem.h"
#include "log/kafka/private.h"
#include "settings/configs.h"
#include "support/defaults.h"

enum { BROKERS = 2, PARTITIONS = 2, API_PRODUCE = 0, COUNT = 500 };
enum { CLIENTS = 4, TIMEOUT_MS = 1000, HANG_MS = 600000 };

struct fixture {
    char folder[64];
    struct pn_fake_clock clock;
    rd_kafka_t *owner; /* of the mock */
    rd_kafka_mock_cluster_t *mock;
    char *url;
    struct pn_log *log;
    struct pn_log_entry entries[COUNT];
    struct pn_log_request requests[COUNT];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    int answers;
    int answers_of[COUNT];
    int next; /* request, of a test whose clients make another one after an answer */
};

static int set_up_at(void **state, bool is_frozen)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    struct pn_kafka_config config;
    struct pn_err e = {0};
    char why[256];
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pinion-kafka-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    assert_non_null(fixture->owner);
    fixture->mock = rd_kafka_mock_cluster_new(fixture->owner, BROKERS);
    assert_int_equal(rd_kafka_mock_topic_create(fixture->mock, "t", PARTITIONS, BROKERS), 0);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        rd_kafka_mock_partition_set_leader(fixture->mock, "t", i, i + 1);
    }
    pn_fake_clock_init(&fixture->clock, INT64_C(1796000000000));
    fixture->url =
        pn_xasprintf(PN_KAFKA_SCHEME "%s", rd_kafka_mock_cluster_bootstraps(fixture->mock));
    pn_settings_to_kafka(default_settings(), &config);
    config.folder = fixture->folder;
    config.url = fixture->url;
    config.timeout_ms = TIMEOUT_MS; /* the mock does not answer for settings of topics */
    config.properties = "message.timeout.ms=60000";
    if (pn_kafka_open(&config, pn_io_system(),
                      is_frozen ? &fixture->clock.clock : pn_clock_system(), NULL, &fixture->log,
                      &e) != 0) {
        fail_msg("%s", e.msg);
    }
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    return set_up_at(state, false);
}

static int set_up_frozen(void **state)
{
    return set_up_at(state, true);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_log_destroy(&fixture->log);
    rd_kafka_mock_cluster_destroy(fixture->mock);
    rd_kafka_destroy(fixture->owner);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
    free(fixture->url);
    free(fixture);
    return 0;
}

static void count_answer(struct pn_log_request *request)
{
    struct fixture *fixture = request->arg;
    pthread_mutex_lock(&fixture->lock);
    fixture->answers++;
    fixture->answers_of[request - fixture->requests]++;
    pthread_cond_signal(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

/* One record, without a key. */
static void submit(struct fixture *fixture, int i, int32_t partition,
                   void (*done)(struct pn_log_request *request))
{
    fixture->entries[i] = (struct pn_log_entry){.partition = partition,
                                                .record = {.value = {"v", 1}, .timestamp_ms = -1}};
    fixture->requests[i] = (struct pn_log_request){
        .topic = "t", .entries = &fixture->entries[i], .count = 1, .done = done, .arg = fixture};
    assert_int_equal(pn_log_submit(fixture->log, &fixture->requests[i], NULL), 0);
}

/* Every fifth is for partition 1, the others are for partition 0. */
static void submit_all(struct fixture *fixture)
{
    for (int i = 0; i < COUNT; i++) {
        submit(fixture, i, i % 5 == 0, count_answer);
    }
}

static void wait_for_answers(struct fixture *fixture, int count)
{
    pthread_mutex_lock(&fixture->lock);
    while (fixture->answers < count) {
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    }
    pthread_mutex_unlock(&fixture->lock);
}

static int answers(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    int count = fixture->answers;
    pthread_mutex_unlock(&fixture->lock);
    return count;
}

static int answers_of(struct fixture *fixture, int i)
{
    pthread_mutex_lock(&fixture->lock);
    int count = fixture->answers_of[i];
    pthread_mutex_unlock(&fixture->lock);
    return count;
}

/* The broker answers its next request for records that late. */
static void delay(struct fixture *fixture, int32_t broker, int ms)
{
    assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(
                         fixture->mock, broker, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_NO_ERROR, ms),
                     0);
}

/* How many delays no request has had. */
static int delays_left(struct fixture *fixture, int32_t broker)
{
    size_t count = 0;
    assert_int_equal(
        rd_kafka_mock_broker_error_stack_cnt(fixture->mock, broker, API_PRODUCE, &count), 0);
    return (int)count;
}

static void wait_for_request(struct fixture *fixture, int32_t broker)
{
    while (delays_left(fixture, broker) > 0) {
        pn_sleep_ms(1);
    }
}

/* Those of a partition stay in their order, also when the first batches must be sent again. */
static void test_records_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    int64_t next[PARTITIONS] = {0};
    rd_kafka_mock_push_request_errors(fixture->mock, API_PRODUCE, 2,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    submit_all(fixture);
    wait_for_answers(fixture, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(fixture->requests[i].rc, 0);
        assert_int_equal(fixture->entries[i].offset, next[fixture->entries[i].partition]++);
    }
}

/* What comes meanwhile is not sent, though the thread has looked: it has sent the other records. */
static void test_one_batch_is_on_its_way(void **state)
{
    enum { EACH = 20 };
    struct fixture *fixture = *state;
    delay(fixture, 1, HANG_MS);
    submit(fixture, 0, 0, count_answer);
    wait_for_request(fixture, 1);
    delay(fixture, 1, 0);
    for (int i = 1; i <= EACH; i++) {
        submit(fixture, 2 * i, 0, count_answer);
        submit(fixture, 2 * i + 1, 1, count_answer);
        wait_for_answers(fixture, i);
    }
    assert_int_equal(delays_left(fixture, 1), 1);
    pn_fake_clock_advance(&fixture->clock, PN_KAFKA_GATE_WAIT_NS / 1000000);
    wait_for_request(fixture, 1); /* then they are sent all the same */
}

/* Each client makes its next request when it has the answer. */
static void request_next(struct pn_log_request *request)
{
    struct fixture *fixture = request->arg;
    pthread_mutex_lock(&fixture->lock);
    int next = fixture->next < COUNT ? fixture->next++ : -1;
    pthread_mutex_unlock(&fixture->lock);
    if (next >= 0) {
        submit(fixture, next, 0, request_next);
    }
    count_answer(request);
}

/* Those who are answered together come together again. */
static void test_clients_share_batches(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < COUNT; i++) {
        delay(fixture, 1, 5);
    }
    fixture->next = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) {
        submit(fixture, i, 0, request_next);
    }
    wait_for_answers(fixture, COUNT - CLIENTS);
    int requests = COUNT - delays_left(fixture, 1);
    while (answers(fixture) < COUNT) {
        pn_fake_clock_advance(&fixture->clock, 1); /* the last ones wait for others in vain */
        pn_sleep_ms(1);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(fixture->requests[i].rc, 0);
    }
    assert_in_range(requests, COUNT / CLIENTS - 1, COUNT / 2);
}

/* Neither its own records nor those without a partition wait for another partition's answer. */
static void test_a_partition_that_does_not_answer_holds_up_no_other(void **state)
{
    enum { EACH = 20 };
    struct fixture *fixture = *state;
    int next = 1;
    delay(fixture, 1, HANG_MS);
    submit(fixture, 0, 0, count_answer);
    wait_for_request(fixture, 1);
    for (int i = 0; i < EACH; i++) {
        submit(fixture, next++, 1, count_answer);
        wait_for_answers(fixture, next - 1);
    }
    pn_fake_clock_advance(&fixture->clock, PN_KAFKA_GATE_WAIT_NS / 1000000);
    for (int i = 0; i < EACH; i++) {
        submit(fixture, next++, PN_PARTITION_ANY, count_answer);
        wait_for_answers(fixture, next - 1);
    }
    assert_int_equal(answers_of(fixture, 0), 0);
    for (int i = 1; i < next; i++) {
        assert_int_equal(fixture->requests[i].rc, 0);
        assert_int_equal(fixture->entries[i].partition, 1);
        assert_int_equal(fixture->entries[i].offset, i - 1);
    }
}

static void test_records_without_a_key_go_to_all_partitions(void **state)
{
    struct fixture *fixture = *state;
    int64_t next[PARTITIONS] = {0};
    for (int i = 0; i < 100; i++) {
        submit(fixture, i, PN_PARTITION_ANY, count_answer);
        wait_for_answers(fixture, i + 1);
        assert_int_equal(fixture->requests[i].rc, 0);
        assert_in_range(fixture->entries[i].partition, 0, PARTITIONS - 1);
        assert_int_equal(fixture->entries[i].offset, next[fixture->entries[i].partition]++);
    }
    for (int32_t i = 0; i < PARTITIONS; i++) {
        assert_true(next[i] > 0);
    }
}

static void test_what_waits_too_long_may_be_sent_again(void **state)
{
    struct fixture *fixture = *state;
    delay(fixture, 1, HANG_MS);
    submit(fixture, 0, 0, count_answer);
    wait_for_request(fixture, 1);
    submit(fixture, 1, 0, count_answer);
    pn_fake_clock_advance(&fixture->clock, TIMEOUT_MS);
    wait_for_answers(fixture, 1);
    assert_int_equal(answers_of(fixture, 1), 1);
    assert_int_not_equal(fixture->requests[1].rc, 0);
    assert_int_equal(fixture->requests[1].err.class_, PN_CLASS_RETRY);
    assert_int_equal(fixture->entries[1].class_, PN_CLASS_RETRY);
}

/* The producer is replaced: what it had is RETRY, what waited goes to the next one. */
static void test_a_fatal_error_loses_no_answer(void **state)
{
    struct fixture *fixture = *state;
    struct pn_kafka *kafka = pn_kafka_of(fixture->log);
    delay(fixture, 1, HANG_MS);
    delay(fixture, 2, HANG_MS);
    submit(fixture, 0, 0, count_answer);
    submit(fixture, 1, 1, count_answer);
    wait_for_request(fixture, 1);
    wait_for_request(fixture, 2);
    for (int i = 2; i < COUNT; i++) {
        submit(fixture, i, i % 2, count_answer);
    }
    (void)rd_kafka_test_fatal_error(
        kafka->producer.client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test wants it");
    wait_for_answers(fixture, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(answers_of(fixture, i), 1);
        if (i < 2) {
            assert_int_equal(fixture->requests[i].err.class_, PN_CLASS_RETRY);
        } else {
            assert_int_equal(fixture->requests[i].rc, 0);
        }
    }
}

/* What waits for others is answered then as well. */
static void test_closing_answers_all(void **state)
{
    struct fixture *fixture = *state;
    submit_all(fixture);
    pn_log_destroy(&fixture->log);
    assert_int_equal(fixture->answers, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(fixture->answers_of[i], 1);
        assert_int_equal(fixture->requests[i].rc, 0);
        assert_true(fixture->entries[i].offset >= 0);
    }
}

/* The answer of the first never comes, and the others wait for it. */
static void test_closing_gives_up_in_the_end(void **state)
{
    struct fixture *fixture = *state;
    delay(fixture, 1, HANG_MS);
    submit(fixture, 0, 0, count_answer);
    wait_for_request(fixture, 1);
    for (int i = 1; i < COUNT; i++) {
        submit(fixture, i, 0, count_answer);
    }
    pn_log_destroy(&fixture->log);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(fixture->answers_of[i], 1);
        if (fixture->requests[i].rc != 0) {
            assert_int_equal(fixture->requests[i].err.class_, PN_CLASS_RETRY);
        }
    }
    assert_int_not_equal(fixture->requests[0].rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_batch_is_on_its_way, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_clients_share_batches, set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_a_partition_that_does_not_answer_holds_up_no_other,
                                        set_up_frozen, tear_down),
        cmocka_unit_test_setup_teardown(test_records_without_a_key_go_to_all_partitions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_too_long_may_be_sent_again, set_up_frozen,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_fatal_error_loses_no_answer, set_up_frozen,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_closing_answers_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_gives_up_in_the_end, set_up_frozen, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
