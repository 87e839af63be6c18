/* The rows of a query on their way from the engine to a file, in the command's format. */
#ifndef PN_CLI_ANSWER_H
#define PN_CLI_ANSWER_H

#include "cli/cli.h"
#include "engine/embedded.h"

/* A SELECT, and as of when it reads its tables (of struct pn_ask; NULL: now). */
struct pn_cli_select {
    const char *sql;
    const char *at;
    bool for_import; /* of struct pn_ask */
};

/* Asks the engine and prints the answer to cli->out. */
int pn_cli_answer(struct pn_cli *cli, struct pn_embedded_engine *engine,
                  const struct pn_cli_select *select, struct pn_err *e) PN_MUST_CHECK;
/* What is asked about an answer without rows, before it is printed. An error takes its place. */
struct pn_cli_no_rows {
    int (*explain)(void *arg, struct pn_err *e);
    void *arg;
};
/* The same with the query's parameters, a JSON object or array (engine.h). */
int pn_cli_answer_with(struct pn_cli *cli, struct pn_embedded_engine *engine, const char *sql,
                       const char *parameters, const struct pn_cli_no_rows *no_rows,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
