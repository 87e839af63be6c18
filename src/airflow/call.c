#include "airflow/call.h"

#include <string.h>

/* --- what the path names ---------------------------------------------------------------------- */

int pn_airflow_dag(struct pn_airflow_call *call, const struct pn_dag **dag)
{
    const char *name = call->req->params[0];
    *dag = pn_pipeline_dag(call->pipeline, name);
    return *dag != NULL
               ? 0
               : pn_err_missing(&call->failure,
                                "DAG '%.200s' was not found: GET /api/v2/dags lists them", name);
}

int pn_airflow_dag_or_all(struct pn_airflow_call *call, const struct pn_dag **dag)
{
    *dag = NULL;
    return strcmp(call->req->params[0], "~") == 0 ? 0 : pn_airflow_dag(call, dag);
}

int pn_airflow_run(struct pn_airflow_call *call, const struct pn_dag **dag, struct pn_run *run)
{
    int rc = pn_airflow_dag(call, dag);
    struct pn_err failure = {0};
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_run(call->db, (*dag)->name, call->req->params[1], call->arena, run, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return pn_err_missing(&call->failure, "run '%.200s' of DAG '%s' was not found",
                              call->req->params[1], (*dag)->name);
    }
    pn_err_copy(&call->failure, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_airflow_reasons(struct pn_airflow_call *call, const struct pn_reason_context **context)
{
    const struct pn_airflow_env *env = call->env;
    int rc = 0;
    if (!call->has_reasons) {
        call->reasons = (struct pn_reason_context){
            .pipeline = call->pipeline, .tasks_max = env->tasks_max, .now_ms = call->now_ms};
        rc = pn_scheduler_lives(env->data_folder, env->io, &call->reasons.scheduler_lives,
                                &call->failure);
        call->has_reasons = rc == 0;
    }
    *context = &call->reasons;
    return rc;
}
