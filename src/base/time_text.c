#include "base/time_text.h"

#include <string.h>

enum {
    YEAR_MIN = 1,
    HOUR_MAX = 24, /* as 24:00 */
    FRACTION_DIGITS = 6,
};

static const int64_t SECOND_US = 1000000;
static const int64_t DAY_US = INT64_C(86400) * 1000000;
/* 0001-01-01 and 10000-01-01. */
static const int64_t FIRST_DAY = -719162;
static const int64_t END_DAY = 2932897;

struct scan {
    const char *at;
    const char *end;
    bool basic; /* ISO 8601's form without separators */
    bool full;  /* all forms of ISO 8601 are taken */
};

/* What was written, before the offset is taken off. */
struct written {
    int64_t day;
    int64_t clock_us; /* since its midnight */
    int64_t offset_us;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_next(const struct scan *scan, char wanted)
{
    return scan->at < scan->end && *scan->at == wanted;
}

static bool take(struct scan *scan, char wanted)
{
    bool taken = is_next(scan, wanted);
    scan->at += taken;
    return taken;
}

/* Exactly `count` digits. */
static bool take_digits(struct scan *scan, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, scan->at++) {
        if (scan->at == scan->end || !is_digit(*scan->at)) {
            return false;
        }
        *value = *value * 10 + (*scan->at - '0');
    }
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Days from 1970-01-01 in the Gregorian calendar; a year counted from March ends with the leap
 * day. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t years = month > 2 ? year : year - 1;
    int64_t months = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = years / 4 - years / 100 + years / 400;
    return years * 365 + leap_days + (months * 153 + 2) / 5 + day - 1 - 719468;
}

/* The Monday of a year's first ISO week, the one with January 4; 1970-01-05 was a Monday. */
static int64_t first_monday(int year)
{
    int64_t fourth = days_since_1970(year, 1, 4);
    int64_t since_monday = (fourth - 4) % 7;
    return fourth - (since_monday < 0 ? since_monday + 7 : since_monday);
}

static bool take_week_day(struct scan *scan, int year, int64_t *days)
{
    int week = 0;
    int day = 0;
    if (!take_digits(scan, 2, &week) || (!scan->basic && !take(scan, '-')) ||
        !take_digits(scan, 1, &day)) {
        return false;
    }
    int64_t monday = first_monday(year) + (week - 1) * INT64_C(7);
    *days = monday + day - 1;
    return week >= 1 && day >= 1 && day <= 7 && monday < first_monday(year + 1) &&
           *days >= FIRST_DAY && *days < END_DAY;
}

static size_t count_digits(const struct scan *scan)
{
    size_t count = 0;
    while (scan->at + count < scan->end && is_digit(scan->at[count])) {
        count++;
    }
    return count;
}

static bool take_year_day(struct scan *scan, int year, int64_t *days)
{
    int day = 0;
    if (!take_digits(scan, 3, &day)) {
        return false;
    }
    *days = days_since_1970(year, 1, 1) + day - 1;
    return day >= 1 && *days < days_since_1970(year + 1, 1, 1);
}

