/* pools and dagStats: how many slots are taken, and how many runs are in each state. */
#include <stdlib.h>
#include <string.h>

#include "airflow/list.h"
#include "airflow/states.h"
#include "airflow/write.h"

/* --- pools ------------------------------------------------------------------------------------ */

struct pool {
    const char *name;
    int64_t slots;
    int64_t running;
    int64_t queued;
    int64_t scheduled;
};

/* Adds the slots of all tasks that run or wait for one. */
static int count_slots(struct pn_airflow_call *call, struct pool *pools, size_t count)
{
    static const char *const runs[] = {"running"};
    static const char *const states[] = {"running", "queued", "scheduled"};
    static const struct pn_find_term terms[] = {
        {.column = PN_FIND_RUN_STATE, .op = PN_FIND_IS, .texts = runs, .text_count = 1},
        {.column = PN_FIND_TASK_STATE, .op = PN_FIND_IS, .texts = states, .text_count = 3},
    };
    const struct pn_find find = {.terms = terms, .term_count = 2, .limit = -1};
    struct pn_found_task *tasks = NULL;
    size_t task_count = 0;
    int64_t total = 0;
    int rc = pn_dag_db_find_tasks(call->db, &find, call->arena, &tasks, &task_count, &total,
                                  &call->failure);
    for (size_t i = 0; rc == 0 && i < task_count; i++) {
        const struct pn_task_run *task = &tasks[i].task;
        for (size_t p = 0; p < count; p++) {
            int64_t *slots = task->state == PN_TASK_RUNNING  ? &pools[p].running
                             : task->state == PN_TASK_QUEUED ? &pools[p].queued
                                                             : &pools[p].scheduled;
            *slots += strcmp(pools[p].name, task->pool) == 0 ? task->pool_slots : 0;
        }
    }
    return rc;
}

/* The default pool first. It has no limit but that of the machine. */
static int read_pools(struct pn_airflow_call *call, struct pool **pools, size_t *count)
{
    const struct pn_pipeline *pipeline = call->pipeline;
    *count = pipeline->pool_count + 1;
    *pools = pn_arena_calloc(call->arena, *count, sizeof **pools);
    (*pools)[0] = (struct pool){.name = PN_POOL_DEFAULT, .slots = call->env->tasks_max};
    for (size_t i = 0; i < pipeline->pool_count; i++) {
        (*pools)[i + 1] =
            (struct pool){.name = pipeline->pools[i].name, .slots = pipeline->pools[i].slots};
    }
    return count_slots(call, *pools, *count);
}

static void put_pool(struct pn_airflow_call *call, const struct pool *pool)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "name", pool->name);
    pn_json_add_i64(json, "slots", pool->slots);
    pn_json_add_i64(json, "occupied_slots", pool->running);
    pn_json_add_i64(json, "running_slots", pool->running);
    pn_json_add_i64(json, "queued_slots", pool->queued);
    pn_json_add_i64(json, "scheduled_slots", pool->scheduled);
    pn_json_add_i64(json, "deferred_slots", 0);
    pn_json_add_i64(json, "open_slots",
                    pool->slots > pool->running ? pool->slots - pool->running : 0);
    pn_json_add_bool(json, "include_deferred", false);
    PN_AIRFLOW_ADD_NULLS(json, "description", "team_name");
    pn_json_end(json);
}

enum sort { SORT_NAME, SORT_SLOTS };

static int compare(const void *a, const void *b, void *arg)
{
    const struct pool *left = a;
    const struct pool *right = b;
    const struct pn_find *find = arg;
    int order = 0;
    for (size_t i = 0; order == 0 && i < find->order_count; i++) {
        order = (int)find->orders[i].column == SORT_SLOTS
                    ? (left->slots > right->slots) - (left->slots < right->slots)
                    : strcmp(left->name, right->name);
        order = find->orders[i].descending ? -order : order;
    }
    return order != 0 ? order : strcmp(left->name, right->name);
}

