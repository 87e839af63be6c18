#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/signals.h"

static void test_a_signal_is_seen_once(void **state)
{
    (void)state;
    struct pn_signals signals;
    pn_signals_watch(&signals);
    assert_false(pn_signals_came(&signals, 0));
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(pn_signals_came(&signals, 0));
    assert_false(pn_signals_came(&signals, 1));
    assert_int_equal(raise(SIGINT), 0);
    assert_int_equal(pn_signals_wait(&signals), SIGINT);
    pn_signals_restore(&signals);
}

static void test_what_was_blocked_before_stays_so(void **state)
{
    (void)state;
    struct pn_signals outer;
    struct pn_signals inner;
    sigset_t now;
    pn_signals_watch(&outer);
    pn_signals_watch(&inner);
    pn_signals_restore(&inner);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &now), 0);
    assert_int_equal(sigismember(&now, SIGTERM), 1);
    pn_signals_restore(&outer);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &now), 0);
    assert_int_equal(sigismember(&now, SIGTERM), 0);
}

/* A closed terminal ends a command as Ctrl-C does, unless nohup started it; a server in no case. */
static void test_a_hangup(void **state)
{
    (void)state;
    struct pn_signals signals;
    pn_signals_watch(&signals);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(pn_signals_wait(&signals), SIGHUP);
    pn_signals_restore(&signals);

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    assert_int_equal(sigaction(SIGHUP, &ignore, &before), 0);
    pn_signals_watch(&signals);
    assert_int_equal(raise(SIGHUP), 0);
    assert_false(pn_signals_came(&signals, 0));
    pn_signals_watch_hangup(&signals);
    assert_int_equal(raise(SIGHUP), 0);
    assert_true(pn_signals_came(&signals, 0));
    pn_signals_restore(&signals);
    assert_int_equal(sigaction(SIGHUP, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_is_seen_once),
        cmocka_unit_test(test_what_was_blocked_before_stays_so),
        cmocka_unit_test(test_a_hangup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
