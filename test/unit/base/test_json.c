#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <float.h>
#include <math.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

static struct pn_json_parser *parser;

static int setup(void **state)
{
    (void)state;
    parser = pn_json_parser_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pn_json_parser_destroy(&parser);
    assert_null(parser);
    return 0;
}

/* A heap copy of exactly `len` bytes, so that a sanitizer sees any read after it. */
static char *exact_copy(const char *text, size_t len)
{
    char *copy = pn_xmalloc(len);
    memcpy(copy, text, len);
    return copy;
}

/*
 * Parses the text without padding and with paddings that would complete or prolong it, which must
 * not change the outcome. Returns 0, or the failure with its message in *e.
 */
static int parse_every_way(const char *text, size_t len, struct pn_err *e)
{
    static const char paddings[] = {'\0', ' ', ']', '}', '"', ',', ':', '1', 'e', '[', '\\'};
    struct pn_json *root = NULL;
    char *bare = exact_copy(text, len);
    int rc = pn_json_parse(parser, bare, len, len, &root, e);
    free(bare);
    for (size_t i = 0; i < sizeof paddings; i++) {
        char *padded = pn_xmalloc(len + PN_JSON_PADDING);
        memcpy(padded, text, len);
        memset(padded + len, paddings[i], PN_JSON_PADDING);
        struct pn_err again;
        int rc_again = pn_json_parse(parser, padded, len, len + PN_JSON_PADDING, &root, &again);
        assert_int_equal(rc_again, rc);
        if (rc != 0) {
            assert_string_equal(again.msg, e->msg);
        }
        free(padded);
    }
    return rc;
}

static void test_valid_texts_come_back_compact(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"1", "1"},
        {" -0 ", "-0"},
        {"1.50", "1.50"},
        {"1E+2", "1E+2"},
        {" null\n", "null"},
        {"true", "true"},
        {"\t false\r\n", "false"},
        {"\"\"", "\"\""},
        {"\"a\"", "\"a\""},
        {"[]", "[]"},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {"[1 , 2,3 ]", "[1,2,3]"},
        {"{\"a\":{\"b\":[{},[],\"\"]}}", "{\"a\":{\"b\":[{},[],\"\"]}}"},
        {"{ \"a\" : 1 , \"a\" : 2 }", "{\"a\":1,\"a\":2}"},
        {"\"\\u0041\\/\\n\\u0000\"", "\"A/\\n\\u0000\""},
        {"\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\""},
        {"{\"\\u0061b\":1}", "{\"ab\":1}"},
        {"[123456789012345678901234567890]", "[123456789012345678901234567890]"},
        {"\"\x7f\xC3\xA9\"", "\"\x7f\xC3\xA9\""},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pn_err e = {0};
        struct pn_json *root = NULL;
        struct pn_buf out;
        size_t len = strlen(texts[i][0]);
        assert_int_equal(parse_every_way(texts[i][0], len, &e), 0);
        assert_int_equal(pn_json_parse(parser, texts[i][0], len, len, &root, &e), 0);
        pn_buf_init(&out, 1000);
        pn_json_write(&out, root);
        assert_string_equal(pn_buf_text(&out), texts[i][1]);
        pn_buf_deinit(&out);
    }
}

