/* pinion dag versions and definition: which definitions a DAG has had, what each says, and what has
 * changed from one to another. */
#include <inttypes.h>

#include "base/units.h"
#include "cli/dag.h"
#include "report/dags.h"
#include "report/line_diff.h"

enum { LIMIT_DEFAULT = 25, LIMIT_MAX = 1000 };

/* The definition as it is now is a version, as for the API. One who may not write the folder sees
 * the versions that are recorded. */
static int open_versions(struct pn_cli *cli, const char *dag, struct pn_dag_session *session,
                         struct pn_err *e)
{
    struct pn_dag_version now;
    struct pn_err ignored = {0};
    int rc = pn_cli_dag_look(cli, dag, session, e);
    if (rc == 0) {
        (void)!pn_dag_version_now(session->db, session->dag, pn_wall_ms(cli->clock), &now,
                                  &ignored);
    }
    return rc;
}

/* ---- versions -------------------------------------------------------------------------------- */

static int list_versions(struct pn_dag_session *session, const char *run_id, int64_t before,
                         int64_t limit, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    struct pn_dag_version *versions = NULL;
    struct pn_run run = {0};
    size_t count = 0;
    int rc = 0;
    if (run_id == NULL) {
        rc = pn_dag_versions_list(session->db, session->dag->name, before, limit + 1,
                                  &session->arena, &versions, &count, e);
    } else {
        rc = pn_dag_db_run(session->db, session->dag->name, run_id, &session->arena, &run, e);
        if (rc == 0) {
            rc = pn_dag_versions_of_run(session->db, &run, &session->arena, &versions, &count, e);
        }
    }
    if (rc != 0) {
        return rc;
    }
    bool is_more = run_id == NULL && (int64_t)count > limit;
    count -= is_more ? 1 : 0;
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_dag_versions(versions, count, rows);
    pn_row_writer_end(&rows);
    if (is_more && pn_format_is_for_people(cli->format)) {
        (void)fprintf(cli->err, "to see older versions, give --before %" PRId64 "\n",
                      versions[count - 1].number);
    }
    return 0;
}

