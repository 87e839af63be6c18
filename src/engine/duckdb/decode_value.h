/*
 * One value of JSON to one of a column of a type without parts: whether it is one, and where it
 * goes. decode.h has the rules.
 */
#ifndef PN_ENGINE_DUCKDB_DECODE_VALUE_H
#define PN_ENGINE_DUCKDB_DECODE_VALUE_H

#include <duckdb.h>

#include "base/err.h"
#include "base/json.h"
#include "pipeline/pipeline.h"

/* INPUT with the reason when the value, which is not null, is none of the type: of one with parts,
 * always. The message does not name the column. */
int pn_value_check(const struct pn_type *type, const struct pn_json *node,
                   struct pn_err *why) PN_MUST_CHECK;
/* Puts a value that passed the check into row `row` of a vector of the type, whose data is `data`.
 */
void pn_value_put(const struct pn_type *type, const struct pn_json *node, duckdb_vector vector,
                  void *data, idx_t row);

#endif
