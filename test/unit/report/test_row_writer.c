#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/row_writer.h"
#include "support/report_golden.h"

static const struct pn_report_column columns[] = {
    {"name", PN_CELL_TEXT}, {"count", PN_CELL_INT}, {"note", PN_CELL_TEXT}};

static char *text;
static size_t len;

static struct pn_row_writer *create(FILE *file, enum pn_format format,
                                    const struct pn_report_column *declared, size_t count)
{
    const struct pn_byte_sink sink = pn_byte_sink_file(file);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, format);
    pn_row_writer_begin(rows, declared, count);
    return rows;
}

static struct pn_row_writer *start(FILE **file, enum pn_format format)
{
    *file = open_memstream(&text, &len);
    return create(*file, format, columns, 3);
}

static void end_with(struct pn_row_writer *rows, FILE *file, const char *expected)
{
    pn_row_writer_end(&rows);
    assert_null(rows);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

static void two_rows(struct pn_row_writer *rows)
{
    pn_cell_cstr(rows, "a \"b\", c");
    pn_cell_int(rows, -12);
    pn_cell_null(rows);
    pn_cell_text(rows, "x\ny\tz\x1b[0m", 9);
    pn_cell_double(rows, 0.1);
    pn_cell_cstr(rows, "");
}

/* Texts and names that a spreadsheet would run, and what it would not. */
static void test_csv_is_protected(void **state)
{
    (void)state;
    static const struct pn_report_column odd[] = {{"=name", PN_CELL_TEXT},
                                                  {"note", PN_CELL_TEXT},
                                                  {"count", PN_CELL_INT},
                                                  {"json", PN_CELL_JSON}};
    FILE *file = open_memstream(&text, &len);
    struct pn_row_writer *rows = create(file, PN_FORMAT_CSV, odd, 4);
    pn_row_writer_protect(rows);
    pn_cell_cstr(rows, "=1+1");
    pn_cell_cstr(rows, "@\"a\"");
    pn_cell_int(rows, -12);
    pn_cell_json(rows, "-1.5", 4);
    pn_cell_cstr(rows, "+a,b");
    pn_cell_cstr(rows, "\ta");
    pn_cell_null(rows);
    pn_cell_json(rows, "[1]", 3);
    pn_cell_cstr(rows, "-");
    pn_cell_cstr(rows, "a=b");
    pn_cell_int(rows, 0);
    pn_cell_null(rows);
    end_with(rows, file,
             "'=name,note,count,json\r\n"
             "'=1+1,\"'@\"\"a\"\"\",-12,-1.5\r\n"
             "\"'+a,b\",'\ta,,[1]\r\n"
             "'-,a=b,0,\r\n");
}

/* Every type of cell, at its limits, and null. */
static void every_cell(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_report_column every[] = {
        {"text", PN_CELL_TEXT},          {"json", PN_CELL_JSON},        {"bool", PN_CELL_BOOL},
        {"queued", PN_CELL_TIME},        {"bytes", PN_CELL_BYTES},      {"int", PN_CELL_INT},
        {"wide", PN_CELL_WIDE},          {"unsigned", PN_CELL_WIDE},    {"digits", PN_CELL_DIGITS},
        {"timeout_s", PN_CELL_DURATION}, {"seconds", PN_CELL_DURATION}, {"double", PN_CELL_DOUBLE}};
    PN_ROWS_BEGIN(rows, every);
    pn_cell_text(rows, "a \"b\", c\nd", 10);
    pn_cell_json(rows, "{\"a\":[1,null]}", 14);
    pn_cell_bool(rows, true);
    pn_cell_time(rows, 1764345600123);
    pn_cell_bytes(rows, "\0\xff\x10", 3);
    pn_cell_int(rows, -12);
    pn_cell_int(rows, INT64_MIN);
    pn_cell_uint(rows, UINT64_MAX);
    pn_cell_cstr(rows, "340282366920938463463374607431768211455");
    pn_cell_duration(rows, 90000);
    pn_cell_duration(rows, 1234);
    pn_cell_double(rows, 0.1);
    pn_cell_text(rows, "", 0);
    pn_cell_json(rows, "\"x\"", 3);
    pn_cell_bool(rows, false);
    pn_cell_time_if(rows, 0);
    pn_cell_bytes(rows, "", 0);
    pn_cell_known(rows, -1);
    pn_cell_known(rows, INT64_MAX);
    pn_cell_uint(rows, 0);
    pn_cell_null_value(rows);
    pn_cell_null(rows);
    pn_cell_duration(rows, 0);
    pn_cell_double(rows, NAN);
}

static void test_every_cell_in_every_format(void **state)
{
    (void)state;
    report_is_golden("every_cell", every_cell, NULL);
}

static void no_rows(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    PN_ROWS_BEGIN(rows, columns);
}

static void test_no_rows_in_every_format(void **state)
{
    (void)state;
    report_is_golden("no_rows", no_rows, NULL);
}

/* What fails before it has columns leaves no document. */
static void test_no_columns(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 100);
    for (int format = PN_FORMAT_TABLE; format <= PN_FORMAT_API; format++) {
        const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
        struct pn_row_writer *rows = pn_row_writer_create(&sink, (enum pn_format)format);
        pn_row_writer_flush(rows);
        pn_row_writer_end(&rows);
        assert_null(rows);
        assert_int_equal(out.len, 0);
    }
    pn_buf_deinit(&out);
}

