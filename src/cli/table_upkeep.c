/* pinion table optimize and vacuum: fewer, larger files, and no dead ones. */
#include <inttypes.h>

#include "base/units.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "report/row_writer.h"
#include "server/stations.h"
#include "upkeep/upkeep.h"

#define TARGET_MIN ((int64_t)1 << 10)
#define TARGET_MAX ((int64_t)1 << 40)

/* A command at work. */
struct upkeep_run {
    struct pn_cli *cli;
    struct pn_row_writer *output; /* of the files; NULL: it has not begun */
    struct pn_progress progress;
    bool has_progress;
};

/* The list begins with its first file, or with the success: a command that fails before prints
 * nothing. */
static void begin_list(struct upkeep_run *run)
{
    static const struct pn_report_column columns[] = {{"path", PN_CELL_TEXT},
                                                      {"size_bytes", PN_CELL_INT}};
    if (run->output == NULL) {
        run->output = pn_cli_rows(run->cli);
        PN_ROWS_BEGIN(run->output, columns);
    }
}

static void print_file(void *arg, const char *path, int64_t size_bytes)
{
    struct upkeep_run *run = arg;
    begin_list(run);
    pn_cell_cstr(run->output, path);
    pn_cell_int(run->output, size_bytes);
}

static bool show_step(void *arg, int64_t done, int64_t total)
{
    struct upkeep_run *run = arg;
    if (!run->has_progress) {
        run->has_progress = true;
        pn_progress_start(&run->progress, run->cli->err, run->cli->quiet, run->cli->clock,
                          "merging", total > 0 ? total : 0);
    }
    run->progress.total = total > 0 ? total : 0;
    pn_progress_update(&run->progress, done);
    return true;
}

static void print_sum(const struct pn_cli *cli, const char *verb,
                      const struct pn_upkeep_result *result)
{
    if (pn_format_is_for_people(cli->format)) {
        (void)fprintf(cli->err, "%s %" PRId64 " %s, %" PRId64 " %s\n", verb, result->files,
                      pn_noun(result->files, "file", "files"), result->size_bytes,
                      pn_noun(result->size_bytes, "byte", "bytes"));
    }
}

static void print_counts(struct pn_cli *cli, const struct pn_upkeep_result *result)
{
    static const struct pn_report_column columns[] = {{"files_before", PN_CELL_INT},
                                                      {"files_after", PN_CELL_INT}};
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    pn_cell_int(output, result->files_before);
    pn_cell_int(output, result->files_after);
    pn_row_writer_end(&output);
}

/* --- optimize --------------------------------------------------------------------------------- */

static int optimize(struct pn_table_session *session, struct pn_upkeep *upkeep, struct pn_err *e)
{
    struct upkeep_run run = {.cli = session->cli};
    struct pn_upkeep_watch watch = {.arg = &run};
    struct pn_upkeep_result result = {0};
    struct pn_engine *engine = NULL;
    if (upkeep->target_bytes == 0) {
        upkeep->target_bytes = session->app->settings->delta.optimize_target_bytes;
    }
    if (upkeep->dry_run) {
        watch.file = print_file;
    } else {
        watch.step = show_step;
    }
    int rc = pn_app_open_batch_engine(session->app, session->store, NULL, NULL, &engine, e);
    if (rc == 0) {
        rc = pn_upkeep_run(engine, session->delta, upkeep, &watch, &result, e);
    }
    if (rc == 0 && upkeep->dry_run) {
        begin_list(&run);
    }
    pn_engine_destroy(&engine);
    pn_row_writer_end(&run.output);
    if (run.has_progress) {
        pn_progress_end(&run.progress, result.files);
    }
    if (rc == 0 && upkeep->dry_run) {
        print_sum(session->cli, "would merge", &result);
    } else if (rc == 0) {
        print_counts(session->cli, &result);
    }
    return rc;
}

int pn_cli_table_optimize(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_upkeep upkeep = {.kind = PN_UPKEEP_OPTIMIZE};
    const struct pn_opt opts[] = {
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only show which files would be merged",
         .target = &upkeep.dry_run},
        {.name = "target",
         .kind = PN_OPT_SIZE,
         .value = "SIZE",
         .help = "target size of the files (setting delta.optimize_target_bytes)",
         .target = &upkeep.target_bytes,
         .min = TARGET_MIN,
         .max = TARGET_MAX},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "TABLE",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT | PN_USES_QUIET,
        .about = "Merges files that are smaller than the target. It changes no rows, and readers "
                 "and writers can continue meanwhile. The old files stay until a vacuum."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    int rc = upkeep.dry_run ? pn_cli_table_open(cli, argv[0], &session, &failure)
                            : pn_cli_table_change(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = optimize(&session, &upkeep, &failure);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}

/* --- vacuum ----------------------------------------------------------------------------------- */

static int vacuum(struct pn_table_session *session, const struct pn_upkeep *upkeep,
                  struct pn_err *e)
{
    struct upkeep_run run = {.cli = session->cli};
    struct pn_upkeep_watch watch = {.arg = &run};
    struct pn_upkeep_result result;
    watch.file = print_file;
    int rc = pn_upkeep_run(&session->engine->batch, session->delta, upkeep, &watch, &result, e);
    if (rc == 0) {
        begin_list(&run);
    }
    pn_row_writer_end(&run.output);
    if (rc == 0) {
        print_sum(session->cli, upkeep->dry_run ? "would delete" : "deleted", &result);
    }
    return rc;
}

int pn_cli_table_vacuum(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_upkeep upkeep = {.kind = PN_UPKEEP_VACUUM, .retention_ms = -1};
    const struct pn_opt opts[] = {
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only show what would be deleted",
         .target = &upkeep.dry_run},
        {.name = "retain",
         .kind = PN_OPT_DURATION,
         .value = "DURATION",
         .help =
             "keep files that were removed less than this time ago (the table's own retention, 7d)",
         .target = &upkeep.retention_ms},
        {.name = "force",
         .kind = PN_OPT_FLAG,
         .help = "allow a DURATION shorter than the table's own retention",
         .target = &upkeep.force},
        {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "TABLE",
                                     .operands_min = 1,
                                     .operands_max = 1,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT,
                                     .about =
                                         "Deletes data files that no version within the retention "
                                         "needs. Older versions can then no longer be read.",
                                     .examples = "pinion table vacuum pin --dry-run\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    int rc = upkeep.dry_run ? pn_cli_table_open(cli, argv[0], &session, &failure)
                            : pn_cli_table_change(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = vacuum(&session, &upkeep, &failure);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}
