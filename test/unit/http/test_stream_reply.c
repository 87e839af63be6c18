/* Streamed replies, and puts whose client is gone, by real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/request.h"
#include "http/server.h"
#include "support/client.h"
#include "support/defaults.h"
#include "support/memory_log.h"

enum { PIECE_BYTES = 4 << 20 };

struct fixture {
    struct pn_log *log;
    struct pn_http_server *server;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    char text[64];     /* what a stream is to say next, once */
    bool over;         /* streams are to end */
    int large;         /* pieces of PIECE_BYTES still to come */
    int begun;         /* streams */
    int ended;         /* of them */
    int puts_finished; /* calls of finish_put() */
};

/* --- a handler with a streamed reply ---------------------------------------------------------- */

static bool next(void *arg, struct pn_buf *out)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    pn_buf_adds(out, f->text);
    f->text[0] = '\0';
    if (f->large > 0 && pn_buf_reserve(out, PIECE_BYTES)) {
        memset(out->data + out->len, 'x', PIECE_BYTES);
        out->len += PIECE_BYTES;
        f->large--;
    }
    bool more = !f->over || f->large > 0;
    pthread_mutex_unlock(&f->lock);
    return more;
}

static bool ready(void *arg)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    bool is_ready = f->text[0] != '\0' || f->over || f->large > 0;
    pthread_mutex_unlock(&f->lock);
    return is_ready;
}

static void end(void *arg)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    f->ended++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static enum pn_http_handled begin(struct pn_http_request *req, void *arg)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    f->begun++;
    pthread_mutex_unlock(&f->lock);
    req->status = 200;
    req->content_type = "text/plain";
    req->stream = (struct pn_http_reply_stream){.next = next, .ready = ready, .end = end, .arg = f};
    return PN_HTTP_HANDLED_STREAM;
}

/* Nobody wakes this one. */
static enum pn_http_handled begin_looking(struct pn_http_request *req, void *arg)
{
    enum pn_http_handled handled = begin(req, arg);
    req->stream.look_ms = 10;
    return handled;
}

/* --- a handler that puts ---------------------------------------------------------------------- */

struct put {
    struct pn_log_request request;
    struct pn_log_entry entry;
    struct fixture *f;
};

static enum pn_http_handled finish_put(struct pn_http_request *req, bool taken)
{
    assert_true(taken);
    struct put *put = req->state;
    struct fixture *f = put->f;
    pthread_mutex_lock(&f->lock);
    f->puts_finished++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    req->status = put->entry.rc == 0 ? 200 : 500;
    return PN_HTTP_HANDLED;
}

static void put_done(struct pn_log_request *request)
{
    pn_http_request_done(request->arg);
}

static bool submit_put(struct pn_http_request *req, bool more)
{
    struct put *put = req->state;
    put->request.more = more;
    return pn_log_submit(put->f->log, &put->request, NULL) == 0;
}

static enum pn_http_handled begin_put(struct pn_http_request *req, void *arg)
{
    struct put *put = pn_arena_calloc(&req->arena, 1, sizeof *put);
    put->f = arg;
    put->entry.record.value = (struct pn_bytes){req->body, req->body_len};
    put->request.topic = "t";
    put->request.entries = &put->entry;
    put->request.count = 1;
    put->request.done = put_done;
    put->request.arg = req;
    req->submit = submit_put;
    req->finish = finish_put;
    req->state = put;
    return PN_HTTP_HANDLED_SUBMIT;
}

