/*
 * POST /topics/{topic} and /topics/{topic}/partitions/{partition}.
 *
 * kafka-rest answers 200 also when every record failed, with the reason inside, which its users
 * overlook. Here a request of which nothing was kept is an error, with the error's status; where
 * some records were kept and others not, it is 200 and each record says what became of it.
 */
#include <string.h>

#include "kafka/rest/private.h"
#include "kafka/rest/produce_body.h"

/* A larger body is handled on the pool. */
enum { INLINE_BYTES_MAX = 256 * 1024 };

struct produce {
    const struct pn_kafka_rest *rest;
    struct pn_log_request request;
    struct pn_log_entry *entries; /* all, in the request's order */
    size_t count;
    size_t *sent; /* which of them request.entries are; NULL: all of them */
};

static bool check_format(struct pn_http_request *req, enum pn_kafka_rest_format_kind *format)
{
    const char *type = pn_http_request_header(req, "Content-Type");
    *format = pn_kafka_rest_format(type);
    if (*format == PN_KAFKA_REST_BODY_SCHEMA) {
        pn_kafka_rest_reply_error(
            req, 400, PN_KAFKA_REST_CODE_BAD_REQUEST,
            "%s needs a schema registry, which pinion does not have: send "
            "application/vnd.kafka.json.v2+json or application/vnd.kafka.binary.v2+json",
            type);
        return false;
    }
    if (*format == PN_KAFKA_REST_BODY_UNKNOWN) {
        pn_kafka_rest_reply_error(req, 415, 415,
                                  "HTTP 415 Unsupported Media Type: \"%.200s\"; send "
                                  "application/vnd.kafka.json.v2+json (or application/json), or "
                                  "application/vnd.kafka.binary.v2+json",
                                  type);
        return false;
    }
    return true;
}

static bool check_path(struct pn_http_request *req, int32_t *partition)
{
    struct pn_err e;
    const char *topic = req->params[0];
    if (!pn_topic_name_valid(topic, strlen(topic), &e)) {
        pn_kafka_rest_reply_error(req, 400, PN_KAFKA_REST_CODE_BAD_REQUEST, "%s", e.msg);
        return false;
    }
    *partition = PN_PARTITION_ANY;
    return req->param_count < 2 || pn_kafka_rest_partition_param(req, req->params[1], partition);
}

/* Lets the request have the entries that nothing is wrong with yet. Returns their number. */
static size_t choose(struct pn_http_request *req, struct produce *state)
{
    size_t good = 0;
    for (size_t i = 0; i < state->count; i++) {
        good += state->entries[i].rc == 0;
    }
    state->request.count = good;
    if (good == state->count) {
        state->request.entries = state->entries;
        return good;
    }
    struct pn_log_entry *chosen = pn_arena_calloc(&req->arena, good + 1, sizeof *chosen);
    state->sent = pn_arena_calloc(&req->arena, good + 1, sizeof *state->sent);
    size_t used = 0;
    for (size_t i = 0; i < state->count; i++) {
        if (state->entries[i].rc == 0) {
            chosen[used] = state->entries[i];
            state->sent[used++] = i;
        }
    }
    state->request.entries = chosen;
    return good;
}

/* Brings what the log wrote into the chosen entries back to all of them. */
static void collect(struct produce *state)
{
    for (size_t i = 0; state->sent != NULL && i < state->request.count; i++) {
        state->entries[state->sent[i]] = state->request.entries[i];
    }
}

static void note_failures(struct pn_http_request *req, const struct produce *state)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->entries[i].rc != 0 && state->entries[i].class_ == PN_CLASS_FATAL) {
            pn_log_failures_note(state->rest->env.failures, req->params[0],
                                 state->entries[i].partition, state->request.err.msg);
            return;
        }
    }
}

static bool no_such_partition(struct pn_http_request *req, const struct produce *state,
                              const struct pn_log_entry *entry)
{
    struct pn_log_topic_info info;
    return entry->class_ == PN_CLASS_INPUT && entry->partition != PN_PARTITION_ANY &&
           pn_log_topic(state->rest->topics, req->params[0], &info, NULL) == 0 &&
           entry->partition >= info.partitions;
}

