/* Queries in processes of their own: the real program as the worker, and shells where a worker is
 * to misbehave. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "query/executor.h"
#include "query/internal.h"
#include "query/rows_file.h"

enum { TEXT_MAX = 16 << 20, WAIT_MS = 60000, STEP_US = 2000 };

/* Runs until it is killed, and uses no file. */
static const char SLOW[] = "SELECT count(*) FROM range(1000000000000) t(i) WHERE hash(i) = 1";

struct bed {
    char folder[64];
    char *data;
    char *own;
    char *pipeline;
    const char *program[8];
    const char *shell[4];
    struct pn_executor_config config;
    struct pn_logger *logger;
    struct pn_executor *executor;
    struct pn_arena arena;
};

static int set_up(void **state)
{
    struct bed *bed = pn_xcalloc(1, sizeof *bed);
    const char *program = getenv("PINION");
    (void)snprintf(bed->folder, sizeof bed->folder, "/tmp/pn-executor-XXXXXX");
    assert_non_null(mkdtemp(bed->folder));
    bed->data = pn_xasprintf("%s/data", bed->folder);
    bed->own = pn_xasprintf("%s/data/tmp/queries", bed->folder);
    bed->pipeline = pn_xasprintf("%s/pipelines/pinterest", PINION_SOURCE_DIR);
    char *store = pn_xasprintf("%s/store", bed->data);
    assert_int_equal(pn_io_mkdirs(pn_io_system(), store, NULL), 0);
    free(store);
    const char *command[] = {program != NULL ? program : PINION_PROGRAM,
                             "query-worker",
                             "--data",
                             bed->data,
                             "--pipeline",
                             bed->pipeline};
    memcpy(bed->program, command, sizeof command);
    bed->config = (struct pn_executor_config){.folder = bed->own,
                                              .command = bed->program,
                                              .concurrency = 2,
                                              .queue = 2,
                                              .timeout_ms = WAIT_MS,
                                              .result_bytes_max = 64 << 20,
                                              .results_max = 20,
                                              .results_bytes_max = 1 << 30,
                                              .keep_ms = WAIT_MS};
    bed->logger = pn_logger_create(STDERR_FILENO, PN_LOGGER_TEXT, PN_ERROR, pn_clock_system());
    pn_arena_init(&bed->arena, 0);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    pn_executor_destroy(&bed->executor);
    pn_logger_destroy(&bed->logger);
    pn_arena_deinit(&bed->arena);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), bed->folder, NULL), 0);
    free(bed->data);
    free(bed->own);
    free(bed->pipeline);
    free(bed);
    return 0;
}

static void start(struct bed *bed)
{
    struct pn_err e = {.msg = ""};
    int rc = pn_executor_create(&bed->config, pn_io_system(), pn_clock_system(), bed->logger, NULL,
                                &bed->executor, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
}

/* Workers are this script of a shell. */
static void start_shell(struct bed *bed, const char *script)
{
    bed->shell[0] = "/bin/sh";
    bed->shell[1] = "-c";
    bed->shell[2] = script;
    bed->config.command = bed->shell;
    start(bed);
}

static struct pn_query_status status_of(struct bed *bed, const char *id)
{
    struct pn_query_status status = {0};
    assert_int_equal(pn_executor_status(bed->executor, id, &bed->arena, &status, NULL), 0);
    return status;
}

static int submit(struct bed *bed, const char *sql, enum pn_query_output output,
                  char id[PN_QUERY_ID_SIZE], struct pn_err *e)
{
    return pn_executor_submit(bed->executor,
                              &(struct pn_query_request){.sql = sql, .output = output}, id, e);
}

static void begin(struct bed *bed, const char *sql, char id[PN_QUERY_ID_SIZE])
{
    assert_int_equal(submit(bed, sql, PN_QUERY_KEEP, id, NULL), 0);
}

static struct pn_query_status await(struct bed *bed, const char *id, enum pn_query_state state)
{
    struct pn_query_status status = status_of(bed, id);
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && status.state < state; i++) {
        (void)usleep(STEP_US);
        status = status_of(bed, id);
    }
    assert_int_equal(status.state, state);
    return status;
}