int pn_cmd_dag_versions(struct pn_cli *cli, int argc, char **argv)
{
    const char *run_id = NULL;
    int64_t before = 0;
    int64_t limit = LIMIT_DEFAULT;
    const struct pn_opt opts[] = {{.name = "run",
                                   .kind = PN_OPT_STRING,
                                   .value = "RUN",
                                   .help = "show only the versions that this run had",
                                   .target = &run_id},
                                  {.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N versions, newest first (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = "before",
                                   .kind = PN_OPT_INT,
                                   .value = "VERSION",
                                   .help = "show only versions before this one",
                                   .target = &before,
                                   .min = 1,
                                   .max = INT64_MAX},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Lists the versions of a DAG's definition, newest first: a number for each, and"
                 " when it was first seen. A run has several if it was cleared after a change.",
        .examples = "pinion dag versions nightly\n"
                    "pinion dag versions nightly --run scheduled__2026-11-29T00:00:00.000Z\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = open_versions(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = list_versions(&session, run_id, before, limit, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

/* ---- definition ------------------------------------------------------------------------------ */

struct wanted {
    int64_t number; /* 0: the newest, or the run's */
    const char *run_id;
    bool diff;
    int64_t against; /* 0: the version before */
};

/* The number of the version that is meant. */
static int find_number(struct pn_dag_session *session, const struct wanted *wanted, int64_t *number,
                       struct pn_err *e)
{
    struct pn_run run = {0};
    struct pn_dag_version *newest = NULL;
    size_t count = 0;
    *number = wanted->number;
    if (wanted->number != 0) {
        return 0;
    }
    if (wanted->run_id == NULL) {
        int rc = pn_dag_versions_list(session->db, session->dag->name, 0, 1, &session->arena,
                                      &newest, &count, e);
        *number = count > 0 ? newest[0].number : 1;
        return rc;
    }
    int rc =
        pn_dag_db_run(session->db, session->dag->name, wanted->run_id, &session->arena, &run, e);
    if (rc == 0 && run.version == 0) {
        rc = pn_err_missing(e,
                            "run %s is older than the record of versions: `pinion dag versions"
                            " %s` lists them",
                            run.run_id, run.dag);
    }
    *number = run.version;
    return rc;
}

/* The number of the version before; 0: none is kept. */
static int find_before(struct pn_dag_session *session, int64_t number, int64_t *before,
                       struct pn_err *e)
{
    struct pn_dag_version *found = NULL;
    size_t count = 0;
    int rc = pn_dag_versions_list(session->db, session->dag->name, number, 1, &session->arena,
                                  &found, &count, e);
    *before = count > 0 ? found[0].number : 0;
    return rc;
}

static int read_text(struct pn_dag_session *session, int64_t number, struct pn_dag_version *version,
                     const char **text, struct pn_err *e)
{
    return pn_dag_version_read(session->db, session->dag->name, number, &session->arena, version,
                               text, e);
}

static int print_definition(struct pn_dag_session *session, int64_t number, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    struct pn_dag_version version = {0};
    const char *text = "";
    int64_t before = 0;
    int rc = read_text(session, number, &version, &text, e);
    if (rc == 0) {
        rc = find_before(session, number, &before, e);
    }
    if (rc == 0 && pn_format_is_for_people(cli->format)) {
        (void)fputs(text, cli->out);
    } else if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_dag_version(session->dag->name, &version, before, text, rows);
        pn_row_writer_end(&rows);
    }
    return rc;
}

static int print_diff(struct pn_dag_session *session, const struct wanted *wanted, int64_t number,
                      struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    const char *texts[2] = {"", ""};
    const char *names[2];
    struct pn_dag_version version = {0};
    int64_t from = wanted->against;
    int rc = from != 0 ? 0 : find_before(session, number, &from, e);
    for (int i = 0; rc == 0 && i < 2; i++) {
        int64_t one = i == 0 ? from : number;
        names[i] = one == 0 ? "nothing"
                            : pn_arena_printf(&session->arena, "%s version %" PRId64,
                                              session->dag->name, one);
        rc = one == 0 ? 0 : read_text(session, one, &version, &texts[i], e);
    }
    if (rc == 0 && pn_format_is_for_people(cli->format)) {
        pn_line_diff_print(names, texts[0], texts[1], cli->out);
    } else if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_line_diff(texts[0], texts[1], rows);
        pn_row_writer_end(&rows);
    }
    return rc;
}

int pn_cmd_dag_definition(struct pn_cli *cli, int argc, char **argv)
{
    struct wanted wanted = {0};
    const struct pn_opt opts[] = {
        {.name = "run",
         .kind = PN_OPT_STRING,
         .value = "RUN",
         .help = "the version that this run began with",
         .target = &wanted.run_id},
        {.name = "diff",
         .kind = PN_OPT_FLAG,
         .help = "show what is different from the version before",
         .target = &wanted.diff},
        {.name = "against",
         .kind = PN_OPT_INT,
         .value = "VERSION",
         .help = "with --diff: show what is different from this version instead",
         .target = &wanted.against,
         .min = 1,
         .max = INT64_MAX},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG [VERSION]",
        .operands_min = 1,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Shows a version of a DAG's definition (by default the newest): what pipeline.yml"
                 " said of the DAG, its pools and its tables, and their SQL.",
        .examples = "pinion dag definition nightly\n"
                    "pinion dag definition nightly --run manual__2026-11-29T08:00:00.000Z --diff\n"
                    "pinion dag definition nightly 7 --diff --against 4\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (argc > 1 && (pn_parse_i64(argv[1], &wanted.number, NULL) != 0 || wanted.number < 1)) {
        return pn_cli_usage(cli, "a version is a whole number from 1, not '%.40s'", argv[1]);
    }
    if (argc > 1 && wanted.run_id != NULL) {
        return pn_cli_usage(cli, "give a VERSION or --run, not both");
    }
    if (wanted.against != 0 && !wanted.diff) {
        return pn_cli_usage(cli, "--against needs --diff");
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int64_t number = 0;
    int rc = open_versions(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = find_number(&session, &wanted, &number, &failure);
    }
    if (rc == 0) {
        rc = wanted.diff ? print_diff(&session, &wanted, number, &failure)
                         : print_definition(&session, number, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
