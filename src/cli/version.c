/* pinion version: the versions of the program and of its libraries. */
#include <curl/curl.h>
#include <duckdb.h>
#include <libfyaml.h>
#include <microhttpd.h>
#include <sqlite3.h>

#include "cli/commands.h"
#include "report/row_writer.h"

struct part {
    const char *name;
    const char *version;
};

static void print_rows(struct pn_cli *cli, const struct part *parts, size_t count)
{
    static const struct pn_report_column columns[] = {{"name", PN_CELL_TEXT},
                                                      {"version", PN_CELL_TEXT}};
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(output, parts[i].name);
        pn_cell_cstr(output, parts[i].version);
    }
    pn_row_writer_end(&output);
}

int pn_cmd_version(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {.operands = NULL, .uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    const struct part parts[] = {
        {"pinion", PINION_VERSION},
        {"DuckDB", duckdb_library_version()},
        {"libmicrohttpd", MHD_get_version()},
        {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
        {"SQLite", sqlite3_libversion()},
        {"libfyaml", fy_library_version()},
    };
    size_t count = sizeof parts / sizeof *parts;
    if (cli->format != PN_FORMAT_TABLE) {
        print_rows(cli, parts, count);
        return PN_EXIT_OK;
    }
    fprintf(cli->out, "%s %s\n", parts[0].name, parts[0].version);
    for (size_t i = 1; i < count; i++) {
        fprintf(cli->out, "%s%s %s", i > 1 ? ", " : "", parts[i].name, parts[i].version);
    }
    fputc('\n', cli->out);
    return PN_EXIT_OK;
}
