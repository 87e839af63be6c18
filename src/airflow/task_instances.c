/* taskInstances: lists, one, its tries, and what it waits for. */
#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/states.h"
#include "airflow/task_instances.h"
#include "airflow/write.h"

/* --- lists ------------------------------------------------------------------------------------ */

static const struct pn_airflow_sort sorts[] = {
    {"id", PN_FIND_RUN},
    {"task_id", PN_FIND_TASK},
    {"task_display_name", PN_FIND_TASK},
    {"dag_id", PN_FIND_DAG},
    {"run_id", PN_FIND_RUN_ID},
    {"state", PN_FIND_TASK_STATE},
    {"start_date", PN_FIND_TASK_STARTED},
    {"end_date", PN_FIND_TASK_ENDED},
    {"duration", PN_FIND_TASK_LASTED},
    {"try_number", PN_FIND_TRIES},
    {"pool", PN_FIND_POOL},
    {"priority_weight", PN_FIND_PRIORITY},
    {"logical_date", PN_FIND_LOGICAL},
    {"run_after", PN_FIND_RUN_AFTER},
    {"map_index", PN_FIND_RUN}, /* all are -1: as they were made */
    {NULL, 0},
};

static const struct pn_airflow_range_filter ranges[] = {
    {"run_after", PN_FIND_RUN_AFTER, false},
    {"logical_date", PN_FIND_LOGICAL, false},
    {"start_date", PN_FIND_TASK_STARTED, false},
    {"end_date", PN_FIND_TASK_ENDED, false},
    {"updated_at", PN_FIND_TASK_CHANGED, false},
    {"duration", PN_FIND_TASK_LASTED, true},
    {NULL, 0, false},
};

static const struct pn_airflow_text_filter texts[] = {
    {"task_id", PN_FIND_TASK, PN_FIND_IS},
    {"task_ids", PN_FIND_TASK, PN_FIND_IS},
    {"task_display_name_pattern", PN_FIND_TASK, PN_FIND_LIKE},
    {"task_display_name_prefix_pattern", PN_FIND_TASK, PN_FIND_BEGINS},
    {"dag_ids", PN_FIND_DAG, PN_FIND_IS},
    {"dag_id_pattern", PN_FIND_DAG, PN_FIND_LIKE},
    {"dag_id_prefix_pattern", PN_FIND_DAG, PN_FIND_BEGINS},
    {"dag_run_ids", PN_FIND_RUN_ID, PN_FIND_IS},
    {"run_id_pattern", PN_FIND_RUN_ID, PN_FIND_LIKE},
    {"run_id_prefix_pattern", PN_FIND_RUN_ID, PN_FIND_BEGINS},
    {"pool", PN_FIND_POOL, PN_FIND_IS},
    {"pool_name_pattern", PN_FIND_POOL, PN_FIND_LIKE},
    {"pool_name_prefix_pattern", PN_FIND_POOL, PN_FIND_BEGINS},
    {NULL, 0, 0},
};

/* Values that none of our tasks has: a list by one of them is empty. */
static int read_impossible(struct pn_airflow_call *call, struct pn_airflow_list *list)
{
    static const char *const names[] = {"queue", "executor", "task_group_id"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof names[0]; i++) {
        struct pn_airflow_texts values;
        rc = pn_airflow_texts(call, &list->source, names[i], &values);
        if (rc == 0 && values.count > 0) {
            const struct pn_find_term none = {.column = PN_FIND_TASK, .op = PN_FIND_IS};
            pn_airflow_list_add(list, &none);
        }
    }
    return rc;
}

static int read_tries(struct pn_airflow_call *call, struct pn_airflow_list *list)
{
    struct pn_find_term term = {.column = PN_FIND_TRIES, .op = PN_FIND_EQ};
    int64_t index = -1;
    int rc = pn_airflow_number(call, &list->source, "try_number", -1, 0, INT32_MAX, &term.number);
    if (rc == 0 && term.number >= 0) {
        pn_airflow_list_add(list, &term);
    }
    if (rc == 0) {
        rc = pn_airflow_number(call, &list->source, "map_index", -1, INT32_MIN, INT32_MAX, &index);
    }
    if (rc == 0 && index != -1) {
        const struct pn_find_term none = {.column = PN_FIND_TASK, .op = PN_FIND_IS};
        pn_airflow_list_add(list, &none);
    }
    return rc;
}

/* The DAG and the run in the path, each of which may be "~". */
static int add_path(struct pn_airflow_call *call, struct pn_airflow_list *list)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    const char *run_id = call->req->params[1];
    int rc = pn_airflow_dag_or_all(call, &dag);
    if (rc == 0 && dag != NULL) {
        pn_airflow_list_add_one(call, list, PN_FIND_DAG, dag->name);
    }
    if (rc != 0 || strcmp(run_id, "~") == 0) {
        return rc;
    }
    if (dag != NULL) {
        rc = pn_airflow_run(call, &dag, &run);
    }
    pn_airflow_list_add_one(call, list, PN_FIND_RUN_ID, run_id);
    return rc;
}

