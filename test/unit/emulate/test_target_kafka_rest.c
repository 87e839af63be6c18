/* The producer against a server that answers as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/script.h"

#define OK_0        "{\"partition\":0,\"offset\":0,\"error_code\":null,\"error\":null}"
#define OK_1        "{\"partition\":0,\"offset\":1,\"error_code\":null,\"error\":null}"
#define LATER       "{\"partition\":null,\"offset\":null,\"error_code\":50003,\"error\":\"later\"}"
#define NEVER       "{\"partition\":null,\"offset\":null,\"error_code\":50002,\"error\":\"never\"}"
#define OFFSETS(of) "{\"offsets\":[" of "]}"

static const char generator[] = "rows: 3\nkinds: {a: {topic: t.a, fields: {n: \"${row}\"}}}\n";

static void test_each_is_posted_in_turn(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 1, generator);
    script_config(&script, &config);
    config.stage = "/prod/";
    config.api_key = "abc";
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.total, 3);
    assert_int_equal(summary.acknowledged, 3);
    assert_int_equal(script.request_count, 3);
    assert_string_equal(script.asked[0].body, "{\"records\":[{\"value\":{\"n\":\"0\"}}]}");
    assert_string_equal(script.asked[2].body, "{\"records\":[{\"value\":{\"n\":\"2\"}}]}");
    assert_string_equal(script.asked[1].url, "/prod/topics/t.a");
    assert_string_equal(script.asked[1].key, "abc");
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
    script_start(&script, answers, 4, generator);
    script_config(&script, &config);
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 3);
    assert_int_equal(summary.retried, 3);
    assert_int_equal(summary.failed, 0);
    assert_int_equal(summary.maybe_twice, 0);
    /* Nothing overtook the first one. */
    assert_string_equal(script.asked[3].body, script.asked[0].body);
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
    script_start(&script, answers, 2, generator);
    script_config(&script, &config);
    config.batch = 3;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 2);
    assert_int_equal(summary.failed, 1);
    assert_non_null(strstr(summary.first_failure, "never"));
    assert_int_equal(script.request_count, 2);
    assert_string_equal(script.asked[1].body, "{\"records\":[{\"value\":{\"n\":\"1\"}}]}");
    script_stop(&script);
}

static void test_a_refused_record_is_passed_over(void **state)
{
    (void)state;
    const struct answer answers[] = {{422, "{\"message\":\"not that\"}"}, {200, OFFSETS(OK_0)}};
    struct script script;
    struct pn_emulate_config config;
    struct pn_emulate_summary summary;
    script_start(&script, answers, 2, generator);
    script_config(&script, &config);
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
        script_start(&script, &cases[i].answer, 1, generator);
        script_config(&script, &config);
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
    script_start(&script, answers, 1, generator);
    script_config(&script, &config);
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
    script_start(&script, answers, 1, generator);
    script.request_count = SCRIPT_REQUESTS_MAX; /* each connection is dropped without an answer */
    script_config(&script, &config);
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
    script_start(&script, answers, 1, generator);
    script_config(&script, &config);
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
