/* Our own front, by real sockets: its words, replies that a client has, and requests that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/errors.h"
#include "api/sink_routes.h"
#include "http/content.h"
#include "store/local/local.h"
#include "support/client.h"
#include "support/defaults.h"
#include "support/memory_log.h"

enum { FLUSHES = 12 }; /* more than the server has pool threads */

struct fixture {
    struct pn_io_ops ops; /* the system's, but for syncs */
    struct pn_io io;
    char folder[64];
    char sink_folder[96];
    char store_folder[96];
    struct pn_log *log;
    struct pn_store *store;
    struct pn_sink *sink;
    struct pn_log_failures failures;
    struct pn_http_server *server;
    struct pn_api *api;
    struct pn_api_sink_routes *routes;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool held;   /* syncs wait */
    int waiting; /* of them */
};

/* --- a disk that can be held ------------------------------------------------------------------ */

static void wait_while_held(const struct pn_io *io)
{
    struct fixture *f = io->ctx;
    pthread_mutex_lock(&f->lock);
    f->waiting++;
    pthread_cond_broadcast(&f->changed);
    while (f->held) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    f->waiting--;
    pthread_mutex_unlock(&f->lock);
}

static int held_fsync(const struct pn_io *io, int fd)
{
    wait_while_held(io);
    return pn_io_system()->ops->fsync(pn_io_system(), fd);
}

static int held_fdatasync(const struct pn_io *io, int fd)
{
    wait_while_held(io);
    return pn_io_system()->ops->fdatasync(pn_io_system(), fd);
}

static void hold(struct fixture *f, bool held)
{
    pthread_mutex_lock(&f->lock);
    f->held = held;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void await_sync(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->waiting == 0) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
}

/* --- routes of the test ----------------------------------------------------------------------- */

