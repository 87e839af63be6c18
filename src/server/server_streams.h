/* What a server does with streams: the processors, their engine, what others read streams by, and
 * the routes of both. */
#ifndef PN_SERVER_SERVER_STREAMS_H
#define PN_SERVER_SERVER_STREAMS_H

#include "api/api.h"
#include "kinesis/kinesis.h"
#include "processor/processor.h"
#include "server/app.h"
#include "store/store.h"

struct pn_server_streams;

/* Makes what others read streams by, and with `process` the processors of the pipeline's streams;
 * nothing runs yet. All is borrowed. */
int pn_server_streams_create(const struct pn_app *app, struct pn_kinesis *kinesis,
                             struct pn_store *store, bool process,
                             struct pn_server_streams **streams, struct pn_err *e) PN_MUST_CHECK;
/* What streams are read by; borrowed. */
struct pn_processor_source *pn_server_streams_source(struct pn_server_streams *streams);
/* Before the server starts. */
void pn_server_streams_add_routes(struct pn_server_streams *streams, struct pn_api *api);
/* Returns when tables that are new have their first positions, so that nothing that a client puts
 * from then on is skipped. */
int pn_server_streams_start(struct pn_server_streams *streams, struct pn_err *e) PN_MUST_CHECK;
/* NULL: none run here. Borrowed. */
struct pn_processor *pn_server_streams_processor(struct pn_server_streams *streams);
/* Ends the processors after the commits in progress. After it nothing is read. NULL ok. */
void pn_server_streams_destroy(struct pn_server_streams **streams);

#endif
