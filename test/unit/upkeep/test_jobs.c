/* Jobs: their order, one a table, cancelled ones, and how many there may be. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "upkeep/jobs.h"

/* Work that ends when the test says so, or is cancelled. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int allowed; /* so many may end */
    int running;
    int most;              /* that ran at once */
    atomic_int interrupts; /* of long work */
    struct pn_jobs *jobs;
} it = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static const struct pn_upkeep optimize = {.kind = PN_UPKEEP_OPTIMIZE, .target_bytes = 1};

static bool may_end(void)
{
    pthread_mutex_lock(&it.lock);
    bool may = it.allowed > 0;
    it.allowed -= may ? 1 : 0;
    pthread_mutex_unlock(&it.lock);
    return may;
}

static void count_running(int change)
{
    pthread_mutex_lock(&it.lock);
    it.running += change;
    it.most = it.running > it.most ? it.running : it.most;
    pthread_mutex_unlock(&it.lock);
}

static void count_interrupt(void *target)
{
    atomic_fetch_add((atomic_int *)target, 1);
}

/* Never looks whether it may continue: an interrupt ends it. Then it begins once more, too late. */
static int work_long(const struct pn_upkeep_watch *watch, struct pn_err *e)
{
    watch->interruptible(watch->arg, count_interrupt, &it.interrupts);
    while (atomic_load(&it.interrupts) == 0) {
        (void)usleep(1000);
    }
    watch->interruptible(watch->arg, NULL, NULL);
    watch->interruptible(watch->arg, count_interrupt, &it.interrupts);
    watch->interruptible(watch->arg, NULL, NULL);
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "interrupted");
}

static int work(void *arg, const char *id, const char *who, const char *path,
                const struct pn_upkeep *upkeep, const struct pn_upkeep_watch *watch,
                struct pn_upkeep_result *result, struct pn_err *e)
{
    (void)arg;
    assert_int_equal(strlen(id), PN_JOB_ID_SIZE - 1);
    assert_string_equal(who, "test");
    (void)upkeep;
    int rc = 0;
    if (strcmp(path, "long") == 0) {
        return work_long(watch, e);
    }
    count_running(1);
    if (watch->file != NULL) {
        watch->file(watch->arg, "a file", 7);
    }
    while (!may_end()) {
        if (!watch->step(watch->arg, 1, 2)) {
            rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "cancelled");
            break;
        }
        (void)usleep(1000);
    }
    if (rc == 0 && strcmp(path, "bad") == 0) {
        rc = pn_err_fatal(e, "it is bad");
    }
    *result = (struct pn_upkeep_result){.files = 1, .size_bytes = 7};
    count_running(-1);
    return rc;
}

