#include "sink/handover.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/private.h"

/* Everything before it belongs to an object, which may be missing yet. */
static int64_t end_of(const struct pn_sink_memory *memory)
{
    const struct pn_sink_cuts *cuts = &memory->cuts;
    return cuts->count > 0 ? cuts->cuts[cuts->count - 1].end : memory->landed;
}

/*
 * The number of the next object. Which of two stores is ahead is decided by it, not by offsets:
 * those of a topic that was deleted and created again begin at 0, but the names of its objects
 * continue.
 */
static int64_t number_of(const struct pn_sink_memory *memory)
{
    return memory->base_next + end_of(memory);
}

static int64_t number_at_place(const struct pn_sink_part *part)
{
    return part->memory.base + part->place.next;
}

static int is_ahead(const struct pn_sink_memory *memory, const char *target, int64_t there,
                    const char *source, int64_t here, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                      "%s partition %" PRId32 ": the %s has landed more: the names of its objects "
                      "continue at %" PRId64 ", and those of the %s at %" PRId64
                      ". It was used after its objects were copied: copy the other way round",
                      memory->topic, memory->partition, target, there, source, here);
}

/* Puts what is missing of the newest objects. */
static int complete(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    int rc = 0;
    for (bool progress = true; rc == 0 && progress && part->memory.cuts.count > 0;) {
        rc = pn_sink_land(sink, part, false, &progress, e);
    }
    return rc;
}

/* --- to a bucket ------------------------------------------------------------------------------ */

int pn_sink_hand_to_bucket_begin(struct pn_sink *sink, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&sink->work);
    for (size_t i = 0; i < sink->part_count && rc == 0; i++) {
        if (sink->parts[i]->is_selected) {
            rc = complete(sink, sink->parts[i], e);
        }
    }
    if (rc == 0) {
        rc = pn_sink_remember(sink, e);
    }
    pthread_mutex_unlock(&sink->work);
    return rc;
}

struct memories {
    struct pn_sink_memory *items;
    size_t count;
    size_t capacity;
};

static void take_memory(void *arg, const struct pn_sink_memory *memory)
{
    struct memories *memories = arg;
    pn_grow((void **)&memories->items, &memories->capacity, memories->count + 1,
            sizeof *memories->items);
    memories->items[memories->count++] = *memory;
}

/* `source`: what has the place that the memory has, to people. */
static int hand_one(struct pn_sink *sink, const struct pn_sink_memory *memory, const char *source,
                    bool looks_only, struct pn_err *e)
{
    struct pn_sink_part part = {.memory = *memory};
    bool is_there = false;
    part.memory.cuts = (struct pn_sink_cuts){0};
    int rc = pn_sink_chain_look(sink, &part, &is_there, e);
    int64_t there = number_at_place(&part);
    int64_t here = number_of(memory);
    if (rc == 0 && is_there && there > here) {
        rc = is_ahead(memory, "bucket", there, source, here, e);
    } else if (rc == 0 && !looks_only && !(is_there && there == here)) {
        rc = memory->cuts.count > 0 ? pn_sink_chain_forget(sink, memory, e)
                                    : pn_sink_chain_begin_at(sink, memory, e);
    }
    pn_sink_cuts_deinit(&part.memory.cuts);
    return rc;
}

int pn_sink_hand_to_bucket(const struct pn_sink_config *config, bool looks_only, struct pn_err *e)
{
    struct pn_sink sink = {.config = *config, .has_chain = true};
    struct memories memories = {0};
    char *path = pn_xasprintf("%s/state.jsonl", config->folder);
    int rc = pn_sink_state_load(config->io, path, take_memory, &memories, e);
    for (size_t i = 0; i < memories.count && rc == 0; i++) {
        rc = hand_one(&sink, &memories.items[i], "data folder", looks_only, e);
    }
    for (size_t i = 0; i < memories.count; i++) {
        pn_sink_cuts_deinit(&memories.items[i].cuts);
    }
    free(memories.items);
    free(path);
    return rc;
}

/* --- to a folder ------------------------------------------------------------------------------ */

struct comparison {
    struct pn_sink *sink;
    struct pn_err *e;
    int rc;
};

/* What the folder remembered until now: is it ahead of the chain? */
static void compare(void *arg, const struct pn_sink_memory *memory)
{
    struct comparison *comparison = arg;
    struct pn_sink_memory known = *memory;
    for (size_t i = 0; i < comparison->sink->part_count && comparison->rc == 0; i++) {
        const struct pn_sink_part *part = comparison->sink->parts[i];
        bool is_same = strcmp(part->memory.topic, known.topic) == 0 &&
                       part->memory.partition == known.partition && part->memory.id == known.id;
        if (is_same && part->place.is_known && number_of(&known) > number_at_place(part)) {
            comparison->rc = is_ahead(&known, "data folder", number_of(&known), "bucket",
                                      number_at_place(part), comparison->e);
        }
    }
    pn_sink_cuts_deinit(&known.cuts);
}

