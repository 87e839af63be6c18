/* pinion dead-letters drop: letters that nobody will mend. */
#include <inttypes.h>

#include "base/units.h"
#include "cli/dead_letters.h"
#include "cli/table.h"
#include "report/dead_letters.h"
#include "upkeep/letter_drop.h"

enum { IDS_BYTES_MAX = 64 * 1024 };

struct drop_opts {
    struct pn_dead_letters_wanted wanted;
    bool all;
    bool dry_run;
    bool yes;
};

static void print_count(struct pn_cli *cli, int64_t count, bool dry_run)
{
    static const struct pn_report_column columns[] = {{"letters", PN_CELL_INT},
                                                      {"dropped", PN_CELL_BOOL}};
    struct pn_row_writer *rows = pn_cli_rows(cli);
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_int(rows, count);
    pn_cell_bool(rows, !dry_run && count > 0);
    pn_row_writer_end(&rows);
}

static int confirm(struct pn_cli *cli, int64_t count, struct pn_err *e)
{
    return pn_cli_confirm(cli, "Drop %" PRId64 " dead %s? Loads do not bring them back", count,
                          pn_noun(count, "letter", "letters"))
               ? 0
               : pn_err_input(e, "no dead letter was dropped: answer y, or give --yes");
}

/* Counts them, asks, and drops them: those that were counted, not what has come meanwhile. */
static int drop(struct pn_table_session *session, const struct drop_opts *opts, int64_t *count,
                struct pn_err *e)
{
    struct pn_letters_query query = {0};
    int rc = pn_report_dead_letter_ids(&session->source, &opts->wanted, &session->arena, &query, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_letter_choice choice = {.sql = query.sql, .parameters = query.parameters};
    struct pn_chosen_letters *chosen = NULL;
    rc = pn_upkeep_choose_letters(session->engine, &choice, &chosen, e);
    *count = rc == 0 ? pn_chosen_letters_count(chosen) : 0;
    if (rc == 0 && *count > 0 && !opts->dry_run && !opts->yes) {
        rc = confirm(session->cli, *count, e);
    }
    if (rc == 0 && *count > 0 && !opts->dry_run) {
        rc = pn_upkeep_drop_letters(session->engine, chosen, e);
    }
    pn_chosen_letters_destroy(&chosen);
    return rc;
}

static int run_drop(struct pn_cli *cli, const struct drop_opts *opts)
{
    struct pn_err failure = {0};
    struct pn_table_session session;
    int64_t count = 0;
    int rc = opts->dry_run ? pn_cli_table_open(cli, NULL, &session, &failure)
                           : pn_cli_table_change(cli, NULL, &session, &failure);
    if (rc == 0) {
        rc = drop(&session, opts, &count, &failure);
    }
    if (rc == 0 && count == 0) {
        rc = pn_cli_no_letters(session.pipeline, opts->wanted.ids, opts->wanted.table, &failure);
    }
    if (rc == 0) {
        print_count(cli, count, opts->dry_run);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}

int pn_cli_dead_letters_drop(struct pn_cli *cli, int argc, char **argv)
{
    struct drop_opts drop = {.all = false};
    const struct pn_opt opts[] = {
        {.name = "table",
         .kind = PN_OPT_STRING,
         .value = "TABLE",
         .help = "drop the letters of this table",
         .target = &drop.wanted.table},
        {.name = "topic",
         .kind = PN_OPT_STRING,
         .value = "NAME",
         .help = "drop the letters that came from this topic or stream",
         .target = &drop.wanted.origin},
        {.name = "reason",
         .kind = PN_OPT_STRING,
         .value = "TEXT",
         .help = "drop the letters whose reason contains TEXT",
         .target = &drop.wanted.reason},
        {.name = "all", .kind = PN_OPT_FLAG, .help = "drop every letter", .target = &drop.all},
        {.name = "limit",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "drop at most N of these letters, the oldest (all, if they are at most 1000000)",
         .target = &drop.wanted.limit,
         .min = 1,
         .max = PN_LETTERS_DROP_MAX},
        {.name = "dry-run",
         .kind = PN_OPT_FLAG,
         .help = "only count them",
         .target = &drop.dry_run},
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "do not ask", .target = &drop.yes},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[ID...]",
        .operands_max = 100,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Takes dead letters out of their table, and remembers it: a load that finds the "
                 "same record again does not write its letter again. Letters that fit all of "
                 "--table, --topic and --reason are dropped. The records themselves stay where "
                 "they are; a letter that was dropped cannot be resent.",
        .examples = "pinion dead-letters drop 0f3a...\n"
                    "pinion dead-letters drop --table pin --reason 'out of range' --yes\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    bool filtered = drop.wanted.table != NULL || drop.wanted.origin != NULL ||
                    drop.wanted.reason != NULL || drop.all;
    if ((argc > 0) == filtered) {
        return pn_cli_usage(cli, "give either IDs, or --table, --topic, --reason or --all");
    }
    struct pn_buf ids;
    pn_buf_init(&ids, IDS_BYTES_MAX);
    for (int i = 0; i < argc; i++) {
        pn_buf_addf(&ids, "%s%s", i == 0 ? "" : ",", argv[i]);
    }
    drop.wanted.ids = argc > 0 ? pn_buf_text(&ids) : NULL;
    status = pn_buf_failed(&ids)
                 ? pn_cli_usage(cli, "an ID has %d characters", PN_LETTER_ID_SIZE - 1)
                 : run_drop(cli, &drop);
    pn_buf_deinit(&ids);
    return status;
}
