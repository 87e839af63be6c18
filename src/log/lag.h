/*
 * How far a reader of a partition or shard is from its end: the one definition, for commands,
 * /health, /api/v1 and metrics. What is still to be read is what exists; records that retention
 * removed before they were read are said by themselves, because no reader will catch up with them.
 * Both count offsets: in a log whose offsets have gaps they are upper limits of the numbers of
 * records.
 */
#ifndef PN_LOG_LAG_H
#define PN_LOG_LAG_H

#include <stdint.h>

struct pn_lag {
    int64_t from;    /* the offset that is read next */
    int64_t records; /* from there to the end */
    int64_t lost;    /* removed between the position and `from` */
};

/* `position` is the offset that follows the last one read; -1: nothing was read yet, so the reader
 * begins with the oldest record and has lost none. `begin` is the offset of the oldest record kept,
 * `end` the offset that the next record gets. */
static inline struct pn_lag pn_lag(int64_t position, int64_t begin, int64_t end)
{
    int64_t from = position > begin ? position : begin;
    int64_t removed = begin < end ? begin : end;
    return (struct pn_lag){.from = from,
                           .records = end > from ? end - from : 0,
                           .lost = position >= 0 && removed > position ? removed - position : 0};
}

#endif
