/*
 * The records of a topic's partitions, or of a stream's shards, by pages. Within a partition the
 * order is that of the offsets. Of the partitions' next records the newest comes first, and of
 * equal times the one of the lower partition.
 *
 * A page lies between two cuts: an offset in each partition. So the pages before and after it are
 * exact, whatever the times of the records are and whatever comes meanwhile.
 */
#ifndef PN_SEARCH_PAGES_H
#define PN_SEARCH_PAGES_H

#include "search/scan.h"

/* Partitions with records that a page is made of, and the records of a page, at most. */
enum { PN_PAGE_PARTITIONS_MAX = 32, PN_PAGE_RECORDS_MAX = 100 };

struct pn_page_cut {
    int32_t partition;
    int64_t offset;
};
struct pn_page_cuts {
    struct pn_page_cut items[PN_PAGE_PARTITIONS_MAX]; /* by partition */
    size_t count;
};

enum pn_page_way {
    PN_PAGE_OLDER, /* the newest records before the cuts */
    PN_PAGE_NEWER  /* the oldest records from the cuts on */
};

struct pn_page {
    struct pn_scan_hit *records; /* the newest first */
    size_t count;
    struct pn_page_cuts lower; /* the page holds the records from these ... */
    struct pn_page_cuts upper; /* ... to before these */
    bool has_older;
    bool has_newer;
    int64_t damaged;    /* places that could not be read */
    const char *damage; /* why the first of them could not; NULL: there is none */
};

/* The partitions that hold records, with the ends of what they hold: `from` true gives the oldest
 * records' offsets, else the offsets after the newest. `only` is the one partition to take, or -1
 * for all. INPUT when there are more than PN_PAGE_PARTITIONS_MAX. BLOCKS. */
int pn_page_ends(const struct pn_scan_source *source, int32_t only, bool oldest,
                 struct pn_page_cuts *cuts, struct pn_err *e) PN_MUST_CHECK;
/* The same partitions, cut where the records after `time_ms` begin. BLOCKS. */
int pn_page_at(const struct pn_scan_source *source, int32_t only, int64_t time_ms,
               struct pn_page_cuts *cuts, struct pn_err *e) PN_MUST_CHECK;

/*
 * Reads a page of at most `limit` records of the partitions of `cuts`; a cut that the partition no
 * longer reaches, or does not reach yet, is moved to what it holds. A page may be short, even
 * empty, although has_older or has_newer says that more follow: a call does not read without end
 * where offsets have wide gaps. Everything of the page is in the arena. BLOCKS.
 */
int pn_page_read(const struct pn_scan_source *source, enum pn_page_way way,
                 const struct pn_page_cuts *cuts, size_t limit, struct pn_arena *arena,
                 struct pn_page *page, struct pn_err *e) PN_MUST_CHECK;

#endif