static bool take_month_day(struct scan *scan, int year, int64_t *days)
{
    int month = 0;
    int day = 0;
    if (!take_digits(scan, 2, &month) || (!scan->basic && !take(scan, '-')) ||
        !take_digits(scan, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) {
        return false;
    }
    *days = days_since_1970(year, month, day);
    return true;
}

static bool take_day(struct scan *scan, int64_t *days)
{
    int year = 0;
    if (!take_digits(scan, 4, &year) || year < YEAR_MIN) {
        return false;
    }
    scan->basic = !take(scan, '-');
    if (scan->full && (take(scan, 'W') || take(scan, 'w'))) {
        return take_week_day(scan, year, days);
    }
    if (scan->full && count_digits(scan) == 3) {
        return take_year_day(scan, year, days);
    }
    return take_month_day(scan, year, days);
}

static bool take_fraction(struct scan *scan, int64_t *micros)
{
    int digits = 0;
    if (!take(scan, '.') && !take(scan, ',')) {
        return true;
    }
    for (; scan->at < scan->end && is_digit(*scan->at); scan->at++, digits++) {
        if (digits < FRACTION_DIGITS) {
            *micros = *micros * 10 + (*scan->at - '0');
        }
    }
    for (int i = digits; i < FRACTION_DIGITS; i++) {
        *micros *= 10;
    }
    return digits > 0;
}

/* A fraction of an hour or a minute, which has that many microseconds. */
static bool take_fraction_of(struct scan *scan, int64_t unit_us, int64_t *micros)
{
    enum { DIGITS_MAX = 18 };
    __extension__ unsigned __int128 part = (uint64_t)unit_us;
    uint64_t digits = 0;
    uint64_t scale = 1;
    int count = 0;
    scan->at++; /* the point */
    for (; scan->at < scan->end && is_digit(*scan->at); scan->at++, count++) {
        if (count < DIGITS_MAX) {
            digits = digits * 10 + (uint64_t)(*scan->at - '0');
            scale *= 10;
        }
    }
    *micros = (int64_t)(part * digits / scale);
    return count > 0;
}

/* The hour is 24 only where nothing follows it, and the second 60 only at a minute's end. */
static bool take_full_clock(struct scan *scan, int64_t *clock_us)
{
    int hour = 0;
    int minute = 0;
    int second = 0;
    int64_t micros = 0;
    bool ok = take_digits(scan, 2, &hour);
    bool has_minute =
        ok && (scan->basic ? scan->at < scan->end && is_digit(*scan->at) : take(scan, ':'));
    if (has_minute) {
        ok = take_digits(scan, 2, &minute);
    }
    bool has_second = has_minute && ok &&
                      (scan->basic ? scan->at < scan->end && is_digit(*scan->at) : take(scan, ':'));
    if (has_second) {
        ok = take_digits(scan, 2, &second) && take_fraction(scan, &micros);
    } else if (ok && (is_next(scan, '.') || is_next(scan, ','))) {
        ok = take_fraction_of(scan, (has_minute ? 60 : 3600) * SECOND_US, &micros);
    }
    *clock_us = ((hour * 60 + minute) * INT64_C(60) + second) * SECOND_US + micros;
    bool is_end = *clock_us == DAY_US && minute == 0 && second == 0 && micros == 0;
    return ok && (hour < HOUR_MAX || is_end) && minute < 60 &&
           (second < 60 || (second == 60 && minute == 59));
}

static bool take_clock(struct scan *scan, int64_t *clock_us)
{
    int hour = 0;
    int minute = 0;
    int second = 0;
    int64_t micros = 0;
    if (!take_digits(scan, 2, &hour) || (!scan->basic && !take(scan, ':')) ||
        !take_digits(scan, 2, &minute)) {
        return false;
    }
    bool has_second = scan->basic ? scan->at < scan->end && is_digit(*scan->at) : take(scan, ':');
    if (has_second && (!take_digits(scan, 2, &second) || !take_fraction(scan, &micros))) {
        return false;
    }
    *clock_us = ((hour * 60 + minute) * INT64_C(60) + second) * SECOND_US + micros;
    return hour <= HOUR_MAX && minute < 60 && second < 60 && *clock_us <= DAY_US;
}

/* "[Europe/Paris]": nothing that changes the instant. */
static bool take_names(struct scan *scan)
{
    while (take(scan, '[')) {
        const char *close = memchr(scan->at, ']', (size_t)(scan->end - scan->at));
        if (close == NULL || close == scan->at ||
            memchr(scan->at, '[', (size_t)(close - scan->at))) {
            return false;
        }
        scan->at = close + 1;
    }
    return true;
}

static bool take_zone(struct scan *scan, int64_t *offset_us)
{
    int hours = 0;
    int minutes = 0;
    if (take(scan, 'Z') || take(scan, 'z')) {
        return take_names(scan);
    }
    bool west = is_next(scan, '-');
    if (!take(scan, '-') && !take(scan, '+')) {
        return scan->at == scan->end;
    }
    if (!take_digits(scan, 2, &hours)) {
        return false;
    }
    bool has_minutes = take(scan, ':') || (scan->at < scan->end && is_digit(*scan->at));
    if ((has_minutes && !take_digits(scan, 2, &minutes)) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_us = (hours * 60 + minutes) * INT64_C(60) * SECOND_US * (west ? -1 : 1);
    return take_names(scan);
}

static bool read_written(const char *text, size_t len, bool full, struct written *written)
{
    struct scan scan = {.at = text, .end = text + len, .full = full};
    *written = (struct written){0};
    if (!take_day(&scan, &written->day)) {
        return false;
    }
    if (scan.at == scan.end) {
        return true;
    }
    bool is_time = take(&scan, 'T') || take(&scan, 't') || (!scan.basic && take(&scan, ' '));
    return is_time &&
           (full ? take_full_clock(&scan, &written->clock_us)
                 : take_clock(&scan, &written->clock_us)) &&
           take_zone(&scan, &written->offset_us) && scan.at == scan.end;
}

bool pn_time_in_range(int64_t micros)
{
    return micros >= FIRST_DAY * DAY_US && micros < END_DAY * DAY_US;
}

static bool parse_time(const char *text, size_t len, bool full, int64_t *micros)
{
    struct written written;
    if (!read_written(text, len, full, &written)) {
        return false;
    }
    int64_t instant = written.day * DAY_US + written.clock_us - written.offset_us;
    if (!pn_time_in_range(instant)) {
        return false;
    }
    *micros = instant;
    return true;
}

bool pn_time_parse(const char *text, size_t len, int64_t *micros)
{
    return parse_time(text, len, false, micros);
}

bool pn_time_parse_full(const char *text, size_t len, int64_t *micros)
{
    return parse_time(text, len, true, micros);
}

bool pn_day_parse(const char *text, size_t len, int32_t *days)
{
    struct written written;
    if (!read_written(text, len, false, &written) || written.clock_us != 0) {
        return false;
    }
    *days = (int32_t)written.day;
    return true;
}

bool pn_day_parse_full(const char *text, size_t len, int32_t *days)
{
    struct written written;
    if (!read_written(text, len, true, &written)) {
        return false;
    }
    int64_t day = written.day + (written.clock_us >= DAY_US ? 1 : 0);
    if (day >= END_DAY) {
        return false;
    }
    *days = (int32_t)day;
    return true;
}

bool pn_time_parse_ms(const char *text, int64_t *wall_ms)
{
    int64_t micros = 0;
    if (!pn_time_parse(text, strlen(text), &micros)) {
        return false;
    }
    *wall_ms = micros / 1000 - (micros % 1000 < 0 ? 1 : 0);
    return true;
}
