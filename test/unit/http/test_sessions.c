#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/sessions.h"

static const unsigned char key_a[PN_HTTP_SESSION_SUM_BYTES] = "a";
static const unsigned char key_b[PN_HTTP_SESSION_SUM_BYTES] = "b";

struct fixture {
    struct pn_fake_clock clock;
    struct pn_http_sessions *sessions;
};

static int setup(void **state)
{
    static struct fixture f;
    pn_fake_clock_init(&f.clock, 1000);
    f.sessions = pn_http_sessions_create(&f.clock.clock);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_http_sessions_destroy(&f->sessions);
    return 0;
}

static struct pn_http_session_id begin(struct fixture *f, const unsigned char *key)
{
    char token[PN_HTTP_SESSION_TOKEN_SIZE];
    pn_http_sessions_open(f->sessions, key, token);
    assert_int_equal(strlen(token), PN_HTTP_SESSION_TOKEN_SIZE - 1);
    return pn_http_session_id_of(token);
}

static bool use(struct fixture *f, struct pn_http_session_id id)
{
    struct pn_http_session session;
    return pn_http_sessions_use(f->sessions, &id, &session);
}

static bool have(struct fixture *f, struct pn_http_session_id id)
{
    return pn_http_sessions_have(f->sessions, &id);
}

static void test_a_session_has_its_key(void **state)
{
    struct fixture *f = *state;
    struct pn_http_session a;
    struct pn_http_session b;
    const struct pn_http_session_id first = begin(f, key_a);
    const struct pn_http_session_id second = begin(f, key_b);
    const struct pn_http_session_id unknown = pn_http_session_id_of("");
    assert_true(pn_http_sessions_use(f->sessions, &first, &a));
    assert_true(pn_http_sessions_use(f->sessions, &second, &b));
    assert_memory_equal(a.key, key_a, sizeof a.key);
    assert_memory_equal(b.key, key_b, sizeof b.key);
    assert_string_not_equal(a.csrf, b.csrf);
    assert_int_equal(strlen(a.csrf), PN_HTTP_SESSION_CSRF_SIZE - 1);
    assert_false(use(f, unknown));
    pn_http_sessions_close(f->sessions, &first);
    pn_http_sessions_close(f->sessions, &unknown);
    assert_false(use(f, first));
    assert_true(use(f, second));
}

static void test_idle_sessions_end(void **state)
{
    struct fixture *f = *state;
    const struct pn_http_session_id id = begin(f, key_a);
    pn_fake_clock_advance(&f->clock, PN_HTTP_SESSION_IDLE_MS - 1);
    assert_true(use(f, id));
    pn_fake_clock_advance(&f->clock, PN_HTTP_SESSION_IDLE_MS - 1);
    assert_true(have(f, id)); /* which does not use it */
    pn_fake_clock_advance(&f->clock, 1);
    assert_false(have(f, id));
    assert_false(use(f, id));
}

static void test_no_session_lives_for_ever(void **state)
{
    struct fixture *f = *state;
    const struct pn_http_session_id id = begin(f, key_a);
    struct pn_http_session session = {0};
    int64_t step_ms = PN_HTTP_SESSION_IDLE_MS / 2;
    for (int64_t at_ms = step_ms; at_ms < PN_HTTP_SESSION_LIFE_MS; at_ms += step_ms) {
        pn_fake_clock_advance(&f->clock, step_ms);
        assert_true(pn_http_sessions_use(f->sessions, &id, &session));
    }
    assert_int_equal(session.left_ms, step_ms);
    pn_fake_clock_advance(&f->clock, step_ms);
    assert_false(use(f, id));
}

static void test_the_one_idle_for_longest_makes_room(void **state)
{
    struct fixture *f = *state;
    const struct pn_http_session_id used = begin(f, key_a);
    const struct pn_http_session_id idle = begin(f, key_a);
    for (int i = 2; i < PN_HTTP_SESSIONS_MAX; i++) {
        pn_fake_clock_advance(&f->clock, 1);
        (void)begin(f, key_b);
    }
    assert_true(use(f, used));
    assert_true(have(f, idle));
    const struct pn_http_session_id last = begin(f, key_b);
    assert_false(have(f, idle));
    assert_true(have(f, used));
    assert_true(have(f, last));
}

static bool is_key_b(void *arg, const unsigned char *key)
{
    (void)arg;
    return memcmp(key, key_b, PN_HTTP_SESSION_SUM_BYTES) == 0;
}

static void test_sessions_end_with_their_keys(void **state)
{
    struct fixture *f = *state;
    const struct pn_http_session_id first = begin(f, key_a);
    const struct pn_http_session_id second = begin(f, key_b);
    const struct pn_http_session_id third = begin(f, key_a);
    pn_http_sessions_keep(f->sessions, is_key_b, NULL);
    assert_false(have(f, first));
    assert_true(have(f, second));
    assert_false(have(f, third));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_session_has_its_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_sessions_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_session_lives_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_one_idle_for_longest_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sessions_end_with_their_keys, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
