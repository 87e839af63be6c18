#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "base/random.h"
#include "http/ip_counts.h"

static struct sockaddr_storage v4(uint32_t address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(address);
    return storage;
}

static struct sockaddr_storage v6(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&storage;
    in->sin6_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &in->sin6_addr), 1);
    return storage;
}

static void test_limit(void **state)
{
    (void)state;
    struct pn_http_ip_counts *counts = pn_http_ip_counts_create(10);
    struct sockaddr_storage a = v4(1);
    struct sockaddr_storage b = v4(2);
    assert_true(pn_http_ip_counts_add(counts, &a, 2));
    assert_true(pn_http_ip_counts_add(counts, &a, 2));
    assert_false(pn_http_ip_counts_add(counts, &a, 2));
    assert_true(pn_http_ip_counts_add(counts, &b, 2));
    pn_http_ip_counts_remove(counts, &a);
    assert_true(pn_http_ip_counts_add(counts, &a, 2));
    pn_http_ip_counts_destroy(&counts);
}

static void test_ipv6_by_network(void **state)
{
    (void)state;
    struct pn_http_ip_counts *counts = pn_http_ip_counts_create(10);
    struct sockaddr_storage one = v6("2001:db8::1");
    struct sockaddr_storage two = v6("2001:db8::2");
    struct sockaddr_storage other = v6("2001:db8:0:1::1");
    struct sockaddr_storage mapped = v6("::ffff:0.0.0.7");
    struct sockaddr_storage plain = v4(7);
    assert_true(pn_http_ip_counts_add(counts, &one, 1));
    assert_false(pn_http_ip_counts_add(counts, &two, 1));
    assert_true(pn_http_ip_counts_add(counts, &other, 1));
    assert_true(pn_http_ip_counts_add(counts, &mapped, 1));
    assert_false(pn_http_ip_counts_add(counts, &plain, 1));
    pn_http_ip_counts_destroy(&counts);
}

/* Against plain counters, through many additions and removals. */
static void test_random(void **state)
{
    (void)state;
    enum { ADDRESSES = 50, STEPS = 20000, CONNECTIONS_MAX = 60, PER_IP_MAX = 4 };
    int64_t expected[ADDRESSES] = {0};
    int64_t total = 0;
    struct pn_random random;
    pn_random_init(&random, 7);
    struct pn_http_ip_counts *counts = pn_http_ip_counts_create(CONNECTIONS_MAX);
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)pn_random_below(&random, ADDRESSES);
        struct sockaddr_storage address = v4((uint32_t)i * 65537);
        if (pn_random_below(&random, 2) == 0 && total < CONNECTIONS_MAX) {
            bool added = pn_http_ip_counts_add(counts, &address, PER_IP_MAX);
            assert_int_equal(added, expected[i] < PER_IP_MAX);
            expected[i] += added;
            total += added;
        } else if (expected[i] > 0) {
            pn_http_ip_counts_remove(counts, &address);
            expected[i]--;
            total--;
        }
    }
    pn_http_ip_counts_destroy(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_ipv6_by_network),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
