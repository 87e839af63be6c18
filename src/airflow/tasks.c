/* dags/{dag}/tasks: the definitions of tasks. */
#include <stdlib.h>
#include <string.h>

#include "airflow/list.h"
#include "airflow/write.h"
#include "report/dags.h"

static bool comes_after(const struct pn_task *task, const struct pn_task *other)
{
    for (size_t i = 0; i < task->after_count; i++) {
        if (task->after[i] == other) {
            return true;
        }
    }
    return false;
}

static void put_task(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_task *task)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "task_id", task->name);
    pn_json_add_cstr(json, "task_display_name", task->name);
    pn_json_add_cstr(json, "operator_name", pn_task_kind_name(task->kind));
    pn_json_add_array(json, "downstream_task_ids");
    for (size_t i = 0; i < dag->task_count; i++) {
        if (comes_after(&dag->tasks[i], task)) {
            pn_json_put_cstr(json, dag->tasks[i].name);
        }
    }
    pn_json_end(json);
    pn_json_add_cstr(json, "trigger_rule", pn_trigger_rule_names[task->rule]);
    pn_json_add_i64(json, "retries", task->retries);
    pn_airflow_add_delta(json, "retry_delay", task->retry_delay_ms);
    pn_json_add_double(json, "retry_exponential_backoff",
                       task->retry_backoff > 1 ? task->retry_backoff : 0);
    if (task->timeout_ms > 0) {
        pn_airflow_add_delta(json, "execution_timeout", task->timeout_ms);
    } else {
        pn_json_add_null(json, "execution_timeout");
    }
    pn_json_add_cstr(json, "pool", task->pool);
    pn_json_add_i64(json, "pool_slots", task->pool_slots);
    pn_json_add_i64(json, "priority_weight", task->priority);
    pn_json_add_cstr(json, "weight_rule", "absolute");
    pn_json_add_bool(json, "depends_on_past", false);
    pn_json_add_bool(json, "wait_for_downstream", false);
    pn_json_add_bool(json, "is_mapped", false);
    pn_json_add_array(json, "extra_links");
    pn_json_end(json);
    pn_json_add_array(json, "template_fields");
    pn_json_end(json);
    pn_json_add_object(json, "params");
    pn_json_end(json);
    PN_AIRFLOW_ADD_NULLS(json, "class_ref", "doc_md", "end_date", "owner", "queue", "start_date",
                         "ui_color", "ui_fgcolor");
    pn_json_end(json);
}

enum sort { SORT_NAME, SORT_KIND, SORT_RETRIES, SORT_POOL, SORT_PRIORITY, SORT_RULE };

static int compare_by(const struct pn_task *a, const struct pn_task *b, enum sort sort)
{
    switch (sort) {
    case SORT_KIND:
        return strcmp(pn_task_kind_name(a->kind), pn_task_kind_name(b->kind));
    case SORT_RETRIES:
        return (a->retries > b->retries) - (a->retries < b->retries);
    case SORT_POOL:
        return strcmp(a->pool, b->pool);
    case SORT_PRIORITY:
        return (a->priority > b->priority) - (a->priority < b->priority);
    case SORT_RULE:
        return strcmp(pn_trigger_rule_names[a->rule], pn_trigger_rule_names[b->rule]);
    case SORT_NAME:
        break;
    }
    return strcmp(a->name, b->name);
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct pn_task *const *left = a;
    const struct pn_task *const *right = b;
    const struct pn_find_order *by = arg;
    int order = compare_by(*left, *right, (enum sort)by->column);
    order = by->descending ? -order : order;
    return order != 0 ? order : strcmp((*left)->name, (*right)->name);
}

static int answer_list(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {
        {"task_id", SORT_NAME},       {"task_display_name", SORT_NAME},
        {"operator_name", SORT_KIND}, {"retries", SORT_RETRIES},
        {"pool", SORT_POOL},          {"priority_weight", SORT_PRIORITY},
        {"trigger_rule", SORT_RULE},  {NULL, 0}};
    static const struct pn_airflow_source query = {.body = NULL};
    const struct pn_dag *dag = NULL;
    const char *text = NULL;
    struct pn_find_order by = {.column = (enum pn_find_column)SORT_NAME};
    int column = SORT_NAME;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_text(call, &query, "order_by", &text);
    }
    if (rc == 0 && text != NULL && !pn_airflow_sort_parse(text, sorts, &column, &by.descending)) {
        rc = pn_err_input(&call->failure, "order_by: this list cannot be sorted by '%.100s'", text);
    }
    if (rc != 0) {
        return rc;
    }
    by.column = (enum pn_find_column)column;
    const struct pn_task **tasks = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *tasks);
    for (size_t i = 0; i < dag->task_count; i++) {
        tasks[i] = &dag->tasks[i];
    }
    qsort_r(tasks, dag->task_count, sizeof *tasks, compare, &by);
    pn_airflow_reply_begin(call, "tasks");
    for (size_t i = 0; i < dag->task_count; i++) {
        put_task(call, dag, tasks[i]);
    }
    pn_airflow_reply_end(call, (int64_t)dag->task_count);
    return 0;
}

static int answer_get(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    int rc = pn_airflow_dag(call, &dag);
    const struct pn_task *task = rc == 0 ? pn_dag_task(dag, call->req->params[1]) : NULL;
    if (rc == 0 && task == NULL) {
        rc = pn_err_missing(&call->failure, "task '%.200s' of DAG '%s' was not found",
                            call->req->params[1], dag->name);
    }
    if (rc == 0) {
        put_task(call, dag, task);
    }
    return rc;
}

const struct pn_airflow_endpoint pn_airflow_tasks[] = {
    {PN_HTTP_GET, "dags/{}/tasks", answer_list, PN_RIGHT_READ},
    {PN_HTTP_GET, "dags/{}/tasks/{}", answer_get, PN_RIGHT_READ},
    {.pattern = NULL},
};
