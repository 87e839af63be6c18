#include <inttypes.h>
#include <string.h>

#include "kinesis/internal.h"

/* --- positions -------------------------------------------------------------------------------- */

/* What the log said, as a stream's error; returns 0 or the code. */
static int from_log(const struct pn_kinesis *kinesis, const struct pn_stream *stream, int rc,
                    struct pn_err *e)
{
    if (rc == 0) {
        return 0;
    }
    if (e->class_ == PN_CLASS_MISSING) {
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Stream %s under account %s not found.", stream->name,
                          kinesis->config.account);
    }
    e->code = PN_KINESIS_INTERNAL;
    return e->code;
}

static int invalid_sequence(const struct pn_kinesis *kinesis, const struct pn_stream *stream,
                            const struct pn_shard *shard, const char *sequence, const char *why,
                            struct pn_err *e)
{
    char shard_id[PN_SHARD_ID_SIZE];
    return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                      "StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s "
                      "under account %s is invalid%s.",
                      sequence, pn_shard_id(shard->index, shard_id), stream->name,
                      kinesis->config.account, why);
}

/* The offset that a sequence number holds: -1 for the first number of a shard, which is before its
 * first record. */
static int sequence_offset(const struct pn_kinesis *kinesis, const struct pn_stream *stream,
                           const struct pn_shard *shard, const char *sequence, int64_t *offset,
                           struct pn_err *e)
{
    int64_t created_s = 0;
    uint32_t index = 0;
    if (!pn_sequence_parse(sequence, strlen(sequence), &created_s, &index, offset)) {
        return invalid_sequence(kinesis, stream, shard, sequence, "", e);
    }
    if (index != shard->index) {
        char encoded[PN_SHARD_ID_SIZE];
        char used[PN_SHARD_ID_SIZE];
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                          "Invalid StartingSequenceNumber. It encodes %s, while it was used in a "
                          "call to a shard with %s",
                          pn_shard_id(index, encoded), pn_shard_id(shard->index, used));
    }
    if (created_s != shard->created_ms / 1000) {
        return invalid_sequence(kinesis, stream, shard, sequence,
                                " because it did not come from this stream", e);
    }
    return 0;
}

static int timestamp_offset(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                            const struct pn_shard *shard, int64_t timestamp_ms, int64_t *offset,
                            struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(kinesis->clock);
    if (timestamp_ms > now_ms) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                          "The timestampInMillis parameter cannot be greater than the "
                          "currentTimestampInMillis. timestampInMillis: %" PRId64
                          ", currentTimestampInMillis: %" PRId64,
                          timestamp_ms, now_ms);
    }
    int rc = pn_log_offset_at(kinesis->log, stream->topic, (int32_t)shard->index, timestamp_ms,
                              offset, e);
    return from_log(kinesis, stream, rc, e);
}

int pn_shard_position(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                      const struct pn_shard *shard, enum pn_iterator_type type,
                      const char *sequence, int64_t timestamp_ms, int64_t *offset, struct pn_err *e)
{
    struct pn_err own;
    e = e != NULL ? e : &own;
    if (type == PN_ITERATOR_AT_TIMESTAMP) {
        return timestamp_offset(kinesis, stream, shard, timestamp_ms, offset, e);
    }
    int64_t at = 0;
    int rc = 0;
    bool by_sequence =
        type == PN_ITERATOR_AT_SEQUENCE_NUMBER || type == PN_ITERATOR_AFTER_SEQUENCE_NUMBER;
    if (by_sequence) {
        rc = sequence_offset(kinesis, stream, shard, sequence, &at, e);
    }
    struct pn_log_offsets offsets = {0};
    if (rc == 0) {
        rc = from_log(
            kinesis, stream,
            pn_log_offsets(kinesis->log, stream->topic, (int32_t)shard->index, &offsets, e), e);
    }
    if (rc != 0) {
        return rc;
    }
    if (type == PN_ITERATOR_TRIM_HORIZON) {
        at = offsets.begin;
    } else if (type == PN_ITERATOR_LATEST) {
        at = offsets.end;
    } else if (type == PN_ITERATOR_AFTER_SEQUENCE_NUMBER || at < 0) {
        at++;
    }
    /* A closed shard's last number is above all that was written to it. */
    *offset = at < offsets.end ? at : offsets.end;
    return 0;
}

/* --- reads ------------------------------------------------------------------------------------ */

static int may_read(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                    const struct pn_shard *shard, struct pn_err *e)
{
    struct pn_shard_limits *limits = &pn_stream_live_shard(stream, shard->index)->limits;
    if (pn_shard_limits_read(limits, pn_mono_ns(kinesis->clock))) {
        return 0;
    }
    char shard_id[PN_SHARD_ID_SIZE];
    return pn_err_set(e, PN_CLASS_RETRY, PN_KINESIS_THROUGHPUT_EXCEEDED,
                      "Rate exceeded for shard %s in stream %s under account %s.",
                      pn_shard_id(shard->index, shard_id), stream->name, kinesis->config.account);
}

static int64_t bytes_of(const struct pn_log_records *records)
{
    size_t bytes = 0;
    for (size_t i = 0; i < records->count; i++) {
        bytes += records->records[i].key.len + records->records[i].value.len;
    }
    return (int64_t)bytes;
}

/* How far what was read is from the shard's tip: the age of the last record read, and never 0 while
 * there is more. */
