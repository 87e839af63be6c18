/* One batch of a partition: from the log to objects in the store. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/batch.h"
#include "sink/private.h"
#include "sink/reader.h"

/* One call of pn_sink_land(). */
struct landing {
    struct pn_sink *sink;
    struct pn_sink_part *part;
    struct pn_sink_batch batch;
    struct pn_sink_reader reader;
    bool is_again; /* the cuts were remembered before: some of their objects may be there */
    bool has_lost; /* the reader met a loss since this was last false */
    int64_t next;  /* where the partition continues when the batch is in the store */
};

/* The reader found that the log has lost records. The same loss may be met again after a
 * failure. */
static void note_lost(void *arg, int64_t first, int64_t end, const char *why)
{
    struct landing *landing = arg;
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

/* --- new cuts ------------------------------------------------------------------------------ */

/* Puts a record into the open object, or into a new one when there is none or it doesn't fit.
 * *taken is false when the batch has no room for another object. */
static void add_record(struct landing *landing, const struct pn_record *record, bool *taken)
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

/* Reads on from what has landed and cuts objects as the settings say. */
static int cut_new(struct landing *landing, bool all, struct pn_err *e)
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

/* --- remembered cuts ----------------------------------------------------------------------- */

static int is_in_store(struct landing *landing, const char *dir, int64_t first, bool *is_there,
                       struct pn_err *e)
{
    const struct pn_sink_memory *memory = &landing->part->memory;
    char *key = pn_sink_key(dir, memory, memory->base + first);
    struct pn_object object;
    struct pn_err failure;
    int rc = pn_store_head(landing->sink->config.store, key, &object, &failure);
    *is_there = rc == 0;
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    free(key);
    return rc;
}

/* Builds the object of the offsets first .. end - 1 as it was meant to be, however few of its
 * records the log still has. */
static int rebuild(struct landing *landing, int64_t first, int64_t end, struct pn_err *e)
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

/* Rebuilds the remembered objects that are not in the store: no more than made one batch once. */
static int cut_again(struct landing *landing, struct pn_err *e)
{
    const struct pn_sink_cuts *cuts = &landing->part->memory.cuts;
    for (size_t i = 0; i < cuts->count; i++) {
        const struct pn_sink_cut *cut = &cuts->cuts[i];
        for (int64_t first = cut->first; first < cut->end; first += cut->step) {
            int64_t end = cut->end - first < cut->step ? cut->end : first + cut->step;
            bool is_there = false;
            int rc = is_in_store(landing, landing->sink->config.topics_dir, first, &is_there, e);
            if (rc == 0 && !is_there) {
                rc = rebuild(landing, first, end, e);
            }
            if (rc != 0) {
                return rc;
            }
            landing->next = end;
        }
    }
    return 0;
}

/* --- to the store -------------------------------------------------------------------------- */

struct puts {
    struct pn_put *puts;
    size_t count;
};

static void add_put(struct puts *puts, const struct pn_sink_object *object, char *key,
                    const struct pn_buf *buf, size_t at, size_t len)
{
    puts->puts[puts->count++] = (struct pn_put){.key = key,
                                                .bytes = pn_buf_text(buf) + at,
                                                .len = len,
                                                .first = object->first,
                                                .end = object->end};
}

static void free_puts(struct puts *puts)
{
    for (size_t i = 0; i < puts->count; i++) {
        free((char *)puts->puts[i].key);
    }
    free(puts->puts);
}

/* Dead letters come first: where the values of a cut are in the store, all of the cut is. */
static int write_dead_letters(struct landing *landing, struct pn_err *e)
{
    const struct pn_sink_batch *batch = &landing->batch;
    const struct pn_sink_config *config = &landing->sink->config;
    const struct pn_sink_memory *memory = &landing->part->memory;
    struct puts puts = {.puts = pn_xcalloc(batch->count + 1, sizeof *puts.puts)};
    int rc = 0;
    for (size_t i = 0; i < batch->count && rc == 0; i++) {
        const struct pn_sink_object *object = &batch->objects[i];
        bool is_there = false;
        if (object->dead_len > 0 && landing->is_again) {
            rc = is_in_store(landing, config->dead_letters_dir, object->first, &is_there, e);
        }
        if (object->dead_len > 0 && !is_there) {
            add_put(&puts, object,
                    pn_sink_key(config->dead_letters_dir, memory, memory->base + object->first),
                    &batch->dead, object->dead_at, object->dead_len);
        }
    }
    if (rc == 0 && puts.count > 0) {
        rc = pn_store_put_many(config->store, puts.puts, puts.count, e);
    }
    free_puts(&puts);
    return rc;
}

static int write_values(struct landing *landing, struct pn_err *e)
{
    const struct pn_sink_batch *batch = &landing->batch;
    const struct pn_sink_config *config = &landing->sink->config;
    const struct pn_sink_memory *memory = &landing->part->memory;
    struct puts puts = {.puts = pn_xcalloc(batch->count + 1, sizeof *puts.puts)};
    int rc = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct pn_sink_object *object = &batch->objects[i];
        if (object->values_len > 0) {
            add_put(&puts, object,
                    pn_sink_key(config->topics_dir, memory, memory->base + object->first),
                    &batch->values, object->values_at, object->values_len);
        }
    }
    if (puts.count > 0) {
        rc = pn_store_put_many(config->store, puts.puts, puts.count, e);
    }
    free_puts(&puts);
    return rc;
}

