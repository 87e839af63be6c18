/* From the rows that the engine gives, JSON values, to a writer of rows in any format. */
#ifndef PN_QUERY_ANSWER_H
#define PN_QUERY_ANSWER_H

#include "base/json.h"
#include "report/row_writer.h"

/* Declares the columns of a query's result. */
void pn_answer_columns(struct pn_row_writer *rows, const char *const *names,
                       const char *const *types, size_t count);
/* Writes one row. `parser` is the caller's, for strings. */
void pn_answer_row(struct pn_row_writer *rows, struct pn_json_parser *parser,
                   const char *const *values, size_t count);

#endif
