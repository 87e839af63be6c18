/*
 * Time comes in through a struct, so that tests decide what time it is.
 * Wall time is milliseconds since 1970-01-01 UTC; monotonic time is nanoseconds since some start.
 */
#ifndef PN_BASE_CLOCK_H
#define PN_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct pn_clock {
    int64_t (*wall_ms)(const struct pn_clock *clock);
    int64_t (*mono_ns)(const struct pn_clock *clock);
    void *ctx;
};

/* The system's clock. Static, never freed. */
const struct pn_clock *pn_clock_system(void);

/* A clock that moves only when a test moves it. Any thread may read or move it. */
struct pn_fake_clock {
    struct pn_clock clock; /* pass &fake.clock */
    int64_t wall_ms;
    int64_t mono_ns;
};
void pn_fake_clock_init(struct pn_fake_clock *fake, int64_t wall_ms);
void pn_fake_clock_advance(struct pn_fake_clock *fake, int64_t ms);

static inline int64_t pn_wall_ms(const struct pn_clock *clock)
{
    return clock->wall_ms(clock);
}
static inline int64_t pn_mono_ns(const struct pn_clock *clock)
{
    return clock->mono_ns(clock);
}
static inline int64_t pn_mono_ms(const struct pn_clock *clock)
{
    return clock->mono_ns(clock) / 1000000;
}

/* The calling thread rests, by the system's clock; a signal may end it early. */
void pn_sleep_us(int64_t us);
static inline void pn_sleep_ms(int64_t ms)
{
    pn_sleep_us(ms * 1000);
}

enum { PN_ISO8601_SIZE = 32 };
/* "2026-11-23T15:44:43.123Z" into out[PN_ISO8601_SIZE]; returns out. */
char *pn_iso8601(int64_t wall_ms, char *out);

#endif
