/* PutRecord, PutRecords, GetShardIterator, GetRecords. */
#include <inttypes.h>
#include <string.h>

#include "kinesis/api/ops.h"
#include "kinesis/api/reply.h"

enum {
    REQUEST_BYTES_MAX = 10 * 1024 * 1024, /* data and partition keys of one PutRecords */
    READ_BYTES_MAX = 10 * 1024 * 1024,
    READ_RECORDS_MAX = 10000
};

/* --- putting ---------------------------------------------------------------------------------- */

/* Takes a record's members: of PutRecord's input, or of one of PutRecords' entries. */
static int take_record(struct pn_call *call, const struct pn_json *input,
                       struct pn_stream_record *record)
{
    const struct pn_json *key = pn_json_get(input, "PartitionKey");
    const struct pn_json *data = pn_json_get(input, "Data");
    const struct pn_json *hash = pn_json_get(input, "ExplicitHashKey");
    if (key != NULL) {
        record->partition_key = (struct pn_bytes){.data = key->text, .len = key->text_len};
    }
    record->data = (struct pn_bytes){.data = data->text, .len = data->text_len};
    record->has_hash_key = hash != NULL;
    if (hash != NULL && !pn_hash_key_parse(hash->text, hash->text_len, &record->hash_key)) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: "
                          "[0, 2^128-1]. Specified value was %.*s",
                          (int)hash->text_len, hash->text);
    }
    return 0;
}

/* Begins the put, or for a dry run checks it and ends with DRY_RUN. The stream stays with the call,
 * for the reply's EncryptionType, until the put has ended. */
static int begin(struct pn_call *call, const struct pn_stream *stream,
                 struct pn_stream_record *records, size_t count)
{
    call->put.records = records;
    call->put.count = count;
    call->put.arena = call->arena;
    if (pn_json_get_bool(call->input, "DryRun", false)) {
        int checked = pn_stream_put_check(call->kinesis, stream->name, &call->put, &call->err);
        return checked != 0 ? checked : pn_op_dry_run(call);
    }
    int rc = pn_stream_put_begin(call->kinesis, stream->name, &call->put, &call->err);
    if (rc == 0) {
        call->state = (void *)stream;
    }
    return rc;
}

/* May a record have a number of a shard made in that second? Any shard of the past may have been;
 * the stream's own ones may be in the future, see reshard.c. */
static bool may_be_number(const struct pn_call *call, const struct pn_stream *stream,
                          uint32_t shard, int64_t created_s)
{
    return created_s <= pn_op_now_ms(call) / 1000 ||
           (shard < stream->shard_count && created_s == stream->shards[shard].created_ms / 1000);
}

/* The order that SequenceNumberForOrdering asks for is kept anyway: a shard's numbers only rise. So
 * it is but checked, to be one that a record of this stream may have. */
static int check_ordering(struct pn_call *call, const struct pn_stream *stream)
{
    const char *text = pn_op_text(call, "SequenceNumberForOrdering");
    int64_t created_s = 0;
    uint32_t shard = 0;
    int64_t offset = 0;
    if (text != NULL && stream->spreads) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "SequenceNumberForOrdering must not be provided: stream %s under account "
                          "%s has the record distribution strategy AUTO, which keeps no order.",
                          stream->name, pn_op_account(call));
    }
    if (text == NULL || (pn_sequence_parse(text, strlen(text), &created_s, &shard, &offset) &&
                         may_be_number(call, stream, shard, created_s))) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                      "ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under "
                      "account %s is invalid.",
                      text, stream->name, pn_op_account(call));
}

/* The stream of a put. One that isn't there may be one that its first record makes; that it is a
 * record has been checked. */
static int find_or_make(struct pn_call *call, const struct pn_stream **stream)
{
    const struct pn_stream_admission *admission = &pn_kinesis_config(call->kinesis)->admission;
    const char *name = NULL;
    int rc = pn_op_stream_name(call, &name);
    if (rc == 0) {
        rc = pn_op_find_stream(call, name, stream);
    }
    if (rc != PN_KINESIS_NOT_FOUND || name == NULL || admission->admits == NULL ||
        !admission->admits(admission->arg, name)) {
        return rc;
    }
    rc = pn_op_dry_run(call); /* the record would make it */
    if (rc != 0) {
        return rc;
    }
    if (!call->may_block) {
        call->has_to_block = true;
        return PN_KINESIS_NOT_FOUND;
    }
    rc = admission->make(admission->arg, call->kinesis, name, &call->err);
    return rc == 0 ? pn_kinesis_stream(call->kinesis, name, stream, &call->err) : rc;
}

