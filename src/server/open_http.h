/* The gateway of a server. */
#ifndef PN_SERVER_OPEN_HTTP_H
#define PN_SERVER_OPEN_HTTP_H

#include "http/server.h"
#include "server/admission.h"
#include "server/app.h"

/* What the gateway stands on; all borrowed until it is gone. */
struct pn_http_stations {
    struct pn_store *store;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_admission *admission; /* of topics */
};

/* With the settings in force, and the API keys of the environment variable PINION_API_KEY beside
 * those of the file. `listen` NULL takes the setting's address. It does not listen yet. */
int pn_app_open_http(const struct pn_app *app, const struct pn_http_stations *stations,
                     const char *listen, struct pn_http_server **http,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
