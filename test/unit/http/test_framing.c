#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/framing.h"

#define HOST "Host: localhost\r\n"
#define GET  "GET /topics HTTP/1.1\r\n" HOST "\r\n"

/* Reads a text in pieces of `step` bytes; returns how much of it passed. */
static size_t read_by(struct pn_http_framing *framing, const char *text, size_t step)
{
    size_t len = strlen(text);
    size_t passed = 0;
    pn_http_framing_init(framing);
    while (passed < len && framing->fault == NULL) {
        size_t piece = len - passed < step ? len - passed : step;
        passed += pn_http_framing_read(framing, text + passed, piece);
    }
    return passed;
}

static void test_requests_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t headers;
        uint64_t requests;
    } cases[] = {
        {"", 0, 0},
        {GET, 1, 1},
        {"\r\n\r\n" GET GET, 2, 2},
        {"GET /topics HTTP/1.1\r\n" HOST, 0, 0},
        {"GET / HTTP/1.0\r\n\r\n" GET, 2, 2},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell", 1, 0},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 1, 1},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n" GET, 2, 2},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n",
         1, 0},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED \r\n\r\n"
         "a;b=c\r\nhellohello\r\n0\r\nX: y\r\n\r\n" GET,
         2, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step < 64; step++) {
            struct pn_http_framing framing;
            assert_int_equal(read_by(&framing, cases[i].text, step), strlen(cases[i].text));
            assert_null(framing.fault);
            assert_int_equal(framing.headers, cases[i].headers);
            assert_int_equal(framing.requests, cases[i].requests);
        }
    }
}

static void test_nothing_passes_from_the_fault_on(void **state)
{
    (void)state;
    static const struct {
        const char *good;
        const char *bad;
        int status;
        uint64_t headers;
        uint64_t requests;
    } cases[] = {
        {GET "POST / HTTP/1.1\r\n" HOST "X: a\r\n", " b\r\n\r\n", 400, 1, 1},
        {GET "POST / HTTP/1.1\r\n" HOST "X: a", "\nY: b\r\n\r\n", 400, 1, 1},
        {GET "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r", "\n\r\nhello",
         400, 1, 1},
        {GET "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r",
         "\n0\r\n\r\n", 400, 1, 1},
        {GET "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5", "\nhello\r\n", 400,
         2, 1},
        {GET "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
         "\n0\r\n\r\n", 400, 2, 1},
        {GET "PRI * HTTP/2.0\r", "\n\r\nSM\r\n\r\n", 505, 1, 1},
        {GET, "\x16\x03\x01", 400, 1, 1},
        {GET "\r\n\r\n\r\n\r\n", "\r\n", 400, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s%s", cases[i].good, cases[i].bad);
        for (size_t step = 1; step < 64; step++) {
            struct pn_http_framing framing;
            assert_int_equal(read_by(&framing, text, step), strlen(cases[i].good));
            assert_non_null(framing.fault);
            assert_int_equal(framing.status, cases[i].status);
            assert_int_equal(framing.headers, cases[i].headers);
            assert_int_equal(framing.requests, cases[i].requests);
            assert_int_equal(pn_http_framing_read(&framing, GET, strlen(GET)), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_counted),
        cmocka_unit_test(test_nothing_passes_from_the_fault_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
