/* One batch of a partition: from the log to objects in the store, as its state file says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/landing.h"
#include "sink/origins.h"

/* --- remembered cuts ----------------------------------------------------------------------- */

static int is_in_store(struct pn_sink_landing *landing, const char *dir, int64_t first,
                       bool *is_there, struct pn_err *e)
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

/* Rebuilds the remembered objects that are not in the store: no more than made one batch once. */
static int cut_all_again(struct pn_sink_landing *landing, struct pn_err *e)
{
    const struct pn_sink_cuts *cuts = &landing->part->memory.cuts;
    for (size_t i = 0; i < cuts->count; i++) {
        const struct pn_sink_cut *cut = &cuts->cuts[i];
        for (int64_t first = cut->first; first < cut->end; first += cut->step) {
            int64_t end = cut->end - first < cut->step ? cut->end : first + cut->step;
            bool is_there = false;
            int rc = is_in_store(landing, landing->sink->config.topics_dir, first, &is_there, e);
            if (rc == 0 && !is_there) {
                rc = pn_sink_cut_again(landing, first, end, e);
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
static int write_dead_letters(struct pn_sink_landing *landing, struct pn_err *e)
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

static int write_values(struct pn_sink_landing *landing, struct pn_err *e)
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

/* Remembers the batch's cuts, so that the same objects are written after a crash. */
static int remember_cuts(struct pn_sink_landing *landing, struct pn_err *e)
{
    struct pn_sink_memory *memory = &landing->part->memory;
    const struct pn_sink_prints prints = memory->prints;
    for (size_t i = 0; i < landing->batch.count; i++) {
        const struct pn_sink_object *object = &landing->batch.objects[i];
        pn_sink_cuts_add(&memory->cuts, object->first, object->end);
    }
    pn_sink_batch_add_print(&landing->batch, &memory->prints);
    int rc = pn_sink_remember(landing->sink, e);
    if (rc != 0) {
        memory->prints = prints;
        /* Whether they are on disk or not: no object of them was written, so others may be cut. */
        pn_sink_cuts_clear(&memory->cuts);
        pn_err_prefix(e, "the sink cannot store its cuts");
    }
    return rc;
}

static int find_names(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    struct pn_sink_memory *memory = &part->memory;
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
    part->is_remembered = true;
    return 0;
}

/* In a store without notes, where the state file says what was cut. */
static int land(struct pn_sink_landing *landing, bool all, struct pn_err *e)
{
    struct pn_sink_memory *memory = &landing->part->memory;
    landing->is_again = memory->cuts.count > 0;
    int rc = landing->is_again ? cut_all_again(landing, e) : pn_sink_cut_new(landing, all, e);
    if (rc == 0) {
        rc = pn_sink_check_batch(&landing->batch, e);
    }
    if (rc == 0 && !landing->is_again && landing->batch.count > 0) {
        rc = remember_cuts(landing, e);
    }
    if (rc == 0) {
        rc = pn_sink_put_origins(landing, 0, landing->batch.count, NULL, e);
    }
    if (rc == 0) {
        rc = write_dead_letters(landing, e);
    }
    if (rc == 0) {
        rc = write_values(landing, e);
    }
    if (rc == 0) {
        landing->sink->is_dirty = landing->sink->is_dirty || landing->next > memory->landed;
        memory->landed = landing->next;
        memory->base = memory->base_next;
        pn_sink_cuts_clear(&memory->cuts);
        for (size_t i = 0; i < landing->batch.count; i++) {
            pn_sink_count_object(landing, &landing->batch.objects[i]);
        }
    }
    return rc;
}

static int find_place(struct pn_sink *sink, struct pn_sink_part *part, bool *has_cuts,
                      struct pn_err *e)
{
    if (sink->has_chain) {
        return part->place.is_known ? 0 : pn_sink_chain_find(sink, part, has_cuts, e);
    }
    return part->is_remembered ? 0 : find_names(sink, part, e);
}

/* Finds out under which names the partition's objects are to land, and whether the log has what
 * landed before. *has_cuts: cuts of the state file come first. */
static int prepare(struct pn_sink *sink, struct pn_sink_part *part, bool *has_cuts,
                   struct pn_err *e)
{
    *has_cuts = false;
    if (part->is_unsure && part->passing != NULL) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s", part->passing);
    }
    if (part->is_unsure) {
        return pn_err_set(e, PN_CLASS_FATAL, PN_FAIL,
                          "the log could not read all of it when it was opened; repair the disk, "
                          "then restart pinion");
    }
    int rc = find_place(sink, part, has_cuts, e);
    if (rc == 0) {
        rc = pn_sink_prove(sink, part, e);
    }
    if (rc == 0 && *has_cuts && part->memory.cuts.count == 0) { /* they are of a former topic */
        rc = find_place(sink, part, has_cuts, e);
    }
    return rc;
}

int pn_sink_land(struct pn_sink *sink, struct pn_sink_part *part, bool all, bool *progress,
                 struct pn_err *e)
{
    struct pn_sink_landing landing;
    struct pn_sink_memory *memory = &part->memory;
    bool has_cuts = false;
    int rc = prepare(sink, part, &has_cuts, e);
    if (rc != 0) {
        return rc;
    }
    int64_t number = memory->base + memory->landed;
    int64_t next = part->place.next;
    pn_sink_landing_init(&landing, sink, part);
    rc = sink->has_chain && !has_cuts ? pn_sink_chain_land(&landing, all, e)
                                      : land(&landing, all, e);
    *progress = rc == 0 && (memory->base + memory->landed > number || memory->cuts.count > 0 ||
                            part->place.next != next); /* another sink's object may move that */
    pn_sink_landing_deinit(&landing);
    return rc;
}
