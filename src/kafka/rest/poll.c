/*
 * GET /consumers/{group}/instances/{instance}/records?timeout&max_bytes
 *
 * Answered as soon as there are records (fetch.min.bytes of them, when the instance asked for
 * that), with an empty list when the time is up. The original waits its whole time-out when
 * fetch.min.bytes isn't set.
 */
#include <string.h>

#include "base/units.h"
#include "http/accept.h"
#include "kafka/rest/private.h"

enum { POLL_RECORDS_MAX = 100000, POLL_TIMEOUT_MS_MAX = 300000 };

struct poll {
    const struct pn_kafka_rest *rest;
    int64_t max_bytes;
    int64_t timeout_ms; /* -1: the instance's */
    bool timed;         /* wait_until_ns is set */
    /* Of the round in progress; it has an arena of its own, as there may be many. */
    struct pn_arena arena;
    struct pn_kafka_rest_fetch fetch;
    size_t record_count;
    size_t bytes;
    struct pn_err failure; /* the record that stopped the round, when `failed` */
    bool failed;
};

static bool query_number(struct pn_http_request *req, const char *name, int64_t *value)
{
    const char *text = pn_http_request_query(req, name);
    if (text != NULL && pn_parse_i64(text, value, NULL) != 0) {
        pn_kafka_rest_reply_error(req, 400, 400, "The query parameter %s must be a number", name);
        return false;
    }
    return true;
}

static struct poll *begin_poll(struct pn_http_request *req, const struct pn_kafka_rest *rest)
{
    int64_t max = rest->config.fetch_bytes_max;
    struct poll *poll = pn_arena_calloc(&req->arena, 1, sizeof *poll);
    poll->rest = rest;
    poll->max_bytes = -1;
    poll->timeout_ms = -1;
    if (!query_number(req, "max_bytes", &poll->max_bytes) ||
        !query_number(req, "timeout", &poll->timeout_ms)) {
        return NULL;
    }
    if (poll->max_bytes < 0 || poll->max_bytes > max) {
        poll->max_bytes = max;
    }
    pn_arena_init(&poll->arena, 0);
    return poll;
}

/* Is the instance's format one the client takes? */
static bool check_accept(struct pn_http_request *req, enum pn_kafka_rest_format_kind format)
{
    const char *const json[] = {"application/vnd.kafka.json.v2+json", PN_KAFKA_REST_TYPE,
                                PN_HTTP_TYPE_JSON};
    const char *const binary[] = {"application/vnd.kafka.binary.v2+json", PN_KAFKA_REST_TYPE,
                                  PN_HTTP_TYPE_JSON};
    const char *const *offers = format == PN_KAFKA_REST_BODY_JSON ? json : binary;
    const char *accept = pn_http_request_header(req, "Accept");
    if (pn_http_accept(accept, offers, 3) < 0) {
        pn_kafka_rest_reply_error(
            req, 406, PN_KAFKA_REST_CODE_FORMAT_MISMATCH,
            "The requested embedded data format does not match the deserializer for "
            "this consumer instance");
        return false;
    }
    req->content_type = offers[0];
    return true;
}

/* Reads one partition on from its position, and moves that. */
static void read_partition(struct pn_http_request *req, struct poll *poll,
                           struct pn_kafka_rest_position *from, struct pn_json_writer *json)
{
    size_t left =
        poll->max_bytes > (int64_t)poll->bytes ? (size_t)poll->max_bytes - poll->bytes : 0;
    struct pn_log_records records;
    if (left == 0 && poll->record_count > 0) {
        return;
    }
    if (pn_log_read(poll->rest->topics, from->topic, from->partition, from->offset,
                    POLL_RECORDS_MAX, left, &poll->arena, &records, &poll->failure) != 0) {
        /* Above an end that the log is unsure of there is nothing for now, as in no topic. */
        poll->failed =
            poll->failure.class_ != PN_CLASS_MISSING && poll->failure.class_ != PN_CLASS_INPUT;
        return;
    }
    for (size_t i = 0; i < records.count; i++) {
        const struct pn_record *record = &records.records[i];
        size_t len = record->key.len + record->value.len;
        if (poll->record_count > 0 && len > left) {
            return;
        }
        if (pn_kafka_rest_put_record(req->parser, poll->fetch.format, from->topic, from->partition,
                                     record, json, &poll->failure) != 0) {
            poll->failed = true;
            return;
        }
        left -= len < left ? len : left;
        poll->bytes += len;
        poll->record_count++;
        from->offset = record->offset + 1;
    }
    if (records.next_offset > from->offset) {
        from->offset = records.next_offset;
    }
}

static bool poll_ready(struct pn_http_request *req)
{
    const struct poll *poll = req->state;
    return pn_kafka_rest_instances_ready(
        &poll->rest->instances, (struct pn_kafka_rest_instance_id){req->params[0], req->params[1]},
        (int64_t)poll->record_count);
}

/* Until when the request may wait; known once the instance's settings are. */
static void set_time(struct pn_http_request *req, struct poll *poll, int64_t default_ms)
{
    if (!poll->timed) {
        int64_t ms = poll->timeout_ms >= 0 ? poll->timeout_ms : default_ms;
        ms = ms < POLL_TIMEOUT_MS_MAX ? ms : POLL_TIMEOUT_MS_MAX;
        req->wait_until_ns = pn_mono_ns(poll->rest->env.clock) + ms * INT64_C(1000000);
        poll->timed = true;
    }
}

