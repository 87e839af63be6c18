#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/writeback.h"

/* A file that may be missing, and what is asked of it. */
struct file {
    bool missing;
    int open_count;
    int asked; /* to begin to write it */
};

static int file_open(const struct pn_io *io, const char *path, int flags, mode_t mode)
{
    struct file *file = io->ctx;
    (void)mode;
    assert_string_equal(path, "/folder/new.parquet");
    assert_int_equal(flags & (O_ACCMODE | O_CREAT), O_RDONLY);
    if (file->missing) {
        return -ENOENT;
    }
    file->open_count++;
    return 7;
}

static int file_close(const struct pn_io *io, int fd)
{
    struct file *file = io->ctx;
    assert_int_equal(fd, 7);
    file->open_count--;
    return 0;
}

static void file_start_writeback(const struct pn_io *io, int fd)
{
    struct file *file = io->ctx;
    assert_int_equal(fd, 7);
    file->asked++;
}

static const struct pn_io_ops ops = {
    .open = file_open, .close = file_close, .start_writeback = file_start_writeback};

static void test_asks_ten_times_a_second(void **state)
{
    (void)state;
    struct pn_fake_clock fake;
    struct file file = {.missing = false};
    const struct pn_io io = {.ops = &ops, .ctx = &file};
    pn_fake_clock_init(&fake, 0);
    struct pn_writeback writeback = {
        .io = &io, .clock = &fake.clock, .path = "/folder/new.parquet"};
    for (int ms = 0; ms < 1000; ms++) {
        pn_writeback_go_on(&writeback);
        pn_fake_clock_advance(&fake, 1);
    }
    assert_int_equal(file.asked, 10);
    assert_int_equal(file.open_count, 0);
}

static void test_the_file_may_come_later(void **state)
{
    (void)state;
    struct pn_fake_clock fake;
    struct file file = {.missing = true};
    const struct pn_io io = {.ops = &ops, .ctx = &file};
    pn_fake_clock_init(&fake, 0);
    struct pn_writeback writeback = {
        .io = &io, .clock = &fake.clock, .path = "/folder/new.parquet"};
    pn_writeback_go_on(&writeback);
    assert_int_equal(file.asked, 0);
    file.missing = false;
    pn_fake_clock_advance(&fake, 100);
    pn_writeback_go_on(&writeback);
    assert_int_equal(file.asked, 1);
    assert_int_equal(file.open_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_ten_times_a_second),
        cmocka_unit_test(test_the_file_may_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
