/*
 * The tables as the API looks at them: on any of its threads, one at a time. A checkpoint in a
 * table's log takes an engine to read, which starts when the first one comes.
 */
#ifndef PN_SERVER_TABLE_SOURCE_H
#define PN_SERVER_TABLE_SOURCE_H

#include "api/table_routes.h"
#include "server/app.h"

struct pn_server_table_source;

/* Borrows the context and the store. *source is NULL after an error. */
int pn_server_table_source_create(const struct pn_app *app, struct pn_store *store,
                                  struct pn_server_table_source **source,
                                  struct pn_err *e) PN_MUST_CHECK;
void pn_server_table_source_destroy(struct pn_server_table_source **source); /* NULL ok */
/* How other routes look at tables. */
const struct pn_api_table_routes *pn_server_table_source_routes(
    const struct pn_server_table_source *source);
/* Adds the routes of api/table_routes.h to a server that has not started. */
void pn_server_table_source_add_routes(struct pn_server_table_source *source, struct pn_api *api);

#endif
