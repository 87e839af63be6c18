/*
 * Putting records. Nothing here blocks: the log's submit and done are the caller's.
 *
 * A put holds its records' shards (registry.c) from its routing to its end. A reshard makes its
 * snapshot the present one, from when on no put can be routed to a shard that it closed, and then
 * waits for those that were; so where the parent's partition ends then, the shard ends.
 */
#include <stdio.h>
#include <string.h>

#include "kinesis/internal.h"

static const uint32_t no_entry = UINT32_MAX;

/* The message for a client of a failure that isn't its own, in AWS's words. */
static const char internal_failure[] = "Internal service failure.";

static void refuse(struct pn_stream_record *record, int code, const char *msg)
{
    record->code = code;
    record->msg = msg;
}

/* --- beginning -------------------------------------------------------------------------------- */

static int find_stream(struct pn_kinesis *kinesis, const char *name,
                       const struct pn_stream **stream, struct pn_err *e)
{
    struct pn_snapshot *snapshot = NULL;
    int rc = pn_kinesis_hold_active(kinesis, name, &snapshot, e);
    *stream = rc == 0 ? &snapshot->stream : NULL;
    return rc;
}

static size_t record_bytes(const struct pn_stream_record *record)
{
    return record->data.len + record->partition_key.len;
}

static int check_sizes(const struct pn_stream_put *put, struct pn_err *e)
{
    size_t max = (size_t)put->stream->record_kib_max * 1024;
    for (size_t i = 0; i < put->count; i++) {
        char place[64] = "data";
        if (record_bytes(&put->records[i]) <= max) {
            continue;
        }
        if (put->failures) {
            (void)snprintf(place, sizeof place, "records.%zu.member.data", i + 1);
        }
        if (put->records[i].data.len > max) {
            return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                              "1 validation error detected: Value at '%s' failed to satisfy "
                              "constraint: Member must have length less than or equal to %zu",
                              place, max);
        }
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value at '%s' failed to satisfy "
                          "constraint: Member and its partition key must together have length less "
                          "than or equal to %zu",
                          place, max);
    }
    return 0;
}

/* Without a partition key nobody could say where the record goes, unless the stream decides. */
static int check_keys(const struct pn_stream_put *put, struct pn_err *e)
{
    for (size_t i = 0; i < put->count && !put->stream->spreads; i++) {
        char place[64] = "partitionKey";
        if (put->records[i].partition_key.data != NULL) {
            continue;
        }
        if (put->failures) {
            (void)snprintf(place, sizeof place, "records.%zu.member.partitionKey", i + 1);
        }
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value null at '%s' failed to satisfy "
                          "constraint: Member must not be null",
                          place);
    }
    return 0;
}

/* The stream, held, and whether it takes such records. */
static int find_checked(struct pn_kinesis *kinesis, const char *name, struct pn_stream_put *put,
                        struct pn_err *e)
{
    int rc = find_stream(kinesis, name, &put->stream, e);
    if (rc == 0) {
        rc = check_keys(put, e);
    }
    if (rc == 0) {
        rc = check_sizes(put, e);
    }
    if (rc != 0) {
        pn_stream_release(&put->stream);
    }
    return rc;
}

int pn_stream_put_check(struct pn_kinesis *kinesis, const char *stream, struct pn_stream_put *put,
                        struct pn_err *e)
{
    int rc = find_checked(kinesis, stream, put, e);
    if (rc == 0) {
        pn_stream_release(&put->stream);
    }
    return rc;
}

/* The shard of the next record of a stream that spreads them. */
static const struct pn_shard *next_shard(const struct pn_stream *stream)
{
    const struct pn_snapshot *snapshot = (const struct pn_snapshot *)stream;
    unsigned turn = atomic_fetch_add_explicit(&snapshot->live->turn, 1, memory_order_relaxed);
    return snapshot->open[turn % stream->open_shard_count];
}

static void route(const struct pn_stream_put *put)
{
    for (size_t i = 0; i < put->count; i++) {
        struct pn_stream_record *record = &put->records[i];
        const struct pn_shard *shard = put->stream->spreads
                                           ? next_shard(put->stream)
                                           : pn_stream_shard_of(put->stream, record->hash_key);
        record->shard = shard->index;
        record->created_ms = shard->created_ms;
    }
}

/* Finds the stream and the records' shards, which are held when this succeeds. */
static int hold(struct pn_kinesis *kinesis, const char *name, struct pn_stream_put *put,
                struct pn_err *e)
{
    bool held = false;
    while (!held) {
        int rc = find_checked(kinesis, name, put, e);
        if (rc != 0) {
            return rc;
        }
        route(put);
        held = pn_stream_hold_shards(put->stream, put->records, put->count);
        if (!held) {
            pn_stream_release(&put->stream); /* it was resharded meanwhile */
        }
    }
    return 0;
}

static void throttle(const struct pn_stream_put *put, struct pn_stream_record *record)
{
    char shard[PN_SHARD_ID_SIZE];
    refuse(record, PN_KINESIS_THROUGHPUT_EXCEEDED,
           pn_arena_printf(put->arena, "Rate exceeded for shard %s in stream %s under account %s.",
                           pn_shard_id(record->shard, shard), put->stream->name,
                           put->kinesis->config.account));
}

