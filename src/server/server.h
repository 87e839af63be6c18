/*
 * A server in this process: log, gateway, sink and scheduler on one data folder. `pinion serve` and
 * `pinion demo` run it.
 */
#ifndef PN_CLI_SERVE_H
#define PN_CLI_SERVE_H

#include "cli/cli.h"

struct pn_server;

/* What a server does. The log is open in any case. */
enum pn_server_role {
    PN_ROLE_GATEWAY = 1,   /* HTTP */
    PN_ROLE_SINK = 2,      /* lands records as objects */
    PN_ROLE_STREAM = 4,    /* fills stream tables */
    PN_ROLE_SCHEDULER = 8, /* runs DAGs */
    PN_ROLES_ALL = 15
};

/*
 * Opens everything, starts it and, when it has a gateway, announces it in the data folder. `listen`
 * NULL takes the setting's address; `roles` are of enum pn_server_role. CONFLICT when another
 * process serves the folder, or the port is taken. The cli is borrowed for the server's life.
 */
int pn_server_start(struct pn_cli *cli, const char *listen, unsigned roles,
                    struct pn_server **server, struct pn_err *e) PN_MUST_CHECK;
/* "http://127.0.0.1:8082", NULL without a gateway. Borrowed. */
const char *pn_server_url(const struct pn_server *server);
/* Records landed, and those that went to the dead letters, since the start. */
void pn_server_landed(const struct pn_server *server, int64_t *records, int64_t *dead_letters);
/* Finishes what was accepted, then stops the stations from the gateway down. NULL ok. */
void pn_server_stop(struct pn_server **server);

#endif
