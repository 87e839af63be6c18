/*
 * SubscribeToShard: a streamed reply of five minutes, in frames of
 * application/vnd.amazon.eventstream (each with its lengths and two CRC-32s).
 *
 * The front runs the call like any other (it may block). When that succeeded it takes the
 * subscription out of the call, answers 200 with the content type below, and then, as often as it
 * can send, asks for the next frames:
 *
 *     more = pn_subscription_next(sub, &out);       where it may block
 *     send what is in `out`; without `more` end the reply
 *     wait until pn_subscription_ready(sub), asking it when the log reports records (pn_log_listen)
 *     and at least once a second
 *
 * A subscription has its own memory: the call and its arena may go before it. One consumer has one
 * subscription a shard; a later call takes over from an earlier one, which then ends with a
 * ResourceInUseException in its last frame. Different subscriptions may be used by different
 * threads, one by one thread at a time; pn_subscription_ready() may run beside anything else's.
 */
#ifndef PN_KINESIS_API_SUBSCRIBE_H
#define PN_KINESIS_API_SUBSCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "kinesis/api/call.h"

#define PN_SUBSCRIPTION_CONTENT_TYPE "application/vnd.amazon.eventstream"

enum {
    PN_SUBSCRIPTION_MS = 5 * 60 * 1000, /* how long one lasts */
    PN_SUBSCRIPTION_IDLE_MS = 5000,     /* without records there's an empty event so often */
    PN_SUBSCRIPTION_TAKEOVER_MS = 5000, /* earlier than that a second call is refused */
    PN_SUBSCRIPTION_BYTES_MAX = 32 * 1024 * 1024 /* what one pn_subscription_next() appends at most;
                                                    usually far less */
};

struct pn_subscription;

/*
 * Begins a subscription of a consumer to a shard of the stream, from an offset (subscribe.c). It
 * takes over an earlier one of the same consumer and shard; IN_USE, with AWS's text, when that one
 * is younger than PN_SUBSCRIPTION_TAKEOVER_MS. What it needs of the stream it copies or references
 * itself. `cbor`: how the events' payloads are spelled. BLOCKS.
 */
int pn_subscription_create(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                           const struct pn_stream_consumer *consumer, const struct pn_shard *shard,
                           int64_t offset, bool cbor, struct pn_subscription **subscription,
                           struct pn_err *e) PN_MUST_CHECK;

/* The subscription that a successful SubscribeToShard began (ops_consumers.c). It is the caller's
 * now, who ends it with pn_subscription_end(), at the latest before the pn_kinesis is destroyed.
 * Without this call (the client went away meanwhile) it must be taken and ended just the same. */
struct pn_subscription *pn_call_take_subscription(struct pn_call *call);

/*
 * Appends whole frames to `out`: the initial response the first time, then an event with what came
 * since (at most some 2 MiB of records), an empty one when it is time for that, an exception when
 * it cannot continue, or nothing. False: these frames are the last. BLOCKS.
 */
bool pn_subscription_next(struct pn_subscription *subscription, struct pn_buf *out) PN_MUST_CHECK;

/* Would pn_subscription_next() have something to say, or an end? Quick, reads no disk. */
bool pn_subscription_ready(const struct pn_subscription *subscription);

/* Lets go of it, at any time. NULL ok. */
void pn_subscription_end(struct pn_subscription **subscription);

#endif
