#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/gunzip.h"
#include "base/io.h"

/* "hello\n" by gzip -n. */
static const char HELLO[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7"
                            "\x02\x00\x20\x30\x3a\x36\x06\x00\x00\x00";
enum { HELLO_LEN = sizeof HELLO - 1 };

static int read_file(void *arg, void *bytes, size_t len, int64_t offset, size_t *got,
                     struct pn_err *e)
{
    return pn_io_read_some(pn_io_system(), *(int *)arg, bytes, len, offset, got, "some.gz", e);
}

/* Reads the bytes as a file, `step` at a time; 0 and the text, or the error. */
static int gunzip(const void *bytes, size_t len, size_t step, int64_t max, char *text, size_t size,
                  struct pn_err *e)
{
    char path[] = "/tmp/pinion-gunzip-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    struct pn_gunzip *gunzip = pn_gunzip_create(read_file, &fd, "some.gz", max);
    size_t used = 0;
    size_t got = step;
    int rc = 0;
    while (rc == 0 && got == step) {
        assert_true(used + step < size);
        rc = pn_gunzip_read(gunzip, text + used, step, &got, e);
        used += rc == 0 ? got : 0;
    }
    text[used] = '\0';
    pn_gunzip_destroy(&gunzip);
    close(fd);
    unlink(path);
    return rc;
}

static void test_members(void **state)
{
    (void)state;
    char twice[2 * HELLO_LEN];
    char text[64];
    struct pn_err e;
    memcpy(twice, HELLO, HELLO_LEN);
    memcpy(twice + HELLO_LEN, HELLO, HELLO_LEN);
    for (size_t step = 1; step < 20; step++) {
        assert_int_equal(gunzip(HELLO, HELLO_LEN, step, 100, text, sizeof text, &e), 0);
        assert_string_equal(text, "hello\n");
        assert_int_equal(gunzip(twice, sizeof twice, step, 100, text, sizeof text, &e), 0);
        assert_string_equal(text, "hello\nhello\n");
    }
}

static void test_damage(void **state)
{
    (void)state;
    char text[64];
    struct pn_err e;
    for (size_t len = 0; len < HELLO_LEN; len++) {
        assert_int_not_equal(gunzip(HELLO, len, 16, 100, text, sizeof text, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        assert_non_null(strstr(e.msg, "some.gz: its gzip data"));
    }
    for (size_t i = HELLO_LEN - 8; i < HELLO_LEN; i++) { /* checksum and length */
        char bad[HELLO_LEN];
        memcpy(bad, HELLO, HELLO_LEN);
        bad[i] ^= 1;
        assert_int_not_equal(gunzip(bad, HELLO_LEN, 16, 100, text, sizeof text, &e), 0);
    }
    assert_int_not_equal(gunzip("{\"a\":1}", 7, 16, 100, text, sizeof text, &e), 0);
}

static void test_the_maximum(void **state)
{
    (void)state;
    char text[64];
    struct pn_err e;
    assert_int_equal(gunzip(HELLO, HELLO_LEN, 16, 6, text, sizeof text, &e), 0);
    assert_int_not_equal(gunzip(HELLO, HELLO_LEN, 16, 5, text, sizeof text, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "more than 5 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
