/*
 * The upkeep of a table, as people ask for it: optimize (fewer, larger files) and vacuum (no dead
 * ones), each also as a dry run that changes nothing and lists the files that it would touch. The
 * command line and the jobs of a server (jobs.h) use it.
 */
#ifndef PN_UPKEEP_UPKEEP_H
#define PN_UPKEEP_UPKEEP_H

#include "delta/delta.h"
#include "engine/engine.h"

enum pn_upkeep_kind { PN_UPKEEP_OPTIMIZE, PN_UPKEEP_VACUUM };
const char *pn_upkeep_kind_name(enum pn_upkeep_kind kind); /* "optimize", "vacuum" */

struct pn_upkeep {
    enum pn_upkeep_kind kind;
    bool dry_run;
    int64_t target_bytes; /* optimize: above 0 */
    int64_t retention_ms; /* vacuum: -1 is the table's own */
    bool force;           /* vacuum: allows a retention below the table's own */
};

/* What the caller hears meanwhile, on its own thread. Each may be NULL. */
struct pn_upkeep_watch {
    /* A file that a dry run would merge or delete, or that a vacuum has deleted. */
    void (*file)(void *arg, const char *path, int64_t size_bytes);
    /* So many files are done, of `total` (-1: not known). False ends it: what is done stays done,
     * and the call fails as RETRY. */
    bool (*step)(void *arg, int64_t done, int64_t total);
    /* Work that takes long begins, which interrupt(target) ends early, on any thread: the call then
     * fails as RETRY. With NULL that work is over. */
    void (*interruptible)(void *arg, void (*interrupt)(void *target), void *target);
    void *arg;
};

struct pn_upkeep_result {
    int64_t files; /* that were, or would be, merged or deleted; and their bytes */
    int64_t size_bytes;
    int64_t files_before; /* optimize: of the table. A dry run knows those of the first pass */
    int64_t files_after;
};

/* Does it. INPUT: a retention that is shorter than the table's own, without `force`; MISSING: the
 * table does not exist. The engine is used by optimize alone; `table` is a handle on its place.
 * After an error *result says what was done before it. */
int pn_upkeep_run(struct pn_engine *engine, struct pn_delta *table, const struct pn_upkeep *upkeep,
                  const struct pn_upkeep_watch *watch, struct pn_upkeep_result *result,
                  struct pn_err *e) PN_MUST_CHECK;

#endif
