/* RegisterStreamConsumer, DeregisterStreamConsumer, DescribeStreamConsumer, ListStreamConsumers,
 * SubscribeToShard. */
#include <inttypes.h>
#include <string.h>

#include "kinesis/api/ops.h"
#include "kinesis/api/subscribe.h"

enum { LISTED_CONSUMERS_MAX = 100 };

/* --- texts ------------------------------------------------------------------------------------ */

/* The members that a consumer has everywhere; one that is kept is there at once. */
static void write_consumer(struct pn_call *call, const struct pn_stream_consumer *consumer)
{
    pn_op_text_member(call, "ConsumerName", consumer->name);
    pn_op_text_member(call, "ConsumerARN", consumer->arn);
    pn_op_text_member(call, "ConsumerStatus", "ACTIVE");
    pn_op_time_member(call, "ConsumerCreationTimestamp", consumer->created_ms);
}

static int not_found(struct pn_call *call, const char *consumer)
{
    return pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Consumer %s, account %s not found.", consumer,
                      pn_op_account(call));
}

/* --- register --------------------------------------------------------------------------------- */

struct registration {
    struct pn_call *call;
    const char *name;
    struct pn_stream_tag *tags;
    size_t tag_count;
    struct pn_stream_consumer made;
};

/* Puts it where its name belongs. */
static int add_consumer(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    struct registration *registration = arg;
    struct pn_call *call = registration->call;
    if (pn_op_consumer(edit, registration->name) != NULL) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                          "Consumer %s under stream %s already exists for account %s.",
                          registration->name, edit->name, pn_op_account(call));
    }
    if (edit->consumer_count >= PN_CONSUMERS_MAX) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_KINESIS_LIMIT_EXCEEDED,
                          "Stream %s under account %s has %zu consumers already. Limit: %d.",
                          edit->name, pn_op_account(call), edit->consumer_count, PN_CONSUMERS_MAX);
    }
    struct pn_stream_consumer *consumers =
        pn_arena_calloc(arena, edit->consumer_count + 1, sizeof *consumers);
    size_t at = 0;
    while (at < edit->consumer_count && strcmp(edit->consumers[at].name, registration->name) < 0) {
        consumers[at] = edit->consumers[at];
        at++;
    }
    struct pn_stream_consumer *made = &consumers[at];
    made->name = registration->name;
    made->created_ms = pn_op_now_ms(call);
    made->arn = pn_arena_printf(arena, "%s/consumer/%s:%" PRId64, edit->arn, made->name,
                                made->created_ms / 1000);
    made->tags = registration->tags;
    made->tag_count = registration->tag_count;
    for (; at < edit->consumer_count; at++) {
        consumers[at + 1] = edit->consumers[at];
    }
    edit->consumers = consumers;
    edit->consumer_count++;
    registration->made = *made;
    registration->made.arn = pn_arena_strdup(call->arena, made->arn);
    return 0;
}

int pn_op_register_stream_consumer(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    struct registration registration = {.call = call, .name = pn_op_text(call, "ConsumerName")};
    int rc = pn_call_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_active(call, stream);
    if (rc == 0) {
        rc = pn_op_tags(call, "Tags", stream->name, &registration.tags, &registration.tag_count);
    }
    if (rc == 0) {
        rc =
            pn_kinesis_update(call->kinesis, stream->name, add_consumer, &registration, &call->err);
    }
    if (rc == 0) {
        pn_wire_map(&call->reply);
        pn_wire_key(&call->reply, "Consumer");
        pn_wire_map(&call->reply);
        write_consumer(call, &registration.made);
        pn_wire_map_end(&call->reply);
        pn_wire_map_end(&call->reply);
    }
    pn_stream_release(&stream);
    return rc;
}

/* --- one consumer ----------------------------------------------------------------------------- */

/* By its ARN, else by its stream's ARN and its name. Release the stream; the consumer is its. */
static int find_consumer(struct pn_call *call, const struct pn_stream **stream,
                         const struct pn_stream_consumer **consumer)
{
    const char *name = pn_op_text(call, "ConsumerName");
    const char *arn = pn_op_text(call, "ConsumerARN");
    int rc = 0;
    if (arn == NULL && (name == NULL || !pn_op_has(call, "StreamARN"))) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Either ConsumerARN or both StreamARN and ConsumerName must be "
                          "provided.");
    }
    if (arn != NULL) {
        rc = pn_op_resource(call, "ConsumerARN", stream, consumer);
    } else {
        rc = pn_call_stream(call, stream);
        *consumer = rc == 0 ? pn_op_consumer(*stream, name) : NULL;
    }
    if (rc != 0) {
        return rc;
    }
    const char *stream_arn = pn_op_text(call, "StreamARN");
    if (*consumer == NULL) {
        rc = not_found(call, arn != NULL ? arn : name);
    } else if ((name != NULL && strcmp(name, (*consumer)->name) != 0) ||
               (stream_arn != NULL && strcmp(stream_arn, (*stream)->arn) != 0)) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                        "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.");
    }
    if (rc != 0) {
        pn_stream_release(stream);
    }
    return rc;
}

