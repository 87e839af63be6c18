/*
 * Values of a lenient column (`coerce: lenient`): what the strict rules of decode.h refuse becomes
 * a value of the column's type where one of these rules takes it. Each has a name, which the reason
 * of a dead letter ends with.
 *
 *   number-in-text      integers, decimal, double, float take a string that holds a number, with a
 *                       sign, zeros before it, and a point at either end: "+07", ".5", "5."
 *   boolean-in-text     boolean takes "true", "t", "yes", "y", "on", "1" and "false", "f", "no",
 *                       "n", "off", "0", in any case
 *   number-as-boolean   boolean takes 1 and 0
 *   value-as-text       string takes a number and a boolean, as they are written
 *   epoch               timestamp takes a number, or a string of one with 9 digits or more before
 *                       its point: seconds since 1970 when it is below 1e11, else milliseconds;
 *                       digits finer than a microsecond are dropped. A date takes the day in UTC of
 *                       either with 9 digits or more: 20240101 is not 234 days after 1970
 *   time-in-text        timestamp and date take ISO 8601 in full (base/time_text.h); a date takes
 *                       the day that is written
 *
 * Blanks around a text are skipped. The value that a rule makes must fit the type as any other.
 * docs/pipeline.md has the same table; deploy/spark/pinion_record.py does the same.
 */
#ifndef PN_ENGINE_DUCKDB_COERCE_H
#define PN_ENGINE_DUCKDB_COERCE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "pipeline/pipeline.h"

/* Like pn_value_check(), and changes the node to what pn_value_put() takes: a number, a string or a
 * boolean that strict rules take, or for a timestamp and a date a whole number of microseconds or
 * days since 1970. What it points to then is the arena's. A node that is refused may be a number in
 * the place of its text. */
int pn_coerce(const struct pn_type *type, struct pn_json *node, struct pn_arena *arena,
              struct pn_err *why) PN_MUST_CHECK;

#endif
