/* The files of `pinion dead-letters`. */
#ifndef PN_CLI_DEAD_LETTERS_H
#define PN_CLI_DEAD_LETTERS_H

#include "cli/cli.h"

/* What is wrong when no letter fits, MISSING, or 0: that a letter of that id is gone, or that the
 * pipeline has no such table. A table that it had once may have letters still, so this is asked
 * after the letters were looked for. `ids` and `table` may be NULL. */
int pn_cli_no_letters(const struct pn_pipeline *pipeline, const char *ids, const char *table,
                      struct pn_err *e) PN_MUST_CHECK;

int pn_cli_dead_letters_drop(struct pn_cli *cli, int argc, char **argv);

#endif
