#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kinesis/api/ops.h"

enum { CHECK_MODULUS = 4093 /* of streams' ids */ };

bool pn_op_has(const struct pn_call *call, const char *name)
{
    return pn_json_get(call->input, name) != NULL;
}

static const char *text_of(const struct pn_call *call, const struct pn_json *node)
{
    return node == NULL ? NULL : pn_arena_strndup(call->arena, node->text, node->text_len);
}

const char *pn_op_text(const struct pn_call *call, const char *name)
{
    return text_of(call, pn_json_get(call->input, name));
}

int64_t pn_op_int(const struct pn_call *call, const char *name, int64_t fallback)
{
    const struct pn_json *node = pn_json_get(call->input, name);
    return node == NULL ? fallback : node->integer;
}

size_t pn_op_limit(const struct pn_call *call, const char *name, size_t max)
{
    int64_t limit = pn_op_int(call, name, (int64_t)max);
    return limit < (int64_t)max ? (size_t)limit : max;
}

int64_t pn_op_now_ms(const struct pn_call *call)
{
    return pn_wall_ms(pn_kinesis_clock(call->kinesis));
}

const char *pn_op_account(const struct pn_call *call)
{
    return pn_kinesis_config(call->kinesis)->account;
}

static enum pn_class class_of(enum pn_kinesis_code code)
{
    switch (code) {
    case PN_KINESIS_NOT_FOUND:
        return PN_CLASS_MISSING;
    case PN_KINESIS_IN_USE:
        return PN_CLASS_CONFLICT;
    case PN_KINESIS_LIMIT_EXCEEDED:
    case PN_KINESIS_THROUGHPUT_EXCEEDED:
    case PN_KINESIS_INTERNAL:
        return PN_CLASS_RETRY;
    default:
        return PN_CLASS_INPUT;
    }
}

int pn_op_fail(struct pn_call *call, enum pn_kinesis_code code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    PN_ASSERT(len >= 0);
    char *text = pn_arena_alloc(call->arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    call->err_text = text;
    return pn_err_set(&call->err, class_of(code), (int)code, "%s", text);
}

int pn_op_dry_run(struct pn_call *call)
{
    if (!pn_json_get_bool(call->input, "DryRun", false)) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_DRY_RUN,
                      "The request was rejected because the DryRun parameter was specified.");
}

int pn_op_active(struct pn_call *call, const struct pn_stream *stream)
{
    if (stream->status == PN_STREAM_ACTIVE) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_IN_USE,
                      "Stream %s under account %s not ACTIVE, instead in state %s", stream->name,
                      pn_op_account(call), pn_stream_status_name(stream->status));
}

/* --- ARNs ------------------------------------------------------------------------------------- */

/* Takes the text up to `until` off the front of *rest, into the arena; NULL when there is none. */
static const char *take(struct pn_call *call, const char **rest, char until)
{
    const char *end = strchr(*rest, until);
    if (end == NULL) {
        return NULL;
    }
    const char *part = pn_arena_strndup(call->arena, *rest, (size_t)(end - *rest));
    *rest = end + 1;
    return part;
}

/* "<stream>" or "<stream>/consumer/<consumer>:<seconds>". */
static bool split_resource(struct pn_call *call, const char *rest, struct pn_arn *arn)
{
    static const char consumer[] = "/consumer/";
    const char *at = strstr(rest, consumer);
    size_t stream_len = at == NULL ? strlen(rest) : (size_t)(at - rest);
    arn->stream = pn_arena_strndup(call->arena, rest, stream_len);
    arn->consumer = NULL;
    if (!pn_stream_name_valid(arn->stream, stream_len)) {
        return false;
    }
    if (at == NULL) {
        return true;
    }
    const char *name = at + strlen(consumer);
    const char *colon = strchr(name, ':');
    if (colon == NULL || colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0' ||
        !pn_stream_name_valid(name, (size_t)(colon - name))) {
        return false;
    }
    arn->consumer = pn_arena_strndup(call->arena, name, (size_t)(colon - name));
    return true;
}

int pn_op_arn(struct pn_call *call, const char *text, struct pn_arn *arn)
{
    static const char kind[] = "stream/";
    const struct pn_kinesis_config *config = pn_kinesis_config(call->kinesis);
    const char *rest = text;
    const char *arn_word = take(call, &rest, ':');
    const char *partition = arn_word == NULL ? NULL : take(call, &rest, ':');
    const char *service = partition == NULL ? NULL : take(call, &rest, ':');
    arn->region = service == NULL ? NULL : take(call, &rest, ':');
    arn->account = arn->region == NULL ? NULL : take(call, &rest, ':');
    if (arn->account == NULL || strcmp(service, "kinesis") != 0 ||
        strncmp(rest, kind, strlen(kind)) != 0 || !split_resource(call, rest + strlen(kind), arn)) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "ARN %s is invalid.", text);
    }
    if (strcmp(arn->region, config->region) != 0) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "ARN %s is of region %s, while this is region %s.", text, arn->region,
                          config->region);
    }
    if (strcmp(arn->account, config->account) != 0) {
        return pn_op_fail(call, PN_KINESIS_ACCESS_DENIED,
                          "User: arn:aws:iam::%s:root is not authorized to perform: kinesis:%s on "
                          "resource: %s because no resource-based policy allows the kinesis:%s "
                          "action",
                          config->account, call->operation->name, text, call->operation->name);
    }
    return pn_op_may(call, arn->stream);
}

