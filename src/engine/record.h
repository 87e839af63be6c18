/*
 * What producers send, made into rows, for loads and streams alike. The data of a record may be
 *
 *   {...}                   a row
 *   "..."                   a string: base64 of JSON, or else JSON text
 *   eyJ...                  base64 of JSON without quotes, as API Gateway's PutRecords leaves it
 *   {"value":{...}}         a row, wrapped as for the Kafka REST routes
 *   [{...},{"value":{}}]    several of them
 *
 * and JSON within a string likewise. A byte-order mark before it is skipped. Anything else is not a
 * row, with a reason for a person.
 */
#ifndef PN_ENGINE_RECORD_H
#define PN_ENGINE_RECORD_H

#include "base/arena.h"
#include "base/json.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

enum { PN_RECORD_ROWS_MAX = 10000 }; /* rows in one record */

/* One row: its JSON text, or `reason` (not NULL) why there is none. */
struct pn_decoded {
    void (*row)(void *arg, struct pn_bytes value, const char *reason);
    void *arg;
};

/* Is it plainly an object, and none that wraps a row? Looks at its beginning only: whether it is
 * JSON shows to who parses it. */
bool pn_record_is_row(struct pn_bytes data, bool keeps_value);

/* Do rows of this raw table have a member "value" of their own? It is not a wrapper then. */
bool pn_record_keeps_value(const struct pn_table *raw);

/* Calls `out` at least once. Values point into `data` or into the arena, as reasons do. With
 * `keeps_value` a lone member "value" is a column, and no wrapper. */
void pn_record_decode(struct pn_json_parser *parser, struct pn_bytes data, bool keeps_value,
                      struct pn_arena *arena, const struct pn_decoded *out);

#endif
