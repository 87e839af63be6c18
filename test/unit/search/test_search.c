/* Which records a search finds, and what is wrong with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "search/search.h"

static const char value[] =
    "{\"a\":{\"b\":{\"c\":\"art\"}},\"n\":9007199254740993,\"d\":0.10,\"big\":1e400,\"t\":true,"
    "\"z\":null,\"tags\":[\"x\",\"y\",7],\"text\":\"Two Words, one \\\"quote\\\"\",\"neg\":-5}";

static bool fits(const char *text)
{
    struct pn_arena arena;
    struct pn_search *search = NULL;
    struct pn_err e = {0};
    struct pn_json_parser *parser = pn_json_parser_create();
    const struct pn_record record = {.key = {.data = "Key-1", .len = 5},
                                     .value = {.data = value, .len = sizeof value - 1},
                                     .timestamp_ms = 1000,
                                     .offset = 9007199254740993};
    pn_arena_init(&arena, 0);
    if (pn_search_parse(text, strlen(text), &arena, &search, &e) != 0) {
        fail_msg("%s: %s", text, e.msg);
    }
    bool found = pn_search_fits(search, 3, &record, parser);
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
    return found;
}

static void test_what_fits(void **state)
{
    static const char *const all[] = {"",
                                      "  ",
                                      "art",
                                      "ART",
                                      "two",
                                      "\"two words\"",
                                      "\"one \\\\\\\"quote\"",
                                      "key-1",
                                      "-nothing",
                                      "-\"no words\"",
                                      "key=Key-1",
                                      "key!=x",
                                      "-key=x",
                                      "partition=3",
                                      "shard=3",
                                      "partition>=3",
                                      "partition<4",
                                      "offset=9007199254740993",
                                      "offset>9007199254740992",
                                      "offset!=1",
                                      "size>100",
                                      "time=1000",
                                      "a.b.c=art",
                                      "a.b.c!=arts",
                                      "a.b.c>arm",
                                      "-a.b.c=x",
                                      "n=9007199254740993",
                                      "n>9007199254740992",
                                      "n!=9007199254740992",
                                      "d=0.1",
                                      "d=1e-1",
                                      "d<0.1000001",
                                      "big=1e400",
                                      "big>1e399",
                                      "big=10e399",
                                      "t=true",
                                      "z=null",
                                      "tags=x",
                                      "tags=7",
                                      "tags.1=y",
                                      "tags.2<8",
                                      "tags!=z",
                                      "nowhere!=x",
                                      "-nowhere=x",
                                      "nowhere.b!=1",
                                      "art two key=Key-1 offset>1",
                                      "a.b.c=\"art\"",
                                      "neg<0",
                                      "neg=-5.0",
                                      "a!b -x",
                                      "neg>-6",
                                      "text=\"Two Words, one \\\"quote\\\"\""};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        /* One of them is a word that is not there, before a term that is not evaluated. */
        bool expected = strcmp(all[i], "a!b -x") != 0;
        if (fits(all[i]) != expected) {
            fail_msg("%s", all[i]);
        }
    }
}

static void test_what_does_not(void **state)
{
    static const char *const all[] = {"arts",
                                      "-art",
                                      "key=key-1",
                                      "key!=Key-1",
                                      "partition=2",
                                      "partition<3",
                                      "partition=x",
                                      "offset=9007199254740992",
                                      "offset<=9007199254740992",
                                      "n=9007199254740992",
                                      "n<5",
                                      "d=0.11",
                                      "d>0.1",
                                      "a.b.c=Art",
                                      "a.b=art",
                                      "nowhere=x",
                                      "nowhere<1",
                                      "nowhere>1",
                                      "tags=z",
                                      "tags!=x",
                                      "tags.9=x",
                                      "tags.x=1",
                                      "t=false",
                                      "z=0",
                                      "n=art",
                                      "n<art",
                                      "neg>0",
                                      "art nothing",
                                      "-two",
                                      "text=two"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (fits(all[i])) {
            fail_msg("%s", all[i]);
        }
    }
}

static void test_what_is_no_search(void **state)
{
    static const char *const all[] = {"\"open",
                                      "a=\"open",
                                      "=x",
                                      "<x",
                                      "a..b=x",
                                      ".a=x",
                                      "a.=x",
                                      "\"a\"=x",
                                      "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
                                      "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1"};
    struct pn_arena arena;
    struct pn_search *search = NULL;
    struct pn_err e = {0};
    char longer[PN_SEARCH_BYTES_MAX + 1];
    (void)state;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (pn_search_parse(all[i], strlen(all[i]), &arena, &search, &e) == 0) {
            fail_msg("%s", all[i]);
        }
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
    memset(longer, 'x', sizeof longer);
    assert_int_not_equal(pn_search_parse(longer, sizeof longer, &arena, &search, &e), 0);
    assert_int_equal(pn_search_parse(longer, sizeof longer - 1, &arena, &search, &e), 0);
    pn_arena_deinit(&arena);
}

static void test_records_without_json(void **state)
{
    struct pn_arena arena;
    struct pn_search *search = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    const struct pn_record none = {.offset = 1};
    const struct pn_record bytes = {.value = {.data = "\xff\0x", .len = 3}};
    static const char *const never[] = {"a=1", "a<1", "x y", "key=x"};
    static const char *const always[] = {"a!=1", "-a=1", "key!=x", "-nothing"};
    (void)state;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pn_search_parse(never[i], strlen(never[i]), &arena, &search, NULL), 0);
        assert_false(pn_search_fits(search, 0, &none, parser));
        assert_false(pn_search_fits(search, 0, &bytes, parser));
        assert_int_equal(pn_search_parse(always[i], strlen(always[i]), &arena, &search, NULL), 0);
        assert_true(pn_search_fits(search, 0, &none, parser));
        assert_true(pn_search_fits(search, 0, &bytes, parser));
    }
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
}

static void test_numbers_are_compared_by_digits(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        int order;
    } all[] = {{"0", "-0.0e5", 0},
               {"1", "1.000", 0},
               {"100", "1e2", 0},
               {"0.001", "1e-3", 0},
               {"-1", "1", -1},
               {"-2", "-1", -1},
               {"9007199254740993", "9007199254740992", 1},
               {"1e400", "1e401", -1},
               {"1e99999999999999999999", "1e400", 1},
               {"1e-99999999999999999999", "0", 1},
               {"-9223372036854775808", "-9223372036854775807", -1},
               {"12.34", "12.339999999999999999999999999999", 1}};
    int order = 7;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *a = all[i].a;
        const char *b = all[i].b;
        assert_true(pn_search_compare_numbers(a, strlen(a), b, strlen(b), &order));
        assert_int_equal(order, all[i].order);
        assert_true(pn_search_compare_numbers(b, strlen(b), a, strlen(a), &order));
        assert_int_equal(order, -all[i].order);
    }
    static const char *const none[] = {"", "-", "x", "1x", ".5", "5.", "1e", "1e+", "+1", "1 "};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(pn_search_compare_numbers(none[i], strlen(none[i]), "1", 1, &order));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_what_does_not),
        cmocka_unit_test(test_what_is_no_search),
        cmocka_unit_test(test_records_without_json),
        cmocka_unit_test(test_numbers_are_compared_by_digits),
    };
    return cmocka_run_group_tests_name("search/search", tests, NULL, NULL);
}
