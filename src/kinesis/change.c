/*
 * A change of a stream, in the order that admin.c gives: what its topic needs, the file, what all
 * see, and what the topic no longer needs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/internal.h"

enum { RECORD_OVERHEAD_BYTES = 1024 /* a record's explicit hash key, in the log */ };

/* --- the topic -------------------------------------------------------------------------------- */

struct pn_log_topic_config pn_kinesis_topic_config(const struct pn_stream *stream)
{
    return (struct pn_log_topic_config){
        .partitions = (int32_t)stream->shard_count,
        .retention_ms = (int64_t)stream->retention_hours * 3600 * 1000,
        .record_bytes_max = (int64_t)stream->record_kib_max * 1024 + RECORD_OVERHEAD_BYTES};
}

int pn_kinesis_fit_topic(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                         const char *topic, bool only_more, struct pn_err *e)
{
    struct pn_log_topic_info has;
    struct pn_log_topic_config config = pn_kinesis_topic_config(stream);
    int rc = pn_log_refresh_settings(kinesis->log, topic, e);
    if (rc == 0) {
        rc = pn_log_topic(kinesis->log, topic, &has, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (config.partitions <= has.partitions) {
        config.partitions = 0;
    }
    if (config.retention_ms == has.retention_ms ||
        (only_more && config.retention_ms < has.retention_ms)) {
        config.retention_ms = 0;
    }
    if (config.record_bytes_max == has.record_bytes_max ||
        (only_more && config.record_bytes_max < has.record_bytes_max)) {
        config.record_bytes_max = 0;
    }
    if (config.partitions == 0 && config.retention_ms == 0 && config.record_bytes_max == 0) {
        return 0;
    }
    return pn_log_configure_topic(kinesis->log, topic, &config, e);
}

int pn_kinesis_find_ends(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                         const char *topic, struct pn_shard *shards, struct pn_err *e)
{
    for (size_t i = 0; i < stream->shard_count; i++) {
        struct pn_log_offsets offsets;
        if (shards[i].open || shards[i].end_offset >= 0) {
            continue;
        }
        int rc = pn_log_offsets(kinesis->log, topic, (int32_t)i, &offsets, e);
        if (rc != 0) {
            return rc;
        }
        shards[i].end_offset = offsets.unsure ? -1 : offsets.end;
    }
    return 0;
}

/* --- changing --------------------------------------------------------------------------------- */

bool pn_kinesis_restore(struct pn_kinesis *kinesis, const struct pn_stream *old)
{
    struct pn_err why;
    if (pn_metadata_store(kinesis, old, &why) != 0) {
        pn_logger_error(kinesis->logger, "kinesis",
                        "stream %s may be changed after the next start, because a change failed "
                        "and could not be undone: %s",
                        old->name, why.msg);
        return false;
    }
    return true;
}

/* Makes the ends of the shards that were closed known to all. */
static int publish_ends(struct pn_kinesis *kinesis, const struct pn_snapshot *closed,
                        struct pn_err *e)
{
    struct pn_stream edit = closed->stream;
    size_t bytes = edit.shard_count * sizeof(struct pn_shard);
    struct pn_shard *shards = pn_xmalloc(bytes);
    memcpy(shards, edit.shards, bytes);
    edit.shards = shards;
    int rc = pn_kinesis_find_ends(kinesis, &edit, edit.topic, shards, e);
    if (rc == 0) {
        pn_registry_install(kinesis, pn_snapshot_create(kinesis, &edit, closed, false));
    }
    free(shards);
    return rc;
}

struct pn_snapshot *pn_kinesis_reroute(struct pn_kinesis *kinesis, const struct pn_snapshot *before,
                                       const struct pn_stream *edit)
{
    struct pn_snapshot *after = pn_snapshot_create(kinesis, edit, before, true);
    (void)atomic_fetch_add(&after->users, 1);
    pn_registry_install(kinesis, after);
    pn_stream_drain(after);
    return after;
}

int pn_kinesis_change(struct pn_kinesis *kinesis, struct pn_snapshot *before,
                      const struct pn_stream *edit, bool reroutes, struct pn_err *e)
{
    struct pn_err why;
    const char *topic = before->stream.topic;
    if (pn_kinesis_fit_topic(kinesis, edit, topic, true, &why) != 0) {
        return pn_kinesis_internal(e, &why);
    }
    int rc = pn_metadata_store(kinesis, edit, e);
    if (rc != 0) {
        (void)pn_kinesis_restore(kinesis, &before->stream);
        return rc;
    }
    if (pn_kinesis_fit_topic(kinesis, edit, topic, false, &why) != 0) {
        pn_logger_warn(kinesis->logger, "kinesis",
                       "topic %s keeps its old settings until the next start: %s", topic, why.msg);
    }
    if (!reroutes) {
        pn_registry_install(kinesis, pn_snapshot_create(kinesis, edit, before, false));
        return 0;
    }
    struct pn_snapshot *after = pn_kinesis_reroute(kinesis, before, edit);
    if (publish_ends(kinesis, after, &why) != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    const struct pn_stream *stream = &after->stream;
    pn_stream_release(&stream);
    return rc;
}