static bool too_large(const struct produce *state, const struct pn_log_entry *entry)
{
    const struct pn_record *record = &entry->record;
    size_t len = record->key.len + record->value.len;
    for (size_t i = 0; i < record->header_count; i++) {
        len += record->headers[i].name.len + record->headers[i].value.len;
    }
    return (int64_t)len > state->rest->config.record_bytes_max;
}

/* The number and text of one record's failure; *status is what it would be for a whole request. */
static int failure_of(struct pn_http_request *req, const struct produce *state,
                      const struct pn_log_entry *entry, int *status, const char **text)
{
    if (too_large(state, entry)) {
        *status = 413;
        *text = pn_arena_printf(&req->arena,
                                "The record is larger than %lld bytes (log.record_bytes_max)",
                                (long long)state->rest->config.record_bytes_max);
        return PN_KAFKA_REST_CODE_BAD_REQUEST;
    }
    if (no_such_partition(req, state, entry)) {
        *status = 404;
        *text = "Partition not found.";
        return PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND;
    }
    *text = pn_http_request_public(req, state->request.err.msg);
    return pn_kafka_rest_error_code(entry->class_, entry->rc, status);
}

static void put_offset(struct pn_http_request *req, const struct produce *state,
                       const struct pn_log_entry *entry, struct pn_json_writer *json)
{
    pn_json_put_object(json);
    if (entry->rc == 0) {
        pn_json_add_i64(json, "partition", entry->partition);
        pn_json_add_i64(json, "offset", entry->offset);
        pn_json_add_null(json, "error_code");
        pn_json_add_null(json, "error");
    } else {
        int status = 0;
        const char *text = NULL;
        int code = failure_of(req, state, entry, &status, &text);
        pn_json_add_null(json, "partition");
        pn_json_add_null(json, "offset");
        pn_json_add_i64(json, "error_code", code);
        pn_json_add_cstr(json, "error", text);
    }
    pn_json_end(json);
}

static void reply_offsets(struct pn_http_request *req, const struct produce *state)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "offsets");
    for (size_t i = 0; i < state->count; i++) {
        put_offset(req, state, &state->entries[i], &json);
    }
    pn_json_end(&json);
    pn_json_add_null(&json, "key_schema_id");
    pn_json_add_null(&json, "value_schema_id");
    pn_json_end(&json);
    req->status = 200;
}

static void reply_failure(struct pn_http_request *req, const struct produce *state,
                          const struct pn_log_entry *entry)
{
    int status = 0;
    const char *text = NULL;
    int code = failure_of(req, state, entry, &status, &text);
    if (status == 503) {
        req->retry_after_s = 1;
    }
    pn_kafka_rest_reply_error(req, status, code, "%s", text);
}

