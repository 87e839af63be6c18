/* The sink as commands use it. */
#ifndef PN_CLI_SINKS_H
#define PN_CLI_SINKS_H

#include "base/metrics.h"
#include "cli/cli.h"
#include "log/log.h"
#include "sink/sink.h"
#include "store/store.h"

/* The sink of the pipeline's topics; borrows log and store. */
int pn_cli_open_sink(struct pn_cli *cli, struct pn_log *log, struct pn_store *store,
                     struct pn_metrics *metrics, struct pn_sink **sink,
                     struct pn_err *e) PN_MUST_CHECK;

/* Lands all that the log holds: through the server of the data folder, or here when none runs. */
int pn_cli_flush(struct pn_cli *cli, struct pn_err *e) PN_MUST_CHECK;

#endif
