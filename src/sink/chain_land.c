/*
 * One batch of a partition, in a store that keeps notes. Several sinks may do this with the same
 * records at the same time, each with cuts of its own.
 *
 * The objects of a batch are put in this order, which is what makes the chain one:
 *   1. The origins of the first object, then that object, if there is none under its number. Its
 *      note has all cuts of the batch. A sink that is refused takes the cuts of the note that is
 *      there for its own.
 *   2. The others' origins, then the other objects of these cuts, each side by side.
 *   3. The objects of dead letters. Only then a sink begins the next batch.
 *
 * So a sink that finds cuts (because it was refused, or at its start) completes them: it puts what
 * is missing. All sinks make the same lines of the same cut. Origins are named after the bytes of
 * their object, so those of a sink that was refused are nobody's. An object of values is put even
 * when all its records are dead letters: two keys that could both decide would race.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "sink/landing.h"
#include "sink/note.h"
#include "sink/origins.h"

/* --- putting ---------------------------------------------------------------------------------- */

/* What one call of the store puts. */
struct puts {
    struct pn_arena arena; /* of keys and notes */
    struct pn_put *puts;
    size_t *objects; /* of each: its place in the batch */
    bool *is_new;
    size_t count;
};

static void puts_init(struct puts *puts, size_t count_max)
{
    *puts = (struct puts){.puts = pn_xcalloc(count_max + 1, sizeof *puts->puts),
                          .objects = pn_xcalloc(count_max + 1, sizeof *puts->objects),
                          .is_new = pn_xcalloc(count_max + 1, sizeof *puts->is_new)};
    pn_arena_init(&puts->arena, 0);
}

static void puts_deinit(struct puts *puts)
{
    pn_arena_deinit(&puts->arena);
    free(puts->puts);
    free(puts->objects);
    free(puts->is_new);
}

static void add_put(struct puts *puts, const struct pn_sink_landing *landing, const char *dir,
                    size_t i, const char *bytes, size_t len)
{
    const struct pn_sink_object *object = &landing->batch.objects[i];
    const struct pn_sink_memory *memory = &landing->part->memory;
    char *key = pn_sink_key(dir, memory, memory->base + object->first);
    puts->objects[puts->count] = i;
    puts->puts[puts->count++] = (struct pn_put){.key = pn_arena_strdup(&puts->arena, key),
                                                .bytes = bytes,
                                                .len = len,
                                                .first = object->first,
                                                .end = object->end};
    free(key);
}

/* Puts the values of the batch's objects from .. end - 1, but for those that are there (NULL: none
 * is), and counts those that are new. *refused is how many others have put meanwhile;
 * *first_refused is the first of them. */
static int put_values(struct pn_sink_landing *landing, struct pn_sink_note *note, size_t from,
                      size_t end, const bool *is_there, size_t *refused, size_t *first_refused,
                      struct pn_err *e)
{
    const struct pn_sink_batch *batch = &landing->batch;
    const struct pn_sink_config *config = &landing->sink->config;
    struct puts puts;
    puts_init(&puts, end - from);
    for (size_t i = from; i < end; i++) {
        if (is_there == NULL || !is_there[i]) {
            char *text = pn_arena_alloc(&puts.arena, PN_NOTE_SIZE);
            note->at = batch->objects[i].first;
            pn_sink_note_write(note, text);
            add_put(&puts, landing, config->topics_dir, i,
                    pn_buf_text(&batch->values) + batch->objects[i].values_at,
                    batch->objects[i].values_len);
            puts.puts[puts.count - 1].note = text;
        }
    }
    int rc = pn_sink_put_origins(landing, from, end, is_there, e);
    if (rc == 0 && puts.count > 0) {
        rc = pn_store_put_new(config->store, puts.puts, puts.count, puts.is_new, e);
    }
    *refused = 0;
    for (size_t i = puts.count; i-- > 0 && rc == 0;) {
        if (puts.is_new[i]) {
            pn_sink_count_object(landing, &batch->objects[puts.objects[i]]);
        } else {
            ++*refused;
            *first_refused = puts.objects[i];
        }
    }
    puts_deinit(&puts);
    return rc;
}

/* The same for objects of cuts that are decided: what others have put meanwhile is to be the same.
 */
static int put_decided(struct pn_sink_landing *landing, struct pn_sink_note *note, size_t from,
                       const bool *is_there, struct pn_err *e)
{
    size_t refused = 0;
    size_t first = 0;
    int rc = put_values(landing, note, from, landing->batch.count, is_there, &refused, &first, e);
    if (rc == 0 && refused > 0) {
        rc = pn_sink_chain_check(landing->sink, landing->part, landing->batch.objects[first].first,
                                 e);
    }
    return rc;
}

