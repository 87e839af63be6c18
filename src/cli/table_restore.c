/* pinion table restore: a table as it was in an older version. */
#include <inttypes.h>

#include "base/units.h"
#include "cli/table.h"
#include "engine/imported.h"
#include "engine/incremental.h"
#include "report/row_writer.h"

struct restore_opts {
    const char *to;
    bool dry_run;
    bool yes;
};

static void print_change(struct pn_cli *cli, const char *name, int64_t version,
                         const struct pn_delta_restored *change)
{
    static const struct pn_report_column columns[] = {{"table", PN_CELL_TEXT},
                                                      {"from", PN_CELL_INT},
                                                      {"to", PN_CELL_INT},
                                                      {"version", PN_CELL_INT},
                                                      {"files_added", PN_CELL_INT},
                                                      {"files_removed", PN_CELL_INT},
                                                      {"rows_before", PN_CELL_INT},
                                                      {"rows_after", PN_CELL_INT},
                                                      {"changes_columns", PN_CELL_BOOL}};
    const int64_t counts[] = {change->from,          version,
                              change->version,       change->files_added,
                              change->files_removed, change->rows_before,
                              change->rows_after};
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    pn_cell_cstr(output, name);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        pn_cell_known(output, counts[i]);
    }
    pn_cell_bool(output, change->changes_metadata);
    pn_row_writer_end(&output);
}

static bool is_change(const struct pn_delta_restored *change)
{
    return change->files_added > 0 || change->files_removed > 0 || change->changes_metadata;
}

static void tell_imported(const struct pn_imported_restore *imported, FILE *err)
{
    if (imported->unsure > 0) {
        (void)fprintf(err,
                      "Of %zu imported %s the log does not say any more whether that version has "
                      "the rows: `pinion import` names %s.\n",
                      imported->unsure, pn_noun((int64_t)imported->unsure, "file", "files"),
                      pn_noun((int64_t)imported->unsure, "it", "them"));
    }
    if (imported->left > 0) {
        (void)fprintf(err, "The rows of %zu imported %s: %s can be imported again.\n",
                      imported->left, pn_noun((int64_t)imported->left, "file leave", "files leave"),
                      pn_noun((int64_t)imported->left, "it", "they"));
    }
    if (imported->back > 0) {
        (void)fprintf(err, "The rows of %zu imported %s back.\n", imported->back,
                      pn_noun((int64_t)imported->back, "file come", "files come"));
    }
}

/* Another program has restored the table to that version. */
static void tell_settled(const char *name, int64_t version,
                         const struct pn_imported_restore *imported, FILE *err)
{
    (void)fprintf(err, "%s is as it was in version %" PRId64 " already", name, version);
    if (imported->settled > 0) {
        (void)fprintf(err, ", by another program: which rows of %zu imported %s it has, is settled",
                      imported->settled, pn_noun((int64_t)imported->settled, "file", "files"));
    } else if (imported->unsure > 0) {
        (void)fprintf(err,
                      ". The log does not say whether it has the rows of %zu imported %s: `pinion "
                      "import` names %s. Where another program has restored the table, restore it "
                      "to the version that this one named",
                      imported->unsure, pn_noun((int64_t)imported->unsure, "file", "files"),
                      pn_noun((int64_t)imported->unsure, "it", "them"));
    }
    (void)fputs("\n", err);
}

/* What the next run or a running stream makes of the table. */
static void tell_progress(const struct pn_table_session *session,
                          const struct pn_imported_restore *imported)
{
    const struct pn_table *table = session->table;
    FILE *err = session->cli->err;
    if (table == NULL || !pn_format_is_for_people(session->cli->format)) {
        return;
    }
    if (table->like != NULL || table->mode != PN_MODE_OVERWRITE) {
        (void)fputs("Its positions stay: what came after that version is not taken again, and new "
                    "records are added as before.\n",
                    err);
    } else {
        (void)fputs("Its next run makes the table from all records or rows again.\n", err);
    }
    tell_imported(imported, err);
}

static int confirm(struct pn_table_session *session, const char *name, int64_t version,
                   const struct pn_delta_restored *change, struct pn_err *e)
{
    return pn_cli_confirm(session->cli,
                          "Restore %s to version %" PRId64 ": %" PRId64 " %s back, %" PRId64 " %s?",
                          name, version, change->files_added,
                          pn_noun(change->files_added, "file comes", "files come"),
                          change->files_removed,
                          pn_noun(change->files_removed, "file leaves", "files leave"))
               ? 0
               : pn_err_input(e, "the table %s was not restored: answer y, or give --yes", name);
}

static int restore(struct pn_table_session *session, const char *name,
                   const struct restore_opts *opts, struct pn_err *e)
{
    struct pn_delta_moment moment;
    struct pn_delta_restored change = {.version = -1};
    struct pn_imported_restore imported = {.clock = session->cli->clock};
    const struct pn_delta_restore_with with = {
        .marking_app = PN_INCREMENTAL_SINCE, .txns = pn_imported_restore_txns, .arg = &imported};
    int rc = pn_delta_moment_parse(opts->to, &moment, e);
    if (rc == 0) {
        rc = pn_delta_snapshot_of(session->delta, &moment, &session->snapshot, e);
    }
    int64_t version = rc == 0 ? session->snapshot->version : -1;
    if (rc == 0) {
        rc = pn_delta_restore(session->delta, version, &with, NULL, true, &change, e);
    }
    if (rc == 0 && (is_change(&change) || imported.settled > 0) && !opts->dry_run) {
        if (is_change(&change) && !opts->yes) {
            rc = confirm(session, name, version, &change, e);
        }
        if (rc == 0) {
            const int64_t shown = change.from;
            rc = pn_delta_restore(session->delta, version, &with, opts->yes ? NULL : &shown, false,
                                  &change, e);
        }
    }
    if (rc == 0) {
        print_change(session->cli, name, version, &change);
    }
    if (rc == 0 && is_change(&change)) {
        tell_progress(session, &imported);
    } else if (rc == 0 && pn_format_is_for_people(session->cli->format)) {
        tell_settled(name, version, &imported, session->cli->err);
    }
    return rc;
}

int pn_cli_table_restore(struct pn_cli *cli, int argc, char **argv)
{
    struct restore_opts restoring = {.to = NULL};
    const struct pn_opt opts[] = {
        {.name = "to",
         .kind = PN_OPT_STRING,
         .value = "VERSION|TIME",
         .help = "the version, or the time (ISO 8601; a day means its start in UTC), that the "
                 "table goes back to",
         .target = &restoring.to},
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only show what would change",
         .target = &restoring.dry_run},
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "do not ask", .target = &restoring.yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "TABLE",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about =
            "Makes a table what it was in an older version, by a new commit: the versions in "
            "between stay readable. The columns go back, too. It is refused when a vacuum has "
            "deleted files of that version. Positions do not go back: what an incremental table "
            "or a stream has brought into the table after that version is not taken again, and "
            "new records are added as before. A table that each run overwrites is restored until "
            "its next run.",
        .examples = "pinion table restore pin --to 3\n"
                    "pinion table restore pin --to 2026-11-23T15:00 --dry-run\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (restoring.to == NULL) {
        return pn_cli_usage(cli, "give --to, a version or a time");
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    int rc = restoring.dry_run ? pn_cli_table_open(cli, argv[0], &session, &failure)
                               : pn_cli_table_change(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = restore(&session, argv[0], &restoring, &failure);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}
