/* monitor/health, version, and eventLogs: the server, and what people did. */
#include "airflow/list.h"
#include "airflow/write.h"

static int answer_health(struct pn_airflow_call *call)
{
    const struct pn_reason_context *context = NULL;
    struct pn_json_writer *json = &call->json;
    int rc = pn_airflow_reasons(call, &context);
    if (rc != 0) {
        return rc;
    }
    /* The call has a connection to the database, or it would not be here. */
    pn_json_put_object(json);
    pn_json_add_object(json, "metadatabase");
    pn_json_add_cstr(json, "status", "healthy");
    pn_json_end(json);
    pn_json_add_object(json, "scheduler");
    pn_json_add_cstr(json, "status", context->scheduler_lives ? "healthy" : "unhealthy");
    /* A scheduler that lives has the lock of its folder now. */
    pn_airflow_add_time(json, "latest_scheduler_heartbeat",
                        context->scheduler_lives ? call->now_ms : PN_TIME_NONE);
    pn_json_end(json);
    pn_json_add_object(json, "triggerer");
    PN_AIRFLOW_ADD_NULLS(json, "status", "latest_triggerer_heartbeat");
    pn_json_end(json);
    pn_json_add_object(json, "dag_processor");
    PN_AIRFLOW_ADD_NULLS(json, "status", "latest_dag_processor_heartbeat");
    pn_json_end(json);
    pn_json_end(json);
    return 0;
}

static int answer_version(struct pn_airflow_call *call)
{
    pn_json_put_object(&call->json);
    pn_json_add_cstr(&call->json, "version", PINION_VERSION);
    pn_json_add_null(&call->json, "git_version");
    pn_json_end(&call->json);
    return 0;
}

/* --- event logs ------------------------------------------------------------------------------- */

static void put_event(struct pn_airflow_call *call, const struct pn_audit *audit)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_i64(json, "event_log_id", audit->id);
    pn_airflow_add_time(json, "when", audit->at_ms);
    pn_json_add_cstr(json, "event", audit->what);
    pn_airflow_add_text(json, "owner", audit->who);
    pn_airflow_add_text(json, "dag_id", audit->dag);
    pn_airflow_add_text(json, "dag_display_name", audit->dag);
    pn_airflow_add_text(json, "run_id", audit->run_id);
    pn_airflow_add_text(json, "task_id", audit->task);
    pn_airflow_add_text(json, "task_display_name", audit->task);
    pn_airflow_add_text(json, "extra", audit->detail);
    PN_AIRFLOW_ADD_NULLS(json, "logical_date", "map_index", "try_number");
    pn_json_end(json);
}

static int add_times(struct pn_airflow_call *call, struct pn_airflow_list *list)
{
    struct pn_find_term before = {.column = PN_FIND_ACT_AT, .op = PN_FIND_LT};
    struct pn_find_term after = {.column = PN_FIND_ACT_AT, .op = PN_FIND_GT};
    int rc = pn_airflow_time(call, &list->source, "before", &before.number);
    if (rc == 0) {
        rc = pn_airflow_time(call, &list->source, "after", &after.number);
    }
    if (rc == 0 && before.number != PN_TIME_NONE) {
        pn_airflow_list_add(list, &before);
    }
    if (rc == 0 && after.number != PN_TIME_NONE) {
        pn_airflow_list_add(list, &after);
    }
    return rc;
}

static int reply_events(struct pn_airflow_call *call, const struct pn_airflow_list *list)
{
    struct pn_audit *audits = NULL;
    size_t count = 0;
    int64_t total = 0;
    int rc = pn_dag_db_find_audits(call->db, &list->find, call->arena, &audits, &count, &total,
                                   &call->failure);
    if (rc == 0) {
        pn_airflow_reply_begin(call, "event_logs");
        for (size_t i = 0; i < count; i++) {
            put_event(call, &audits[i]);
        }
        pn_airflow_reply_end(call, total);
    }
    return rc;
}