const struct pn_stream_consumer *pn_op_consumer(const struct pn_stream *stream, const char *name)
{
    for (size_t i = 0; i < stream->consumer_count; i++) {
        if (strcmp(stream->consumers[i].name, name) == 0) {
            return &stream->consumers[i];
        }
    }
    return NULL;
}

int pn_op_resource(struct pn_call *call, const char *member, const struct pn_stream **stream,
                   const struct pn_stream_consumer **consumer)
{
    const char *text = pn_op_text(call, member);
    struct pn_arn arn;
    int rc = pn_op_arn(call, text, &arn);
    if (rc == 0) {
        rc = pn_op_find_stream(call, arn.stream, stream);
    }
    if (rc != 0) {
        return rc;
    }
    *consumer = NULL;
    if (arn.consumer != NULL) {
        *consumer = pn_op_consumer(*stream, arn.consumer);
        if (*consumer == NULL || strcmp((*consumer)->arn, text) != 0) {
            pn_stream_release(stream);
            return pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Consumer %s, account %s not found.",
                              text, pn_op_account(call));
        }
    }
    return 0;
}

/* --- the stream ------------------------------------------------------------------------------- */

char *pn_op_stream_id(const struct pn_stream *stream, char *out)
{
    (void)snprintf(out, PN_STREAM_ID_SIZE, "%020" PRIx64 "-%03x", stream->id,
                   (unsigned)(stream->id % CHECK_MODULUS));
    return out;
}

int pn_op_may(struct pn_call *call, const char *stream)
{
    if (call->streams == NULL || (stream != NULL && call->may_stream(call->streams, stream))) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_NOT_YOURS, "The API key is not for %s%s",
                      stream != NULL ? "the stream " : "all streams", stream != NULL ? stream : "");
}

/* The name of the stream with this id (as the API spells it), or NOT_FOUND. */
static int find_by_id(struct pn_call *call, const char *id, const char **name)
{
    const char **names = NULL;
    size_t count = 0;
    pn_kinesis_names(call->kinesis, call->arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream *stream = NULL;
        char text[PN_STREAM_ID_SIZE];
        if (pn_kinesis_stream(call->kinesis, names[i], &stream, NULL) != 0) {
            continue; /* deleted meanwhile */
        }
        bool found = strcmp(pn_op_stream_id(stream, text), id) == 0;
        pn_stream_release(&stream);
        if (found) {
            *name = names[i];
            return 0;
        }
    }
    return pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Stream with id %s under account %s not found.",
                      id, pn_op_account(call));
}

int pn_op_stream_name(struct pn_call *call, const char **name)
{
    const char *given = pn_op_text(call, "StreamName");
    const char *arn_text = pn_op_text(call, "StreamARN");
    const char *id = pn_op_text(call, "StreamId");
    const char *by_arn = NULL;
    const char *by_id = NULL;
    if (given == NULL && arn_text == NULL && id == NULL) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Either StreamARN or StreamName must be provided.");
    }
    if (arn_text != NULL) {
        struct pn_arn arn;
        int rc = pn_op_arn(call, arn_text, &arn);
        if (rc != 0) {
            return rc;
        }
        if (arn.consumer != NULL) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamARN %s is invalid.",
                              arn_text);
        }
        by_arn = arn.stream;
    }
    if (given != NULL && by_arn != NULL && strcmp(given, by_arn) != 0) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamARN and StreamName mismatch");
    }
    const char *by_name = given != NULL ? given : by_arn;
    if (id != NULL) {
        int rc = find_by_id(call, id, &by_id);
        if (rc != 0) {
            return rc;
        }
        if (by_name != NULL && strcmp(by_name, by_id) != 0) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamId and %s mismatch",
                              given != NULL ? "StreamName" : "StreamARN");
        }
    }
    *name = by_name != NULL ? by_name : by_id;
    return pn_op_may(call, *name);
}

int pn_call_stream(struct pn_call *call, const struct pn_stream **stream)
{
    const char *name = NULL;
    int rc = pn_op_stream_name(call, &name);
    if (rc != 0) {
        return rc;
    }
    return pn_op_find_stream(call, name, stream);
}

bool pn_op_look_again(struct pn_call *call, int *rc)
{
    if (!pn_kinesis_is_shared(call->kinesis)) {
        return false;
    }
    if (!call->may_block) {
        call->has_to_block = true;
        return false;
    }
    struct pn_err why = {0};
    int caught_up = pn_kinesis_catch_up(call->kinesis, &why);
    if (caught_up != 0) {
        *rc = caught_up;
        call->err = why;
    }
    return caught_up == 0;
}