static void count_landed(struct landing *landing)
{
    struct pn_sink_part *part = landing->part;
    int64_t objects = 0;
    int64_t records = 0;
    int64_t dead_letters = 0;
    for (size_t i = 0; i < landing->batch.count; i++) {
        const struct pn_sink_object *object = &landing->batch.objects[i];
        objects += object->values_len > 0;
        records += object->records;
        dead_letters += object->dead_letters;
    }
    pn_metric_add(part->objects_metric, objects);
    pn_metric_add(part->landed_metric, records);
    pn_metric_add(part->dead_letters_metric, dead_letters);
    pthread_mutex_lock(&landing->sink->lock);
    part->status.objects += objects;
    part->status.records += records;
    part->status.dead_letters += dead_letters;
    pthread_mutex_unlock(&landing->sink->lock);
}

static int check_batch(const struct pn_sink_batch *batch, struct pn_err *e)
{
    int rc = pn_buf_check(&batch->values, "an object to land", e);
    return rc != 0 ? rc : pn_buf_check(&batch->dead, "an object of dead letters", e);
}

/* Remembers the batch's cuts, so that the same objects are written after a crash. */
static int remember_cuts(struct landing *landing, struct pn_err *e)
{
    struct pn_sink_memory *memory = &landing->part->memory;
    for (size_t i = 0; i < landing->batch.count; i++) {
        const struct pn_sink_object *object = &landing->batch.objects[i];
        pn_sink_cuts_add(&memory->cuts, object->first, object->end);
    }
    int rc = pn_sink_remember(landing->sink, e);
    if (rc != 0) {
        /* Whether they are on disk or not: no object of them was written, so others may be cut. */
        pn_sink_cuts_clear(&memory->cuts);
        pn_err_prefix(e, "the sink cannot store its cuts");
    }
    return rc;
}

static int find_names(struct landing *landing, struct pn_err *e)
{
    struct pn_sink *sink = landing->sink;
    struct pn_sink_memory *memory = &landing->part->memory;
    int64_t base = 0;
    int rc = pn_sink_find_base(sink, memory, &base, e);
    if (rc != 0) {
        return rc;
    }
    if (base > 0) {
        pn_logger_warn(sink->config.logger, "sink",
                       "%s partition %" PRId32
                       ": the store has objects of an earlier topic of this name; the names of new "
                       "ones continue at %" PRId64,
                       memory->topic, memory->partition, base);
    }
    memory->base = base;
    memory->base_next = base;
    landing->part->is_remembered = true;
    return 0;
}

int pn_sink_land(struct pn_sink *sink, struct pn_sink_part *part, bool all, bool *progress,
                 struct pn_err *e)
{
    struct landing landing = {.sink = sink, .part = part, .next = part->memory.landed};
    struct pn_sink_memory *memory = &part->memory;
    pn_sink_batch_init(&landing.batch, memory->topic, memory->partition);
    pn_sink_reader_init(&landing.reader, sink->config.log, memory->topic, memory->partition,
                        memory->landed, note_lost, &landing);
    int rc = 0;
    if (part->is_unsure) {
        rc = pn_err_set(e, PN_CLASS_FATAL, PN_FAIL,
                        "the log could not read all of it when it was opened; repair the disk, "
                        "then restart pinion");
    } else if (!part->is_remembered) {
        rc = find_names(&landing, e);
    }
    if (rc != 0) {
        goto out;
    }
    landing.is_again = memory->cuts.count > 0;
    rc = landing.is_again ? cut_again(&landing, e) : cut_new(&landing, all, e);
    if (rc == 0) {
        rc = check_batch(&landing.batch, e);
    }
    if (rc == 0 && !landing.is_again && landing.batch.count > 0) {
        rc = remember_cuts(&landing, e);
    }
    if (rc == 0) {
        rc = write_dead_letters(&landing, e);
    }
    if (rc == 0) {
        rc = write_values(&landing, e);
    }
    if (rc == 0) {
        *progress = landing.next > memory->landed;
        sink->is_dirty = sink->is_dirty || *progress;
        memory->landed = landing.next;
        memory->base = memory->base_next;
        pn_sink_cuts_clear(&memory->cuts);
        count_landed(&landing);
    }
out:
    pn_sink_reader_deinit(&landing.reader);
    pn_sink_batch_deinit(&landing.batch);
    return rc;
}
