/* The runs of schedules: made when they are due, or skipped with a reason. */
#include <inttypes.h>

#include "base/units.h"
#include "dag/scheduler_internal.h"

enum {
    TICKS_AT_ONCE = 100,        /* runs made of one DAG in one step */
    MISSED_COUNTED_MAX = 100000 /* counted one by one; there may be more */
};

/* A DAG's schedule at this moment. */
struct due {
    struct pn_scheduler *scheduler;
    const struct pn_dag *dag;
    int64_t now_ms;
    struct pn_arena *arena;
};

static int skip(const struct due *due, int64_t first_ms, int64_t last_ms, int64_t count,
                const char *reason, struct pn_err *e)
{
    const struct pn_skip row = {
        .dag = due->dag->name,
        .first_ms = first_ms,
        .last_ms = last_ms,
        .count = count,
        .reason = reason,
        .at_ms = due->now_ms,
    };
    char first[PN_ISO8601_SIZE];
    pn_logger_warn(due->scheduler->logger, "dag", "%s: no run for %s%s: %s", due->dag->name,
                   pn_iso8601(first_ms, first), count > 1 ? " and later times" : "", reason);
    return pn_dag_db_skip(due->scheduler->db, &row, e);
}

/* Times that are older than the catch-up allows get no run: all of them are one row. */
static int skip_missed(const struct due *due, int64_t *tick_ms, struct pn_err *e)
{
    const struct pn_schedule *schedule = &due->dag->schedule;
    int64_t window_ms =
        schedule->catchup_ms > PN_DAG_LATE_MS ? schedule->catchup_ms : PN_DAG_LATE_MS;
    int64_t oldest_ms = due->now_ms - window_ms;
    int64_t first_ms = pn_schedule_next(schedule, *tick_ms);
    if (first_ms >= oldest_ms) {
        return 0;
    }
    int64_t last_ms = first_ms;
    int64_t count = 0;
    for (int64_t at_ms = first_ms; at_ms < oldest_ms && count < MISSED_COUNTED_MAX; count++) {
        last_ms = at_ms;
        at_ms = pn_schedule_next(schedule, at_ms);
    }
    *tick_ms = count == MISSED_COUNTED_MAX ? oldest_ms - 1 : last_ms;
    char window[PN_UNITS_SIZE];
    const char *reason =
        schedule->catchup_ms == 0
            ? "missed: no scheduler ran then, or the DAG was paused, and it has no catchup"
            : pn_arena_printf(due->arena, "missed: older than the catchup of %s",
                              pn_format_duration(schedule->catchup_ms, window));
    return skip(due, first_ms, *tick_ms, count, reason, e);
}

