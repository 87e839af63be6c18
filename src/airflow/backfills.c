/* backfills: runs for the times of a range. */
#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/write.h"

enum { ACTIVE_RUNS_DEFAULT = 10, ACTIVE_RUNS_MAX = 100 };

static void put_backfill(struct pn_airflow_call *call, const struct pn_backfill *backfill)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_i64(json, "id", backfill->id);
    pn_json_add_cstr(json, "dag_id", backfill->dag);
    pn_json_add_cstr(json, "dag_display_name", backfill->dag);
    pn_airflow_add_time(json, "from_date", backfill->from_ms);
    pn_airflow_add_time(json, "to_date", backfill->to_ms);
    pn_json_add_bool(json, "is_paused", strcmp(backfill->state, "paused") == 0);
    pn_json_add_cstr(json, "reprocess_behavior", backfill->reprocess);
    pn_json_add_i64(json, "max_active_runs", backfill->active_runs_max);
    pn_airflow_add_time(json, "created_at", backfill->created_ms);
    pn_airflow_add_time(json, "updated_at", backfill->updated_ms);
    pn_airflow_add_time(json, "completed_at", backfill->ended_ms);
    pn_json_add_object(json, "dag_run_conf");
    pn_json_end(json);
    pn_json_end(json);
}

/* --- creation --------------------------------------------------------------------------------- */

static int read_reprocess(struct pn_airflow_call *call, const struct pn_json *body,
                          struct pn_backfill_plan *plan)
{
    const char *word = NULL;
    int rc = pn_airflow_body_text(call, body, "reprocess_behavior", &word);
    if (rc != 0 || word == NULL) {
        return rc;
    }
    for (int i = 0; i < PN_REPROCESSES; i++) {
        if (strcmp(word, pn_reprocess_names[i]) == 0) {
            plan->reprocess = (enum pn_reprocess)i;
            return 0;
        }
    }
    return pn_airflow_refuse(call, "body", "reprocess_behavior", "enum",
                             "it is none, failed or completed");
}

static int read_range(struct pn_airflow_call *call, const struct pn_json *body,
                      struct pn_backfill_plan *plan)
{
    int rc = pn_airflow_body_time(call, body, "from_date", &plan->from_ms);
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "to_date", &plan->to_ms);
    }
    if (rc == 0 && (plan->from_ms == PN_TIME_NONE || plan->to_ms == PN_TIME_NONE)) {
        return pn_airflow_refuse(call, "body",
                                 plan->from_ms == PN_TIME_NONE ? "from_date" : "to_date", "missing",
                                 "a time is required");
    }
    if (rc == 0 && plan->to_ms < plan->from_ms) {
        return pn_airflow_refuse(call, "body", "to_date", "value_error",
                                 "to_date is before from_date");
    }
    return rc;
}

/* The plan and the DAG that a body asks for; run_on_latest_version is what always happens. */
static int read_ask(struct pn_airflow_call *call, const struct pn_dag **dag,
                    struct pn_backfill_plan *plan)
{
    static const char *const names[] = {"dag_id",
                                        "from_date",
                                        "to_date",
                                        "max_active_runs",
                                        "reprocess_behavior",
                                        "run_backwards",
                                        "dag_run_conf",
                                        "run_on_latest_version",
                                        NULL};
    const struct pn_json *body = NULL;
    const char *name = NULL;
    const char *conf = NULL;
    *plan = (struct pn_backfill_plan){.active_runs_max = ACTIVE_RUNS_DEFAULT};
    int rc = pn_airflow_body(call, names, &body);
    if (rc == 0) {
        rc = pn_airflow_body_text(call, body, "dag_id", &name);
    }
    if (rc == 0 && name == NULL) {
        return pn_airflow_refuse(call, "body", "dag_id", "missing",
                                 "the name of a DAG is required");
    }
    if (rc == 0) {
        rc = read_range(call, body, plan);
    }
    if (rc == 0) {
        rc = read_reprocess(call, body, plan);
    }
    if (rc == 0) {
        rc = pn_airflow_body_number(call, body, "max_active_runs", ACTIVE_RUNS_DEFAULT, 1,
                                    ACTIVE_RUNS_MAX, &plan->active_runs_max);
    }
    if (rc == 0) {
        rc = pn_airflow_body_object(call, body, "dag_run_conf", &conf);
    }
    if (rc == 0 && conf != NULL && strspn(conf, "{} \t\r\n") != strlen(conf)) {
        return pn_airflow_refuse(call, "body", "dag_run_conf", "value_error",
                                 "the runs of a backfill have no conf");
    }
    if (rc == 0) {
        rc = pn_airflow_body_without(call, body, "run_backwards", false,
                                     "a backfill runs the oldest time first");
    }
    if (rc != 0) {
        return rc;
    }
    *dag = pn_pipeline_dag(call->pipeline, name);
    return *dag != NULL ? 0 : pn_err_missing(&call->failure, "DAG '%.200s' was not found", name);
}

