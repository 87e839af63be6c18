/*
 * Requests that nobody waits for before the next one is made, on librdkafka's mock cluster: a real
 * broker does not refuse a batch when a test wants it.
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
#include "log/kafka/kafka.h"
#include "settings/configs.h"
#include "support/defaults.h"

enum { BROKERS = 3, PARTITIONS = 2, API_PRODUCE = 0, COUNT = 500 };

struct fixture {
    char folder[64];
    rd_kafka_t *owner; /* of the mock */
    rd_kafka_mock_cluster_t *mock;
    char *url;
    struct pn_log *log;
    struct pn_log_entry entries[COUNT];
    struct pn_log_request requests[COUNT];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers;
};

static int set_up(void **state)
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
    fixture->url =
        pn_xasprintf(PN_KAFKA_SCHEME "%s", rd_kafka_mock_cluster_bootstraps(fixture->mock));
    pn_settings_to_kafka(default_settings(), &config);
    config.folder = fixture->folder;
    config.url = fixture->url;
    config.timeout_ms = 1000; /* the mock does not answer for settings of topics */
    config.properties = "message.timeout.ms=60000";
    if (pn_kafka_open(&config, pn_io_system(), pn_clock_system(), NULL, &fixture->log, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    *state = fixture;
    return 0;
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
    pthread_cond_signal(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

/* One record each; every fifth is for partition 1, the others are for partition 0. */
static void submit_all(struct fixture *fixture)
{
    for (int i = 0; i < COUNT; i++) {
        fixture->entries[i] = (struct pn_log_entry){
            .partition = i % 5 == 0, .record = {.value = {"v", 1}, .timestamp_ms = -1}};
        fixture->requests[i] = (struct pn_log_request){.topic = "t",
                                                       .entries = &fixture->entries[i],
                                                       .count = 1,
                                                       .done = count_answer,
                                                       .arg = fixture};
        assert_int_equal(pn_log_submit(fixture->log, &fixture->requests[i], NULL), 0);
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
    pthread_mutex_lock(&fixture->lock);
    while (fixture->answers < COUNT) {
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    }
    pthread_mutex_unlock(&fixture->lock);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(fixture->requests[i].rc, 0);
        assert_int_equal(fixture->entries[i].offset, next[fixture->entries[i].partition]++);
    }
}

/* What waits for others is answered then as well. */
static void test_closing_answers_all(void **state)
{
    struct fixture *fixture = *state;
    submit_all(fixture);
    pn_log_destroy(&fixture->log);
    assert_int_equal(fixture->answers, COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_answers_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
