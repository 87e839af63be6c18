/*
 * A file that others write, and that is to be synced when it is whole: the disk is asked to begin
 * meanwhile, so that the sync waits for the last of it only. A hint: nothing here fails, and
 * nothing is promised.
 */
#ifndef PN_BASE_WRITEBACK_H
#define PN_BASE_WRITEBACK_H

#include "base/clock.h"
#include "base/io.h"

/* One thread's. Zero `next_ns` to begin with; the others are borrowed. */
struct pn_writeback {
    const struct pn_io *io;
    const struct pn_clock *clock;
    const char *path;
    int64_t next_ns; /* by the monotonic clock */
};

/* To be called often: asks the disk a few times a second. A file that is missing is fine. */
void pn_writeback_go_on(struct pn_writeback *writeback);

#endif
