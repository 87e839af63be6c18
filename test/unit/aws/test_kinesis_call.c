/* Puts through both fronts over a log in memory: what its refusals become, clients that are gone
 * while the log has their records, and many producers beside resharding. */
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
#include <sys/socket.h>
#include <unistd.h>

#include "kinesis/kinesis.h"
#include "server/fronts.h"
#include "support/client.h"
#include "support/defaults.h"
#include "support/memory_log.h"

struct fixture {
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_metrics *metrics;
    struct pn_fronts *fronts;
    char folder[64];
    char consumers[96];
    char streams[96];
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct pn_err e;
    memset(f, 0, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/pinion-gateway-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->consumers, sizeof f->consumers, "%.63s/consumers", f->folder);
    (void)snprintf(f->streams, sizeof f->streams, "%.63s/kinesis", f->folder);
    f->log = pn_memory_log_create(1);
    f->metrics = pn_metrics_create();
    struct pn_kinesis_config streams;
    pn_settings_to_kinesis(default_settings(), &streams);
    streams.folder = f->streams;
    assert_int_equal(pn_kinesis_create(&streams, f->log, pn_io_system(), pn_clock_system(), NULL,
                                       f->metrics, &f->kinesis, &e),
                     0);
    const struct pn_stream_create create = {.name = "s", .shards = 1};
    assert_int_equal(pn_kinesis_create_stream(f->kinesis, &create, &e), 0);
    struct pn_fronts_config config;
    pn_settings_to_http(default_settings(), &config.http);
    pn_settings_to_kafka_rest(default_settings(), &config.kafka_rest);
    pn_settings_to_aws(default_settings(), &config.aws);
    config.http.listen = "127.0.0.1:0";
    config.http.threads = 2;
    config.http.data_folder = f->folder;
    config.kafka_rest.consumers_folder = f->consumers;
    const struct pn_fronts_env env = {.log = f->log,
                                      .kinesis = f->kinesis,
                                      .io = pn_io_system(),
                                      .clock = pn_clock_system(),
                                      .metrics = f->metrics};
    assert_int_equal(pn_fronts_create(&config, &env, &f->fronts, &e), 0);
    assert_int_equal(pn_http_server_start(f->fronts->http, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_fronts_destroy(&f->fronts);
    pn_kinesis_destroy(&f->kinesis);
    pn_log_destroy(&f->log);
    pn_metrics_destroy(&f->metrics);
    return pn_io_remove_tree(pn_io_system(), f->folder, NULL);
}

/* --- a client --------------------------------------------------------------------------------- */

static int dial(const struct fixture *f)
{
    return client_dial(pn_http_server_port(f->fronts->http));
}

static void say(int fd, const char *line, const char *headers, const char *body)
{
    char request[CLIENT_REPLY_BYTES_MAX];
    int len = snprintf(request, sizeof request,
                       "%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s", line,
                       headers, strlen(body), body);
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
}

static void call(int fd, const char *operation, const char *body)
{
    char headers[512];
    (void)snprintf(headers, sizeof headers,
                   "X-Amz-Target: Kinesis_20131202.%s\r\n"
                   "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: d\r\n"
                   "Authorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c\r\n",
                   operation);
    say(fd, "POST /", headers, body);
}

static const char one[] = "{\"StreamName\":\"s\",\"Data\":\"eA==\",\"PartitionKey\":\"k\"}";
static const char two[] = "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":"
                          "\"a\"},{\"Data\":\"eQ==\",\"PartitionKey\":\"b\"}]}";
static const char rest[] = "{\"Data\":{\"a\":1},\"PartitionKey\":\"k\"}";

/* One PutRecord through each front, which must be answered alike. */
static void put_both(struct fixture *f, int status, const char *text)
{
    char reply[CLIENT_REPLY_BYTES_MAX];
    int fd = dial(f);
    call(fd, "PutRecord", one);
    assert_int_equal(client_hear(fd, reply), status);
    assert_non_null(strstr(reply, text));
    assert_non_null(strstr(reply, "Content-Type: application/x-amz-json-1.1\r\n"));
    say(fd, "PUT /prod/streams/s/record", "", rest);
    assert_int_equal(client_hear(fd, reply), status);
    assert_non_null(strstr(reply, text));
    assert_non_null(strstr(reply, "Content-Type: application/json\r\n"));
    close(fd);
}

static int64_t end_of(const struct fixture *f, int32_t shard)
{
    struct pn_log_offsets offsets;
    assert_int_equal(pn_log_offsets(f->log, "__kinesis.s", shard, &offsets, NULL), 0);
    return offsets.end;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_put(void **state)
{
    struct fixture *f = *state;
    put_both(f, 200, "\"ShardId\":\"shardId-000000000000\"");
    assert_int_equal(end_of(f, 0), 2);
}

static void test_log_refuses(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    pn_memory_log_refuse(f->log, PN_CLASS_FATAL, "the log has stopped");
    put_both(f, 500, "{\"__type\":\"InternalFailure\",\"message\":");
    int fd = dial(f);
    call(fd, "PutRecords", two);
    assert_int_equal(client_hear(fd, reply), 200);
    assert_non_null(strstr(reply, "\"FailedRecordCount\":2"));
    /* A queue that is full is what a producer slows down for. */
    pn_memory_log_refuse(f->log, PN_CLASS_RETRY, "the queue is full");
    put_both(f, 400, "{\"__type\":\"ProvisionedThroughputExceededException\",\"message\":");
    pn_memory_log_refuse(f->log, PN_CLASS_NONE, "");
    put_both(f, 200, "\"SequenceNumber\"");
    assert_int_equal(end_of(f, 0), 2);
    close(fd);
}

static void test_log_fails(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    pn_memory_log_fail(f->log, PN_CLASS_FATAL, "the sync failed");
    put_both(f, 500, "{\"__type\":\"InternalFailure\",\"message\":\"the sync failed\"}");
    int fd = dial(f);
    call(fd, "PutRecords", two);
    assert_int_equal(client_hear(fd, reply), 200);
    assert_non_null(strstr(reply, "\"FailedRecordCount\":2"));
    assert_non_null(strstr(reply, "\"ErrorCode\":\"InternalFailure\""));
    say(fd, "GET /health", "", "");
    assert_int_equal(client_hear(fd, reply), 200);
    assert_non_null(strstr(reply, "{\"topic\":\"__kinesis.s\",\"partition\":0,\"reason\":"
                                  "\"the sync failed\"}"));
    close(fd);
}

/* A put of a client that is gone lets go of its shard: else a split would wait forever. */
static void test_split_after_a_client_is_gone(void **state)
{
    struct fixture *f = *state;
    struct pn_err e;
    const struct pn_hash_key middle = {.high = UINT64_C(1) << 63};
    pn_memory_log_hold(f->log, true);
    int fds[2] = {dial(f), dial(f)};
    call(fds[0], "PutRecord", one);
    say(fds[1], "PUT /streams/s/record", "", rest);
    assert_true(client_is_silent(fds[0]));
    assert_true(client_is_silent(fds[1]));
    close(fds[0]);
    close(fds[1]);
    pn_memory_log_hold(f->log, false);
    assert_int_equal(pn_kinesis_split(f->kinesis, "s", "shardId-000000000000", middle, &e), 0);
    assert_int_equal(end_of(f, 0), 2);
    put_both(f, 200, "\"SequenceNumber\"");
    assert_int_equal(end_of(f, 1) + end_of(f, 2), 2);
}

struct producer {
    struct fixture *f;
    int number;
    int requests;
    atomic_int *kept;
};

static void *produce(void *arg)
{
    const struct producer *p = arg;
    char reply[CLIENT_REPLY_BYTES_MAX];
    char body[256];
    int fd = dial(p->f);
    for (int i = 0; i < p->requests; i++) {
        (void)snprintf(
            body, sizeof body,
            "{\"StreamName\":\"s\",\"Data\":\"eA==\",\"PartitionKey\":\"\\u00e9 %d %d\"}",
            p->number, i);
        if (p->number % 2 == 0) {
            call(fd, "PutRecord", body);
        } else {
            say(fd, "PUT /stage/streams/s/record", "", body);
        }
        assert_int_equal(client_hear(fd, reply), 200);
        atomic_fetch_add(p->kept, 1);
    }
    close(fd);
    return NULL;
}

static void test_producers_beside_resharding(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 6, REQUESTS = 150, SPLITS = 5 };
    pthread_t threads[THREADS];
    struct producer producers[THREADS];
    atomic_int kept = 0;
    struct pn_err e;
    for (int i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){f, i, REQUESTS, &kept};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    char shard[PN_SHARD_ID_SIZE] = "shardId-000000000000";
    for (int i = 0; i < SPLITS; i++) {
        const struct pn_hash_key middle = {.high = UINT64_C(1) << (63 - i)};
        assert_int_equal(pn_kinesis_split(f->kinesis, "s", shard, middle, &e), 0);
        (void)pn_shard_id((uint32_t)(i * 2 + 1), shard); /* the lower child */
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    int64_t there = 0;
    for (int32_t i = 0; i <= SPLITS * 2; i++) {
        there += end_of(f, i);
    }
    assert_int_equal(kept, THREADS * REQUESTS);
    assert_int_equal(there, THREADS * REQUESTS);
}

/* Nor does a client of Kinesis learn where the server keeps its data. */
static void test_paths_of_the_server_are_not_told(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    char message[256];
    (void)snprintf(message, sizeof message, "cannot write '%s/log/s/0/1.log': it broke", f->folder);
    pn_memory_log_fail(f->log, PN_CLASS_FATAL, message);
    int fd = dial(f);
    call(fd, "PutRecord", one);
    assert_int_equal(client_hear(fd, reply), 500);
    assert_non_null(strstr(reply, "cannot write 'log/s/0/1.log': it broke"));
    assert_null(strstr(reply, f->folder));
    call(fd, "PutRecords", two);
    assert_int_equal(client_hear(fd, reply), 200);
    assert_null(strstr(reply, f->folder));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_split_after_a_client_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_producers_beside_resharding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths_of_the_server_are_not_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
