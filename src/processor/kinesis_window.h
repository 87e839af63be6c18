/*
 * Records of a shard that a subscription has delivered, and that may still be read: a stretch of
 * the shard without a hole. The tables of the stream, each at a place of its own, read from it;
 * what all of them are past is let go. For one thread at a time.
 */
#ifndef PN_PROCESSOR_KINESIS_WINDOW_H
#define PN_PROCESSOR_KINESIS_WINDOW_H

#include "processor/source.h"

enum {
    PN_KINESIS_WINDOW_KEPT_BYTES = 8 << 20,  /* of records that were read, for slower tables */
    PN_KINESIS_WINDOW_UNREAD_BYTES = 4 << 20 /* it is full when it has so many unread ones */
};

/* The records of one event. Owns its arena; they may be none only while it is made. */
struct pn_kinesis_part {
    struct pn_arena arena;
    struct pn_record *records;
    const char **sequences;
    size_t count;
    size_t bytes; /* that it takes, with its arena */
    int64_t behind_ms;
    int64_t until_ms; /* what arrived before this time is read with its last record */
    bool follows_gap; /* nobody knows whether records are missing before its first one */
    bool is_read;     /* by one table at least, to its end */
    struct pn_kinesis_part *next;
};

struct pn_kinesis_window {
    char base[PN_PLACE_TEXT_SIZE]; /* the place before its first record */
    struct pn_kinesis_part *first;
    struct pn_kinesis_part *last;
    size_t bytes;
    size_t unread_bytes; /* of parts that nobody has read to their end */
    /* Of its end: */
    bool has_gap;      /* nobody knows whether records are missing after its last one */
    bool ended;        /* the shard is closed, and has no further records */
    int64_t behind_ms; /* by the last event */
    int64_t until_ms;  /* what arrived before this time is in it, or before it; 0: not known */
};

/* Empties it; it begins at the place of that text. */
void pn_kinesis_window_begin(struct pn_kinesis_window *window, const char *base);
void pn_kinesis_window_deinit(struct pn_kinesis_window *window);

/* Frees a part that no window has. NULL ok. */
void pn_kinesis_part_destroy(struct pn_kinesis_part *part);
/* The sequence number of the last record; NULL: the window begins at none, and has none. */
const char *pn_kinesis_window_last(const struct pn_kinesis_window *window);
/* Is the sequence number `a` greater than `b`? */
bool pn_kinesis_sequence_is_after(const char *a, const char *b);
/* Takes over a part with one record or more, all after the window's last one. */
void pn_kinesis_window_add(struct pn_kinesis_window *window, struct pn_kinesis_part *part);
/* Lets go of parts that were read, the oldest first, until the window has at most `bytes`. */
void pn_kinesis_window_trim(struct pn_kinesis_window *window, size_t bytes);

/* A record of the window, the next one to be read; `part` NULL: its end. */
struct pn_kinesis_spot {
    struct pn_kinesis_part *part;
    size_t index;
};

/* Where a table continues that is at the place of that text. False: not in this window. */
bool pn_kinesis_window_find(const struct pn_kinesis_window *window, const char *text,
                            struct pn_kinesis_spot *spot);
/*
 * Copies records from the spot on into the arena, up to the limits, at least one when there is one,
 * and none from after a gap unless it is right before the spot. `out` gets records, sequences,
 * count, behind_ms (with a record), place.text and place.until_ms. *spot moves past them.
 */
void pn_kinesis_window_read(struct pn_kinesis_window *window, struct pn_kinesis_spot *spot,
                            size_t max_records, size_t max_bytes, struct pn_arena *arena,
                            struct pn_processor_source_records *out);

#endif
