/* The sources of a server's live updates. Each is used by the hub's thread alone. */
#ifndef PN_SERVER_LIVE_INTERNAL_H
#define PN_SERVER_LIVE_INTERNAL_H

#include "dag/db.h"
#include "live/hub.h"
#include "server/live.h"

struct pn_live_dags {
    const struct pn_io *io;
    char *path;           /* of state.db */
    struct pn_dag_db *db; /* NULL: not opened yet */
};

struct pn_live_log {
    struct pn_log *log;
    const struct pn_clock *clock;
    struct pn_api_overview *overview; /* whose rates are sampled while somebody looks */
    int64_t changed_ms; /* when records last came in, on the monotonic clock; 0: not seen */
};

struct pn_live_tables {
    const struct pn_app *app;
    struct pn_store *store;
};

struct pn_live_queries {
    struct pn_executor *executor;
};

void pn_live_dags_init(struct pn_live_dags *dags, const struct pn_app *app);
void pn_live_dags_deinit(struct pn_live_dags *dags);
/* Adds the sources; what they stand on stays where it is. */
void pn_live_dags_add(struct pn_live_dags *dags, struct pn_live *live);
void pn_live_log_add(struct pn_live_log *log, struct pn_live *live);
void pn_live_groups_add(const struct pn_api_group_routes *groups, struct pn_live *live);
void pn_live_tables_add(struct pn_live_tables *tables, struct pn_live *live);
void pn_live_queries_add(struct pn_live_queries *queries, struct pn_live *live);
void pn_live_jobs_add(struct pn_jobs *jobs, struct pn_live *live);

#endif
