/*
 * Tables that lie where a pipeline keeps its own, and that it does not declare: of other writers,
 * or of a definition that is gone. Queries read them by their keys.
 *
 * The search looks below the first part of each path of the pipeline's tables ("delta_tables"), and
 * in the rest of the store only if asked to: that may be a bucket of many other things. It enters
 * no table, no folder of checkpoints or of the sink, none that is the store of another data folder
 * (it has a folder ".pinion"), and none whose name begins with "_" or "."; its limits are below.
 */
#ifndef PN_REPORT_UNDECLARED_H
#define PN_REPORT_UNDECLARED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

enum {
    PN_UNDECLARED_MAX = 200,           /* tables that are found */
    PN_UNDECLARED_LOOKS_MAX = 1000,    /* lists that the store is asked for */
    PN_UNDECLARED_OBJECTS_MAX = 50000, /* objects that these may give */
    PN_UNDECLARED_DEPTH_MAX = 8        /* parts of a key */
};

/* In the arena. */
struct pn_undeclared {
    const char **keys; /* each folder's tables in order of their names */
    size_t count;
    bool is_cut; /* a limit ended the search: there may be more */
};

enum pn_undeclared_where { PN_UNDECLARED_BESIDE_TABLES, PN_UNDECLARED_ANYWHERE };

/* What there is now; an error of the store's. BLOCKS. */
int pn_report_undeclared(const struct pn_pipeline *pipeline, struct pn_store *store,
                         enum pn_undeclared_where where, struct pn_arena *arena,
                         struct pn_undeclared *found, struct pn_err *e) PN_MUST_CHECK;

#endif