static int64_t behind_ms(const struct pn_kinesis *kinesis, const struct pn_log_records *records)
{
    if (records->next_offset >= records->end_offset) {
        return 0;
    }
    int64_t age_ms = 0;
    if (records->count > 0) {
        age_ms = pn_wall_ms(kinesis->clock) - records->records[records->count - 1].timestamp_ms;
    }
    return age_ms > 1 ? age_ms : 1;
}

static bool is_child(const struct pn_shard *shard, uint32_t parent)
{
    return shard->parent == (int32_t)parent || shard->adjacent_parent == (int32_t)parent;
}

static void find_children(const struct pn_stream *stream, const struct pn_shard *shard,
                          struct pn_arena *arena, struct pn_shard_records *out)
{
    size_t count = 0;
    for (size_t i = 0; i < stream->shard_count; i++) {
        count += is_child(&stream->shards[i], shard->index) ? 1 : 0;
    }
    if (count == 0) {
        return;
    }
    out->children = pn_arena_calloc(arena, count, sizeof *out->children);
    for (size_t i = 0; i < stream->shard_count; i++) {
        if (is_child(&stream->shards[i], shard->index)) {
            out->children[out->child_count] = &stream->shards[i];
            out->child_count++;
        }
    }
}

/* A topic goes by its stream's name. A stream that was deleted and created again while this one was
 * read may have given it its own records; when it is still the same, it was the same before. */
static int check_present(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                         struct pn_err *e)
{
    const struct pn_stream *present = NULL;
    int rc = pn_kinesis_stream(kinesis, stream->name, &present, e);
    if (rc == 0 && present->id != stream->id) {
        rc = pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                        "Stream %s under account %s not found.", stream->name,
                        kinesis->config.account);
    }
    pn_stream_release(&present);
    return rc;
}

/* Is that the end of a closed shard? Then its children are returned. */
static void look_for_end(const struct pn_stream *stream, const struct pn_shard *shard,
                         struct pn_arena *arena, struct pn_shard_records *out)
{
    out->drained = !shard->open && shard->end_offset >= 0 && out->next_offset >= shard->end_offset;
    if (out->drained) {
        find_children(stream, shard, arena, out);
    }
}

int pn_shard_read(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                  const struct pn_shard *shard, int64_t offset, size_t max_records,
                  size_t max_bytes, bool limited, struct pn_arena *arena,
                  struct pn_shard_records *out, struct pn_err *e)
{
    struct pn_err own;
    e = e != NULL ? e : &own;
    *out = (struct pn_shard_records){.next_offset = offset, .lost_until = offset};
    bool counted = limited && kinesis->config.shard_limits;
    int rc = counted ? may_read(kinesis, stream, shard, e) : 0;
    if (rc != 0) {
        return rc;
    }
    struct pn_log_records records = {.next_offset = offset};
    rc = pn_log_read(kinesis->log, stream->topic, (int32_t)shard->index, offset, max_records,
                     max_bytes, arena, &records, e);
    if (rc != 0) {
        /* The log says where to continue after a damaged batch. */
        out->next_offset = records.next_offset;
        out->lost_until = records.next_offset;
        return from_log(kinesis, stream, rc, e);
    }
    rc = check_present(kinesis, stream, e);
    if (rc != 0) {
        return rc;
    }
    out->next_offset = records.next_offset;
    out->lost_until = records.lost_until;
    if (counted) {
        pn_shard_limits_took(&pn_stream_live_shard(stream, shard->index)->limits,
                             pn_mono_ns(kinesis->clock), bytes_of(&records));
    }
    out->records = records.records;
    out->count = records.count;
    out->behind_ms = behind_ms(kinesis, &records);
    look_for_end(stream, shard, arena, out);
    return 0;
}

/* Says what a reader never gets: to the log lines with its place, and as a number. */
static void report_loss(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                        const struct pn_shard *shard, int64_t from_offset, int64_t next_offset,
                        const char *why)
{
    char shard_id[PN_SHARD_ID_SIZE];
    pn_logger_error(
        kinesis->logger, "kinesis",
        "a reader of shard %s of stream %s skipped the records at %" PRId64 " offsets: %s",
        pn_shard_id(shard->index, shard_id), stream->name, next_offset - from_offset, why);
    pn_metric_add(pn_metrics_get(kinesis->metrics, PN_METRIC_KINESIS_LOST_RECORDS, stream->name),
                  next_offset - from_offset);
}

int pn_shard_read_past_damage(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                              const struct pn_shard *shard, int64_t offset, size_t max_records,
                              size_t max_bytes, bool limited, struct pn_arena *arena,
                              struct pn_shard_records *out, struct pn_err *e)
{
    struct pn_err own;
    e = e != NULL ? e : &own;
    int rc = pn_shard_read(kinesis, stream, shard, offset, max_records, max_bytes, limited, arena,
                           out, e);
    if (rc == 0 || e->class_ != PN_CLASS_CORRUPT || out->next_offset <= offset) {
        return rc;
    }
    struct pn_err why = *e;
    struct pn_log_offsets offsets;
    rc = from_log(kinesis, stream,
                  pn_log_offsets(kinesis->log, stream->topic, (int32_t)shard->index, &offsets, e),
                  e);
    if (rc == 0) {
        rc = check_present(kinesis, stream, e);
    }
    if (rc != 0) {
        return rc;
    }
    int64_t from_offset = offset > offsets.begin ? offset : offsets.begin;
    if (from_offset < out->next_offset) {
        report_loss(kinesis, stream, shard, from_offset, out->next_offset, why.msg);
    }
    out->behind_ms = out->next_offset < offsets.end ? 1 : 0;
    look_for_end(stream, shard, arena, out);
    return 0;
}
