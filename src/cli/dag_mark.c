/* pinion dag mark and delete: a person gives a task or a run its state, or removes a run. */
#include "cli/dag.h"
#include "dag/mark.h"
#include "dag/run_files.h"
#include "report/dags.h"

struct mark_options {
    const char *state;
    bool dry_run;
    bool yes;
};

static void print_marked(struct pn_cli *cli, const struct pn_run *run, const struct pn_mark *mark,
                         const struct pn_marked *marked)
{
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_marked(run, mark->state, marked, rows);
    pn_row_writer_end(&rows);
}

/* Always looks first, and shows what it saw before it asks. */
static int mark(struct pn_dag_session *session, const struct pn_run *run, struct pn_mark *how,
                const struct mark_options *options, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    struct pn_marked marked;
    int64_t now_ms = pn_wall_ms(cli->clock);
    how->dry_run = true;
    int rc =
        pn_dag_db_mark(session->db, session->dag, run, how, now_ms, &session->arena, &marked, e);
    if (rc != 0) {
        return rc;
    }
    print_marked(cli, run, how, &marked);
    if (options->dry_run) {
        return 0;
    }
    if (!options->yes && !pn_cli_confirm(cli, "Mark run %s like this?", run->run_id)) {
        return pn_err_input(e, "nothing was marked: answer y, or give --yes");
    }
    how->dry_run = false;
    return pn_dag_db_mark(session->db, session->dag, run, how, now_ms, &session->arena, &marked, e);
}

int pn_cmd_dag_mark(struct pn_cli *cli, int argc, char **argv)
{
    struct mark_options options = {0};
    const struct pn_opt opts[] = {
        {.name = "state",
         .kind = PN_OPT_CHOICE,
         .value = "STATE",
         .choices = "success|failed|skipped",
         .help = "the state to give",
         .target = &options.state},
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only list what would change",
         .target = &options.dry_run},
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "do not ask", .target = &options.yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG RUN [TASK...]",
        .operands_min = 2,
        .operands_max = PN_OPT_LIST_MAX,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Gives tasks of a run, or without TASK the whole run, a state without running "
                 "anything. If a task is marked success or skipped, the tasks after it that failed "
                 "or could not start run again.",
        .examples = "pinion dag mark nightly RUN load --state success\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (options.state == NULL) {
        return pn_cli_usage(cli, "give --state success, failed or skipped");
    }
    struct pn_mark how = {
        .state = (enum pn_task_state)pn_task_state_parse(options.state),
        .tasks = (const char *const *)argv + 2,
        .task_count = (size_t)argc - 2,
        .who = "cli",
    };
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_change_run(cli, argc, argv, options.dry_run, &session, &run, &failure);
    if (rc == 0) {
        rc = mark(&session, &run, &how, &options, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

/* ---- delete ---------------------------------------------------------------------------------- */

static int delete_run(struct pn_dag_session *session, const struct pn_run *run, bool dry_run,
                      bool yes, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    struct pn_run_belongings belongings;
    int rc = pn_dag_run_belongings(session->db, cli->io, session->app->data, run, &session->arena,
                                   &belongings, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_belongings(run, &belongings, rows);
    pn_row_writer_end(&rows);
    if (dry_run) {
        return 0;
    }
    if (!yes && !pn_cli_confirm(cli, "Delete run %s of %s?", run->run_id, run->dag)) {
        return pn_err_input(e, "run %s was not deleted: answer y, or give --yes", run->run_id);
    }
    return pn_dag_run_delete(session->db, cli->io, session->app->data, run, "cli",
                             pn_wall_ms(cli->clock), &session->arena, e);
}

int pn_cmd_dag_delete(struct pn_cli *cli, int argc, char **argv)
{
    bool dry_run = false;
    bool yes = false;
    const struct pn_opt opts[] = {
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only show what would be removed",
         .target = &dry_run},
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "do not ask", .target = &yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG RUN",
        .operands_min = 2,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Deletes a run that is not running, with its tasks, attempts and logs."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_change_run(cli, argc, argv, dry_run, &session, &run, &failure);
    if (rc == 0) {
        rc = delete_run(&session, &run, dry_run, yes, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