static void test_invalid_texts_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "byte 0: a value is expected"},
        {" \n ", "byte 3: a value is expected"},
        {"nullx", "byte 0: unknown word"},
        {"nulll", "byte 0: unknown word"},
        {"tru", "byte 0: unknown word"},
        {"truely", "byte 0: unknown word"},
        {"[nan]", "byte 1: unknown word"},
        {"[True]", "byte 1: a value is expected"},
        {"'a'", "byte 0: a value is expected"},
        {"-", "byte 0: bad number"},
        {"01", "byte 0: bad number"},
        {"[1.]", "byte 1: bad number"},
        {"[1e]", "byte 1: bad number"},
        {"[ +1]", "byte 2: a value is expected"},
        {"[.5]", "byte 1: a value is expected"},
        {"[0x1]", "byte 1: bad number"},
        {"[1e+]", "byte 1: bad number"},
        {"[1.e5]", "byte 1: bad number"},
        {"[1e5.0]", "byte 1: bad number"},
        {"[1.5e1x]", "byte 1: bad number"},
        {"[-01]", "byte 1: bad number"},
        {"[00.5]", "byte 1: bad number"},
        {"[--1]", "byte 1: bad number"},
        {"1 2", "byte 2: something follows the value"},
        {"null x", "byte 5: something follows the value"},
        {" not json", "byte 1: unknown word"},
        {"tru e", "byte 0: unknown word"},
        {"1x 2", "byte 0: bad number"},
        {"\"a\" x", "byte 4: something follows the value"},
        {"{}x", "byte 2: something follows the value"},
        {"[1] // why", "byte 4: something follows the value"},
        {"[]]", "byte 2: something follows the value"},
        {"[", "byte 1: an array or object has no end"},
        {"[1,2", "byte 4: an array or object has no end"},
        {"[[1,2]", "byte 6: an array or object has no end"},
        {"{\"a\"", "byte 4: an array or object has no end"},
        {"{\"a\":", "byte 5: an array or object has no end"},
        {"{\"a\":{}", "byte 7: an array or object has no end"},
        {"{\"a\":}", "byte 5: a value is expected"},
        {"[1,]", "byte 3: a value is expected"},
        {"[,1]", "byte 1: a value is expected"},
        {"[1 2]", "byte 3: a comma"},
        {"[1}", "byte 2: a comma"},
        {"{\"a\" 1}", "byte 5: a comma"},
        {"{\"a\":1 \"b\":2}", "byte 7: a comma"},
        {"{\"a\":1,}", "byte 7: a comma"},
        {"{a:1}", "byte 1: a comma"},
        {"{1:2}", "byte 1: a comma"},
        {"[\"a\"b]", "byte 4: a comma"},
        {"\"abc", "byte 0: a string is not terminated"},
        {"[\"x\", \"abc]", "byte 6: a string is not terminated"},
        {"\"abc\\\"", "byte 0: a string is not terminated"},
        {"[\"a\nb\"]", "byte 3: a control character in a string is not escaped"},
        {"[\"\\x\"]", "byte 1: bad escape"},
        {"[\"\\u12\"]", "byte 1: bad escape"},
        {"[\"\\ud800\\x\"]", "byte 1: bad escape"},
        {"[\"\\ud800\\u12\"]", "byte 1: bad escape"},
        {"[\"\\ud80\"]", "byte 1: bad escape"},
        {"{\"\\ud800\\x\":1}", "byte 1: bad escape"},
        {"[\"\xFF\"]", "byte 2: no UTF-8"},
        {"[\"\xC3\"]", "byte 2: no UTF-8"},
        {"[\"\xE2\x82\xAC\xED\xA0\x80\"]", "byte 5: no UTF-8"},
        {"[\"\xC0\xAF\"]", "byte 2: no UTF-8"},
        {"[\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\x80\x80\x80\x80\x80\"]", "byte 10: no UTF-8"},
        {"]", "byte 0: a value is expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_err e = {0};
        assert_int_equal(parse_every_way(cases[i].text, strlen(cases[i].text), &e), PN_FAIL);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        char *expected = pn_xasprintf("invalid JSON at %s", cases[i].message);
        if (strncmp(e.msg, expected, strlen(expected)) != 0) {
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].text, e.msg, expected);
        }
        free(expected);
    }
}

