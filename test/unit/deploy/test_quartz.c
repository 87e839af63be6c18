/* Schedules in Quartz's form: each line that has one, and a reason for each that has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "deploy/quartz.h"

static const struct pn_zone utc = {.name = "UTC"};

/* Checks the expression of these lines; `wanted` NULL: there is none. */
static void assert_quartz(const char *const *texts, size_t count, const char *wanted)
{
    struct pn_cron lines[PN_SCHEDULE_LINES_MAX];
    struct pn_buf out;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pn_cron_parse(texts[i], &lines[i], NULL), 0);
    }
    const struct pn_schedule schedule = {
        .texts = texts, .lines = lines, .line_count = count, .zone = &utc};
    pn_buf_init(&out, 4096);
    const char *why = pn_quartz_add(&out, &schedule);
    assert_ptr_equal(pn_quartz_add(NULL, &schedule), why);
    if (wanted == NULL) {
        assert_non_null(why);
        assert_int_equal(out.len, 0);
    } else {
        assert_null(why);
        assert_string_equal(pn_buf_text(&out), wanted);
    }
    pn_buf_deinit(&out);
}

static void test_a_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"* * * * *", "0 * * * * ?"},
        {"@daily", "0 0 0 * * ?"},
        {"@weekly", "0 0 0 ? * 1"},
        {"@monthly", "0 0 0 1 * ?"},
        {"*/15 6-18 * * *", "0 0,15,30,45 6-18 * * ?"},
        {"0 6 * * mon-fri", "0 0 6 ? * 2-6"},
        {"30 23 * jan,3,dec *", "0 30 23 * 1,3,12 ?"},
        {"0 0 1,15-17 * *", "0 0 0 1,15-17 * ?"},
        {"0 0 * * 6,7", "0 0 0 ? * 1,7"},
        {"59 0 31 * *", "0 59 0 31 * ?"},
        /* Every day of the month, or a Monday: every day. */
        {"0 0 1-31 * 1", "0 0 0 * * ?"},
        {"0 0 */1 * 1", "0 0 0 ? * 2"},
        /* A day of the month or a day of the week; both together. */
        {"0 0 13 * 5", NULL},
        {"0 0 */2 * 5", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_quartz(&cases[i][0], 1, cases[i][1]);
    }
}

static void test_several_lines(void **state)
{
    (void)state;
    static const char *const hours[] = {"0 6 * * *", "0 18 * * *", "0 12 * * *"};
    assert_quartz(hours, 3, "0 0 6,12,18 * * ?");
    static const char *const days[] = {"0 6 * * 1", "0 6 * * 3-4"};
    assert_quartz(days, 2, "0 0 6 ? * 2,4-5");
    static const char *const same[] = {"0 6 * * *", "0 6 * * *"};
    assert_quartz(same, 2, "0 0 6 * * ?");
    /* Fit only once others have been merged. */
    static const char *const grid[] = {"0 6 * * *", "30 18 * * *", "30 6 * * *", "0 18 * * *"};
    assert_quartz(grid, 4, "0 0,30 6,18 * * ?");
    static const char *const apart[] = {"0 6 * * *", "30 18 * * *"};
    assert_quartz(apart, 2, NULL);
    static const char *const weekend[] = {"0 6 * * *", "0 9 * * 0"};
    assert_quartz(weekend, 2, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_several_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
