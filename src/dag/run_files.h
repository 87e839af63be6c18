/* Runs that are deleted, with their logs, which are in <data>/dag/<dag>/<run>. */
#ifndef PN_DAG_RUN_FILES_H
#define PN_DAG_RUN_FILES_H

#include "base/io.h"
#include "dag/db.h"

/* The folder of a run's logs, in the arena. */
static inline const char *pn_dag_run_folder(const char *data_folder, const char *dag,
                                            const char *run_id, struct pn_arena *arena)
{
    return pn_arena_printf(arena, "%s/dag/%s/%s", data_folder, dag, run_id);
}

/* What goes with a run. */
struct pn_run_belongings {
    int64_t tasks;
    int64_t attempts;
    int64_t log_files;
    int64_t log_bytes;
};
/* What deleting a run would remove. CONFLICT when it is running. */
int pn_dag_run_belongings(struct pn_dag_db *db, const struct pn_io *io, const char *data_folder,
                          const struct pn_run *run, struct pn_arena *arena,
                          struct pn_run_belongings *belongings, struct pn_err *e) PN_MUST_CHECK;
/* Deletes it: its rows first, so that a crash in between leaves only files. CONFLICT when it is
 * running. */
int pn_dag_run_delete(struct pn_dag_db *db, const struct pn_io *io, const char *data_folder,
                      const struct pn_run *run, const char *who, int64_t now_ms,
                      struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;

#endif
