/*
 * The scheduler with real processes: a shell script stands for the tasks. It gets "<dag> <task>
 * <run>" as arguments and does what the file <task> in its folder says, one line an attempt.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dag/dag.h"
#include "dags.h"

static const char SCRIPT[] = "#!/bin/sh\n"
                             "cd \"$(dirname \"$0\")\" || exit 99\n"
                             "echo \"$2\" >> started\n"
                             "n=$(grep -c \"^$2$\" started)\n"
                             "line=$(sed -n \"${n}p\" \"$2\" 2>/dev/null)\n"
                             "echo \"task $2 attempt $n: $line\"\n"
                             "eval \"$line\"\n";

enum { LOG_BYTES_MAX = 128 * 1024 };

struct world {
    char folder[64];
    char script[96];
    const char *command[2];
    struct test_dag made;
    struct pn_scheduler *scheduler;
    struct pn_dag_db *db;
    struct pn_arena arena;
};

static void write_text(const struct world *world, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", world->folder, name);
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, text, strlen(text), NULL), 0);
}

static void open_scheduler(struct world *world)
{
    const struct pn_scheduler_config config = {.data_folder = world->folder,
                                               .task_command = world->command,
                                               .runs_kept = 2,
                                               .tasks_max = 16,
                                               .log_bytes_max = LOG_BYTES_MAX,
                                               .poll_ms = 10};
    struct pn_err failure = {0};
    int rc = pn_scheduler_create(&config, &world->made.pipeline, pn_io_system(), pn_clock_system(),
                                 NULL, NULL, &world->scheduler, &failure);
    assert_string_equal(failure.msg, "");
    assert_int_equal(rc, 0);
}

static int setup(void **state)
{
    struct world *world = pn_xcalloc(1, sizeof *world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/pinion-dag-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->script, sizeof world->script, "%s/task.sh", world->folder);
    write_text(world, "task.sh", SCRIPT);
    assert_int_equal(chmod(world->script, 0755), 0);
    world->command[0] = world->script;
    test_dag_make(&world->made, 2, 20);
    pn_arena_init(&world->arena, 0);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/state.db", world->folder);
    assert_int_equal(pn_dag_db_open(path, &world->db, NULL), 0);
    open_scheduler(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    pn_scheduler_destroy(&world->scheduler);
    pn_dag_db_close(&world->db);
    pn_arena_deinit(&world->arena);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), world->folder, NULL), 0);
    free(world);
    return 0;
}

static struct pn_run trigger(struct world *world)
{
    struct pn_run run = {0};
    const struct pn_trigger how = pn_trigger_of("test");
    assert_int_equal(pn_dag_db_trigger(world->db, &world->made.dag, &how,
                                       pn_wall_ms(pn_clock_system()), &world->arena, &run, NULL),
                     0);
    return run;
}

static struct pn_run now(struct world *world, const struct pn_run *run)
{
    struct pn_run current = {0};
    assert_int_equal(pn_dag_db_run(world->db, run->dag, run->run_id, &world->arena, &current, NULL),
                     0);
    return current;
}

static struct pn_task_run task_of(struct world *world, const struct pn_run *run, const char *name)
{
    struct pn_task_run *tasks = NULL;
    size_t count = 0;
    assert_int_equal(pn_dag_db_tasks(world->db, run->id, &world->arena, &tasks, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tasks[i].task, name) == 0) {
            return tasks[i];
        }
    }
    fail_msg("no task %s", name);
    return (struct pn_task_run){0};
}

static void step(struct world *world)
{
    struct pn_err failure = {0};
    int rc = pn_scheduler_step(world->scheduler, 10, &failure);
    assert_string_equal(failure.msg, "");
    assert_int_equal(rc, 0);
}

/* Has a task's script counted its attempt? The shell makes the file first, and may end before it
 * writes. */
static bool has_counted(const struct world *world)
{
    char path[96];
    struct stat started = {0};
    (void)snprintf(path, sizeof path, "%s/started", world->folder);
    return stat(path, &started) == 0 && started.st_size > 0;
}

/* Steps until task a runs, and its script has counted the attempt. */
static void step_until_a_runs(struct world *world, const struct pn_run *run)
{
    while (task_of(world, run, "a").state != PN_TASK_RUNNING || !has_counted(world)) {
        step(world);
    }
}

