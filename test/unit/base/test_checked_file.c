/* A small file with a checksum: whole, older than checksums, or named as damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked_file.h"
#include "base/crc32c.h"
#include "support/ram_io.h"

static const char OLD_START[] = "{\"version\":1,";

static char path[256];

static int set_up(void **state)
{
    (void)state;
    char folder[200];
    ram_folder("checked", folder, sizeof folder);
    (void)snprintf(path, sizeof path, "%s/file.json", folder);
    return 0;
}

static void put(const void *bytes, size_t len)
{
    assert_int_equal(pn_io_replace_file(ram_io(), path, bytes, len, NULL), 0);
}

/* 0, or not with *e set; the text is thrown away. */
static int get(bool *is_old, struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, 4096);
    int rc = pn_checked_file_read(ram_io(), path, OLD_START, &text, is_old, e);
    pn_buf_deinit(&text);
    return rc;
}

static void make(struct pn_buf *text)
{
    pn_buf_init(text, 4096);
    struct pn_json_writer json;
    pn_json_writer_init(&json, text);
    pn_checked_begin(&json);
    pn_json_add_i64(&json, "version", 1);
    pn_json_add_cstr(&json, "name", "a");
    pn_json_add_cstr(&json, "id", "9f86d081884c7d65");
    pn_checked_end(&json);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    bool is_old = true;
    struct pn_buf text;
    make(&text);
    put(text.data, text.len);
    assert_int_equal(get(&is_old, NULL), 0);
    assert_false(is_old);
    pn_buf_deinit(&text);
}

static void test_each_flipped_bit_and_each_cut_is_damage(void **state)
{
    (void)state;
    bool is_old = false;
    struct pn_err e;
    struct pn_buf text;
    make(&text);
    for (size_t bit = 0; bit < 8 * text.len; bit++) {
        text.data[bit / 8] = (char)(text.data[bit / 8] ^ (1 << bit % 8));
        put(text.data, text.len);
        assert_int_not_equal(get(&is_old, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        assert_non_null(strstr(e.msg, path));
        text.data[bit / 8] = (char)(text.data[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < text.len; len++) {
        put(text.data, len);
        assert_int_not_equal(get(&is_old, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    }
    pn_buf_deinit(&text);
}

static void test_an_older_file_is_told_from_a_damaged_one(void **state)
{
    (void)state;
    static const char old[] = "{\"version\":1,\"name\":\"a\"}\n";
    static const char *const damaged[] = {
        "",
        "{}",
        "{\"version\":2}\n",
        "{\"version\":1,\"name\":\"a\",\"crc32c\":\"00000000\"}\n",
        "{\"checked\":1,\"version\":1,\"name\":\"a\"}\n",
    };
    bool is_old = false;
    struct pn_err e;
    put(old, sizeof old - 1);
    assert_int_equal(get(&is_old, &e), 0);
    assert_true(is_old);
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        put(damaged[i], strlen(damaged[i]));
        assert_int_not_equal(get(&is_old, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    }
}

static void test_a_missing_file_is_missing(void **state)
{
    (void)state;
    bool is_old = false;
    struct pn_err e;
    (void)snprintf(path, sizeof path, "/nowhere/at/all");
    assert_int_not_equal(get(&is_old, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

static void test_the_sum_is_castagnolis(void **state)
{
    (void)state;
    assert_int_equal(pn_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(pn_crc32c_add(pn_crc32c("1234", 4), "56789", 5), 0xe3069283u);
    assert_int_equal(pn_crc32c("", 0), 0);
    static char bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * i >> 3);
    }
    for (size_t cut = 0; cut <= sizeof bytes; cut += 9999) {
        uint32_t first = pn_crc32c(bytes, cut);
        uint32_t second = pn_crc32c(bytes + cut, sizeof bytes - cut);
        assert_true(pn_crc32c_combine(first, second, sizeof bytes - cut) ==
                    pn_crc32c(bytes, sizeof bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_written_is_read, set_up),
        cmocka_unit_test_setup(test_each_flipped_bit_and_each_cut_is_damage, set_up),
        cmocka_unit_test_setup(test_an_older_file_is_told_from_a_damaged_one, set_up),
        cmocka_unit_test(test_a_missing_file_is_missing),
        cmocka_unit_test(test_the_sum_is_castagnolis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
