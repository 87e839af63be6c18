/* The runs of schedules, by a clock of the test: when they are made, and when not and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time_text.h"
#include "dag/dag.h"
#include "dags.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, RUNS_MAX = 64 };

static const struct pn_zone utc = {.name = "UTC"};

struct world {
    char folder[64];
    const char *command[2];
    struct test_dag made;
    struct pn_cron line;
    struct pn_fake_clock clock;
    struct pn_scheduler *scheduler;
    struct pn_dag_db *db;
    struct pn_arena arena;
};

static int64_t at(const char *text)
{
    int64_t wall_ms = 0;
    assert_true(pn_time_parse_ms(text, &wall_ms));
    return wall_ms;
}

static void open_scheduler(struct world *world)
{
    const struct pn_scheduler_config config = {.data_folder = world->folder,
                                               .task_command = world->command,
                                               .runs_kept = 1000,
                                               .tasks_max = 16,
                                               .log_bytes_max = 128 * 1024,
                                               .poll_ms = 10};
    struct pn_err failure = {0};
    int rc = pn_scheduler_create(&config, &world->made.pipeline, pn_io_system(),
                                 &world->clock.clock, NULL, NULL, &world->scheduler, &failure);
    assert_string_equal(failure.msg, "");
    assert_int_equal(rc, 0);
}

/* An hourly DAG, at 2026-01-01T00:30Z, whose runs never begin: a run by hand is active. */
static int setup(void **state)
{
    struct world *world = pn_xcalloc(1, sizeof *world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/pinion-ticks-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    world->command[0] = "/bin/true";
    test_dag_make(&world->made, 0, 0);
    assert_int_equal(pn_cron_parse("0 * * * *", &world->line, NULL), 0);
    world->made.dag.schedule.lines = &world->line;
    world->made.dag.schedule.line_count = 1;
    world->made.dag.schedule.zone = &utc;
    pn_fake_clock_init(&world->clock, at("2026-01-01T00:30:00Z"));
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

static void step(struct world *world)
{
    struct pn_err failure = {0};
    int rc = pn_scheduler_step(world->scheduler, 0, &failure);
    assert_string_equal(failure.msg, "");
    assert_int_equal(rc, 0);
}

/* The run ids of scheduled runs in a state + 1 (0: all), oldest first, in one text. */
static const char *runs_in(struct world *world, int state)
{
    const struct pn_run_filter filter = {
        .type = PN_RUN_SCHEDULED + 1, .state = state, .limit = RUNS_MAX};
    struct pn_run *runs = NULL;
    size_t count = 0;
    assert_int_equal(pn_dag_db_runs(world->db, &filter, &world->arena, &runs, &count, NULL), 0);
    const char *text = "";
    while (count-- > 0) {
        text = pn_arena_printf(&world->arena, "%s%.16s ", text,
                               runs[count].run_id + strlen("scheduled__"));
    }
    return text;
}

static const struct pn_skip *skips(struct world *world, size_t *count)
{
    struct pn_skip *rows = NULL;
    assert_int_equal(
        pn_dag_db_skips(world->db, "diamond", RUNS_MAX, &world->arena, &rows, count, NULL), 0);
    return rows;
}

/* A run that stays queued forever keeps the DAG's only place: nothing of it is started. */
static void occupy(struct world *world)
{
    world->made.dag.active_runs_max = 1;
    struct pn_trigger how = pn_trigger_of("test");
    struct pn_run run = {0};
    how.run_after_ms = INT64_C(1) << 50;
    assert_int_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 1, &world->arena, &run, NULL), 0);
}

static void test_a_run_is_made_when_it_is_due(void **state)
{
    struct world *world = *state;
    step(world);
    assert_string_equal(runs_in(world, 0), "");
    pn_fake_clock_advance(&world->clock, 30 * MINUTE_MS - 1);
    step(world);
    assert_string_equal(runs_in(world, 0), "");
    pn_fake_clock_advance(&world->clock, 1);
    step(world);
    step(world);
    assert_string_equal(runs_in(world, 0), "2026-01-01T01:00 ");
    struct pn_run run = {0};
    assert_int_equal(pn_dag_db_run(world->db, "diamond", "scheduled__2026-01-01T01:00:00.000Z",
                                   &world->arena, &run, NULL),
                     0);
    assert_int_equal(run.logical_ms, at("2026-01-01T01:00Z"));
    assert_int_equal(run.interval_start_ms, at("2026-01-01T00:00Z"));
    assert_int_equal(run.interval_end_ms, at("2026-01-01T01:00Z"));
    assert_string_equal(run.triggered_by, "schedule");
}

