#include "api/history.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SAMPLES_MAX = 290, SPANS = 2, EARLY_MS = 1000 };
/* Below this a rate is a matter of chance. */
enum { POINT_MS_MIN = 1000 };

static const struct {
    int64_t step_ms;
    int64_t span_ms;
} spans[SPANS] = {[PN_HISTORY_HALF_HOUR] = {PN_HISTORY_PACE_MS, 30 * 60 * 1000},
                  [PN_HISTORY_DAY] = {5 * 60 * 1000, 24 * 60 * 60 * 1000}};

struct sample {
    int64_t at_ms;
    struct pn_flow_counts counts;
};

/* The newest is at (next - 1) % SAMPLES_MAX. */
struct ring {
    struct sample samples[SAMPLES_MAX];
    size_t next;
    size_t filled;
};

struct series {
    char *name;
    struct ring rings[SPANS];
};

struct pn_history {
    pthread_mutex_t lock;
    struct series *all[PN_HISTORY_NAMES_MAX]; /* sorted by name */
    size_t count;
};

struct pn_history *pn_history_create(void)
{
    struct pn_history *history = pn_xcalloc(1, sizeof *history);
    pthread_mutex_init(&history->lock, NULL);
    return history;
}

static void free_series(struct series *series)
{
    free(series->name);
    free(series);
}

void pn_history_destroy(struct pn_history **history)
{
    struct pn_history *gone = *history;
    if (gone == NULL) {
        return;
    }
    for (size_t i = 0; i < gone->count; i++) {
        free_series(gone->all[i]);
    }
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *history = NULL;
}

/* --- rings ------------------------------------------------------------------------------------ */

static const struct sample *sample_at(const struct ring *ring, size_t place)
{
    return &ring->samples[(ring->next + SAMPLES_MAX - ring->filled + place) % SAMPLES_MAX];
}

static const struct sample *newest_of(const struct ring *ring)
{
    return ring->filled == 0 ? NULL : sample_at(ring, ring->filled - 1);
}

static void note(struct ring *ring, int64_t step_ms, const struct pn_flow_counts *counts,
                 int64_t now_ms)
{
    const struct sample *newest = newest_of(ring);
    if (newest != NULL && now_ms < newest->at_ms) {
        ring->filled = 0; /* the clock was set back */
    } else if (newest != NULL && now_ms - newest->at_ms < step_ms - EARLY_MS) {
        return;
    }
    ring->samples[ring->next] = (struct sample){.at_ms = now_ms, .counts = *counts};
    ring->next = (ring->next + 1) % SAMPLES_MAX;
    ring->filled += ring->filled < SAMPLES_MAX;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Where the name is, or belongs. */
static size_t place_of(const struct pn_history *history, const char *name, bool *is_there)
{
    size_t low = 0;
    size_t high = history->count;
    *is_there = false;
    while (low < high && !*is_there) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(history->all[middle]->name, name);
        *is_there = order == 0;
        low = order < 0 ? middle + 1 : *is_there ? middle : low;
        high = order > 0 ? middle : high;
    }
    return low;
}

/* Forgets the name that was noted longest ago. */
static void make_room(struct pn_history *history)
{
    size_t oldest = 0;
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < history->count; i++) {
        int64_t at_ms = newest_of(&history->all[i]->rings[PN_HISTORY_HALF_HOUR])->at_ms;
        if (at_ms < oldest_ms) {
            oldest = i;
            oldest_ms = at_ms;
        }
    }
    free_series(history->all[oldest]);
    history->count--;
    memmove(&history->all[oldest], &history->all[oldest + 1],
            (history->count - oldest) * sizeof(struct series *));
}

static struct series *series_of(struct pn_history *history, const char *name)
{
    bool is_there = false;
    size_t place = place_of(history, name, &is_there);
    if (is_there) {
        return history->all[place];
    }
    if (history->count == PN_HISTORY_NAMES_MAX) {
        make_room(history);
        place = place_of(history, name, &is_there);
    }
    struct series *series = pn_xcalloc(1, sizeof *series);
    series->name = pn_xstrdup(name);
    memmove(&history->all[place + 1], &history->all[place],
            (history->count - place) * sizeof(struct series *));
    history->all[place] = series;
    history->count++;
    return series;
}

void pn_history_note(struct pn_history *history, const char *name,
                     const struct pn_flow_counts *counts, int64_t now_ms)
{
    pthread_mutex_lock(&history->lock);
    struct series *series = series_of(history, name);
    for (size_t i = 0; i < SPANS; i++) {
        note(&series->rings[i], spans[i].step_ms, counts, now_ms);
    }
    pthread_mutex_unlock(&history->lock);
}

/* --- rates ------------------------------------------------------------------------------------ */

/* A counter that went back belongs to something else: a topic that was made again. */
static double rate(int64_t before, int64_t after, int64_t ms)
{
    return before < 0 || after < before ? -1 : (double)(after - before) * 1000 / (double)ms;
}

static struct pn_flow_point point_of(const struct sample *before,
                                     const struct pn_flow_counts *after, int64_t after_ms)
{
    int64_t ms = after_ms - before->at_ms;
    bool only_grew = before->counts.removed == after->removed;
    return (struct pn_flow_point){
        .from_ms = before->at_ms,
        .until_ms = after_ms,
        .in_records = rate(before->counts.in_records, after->in_records, ms),
        .in_bytes = only_grew ? rate(before->counts.kept_bytes, after->kept_bytes, ms) : -1,
        .out_records = rate(before->counts.out_records, after->out_records, ms),
        .out_bytes = rate(before->counts.out_bytes, after->out_bytes, ms)};
}

void pn_history_points(struct pn_history *history, const char *name, enum pn_history_span span,
                       const struct pn_flow_counts *counts, int64_t now_ms, struct pn_arena *arena,
                       struct pn_flow_point **points, size_t *count)
{
    bool is_there = false;
    *points = pn_arena_calloc(arena, SAMPLES_MAX, sizeof **points);
    *count = 0;
    pthread_mutex_lock(&history->lock);
    size_t place = place_of(history, name, &is_there);
    const struct ring *ring = is_there ? &history->all[place]->rings[span] : NULL;
    for (size_t i = 0; ring != NULL && i < ring->filled; i++) {
        const struct sample *before = sample_at(ring, i);
        bool is_last = i + 1 == ring->filled;
        const struct sample *after = is_last ? NULL : sample_at(ring, i + 1);
        int64_t after_ms = is_last ? now_ms : after->at_ms;
        if (before->at_ms >= now_ms - spans[span].span_ms &&
            after_ms - before->at_ms >= POINT_MS_MIN) {
            (*points)[(*count)++] = point_of(before, is_last ? counts : &after->counts, after_ms);
        }
    }
    pthread_mutex_unlock(&history->lock);
}