static void test_bad_utf8_far_behind(void **state)
{
    (void)state;
    enum { LEN = 100 * 1000 };
    char *text = pn_xmalloc(LEN);
    struct pn_json *root = NULL;
    struct pn_err e;
    for (size_t at = 1; at < LEN - 1; at += 4093) {
        for (size_t i = 1; i < LEN - 1; i += 2) {
            memcpy(text + i, "\xC3\xA9", 2);
        }
        text[0] = '"';
        text[LEN - 1] = '"';
        text[at] = '\xFF';
        /* A second byte without its first is bad itself, a first one without its second too. */
        size_t expected = at % 2 == 0 ? at - 1 : at;
        char *message = pn_xasprintf("invalid JSON at byte %zu: no UTF-8", expected);
        assert_int_equal(pn_json_parse(parser, text, LEN, LEN, &root, &e), PN_FAIL);
        assert_string_equal(e.msg, message);
        free(message);
    }
    free(text);
}

static void test_nul_bytes(void **state)
{
    (void)state;
    struct pn_err e;
    assert_int_equal(parse_every_way("[1\0]", 4, &e), PN_FAIL);
    assert_int_equal(parse_every_way("[1]\0", 4, &e), PN_FAIL);
    assert_int_equal(parse_every_way("1\0", 2, &e), PN_FAIL);
    assert_int_equal(parse_every_way("\"a\0b\"", 5, &e), PN_FAIL);
    assert_string_equal(e.msg,
                        "invalid JSON at byte 2: a control character in a string is not escaped");
}

static const char record[] =
    "{\"index\": 7528, \"unique_id\": \"fbe53c66\", \"title\":\"No \\\"title\\\" \xE2\x82\xAC\", "
    "\"tags\":[\"a\",[true,null,-1.5e3]], \"nested\":{\"k\":{\"l\":[]}}, \"last\":\"\\u00e9\"}";

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    size_t len = sizeof record - 1;
    struct pn_err e;
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(parse_every_way(record, cut, &e), PN_FAIL);
    }
    assert_int_equal(parse_every_way(record, len, &e), 0);
}

