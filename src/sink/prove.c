/*
 * Are the log's records those that have landed? A topic's id says so where the log gives ids. Where
 * each process counts them itself, a topic that another program deleted and made again while no
 * sink looked has the id of the former one, so the prints decide (prints.h): when a sink
 * starts, when it gets a partition, and when the log has doubts (struct pn_log_offsets). What a
 * flush lands of others' partitions is theirs to prove, but for the first time.
 */
#include <inttypes.h>

#include "base/arena.h"
#include "sink/private.h"

/* So long the log must end before what has landed: a broker that has just become a partition's
 * leader may be behind. */
enum { SHORT_MS = 10 * 1000 };

/* Everything before it belongs to an object, which may be missing yet. */
static int64_t known_end(const struct pn_sink_part *part)
{
    const struct pn_sink_cuts *cuts = &part->memory.cuts;
    if (part->place.is_known) {
        return part->place.next;
    }
    return cuts->count > 0 ? cuts->cuts[cuts->count - 1].end : part->memory.landed;
}

/* Does the log end before `offset`? What the part knows of its end may be old. */
static int ends_before(struct pn_sink *sink, const struct pn_sink_part *part, int64_t offset,
                       bool *is_short, struct pn_err *e)
{
    const struct pn_sink_memory *memory = &part->memory;
    struct pn_log_records records = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_log_look(sink->config.log, memory->topic, memory->partition, offset, &arena,
                         &records, is_short, e);
    pn_arena_deinit(&arena);
    return rc;
}

static int judge(struct pn_sink *sink, struct pn_sink_part *part, struct pn_sink_verdict *verdict,
                 struct pn_err *e)
{
    const struct pn_sink_memory *memory = &part->memory;
    struct pn_log *log = sink->config.log;
    struct pn_log_offsets offsets;
    bool is_short = false;
    int rc =
        pn_sink_prints_judge(&memory->prints, log, memory->topic, memory->partition, verdict, e);
    if (rc == 0 && !verdict->is_other && part->end < known_end(part)) {
        rc = ends_before(sink, part, known_end(part), &is_short, e);
        verdict->is_other = is_short;
        verdict->is_short = is_short;
    }
    if (rc == 0) {
        rc = pn_log_offsets(log, memory->topic, memory->partition, &offsets, e);
    }
    if (rc == 0 && offsets.unsure) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s",
                          offsets.passing != NULL ? offsets.passing
                                                  : "the log is unsure of this partition");
    }
    if (rc == 0) {
        part->begin = offsets.begin;
        part->end = offsets.end;
    }
    return rc;
}

/* An end that is too early counts when it stays so. */
static int wait_for_end(struct pn_sink *sink, struct pn_sink_part *part, bool is_short,
                        struct pn_err *e)
{
    int64_t now_ms = pn_mono_ms(sink->config.clock);
    if (!is_short) {
        part->is_short = false;
        return 0;
    }
    if (!part->is_short) {
        part->is_short = true;
        part->short_since_ms = now_ms;
    }
    return now_ms - part->short_since_ms >= SHORT_MS
               ? 0
               : pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                            "the log ends at offset %" PRId64
                            ", and the records before offset %" PRId64
                            " have landed: the topic counts as created again when that is still "
                            "so after 10 seconds",
                            part->end, known_end(part));
}

/* All records from `next` on land, under names after those that are used. Where no print was found,
 * `next` is the log's begin: the records that are left may be those that have landed, or another
 * topic's, which would be lost. */
static void land_from(struct pn_sink *sink, struct pn_sink_part *part, int64_t next)
{
    struct pn_sink_memory *memory = &part->memory;
    bool has_place = part->place.is_known;
    int64_t names = (has_place ? memory->base : memory->base_next) + known_end(part);
    pn_logger_error(
        sink->config.logger, "sink",
        "%s partition %" PRId32
        ": the log does not have the records that have landed: the topic was deleted and created "
        "again, or its brokers have lost records. All its records from offset %" PRId64
        " on land, also those that have landed before; the names of their objects continue at "
        "%" PRId64,
        memory->topic, memory->partition, next, has_place ? names + 1 : names);
    pn_sink_cuts_clear(&memory->cuts); /* what is missing of them cannot be had any more */
    pn_sink_prints_cut(&memory->prints, next);
    if (has_place) { /* a mark, under the first of the names, says so to other sinks */
        part->place = (struct pn_sink_place){
            .is_known = true, .next = next, .has_stepped_back = true, .mark_number = names};
    } else {
        memory->base_next = names - next;
        memory->base = memory->base_next;
    }
    memory->landed = next;
    part->enough_end = 0;
    part->lost_until = 0;
    if (part->end > next && part->waiting_since_ms < 0) {
        part->waiting_since_ms = pn_mono_ms(sink->config.clock);
    }
}

int pn_sink_prove(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e)
{
    struct pn_sink_verdict verdict;
    if (!part->is_doubted) {
        return 0;
    }
    int rc = judge(sink, part, &verdict, e);
    if (rc == 0) {
        rc = wait_for_end(sink, part, verdict.is_short, e);
    } else {
        part->is_short = false; /* it may have been longer meanwhile */
    }
    if (rc == 0 && verdict.is_other) {
        part->is_short = false;
        land_from(sink, part, verdict.next);
        rc = pn_sink_remember(sink, e);
        pn_sink_publish(sink, part);
    }
    part->is_doubted = rc != 0;
    return rc;
}
