/* What a backfill would do: the times of its range, what happens to each, and those left out. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "dag/db_internal.h"
#include "dag/rerun.h"

/* The run of a logical time; NULL when there is none. */
static int run_of(struct pn_dag_db *db, const char *dag, int64_t logical_ms, struct pn_arena *arena,
                  const char **run_id, int *state, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT run_id, state FROM run WHERE dag = ?1 AND logical_ms = ?2",
                               "ti", dag, logical_ms);
    if (rc != 0) {
        return rc;
    }
    *run_id = NULL;
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        *run_id = pn_dag_db_text(statement, 0, arena);
        *state = pn_run_state_parse((const char *)sqlite3_column_text(statement, 1));
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

static bool runs_again(enum pn_reprocess reprocess, int state)
{
    bool bad = state == PN_RUN_FAILED || state == PN_RUN_CANCELLED;
    return reprocess == PN_REPROCESS_COMPLETED ? bad || state == PN_RUN_SUCCESS
                                               : reprocess == PN_REPROCESS_FAILED && bad;
}

static int add_item(struct pn_dag_db *db, const struct pn_dag *dag,
                    const struct pn_backfill_plan *plan, int64_t logical_ms, struct pn_arena *arena,
                    struct pn_backfill_item *item, struct pn_err *e)
{
    int state = -1;
    const char *run_id = NULL;
    int rc = run_of(db, dag->name, logical_ms, arena, &run_id, &state, e);
    if (rc != 0) {
        return rc;
    }
    char time[PN_ISO8601_SIZE];
    *item = (struct pn_backfill_item){.logical_ms = logical_ms, .run_id = run_id, .reason = ""};
    if (run_id == NULL) {
        item->run_id = pn_arena_printf(arena, "backfill__%s", pn_iso8601(logical_ms, time));
        item->action = PN_BACKFILL_CREATE;
    } else if (runs_again(plan->reprocess, state)) {
        item->action = PN_BACKFILL_CLEAR;
    } else {
        item->action = PN_BACKFILL_LEAVE;
        item->reason =
            pn_arena_printf(arena, "its run exists, in the state %s",
                            state >= 0 ? pn_run_state_name((enum pn_run_state)state) : "unknown");
    }
    return 0;
}

/* FNV-1a, of the runs that would begin: enough to notice a change. A time that became due since,
 * and whose run the schedule has made, is not one. */
static void make_token(struct pn_backfill_plan *plan)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < plan->count; i++) {
        const struct pn_backfill_item *item = &plan->items[i];
        if (item->action == PN_BACKFILL_LEAVE) {
            continue;
        }
        char text[64];
        (void)snprintf(text, sizeof text, "%" PRId64 " %d ", item->logical_ms, (int)item->action);
        const char *const parts[] = {text, item->run_id};
        for (size_t part = 0; part < 2; part++) {
            for (const char *at = parts[part]; *at != '\0'; at++) {
                hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
            }
        }
    }
    (void)snprintf(plan->token, sizeof plan->token, "%016" PRIx64, hash);
}

static size_t count_times(const struct pn_schedule *schedule, int64_t from_ms, int64_t to_ms)
{
    size_t count = 0;
    int64_t at_ms = pn_schedule_next(schedule, from_ms - 1);
    while (at_ms <= to_ms && at_ms != PN_CRON_NEVER && count < PN_BACKFILL_LEFT_MAX) {
        at_ms = pn_schedule_next(schedule, at_ms);
        count++;
    }
    return count;
}

