#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"

static char *text;
static size_t len;
static struct pn_fake_clock fake;

static void test_lines_now_and_then(void **state)
{
    (void)state;
    FILE *file = open_memstream(&text, &len);
    struct pn_progress progress;
    pn_fake_clock_init(&fake, 0);
    pn_progress_start(&progress, file, false, &fake.clock, "posting", 30000);
    pn_progress_update(&progress, 100);
    pn_fake_clock_advance(&fake, 9000);
    pn_progress_update(&progress, 9000);
    fflush(file);
    assert_int_equal(len, 0);
    pn_fake_clock_advance(&fake, 1000);
    pn_progress_update(&progress, 10000);
    fflush(file);
    assert_string_equal(text, "posting   33%  10,000 of 30,000  1,000/s  21s left\n");
    pn_progress_update(&progress, 10001);
    pn_fake_clock_advance(&fake, 5000);
    size_t before = len;
    pn_progress_end(&progress, 30000);
    assert_string_equal(text + before, "posting  30,000 in 15.0 s, 2,000/s\n");
    fclose(file);
    free(text);
}

static void assert_left(int64_t total, const char *left)
{
    FILE *file = open_memstream(&text, &len);
    struct pn_progress progress;
    pn_fake_clock_init(&fake, 0);
    pn_progress_start(&progress, file, false, &fake.clock, "posting", total);
    pn_fake_clock_advance(&fake, 10000);
    pn_progress_update(&progress, 1000);
    fflush(file);
    if (strstr(text, left) == NULL) {
        fail_msg("\"%s\" is not in: %s", left, text);
    }
    fclose(file);
    free(text);
}

static void test_time_left(void **state)
{
    (void)state;
    assert_left(12000, "  111s left\n");
    assert_left(14001, "  3m left\n");
    assert_left(150000, "  25m left\n");
    assert_left(721001, "  3h left\n");
}

static void test_without_a_total(void **state)
{
    (void)state;
    FILE *file = open_memstream(&text, &len);
    struct pn_progress progress;
    pn_fake_clock_init(&fake, 0);
    pn_progress_start(&progress, file, false, &fake.clock, "reading", 0);
    pn_fake_clock_advance(&fake, 20000);
    pn_progress_update(&progress, 1234567);
    fflush(file);
    assert_string_equal(text, "reading  1,234,567  61,728/s\n");
    fclose(file);
    free(text);
}

static void test_quiet(void **state)
{
    (void)state;
    FILE *file = open_memstream(&text, &len);
    struct pn_progress progress;
    pn_fake_clock_init(&fake, 0);
    pn_progress_start(&progress, file, true, &fake.clock, "reading", 5);
    pn_fake_clock_advance(&fake, 20000);
    pn_progress_update(&progress, 3);
    pn_progress_end(&progress, 5);
    fflush(file);
    assert_int_equal(len, 0);
    fclose(file);
    free(text);
}

static void test_grouped(void **state)
{
    (void)state;
    char out[PN_GROUPED_SIZE];
    assert_string_equal(pn_format_grouped(0, out), "0");
    assert_string_equal(pn_format_grouped(999, out), "999");
    assert_string_equal(pn_format_grouped(1000, out), "1,000");
    assert_string_equal(pn_format_grouped(-123456, out), "-123,456");
    assert_string_equal(pn_format_grouped(INT64_MIN, out), "-9,223,372,036,854,775,808");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_now_and_then),
        cmocka_unit_test(test_time_left),
        cmocka_unit_test(test_without_a_total),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_grouped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