static int set_up(void **state)
{
    (void)state;
    it.allowed = it.running = it.most = 0;
    atomic_store(&it.interrupts, 0);
    const struct pn_jobs_env env = {.clock = pn_clock_system(), .run = work};
    return pn_jobs_create(&env, &it.jobs, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pn_jobs_destroy(&it.jobs);
    return 0;
}

static void submit(const char *path, char *id)
{
    assert_int_equal(pn_jobs_submit(it.jobs, path, path, "test", &optimize, id, NULL), 0);
}

static void allow(int count)
{
    pthread_mutex_lock(&it.lock);
    it.allowed += count;
    pthread_mutex_unlock(&it.lock);
}

static struct pn_job_status status_of(const char *id, struct pn_arena *arena)
{
    struct pn_job_status status;
    assert_int_equal(pn_jobs_status(it.jobs, id, arena, &status, NULL), 0);
    return status;
}

static void wait_for(const char *id, enum pn_job_state state)
{
    struct pn_arena arena;
    enum pn_job_state now = PN_JOB_WAITING;
    pn_arena_init(&arena, 0);
    for (int i = 0; i < 30000 && (now = status_of(id, &arena).state) != state; i++) {
        (void)usleep(1000);
    }
    pn_arena_deinit(&arena);
    assert_int_equal(now, state);
}

static void test_one_for_each_table(void **state)
{
    (void)state;
    char first[PN_JOB_ID_SIZE];
    char second[PN_JOB_ID_SIZE];
    char other[PN_JOB_ID_SIZE];
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    submit("a", first);
    wait_for(first, PN_JOB_RUNNING);
    submit("a", second);
    submit("b", other);
    wait_for(other, PN_JOB_RUNNING);
    struct pn_job_status waiting = status_of(second, &arena);
    assert_int_equal(waiting.state, PN_JOB_WAITING);
    assert_non_null(strstr(waiting.reason, first));
    allow(3);
    wait_for(second, PN_JOB_DONE);
    wait_for(other, PN_JOB_DONE);
    assert_int_equal(it.most, 2);
    struct pn_job_status done = status_of(first, &arena);
    assert_null(done.reason);
    assert_true(done.created_ms <= done.started_ms && done.started_ms <= done.ended_ms);
    assert_int_equal(done.file_count, 1);
    assert_int_equal(done.result.size_bytes, 7);
    pn_arena_deinit(&arena);
}

static void test_cancelled(void **state)
{
    (void)state;
    char first[PN_JOB_ID_SIZE];
    char second[PN_JOB_ID_SIZE];
    submit("a", first);
    submit("a", second);
    wait_for(first, PN_JOB_RUNNING);
    assert_int_equal(pn_jobs_cancel(it.jobs, second, NULL), 0);
    wait_for(second, PN_JOB_CANCELLED);
    assert_int_equal(pn_jobs_cancel(it.jobs, first, NULL), 0);
    wait_for(first, PN_JOB_CANCELLED);
    assert_int_equal(pn_jobs_cancel(it.jobs, first, NULL), 0);
    assert_int_not_equal(pn_jobs_cancel(it.jobs, "none", NULL), 0);
}

/* Work that says how it is interrupted is interrupted by a cancel, and at once when that came
 * before it; not once the work is over. */
static void test_interrupted(void **state)
{
    (void)state;
    char id[PN_JOB_ID_SIZE];
    submit("long", id);
    wait_for(id, PN_JOB_RUNNING);
    assert_int_equal(pn_jobs_cancel(it.jobs, id, NULL), 0);
    wait_for(id, PN_JOB_CANCELLED);
    assert_int_equal(atomic_load(&it.interrupts), 2);
    assert_int_equal(pn_jobs_cancel(it.jobs, id, NULL), 0);
    assert_int_equal(atomic_load(&it.interrupts), 2);
}

static void test_failed(void **state)
{
    (void)state;
    char id[PN_JOB_ID_SIZE];
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    submit("bad", id);
    allow(1);
    wait_for(id, PN_JOB_FAILED);
    assert_string_equal(status_of(id, &arena).error, "it is bad");
    pn_arena_deinit(&arena);
}

static void test_too_many(void **state)
{
    (void)state;
    char first[PN_JOB_ID_SIZE];
    char id[PN_JOB_ID_SIZE];
    struct pn_err e = {0};
    struct pn_arena arena;
    struct pn_job_status *all = NULL;
    size_t count = 0;
    uint64_t mark = pn_jobs_mark(it.jobs);
    submit("a", first);
    wait_for(first, PN_JOB_RUNNING);
    for (int i = 0; i < PN_JOBS_WAITING_MAX; i++) {
        submit("a", id);
    }
    assert_int_equal(pn_jobs_submit(it.jobs, "a", "a", "test", &optimize, id, &e), PN_JOBS_FULL);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_true(pn_jobs_mark(it.jobs) != mark);
    for (int i = 0; i < PN_JOBS_KEPT_MAX + 1; i++) {
        allow(1);
        bool is_in = false;
        for (int tries = 0; tries < 30000 && !is_in; tries++) {
            is_in = pn_jobs_submit(it.jobs, "a", "a", "test", &optimize, id, NULL) == 0;
            (void)usleep(is_in ? 0 : 1000);
        }
        assert_true(is_in);
    }
    pn_arena_init(&arena, 0);
    pn_jobs_list(it.jobs, &arena, &all, &count);
    assert_true(count <= PN_JOBS_KEPT_MAX + PN_JOBS_WAITING_MAX + PN_JOBS_RUNNING_MAX);
    assert_string_equal(all[0].id, id);
    assert_int_not_equal(pn_jobs_status(it.jobs, first, &arena, all, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_for_each_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
