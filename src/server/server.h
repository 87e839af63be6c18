/*
 * A server in this process: log, gateway, sink and scheduler on one data folder. `pinion serve` and
 * `pinion demo` run it.
 */
#ifndef PN_SERVER_SERVER_H
#define PN_SERVER_SERVER_H

#include "server/app.h"

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
 * process serves the folder, or the port is taken. The context is borrowed for the server's life.
 */
int pn_server_start(const struct pn_app *app, const char *listen, unsigned roles,
                    struct pn_server **server, struct pn_err *e) PN_MUST_CHECK;
/* "http://127.0.0.1:8082", NULL without a gateway. Borrowed. */
const char *pn_server_url(const struct pn_server *server);
/* The port that the gateway listens on, 0 without one. */
uint16_t pn_server_port(const struct pn_server *server);
/* Reads the API keys again: those of the setting's file and of PINION_API_KEY; *count is how many
 * there are, 0 without a gateway. After an error the former ones stay in force. */
int pn_server_reload_keys(struct pn_server *server, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Loads the certificate and its key again, where the gateway speaks TLS: then *loaded. After an
 * error the former ones stay in use. */
int pn_server_reload_tls(struct pn_server *server, bool *loaded, struct pn_err *e) PN_MUST_CHECK;
/* Records landed, and those that went to the dead letters, since the start. */
void pn_server_landed(const struct pn_server *server, int64_t *records, int64_t *dead_letters);
/* Finishes what was accepted, then stops the stations from the gateway down. NULL ok. */
void pn_server_stop(struct pn_server **server);

#endif
