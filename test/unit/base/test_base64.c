#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

static void check_decodes(const char *text, const char *bytes, size_t len)
{
    struct pn_buf out;
    pn_buf_init(&out, 1000);
    assert_true(pn_base64_decode(&out, text, strlen(text)));
    assert_int_equal(out.len, len);
    assert_memory_equal(pn_buf_text(&out), bytes, len);
    pn_buf_deinit(&out);
}

static void test_decode(void **state)
{
    (void)state;
    check_decodes("", "", 0);
    check_decodes("AA==", "\0", 1);
    check_decodes("AA", "\0", 1);
    check_decodes("AAA=", "\0\0", 2);
    check_decodes("/+8=", "\xff\xef", 2);
    check_decodes("aGVsbG8gd29ybGQ=", "hello world", 11);
    check_decodes("aGVsbG8gd29ybGQ", "hello world", 11);
    /* As base64(1), MIME encoders and people break it up. */
    check_decodes("aGVsbG8g\nd29ybGQ=\n", "hello world", 11);
    check_decodes("aGVsbG8g\r\nd29ybGQ=\r\n", "hello world", 11);
    check_decodes("\taGVs bG8gd2\t9ybGQ= ", "hello world", 11);
    check_decodes("AA\n==\n", "\0", 1);
    check_decodes("AA=\n=", "\0", 1);
    check_decodes(" \n", "", 0);
    static const char *const bad[] = {
        "A",     "AAAAA", "A===",     "====",      "AA=A", "A A\n==\n=",
        "AAA\v", "_-8=",  "\xc3\xa9", "AAAA=====", "A\n",  "AA= A"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pn_buf out;
        pn_buf_init(&out, 1000);
        assert_false(pn_base64_decode(&out, bad[i], strlen(bad[i])));
        pn_buf_deinit(&out);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    unsigned char bytes[70];
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct pn_buf text;
        struct pn_buf back;
        pn_buf_init(&text, 1000);
        pn_buf_init(&back, 1000);
        memset(bytes, (int)(len * 37), len);
        pn_base64_encode(&text, bytes, len);
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_true(pn_base64_decode(&back, pn_buf_text(&text), text.len));
        assert_int_equal(back.len, len);
        assert_memory_equal(pn_buf_text(&back), bytes, len);
        pn_buf_deinit(&text);
        pn_buf_deinit(&back);
    }
}

static void test_full(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 4);
    assert_false(pn_base64_decode(&out, "aGVsbG8gd29ybGQ=", 16));
    pn_buf_deinit(&out);
}

/* Only what an encoder writes. */
static void test_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *bytes;
        size_t len;
    } good[] = {{"", "", 0},
                {"AA==", "\0", 1},
                {"/+8=", "\xff\xef", 2},
                {"aGVs", "hel", 3},
                {"aGVsbG8gd29ybGQ=", "hello world", 11}};
    static const char *const bad[] = {
        "A",
        "AA",
        "AAA",
        "AAAAA",
        "====",
        "A===",
        "=AAA",
        "AA=A",
        "AA==AAAA",
        "AB==",
        "AAB=",
        "AA A",
        " AAA",
        "    AAAA",
        "AAAA    ",
        "AAA\n",
        "AAA-",
        "AAAA\n\n\n\n",
        "_-8=",
        "AA*A",
        "----AAAA",
        "AAAA----",
        "\xc3\xa9\xc3\xa9",
    };
    struct pn_arena arena;
    const void *bytes = NULL;
    size_t len = 0;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(
            pn_base64_decode_exact(&arena, good[i].text, strlen(good[i].text), &bytes, &len));
        assert_int_equal(len, good[i].len);
        assert_memory_equal(bytes, good[i].bytes, len);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (pn_base64_decode_exact(&arena, bad[i], strlen(bad[i]), &bytes, &len)) {
            fail_msg("%s is taken for base64", bad[i]);
        }
    }
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
