/*
 * A search through the partitions of a topic or the shards of a stream, the newest records of each
 * first: bounded, and resumed where it stopped.
 */
#ifndef PN_SEARCH_SCAN_H
#define PN_SEARCH_SCAN_H

#include "base/clock.h"
#include "search/search.h"

enum { PN_SCAN_SHOWN_BYTES = 4096, PN_SCAN_KEY_BYTES = 1024 };

/* Where to read. Functions return 0, or the error of a read; one with class CORRUPT skips what it
 * could not read, if `next` is past `offset`. */
struct pn_scan_source {
    int32_t partitions;
    /* The offsets of a partition; MISSING: it is not there any more, and is skipped. */
    int (*ends)(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e);
    int (*read)(void *arg, int32_t partition, int64_t offset, size_t max_records, size_t max_bytes,
                struct pn_arena *arena, struct pn_record **records, size_t *count, int64_t *next,
                struct pn_err *e);
    /* The offset of the first record of a partition from a time on, or its end. NULL where no page
     * is asked for by a time (pages.h). */
    int (*at)(void *arg, int32_t partition, int64_t time_ms, int64_t *offset, struct pn_err *e);
    void *arg;
};

/* How far a scan has come: the records of the partitions before this one, and those of this one
 * from `below` on, were looked at. */
struct pn_scan_place {
    int32_t partition;
    int64_t below; /* -1: all of the partition is still to be read */
};

struct pn_scan_limits {
    int64_t ms_max;
    int64_t bytes_max;
    size_t hits_max; /* some more may come, up to what is read at once */
};

/* A record for a list: its value and key are cut off after PN_SCAN_SHOWN_BYTES and
 * PN_SCAN_KEY_BYTES, and its headers are left out. */
struct pn_scan_hit {
    int32_t partition;
    struct pn_record record;
    size_t value_bytes; /* of the whole value */
    size_t headers;     /* how many it has */
    bool is_cut;
};
/* Copies what is shown of a record into the arena. */
void pn_scan_hit_make(int32_t partition, const struct pn_record *record, struct pn_arena *arena,
                      struct pn_scan_hit *hit);

struct pn_scan_result {
    struct pn_scan_hit *hits; /* of each partition the newest first */
    size_t count;
    int64_t records; /* looked at in this call */
    int64_t bytes;
    int64_t records_left; /* at most */
    int64_t damaged;      /* places that could not be read */
    int64_t through_ms;   /* the time of the record looked at last; -1: none */
    bool is_done;
};

/* Looks on from *place, which it moves. Everything of the result is in the arena. BLOCKS. */
int pn_scan(const struct pn_search *search, const struct pn_scan_source *source,
            const struct pn_scan_limits *limits, const struct pn_clock *clock,
            struct pn_scan_place *place, struct pn_arena *arena, struct pn_scan_result *result,
            struct pn_err *e) PN_MUST_CHECK;

#endif
