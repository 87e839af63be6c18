/* pinion table optimize and vacuum: fewer, larger files, and no dead ones. */
#include <inttypes.h>

#include "base/units.h"
#include "cli/table.h"
#include "report/row_writer.h"
#include "server/stations.h"

#define TARGET_MIN ((int64_t)1 << 10)
#define TARGET_MAX ((int64_t)1 << 40)

int pn_cli_table_optimize(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {{"files_before", PN_CELL_INT},
                                                      {"files_after", PN_CELL_INT}};
    int64_t target_bytes = 0;
    const struct pn_opt opts[] = {
        {.name = "target",
         .kind = PN_OPT_SIZE,
         .value = "SIZE",
         .help = "target size of the files (setting delta.optimize_target_bytes)",
         .target = &target_bytes,
         .min = TARGET_MIN,
         .max = TARGET_MAX},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "TABLE",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Merges files that are smaller than the target. It changes no rows, and readers "
                 "and writers can continue meanwhile. The old files stay until a vacuum."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    struct pn_engine *engine = NULL;
    int64_t before = 0;
    int64_t after = 0;
    int rc = pn_cli_table_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = pn_app_open_batch_engine(session.app, session.store, &engine, &failure);
    }
    if (rc == 0) {
        target_bytes =
            target_bytes != 0 ? target_bytes : session.app->settings->delta.optimize_target_bytes;
        rc = pn_engine_optimize(engine, pn_delta_path(session.delta), target_bytes, &before, &after,
                                &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *output = pn_cli_rows(cli);
        PN_ROWS_BEGIN(output, columns);
        pn_cell_int(output, before);
        pn_cell_int(output, after);
        pn_row_writer_end(&output);
    }
    pn_engine_destroy(&engine);
    return pn_cli_table_finish(&session, rc, &failure);
}

/* --- vacuum ----------------------------------------------------------------------------------- */

struct swept {
    struct pn_row_writer *output;
    int64_t files;
    int64_t size_bytes;
};

static void print_file(void *arg, const char *path, int64_t size_bytes)
{
    struct swept *swept = arg;
    pn_cell_cstr(swept->output, path);
    pn_cell_int(swept->output, size_bytes);
    swept->files++;
    swept->size_bytes += size_bytes;
}

/* What the table keeps is kept, unless the user insists. */
static int choose_retention(struct pn_table_session *session, bool force, int64_t *retention_ms,
                            struct pn_err *e)
{
    int rc = pn_delta_snapshot(session->delta, -1, &session->snapshot, e);
    if (rc != 0) {
        return rc;
    }
    int64_t own_ms = pn_delta_retention_ms(session->delta, session->snapshot);
    if (*retention_ms < 0) {
        *retention_ms = own_ms;
    }
    if (*retention_ms < own_ms && !force) {
        char asked[PN_UNITS_SIZE];
        char own[PN_UNITS_SIZE];
        return pn_err_input(e,
                            "%s keeps removed files for %s; with %s, running queries and writers "
                            "could lose files that they use. To do it nevertheless, give --force",
                            pn_delta_path(session->delta), pn_format_duration(own_ms, own),
                            pn_format_duration(*retention_ms, asked));
    }
    return 0;
}

int pn_cli_table_vacuum(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {{"path", PN_CELL_TEXT},
                                                      {"size_bytes", PN_CELL_INT}};
    int64_t retention_ms = -1;
    bool dry_run = false;
    bool force = false;
    const struct pn_opt opts[] = {
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only show what would be deleted",
         .target = &dry_run},
        {.name = "retain",
         .kind = PN_OPT_DURATION,
         .value = "DURATION",
         .help =
             "keep files that were removed less than this time ago (the table's own retention, 7d)",
         .target = &retention_ms},
        {.name = "force",
         .kind = PN_OPT_FLAG,
         .help = "allow a DURATION shorter than the table's own retention",
         .target = &force},
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
    struct swept swept = {0};
    int rc = pn_cli_table_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = choose_retention(&session, force, &retention_ms, &failure);
    }
    if (rc == 0) {
        swept.output = pn_cli_rows(cli);
        PN_ROWS_BEGIN(swept.output, columns);
        rc = pn_delta_vacuum(session.delta, retention_ms, dry_run, print_file, &swept, &failure);
        pn_row_writer_end(&swept.output);
    }
    if (rc == 0 && pn_format_is_for_people(cli->format)) {
        (void)fprintf(cli->err, "%s %" PRId64 " %s, %" PRId64 " bytes\n",
                      dry_run ? "would delete" : "deleted", swept.files,
                      pn_noun(swept.files, "file", "files"), swept.size_bytes);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}
