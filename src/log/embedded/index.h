/*
 * The sparse index of a segment: for about every `index_interval_bytes` of it, where a batch
 * begins. It is kept in memory; the file beside the segment, `<base offset>.index`, spares reading
 * the whole segment when the log is opened.
 *
 * The file; all numbers are big-endian:
 *   at size field
 *    0   4  magic            "PNIX"
 *    4   4  crc              CRC-32C of everything after this field
 *    8   8  baseOffset       the segment's
 *   16   8  nextOffset       the offset after the last record covered
 *   24   8  bytes            how much of the segment is covered
 *   32   8  created          wall time of the first append, milliseconds
 *   40   8  appended         wall time of the last append
 *   48   8  maxTimestamp     the largest of all records covered
 *   56   8  entries          how many
 *   64  16  an entry: relative offset (4), position (4), maxTimestamp of all before it (8)
 *
 * Invariants:
 *   1. It is written whole (temporary file, rename) and only when the covered bytes were checked
 *      and, with durability fsync, synced. So it is also the point recovery starts from.
 *   2. Entries rise strictly in offset and position; an entry names a batch's base offset. The
 *      entry for the first batch is not stored: it is always (0, 0).
 */
#ifndef PN_LOG_INDEX_H
#define PN_LOG_INDEX_H

#include "base/io.h"

enum {
    PN_INDEX_AT_CRC = 4,
    PN_INDEX_AT_BASE_OFFSET = 8,
    PN_INDEX_AT_NEXT_OFFSET = 16,
    PN_INDEX_AT_BYTES = 24,
    PN_INDEX_AT_CREATED = 32,
    PN_INDEX_AT_APPENDED = 40,
    PN_INDEX_AT_MAX_TIMESTAMP = 48,
    PN_INDEX_AT_ENTRIES = 56,
    PN_INDEX_HEADER_BYTES = PN_INDEX_AT_ENTRIES + 8,
    PN_INDEX_ENTRY_BYTES = 16
};
_Static_assert(PN_INDEX_HEADER_BYTES == 64, "the header is as the layout above says");

struct pn_index_entry {
    uint32_t relative_offset;
    uint32_t position;
    int64_t max_timestamp; /* of all records before the entry */
};

struct pn_index {
    struct pn_index_entry *entries;
    size_t count;
    size_t capacity;
};

/* What a stored index says of its segment. */
struct pn_index_summary {
    int64_t base_offset;
    int64_t next_offset;
    int64_t bytes;
    int64_t created_ms;
    int64_t appended_ms;
    int64_t max_timestamp;
};

/* Caller's storage, zeroed. */
void pn_index_deinit(struct pn_index *index);
void pn_index_clear(struct pn_index *index);
void pn_index_add(struct pn_index *index, struct pn_index_entry entry);
/* The last entry at or before the offset; (0, 0) when there is none. */
struct pn_index_entry pn_index_at_offset(const struct pn_index *index, int64_t relative_offset);
/* The last entry that has only smaller timestamps before it; (0, 0) when there is none. */
struct pn_index_entry pn_index_at_timestamp(const struct pn_index *index, int64_t timestamp_ms);

int pn_index_store(const struct pn_io *io, const char *path, const struct pn_index *index,
                   const struct pn_index_summary *summary, struct pn_err *e) PN_MUST_CHECK;
/* Fills the (empty) index and the summary; MISSING when there is no file, CORRUPT when it is not
 * an index of the segment at `base_offset`: the caller then builds it again. */
int pn_index_load(const struct pn_io *io, const char *path, int64_t base_offset,
                  struct pn_index *index, struct pn_index_summary *summary,
                  struct pn_err *e) PN_MUST_CHECK;

#endif