/* Whatever byte is broken: no crash, and no other outcome by what lies after the text. */
static void test_every_byte_replaced(void **state)
{
    (void)state;
    static const char replacements[] = {'"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '\xFF'};
    char text[sizeof record];
    struct pn_err e;
    for (size_t at = 0; at < sizeof record - 1; at++) {
        for (size_t i = 0; i < sizeof replacements; i++) {
            memcpy(text, record, sizeof record);
            text[at] = replacements[i];
            (void)parse_every_way(text, sizeof record - 1, &e);
        }
    }
}

static void test_depth_has_a_limit(void **state)
{
    (void)state;
    struct pn_err e;
    char text[4 * PN_JSON_DEPTH_MAX];
    for (size_t depth = PN_JSON_DEPTH_MAX - 1; depth <= PN_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        int expected = depth <= PN_JSON_DEPTH_MAX ? 0 : PN_JSON_TOO_DEEP;
        assert_int_equal(parse_every_way(text, 2 * depth, &e), expected);
    }
    assert_string_equal(e.msg, "JSON nested deeper than 1000 levels, at byte 1000");
    assert_int_equal(pn_json_fault_offset(parser), 1000);
    char *marked = pn_xasprintf("\xEF\xBB\xBF%.*s", 2 * (PN_JSON_DEPTH_MAX + 1), text);
    assert_int_equal(parse_every_way(marked, strlen(marked), &e), PN_JSON_TOO_DEEP);
    assert_string_equal(e.msg, "JSON nested deeper than 1000 levels, at byte 1003");
    free(marked);

    enum { MANY = 1000 * 1000 };
    char *deep = pn_xmalloc(MANY);
    struct pn_json *root = NULL;
    memset(deep, '[', MANY);
    assert_int_equal(pn_json_parse(parser, deep, MANY, MANY, &root, &e), PN_JSON_TOO_DEEP);
    for (size_t i = 0; i + 5 <= MANY; i += 5) {
        memcpy(deep + i, "{\"a\":", 5);
    }
    assert_int_equal(pn_json_parse(parser, deep, MANY, MANY, &root, &e), PN_JSON_TOO_DEEP);
    free(deep);
}

static const struct pn_json *parsed(const char *text)
{
    struct pn_json *root = NULL;
    struct pn_err e = {0};
    if (pn_json_parse(parser, text, strlen(text), strlen(text), &root, &e) != 0) {
        fail_msg("%s: %s", text, e.msg);
    }
    return root;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
        double number;
    } cases[] = {
        {"0", true, 0, 0},
        {"-12", true, -12, -12},
        {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", true, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", false, 0, 9223372036854775808.0},
        {"18446744073709551615", false, 0, 18446744073709551615.0},
        {"-9223372036854775809", false, 0, -9223372036854775809.0},
        {"100000000000000000000", false, 0, 1e20},
        {"1.0", true, 1, 1},
        {"1e3", true, 1000, 1000},
        {"-0.0", true, 0, 0},
        {"0e999999999999999999999", true, 0, 0},
        {"0.000e-999999999999999999999", true, 0, 0},
        {"-12.500e1", true, -125, -125},
        {"0.001e3", true, 1, 1},
        {"100e-2", true, 1, 1},
        {"1e17", true, 100000000000000000, 1e17},
        {"1e18", true, 1000000000000000000, 1e18},
        {"1e19", false, 0, 1e19},
        {"9007199254740993.0", true, 9007199254740993, 9007199254740992.0},
        {"9007199254740994.0", true, 9007199254740994, 9007199254740994.0},
        {"123456789012345678.0", true, 123456789012345678, 123456789012345680.0},
        {"9223372036854775807.000", true, INT64_MAX, 9223372036854775808.0},
        {"922337203685477580.7e1", true, INT64_MAX, 9223372036854775808.0},
        {"9223372036854775808.0", false, 0, 9223372036854775808.0},
        {"-9223372036854775808.0", true, INT64_MIN, -9223372036854775808.0},
        {"-9223372036854775809.0", false, 0, -9223372036854775808.0},
        {"9007199254740991.6", false, 0, 9007199254740992.0},
        {"1.0000000000000000000000001", false, 0, 1},
        {"0.9999999999999999999", false, 0, 1},
        {"-0.9999999999999999999", false, 0, -1},
        {"0.1000000000000000055511151231257827021181583404541015625", false, 0, 0.1},
        {"0.25000000000000000000", false, 0, 0.25},
        {"0.25000000000000000000e1", false, 0, 2.5},
        {"0.00000000000000000000000025", false, 0, 2.5e-25},
        {"1.00000000000000000000", true, 1, 1},
        {"1e400", false, 0, INFINITY},
        {"-1e400", false, 0, -INFINITY},
        {"0.0001e999999999999999999999", false, 0, INFINITY},
        {"1e-999999999999999999999", false, 0, 0},
        {"179769313486231570814527423731704356798070e267", false, 0, DBL_MAX},
        {"1.7976931348623159e308", false, 0, INFINITY},
        {"2.4703282292062327e-324", false, 0, 0},
        {"2.4703282292062328e-324", false, 0, 4.9406564584124654e-324},
        {"9007199254740993", true, 9007199254740993, 9007199254740992.0},
        {"9007199254740993e-1", false, 0, 900719925474099.3},
        {"9007199254740992e22", false, 0, 9007199254740992e22},
        {"1e22", false, 0, 1e22},
        {"1e23", false, 0, 1e23},
        {"8.5e-23", false, 0, 8.5e-23},
        {"0.1", false, 0, 0.1},
        {"5e-324", false, 0, 5e-324},
        {"1e-400", false, 0, 0},
        {"1.7976931348623157e308", false, 0, 1.7976931348623157e308},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* As the root and as an element: simdjson has two ways for these. */
        char *in_array = pn_xasprintf("[%s]", cases[i].text);
        const struct pn_json *nodes[] = {parsed(cases[i].text), NULL};
        for (int form = 0; form < 2; form++) {
            const struct pn_json *node = form == 0 ? nodes[0] : parsed(in_array)->first;
            assert_int_equal(node->type, PN_JSON_NUMBER);
            assert_int_equal(node->is_integer, cases[i].is_integer);
            if (node->is_integer) {
                assert_int_equal(node->integer, cases[i].integer);
            }
            if (node->number != cases[i].number) {
                fail_msg("%s: got %.17g", cases[i].text, node->number);
            }
        }
        free(in_array);
    }
    assert_true(signbit(parsed("-0")->number) != 0);
    assert_true(signbit(parsed("-0.0e5")->number) != 0);
    assert_true(signbit(parsed("-1e-400")->number) != 0);
}

