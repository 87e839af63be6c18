/* Why a process that shares shards is kept out, and when that is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log/log.h"
#include "processor/private.h"

enum { FORGET_MS = 30 * 1000 };

struct fixture {
    struct pn_processor streams;
    struct pn_fake_clock clock;
    struct pn_processor_shared shard;
    char lease[8];
};

static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){.lease = "lease"};
    pn_fake_clock_init(&fixture->clock, 1700000000000);
    fixture->streams.env.clock = &fixture->clock.clock;
    pn_processor_share_init(&fixture->streams.share);
}

static void end(struct fixture *fixture)
{
    fixture->streams.share.shards = NULL; /* the fixture's */
    pn_processor_share_deinit(&fixture->streams.share);
}

static void fail_with(struct fixture *fixture, int code)
{
    const struct pn_err why = {.code = code, .class_ = PN_CLASS_RETRY, .msg = "no broker"};
    pn_processor_share_note(&fixture->streams, &why);
}

/* Another round went well. Is the process still shown as kept out? */
static bool is_out(struct fixture *fixture)
{
    const struct pn_err fine = {0};
    struct pn_err why;
    pn_processor_share_note(&fixture->streams, &fine);
    bool is_out = pn_processor_share_failure(&fixture->streams.share, &why);
    assert_int_equal(is_out, strcmp(why.msg, "no broker") == 0);
    return is_out;
}

/* Also where there are more processes than shards, so that this one has none. */
static void test_a_lease_that_is_renewed_again(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    fixture.streams.share.lease = fixture.lease;
    fail_with(&fixture, PN_FAIL);
    assert_false(is_out(&fixture));
    end(&fixture);
}

/* A round of the group that went well may only mean that nothing came in. */
static void test_a_group_that_says_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    assert_false(is_out(&fixture));
    fail_with(&fixture, PN_FAIL);
    assert_true(is_out(&fixture));
    pn_fake_clock_advance(&fixture.clock, FORGET_MS - 1);
    assert_true(is_out(&fixture));
    pn_fake_clock_advance(&fixture.clock, 1);
    assert_false(is_out(&fixture));
    end(&fixture);
}

static void test_a_group_that_has_dealt_out_shards(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    fail_with(&fixture, PN_FAIL);
    fixture.streams.share.has_dealt = true; /* none to us */
    assert_false(is_out(&fixture));
    fail_with(&fixture, PN_FAIL);
    assert_true(is_out(&fixture));
    fixture.streams.share.shards = &fixture.shard;
    fixture.streams.share.count = 1;
    assert_false(is_out(&fixture));
    end(&fixture);
}

/* The client library reports it once, and it does not pass by itself. */
static void test_a_missing_right_stays(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    fail_with(&fixture, PN_LOG_NOT_AUTHORIZED);
    pn_fake_clock_advance(&fixture.clock, 10 * FORGET_MS);
    assert_true(is_out(&fixture));
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lease_that_is_renewed_again),
        cmocka_unit_test(test_a_group_that_says_nothing),
        cmocka_unit_test(test_a_group_that_has_dealt_out_shards),
        cmocka_unit_test(test_a_missing_right_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
