/* pinion version: what the program is, and how it was built. */
#include "cli/commands.h"
#include "report/build.h"

void pn_version_from(const char *commit, bool is_modified)
{
    pn_build_from(commit, is_modified);
}

int pn_cmd_version(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = NULL,
        .uses = PN_USES_FORMAT,
        .about = "Shows the version of the program, the commit, the compiler and the kind of "
                 "build, and the versions of the libraries that it runs with."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (cli->format == PN_FORMAT_TABLE) {
        pn_build_print(cli->out);
        return PN_EXIT_OK;
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_build(rows);
    pn_row_writer_end(&rows);
    return PN_EXIT_OK;
}
