/* The limits on one shard, with times that the tests make up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kinesis/limits.h"

enum { MS = 1000 * 1000, KIB = 1024, MIB = 1024 * 1024 };

/* Some time of a machine that has been up for a while. */
static const int64_t START = INT64_C(86400) * 1000 * MS;

static int64_t at_ms(int64_t ms)
{
    return START + ms * MS;
}

static int set_up(void **state)
{
    static struct pn_shard_limits limits;
    pn_shard_limits_init(&limits);
    *state = &limits;
    return 0;
}

static int tear_down(void **state)
{
    pn_shard_limits_deinit(*state);
    return 0;
}

/* Puts records of so many bytes until one is refused; returns how many went in. */
static int put_all(struct pn_shard_limits *limits, int64_t ms, int64_t bytes)
{
    int count = 0;
    while (count < 100000 && pn_shard_limits_put(limits, at_ms(ms), bytes)) {
        count++;
    }
    return count;
}

static int read_all(struct pn_shard_limits *limits, int64_t ms, int64_t bytes)
{
    int count = 0;
    while (count < 1000 && pn_shard_limits_read(limits, at_ms(ms))) {
        pn_shard_limits_took(limits, at_ms(ms), bytes);
        count++;
    }
    return count;
}

static void test_a_thousand_records_a_second(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_int_equal(put_all(limits, 0, 10), 1000);
    assert_int_equal(put_all(limits, 999, 10), 0);
    assert_int_equal(put_all(limits, 1000, 10), 1000);
    assert_int_equal(put_all(limits, 60000, 10), 1000);
}

static void test_a_second_begins_with_its_first_use(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_true(pn_shard_limits_put(limits, at_ms(0), 10));
    /* The second after it begins here, not at 5000. */
    assert_int_equal(put_all(limits, 5700, 10), 1000);
    assert_int_equal(put_all(limits, 6699, 10), 0);
    assert_int_equal(put_all(limits, 6700, 10), 1000);
}

static void test_a_mebibyte_a_second_in(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_int_equal(put_all(limits, 0, 256 * KIB), 4);
    assert_false(pn_shard_limits_put(limits, at_ms(999), 1));
    assert_true(pn_shard_limits_put(limits, at_ms(1000), MIB - 10));
    /* A smaller one still fits, to the byte. */
    assert_false(pn_shard_limits_put(limits, at_ms(1100), 11));
    assert_true(pn_shard_limits_put(limits, at_ms(1100), 10));
    assert_false(pn_shard_limits_put(limits, at_ms(1100), 1));
}

static void test_a_refused_record_is_not_counted(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_true(pn_shard_limits_put(limits, at_ms(0), MIB / 2));
    for (int i = 0; i < 10; i++) {
        assert_false(pn_shard_limits_put(limits, at_ms(1), MIB));
    }
    assert_true(pn_shard_limits_put(limits, at_ms(2), MIB / 2));
}

static void test_a_large_record_is_paid_off(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_true(pn_shard_limits_put(limits, at_ms(0), 10 * MIB));
    assert_false(pn_shard_limits_put(limits, at_ms(1), 1));
    /* Each second pays off one MiB: after nine there is the last one, which fills the tenth. */
    assert_false(pn_shard_limits_put(limits, at_ms(8999), 1));
    assert_false(pn_shard_limits_put(limits, at_ms(9999), 1));
    assert_true(pn_shard_limits_put(limits, at_ms(10000), 1));
    /* And it needs a second of its own. */
    assert_false(pn_shard_limits_put(limits, at_ms(10001), 2 * MIB));
    assert_true(pn_shard_limits_put(limits, at_ms(11000), 2 * MIB));
}

static void test_five_reads_a_second(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_int_equal(read_all(limits, 0, 0), 5);
    assert_int_equal(read_all(limits, 999, 0), 0);
    assert_int_equal(read_all(limits, 1000, 1000), 5);
    assert_int_equal(read_all(limits, 2500, 1000), 5);
}

static void test_two_mebibytes_a_second_out(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_int_equal(read_all(limits, 0, MIB), 2);
    assert_int_equal(read_all(limits, 999, MIB), 0);
    assert_int_equal(read_all(limits, 1000, MIB), 2);
}

static void test_a_large_read_holds_up_those_after_it(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_true(pn_shard_limits_read(limits, at_ms(0)));
    pn_shard_limits_took(limits, at_ms(700), 10 * MIB);
    /* Five seconds from when it was taken. */
    assert_false(pn_shard_limits_read(limits, at_ms(701)));
    assert_false(pn_shard_limits_read(limits, at_ms(5699)));
    assert_true(pn_shard_limits_read(limits, at_ms(5700)));
}

static void test_a_read_and_a_put_do_not_share(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_int_equal(put_all(limits, 0, 10), 1000);
    assert_int_equal(read_all(limits, 0, 0), 5);
}

static void test_a_subscription_has_bytes_and_no_reads(void **state)
{
    struct pn_shard_limits *limits = *state;
    for (int i = 0; i < 20; i++) {
        assert_true(pn_shard_limits_out(limits, at_ms(0)));
    }
    pn_shard_limits_took(limits, at_ms(0), 3 * MIB);
    assert_false(pn_shard_limits_out(limits, at_ms(0)));
    /* 1 MiB is left of them in the second after. */
    assert_true(pn_shard_limits_out(limits, at_ms(1000)));
    pn_shard_limits_took(limits, at_ms(1000), MIB);
    assert_false(pn_shard_limits_out(limits, at_ms(1001)));
}

/* Threads take the time before they take the lock, so a little older one may come later. */
static void test_times_out_of_order(void **state)
{
    struct pn_shard_limits *limits = *state;
    assert_int_equal(put_all(limits, 1000, 10), 1000);
    assert_int_equal(put_all(limits, 990, 10), 0);
    assert_int_equal(put_all(limits, 1999, 10), 0);
    assert_int_equal(put_all(limits, 2000, 10), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_thousand_records_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_second_begins_with_its_first_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mebibyte_a_second_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_record_is_not_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_record_is_paid_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_five_reads_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_mebibytes_a_second_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_read_holds_up_those_after_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_read_and_a_put_do_not_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_subscription_has_bytes_and_no_reads, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_times_out_of_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