static int64_t later_of(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

static int64_t sooner_of(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* The times of the range that get no run, by the reason. */
static void count_left_out(const struct pn_dag *dag, struct pn_backfill_plan *plan, int64_t now_ms)
{
    int64_t start_ms = dag->schedule.start_ms;
    int64_t end_ms = dag->schedule.end_ms;
    struct pn_schedule always = dag->schedule;
    always.start_ms = INT64_MIN;
    always.end_ms = INT64_MAX;
    plan->outside = 0;
    if (plan->from_ms < start_ms) {
        plan->outside = count_times(&always, plan->from_ms, sooner_of(plan->to_ms, start_ms - 1));
    }
    if (plan->to_ms > end_ms) {
        plan->outside += count_times(&always, later_of(plan->from_ms, end_ms + 1), plan->to_ms);
    }
    plan->outside = plan->outside < PN_BACKFILL_LEFT_MAX ? plan->outside : PN_BACKFILL_LEFT_MAX;
    plan->to_come =
        plan->to_ms > now_ms
            ? count_times(&dag->schedule, later_of(plan->from_ms, now_ms + 1), plan->to_ms)
            : 0;
}

static const char *times_text(size_t count, struct pn_arena *arena)
{
    return pn_arena_printf(arena, "%s%zu %s", count == PN_BACKFILL_LEFT_MAX ? "at least " : "",
                           count, count == 1 ? "time is" : "times are");
}

const char *pn_backfill_left_out(const struct pn_dag *dag, const struct pn_backfill_plan *plan,
                                 struct pn_arena *arena)
{
    char start[PN_ISO8601_SIZE];
    char end[PN_ISO8601_SIZE];
    const struct pn_schedule *schedule = &dag->schedule;
    const char *outside = NULL;
    if (plan->outside > 0) {
        outside = pn_arena_printf(
            arena, "%s %s%s%s%s%s: change %s in pipeline.yml to have runs of them",
            times_text(plan->outside, arena),
            schedule->start_ms != INT64_MIN ? "before the DAG's start, " : "",
            schedule->start_ms != INT64_MIN ? pn_iso8601(schedule->start_ms, start) : "",
            schedule->start_ms != INT64_MIN && schedule->end_ms != INT64_MAX ? ", or " : "",
            schedule->end_ms != INT64_MAX ? "after its end, " : "",
            schedule->end_ms != INT64_MAX ? pn_iso8601(schedule->end_ms, end) : "",
            schedule->start_ms == INT64_MIN ? "`end`"
            : schedule->end_ms == INT64_MAX ? "`start`"
                                            : "`start` or `end`");
    }
    const char *to_come = plan->to_come > 0
                              ? pn_arena_printf(arena, "%s yet to come: the schedule makes %s",
                                                times_text(plan->to_come, arena),
                                                plan->to_come == 1 ? "its run" : "their runs")
                              : NULL;
    return outside == NULL   ? to_come
           : to_come == NULL ? outside
                             : pn_arena_printf(arena, "%s; %s", outside, to_come);
}

int pn_dag_db_backfill_plan(struct pn_dag_db *db, const struct pn_dag *dag,
                            struct pn_backfill_plan *plan, int64_t now_ms, struct pn_arena *arena,
                            struct pn_err *e)
{
    const struct pn_schedule *schedule = &dag->schedule;
    if (schedule->line_count == 0) {
        return pn_err_input(e,
                            "DAG '%s' has no schedule, so a range has no times: trigger runs with"
                            " --logical-date",
                            dag->name);
    }
    struct pn_backfill_item *items = pn_arena_calloc(arena, PN_BACKFILL_RUNS_MAX, sizeof *items);
    plan->items = items;
    plan->count = 0;
    plan->runs = 0;
    int rc = 0;
    int64_t last_ms = sooner_of(plan->to_ms, now_ms);
    int64_t at_ms = pn_schedule_next(schedule, plan->from_ms - 1);
    for (; rc == 0 && at_ms <= last_ms; at_ms = pn_schedule_next(schedule, at_ms)) {
        if (plan->count == PN_BACKFILL_RUNS_MAX) {
            return pn_err_input(e, "the range has more than %d times: give a shorter one",
                                PN_BACKFILL_RUNS_MAX);
        }
        rc = add_item(db, dag, plan, at_ms, arena, &items[plan->count], e);
        plan->runs += items[plan->count++].action != PN_BACKFILL_LEAVE ? 1 : 0;
    }
    count_left_out(dag, plan, now_ms);
    if (rc == 0 && plan->count == 0) {
        const char *left_out = pn_backfill_left_out(dag, plan, arena);
        return left_out != NULL
                   ? pn_err_input(e, "no time of the range gets a run: %s", left_out)
                   : pn_err_input(e, "the schedule of DAG '%s' has no time in this range",
                                  dag->name);
    }
    make_token(plan);
    return rc;
}
