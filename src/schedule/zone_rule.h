/* The rule at the end of a time zone's file: POSIX's TZ string, as "EST5EDT,M3.2.0,M11.1.0", with
 * the extension of RFC 9636 that times may be from -167 to 167 hours. */
#ifndef PN_SCHEDULE_ZONE_RULE_H
#define PN_SCHEDULE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* A day of the year and a time of that day. */
struct pn_zone_when {
    char form;      /* 'M': month, week, weekday; 'J': day 1 to 365 without 29 February; '0': day
                     0 to 365 */
    int month;      /* 1 to 12 */
    int week;       /* 1 to 5; 5: the last */
    int day;        /* weekday 0 to 6, or the day */
    int32_t time_s; /* local */
};
struct pn_zone_rule {
    int32_t standard_s; /* seconds east of UTC */
    int32_t dst_s;
    bool has_dst;
    struct pn_zone_when start;
    struct pn_zone_when end;
};

/* False when it is not such a text. */
bool pn_zone_rule_parse(const char *text, struct pn_zone_rule *rule);
/* When it is in a year: local seconds since 1970-01-01 00:00. */
int64_t pn_zone_rule_time(const struct pn_zone_when *when, int64_t year);

#endif