int pn_op_find_stream(struct pn_call *call, const char *name, const struct pn_stream **stream)
{
    int rc = pn_kinesis_stream(call->kinesis, name, stream, &call->err);
    if (rc == PN_KINESIS_NOT_FOUND && pn_op_look_again(call, &rc)) {
        rc = pn_kinesis_stream(call->kinesis, name, stream, &call->err);
    }
    return rc;
}

/* --- shards ----------------------------------------------------------------------------------- */

bool pn_op_shard_index(const char *shard_id, uint32_t *index)
{
    const char *digits = strrchr(shard_id, '-');
    digits = digits == NULL ? shard_id : digits + 1;
    if (digits[0] == '\0') {
        return false;
    }
    uint64_t value = 0;
    for (const char *at = digits; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > INT32_MAX) {
            return false;
        }
    }
    *index = (uint32_t)value;
    return true;
}

static int no_shard(struct pn_call *call, const char *stream, const char *shard_id)
{
    return pn_op_fail(call, PN_KINESIS_NOT_FOUND,
                      "Could not find shard %s in stream %s under account %s.", shard_id, stream,
                      pn_op_account(call));
}

int pn_op_shard_id(struct pn_call *call, const char *member, uint32_t *index)
{
    const char *shard_id = pn_op_text(call, member);
    const char *name = NULL;
    int rc = pn_op_stream_name(call, &name);
    if (rc != 0 || pn_op_shard_index(shard_id, index)) {
        return rc;
    }
    return no_shard(call, name, shard_id);
}

int pn_op_shard(struct pn_call *call, const struct pn_stream *stream, const char *shard_id,
                const struct pn_shard **shard)
{
    uint32_t index = 0;
    char id[PN_SHARD_ID_SIZE];
    bool is_number = pn_op_shard_index(shard_id, &index);
    if (is_number && index < stream->shard_count) {
        *shard = &stream->shards[index];
        return 0;
    }
    return no_shard(call, stream->name, is_number ? pn_shard_id(index, id) : shard_id);
}

/* --- where to start --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum pn_iterator_type type;
} iterator_types[] = {
    {"TRIM_HORIZON", PN_ITERATOR_TRIM_HORIZON},
    {"LATEST", PN_ITERATOR_LATEST},
    {"AT_SEQUENCE_NUMBER", PN_ITERATOR_AT_SEQUENCE_NUMBER},
    {"AFTER_SEQUENCE_NUMBER", PN_ITERATOR_AFTER_SEQUENCE_NUMBER},
    {"AT_TIMESTAMP", PN_ITERATOR_AT_TIMESTAMP},
};

static int check_timestamp(struct pn_call *call, const struct pn_json *timestamp, int64_t *ms)
{
    if (timestamp == NULL) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Must specify timestampInMillis parameter for iterator of type "
                          "AT_TIMESTAMP. Current request has no timestamp parameter.");
    }
    *ms = pn_wire_timestamp_ms(timestamp);
    int64_t now_ms = pn_op_now_ms(call);
    if (*ms > now_ms) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "The timestampInMillis parameter cannot be greater than the "
                          "currentTimestampInMillis. timestampInMillis: %" PRId64
                          ", currentTimestampInMillis: %" PRId64,
                          *ms, now_ms);
    }
    return 0;
}

int pn_op_position(struct pn_call *call, const struct pn_json *where, const char *type,
                   const char *sequence, const struct pn_stream *stream,
                   const struct pn_shard *shard, int64_t *offset)
{
    const struct pn_json *type_node = pn_json_get(where, type);
    const char *number = text_of(call, pn_json_get(where, sequence));
    enum pn_iterator_type found = PN_ITERATOR_LATEST;
    const char *name = NULL;
    for (size_t i = 0; i < sizeof iterator_types / sizeof iterator_types[0]; i++) {
        if (pn_json_text_is(type_node, iterator_types[i].name)) {
            found = iterator_types[i].type;
            name = iterator_types[i].name;
        }
    }
    PN_ASSERT(name != NULL); /* the shape has these values */
    bool wants_number =
        found == PN_ITERATOR_AT_SEQUENCE_NUMBER || found == PN_ITERATOR_AFTER_SEQUENCE_NUMBER;
    if (found != PN_ITERATOR_AT_TIMESTAMP && wants_number != (number != NULL)) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
                          "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no "
                          "StartingSequenceNumber. Request specified %s and %s "
                          "StartingSequenceNumber.",
                          name, wants_number ? "no" : "also a");
    }
    int64_t timestamp_ms = 0;
    if (found == PN_ITERATOR_AT_TIMESTAMP) {
        int rc = check_timestamp(call, pn_json_get(where, "Timestamp"), &timestamp_ms);
        if (rc != 0) {
            return rc;
        }
    }
    return pn_shard_position(call->kinesis, stream, shard, found, number, timestamp_ms, offset,
                             &call->err);
}
