/* The producer against a server that answers as the test says. */
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

#include "base/buf.h"
#include "base/mem.h"
#include "emulate/emulate.h"

enum { REQUESTS_MAX = 16, BODY_BYTES_MAX = 4096 };

#define OK_0        "{\"partition\":0,\"offset\":0,\"error_code\":null,\"error\":null}"
#define OK_1        "{\"partition\":0,\"offset\":1,\"error_code\":null,\"error\":null}"
#define LATER       "{\"partition\":null,\"offset\":null,\"error_code\":50003,\"error\":\"later\"}"
#define NEVER       "{\"partition\":null,\"offset\":null,\"error_code\":50002,\"error\":\"never\"}"
#define OFFSETS(of) "{\"offsets\":[" of "]}"

struct answer {
    unsigned status;
    const char *body;
};

/* What the server is to say, the last one again and again, and what it was sent. */
struct script {
    const struct answer *answers;
    size_t answer_count;
    char bodies[REQUESTS_MAX][BODY_BYTES_MAX];
    char urls[REQUESTS_MAX][128];
    char keys[REQUESTS_MAX][32];
    size_t request_count;
    struct MHD_Daemon *daemon;
    char url[64];
    char folder[32];
};

static enum MHD_Result reply(struct script *script, struct MHD_Connection *connection)
{
    size_t i = script->request_count++;
    if (i >= script->answer_count) {
        i = script->answer_count - 1;
    }
    const struct answer *answer = &script->answers[i];
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(answer->body), (void *)(uintptr_t)answer->body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **request)
{
    (void)method;
    (void)version;
    struct script *script = arg;
    size_t at = script->request_count;
    if (at >= REQUESTS_MAX) {
        return MHD_NO;
    }
    if (*request == NULL) {
        *request = script;
        script->bodies[at][0] = '\0';
        const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-api-key");
        (void)snprintf(script->keys[at], sizeof script->keys[at], "%s", key != NULL ? key : "");
        (void)snprintf(script->urls[at], sizeof script->urls[at], "%s", url);
        return MHD_YES;
    }
    if (*len > 0) {
        size_t have = strlen(script->bodies[at]);
        (void)snprintf(script->bodies[at] + have, BODY_BYTES_MAX - have, "%.*s", (int)*len, data);
        *len = 0;
        return MHD_YES;
    }
    return reply(script, connection);
}

static void script_start(struct script *script, const struct answer *answers, size_t count)
{
    *script = (struct script){.answers = answers, .answer_count = count};
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    script->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, script,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&loopback, MHD_OPTION_END);
    assert_non_null(script->daemon);
    (void)snprintf(script->url, sizeof script->url, "http://127.0.0.1:%u/",
                   (unsigned)MHD_get_daemon_info(script->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)snprintf(script->folder, sizeof script->folder, "/tmp/test_emulate_XXXXXX");
    assert_non_null(mkdtemp(script->folder));
    static const char text[] = "rows: 3\nkinds: {a: {topic: t.a, fields: {n: \"${row}\"}}}\n";
    char *path = pn_xasprintf("%s/generator.yml", script->folder);
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, text, sizeof text - 1, NULL), 0);
    free(path);
}

static void script_stop(struct script *script)
{
    MHD_stop_daemon(script->daemon);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), script->folder, NULL), 0);
}

static void config_for(const struct script *script, struct pn_emulate_config *config)
{
    pn_emulate_config_init(config);
    config->folder = script->folder;
    config->url = script->url;
}

static void test_each_is_posted_in_turn(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 1);
    config_for(&script, &config);
    config.stage = "/prod/";
    config.api_key = "abc";
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.total, 3);
    assert_int_equal(summary.acknowledged, 3);
    assert_int_equal(script.request_count, 3);
    assert_string_equal(script.bodies[0], "{\"records\":[{\"value\":{\"n\":\"0\"}}]}");
    assert_string_equal(script.bodies[2], "{\"records\":[{\"value\":{\"n\":\"2\"}}]}");
    assert_string_equal(script.urls[1], "/prod/topics/t.a");
    assert_string_equal(script.keys[1], "abc");
    script_stop(&script);
}

