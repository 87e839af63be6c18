#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/mem.h"
#include "support/fault_io.h"

static char folder[64];
static char path[128]; /* folder/file */
static const struct pn_io *disk;
static struct fault_io fault;
static struct pn_err err;

static int setup(void **state)
{
    (void)state;
    disk = pn_io_system();
    fault_io_init(&fault, disk);
    strcpy(folder, "/tmp/pinion-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    strcpy(path, folder);
    strcat(path, "/file");
    err = (struct pn_err){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(fault_io_open_count(&fault), 0);
    return pn_io_remove_tree(disk, folder, NULL);
}

static void assert_contents(const char *expected)
{
    struct pn_buf contents;
    pn_buf_init(&contents, 1000);
    assert_int_equal(pn_io_read_file(disk, path, &contents, &err), 0);
    assert_string_equal(pn_buf_text(&contents), expected);
    pn_buf_deinit(&contents);
}

/* The names in the folder, joined by spaces. */
static void assert_names(const char *expected)
{
    struct pn_io_listing listing;
    struct pn_buf names;
    pn_buf_init(&names, 1000);
    assert_int_equal(pn_io_list(disk, folder, &listing, &err), 0);
    for (size_t i = 0; i < listing.count; i++) {
        pn_buf_addf(&names, "%s%s%s", i > 0 ? " " : "", listing.entries[i].name,
                    listing.entries[i].is_dir ? "/" : "");
    }
    assert_string_equal(pn_buf_text(&names), expected);
    pn_io_listing_deinit(&listing);
    pn_buf_deinit(&names);
}

static int open_file(int flags)
{
    int fd = -1;
    assert_int_equal(pn_io_open(&fault.io, path, flags, &fd, &err), 0);
    return fd;
}

static void test_writes_and_reads_at_offsets(void **state)
{
    (void)state;
    int fd = open_file(O_RDWR | O_CREAT);
    int64_t size = -1;
    char bytes[16] = {0};
    size_t got = 0;
    assert_int_equal(pn_io_write_at(&fault.io, fd, "world", 5, 6, path, &err), 0);
    assert_int_equal(pn_io_write_at(&fault.io, fd, "hello ", 6, 0, path, &err), 0);
    assert_int_equal(pn_io_size(&fault.io, fd, &size, path, &err), 0);
    assert_int_equal(size, 11);
    assert_int_equal(pn_io_read_at(&fault.io, fd, bytes, 5, 6, path, &err), 0);
    assert_string_equal(bytes, "world");
    assert_int_equal(pn_io_read_some(&fault.io, fd, bytes, sizeof bytes, 8, &got, path, &err), 0);
    assert_int_equal(got, 3);
    assert_int_equal(pn_io_read_some(&fault.io, fd, bytes, sizeof bytes, 50, &got, path, &err), 0);
    assert_int_equal(got, 0);

    assert_int_equal(pn_io_read_at(&fault.io, fd, bytes, 6, 6, path, &err), PN_FAIL);
    assert_int_equal(err.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(err.msg, "/file: file ends early, at byte 11 instead of 12"));

    assert_int_equal(pn_io_truncate(&fault.io, fd, 5, path, &err), 0);
    assert_int_equal(pn_io_datasync(&fault.io, fd, path, &err), 0);
    assert_contents("hello");
    pn_io_close(&fault.io, &fd);
    assert_int_equal(fd, -1);
    pn_io_close(&fault.io, &fd);
}

static void test_writes_many_pieces(void **state)
{
    (void)state;
    enum { PIECES = 200 }; /* more than one call takes */
    struct iovec iov[PIECES];
    static char letters[] = "abcdefghij";
    struct pn_buf expected;
    pn_buf_init(&expected, 1000);
    for (int i = 0; i < PIECES; i++) {
        iov[i] = (struct iovec){.iov_base = letters, .iov_len = (size_t)i % 5}; /* some empty */
        pn_buf_add(&expected, letters, (size_t)i % 5);
    }
    int fd = open_file(O_RDWR | O_CREAT);
    fault_io_fail(&fault, FAULT_PWRITEV, 2, 0, FAULT_SHORT_WRITE);
    assert_int_equal(pn_io_writev_at(&fault.io, fd, iov, PIECES, 0, path, &err), 0);
    assert_true(fault_io_fired(&fault));
    assert_contents(pn_buf_text(&expected));
    assert_int_equal(pn_io_writev_at(&fault.io, fd, NULL, 0, 0, path, &err), 0);
    pn_io_close(&fault.io, &fd);
    pn_buf_deinit(&expected);
}

static void test_interrupted_calls_are_repeated_but_syncs(void **state)
{
    (void)state;
    static const enum fault_call repeated[] = {FAULT_OPEN, FAULT_PWRITEV, FAULT_PREAD,
                                               FAULT_FTRUNCATE};
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        char byte = 0;
        fault_io_fail(&fault, repeated[i], 1, EINTR, FAULT_ONCE);
        int fd = open_file(O_RDWR | O_CREAT);
        assert_int_equal(pn_io_write_at(&fault.io, fd, "x", 1, 0, path, &err), 0);
        assert_int_equal(pn_io_read_at(&fault.io, fd, &byte, 1, 0, path, &err), 0);
        assert_int_equal(pn_io_truncate(&fault.io, fd, 0, path, &err), 0);
        assert_true(fault_io_fired(&fault));
        assert_int_equal(byte, 'x');
        pn_io_close(&fault.io, &fd);
    }
    int fd = open_file(O_RDWR);
    fault_io_fail(&fault, FAULT_SYNCS, 1, EINTR, FAULT_ONCE);
    assert_int_equal(pn_io_sync(&fault.io, fd, path, &err), EINTR);
    assert_int_equal(fault_io_calls(&fault, FAULT_SYNCS), 1);
    pn_io_close(&fault.io, &fd);
}

static void test_errors_name_path_reason_and_class(void **state)
{
    (void)state;
    int fd = -1;
    struct stat st;
    assert_int_equal(pn_io_open(disk, path, O_RDONLY, &fd, &err), ENOENT);
    assert_int_equal(err.class_, PN_CLASS_MISSING);
    char *expected = pn_xasprintf("cannot open %s: No such file or directory", path);
    assert_string_equal(err.msg, expected);
    free(expected);
    assert_int_equal(pn_io_stat(disk, path, &st, &err), ENOENT);
    assert_int_equal(pn_io_unlink(disk, path, &err), ENOENT);
    assert_int_equal(pn_io_rename(disk, path, folder, &err), ENOENT);
    assert_int_equal(pn_io_unlink(disk, path, NULL), ENOENT);
    assert_false(pn_io_exists(disk, path));

    fd = open_file(O_RDWR | O_CREAT);
    fault_io_fail(&fault, FAULT_PWRITEV, 1, ENOSPC, FAULT_ONCE);
    assert_int_equal(pn_io_write_at(&fault.io, fd, "x", 1, 7, path, &err), ENOSPC);
    assert_int_equal(err.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(err.msg, "/file at byte 7: No space left on device"));
    pn_io_close(&fault.io, &fd);
}

static void test_read_file_has_a_limit(void **state)
{
    (void)state;
    struct pn_buf contents;
    assert_int_equal(pn_io_replace_file(disk, path, "0123456789", 10, &err), 0);
    pn_buf_init(&contents, 12);
    pn_buf_adds(&contents, "ab");
    assert_int_equal(pn_io_read_file(disk, path, &contents, &err), 0); /* fits exactly */
    assert_string_equal(pn_buf_text(&contents), "ab0123456789");
    pn_buf_reset(&contents);
    pn_buf_adds(&contents, "abc");
    assert_int_equal(pn_io_read_file(disk, path, &contents, &err), PN_FAIL);
    assert_int_equal(err.class_, PN_CLASS_INPUT);
    assert_string_equal(pn_buf_text(&contents), "abc");
    pn_buf_deinit(&contents);

    /* A file whose size is not known beforehand. */
    pn_buf_init(&contents, 1000 * 1000);
    assert_int_equal(pn_io_read_file(disk, "/proc/self/status", &contents, &err), 0);
    assert_non_null(strstr(pn_buf_text(&contents), "VmSize"));
    assert_int_equal(pn_io_read_file(disk, folder, &contents, &err), EISDIR);
    pn_buf_deinit(&contents);
    assert_int_equal(pn_io_replace_file(disk, path, "", 0, &err), 0);
    assert_contents("");
}

static void test_create_file_is_exclusive(void **state)
{
    (void)state;
    assert_int_equal(pn_io_create_file(disk, path, "one", 3, &err), 0);
    assert_int_equal(pn_io_create_file(disk, path, "two", 3, &err), EEXIST);
    assert_int_equal(err.class_, PN_CLASS_CONFLICT);
    assert_contents("one");
    assert_names("file");
}

/* Each call of a whole-file write fails in turn: the old or the new contents are there, whole, and
 * nothing else. */
static void replace_under_fault(int error, enum fault_mode mode)
{
    int64_t nth = 1;
    for (;; nth++) {
        assert_int_equal(pn_io_replace_file(disk, path, "old", 3, &err), 0);
        fault_io_fail(&fault, FAULT_ANY, nth, error, mode);
        int rc = pn_io_replace_file(&fault.io, path, "new contents", 12, &err);
        if (!fault_io_fired(&fault)) {
            assert_int_equal(rc, 0);
            break;
        }
        bool renamed =
            fault_io_calls(&fault, FAULT_RENAME) == 1 && fault_io_calls(&fault, FAULT_OPEN) == 2;
        if (rc == 0) {
            assert_int_equal(mode, FAULT_SHORT_WRITE);
        }
        assert_contents(rc == 0 || renamed ? "new contents" : "old");
        if (mode != FAULT_FOREVER) { /* else the temporary file could not be removed */
            assert_names("file");
        }
    }
    assert_true(nth > 6); /* open, write, sync, rename, and the folder's open and sync */
}

static void test_replace_file_survives_each_fault(void **state)
{
    (void)state;
    replace_under_fault(EIO, FAULT_ONCE);
    replace_under_fault(ENOSPC, FAULT_SHORT_WRITE);
    replace_under_fault(EIO, FAULT_FOREVER);
}

static void test_create_file_survives_each_fault(void **state)
{
    (void)state;
    for (int64_t nth = 1;; nth++) {
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = pn_io_create_file(&fault.io, path, "contents", 8, &err);
        if (!fault_io_fired(&fault)) {
            assert_int_equal(rc, 0);
            assert_true(nth > 7);
            break;
        }
        if (pn_io_exists(disk, path)) {
            assert_contents("contents");
        } else {
            assert_int_not_equal(rc, 0);
            assert_names("");
        }
        assert_int_equal(pn_io_remove_tree(disk, folder, &err), 0);
        assert_int_equal(pn_io_mkdirs(disk, folder, &err), 0);
    }
}

static void test_folders(void **state)
{
    (void)state;
    char *deep = pn_xasprintf("%s/a//b/c/", folder);
    char *inside = pn_xasprintf("%s/a/b/c/file", folder);
    char *below_file = pn_xasprintf("%s/d", path);
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    assert_int_equal(pn_io_mkdirs(&fault.io, deep, &err), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_FSYNC), 3); /* the parent of each new one */
    assert_int_equal(pn_io_mkdirs(&fault.io, deep, &err), 0);
    assert_int_equal(fault_io_calls(&fault, FAULT_FSYNC), 3);
    assert_int_equal(pn_io_create_file(disk, inside, "x", 1, &err), 0);
    assert_int_equal(pn_io_create_file(disk, path, "x", 1, &err), 0);
    assert_names("a/ file");
    assert_int_equal(pn_io_mkdirs(disk, path, &err), ENOTDIR);
    assert_int_equal(pn_io_mkdirs(disk, below_file, &err), ENOTDIR);
    assert_int_equal(pn_io_sync_file(disk, inside, &err), 0);
    assert_int_equal(pn_io_sync_parent(disk, "no-slash-means-the-current-folder", &err), 0);
    assert_int_equal(pn_io_sync_parent(disk, "/", &err), 0);
    assert_int_equal(pn_io_rmdir(disk, deep, &err), ENOTEMPTY);

    /* A link to a folder is removed, not what it leads to. */
    char *tree = pn_xasprintf("%s/tree", folder);
    char *link_in_tree = pn_xasprintf("%s/tree/link", folder);
    assert_int_equal(pn_io_mkdirs(disk, tree, &err), 0);
    assert_int_equal(symlink(deep, link_in_tree), 0);
    assert_int_equal(pn_io_remove_tree(disk, tree, &err), 0);
    assert_true(pn_io_exists(disk, inside));
    assert_int_equal(pn_io_remove_tree(disk, tree, &err), 0); /* a missing one is fine */
    assert_names("a/ file");

    struct pn_io_listing listing = {0};
    assert_int_equal(pn_io_list(disk, tree, &listing, &err), ENOENT);
    assert_int_equal(err.class_, PN_CLASS_MISSING);
    free(link_in_tree);
    free(tree);
    free(below_file);
    free(inside);
    free(deep);
}

