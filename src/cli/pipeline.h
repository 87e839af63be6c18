/* The commands of `pinion pipeline` that have files of their own. */
#ifndef PN_CLI_PIPELINE_H
#define PN_CLI_PIPELINE_H

#include "cli/cli.h"

int pn_cli_pipeline_diff(struct pn_cli *cli, int argc, char **argv);

#endif
