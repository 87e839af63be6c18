/*
 * Where the chain of a partition's objects continues, in a store that keeps notes. Any number of
 * sinks may add to it: an object is put under the chain's next number if there is none, so the one
 * that is there decides where the chain continues, for all of them.
 *
 * The chain begins where its origin says, a small object that the first sink puts:
 *
 *   .pinion/chain/<topics_dir>/<topic>/<partition>/<topic's id>.json
 *   {"offset":0,"number":0}                  and "seen", as in a note, when records landed before
 *
 * So a topic that was made again has another chain, after the objects of the earlier one. Where
 * each process counts ids itself, the greatest in the store holds: see chain_ids.c. The end
 * of the chain is the greatest number whose note has the topic's id.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "sink/note.h"
#include "sink/private.h"

enum { ORIGIN_BYTES_MAX = 1024 };

struct origin {
    int64_t offset;
    int64_t number;
    struct pn_sink_prints prints;
};

/* --- notes ------------------------------------------------------------------------------------ */

/* The note of the object of a number. *is_there is false when there is no such object, *is_ours
 * when the note is not one of this topic; only then there is something to free. */
static int read_note(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t number,
                     bool *is_there, bool *is_ours, struct pn_sink_note *note, struct pn_err *e)
{
    char text[PN_NOTE_SIZE] = "";
    struct pn_err why = {0};
    char *key = pn_sink_key(sink->config.topics_dir, memory, number);
    int rc = pn_store_note(sink->config.store, key, text, &why);
    *is_there = rc == 0;
    *is_ours = false;
    *note = (struct pn_sink_note){0};
    if (rc == 0) {
        *is_ours = pn_sink_note_read(text, note) && note->id == memory->id;
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &why);
    }
    free(key);
    return rc;
}

/* The chain continues after the cuts of this note, which it takes over. */
static void stand_after(struct pn_sink_part *part, int64_t number, struct pn_sink_note *note)
{
    struct pn_sink_memory *memory = &part->memory;
    memory->base = note->cuts.count > 0 ? number - note->at : number + 1 - note->next;
    memory->base_next = memory->base;
    pn_sink_cuts_deinit(&memory->cuts);
    memory->cuts = note->cuts;
    memory->prints = note->prints;
    note->cuts = (struct pn_sink_cuts){0};
    part->place = (struct pn_sink_place){.is_known = true,
                                         .next = note->next,
                                         .dead_letters = note->dead_letters,
                                         .dead_objects = note->dead_objects};
    const struct pn_sink_cut *cut = memory->cuts.cuts;
    if (memory->cuts.count > 1 || note->dead_objects > 0 ||
        (memory->cuts.count == 1 && cut->end - cut->first > cut->step)) {
        return; /* the object is not all of its cuts */
    }
    pn_sink_cuts_clear(&memory->cuts);
    memory->landed = memory->landed > note->next ? memory->landed : note->next;
}

static int foreign(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t number,
                   struct pn_err *e)
{
    char *key = pn_sink_key(sink->config.topics_dir, memory, number);
    int rc = pn_err_fatal(e,
                          "the object '%s' is not of this topic's chain: another program put it "
                          "there, or the topic was deleted and created again. Remove or rename the "
                          "object if the topic was not",
                          key);
    free(key);
    return rc;
}

/* --- the origin ------------------------------------------------------------------------------- */

static char *origin_key(const struct pn_sink *sink, const struct pn_sink_memory *memory)
{
    return pn_xasprintf(".pinion/chain/%s/%s/%" PRId32 "/%016" PRIx64 ".json",
                        sink->config.topics_dir, memory->topic, memory->partition, memory->id);
}

static int parse_origin(const char *key, const struct pn_buf *text, struct origin *origin,
                        struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, pn_buf_text(text), text->len, text->len, &root, NULL);
    origin->offset = rc == 0 ? pn_json_get_i64(root, "offset", -1) : -1;
    origin->number = rc == 0 ? pn_json_get_i64(root, "number", -1) : -1;
    bool has_prints = rc == 0 && pn_sink_prints_read(pn_json_get(root, "seen"), &origin->prints);
    pn_json_parser_destroy(&parser);
    if (has_prints && origin->offset >= 0 && origin->number >= origin->offset) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "the object '%s', which says where the landed objects of a topic begin, is "
                      "damaged: restore it from a backup",
                      key);
}

static int get_origin(struct pn_sink *sink, const char *key, bool *is_there, struct origin *origin,
                      struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err why = {0};
    pn_buf_init(&text, ORIGIN_BYTES_MAX);
    int rc = pn_store_get(sink->config.store, key, &text, &why);
    *is_there = rc == 0;
    if (rc == 0) {
        rc = parse_origin(key, &text, origin, e);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &why);
    }
    pn_buf_deinit(&text);
    return rc;
}

