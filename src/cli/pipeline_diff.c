/* `pinion pipeline diff`: what a changed pipeline.yml will do to the tables. */
#include "cli/pipeline.h"

#include "cli/table.h"
#include "report/pipeline_diff.h"

int pn_cli_pipeline_diff(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "[DIR]",
        .operands_max = 1,
        .uses = PN_USES_FORMAT,
        .about =
            "Compares the tables of pipeline.yml with those of the data folder, and shows what "
            "the next run or the stream will do about each difference: whether a table is "
            "overwritten, made afresh, or gets a column, and what is refused. Tables that pinion "
            "made and that pipeline.yml does not have any more are listed, too: nothing deletes "
            "them. Only logs of tables are read, and nothing changes.",
        .examples = "pinion pipeline diff my-pipeline\n"
                    "pinion pipeline diff --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (argc == 1) {
        cli->pipeline_folder = argv[0];
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    int64_t count = 0;
    bool is_cut = false;
    int rc = pn_cli_table_open(cli, NULL, &session, &failure);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        rc = pn_report_pipeline_diff(&session.source, rows, &is_cut, &failure);
        count = pn_row_writer_count(rows);
        pn_row_writer_close(&rows, rc);
    }
    if (rc == 0 && count == 0 && pn_format_is_for_people(cli->format)) {
        (void)fprintf(cli->err, "no table will change\n");
    }
    if (rc == 0 && is_cut) {
        (void)fprintf(cli->err,
                      "the search for tables that pipeline.yml does not declare ended at one "
                      "of its limits: there may be more of them\n");
    }
    return pn_cli_table_finish(&session, rc, &failure);
}
