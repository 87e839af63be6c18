/*
 * The files that an instance of DuckDB may open: those of the tables that a query names, and no
 * others of the store.
 */
#ifndef PN_ENGINE_DUCKDB_REACH_H
#define PN_ENGINE_DUCKDB_REACH_H

#include <stdbool.h>

#include "base/buf.h"
#include "delta/delta.h"

struct pn_duckdb;

/* Paths, sorted and each once after pn_duckdb_reach_sort(). Zeroed is none. */
struct pn_duckdb_reach {
    char **paths;
    size_t count;
    size_t capacity;
};
void pn_duckdb_reach_deinit(struct pn_duckdb_reach *reach);
/* Adds the files of a table's version that are in the store. Of a store that is not local nothing:
 * there DuckDB reads copies, which this process alone makes. */
int pn_duckdb_reach_add(struct pn_duckdb *engine, const char *table_path,
                        const struct pn_delta_snapshot *snapshot, struct pn_duckdb_reach *reach,
                        struct pn_err *e) PN_MUST_CHECK;
void pn_duckdb_reach_sort(struct pn_duckdb_reach *reach);
/* Of two that are sorted: are the paths of `inner` all in `outer`? */
bool pn_duckdb_reach_covers(const struct pn_duckdb_reach *outer,
                            const struct pn_duckdb_reach *inner);
/* Moves the paths of `from`, which is none then, into one that is sorted after it. */
void pn_duckdb_reach_merge(struct pn_duckdb_reach *reach, struct pn_duckdb_reach *from);
/* Appends the paths as a list of texts, "['a', 'b']". */
void pn_duckdb_reach_list(const struct pn_duckdb_reach *reach, struct pn_buf *sql);

#endif
