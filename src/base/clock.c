#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

static int64_t system_wall_ms(const struct pn_clock *clock)
{
    (void)clock;
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    PN_ASSERT(rc == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_mono_ns(const struct pn_clock *clock)
{
    (void)clock;
    struct timespec now;
    int rc = clock_gettime(CLOCK_MONOTONIC, &now);
    PN_ASSERT(rc == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const struct pn_clock *pn_clock_system(void)
{
    static const struct pn_clock clock = {.wall_ms = system_wall_ms, .mono_ns = system_mono_ns};
    return &clock;
}

static int64_t fake_wall_ms(const struct pn_clock *clock)
{
    const struct pn_fake_clock *fake = clock->ctx;
    return __atomic_load_n(&fake->wall_ms, __ATOMIC_SEQ_CST);
}

static int64_t fake_mono_ns(const struct pn_clock *clock)
{
    const struct pn_fake_clock *fake = clock->ctx;
    return __atomic_load_n(&fake->mono_ns, __ATOMIC_SEQ_CST);
}

void pn_fake_clock_init(struct pn_fake_clock *fake, int64_t wall_ms)
{
    *fake = (struct pn_fake_clock){
        .clock = {.wall_ms = fake_wall_ms, .mono_ns = fake_mono_ns, .ctx = fake},
        .wall_ms = wall_ms,
    };
}

void pn_fake_clock_advance(struct pn_fake_clock *fake, int64_t ms)
{
    (void)__atomic_add_fetch(&fake->wall_ms, ms, __ATOMIC_SEQ_CST);
    (void)__atomic_add_fetch(&fake->mono_ns, ms * 1000000, __ATOMIC_SEQ_CST);
}

char *pn_iso8601(int64_t wall_ms, char *out)
{
    int64_t seconds = wall_ms / 1000;
    int64_t ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t time = (time_t)seconds;
    struct tm tm;
    const struct tm *taken = gmtime_r(&time, &tm);
    PN_ASSERT(taken != NULL);
    int len =
        snprintf(out, PN_ISO8601_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900LL,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
    PN_ASSERT(len > 0 && len < PN_ISO8601_SIZE);
    return out;
}

/* Reads exactly `count` digits and moves *text behind them. */
static bool read_digits(const char **text, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        char c = **text;
        if (c < '0' || c > '9') {
            return false;
        }
        *value = *value * 10 + (c - '0');
        (*text)++;
    }
    return true;
}

static bool read_char(const char **text, char wanted)
{
    if (**text != wanted) {
        return false;
    }
    (*text)++;
    return true;
}

/* ".123456": what is finer than a millisecond is dropped. */
static bool read_fraction(const char **text, int *ms)
{
    *ms = 0;
    if (!read_char(text, '.')) {
        return true;
    }
    int digits = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, digits++) {
        if (digits < 3) {
            *ms = *ms * 10 + (**text - '0');
        }
    }
    for (int i = digits; i < 3; i++) {
        *ms *= 10;
    }
    return digits > 0;
}

/* "Z", "+02:00", "-0530", or nothing. */
static bool read_offset(const char **text, int64_t *offset_s)
{
    *offset_s = 0;
    if (**text == '\0' || read_char(text, 'Z')) {
        return true;
    }
    bool west = **text == '-';
    if (!west && **text != '+') {
        return false;
    }
    (*text)++;
    int hours = 0;
    int minutes = 0;
    if (!read_digits(text, 2, &hours)) {
        return false;
    }
    (void)read_char(text, ':');
    if (!read_digits(text, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

int pn_iso8601_parse(const char *text, int64_t *wall_ms)
{
    struct tm tm = {0};
    int ms = 0;
    int64_t offset_s = 0;
    bool ok = read_digits(&text, 4, &tm.tm_year) && read_char(&text, '-') &&
              read_digits(&text, 2, &tm.tm_mon) && read_char(&text, '-') &&
              read_digits(&text, 2, &tm.tm_mday) &&
              (read_char(&text, 'T') || read_char(&text, ' ')) &&
              read_digits(&text, 2, &tm.tm_hour) && read_char(&text, ':') &&
              read_digits(&text, 2, &tm.tm_min) && read_char(&text, ':') &&
              read_digits(&text, 2, &tm.tm_sec) && read_fraction(&text, &ms) &&
              read_offset(&text, &offset_s) && *text == '\0';
    if (!ok || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59) {
        return -1;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    struct tm given = tm;
    int64_t seconds = timegm(&tm);
    /* timegm() makes March 2nd of February 30th: such a date is none. */
    if (tm.tm_year != given.tm_year || tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday) {
        return -1;
    }
    *wall_ms = (seconds - offset_s) * 1000 + ms;
    return 0;
}

int pn_time_parse(const char *text, int64_t *wall_ms)
{
    enum { DAY_LEN = 10 };
    char midnight[PN_ISO8601_SIZE];
    if (strlen(text) != DAY_LEN) {
        return pn_iso8601_parse(text, wall_ms);
    }
    (void)snprintf(midnight, sizeof midnight, "%sT00:00:00Z", text);
    return pn_iso8601_parse(midnight, wall_ms);
}