static void test_fractions(void **state)
{
    (void)state;
    static const char *const with[] = {"0.5",
                                       "-1e-1",
                                       "1e-400",
                                       "15e-1",
                                       "0.9999999999999999999",
                                       "9007199254740991.6",
                                       "1.0000000000000000000000000000000000000000001",
                                       "123456789012345678901234567890.5"};
    static const char *const without[] = {
        "0",       "1e400", "1.50e1", "123456789012345678901234567890", "-9223372036854775809.0",
        "\"0.5\"", "null"};
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        assert_true(pn_json_has_fraction(parsed(with[i])));
    }
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        assert_false(pn_json_has_fraction(parsed(without[i])));
    }
}

/* A token like those that are hard to read: few or many digits, points and exponents anywhere,
 * values halfway between two doubles. */
static void random_number(struct pn_random *random, char out[static 512])
{
    char *at = out;
    uint64_t shape = pn_random_below(random, 8);
    if (shape == 0) { /* a double in full, or cut off somewhere */
        uint64_t bits = pn_random_u64(random);
        double value;
        memcpy(&value, &bits, sizeof value);
        int digits = (int)pn_random_below(random, 40);
        (void)snprintf(out, 512, "%.*e", digits, isfinite(value) ? value : 1.5);
        return;
    }
    if (shape == 1) { /* the middle between two neighbours, and just beside it */
        double low = ldexp((double)(pn_random_u64(random) >> 11 | 1), -53);
        long double middle = ((long double)low + (long double)nextafter(low, 2)) / 2;
        (void)snprintf(out, 512, "%.*Lf%s", 60, middle, pn_random_below(random, 2) ? "1" : "");
        return;
    }
    uint64_t whole = pn_random_below(random, 3) == 0 ? 0 : 1 + pn_random_below(random, 24);
    uint64_t fraction = pn_random_below(random, 3) == 0 ? 0 : 1 + pn_random_below(random, 60);
    bool sparse = pn_random_below(random, 3) == 0; /* mostly zeros */
    if (pn_random_below(random, 4) == 0) {
        *at++ = '-';
    }
    *at++ = whole == 0 ? '0' : (char)('1' + pn_random_below(random, 9));
    for (uint64_t i = 1; i < whole + fraction; i++) {
        if (i == (whole == 0 ? 1 : whole)) {
            *at++ = '.';
        }
        bool zero = sparse && pn_random_below(random, 4) != 0;
        *at++ = zero ? '0' : (char)('0' + pn_random_below(random, 10));
    }
    if (at[-1] == '.' || (fraction > 0 && whole + fraction == 1)) {
        *at++ = '.';
        *at++ = '5';
    }
    *at = '\0';
    if (pn_random_below(random, 3) == 0) {
        (void)sprintf(at, "%s%d", pn_random_below(random, 2) ? "e" : "E+",
                      (int)pn_random_below(random, 340));
        if (pn_random_below(random, 2) == 0) {
            (void)sprintf(at, "e-%d", (int)pn_random_below(random, 360));
        }
    }
}

