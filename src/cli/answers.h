/*
 * The answers of several queries, printed in the order of the queries, while the engine may answer
 * some of them at the same time. What comes before its turn waits in memory; an answer that is
 * large waits for its turn instead.
 */
#ifndef PN_CLI_ANSWERS_H
#define PN_CLI_ANSWERS_H

#include "cli/cli.h"
#include "engine/embedded.h"

struct pn_cli_answers {
    const struct pn_query *queries;
    size_t count;
    int64_t rows_max; /* of each; further ones are counted, not printed */
    /* What stands before an answer: called for each in their order, before any is asked. */
    void (*add_head)(void *arg, const struct pn_query *query, struct pn_buf *text);
    /* What stands behind one of which `more` rows were not printed. NULL: nothing. Any thread. */
    void (*add_tail)(void *arg, int64_t more, struct pn_buf *text);
    void *arg;
};

/* Asks and prints to cli->out, up to the first query that fails, whose file the error names. */
int pn_cli_answer_all(struct pn_cli *cli, struct pn_embedded_engine *engine,
                      const struct pn_cli_answers *answers, struct pn_err *e) PN_MUST_CHECK;

#endif
