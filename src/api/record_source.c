#include "api/record_source.h"

#include <inttypes.h>

#include "api/errors.h"

/* --- topics ----------------------------------------------------------------------------------- */

static int topic_ends(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    const struct pn_api_record_source *source = arg;
    struct pn_log_offsets offsets = {0};
    int rc = pn_log_offsets(source->log, source->name, partition, &offsets, e);
    *begin = offsets.begin;
    *end = offsets.end;
    return rc;
}

static int topic_read(void *arg, int32_t partition, int64_t offset, size_t max_records,
                      size_t max_bytes, struct pn_arena *arena, struct pn_record **records,
                      size_t *count, int64_t *next, struct pn_err *e)
{
    const struct pn_api_record_source *source = arg;
    struct pn_log_records read = {0};
    int rc = pn_log_read(source->log, source->name, partition, offset, max_records, max_bytes,
                         arena, &read, e);
    *records = read.records;
    *count = read.count;
    *next = read.next_offset;
    return rc;
}

static int topic_at(void *arg, int32_t partition, int64_t time_ms, int64_t *offset,
                    struct pn_err *e)
{
    const struct pn_api_record_source *source = arg;
    return pn_log_offset_at(source->log, source->name, partition, time_ms, offset, e);
}

static int open_topic(struct pn_log *topics, const char *name, struct pn_api_record_source *source,
                      struct pn_err *e)
{
    struct pn_log_topic_info info;
    *source = (struct pn_api_record_source){.name = name, .log = topics};
    int rc = pn_log_topic(topics, name, &info, e);
    if (rc == 0) {
        source->scan = (struct pn_scan_source){.partitions = info.partitions,
                                               .ends = topic_ends,
                                               .read = topic_read,
                                               .at = topic_at,
                                               .arg = source};
    }
    return rc;
}

/* --- streams ---------------------------------------------------------------------------------- */

const struct pn_processor_source_shard *pn_api_record_source_shard(
    const struct pn_api_record_source *source, int32_t index)
{
    for (size_t i = 0; i < source->stream.shard_count; i++) {
        if (source->stream.shards[i].index == (uint32_t)index) {
            return &source->stream.shards[i];
        }
    }
    return NULL;
}

static int shard_ends(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    const struct pn_processor_source_shard *shard = pn_api_record_source_shard(arg, partition);
    if (shard == NULL) {
        return pn_err_missing(e, "there is no shard %" PRId32, partition);
    }
    *begin = shard->begin;
    *end = shard->end;
    return 0;
}

static int shard_read(void *arg, int32_t partition, int64_t offset, size_t max_records,
                      size_t max_bytes, struct pn_arena *arena, struct pn_record **records,
                      size_t *count, int64_t *next, struct pn_err *e)
{
    const struct pn_api_record_source *source = arg;
    struct pn_processor_source_records read = {0};
    int rc = pn_processor_source_read(source->streams, source->name, source->stream.id,
                                      (uint32_t)partition, offset, NULL, max_records, max_bytes,
                                      arena, &read, e);
    *records = read.records;
    *count = read.count;
    *next = read.next_offset;
    return rc;
}

/* Streams refuse a time that is still to come; no record is of such a time. */
static int shard_at(void *arg, int32_t partition, int64_t time_ms, int64_t *offset,
                    struct pn_err *e)
{
    const struct pn_api_record_source *source = arg;
    bool is_past = time_ms <= pn_wall_ms(source->clock);
    struct pn_processor_place ignored; /* of streams that are here */
    return pn_processor_source_position(
        source->streams, source->name, source->stream.id, (uint32_t)partition,
        is_past ? PN_START_TIMESTAMP : PN_START_LATEST, time_ms, offset, &ignored, e);
}

static int open_stream(struct pn_processor_source *streams, const char *name,
                       const struct pn_clock *clock, struct pn_arena *arena,
                       struct pn_api_record_source *source, struct pn_err *e)
{
    *source = (struct pn_api_record_source){.name = name, .streams = streams, .clock = clock};
    int rc = pn_processor_source_describe(streams, name, arena, &source->stream, e);
    int32_t shards = 0;
    for (size_t i = 0; i < source->stream.shard_count; i++) {
        int32_t index = (int32_t)source->stream.shards[i].index;
        shards = index >= shards ? index + 1 : shards;
    }
    source->scan = (struct pn_scan_source){.partitions = shards,
                                           .ends = shard_ends,
                                           .read = shard_read,
                                           .at = shard_at,
                                           .arg = source};
    return rc;
}

bool pn_api_record_source_open(struct pn_http_request *req,
                               const struct pn_api_search_routes *routes, bool of_stream,
                               struct pn_api_record_source *source)
{
    const char *name = req->params[0];
    struct pn_err failure = {0};
    int rc = of_stream
                 ? open_stream(routes->streams, name, routes->clock, &req->arena, source, &failure)
                 : open_topic(routes->topics, name, source, &failure);
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
    }
    return rc == 0;
}

/* --- a record --------------------------------------------------------------------------------- */

static const char *add_bytes(struct pn_json_writer *json, const char *name, struct pn_bytes bytes)
{
    pn_json_put_key(json, name);
    if (bytes.data == NULL) {
        pn_json_put_null(json);
        return NULL;
    }
    if (pn_utf8_valid(bytes.data, bytes.len)) {
        pn_json_put_string(json, bytes.data, bytes.len);
        return "text";
    }
    pn_json_put_base64(json, bytes.data, bytes.len);
    return "base64";
}

void pn_api_put_record(struct pn_json_writer *json, const struct pn_scan_hit *hit)
{
    pn_json_add_i64(json, "partition", hit->partition);
    pn_json_add_i64_text(json, "offset", hit->record.offset);
    pn_json_add_i64(json, "time_ms", hit->record.timestamp_ms);
    const char *encoding = add_bytes(json, "key", hit->record.key);
    pn_json_add_cstr(json, "key_encoding", encoding);
    encoding = add_bytes(json, "value", hit->record.value);
    pn_json_add_cstr(json, "encoding", encoding);
    pn_json_add_i64(json, "value_bytes", (int64_t)hit->value_bytes);
    pn_json_add_bool(json, "cut", hit->is_cut);
    pn_json_add_i64(json, "headers", (int64_t)hit->headers);
}