static void test_what_was_missed_is_skipped_in_one_row(void **state)
{
    struct world *world = *state;
    step(world);
    pn_fake_clock_advance(&world->clock, 5 * HOUR_MS);
    step(world);
    assert_string_equal(runs_in(world, 0), "");
    size_t count = 0;
    const struct pn_skip *rows = skips(world, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].count, 5);
    assert_int_equal(rows[0].first_ms, at("2026-01-01T01:00Z"));
    assert_int_equal(rows[0].last_ms, at("2026-01-01T05:00Z"));
    assert_non_null(strstr(rows[0].reason, "missed"));
    step(world);
    (void)skips(world, &count);
    assert_int_equal(count, 1);
}

static void test_catchup_makes_up_for_its_window(void **state)
{
    struct world *world = *state;
    world->made.dag.schedule.catchup_ms = 3 * HOUR_MS;
    occupy(world);
    step(world);
    pn_fake_clock_advance(&world->clock, 5 * HOUR_MS);
    step(world);
    assert_string_equal(runs_in(world, 0), "2026-01-01T03:00 2026-01-01T04:00 2026-01-01T05:00 ");
    size_t count = 0;
    const struct pn_skip *rows = skips(world, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].count, 2);
    assert_non_null(strstr(rows[0].reason, "catchup of 3h"));
}

static void test_a_start_in_the_past_counts_with_catchup(void **state)
{
    struct world *world = *state;
    world->made.dag.schedule.start_ms = at("2025-12-31T22:00Z");
    world->made.dag.schedule.end_ms = at("2026-01-01T01:00Z");
    world->made.dag.schedule.catchup_ms = 24 * HOUR_MS;
    occupy(world);
    pn_fake_clock_advance(&world->clock, 5 * HOUR_MS);
    step(world);
    assert_string_equal(runs_in(world, 0), "2025-12-31T22:00 2025-12-31T23:00 2026-01-01T00:00 "
                                           "2026-01-01T01:00 ");
}

static void test_a_crash_makes_no_run_twice(void **state)
{
    struct world *world = *state;
    world->made.dag.schedule.catchup_ms = 24 * HOUR_MS;
    occupy(world);
    step(world);
    pn_fake_clock_advance(&world->clock, HOUR_MS);
    step(world);
    /* As if the scheduler had gone before it noted how far it is. */
    assert_int_equal(pn_dag_db_tick(world->db, "diamond", at("2026-01-01T00:30Z"), NULL), 0);
    pn_scheduler_destroy(&world->scheduler);
    open_scheduler(world);
    step(world);
    assert_string_equal(runs_in(world, 0), "2026-01-01T01:00 ");
}

static void test_overlap_skip_makes_no_run(void **state)
{
    struct world *world = *state;
    world->made.dag.schedule.overlap = PN_OVERLAP_SKIP;
    occupy(world);
    step(world);
    pn_fake_clock_advance(&world->clock, 30 * MINUTE_MS);
    step(world);
    assert_string_equal(runs_in(world, 0), "");
    size_t count = 0;
    const struct pn_skip *rows = skips(world, &count);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].reason, "overlap: skip; 1 of 1 runs of this DAG were active");
}

