/* The objects of a batch, from the records of the log: with new cuts, or with those of before. */
#include <inttypes.h>

#include "sink/landing.h"

/* The reader found that the log has lost records. The same loss may be met again after a
 * failure. */
static void note_lost(void *arg, int64_t first, int64_t end, const char *why)
{
    struct pn_sink_landing *landing = arg;
    struct pn_sink *sink = landing->sink;
    struct pn_sink_part *part = landing->part;
    landing->has_lost = true;
    if (first < part->lost_until) {
        first = part->lost_until;
    }
    if (first >= end) {
        return;
    }
    part->lost_until = end;
    pn_logger_error(sink->config.logger, "sink",
                    "%s partition %" PRId32 ": the records at the %" PRId64 " offsets from %" PRId64
                    " on never landed and are lost: %s",
                    part->memory.topic, part->memory.partition, end - first, first, why);
    pn_metric_add(part->lost_metric, end - first);
    pthread_mutex_lock(&sink->lock);
    part->status.lost += end - first;
    pthread_mutex_unlock(&sink->lock);
}

void pn_sink_landing_init(struct pn_sink_landing *landing, struct pn_sink *sink,
                          struct pn_sink_part *part)
{
    const struct pn_sink_memory *memory = &part->memory;
    *landing = (struct pn_sink_landing){.sink = sink, .part = part, .next = memory->landed};
    const struct pn_sink_config *config = &sink->config;
    enum pn_sink_origins keeps = config->origins_dir != NULL
                                     ? config->origins(config->origins_arg, memory->topic)
                                     : PN_SINK_ORIGINS_NONE;
    pn_sink_batch_init(&landing->batch, memory->topic, memory->partition, keeps);
    landing->batch.takes_prints = pn_log_counts_topic_ids(sink->config.log);
    pn_sink_reader_init(&landing->reader, sink->config.log, memory->topic, memory->partition,
                        memory->landed, note_lost, landing);
}

void pn_sink_landing_deinit(struct pn_sink_landing *landing)
{
    pn_sink_reader_deinit(&landing->reader);
    pn_sink_batch_deinit(&landing->batch);
}

/* Puts a record into the open object, or into a new one when there is none or it doesn't fit.
 * *taken is false when the batch has no room for another object. */
static void add_record(struct pn_sink_landing *landing, const struct pn_record *record, bool *taken)
{
    struct pn_sink_batch *batch = &landing->batch;
    int64_t bytes_max = landing->sink->config.flush_bytes;
    *taken = true;
    if (batch->is_open && pn_sink_batch_add(batch, record, bytes_max)) {
        return;
    }
    if (batch->is_open) {
        pn_sink_batch_close(batch, record->offset);
    }
    if (pn_sink_batch_is_full(batch)) {
        *taken = false;
        return;
    }
    pn_sink_batch_open(batch, record->offset);
    bool added = pn_sink_batch_add(batch, record, bytes_max);
    PN_ASSERT(added);
}

int pn_sink_cut_new(struct pn_sink_landing *landing, bool all, struct pn_err *e)
{
    const struct pn_sink_config *config = &landing->sink->config;
    struct pn_sink_batch *batch = &landing->batch;
    struct pn_sink_reader *reader = &landing->reader;
    for (bool taken = true; taken;) {
        int64_t expected = reader->offset;
        const struct pn_record *record;
        landing->has_lost = false;
        int rc = pn_sink_reader_next(reader, landing->part->end, &record, e);
        if (rc != 0) {
            return rc;
        }
        if (batch->is_open && landing->has_lost) {
            pn_sink_batch_close(batch, expected); /* no object goes over what is lost */
        }
        if (record == NULL) {
            break;
        }
        add_record(landing, record, &taken);
        if (!taken) {
            pn_sink_reader_unread(reader);
        } else if (pn_sink_batch_open_count(batch) == config->flush_size) {
            pn_sink_batch_close(batch, reader->offset);
        }
    }
    landing->next = reader->offset;
    landing->part->enough_end = 0;
    if (batch->is_open && all) {
        pn_sink_batch_close(batch, reader->offset);
    } else if (batch->is_open) {
        landing->next = batch->objects[batch->count].first;
        landing->part->enough_end =
            landing->part->end + config->flush_size - pn_sink_batch_open_count(batch);
        pn_sink_batch_drop(batch);
    }
    return 0;
}

int pn_sink_cut_again(struct pn_sink_landing *landing, int64_t first, int64_t end, struct pn_err *e)
{
    struct pn_sink_batch *batch = &landing->batch;
    struct pn_sink_reader *reader = &landing->reader;
    pn_sink_reader_seek(reader, first);
    pn_sink_batch_open(batch, first);
    const struct pn_record *record;
    do {
        int rc = pn_sink_reader_next(reader, end, &record, e);
        if (rc != 0) {
            return rc;
        }
        bool added = record == NULL || pn_sink_batch_add(batch, record, INT64_MAX);
        PN_ASSERT(added);
    } while (record != NULL);
    if (reader->offset < end) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "%s partition %" PRId32 ": the log ends at offset %" PRId64
                          ", within the records %" PRId64 " to %" PRId64 " that were to land",
                          reader->topic, reader->partition, reader->offset, first, end - 1);
    }
    pn_sink_batch_close(batch, end);
    return 0;
}

void pn_sink_count_object(struct pn_sink_landing *landing, const struct pn_sink_object *object)
{
    struct pn_sink_part *part = landing->part;
    int64_t objects = object->values_len > 0;
    pn_metric_add(part->objects_metric, objects);
    pn_metric_add(part->landed_metric, object->records);
    pn_metric_add(part->dead_letters_metric, object->dead_letters);
    pthread_mutex_lock(&landing->sink->lock);
    part->status.objects += objects;
    part->status.records += object->records;
    part->status.dead_letters += object->dead_letters;
    part->status.bytes += (int64_t)(object->values_len + object->dead_len);
    pthread_mutex_unlock(&landing->sink->lock);
}

int pn_sink_check_batch(const struct pn_sink_batch *batch, struct pn_err *e)
{
    int rc = pn_buf_check(&batch->values, "an object to land", e);
    rc = rc != 0 ? rc : pn_buf_check(&batch->dead, "an object of dead letters", e);
    return rc != 0 ? rc : pn_buf_check(&batch->origins, "an object of origins", e);
}
