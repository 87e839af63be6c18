/*
 * What a load says in its commit about the members that no column takes, in the commit's notes
 * (delta.h): so that a later reader of the table knows, without the load's output.
 *
 *     {"unknownMembers":{"values":5,"names":[{"name":"mood","values":3},...],"moreNames":0,
 *      "object":"topics/t/partition=0/t+0+0000000000.json","line":1}}
 *
 * A load without such members writes {"unknownMembers":{"values":0}}. Object and line are those of
 * the first record that has the first name.
 */
#ifndef PN_ENGINE_UNKNOWN_NOTE_H
#define PN_ENGINE_UNKNOWN_NOTE_H

#include "base/arena.h"
#include "engine/engine.h"

enum { PN_UNKNOWN_NOTE_BYTES_MAX = 16384 };

struct pn_unknown_note {
    int64_t values;   /* of members that no column takes; 0: there were none */
    const char *name; /* the most frequent; NULL: none */
    const char *object;
    int64_t line; /* from 1; 0: the object has none */
};

/* Appends the notes of a load. */
void pn_unknown_note_write(struct pn_buf *out, const struct pn_table_report *report);
/* Reads them, texts into the arena. Notes that are NULL, or someone else's, give a note without
 * members. */
void pn_unknown_note_read(const char *notes, struct pn_arena *arena, struct pn_unknown_note *note);

#endif
