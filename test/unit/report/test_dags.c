/* DAGs, tasks, runs and attempts as rows, in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dag/dags.h"
#include "report/dags.h"
#include "support/report_golden.h"

#define NOW_MS ((int64_t)1764345600000) /* 2025-11-28T16:00:00Z */

static void dags(struct pn_row_writer *rows, void *arg)
{
    struct test_dag *made = arg;
    struct pn_dag_db *db = NULL;
    assert_int_equal(pn_dag_db_open(":memory:", &db, NULL), 0);
    assert_int_equal(pn_report_dags(&made->pipeline, db, rows, NULL), 0);
    pn_dag_db_close(&db);
}

static void test_dags(void **state)
{
    (void)state;
    struct test_dag made;
    test_dag_make(&made, 2, 1500);
    report_is_golden("dags", dags, &made);
}

static void tasks(struct pn_row_writer *rows, void *arg)
{
    pn_report_tasks(arg, rows);
}

static void test_tasks(void **state)
{
    (void)state;
    struct test_dag made;
    static const struct pn_table raw = {.name = "raw"};
    static const struct pn_table other = {.name = "other"};
    static const struct pn_table *const tables[] = {&raw, &other};
    test_dag_make(&made, 2, 1500);
    for (size_t i = 0; i < TEST_DAG_TASKS; i++) {
        made.tasks[i].kind = PN_TASK_COMMAND;
        made.tasks[i].command = "true";
    }
    made.tasks[1].kind = PN_TASK_LOAD;
    made.tasks[1].tables = tables;
    made.tasks[1].table_count = 2;
    made.tasks[3].timeout_ms = 90000;
    report_is_golden("tasks", tasks, &made.dag);
}

static void runs(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_run all[] = {
        {.run_id = "manual__3", .dag = "d", .state = PN_RUN_QUEUED, .queued_ms = NOW_MS - 10},
        {.run_id = "manual__2",
         .dag = "d",
         .state = PN_RUN_RUNNING,
         .queued_ms = NOW_MS - 3000,
         .started_ms = NOW_MS - 2500},
        {.run_id = "manual__1",
         .dag = "d",
         .state = PN_RUN_FAILED,
         .queued_ms = NOW_MS - 60000,
         .started_ms = NOW_MS - 59999,
         .ended_ms = NOW_MS - 50000},
    };
    pn_report_runs(all, sizeof all / sizeof *all, NOW_MS, rows);
}

static void test_runs(void **state)
{
    (void)state;
    report_is_golden("runs", runs, NULL);
}

static void task_runs(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_task_run all[] = {
        {.task = "a",
         .state = PN_TASK_SUCCESS,
         .tries = 1,
         .started_ms = NOW_MS - 9000,
         .ended_ms = NOW_MS - 8000},
        {.task = "b",
         .state = PN_TASK_UP_FOR_RETRY,
         .tries = 1,
         .started_ms = NOW_MS - 7000,
         .ended_ms = NOW_MS - 6500,
         .next_ms = NOW_MS + 60000},
        {.task = "c", .state = PN_TASK_RUNNING, .tries = 2, .started_ms = NOW_MS - 7250},
        {.task = "d", .state = PN_TASK_NONE},
    };
    static const struct pn_task_io io[] = {
        {.task = "a", .is_write = true, .name = "t", .rows = 12, .rows_before = 30}};
    static const char *const reasons[] = {"", "retry 2 of 4 in 60 s", "", "waits for c"};
    const struct pn_report_task_facts facts = {.io = io, .io_count = 1, .reasons = reasons};
    pn_report_task_runs(all, sizeof all / sizeof *all, &facts, NOW_MS, rows);
}

static void test_task_runs(void **state)
{
    (void)state;
    report_is_golden("task_runs", task_runs, NULL);
}

static void assert_remark(int64_t before, int64_t now, const char *remark)
{
    const struct pn_task_io io = {.is_write = true, .table_rows = now, .table_rows_before = before};
    const char *found = pn_report_io_remark(&io);
    assert_string_equal(found != NULL ? found : "", remark);
}

static void assert_remark_of_part(int64_t before, int64_t now, const char *remark)
{
    const struct pn_task_io io = {.is_write = true,
                                  .rows = now,
                                  .rows_before = before,
                                  .table_rows = 100,
                                  .table_rows_before = 100,
                                  .replaces_part = true};
    const char *found = pn_report_io_remark(&io);
    assert_string_equal(found != NULL ? found : "", remark);
}

static void test_the_remark_on_lost_rows(void **state)
{
    (void)state;
    assert_remark(3, 1, "fell by more than half");
    assert_remark(3, 2, "");
    assert_remark(4, 2, "");
    assert_remark(2, 5, "");
    assert_remark(3, 0, "fell to 0 rows");
    assert_remark(0, 0, "");
    assert_remark(PN_TIME_NONE, 0, "");
    assert_remark_of_part(3, 1, "wrote fewer than half as many");
    assert_remark_of_part(3, 2, "");
    assert_remark_of_part(3, 0, "wrote 0 rows");
    assert_remark_of_part(0, 0, "");
    assert_remark_of_part(PN_TIME_NONE, 0, "");
    assert_remark(3, PN_TIME_NONE, "");
}

static void attempts(struct pn_row_writer *rows, void *arg)
{
    (void)arg;
    static const struct pn_attempt all[] = {
        {.task = "a",
         .number = 1,
         .started_ms = NOW_MS - 9000,
         .ended_ms = NOW_MS - 8000,
         .exit_code = -9,
         .outcome = "failed",
         .log = PINION_SOURCE_DIR "/test/unit/report/golden/attempt_output"},
        {.task = "a", .number = 2, .started_ms = NOW_MS - 10, .outcome = "running", .log = ""},
    };
    assert_int_equal(pn_report_attempts(all, 2, pn_io_system(), rows, NULL), 0);
}

static void test_attempts(void **state)
{
    (void)state;
    report_is_golden("attempts", attempts, NULL);
}

/* Of a log that cannot be read, the error says which. */
static void test_an_attempt_without_its_log(void **state)
{
    (void)state;
    static const struct pn_attempt gone = {.task = "a", .outcome = "failed", .log = "/nowhere/log"};
    struct pn_buf out;
    pn_buf_init(&out, 1000);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_JSON);
    struct pn_err e = {0};
    int rc = pn_report_attempts(&gone, 1, pn_io_system(), rows, &e);
    assert_int_not_equal(rc, 0);
    assert_non_null(strstr(e.msg, "/nowhere/log"));
    pn_row_writer_close(&rows, rc);
    assert_int_equal(out.len, 0);
    pn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dags),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_task_runs),
        cmocka_unit_test(test_the_remark_on_lost_rows),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_an_attempt_without_its_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
