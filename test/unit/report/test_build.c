/* How the program was built, as rows and for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/build.h"

static const char *rows_now(struct pn_buf *out)
{
    const struct pn_byte_sink sink = pn_byte_sink_buf(out);
    pn_buf_reset(out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_CSV);
    pn_report_build(rows);
    pn_row_writer_end(&rows);
    return pn_buf_text(out);
}

static void test_rows(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 1 << 16);
    pn_build_from("", false);
    const char *text = rows_now(&out);
    assert_ptr_equal(strstr(text, "kind,name,version\r\nprogram,pinion," PINION_VERSION "\r\n"
                                  "build,commit,\r\nbuild,modified,\r\nbuild,compiler,"),
                     text);
    assert_non_null(strstr(text, "\r\nlibrary,DuckDB,"));
    assert_null(strstr(text, ",\r\nlibrary")); /* each library has a version */
    pn_build_from("0123456789abcdef", true);
    text = rows_now(&out);
    assert_non_null(strstr(text, "build,commit,0123456789abcdef\r\nbuild,modified,true\r\n"));
    pn_build_from("0123456789abcdef", false);
    assert_non_null(strstr(rows_now(&out), "build,modified,false\r\n"));
    pn_buf_deinit(&out);
}

static void assert_printed(const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    pn_build_print(out);
    fclose(out);
    assert_ptr_equal(strstr(text, expected), text);
    free(text);
}

static void test_text(void **state)
{
    (void)state;
    pn_build_from("", false);
    assert_printed("pinion " PINION_VERSION "\ncommit: unknown\nbuilt: ");
    pn_build_from("0123456789abcdef", true);
    assert_printed("pinion " PINION_VERSION "\ncommit: 0123456789ab, with changes\nbuilt: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
