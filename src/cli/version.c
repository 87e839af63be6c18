/* pinion version: the versions of the program and of its libraries. */
#include <curl/curl.h>
#include <duckdb.h>
#include <libfyaml.h>
#include <microhttpd.h>
#include <sqlite3.h>

#include "cli/commands.h"

int pn_cmd_version(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {.operands = NULL};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    fprintf(cli->out,
            "pinion " PINION_VERSION "\n"
            "DuckDB %s, libmicrohttpd %s, libcurl %s, SQLite %s, libfyaml %s\n",
            duckdb_library_version(), MHD_get_version(),
            curl_version_info(CURLVERSION_NOW)->version, sqlite3_libversion(),
            fy_library_version());
    return PN_EXIT_OK;
}
