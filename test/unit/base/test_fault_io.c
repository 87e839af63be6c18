/* The test support is tested too: a disk that never fails would make other tests empty. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/fault_io.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pinion-test-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return pn_io_remove_tree(pn_io_system(), folder, NULL);
}

static char *path_of(const char *name)
{
    return pn_xasprintf("%s/%s", folder, name);
}

static void test_fails_the_nth_call_once(void **state)
{
    (void)state;
    struct fault_io fault;
    struct pn_err e;
    char *path = path_of("a");
    fault_io_init(&fault, pn_io_system());
    fault_io_fail(&fault, FAULT_RENAME, 2, EIO, FAULT_ONCE);
    assert_int_equal(pn_io_replace_file(&fault.io, path, "one", 3, &e), 0);
    assert_false(fault_io_fired(&fault));
    assert_int_equal(pn_io_replace_file(&fault.io, path, "two", 3, &e), EIO);
    assert_true(fault_io_fired(&fault));
    assert_int_equal(pn_io_replace_file(&fault.io, path, "three", 5, &e), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_RENAME), 3);
    assert_int_equal(fault_io_open_count(&fault), 0);
    free(path);
}

static void test_fails_from_the_nth_on(void **state)
{
    (void)state;
    struct fault_io fault;
    fault_io_init(&fault, pn_io_system());
    fault_io_fail(&fault, FAULT_STAT, 2, EACCES, FAULT_FOREVER);
    assert_true(pn_io_exists(&fault.io, folder));
    assert_false(pn_io_exists(&fault.io, folder));
    assert_false(pn_io_exists(&fault.io, folder));
    fault_io_fail(&fault, FAULT_STAT, 0, 0, FAULT_ONCE);
    assert_true(pn_io_exists(&fault.io, folder));
    assert_false(fault_io_fired(&fault));
}

static void test_groups_count_their_members(void **state)
{
    (void)state;
    struct fault_io fault;
    struct pn_err e;
    int fd = -1;
    char *path = path_of("a");
    fault_io_init(&fault, pn_io_system());
    fault_io_fail(&fault, FAULT_SYNCS, 2, EIO, FAULT_ONCE);
    assert_int_equal(pn_io_open(&fault.io, path, O_RDWR | O_CREAT, &fd, &e), 0);
    assert_int_equal(fault_io_open_count(&fault), 1);
    assert_int_equal(pn_io_sync(&fault.io, fd, path, &e), 0);
    assert_int_equal(pn_io_datasync(&fault.io, fd, path, &e), EIO);
    assert_int_equal(fault_io_calls(&fault, FAULT_SYNCS), 2);
    assert_int_equal(fault_io_calls(&fault, FAULT_ANY), 3);
    pn_io_close(&fault.io, &fd);
    free(path);
}

static void test_short_writes(void **state)
{
    (void)state;
    struct fault_io fault;
    struct pn_err e;
    struct pn_buf contents;
    char *path = path_of("a");
    pn_buf_init(&contents, 100);
    fault_io_init(&fault, pn_io_system());

    /* A plain short write is finished by the caller. */
    fault_io_fail(&fault, FAULT_PWRITEV, 1, 0, FAULT_SHORT_WRITE);
    assert_int_equal(pn_io_replace_file(&fault.io, path, "0123456789", 10, &e), 0);
    assert_true(fault_io_fired(&fault));
    assert_int_equal(fault_io_calls(&fault, FAULT_PWRITEV), 2);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &contents, &e), 0);
    assert_string_equal(pn_buf_text(&contents), "0123456789");

    /* One followed by an error leaves half of it in the file. */
    int fd = -1;
    assert_int_equal(pn_io_open(&fault.io, path, O_RDWR | O_TRUNC, &fd, &e), 0);
    fault_io_fail(&fault, FAULT_PWRITEV, 1, ENOSPC, FAULT_SHORT_WRITE);
    assert_int_equal(pn_io_write_at(&fault.io, fd, "0123456789", 10, 0, path, &e), ENOSPC);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    pn_io_close(&fault.io, &fd);
    pn_buf_reset(&contents);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &contents, &e), 0);
    assert_string_equal(pn_buf_text(&contents), "01234");
    pn_buf_deinit(&contents);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fails_the_nth_call_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fails_from_the_nth_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups_count_their_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_writes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
