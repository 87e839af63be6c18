/*
 * A Kinesis that is elsewhere: Amazon's, or another server with its API. Calls are sent to it side
 * by side, signed with the server's own credentials (base/aws_credentials.h), and answered as it
 * answers them, but for what may pass:
 *
 *   - a call that was never sent (nobody listens, no such host) is tried again;
 *   - a put that is refused as too fast, or answered 500 or 503, is sent again;
 *   - of PutRecords only the records that failed are sent again, and may come after later ones;
 *   - credentials that have expired are renewed, once a call.
 *
 * Each of these up to PN_REMOTE_TRIES times in all, with growing pauses and jitter. What ended
 * without a reply is not sent again, since it may have taken effect.
 *
 * A streamed reply (PN_REMOTE_STREAM) has no limit of time or size. It ends as broken when nothing
 * comes for PN_REMOTE_SILENCE_S.
 *
 * Threads: one of its own sends everything, and calls `done`. Any thread may give calls to it.
 */
#ifndef PN_AWS_REMOTE_REMOTE_H
#define PN_AWS_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/aws_credentials.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/metrics.h"

enum {
    PN_REMOTE_TRIES = 5,
    PN_REMOTE_TEXT_SIZE = 128,
    PN_REMOTE_CONNECTIONS_MAX = 128,
    PN_REMOTE_SILENCE_S = 35
};

enum pn_remote_kind {
    PN_REMOTE_CALL, /* whatever puts no records */
    PN_REMOTE_PUT_RECORD,
    PN_REMOTE_PUT_RECORDS,
    PN_REMOTE_STREAM /* the reply lasts for minutes, and is taken as it comes */
};

/* What became of a piece of a streamed reply. */
enum pn_remote_taken {
    PN_REMOTE_TAKEN,
    PN_REMOTE_LATER, /* there is no room: it comes again after pn_remote_resume() */
    PN_REMOTE_ENOUGH /* the call ends */
};

/* A call and what came of it. The caller's; it must stay until done() was called. */
struct pn_remote_call {
    const char *operation; /* "PutRecords" */
    enum pn_remote_kind kind;
    bool cbor; /* its body is CBOR 1.1, else JSON 1.1; so is the reply's */
    const char *body;
    size_t body_len;
    void (*done)(struct pn_remote_call *call); /* once, on the remote's thread */
    void *arg;
    /* Of PN_REMOTE_STREAM: takes a piece of a reply with status 200, on the remote's thread. Other
     * replies are in `reply`. */
    enum pn_remote_taken (*take)(struct pn_remote_call *call, const char *bytes, size_t len);

    int rc; /* not 0: there is no reply, and `failure` says why */
    struct pn_err failure;
    long status;
    struct pn_buf reply;                  /* the caller initializes and frees it */
    char request_id[PN_REMOTE_TEXT_SIZE]; /* of the reply; "" when it has none */
    int64_t date_s;                       /* the time by the reply's header Date; 0: it has none */
    int64_t kept;                         /* records that were taken, of puts */

    struct pn_remote_call *next; /* the remote's own, as what follows, by its lock */
    bool resumes;
    bool is_cancelled;
};

struct pn_remote_config {
    const char *endpoint; /* a URL without a path; "aws": Amazon's in the region; copied */
    const char *region;   /* that calls are signed for; copied */
    bool http2;           /* over TLS it asks for HTTP/2, and takes 1.1, too; else 1.1 alone.
                             Either way calls in progress have connections of their own */
    int connections_max;  /* at once; 0: PN_REMOTE_CONNECTIONS_MAX */
};

/* All borrowed for its life; metrics may be NULL. */
struct pn_remote_env {
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_metrics *metrics;
};

struct pn_remote;

/* INPUT when the endpoint is not a URL of http or https. Nothing is sent yet. */
int pn_remote_create(const struct pn_remote_config *config, const struct pn_remote_env *env,
                     struct pn_remote **remote, struct pn_err *e) PN_MUST_CHECK;
/* Gives a call away. */
void pn_remote_send(struct pn_remote *remote, struct pn_remote_call *call);
/* A streamed reply that was paused (PN_REMOTE_LATER) continues. Any thread, while the call is in
 * progress; afterwards without effect until the call is sent again. */
void pn_remote_resume(struct pn_remote *remote, struct pn_remote_call *call);
/* Ends a streamed call: done() is called soon. Likewise. */
void pn_remote_cancel(struct pn_remote *remote, struct pn_remote_call *call);
/* Sends a call and waits for its end. */
void pn_remote_call(struct pn_remote *remote, struct pn_remote_call *call);
/* Why a call was refused: what its reply says, whose status is not 200. */
struct pn_remote_reason {
    char type[PN_REMOTE_TEXT_SIZE]; /* "LimitExceededException"; "" when it is not said */
    char message[512];
};
void pn_remote_reason_of(const struct pn_remote_call *call, struct pn_remote_reason *reason);
/* Waits for the calls that it has; streamed ones are ended. NULL ok. */
void pn_remote_destroy(struct pn_remote **remote);

#endif