static void write_origin(const struct origin *origin, struct pn_buf *text)
{
    struct pn_json_writer json;
    pn_buf_init(text, ORIGIN_BYTES_MAX);
    pn_json_writer_init(&json, text);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "offset", origin->offset);
    pn_json_add_i64(&json, "number", origin->number);
    if (origin->prints.count > 0) {
        pn_json_put_key(&json, "seen");
        pn_sink_prints_write(&json, &origin->prints);
    }
    pn_json_end(&json);
    pn_json_end_line(&json);
}

/* After what the store has of the partition; at the log's begin, or at what the state file says
 * that has landed. */
static int choose_origin(struct pn_sink *sink, struct pn_sink_part *part, struct origin *origin,
                         struct pn_err *e)
{
    const struct pn_sink_memory *memory = &part->memory;
    int64_t base = memory->base_next;
    int rc = part->is_remembered ? 0 : pn_sink_find_base(sink, memory, &base, e);
    *origin = (struct origin){
        .offset = memory->landed, .number = base + memory->landed, .prints = memory->prints};
    if (rc == 0 && base > 0) {
        pn_logger_warn(sink->config.logger, "sink",
                       "%s partition %" PRId32
                       ": the store has objects of an earlier topic of this name; the names of new "
                       "ones continue at %" PRId64,
                       memory->topic, memory->partition, base);
    }
    return rc;
}

/* Puts the origin, or takes the one that another sink has put meanwhile. */
static int make_origin(struct pn_sink *sink, struct pn_sink_part *part, const char *key,
                       struct origin *origin, struct pn_err *e)
{
    bool is_new = false;
    bool is_there = true;
    int rc = choose_origin(sink, part, origin, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_buf text;
    write_origin(origin, &text);
    const struct pn_put put = {.key = key, .bytes = text.data, .len = text.len};
    rc = pn_store_put_new(sink->config.store, &put, 1, &is_new, e);
    if (rc == 0 && !is_new) {
        rc = get_origin(sink, key, &is_there, origin, e);
    }
    if (rc == 0 && !is_there) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "the store refused the object '%s' and has none", key);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Takes the place after the last object of the chain, or its origin. */
static int find_end(struct pn_sink *sink, struct pn_sink_part *part, const struct origin *origin,
                    struct pn_err *e)
{
    struct pn_sink_memory *memory = &part->memory;
    for (int64_t below = INT64_MAX;;) {
        int64_t number = -1;
        bool is_there = false;
        bool is_ours = false;
        struct pn_sink_note note;
        int rc = pn_sink_find_last(sink->config.store, sink->config.topics_dir, memory,
                                   origin->number, below, &number, e);
        if (rc != 0) {
            return rc;
        }
        if (number < 0) {
            break;
        }
        rc = read_note(sink, memory, number, &is_there, &is_ours, &note, e);
        if (rc == 0 && is_ours) {
            memory->landed = 0;
            stand_after(part, number, &note);
            memory->landed = memory->cuts.count > 0 ? memory->cuts.cuts[0].first : memory->landed;
        }
        pn_sink_note_deinit(&note);
        if (rc != 0 || is_ours) {
            return rc;
        }
        below = number;
    }
    pn_sink_cuts_clear(&memory->cuts);
    memory->base = origin->number - origin->offset;
    memory->base_next = memory->base;
    memory->landed = origin->offset;
    memory->prints = origin->prints;
    part->place =
        (struct pn_sink_place){.is_known = true, .is_origin = true, .next = origin->offset};
    return 0;
}

int pn_sink_chain_look(struct pn_sink *sink, struct pn_sink_part *part, bool *is_there,
                       struct pn_err *e)
{
    struct origin origin = {0};
    char *key = origin_key(sink, &part->memory);
    int rc = get_origin(sink, key, is_there, &origin, e);
    if (rc == 0 && *is_there) {
        rc = find_end(sink, part, &origin, e);
    }
    free(key);
    return rc;
}

int pn_sink_chain_begin_at(struct pn_sink *sink, const struct pn_sink_memory *memory,
                           struct pn_err *e)
{
    const struct origin origin = {.offset = memory->landed,
                                  .number = memory->base_next + memory->landed,
                                  .prints = memory->prints};
    struct pn_buf text;
    char *key = origin_key(sink, memory);
    write_origin(&origin, &text);
    int rc = pn_store_put(sink->config.store, key, pn_buf_text(&text), text.len, e);
    pn_buf_deinit(&text);
    free(key);
    return rc;
}

int pn_sink_chain_forget(struct pn_sink *sink, const struct pn_sink_memory *memory,
                         struct pn_err *e)
{
    char *key = origin_key(sink, memory);
    int rc = pn_store_remove(sink->config.store, key, e);
    free(key);
    return rc;
}

int pn_sink_chain_find(struct pn_sink *sink, struct pn_sink_part *part, bool *has_cuts,
                       struct pn_err *e)
{
    struct origin origin = {0};
    bool is_there = false;
    *has_cuts = false;
    int rc = pn_sink_chain_take_id(sink, &part->memory, e);
    if (rc != 0) {
        return rc;
    }
    char *key = origin_key(sink, &part->memory);
    rc = get_origin(sink, key, &is_there, &origin, e);
    *has_cuts = rc == 0 && !is_there && part->is_remembered && part->memory.cuts.count > 0;
    bool is_early = !is_there && part->is_unsure; /* where the log begins is not known yet */
    if (rc == 0 && !*has_cuts && !is_early) {
        rc = is_there ? 0 : make_origin(sink, part, key, &origin, e);
        rc = rc != 0 ? rc : find_end(sink, part, &origin, e);
    }
    free(key);
    return rc;
}

/* --- others' objects -------------------------------------------------------------------------- */

/* An object of an earlier topic, put after the origin was chosen: the names continue after it. */
static int pass(struct pn_sink *sink, struct pn_sink_part *part, int64_t number,
                const struct pn_sink_note *note, struct pn_err *e)
{
    struct pn_sink_memory *memory = &part->memory;
    if (!part->place.is_origin) {
        return foreign(sink, memory, number, e);
    }
    int64_t numbers = note->cuts.count > 0 ? note->next - note->at : 1;
    memory->base += numbers;
    memory->base_next = memory->base;
    pn_logger_warn(sink->config.logger, "sink",
                   "%s partition %" PRId32
                   ": the store has got objects of an earlier topic of this name; the names of new "
                   "ones continue at %" PRId64,
                   memory->topic, memory->partition, number + numbers);
    return 0;
}

static int refused_without_one(const struct pn_sink_part *part, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "the store refused an object of %s partition %" PRId32
                      " as if there was one, and has none",
                      part->memory.topic, part->memory.partition);
}

