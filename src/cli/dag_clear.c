/* pinion dag clear: tasks of a run that run again, after a look at what that would be. */
#include "base/units.h"
#include "cli/dag.h"
#include "dag/rerun.h"
#include "report/dags.h"

struct clear_options {
    bool failed;
    bool after;
    bool all;
    bool dry_run;
    bool yes;
};

static void print_list(struct pn_cli *cli, const struct pn_run *run, const char *const *names,
                       size_t count)
{
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_cleared(run, names, count, rows);
    pn_row_writer_end(&rows);
}

/* Always looks first, and shows what it saw before it asks. */
static int clear(struct pn_dag_session *session, const struct pn_run *run, struct pn_clear *how,
                 const struct clear_options *options, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    const char **names = NULL;
    size_t count = 0;
    int64_t now_ms = pn_wall_ms(cli->clock);
    how->dry_run = true;
    int rc = pn_dag_db_clear(session->db, session->dag, run, how, now_ms, &session->arena, &names,
                             &count, e);
    if (rc != 0) {
        return rc;
    }
    if (options->dry_run) {
        print_list(cli, run, names, count);
        return 0;
    }
    if (!options->yes) {
        print_list(cli, run, names, count);
        if (!pn_cli_confirm(cli, "Run %s %zu %s of %s again?",
                            pn_noun((int64_t)count, "this", "these"), count,
                            pn_noun((int64_t)count, "task", "tasks"), run->run_id)) {
            return pn_err_input(e, "nothing was cleared: answer y, or give --yes");
        }
    }
    how->dry_run = false;
    rc = pn_dag_db_clear(session->db, session->dag, run, how, now_ms, &session->arena, &names,
                         &count, e);
    if (rc == 0 && options->yes) {
        print_list(cli, run, names, count);
    }
    return rc;
}

int pn_cmd_dag_clear(struct pn_cli *cli, int argc, char **argv)
{
    struct clear_options options = {0};
    const struct pn_opt opts[] = {
        {.name = "after",
         .kind = PN_OPT_FLAG,
         .help = "also clear all tasks that come after them",
         .target = &options.after},
        {.name = "failed",
         .kind = PN_OPT_FLAG,
         .help = "clear the tasks that failed, or could not start because of a failure",
         .target = &options.failed},
        {.name = "all", .kind = PN_OPT_FLAG, .help = "all tasks", .target = &options.all},
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only list the tasks that would run",
         .target = &options.dry_run},
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "do not ask", .target = &options.yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG RUN [TASK...]",
        .operands_min = 2,
        .operands_max = PN_OPT_LIST_MAX,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Runs tasks of a run again: the named tasks, or those that an option selects. It "
                 "lists them and asks first. Attempt numbers continue, and the old logs stay.",
        .examples = "pinion dag clear nightly manual__2026-01-31T06:00:00.000Z --failed\n"
                    "pinion dag clear nightly RUN load --after --dry-run\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    bool named = argc > 2;
    if (options.failed + options.all + named != 1 || (options.after && !named)) {
        return pn_cli_usage(cli, "name the tasks (with --after, all that follow), or give one of"
                                 " --failed and --all");
    }
    struct pn_clear how = {
        .scope = options.failed  ? PN_CLEAR_FAILED
                 : options.all   ? PN_CLEAR_ALL
                 : options.after ? PN_CLEAR_AFTER
                                 : PN_CLEAR_TASKS,
        .tasks = (const char *const *)argv + 2,
        .task_count = (size_t)argc - 2,
        .who = "cli",
    };
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_change_run(cli, argc, argv, options.dry_run, &session, &run, &failure);
    if (rc == 0) {
        rc = clear(&session, &run, &how, &options, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
