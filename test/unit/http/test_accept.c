#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/accept.h"

static void test_accept(void **state)
{
    (void)state;
    static const char *const offers[] = {"application/vnd.kafka.v2+json", "application/json"};
    static const struct {
        const char *accept;
        int chosen;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"application/*", 0},
        {"application/vnd.kafka.v2+json", 0},
        {"application/json", 1},
        {"APPLICATION/JSON", 1},
        {"application/vnd.kafka.v2+json; q=0.9, application/json; q=0.5", 0},
        {"application/vnd.kafka.v2+json;q=0.1,application/json;q=0.5", 1},
        {"application/json, */*;q=0.1", 1},
        {"application/vnd.kafka.v2+json;q=0, */*", 1},
        {"text/html, application/xhtml+xml", -1},
        {"text/*", -1},
        {"application/json;q=0", -1},
        {"*/*;q=0", -1},
        {",,,", -1},
        {"application/json;charset=utf-8;q=0.5", 1},
        {"application/json;q=nonsense", -1},
        {"text/html, *", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_http_accept(cases[i].accept, offers, 2), cases[i].chosen);
    }
}

static void test_encodings(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool gzip;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"gzip, deflate, br, zstd", true},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
        {"gzip;q=0", false},
        {"gzip;q=0, *", false},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"identity", false},
        {"xgzip", false},
        {" gzip ; q=0.001 ", true},
        {",,,", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_http_accept_encoding(cases[i].accept, "gzip"), cases[i].gzip);
    }
}

static void test_etags(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool known;
    } cases[] = {
        {"\"a,b\"", true},       {"W/\"a,b\"", true},  {"*", true},
        {"\"x\",\"a,b\"", true}, {" , \"a,b\"", true}, {"\"x\" W/\"a,b\"", true},
        {"\"a\"", false},        {"a,b", false},       {"\"a,b", false},
        {"w/\"a,b\"", false},    {"", false},          {"\"x\", y, \"a,b\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_http_etag_is_known(cases[i].list, "\"a,b\""), cases[i].known);
        assert_int_equal(pn_http_etag_is_known(cases[i].list, "W/\"a,b\""), cases[i].known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
