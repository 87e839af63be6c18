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

#include "cli/output.h"

static const struct pn_output_column columns[] = {
    {"name", false}, {"count", true}, {"note", false}};

static char *text;
static size_t len;

static struct pn_output *start(FILE **file, enum pn_format format)
{
    *file = open_memstream(&text, &len);
    return pn_output_create(*file, format, columns, 3);
}

static void end_with(struct pn_output *output, FILE *file, const char *expected)
{
    pn_output_end(&output);
    assert_null(output);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

static void two_rows(struct pn_output *output)
{
    pn_output_cstr(output, "a \"b\", c");
    pn_output_int(output, -12);
    pn_output_null(output);
    pn_output_text(output, "x\ny\tz\x1b[0m", 9);
    pn_output_double(output, 0.1);
    pn_output_cstr(output, "");
}

static void test_table(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_TABLE);
    two_rows(output);
    end_with(output, file,
             "name            count  note\n"
             "--------------  -----  ----\n"
             "a \"b\", c          -12  null\n"
             "x\\ny\\tz\\x1b[0m    0.1  \n");
}

static void test_json(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_JSON);
    two_rows(output);
    pn_output_bool(output, true);
    pn_output_double(output, NAN);
    pn_output_json(output, "{\"a\":[1]}", 9);
    end_with(output, file,
             "[\n {\"name\":\"a \\\"b\\\", c\",\"count\":-12,\"note\":null},\n"
             " {\"name\":\"x\\ny\\tz\\u001b[0m\",\"count\":0.1,\"note\":\"\"},\n"
             " {\"name\":true,\"count\":null,\"note\":{\"a\":[1]}}\n]\n");
}

static void test_csv(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_CSV);
    two_rows(output);
    pn_output_bool(output, false);
    pn_output_int(output, INT64_MIN);
    pn_output_json(output, "[1,2]", 5);
    end_with(output, file,
             "name,count,note\r\n"
             "\"a \"\"b\"\", c\",-12,\r\n"
             "\"x\ny\tz\x1b[0m\",0.1,\"\"\r\n"
             "false,-9223372036854775808,\"[1,2]\"\r\n");
}

/* Members of an object have names of their own. */
static void test_names_that_come_twice(void **state)
{
    (void)state;
    static const struct pn_output_column twice[] = {
        {"a", true}, {"a", true}, {"a_1", true}, {"A", true}, {"a", true}};
    FILE *file = open_memstream(&text, &len);
    struct pn_output *output = pn_output_create(file, PN_FORMAT_JSON, twice, 5);
    for (int i = 1; i <= 5; i++) {
        pn_output_int(output, i);
    }
    end_with(output, file, "[\n {\"a\":1,\"a_2\":2,\"a_1\":3,\"A\":4,\"a_3\":5}\n]\n");
    file = open_memstream(&text, &len);
    output = pn_output_create(file, PN_FORMAT_CSV, twice, 2);
    end_with(output, file, "a,a\r\n");
}

/* ESC, C1 as a character and as a byte, DEL, the controls of bidi, a separator of lines; and what
 * only has the same bytes in it. */
#define STEERING "\x1b[2J|\xc2\x9b|\x9b|\x7f|\xd8\x9c|\xe2\x80\xae|\xe2\x81\xa6|\xe2\x80\xa8|"
#define HARMLESS "\xc3\x9b\xe2\x82\xac\xe2\x80\xa6\xf0\x9f\x9b\x9b"

static void test_nothing_steers_a_terminal(void **state)
{
    (void)state;
    static const struct pn_output_column one[] = {{"a\xe2\x80\xae", false}};
    FILE *file = open_memstream(&text, &len);
    struct pn_output *output = pn_output_create(file, PN_FORMAT_EXPANDED, one, 1);
    pn_output_cstr(output, STEERING HARMLESS);
    end_with(output, file,
             "-[ row 1 ]--------------\n"
             "a\\u202e  \\x1b[2J|\\x9b|\\x9b|\\x7f|\\u061c|\\u202e|\\u2066|\\u2028|" HARMLESS "\n");
    file = open_memstream(&text, &len);
    output = pn_output_create(file, PN_FORMAT_JSON, one, 1);
    pn_output_cstr(output, "\x1b|\xc2\x9b|\x7f|\xd8\x9c|\xe2\x80\xae|" HARMLESS);
    pn_output_json(output, "{\"\xe2\x81\xa9\":\"\xc2\x80\"}", 12);
    end_with(output, file,
             "[\n {\"a\\u202e\":\"\\u001b|\\u009b|\\u007f|\\u061c|\\u202e|" HARMLESS "\"},\n"
             " {\"a\\u202e\":{\"\\u2069\":\"\\u0080\"}}\n]\n");
    /* In a file CSV is what the records have. */
    file = open_memstream(&text, &len);
    output = pn_output_create(file, PN_FORMAT_CSV, one, 1);
    pn_output_cstr(output, STEERING);
    end_with(output, file, "a\xe2\x80\xae\r\n" STEERING "\r\n");
}

