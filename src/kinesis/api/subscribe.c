#include "kinesis/api/subscribe.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/api/eventstream.h"
#include "kinesis/api/reply.h"
#include "kinesis/internal.h"

enum { EVENT_RECORDS_MAX = 10000, EVENT_BYTES_MAX = 2 * 1024 * 1024, MS_NS = 1000 * 1000 };

struct pn_subscription {
    struct pn_kinesis *kinesis;
    struct pn_subscription *next; /* in the list of the kinesis; its lock guards it */
    char *stream_name;
    uint64_t stream_id;
    char *topic;
    char *consumer_name;
    char *consumer_arn;
    int64_t consumer_created_ms;
    uint32_t shard;
    int64_t shard_created_ms;
    bool cbor;
    int64_t began_ns;
    struct pn_shard_limits *limits; /* a consumer has a shard's bytes for itself */
    struct pn_arena arena;          /* of the event that is being written */
    int64_t last_ms;                /* arrival of the last record sent; 0 without one */

    /* What pn_subscription_ready() looks at beside a pn_subscription_next(). */
    atomic_bool started;       /* the initial response was sent */
    atomic_bool taken_over;    /* another one is in its place */
    _Atomic(int64_t) offset;   /* the next to send */
    _Atomic(int64_t) spoke_ns; /* when the last event was sent */
};

/* --- beginning and end ------------------------------------------------------------------------ */

static int in_use(const struct pn_subscription *one, struct pn_err *e)
{
    char shard_id[PN_SHARD_ID_SIZE];
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                      "Another active subscription exists for this consumer: %s:%s:%s:%s:%lld",
                      one->kinesis->config.account, one->stream_name,
                      pn_shard_id(one->shard, shard_id), one->consumer_name,
                      (long long)(one->consumer_created_ms / 1000));
}

static bool same_place(const struct pn_subscription *one, const struct pn_subscription *other)
{
    return one->stream_id == other->stream_id && one->shard == other->shard &&
           strcmp(one->consumer_arn, other->consumer_arn) == 0;
}

/* Takes it out of the list; under the lock. */
static void unlist(struct pn_subscription *subscription)
{
    struct pn_subscription **place = &subscription->kinesis->subscriptions;
    while (*place != NULL && *place != subscription) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        *place = subscription->next;
    }
}

/* Puts it into the list, in place of the one of the same consumer and shard. */
static int list(struct pn_subscription *subscription, struct pn_err *e)
{
    struct pn_kinesis *kinesis = subscription->kinesis;
    const int64_t takeover_ns = (int64_t)PN_SUBSCRIPTION_TAKEOVER_MS * MS_NS;
    int rc = 0;
    pthread_mutex_lock(&kinesis->subscriptions_lock);
    struct pn_subscription *other = kinesis->subscriptions;
    while (other != NULL && !same_place(other, subscription)) {
        other = other->next;
    }
    if (other != NULL && subscription->began_ns - other->began_ns < takeover_ns) {
        rc = in_use(subscription, e);
    } else {
        if (other != NULL) {
            unlist(other);
            atomic_store(&other->taken_over, true);
        }
        subscription->next = kinesis->subscriptions;
        kinesis->subscriptions = subscription;
    }
    pthread_mutex_unlock(&kinesis->subscriptions_lock);
    return rc;
}

static void destroy(struct pn_subscription *subscription)
{
    pn_shard_limits_deinit(subscription->limits);
    free(subscription->limits);
    free(subscription->stream_name);
    free(subscription->topic);
    free(subscription->consumer_name);
    free(subscription->consumer_arn);
    pn_arena_deinit(&subscription->arena);
    free(subscription);
}

int pn_subscription_create(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                           const struct pn_stream_consumer *consumer, const struct pn_shard *shard,
                           int64_t offset, bool cbor, struct pn_subscription **subscription,
                           struct pn_err *e)
{
    struct pn_subscription *new = pn_xcalloc(1, sizeof *new);
    new->kinesis = kinesis;
    new->stream_name = pn_xstrdup(stream->name);
    new->stream_id = stream->id;
    new->topic = pn_xstrdup(stream->topic);
    new->consumer_name = pn_xstrdup(consumer->name);
    new->consumer_arn = pn_xstrdup(consumer->arn);
    new->consumer_created_ms = consumer->created_ms;
    new->shard = shard->index;
    new->shard_created_ms = shard->created_ms;
    new->cbor = cbor;
    new->began_ns = pn_mono_ns(kinesis->clock);
    new->limits = pn_xcalloc(1, sizeof *new->limits);
    pn_shard_limits_init(new->limits);
    pn_arena_init(&new->arena, 0);
    atomic_init(&new->started, false);
    atomic_init(&new->taken_over, false);
    atomic_init(&new->offset, offset);
    atomic_init(&new->spoke_ns, new->began_ns);
    int rc = list(new, e);
    if (rc != 0) {
        destroy(new);
        return rc;
    }
    *subscription = new;
    return 0;
}