struct removal {
    const char *arn;
    const char *account;
};

static int remove_consumer(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                           struct pn_err *e)
{
    const struct removal *removal = arg;
    struct pn_stream_consumer *kept =
        pn_arena_calloc(arena, edit->consumer_count + 1, sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; i < edit->consumer_count; i++) {
        if (strcmp(edit->consumers[i].arn, removal->arn) != 0) {
            kept[count++] = edit->consumers[i];
        }
    }
    if (count == edit->consumer_count) { /* another call was first */
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Consumer %s, account %s not found.", removal->arn, removal->account);
    }
    edit->consumers = kept;
    edit->consumer_count = count;
    return 0;
}

int pn_op_deregister_stream_consumer(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    int rc = find_consumer(call, &stream, &consumer);
    if (rc != 0) {
        return rc;
    }
    struct removal removal = {.arn = consumer->arn, .account = pn_op_account(call)};
    rc = pn_kinesis_update(call->kinesis, stream->name, remove_consumer, &removal, &call->err);
    pn_stream_release(&stream);
    return rc;
}

int pn_op_describe_stream_consumer(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    int rc = find_consumer(call, &stream, &consumer);
    if (rc != 0) {
        return rc;
    }
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "ConsumerDescription");
    pn_wire_map(&call->reply);
    write_consumer(call, consumer);
    pn_op_text_member(call, "StreamARN", stream->arn);
    pn_wire_map_end(&call->reply);
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
    return 0;
}

/* --- list ------------------------------------------------------------------------------------- */

static void write_consumers(struct pn_call *call, const struct pn_stream *stream, const char *after)
{
    size_t limit = pn_op_limit(call, "MaxResults", LISTED_CONSUMERS_MAX);
    size_t at = 0;
    while (after != NULL && at < stream->consumer_count &&
           strcmp(stream->consumers[at].name, after) <= 0) {
        at++;
    }
    size_t end = stream->consumer_count - at > limit ? at + limit : stream->consumer_count;
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "Consumers");
    pn_wire_list(&call->reply);
    for (; at < end; at++) {
        pn_wire_map(&call->reply);
        write_consumer(call, &stream->consumers[at]);
        pn_wire_map_end(&call->reply);
    }
    pn_wire_list_end(&call->reply);
    if (end < stream->consumer_count) {
        struct pn_token token = {.kind = 'c',
                                 .stream = stream->name,
                                 .stream_id = stream->id,
                                 .after = stream->consumers[end - 1].name};
        pn_op_text_member(call, "NextToken", pn_op_token_write(call, &token));
    }
    pn_wire_map_end(&call->reply);
}

int pn_op_list_stream_consumers(struct pn_call *call)
{
    static const char *const others[] = {"StreamCreationTimestamp", NULL};
    const struct pn_json *created = pn_json_get(call->input, "StreamCreationTimestamp");
    const struct pn_stream *stream = NULL;
    struct pn_token token;
    int rc = pn_op_list_stream(call, 'c', others, &token, &stream);
    if (rc != 0) {
        return rc;
    }
    if (strcmp(pn_op_text(call, "StreamARN"), stream->arn) != 0) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "NextToken and StreamARN mismatch");
    } else if (created != NULL &&
               pn_wire_timestamp_ms(created) / 1000 != stream->created_ms / 1000) {
        rc = pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Stream %s under account %s not found.",
                        stream->name, pn_op_account(call));
    } else {
        write_consumers(call, stream, token.kind == 0 ? NULL : token.after);
    }
    pn_stream_release(&stream);
    return rc;
}

/* --- subscribe -------------------------------------------------------------------------------- */

int pn_op_subscribe_to_shard(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    const struct pn_shard *shard = NULL;
    struct pn_subscription *subscription = NULL;
    int64_t offset = 0;
    int rc = pn_op_resource(call, "ConsumerARN", &stream, &consumer);
    if (rc != 0) {
        return rc;
    }
    PN_ASSERT(consumer != NULL); /* the shape asks for a consumer's ARN */
    rc = pn_op_shard(call, stream, pn_op_text(call, "ShardId"), &shard);
    if (rc == 0) {
        rc = pn_op_position(call, pn_json_get(call->input, "StartingPosition"), "Type",
                            "SequenceNumber", stream, shard, &offset);
    }
    if (rc == 0) {
        rc = pn_op_dry_run(call);
    }
    if (rc == 0) {
        rc = pn_subscription_create(call->kinesis, stream, consumer, shard, offset,
                                    call->reply.cbor, &subscription, &call->err);
    }
    if (rc == 0) {
        call->state = subscription;
    }
    pn_stream_release(&stream);
    return rc;
}

struct pn_subscription *pn_call_take_subscription(struct pn_call *call)
{
    struct pn_subscription *subscription = call->state;
    call->state = NULL;
    return subscription;
}