static enum pn_http_handled versioned(struct pn_http_request *req, void *arg)
{
    (void)arg;
    req->status = 200;
    if (!pn_http_reply_is_known(req, "\"v,7\"")) {
        pn_buf_adds(&req->out, "{}");
    }
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled quick(struct pn_http_request *req, void *arg)
{
    (void)arg;
    req->status = 200;
    pn_buf_adds(&req->out, "{}");
    return PN_HTTP_HANDLED;
}

static const struct pn_api_route routes[] = {
    {.http = {PN_HTTP_GET, "api/v1/versioned", versioned, 0, PN_RIGHT_READ, PN_OF_NOTHING},
     .id = "get_versioned",
     .summary = "A body of one version",
     .media = "text/plain"},
    {.http = {PN_HTTP_GET, "api/v1/quick", quick, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_NOTHING},
     .id = "get_quick",
     .summary = "Replies at once",
     .media = "application/json"},
};

/* --- fixture ---------------------------------------------------------------------------------- */

static void open_sink(struct fixture *f)
{
    static const char *const topics[] = {"t"};
    struct pn_sink_config config;
    struct pn_err e;
    (void)snprintf(f->sink_folder, sizeof f->sink_folder, "%.63s/sink", f->folder);
    (void)snprintf(f->store_folder, sizeof f->store_folder, "%.63s/store", f->folder);
    assert_int_equal(pn_local_store_open(f->store_folder, &f->io, &f->store, &e), 0);
    pn_settings_to_sink(default_settings(), &config);
    config.folder = f->sink_folder;
    config.topics = topics;
    config.topic_count = 1;
    config.topics_dir = "topics";
    config.dead_letters_dir = "dead_letters";
    config.log = f->log;
    config.store = f->store;
    config.io = &f->io;
    config.clock = pn_clock_system();
    assert_int_equal(pn_sink_create(&config, &f->sink, &e), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct pn_err e;
    memset(f, 0, sizeof *f);
    f->ops = *pn_io_system()->ops;
    f->ops.fsync = held_fsync;
    f->ops.fdatasync = held_fdatasync;
    f->io = (struct pn_io){.ops = &f->ops, .ctx = f};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/pinion-api-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->log = pn_memory_log_create(1);
    open_sink(f);
    struct pn_http_config config;
    pn_settings_to_http(default_settings(), &config);
    config.listen = "127.0.0.1:0";
    config.threads = 2;
    const struct pn_http_env env = {.io = pn_io_system(), .clock = pn_clock_system()};
    assert_int_equal(pn_http_server_create(&config, &env, &f->server, &e), 0);
    pn_log_failures_init(&f->failures);
    const struct pn_api_env api = {.server = f->server, .failures = &f->failures};
    f->api = pn_api_create(&api);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        pn_api_add_route(f->api, &routes[i], NULL);
    }
    assert_int_equal(pn_api_sink_routes_start(f->sink, f->api, &f->routes, &e), 0);
    assert_int_equal(pn_http_server_start(f->server, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_http_server_stop(f->server);
    pn_api_sink_routes_stop(&f->routes);
    pn_http_server_destroy(&f->server);
    pn_api_destroy(&f->api);
    pn_log_failures_deinit(&f->failures);
    pn_sink_destroy(&f->sink);
    pn_store_destroy(&f->store);
    pn_log_destroy(&f->log);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    return pn_io_remove_tree(pn_io_system(), f->folder, NULL);
}

/* --- a client --------------------------------------------------------------------------------- */

static int dial(const struct fixture *f)
{
    return client_dial(pn_http_server_port(f->server));
}

/* `more`: header fields, each with its CRLF. */
static void send_request(int fd, const char *method, const char *path, const char *more)
{
    char request[512];
    int len = snprintf(request, sizeof request,
                       "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n%s\r\n", method,
                       path, more);
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
}

static int ask(const struct fixture *f, const char *method, const char *path, const char *more,
               char reply[CLIENT_REPLY_BYTES_MAX])
{
    int fd = dial(f);
    send_request(fd, method, path, more);
    int status = client_hear(fd, reply);
    close(fd);
    return status;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_errors(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    assert_int_equal(ask(f, "GET", "/no/such/path", "", reply), 404);
    assert_non_null(strstr(reply, "Content-Type: application/json"));
    assert_non_null(strstr(reply, "\r\n\r\n{\"error\":{\"code\":\"not_found\",\"message\":"
                                  "\"There is nothing at /no/such/path\",\"hint\":\"GET "
                                  "/api/v1/routes lists the routes\"}}"));
    assert_int_equal(ask(f, "PUT", "/health", "", reply), 405);
    assert_non_null(strstr(reply, "Allow: GET, HEAD, OPTIONS"));
    assert_non_null(strstr(reply, "{\"error\":{\"code\":\"method_not_allowed\",\"message\":"));
    assert_int_equal(ask(f, "GET", "/api/v1/quick", "Content-Encoding: br\r\n", reply), 415);
    assert_non_null(strstr(reply, "{\"error\":{\"code\":\"unsupported_media_type\","));
}

static void test_known_replies(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    static const struct {
        const char *header;
        int status;
    } cases[] = {
        {"", 200},
        {"If-None-Match: \"v,7\"\r\n", 304},
        {"If-None-Match: W/\"v,7\"\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"a\", W/\"b,c\" ,\"v,7\"\r\n", 304},
        {"If-None-Match: \"v\"\r\n", 200},
        {"If-None-Match: \"v,70\"\r\n", 200},
        {"If-None-Match: v,7\r\n", 200},
        {"If-None-Match: \"v,7\r\n", 200},
        {"If-None-Match: ,,\r\n", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask(f, "GET", "/api/v1/versioned", cases[i].header, reply),
                         cases[i].status);
        assert_non_null(strstr(reply, "ETag: \"v,7\"\r\n"));
        assert_non_null(strstr(reply, "Vary: Accept-Encoding\r\n"));
        bool has_body = strstr(reply, "\r\n\r\n{}") != NULL;
        assert_int_equal(has_body, cases[i].status == 200);
    }
}

/* Flushes that wait hold no thread: other requests that may block are answered meanwhile. */
static void test_flushes_wait(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    int fds[FLUSHES];
    pn_memory_log_put(f->log, "t", 0, "{\"a\":1}");
    hold(f, true);
    for (int i = 0; i < FLUSHES; i++) {
        fds[i] = dial(f);
        send_request(fds[i], "POST", "/api/v1/sink/flush", "");
    }
    await_sync(f);
    assert_int_equal(ask(f, "GET", "/api/v1/quick", "", reply), 200);
    assert_true(client_is_silent(fds[0]));
    close(fds[1]); /* a client that gives up */
    hold(f, false);
    for (int i = 0; i < FLUSHES; i++) {
        if (i != 1) {
            assert_int_equal(client_hear(fds[i], reply), 200);
            assert_non_null(strstr(reply, "{\"landed\":true}"));
            close(fds[i]);
        }
    }
    assert_int_equal(ask(f, "GET", "/api/v1/sink", "", reply), 200);
    assert_non_null(strstr(reply, "\"topic\":\"t\",\"partition\":0,\"landed_offset\":1,"
                                  "\"end_offset\":1,\"lag\":0,"));
}

static void *stop(void *arg)
{
    pn_http_server_stop(arg);
    return NULL;
}

/* A server that stops does not wait for a flush. */
static void test_stop_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    char reply[CLIENT_REPLY_BYTES_MAX];
    pn_memory_log_put(f->log, "t", 0, "{\"a\":1}");
    hold(f, true);
    int fd = dial(f);
    send_request(fd, "POST", "/api/v1/sink/flush", "");
    await_sync(f);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, f->server), 0);
    assert_int_equal(client_hear(fd, reply), 503);
    assert_non_null(strstr(reply, "Retry-After: 1"));
    assert_non_null(strstr(reply, "{\"error\":{\"code\":\"unavailable\",\"message\":"
                                  "\"the server is stopping\","));
    close(fd);
    hold(f, false);
    pthread_join(stopper, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flushes_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_ends_the_wait, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