/* A range that cannot be filled is wrong in itself. */
static int refuse_input(struct pn_airflow_call *call)
{
    return call->failure.class_ == PN_CLASS_INPUT
               ? pn_airflow_refuse(call, "body", NULL, "value_error", "%s", call->failure.msg)
               : PN_FAIL;
}

static int answer_dry_run(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_backfill_plan plan;
    int rc = read_ask(call, &dag, &plan);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_backfill_plan(call->db, dag, &plan, call->now_ms, call->arena, &call->failure);
    if (rc != 0) {
        return refuse_input(call);
    }
    pn_airflow_reply_begin(call, "backfills");
    for (size_t i = 0; i < plan.count; i++) {
        if (plan.items[i].action != PN_BACKFILL_LEAVE) {
            pn_json_put_object(&call->json);
            pn_airflow_add_time(&call->json, "logical_date", plan.items[i].logical_ms);
            PN_AIRFLOW_ADD_NULLS(&call->json, "partition_date", "partition_key");
            pn_json_end(&call->json);
        }
    }
    pn_airflow_reply_end(call, (int64_t)plan.runs);
    return 0;
}

static int reply_one(struct pn_airflow_call *call, int64_t id)
{
    struct pn_backfill backfill = {0};
    int rc = pn_dag_db_backfill(call->db, id, call->arena, &backfill, &call->failure);
    if (rc == 0) {
        put_backfill(call, &backfill);
    }
    return rc;
}

static int answer_create(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_backfill_plan plan;
    int64_t id = 0;
    int rc = read_ask(call, &dag, &plan);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_backfill_create(call->db, dag, &plan, NULL, "api", call->now_ms, call->arena,
                                   &id, &call->failure);
    return rc == 0 ? reply_one(call, id) : refuse_input(call);
}

/* --- what is there ---------------------------------------------------------------------------- */

static int answer_list(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {{"id", 0}, {"created_at", 0}, {NULL, 0}};
    struct pn_airflow_list list;
    struct pn_backfill *rows = NULL;
    const char *dag = NULL;
    size_t count = 0;
    int rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    if (rc == 0) {
        rc = pn_airflow_text(call, &list.source, "dag_id", &dag);
    }
    if (rc == 0) {
        rc = pn_dag_db_backfills(call->db, dag, 0, -1, call->arena, &rows, &count, &call->failure);
    }
    if (rc != 0) {
        return rc;
    }
    /* The database gives the newest first, and ids grow with the times. */
    bool newest_first = list.find.order_count > 0 && list.orders[0].descending;
    pn_airflow_reply_begin(call, "backfills");
    for (size_t i = 0; i < count; i++) {
        if (pn_airflow_list_shows(&list, i)) {
            put_backfill(call, &rows[newest_first ? i : count - 1 - i]);
        }
    }
    pn_airflow_reply_end(call, (int64_t)count);
    return 0;
}

static int answer_get(struct pn_airflow_call *call)
{
    int64_t id = 0;
    int rc = pn_airflow_path_number(call, 0, "backfill_id", &id);
    return rc == 0 ? reply_one(call, id) : rc;
}

/* One that is over, or is so already, is a conflict. */
static int act(struct pn_airflow_call *call, enum pn_backfill_act what)
{
    int64_t id = 0;
    int rc = pn_airflow_path_number(call, 0, "backfill_id", &id);
    if (rc == 0) {
        rc = pn_dag_db_backfill_act(call->db, id, what, "api", call->now_ms, call->arena,
                                    &call->failure);
        if (rc != 0 && call->failure.class_ == PN_CLASS_INPUT) {
            call->failure.class_ = PN_CLASS_CONFLICT;
        }
    }
    return rc == 0 ? reply_one(call, id) : rc;
}

static int answer_pause(struct pn_airflow_call *call)
{
    return act(call, PN_BACKFILL_PAUSE);
}

static int answer_unpause(struct pn_airflow_call *call)
{
    return act(call, PN_BACKFILL_UNPAUSE);
}

static int answer_cancel(struct pn_airflow_call *call)
{
    return act(call, PN_BACKFILL_CANCEL);
}

const struct pn_airflow_endpoint pn_airflow_backfills[] = {
    {PN_HTTP_GET, "backfills", answer_list, PN_RIGHT_READ},
    {PN_HTTP_POST, "backfills", answer_create, PN_RIGHT_ADMIN},
    {PN_HTTP_POST, "backfills/dry_run", answer_dry_run, PN_RIGHT_READ},
    {PN_HTTP_GET, "backfills/{}", answer_get, PN_RIGHT_READ},
    {PN_HTTP_PUT, "backfills/{}/pause", answer_pause, PN_RIGHT_ADMIN},
    {PN_HTTP_PUT, "backfills/{}/unpause", answer_unpause, PN_RIGHT_ADMIN},
    {PN_HTTP_PUT, "backfills/{}/cancel", answer_cancel, PN_RIGHT_ADMIN},
    {.pattern = NULL},
};
