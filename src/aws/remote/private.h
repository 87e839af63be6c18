/*
 * What the files of the remote share.
 *
 *   remote.c    its life, its thread, what is due
 *   transfer.c  one request: signed, and begun
 *   stream.c    replies that last: paused, resumed and cancelled by others
 *   verdict.c   what a reply means: the end of its call, or another try
 *   puts.c      the records of PutRecords that have failed
 */
#ifndef PN_AWS_REMOTE_PRIVATE_H
#define PN_AWS_REMOTE_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>

#include <curl/curl.h>

#include "aws/remote/puts.h"
#include "aws/remote/remote.h"
#include "base/random.h"

enum {
    PN_REMOTE_REPLY_BYTES_MAX = 32
                                << 20, /* GetRecords answers up to 10 MiB, as base64 a third more */
    PN_REMOTE_REPLIES_BYTES_MAX = 256 << 20, /* that have not been given to their callers */
    PN_REMOTE_CONNECT_MS = 5000,
    PN_REMOTE_TRANSFER_MS = 30000
};

/* A call that has not ended. The remote's thread alone touches it. */
struct pn_remote_attempt {
    struct pn_remote *remote;
    struct pn_remote_call *call;
    CURL *curl; /* NULL: it waits for its time */
    struct curl_slist *headers;
    size_t sent;                 /* of the body */
    int64_t reply_bytes;         /* of the reply, as they are counted in the remote */
    struct pn_buf body;          /* of a request that is made of failed records; else empty */
    struct pn_remote_puts *puts; /* of PutRecords, once records have failed; else NULL */
    int64_t due_ms;              /* by the clock that only rises */
    int tries;                   /* that have begun */
    bool renewed;                /* the credentials */
    bool is_paused;              /* a streamed reply */
    CURLcode over;               /* by which one ends that the remote ends itself */
    struct pn_remote_attempt *next;
    struct pn_remote_attempt *next_stream; /* in the remote's list */
};

struct pn_remote {
    char *url; /* with a slash at its end */
    char *host;
    char *region;
    const struct pn_clock *clock;
    struct pn_metric *again; /* records that are sent again */
    struct pn_aws_credentials *credentials;
    CURLM *multi;
    struct pn_random random;
    struct pn_remote_attempt *waiting; /* for their time */
    size_t under_way;
    int64_t reply_bytes; /* of all attempts */
    bool http2;
    struct pn_remote_attempt *streams; /* that have begun, and have not ended */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    struct pn_remote_call *first;
    struct pn_remote_call **last;
    bool ends;
};

/* --- transfer.c ------------------------------------------------------------------------------- */

/* What the next request sends, borrowed: the call's body, or that of the records that failed. */
struct pn_buf pn_remote_body(const struct pn_remote_attempt *attempt);
/* Begins a request. On an error nothing has begun. */
int pn_remote_begin(struct pn_remote *remote, struct pn_remote_attempt *attempt,
                    struct pn_err *e) PN_MUST_CHECK;

/* --- stream.c --------------------------------------------------------------------------------- */

/* A streamed reply has begun, or has ended. */
void pn_remote_stream_begin(struct pn_remote_attempt *attempt);
void pn_remote_stream_end(struct pn_remote_attempt *attempt);
/* Options of a request whose reply is streamed. */
void pn_remote_stream_options(struct pn_remote_attempt *attempt);
/* Does what others have asked for. The calls that are to end, each by its `over`, in a list by
 * next_stream. */
struct pn_remote_attempt *pn_remote_stream_wishes(struct pn_remote *remote);
/* Has somebody cancelled the attempt's call, or is the remote at its end? */
bool pn_remote_stream_is_over(struct pn_remote_attempt *attempt);

/* --- verdict.c -------------------------------------------------------------------------------- */

/* A request has ended by `code`. True: its call has ended; false: it is to be begun again. */
bool pn_remote_judge(struct pn_remote *remote, struct pn_remote_attempt *attempt, CURLcode code);
/* A request could not begin: the call ends. */
void pn_remote_give_up(struct pn_remote_attempt *attempt, const struct pn_err *failure);

#endif
