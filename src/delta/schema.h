/*
 * Table schemas as Delta's JSON (Spark's format): checks, comparison, and a look for the column
 * metadata that asks something of a writer.
 */
#ifndef PN_DELTA_SCHEMA_H
#define PN_DELTA_SCHEMA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* Is the text a struct type whose fields have names, types and nullability? Else INPUT. */
int pn_delta_schema_check(struct pn_json_parser *parser, const char *schema,
                          struct pn_err *e) PN_MUST_CHECK;
/* Do two schemas that pass the check have the same columns, in order, of the same types and
 * nullability? Comments and other metadata don't matter. */
bool pn_delta_schema_equal(const char *one, const char *other);
/*
 * May rows of schema `rows` go into a table of schema `table`? Every column of the rows must be in
 * the table with the same type, and nullable there when it is nullable here; what the rows lack
 * must be nullable. INPUT names the column.
 *
 * With `adds` (NULL ok) the table may also get columns, or fields of structs: *adds says whether it
 * does. Not where the rows lack a column of the table at the same place: it may be the same one
 * under another name.
 */
int pn_delta_schema_accepts(const char *table, const char *rows, bool *adds,
                            struct pn_err *e) PN_MUST_CHECK;
/* Appends the schema of the table with what the rows add to it, and their types where these are
 * wider, after such an answer, or that of pn_delta_widens(). */
void pn_delta_schema_add(const char *table, const char *rows, struct pn_buf *out);
/* The first column at the top of the table that the rows lack, in the arena; NULL: none. */
const char *pn_delta_schema_lacks(struct pn_arena *arena, const char *table, const char *rows);
/* Do two schemas generate the same columns by the same expressions? */
bool pn_delta_schema_generates_equal(const char *one, const char *other);
/* Is there a column of that name at the top? */
bool pn_delta_schema_has_column(const char *schema, const char *name);
/* Is a column at any depth of the primitive type `type`? */
bool pn_delta_schema_has_type(const char *schema, const char *type);
/* Does a column at any depth have metadata whose key starts with `prefix`? */
bool pn_delta_schema_has_metadata(const char *schema, const char *prefix);

#endif
