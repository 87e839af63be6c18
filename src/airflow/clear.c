#include "airflow/clear.h"

#include <string.h>

#include "airflow/states.h"
#include "airflow/task_instances.h"
#include "airflow/write.h"

static const struct pn_task_run *find(const struct pn_task_run *tasks, size_t count,
                                      const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tasks[i].task, name) == 0) {
            return &tasks[i];
        }
    }
    return NULL;
}

static bool is_chosen(const struct pn_airflow_clear *how, size_t i, enum pn_task_state state)
{
    bool failed =
        state == PN_TASK_FAILED || state == PN_TASK_UPSTREAM_FAILED || state == PN_TASK_CANCELLED;
    return (how->marked == NULL || how->marked[i]) && (!how->only_failed || failed) &&
           (!how->only_running || state == PN_TASK_RUNNING);
}

static void put_item(struct pn_airflow_call *call, const struct pn_run *run, const char *name,
                     const struct pn_task_run *task)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "task_id", name);
    pn_json_add_cstr(json, "task_display_name", name);
    pn_json_add_cstr(json, "dag_id", run->dag);
    pn_json_add_cstr(json, "dag_run_id", run->run_id);
    pn_json_add_i64(json, "map_index", -1);
    pn_json_add_cstr(json, "state",
                     task != NULL ? pn_airflow_task_state(task->state, task->started_ms != 0)
                                  : NULL);
    pn_json_add_i64(json, "try_number", task != NULL ? task->tries : 0);
    pn_json_end(json);
}

static int put_whole(struct pn_airflow_call *call, const struct pn_run *run, const char *name)
{
    struct pn_found_task found;
    int rc = pn_airflow_find_task_of(call, run, name, &found);
    if (rc == 0) {
        pn_airflow_put_task(call, &found);
    }
    return rc;
}

int pn_airflow_clear(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_run *run, const struct pn_airflow_clear *how, int64_t *count)
{
    struct pn_task_run *stored = NULL;
    size_t stored_count = 0;
    const char **chosen = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *chosen);
    const char **names = NULL;
    size_t name_count = 0;
    struct pn_clear clear = {.scope = how->only_new ? PN_CLEAR_NEW : PN_CLEAR_TASKS,
                             .tasks = chosen,
                             .dry_run = how->dry_run,
                             .who = "api"};
    int rc =
        pn_dag_db_tasks(call->db, run->id, call->arena, &stored, &stored_count, &call->failure);
    for (size_t i = 0; rc == 0 && !how->only_new && i < dag->task_count; i++) {
        const struct pn_task_run *task = find(stored, stored_count, dag->tasks[i].name);
        if (task != NULL && is_chosen(how, i, task->state)) {
            chosen[clear.task_count++] = dag->tasks[i].name;
        }
    }
    if (rc != 0 || (clear.task_count == 0 && !how->only_new)) {
        return rc;
    }
    struct pn_err failure = {0};
    rc = pn_dag_db_clear(call->db, dag, run, &clear, call->now_ms, call->arena, &names, &name_count,
                         &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_INPUT) {
        return 0; /* there is nothing to clear */
    }
    pn_err_copy(&call->failure, rc != 0 ? &failure : NULL);
    for (size_t i = 0; rc == 0 && i < name_count; i++) {
        if (how->whole) {
            rc = put_whole(call, run, names[i]);
        } else {
            put_item(call, run, names[i], find(stored, stored_count, names[i]));
        }
    }
    *count += rc == 0 ? (int64_t)name_count : 0;
    return rc;
}
