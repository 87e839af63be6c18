/* pinion dag: the DAGs, and their runs. */
#include "cli/dag.h"

#include <inttypes.h>
#include <string.h>

#include "cli/commands.h"
#include "dag/states.h"
#include "report/dags.h"
#include "report/pools.h"

enum { LIMIT_DEFAULT = 25, LIMIT_MAX = 1000 };

/* ---- list, show ------------------------------------------------------------------------------ */

/* Prints a report on the pipeline's DAGs. */
static int print_report(struct pn_cli *cli, int argc, char **argv,
                        int (*report)(const struct pn_pipeline *pipeline, struct pn_dag_db *db,
                                      struct pn_row_writer *rows, struct pn_err *e))
{
    const struct pn_syntax syntax = {.uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, NULL, &session, &failure);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        rc = report(session.pipeline, session.db, rows, &failure);
        pn_row_writer_close(&rows, rc);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    return print_report(cli, argc, argv, pn_report_dags);
}

static int cmd_show(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "DAG", .operands_min = 1, .operands_max = 1, .uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, argv[0], &session, &failure);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_tasks(session.dag, rows);
        pn_row_writer_end(&rows);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static int cmd_runs(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIMIT_DEFAULT;
    int64_t offset = 0;
    const char *state = NULL;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N runs, newest first (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = "offset",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "skip the newest N runs (0)",
                                   .target = &offset},
                                  {.name = "state",
                                   .kind = PN_OPT_CHOICE,
                                   .value = "STATE",
                                   .choices = "queued|running|success|failed|cancelled",
                                   .help = "show only runs in this state",
                                   .target = &state},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DAG]", .operands_max = 1, .opts = opts, .uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, argc > 0 ? argv[0] : NULL, &session, &failure);
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t total = 0;
    if (rc == 0) {
        const struct pn_run_filter filter = {
            .dag = argc > 0 ? argv[0] : NULL,
            .state = state != NULL ? pn_run_state_parse(state) + 1 : 0,
            .offset = offset,
            .limit = limit,
        };
        rc = pn_dag_db_runs(session.db, &filter, &session.arena, &runs, &count, &failure);
        if (rc == 0) {
            rc = pn_report_count_runs(session.db, &filter, &total, &failure);
        }
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_runs(runs, count, pn_wall_ms(cli->clock), rows);
        pn_row_writer_end(&rows);
        if (pn_format_is_for_people(cli->format) && offset + (int64_t)count < total) {
            (void)fprintf(cli->err,
                          "%zu of %" PRId64 " runs; to see more, give --offset %" PRId64 "\n",
                          count, total, offset + (int64_t)count);
        }
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

/* ---- cancel, pools --------------------------------------------------------------------------- */

static int cmd_cancel(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    const struct pn_opt opts[] = {
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "don't ask", .target = &yes}, {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "DAG [RUN]",
                                     .operands_min = 1,
                                     .operands_max = 2,
                                     .opts = opts,
                                     .about = "Cancels a run (by default the latest): its tasks "
                                              "get SIGTERM, and SIGKILL five seconds later."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_change_run(cli, argc, argv, false, &session, &run, &failure);
    /* One that is over needs no question: the refusal says so. */
    if (rc == 0 && !yes && !pn_run_state_final(run.state) &&
        !pn_cli_confirm(cli, "Cancel run %s of %s?", run.run_id, run.dag)) {
        rc =
            pn_err_input(&failure, "run %s was not cancelled: answer y, or give --yes", run.run_id);
    }
    if (rc == 0) {
        rc = pn_dag_db_cancel(session.db, &run, "cli", pn_wall_ms(cli->clock), &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "%s is being cancelled\n", run.run_id);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int cmd_pools(struct pn_cli *cli, int argc, char **argv)
{
    return print_report(cli, argc, argv, pn_report_pools);
}

int pn_cmd_dag(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "list the pipeline's DAGs, and their last runs", cmd_list},
        {"show", "show a DAG's tasks", cmd_show},
        {"versions", "list the definitions that a DAG has had", pn_cmd_dag_versions},
        {"definition", "show a DAG's definition, or what changed in it", pn_cmd_dag_definition},
        {"trigger", "start a run", pn_cmd_dag_trigger},
        {"runs", "list runs, newest first", cmd_runs},
        {"status", "show a run and its tasks", pn_cmd_dag_status},
        {"run", "show all there is of a run", pn_cmd_dag_run},
        {"io", "show what a run read and wrote", pn_cmd_dag_io},
        {"logs", "show the output of the tasks", pn_cmd_dag_logs},
        {"cancel", "cancel a run", cmd_cancel},
        {"clear", "run tasks of a run again", pn_cmd_dag_clear},
        {"backfill", "create runs for a range of time", pn_cmd_dag_backfill},
        {"mark", "give tasks of a run, or the run, a state", pn_cmd_dag_mark},
        {"delete", "delete a run with its logs", pn_cmd_dag_delete},
        {"note", "write a note on a run", pn_cmd_dag_note},
        {"pause", "pause the schedule of a DAG", pn_cmd_dag_pause},
        {"unpause", "resume the schedule of a DAG", pn_cmd_dag_unpause},
        {"next", "show when DAGs, or a cron line, are due next", pn_cmd_dag_next},
        {"skipped", "list times of schedules without a run, and why", pn_cmd_dag_skipped},
        {"pools", "list pools, and how many tasks wait for a slot", cmd_pools},
        {"audit", "list who did what to DAGs and runs", pn_cmd_dag_audit},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
