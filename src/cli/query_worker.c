/* pinion query-worker: the process of one query, as a server's executor starts it. */
#include "server/query_worker.h"
#include "cli/commands.h"
#include "query/worker.h"

int pn_cmd_query_worker(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "FOLDER",
        .operands_min = 1,
        .operands_max = 1,
        .about = "Runs one query for a server, which starts this process and talks to it through"
                 " its standard input and output."};
    struct pn_err e;
    const struct pn_app *app = NULL;
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    int rc = pn_cli_app(cli, &app, &e);
    if (rc == 0) {
        rc = pn_app_run_query_worker(cli->app, argv[0], &e);
    } else if (pn_query_worker_refuse(fileno(cli->out), &e, NULL) == 0) {
        return PN_EXIT_FAILED;
    }
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
