#include "base/clock.h"

#include <stdio.h>
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

void pn_sleep_us(int64_t us)
{
    const struct timespec rest = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&rest, NULL);
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