static struct pn_query_status run(struct bed *bed, const char *sql, char id[PN_QUERY_ID_SIZE])
{
    begin(bed, sql, id);
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && !pn_executor_ended(bed->executor, id); i++) {
        (void)usleep(STEP_US);
    }
    return status_of(bed, id);
}

static size_t count_processes(struct bed *bed)
{
    size_t count = 0;
    pthread_mutex_lock(&bed->executor->lock);
    for (struct pn_query_process *at = bed->executor->processes; at != NULL; at = at->next) {
        count++;
    }
    pthread_mutex_unlock(&bed->executor->lock);
    return count;
}

static void await_processes(struct bed *bed, size_t count)
{
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && count_processes(bed) != count; i++) {
        (void)usleep(STEP_US);
    }
    assert_int_equal(count_processes(bed), count);
}

static int add_row(void *arg, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(arg, i > 0 ? "|" : "");
        pn_buf_adds(arg, values[i]);
    }
    pn_buf_addc(arg, '\n');
    return 0;
}

static void assert_rows(struct bed *bed, const char *id, const struct pn_query_sort *sort,
                        int64_t offset, int64_t limit, const char *text)
{
    struct pn_rows_reader *reader = NULL;
    struct pn_err e = {.msg = ""};
    struct pn_buf out;
    char wait[PN_QUERY_ID_SIZE];
    int64_t read = 0;
    int rc = 0;
    pn_buf_init(&out, TEXT_MAX);
    while ((rc = pn_executor_open_rows(bed->executor, id, sort, wait, &reader, &e)) ==
           PN_EXECUTOR_NOT_YET) {
        (void)usleep(STEP_US);
        e.msg[0] = '\0';
    }
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
    assert_int_equal(pn_rows_reader_page(reader, offset, limit, add_row, &out, &read, NULL), 0);
    assert_string_equal(pn_buf_text(&out), text);
    pn_rows_reader_destroy(&reader);
    pn_buf_deinit(&out);
}

static const struct pn_query_sort UNSORTED = {.column = -1};

/* --- what a query gives ---------------------------------------------------------------------- */

static void test_rows_are_kept(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    start(bed);
    struct pn_query_status status = run(
        bed, "SELECT 9007199254740993 AS n, NULL AS x, 'a\"b' AS s, 1.50::DECIMAL(4,2) AS d", id);
    assert_int_equal(status.state, PN_QUERY_DONE);
    assert_string_equal(
        status.columns,
        "[{\"name\":\"n\",\"type\":\"BIGINT\"},{\"name\":\"x\",\"type\":\"INTEGER\"},"
        "{\"name\":\"s\",\"type\":\"VARCHAR\"},{\"name\":\"d\",\"type\":"
        "\"DECIMAL(4,2)\"}]");
    assert_int_equal(status.rows, 1);
    assert_true(status.bytes > 0);
    assert_rows(bed, id, &UNSORTED, 0, 10, "9007199254740993|null|\"a\\\"b\"|1.50\n");
    /* The next one finds a process that waits for it. */
    await_processes(bed, 1);
    status = run(bed, "SELECT i FROM range(100000) t(i)", id);
    assert_int_equal(status.rows, 100000);
    assert_rows(bed, id, &UNSORTED, 99998, 10, "99998\n99999\n");
    struct pn_query_status *all = NULL;
    size_t count = 0;
    pn_executor_list(bed->executor, &bed->arena, &all, &count);
    assert_int_equal(count, 2);
    assert_string_equal(all[0].id, id);
}

