/*
 * A server in this process: log, gateway, sink and scheduler on one data folder. `pinion serve` and
 * `pinion demo` run it.
 */
#ifndef PN_CLI_SERVE_H
#define PN_CLI_SERVE_H

#include "cli/cli.h"

struct pn_server;

/*
 * Opens everything, starts it and announces it in the data folder. `listen` NULL takes the
 * setting's address. CONFLICT when another process serves the folder, or the port is taken. The cli
 * is borrowed for the server's life.
 */
int pn_server_start(struct pn_cli *cli, const char *listen, struct pn_server **server,
                    struct pn_err *e) PN_MUST_CHECK;
/* "http://127.0.0.1:8082". Borrowed. */
const char *pn_server_url(const struct pn_server *server);
/* Records landed, and those that went to the dead letters, since the start. */
void pn_server_landed(const struct pn_server *server, int64_t *records, int64_t *dead_letters);
/* Finishes what was accepted, then stops the stations from the gateway down. NULL ok. */
void pn_server_stop(struct pn_server **server);

#endif
