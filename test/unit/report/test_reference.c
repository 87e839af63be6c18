/* Settings and metrics as rows: the first ones, since the tables grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/metrics_table.h"
#include "report/reference.h"

static struct pn_settings settings;
static struct pn_buf out;
static struct pn_row_writer *rows;

static void start(enum pn_format format)
{
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    pn_buf_reset(&out);
    rows = pn_row_writer_create(&sink, format);
}

static void assert_starts(const char *expected)
{
    pn_row_writer_end(&rows);
    assert_memory_equal(pn_buf_text(&out), expected, strlen(expected));
}

static void test_settings(void **state)
{
    (void)state;
    start(PN_FORMAT_JSON);
    pn_report_settings(&settings, rows);
    assert_true(pn_row_writer_count(rows) > 30);
    assert_starts("[\n {\"name\":\"log.durability\",\"value\":\"fsync\",\"origin\":\"default\","
                  "\"default\":\"fsync\","
                  "\"takes\":\"fsync, os\",\"help\":");
    assert_non_null(strstr(pn_buf_text(&out), "\"name\":\"dag.runs_kept\",\"value\":"));
    assert_null(strstr(pn_buf_text(&out), "\"name\":\"dag.runs_kept\",\"value\":\""));
    start(PN_FORMAT_CSV);
    pn_report_settings(&settings, rows);
    assert_starts("name,value,origin,default,takes,help\r\nlog.durability,fsync,default,fsync,"
                  "\"fsync, os\",");
}

static void test_metrics(void **state)
{
    (void)state;
    start(PN_FORMAT_CSV);
    pn_report_metrics(rows);
    assert_int_equal(pn_row_writer_count(rows), PN_METRIC_COUNT);
    assert_starts("name,kind,label,help,alert\r\npinion_");
    start(PN_FORMAT_API);
    pn_report_metrics(rows);
    assert_starts("[{\"name\":\"pinion_");
}

static int set_up(void **state)
{
    (void)state;
    pn_settings_init(&settings);
    pn_buf_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pn_settings_deinit(&settings);
    pn_buf_deinit(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
