/* The server's processors: their engine, their view of the streams, and their routes. */
#ifndef PN_CLI_SERVE_STREAMS_H
#define PN_CLI_SERVE_STREAMS_H

#include "base/metrics.h"
#include "cli/cli.h"
#include "gateway/gateway.h"
#include "kinesis/kinesis.h"
#include "store/store.h"

struct pn_serve_streams;

/* Makes what others read streams by, and with `process` the processors of the pipeline's streams;
 * nothing runs yet. All is borrowed. */
int pn_serve_streams_create(struct pn_cli *cli, struct pn_kinesis *kinesis, struct pn_store *store,
                            struct pn_metrics *metrics, bool process,
                            struct pn_serve_streams **streams, struct pn_err *e) PN_MUST_CHECK;
/* Before the gateway starts. */
void pn_serve_streams_add_routes(struct pn_serve_streams *streams, struct pn_gateway *gateway);
/* Returns when tables that are new have their first positions, so that nothing that a client puts
 * from then on is passed over. */
int pn_serve_streams_start(struct pn_serve_streams *streams, struct pn_err *e) PN_MUST_CHECK;
/* Ends the processors after the commits under way. After it nothing is read. NULL ok. */
void pn_serve_streams_destroy(struct pn_serve_streams **streams);

#endif
