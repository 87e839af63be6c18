/* Replies that are taken as they come: what follows a piece that ends the call is not taken. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <microhttpd.h>

#include "aws/remote/remote.h"

enum { TAKES_MAX = 8, REPLY_BYTES_MAX = 1024 };
static const char *const PIECES[] = {"one", "two"};

/* A server whose reply has two pieces, the second one when it is asked for, and what is done with
 * each piece that comes. */
struct fixture {
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    size_t sent;
    bool is_second_wanted;
    const enum pn_remote_taken *script; /* what each take answers; the last one again and again */
    size_t script_len;
    char taken[TAKES_MAX][8];
    size_t takes;
    bool is_done;

    struct MHD_Daemon *daemon;
    struct pn_remote *remote;
    struct pn_remote_call call;
};

/* --- the server ------------------------------------------------------------------------------- */

static ssize_t give(void *arg, uint64_t at, char *out, size_t max)
{
    struct fixture *fixture = arg;
    (void)at;
    pthread_mutex_lock(&fixture->lock);
    while (fixture->sent == 1 && !fixture->is_second_wanted) {
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    }
    const char *piece = fixture->sent < 2 ? PIECES[fixture->sent++] : NULL;
    pthread_mutex_unlock(&fixture->lock);
    if (piece == NULL) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    assert_true(strlen(piece) <= max);
    memcpy(out, piece, strlen(piece));
    return (ssize_t)strlen(piece);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **request)
{
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (*request == NULL || *len > 0) {
        *request = arg;
        *len = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, give, arg, NULL);
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

/* --- the client ------------------------------------------------------------------------------- */

static enum pn_remote_taken take(struct pn_remote_call *call, const char *bytes, size_t len)
{
    struct fixture *fixture = call->arg;
    pthread_mutex_lock(&fixture->lock);
    size_t i = fixture->takes;
    (void)snprintf(fixture->taken[i], sizeof fixture->taken[i], "%.*s", (int)len, bytes);
    fixture->takes++;
    enum pn_remote_taken taken =
        fixture->script[i < fixture->script_len ? i : fixture->script_len - 1];
    fixture->is_second_wanted = fixture->is_second_wanted || taken != PN_REMOTE_LATER;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
    return taken;
}

static void done(struct pn_remote_call *call)
{
    struct fixture *fixture = call->arg;
    pthread_mutex_lock(&fixture->lock);
    fixture->is_done = true;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static void begin(struct fixture *fixture, const enum pn_remote_taken *script, size_t len)
{
    char url[64];
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *fixture = (struct fixture){.script = script, .script_len = len};
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    fixture->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, handle,
        fixture, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&loopback, MHD_OPTION_END);
    assert_non_null(fixture->daemon);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u",
                   (unsigned)MHD_get_daemon_info(fixture->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    const struct pn_remote_config config = {.endpoint = url, .region = "eu-west-2"};
    const struct pn_remote_env env = {.io = pn_io_system(), .clock = pn_clock_system()};
    assert_int_equal(pn_remote_create(&config, &env, &fixture->remote, NULL), 0);
    fixture->call = (struct pn_remote_call){.operation = "SubscribeToShard",
                                            .kind = PN_REMOTE_STREAM,
                                            .body = "{}",
                                            .body_len = 2,
                                            .done = done,
                                            .take = take,
                                            .arg = fixture};
    pn_buf_init(&fixture->call.reply, REPLY_BYTES_MAX);
    pn_remote_send(fixture->remote, &fixture->call);
}

static void wait_for_takes(struct fixture *fixture, size_t takes)
{
    pthread_mutex_lock(&fixture->lock);
    while (fixture->takes < takes && !fixture->is_done) {
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    }
    pthread_mutex_unlock(&fixture->lock);
}

static void wait_for_end(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    while (!fixture->is_done) {
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    }
    pthread_mutex_unlock(&fixture->lock);
}

static void end(struct fixture *fixture)
{
    pn_remote_destroy(&fixture->remote);
    MHD_stop_daemon(fixture->daemon);
    pn_buf_deinit(&fixture->call.reply);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_a_paused_reply_continues(void **state)
{
    (void)state;
    static const enum pn_remote_taken script[] = {PN_REMOTE_LATER, PN_REMOTE_TAKEN};
    struct fixture fixture;
    begin(&fixture, script, 2);
    wait_for_takes(&fixture, 1);
    pn_remote_resume(fixture.remote, &fixture.call);
    wait_for_end(&fixture);
    assert_int_equal(fixture.call.rc, 0);
    assert_int_equal(fixture.takes, 3);
    assert_string_equal(fixture.taken[0], "one");
    assert_string_equal(fixture.taken[1], "one");
    assert_string_equal(fixture.taken[2], "two");
    end(&fixture);
}

/* The piece that was held ends the call: nothing that comes later is taken as if it followed. */
static void test_a_piece_that_was_held_ends_the_call(void **state)
{
    (void)state;
    static const enum pn_remote_taken script[] = {PN_REMOTE_LATER, PN_REMOTE_ENOUGH,
                                                  PN_REMOTE_TAKEN};
    struct fixture fixture;
    begin(&fixture, script, 3);
    wait_for_takes(&fixture, 1);
    pn_remote_resume(fixture.remote, &fixture.call);
    wait_for_end(&fixture);
    assert_int_equal(fixture.takes, 2);
    assert_string_equal(fixture.taken[1], "one");
    assert_int_not_equal(fixture.call.rc, 0);
    end(&fixture);
}

static void test_a_piece_ends_the_call(void **state)
{
    (void)state;
    static const enum pn_remote_taken script[] = {PN_REMOTE_ENOUGH, PN_REMOTE_TAKEN};
    struct fixture fixture;
    begin(&fixture, script, 2);
    wait_for_end(&fixture);
    assert_int_equal(fixture.takes, 1);
    assert_int_not_equal(fixture.call.rc, 0);
    end(&fixture);
}

int main(void)
{
    (void)setenv("AWS_ACCESS_KEY_ID", "test", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_paused_reply_continues),
        cmocka_unit_test(test_a_piece_that_was_held_ends_the_call),
        cmocka_unit_test(test_a_piece_ends_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