int pn_op_put_record(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    struct pn_stream_record *record = pn_arena_calloc(call->arena, 1, sizeof *record);
    int rc = find_or_make(call, &stream);
    if (rc == 0) {
        rc = take_record(call, call->input, record);
    }
    if (rc == 0) {
        rc = check_ordering(call, stream);
    }
    if (rc == 0) {
        rc = begin(call, stream, record, 1);
    }
    if (rc != 0) {
        pn_stream_release(&stream);
    }
    return rc;
}

static void write_place(struct pn_call *call, const struct pn_stream_record *record)
{
    char id[PN_SHARD_ID_SIZE];
    char sequence[PN_SEQUENCE_SIZE];
    pn_op_text_member(call, "ShardId", pn_shard_id(record->shard, id));
    pn_op_text_member(call, "SequenceNumber",
                      pn_sequence_text(record->created_ms, record->shard, record->offset,
                                       record->arrival_ms, sequence));
}

void pn_op_put_record_finish(struct pn_call *call)
{
    const struct pn_stream *stream = call->state;
    const struct pn_stream_record *record = &call->put.records[0];
    if (record->code != 0) {
        (void)pn_op_fail(call, record->code, "%s", record->msg);
    } else {
        pn_wire_map(&call->reply);
        write_place(call, record);
        pn_op_encryption(call, stream);
        pn_wire_map_end(&call->reply);
    }
    pn_stream_release(&stream);
}

/* The entries' members, and AWS's limit on the size of them all. */
static int take_records(struct pn_call *call, const struct pn_json *list,
                        struct pn_stream_record *records)
{
    size_t i = 0;
    size_t bytes = 0;
    for (const struct pn_json *entry = list->first; entry != NULL; entry = entry->next) {
        int rc = take_record(call, entry, &records[i]);
        if (rc != 0) {
            return rc;
        }
        bytes += records[i].data.len + records[i].partition_key.len;
        i++;
    }
    if (bytes > REQUEST_BYTES_MAX) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "Records size exceeds 10 MB limit");
    }
    return 0;
}

int pn_op_put_records(struct pn_call *call)
{
    const struct pn_json *list = pn_json_get(call->input, "Records");
    const struct pn_stream *stream = NULL;
    struct pn_stream_record *records = pn_arena_calloc(call->arena, list->count, sizeof *records);
    int rc = find_or_make(call, &stream);
    if (rc == 0) {
        rc = take_records(call, list, records);
    }
    if (rc == 0) {
        call->put.failures = true;
        rc = begin(call, stream, records, list->count);
    }
    if (rc != 0) {
        pn_stream_release(&stream);
    }
    return rc;
}

/* A record has one of two codes, as AWS says; whatever else hindered it is an internal failure. */
static void write_refusal(struct pn_call *call, const struct pn_stream_record *record)
{
    bool throttled = record->code == PN_KINESIS_THROUGHPUT_EXCEEDED;
    struct pn_err err = {.code = throttled ? record->code : PN_KINESIS_INTERNAL};
    pn_op_text_member(call, "ErrorCode", pn_call_error_name(&err));
    pn_op_text_member(call, "ErrorMessage",
                      throttled && record->msg != NULL ? record->msg : "Internal service failure.");
}

void pn_op_put_records_finish(struct pn_call *call)
{
    const struct pn_stream *stream = call->state;
    const struct pn_stream_put *put = &call->put;
    int64_t failed = 0;
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "Records");
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < put->count; i++) {
        const struct pn_stream_record *record = &put->records[i];
        pn_wire_map(&call->reply);
        if (record->code != 0) {
            failed++;
            write_refusal(call, record);
        } else {
            write_place(call, record);
        }
        pn_wire_map_end(&call->reply);
    }
    pn_wire_list_end(&call->reply);
    pn_op_int_member(call, "FailedRecordCount", failed);
    pn_op_encryption(call, stream);
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
}

/* --- iterators -------------------------------------------------------------------------------- */

