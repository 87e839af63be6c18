/* The server with its fronts over a log in memory, by real sockets: what depends on threads and on
 * the log's answers. (What HTTP clients see is in test/integration.) */
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

#include "api/errors.h"
#include "server/fronts.h"
#include "support/client.h"
#include "support/defaults.h"
#include "support/memory_log.h"

struct fixture {
    struct pn_log *log;
    struct pn_metrics *metrics;
    struct pn_fronts *fronts;
    char folder[64];
};

static void create(struct fixture *f, const struct pn_fronts_config *config)
{
    struct pn_err e;
    const struct pn_fronts_env env = {
        .log = f->log, .io = pn_io_system(), .clock = pn_clock_system(), .metrics = f->metrics};
    assert_int_equal(pn_fronts_create(config, &env, &f->fronts, &e), 0);
}

static void start(struct fixture *f, const struct pn_fronts_config *config)
{
    struct pn_err e;
    create(f, config);
    assert_int_equal(pn_http_server_start(f->fronts->http, &e), 0);
}

static struct pn_fronts_config usual(const struct fixture *f)
{
    struct pn_fronts_config config;
    pn_settings_to_http(default_settings(), &config.http);
    pn_settings_to_kafka_rest(default_settings(), &config.kafka_rest);
    pn_settings_to_aws(default_settings(), &config.aws);
    config.http.listen = "127.0.0.1:0";
    config.http.threads = 2;
    config.http.group_requests_max = 64; /* as with durability: os */
    config.kafka_rest.consumers_folder = f->folder;
    return config;
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/pinion-gateway-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->log = pn_memory_log_create(2);
    f->metrics = pn_metrics_create();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_fronts_destroy(&f->fronts);
    pn_log_destroy(&f->log);
    pn_metrics_destroy(&f->metrics);
    return pn_io_remove_tree(pn_io_system(), f->folder, NULL);
}

/* --- a client --------------------------------------------------------------------------------- */

