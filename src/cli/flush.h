/* The landing of what was acknowledged. */
#ifndef PN_CLI_FLUSH_H
#define PN_CLI_FLUSH_H

#include "cli/cli.h"

/* Lands all that the log holds: through the server of the data folder, or here when none runs. */
int pn_cli_flush(struct pn_cli *cli, struct pn_err *e) PN_MUST_CHECK;

#endif