static enum pn_http_handled block(struct pn_http_request *req, void *arg)
{
    (void)arg;
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* --- fixture ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->log = pn_memory_log_create(1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_http_server_destroy(&f->server);
    pn_log_destroy(&f->log);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    return 0;
}

static const struct pn_http_route routes[] = {
    {PN_HTTP_GET, "stream", begin, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "stream/blocks", begin, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "stream/looks", begin_looking, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_POST, "put", begin_put, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "blocks", block, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};
static const char *const words[] = {"stream", "put", "blocks", NULL};
static const struct pn_http_front front = {.name = "test", .routes = routes, .words = words};

static void start(struct fixture *f, int64_t memory_bytes_max)
{
    struct pn_err e;
    const struct pn_http_env env = {.io = pn_io_system(), .clock = pn_clock_system()};
    struct pn_http_config config;
    pn_settings_to_http(default_settings(), &config);
    config.listen = "127.0.0.1:0";
    config.threads = 2;
    config.memory_bytes_max = memory_bytes_max;
    assert_int_equal(pn_http_server_create(&config, &env, &f->server, &e), 0);
    pn_http_server_add_front(f->server, &front, f);
    assert_int_equal(pn_http_server_start(f->server, &e), 0);
}

/* Has the streams say something, or end, and wakes those that wait. */
static void say(struct fixture *f, const char *text, bool over)
{
    pthread_mutex_lock(&f->lock);
    (void)snprintf(f->text, sizeof f->text, "%s", text);
    f->over = over;
    pthread_mutex_unlock(&f->lock);
    pn_http_server_wake(f->server);
}

/* What the next streams do: so many large pieces, and an end after them or not. */
static void plan(struct fixture *f, int large, bool over)
{
    pthread_mutex_lock(&f->lock);
    f->large = large;
    f->over = over;
    pthread_mutex_unlock(&f->lock);
}

static void assert_ended(struct fixture *f, int wanted)
{
    pthread_mutex_lock(&f->lock);
    assert_int_equal(f->ended, wanted);
    pthread_mutex_unlock(&f->lock);
}

static void wait_for(struct fixture *f, const int *count, int wanted)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_ANSWER_MS_MAX / 1000;
    pthread_mutex_lock(&f->lock);
    int rc = 0;
    while (*count < wanted && rc == 0) {
        rc = pthread_cond_timedwait(&f->changed, &f->lock, &until);
    }
    assert_int_equal(*count, wanted);
    pthread_mutex_unlock(&f->lock);
}

/* --- a client --------------------------------------------------------------------------------- */

static int dial(const struct fixture *f)
{
    return client_dial(pn_http_server_port(f->server));
}

static void ask(int fd, const char *path)
{
    char request[256];
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
}

/* Reads until `text` came; what is before it is dropped. False when the connection was closed. */
static bool hear(int fd, const char *text)
{
    char got[1024];
    size_t len = 0;
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, CLIENT_ANSWER_MS_MAX), 1);
        assert_true(len < sizeof got - 1);
        if (recv(fd, got + len, 1, 0) != 1) {
            return false;
        }
        got[++len] = '\0';
        if (strstr(got, text) != NULL) {
            return true;
        }
    }
}

/* Everything until the connection is closed or `end_text` came; returns the count of `c` in it. */
static size_t count_all(int fd, char c, const char *end_text, bool *ended)
{
    static char bytes[65536];
    char last[8] = "";
    size_t count = 0;
    size_t end_len = strlen(end_text);
    *ended = false;
    while (!*ended) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) {
            return count;
        }
        for (ssize_t i = 0; i < got; i++) {
            count += bytes[i] == c;
            memmove(last, last + 1, end_len - 1);
            last[end_len - 1] = bytes[i];
        }
        *ended = memcmp(last, end_text, end_len) == 0;
    }
    return count;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_pieces(void **state)
{
    struct fixture *f = *state;
    start(f, 1 << 20);
    int fd = dial(f);
    for (int round = 1; round <= 2; round++) {
        plan(f, 0, false);
        ask(fd, round == 1 ? "/stream" : "/stream/blocks");
        assert_true(hear(fd, "HTTP/1.1 200 OK"));
        assert_true(hear(fd, "Transfer-Encoding: chunked"));
        assert_true(hear(fd, "\r\n\r\n"));
        assert_true(client_is_silent(fd));
        say(f, "first", false);
        assert_true(hear(fd, "5\r\nfirst\r\n"));
        assert_true(client_is_silent(fd));
        say(f, "second", false);
        assert_true(hear(fd, "6\r\nsecond\r\n"));
        assert_ended(f, round - 1);
        say(f, "last", true);
        assert_true(hear(fd, "4\r\nlast\r\n0\r\n\r\n"));
        wait_for(f, &f->ended, round);
    }
    close(fd);
}