static int settle(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    if (!part->place.is_known && part->memory.cuts.count == 0) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                          "%s partition %" PRId32
                          ": the log does not say yet where the partition begins; try again",
                          part->memory.topic, part->memory.partition);
    }
    return complete(sink, part, e);
}

/* Finds the places of all chains. A sink with a group does not look for them before the group gives
 * it partitions. */
static int settle_all(struct pn_sink *sink, struct pn_err *e)
{
    int rc = sink->config.group != NULL ? pn_sink_chain_open(sink, e) : 0;
    for (size_t i = 0; i < sink->part_count && rc == 0; i++) {
        if (sink->parts[i]->is_selected) {
            rc = settle(sink, sink->parts[i], e);
        }
    }
    return rc;
}

int pn_sink_hand_to_folder_begin(struct pn_sink *sink, struct pn_err *e)
{
    struct comparison comparison = {.sink = sink, .e = e};
    pthread_mutex_lock(&sink->work);
    int rc = settle_all(sink, e);
    if (rc == 0) {
        rc = pn_sink_state_load(sink->config.io, sink->state_path, compare, &comparison, e);
        rc = rc != 0 ? rc : comparison.rc;
    }
    pthread_mutex_unlock(&sink->work);
    return rc;
}

/* Are all chains as they were at the begin? */
static int check_places(struct pn_sink *sink, struct pn_err *e)
{
    int rc = pn_sink_parts_look(sink, e);
    for (size_t i = 0; i < sink->part_count && rc == 0; i++) {
        const struct pn_sink_part *part = sink->parts[i];
        struct pn_sink_part now = {.memory = part->memory};
        bool is_there = false;
        now.memory.cuts = (struct pn_sink_cuts){0};
        if (part->is_selected) {
            rc = pn_sink_chain_look(sink, &now, &is_there, e);
        }
        bool has_moved = !part->place.is_known || !is_there || now.place.next != part->place.next;
        if (rc == 0 && part->is_selected && has_moved) {
            rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                            "records of %s partition %" PRId32
                            " have landed in the bucket meanwhile: stop what lands there, and run "
                            "the same command again",
                            part->memory.topic, part->memory.partition);
        }
        pn_sink_cuts_deinit(&now.memory.cuts);
    }
    return rc;
}

/* What is remembered of a partition whose chain has the part's place. */
static struct pn_sink_memory memory_at_place(const struct pn_sink_part *part)
{
    struct pn_sink_memory memory = part->memory;
    memory.base_next = memory.base;
    memory.landed = part->place.next;
    memory.cuts = (struct pn_sink_cuts){0};
    return memory;
}

int pn_sink_hand_to_folder_end(struct pn_sink *sink, struct pn_err *e)
{
    struct pn_buf text;
    pthread_mutex_lock(&sink->work);
    int rc = check_places(sink, e);
    if (rc != 0) {
        goto out;
    }
    pn_sink_state_begin(&text);
    for (size_t i = 0; i < sink->part_count; i++) {
        const struct pn_sink_part *part = sink->parts[i];
        struct pn_sink_memory memory = part->is_selected ? memory_at_place(part) : part->memory;
        if (part->is_selected || part->is_remembered) {
            pn_sink_state_add(&text, &memory);
        }
    }
    rc = pn_sink_state_save(sink->config.io, sink->state_path, &text, e);
out:
    pthread_mutex_unlock(&sink->work);
    return rc;
}

/* --- between buckets -------------------------------------------------------------------------- */

static int hand_all(const struct pn_sink *sink, struct pn_store *to, bool looks_only,
                    struct pn_err *e)
{
    struct pn_sink there = {.config = sink->config, .has_chain = true};
    int rc = 0;
    there.config.store = to;
    for (size_t i = 0; i < sink->part_count && rc == 0; i++) {
        if (sink->parts[i]->is_selected) {
            const struct pn_sink_memory memory = memory_at_place(sink->parts[i]);
            rc = hand_one(&there, &memory, "bucket it is copied from", looks_only, e);
        }
    }
    return rc;
}

int pn_sink_hand_between_begin(struct pn_sink *sink, struct pn_store *to, struct pn_err *e)
{
    pthread_mutex_lock(&sink->work);
    int rc = settle_all(sink, e);
    rc = rc != 0 ? rc : hand_all(sink, to, true, e);
    pthread_mutex_unlock(&sink->work);
    return rc;
}

int pn_sink_hand_between_end(struct pn_sink *sink, struct pn_store *to, struct pn_err *e)
{
    pthread_mutex_lock(&sink->work);
    int rc = check_places(sink, e);
    rc = rc != 0 ? rc : hand_all(sink, to, false, e);
    pthread_mutex_unlock(&sink->work);
    return rc;
}
