/* A DAG at a glance: its state, what it is due, and how its last runs went. */
#ifndef PN_REPORT_DAG_OVERVIEW_H
#define PN_REPORT_DAG_OVERVIEW_H

#include "dag/dag.h"

enum { PN_OVERVIEW_RUNS = 25 };

struct pn_dag_overview {
    struct pn_dag_status status;
    int64_t next_ms;     /* when its schedule is due next; PN_TIME_NONE: never, or it is paused */
    struct pn_run *last; /* its newest runs, the newest first */
    size_t last_count;
    int64_t counts[PN_RUN_STATES];     /* of all its runs */
    int64_t day_counts[PN_RUN_STATES]; /* of those that were queued in the last 24 hours */
    int64_t success_ms;                /* when its last success ended; PN_TIME_NONE: never */
    const char *failed_task;           /* the first that failed in its newest run; "" for none */
};

int pn_dag_overview_read(struct pn_dag_db *db, const struct pn_dag *dag, int64_t now_ms,
                         struct pn_arena *arena, struct pn_dag_overview *overview,
                         struct pn_err *e) PN_MUST_CHECK;

/* The lines of its schedule, with ", " between them; "" for none. In the arena. */
const char *pn_dag_schedule_text(const struct pn_dag *dag, struct pn_arena *arena);

#endif
