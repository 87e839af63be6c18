/* Streams, lags and landings as rows, in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/landings.h"
#include "report/streams.h"
#include "support/report_golden.h"

static void streams(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_stream_summary all[] = {
        {.name = "clicks",
         .status = "ACTIVE",
         .shards = 2,
         .retention_hours = 24,
         .mode = "PROVISIONED",
         .consumers = 1,
         .created_ms = 1764345600123},
        {.name = "views"},
    };
    pn_report_streams_begin(rows);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        pn_report_stream(&all[i], rows);
    }
}

static void test_streams(void **state)
{
    (void)state;
    report_is_golden("streams", streams, NULL);
}

static void lags(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_processor_lag all[] = {
        {.stream = "clicks",
         .table = "click",
         .shard = "shardId-000000000000",
         .position = 7,
         .end = 9007199254740993,
         .records = 5,
         .lost = 2,
         .ms = 1500,
         .version = 3,
         .version_ms = 1764345600123},
        {.stream = "clicks",
         .table = "click",
         .shard = "shardId-000000000001",
         .closed = true,
         .position = -1,
         .end = 4,
         .records = -1,
         .lost = -1,
         .ms = -1,
         .version = -1},
        /* A stream that is not there. */
        {.stream = "views",
         .table = "view",
         .position = -1,
         .records = -1,
         .lost = -1,
         .ms = -1,
         .version = -1},
    };
    pn_report_lags(all, sizeof all / sizeof *all, rows);
}

static void test_lags(void **state)
{
    (void)state;
    report_is_golden("lags", lags, NULL);
}

static void landings(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_sink_status all[] = {
        {.topic = "clicks",
         .partition = 1,
         .landed_offset = 40,
         .end_offset = 50,
         .lag = 8,
         .objects = 4,
         .records = 38,
         .dead_letters = 2,
         .lost = 1,
         .errors = 3,
         .error = "cannot write topics/clicks: no space"},
        {.topic = "orders"},
    };
    pn_report_landings(all, sizeof all / sizeof *all, rows);
}

static void test_landings(void **state)
{
    (void)state;
    report_is_golden("landings", landings, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_lags),
        cmocka_unit_test(test_landings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
