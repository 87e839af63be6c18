#include "log/embedded/age_clock.h"

void pn_age_clock_init(struct pn_age_clock *age, const struct pn_clock *clock,
                       struct pn_logger *logger, int64_t newest_ms)
{
    int64_t wall_ms = pn_wall_ms(clock);
    *age = (struct pn_age_clock){.clock = clock,
                                 .logger = logger,
                                 .believed_ms = newest_ms < wall_ms ? newest_ms : wall_ms,
                                 .looked_ms = pn_mono_ms(clock),
                                 .suspect_ms = -1};
}

/* The clock is found ahead; at the first look that is so after each stop. */
static void suspect(struct pn_age_clock *age, int64_t mono_ms, int64_t ahead_ms)
{
    age->suspect_ms = mono_ms;
    if (ahead_ms >= PN_AGE_TOLD_FROM_MS) {
        pn_logger_warn(age->logger, "log",
                       "the clock is %lld minutes ahead of the time that has passed since the "
                       "newest record or the last check: in case it is wrong, its jump is ignored "
                       "for %d hours when records are removed for their age",
                       (long long)ahead_ms / 60000, PN_AGE_HOLD_MS / 3600000);
    }
}

int64_t pn_age_clock_now_ms(struct pn_age_clock *age)
{
    int64_t wall_ms = pn_wall_ms(age->clock);
    int64_t mono_ms = pn_mono_ms(age->clock);
    int64_t expected_ms = age->believed_ms + (mono_ms - age->looked_ms);
    if (wall_ms <= expected_ms + PN_AGE_SLACK_MS) {
        age->suspect_ms = -1;
    } else if (age->suspect_ms < 0) {
        suspect(age, mono_ms, wall_ms - expected_ms);
    } else if (mono_ms - age->suspect_ms >= PN_AGE_HOLD_MS) {
        age->suspect_ms = -1;
    }
    age->believed_ms = age->suspect_ms < 0 ? wall_ms : expected_ms;
    age->looked_ms = mono_ms;
    return age->believed_ms;
}
