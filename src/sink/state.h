/*
 * What the sink remembers of what it landed in a store without notes: the file
 * <data>/sink/state.jsonl, replaced as a whole (pn_io_replace_file), so that it is always either
 * the old or the new memory.
 *
 *   {"pinion_sink_state":1}
 *   {"topic":"a.b","partition":0,"id":"00c0ffee00c0ffee","base":0,"base_next":0,
 *    "landed":10000,"cuts":[[10000,30000,10000],[30000,30517,517]]}            (one line)
 *   ...                                       one line a partition
 *   {"sha256":"<hex, of all bytes before this line>"}
 *
 *   id      pn_log_topic_info.id of the topic that the offsets belong to
 *   base    what is added to an offset to get the number in an object's name
 *   base_next   ... of the objects after the cuts
 *   landed  every record before this offset has landed
 *   cuts    [first, end, step]: objects were cut at first, first + step, ... up to end (exclusive);
 *           they may have been written or not. In offset order; between two there may be a hole.
 *   seen    of a log that counts topics' ids: some of the records, see prints.h
 *
 * Invariants: 0 <= base <= base_next; 0 <= landed <= first of the first cut; first < end; 1 <=
 * step; end <= the next first.
 */
#ifndef PN_SINK_STATE_H
#define PN_SINK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "log/log.h"
#include "sink/prints.h"

/* Offsets: a run of objects that each cover `step` of them, the last one perhaps fewer. */
struct pn_sink_cut {
    int64_t first;
    int64_t end;
    int64_t step;
};

struct pn_sink_cuts {
    struct pn_sink_cut *cuts;
    size_t count;
    size_t capacity;
};

/* Adds one object, after all others; joins it with the run before it when that says the same. */
void pn_sink_cuts_add(struct pn_sink_cuts *cuts, int64_t first, int64_t end);
/* Takes away what is at `end` and after it. */
void pn_sink_cuts_end_at(struct pn_sink_cuts *cuts, int64_t end);
void pn_sink_cuts_clear(struct pn_sink_cuts *cuts);
void pn_sink_cuts_deinit(struct pn_sink_cuts *cuts);
/* The cuts as JSON, [[first,end,step],...], and back: false unless they are in order, from `least`
 * on. */
void pn_sink_cuts_write(struct pn_json_writer *json, const struct pn_sink_cuts *cuts);
bool pn_sink_cuts_read(const struct pn_json *list, int64_t least, struct pn_sink_cuts *cuts);

/* One partition's memory. */
struct pn_sink_memory {
    char topic[PN_TOPIC_NAME_MAX + 1];
    int32_t partition;
    uint64_t id;
    int64_t base;
    int64_t base_next;
    int64_t landed;
    struct pn_sink_cuts cuts;
    struct pn_sink_prints prints; /* of what has landed, and of the cuts */
};

/* Calls fn for each partition remembered; fn takes memory->cuts over. A missing file is an empty
 * memory; a damaged one is CORRUPT, and the message says what can be done. */
int pn_sink_state_load(const struct pn_io *io, const char *path,
                       void (*fn)(void *arg, const struct pn_sink_memory *memory), void *arg,
                       struct pn_err *e) PN_MUST_CHECK;

/* The text of a memory is put together by these; it is on disk when the last one returns 0. */
void pn_sink_state_begin(struct pn_buf *text);
void pn_sink_state_add(struct pn_buf *text, const struct pn_sink_memory *memory);
int pn_sink_state_save(const struct pn_io *io, const char *path, struct pn_buf *text,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
