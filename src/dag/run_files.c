#include "dag/run_files.h"

#include "dag/db_internal.h"

static int not_while_running(const struct pn_run *run, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "run '%s' is running: cancel it first",
                      run->run_id);
}

static int measure_logs(const struct pn_io *io, const char *folder, struct pn_arena *arena,
                        struct pn_run_belongings *belongings, struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    struct pn_err failure = {0};
    int rc = pn_io_list(io, folder, &listing, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    for (size_t i = 0; rc == 0 && i < listing.count; i++) {
        struct stat st;
        const char *path = pn_arena_printf(arena, "%s/%s", folder, listing.entries[i].name);
        rc = pn_io_stat(io, path, &st, e);
        belongings->log_files += rc == 0 ? 1 : 0;
        belongings->log_bytes += rc == 0 ? st.st_size : 0;
    }
    pn_io_listing_deinit(&listing);
    return rc;
}

int pn_dag_run_belongings(struct pn_dag_db *db, const struct pn_io *io, const char *data_folder,
                          const struct pn_run *run, struct pn_arena *arena,
                          struct pn_run_belongings *belongings, struct pn_err *e)
{
    struct pn_task_run *tasks = NULL;
    struct pn_attempt *attempts = NULL;
    size_t task_count = 0;
    size_t attempt_count = 0;
    *belongings = (struct pn_run_belongings){0};
    if (run->state == PN_RUN_RUNNING) {
        return not_while_running(run, e);
    }
    int rc = pn_dag_db_tasks(db, run->id, arena, &tasks, &task_count, e);
    if (rc == 0) {
        rc = pn_dag_db_attempts(db, run->id, NULL, arena, &attempts, &attempt_count, e);
    }
    belongings->tasks = (int64_t)task_count;
    belongings->attempts = (int64_t)attempt_count;
    return rc == 0 ? measure_logs(io, pn_dag_run_folder(data_folder, run->dag, run->run_id, arena),
                                  arena, belongings, e)
                   : rc;
}

/* In a transaction. */
static int delete_rows(struct pn_dag_db *db, const struct pn_run *run, const char *who,
                       int64_t now_ms, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(
        db, &changes, e, "DELETE FROM run WHERE id = ?1 AND state <> 'running'", "i", run->id);
    if (rc == 0 && changes == 0) {
        rc = not_while_running(run, e);
    }
    if (rc == 0 && run->backfill != 0) {
        rc = pn_dag_db_end_backfill(db, run->backfill, now_ms, e);
    }
    const struct pn_audit audit = {
        .at_ms = now_ms, .who = who, .what = "delete", .dag = run->dag, .run_id = run->run_id};
    return rc == 0 ? pn_dag_db_audit(db, &audit, e) : rc;
}

int pn_dag_run_delete(struct pn_dag_db *db, const struct pn_io *io, const char *data_folder,
                      const struct pn_run *run, const char *who, int64_t now_ms,
                      struct pn_arena *arena, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = delete_rows(db, run, who, now_ms, e);
    rc = pn_dag_db_end(db, rc, e);
    return rc == 0 ? pn_io_remove_tree(
                         io, pn_dag_run_folder(data_folder, run->dag, run->run_id, arena), e)
                   : rc;
}
