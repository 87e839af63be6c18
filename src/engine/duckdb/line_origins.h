/*
 * Where the lines of landed objects came from, for tables whose columns take that (origin.h). For
 * one thread at a time.
 *
 * An object's name gives its topic and partition. What else there is of a line is in the object of
 * origins that the sink has put beside it (store/origins_key.h): it is found by the checksum of the
 * landed object, so origins never are those of other lines. Where there is none, the offset may
 * still follow from what the store keeps (offsets.h). These are looked for only if a column takes
 * them.
 */
#ifndef PN_ENGINE_DUCKDB_LINE_ORIGINS_H
#define PN_ENGINE_DUCKDB_LINE_ORIGINS_H

#include "engine/duckdb/origin.h"

struct pn_duckdb;
struct pn_line_origins;

/* Is a line's origin known only to the reader of all lines of its object, in order? */
bool pn_line_origins_need_all(const struct pn_table *table);

struct pn_line_origins *pn_line_origins_create(struct pn_duckdb *engine,
                                               const struct pn_table *table);
void pn_line_origins_destroy(struct pn_line_origins **origins); /* NULL ok */

/* Begins with an object (or a file) of the topic (NULL: not known), which was stored with that sum
 * (NULL: it is not known). Texts are borrowed. */
int pn_line_origins_open(struct pn_line_origins *origins, const char *topic, const char *name,
                         bool is_object, const uint32_t *sum, struct pn_err *e) PN_MUST_CHECK;
/* Of a line (the first is 1), which does not come before the one that was asked for last. Good
 * until the next call. CORRUPT when the object of origins does not fit. */
int pn_line_origins_at(struct pn_line_origins *origins, int64_t line,
                       const struct pn_origin_values **values, struct pn_err *e) PN_MUST_CHECK;
/* After the last line of an object: CORRUPT when its origins are not those that were landed. */
int pn_line_origins_end(struct pn_line_origins *origins, int64_t lines,
                        struct pn_err *e) PN_MUST_CHECK;

#endif