static int dial(const struct fixture *f)
{
    return client_dial(pn_http_server_port(f->fronts->http));
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void post(int fd, const char *path, const char *body)
{
    char request[CLIENT_REPLY_BYTES_MAX];
    (void)snprintf(request, sizeof request,
                   "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", path,
                   strlen(body), body);
    say(fd, request);
}

static int ask(const struct fixture *f, const char *path, const char *body,
               char reply[CLIENT_REPLY_BYTES_MAX])
{
    int fd = dial(f);
    post(fd, path, body);
    int status = client_hear(fd, reply);
    close(fd);
    return status;
}

static const char one[] = "{\"records\":[{\"value\":1}]}";

/* --- tests ------------------------------------------------------------------------------------ */

static void test_produce(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    assert_int_equal(ask(f, "/prod/topics/t", one, reply), 200);
    assert_non_null(strstr(reply, "\r\n\r\n{\"offsets\":[{\"partition\":0,\"offset\":0,"
                                  "\"error_code\":null,\"error\":null}],\"key_schema_id\":null,"
                                  "\"value_schema_id\":null}"));
    assert_int_equal(ask(f, "/topics/t/partitions/1", one, reply), 200);
    assert_non_null(strstr(reply, "{\"partition\":1,\"offset\":0,"));
}

/* Some records of a request are refused, the others kept. */
static void test_record_errors(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    assert_int_equal(ask(f, "/topics/t",
                         "{\"records\":[{\"value\":1},{\"value\":2,\"partition\":9},"
                         "{\"value\":3,\"partition\":1}]}",
                         reply),
                     200);
    assert_non_null(strstr(reply, "[{\"partition\":0,\"offset\":0,\"error_code\":null,\"error\":"
                                  "null},{\"partition\":null,\"offset\":null,\"error_code\":40402,"
                                  "\"error\":\"Partition not found.\"},{\"partition\":1,"
                                  "\"offset\":0,\"error_code\":null,\"error\":null}]"));
    assert_int_equal(ask(f, "/topics/t/partitions/7", one, reply), 404);
    assert_non_null(strstr(reply, "{\"error_code\":40402,\"message\":\"Partition not found.\"}"));
}

static void test_log_errors(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    pn_memory_log_refuse(f->log, PN_CLASS_RETRY, "the queue is full");
    assert_int_equal(ask(f, "/topics/t", one, reply), 503);
    assert_non_null(strstr(reply, "Retry-After: 1"));
    assert_non_null(strstr(reply, "{\"error_code\":50003,\"message\":\"the queue is full\"}"));
    pn_memory_log_refuse(f->log, PN_CLASS_MISSING, "no such topic");
    assert_int_equal(ask(f, "/topics/t", one, reply), 404);
    assert_non_null(strstr(reply, "{\"error_code\":40401,\"message\":\"Topic not found.\"}"));
    pn_memory_log_refuse(f->log, PN_CLASS_NONE, "");
    pn_memory_log_fail(f->log, PN_CLASS_RETRY, "the disk is full");
    assert_int_equal(ask(f, "/topics/t", one, reply), 503);
    assert_non_null(strstr(reply, "the disk is full"));
    pn_memory_log_fail(f->log, PN_CLASS_FATAL, "the sync failed");
    assert_int_equal(ask(f, "/topics/t", one, reply), 500);
    assert_non_null(strstr(reply, "{\"error_code\":50002,\"message\":\"the sync failed\"}"));
    pn_memory_log_fail(f->log, PN_CLASS_NONE, "");
    int fd = dial(f);
    say(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(client_hear(fd, reply), 200);
    assert_non_null(strstr(reply, "\"status\":\"degraded\""));
    assert_non_null(strstr(reply, "{\"topic\":\"t\",\"partition\":0,\"reason\":\"the sync failed"));
    close(fd);
}

/* Requests wait as long as the log does, parked at first, then suspended; other connections are
 * served meanwhile. */
static void test_slow_log(void **state)
{
    struct fixture *f = *state;
    enum { WAITING = 40 };
    char reply[CLIENT_REPLY_BYTES_MAX];
    int fds[WAITING];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    assert_int_equal(ask(f, "/topics/t", one, reply), 200);
    pn_memory_log_hold(f->log, true);
    for (int i = 0; i < WAITING; i++) {
        fds[i] = dial(f);
        post(fds[i], "/topics/t", one);
    }
    assert_true(client_is_silent(fds[WAITING - 1]));
    int fd = dial(f);
    say(fd, "GET /topics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(client_hear(fd, reply), 200);
    close(fd);
    close(fds[0]); /* a client that gives up */
    pn_memory_log_hold(f->log, false);
    for (int i = 1; i < WAITING; i++) {
        assert_int_equal(client_hear(fds[i], reply), 200);
        close(fds[i]);
    }
}

static void *stop(void *arg)
{
    pn_http_server_stop(arg);
    return NULL;
}

/* Stopping answers what was accepted, and takes nothing more. */
static void test_drain(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    int idle = dial(f);
    int busy = dial(f);
    assert_int_equal(ask(f, "/topics/t", one, reply), 200);
    pn_memory_log_hold(f->log, true);
    post(busy, "/topics/t", one);
    assert_true(client_is_silent(busy));
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, f->fronts->http), 0);
    assert_int_equal(client_hear(idle, reply), 0);
    assert_true(client_is_silent(busy));
    pn_memory_log_hold(f->log, false);
    assert_int_equal(client_hear(busy, reply), 200);
    assert_non_null(strstr(reply, "Connection: close"));
    assert_int_equal(client_hear(busy, reply), 0);
    pthread_join(stopper, NULL);
    close(idle);
    close(busy);
}

/* A drain that takes too long cuts connections off, but never what the log has. */
static void test_drain_time(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    struct pn_fronts_config config = usual(f);
    config.http.drain_ms = 100;
    start(f, &config);
    int half = dial(f);
    say(half, "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    assert_true(client_is_silent(half));
    pn_http_server_stop(f->fronts->http);
    assert_int_equal(client_hear(half, reply), 0);
    close(half);
}

struct producer {
    const struct fixture *f;
    int connections;
    int requests;
    atomic_int *answered;
};

static void *produce_many(void *arg)
{
    const struct producer *p = arg;
    char reply[CLIENT_REPLY_BYTES_MAX];
    for (int c = 0; c < p->connections; c++) {
        int fd = dial(p->f);
        for (int i = 0; i < p->requests; i++) {
            post(fd, "/topics/t", one);
            assert_int_equal(client_hear(fd, reply), 200);
            atomic_fetch_add(p->answered, 1);
        }
        close(fd);
    }
    return NULL;
}

static void test_many_producers(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 8, CONNECTIONS = 5, REQUESTS = 40 };
    pthread_t threads[THREADS];
    atomic_int answered = 0;
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    struct producer producer = {f, CONNECTIONS, REQUESTS, &answered};
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, produce_many, &producer), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct pn_log_offsets offsets;
    assert_int_equal(pn_log_offsets(f->log, "t", 0, &offsets, NULL), 0);
    assert_int_equal(offsets.end, THREADS * CONNECTIONS * REQUESTS);
    assert_int_equal(answered, THREADS * CONNECTIONS * REQUESTS);
}

