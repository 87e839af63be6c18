/* pinion dag status, run and io: a run, its tasks, what they wait for, what they read and wrote. */
#include "cli/dag.h"
#include "dag/reason.h"
#include "dag/scheduler.h"
#include "report/dags.h"
#include "report/run_detail.h"

static int reason_context(struct pn_dag_session *session, struct pn_reason_context *context,
                          struct pn_err *e)
{
    *context = (struct pn_reason_context){
        .pipeline = session->pipeline,
        .tasks_max = session->app->settings->dag.tasks_max,
        .now_ms = pn_wall_ms(session->cli->clock),
    };
    return pn_scheduler_lives(session->app->data, session->cli->io, &context->scheduler_lives, e);
}

static int print_status(struct pn_dag_session *session, const struct pn_run *run, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    struct pn_reason_context context;
    struct pn_run_detail detail;
    int rc = reason_context(session, &context, e);
    if (rc == 0) {
        rc = pn_run_detail_read(session->db, &context, run, &session->arena, &detail, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct pn_report_task_facts facts = {
        .io = detail.io, .io_count = detail.io_count, .reasons = detail.reasons};
    struct pn_row_writer *rows = pn_cli_rows(cli);
    if (pn_format_is_for_people(cli->format)) {
        (void)fprintf(cli->out, "%s  %s%s%s\n\n", run->run_id, pn_run_state_name(run->state),
                      detail.reason[0] != '\0' ? ": " : "", detail.reason);
    }
    pn_report_task_runs(detail.tasks, detail.task_count, &facts, context.now_ms, rows);
    pn_row_writer_end(&rows);
    return 0;
}

static int print_run(struct pn_dag_session *session, const struct pn_run *run, struct pn_err *e)
{
    struct pn_reason_context context;
    const char *reason = "";
    int rc = reason_context(session, &context, e);
    if (rc == 0) {
        rc = pn_dag_reason_run(session->db, &context, run, &session->arena, &reason, e);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(session->cli);
        pn_report_run(run, reason, context.now_ms, rows);
        pn_row_writer_end(&rows);
    }
    return rc;
}

static int print_io(struct pn_dag_session *session, const struct pn_run *run, struct pn_err *e)
{
    struct pn_task_io *io = NULL;
    size_t count = 0;
    int rc = pn_dag_db_io_beside(session->db, run, &session->arena, &io, &count, e);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(session->cli);
        pn_report_io(io, count, rows);
        pn_row_writer_end(&rows);
    }
    return rc;
}

/* "DAG [RUN]", and what is printed of the run. */
static int with_run(struct pn_cli *cli, int argc, char **argv, const char *about,
                    int (*print)(struct pn_dag_session *session, const struct pn_run *run,
                                 struct pn_err *e))
{
    const struct pn_syntax syntax = {.operands = "DAG [RUN]",
                                     .operands_min = 1,
                                     .operands_max = 2,
                                     .uses = PN_USES_FORMAT,
                                     .about = about};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_open_run(cli, argc, argv, &session, &run, &failure);
    if (rc == 0) {
        rc = print(&session, &run, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

int pn_cmd_dag_status(struct pn_cli *cli, int argc, char **argv)
{
    return with_run(cli, argc, argv,
                    "Shows the state of a run (by default the latest) and of each of its tasks,"
                    " what they wait for, and how many rows they wrote, beside the last run that"
                    " was a success.",
                    print_status);
}

int pn_cmd_dag_run(struct pn_cli *cli, int argc, char **argv)
{
    return with_run(cli, argc, argv,
                    "Shows all there is of a run (by default the latest): its type, conf, logical"
                    " date, note, the reason it waits or ended so, and what was sent of its"
                    " failure.",
                    print_run);
}

int pn_cmd_dag_io(struct pn_cli *cli, int argc, char **argv)
{
    return with_run(cli, argc, argv,
                    "Shows which tables and topics the tasks of a run (by default the latest) read"
                    " and wrote: versions, rows beside the last run that was a success, files,"
                    " bytes and dead letters.",
                    print_io);
}