static int reply_list(struct pn_airflow_call *call, struct pn_airflow_list *list)
{
    struct pn_found_task *tasks = NULL;
    size_t count = 0;
    int64_t total = 0;
    int rc = pn_dag_db_find_tasks(call->db, &list->find, call->arena, &tasks, &count, &total,
                                  &call->failure);
    if (rc == 0) {
        pn_airflow_reply_begin(call, "task_instances");
        for (size_t i = 0; i < count; i++) {
            pn_airflow_put_task(call, &tasks[i]);
        }
        pn_airflow_reply_end(call, total);
    }
    return rc;
}

static int answer_with(struct pn_airflow_call *call, const struct pn_json *body)
{
    struct pn_airflow_list list;
    int rc = pn_airflow_list_begin(call, body, sorts, &list);
    if (rc == 0) {
        rc = add_path(call, &list);
    }
    if (rc == 0) {
        rc = pn_airflow_list_ranges(call, &list, ranges);
    }
    if (rc == 0) {
        rc = pn_airflow_list_texts(call, &list, texts);
    }
    if (rc == 0) {
        rc = pn_airflow_list_states(call, &list, "state", PN_FIND_TASK_STATE,
                                    pn_airflow_find_task_state);
    }
    if (rc == 0) {
        rc = read_impossible(call, &list);
    }
    if (rc == 0) {
        rc = read_tries(call, &list);
    }
    return rc == 0 ? reply_list(call, &list) : rc;
}

static int answer_list(struct pn_airflow_call *call)
{
    return answer_with(call, NULL);
}

static int answer_batch(struct pn_airflow_call *call)
{
    static const char *const names[] = {"dag_ids",
                                        "dag_run_ids",
                                        "task_ids",
                                        "state",
                                        "pool",
                                        "queue",
                                        "executor",
                                        "order_by",
                                        "page_offset",
                                        "page_limit",
                                        "run_after_gte",
                                        "run_after_gt",
                                        "run_after_lte",
                                        "run_after_lt",
                                        "logical_date_gte",
                                        "logical_date_gt",
                                        "logical_date_lte",
                                        "logical_date_lt",
                                        "start_date_gte",
                                        "start_date_gt",
                                        "start_date_lte",
                                        "start_date_lt",
                                        "end_date_gte",
                                        "end_date_gt",
                                        "end_date_lte",
                                        "end_date_lt",
                                        "duration_gte",
                                        "duration_gt",
                                        "duration_lte",
                                        "duration_lt",
                                        NULL};
    const struct pn_json *body = NULL;
    int rc = pn_airflow_body(call, names, &body);
    return rc == 0 ? answer_with(call, body) : rc;
}

/* --- one -------------------------------------------------------------------------------------- */

int pn_airflow_find_task_of(struct pn_airflow_call *call, const struct pn_run *run,
                            const char *task, struct pn_found_task *found)
{
    const char *const names[] = {run->dag, run->run_id, task};
    const struct pn_find_term terms[] = {
        {.column = PN_FIND_DAG, .op = PN_FIND_IS, .texts = &names[0], .text_count = 1},
        {.column = PN_FIND_RUN_ID, .op = PN_FIND_IS, .texts = &names[1], .text_count = 1},
        {.column = PN_FIND_TASK, .op = PN_FIND_IS, .texts = &names[2], .text_count = 1},
    };
    const struct pn_find find = {.terms = terms, .term_count = 3, .limit = 1};
    struct pn_found_task *tasks = NULL;
    size_t count = 0;
    int64_t total = 0;
    int rc =
        pn_dag_db_find_tasks(call->db, &find, call->arena, &tasks, &count, &total, &call->failure);
    if (rc == 0 && count == 0) {
        return pn_err_missing(&call->failure, "task '%.200s' of run '%s' of DAG '%s' was not found",
                              task, run->run_id, run->dag);
    }
    if (rc == 0) {
        *found = tasks[0];
    }
    return rc;
}

int pn_airflow_task(struct pn_airflow_call *call, const struct pn_dag **dag, struct pn_run *run,
                    struct pn_found_task *found)
{
    int rc = pn_airflow_run(call, dag, run);
    if (rc == 0) {
        rc = pn_airflow_unmapped(call);
    }
    return rc == 0 ? pn_airflow_find_task_of(call, run, call->req->params[2], found) : rc;
}

static int answer_get(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct pn_found_task found;
    int rc = pn_airflow_task(call, &dag, &run, &found);
    if (rc == 0) {
        pn_airflow_put_task(call, &found);
    }
    return rc;
}

/* --- tries ------------------------------------------------------------------------------------ */

