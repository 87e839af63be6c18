/* One query of a command, from the store to where its result goes. */
#ifndef PN_CLI_QUERY_ASK_H
#define PN_CLI_QUERY_ASK_H

#include "cli/answer_output.h"

struct pn_cli_question {
    struct pn_cli_select select;
    int64_t timeout_ms; /* 0: none */
    struct pn_answer_output output;
};

/* Opens store and engine, asks, and writes the answer. A signal or the time limit ends the query;
 * then this process ends as the signal ends one. */
int pn_cli_ask(struct pn_cli *cli, const struct pn_app *app, const struct pn_cli_question *question,
               struct pn_err *e) PN_MUST_CHECK;

#endif