/* There are four pool threads, and many more streams that have nothing to say. */
static void test_waiting_holds_no_thread(void **state)
{
    struct fixture *f = *state;
    enum { STREAMS = 24 };
    int fds[STREAMS];
    start(f, 1 << 20);
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = dial(f);
        ask(fds[i], "/stream/blocks");
        assert_true(hear(fds[i], "\r\n\r\n"));
    }
    int fd = dial(f);
    ask(fd, "/blocks");
    assert_true(hear(fd, "HTTP/1.1 200 OK"));
    say(f, "", true);
    for (int i = 0; i < STREAMS; i++) {
        assert_true(hear(fds[i], "0\r\n\r\n"));
        close(fds[i]);
    }
    wait_for(f, &f->ended, STREAMS);
    close(fd);
}

static void test_client_hangs_up(void **state)
{
    struct fixture *f = *state;
    start(f, 1 << 20);
    int polite = dial(f);
    int rude = dial(f);
    ask(polite, "/stream");
    ask(rude, "/stream");
    assert_true(hear(polite, "\r\n\r\n"));
    assert_true(hear(rude, "\r\n\r\n"));
    close(polite);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(rude, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(rude);
    /* Without that anything was said. */
    wait_for(f, &f->ended, 2);
}

static void test_stop_ends_streams(void **state)
{
    struct fixture *f = *state;
    start(f, 1 << 20);
    int fd = dial(f);
    ask(fd, "/stream");
    assert_true(hear(fd, "\r\n\r\n"));
    assert_true(client_is_silent(fd));
    pn_http_server_stop(f->server);
    assert_true(hear(fd, "0\r\n\r\n"));
    assert_ended(f, 1);
    close(fd);
}

/* Pieces much larger than what fits into a socket, fetched late. */
static void test_large_pieces(void **state)
{
    struct fixture *f = *state;
    bool ended = false;
    start(f, 2 * PIECE_BYTES);
    plan(f, 3, true);
    int fd = dial(f);
    ask(fd, "/stream");
    assert_true(hear(fd, "\r\n\r\n"));
    assert_int_equal(count_all(fd, 'x', "\r\n0\r\n\r\n", &ended), 3 * (size_t)PIECE_BYTES);
    assert_true(ended);
    wait_for(f, &f->ended, 1);
    close(fd);
}

/* A piece that is more than the server may hold breaks the reply off, which the client sees. */
static void test_memory_limit(void **state)
{
    struct fixture *f = *state;
    bool ended = false;
    start(f, PIECE_BYTES / 2);
    plan(f, 1, false);
    int fd = dial(f);
    ask(fd, "/stream");
    assert_true(hear(fd, "\r\n\r\n"));
    assert_int_equal(count_all(fd, 'x', "\r\n0\r\n\r\n", &ended), 0);
    assert_false(ended);
    wait_for(f, &f->ended, 1);
    close(fd);
}

/* A put that was begun is ended, even when its client has gone. */
static void test_put_of_who_is_gone(void **state)
{
    struct fixture *f = *state;
    static const char request[] =
        "POST /put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1";
    start(f, 1 << 20);
    pn_memory_log_hold(f->log, true);
    int fd = dial(f);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    assert_true(client_is_silent(fd));
    close(fd);
    pn_memory_log_hold(f->log, false);
    wait_for(f, &f->puts_finished, 1);
}

/* What has nobody to wake it is looked at as often as it asks. */
static void test_looks(void **state)
{
    struct fixture *f = *state;
    start(f, 1 << 20);
    int fd = dial(f);
    ask(fd, "/stream/looks");
    assert_true(hear(fd, "\r\n\r\n"));
    pthread_mutex_lock(&f->lock);
    (void)snprintf(f->text, sizeof f->text, "seen");
    pthread_mutex_unlock(&f->lock);
    assert_true(hear(fd, "seen"));
    pthread_mutex_lock(&f->lock);
    f->over = true;
    pthread_mutex_unlock(&f->lock);
    assert_true(hear(fd, "0\r\n\r\n"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_holds_no_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_hangs_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_ends_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_of_who_is_gone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