static void test_expanded(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_EXPANDED);
    two_rows(output);
    end_with(output, file,
             "-[ row 1 ]--------------\n"
             "name   a \"b\", c\n"
             "count  -12\n"
             "note   null\n"
             "-[ row 2 ]--------------\n"
             "name   x\\ny\\tz\\x1b[0m\n"
             "count  0.1\n"
             "note   \n");
    output = start(&file, PN_FORMAT_EXPANDED);
    end_with(output, file, "(no rows)\n");
}

static void test_no_rows(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_TABLE);
    end_with(output, file, "name  count  note\n----  -----  ----\n");
    output = start(&file, PN_FORMAT_JSON);
    end_with(output, file, "[]\n");
    output = start(&file, PN_FORMAT_CSV);
    end_with(output, file, "name,count,note\r\n");
    output = NULL;
    pn_output_end(&output);
}

/* Widths are of what a terminal shows, not of bytes. */
static void test_wide_characters(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_TABLE);
    const char *const names[] = {"caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "bad \xff", "plain"};
    for (size_t i = 0; i < 4; i++) {
        pn_output_cstr(output, names[i]);
        pn_output_int(output, 1);
        pn_output_cstr(output, "|");
    }
    end_with(output, file,
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
    struct pn_output *output = start(&file, PN_FORMAT_TABLE);
    for (int i = 0; i < 1000; i++) {
        pn_output_cstr(output, "abcd");
        pn_output_int(output, i);
        pn_output_cstr(output, "x");
    }
    fflush(file);
    assert_true(len > 1000 * 10);
    size_t before = len;
    pn_output_cstr(output, "abcdefgh");
    pn_output_int(output, 123456789);
    pn_output_cstr(output, "y");
    fflush(file);
    assert_string_equal(text + before, "ab…h  1234\xe2\x80\xa6  y\n");
    pn_output_end(&output);
    fclose(file);
    free(text);
}

/* Names of one kind begin alike, so the end of a word is shown, too. */
static void test_words_are_cut_in_the_middle(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_TABLE);
    two_rows(output);
    pn_output_flush(output);
    static const char *const cells[] = {"streaming-0e3bbd435bfb-pin", "a text of several words",
                                        "1234567日日日a日"};
    size_t before = len;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        pn_output_cstr(output, cells[i]);
        pn_output_int(output, 1);
        pn_output_cstr(output, "x");
    }
    pn_output_flush(output);
    assert_string_equal(text + before, "streami…fb-pin      1  x\n"
                                       "a text of sev…      1  x\n"
                                       "1234567…日a日       1  x\n");
    pn_output_end(&output);
    fclose(file);
    free(text);
}

/* What failed before its first row leaves nothing; behind that, the document is a whole one. */
static void test_broken_off(void **state)
{
    (void)state;
    for (int format = PN_FORMAT_TABLE; format <= PN_FORMAT_CSV; format++) {
        FILE *file = NULL;
        struct pn_output *output = start(&file, (enum pn_format)format);
        pn_output_break(&output);
        fflush(file);
        assert_null(output);
        assert_int_equal(len, 0);
        output = pn_output_create(file, (enum pn_format)format,
                                  &(const struct pn_output_column){"n", true}, 1);
        pn_output_int(output, 1);
        pn_output_break(&output);
        fflush(file);
        assert_string_equal(text, format == PN_FORMAT_JSON  ? "[\n {\"n\":1}\n]\n"
                                  : format == PN_FORMAT_CSV ? "n\r\n1\r\n"
                                                            : "n\n-\n1\n");
        fclose(file);
        free(text);
    }
}

/* After a flush rows go out at once; without a terminal the last column is not cut. */
static void test_flushed_rows_are_out(void **state)
{
    (void)state;
    FILE *file = NULL;
    struct pn_output *output = start(&file, PN_FORMAT_TABLE);
    pn_output_flush(output);
    assert_int_equal(len, 0);
    two_rows(output);
    pn_output_flush(output);
    size_t before = len;
    assert_string_equal(text, "name            count  note\n"
                              "--------------  -----  ----\n"
                              "a \"b\", c          -12  null\n"
                              "x\\ny\\tz\\x1b[0m    0.1  \n");
    pn_output_cstr(output, "longer than it was");
    pn_output_int(output, 1);
    pn_output_cstr(output, "longer, too, and whole");
    pn_output_flush(output);
    assert_string_equal(text + before,
                        "longer than i\xe2\x80\xa6      1  longer, too, and whole\n");
    before = len;
    pn_output_end(&output);
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
        struct pn_output *output = pn_output_create(file, PN_FORMAT_CSV, columns, 1);
        pn_output_double(output, values[i]);
        pn_output_end(&output);
        fclose(file);
        assert_true(strtod(text + strlen("name\r\n"), NULL) == values[i]);
        free(text);
    }
}

static void test_a_closed_reader_shows(void **state)
{
    (void)state;
    FILE *file = fopen("/dev/full", "w");
    struct pn_output *output = pn_output_create(file, PN_FORMAT_CSV, columns, 1);
    for (int i = 0; i < 100000 && !pn_output_failed(output); i++) {
        pn_output_int(output, i);
    }
    assert_true(pn_output_failed(output));
    pn_output_end(&output);
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
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv),
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
