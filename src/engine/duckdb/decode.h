/*
 * One JSON record to one row, by a table's declared columns. The rules:
 *
 * - A value comes under its column's name, or else under the first alias that has one. JSON null
 *   and an absent member are null; in a required column they make the record no row.
 * - An object whose one member is the column's `unwrap` stands for that member's value.
 * - string takes strings; the integer types take numbers without a fraction (5, 5.0, 5e0) that fit,
 *   which their digits decide; decimal takes numbers that have no more digits than it, on either
 *   side of the point; double and float take numbers within their range; boolean takes true and
 *   false; timestamp and date take a string of the grammar in base/time_text.h; binary takes a
 *   string of base64; json takes any value, as its text; a struct takes an object, its fields by
 *   these same rules; an array takes an array, its items likewise, of which any may be null; a map
 *   takes an object, and of a name that is repeated the last value. Anything else makes the record
 *   no row.
 * - A lenient column (`coerce: lenient`), and all within it, takes values of other types as well:
 *   coerce.h has the rules.
 * - A column with an origin (`from:`) takes no member, but where the record came from (origin.h).
 * - Members that no column takes, or no field of a struct, are counted and, as the table says,
 *   dropped, kept or a reason to reject the record.
 */
#ifndef PN_ENGINE_DUCKDB_DECODE_H
#define PN_ENGINE_DUCKDB_DECODE_H

#include <duckdb.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/duckdb/origin.h"
#include "engine/duckdb/unknown.h"
#include "pipeline/pipeline.h"

struct pn_decoder; /* for one thread at a time */

/* `where` says which record is being decoded, for the examples of unknown members. */
struct pn_decoder *pn_decoder_create(const struct pn_table *table,
                                     const struct pn_unknown_where *where);
void pn_decoder_destroy(struct pn_decoder **decoder); /* NULL ok */

/* The columns of a table's rows: its own, and PN_UNKNOWN_COLUMN after them when it keeps members
 * that no column takes. */
size_t pn_decoder_columns(const struct pn_table *table);
const struct pn_column *pn_decoder_column(const struct pn_table *table, size_t i);

/* The chunk that the next rows go to. */
void pn_decoder_attach(struct pn_decoder *decoder, duckdb_data_chunk chunk);

/*
 * Decodes the record in `len` bytes at `text` (`capacity` as for pn_json_parse()), which came from
 * `origin`, into row `row` of the chunk. Returns 0, or PN_FAIL with the reason in *why (class
 * INPUT): the record is not a row, and the chunk's row may be used again. Any other class is an
 * error of the machine, not the record's.
 */
int pn_decoder_row(struct pn_decoder *decoder, const char *text, size_t len, size_t capacity,
                   const struct pn_origin_values *origin, idx_t row,
                   struct pn_err *why) PN_MUST_CHECK;
/* Moves what was counted of unknown members to `unknown`. */
void pn_decoder_move_unknown(struct pn_decoder *decoder, struct pn_unknown *unknown);

#endif
