/* When a cron line fires. */
#include "schedule/cron.h"

#include "schedule/civil.h"

enum { MINUTE_S = 60, HOUR_S = 3600, MINUTES = 60, HOURS = 24 };

static bool has(uint64_t bits, int value)
{
    return (bits >> value & 1) != 0;
}

static bool day_matches(const struct pn_cron *cron, const struct pn_civil *civil, int64_t day)
{
    bool by_day = has(cron->days, civil->day);
    bool by_weekday = has(cron->weekdays, pn_civil_weekday(day));
    return cron->both_days ? by_day && by_weekday : by_day || by_weekday;
}

/* The first day from `day` on that matches; INT64_MAX when none does within the years. */
static int64_t next_day(const struct pn_cron *cron, int64_t day)
{
    int64_t year_last = pn_civil_of_days(day).year + PN_CRON_YEARS_MAX;
    for (;;) {
        struct pn_civil civil = pn_civil_of_days(day);
        if (civil.year > year_last) {
            return INT64_MAX;
        }
        int month_days = pn_civil_month_days(civil.year, civil.month);
        if (has(cron->months, civil.month)) {
            for (; civil.day <= month_days; civil.day++, day++) {
                if (day_matches(cron, &civil, day)) {
                    return day;
                }
            }
        } else {
            day += month_days - civil.day + 1;
        }
    }
}

/* The first local minute from `local_s` (a whole minute) on that matches, as if every day had 24
 * hours. */
static int64_t next_local(const struct pn_cron *cron, int64_t local_s)
{
    int64_t day = pn_civil_floor_div(local_s, PN_DAY_S);
    int64_t from_s = local_s - day * PN_DAY_S;
    for (;;) {
        int64_t matching = next_day(cron, day);
        if (matching == INT64_MAX) {
            return PN_CRON_NEVER;
        }
        from_s = matching == day ? from_s : 0;
        int minute = (int)(from_s % HOUR_S / MINUTE_S);
        for (int hour = (int)(from_s / HOUR_S); hour < HOURS; hour++, minute = 0) {
            for (; has(cron->hours, hour) && minute < MINUTES; minute++) {
                if (has(cron->minutes, minute)) {
                    return matching * PN_DAY_S + hour * HOUR_S + minute * MINUTE_S;
                }
            }
        }
        day = matching + 1;
        from_s = 0;
    }
}

static int64_t next_minute(int64_t time_s)
{
    return (pn_civil_floor_div(time_s, MINUTE_S) + 1) * MINUTE_S;
}

/* Follows the clock on the wall: as far as the next change of the offset, local time runs evenly;
 * from there it is looked at again. */
static int64_t next_by_wall_time(const struct pn_cron *cron, const struct pn_zone *zone,
                                 int64_t after_s)
{
    int64_t at_s = next_minute(after_s);
    for (;;) {
        int32_t offset_s = pn_zone_offset(zone, at_s);
        int64_t change_s = pn_zone_next_change(zone, at_s);
        /* An offset may have seconds: local minutes are what counts. */
        int64_t local_s = next_minute(at_s + offset_s - 1);
        int64_t found_s = next_local(cron, local_s);
        if (found_s == PN_CRON_NEVER) {
            return PN_CRON_NEVER;
        }
        found_s -= offset_s;
        if (found_s < change_s) {
            return found_s;
        }
        at_s = change_s;
    }
}

/* Fires once for each local time, whatever the clocks do. */
static int64_t next_once(const struct pn_cron *cron, const struct pn_zone *zone, int64_t after_s)
{
    int64_t local_s = after_s + pn_zone_offset(zone, after_s);
    for (;;) {
        local_s = next_local(cron, next_minute(local_s));
        if (local_s == PN_CRON_NEVER) {
            return PN_CRON_NEVER;
        }
        int64_t at_s = pn_zone_instant(zone, local_s);
        /* In the second pass of an hour its times are over; those left out are one moment. */
        if (at_s > after_s) {
            return at_s;
        }
    }
}

int64_t pn_cron_next(const struct pn_cron *cron, const struct pn_zone *zone, int64_t after_s)
{
    return cron->by_wall_time ? next_by_wall_time(cron, zone, after_s)
                              : next_once(cron, zone, after_s);
}

/* Looks forward from further and further back. */
int64_t pn_cron_previous(const struct pn_cron *cron, const struct pn_zone *zone, int64_t before_s)
{
    static const int64_t years_s = INT64_C(366) * PN_DAY_S * PN_CRON_YEARS_MAX;
    for (int64_t back_s = HOUR_S; back_s < years_s; back_s *= 8) {
        int64_t found_s = INT64_MIN;
        int64_t at_s = pn_cron_next(cron, zone, before_s - back_s);
        while (at_s < before_s) {
            found_s = at_s;
            at_s = pn_cron_next(cron, zone, at_s);
        }
        if (found_s != INT64_MIN) {
            return found_s;
        }
    }
    return INT64_MIN;
}
