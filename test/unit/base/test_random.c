#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

/* The sequence is a contract. The numbers come from a second implementation, in Python, of the
 * algorithms as published. */
static void test_sequence_is_the_published_one(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 0);
    assert_true(random.state[0] == UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64 of 0 */
    assert_true(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
    static const uint64_t expected[] = {
        UINT64_C(0x99ec5f36cb75f2b4),
        UINT64_C(0xbf6e1f784956452a),
        UINT64_C(0x1a5f849d4933e6e0),
        UINT64_C(0x6aa594f1262d2d2c),
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(pn_random_u64(&random) == expected[i]);
    }
    struct pn_random small = {.state = {1, 2, 3, 4}};
    assert_true(pn_random_u64(&small) == 11520);
    assert_true(pn_random_u64(&small) == 0);
    assert_true(pn_random_u64(&small) == 1509978240);
    assert_true(pn_random_u64(&small) == UINT64_C(1215971899390074240));
}

static void test_same_seed_same_numbers(void **state)
{
    (void)state;
    struct pn_random one;
    struct pn_random two;
    struct pn_random other;
    pn_random_init(&one, 42);
    pn_random_init(&two, 42);
    pn_random_init(&other, 43);
    int differing = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t value = pn_random_u64(&one);
        assert_true(value == pn_random_u64(&two));
        differing += value != pn_random_u64(&other);
    }
    assert_true(differing > 90);
}

static void test_below_is_even_and_in_range(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 7);
    int seen[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint64_t value = pn_random_below(&random, 10);
        assert_true(value < 10);
        seen[value]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(seen[i], 9500, 10500); /* five standard deviations; the seed is fixed */
    }
    assert_true(pn_random_below(&random, 1) == 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(pn_random_below(&random, UINT64_MAX) < UINT64_MAX);
    }
}

static void test_unit_interval(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 7);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double value = pn_random_unit(&random);
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(sum > 49500 && sum < 50500);
}

static void assert_uuid4(const char *text)
{
    assert_int_equal(strlen(text), PN_UUID_SIZE - 1);
    for (size_t i = 0; i < PN_UUID_SIZE - 1; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            assert_int_equal(text[i], '-');
        } else {
            assert_non_null(strchr("0123456789abcdef", text[i]));
        }
    }
    assert_int_equal(text[14], '4');
    assert_non_null(strchr("89ab", text[19]));
}

static void test_uuids(void **state)
{
    (void)state;
    struct pn_random random;
    char one[PN_UUID_SIZE];
    char two[PN_UUID_SIZE];
    for (int i = 0; i < 1000; i++) {
        assert_uuid4(pn_uuid(one));
        assert_uuid4(pn_uuid(two));
        assert_string_not_equal(one, two);
    }
    pn_random_init(&random, 1);
    assert_uuid4(pn_uuid_from(&random, one));
    pn_random_init(&random, 1);
    assert_string_equal(one, pn_uuid_from(&random, two));
    assert_string_not_equal(one, pn_uuid_from(&random, two));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence_is_the_published_one),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_below_is_even_and_in_range),
        cmocka_unit_test(test_unit_interval),
        cmocka_unit_test(test_uuids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