static struct pn_run run_through(struct world *world, const struct pn_run *run)
{
    struct pn_run current = now(world, run);
    for (int i = 0; i < 3000 && !pn_run_state_final(current.state); i++) {
        step(world);
        current = now(world, run);
    }
    return current;
}

static void test_a_run_goes_through_in_order(void **state)
{
    struct world *world = *state;
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/started", world->folder);
    struct pn_buf order;
    pn_buf_init(&order, 1024);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &order, NULL), 0);
    bool in_order =
        strcmp(order.data, "a\nb\nc\nd\n") == 0 || strcmp(order.data, "a\nc\nb\nd\n") == 0;
    assert_true(in_order);
    pn_buf_deinit(&order);
}

/* The log of the only attempt of the task "a" of a run that is over. */
static void read_log(struct world *world, const struct pn_run *run, struct pn_buf *log)
{
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_db_attempts(world->db, run->id, "a", &world->arena, &attempts, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(pn_io_read_file(pn_io_system(), attempts[0].log, log, NULL), 0);
}

static void test_output_is_the_log_of_the_attempt(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "echo to stdout; echo to stderr >&2\n");
    struct pn_run run = trigger(world);
    (void)run_through(world, &run);
    struct pn_buf log;
    pn_buf_init(&log, 4096);
    read_log(world, &run, &log);
    assert_non_null(strstr(log.data, "to stdout"));
    assert_non_null(strstr(log.data, "to stderr"));
    pn_buf_deinit(&log);
}

static void test_a_long_log_keeps_its_beginning_and_its_end(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "seq -f 'line %.0f' 1 200000; echo the reason; false\n");
    world->made.tasks[0].retries = 0;
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_FAILED);
    struct pn_buf log;
    pn_buf_init(&log, 2 * LOG_BYTES_MAX);
    read_log(world, &run, &log);
    assert_true(log.len <= LOG_BYTES_MAX);
    assert_true(log.len > LOG_BYTES_MAX - 256);
    assert_non_null(strstr(log.data, "\nline 1\n"));
    assert_non_null(strstr(log.data, " bytes left out here: the log has reached its limit"));
    assert_non_null(strstr(log.data, "\nline 200000\nthe reason\n"));
    pn_buf_deinit(&log);
}

static void test_a_log_of_just_its_limit_is_whole(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "head -c 130800 /dev/zero | tr -c x x; echo; echo end\n");
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    struct pn_buf log;
    pn_buf_init(&log, 2 * LOG_BYTES_MAX);
    read_log(world, &run, &log);
    assert_null(strstr(log.data, "left out"));
    assert_non_null(strstr(log.data, "x\nend\n"));
    assert_true(log.len > 130800);
    pn_buf_deinit(&log);
}

static void test_a_task_that_closes_its_output_runs_on(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "exec >&- 2>&-; sleep 0.05; : > closed\n");
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/closed", world->folder);
    assert_true(pn_io_exists(pn_io_system(), path));
}

static void test_a_failed_attempt_is_made_again(void **state)
{
    struct world *world = *state;
    write_text(world, "b", "exit 3\nexit 4\ntrue\n");
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    assert_int_equal(task_of(world, &run, "b").tries, 3);
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "b", &world->arena, &attempts, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(attempts[0].exit_code, 3);
    assert_int_equal(attempts[1].exit_code, 4);
    assert_string_equal(attempts[2].outcome, "success");
    assert_true(attempts[1].started_ms - attempts[0].ended_ms >= 20);
}

static void test_retries_end(void **state)
{
    struct world *world = *state;
    write_text(world, "b", "exit 1\nexit 1\nexit 1\ntrue\n");
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_FAILED);
    assert_int_equal(task_of(world, &run, "b").state, PN_TASK_FAILED);
    assert_int_equal(task_of(world, &run, "b").tries, 3);
    assert_int_equal(task_of(world, &run, "c").state, PN_TASK_SUCCESS);
    assert_int_equal(task_of(world, &run, "d").state, PN_TASK_UPSTREAM_FAILED);
}

