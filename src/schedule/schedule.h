/* When a DAG is due: cron lines in a time zone, within a range of time. */
#ifndef PN_SCHEDULE_SCHEDULE_H
#define PN_SCHEDULE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "schedule/cron.h"

enum { PN_SCHEDULE_LINES_MAX = 16 };

/* What happens to a time that is due while the DAG has as many runs as it may. */
enum pn_overlap {
    PN_OVERLAP_QUEUE, /* its run waits */
    PN_OVERLAP_SKIP,  /* it gets no run */
    PN_OVERLAP_LATEST /* its run waits, and takes the place of scheduled runs that wait */
};

struct pn_schedule {
    const char *const *texts; /* the lines as they are written */
    const struct pn_cron *lines;
    size_t line_count; /* 0: there is no schedule */
    const struct pn_zone *zone;
    int64_t start_ms;   /* no time before it; INT64_MIN: none */
    int64_t end_ms;     /* no time after it; INT64_MAX: none */
    int64_t catchup_ms; /* times that were missed by at most this get a run */
    enum pn_overlap overlap;
};
enum { PN_OVERLAPS = PN_OVERLAP_LATEST + 1 };
extern const char *const pn_overlap_names[PN_OVERLAPS];

/* The first time after `after_ms` at which any of the lines fires; PN_CRON_NEVER: none is left. */
int64_t pn_schedule_next(const struct pn_schedule *schedule, int64_t after_ms);
/* The last time before `before_ms`, whatever the schedule's start; INT64_MIN: none. */
int64_t pn_schedule_previous(const struct pn_schedule *schedule, int64_t before_ms);

#endif
