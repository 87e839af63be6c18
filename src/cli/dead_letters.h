/* The files of `pinion dead-letters`. */
#ifndef PN_CLI_DEAD_LETTERS_H
#define PN_CLI_DEAD_LETTERS_H

#include "cli/cli.h"

int pn_cli_dead_letters_drop(struct pn_cli *cli, int argc, char **argv);

#endif