static void test_a_task_over_its_time_is_ended(void **state)
{
    struct world *world = *state;
    world->made.tasks[0].timeout_ms = 1500;
    write_text(world, "a", "exec sleep 60\ntrue\n");
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "a", &world->arena, &attempts, &count, NULL), 0);
    assert_string_equal(attempts[0].outcome, "timeout");
    assert_int_equal(attempts[0].exit_code, -SIGTERM);
}

static void test_cancel_ends_what_runs(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "exec sleep 60\n");
    struct pn_run run = trigger(world);
    step_until_a_runs(world, &run);
    assert_int_equal(pn_dag_db_cancel(world->db, &run, "test", 1, NULL), 0);
    assert_int_equal(run_through(world, &run).state, PN_RUN_CANCELLED);
    assert_int_equal(task_of(world, &run, "a").state, PN_TASK_CANCELLED);
    assert_int_equal(task_of(world, &run, "d").state, PN_TASK_CANCELLED);
    struct pn_err failure = {0};
    assert_int_not_equal(pn_dag_db_cancel(world->db, &run, "test", 1, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_INPUT);
}

static void test_a_queued_run_waits_and_can_be_cancelled(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "exec sleep 60\n");
    struct pn_run first = trigger(world);
    struct pn_run second = trigger(world);
    assert_string_not_equal(first.run_id, second.run_id);
    step_until_a_runs(world, &first);
    assert_int_equal(now(world, &second).state, PN_RUN_QUEUED);
    assert_int_equal(pn_dag_db_cancel(world->db, &second, "test", 1, NULL), 0);
    assert_int_equal(now(world, &second).state, PN_RUN_CANCELLED);
    assert_int_equal(task_of(world, &second, "a").state, PN_TASK_CANCELLED);
    assert_int_equal(now(world, &first).state, PN_RUN_RUNNING);
}

/* An idle scheduler hears of a run that another process queues: it starts long before the next time
 * that it looks by itself (5 seconds). */