int pn_sink_chain_follow(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    int64_t number = part->memory.base + part->place.next;
    bool is_there = false;
    bool is_ours = false;
    struct pn_sink_note note;
    int rc = read_note(sink, &part->memory, number, &is_there, &is_ours, &note, e);
    if (rc == 0 && !is_there) {
        rc = refused_without_one(part, e);
    } else if (rc == 0 && !is_ours) {
        rc = pass(sink, part, number, &note, e);
    } else if (rc == 0 && note.cuts.count > 0 && note.at != part->place.next) {
        rc = foreign(sink, &part->memory, number, e);
    } else if (rc == 0) {
        stand_after(part, number, &note);
    }
    pn_sink_note_deinit(&note);
    return rc;
}

int pn_sink_chain_check(struct pn_sink *sink, const struct pn_sink_part *part, int64_t offset,
                        struct pn_err *e)
{
    int64_t number = part->memory.base + offset;
    bool is_there = false;
    bool is_ours = false;
    struct pn_sink_note note;
    int rc = read_note(sink, &part->memory, number, &is_there, &is_ours, &note, e);
    if (rc == 0 && !is_there) {
        rc = refused_without_one(part, e);
    } else if (rc == 0 && (!is_ours || note.at != offset)) {
        rc = foreign(sink, &part->memory, number, e);
    }
    pn_sink_note_deinit(&note);
    return rc;
}

/* --- the mark -------------------------------------------------------------------------------- */

int pn_sink_chain_mark(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    struct pn_sink_memory *memory = &part->memory;
    struct pn_sink_note note = {.id = memory->id,
                                .at = part->place.next,
                                .next = part->place.next,
                                .prints = memory->prints};
    int64_t number = part->place.mark_number;
    char text[PN_NOTE_SIZE];
    bool is_new = false;
    char *key = pn_sink_key(sink->config.topics_dir, memory, number);
    pn_sink_note_write(&note, text);
    const struct pn_put put = {.key = key, .bytes = "", .len = 0, .note = text};
    int rc = pn_store_put_new(sink->config.store, &put, 1, &is_new, e);
    if (rc == 0 && !is_new && pn_log_counts_topic_ids(sink->config.log)) {
        pn_sink_group_forget(part); /* what the other one has seen is looked at first */
        part->is_doubted = true;
    } else if (rc == 0 && !is_new) {
        memory->base = number - part->place.next;
        rc = pn_sink_chain_follow(sink, part, e);
    } else if (rc == 0) {
        stand_after(part, number, &note);
    }
    free(key);
    return rc;
}