/* Airflow's state of an attempt, from its outcome. */
static enum pn_task_state state_of(const struct pn_attempt *attempt)
{
    static const struct {
        const char *outcome;
        enum pn_task_state state;
    } states[] = {
        {"running", PN_TASK_RUNNING}, {"success", PN_TASK_SUCCESS}, {"skipped", PN_TASK_SKIPPED}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(states[i].outcome, attempt->outcome) == 0) {
            return states[i].state;
        }
    }
    return PN_TASK_FAILED; /* by itself, by its time, by a person, with its scheduler */
}

/* The version that an attempt ran; a number of 0 when it is not kept any more. */
static int read_version(struct pn_airflow_call *call, const char *dag,
                        const struct pn_attempt *attempt, struct pn_dag_version *version)
{
    struct pn_err failure = {0};
    *version = (struct pn_dag_version){0};
    int rc =
        pn_dag_version_read(call->db, dag, attempt->version, call->arena, version, NULL, &failure);
    if (rc == 0 || failure.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(&call->failure, &failure);
    return rc;
}

/* The task as it was in an attempt. */
static int put_try(struct pn_airflow_call *call, const struct pn_found_task *found,
                   const struct pn_attempt *attempt)
{
    struct pn_found_task then = *found;
    int rc = read_version(call, found->dag, attempt, &then.version);
    then.task.tries = attempt->number;
    then.task.state = state_of(attempt);
    then.task.started_ms = attempt->started_ms;
    then.task.ended_ms = attempt->ended_ms;
    then.pid = attempt->pid;
    pn_airflow_put_task(call, &then);
    return rc;
}

static int read_attempts(struct pn_airflow_call *call, struct pn_found_task *found,
                         struct pn_attempt **attempts, size_t *count)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    int rc = pn_airflow_task(call, &dag, &run, found);
    return rc == 0 ? pn_dag_db_attempts(call->db, run.id, found->task.task, call->arena, attempts,
                                        count, &call->failure)
                   : rc;
}

static int answer_tries(struct pn_airflow_call *call)
{
    struct pn_found_task found;
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int rc = read_attempts(call, &found, &attempts, &count);
    if (rc == 0) {
        pn_airflow_reply_begin(call, "task_instances");
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = put_try(call, &found, &attempts[i]);
        }
        pn_airflow_reply_end(call, (int64_t)count);
    }
    return rc;
}

static int answer_try(struct pn_airflow_call *call)
{
    struct pn_found_task found;
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int64_t number = 0;
    int rc = pn_airflow_path_number(call, 3, "task_try_number", &number);
    if (rc == 0) {
        rc = read_attempts(call, &found, &attempts, &count);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (attempts[i].number == number) {
            return put_try(call, &found, &attempts[i]);
        }
    }
    return rc == 0 ? pn_err_missing(&call->failure, "try %lld of task '%s' was not found",
                                    (long long)number, found.task.task)
                   : rc;
}

/* --- what it waits for ------------------------------------------------------------------------ */

static int answer_dependencies(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct pn_found_task found;
    const struct pn_reason_context *context = NULL;
    const char **reasons = NULL;
    const char *of_run = "";
    int rc = pn_airflow_task(call, &dag, &run, &found);
    if (rc == 0) {
        rc = pn_airflow_reasons(call, &context);
    }
    if (rc == 0 && !pn_run_state_final(run.state)) {
        rc = pn_dag_reason_run(call->db, context, &run, call->arena, &of_run, &call->failure);
    }
    if (rc == 0) {
        rc = pn_dag_reason_tasks(call->db, context, &run, &found.task, 1, call->arena, &reasons,
                                 &call->failure);
    }
    if (rc != 0) {
        return rc;
    }
    const struct {
        const char *name;
        const char *reason;
    } all[] = {{"Run", of_run}, {"Task", reasons[0]}};
    pn_json_put_object(&call->json);
    pn_json_add_array(&call->json, "dependencies");
    for (size_t i = 0; i < 2; i++) {
        if (all[i].reason[0] != '\0' && (i == 0 || strcmp(of_run, reasons[0]) != 0)) {
            pn_json_put_object(&call->json);
            pn_json_add_cstr(&call->json, "name", all[i].name);
            pn_json_add_cstr(&call->json, "reason", all[i].reason);
            pn_json_end(&call->json);
        }
    }
    pn_json_end(&call->json);
    pn_json_end(&call->json);
    return 0;
}

#define TASKS "dags/{}/dagRuns/{}/taskInstances"

const struct pn_airflow_endpoint pn_airflow_task_instances[] = {
    {PN_HTTP_GET, TASKS, answer_list, PN_RIGHT_READ},
    {PN_HTTP_POST, TASKS "/list", answer_batch, PN_RIGHT_READ},
    {PN_HTTP_GET, TASKS "/{}", answer_get, PN_RIGHT_READ},
    {PN_HTTP_GET, TASKS "/{}/tries", answer_tries, PN_RIGHT_READ},
    {PN_HTTP_GET, TASKS "/{}/tries/{}", answer_try, PN_RIGHT_READ},
    {PN_HTTP_GET, TASKS "/{}/dependencies", answer_dependencies, PN_RIGHT_READ},
    {.pattern = NULL},
};
