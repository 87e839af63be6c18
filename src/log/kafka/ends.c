/* Where partitions begin and end, by what their leaders say. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

/* So long a leader must say that a partition is shorter than it was: a new leader may be behind for
 * a moment. */
enum { FALL_MS = 10000 };
enum { ENDS_MS = 5000, EARLY_MS = 2000, EARLY_WAIT_MS = 50 };

/* Without those that have no leader: librdkafka would wait for one, for all of them. */
static rd_kafka_topic_partition_list_t *list_parts(struct pn_kafka_topic **topics, size_t count,
                                                   int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        for (int32_t p = 0; p < topics[i]->info.partitions; p++) {
            if (atomic_load(&topics[i]->parts[p]->is_led)) {
                rd_kafka_topic_partition_list_add(list, topics[i]->info.name, p)->offset = offset;
            }
        }
    }
    return list;
}

/* A broker that has just become a partition's leader, as of a new topic, may not know it yet. */
static bool is_too_early(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

/* Asks the leaders for the offsets that the list stands for; it has them then. */
static int ask_offsets(struct pn_kafka *kafka, rd_kafka_topic_partition_list_t **list,
                       struct pn_err *e)
{
    int64_t until_ms = pn_mono_ms(kafka->clock) + EARLY_MS;
    rd_kafka_topic_partition_list_t *asked = NULL;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool again = (*list)->cnt > 0;
    while (again) {
        if (asked != NULL) {
            rd_kafka_topic_partition_list_destroy(asked);
            pn_sleep_ms(EARLY_WAIT_MS);
        }
        asked = rd_kafka_topic_partition_list_copy(*list);
        err = rd_kafka_offsets_for_times(kafka->asker, asked, ENDS_MS);
        again = is_too_early(err) && pn_mono_ms(kafka->clock) < until_ms;
    }
    if (asked != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
        *list = asked;
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : pn_kafka_fail(kafka, err, e, "cannot ask the brokers where partitions end");
}

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
static bool note_silence(struct pn_kafka_part *part)
{
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
static bool note_part(struct pn_kafka_part *part, const rd_kafka_topic_partition_t *begin,
                      const rd_kafka_topic_partition_t *end, int64_t read_end, int64_t now_ms,
                      bool *grew)
{
    bool is_answer = end->err == RD_KAFKA_RESP_ERR_NO_ERROR && end->offset >= 0 &&
                     begin->err == RD_KAFKA_RESP_ERR_NO_ERROR && begin->offset >= 0;
    if (!is_answer) { /* its leader has just gone */
        *grew |= note_silence(part);
        return true;
    }
    bool was_falling = atomic_load(&part->fell_ms) != 0;
    bool is_back = atomic_load(&part->is_known) && begin->offset < atomic_load(&part->begin);
    *grew |= note_end(part, end->offset, read_end, now_ms);
    is_back |= !was_falling && atomic_load(&part->fell_ms) != 0;
    atomic_store(&part->begin, begin->offset);
    atomic_store(&part->is_known, true);
    return !is_back;
}

/* How far each of the list's partitions has been read, in their order. The caller frees it. */
static int64_t *read_ends(struct pn_kafka_topic **topics, size_t count,
                          const rd_kafka_topic_partition_list_t *list)
{
    int64_t *ends = pn_xcalloc((size_t)list->cnt + 1, sizeof *ends);
    int at = 0;
    for (size_t i = 0; i < count; i++) {
        for (; at < list->cnt && strcmp(list->elems[at].topic, topics[i]->info.name) == 0; at++) {
            ends[at] = atomic_load(&topics[i]->parts[list->elems[at].partition]->read_end);
        }
    }
    return ends;
}

/* The lists are in the order of list_parts(). */
static void note_all(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                     const rd_kafka_topic_partition_list_t *begins,
                     const rd_kafka_topic_partition_list_t *ends, const int64_t *reads,
                     int64_t now_ms, bool *grew)
{
    int at = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_same = true;
        for (int32_t p = 0; p < topics[i]->info.partitions; p++) {
            const rd_kafka_topic_partition_t *end = at < ends->cnt ? &ends->elems[at] : NULL;
            if (end != NULL && end->partition == p &&
                strcmp(end->topic, topics[i]->info.name) == 0) {
                is_same &= note_part(topics[i]->parts[p], &begins->elems[at], end, reads[at],
                                     now_ms, grew);
                at++;
            } else { /* it had no leader to be asked */
                *grew |= note_silence(topics[i]->parts[p]);
            }
        }
        if (!is_same) {
            pn_kafka_doubt(kafka, topics[i]);
            *grew = true;
        }
    }
    PN_ASSERT(at == ends->cnt);
}

static void note_no_answer(struct pn_kafka_topic **topics, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int32_t p = 0; p < topics[i]->info.partitions; p++) {
            (void)note_silence(topics[i]->parts[p]);
        }
    }
}

int pn_kafka_refresh_ends(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                          bool *grew, struct pn_err *e)
{
    rd_kafka_topic_partition_list_t *begins = list_parts(topics, count, RD_KAFKA_OFFSET_BEGINNING);
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(begins);
    for (int i = 0; i < ends->cnt; i++) {
        ends->elems[i].offset = RD_KAFKA_OFFSET_END;
    }
    int64_t *reads = read_ends(topics, count, begins);
    int64_t now_ms = pn_mono_ms(kafka->clock);
    int rc = ask_offsets(kafka, &ends, e);
    if (rc == 0) {
        rc = ask_offsets(kafka, &begins, e);
    }
    if (rc == 0) {
        note_all(kafka, topics, count, begins, ends, reads, now_ms, grew);
    } else {
        note_no_answer(topics, count);
    }
    rd_kafka_topic_partition_list_destroy(begins);
    rd_kafka_topic_partition_list_destroy(ends);
    free(reads);
    return rc;
}