/* A buffer that is full fails the writer, and keeps what fitted. */
static void test_a_full_buffer_shows(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 9);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_CSV);
    pn_row_writer_begin(rows, columns, 1);
    pn_cell_cstr(rows, "a");
    assert_false(pn_row_writer_failed(rows));
    pn_cell_cstr(rows, "b");
    assert_true(pn_row_writer_failed(rows));
    assert_int_equal(pn_row_writer_count(rows), 2);
    pn_row_writer_end(&rows);
    pn_buf_deinit(&out);
}

static void test_table(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_TABLE);
    two_rows(rows);
    end_with(rows, file,
             "name            count  note\n"
             "--------------  -----  ----\n"
             "a \"b\", c          -12  -\n"
             "x\\ny\\tz\\x1b[0m    0.1  \n");
}

static void test_json(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_JSON);
    two_rows(rows);
    pn_cell_bool(rows, true);
    pn_cell_double(rows, NAN);
    pn_cell_json(rows, "{\"a\":[1]}", 9);
    end_with(rows, file,
             "[\n {\"name\":\"a \\\"b\\\", c\",\"count\":-12,\"note\":null},\n"
             " {\"name\":\"x\\ny\\tz\\u001b[0m\",\"count\":0.1,\"note\":\"\"},\n"
             " {\"name\":true,\"count\":null,\"note\":{\"a\":[1]}}\n]\n");
}

static void test_csv(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_CSV);
    two_rows(rows);
    pn_cell_bool(rows, false);
    pn_cell_int(rows, INT64_MIN);
    pn_cell_json(rows, "[1,2]", 5);
    end_with(rows, file,
             "name,count,note\r\n"
             "\"a \"\"b\"\", c\",-12,\r\n"
             "\"x\ny\tz\x1b[0m\",0.1,\"\"\r\n"
             "false,-9223372036854775808,\"[1,2]\"\r\n");
}

/* Members of an object have names of their own. */
static void test_names_that_come_twice(void **state)
{
    (void)state;
    static const struct pn_report_column twice[] = {{"a", PN_CELL_INT},
                                                    {"a", PN_CELL_INT},
                                                    {"a_1", PN_CELL_INT},
                                                    {"A", PN_CELL_INT},
                                                    {"a", PN_CELL_INT}};
    FILE *file = open_memstream(&text, &len);
    struct pn_row_writer *rows = create(file, PN_FORMAT_JSON, twice, 5);
    for (int i = 1; i <= 5; i++) {
        pn_cell_int(rows, i);
    }
    end_with(rows, file, "[\n {\"a\":1,\"a_2\":2,\"a_1\":3,\"A\":4,\"a_3\":5}\n]\n");
    file = open_memstream(&text, &len);
    rows = create(file, PN_FORMAT_CSV, twice, 2);
    end_with(rows, file, "a,a\r\n");
}

/* ESC, C1 as a character and as a byte, DEL, the controls of bidi, a separator of lines; and what
 * only has the same bytes in it. */
#define STEERING "\x1b[2J|\xc2\x9b|\x9b|\x7f|\xd8\x9c|\xe2\x80\xae|\xe2\x81\xa6|\xe2\x80\xa8|"
#define HARMLESS "\xc3\x9b\xe2\x82\xac\xe2\x80\xa6\xf0\x9f\x9b\x9b"

