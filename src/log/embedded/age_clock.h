/*
 * The time that ages are counted by when records are to be removed. The wall clock may be set
 * wrong, years ahead, and what was removed by it does not come back when it is set right. So a wall
 * clock that is ahead of what has passed (by the monotonic clock since the last look, or since the
 * newest record at the first) is not followed at once: until it has been ahead for PN_AGE_HOLD_MS,
 * time continues as if it had not jumped. A clock that goes back is followed: it removes nothing.
 *
 * After a long stop, or a machine's sleep, removals are late by that much, and never early.
 */
#ifndef PN_LOG_AGE_CLOCK_H
#define PN_LOG_AGE_CLOCK_H

#include <stdint.h>

#include "base/clock.h"
#include "base/logger.h"

enum {
    PN_AGE_SLACK_MS = 60 * 1000,          /* of a clock that is adjusted, not set */
    PN_AGE_HOLD_MS = 6 * 60 * 60 * 1000,  /* how long a clock that jumped is not followed */
    PN_AGE_TOLD_FROM_MS = 60 * 60 * 1000, /* smaller jumps are not worth a line */
};

struct pn_age_clock {
    const struct pn_clock *clock;
    struct pn_logger *logger; /* NULL ok */
    int64_t believed_ms;
    int64_t looked_ms;  /* monotonic, when believed_ms was */
    int64_t suspect_ms; /* monotonic, since when the wall clock is ahead; -1: it is not */
};

/* `newest_ms` is the wall time of the newest thing on the disk, or a later time when there is none.
 */
void pn_age_clock_init(struct pn_age_clock *age, const struct pn_clock *clock,
                       struct pn_logger *logger, int64_t newest_ms);
/* The time to count ages by. One thread at a time. */
int64_t pn_age_clock_now_ms(struct pn_age_clock *age);

#endif
