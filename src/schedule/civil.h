/* Days of the Gregorian calendar, counted from 1970-01-01. Inline, and without limits that matter
 * to schedules. */
#ifndef PN_SCHEDULE_CIVIL_H
#define PN_SCHEDULE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

enum { PN_DAY_S = 86400 };

static inline bool pn_civil_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int pn_civil_month_days(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && pn_civil_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01 to a day; months from 1. */
static inline int64_t pn_civil_days(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct pn_civil {
    int64_t year;
    int month; /* from 1 */
    int day;   /* from 1 */
};

static inline struct pn_civil pn_civil_of_days(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* months from March */
    struct pn_civil civil = {
        .year = year_of_era + era * 400,
        .month = (int)(shifted < 10 ? shifted + 3 : shifted - 9),
        .day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1),
    };
    civil.year += civil.month <= 2 ? 1 : 0;
    return civil;
}

/* 0: Sunday. */
static inline int pn_civil_weekday(int64_t days)
{
    return (int)(((days + 4) % 7 + 7) % 7);
}

/* Division that rounds down, for times before 1970. */
static inline int64_t pn_civil_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

#endif
