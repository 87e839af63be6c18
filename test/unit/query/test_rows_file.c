/* Rows on disk: pages from anywhere, in any order, while they are written. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "query/rows_file.h"
#include "support/fault_io.h"

enum { TEXT_MAX = 1 << 20, RESULT_MAX = 64 << 20 };

struct bed {
    char folder[64];
    struct pn_rows_writer *writer;
};

static int set_up(void **state)
{
    struct bed *bed = pn_xcalloc(1, sizeof *bed);
    (void)snprintf(bed->folder, sizeof bed->folder, "/tmp/pn-rows-XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    pn_rows_writer_destroy(&bed->writer);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), bed->folder, NULL), 0);
    free(bed);
    return 0;
}

static void write_rows(struct bed *bed, int from, int to)
{
    if (bed->writer == NULL) {
        assert_int_equal(
            pn_rows_writer_create(bed->folder, pn_io_system(), RESULT_MAX, &bed->writer, NULL), 0);
    }
    for (int i = from; i < to; i++) {
        char number[16];
        const char *values[] = {number, i % 3 == 0 ? "null" : "\"text\""};
        (void)snprintf(number, sizeof number, "%d", i);
        assert_int_equal(pn_rows_writer_add(bed->writer, values, 2, NULL), 0);
    }
    assert_int_equal(pn_rows_writer_flush(bed->writer, NULL), 0);
}

static int add_row(void *arg, const char *const *values, size_t count)
{
    assert_int_equal(count, 2);
    pn_buf_addf(arg, "%s|%s ", values[0], values[1]);
    return 0;
}

static void assert_page(struct bed *bed, const char *order, int64_t offset, int64_t limit,
                        const char *text)
{
    struct pn_rows_reader *reader = NULL;
    struct pn_buf out;
    int64_t read = -1;
    pn_buf_init(&out, TEXT_MAX);
    assert_int_equal(pn_rows_reader_open(bed->folder, order, 2, pn_io_system(), &reader, NULL), 0);
    assert_int_equal(pn_rows_reader_page(reader, offset, limit, add_row, &out, &read, NULL), 0);
    assert_string_equal(pn_buf_text(&out), text);
    size_t rows = 0;
    for (const char *at = text; *at != '\0'; at++) {
        rows += *at == ' ';
    }
    assert_int_equal(read, rows);
    pn_rows_reader_destroy(&reader);
    pn_buf_deinit(&out);
}

static void test_pages(void **state)
{
    struct bed *bed = *state;
    write_rows(bed, 0, 0);
    assert_page(bed, NULL, 0, 10, "");
    write_rows(bed, 0, 2);
    assert_page(bed, NULL, 0, 10, "0|null 1|\"text\" ");
    /* More come while it is read. */
    write_rows(bed, 2, 100000);
    assert_page(bed, NULL, 99998, 10, "99998|\"text\" 99999|null ");
    assert_page(bed, NULL, 50000, 2, "50000|\"text\" 50001|null ");
    assert_page(bed, NULL, 100000, 2, "");
    assert_page(bed, NULL, INT64_MAX, 2, "");
    assert_page(bed, NULL, 5, 0, "");
    assert_int_equal(pn_rows_writer_rows(bed->writer), 100000);
}

/* Bytes of rows and index are counted, and limited, together. */
static void test_the_limit(void **state)
{
    struct bed *bed = *state;
    const char *values[] = {"12345678", "12345678"}; /* 18 bytes and 8 of the index */
    struct pn_err e;
    assert_int_equal(
        pn_rows_writer_create(bed->folder, pn_io_system(), 8 + 2 * 26, &bed->writer, NULL), 0);
    assert_int_equal(pn_rows_writer_add(bed->writer, values, 2, NULL), 0);
    assert_int_equal(pn_rows_writer_add(bed->writer, values, 2, NULL), 0);
    assert_int_equal(pn_rows_writer_bytes(bed->writer), 60);
    assert_int_not_equal(pn_rows_writer_add(bed->writer, values, 2, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "query.result_bytes_max"));
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void test_an_order(void **state)
{
    struct bed *bed = *state;
    const uint64_t numbers[] = {htole64(3), htole64(0), htole64(2), htole64(1)};
    const uint64_t wrong[] = {htole64(4)};
    write_rows(bed, 0, 4);
    char *path = pn_rows_order_path(bed->folder, 1, true);
    assert_non_null(strstr(path, "/order-1-d"));
    write_file(path, numbers, sizeof numbers);
    assert_page(bed, path, 0, 10, "3|null 0|null 2|\"text\" 1|\"text\" ");
    assert_page(bed, path, 2, 1, "2|\"text\" ");
    /* A row that is not there. */
    write_file(path, wrong, sizeof wrong);
    struct pn_rows_reader *reader = NULL;
    struct pn_err e;
    int64_t read = 0;
    assert_int_equal(pn_rows_reader_open(bed->folder, path, 2, pn_io_system(), &reader, NULL), 0);
    assert_int_not_equal(pn_rows_reader_page(reader, 0, 1, add_row, NULL, &read, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    pn_rows_reader_destroy(&reader);
    free(path);
}

/* Whatever the files hold, a page is rows or an error. */
static void test_damage(void **state)
{
    struct bed *bed = *state;
    static const char *const cells[] = {"1", "1\0002\0003", "", "1\0"};
    static const size_t lens[] = {1, 6, 0, 2};
    const uint64_t places[][2] = {
        {0, htole64(1)}, {0, htole64(6)}, {0, htole64(0)}, {htole64(2), htole64(0)}};
    char *rows = pn_xasprintf("%s/rows", bed->folder);
    char *index = pn_xasprintf("%s/index", bed->folder);
    for (size_t i = 0; i < 4; i++) {
        struct pn_rows_reader *reader = NULL;
        struct pn_err e;
        int64_t read = 0;
        write_file(rows, cells[i], lens[i]);
        write_file(index, places[i], sizeof places[i]);
        assert_int_equal(pn_rows_reader_open(bed->folder, NULL, 2, pn_io_system(), &reader, NULL),
                         0);
        assert_int_not_equal(pn_rows_reader_page(reader, 0, 1, add_row, NULL, &read, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        pn_rows_reader_destroy(&reader);
    }
    free(rows);
    free(index);
}

/* A disk that is full ends the writing with its reason. */
static void test_a_full_disk(void **state)
{
    struct bed *bed = *state;
    struct fault_io fault;
    struct pn_err e;
    const char *values[] = {"1", "2"};
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(pn_rows_writer_create(bed->folder, &fault.io, RESULT_MAX, &bed->writer, NULL),
                     0);
    assert_int_equal(pn_rows_writer_add(bed->writer, values, 2, NULL), 0);
    fault_io_fail(&fault, FAULT_PWRITEV, 1, ENOSPC, FAULT_ONCE);
    assert_int_not_equal(pn_rows_writer_flush(bed->writer, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    pn_rows_writer_destroy(&bed->writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
