#include "api/rates.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SAMPLES = 12, GAP_MS = 900, BUCKETS = 256 };
/* Below this a rate is a matter of chance. */
enum { SPAN_MS_MIN = 500 };

struct counter {
    char *name;
    struct {
        int64_t at_ms;
        int64_t count;
    } samples[SAMPLES]; /* the newest is at (next - 1) % SAMPLES */
    size_t next;
    size_t filled;
    struct counter *chain;
};

struct pn_rates {
    pthread_mutex_t lock;
    struct counter *buckets[BUCKETS];
    size_t count;
};

struct pn_rates *pn_rates_create(void)
{
    struct pn_rates *rates = pn_xcalloc(1, sizeof *rates);
    pthread_mutex_init(&rates->lock, NULL);
    return rates;
}

void pn_rates_destroy(struct pn_rates **rates)
{
    struct pn_rates *gone = *rates;
    if (gone == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (gone->buckets[i] != NULL) {
            struct counter *counter = gone->buckets[i];
            gone->buckets[i] = counter->chain;
            free(counter->name);
            free(counter);
        }
    }
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *rates = NULL;
}

static struct counter *find(struct pn_rates *rates, const char *name, bool make)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619U;
    }
    struct counter **bucket = &rates->buckets[hash % BUCKETS];
    for (struct counter *at = *bucket; at != NULL; at = at->chain) {
        if (strcmp(at->name, name) == 0) {
            return at;
        }
    }
    if (!make || rates->count == PN_RATES_NAMES_MAX) {
        return NULL;
    }
    struct counter *counter = pn_xcalloc(1, sizeof *counter);
    counter->name = pn_xstrdup(name);
    counter->chain = *bucket;
    *bucket = counter;
    rates->count++;
    return counter;
}

void pn_rates_note(struct pn_rates *rates, const char *name, int64_t count, int64_t now_ms)
{
    pthread_mutex_lock(&rates->lock);
    struct counter *counter = find(rates, name, true);
    if (counter != NULL) {
        size_t last = (counter->next + SAMPLES - 1) % SAMPLES;
        if (counter->filled > 0 && count < counter->samples[last].count) {
            counter->filled = 0; /* it began again */
        }
        if (counter->filled == 0 || now_ms - counter->samples[last].at_ms >= GAP_MS) {
            counter->samples[counter->next].at_ms = now_ms;
            counter->samples[counter->next].count = count;
            counter->next = (counter->next + 1) % SAMPLES;
            counter->filled += counter->filled < SAMPLES;
        }
    }
    pthread_mutex_unlock(&rates->lock);
}

double pn_rates_of(struct pn_rates *rates, const char *name, int64_t count, int64_t now_ms)
{
    double rate = -1;
    pthread_mutex_lock(&rates->lock);
    const struct counter *counter = find(rates, name, false);
    for (size_t i = 0; counter != NULL && i < counter->filled; i++) {
        size_t at =
            (counter->next + SAMPLES - counter->filled + i) % SAMPLES; /* the oldest first */
        int64_t span_ms = now_ms - counter->samples[at].at_ms;
        if (span_ms <= PN_RATES_WINDOW_MS && span_ms >= SPAN_MS_MIN &&
            count >= counter->samples[at].count) {
            rate = (double)(count - counter->samples[at].count) * 1000 / (double)span_ms;
            break;
        }
    }
    pthread_mutex_unlock(&rates->lock);
    return rate;
}