/* Each double has to be strtod()'s, to the bit; a whole number that fits has to be taken as one. */
static void test_a_million_numbers_as_strtod_reads_them(void **state)
{
    (void)state;
    enum { ROUNDS = 1000, EACH = 1000, TOKEN_SIZE = 512 };
    static char tokens[EACH][TOKEN_SIZE];
    struct pn_random random;
    pn_random_init(&random, 20260101);
    for (int round = 0; round < ROUNDS; round++) {
        struct pn_buf text;
        pn_buf_init(&text, EACH * TOKEN_SIZE);
        for (int i = 0; i < EACH; i++) {
            random_number(&random, tokens[i]);
            pn_buf_adds(&text, i == 0 ? "[" : ",");
            pn_buf_adds(&text, tokens[i]);
        }
        pn_buf_addc(&text, ']');
        const struct pn_json *node = parsed(pn_buf_text(&text))->first;
        for (int i = 0; i < EACH; i++, node = node->next) {
            double expected = strtod(tokens[i], NULL);
            if (memcmp(&node->number, &expected, sizeof expected) != 0) {
                fail_msg("%s: got %.17g, not %.17g", tokens[i], node->number, expected);
            }
            if (node->is_integer && (double)node->integer != expected) {
                fail_msg("%s: got %lld", tokens[i], (long long)node->integer);
            }
            float single = pn_json_float(node);
            float expected_single = strtof(tokens[i], NULL);
            if (memcmp(&single, &expected_single, sizeof single) != 0) {
                fail_msg("%s: got the float %.9g, not %.9g", tokens[i], (double)single,
                         (double)expected_single);
            }
            bool far = fabs(expected) > 9.3e18;
            if (!node->is_integer && !far && !pn_json_has_fraction(node) &&
                fabs(expected) < 9.2e18) {
                fail_msg("%s is whole", tokens[i]);
            }
        }
        pn_buf_deinit(&text);
    }
}

/* Whole numbers written in every way that keeps their value. */
static void test_integers_in_other_forms(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 7);
    for (int i = 0; i < 100000; i++) {
        int64_t value = (int64_t)(pn_random_u64(&random) >> pn_random_below(&random, 64));
        char digits[32];
        char token[128];
        (void)snprintf(digits, sizeof digits, "%lld", (long long)value);
        size_t sign = digits[0] == '-' ? 1 : 0;
        size_t count = strlen(digits) - sign;
        size_t point = 1 + pn_random_below(&random, count); /* digits before the point */
        (void)snprintf(token, sizeof token, "%.*s.%s%.*se%zu", (int)(sign + point), digits,
                       digits + sign + point, (int)(1 + pn_random_below(&random, 30)),
                       "000000000000000000000000000000", count - point);
        const struct pn_json *node = parsed(token);
        if (!node->is_integer || node->integer != value) {
            fail_msg("%s is not %lld but %lld", token, (long long)value, (long long)node->integer);
        }
    }
}

