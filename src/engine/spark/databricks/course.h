/* How long a job's requests may take: until it is stopped or late, and then a little longer, to
 * cancel its run. For one thread. */
#ifndef PN_ENGINE_SPARK_DATABRICKS_COURSE_H
#define PN_ENGINE_SPARK_DATABRICKS_COURSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct pn_course {
    const struct pn_clock *clock;
    const atomic_bool *stop;
    int64_t deadline_ms; /* then the job is late; by the clock that only rises, as all here */
    /* the course's own */
    int64_t early_ms; /* since when the job is to end before its end, if is_early */
    int64_t over_ms;  /* when nothing more may be asked, if is_early */
    bool is_early;
    bool is_late;
    bool was_stopped;
    bool is_ending; /* set by the caller: what is asked from now on may take until over_ms */
};

/* Is the job to end before its end? Stays true. */
bool pn_course_is_early(struct pn_course *course);
/* When a request that begins now must have ended: `most_ms` from now at the latest, and `grace_ms`
 * after the job was to end early. */
int64_t pn_course_limit_ms(struct pn_course *course, int64_t begun_ms, int64_t most_ms,
                           int64_t grace_ms);
/* Waits; shorter where the course ends. */
void pn_course_wait(struct pn_course *course, int64_t ms);

#endif