/* Fails some records of a PutRecords on purpose, half of them in each of the ways that AWS does. */
static void inject_failures(const struct pn_stream_put *put)
{
    struct pn_kinesis *kinesis = put->kinesis;
    double rate = kinesis->config.put_failure_rate;
    if (!put->failures || rate <= 0) {
        return;
    }
    pthread_mutex_lock(&kinesis->random_lock);
    for (size_t i = 0; i < put->count; i++) {
        if (pn_random_unit(&kinesis->random) >= rate) {
            continue;
        }
        if (pn_random_below(&kinesis->random, 2) == 0) {
            throttle(put, &put->records[i]);
        } else {
            refuse(&put->records[i], PN_KINESIS_INTERNAL, internal_failure);
        }
    }
    pthread_mutex_unlock(&kinesis->random_lock);
}

static void apply_limits(const struct pn_stream_put *put)
{
    if (!put->kinesis->config.shard_limits) {
        return;
    }
    int64_t now_ns = pn_mono_ns(put->kinesis->clock);
    for (size_t i = 0; i < put->count; i++) {
        struct pn_stream_record *record = &put->records[i];
        struct pn_live_shard *live = pn_stream_live_shard(put->stream, record->shard);
        if (record->code == 0 &&
            !pn_shard_limits_put(&live->limits, now_ns, (int64_t)record_bytes(record))) {
            throttle(put, record);
        }
    }
}

/* Empty bytes are there, in the log too. */
static struct pn_bytes present(struct pn_bytes bytes)
{
    return bytes.data != NULL ? bytes : (struct pn_bytes){.data = "", .len = 0};
}

static void fill_entry(const struct pn_stream_put *put, const struct pn_stream_record *record,
                       struct pn_log_entry *entry)
{
    *entry = (struct pn_log_entry){.record = {.key = record->partition_key,
                                              .value = present(record->data),
                                              .timestamp_ms = record->arrival_ms},
                                   .partition = (int32_t)record->shard};
    if (record->has_hash_key && !put->stream->spreads) {
        struct pn_record_header *header = pn_arena_alloc(put->arena, sizeof *header);
        char *text = pn_arena_alloc(put->arena, PN_HASH_KEY_SIZE);
        (void)pn_hash_key_text(record->hash_key, text);
        header->name = (struct pn_bytes){.data = PN_KINESIS_HASH_KEY_HEADER,
                                         .len = sizeof PN_KINESIS_HASH_KEY_HEADER - 1};
        header->value = (struct pn_bytes){.data = text, .len = strlen(text)};
        entry->record.headers = header;
        entry->record.header_count = 1;
    }
}

static void fill_request(struct pn_stream_put *put)
{
    struct pn_log_request *request = &put->request;
    request->topic = put->stream->topic;
    request->entries = pn_arena_calloc(put->arena, put->count, sizeof *request->entries);
    request->count = 0;
    put->entry_of = pn_arena_calloc(put->arena, put->count, sizeof *put->entry_of);
    for (size_t i = 0; i < put->count; i++) {
        put->entry_of[i] = no_entry;
        if (put->records[i].code == 0) {
            put->entry_of[i] = (uint32_t)request->count;
            fill_entry(put, &put->records[i], &request->entries[request->count]);
            request->count++;
        }
    }
}

int pn_stream_put_begin(struct pn_kinesis *kinesis, const char *stream, struct pn_stream_put *put,
                        struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(kinesis->clock);
    put->kinesis = kinesis;
    for (size_t i = 0; i < put->count; i++) {
        struct pn_stream_record *record = &put->records[i];
        if (!record->has_hash_key) {
            record->hash_key =
                pn_hash_key_of(record->partition_key.data, record->partition_key.len);
        }
        record->code = 0;
        record->msg = NULL;
        record->offset = -1;
        record->arrival_ms = now_ms;
    }
    int rc = hold(kinesis, stream, put, e);
    if (rc != 0) {
        return rc;
    }
    inject_failures(put);
    apply_limits(put);
    fill_request(put);
    return 0;
}

/* --- ending ----------------------------------------------------------------------------------- */

/* What became of a record that the log refused. */
static void take_refusal(const struct pn_stream_put *put, struct pn_stream_record *record,
                         enum pn_class class_, const char *msg)
{
    if (class_ == PN_CLASS_MISSING) {
        refuse(record, PN_KINESIS_NOT_FOUND,
               pn_arena_printf(put->arena, "Stream %s under account %s not found.",
                               put->stream->name, put->kinesis->config.account));
    } else {
        refuse(record, PN_KINESIS_INTERNAL, pn_arena_strdup(put->arena, msg));
    }
}

void pn_stream_put_end(struct pn_stream_put *put, int submit_rc, const struct pn_err *submit_error)
{
    const struct pn_log_request *request = &put->request;
    for (size_t i = 0; i < put->count; i++) {
        struct pn_stream_record *record = &put->records[i];
        if (put->entry_of[i] == no_entry) {
            continue;
        }
        const struct pn_log_entry *entry = &request->entries[put->entry_of[i]];
        if (submit_rc != 0 && submit_error->class_ == PN_CLASS_RETRY) {
            throttle(put, record); /* the log's queue is full */
        } else if (submit_rc != 0) {
            take_refusal(put, record, submit_error->class_, submit_error->msg);
        } else if (entry->rc != 0) {
            take_refusal(put, record, entry->class_, request->err.msg);
        } else {
            record->offset = entry->offset;
        }
    }
    pn_stream_let_go(put->stream, put->records, put->count);
    pn_stream_release(&put->stream);
}