/* With `overlap: latest` a run that waits gives way to a newer one. */
static int replace_waiting(const struct due *due, const char *by, struct pn_err *e)
{
    const struct pn_run_filter filter = {.dag = due->dag->name,
                                         .state = PN_RUN_QUEUED + 1,
                                         .type = PN_RUN_SCHEDULED + 1,
                                         .limit = -1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = pn_dag_db_runs(due->scheduler->db, &filter, due->arena, &runs, &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *reason = pn_arena_printf(due->arena, "overlap: latest; %s took its place", by);
        rc = pn_dag_db_cancel_queued(due->scheduler->db, &runs[i], reason, "schedule", due->now_ms,
                                     e);
        if (rc == 0) {
            rc = skip(due, runs[i].logical_ms, runs[i].logical_ms, 1, reason, e);
        }
    }
    return rc;
}

static int make_run(const struct due *due, int64_t at_ms, struct pn_err *e)
{
    char time[PN_ISO8601_SIZE];
    struct pn_trigger how = pn_trigger_of("schedule");
    int64_t before_ms = pn_schedule_previous(&due->dag->schedule, at_ms);
    how.type = PN_RUN_SCHEDULED;
    how.logical_ms = at_ms;
    how.interval_start_ms = before_ms != INT64_MIN ? before_ms : at_ms;
    how.interval_end_ms = at_ms;
    if (due->dag->schedule.overlap == PN_OVERLAP_LATEST) {
        const char *by = pn_arena_printf(due->arena, "the run of %s", pn_iso8601(at_ms, time));
        int rc = replace_waiting(due, by, e);
        if (rc != 0) {
            return rc;
        }
    }
    struct pn_run run = {0};
    struct pn_err failure = {0};
    int rc = pn_dag_db_trigger(due->scheduler->db, due->dag, &how, due->now_ms, due->arena, &run,
                               &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        return skip(due, at_ms, at_ms, 1, "there is a run for this time already", e);
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    if (rc == 0) {
        pn_logger_info(due->scheduler->logger, "dag", "%s %s: made by the schedule", run.dag,
                       run.run_id);
    }
    return rc;
}

/* A time that is due. *later: it can't be decided now, as too many runs wait. */
static int tick(const struct due *due, int64_t at_ms, bool *later, struct pn_err *e)
{
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(due->scheduler->db, due->dag->name, counts, e);
    if (rc != 0) {
        return rc;
    }
    int64_t active = counts[PN_RUN_QUEUED] + counts[PN_RUN_RUNNING];
    if (due->dag->schedule.overlap == PN_OVERLAP_SKIP && active >= due->dag->active_runs_max) {
        const char *reason = pn_arena_printf(
            due->arena, "overlap: skip; %" PRId64 " of %d runs of this DAG were active", active,
            (int)due->dag->active_runs_max);
        return skip(due, at_ms, at_ms, 1, reason, e);
    }
    *later = due->dag->schedule.overlap == PN_OVERLAP_QUEUE &&
             counts[PN_RUN_QUEUED] >= PN_DAG_QUEUED_MAX;
    return *later ? 0 : make_run(due, at_ms, e);
}

/* Where a schedule begins that was never looked at: its past counts only if it has a start and
 * catches up. */
static int64_t first_tick_ms(const struct due *due)
{
    const struct pn_schedule *schedule = &due->dag->schedule;
    if (schedule->start_ms == INT64_MIN || schedule->catchup_ms == 0) {
        return due->now_ms;
    }
    int64_t from_ms = due->now_ms - schedule->catchup_ms;
    return (schedule->start_ms > from_ms ? schedule->start_ms : from_ms) - 1;
}

/*
 * Where the schedule was left off. A time of the future says that the clock was ahead and has been
 * set back: without a new beginning, no run would be made until the clock is there again. Times
 * that have a run get no second one.
 */
static int64_t last_tick_ms(const struct due *due, const struct pn_dag_status *status)
{
    if (status->tick_ms == PN_TIME_NONE) {
        return first_tick_ms(due);
    }
    if (status->tick_ms <= due->now_ms + PN_DAG_LATE_MS) {
        return status->tick_ms;
    }
    char ahead[PN_ISO8601_SIZE];
    pn_logger_warn(due->scheduler->logger, "dag",
                   "%s: the clock was set back: the schedule has been followed up to %s, and "
                   "continues from now; times that have a run get no second one",
                   due->dag->name, pn_iso8601(status->tick_ms, ahead));
    return due->now_ms;
}

static int make_of(const struct due *due, struct pn_err *e)
{
    struct pn_dag_status status;
    int rc = pn_dag_db_dag(due->scheduler->db, due->dag->name, &status, e);
    if (rc != 0 || status.paused) {
        return rc;
    }
    int64_t tick_ms = last_tick_ms(due, &status);
    rc = skip_missed(due, &tick_ms, e);
    int64_t at_ms = pn_schedule_next(&due->dag->schedule, tick_ms);
    bool later = false;
    for (int i = 0; rc == 0 && at_ms <= due->now_ms && i < TICKS_AT_ONCE && !later; i++) {
        rc = tick(due, at_ms, &later, e);
        if (rc == 0 && !later) {
            tick_ms = at_ms;
            at_ms = pn_schedule_next(&due->dag->schedule, at_ms);
        }
    }
    if (!later && at_ms != PN_CRON_NEVER) {
        pn_scheduler_wake_at(due->scheduler, at_ms);
    }
    if (rc == 0 && tick_ms != status.tick_ms) {
        rc = pn_dag_db_tick(due->scheduler->db, due->dag->name, tick_ms, e);
    }
    return rc;
}

int pn_ticks_make(struct pn_scheduler *scheduler, struct pn_arena *arena, struct pn_err *e)
{
    struct due due = {
        .scheduler = scheduler, .now_ms = pn_wall_ms(scheduler->clock), .arena = arena};
    for (size_t i = 0; i < scheduler->pipeline->dag_count; i++) {
        due.dag = &scheduler->pipeline->dags[i];
        if (due.dag->schedule.line_count > 0) {
            int rc = make_of(&due, e);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}