static void test_half_surrogate_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *meaning;
    } cases[] = {
        {"\"a\\ud83d\"", "a\xEF\xBF\xBD"},
        {"\"\\udc00z\"", "\xEF\xBF\xBDz"},
        {"\"\\uD800\\u0041\"", "\xEF\xBF\xBD"
                               "A"},
        {"\"\\ud800\\n\"", "\xEF\xBF\xBD\n"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
        {"\"\\udc00\\ud800\"", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\"\xC3\xA9\\ud800\\\"\\\\\\/\\b\\f\\r\\t\\u00e9\\u20AC\"",
         "\xC3\xA9\xEF\xBF\xBD\"\\/\b\f\r\t\xC3\xA9\xE2\x82\xAC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *object =
            pn_xasprintf("{ %s : [%s] , \"k\":\"\\u0041\"}", cases[i].text, cases[i].text);
        char *compact = pn_xasprintf("{%s:[%s],\"k\":\"A\"}", cases[i].text, cases[i].text);
        struct pn_buf out;
        struct pn_err e = {0};
        assert_int_equal(parse_every_way(object, strlen(object), &e), 0);
        const struct pn_json *member = parsed(object)->first;
        assert_int_equal(member->key_len, strlen(cases[i].meaning));
        assert_memory_equal(member->key, cases[i].meaning, member->key_len);
        assert_true(pn_json_text_is(member->first, cases[i].meaning));
        assert_true(member->key_is_lossy && member->first->is_lossy);
        assert_false(member->is_lossy || member->first->key_is_lossy || member->next->is_lossy);
        pn_buf_init(&out, 1000);
        pn_json_write(&out, parsed(object));
        assert_string_equal(pn_buf_text(&out), compact);
        pn_buf_deinit(&out);
        free(object);
        free(compact);
    }
}

static void test_lookups(void **state)
{
    (void)state;
    const struct pn_json *root =
        parsed("{\"s\":\"text\",\"i\":7,\"f\":1.5,\"b\":true,\"n\":null,\"twice\":1,"
               "\"esc\":\"a\\tb\",\"nul\":\"a\\u0000\",\"twice\":2,\"\":3}");
    assert_int_equal(root->count, 10);
    assert_null(pn_json_get(root, "absent"));
    assert_null(pn_json_get(root, "tw"));
    assert_null(pn_json_get(NULL, "s"));
    assert_null(pn_json_get(pn_json_get(root, "s"), "s"));
    assert_int_equal(pn_json_get_i64(root, "twice", 0), 2);
    assert_int_equal(pn_json_get_i64(root, "", 0), 3);
    assert_int_equal(pn_json_get_i64(root, "i", -1), 7);
    assert_int_equal(pn_json_get_i64(root, "f", -1), -1);
    assert_int_equal(pn_json_get_i64(root, "absent", -1), -1);
    assert_true(pn_json_get_bool(root, "b", false));
    assert_true(pn_json_get_bool(root, "i", true));

    const char *text = NULL;
    size_t len = 0;
    assert_true(pn_json_get_text(root, "esc", &text, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\tb", 3);
    assert_false(pn_json_get_text(root, "i", &text, &len));
    assert_true(pn_json_text_is(pn_json_get(root, "s"), "text"));
    assert_false(pn_json_text_is(pn_json_get(root, "s"), "tex"));
    assert_false(pn_json_text_is(pn_json_get(root, "s"), "text!"));
    assert_false(pn_json_text_is(NULL, "text"));

    char *copy = pn_json_dup(pn_json_get(root, "s"));
    assert_string_equal(copy, "text");
    free(copy);
    assert_null(pn_json_dup(pn_json_get(root, "nul")));
    assert_null(pn_json_dup(pn_json_get(root, "i")));
    assert_null(pn_json_dup(pn_json_get(root, "absent")));
}

static void test_raw_is_the_values_own_text(void **state)
{
    (void)state;
    static const char text[] = " {\"a\" : [1, {\"b\":2 } ] , \"c\": \"d\\n\" ,\"e\":{ }\n} \n";
    char padded[sizeof text + PN_JSON_PADDING] = {0};
    memcpy(padded, text, sizeof text);
    struct pn_json *root = NULL;
    struct pn_err e;
    size_t len = sizeof text - 1;
    assert_int_equal(pn_json_parse(parser, padded, len, sizeof padded, &root, &e), 0);
    assert_ptr_equal(root->raw, padded + 1); /* in place, not copied */
    assert_int_equal(root->raw_len, len - 3);
    const struct pn_json *a = pn_json_get(root, "a");
    assert_int_equal(a->raw_len, strlen("[1, {\"b\":2 } ]"));
    assert_memory_equal(a->raw, "[1, {\"b\":2 } ]", a->raw_len);
    assert_memory_equal(a->first->next->raw, "{\"b\":2 }", a->first->next->raw_len);
    assert_int_equal(a->first->next->raw_len, strlen("{\"b\":2 }"));
    const struct pn_json *c = pn_json_get(root, "c");
    assert_int_equal(c->raw_len, strlen("\"d\\n\""));
    assert_memory_equal(c->raw, "\"d\\n\"", c->raw_len);
    assert_int_equal(pn_json_get(root, "e")->raw_len, 3);
}

/* A parser is reused for millions of records: the arena and the buffers must start again. */
static void test_parser_is_reusable(void **state)
{
    (void)state;
    for (int i = 1; i <= 300; i++) {
        struct pn_buf text;
        pn_buf_init(&text, 1000 * 1000);
        pn_buf_addc(&text, '[');
        for (int k = 0; k < i * 7 % 500; k++) {
            pn_buf_adds(&text, "\"\\u00e9\",");
        }
        pn_buf_adds(&text, i % 10 == 0 ? "oops]" : "1]");
        struct pn_json *root = NULL;
        struct pn_err e;
        int rc = pn_json_parse(parser, text.data, text.len, text.len, &root, &e);
        assert_int_equal(rc, i % 10 == 0 ? PN_FAIL : 0);
        if (rc == 0) {
            assert_int_equal(root->count, i * 7 % 500 + 1);
        }
        pn_buf_deinit(&text);
    }
}

static void test_values_have_a_limit(void **state)
{
    (void)state;
    static const char *const four[] = {"[1,2,3]", "{\"a\":[{}],\"b\":null}", "[[[[]]]]",
                                       "[\"a,b,c\",[0],1e2]x"};
    struct pn_json_parser *limited = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_err e;
    pn_json_parser_limit(limited, 4);
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(four[i]);
        assert_int_equal(pn_json_parse(limited, four[i], len, len, &root, &e), 0);
    }
    pn_json_parser_limit(limited, 3);
    for (size_t i = 0; i < 4; i++) {
        size_t len = strlen(four[i]);
        assert_int_equal(pn_json_parse(limited, four[i], len, len, &root, &e), PN_JSON_TOO_MANY);
        assert_string_equal(e.msg, "JSON of more than 3 values");
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
    assert_int_equal(pn_json_parse(limited, "5", 1, 1, &root, &e), 0);
    pn_json_parser_limit(limited, 0);
    assert_int_equal(pn_json_parse(limited, four[0], 7, 7, &root, &e), 0);
    pn_json_parser_destroy(&limited);
}

static void test_a_trimmed_parser_goes_on(void **state)
{
    (void)state;
    enum { LEN = 4 * 1024 * 1024 };
    char *large = pn_xmalloc(LEN);
    memset(large, ',', LEN);
    for (size_t i = 1; i < LEN; i += 2) {
        large[i] = '1';
    }
    large[0] = '[';
    large[LEN - 2] = ' ';
    large[LEN - 1] = ']';
    for (int round = 0; round < 2; round++) {
        struct pn_json *root = NULL;
        struct pn_err e;
        assert_int_equal(pn_json_parse(parser, large, LEN, LEN, &root, &e), 0);
        assert_int_equal(root->count, LEN / 2 - 1);
        pn_json_parser_trim(parser);
        assert_int_equal(pn_json_parse(parser, "[\"\\n\"]", 6, 6, &root, &e), 0);
        assert_true(pn_json_text_is(root->first, "\n"));
        pn_json_parser_trim(parser);
        assert_true(pn_json_text_is(root->first, "\n"));
    }
    free(large);
}

static void test_type_names(void **state)
{
    (void)state;
    assert_string_equal(pn_json_type_name(parsed("[]")->type), "array");
    assert_string_equal(pn_json_type_name(parsed("{}")->type), "object");
    assert_string_equal(pn_json_type_name(parsed("1")->type), "number");
    assert_string_equal(pn_json_type_name(parsed("\"\"")->type), "string");
    assert_string_equal(pn_json_type_name(parsed("true")->type), "boolean");
    assert_string_equal(pn_json_type_name(parsed("null")->type), "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_texts_come_back_compact),
        cmocka_unit_test(test_invalid_texts_name_the_place),
        cmocka_unit_test(test_bad_utf8_far_behind),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_replaced),
        cmocka_unit_test(test_depth_has_a_limit),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_a_million_numbers_as_strtod_reads_them),
        cmocka_unit_test(test_integers_in_other_forms),
        cmocka_unit_test(test_half_surrogate_pairs),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_raw_is_the_values_own_text),
        cmocka_unit_test(test_parser_is_reusable),
        cmocka_unit_test(test_values_have_a_limit),
        cmocka_unit_test(test_a_trimmed_parser_goes_on),
        cmocka_unit_test(test_type_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
