/* The sink's partitions: found in the log, remembered, and their metrics. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/lag.h"
#include "sink/private.h"

enum { ASK_AGAIN_MS = 5000 };

static int compare(const struct pn_sink_part *part, const char *topic, int32_t partition)
{
    int order = strcmp(part->memory.topic, topic);
    return order != 0 ? order
                      : (part->memory.partition > partition) - (part->memory.partition < partition);
}

/* Where the partition is, or where it belongs. */
static size_t find(const struct pn_sink *sink, const char *topic, int32_t partition)
{
    size_t low = 0;
    size_t high = sink->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(sink->parts[middle], topic, partition) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct pn_sink_part *pn_sink_parts_find(const struct pn_sink *sink, const char *topic,
                                        int32_t partition)
{
    size_t at = find(sink, topic, partition);
    return at < sink->part_count && compare(sink->parts[at], topic, partition) == 0
               ? sink->parts[at]
               : NULL;
}

static bool is_selected(const struct pn_sink *sink, const char *topic)
{
    for (size_t i = 0; i < sink->config.topic_count; i++) {
        if (strcmp(sink->config.topics[i], topic) == 0) {
            return true;
        }
    }
    return sink->has_regex && regexec(&sink->regex, topic, 0, NULL, 0) == 0;
}

static void register_metrics(struct pn_metrics *metrics, struct pn_sink_part *part)
{
    const char *topic = part->memory.topic;
    part->landed_metric = pn_metrics_get(metrics, PN_METRIC_SINK_LANDED_RECORDS, topic);
    part->objects_metric = pn_metrics_get(metrics, PN_METRIC_SINK_OBJECTS, topic);
    part->dead_letters_metric = pn_metrics_get(metrics, PN_METRIC_SINK_DEAD_LETTERS, topic);
    part->lost_metric = pn_metrics_get(metrics, PN_METRIC_SINK_LOST_RECORDS, topic);
    part->errors_metric = pn_metrics_get(metrics, PN_METRIC_SINK_ERRORS, topic);
    part->lag_metric = pn_metrics_get(metrics, PN_METRIC_SINK_LAG_RECORDS, topic);
}

static struct pn_sink_part *add_part(struct pn_sink *sink, const struct pn_sink_memory *memory)
{
    struct pn_sink_part *part = pn_xcalloc(1, sizeof *part);
    part->memory = *memory;
    part->waiting_since_ms = -1;
    part->is_selected = is_selected(sink, memory->topic);
    part->is_doubted = pn_log_counts_topic_ids(sink->config.log);
    part->is_ours = pn_sink_share_has(&sink->share, memory->topic, memory->partition);
    part->status.partition = memory->partition;
    if (part->is_selected) {
        register_metrics(sink->config.metrics, part);
    }
    size_t at = find(sink, memory->topic, memory->partition);
    pthread_mutex_lock(&sink->lock);
    pn_grow((void **)&sink->parts, &sink->part_capacity, sink->part_count + 1,
            sizeof(struct pn_sink_part *));
    memmove(&sink->parts[at + 1], &sink->parts[at],
            (sink->part_count - at) * sizeof(struct pn_sink_part *));
    sink->parts[at] = part;
    sink->part_count++;
    pthread_mutex_unlock(&sink->lock);
    return part;
}

static void free_part(struct pn_sink_part *part)
{
    pn_metric_add(part->lag_metric, -part->lag);
    pn_sink_cuts_deinit(&part->memory.cuts);
    free(part);
}

static void remove_part(struct pn_sink *sink, size_t at)
{
    struct pn_sink_part *part = sink->parts[at];
    pthread_mutex_lock(&sink->lock);
    sink->part_count--;
    memmove(&sink->parts[at], &sink->parts[at + 1],
            (sink->part_count - at) * sizeof(struct pn_sink_part *));
    pthread_mutex_unlock(&sink->lock);
    free_part(part);
}

void pn_sink_parts_deinit(struct pn_sink *sink)
{
    for (size_t i = 0; i < sink->part_count; i++) {
        free_part(sink->parts[i]);
    }
    free(sink->parts);
}

/* --- memory -------------------------------------------------------------------------------- */

static void take_memory(void *arg, const struct pn_sink_memory *memory)
{
    struct pn_sink_part *part = add_part(arg, memory);
    part->is_remembered = true;
}

int pn_sink_parts_load(struct pn_sink *sink, struct pn_err *e)
{
    return pn_sink_state_load(sink->config.io, sink->state_path, take_memory, sink, e);
}

int pn_sink_remember(struct pn_sink *sink, struct pn_err *e)
{
    struct pn_buf text;
    if (sink->has_chain) {
        sink->is_dirty = false;
        return 0;
    }
    pn_sink_state_begin(&text);
    for (size_t i = 0; i < sink->part_count; i++) {
        if (sink->parts[i]->is_remembered) {
            pn_sink_state_add(&text, &sink->parts[i]->memory);
        }
    }
    int rc = pn_sink_state_save(sink->config.io, sink->state_path, &text, e);
    sink->is_dirty = sink->is_dirty && rc != 0;
    return rc;
}

/* --- the log's topics ---------------------------------------------------------------------- */

/* After all that the remembered names cover, written or not. */
static int64_t names_end(const struct pn_sink_memory *memory)
{
    const struct pn_sink_cuts *cuts = &memory->cuts;
    int64_t end = cuts->count > 0 ? cuts->cuts[cuts->count - 1].end : memory->landed;
    return memory->base_next + end;
}

/* The topic was created again: its offsets start at 0, its names continue. */
static void start_again(struct pn_sink *sink, struct pn_sink_part *part, uint64_t id)
{
    struct pn_sink_memory *memory = &part->memory;
    int64_t base = names_end(memory);
    pn_logger_warn(sink->config.logger, "sink",
                   "%s partition %" PRId32
                   " was deleted and created again; the names of its objects continue at %" PRId64,
                   memory->topic, memory->partition, base);
    pn_sink_cuts_clear(&memory->cuts);
    memory->id = id;
    memory->base = base;
    memory->base_next = base;
    memory->landed = 0;
    memory->prints.count = 0;
    part->enough_end = 0;
    part->lost_until = 0;
    part->waiting_since_ms = -1;
}

/* The same where the store keeps notes: the chain of the new topic is looked up. */
static void begin_another_chain(struct pn_sink_part *part, int64_t begin)
{
    pn_sink_cuts_clear(&part->memory.cuts);
    part->memory.prints.count = 0;
    part->place = (struct pn_sink_place){0};
    part->is_remembered = false;
    part->memory.landed = begin;
    part->enough_end = 0;
    part->lost_until = 0;
    part->waiting_since_ms = -1;
}

/*
 * The log ends before what was landed from it: with `durability: os`, a power cut took records
 * that are in the store already. The offsets come again with other records; their names continue.
 * Cuts that reach beyond the end are shortened to what the log still has.
 */
static void step_back(struct pn_sink *sink, struct pn_sink_part *part, int64_t end)
{
    struct pn_sink_memory *memory = &part->memory;
    int64_t names = names_end(memory);
    pn_logger_warn(
        sink->config.logger, "sink",
        "%s partition %" PRId32 ": the log ends at offset %" PRId64
        ", before the records that have landed; the names of further objects continue at %" PRId64,
        memory->topic, memory->partition, end, names);
    pn_sink_cuts_end_at(&memory->cuts, end);
    memory->base_next = names - end;
    part->enough_end = 0;
    if (memory->cuts.count == 0) {
        memory->landed = end;
        memory->base = memory->base_next;
    }
    part->lost_until = part->lost_until < end ? part->lost_until : end;
}

/* Notes where the partition ends; *changed when its memory had to be corrected. */
static int look_at_part(struct pn_sink *sink, struct pn_sink_part *part, uint64_t id, bool *changed,
                        struct pn_err *e)
{
    struct pn_sink_memory *memory = &part->memory;
    struct pn_log_offsets offsets;
    int rc = pn_log_offsets(sink->config.log, memory->topic, memory->partition, &offsets, e);
    if (rc != 0 || offsets.unsure) { /* it may be longer by the next look */
        part->is_short = false;
    }
    if (rc != 0) {
        return rc;
    }
    bool is_other = id != 0 && memory->id != id; /* 0: it was never deleted, or is not known */
    if (is_other && sink->has_chain) {
        begin_another_chain(part, offsets.begin);
    } else if (part->is_remembered && is_other) {
        start_again(sink, part, id);
        *changed = true;
    }
    memory->id = id != 0 ? id : memory->id;
    if (part->is_unsure && !offsets.unsure && !part->is_remembered && !part->place.is_known) {
        memory->landed = offsets.begin; /* as in add_new(), now that it is known */
    }
    part->is_unsure = offsets.unsure;
    part->passing = offsets.passing;
    part->is_doubted |= offsets.doubts != part->doubts;
    part->doubts = offsets.doubts;
    if (!part->is_doubted && !offsets.unsure && !part->place.is_known &&
        names_end(memory) - memory->base_next > offsets.end) {
        step_back(sink, part, offsets.end);
        *changed = true;
    }
    part->begin = offsets.begin;
    part->end = offsets.end;
    if (part->end <= memory->landed) {
        part->waiting_since_ms = -1;
    } else if (part->waiting_since_ms < 0) {
        part->waiting_since_ms = pn_mono_ms(sink->config.clock);
    }
    pn_sink_publish(sink, part);
    return 0;
}

/* A partition seen for the first time: what its log no longer has by now was not ours to land. */
static int add_new(struct pn_sink *sink, const struct pn_log_topic_info *info, int32_t partition,
                   struct pn_sink_part **part, struct pn_err *e)
{
    struct pn_log_offsets offsets;
    int rc = pn_log_offsets(sink->config.log, info->name, partition, &offsets, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_sink_memory memory = {
        .partition = partition, .id = info->id, .landed = offsets.begin};
    memcpy(memory.topic, info->name, sizeof memory.topic);
    *part = add_part(sink, &memory);
    (*part)->is_unsure = offsets.unsure;
    return 0;
}

static int look_at_topic(struct pn_sink *sink, const struct pn_log_topic_info *info, bool *changed,
                         struct pn_err *e)
{
    bool selected = is_selected(sink, info->name);
    for (int32_t partition = 0; partition < info->partitions; partition++) {
        struct pn_sink_part *part = pn_sink_parts_find(sink, info->name, partition);
        if (part == NULL) {
            if (!selected) {
                continue;
            }
            int rc = add_new(sink, info, partition, &part, e);
            if (rc != 0) {
                return rc;
            }
        }
        part->is_seen = true;
        int rc = look_at_part(sink, part, info->id, changed, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Keeps what is remembered of closed topics: once one is opened again, its records must not land
 * twice. */
static void see_closed(struct pn_sink *sink, struct pn_arena *arena)
{
    struct pn_log_closed_topic *closed = NULL;
    size_t count = 0;
    pn_log_closed_topics(sink->config.log, arena, &closed, &count);
    for (size_t i = 0; i < count; i++) {
        for (size_t p = find(sink, closed[i].name, 0);
             p < sink->part_count && strcmp(sink->parts[p]->memory.topic, closed[i].name) == 0;
             p++) {
            sink->parts[p]->is_seen = true;
        }
    }
}

/* A log of a cluster may not list a topic for a moment: it is asked for that topic. */
static bool is_gone(struct pn_sink *sink, struct pn_sink_part *part)
{
    int64_t now_ms = pn_mono_ms(sink->config.clock);
    struct pn_log_offsets offsets;
    struct pn_err why = {0};
    if (now_ms < part->ask_at_ms) {
        return false;
    }
    part->ask_at_ms = now_ms + ASK_AGAIN_MS;
    int rc = pn_log_refresh(sink->config.log, part->memory.topic, &why);
    if (rc == 0) {
        rc = pn_log_offsets(sink->config.log, part->memory.topic, part->memory.partition, &offsets,
                            &why);
    }
    return rc != 0 && why.class_ == PN_CLASS_MISSING;
}

/* What is not in the log any more is forgotten; should it come again, names are looked up. */
static void drop_unseen(struct pn_sink *sink)
{
    for (size_t i = sink->part_count; i-- > 0;) {
        struct pn_sink_part *part = sink->parts[i];
        if (!part->is_seen && is_gone(sink, part)) {
            pn_logger_info(sink->config.logger, "sink", "%s partition %" PRId32 " was deleted",
                           part->memory.topic, part->memory.partition);
            remove_part(sink, i);
        }
    }
}

int pn_sink_parts_look(struct pn_sink *sink, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_log_topic_info *topics = NULL;
    size_t count = 0;
    bool changed = false;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < sink->part_count; i++) {
        sink->parts[i]->is_seen = false;
    }
    int rc = pn_log_topics(sink->config.log, &arena, &topics, &count, e);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct pn_err failure;
        if (pn_topic_is_internal(topics[i].name)) {
            continue;
        }
        rc = look_at_topic(sink, &topics[i], &changed, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
            rc = 0; /* deleted meanwhile */
        } else if (rc != 0) {
            pn_err_copy(e, &failure);
        }
    }
    if (rc == 0) {
        see_closed(sink, &arena);
        drop_unseen(sink);
    }
    if (rc == 0 && changed) {
        rc = pn_sink_remember(sink, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}

void pn_sink_publish(struct pn_sink *sink, struct pn_sink_part *part)
{
    int64_t landed = part->memory.landed;
    int64_t lag =
        part->is_selected && part->is_ours ? pn_lag(landed, part->begin, part->end).records : 0;
    pn_metric_add(part->lag_metric, lag - part->lag);
    part->lag = lag;
    pthread_mutex_lock(&sink->lock);
    part->status.landed_offset = landed;
    part->status.end_offset = part->end;
    pthread_mutex_unlock(&sink->lock);
}