/* The log took nothing. When it's the fault of some of the records, the others are tried. */
static enum pn_http_handled refused(struct pn_http_request *req, struct produce *state)
{
    size_t bad = 0;
    for (size_t i = 0; i < state->request.count; i++) {
        bad += state->request.entries[i].rc != 0;
    }
    if (state->request.err.class_ != PN_CLASS_INPUT || bad == 0) {
        pn_kafka_rest_reply_log_error(req, &state->request.err);
        if (state->request.err.class_ == PN_CLASS_FATAL) {
            pn_log_failures_note(state->rest->env.failures, req->params[0],
                                 state->request.entries[0].partition, state->request.err.msg);
        }
        return PN_HTTP_HANDLED;
    }
    collect(state);
    if (choose(req, state) > 0) {
        return PN_HTTP_HANDLED_SUBMIT;
    }
    reply_failure(req, state, &state->entries[0]);
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled finish(struct pn_http_request *req, bool taken)
{
    struct produce *state = req->state;
    size_t kept = 0;
    if (!taken) {
        return refused(req, state);
    }
    collect(state);
    for (size_t i = 0; i < state->count; i++) {
        kept += state->entries[i].rc == 0;
    }
    pn_metric_add(state->rest->records, (int64_t)kept);
    if (kept < state->count) {
        note_failures(req, state);
    }
    if (kept == 0) {
        reply_failure(req, state, &state->entries[0]);
    } else {
        reply_offsets(req, state);
    }
    return PN_HTTP_HANDLED;
}

static void produced(struct pn_log_request *request)
{
    pn_http_request_done(request->arg);
}

static bool submit(struct pn_http_request *req, bool more)
{
    struct produce *state = req->state;
    struct pn_err e = {0};
    state->request.more = more;
    int rc = pn_log_submit(state->rest->topics, &state->request, &e);
    if (rc != 0) {
        state->request.rc = rc;
        state->request.err = e;
    }
    return rc == 0;
}

/* A topic that isn't there may be one that its first record makes, in a way of its own; but never a
 * stream's, which the submit refuses. False when the reply says why it is not made. */
static bool make_topic(const struct pn_kafka_rest *rest, struct pn_http_request *req)
{
    const struct pn_kafka_rest_env *env = &rest->env;
    struct pn_log_topic_info info;
    struct pn_err e;
    if (env->first_record == NULL || pn_topic_is_internal(req->params[0]) ||
        pn_log_topic(rest->topics, req->params[0], &info, NULL) == 0 ||
        env->first_record(env->first_record_arg, req->params[0], &e) == 0) {
        return true;
    }
    pn_kafka_rest_reply_log_error(req, &e);
    return false;
}

/* Parses the body; what is wrong with it is said with the record it is in. */
static bool parse_body(struct pn_http_request *req, struct pn_json **root)
{
    struct pn_err e;
    size_t index = 0;
    *root = NULL;
    if (req->body_len == 0) {
        return true;
    }
    int rc = pn_json_parse(req->parser, req->body, req->body_len, req->body_capacity, root, &e);
    if (rc == 0) {
        return true;
    }
    if (rc != PN_JSON_TOO_MANY &&
        pn_kafka_rest_produce_record_at(req->body, pn_json_fault_offset(req->parser), &index)) {
        pn_err_prefix(&e, "records[%zu]", index);
    }
    pn_http_request_refuse_json(req, rc, &e);
    return false;
}

enum pn_http_handled pn_kafka_rest_produce(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_kafka_rest_produce_input input = {.records_max = rest->config.records_per_request_max,
                                                .record_bytes_max = rest->config.record_bytes_max};
    struct pn_log_topic_info info;
    struct pn_json *root = NULL;
    if (!check_path(req, &input.partition) || !check_format(req, &input.format) ||
        !pn_kafka_rest_accept(req)) {
        return PN_HTTP_HANDLED;
    }
    /* The log may create the topic, on the disk; and a large body takes a while to parse. */
    if (!req->may_block && (req->body_len > INLINE_BYTES_MAX ||
                            pn_log_topic(rest->topics, req->params[0], &info, NULL) != 0)) {
        return PN_HTTP_HANDLED_BLOCKS;
    }
    if (!parse_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    input.root = root;
    struct produce *state = pn_arena_calloc(&req->arena, 1, sizeof *state);
    state->rest = rest;
    struct pn_kafka_rest_refusal error;
    if (pn_kafka_rest_produce_parse(&input, &req->arena, &req->values, &state->entries,
                                    &state->count, &error) != 0) {
        pn_kafka_rest_reply_error(req, error.status, error.code, "%s", error.msg);
        return PN_HTTP_HANDLED;
    }
    if (req->may_block && !make_topic(rest, req)) {
        return PN_HTTP_HANDLED;
    }
    state->request.topic = req->params[0];
    state->request.done = produced;
    state->request.arg = req;
    req->state = state;
    req->submit = submit;
    req->finish = finish;
    if (choose(req, state) == 0) {
        reply_failure(req, state, &state->entries[0]);
        return PN_HTTP_HANDLED;
    }
    return PN_HTTP_HANDLED_SUBMIT;
}