static void test_nothing_steers_a_terminal(void **state)
{
    (void)state;
    static const struct pn_report_column one[] = {{"a\xe2\x80\xae", PN_CELL_TEXT}};
    FILE *file = open_memstream(&text, &len);
    struct pn_row_writer *rows = create(file, PN_FORMAT_EXPANDED, one, 1);
    pn_cell_cstr(rows, STEERING HARMLESS);
    end_with(rows, file,
             "-[ row 1 ]--------------\n"
             "a\\u202e  \\x1b[2J|\\x9b|\\x9b|\\x7f|\\u061c|\\u202e|\\u2066|\\u2028|" HARMLESS "\n");
    file = open_memstream(&text, &len);
    rows = create(file, PN_FORMAT_JSON, one, 1);
    pn_cell_cstr(rows, "\x1b|\xc2\x9b|\x7f|\xd8\x9c|\xe2\x80\xae|" HARMLESS);
    pn_cell_json(rows, "{\"\xe2\x81\xa9\":\"\xc2\x80\"}", 12);
    end_with(rows, file,
             "[\n {\"a\\u202e\":\"\\u001b|\\u009b|\\u007f|\\u061c|\\u202e|" HARMLESS "\"},\n"
             " {\"a\\u202e\":{\"\\u2069\":\"\\u0080\"}}\n]\n");
    /* In a file CSV is what the records have. */
    file = open_memstream(&text, &len);
    rows = create(file, PN_FORMAT_CSV, one, 1);
    pn_cell_cstr(rows, STEERING);
    end_with(rows, file, "a\xe2\x80\xae\r\n" STEERING "\r\n");
}

static void test_expanded(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_EXPANDED);
    two_rows(rows);
    end_with(rows, file,
             "-[ row 1 ]--------------\n"
             "name   a \"b\", c\n"
             "count  -12\n"
             "note   -\n"
             "-[ row 2 ]--------------\n"
             "name   x\\ny\\tz\\x1b[0m\n"
             "count  0.1\n"
             "note   \n");
    rows = start(&file, PN_FORMAT_EXPANDED);
    end_with(rows, file, "(no rows)\n");
}

static void test_no_rows(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_TABLE);
    end_with(rows, file, "name  count  note\n----  -----  ----\n");
    rows = start(&file, PN_FORMAT_JSON);
    end_with(rows, file, "[]\n");
    rows = start(&file, PN_FORMAT_CSV);
    end_with(rows, file, "name,count,note\r\n");
    rows = NULL;
    pn_row_writer_end(&rows);
}

/* Widths are of what a terminal shows, not of bytes. */
static void test_wide_characters(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_TABLE);
    const char *const names[] = {"caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "bad \xff", "plain"};
    for (size_t i = 0; i < 4; i++) {
        pn_cell_cstr(rows, names[i]);
        pn_cell_int(rows, 1);
        pn_cell_cstr(rows, "|");
    }
    end_with(rows, file,
             "name   count  note\n"
             "-----  -----  ----\n"
             "caf\xc3\xa9       1  |\n"
             "\xe6\x97\xa5\xe6\x9c\xac       1  |\n"
             "bad \xff      1  |\n"
             "plain      1  |\n");
}

/* Beyond the rows that decide on the widths, cells are cut to them. */
static void test_long_tables_are_streamed(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_TABLE);
    for (int i = 0; i < 1000; i++) {
        pn_cell_cstr(rows, "abcd");
        pn_cell_int(rows, i);
        pn_cell_cstr(rows, "x");
    }
    fflush(file);
    assert_true(len > 1000 * 10);
    size_t before = len;
    pn_cell_cstr(rows, "abcdefgh");
    pn_cell_int(rows, 123456789);
    pn_cell_cstr(rows, "y");
    fflush(file);
    assert_string_equal(text + before, "ab…h  1234\xe2\x80\xa6  y\n");
    pn_row_writer_end(&rows);
    fclose(file);
    free(text);
}

/* Names of one kind begin alike, so the end of a word is shown, too. */
static void test_words_are_cut_in_the_middle(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_TABLE);
    two_rows(rows);
    pn_row_writer_flush(rows);
    static const char *const cells[] = {"streaming-0e3bbd435bfb-pin", "a text of several words",
                                        "1234567日日日a日"};
    size_t before = len;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        pn_cell_cstr(rows, cells[i]);
        pn_cell_int(rows, 1);
        pn_cell_cstr(rows, "x");
    }
    pn_row_writer_flush(rows);
    assert_string_equal(text + before, "streami…fb-pin      1  x\n"
                                       "a text of sev…      1  x\n"
                                       "1234567…日a日       1  x\n");
    pn_row_writer_end(&rows);
    fclose(file);
    free(text);
}