/* A long poll ends when a record comes; it holds no thread, so many can wait. */
static void test_long_polls(void **state)
{
    struct fixture *f = *state;
    enum { WAITING = 20 };
    char reply[CLIENT_REPLY_BYTES_MAX];
    char path[128];
    int fds[WAITING];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    assert_int_equal(ask(f, "/topics/t", one, reply), 200);
    for (int i = 0; i < WAITING; i++) {
        (void)snprintf(path, sizeof path, "/consumers/g%d", i);
        assert_int_equal(ask(f, path, "{\"name\":\"i\",\"format\":\"json\"}", reply), 200);
        (void)snprintf(path, sizeof path, "/consumers/g%d/instances/i/subscription", i);
        assert_int_equal(ask(f, path, "{\"topics\":[\"t\"]}", reply), 204);
        fds[i] = dial(f);
        char request[256];
        (void)snprintf(request, sizeof request,
                       "GET /consumers/g%d/instances/i/records?timeout=30000 HTTP/1.1\r\n"
                       "Host: localhost\r\n\r\n",
                       i);
        say(fds[i], request);
    }
    assert_true(client_is_silent(fds[0]));
    pn_memory_log_put(f->log, "t", 0, "{\"a\":2}");
    for (int i = 0; i < WAITING; i++) {
        assert_int_equal(client_hear(fds[i], reply), 200);
        assert_non_null(strstr(reply, "[{\"topic\":\"t\",\"key\":null,\"value\":{\"a\":2},"
                                      "\"partition\":0,\"offset\":1,\"timestamp\":0}]"));
        close(fds[i]);
    }
}

/* Stopping ends long polls with what there is: nothing. */
static void test_drain_ends_polls(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    const struct pn_fronts_config config = usual(f);
    start(f, &config);
    assert_int_equal(ask(f, "/topics/t", one, reply), 200);
    int fd = dial(f);
    say(fd,
        "GET /topics/t/partitions/0/records?offset=1&timeout=30000 HTTP/1.1\r\nHost: localhost\r\n"
        "\r\n");
    assert_true(client_is_silent(fd));
    pn_http_server_stop(f->fronts->http);
    assert_int_equal(client_hear(fd, reply), 200);
    assert_non_null(strstr(reply, "\r\n\r\n[]"));
    close(fd);
}

static void test_connection_limits(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    struct pn_fronts_config config = usual(f);
    config.http.connections_max = 3;
    config.http.connections_per_ip_max = 2;
    start(f, &config);
    int first = dial(f);
    int second = dial(f);
    int third = dial(f);
    assert_int_equal(client_hear(third, reply), 503);
    assert_non_null(strstr(reply, "Too many connections from this address"));
    close(third);
    close(second);
    /* The place is free as soon as the server saw it. */
    int status = 503;
    while (status == 503) {
        status = ask(f, "/topics/t", one, reply);
    }
    assert_int_equal(status, 200);
    close(first);
}