/* The stream and shard; where either is missing AWS speaks of the shard. */
static int find_shard(struct pn_call *call, const struct pn_stream **stream,
                      const struct pn_shard **shard)
{
    const char *name = NULL;
    uint32_t index = 0;
    char id[PN_SHARD_ID_SIZE];
    int rc = pn_op_stream_name(call, &name);
    if (rc == 0) {
        rc = pn_op_shard_id(call, "ShardId", &index);
    }
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_find_stream(call, name, stream);
    if (rc == 0 && index < (*stream)->shard_count) {
        *shard = &(*stream)->shards[index];
        return 0;
    }
    if (rc == 0 || rc == PN_KINESIS_NOT_FOUND) {
        rc = pn_op_fail(call, PN_KINESIS_NOT_FOUND,
                        "Shard %s in stream %s under account %s does not exist",
                        pn_shard_id(index, id), name, pn_op_account(call));
    }
    pn_stream_release(stream);
    return rc;
}

int pn_op_get_shard_iterator(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_shard *shard = NULL;
    int64_t offset = 0;
    int rc = find_shard(call, &stream, &shard);
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_position(call, call->input, "ShardIteratorType", "StartingSequenceNumber", stream,
                        shard, &offset);
    if (rc == 0) {
        rc = pn_op_dry_run(call);
    }
    if (rc == 0) {
        char iterator[PN_ITERATOR_SIZE];
        pn_iterator_write(call->kinesis, stream, shard, offset, iterator);
        pn_wire_map(&call->reply);
        pn_op_text_member(call, "ShardIterator", iterator);
        pn_wire_map_end(&call->reply);
    }
    pn_stream_release(&stream);
    return rc;
}

/* --- getting ---------------------------------------------------------------------------------- */

/* A stream that is named beside the iterator must be the iterator's. */
static int check_named(struct pn_call *call, const struct pn_stream *stream)
{
    if (!pn_op_has(call, "StreamARN") && !pn_op_has(call, "StreamId")) {
        return 0;
    }
    const char *name = NULL;
    int rc = pn_op_stream_name(call, &name);
    if (rc == 0 && strcmp(name, stream->name) != 0) {
        rc = pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamARN and ShardIterator mismatch");
    }
    return rc;
}

static void write_records(struct pn_call *call, const struct pn_stream *stream,
                          const struct pn_shard *shard, const struct pn_shard_records *read)
{
    pn_wire_map(&call->reply);
    pn_reply_records(&call->reply, stream, shard, read->records, read->count);
    if (read->drained) {
        pn_reply_child_shards(&call->reply, read->children, read->child_count);
    } else {
        char iterator[PN_ITERATOR_SIZE];
        pn_iterator_write(call->kinesis, stream, shard, read->next_offset, iterator);
        pn_op_text_member(call, "NextShardIterator", iterator);
    }
    pn_op_int_member(call, "MillisBehindLatest", read->behind_ms);
    pn_wire_map_end(&call->reply);
}

/* An iterator of another server may be of a stream that is not known here yet; that of the first
 * stream of all also needs the key, without which it looks invalid. */
static int read_iterator(struct pn_call *call, const struct pn_stream **stream,
                         const struct pn_shard **shard, int64_t *offset)
{
    const struct pn_json *given = pn_json_get(call->input, "ShardIterator");
    int rc = pn_iterator_read(call->kinesis, given->text, given->text_len, stream, shard, offset,
                              &call->err);
    bool may_be_new = rc == PN_KINESIS_NOT_FOUND || rc == PN_KINESIS_INVALID_ARGUMENT;
    if (may_be_new && pn_op_look_again(call, &rc)) {
        rc = pn_iterator_read(call->kinesis, given->text, given->text_len, stream, shard, offset,
                              &call->err);
    }
    return rc;
}

int pn_op_get_records(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_shard *shard = NULL;
    int64_t offset = 0;
    int rc = read_iterator(call, &stream, &shard, &offset);
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_may(call, stream->name);
    if (rc == 0) {
        rc = check_named(call, stream);
    }
    if (rc == 0) {
        rc = pn_op_dry_run(call);
    }
    if (rc == 0) {
        struct pn_shard_records read;
        rc = pn_shard_read_past_damage(call->kinesis, stream, shard, offset,
                                       pn_op_limit(call, "Limit", READ_RECORDS_MAX), READ_BYTES_MAX,
                                       true, call->arena, &read, &call->err);
        if (rc == 0) {
            write_records(call, stream, shard, &read);
        }
    }
    pn_stream_release(&stream);
    return rc;
}