static void test_a_mistake_and_its_place(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    start(bed);
    struct pn_query_status status = run(bed, "SELECT 1,\n lenth('a')", id);
    assert_int_equal(status.state, PN_QUERY_FAILED);
    assert_int_equal(status.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(status.error, "lenth"));
    assert_int_equal(status.fault.byte, 11);
    assert_int_equal(status.fault.line, 2);
    assert_int_equal(status.fault.column, 2);
    assert_string_equal(status.fault.candidates, "length");
    status = run(bed, "COPY (SELECT 1) TO '/tmp/x'", id);
    assert_non_null(strstr(status.error, "not a SELECT"));
    struct pn_rows_reader *reader = NULL;
    struct pn_err e;
    char wait[PN_QUERY_ID_SIZE];
    assert_int_not_equal(pn_executor_open_rows(bed->executor, id, &UNSORTED, wait, &reader, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
}

static void test_parameters(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    start(bed);
    const struct pn_query_request request = {
        .sql = "SELECT $1 + 1", .name = "plus_one", .parameters = "[41]"};
    assert_int_equal(pn_executor_submit(bed->executor, &request, id, NULL), 0);
    struct pn_query_status status = await(bed, id, PN_QUERY_DONE);
    assert_string_equal(status.name, "plus_one");
    assert_rows(bed, id, &UNSORTED, 0, 1, "42\n");
}

static void test_rows_in_order(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    const struct pn_query_sort down = {.column = 1, .descending = true};
    const struct pn_query_sort none = {.column = 2};
    start(bed);
    (void)run(bed, "SELECT i, nullif(i * 7 % 5, 1) AS k FROM range(5) t(i)", id);
    assert_rows(bed, id, &down, 0, 10, "2|4\n4|3\n1|2\n0|0\n3|null\n");
    assert_rows(bed, id, &down, 1, 2, "4|3\n1|2\n");
    struct pn_rows_reader *reader = NULL;
    struct pn_err e;
    char wait[PN_QUERY_ID_SIZE];
    assert_int_not_equal(pn_executor_open_rows(bed->executor, id, &none, wait, &reader, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

static void test_rows_as_parquet(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    char wait[PN_QUERY_ID_SIZE];
    char magic[4];
    int fd = -1;
    int64_t bytes = 0;
    int rc = 0;
    start(bed);
    (void)run(bed, "SELECT i FROM range(1000) t(i)", id);
    while ((rc = pn_executor_open_parquet(bed->executor, id, wait, &fd, &bytes, NULL)) ==
           PN_EXECUTOR_NOT_YET) {
        (void)usleep(STEP_US);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(pread(fd, magic, 4, bytes - 4), 4);
    assert_memory_equal(magic, "PAR1", 4);
    (void)close(fd);
}

static void test_a_stream(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    struct pn_buf out;
    enum pn_query_stream rest = PN_QUERY_MORE;
    pn_buf_init(&out, TEXT_MAX);
    start(bed);
    assert_int_equal(
        submit(bed, "SELECT i, NULL AS x FROM range(300000) t(i)", PN_QUERY_CSV, id, NULL), 0);
    while (rest == PN_QUERY_MORE) {
        rest = pn_executor_read(bed->executor, id, &out);
        if (!pn_executor_readable(bed->executor, id)) {
            (void)usleep(STEP_US);
        }
    }
    assert_int_equal(rest, PN_QUERY_END);
    assert_memory_equal(out.data, "i,x\r\n0,\r\n1,\r\n", 12);
    assert_memory_equal(out.data + out.len - 9, "299999,\r\n", 9);
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++) {
        lines += out.data[i] == '\n';
    }
    assert_int_equal(lines, 300001);
    pn_buf_deinit(&out);
    /* One that fails in the middle is broken off. */
    assert_int_equal(submit(bed, "SELECT error('no') FROM range(10)", PN_QUERY_JSONL, id, NULL), 0);
    pn_buf_init(&out, TEXT_MAX);
    while ((rest = pn_executor_read(bed->executor, id, &out)) == PN_QUERY_MORE) {
        (void)usleep(STEP_US);
    }
    assert_int_equal(rest, PN_QUERY_BROKEN);
    pn_buf_deinit(&out);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void test_a_cancelled_query(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    start(bed);
    begin(bed, SLOW, id);
    (void)await(bed, id, PN_QUERY_RUNNING);
    assert_int_equal(pn_executor_cancel(bed->executor, id, NULL), 0);
    (void)await(bed, id, PN_QUERY_CANCELLED);
    await_processes(bed, 1); /* the spare one */
    /* Once more, and it is forgotten. */
    assert_int_equal(pn_executor_cancel(bed->executor, id, NULL), 0);
    struct pn_query_status status;
    struct pn_err e;
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US &&
                    pn_executor_status(bed->executor, id, &bed->arena, &status, &e) == 0;
         i++) {
        (void)usleep(STEP_US);
    }
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(pn_executor_cancel(bed->executor, "0123456789abcdef", &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

static void test_a_query_whose_time_is_up(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    bed->config.timeout_ms = 300;
    start_shell(bed, "sleep 1000");
    struct pn_query_status status = run(bed, "SELECT 1", id);
    assert_int_equal(status.state, PN_QUERY_FAILED);
    assert_true(status.timed_out);
    assert_non_null(strstr(status.error, "query.timeout_ms"));
    assert_true(status.elapsed_ms >= 300);
}

static void test_too_many(void **state)
{
    struct bed *bed = *state;
    char ids[5][PN_QUERY_ID_SIZE];
    struct pn_err e;
    start_shell(bed, "sleep 1000");
    for (int i = 0; i < 4; i++) {
        begin(bed, "SELECT 1", ids[i]);
    }
    (void)await(bed, ids[1], PN_QUERY_RUNNING);
    assert_int_equal(submit(bed, "SELECT 1", PN_QUERY_KEEP, ids[4], &e), PN_EXECUTOR_BUSY);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_int_equal(status_of(bed, ids[2]).state, PN_QUERY_WAITING);
    /* One that waits ends at once, and those after it come in their turn. */
    assert_int_equal(pn_executor_cancel(bed->executor, ids[2], NULL), 0);
    (void)await(bed, ids[2], PN_QUERY_CANCELLED);
    assert_int_equal(status_of(bed, ids[3]).state, PN_QUERY_WAITING);
    assert_int_equal(pn_executor_cancel(bed->executor, ids[0], NULL), 0);
    (void)await(bed, ids[3], PN_QUERY_RUNNING);
}

static pid_t pid_of(struct bed *bed, const char *id)
{
    pthread_mutex_lock(&bed->executor->lock);
    struct pn_query_job *job = pn_query_job_find(bed->executor, id);
    pid_t pid = job->process != NULL ? job->process->process.pid : 0;
    pthread_mutex_unlock(&bed->executor->lock);
    return pid;
}

static void test_a_worker_that_is_killed(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    start(bed);
    begin(bed, SLOW, id);
    (void)await(bed, id, PN_QUERY_RUNNING);
    assert_int_equal(kill(pid_of(bed, id), SIGKILL), 0);
    struct pn_query_status status = await(bed, id, PN_QUERY_FAILED);
    assert_string_equal(status.error, "the query's process was killed by signal 9");
    assert_int_equal(status.class_, PN_CLASS_FATAL);
    assert_int_equal(run(bed, "SELECT 1", id).state, PN_QUERY_DONE);
}

static void test_workers_that_cannot_work(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    start_shell(bed, "exit 3");
    struct pn_query_status status = run(bed, "SELECT 1", id);
    assert_string_equal(status.error, "the query's process ended with status 3");
    pn_executor_destroy(&bed->executor);
    start_shell(bed, "echo no frame at all; sleep 1000");
    status = run(bed, "SELECT 1", id);
    assert_int_equal(status.state, PN_QUERY_FAILED);
    pn_executor_destroy(&bed->executor);
    bed->program[5] = "/nowhere";
    bed->config.command = bed->program;
    start(bed);
    status = run(bed, "SELECT 1", id);
    assert_non_null(strstr(status.error, "/nowhere/pipeline.yml: file not found"));
}

static void test_a_result_that_is_too_large(void **state)
{
    struct bed *bed = *state;
    char id[PN_QUERY_ID_SIZE];
    bed->config.result_bytes_max = 1 << 20;
    start(bed);
    struct pn_query_status status = run(bed, "SELECT i FROM range(1000000) t(i)", id);
    assert_int_equal(status.state, PN_QUERY_FAILED);
    assert_int_equal(status.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(status.error, "query.result_bytes_max"));
}

/* --- what is kept ---------------------------------------------------------------------------- */

static size_t count_folders(struct bed *bed)
{
    struct pn_io_listing listing = {0};
    assert_int_equal(pn_io_list(pn_io_system(), bed->own, &listing, NULL), 0);
    size_t count = listing.count;
    pn_io_listing_deinit(&listing);
    return count;
}

static bool is_known(struct bed *bed, const char *id)
{
    struct pn_query_status status;
    return pn_executor_status(bed->executor, id, &bed->arena, &status, NULL) == 0;
}

static void test_results_are_kept_for_a_while(void **state)
{
    struct bed *bed = *state;
    char ids[4][PN_QUERY_ID_SIZE];
    char *left = pn_xasprintf("%s/from-an-earlier-server", bed->own);
    assert_int_equal(pn_io_mkdirs(pn_io_system(), left, NULL), 0);
    bed->config.results_max = 2;
    start(bed);
    assert_false(pn_io_exists(pn_io_system(), left));
    free(left);
    for (int i = 0; i < 2; i++) {
        (void)run(bed, "SELECT 1", ids[i]);
    }
    /* The first was read later than the second, which goes. */
    assert_rows(bed, ids[0], &UNSORTED, 0, 1, "1\n");
    (void)run(bed, "SELECT 1", ids[2]);
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && is_known(bed, ids[1]); i++) {
        (void)usleep(STEP_US);
    }
    assert_false(is_known(bed, ids[1]));
    assert_true(is_known(bed, ids[0]));
    assert_true(is_known(bed, ids[2]));
    /* Folders: those of two results and of the spare process. */
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && count_folders(bed) > 3; i++) {
        (void)usleep(STEP_US);
    }
    assert_true(count_folders(bed) <= 3);
    pn_executor_destroy(&bed->executor);
    assert_false(pn_io_exists(pn_io_system(), bed->own));
    bed->config.keep_ms = 50;
    start(bed);
    (void)submit(bed, "SELECT 1", PN_QUERY_KEEP, ids[3], NULL);
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && is_known(bed, ids[3]); i++) {
        (void)usleep(STEP_US);
    }
    assert_false(is_known(bed, ids[3]));
}

/* A result is not forgotten in place of a staler one whose process takes its time to end. */
static void test_the_stalest_goes_though_its_process_ends_late(void **state)
{
    struct bed *bed = *state;
    char ids[3][PN_QUERY_ID_SIZE];
    char *script = pn_xasprintf("'%s' query-worker --data '%s' --pipeline '%s' \"$0\"; sleep 2",
                                bed->program[0], bed->data, bed->pipeline);
    bed->config.results_max = 2;
    bed->config.concurrency = 4;
    start_shell(bed, script);
    for (int i = 0; i < 2; i++) {
        (void)run(bed, "SELECT 1", ids[i]);
    }
    assert_rows(bed, ids[0], &UNSORTED, 0, 1, "1\n");
    (void)run(bed, "SELECT 1", ids[2]);
    for (int i = 0; i < WAIT_MS * 1000 / STEP_US && is_known(bed, ids[1]); i++) {
        assert_true(is_known(bed, ids[0]));
        (void)usleep(STEP_US);
    }
    assert_false(is_known(bed, ids[1]));
    assert_true(is_known(bed, ids[0]));
    assert_true(is_known(bed, ids[2]));
    pn_executor_destroy(&bed->executor);
    free(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mistake_and_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_as_parquet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cancelled_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_query_whose_time_is_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_worker_that_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_workers_that_cannot_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_result_that_is_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_results_are_kept_for_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_stalest_goes_though_its_process_ends_late, set_up,
                                        tear_down),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    /* DuckDB is not built for TSan, which would find races in it that are none: workers are not
     * watched. The executor, in this process, is. */
    (void)setenv("TSAN_OPTIONS", "report_bugs=0", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