/* What failed before its first row leaves nothing; after that, the document is a whole one. */
static void test_broken_off(void **state)
{
    (void)state;
    static const struct {
        enum pn_format format;
        const char *expected;
    } formats[] = {{PN_FORMAT_TABLE, "n\n-\n1\n"},
                   {PN_FORMAT_JSON, "[\n {\"n\":1}\n]\n"},
                   {PN_FORMAT_JSONL, "{\"n\":1}\n"},
                   {PN_FORMAT_CSV, "n\r\n1\r\n"},
                   {PN_FORMAT_API, "[{\"n\":1}]"}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        FILE *file = NULL;
        struct pn_row_writer *rows = start(&file, formats[i].format);
        pn_row_writer_break(&rows);
        fflush(file);
        assert_null(rows);
        assert_int_equal(len, 0);
        rows =
            create(file, formats[i].format, &(const struct pn_report_column){"n", PN_CELL_INT}, 1);
        pn_cell_int(rows, 1);
        pn_row_writer_break(&rows);
        fflush(file);
        assert_string_equal(text, formats[i].expected);
        fclose(file);
        free(text);
    }
}

/* After a flush rows go out at once; without a terminal the last column is not cut. */
static void test_flushed_rows_are_out(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_row_writer *rows = start(&file, PN_FORMAT_TABLE);
    pn_row_writer_flush(rows);
    assert_int_equal(len, 0);
    two_rows(rows);
    pn_row_writer_flush(rows);
    size_t before = len;
    assert_string_equal(text, "name            count  note\n"
                              "--------------  -----  ----\n"
                              "a \"b\", c          -12  -\n"
                              "x\\ny\\tz\\x1b[0m    0.1  \n");
    pn_cell_cstr(rows, "longer than it was");
    pn_cell_int(rows, 1);
    pn_cell_cstr(rows, "longer, too, and whole");
    pn_row_writer_flush(rows);
    assert_string_equal(text + before,
                        "longer than i\xe2\x80\xa6      1  longer, too, and whole\n");
    before = len;
    pn_row_writer_end(&rows);
    fclose(file);
    assert_int_equal(len, before);
    free(text);
}

static void test_doubles_read_back(void **state)
{
    (void)state;
    static const double values[] = {0.1, 1.0 / 3.0, 1e300, 5e-324, -0.0, 123456789.125, 1e15, 3};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        FILE *file = open_memstream(&text, &len);
        struct pn_row_writer *rows = create(file, PN_FORMAT_CSV, columns, 1);
        pn_cell_double(rows, values[i]);
        pn_row_writer_end(&rows);
        fclose(file);
        assert_true(strtod(text + strlen("name\r\n"), NULL) == values[i]);
        free(text);
    }
}

static void test_a_closed_reader_shows(void **state)
{
    (void)state;
    FILE *file = fopen("/dev/full", "w");
    struct pn_row_writer *rows = create(file, PN_FORMAT_CSV, columns, 1);
    for (int i = 0; i < 100000 && !pn_row_writer_failed(rows); i++) {
        pn_cell_int(rows, i);
    }
    assert_true(pn_row_writer_failed(rows));
    pn_row_writer_end(&rows);
    fclose(file);
}

static int set_locale(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_in_every_format),
        cmocka_unit_test(test_no_rows_in_every_format),
        cmocka_unit_test(test_no_columns),
        cmocka_unit_test(test_a_full_buffer_shows),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_is_protected),
        cmocka_unit_test(test_names_that_come_twice),
        cmocka_unit_test(test_nothing_steers_a_terminal),
        cmocka_unit_test(test_expanded),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_wide_characters),
        cmocka_unit_test(test_long_tables_are_streamed),
        cmocka_unit_test(test_words_are_cut_in_the_middle),
        cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_flushed_rows_are_out),
        cmocka_unit_test(test_doubles_read_back),
        cmocka_unit_test(test_a_closed_reader_shows),
    };
    return cmocka_run_group_tests(tests, set_locale, NULL);
}
