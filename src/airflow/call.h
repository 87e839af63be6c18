/* What the files of the front share: one request on its way to its reply. */
#ifndef PN_AIRFLOW_CALL_H
#define PN_AIRFLOW_CALL_H

#include "airflow/airflow.h"
#include "base/json_writer.h"
#include "dag/dag.h"
#include "dag/db_pool.h"

enum { PN_UUID_SIZE = 37 };

struct pn_airflow {
    struct pn_airflow_env env;
    struct pn_dag_db_pool *dbs;
    struct pn_airflow_bound *bound; /* each endpoint with this front, and its route */
};

/* A call runs on a pool thread. */
struct pn_airflow_call {
    const struct pn_airflow_env *env;
    struct pn_dag_db_pool *dbs;
    struct pn_http_request *req;
    struct pn_arena *arena;                 /* the request's */
    const struct pn_definition *definition; /* in force, held */
    const struct pn_pipeline *pipeline;     /* its */
    struct pn_dag_db *db;
    int64_t now_ms;
    struct pn_json_writer json;   /* of the reply's body */
    struct pn_err failure;        /* why the call failed, unless it is `replied` */
    bool replied;                 /* the reply of a failure is there */
    enum pn_http_handled handled; /* what is next after a success */
    /* Found once a call. */
    struct pn_reason_context reasons;
    bool has_reasons;
};

/* Answers a call, with a status of 200 unless it sets another. On failure *failure is set, or the
 * reply is there. */
typedef int pn_airflow_fn(struct pn_airflow_call *call);

struct pn_airflow_endpoint {
    enum pn_http_method method;
    const char *pattern; /* below api/v2/ */
    pn_airflow_fn *answer;
    enum pn_http_right right;
};
/* One table for each file with endpoints; it ends with a NULL pattern. */
extern const struct pn_airflow_endpoint pn_airflow_dags[];
extern const struct pn_airflow_endpoint pn_airflow_runs[];
extern const struct pn_airflow_endpoint pn_airflow_run_changes[];
extern const struct pn_airflow_endpoint pn_airflow_wait[];
extern const struct pn_airflow_endpoint pn_airflow_task_instances[];
extern const struct pn_airflow_endpoint pn_airflow_task_changes[];
extern const struct pn_airflow_endpoint pn_airflow_logs[];
extern const struct pn_airflow_endpoint pn_airflow_tasks[];
extern const struct pn_airflow_endpoint pn_airflow_sources[];
extern const struct pn_airflow_endpoint pn_airflow_backfills[];
extern const struct pn_airflow_endpoint pn_airflow_pools[];
extern const struct pn_airflow_endpoint pn_airflow_monitor[];

/* --- what the path names ---------------------------------------------------------------------- */

/* The DAG in the path's first parameter. MISSING when the pipeline has none of that name. */
int pn_airflow_dag(struct pn_airflow_call *call, const struct pn_dag **dag) PN_MUST_CHECK;
/* The same for a name that may be "~": then *dag is NULL. */
int pn_airflow_dag_or_all(struct pn_airflow_call *call, const struct pn_dag **dag) PN_MUST_CHECK;
/* The run in the second one, of the DAG in the first. */
int pn_airflow_run(struct pn_airflow_call *call, const struct pn_dag **dag,
                   struct pn_run *run) PN_MUST_CHECK;

/* --- why runs and tasks wait ------------------------------------------------------------------ */

/* The context is the call's. */
int pn_airflow_reasons(struct pn_airflow_call *call,
                       const struct pn_reason_context **context) PN_MUST_CHECK;

#endif
