/*
 * How topics and streams filled and emptied over the last half hour and the last day: counters are
 * sampled at a steady pace, and two samples give a rate. A server that starts knows nothing of the
 * time before.
 *
 * Thread-safe.
 */
#ifndef PN_API_HISTORY_H
#define PN_API_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Of more names, those that were noted last are remembered. */
enum { PN_HISTORY_NAMES_MAX = 512, PN_HISTORY_PACE_MS = 10000 };

/* What is counted of a topic or a stream; -1: not known. */
struct pn_flow_counts {
    int64_t in_records; /* that ever came */
    int64_t kept_bytes; /* on the disk now */
    int64_t removed;    /* records that retention removed: while it is the same, bytes only grow */
    int64_t out_records;
    int64_t out_bytes;
};

/* Rates of a while, a second; -1: not known. */
struct pn_flow_point {
    int64_t from_ms;
    int64_t until_ms;
    double in_records;
    double in_bytes;
    double out_records;
    double out_bytes;
};

enum pn_history_span {
    PN_HISTORY_HALF_HOUR, /* a point for 10 seconds */
    PN_HISTORY_DAY        /* a point for 5 minutes */
};

struct pn_history;

struct pn_history *pn_history_create(void);
void pn_history_destroy(struct pn_history **history); /* NULL ok */
/* Notes what the counters of a name are now, at a wall time. To be called every
 * PN_HISTORY_PACE_MS; a call that comes sooner is ignored. */
void pn_history_note(struct pn_history *history, const char *name,
                     const struct pn_flow_counts *counts, int64_t now_ms);
/* The rates of the span, the oldest first, in the arena; the last point ends now, with these
 * counts. */
void pn_history_points(struct pn_history *history, const char *name, enum pn_history_span span,
                       const struct pn_flow_counts *counts, int64_t now_ms, struct pn_arena *arena,
                       struct pn_flow_point **points, size_t *count);

#endif
