#include "schedule/schedule.h"

#include "schedule/civil.h"

enum { SECOND_MS = 1000 };

const char *const pn_overlap_names[PN_OVERLAPS] = {
    [PN_OVERLAP_QUEUE] = "queue", [PN_OVERLAP_SKIP] = "skip", [PN_OVERLAP_LATEST] = "latest"};

int64_t pn_schedule_next(const struct pn_schedule *schedule, int64_t after_ms)
{
    if (schedule->start_ms != INT64_MIN && after_ms < schedule->start_ms) {
        after_ms = schedule->start_ms - 1;
    }
    int64_t first_s = PN_CRON_NEVER;
    for (size_t i = 0; i < schedule->line_count; i++) {
        int64_t next_s = pn_cron_next(&schedule->lines[i], schedule->zone,
                                      pn_civil_floor_div(after_ms, SECOND_MS));
        first_s = next_s < first_s ? next_s : first_s;
    }
    if (first_s == PN_CRON_NEVER || first_s * SECOND_MS > schedule->end_ms) {
        return PN_CRON_NEVER;
    }
    return first_s * SECOND_MS;
}

int64_t pn_schedule_previous(const struct pn_schedule *schedule, int64_t before_ms)
{
    int64_t last_s = INT64_MIN;
    for (size_t i = 0; i < schedule->line_count; i++) {
        int64_t before_s = -pn_civil_floor_div(-before_ms, SECOND_MS);
        int64_t found_s = pn_cron_previous(&schedule->lines[i], schedule->zone, before_s);
        last_s = found_s > last_s ? found_s : last_s;
    }
    return last_s == INT64_MIN ? INT64_MIN : last_s * SECOND_MS;
}
