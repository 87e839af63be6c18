/*
 * The note of a landed object, where the store keeps notes (pn_store_keeps_notes()): it is all that
 * the sink remembers there.
 *
 *   {"id":"00c0ffee00c0ffee","at":10000,"next":30517,
 *    "cuts":[[0,30000,10000],[30000,30517,517]],"dead":[3,2]}                 (one line)
 *
 *   id    pn_log_topic_info.id of the topic that the offsets belong to
 *   at    the offset that the object begins at: its number less this is what is added to offsets
 *   next  the offset at which the chain of objects continues
 *   cuts  the objects that were cut together with this one, as in state.h. None: the object has no
 *         lines, and only says where the chain continues, under the next number
 *   dead  the dead letters of these cuts, and how many objects of dead letters hold them
 *   seen  of a log that counts topics' ids: some of the records that have landed, the last one of
 *         these cuts at the end, see prints.h
 */
#ifndef PN_SINK_NOTE_H
#define PN_SINK_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "sink/state.h"
#include "store/store.h"

/* So many runs of cuts fit into a note, whatever their numbers. */
enum { PN_SINK_NOTE_RUNS_MAX = 8 };

struct pn_sink_note {
    uint64_t id;
    int64_t at;
    int64_t next;
    struct pn_sink_cuts cuts;
    int64_t dead_letters;
    int64_t dead_objects;
    struct pn_sink_prints prints;
};

/* `text` has PN_NOTE_SIZE bytes. */
void pn_sink_note_write(const struct pn_sink_note *note, char *text);
/* False, and *note has nothing to free, when the text is not such a note. */
bool pn_sink_note_read(const char *text, struct pn_sink_note *note);
/* Frees the cuts. */
void pn_sink_note_deinit(struct pn_sink_note *note);

#endif