/* The dead letters of the batch; those that are there are the same. */
static int put_dead_letters(struct pn_sink_landing *landing, struct pn_err *e)
{
    const struct pn_sink_batch *batch = &landing->batch;
    const struct pn_sink_config *config = &landing->sink->config;
    struct puts puts;
    puts_init(&puts, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->objects[i].dead_len > 0) {
            add_put(&puts, landing, config->dead_letters_dir, i,
                    pn_buf_text(&batch->dead) + batch->objects[i].dead_at,
                    batch->objects[i].dead_len);
        }
    }
    int rc =
        puts.count > 0 ? pn_store_put_new(config->store, puts.puts, puts.count, puts.is_new, e) : 0;
    puts_deinit(&puts);
    return rc;
}

/* All of the cuts is in the store. */
static void finish(struct pn_sink_landing *landing)
{
    struct pn_sink_memory *memory = &landing->part->memory;
    int64_t next = landing->part->place.next;
    next = landing->next > next ? landing->next : next;
    memory->landed = memory->landed > next ? memory->landed : next;
    pn_sink_cuts_clear(&memory->cuts);
}

/* --- cuts that are decided -------------------------------------------------------------------- */

/* Which of the objects of the cuts are in the store, by their place in the batch to be. */
struct presence {
    const struct pn_sink_memory *memory;
    bool *is_there;
    size_t there;
};

/* The place of the object that begins at `offset`, of all objects of the cuts; or their count. */
static size_t place_of(const struct pn_sink_cuts *cuts, int64_t offset)
{
    size_t place = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        const struct pn_sink_cut *cut = &cuts->cuts[i];
        if (offset >= cut->first && offset < cut->end && (offset - cut->first) % cut->step == 0) {
            return place + (size_t)((offset - cut->first) / cut->step);
        }
        place += (size_t)((cut->end - cut->first - 1) / cut->step + 1);
    }
    return SIZE_MAX;
}

static size_t count_objects(const struct pn_sink_cuts *cuts)
{
    size_t count = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        count += (size_t)((cuts->cuts[i].end - cuts->cuts[i].first - 1) / cuts->cuts[i].step + 1);
    }
    return count;
}

static void see_number(void *arg, int64_t number)
{
    struct presence *presence = arg;
    size_t place = place_of(&presence->memory->cuts, number - presence->memory->base);
    if (place != SIZE_MAX) {
        presence->is_there[place] = true;
        presence->there++;
    }
}

static int look(struct pn_sink_landing *landing, const char *dir, struct presence *presence,
                struct pn_err *e)
{
    const struct pn_sink_memory *memory = &landing->part->memory;
    const struct pn_sink_cuts *cuts = &memory->cuts;
    return pn_sink_each_number(
        landing->sink->config.store, dir, memory, memory->base + cuts->cuts[0].first,
        memory->base + cuts->cuts[cuts->count - 1].end, see_number, presence, e);
}

/* Builds the objects that lack values or, with `dead`, may lack dead letters. is_there[] is of the
 * objects of the cuts, and after it of those that were built. */
static int build_missing(struct pn_sink_landing *landing, bool *is_there, const bool *dead,
                         struct pn_err *e)
{
    const struct pn_sink_cuts *cuts = &landing->part->memory.cuts;
    size_t place = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        const struct pn_sink_cut *cut = &cuts->cuts[i];
        for (int64_t first = cut->first; first < cut->end; first += cut->step, place++) {
            if (is_there[place] && (dead == NULL || dead[place])) {
                continue;
            }
            int64_t end = cut->end - first < cut->step ? cut->end : first + cut->step;
            int rc = pn_sink_cut_again(landing, first, end, e);
            if (rc != 0) {
                return rc;
            }
            is_there[landing->batch.count - 1] = is_there[place];
        }
    }
    return 0;
}