void pn_subscription_end(struct pn_subscription **subscription)
{
    struct pn_subscription *one = *subscription;
    if (one == NULL) {
        return;
    }
    pthread_mutex_lock(&one->kinesis->subscriptions_lock);
    unlist(one);
    pthread_mutex_unlock(&one->kinesis->subscriptions_lock);
    destroy(one);
    *subscription = NULL;
}

/* --- what it finds ---------------------------------------------------------------------------- */

/* The stream as it is now, when the subscription may continue: IN_USE when it was taken over,
 * NOT_FOUND when its stream or consumer is gone. Release the stream. */
static int look(const struct pn_subscription *subscription, const struct pn_stream **stream,
                struct pn_err *e)
{
    if (atomic_load(&subscription->taken_over)) {
        return in_use(subscription, e);
    }
    int rc = pn_kinesis_stream(subscription->kinesis, subscription->stream_name, stream, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_stream *now = *stream;
    const char *account = subscription->kinesis->config.account;
    if (now->id != subscription->stream_id || subscription->shard >= now->shard_count) {
        pn_stream_release(stream);
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Stream %s under account %s not found.", subscription->stream_name,
                          account);
    }
    for (size_t i = 0; i < now->consumer_count; i++) {
        if (strcmp(now->consumers[i].arn, subscription->consumer_arn) == 0) {
            return 0;
        }
    }
    pn_stream_release(stream);
    return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                      "Consumer %s under account %s not found.", subscription->consumer_arn,
                      account);
}

static int64_t since_ms(const struct pn_subscription *subscription, int64_t then_ns)
{
    return (pn_mono_ns(subscription->kinesis->clock) - then_ns) / MS_NS;
}

static bool is_over(const struct pn_subscription *subscription)
{
    return since_ms(subscription, subscription->began_ns) >= PN_SUBSCRIPTION_MS;
}

static bool is_idle(const struct pn_subscription *subscription)
{
    return since_ms(subscription, atomic_load(&subscription->spoke_ns)) >= PN_SUBSCRIPTION_IDLE_MS;
}

/* Do the limits let bytes out now? */
static bool may_send(const struct pn_subscription *subscription)
{
    return !subscription->kinesis->config.shard_limits ||
           pn_shard_limits_out(subscription->limits, pn_mono_ns(subscription->kinesis->clock));
}

static bool is_drained(const struct pn_shard *shard, int64_t offset)
{
    return !shard->open && shard->end_offset >= 0 && offset >= shard->end_offset;
}

bool pn_subscription_ready(const struct pn_subscription *subscription)
{
    if (!atomic_load(&subscription->started) || is_over(subscription) || is_idle(subscription)) {
        return true;
    }
    const struct pn_stream *stream = NULL;
    if (look(subscription, &stream, NULL) != 0) {
        return true;
    }
    int64_t offset = atomic_load(&subscription->offset);
    bool drained = is_drained(&stream->shards[subscription->shard], offset);
    pn_stream_release(&stream);
    if (drained) {
        return true;
    }
    struct pn_log_offsets offsets;
    int rc = pn_log_offsets(subscription->kinesis->log, subscription->topic,
                            (int32_t)subscription->shard, &offsets, NULL);
    return rc != 0 || (offsets.end > offset && may_send(subscription));
}

/* --- frames ----------------------------------------------------------------------------------- */

static const char *content_type(const struct pn_subscription *subscription)
{
    return subscription->cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
}

static void write_initial(const struct pn_subscription *subscription, struct pn_buf *out)
{
    struct pn_event_message message;
    struct pn_wire wire;
    pn_wire_init(&wire, out, subscription->cbor);
    pn_event_begin(&message, out, "initial-response", content_type(subscription));
    pn_wire_map(&wire);
    pn_wire_map_end(&wire);
    pn_event_message_end(&message);
}

static const char *exception_name(const struct pn_err *e)
{
    switch (e->code) {
    case PN_KINESIS_IN_USE:
        return "ResourceInUseException";
    case PN_KINESIS_NOT_FOUND:
        return "ResourceNotFoundException";
    default:
        return "InternalFailureException";
    }
}

static void write_exception(const struct pn_subscription *subscription, const struct pn_err *e,
                            struct pn_buf *out)
{
    struct pn_event_message message;
    struct pn_wire wire;
    pn_wire_init(&wire, out, subscription->cbor);
    pn_event_exception_begin(&message, out, exception_name(e), content_type(subscription));
    pn_wire_map(&wire);
    pn_wire_key(&wire, "message");
    /* What went wrong inside is for the log. */
    bool is_internal = e->code != PN_KINESIS_IN_USE && e->code != PN_KINESIS_NOT_FOUND;
    pn_wire_cstr(&wire, is_internal ? "Internal service failure." : e->msg);
    pn_wire_map_end(&wire);
    pn_event_message_end(&message);
}

