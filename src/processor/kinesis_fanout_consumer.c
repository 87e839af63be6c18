#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_fanout.h"

enum {
    AWAIT_MS = 1000,             /* between two looks at one that is being registered */
    AWAIT_MS_MAX = 2 * 60 * 1000 /* that takes seconds, up to a minute */
};

/* --- calls ------------------------------------------------------------------------------------ */

/* What Kinesis says of it: "ACTIVE". */
struct found {
    char *arn;
    char *status;
};

static int take_found(const struct pn_reader_call *call, const char *member, struct found *found,
                      struct pn_err *e)
{
    enum { STATUS_MAX = 32 };
    const struct pn_json *consumer = pn_json_get(call->root, member);
    found->arn = pn_reader_call_dup(consumer, "ConsumerARN", PN_KINESIS_READER_ARN_SIZE - 1);
    found->status = pn_reader_call_dup(consumer, "ConsumerStatus", STATUS_MAX);
    return found->arn != NULL && found->status != NULL
               ? 0
               : pn_reader_call_odd(call->call.operation, "there is no consumer", e);
}

static int describe(struct pn_kinesis_fanout *fanout, const char *stream_arn, struct found *found,
                    struct pn_err *e)
{
    struct pn_reader_call call;
    pn_reader_call_begin(&call, "DescribeStreamConsumer");
    if (pn_kinesis_consumer_is_arn(fanout->consumer)) {
        pn_json_add_cstr(&call.json, "ConsumerARN", fanout->consumer);
    } else {
        pn_json_add_cstr(&call.json, "StreamARN", stream_arn);
        pn_json_add_cstr(&call.json, "ConsumerName", fanout->consumer);
    }
    int rc = pn_reader_call_send(fanout->reader, &call, e);
    if (rc == 0) {
        rc = take_found(&call, "ConsumerDescription", found, e);
    }
    pn_reader_call_end(&call);
    return rc;
}

static int register_it(struct pn_kinesis_fanout *fanout, const char *stream_arn,
                       struct found *found, struct pn_err *e)
{
    struct pn_err failure = {0};
    struct pn_reader_call call;
    pn_reader_call_begin(&call, "RegisterStreamConsumer");
    pn_json_add_cstr(&call.json, "StreamARN", stream_arn);
    pn_json_add_cstr(&call.json, "ConsumerName", fanout->consumer);
    int rc = pn_reader_call_send(fanout->reader, &call, &failure);
    if (rc == 0) {
        rc = take_found(&call, "Consumer", found, &failure);
    }
    if (failure.code == PN_KINESIS_READER_IN_USE) { /* another process was first */
        rc = 0;
    } else if (failure.code == PN_KINESIS_READER_THROTTLED) {
        pn_err_add(&failure,
                   ": a stream has up to 20 consumers, of which 5 may be registered at once. If it "
                   "has too many, remove one (aws kinesis deregister-stream-consumer), or name one "
                   "that is there in kinesis.consumer");
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    pn_reader_call_end(&call);
    return rc;
}

/* --- waiting for it --------------------------------------------------------------------------- */

/* With `asking`. */
static struct pn_kinesis_consumer *consumer_of(struct pn_kinesis_fanout *fanout, const char *stream,
                                               uint64_t id)
{
    struct pn_kinesis_consumer *consumer = fanout->consumers;
    while (consumer != NULL && strcmp(consumer->stream, stream) != 0) {
        consumer = consumer->next;
    }
    if (consumer == NULL) {
        consumer = pn_xcalloc(1, sizeof *consumer);
        consumer->stream = pn_xstrdup(stream);
        consumer->next = fanout->consumers;
        fanout->consumers = consumer;
    }
    if (consumer->id != id) { /* another stream has other consumers */
        consumer->id = id;
        consumer->is_active = false;
        consumer->next_ms = 0;
        consumer->since_ms = 0;
        consumer->rc = 0;
    }
    return consumer;
}

/* It is not ACTIVE: it will be, or is being removed. */
static int await(const struct pn_kinesis_fanout *fanout, struct pn_kinesis_consumer *consumer,
                 const char *status, int64_t now_ms, struct pn_err *e)
{
    consumer->next_ms = now_ms + AWAIT_MS;
    consumer->since_ms = consumer->since_ms != 0 ? consumer->since_ms : now_ms;
    if (now_ms - consumer->since_ms < AWAIT_MS_MAX) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "the consumer %s (kinesis.consumer) of the stream %s has been %s for two "
                      "minutes: see `aws kinesis describe-stream-consumer`, or give another name",
                      fanout->consumer, consumer->stream, status);
}