static int complete(struct pn_sink_landing *landing, struct pn_err *e)
{
    struct pn_sink_part *part = landing->part;
    struct pn_sink_memory *memory = &part->memory;
    size_t count = count_objects(&memory->cuts);
    struct pn_sink_note note = {.id = memory->id,
                                .next = part->place.next,
                                .cuts = memory->cuts,
                                .dead_letters = part->place.dead_letters,
                                .dead_objects = part->place.dead_objects,
                                .prints = memory->prints};
    struct presence values = {.memory = memory, .is_there = pn_xcalloc(count + 1, sizeof(bool))};
    struct presence dead = {.memory = memory, .is_there = pn_xcalloc(count + 1, sizeof(bool))};
    int rc = 0;
    if (count == 1) {
        values.is_there[0] = true; /* its note says so */
    } else {
        rc = look(landing, landing->sink->config.topics_dir, &values, e);
    }
    if (rc == 0 && note.dead_objects > 0) {
        rc = look(landing, landing->sink->config.dead_letters_dir, &dead, e);
    }
    bool lacks_dead = (int64_t)dead.there < note.dead_objects;
    if (rc == 0) {
        rc = build_missing(landing, values.is_there, lacks_dead ? dead.is_there : NULL, e);
    }
    if (rc == 0) {
        rc = pn_sink_check_batch(&landing->batch, e);
    }
    if (rc == 0) {
        rc = put_decided(landing, &note, 0, values.is_there, e);
    }
    if (rc == 0 && lacks_dead) {
        rc = put_dead_letters(landing, e);
    }
    if (rc == 0) {
        finish(landing);
    }
    free(values.is_there);
    free(dead.is_there);
    return rc;
}

/* --- new cuts --------------------------------------------------------------------------------- */

/* As many of the batch's objects as a note can say; the rest of the batch is forgotten. */
static void note_cuts(struct pn_sink_landing *landing, struct pn_sink_note *note)
{
    struct pn_sink_batch *batch = &landing->batch;
    for (size_t i = 0; i < batch->count; i++) {
        const struct pn_sink_object *object = &batch->objects[i];
        pn_sink_cuts_add(&note->cuts, object->first, object->end);
        if (note->cuts.count > PN_SINK_NOTE_RUNS_MAX) {
            note->cuts.count--;
            landing->next = object->first;
            landing->part->enough_end = 0; /* the objects after it are full already */
            batch->count = i;
            break;
        }
        note->next = object->end;
        note->dead_letters += object->dead_letters;
        note->dead_objects += object->dead_len > 0;
    }
    pn_sink_batch_add_print(batch, &note->prints);
}

/* Puts the batch's first object, and with it decides the cuts of all; or others have decided. */
static int decide(struct pn_sink_landing *landing, struct pn_sink_note *note, bool *is_decided,
                  struct pn_err *e)
{
    struct pn_sink_part *part = landing->part;
    size_t refused = 0;
    size_t first = 0;
    int rc = put_values(landing, note, 0, 1, NULL, &refused, &first, e);
    *is_decided = rc == 0 && refused == 0;
    if (*is_decided) {
        pn_sink_cuts_deinit(&part->memory.cuts);
        part->memory.cuts = note->cuts;
        part->memory.prints = note->prints;
        part->place = (struct pn_sink_place){.is_known = true,
                                             .next = note->next,
                                             .dead_letters = note->dead_letters,
                                             .dead_objects = note->dead_objects};
    } else {
        pn_sink_cuts_deinit(&note->cuts);
        rc = rc != 0 ? rc : pn_sink_chain_follow(landing->sink, part, e);
    }
    return rc;
}

static int land_new(struct pn_sink_landing *landing, bool all, struct pn_err *e)
{
    struct pn_sink_memory *memory = &landing->part->memory;
    struct pn_sink_note note = {.id = memory->id, .prints = memory->prints};
    bool is_decided = false;
    int rc = pn_sink_cut_new(landing, all, e);
    if (rc == 0) {
        rc = pn_sink_check_batch(&landing->batch, e);
    }
    if (rc == 0 && landing->batch.count == 0) {
        memory->landed = landing->next; /* there is nothing more, or it was lost */
        return 0;
    }
    if (rc == 0) {
        /* Whatever the log has lost: where an object begins, all sinks must agree. */
        landing->batch.objects[0].first = landing->part->place.next;
        note_cuts(landing, &note);
        rc = decide(landing, &note, &is_decided, e);
    }
    if (rc == 0 && is_decided) {
        rc = put_decided(landing, &note, 1, NULL, e);
        if (rc == 0 && note.dead_objects > 0) {
            rc = put_dead_letters(landing, e);
        }
        if (rc == 0) {
            finish(landing);
        }
    }
    return rc;
}

int pn_sink_chain_land(struct pn_sink_landing *landing, bool all, struct pn_err *e)
{
    struct pn_sink_part *part = landing->part;
    if (part->memory.cuts.count > 0) {
        return complete(landing, e);
    }
    if (part->place.has_stepped_back) {
        return pn_sink_chain_mark(landing->sink, part, e);
    }
    return land_new(landing, all, e);
}
