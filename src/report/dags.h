/*
 * DAGs, their tasks and runs as rows. Runs, tasks of a run and attempts come from dag/dag.h, which
 * also pages them; here they become cells.
 */
#ifndef PN_REPORT_DAGS_H
#define PN_REPORT_DAGS_H

#include "base/io.h"
#include "dag/dag.h"
#include "report/columns.h"

/* Columns of the reports below. */
extern const struct pn_report_columns pn_skip_columns;
extern const struct pn_report_columns pn_audit_columns;
extern const struct pn_report_columns pn_dag_version_columns;

/* dag, tasks, runs, last_state, last_run, description: of each DAG of the pipeline. */
int pn_report_dags(const struct pn_pipeline *pipeline, struct pn_dag_db *db,
                   struct pn_row_writer *rows, struct pn_err *e) PN_MUST_CHECK;
/* How many runs the filter's DAG and state have, on all pages. */
int pn_report_count_runs(struct pn_dag_db *db, const struct pn_run_filter *filter, int64_t *total,
                         struct pn_err *e) PN_MUST_CHECK;
/* "check_store", "load", ...: as pipeline.yml has it. */
const char *pn_task_kind_name(enum pn_task_kind kind);
/* task, run, works_on, after, retries, retry_delay_s, timeout_s: of each task of a DAG. */
void pn_report_tasks(const struct pn_dag *dag, struct pn_row_writer *rows);
/* run, dag, state, queued, started, ended, seconds. What runs still has lasted until `now_ms`. */
void pn_report_runs(const struct pn_run *runs, size_t count, int64_t now_ms,
                    struct pn_row_writer *rows);
/* task, state, tries, started, ended, seconds, next_try, rows_out, rows_out_before, reason: of each
 * task of a run. `io` is what pn_dag_db_io_beside() gives, `reasons` has one for each task, "" for
 * none. */
struct pn_report_task_facts {
    const struct pn_task_io *io;
    size_t io_count;
    const char *const *reasons;
};
void pn_report_task_runs(const struct pn_task_run *tasks, size_t count,
                         const struct pn_report_task_facts *facts, int64_t now_ms,
                         struct pn_row_writer *rows);
/* task, way, name, version, rows, rows_before, table_rows, table_rows_before, files, bytes,
 * dead_letters, remark: of each table or topic that a run read or wrote. */
void pn_report_io(const struct pn_task_io *io, size_t count, struct pn_row_writer *rows);
/* Of a table that was written, by all its rows: "fell to 0 rows", "fell by more than half"; of one
 * of which a run replaces a part, by the rows that were written, too: "wrote 0 rows", "wrote fewer
 * than half as many". Else NULL: green but empty is to be seen. */
const char *pn_report_io_remark(const struct pn_task_io *io);
/* One row with all there is of a run; `reason` is why it waits, or ended so. */
void pn_report_run(const struct pn_run *run, const char *reason, int64_t now_ms,
                   struct pn_row_writer *rows);
/* task, attempt, started, ended, outcome, exit_code, log: each attempt with what it printed, which
 * is read from its file. */
int pn_report_attempts(const struct pn_attempt *attempts, size_t count, const struct pn_io *io,
                       struct pn_row_writer *rows, struct pn_err *e) PN_MUST_CHECK;

/* dag, first, last, times, reason, at: of each stretch of a schedule that got no run. */
void pn_report_skips(const struct pn_skip *skips, size_t count, struct pn_row_writer *rows);
/* version, created: of each version of a DAG's definition. */
void pn_report_dag_versions(const struct pn_dag_version *versions, size_t count,
                            struct pn_row_writer *rows);
/* dag, version, created, before, text: of one version; a `before` of 0 is null. */
void pn_report_dag_version(const char *dag, const struct pn_dag_version *version, int64_t before,
                           const char *text, struct pn_row_writer *rows);
/* at, who, what, dag, run, task, detail: of each act. */
void pn_report_audits(const struct pn_audit *audits, size_t count, struct pn_row_writer *rows);

/* run, task: of each task that is cleared. */
void pn_report_cleared(const struct pn_run *run, const char *const *tasks, size_t count,
                       struct pn_row_writer *rows);
/* run, task, change: of each task that is marked ("success", ...) or then cleared ("clear"). */
void pn_report_marked(const struct pn_run *run, enum pn_task_state state,
                      const struct pn_marked *marked, struct pn_row_writer *rows);
/* run, state, tasks, attempts, log_files, log_bytes: what goes with a run. */
void pn_report_belongings(const struct pn_run *run, const struct pn_run_belongings *belongings,
                          struct pn_row_writer *rows);
/* task, attempt, line, byte: of each place of a text in logs. The first one begins the rows. */
void pn_report_log_hits_begin(struct pn_row_writer *rows);
void pn_report_log_hits(const struct pn_attempt *attempt, const struct pn_log_hits *hits,
                        struct pn_row_writer *rows);
/* logical_date, run, action, reason, token: of each time of a backfill's range. */
void pn_report_backfill_plan(const struct pn_backfill_plan *plan, struct pn_row_writer *rows);
/* backfill, dag, state, from, to, reprocess, queued, running, success, failed, cancelled, created,
 * ended: of each backfill. */
void pn_report_backfills(const struct pn_backfill *backfills, size_t count,
                         struct pn_row_writer *rows);

#endif
