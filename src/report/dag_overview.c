#include "report/dag_overview.h"

static const int64_t day_ms = INT64_C(24) * 3600000;

const char *pn_dag_schedule_text(const struct pn_dag *dag, struct pn_arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < dag->schedule.line_count; i++) {
        text = pn_arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", dag->schedule.texts[i]);
    }
    return text;
}

static int read_success(struct pn_dag_db *db, const struct pn_dag *dag, struct pn_arena *arena,
                        struct pn_dag_overview *overview, struct pn_err *e)
{
    struct pn_run run = {0};
    bool found = false;
    int rc = pn_dag_db_last_success(db, dag->name, 0, arena, &run, &found, e);
    overview->success_ms = found ? run.ended_ms : PN_TIME_NONE;
    return rc;
}

static int read_failed_task(struct pn_dag_db *db, struct pn_arena *arena,
                            struct pn_dag_overview *overview, struct pn_err *e)
{
    struct pn_task_run *tasks = NULL;
    size_t count = 0;
    overview->failed_task = "";
    if (overview->last_count == 0 || overview->last[0].state != PN_RUN_FAILED) {
        return 0;
    }
    int rc = pn_dag_db_tasks(db, overview->last[0].id, arena, &tasks, &count, e);
    for (size_t i = 0; rc == 0 && i < count && overview->failed_task[0] == '\0'; i++) {
        overview->failed_task = tasks[i].state == PN_TASK_FAILED ? tasks[i].task : "";
    }
    return rc;
}

int pn_dag_overview_read(struct pn_dag_db *db, const struct pn_dag *dag, int64_t now_ms,
                         struct pn_arena *arena, struct pn_dag_overview *overview, struct pn_err *e)
{
    const struct pn_run_filter newest = {.dag = dag->name, .limit = PN_OVERVIEW_RUNS};
    *overview = (struct pn_dag_overview){.next_ms = PN_TIME_NONE};
    int rc = pn_dag_db_dag(db, dag->name, &overview->status, e);
    if (rc == 0) {
        rc = pn_dag_db_runs(db, &newest, arena, &overview->last, &overview->last_count, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_count_runs(db, dag->name, overview->counts, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_count_since(db, dag->name, now_ms - day_ms, overview->day_counts, e);
    }
    if (rc == 0) {
        rc = read_success(db, dag, arena, overview, e);
    }
    if (rc == 0) {
        rc = read_failed_task(db, arena, overview, e);
    }
    if (rc == 0 && dag->schedule.line_count > 0 && !overview->status.paused) {
        int64_t next_ms = pn_schedule_next(&dag->schedule, now_ms);
        overview->next_ms = next_ms != PN_CRON_NEVER ? next_ms : PN_TIME_NONE;
    }
    return rc;
}