/* Where a later subscription continues AFTER: the number of the last record sent, or of the one in
 * front of where this one began, whose arrival nobody looks at. */
static char *continuation(const struct pn_subscription *subscription,
                          const struct pn_stream *stream, int64_t next_offset, char *out)
{
    const struct pn_shard *shard = &stream->shards[subscription->shard];
    if (next_offset == 0) {
        return pn_sequence_start(shard, out);
    }
    int64_t arrival_ms =
        subscription->last_ms != 0 ? subscription->last_ms : subscription->shard_created_ms;
    return pn_sequence_text(subscription->shard_created_ms, subscription->shard, next_offset - 1,
                            arrival_ms, out);
}

/* The end of a shard shows in its children, and in the missing number to continue from. */
static void write_event(const struct pn_subscription *subscription, const struct pn_stream *stream,
                        const struct pn_shard_records *read, struct pn_buf *out)
{
    struct pn_event_message message;
    struct pn_wire wire;
    pn_wire_init(&wire, out, subscription->cbor);
    pn_event_begin(&message, out, "SubscribeToShardEvent", content_type(subscription));
    pn_wire_map(&wire);
    pn_reply_records(&wire, stream, &stream->shards[subscription->shard], read->records,
                     read->count);
    if (!read->drained) {
        char sequence[PN_SEQUENCE_SIZE];
        pn_wire_key(&wire, "ContinuationSequenceNumber");
        pn_wire_cstr(&wire, continuation(subscription, stream, read->next_offset, sequence));
    }
    pn_wire_key(&wire, "MillisBehindLatest");
    pn_wire_int(&wire, read->behind_ms);
    if (read->drained) {
        pn_reply_child_shards(&wire, read->children, read->child_count);
    }
    pn_wire_map_end(&wire);
    pn_event_message_end(&message);
}

static int64_t bytes_of(const struct pn_shard_records *read)
{
    size_t bytes = 0;
    for (size_t i = 0; i < read->count; i++) {
        bytes += read->records[i].key.len + read->records[i].value.len;
    }
    return (int64_t)bytes;
}

/* Reads on; held back by the limits it finds nothing. */
static int read_on(struct pn_subscription *subscription, const struct pn_stream *stream,
                   struct pn_shard_records *read, struct pn_err *e)
{
    struct pn_kinesis *kinesis = subscription->kinesis;
    int64_t offset = atomic_load(&subscription->offset);
    if (!may_send(subscription)) {
        int64_t behind_ms = pn_wall_ms(kinesis->clock) - subscription->last_ms;
        *read = (struct pn_shard_records){.next_offset = offset,
                                          .behind_ms = behind_ms > 0 ? behind_ms : 0};
        return 0;
    }
    int rc = pn_shard_read_past_damage(kinesis, stream, &stream->shards[subscription->shard],
                                       offset, EVENT_RECORDS_MAX, EVENT_BYTES_MAX, false,
                                       &subscription->arena, read, e);
    if (rc == 0 && read->count > 0) {
        subscription->last_ms = read->records[read->count - 1].timestamp_ms;
        pn_shard_limits_took(subscription->limits, pn_mono_ns(kinesis->clock), bytes_of(read));
    }
    return rc;
}

/* Sends what came since, if there is something to send. With *more false it was the last. */
static int tell(struct pn_subscription *subscription, const struct pn_stream *stream, bool first,
                bool *more, struct pn_buf *out, struct pn_err *e)
{
    struct pn_shard_records read;
    int rc = read_on(subscription, stream, &read, e);
    if (rc != 0) {
        return rc;
    }
    atomic_store(&subscription->offset, read.next_offset); /* also past what is gone */
    if (read.count == 0 && !read.drained && !first && !is_idle(subscription)) {
        return 0;
    }
    write_event(subscription, stream, &read, out);
    atomic_store(&subscription->spoke_ns, pn_mono_ns(subscription->kinesis->clock));
    *more = !read.drained;
    return 0;
}

bool pn_subscription_next(struct pn_subscription *subscription, struct pn_buf *out)
{
    bool first = !atomic_load(&subscription->started);
    if (first) {
        write_initial(subscription, out);
        atomic_store(&subscription->started, true);
    }
    if (is_over(subscription)) {
        return false;
    }
    struct pn_err e;
    const struct pn_stream *stream = NULL;
    bool more = true;
    int rc = look(subscription, &stream, &e);
    if (rc == 0) {
        rc = tell(subscription, stream, first, &more, out, &e);
        pn_arena_reset(&subscription->arena);
        pn_stream_release(&stream);
    }
    if (rc != 0) {
        pn_logger_warn(subscription->kinesis->logger, "kinesis", "a subscription to %s ends: %s",
                       subscription->stream_name, e.msg);
        write_exception(subscription, &e, out);
        return false;
    }
    return more && !pn_buf_failed(out);
}
