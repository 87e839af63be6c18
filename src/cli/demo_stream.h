/*
 * The streaming half of the demo: records through API Gateway's routes into the pipeline's streams,
 * and a look at the tables that fill meanwhile.
 *
 * A record is visible when a commit of its table's log, as any reader finds it in the store, says
 * that the table holds the record's offset. The time from the acknowledgement, as the producer sees
 * it, to the moment the commit is found there is the latency; commits are looked for every two
 * milliseconds, so the latency shown is a little too long, never too short; it is 0 when the commit
 * was there before the acknowledgement.
 */
#ifndef PN_CLI_DEMO_STREAM_H
#define PN_CLI_DEMO_STREAM_H

#include "cli/cli.h"
#include "emulate/emulate.h"

struct pn_demo_streamed {
    struct pn_emulate_summary sent;
    int64_t visible; /* records whose commit was found */
    double visible_p50_ms;
    double visible_p99_ms;
    double seconds; /* until all of them were */
};

/* Streams `rows` records of each kind to the server at `url`, and prints how the tables fill. An
 * error when one is not acknowledged, or not visible within half a minute after the last. */
int pn_demo_stream(struct pn_cli *cli, const struct pn_app *app, const char *url, int64_t rows,
                   uint64_t seed, struct pn_demo_streamed *streamed,
                   struct pn_err *e) PN_MUST_CHECK;

#endif