static int answer_events(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {
        {"id", PN_FIND_ACT},           {"event_log_id", PN_FIND_ACT},
        {"when", PN_FIND_ACT_AT},      {"dttm", PN_FIND_ACT_AT},
        {"event", PN_FIND_ACT_WHAT},   {"owner", PN_FIND_ACT_WHO},
        {"dag_id", PN_FIND_ACT_DAG},   {"run_id", PN_FIND_ACT_RUN_ID},
        {"task_id", PN_FIND_ACT_TASK}, {NULL, 0}};
    static const struct pn_airflow_text_filter filters[] = {
        {"dag_id", PN_FIND_ACT_DAG, PN_FIND_IS},
        {"run_id", PN_FIND_ACT_RUN_ID, PN_FIND_IS},
        {"task_id", PN_FIND_ACT_TASK, PN_FIND_IS},
        {"owner", PN_FIND_ACT_WHO, PN_FIND_IS},
        {"event", PN_FIND_ACT_WHAT, PN_FIND_IS},
        {"included_events", PN_FIND_ACT_WHAT, PN_FIND_IS},
        {"excluded_events", PN_FIND_ACT_WHAT, PN_FIND_IS_NOT},
        {"dag_id_pattern", PN_FIND_ACT_DAG, PN_FIND_LIKE},
        {"run_id_pattern", PN_FIND_ACT_RUN_ID, PN_FIND_LIKE},
        {"task_id_pattern", PN_FIND_ACT_TASK, PN_FIND_LIKE},
        {"owner_pattern", PN_FIND_ACT_WHO, PN_FIND_LIKE},
        {"event_pattern", PN_FIND_ACT_WHAT, PN_FIND_LIKE},
        {"dag_id_prefix_pattern", PN_FIND_ACT_DAG, PN_FIND_BEGINS},
        {"run_id_prefix_pattern", PN_FIND_ACT_RUN_ID, PN_FIND_BEGINS},
        {"task_id_prefix_pattern", PN_FIND_ACT_TASK, PN_FIND_BEGINS},
        {"owner_prefix_pattern", PN_FIND_ACT_WHO, PN_FIND_BEGINS},
        {"event_prefix_pattern", PN_FIND_ACT_WHAT, PN_FIND_BEGINS},
        {NULL, 0, 0}};
    struct pn_airflow_list list;
    int rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    if (rc == 0) {
        rc = pn_airflow_list_texts(call, &list, filters);
    }
    if (rc == 0) {
        rc = add_times(call, &list);
    }
    return rc == 0 ? reply_events(call, &list) : rc;
}

static int answer_event(struct pn_airflow_call *call)
{
    struct pn_find_term term = {.column = PN_FIND_ACT, .op = PN_FIND_EQ};
    const struct pn_find find = {.terms = &term, .term_count = 1, .limit = 1};
    struct pn_audit *audits = NULL;
    size_t count = 0;
    int64_t total = 0;
    int rc = pn_airflow_path_number(call, 0, "event_log_id", &term.number);
    if (rc == 0) {
        rc = pn_dag_db_find_audits(call->db, &find, call->arena, &audits, &count, &total,
                                   &call->failure);
    }
    if (rc == 0 && count == 0) {
        rc = pn_err_missing(&call->failure, "event log %lld was not found", (long long)term.number);
    }
    if (rc == 0) {
        put_event(call, &audits[0]);
    }
    return rc;
}

const struct pn_airflow_endpoint pn_airflow_monitor[] = {
    {PN_HTTP_GET, "monitor/health", answer_health, PN_RIGHT_OPEN},
    {PN_HTTP_GET, "version", answer_version, PN_RIGHT_OPEN},
    {PN_HTTP_GET, "eventLogs", answer_events, PN_RIGHT_READ},
    {PN_HTTP_GET, "eventLogs/{}", answer_event, PN_RIGHT_READ},
    {.pattern = NULL},
};
