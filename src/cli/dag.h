/* What the files of `pinion dag` share. */
#ifndef PN_CLI_DAG_H
#define PN_CLI_DAG_H

#include "base/arena.h"
#include "cli/cli.h"
#include "dag/dag.h"

struct pn_dag_session {
    struct pn_cli *cli;
    const struct pn_app *app;
    const struct pn_pipeline *pipeline; /* the app's */
    const struct pn_dag *dag;           /* NULL when none was named */
    struct pn_dag_db *db;
    struct pn_arena arena;
};

/* Loads the pipeline, finds the DAG (NULL: none is named), opens the state. Close it in any case.
 */
int pn_cli_dag_open(struct pn_cli *cli, const char *name, struct pn_dag_session *session,
                    struct pn_err *e) PN_MUST_CHECK;
/* The same for commands that only look: where there is no database, there are no runs, and it stays
 * so. */
int pn_cli_dag_look(struct pn_cli *cli, const char *name, struct pn_dag_session *session,
                    struct pn_err *e) PN_MUST_CHECK;
/* The same for "DAG [RUN]": finds the run, too, the latest when none is named. */
int pn_cli_dag_open_run(struct pn_cli *cli, int argc, char **argv, struct pn_dag_session *session,
                        struct pn_run *run, struct pn_err *e) PN_MUST_CHECK;
/* The same for commands that change the run: the data folder must be the pipeline's
 * (server/folder_mark.h), as for pn_cli_dag_open(). A dry run only looks. */
int pn_cli_dag_change_run(struct pn_cli *cli, int argc, char **argv, bool dry_run,
                          struct pn_dag_session *session, struct pn_run *run,
                          struct pn_err *e) PN_MUST_CHECK;
void pn_cli_dag_close(struct pn_dag_session *session);
/* Closes, and turns the outcome into an exit status. */
int pn_cli_dag_finish(struct pn_dag_session *session, int rc, const struct pn_err *failure);

/* The time that the option --`option` names, in milliseconds. A day without a time of day is all
 * of that day, as the DAG's time zone has it: *first_ms and *last_ms are its ends. They are equal
 * for a time. INPUT: `text` is none, or NULL. */
int pn_cli_dag_time(const struct pn_dag *dag, const char *option, const char *text,
                    int64_t *first_ms, int64_t *last_ms, struct pn_err *e) PN_MUST_CHECK;

int pn_cmd_dag_trigger(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_status(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_run(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_io(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_logs(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_mark(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_delete(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_note(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_pause(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_unpause(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_next(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_skipped(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_versions(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_definition(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_audit(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_clear(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_dag_backfill(struct pn_cli *cli, int argc, char **argv);

/*
 * Triggers a run and, with `wait`, sees it through: by the server's scheduler when one lives on the
 * data folder, else by one of its own. Before it, the sink lands all that was acknowledged.
 * `report` (NULL ok) is called at each change of a task's state.
 */
struct pn_dag_wait {
    bool wait;
    const char *run_id;       /* NULL: made from the time */
    const char *logical_date; /* NULL: none */
    const char *conf;         /* NULL: {} */
    const char *note;         /* NULL: none */
    int64_t timeout_ms;       /* 0: none */
    void (*report)(void *arg, const struct pn_task_run *task);
    void *arg;
};
/* *run is in the session's arena; its state is final when it was waited for. */
int pn_cli_dag_run(struct pn_dag_session *session, const struct pn_dag_wait *how,
                   struct pn_run *run, struct pn_err *e) PN_MUST_CHECK;

#endif
