/*
 * The columns of a table as its log declares them, with the names under which its files have them
 * (the protocol's "Column Mapping"), and with every type that a log has. A pipeline declares the
 * columns of its own tables; this is for the tables of other writers.
 */
#ifndef PN_ENGINE_DUCKDB_STORED_H
#define PN_ENGINE_DUCKDB_STORED_H

#include <duckdb.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "delta/delta.h"

enum pn_stored_kind { PN_STORED_VALUE, PN_STORED_STRUCT, PN_STORED_LIST, PN_STORED_MAP };

struct pn_stored {
    const char *name;     /* of a column or field; NULL for the parts of lists and maps */
    const char *physical; /* its name in the files and among the partition values */
    enum pn_stored_kind kind;
    const char *sql;         /* a VALUE's type in DuckDB; NULL: this engine has no such type */
    const char *type;        /* a VALUE's type in the log, for messages */
    struct pn_stored *parts; /* the fields; the element; the key and the value */
    size_t part_count;
};

/* Reads the schema of a table's metadata as one STRUCT. The arena owns what it points to. INPUT for
 * a damaged schema; pn_stored_check() refuses types that this engine does not have. */
int pn_stored_read(struct pn_arena *arena, const struct pn_delta_metadata *metadata,
                   struct pn_stored *columns, struct pn_err *e) PN_MUST_CHECK;
/* Does the table map the names of its columns? Then the files have others. */
bool pn_stored_is_mapped(const struct pn_delta_metadata *metadata);
/* The field of that name, in any case of letters; NULL: there is none. */
const struct pn_stored *pn_stored_find(const struct pn_stored *of, const char *name);
/* INPUT when a part of a column at any depth has a type that is unknown here. */
int pn_stored_check(const struct pn_stored *column, const char *table_path,
                    struct pn_err *e) PN_MUST_CHECK;
/* Appends the DuckDB type of a column that passed the check. */
void pn_stored_add_type(const struct pn_stored *column, struct pn_buf *sql);
/* Appends the expression `value`, which the files have in the type `found`, as one of the column's
 * type: with the log's names instead of those of the files, and null for fields that no file has.
 */
void pn_stored_add_value(const struct pn_stored *column, const char *value,
                         duckdb_logical_type found, struct pn_buf *sql);

#endif
