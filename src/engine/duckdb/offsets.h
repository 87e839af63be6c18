/*
 * The log's offsets of an object's lines, by what the sink noted beside it (base/file_offsets.h):
 * it covers the offsets first <= o < end, and each of them is either a line of the object or one of
 * its companion, the object of the same name among the sink's dead letters, whose lines name their
 * offsets.
 *
 * An offset is given only where the two together have exactly the lines that the sink wrote.
 */
#ifndef PN_ENGINE_DUCKDB_OFFSETS_H
#define PN_ENGINE_DUCKDB_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pn_duckdb;

/* From `line` on (the first is 1), up to the next step, a line's offset is its number + `shift`. */
struct pn_offset_step {
    int64_t line;
    int64_t shift;
};

/* Finds the steps of one object after the other; for one thread at a time. */
struct pn_offsets;
struct pn_offsets *pn_offsets_create(struct pn_duckdb *engine);
void pn_offsets_destroy(struct pn_offsets **offsets); /* NULL ok */

/* The steps of an object (or a file) that has so many lines; -1: they are counted, which reads it.
 * *count is 0 where its offsets aren't known, or it is not there. Good until the next call. */
int pn_offsets_find(struct pn_offsets *offsets, const char *name, bool is_object, int64_t lines,
                    const struct pn_offset_step **steps, size_t *count,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
