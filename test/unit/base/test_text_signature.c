#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text_signature.h"

static void test_byte_order_mark(void **state)
{
    (void)state;
    assert_int_equal(pn_text_bom("\xef\xbb\xbf{}", 5), 3);
    assert_int_equal(pn_text_bom("\xef\xbb\xbf", 3), 3);
    assert_int_equal(pn_text_bom("\xef\xbb\xbf", 2), 0);
    assert_int_equal(pn_text_bom("{}", 2), 0);
    assert_int_equal(pn_text_bom(NULL, 0), 0);
}

static void test_what_it_looks_like(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *expected; /* a part of it; NULL: nothing known */
    } cases[] = {
        {"\x1f\x8b\x08\x00", 4, "gzip (1F 8B)"},
        {"\x78\x9c\xab", 3, "zlib (78 9C)"},
        {"\x78\x01\xab", 3, "zlib (78 01)"},
        {"\x78\xda\xab", 3, "zlib (78 DA)"},
        {"\x28\xb5\x2f\xfd", 4, "zstd"},
        {"\xf3\x89\x9a\xc2\x0a", 5, "KPL aggregate (F3 89 9A C2)"},
        {"\xff\xfe{\0", 4, "UTF-16"},
        {"\xfe\xff\0{", 4, "UTF-16"},
        {"{\0\"\0", 4, "UTF-16"},
        {"\0{\0\"", 4, "UTF-16"},
        {"{\"a\"", 4, NULL},
        {"\0\0\0\0", 4, NULL},
        {"{\0", 2, NULL},
        {"\x1f", 1, NULL},
        {"xylophone", 9, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *looks = pn_text_looks_like(cases[i].bytes, cases[i].len);
        if (cases[i].expected == NULL) {
            assert_null(looks);
        } else {
            assert_non_null(looks);
            assert_non_null(strstr(looks, cases[i].expected));
        }
    }
    assert_true(pn_text_is_kpl("\xf3\x89\x9a\xc2", 4));
    assert_false(pn_text_is_kpl("\xf3\x89\x9a", 3));
}

static void test_the_text_of_a_file(void **state)
{
    (void)state;
    struct pn_err e;
    const char *start = NULL;
    size_t len = 6;
    assert_int_equal(pn_text_start("f", "\xef\xbb\xbfpwd", &len, &start, &e), 0);
    assert_int_equal(len, 3);
    assert_string_equal(start, "pwd");
    len = 0;
    assert_int_equal(pn_text_start("f", "", &len, &start, &e), 0);
    assert_int_equal(len, 0);
    len = 4;
    assert_int_not_equal(pn_text_start("f", "\xff\xfep\0", &len, &start, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "f: is not UTF-8 text: it looks like UTF-16"));
}

static void test_json_has_it_skipped(void **state)
{
    (void)state;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_err e;
    static const char padded[5 + PN_JSON_PADDING] = "\xef\xbb\xbf{}";
    assert_int_equal(pn_json_parse(parser, padded, 5, sizeof padded, &root, &e), 0);
    assert_int_equal(root->type, PN_JSON_OBJECT);
    assert_ptr_equal(root->raw, padded + 3);
    assert_int_equal(pn_json_parse(parser, padded, 5, 5, &root, &e), 0);
    assert_int_equal(root->raw_len, 2);
    /* Bytes are counted from the start of what was given. */
    assert_int_not_equal(pn_json_parse(parser, "\xef\xbb\xbf[1,]", 7, 7, &root, &e), 0);
    assert_string_equal(e.msg, "invalid JSON at byte 6: a value is expected");
    assert_int_not_equal(pn_json_parse(parser, "\xef\xbb\xbf", 3, 3, &root, &e), 0);
    assert_string_equal(e.msg, "invalid JSON at byte 3: a value is expected");
    pn_json_parser_destroy(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_what_it_looks_like),
        cmocka_unit_test(test_the_text_of_a_file),
        cmocka_unit_test(test_json_has_it_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