/* What comes of it stays in the consumer until it is asked for again. */
static void ask(struct pn_kinesis_fanout *fanout, struct pn_kinesis_consumer *consumer,
                const char *stream_arn)
{
    struct found found = {NULL, NULL};
    struct pn_err failure = {0};
    int rc = describe(fanout, stream_arn, &found, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        if (pn_kinesis_consumer_is_arn(fanout->consumer)) {
            (void)pn_err_set(&failure, PN_CLASS_RETRY, PN_FAIL,
                             "the stream %s has no consumer %s (kinesis.consumer): register it, or "
                             "give a name, which is registered where it is missing",
                             consumer->stream, fanout->consumer);
        } else {
            failure = (struct pn_err){0};
            rc = register_it(fanout, stream_arn, &found, &failure);
        }
    }
    int64_t now_ms = pn_mono_ms(fanout->reader->clock); /* calls take their time */
    if (rc == 0 && found.status != NULL && strcmp(found.status, "ACTIVE") == 0) {
        (void)snprintf(consumer->arn, sizeof consumer->arn, "%s", found.arn);
        consumer->is_active = true;
        consumer->since_ms = 0;
    } else if (rc == 0) {
        rc = await(fanout, consumer, found.status != NULL ? found.status : "CREATING", now_ms,
                   &failure);
    } else {
        consumer->next_ms = now_ms + AWAIT_MS;
        pn_err_prefix(&failure, "the consumer of the stream %s", consumer->stream);
        failure.class_ = failure.class_ == PN_CLASS_FATAL ? PN_CLASS_FATAL : PN_CLASS_RETRY;
    }
    free(found.arn);
    free(found.status);
    consumer->rc = rc;
    consumer->failure = failure;
}

int pn_kinesis_consumer_get(struct pn_kinesis_fanout *fanout,
                            const struct pn_kinesis_reader_stream *stream, uint64_t id, char *arn,
                            struct pn_err *e)
{
    char stream_arn[PN_KINESIS_READER_ARN_SIZE];
    pthread_mutex_lock(&fanout->reader->lock);
    memcpy(stream_arn, stream->arn, sizeof stream_arn);
    pthread_mutex_unlock(&fanout->reader->lock);
    arn[0] = '\0';
    int rc = pn_kinesis_consumer_check_stream(fanout->consumer, stream->name, stream_arn, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&fanout->asking);
    struct pn_kinesis_consumer *consumer = consumer_of(fanout, stream->name, id);
    if (!consumer->is_active && pn_mono_ms(fanout->reader->clock) >= consumer->next_ms) {
        ask(fanout, consumer, stream_arn);
    }
    rc = consumer->rc;
    pn_err_copy(e, rc != 0 ? &consumer->failure : NULL);
    if (consumer->is_active) {
        (void)snprintf(arn, PN_KINESIS_READER_ARN_SIZE, "%s", consumer->arn);
    }
    pthread_mutex_unlock(&fanout->asking);
    return rc;
}

void pn_kinesis_consumer_doubt(struct pn_kinesis_fanout *fanout, const char *stream)
{
    pthread_mutex_lock(&fanout->asking);
    for (struct pn_kinesis_consumer *one = fanout->consumers; one != NULL; one = one->next) {
        if (strcmp(one->stream, stream) == 0) {
            one->is_active = false;
            one->next_ms = 0;
        }
    }
    pthread_mutex_unlock(&fanout->asking);
}

void pn_kinesis_consumers_destroy(struct pn_kinesis_fanout *fanout)
{
    while (fanout->consumers != NULL) {
        struct pn_kinesis_consumer *gone = fanout->consumers;
        fanout->consumers = gone->next;
        free(gone->stream);
        free(gone);
    }
}
