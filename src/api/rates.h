/*
 * How fast counters grow: the mean of the last ten seconds, from samples that somebody takes about
 * once a second. Without a sample of the last PN_RATES_WINDOW_MS a rate is not known.
 *
 * Thread-safe.
 */
#ifndef PN_API_RATES_H
#define PN_API_RATES_H

#include <stdint.h>

enum { PN_RATES_WINDOW_MS = 11000, PN_RATES_NAMES_MAX = 4096 };

struct pn_rates;

struct pn_rates *pn_rates_create(void);
void pn_rates_destroy(struct pn_rates **rates); /* NULL ok */
/* Notes what a counter is at a time of the monotonic clock. Samples that come sooner than most of
 * a second after the last one are skipped, and so are counters beyond PN_RATES_NAMES_MAX. */
void pn_rates_note(struct pn_rates *rates, const char *name, int64_t count, int64_t now_ms);
/* Its growth a second, up to `count` now; -1: not known. */
double pn_rates_of(struct pn_rates *rates, const char *name, int64_t count, int64_t now_ms);

#endif
