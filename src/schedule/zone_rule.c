#include "schedule/zone_rule.h"

#include <ctype.h>
#include <string.h>

#include "schedule/civil.h"

enum { HOURS_MAX = 167, HOUR_S = 3600, DEFAULT_TIME_S = 2 * HOUR_S };

/* "EST" or "<+03>". */
static bool skip_name(const char **at)
{
    const char *start = *at;
    if (**at == '<') {
        *at += strcspn(*at, ">");
        if (**at != '>') {
            return false;
        }
        (*at)++;
        return true;
    }
    while (isalpha((unsigned char)**at)) {
        (*at)++;
    }
    return *at - start >= 3;
}

static bool number(const char **at, int max, int *value)
{
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    *value = 0;
    for (; isdigit((unsigned char)**at) && *value <= max; (*at)++) {
        *value = *value * 10 + (**at - '0');
    }
    return *value <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **at, int32_t *time_s)
{
    int sign = **at == '-' ? -1 : 1;
    if (**at == '-' || **at == '+') {
        (*at)++;
    }
    int part = 0;
    if (!number(at, HOURS_MAX, &part)) {
        return false;
    }
    *time_s = part * HOUR_S;
    for (int unit = 60; unit >= 1 && **at == ':'; unit /= 60) {
        (*at)++;
        if (!number(at, 59, &part)) {
            return false;
        }
        *time_s += part * unit;
    }
    *time_s *= sign;
    return true;
}

static bool take_month(const char **at, struct pn_zone_when *when)
{
    (*at)++;
    if (!number(at, 12, &when->month) || when->month == 0 || **at != '.') {
        return false;
    }
    (*at)++;
    if (!number(at, 5, &when->week) || when->week == 0 || **at != '.') {
        return false;
    }
    (*at)++;
    return number(at, 6, &when->day);
}

/* ",M3.2.0/2", ",J60/2" or ",59/2". */
static bool take_when(const char **at, struct pn_zone_when *when)
{
    *when = (struct pn_zone_when){.time_s = DEFAULT_TIME_S};
    if (**at != ',') {
        return false;
    }
    (*at)++;
    when->form = **at == 'M' || **at == 'J' ? **at : '0';
    bool ok = false;
    if (when->form == 'M') {
        ok = take_month(at, when);
    } else {
        *at += when->form == 'J' ? 1 : 0;
        ok = number(at, 365, &when->day) && (when->form == '0' || when->day > 0);
    }
    if (ok && **at == '/') {
        (*at)++;
        ok = take_time(at, &when->time_s);
    }
    return ok;
}

bool pn_zone_rule_parse(const char *text, struct pn_zone_rule *rule)
{
    const char *at = text;
    *rule = (struct pn_zone_rule){.has_dst = false};
    /* POSIX counts offsets west of Greenwich. */
    if (!skip_name(&at) || !take_time(&at, &rule->standard_s)) {
        return false;
    }
    rule->standard_s = -rule->standard_s;
    if (*at == '\0') {
        return true;
    }
    if (!skip_name(&at)) {
        return false;
    }
    rule->has_dst = true;
    rule->dst_s = rule->standard_s + HOUR_S;
    if (*at != ',' && *at != '\0') {
        if (!take_time(&at, &rule->dst_s)) {
            return false;
        }
        rule->dst_s = -rule->dst_s;
    }
    return take_when(&at, &rule->start) && take_when(&at, &rule->end) && *at == '\0';
}

int64_t pn_zone_rule_time(const struct pn_zone_when *when, int64_t year)
{
    int64_t day = 0;
    if (when->form == 'M') {
        day = pn_civil_days(year, when->month, 1);
        day += (when->day - pn_civil_weekday(day) + 7) % 7 + 7 * (when->week - 1);
        int64_t end = pn_civil_days(year, when->month, 1) + pn_civil_month_days(year, when->month);
        day -= day >= end ? 7 : 0;
    } else {
        day = pn_civil_days(year, 1, 1) + when->day;
        if (when->form == 'J') {
            day -= pn_civil_leap(year) && when->day >= 60 ? 0 : 1;
        }
    }
    return day * PN_DAY_S + when->time_s;
}