static void test_memory_limit(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    struct pn_fronts_config config = usual(f);
    config.http.memory_bytes_max = 4 * 1024;
    start(f, &config);
    int first = dial(f);
    int second = dial(f);
    say(first,
        "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 25\r\n\r\n{\"records\":[{");
    assert_true(client_is_silent(first));
    int status = 200;
    while (status == 200) { /* until the server has read what the first one sent */
        post(second, "/topics/t", one);
        status = client_hear(second, reply);
    }
    assert_int_equal(status, 503);
    assert_non_null(strstr(reply, "memory_bytes_max"));
    say(first, "\"value\":1}]}");
    assert_int_equal(client_hear(first, reply), 200);
    /* Given back as soon as the reply is out. */
    status = 503;
    while (status == 503) {
        post(second, "/topics/t", one);
        status = client_hear(second, reply);
    }
    assert_int_equal(status, 200);
    close(first);
    close(second);
}

static enum pn_http_handled echo(struct pn_http_request *req, void *arg)
{
    pn_buf_addf(&req->out, "{\"%s\":%zu}", (const char *)arg, req->body_len);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static void test_added_route(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    struct pn_err e;
    static char word[] = "bytes";
    static const struct pn_api_route route = {.http = {PN_HTTP_POST, "api/v1/echo", echo,
                                                       PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
                                                       PN_OF_NOTHING},
                                              .id = "echo",
                                              .summary = "Says how long the body is",
                                              .body_media = "text/plain", /* or of no type */
                                              .media = "application/json"};
    const struct pn_fronts_config config = usual(f);
    create(f, &config);
    pn_api_add_route(f->fronts->api, &route, word);
    assert_int_equal(pn_http_server_start(f->fronts->http, &e), 0);
    assert_int_equal(ask(f, "/api/v1/echo", "12345", reply), 200);
    assert_non_null(strstr(reply, "\r\n\r\n{\"bytes\":5}"));
}

static enum pn_http_handled break_down(struct pn_http_request *req, void *arg)
{
    (void)arg;
    struct pn_err e;
    (void)pn_err_set(&e, PN_CLASS_FATAL, PN_FAIL, "cannot open '/srv/pinion/store/x': it broke");
    pn_api_reply_failure(req, &e);
    return PN_HTTP_HANDLED;
}

/* Where a server keeps its data is not its clients' business. */
static void test_paths_of_the_server_are_not_told(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    struct pn_err e;
    static const struct pn_api_route route = {
        .http = {PN_HTTP_POST, "api/v1/break", break_down, 0, PN_RIGHT_READ, PN_OF_NOTHING},
        .id = "break_down",
        .summary = "Fails"};
    struct pn_fronts_config config = usual(f);
    config.http.data_folder = "/srv/pinion";
    create(f, &config);
    pn_api_add_route(f->fronts->api, &route, NULL);
    assert_int_equal(pn_http_server_start(f->fronts->http, &e), 0);
    pn_memory_log_fail(f->log, PN_CLASS_FATAL,
                       "cannot write '/srv/pinion/log/t/0/1.log' (in '/srv/pinion'): it broke");
    static const char told[] = "cannot write 'log/t/0/1.log' (in '.'): it broke";
    assert_int_equal(ask(f, "/topics/t", one, reply), 500);
    assert_non_null(strstr(reply, told));
    int fd = dial(f);
    say(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(client_hear(fd, reply), 200);
    close(fd);
    assert_non_null(strstr(reply, told));
    assert_null(strstr(reply, "/srv/pinion"));
    assert_int_equal(ask(f, "/api/v1/break", "", reply), 500);
    assert_non_null(strstr(reply, "\"cannot open 'store/x': it broke\""));
}

static void test_port_in_use(void **state)
{
    struct fixture *f = *state;
    struct pn_err e;
    struct pn_fronts_config config = usual(f);
    start(f, &config);
    char listen_on[32];
    (void)snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u",
                   pn_http_server_port(f->fronts->http));
    config.http.listen = listen_on;
    struct pn_fronts *second = NULL;
    const struct pn_fronts_env env = {
        .log = f->log, .io = pn_io_system(), .clock = pn_clock_system()};
    assert_int_equal(pn_fronts_create(&config, &env, &second, &e), 0);
    assert_int_not_equal(pn_http_server_start(second->http, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    assert_non_null(strstr(e.msg, listen_on));
    pn_fronts_destroy(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_produce, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drain_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_producers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_polls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drain_ends_polls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connection_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_added_route, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths_of_the_server_are_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port_in_use, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
