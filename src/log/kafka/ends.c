/* Where partitions begin and end, by what their leaders say. */
#include <stdlib.h>

#include "base/mem.h"
#include "log/kafka/leaders.h"
#include "log/kafka/private.h"

/* So long a leader must say that a partition is shorter than it was: a new leader may be behind for
 * a moment. */
enum { FALL_MS = 10000 };
/* An end that goes back is believed when it stays so: the topic was made again. `read_end`: what
 * had been read when the leader was asked. Returns whether readers have something to look at. */
static bool note_end(struct pn_kafka_part *part, int64_t end, int64_t read_end, int64_t now_ms)
{
    int64_t before = atomic_load(&part->end);
    before = before > read_end ? before : read_end;
    if (atomic_load(&part->is_known) && end < before) {
        int64_t fell_ms = atomic_load(&part->fell_ms);
        if (fell_ms == 0) {
            atomic_store(&part->fell_ms, now_ms);
        }
        if (fell_ms == 0 || now_ms - fell_ms < FALL_MS) {
            return false;
        }
        atomic_store(&part->delivered, 0);
        atomic_store(&part->read_end, 0);
    }
    bool was_falling = atomic_exchange(&part->fell_ms, 0) != 0;
    atomic_store(&part->end, end);
    return end > before || was_falling;
}

/* Nobody said where it ends: a fall is not known to last. Returns as note_end(). */
static bool note_silence(struct pn_kafka_part *part, int64_t now_ms)
{
    int64_t answered = 0;
    (void)atomic_compare_exchange_strong(&part->silent_ms, &answered, now_ms);
    return atomic_exchange(&part->fell_ms, 0) != 0;
}

void pn_kafka_doubt(struct pn_kafka *kafka, const struct pn_kafka_topic *topic)
{
    for (int32_t i = 0; i < topic->info.partitions; i++) {
        atomic_fetch_add(&topic->parts[i]->doubts, 1);
    }
    pn_kafka_readers_forget(kafka, topic->info.name);
}

/* False when it begins or ends before what was known: that may be another topic's. */
static bool note_part(const struct pn_kafka_asked *asked, int64_t now_ms, bool *grew)
{
    struct pn_kafka_part *part = asked->part;
    if (!asked->is_answered) {
        *grew |= note_silence(part, now_ms);
        return true;
    }
    bool was_falling = atomic_load(&part->fell_ms) != 0;
    bool is_back = atomic_load(&part->is_known) && asked->begin < atomic_load(&part->begin);
    *grew |= note_end(part, asked->end, asked->read_end, now_ms);
    is_back |= !was_falling && atomic_load(&part->fell_ms) != 0;
    atomic_store(&part->begin, asked->begin);
    atomic_store(&part->is_known, true);
    *grew |= atomic_exchange(&part->silent_ms, 0) != 0;
    return !is_back;
}

/* Adds a partition to those that leaders are asked for; one without a leader is silent. */
static void add_part(struct pn_kafka *kafka, struct pn_kafka_topic *topic, int32_t number,
                     struct pn_kafka_asked *all, size_t *count, bool *grew)
{
    struct pn_kafka_part *part = topic->parts[number];
    if (atomic_load(&part->is_led)) {
        all[(*count)++] =
            (struct pn_kafka_asked){.topic = topic,
                                    .number = number,
                                    .part = part,
                                    .leader = pn_kafka_catalog_leader(&kafka->catalog, part),
                                    .read_end = atomic_load(&part->read_end)};
    } else {
        *grew |= note_silence(part, pn_mono_ms(kafka->clock));
    }
}

/* Asks, and notes what is said. `all` has the partitions of a topic one after the other. */
static int ask(struct pn_kafka *kafka, struct pn_kafka_asked *all, size_t count, bool *grew,
               struct pn_err *e)
{
    int64_t now_ms = pn_mono_ms(kafka->clock);
    int rc = pn_kafka_ask_leaders(kafka, all, count, e);
    bool is_same = true;
    for (size_t i = 0; i < count; i++) {
        is_same &= note_part(&all[i], now_ms, grew);
        bool is_last = i + 1 == count || all[i + 1].topic != all[i].topic;
        if (is_last && !is_same) {
            pn_kafka_doubt(kafka, all[i].topic);
            *grew = true;
        }
        is_same |= is_last;
    }
    return rc;
}

int pn_kafka_refresh_ends(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                          bool *grew, struct pn_err *e)
{
    size_t part_count = 0;
    size_t asked_count = 0;
    for (size_t i = 0; i < count; i++) {
        part_count += (size_t)topics[i]->info.partitions;
    }
    struct pn_kafka_asked *all = pn_xcalloc(part_count + 1, sizeof *all);
    for (size_t i = 0; i < count; i++) {
        for (int32_t p = 0; p < topics[i]->info.partitions; p++) {
            add_part(kafka, topics[i], p, all, &asked_count, grew);
        }
    }
    int rc = ask(kafka, all, asked_count, grew, e);
    free(all);
    return rc;
}

int pn_kafka_refresh_end(struct pn_kafka *kafka, struct pn_kafka_topic *topic, int32_t number,
                         struct pn_err *e)
{
    struct pn_kafka_asked asked;
    size_t count = 0;
    bool grew = false;
    add_part(kafka, topic, number, &asked, &count, &grew);
    return ask(kafka, &asked, count, &grew, e);
}
