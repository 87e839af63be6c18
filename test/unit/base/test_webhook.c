/* Which addresses a webhook may not go to by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/webhook.h"

static bool is_private(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        return pn_webhook_is_private((const struct sockaddr *)&in);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return pn_webhook_is_private((const struct sockaddr *)&in6);
}

static void test_private_addresses_are_known(void **state)
{
    (void)state;
    static const char *const own[] = {
        "127.0.0.1",  "127.255.0.1",     "0.0.0.0",         "10.1.2.3",
        "172.16.0.1", "172.31.255.1",    "192.168.0.1",     "169.254.169.254",
        "100.64.0.1", "224.0.0.1",       "255.255.255.255", "::1",
        "::",         "fe80::1",         "fec0::1",         "fd00::1",
        "fc00::1",    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1",
        "ff02::1",    "198.18.0.1",      "192.0.0.1",
    };
    static const char *const others[] = {
        "8.8.8.8",  "172.32.0.1",           "172.15.0.1",     "192.167.0.1", "100.128.0.1",
        "11.0.0.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "198.20.0.1",
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!is_private(own[i])) {
            fail_msg("%s", own[i]);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (is_private(others[i])) {
            fail_msg("%s", others[i]);
        }
    }
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_true(pn_webhook_is_private((const struct sockaddr *)&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_private_addresses_are_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
