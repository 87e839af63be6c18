/*
 * A segment: one file `<base offset, 20 digits>.log` of record batches without gaps between them,
 * and its index (index.h) in memory. The name is the offset of its first record; the next segment's
 * name is the offset after its last one. Only the last segment of a partition is appended to.
 *
 * Invariants:
 *   1. The batch at position 0 has the segment's base offset, and each batch's base offset is the
 *      next offset of the one before it.
 *   2. `bytes` ends at the end of a batch; with durability fsync everything below it is on disk.
 *      A batch is written only when all before it are durable: so after a crash at most the last
 *      batch of the last segment is not whole. That is the torn tail, which recovery cuts.
 *      The file may continue with zeros, written ahead of the batches to come; they are not a tail.
 *   3. Damage elsewhere is not a torn tail. It is recognized by a whole batch after it on the chain
 *      of lengths and offsets; reading continues there. A batch is never searched for byte by byte:
 *      a record's value may hold the image of one.
 *
 * What is here does not know of partitions and locks; the caller has the segment to itself.
 */
#ifndef PN_LOG_SEGMENT_H
#define PN_LOG_SEGMENT_H

#include "base/io.h"
#include "log/embedded/embedded.h"
#include "log/embedded/index.h"
#include "log/embedded/record_batch.h"

enum { PN_SEGMENT_NAME_DIGITS = 20, PN_PATH_SIZE = 4096 };

_Static_assert((uint64_t)PN_SEGMENT_BYTES_MAX + PN_BATCH_BYTES_MAX < UINT32_MAX,
               "a position in a segment fits the index's 32 bits");

struct pn_segment {
    int64_t base_offset;
    int64_t next_offset;
    int64_t bytes;         /* whole batches up to here */
    int64_t created_ms;    /* wall time of the first append, 0 before it */
    int64_t appended_ms;   /* wall time of the last append */
    int64_t max_timestamp; /* the largest of the records; INT64_MIN when there is none */
    int64_t indexed_bytes; /* position after which the next index entry is due */
    int64_t stored_bytes;  /* what the index on disk covers; -1 when there is none */
    struct pn_index index;
};

/* Caller's storage: an empty segment. */
void pn_segment_init(struct pn_segment *segment, int64_t base_offset);
void pn_segment_deinit(struct pn_segment *segment);

/* "<folder>/<base offset>.<suffix>" into path[PN_PATH_SIZE]; folders are checked to be short enough
 * when the log is opened. Returns path. */
char *pn_segment_path(char *path, const char *folder, int64_t base_offset, const char *suffix);
/* The base offset in a file name that ends in ".<suffix>"; false for other names. */
bool pn_segment_name_parse(const char *name, const char *suffix, int64_t *base_offset);

/* Takes note of a batch at the segment's end, appended at that wall time. */
void pn_segment_add(struct pn_segment *segment, const struct pn_batch_header *header,
                    int64_t appended_ms, int64_t index_interval_bytes);

/* Stores the index beside the segment. */
int pn_segment_store_index(struct pn_segment *segment, const struct pn_io *io, const char *folder,
                           struct pn_err *e) PN_MUST_CHECK;
/* Fills an empty segment from its stored index; as pn_index_load(). */
int pn_segment_load_index(struct pn_segment *segment, const struct pn_io *io, const char *folder,
                          struct pn_err *e) PN_MUST_CHECK;

/* What a scan found. */
struct pn_segment_scan {
    int64_t file_bytes;
    int64_t torn_bytes;       /* after the last whole batch, without the zeros that may follow */
    int64_t damaged_batches;  /* with whole ones after them: kept */
    int64_t damaged_position; /* of the first one */
    int64_t damaged_offset;
};

/*
 * Reads the file from segment->bytes on, checks every batch and takes note of it, up to the last
 * whole one. The file's modification time stands in for the times of the appends.
 */
int pn_segment_scan(struct pn_segment *segment, const struct pn_io *io, int fd, const char *path,
                    int64_t index_interval_bytes, struct pn_segment_scan *scan,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
