/* The files of `pinion dead-letters`. */
#ifndef PN_CLI_DEAD_LETTERS_H
#define PN_CLI_DEAD_LETTERS_H

#include "cli/cli.h"

#define PN_NO_SUCH_LETTER \
    "there is no such letter, or not any more: `pinion dead-letters list` shows the ids"

int pn_cli_dead_letters_drop(struct pn_cli *cli, int argc, char **argv);

#endif
