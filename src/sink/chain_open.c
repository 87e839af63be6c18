/* The start of a sink, where the store keeps notes. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "sink/private.h"

/*
 * The log ends before what was landed from it: with `durability: os`, a power cut took records that
 * are in the store already. The offsets come again with other records; their names continue, and a
 * mark says so to all sinks. Cuts that reach beyond the end are shortened to what the log still
 * has.
 */
static void step_back(struct pn_sink *sink, struct pn_sink_part *part)
{
    struct pn_sink_memory *memory = &part->memory;
    part->place.has_stepped_back = true;
    part->place.mark_number = memory->base + part->place.next;
    pn_logger_warn(
        sink->config.logger, "sink",
        "%s partition %" PRId32 ": the log ends at offset %" PRId64
        ", before the records that have landed; the names of further objects continue at %" PRId64,
        memory->topic, memory->partition, part->end, part->place.mark_number + 1);
    pn_sink_cuts_end_at(&memory->cuts, part->end);
    part->place.next = part->end;
    memory->landed = memory->landed < part->end ? memory->landed : part->end;
}

/* Does the log end before the place? The end that was looked at is older than the place, to which
 * others may have landed meanwhile; a read there is refused only if there is nothing up to it. */
static int look_again(struct pn_sink *sink, struct pn_sink_part *part, bool *is_short,
                      struct pn_err *e)
{
    const struct pn_sink_memory *memory = &part->memory;
    struct pn_log *log = sink->config.log;
    struct pn_log_records records = {0};
    struct pn_log_offsets offsets;
    struct pn_err why = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_log_look(log, memory->topic, memory->partition, part->place.next, &arena, &records,
                         is_short, &why);
    pn_arena_deinit(&arena);
    if (rc != 0 && why.class_ != PN_CLASS_CORRUPT) {
        pn_err_copy(e, &why);
        return rc;
    }
    rc = pn_log_offsets(log, memory->topic, memory->partition, &offsets, e);
    if (rc == 0) {
        part->begin = offsets.begin;
        part->end = offsets.end;
        *is_short = *is_short && !offsets.unsure && offsets.end < part->place.next;
    }
    return rc;
}

int pn_sink_chain_open_part(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    bool has_cuts = false;
    bool is_short = false;
    int rc = pn_sink_chain_find(sink, part, &has_cuts, e);
    if (rc == 0 && !has_cuts && !part->is_unsure && !part->is_doubted &&
        part->place.next > part->end) {
        rc = look_again(sink, part, &is_short, e);
    }
    if (rc != 0 || !is_short) {
        return rc;
    }
    step_back(sink, part);
    while (rc == 0 && part->place.has_stepped_back) {
        bool progress = false;
        rc = pn_sink_land(sink, part, false, &progress, e);
    }
    return rc;
}

struct opening {
    struct pn_sink *sink;
    pthread_mutex_t lock; /* of what follows */
    int rc;               /* the first failure */
    struct pn_err failure;
};

static void open_one(void *arg, struct pn_sink_part *part)
{
    struct opening *opening = arg;
    struct pn_err failure = {0};
    int rc = pn_sink_chain_open_part(opening->sink, part, &failure);
    pn_sink_publish(opening->sink, part);
    pthread_mutex_lock(&opening->lock);
    if (rc != 0 && opening->rc == 0) {
        opening->rc = rc;
        opening->failure = failure;
    }
    pthread_mutex_unlock(&opening->lock);
}

int pn_sink_chain_open(struct pn_sink *sink, struct pn_err *e)
{
    struct pn_sink_part **parts = pn_xcalloc(sink->part_count + 1, sizeof(struct pn_sink_part *));
    struct opening opening = {.sink = sink};
    size_t count = 0;
    for (size_t i = 0; i < sink->part_count; i++) {
        if (sink->parts[i]->is_selected) {
            parts[count++] = sink->parts[i];
        }
    }
    pthread_mutex_init(&opening.lock, NULL);
    pn_sink_each(parts, count, PN_SINK_AT_ONCE_MAX, open_one, &opening);
    pthread_mutex_destroy(&opening.lock);
    free(parts);
    if (opening.rc != 0) {
        pn_err_copy(e, &opening.failure);
    }
    return opening.rc;
}
