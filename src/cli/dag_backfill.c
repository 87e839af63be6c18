/* pinion dag backfill: runs of a schedule's times in a range. */
#include <inttypes.h>
#include <string.h>

#include "base/time_text.h"
#include "base/units.h"
#include "cli/dag.h"
#include "dag/rerun.h"
#include "report/dags.h"

enum { LIMIT_DEFAULT = 25, LIMIT_MAX = 1000, ACTIVE_RUNS_MAX = 100 };

struct create_options {
    const char *from;
    const char *to;
    const char *reprocess;
    const char *token;
    bool dry_run;
    bool yes;
};

static void print_plan(struct pn_cli *cli, const struct pn_backfill_plan *plan)
{
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_backfill_plan(plan, rows);
    pn_row_writer_end(&rows);
    if (pn_format_is_for_people(cli->format)) {
        (void)fprintf(cli->err,
                      "%zu of %zu times would run; --token %s creates exactly these runs\n",
                      plan->runs, plan->count, plan->token);
    }
}

/* Without a token it makes what it has just shown. */
static int create(struct pn_dag_session *session, struct pn_backfill_plan *plan,
                  const struct create_options *options, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    int64_t now_ms = pn_wall_ms(cli->clock);
    int rc = pn_dag_db_backfill_plan(session->db, session->dag, plan, now_ms, &session->arena, e);
    if (rc != 0) {
        return rc;
    }
    const char *left_out = pn_backfill_left_out(session->dag, plan, &session->arena);
    if (left_out != NULL) {
        (void)fprintf(cli->err, "pinion: left out: %s\n", left_out);
    }
    if (options->dry_run) {
        print_plan(cli, plan);
        return 0;
    }
    const char *token = options->token;
    if (token == NULL) {
        token = pn_arena_strdup(&session->arena, plan->token);
    }
    int64_t runs = (int64_t)plan->runs;
    if (!options->yes) {
        print_plan(cli, plan);
        if (!pn_cli_confirm(cli, "Create %s %zu %s of %s?", pn_noun(runs, "this", "these"),
                            plan->runs, pn_noun(runs, "run", "runs"), session->dag->name)) {
            return pn_err_input(e, "no backfill was created: answer y, or give --yes");
        }
    }
    int64_t id = 0;
    rc = pn_dag_db_backfill_create(session->db, session->dag, plan, token, "cli",
                                   pn_wall_ms(cli->clock), &session->arena, &id, e);
    if (rc == 0) {
        (void)fprintf(cli->out, "backfill %" PRId64 ": %zu %s\n", id, plan->runs,
                      pn_noun(runs, "run", "runs"));
    }
    return rc;
}

static int parse_plan(const struct pn_dag *dag, const struct create_options *options,
                      struct pn_backfill_plan *plan, struct pn_err *e)
{
    int64_t unused_ms = 0;
    int rc = pn_cli_dag_time(dag, "from", options->from, &plan->from_ms, &unused_ms, e);
    if (rc == 0) {
        rc = pn_cli_dag_time(dag, "to", options->to, &unused_ms, &plan->to_ms, e);
    }
    if (rc == 0 && plan->to_ms < plan->from_ms) {
        rc = pn_err_input(e, "--to %s is before --from %s: exchange them", options->to,
                          options->from);
    }
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; options->reprocess != NULL && i < PN_REPROCESSES; i++) {
        if (strcmp(options->reprocess, pn_reprocess_names[i]) == 0) {
            plan->reprocess = (enum pn_reprocess)i;
        }
    }
    return 0;
}

static int cmd_create(struct pn_cli *cli, int argc, char **argv)
{
    struct create_options options = {0};
    struct pn_backfill_plan plan = {.active_runs_max = 1};
    const struct pn_opt opts[] = {
        {.name = "from",
         .kind = PN_OPT_STRING,
         .value = "TIME",
         .help = "the first time of the range; a day begins as the DAG's time zone has it",
         .target = &options.from},
        {.name = "to",
         .kind = PN_OPT_STRING,
         .value = "TIME",
         .help = "the last time of the range; a day is included to its end",
         .target = &options.to},
        {.name = "reprocess",
         .kind = PN_OPT_CHOICE,
         .value = "RUNS",
         .choices = "none|failed|completed",
         .help = "which existing runs to run again (none)",
         .target = &options.reprocess},
        {.name = "active-runs",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "number of its runs at once, within the DAG's limit (1)",
         .target = &plan.active_runs_max,
         .min = 1,
         .max = ACTIVE_RUNS_MAX},
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only list the times, and what would happen to each",
         .target = &options.dry_run},
        {.name = "token",
         .kind = PN_OPT_STRING,
         .value = "TOKEN",
         .help = "the token of a dry run: fail if the list has changed since then",
         .target = &options.token},
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "do not ask", .target = &options.yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Creates a run for each time of the DAG's schedule in a range that has no run. It "
                 "lists the runs and asks first. Times outside the DAG's start and end get no "
                 "run. The schedule makes the runs of times to come.",
        .examples = "pinion dag backfill create nightly --from 2026-01-01 --to 2026-01-31\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = options.dry_run ? pn_cli_dag_look(cli, argv[0], &session, &failure)
                             : pn_cli_dag_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = parse_plan(session.dag, &options, &plan, &failure);
    }
    if (rc == 0) {
        rc = create(&session, &plan, &options, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIMIT_DEFAULT;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N, newest first (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DAG]", .operands_max = 1, .opts = opts, .uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_backfill *backfills = NULL;
    size_t count = 0;
    int rc = pn_cli_dag_look(cli, argc > 0 ? argv[0] : NULL, &session, &failure);
    if (rc == 0) {
        rc = pn_dag_db_backfills(session.db, argc > 0 ? argv[0] : NULL, 0, limit, &session.arena,
                                 &backfills, &count, &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_backfills(backfills, count, rows);
        pn_row_writer_end(&rows);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int act(struct pn_cli *cli, int argc, char **argv, enum pn_backfill_act act,
               const char *about, const char *done)
{
    const struct pn_syntax syntax = {
        .operands = "ID", .operands_min = 1, .operands_max = 1, .about = about};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int64_t id = 0;
    int rc = pn_cli_dag_open(cli, NULL, &session, &failure);
    if (rc == 0) {
        rc = pn_parse_i64(argv[0], &id, &failure);
    }
    if (rc == 0) {
        rc = pn_dag_db_backfill_act(session.db, id, act, "cli", pn_wall_ms(cli->clock),
                                    &session.arena, &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "backfill %" PRId64 " is %s\n", id, done);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int cmd_pause(struct pn_cli *cli, int argc, char **argv)
{
    return act(cli, argc, argv, PN_BACKFILL_PAUSE,
               "Starts no more runs of the backfill; running ones continue.", "paused");
}

static int cmd_unpause(struct pn_cli *cli, int argc, char **argv)
{
    return act(cli, argc, argv, PN_BACKFILL_UNPAUSE, "Resumes the backfill: its runs start again.",
               "running");
}

static int cmd_cancel(struct pn_cli *cli, int argc, char **argv)
{
    return act(cli, argc, argv, PN_BACKFILL_CANCEL,
               "Cancels the waiting and the running runs of the backfill.", "cancelled");
}

int pn_cmd_dag_backfill(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"create", "create runs for a range of time", cmd_create},
        {"list", "list backfills and their progress", cmd_list},
        {"pause", "pause a backfill", cmd_pause},
        {"unpause", "resume a backfill", cmd_unpause},
        {"cancel", "cancel a backfill's runs", cmd_cancel},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