static enum pn_http_handled reply_unreadable(struct pn_http_request *req, const struct poll *poll)
{
    if (poll->failure.class_ == PN_CLASS_INPUT) {
        pn_kafka_rest_reply_error(
            req, 422, PN_KAFKA_REST_CODE_JSON_CONVERSION,
            "Conversion of JSON to Object failed: %s; seek past it, or read it with a "
            "consumer of the binary format",
            poll->failure.msg);
    } else {
        pn_kafka_rest_reply_log_error(req, &poll->failure);
    }
    return PN_HTTP_HANDLED;
}

static bool enough(const struct pn_http_request *req, const struct poll *poll)
{
    return req->expired || poll->failed || (int64_t)poll->bytes >= poll->max_bytes ||
           (poll->record_count > 0 && (int64_t)poll->bytes >= poll->fetch.min_bytes) ||
           pn_mono_ns(poll->rest->env.clock) >= req->wait_until_ns;
}

/* Nothing was given to the client, so no position has moved. */
static void forget_round(struct poll *poll)
{
    for (size_t i = 0; i < poll->fetch.partitions.count; i++) {
        poll->fetch.partitions.items[i].offset = poll->fetch.started_at[i];
    }
}

/* One look at all the partitions. */
static enum pn_http_handled read_round(struct pn_http_request *req, struct poll *poll)
{
    poll->record_count = 0;
    poll->bytes = 0;
    poll->failed = false;
    pn_buf_reset(&req->out);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_array(&json);
    for (size_t i = 0; i < poll->fetch.partitions.count && !poll->failed; i++) {
        read_partition(req, poll, &poll->fetch.partitions.items[i], &json);
    }
    pn_json_end(&json);
    if (!enough(req, poll)) {
        forget_round(poll);
        return PN_HTTP_HANDLED_WAIT;
    }
    if (!pn_http_request_reserve(req, req->out.len)) {
        forget_round(poll);
        return PN_HTTP_HANDLED;
    }
    req->status = 200;
    return poll->failed && poll->record_count == 0 ? reply_unreadable(req, poll) : PN_HTTP_HANDLED;
}

/* What the original answers while it joins the group; no position has moved. */
static enum pn_http_handled reply_nothing(struct pn_http_request *req)
{
    pn_buf_reset(&req->out);
    pn_buf_adds(&req->out, "[]");
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled reply_busy(struct pn_http_request *req, struct poll *poll)
{
    set_time(req, poll, poll->rest->config.request_timeout_ms);
    if (!req->expired) {
        return PN_HTTP_HANDLED_WAIT;
    }
    pn_kafka_rest_reply_error(
        req, 409, PN_KAFKA_REST_CODE_ILLEGAL_STATE,
        "Illegal state: another fetch of this consumer instance is in progress");
    return PN_HTTP_HANDLED;
}

/* Who subscribed may have had another key, or a pattern that means more than this one may read. */
static bool may_read(struct pn_http_request *req, const struct pn_kafka_rest_positions *partitions)
{
    for (size_t i = 0; i < partitions->count; i++) {
        if (!pn_http_may_topic(req, partitions->items[i].topic)) {
            return false;
        }
    }
    return true;
}

static enum pn_http_handled poll_once(struct pn_http_request *req, struct poll *poll)
{
    const struct pn_kafka_rest_instances *instances = &poll->rest->instances;
    struct pn_kafka_rest_refusal refusal;
    bool busy = false;
    pn_arena_reset(&poll->arena);
    if (pn_kafka_rest_instances_fetch_begin(
            instances, (struct pn_kafka_rest_instance_id){req->params[0], req->params[1]},
            &poll->arena, &poll->fetch, &busy, &refusal) != 0) {
        pn_kafka_rest_reply_error(req, refusal.status, refusal.code, "%s", refusal.msg);
        return PN_HTTP_HANDLED;
    }
    if (busy) {
        return reply_busy(req, poll);
    }
    enum pn_http_handled handled = PN_HTTP_HANDLED;
    set_time(req, poll, poll->fetch.request_timeout_ms);
    if (may_read(req, &poll->fetch.partitions) && check_accept(req, poll->fetch.format)) {
        bool empty = poll->fetch.first && poll->rest->config.first_poll_empty;
        handled = empty ? reply_nothing(req) : read_round(req, poll);
    }
    pn_kafka_rest_instances_fetch_end(instances, &poll->fetch);
    return handled;
}

enum pn_http_handled pn_kafka_rest_consumer_records(struct pn_http_request *req, void *arg)
{
    struct poll *poll = req->state != NULL ? req->state : begin_poll(req, arg);
    if (poll == NULL) {
        return PN_HTTP_HANDLED;
    }
    req->state = poll;
    req->ready = poll_ready;
    enum pn_http_handled handled = poll_once(req, poll);
    if (handled != PN_HTTP_HANDLED_WAIT) {
        pn_arena_deinit(&poll->arena);
    }
    return handled;
}
