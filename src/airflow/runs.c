/* dagRuns: lists, one, trigger. */
#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/states.h"
#include "airflow/write.h"

/* --- lists ------------------------------------------------------------------------------------ */

static const struct pn_airflow_sort sorts[] = {
    {"id", PN_FIND_RUN},
    {"dag_id", PN_FIND_DAG},
    {"run_id", PN_FIND_RUN_ID},
    {"dag_run_id", PN_FIND_RUN_ID},
    {"state", PN_FIND_RUN_STATE},
    {"run_type", PN_FIND_RUN_TYPE},
    {"logical_date", PN_FIND_LOGICAL},
    {"data_interval_start", PN_FIND_INTERVAL_START},
    {"data_interval_end", PN_FIND_INTERVAL_END},
    {"run_after", PN_FIND_RUN_AFTER},
    {"queued_at", PN_FIND_RUN_QUEUED},
    {"start_date", PN_FIND_RUN_STARTED},
    {"end_date", PN_FIND_RUN_ENDED},
    {"duration", PN_FIND_RUN_LASTED},
    {"updated_at", PN_FIND_RUN_CHANGED},
    {"conf", PN_FIND_CONF},
    {NULL, 0},
};

static const struct pn_airflow_range_filter ranges[] = {
    {"run_after", PN_FIND_RUN_AFTER, false},
    {"logical_date", PN_FIND_LOGICAL, false},
    {"start_date", PN_FIND_RUN_STARTED, false},
    {"end_date", PN_FIND_RUN_ENDED, false},
    {"updated_at", PN_FIND_RUN_CHANGED, false},
    {"duration", PN_FIND_RUN_LASTED, true},
    {NULL, 0, false},
};

static const struct pn_airflow_text_filter texts[] = {
    {"conf_contains", PN_FIND_CONF, PN_FIND_LIKE},
    {"run_type", PN_FIND_RUN_TYPE, PN_FIND_IS},
    {"dag_ids", PN_FIND_DAG, PN_FIND_IS},
    {"run_id_pattern", PN_FIND_RUN_ID, PN_FIND_LIKE},
    {"run_id_prefix_pattern", PN_FIND_RUN_ID, PN_FIND_BEGINS},
    {"dag_id_pattern", PN_FIND_DAG, PN_FIND_LIKE},
    {"dag_id_prefix_pattern", PN_FIND_DAG, PN_FIND_BEGINS},
    {NULL, 0, 0},
};

static int reply_list(struct pn_airflow_call *call, struct pn_airflow_list *list)
{
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t total = 0;
    int rc = pn_dag_db_find_runs(call->db, &list->find, call->arena, &runs, &count, &total,
                                 &call->failure);
    if (rc != 0) {
        return rc;
    }
    pn_airflow_reply_begin(call, "dag_runs");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = pn_airflow_put_run(call, &runs[i]);
    }
    pn_airflow_reply_end(call, total);
    return rc;
}

/* By a query, or by a body. */
static int answer_with(struct pn_airflow_call *call, const struct pn_json *body)
{
    const struct pn_dag *dag = NULL;
    struct pn_airflow_list list;
    int rc = pn_airflow_dag_or_all(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_list_begin(call, body, sorts, &list);
    }
    if (rc == 0 && dag != NULL) {
        pn_airflow_list_add_one(call, &list, PN_FIND_DAG, dag->name);
    }
    if (rc == 0) {
        rc = pn_airflow_list_ranges(call, &list, ranges);
    }
    if (rc == 0) {
        rc = pn_airflow_list_texts(call, &list, texts);
    }
    if (rc == 0) {
        rc = pn_airflow_list_states(call, &list, body != NULL ? "states" : "state",
                                    PN_FIND_RUN_STATE, pn_airflow_find_run_state);
    }
    return rc == 0 ? reply_list(call, &list) : rc;
}

static int answer_list(struct pn_airflow_call *call)
{
    return answer_with(call, NULL);
}

