#include "engine/spark/databricks/course.h"

#include <poll.h>

enum {
    STOPPED_MS = 3800, /* the scheduler waits 5 s for a task that it stops */
    LATE_MS = 30000,
    LOOK_MS = 50
};

static int64_t less(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool pn_course_is_early(struct pn_course *course)
{
    int64_t now_ms = pn_mono_ms(course->clock);
    if (!course->was_stopped && atomic_load(course->stop)) {
        int64_t over_ms = now_ms + STOPPED_MS;
        course->was_stopped = true;
        course->over_ms = course->is_early ? less(course->over_ms, over_ms) : over_ms;
        course->early_ms = course->is_early ? course->early_ms : now_ms;
        course->is_early = true;
    }
    if (!course->is_early && now_ms >= course->deadline_ms) {
        course->is_late = true;
        course->is_early = true;
        course->early_ms = now_ms;
        course->over_ms = now_ms + LATE_MS;
    }
    return course->is_early;
}

int64_t pn_course_limit_ms(struct pn_course *course, int64_t begun_ms, int64_t most_ms,
                           int64_t grace_ms)
{
    int64_t limit_ms = begun_ms + most_ms;
    if (pn_course_is_early(course)) {
        limit_ms =
            less(limit_ms, course->is_ending ? course->over_ms : course->early_ms + grace_ms);
    }
    return limit_ms;
}

void pn_course_wait(struct pn_course *course, int64_t ms)
{
    int64_t begun_ms = pn_mono_ms(course->clock);
    for (;;) {
        int64_t left_ms = pn_course_limit_ms(course, begun_ms, ms, 0) - pn_mono_ms(course->clock);
        if (left_ms <= 0) {
            return;
        }
        (void)poll(NULL, 0, (int)less(left_ms, LOOK_MS));
    }
}
