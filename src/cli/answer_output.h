/* Where the result of a query goes: to cli->out, or to a file that is there once it is whole. */
#ifndef PN_CLI_ANSWER_OUTPUT_H
#define PN_CLI_ANSWER_OUTPUT_H

#include "cli/answer.h"
#include "cli/cli.h"
#include "engine/embedded.h"

/* The choices of --format, for commands with results of queries. */
#define PN_RESULT_FORMATS "table|json|jsonl|ndjson|csv|parquet"

struct pn_answer_output {
    const char *path;   /* --output; NULL: cli->out */
    const char *format; /* --format; NULL: what the name of the file ends with, or else: */
    const char *usual;  /* NULL: a table */
    bool expanded;      /* --expanded */
    bool is_parquet;    /* of pn_answer_output_choose() */
};

/* Sets cli->format and is_parquet. False: the options do not go together, and *status is the exit
 * code of the usage error. */
bool pn_answer_output_choose(struct pn_cli *cli, struct pn_answer_output *output,
                             int *status) PN_MUST_CHECK;

/* Asks the engine, and writes the answer. A file that is there already is replaced; after an error
 * it is as it was. */
int pn_answer_output_write(struct pn_cli *cli, struct pn_embedded_engine *engine,
                           const struct pn_cli_select *select,
                           const struct pn_answer_output *output, struct pn_err *e) PN_MUST_CHECK;

#endif
