/*
 * The versions of DAGs: a number for each definition that a DAG has had, from 1, with its text and
 * the time when it was first seen. A definition that comes back after another one is a new version.
 *
 * The scheduler records a definition when it takes it, and everything that reads versions or makes
 * runs records it first where it is faster. Kept are the newest PN_DAG_VERSIONS_KEPT of a DAG, and
 * older ones as long as a run that began with them is.
 */
#ifndef PN_DAG_VERSIONS_H
#define PN_DAG_VERSIONS_H

#include "dag/db.h"

enum { PN_DAG_VERSIONS_KEPT = 100 };

struct pn_dag_version {
    int64_t number;
    int64_t created_ms;
};

/* The version of a DAG's definition as it is now, recorded unless it is the newest. A transaction
 * of its own, or part of the caller's; one that only reads when there is nothing to record. */
int pn_dag_version_now(struct pn_dag_db *db, const struct pn_dag *dag, int64_t now_ms,
                       struct pn_dag_version *version, struct pn_err *e) PN_MUST_CHECK;
/* The same for all DAGs of a pipeline, in one transaction. */
int pn_dag_versions_see(struct pn_dag_db *db, const struct pn_pipeline *pipeline, int64_t now_ms,
                        struct pn_err *e) PN_MUST_CHECK;

/* One of them, with its text (NULL ok: it is not wanted) in the arena. MISSING when it is not kept.
 */
int pn_dag_version_read(struct pn_dag_db *db, const char *dag, int64_t number,
                        struct pn_arena *arena, struct pn_dag_version *version, const char **text,
                        struct pn_err *e) PN_MUST_CHECK;
/* The newest first, those below `before` (0: from the newest), at most `limit` (-1: all). */
int pn_dag_versions_list(struct pn_dag_db *db, const char *dag, int64_t before, int64_t limit,
                         struct pn_arena *arena, struct pn_dag_version **versions, size_t *count,
                         struct pn_err *e) PN_MUST_CHECK;
/* Those that a run began with or that an attempt of it ran, the oldest first: several, when it was
 * cleared after a change. None, when the run is older than the record of versions. */
int pn_dag_versions_of_run(struct pn_dag_db *db, const struct pn_run *run, struct pn_arena *arena,
                           struct pn_dag_version **versions, size_t *count,
                           struct pn_err *e) PN_MUST_CHECK;

#endif