static void test_what_may_pass_is_tried_again(void **state)
{
    (void)state;
    const struct answer answers[] = {
        {503, "full"}, {429, "slow down"}, {200, OFFSETS(LATER)}, {200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 4);
    config_for(&script, &config);
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 3);
    assert_int_equal(summary.retried, 3);
    assert_int_equal(summary.failed, 0);
    assert_int_equal(summary.maybe_twice, 0);
    /* Nothing overtook the first one. */
    assert_string_equal(script.bodies[3], script.bodies[0]);
    assert_int_equal(script.request_count, 6);
    script_stop(&script);
}

static void test_only_the_rest_is_sent_again(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OFFSETS(OK_0 "," LATER "," NEVER)},
                                     {200, OFFSETS(OK_1)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 2);
    config_for(&script, &config);
    config.batch = 3;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 2);
    assert_int_equal(summary.failed, 1);
    assert_non_null(strstr(summary.first_failure, "never"));
    assert_int_equal(script.request_count, 2);
    assert_string_equal(script.bodies[1], "{\"records\":[{\"value\":{\"n\":\"1\"}}]}");
    script_stop(&script);
}

static void test_a_refused_record_is_passed_over(void **state)
{
    (void)state;
    const struct answer answers[] = {{422, "{\"message\":\"not that\"}"}, {200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 2);
    config_for(&script, &config);
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 2);
    assert_int_equal(summary.failed, 1);
    assert_non_null(strstr(summary.first_failure, "not that"));
    script_stop(&script);
}

/* What is wrong with the requests as such, or with the server, ends the run at the first. */
static void test_a_hopeless_run_ends(void **state)
{
    (void)state;
    static const struct {
        struct answer answer;
        const char *message;
    } cases[] = {
        {{404, "{\"error_code\":40401}"}, "status 404"},
        {{401, ""}, "status 401"},
        {{200, "hello"}, "without an offset for each record"},
        {{200, OFFSETS("")}, "without an offset for each record"},
        {{200, OFFSETS(OK_0 "," OK_1)}, "without an offset for each record"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script;
        struct pn_emulate_config config;
        struct pn_emulate_summary summary;
        struct pn_err e;
        script_start(&script, &cases[i].answer, 1);
        config_for(&script, &config);
        assert_int_not_equal(pn_emulate_run(&config, &summary, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(e.msg, cases[i].message));
        assert_int_equal(script.request_count, 1);
        assert_int_equal(summary.acknowledged, 0);
        assert_int_equal(summary.failed, 1);
        script_stop(&script);
    }
}

static void test_attempts_are_limited(void **state)
{
    (void)state;
    const struct answer answers[] = {{503, "full"}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    struct pn_err e;
    script_start(&script, answers, 1);
    config_for(&script, &config);
    config.retries_max = 2;
    assert_int_not_equal(pn_emulate_run(&config, &summary, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_int_equal(script.request_count, 3);
    assert_int_equal(summary.retried, 2);
    assert_int_equal(summary.failed, 1);
    script_stop(&script);
}

static void test_a_dropped_request_may_be_there(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    struct pn_err e;
    script_start(&script, answers, 1);
    script.request_count = REQUESTS_MAX; /* each connection is dropped without an answer */
    config_for(&script, &config);
    config.retries_max = 1;
    assert_int_not_equal(pn_emulate_run(&config, &summary, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "doesn't answer"));
    assert_true(summary.maybe_twice > 0);
    script_stop(&script);
}

static bool stop_at_once(void *arg)
{
    (void)arg;
    return true;
}

static void test_stopped(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 1);
    config_for(&script, &config);
    config.stopped = stop_at_once;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_true(summary.stopped);
    assert_int_equal(script.request_count, 0);
    script_stop(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_posted_in_turn),
        cmocka_unit_test(test_what_may_pass_is_tried_again),
        cmocka_unit_test(test_only_the_rest_is_sent_again),
        cmocka_unit_test(test_a_refused_record_is_passed_over),
        cmocka_unit_test(test_a_hopeless_run_ends),
        cmocka_unit_test(test_attempts_are_limited),
        cmocka_unit_test(test_a_dropped_request_may_be_there),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
