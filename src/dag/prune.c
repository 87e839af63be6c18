/* What is old: runs beyond those that are kept, and logs past their time. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dag/scheduler_internal.h"

enum { LOGS_LOOK_MS = 600000, LOGS_AT_ONCE = 100 };

struct forgotten {
    char **ids;
    size_t count;
    size_t capacity;
};

static void add_forgotten(void *arg, const char *run_id)
{
    struct forgotten *forgotten = arg;
    pn_grow((void **)&forgotten->ids, &forgotten->capacity, forgotten->count + 1,
            sizeof *forgotten->ids);
    forgotten->ids[forgotten->count++] = pn_xstrdup(run_id);
}

/* Old runs go from the database first, then their logs: a crash between leaves only files. */
static int prune_runs(struct pn_scheduler *scheduler, const char *dag, struct pn_arena *arena,
                      struct pn_err *e)
{
    struct forgotten forgotten = {0};
    int rc = pn_dag_db_prune(scheduler->db, dag, scheduler->config.runs_kept, add_forgotten,
                             &forgotten, e);
    for (size_t i = 0; i < forgotten.count; i++) {
        if (rc == 0) {
            const char *folder =
                pn_dag_run_folder(scheduler->config.data_folder, dag, forgotten.ids[i], arena);
            rc = pn_io_remove_tree(scheduler->io, folder, e);
        }
        free(forgotten.ids[i]);
    }
    free(forgotten.ids);
    return rc;
}

static int prune_logs(struct pn_scheduler *scheduler, struct pn_arena *arena, struct pn_err *e)
{
    struct pn_run *runs = NULL;
    size_t count = LOGS_AT_ONCE;
    int rc = 0;
    int64_t before_ms = pn_wall_ms(scheduler->clock) - scheduler->config.logs_keep_ms;
    while (rc == 0 && count == LOGS_AT_ONCE) {
        rc = pn_dag_db_old_logs(scheduler->db, before_ms, LOGS_AT_ONCE, arena, &runs, &count, e);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = pn_io_remove_tree(scheduler->io,
                                   pn_dag_run_folder(scheduler->config.data_folder, runs[i].dag,
                                                     runs[i].run_id, arena),
                                   e);
            if (rc == 0) {
                rc = pn_dag_db_logs_gone(scheduler->db, runs[i].id, e);
            }
        }
    }
    return rc;
}

int pn_prune_step(struct pn_scheduler *scheduler, struct pn_arena *arena, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && scheduler->run_ended && i < scheduler->pipeline->dag_count; i++) {
        rc = prune_runs(scheduler, scheduler->pipeline->dags[i].name, arena, e);
    }
    scheduler->run_ended = scheduler->run_ended && rc != 0;
    int64_t now_ms = pn_mono_ms(scheduler->clock);
    if (rc == 0 && scheduler->config.logs_keep_ms > 0 && now_ms >= scheduler->logs_look_ms) {
        scheduler->logs_look_ms = now_ms + LOGS_LOOK_MS;
        rc = prune_logs(scheduler, arena, e);
    }
    return rc;
}