static int answer_batch(struct pn_airflow_call *call)
{
    static const char *const names[] = {"order_by",         "page_offset",     "page_limit",
                                        "dag_ids",          "states",          "run_after_gte",
                                        "run_after_gt",     "run_after_lte",   "run_after_lt",
                                        "logical_date_gte", "logical_date_gt", "logical_date_lte",
                                        "logical_date_lt",  "start_date_gte",  "start_date_gt",
                                        "start_date_lte",   "start_date_lt",   "end_date_gte",
                                        "end_date_gt",      "end_date_lte",    "end_date_lt",
                                        "duration_gte",     "duration_gt",     "duration_lte",
                                        "duration_lt",      "conf_contains",   NULL};
    const struct pn_json *body = NULL;
    int rc = pn_airflow_body(call, names, &body);
    return rc == 0 ? answer_with(call, body) : rc;
}

/* --- one -------------------------------------------------------------------------------------- */

static int answer_get(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    int rc = pn_airflow_run(call, &dag, &run);
    return rc == 0 ? pn_airflow_put_run(call, &run) : rc;
}

/* --- trigger ---------------------------------------------------------------------------------- */

static int read_trigger(struct pn_airflow_call *call, struct pn_trigger *how)
{
    static const char *const names[] = {"dag_run_id",
                                        "logical_date",
                                        "data_interval_start",
                                        "data_interval_end",
                                        "run_after",
                                        "conf",
                                        "note",
                                        "partition_key",
                                        NULL};
    const struct pn_json *body = NULL;
    int64_t run_after_ms = PN_TIME_NONE;
    int rc = pn_airflow_body(call, names, &body);
    *how = pn_trigger_of("api");
    if (rc == 0) {
        rc = pn_airflow_body_text(call, body, "dag_run_id", &how->run_id);
    }
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "logical_date", &how->logical_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "data_interval_start", &how->interval_start_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "data_interval_end", &how->interval_end_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "run_after", &run_after_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_object(call, body, "conf", &how->conf);
    }
    if (rc == 0) {
        rc = pn_airflow_body_text(call, body, "note", &how->note);
    }
    if (rc == 0) {
        rc = pn_airflow_body_without(call, body, "partition_key", false,
                                     "the runs of pinion have no partitions");
    }
    how->run_after_ms = run_after_ms != PN_TIME_NONE ? run_after_ms : 0;
    bool has_start = how->interval_start_ms != PN_TIME_NONE;
    bool has_end = how->interval_end_ms != PN_TIME_NONE;
    if (rc == 0 && (has_start != has_end || how->interval_end_ms < how->interval_start_ms)) {
        return pn_airflow_refuse(call, "body", "data_interval_end", "value_error",
                                 "data_interval_start and data_interval_end come together, in"
                                 " this order");
    }
    return rc;
}

/* What was acknowledged is landed first, so that the run sees it. */
static int answer_trigger(struct pn_airflow_call *call)
{
    const struct pn_airflow_env *env = call->env;
    const struct pn_dag *dag = NULL;
    struct pn_trigger how;
    struct pn_run run = {0};
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = read_trigger(call, &how);
    }
    if (rc == 0 && env->flush != NULL) {
        rc = env->flush(env->flush_arg, &call->failure);
    }
    if (rc == 0) {
        rc =
            pn_dag_db_trigger(call->db, dag, &how, call->now_ms, call->arena, &run, &call->failure);
        if (rc != 0 && call->failure.class_ == PN_CLASS_INPUT) {
            return pn_airflow_refuse(call, "body", NULL, "value_error", "%s", call->failure.msg);
        }
    }
    return rc == 0 ? pn_airflow_put_run(call, &run) : rc;
}

const struct pn_airflow_endpoint pn_airflow_runs[] = {
    {PN_HTTP_GET, "dags/{}/dagRuns", answer_list, PN_RIGHT_READ},
    {PN_HTTP_POST, "dags/{}/dagRuns", answer_trigger, PN_RIGHT_ADMIN},
    {PN_HTTP_POST, "dags/{}/dagRuns/list", answer_batch, PN_RIGHT_READ},
    {PN_HTTP_GET, "dags/{}/dagRuns/{}", answer_get, PN_RIGHT_READ},
    {.pattern = NULL},
};