static void test_an_idle_scheduler_hears_of_a_trigger(void **state)
{
    struct world *world = *state;
    const struct timespec idle = {.tv_nsec = 900000000};
    const struct timespec pause = {.tv_nsec = 10000000};
    write_text(world, "a", "exec sleep 60\n");
    assert_int_equal(pn_scheduler_start(world->scheduler, NULL), 0);
    (void)nanosleep(&idle, NULL);
    struct pn_run run = trigger(world);
    int64_t until_ms = pn_mono_ms(pn_clock_system()) + 2500;
    while (now(world, &run).state == PN_RUN_QUEUED && pn_mono_ms(pn_clock_system()) < until_ms) {
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(now(world, &run).state, PN_RUN_RUNNING);
}

static void test_only_one_scheduler_a_folder(void **state)
{
    struct world *world = *state;
    const struct pn_scheduler_config config = {.data_folder = world->folder,
                                               .task_command = world->command,
                                               .tasks_max = 16,
                                               .poll_ms = 10};
    struct pn_scheduler *second = NULL;
    struct pn_err failure = {0};
    assert_int_not_equal(pn_scheduler_create(&config, &world->made.pipeline, pn_io_system(),
                                             pn_clock_system(), NULL, NULL, &second, &failure),
                         0);
    assert_int_equal(failure.class_, PN_CLASS_CONFLICT);
    assert_null(second);
}

static void test_a_stopped_scheduler_s_tasks_are_made_again(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "exec sleep 60\ntrue\n");
    struct pn_run run = trigger(world);
    step_until_a_runs(world, &run);
    pn_scheduler_destroy(&world->scheduler);
    assert_int_equal(task_of(world, &run, "a").state, PN_TASK_UP_FOR_RETRY);
    open_scheduler(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    assert_int_equal(task_of(world, &run, "a").tries, 2);
}

/* A scheduler killed outright, in a process of its own: its task dies with it, and the next one
 * makes the attempt again. */
static void test_a_killed_scheduler_s_tasks_are_made_again(void **state)
{
    struct world *world = *state;
    write_text(world, "a", "exec sleep 60\ntrue\n");
    pn_scheduler_destroy(&world->scheduler);
    struct pn_run run = trigger(world);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_scheduler(world);
        for (;;) {
            step(world);
        }
    }
    const struct timespec pause = {.tv_nsec = 5000000};
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    while (count == 0 || attempts[0].pid == 0 || !has_counted(world)) {
        assert_int_equal(
            pn_dag_db_attempts(world->db, run.id, "a", &world->arena, &attempts, &count, NULL), 0);
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (kill((pid_t)attempts[0].pid, 0) == 0) {
        (void)nanosleep(&pause, NULL);
    }
    open_scheduler(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "a", &world->arena, &attempts, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(attempts[0].outcome, "lost");
}

static void test_old_runs_are_forgotten(void **state)
{
    struct world *world = *state;
    struct pn_run first = trigger(world);
    (void)run_through(world, &first);
    for (int i = 0; i < 2; i++) {
        struct pn_run run = trigger(world);
        (void)run_through(world, &run);
    }
    struct pn_run gone = {0};
    struct pn_err failure = {0};
    assert_int_not_equal(
        pn_dag_db_run(world->db, first.dag, first.run_id, &world->arena, &gone, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_MISSING);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/dag/diamond/%s", world->folder, first.run_id);
    assert_false(pn_io_exists(pn_io_system(), path));
}

/* All of b, c and d become ready at once; only the pool's one slot lets one go at a time. */
static void test_a_pool_and_priority_decide_who_goes_first(void **state)
{
    struct world *world = *state;
    static const struct pn_pool pool = {.name = "one", .slots = 1};
    world->made.pipeline.pools = &pool;
    world->made.pipeline.pool_count = 1;
    for (size_t i = 1; i < TEST_DAG_TASKS; i++) {
        char line[64];
        world->made.tasks[i].pool = "one";
        world->made.tasks[i].priority = (int32_t)i;
        (void)snprintf(line, sizeof line, "mkdir busy && sleep 0.05 && rmdir busy\n");
        write_text(world, world->made.tasks[i].name, line);
    }
    world->made.tasks[3].after_count = 0;
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/started", world->folder);
    struct pn_buf order;
    pn_buf_init(&order, 1024);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &order, NULL), 0);
    /* a and d start at once; when a is done, c goes before b. */
    assert_non_null(strstr(order.data, "c\nb\n"));
    pn_buf_deinit(&order);
}

static void test_exit_codes_say_what_a_task_becomes(void **state)
{
    struct world *world = *state;
    static const int32_t no_retry[] = {7};
    static const int32_t skip[] = {99};
    world->made.tasks[1].no_retry = (struct pn_exit_codes){no_retry, 1};
    world->made.tasks[2].skip = (struct pn_exit_codes){skip, 1};
    write_text(world, "b", "exit 7\ntrue\n");
    write_text(world, "c", "sleep 0.3; exit 99\ntrue\n"); /* after b */
    struct pn_run run = trigger(world);
    assert_int_equal(run_through(world, &run).state, PN_RUN_FAILED);
    assert_int_equal(task_of(world, &run, "b").state, PN_TASK_FAILED);
    assert_int_equal(task_of(world, &run, "b").tries, 1);
    assert_int_equal(task_of(world, &run, "c").state, PN_TASK_SKIPPED);
    assert_int_equal(task_of(world, &run, "d").state, PN_TASK_UPSTREAM_FAILED);
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "b", &world->arena, &attempts, &count, NULL), 0);
    assert_non_null(strstr(attempts[0].reason, "no_retry_exit_codes"));
    assert_true(attempts[0].memory_bytes > 0);
}

static void test_a_run_over_its_time_is_ended(void **state)
{
    struct world *world = *state;
    world->made.dag.run_timeout_ms = 700;
    write_text(world, "a", "exec sleep 60\ntrue\n");
    struct pn_run run = trigger(world);
    struct pn_run ended = run_through(world, &run);
    assert_int_equal(ended.state, PN_RUN_FAILED);
    assert_string_equal(ended.reason, "it took longer than its run_timeout of 700ms");
    assert_int_equal(task_of(world, &run, "a").state, PN_TASK_FAILED);
    assert_int_equal(task_of(world, &run, "a").tries, 1);
    assert_int_equal(task_of(world, &run, "d").state, PN_TASK_SKIPPED);
}

