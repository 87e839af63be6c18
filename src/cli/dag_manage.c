/* pinion dag note, pause, unpause and audit: what people do to DAGs and runs, and who did it. */
#include "cli/dag.h"
#include "report/dags.h"

enum { LIMIT_DEFAULT = 25, LIMIT_MAX = 1000 };

int pn_cmd_dag_note(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "DAG RUN TEXT",
        .operands_min = 3,
        .operands_max = 3,
        .about = "Writes a note on a run, which replaces any previous one; \"\" removes it."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_change_run(cli, argc, argv, false, &session, &run, &failure);
    if (rc == 0) {
        rc = pn_dag_db_note(session.db, &run, argv[2], "cli", pn_wall_ms(cli->clock), &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int set_paused(struct pn_cli *cli, int argc, char **argv, bool paused, const char *about)
{
    const struct pn_syntax syntax = {
        .operands = "DAG", .operands_min = 1, .operands_max = 1, .about = about};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    bool changed = false;
    int rc = pn_cli_dag_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = pn_dag_db_pause(session.db, argv[0], paused, "cli", pn_wall_ms(cli->clock), &changed,
                             &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "%s is %s%s\n", argv[0], changed ? "" : "already ",
                      paused ? "paused" : "not paused");
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

int pn_cmd_dag_pause(struct pn_cli *cli, int argc, char **argv)
{
    return set_paused(cli, argc, argv, true,
                      "Stops creating runs for the DAG's schedule. Existing runs continue, and you "
                      "can still trigger runs by hand.");
}

int pn_cmd_dag_unpause(struct pn_cli *cli, int argc, char **argv)
{
    return set_paused(cli, argc, argv, false,
                      "Creates runs for the DAG's schedule again. Times that passed meanwhile get "
                      "a run if they are within the DAG's `catchup`.");
}

int pn_cmd_dag_audit(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIMIT_DEFAULT;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DAG [RUN]]",
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Lists who triggered, cancelled, cleared, paused or noted what, and when."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_audit *audits = NULL;
    size_t count = 0;
    int64_t next_id = 0;
    int rc = pn_cli_dag_look(cli, argc > 0 ? argv[0] : NULL, &session, &failure);
    if (rc == 0) {
        const struct pn_audit_filter filter = {
            .dag = argc > 0 ? argv[0] : NULL, .run_id = argc > 1 ? argv[1] : NULL, .limit = limit};
        rc = pn_dag_db_audits(session.db, &filter, &session.arena, &audits, &count, &next_id,
                              &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_audits(audits, count, rows);
        pn_row_writer_end(&rows);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
