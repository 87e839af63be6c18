/*
 * Walking the batches of a segment file, for readers. The windows read live in the reader's arena,
 * so that records can point into them.
 */
#ifndef PN_LOG_CURSOR_H
#define PN_LOG_CURSOR_H

#include "log/embedded/segment.h"

/* What a reader may see of a segment, copied from it under the partition's lock. */
struct pn_segment_view {
    int64_t base_offset;
    int64_t next_offset; /* after the last record to be seen */
    int64_t bytes;       /* what may be read of the file */
    int64_t position;    /* where to begin: a batch is here, */
    int64_t offset;      /* and this is its base offset */
};

struct pn_cursor {
    const struct pn_io *io;
    struct pn_arena *arena;
    struct pn_segment_view view;
    int64_t position;              /* of the next batch */
    int64_t offset;                /* its base offset */
    struct pn_batch_header header; /* of the next batch, after pn_cursor_header() */
    int fd;
    uint8_t *window;
    size_t window_capacity;
    size_t window_len;
    int64_t window_position;
    bool window_shared; /* records point into it: it can't be filled again */
    char path[PN_PATH_SIZE];
};

/* Caller's storage. Opens the segment's file; MISSING when it is gone. */
int pn_cursor_open(struct pn_cursor *cursor, const struct pn_io *io, const char *folder,
                   const struct pn_segment_view *view, struct pn_arena *arena,
                   struct pn_err *e) PN_MUST_CHECK;
void pn_cursor_close(struct pn_cursor *cursor);

/* Is there another batch? */
bool pn_cursor_more(const struct pn_cursor *cursor);
/* Reads the next batch's header. CORRUPT, with the reason alone, when that can't be it. */
int pn_cursor_header(struct pn_cursor *cursor, struct pn_err *e) PN_MUST_CHECK;
/* After the header: checks the batch and adds its records to the list. CORRUPT as above. */
int pn_cursor_decode(struct pn_cursor *cursor, struct pn_record_list *list,
                     struct pn_err *e) PN_MUST_CHECK;
/* After the header: moves on to the next batch. */
void pn_cursor_next(struct pn_cursor *cursor);
/* Moves to a batch that is known from elsewhere. */
void pn_cursor_seek(struct pn_cursor *cursor, int64_t position, int64_t offset);
/*
 * Where does the batch after a damaged one begin? True when the damaged one's own length and
 * offsets lead to one, or to the end of the view. Leaves the cursor's place alone.
 */
bool pn_cursor_behind_damage(struct pn_cursor *cursor, int64_t *position, int64_t *offset);

#endif