static void test_a_task_reads_its_run(void **state)
{
    struct world *world = *state;
    write_text(world, "a",
               "printf '%s ' \"$PINION_CONF\" \"$PINION_LOGICAL_DATE\" "
               "\"$PINION_RUN_ID\" \"$PINION_TRY_NUMBER\" \"$PINION_TASK\"\n");
    struct pn_trigger how = pn_trigger_of("test");
    how.conf = "{\"day\":\"1\"}";
    how.logical_ms = 86400000;
    how.run_id = "mine";
    struct pn_run run = {0};
    assert_int_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 5, &world->arena, &run, NULL), 0);
    assert_int_equal(run_through(world, &run).state, PN_RUN_SUCCESS);
    struct pn_buf log;
    pn_buf_init(&log, 4096);
    read_log(world, &run, &log);
    assert_non_null(strstr(log.data, "{\"day\":\"1\"} 1970-01-02T00:00:00.000Z mine 1 a "));
    pn_buf_deinit(&log);
}

/* Without the command that the scheduler runs other tasks with. */
static void test_a_command_line_is_run_by_a_shell(void **state)
{
    struct world *world = *state;
    struct pn_attempt *attempts = NULL;
    struct pn_buf log;
    size_t count = 0;
    world->made.tasks[0].kind = PN_TASK_COMMAND;
    world->made.tasks[0].command = "cd / && echo \"$PINION_DATA $PINION_TASK $0\"; exit 3";
    world->made.tasks[0].retries = 0;
    const struct pn_run run = trigger(world);
    while (!pn_run_state_final(now(world, &run).state)) {
        step(world);
    }
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "a", &world->arena, &attempts, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(attempts[0].exit_code, 3);
    pn_buf_init(&log, 4096);
    assert_int_equal(pn_io_read_file(pn_io_system(), attempts[0].log, &log, NULL), 0);
    char *folder = realpath(world->folder, NULL);
    assert_string_equal(pn_buf_text(&log),
                        pn_arena_printf(&world->arena, "%s a /bin/sh\n", folder));
    free(folder);
    pn_buf_deinit(&log);
}

static void test_names_of_runs_are_checked(void **state)
{
    struct world *world = *state;
    static const char *const bad[] = {"", "..", "../x", "a/b", "a b", ".hidden"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pn_run run = {0};
        struct pn_err failure = {0};
        struct pn_trigger how = pn_trigger_of("test");
        how.run_id = bad[i];
        assert_int_not_equal(
            pn_dag_db_trigger(world->db, &world->made.dag, &how, 1, &world->arena, &run, &failure),
            0);
        assert_int_equal(failure.class_, PN_CLASS_INPUT);
    }
    struct pn_run run = {0};
    struct pn_err failure = {0};
    struct pn_trigger how = pn_trigger_of("test");
    how.run_id = "mine";
    assert_int_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 1, &world->arena, &run, NULL), 0);
    assert_int_not_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 1, &world->arena, &run, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_CONFLICT);
}

static void test_the_thread_runs_what_another_connection_triggers(void **state)
{
    struct world *world = *state;
    assert_int_equal(pn_scheduler_start(world->scheduler, NULL), 0);
    struct pn_run run = trigger(world);
    const struct timespec pause = {.tv_nsec = 5000000};
    while (!pn_run_state_final(now(world, &run).state)) {
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(now(world, &run).state, PN_RUN_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_goes_through_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_is_the_log_of_the_attempt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_long_log_keeps_its_beginning_and_its_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_log_of_just_its_limit_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_task_that_closes_its_output_runs_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_failed_attempt_is_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retries_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_task_over_its_time_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_ends_what_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_queued_run_waits_and_can_be_cancelled, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_idle_scheduler_hears_of_a_trigger, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_one_scheduler_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stopped_scheduler_s_tasks_are_made_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_killed_scheduler_s_tasks_are_made_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_old_runs_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_pool_and_priority_decide_who_goes_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_exit_codes_say_what_a_task_becomes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_run_over_its_time_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_task_reads_its_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_command_line_is_run_by_a_shell, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_of_runs_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_thread_runs_what_another_connection_triggers,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
