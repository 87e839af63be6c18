/* The commands of `pinion store` that have files of their own. */
#ifndef PN_CLI_STORE_H
#define PN_CLI_STORE_H

#include "cli/cli.h"

int pn_cmd_store_copy(struct pn_cli *cli, int argc, char **argv);

#endif