static void test_listing_is_sorted_bytewise(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "B", "a10", "a2", "_x", ".hidden", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *name = pn_xasprintf("%s/%s", folder, names[i]);
        assert_int_equal(pn_io_create_file(disk, name, "", 0, &err), 0);
        free(name);
    }
    assert_names(".hidden B _x a10 a2 b \xC3\xA9");
}

static void test_lock_is_exclusive(void **state)
{
    (void)state;
    int first = -1;
    int second = -1;
    assert_int_equal(pn_io_lock(&fault.io, path, &first, &err), 0);
    assert_int_not_equal(pn_io_lock(&fault.io, path, &second, &err), 0);
    assert_int_equal(err.class_, PN_CLASS_CONFLICT);
    assert_int_equal(second, -1);
    pn_io_close(&fault.io, &first);
    assert_int_equal(pn_io_lock(&fault.io, path, &second, &err), 0);
    pn_io_close(&fault.io, &second);
    fault_io_fail(&fault, FAULT_FLOCK, 1, ENOLCK, FAULT_ONCE);
    assert_int_equal(pn_io_lock(&fault.io, path, &second, &err), ENOLCK);
    assert_int_equal(second, -1);
}

static void test_lock_that_is_looked_at(void **state)
{
    (void)state;
    int fd = -1;
    bool locked = true;
    assert_int_equal(pn_io_is_locked(&fault.io, path, &locked, &err), 0);
    assert_false(locked); /* a missing file */
    assert_int_equal(pn_io_lock_announced(&fault.io, path, &fd, &err), 0);
    assert_int_equal(pn_io_is_locked(&fault.io, path, &locked, &err), 0);
    assert_true(locked);
    pn_io_close(&fault.io, &fd);
    assert_int_equal(pn_io_is_locked(&fault.io, path, &locked, &err), 0);
    assert_false(locked);
    fault_io_fail(&fault, FAULT_FLOCK, 1, ENOLCK, FAULT_ONCE);
    assert_int_equal(pn_io_is_locked(&fault.io, path, &locked, &err), ENOLCK);
    assert_false(locked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writes_and_reads_at_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writes_many_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_calls_are_repeated_but_syncs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_errors_name_path_reason_and_class, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_file_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_create_file_is_exclusive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace_file_survives_each_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(test_create_file_survives_each_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listing_is_sorted_bytewise, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_is_exclusive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_that_is_looked_at, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
