#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "http/login_tries.h"

static struct sockaddr_storage v4(uint32_t address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(address);
    return storage;
}

static void guess(struct pn_http_login_tries *tries, const struct sockaddr_storage *address,
                  int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(pn_http_login_tries_wait_ms(tries, address), 0);
        pn_http_login_tries_failed(tries, address);
    }
}

static void test_five_wrong_keys_a_minute(void **state)
{
    (void)state;
    struct pn_fake_clock clock;
    pn_fake_clock_init(&clock, 1000);
    struct pn_http_login_tries *tries = pn_http_login_tries_create(&clock.clock);
    const struct sockaddr_storage bad = v4(1);
    const struct sockaddr_storage good = v4(2);
    guess(tries, &bad, PN_HTTP_LOGIN_TRIES);
    pn_fake_clock_advance(&clock, 1000);
    assert_int_equal(pn_http_login_tries_wait_ms(tries, &bad), PN_HTTP_LOGIN_MINUTE_MS - 1000);
    assert_int_equal(pn_http_login_tries_wait_ms(tries, &good), 0);
    pn_fake_clock_advance(&clock, PN_HTTP_LOGIN_MINUTE_MS - 1000);
    guess(tries, &bad, PN_HTTP_LOGIN_TRIES);
    assert_true(pn_http_login_tries_wait_ms(tries, &bad) > 0);
    pn_http_login_tries_destroy(&tries);
}

/* Wrong keys from many addresses take no memory, and the newest are remembered. */
static void test_many_addresses(void **state)
{
    (void)state;
    struct pn_fake_clock clock;
    pn_fake_clock_init(&clock, 1000);
    struct pn_http_login_tries *tries = pn_http_login_tries_create(&clock.clock);
    const struct sockaddr_storage first = v4(1);
    guess(tries, &first, PN_HTTP_LOGIN_TRIES);
    for (uint32_t i = 2; i < PN_HTTP_LOGIN_ADDRESSES + 2; i++) {
        const struct sockaddr_storage other = v4(i);
        pn_fake_clock_advance(&clock, 1);
        guess(tries, &other, PN_HTTP_LOGIN_TRIES);
        assert_true(pn_http_login_tries_wait_ms(tries, &other) > 0);
    }
    assert_int_equal(pn_http_login_tries_wait_ms(tries, &first), 0);
    pn_http_login_tries_destroy(&tries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_wrong_keys_a_minute),
        cmocka_unit_test(test_many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