static int answer_pools(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {{"id", SORT_NAME},
                                                   {"name", SORT_NAME},
                                                   {"pool", SORT_NAME},
                                                   {"slots", SORT_SLOTS},
                                                   {NULL, 0}};
    struct pn_airflow_list list;
    struct pool *pools = NULL;
    const char *like = NULL;
    const char *prefix = NULL;
    size_t count = 0;
    size_t found = 0;
    int rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    if (rc == 0) {
        rc = pn_airflow_text(call, &list.source, "pool_name_pattern", &like);
    }
    if (rc == 0) {
        rc = pn_airflow_text(call, &list.source, "pool_name_prefix_pattern", &prefix);
    }
    if (rc == 0) {
        rc = read_pools(call, &pools, &count);
    }
    if (rc != 0) {
        return rc;
    }
    qsort_r(pools, count, sizeof *pools, compare, &list.find);
    pn_airflow_reply_begin(call, "pools");
    for (size_t i = 0; i < count; i++) {
        if ((like == NULL || pn_airflow_matches(like, pools[i].name, false)) &&
            (prefix == NULL || pn_airflow_matches(prefix, pools[i].name, true))) {
            if (pn_airflow_list_shows(&list, found++)) {
                put_pool(call, &pools[i]);
            }
        }
    }
    pn_airflow_reply_end(call, (int64_t)found);
    return 0;
}

static int answer_pool(struct pn_airflow_call *call)
{
    struct pool *pools = NULL;
    size_t count = 0;
    int rc = read_pools(call, &pools, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (strcmp(pools[i].name, call->req->params[0]) == 0) {
            put_pool(call, &pools[i]);
            return 0;
        }
    }
    return rc == 0
               ? pn_err_missing(&call->failure, "pool '%.200s' was not found", call->req->params[0])
               : rc;
}

/* --- statistics of DAGs ----------------------------------------------------------------------- */

static int put_stats(struct pn_airflow_call *call, const struct pn_dag *dag)
{
    struct pn_json_writer *json = &call->json;
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(call->db, dag->name, counts, &call->failure);
    if (rc != 0) {
        return rc;
    }
    counts[PN_RUN_FAILED] += counts[PN_RUN_CANCELLED];
    pn_json_put_object(json);
    pn_json_add_cstr(json, "dag_id", dag->name);
    pn_json_add_cstr(json, "dag_display_name", dag->name);
    pn_json_add_array(json, "stats");
    for (int state = 0; state < PN_RUN_CANCELLED; state++) {
        pn_json_put_object(json);
        pn_json_add_cstr(json, "state", pn_run_state_name((enum pn_run_state)state));
        pn_json_add_i64(json, "count", counts[state]);
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_json_end(json);
    return 0;
}

static bool is_asked(const struct pn_airflow_texts *names, const char *dag)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], dag) == 0) {
            return true;
        }
    }
    return names->count == 0;
}

static int answer_stats(struct pn_airflow_call *call)
{
    static const struct pn_airflow_source query = {.body = NULL};
    struct pn_airflow_texts names;
    int64_t count = 0;
    int rc = pn_airflow_texts(call, &query, "dag_ids", &names);
    if (rc != 0) {
        return rc;
    }
    pn_airflow_reply_begin(call, "dags");
    for (size_t i = 0; rc == 0 && i < call->pipeline->dag_count; i++) {
        if (is_asked(&names, call->pipeline->dags[i].name)) {
            rc = put_stats(call, &call->pipeline->dags[i]);
            count++;
        }
    }
    pn_airflow_reply_end(call, count);
    return rc;
}

const struct pn_airflow_endpoint pn_airflow_pools[] = {
    {PN_HTTP_GET, "pools", answer_pools, PN_RIGHT_READ},
    {PN_HTTP_GET, "pools/{}", answer_pool, PN_RIGHT_READ},
    {PN_HTTP_GET, "dagStats", answer_stats, PN_RIGHT_READ},
    {.pattern = NULL},
};
