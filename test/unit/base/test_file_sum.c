/* A file's checksum, beside the file. */
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

#include "base/file_sum.h"
#include "base/mem.h"

enum { SIZE = 600 * 1024 }; /* more than two blocks */

static char path[] = "/tmp/pinion-file-sum-XXXXXX";
static char *bytes;

static int set_up(void **state)
{
    (void)state;
    (void)strcpy(path + sizeof path - sizeof "XXXXXX", "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    bytes = pn_xcalloc(1, SIZE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    return unlink(path);
}

static void put(size_t len)
{
    int fd = -1;
    assert_int_equal(pn_io_open(pn_io_system(), path, O_WRONLY | O_TRUNC, &fd, NULL), 0);
    assert_int_equal(pn_io_write_at(pn_io_system(), fd, bytes, len, 0, path, NULL), 0);
    pn_io_close(pn_io_system(), &fd);
}

static void test_a_changed_byte_is_damage(void **state)
{
    (void)state;
    static const size_t places[] = {0, 256 * 1024, SIZE - 1};
    const struct pn_io *io = pn_io_system();
    uint32_t sum = 0;
    put(SIZE);
    assert_int_equal(pn_file_sum_check(io, path, NULL), 0); /* it has none */
    assert_int_equal(pn_file_sum_make(io, path, NULL), 0);
    if (!pn_file_sum_get(io, path, &sum)) {
        skip(); /* the file system keeps none */
    }
    assert_int_equal(pn_file_sum_check(io, path, NULL), 0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct pn_err e = {0};
        bytes[places[i]] ^= 1;
        put(SIZE);
        assert_int_not_equal(pn_file_sum_check(io, path, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        assert_non_null(strstr(e.msg, path));
        bytes[places[i]] ^= 1;
    }
    put(SIZE - 1);
    assert_int_not_equal(pn_file_sum_check(io, path, NULL), 0);
    put(SIZE);
    assert_int_equal(pn_file_sum_check(io, path, NULL), 0);
}

static void test_a_file_that_is_not_there(void **state)
{
    (void)state;
    struct pn_err e = {0};
    assert_int_not_equal(pn_file_sum_make(pn_io_system(), "/nowhere/at/all", &e), 0);
    assert_int_equal(pn_file_sum_check(pn_io_system(), "/nowhere/at/all", &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_changed_byte_is_damage, set_up, tear_down),
        cmocka_unit_test(test_a_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
