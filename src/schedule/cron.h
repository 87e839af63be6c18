/*
 * Cron lines: five fields, as cron(8) and crontab(5) of Debian have them.
 *
 *   minute 0-59   hour 0-23   day of month 1-31   month 1-12   day of week 0-7 (0 and 7: Sunday)
 *
 * A field is a list of `*`, `*` with a step, a number, a range or a range with a step; months and
 * days of the week may be their English names' first three letters. `a/n` is from a to the end.
 * @hourly, @daily (@midnight), @weekly, @monthly, @yearly (@annually) stand for whole lines.
 *
 * Where both the day of month and the day of week are given, a day matches when either does; where
 * one of the two begins with a star, both have to match.
 *
 * Daylight saving: a line whose minute or hour begins with a star follows the clock on the wall
 * minute by minute, so it fires in both passes of an hour that is repeated, and not in one that is
 * left out. Any other line fires once: in the first pass, and at the moment at which the clocks go
 * forward for a time that they leave out. Two times that fall on the same moment are one.
 *
 * Sources: crontab(5) and cron(8) of Debian's cron 3.0pl1; the tests compare with PyPI's cronsim.
 */
#ifndef PN_SCHEDULE_CRON_H
#define PN_SCHEDULE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "schedule/zone.h"

enum { PN_CRON_BYTES_MAX = 256, PN_CRON_YEARS_MAX = 50 };
#define PN_CRON_NEVER INT64_MAX

struct pn_cron {
    uint64_t minutes; /* a bit each */
    uint32_t hours;
    uint32_t days;
    uint16_t months;
    uint8_t weekdays;
    bool both_days;    /* day of month and day of week both have to match */
    bool by_wall_time; /* minute or hour begins with a star */
};

/* INPUT, with a message that quotes the field and says what it takes; a line that never fires, such
 * as 30 February, is refused, too. */
int pn_cron_parse(const char *line, struct pn_cron *cron, struct pn_err *e) PN_MUST_CHECK;

/* The first time after `after_s` at which the line fires, in Unix seconds; PN_CRON_NEVER when there
 * is none within PN_CRON_YEARS_MAX years. Moves by field, so it is cheap for rare times too. */
int64_t pn_cron_next(const struct pn_cron *cron, const struct pn_zone *zone, int64_t after_s);
/* The last time before `before_s`; INT64_MIN when there is none within PN_CRON_YEARS_MAX years. */
int64_t pn_cron_previous(const struct pn_cron *cron, const struct pn_zone *zone, int64_t before_s);

#endif