static void test_overlap_latest_keeps_the_newest(void **state)
{
    struct world *world = *state;
    world->made.dag.schedule.overlap = PN_OVERLAP_LATEST;
    world->made.dag.active_runs_max = 1;
    world->command[0] = "/bin/cat"; /* fails at once, but is retried much later */
    for (size_t i = 0; i < TEST_DAG_TASKS; i++) {
        world->made.tasks[i].retries = 5;
        world->made.tasks[i].retry_delay_ms = INT64_C(100) * HOUR_MS;
        world->made.tasks[i].retry_delay_max_ms = INT64_C(100) * HOUR_MS;
    }
    step(world);
    pn_fake_clock_advance(&world->clock, 30 * MINUTE_MS);
    step(world); /* 01:00 begins */
    step(world);
    for (int i = 0; i < 3; i++) {
        pn_fake_clock_advance(&world->clock, HOUR_MS);
        step(world);
    }
    assert_string_equal(runs_in(world, PN_RUN_QUEUED + 1), "2026-01-01T04:00 ");
    assert_string_equal(runs_in(world, PN_RUN_CANCELLED + 1), "2026-01-01T02:00 2026-01-01T03:00 ");
    size_t count = 0;
    const struct pn_skip *rows = skips(world, &count);
    assert_int_equal(count, 2);
    assert_non_null(strstr(rows[0].reason, "2026-01-01T04:00:00.000Z took its place"));
}

static void test_a_paused_dag_makes_none_and_catches_up(void **state)
{
    struct world *world = *state;
    bool changed = false;
    world->made.dag.schedule.catchup_ms = 2 * HOUR_MS;
    occupy(world);
    step(world);
    assert_int_equal(pn_dag_db_pause(world->db, "diamond", true, "test", 1, &changed, NULL), 0);
    assert_true(changed);
    pn_fake_clock_advance(&world->clock, 3 * HOUR_MS);
    step(world);
    assert_string_equal(runs_in(world, 0), "");
    assert_int_equal(pn_dag_db_pause(world->db, "diamond", false, "test", 1, &changed, NULL), 0);
    assert_true(changed);
    step(world);
    assert_string_equal(runs_in(world, 0), "2026-01-01T02:00 2026-01-01T03:00 ");
    assert_int_equal(pn_dag_db_pause(world->db, "diamond", false, "test", 1, &changed, NULL), 0);
    assert_false(changed);
}

/* A clock that is set back makes no run again. */
static void test_time_that_goes_back_repeats_nothing(void **state)
{
    struct world *world = *state;
    step(world);
    pn_fake_clock_advance(&world->clock, 30 * MINUTE_MS);
    step(world);
    pn_fake_clock_advance(&world->clock, -2 * HOUR_MS);
    step(world);
    for (int hour = 0; hour < 2; hour++) {
        pn_fake_clock_advance(&world->clock, HOUR_MS);
        step(world);
    }
    assert_string_equal(runs_in(world, 0), "2026-01-01T01:00 2026-01-01T00:00 ");
    size_t count = 0;
    const struct pn_skip *rows = skips(world, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].first_ms, at("2026-01-01T01:00:00Z"));
    assert_string_equal(rows[0].reason, "there is a run for this time already");
}

/* A clock that was a year ahead for a while must not silence the schedule for a year. */
static void test_a_clock_that_was_ahead_stops_no_schedule(void **state)
{
    struct world *world = *state;
    const int64_t year_ms = 365LL * 24 * HOUR_MS;
    step(world);
    pn_fake_clock_advance(&world->clock, year_ms);
    step(world);
    assert_string_equal(runs_in(world, 0), "");
    pn_fake_clock_advance(&world->clock, -year_ms);
    step(world);
    pn_fake_clock_advance(&world->clock, 30 * MINUTE_MS);
    step(world);
    assert_string_equal(runs_in(world, 0), "2026-01-01T01:00 ");
}

/* A small correction of the clock begins nothing again. */
static void test_a_clock_that_is_corrected_by_seconds_skips_nothing(void **state)
{
    struct world *world = *state;
    step(world);
    pn_fake_clock_advance(&world->clock, 30 * MINUTE_MS);
    step(world);
    pn_fake_clock_advance(&world->clock, -2000);
    step(world);
    pn_fake_clock_advance(&world->clock, 4000);
    step(world);
    assert_string_equal(runs_in(world, 0), "2026-01-01T01:00 ");
    size_t count = 0;
    (void)skips(world, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_is_made_when_it_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_missed_is_skipped_in_one_row, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_catchup_makes_up_for_its_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_start_in_the_past_counts_with_catchup, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_makes_no_run_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlap_skip_makes_no_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlap_latest_keeps_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_paused_dag_makes_none_and_catches_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_time_that_goes_back_repeats_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_that_was_ahead_stops_no_schedule, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_that_is_corrected_by_seconds_skips_nothing,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
