/* taskInstances: state, and clearing them in one run or several. */
#include <string.h>

#include "airflow/clear.h"
#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/task_choice.h"
#include "airflow/task_instances.h"
#include "airflow/write.h"
#include "dag/mark.h"

static const char NO_NOTES[] = "the tasks of pinion have no notes";

/* --- clear ------------------------------------------------------------------------------------ */

struct ask {
    struct pn_airflow_clear how;
    struct pn_airflow_choice choice;
};

/* An item of task_ids is a name, or a name and its map index. */
static int mark_item(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_json *item, bool *marked)
{
    const struct pn_json *name =
        item->type == PN_JSON_ARRAY && item->count == 2 ? item->first : item;
    bool unmapped = name == item || (name->next->is_integer && name->next->integer == -1);
    if (name->type != PN_JSON_STRING || !unmapped ||
        memchr(name->text, '\0', name->text_len) != NULL) {
        return pn_airflow_refuse(call, "body", "task_ids", "string_type",
                                 "an item is the name of a task, or [name, -1]: our tasks are not"
                                 " mapped");
    }
    return pn_airflow_mark_task(call, dag,
                                pn_arena_strndup(call->arena, name->text, name->text_len), marked);
}

static int mark_list(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_json *body, const struct pn_airflow_choice *choice,
                     const bool **marked)
{
    const struct pn_json *list = pn_json_get(body, "task_ids");
    int rc = 0;
    *marked = NULL;
    if (list == NULL || list->type == PN_JSON_NULL) {
        return 0;
    }
    if (list->type != PN_JSON_ARRAY) {
        return pn_airflow_refuse(call, "body", "task_ids", "list_type", "a list is required");
    }
    bool *named = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *named);
    for (const struct pn_json *item = list->first; rc == 0 && item != NULL; item = item->next) {
        rc = mark_item(call, dag, item, named);
    }
    pn_airflow_mark_around(call, dag, choice, named);
    *marked = named;
    return rc;
}

static int read_range(struct pn_airflow_call *call, const struct pn_json *body,
                      struct pn_airflow_choice *ask)
{
    int rc = pn_airflow_body_text(call, body, "dag_run_id", &ask->run_id);
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "start_date", &ask->from_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "end_date", &ask->to_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_read_choice(call, body, ask);
    }
    if (rc == 0 && (ask->past || ask->future) && ask->run_id == NULL) {
        return pn_airflow_refuse(call, "body", "dag_run_id", "missing",
                                 "include_past and include_future need the run that they are seen"
                                 " from");
    }
    if (rc == 0 && ask->from_ms != PN_TIME_NONE && ask->to_ms != PN_TIME_NONE &&
        ask->to_ms < ask->from_ms) {
        return pn_airflow_refuse(call, "body", "end_date", "value_error",
                                 "end_date is before start_date");
    }
    return rc;
}

static int read_ask(struct pn_airflow_call *call, const struct pn_dag *dag, struct ask *ask)
{
    static const char *const names[] = {"dry_run",
                                        "start_date",
                                        "end_date",
                                        "only_failed",
                                        "only_running",
                                        "reset_dag_runs",
                                        "task_ids",
                                        "dag_run_id",
                                        "include_upstream",
                                        "include_downstream",
                                        "include_future",
                                        "include_past",
                                        "run_on_latest_version",
                                        "prevent_running_task",
                                        "note",
                                        NULL};
    const struct {
        const char *name;
        bool preset;
        bool *flag;
    } flags[] = {{"dry_run", true, &ask->how.dry_run},
                 {"only_failed", true, &ask->how.only_failed},
                 {"only_running", false, &ask->how.only_running},
                 {"run_on_latest_version", false, &(bool){false}},
                 {"prevent_running_task", false, &(bool){false}}};
    const struct pn_json *body = NULL;
    int rc = pn_airflow_body(call, names, &body);
    for (size_t i = 0; rc == 0 && i < sizeof flags / sizeof flags[0]; i++) {
        rc = pn_airflow_body_flag(call, body, flags[i].name, flags[i].preset, flags[i].flag);
    }
    if (rc == 0) {
        rc = pn_airflow_body_without(call, body, "reset_dag_runs", true,
                                     "tasks that are cleared run again, and so does their run");
    }
    if (rc == 0) {
        rc = pn_airflow_body_without(call, body, "note", false, NO_NOTES);
    }
    if (rc == 0) {
        rc = read_range(call, body, &ask->choice);
    }
    return rc == 0 ? mark_list(call, dag, body, &ask->choice, &ask->how.marked) : rc;
}

/* All of it, or nothing: one transaction. */
static int clear_runs(struct pn_airflow_call *call, const struct pn_dag *dag, const struct ask *ask,
                      int64_t *count)
{
    struct pn_run *runs = NULL;
    size_t run_count = 0;
    int rc = pn_dag_db_begin(call->db, &call->failure);
    if (rc != 0) {
        return rc;
    }
    rc = pn_airflow_choose_runs(call, dag, &ask->choice, &runs, &run_count);
    for (size_t i = 0; rc == 0 && i < run_count; i++) {
        rc = pn_airflow_clear(call, dag, &runs[i], &ask->how, count);
    }
    return pn_dag_db_end(call->db, rc, &call->failure);
}

static int answer_clear(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct ask ask = {.how = {.whole = true}};
    int64_t count = 0;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = read_ask(call, dag, &ask);
    }
    if (rc != 0) {
        return rc;
    }
    pn_airflow_reply_begin(call, "task_instances");
    rc = clear_runs(call, dag, &ask, &count);
    if (!call->replied) {
        pn_airflow_reply_end(call, count);
    }
    return rc;
}

/* --- marks ------------------------------------------------------------------------------------ */

struct patch {
    struct pn_mark mark;
    struct pn_airflow_choice choice;
};

static int read_state(struct pn_airflow_call *call, const struct pn_json *body,
                      enum pn_task_state *state)
{
    static const enum pn_task_state states[] = {PN_TASK_SUCCESS, PN_TASK_FAILED, PN_TASK_SKIPPED};
    const char *word = NULL;
    int rc = pn_airflow_body_text(call, body, "new_state", &word);
    for (size_t i = 0; rc == 0 && word != NULL && i < 3; i++) {
        if (strcmp(word, pn_task_state_name(states[i])) == 0) {
            *state = states[i];
            return 0;
        }
    }
    return rc != 0 ? rc
                   : pn_airflow_refuse(call, "body", "new_state", "enum",
                                       "it is success, failed or skipped");
}

static int read_patch(struct pn_airflow_call *call, const struct pn_dag *dag, struct patch *patch)
{
    static const char *const names[] = {"new_state",
                                        "include_upstream",
                                        "include_downstream",
                                        "include_future",
                                        "include_past",
                                        "note",
                                        NULL};
    const struct pn_json *body = NULL;
    const char **chosen = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *chosen);
    bool *marked = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *marked);
    int rc = pn_airflow_body(call, names, &body);
    if (rc == 0) {
        rc = pn_airflow_body_without(call, body, "note", false, NO_NOTES);
    }
    if (rc == 0) {
        rc = read_state(call, body, &patch->mark.state);
    }
    if (rc == 0) {
        rc = pn_airflow_read_choice(call, body, &patch->choice);
    }
    if (rc == 0) {
        rc = pn_airflow_mark_task(call, dag, call->req->params[2], marked);
    }
    pn_airflow_mark_around(call, dag, &patch->choice, marked);
    patch->mark.tasks = chosen;
    for (size_t i = 0; i < dag->task_count; i++) {
        if (marked[i]) {
            chosen[patch->mark.task_count++] = dag->tasks[i].name;
        }
    }
    return rc;
}

/* Marks the tasks of a run that has them all, and writes those that changed. */
static int mark_run(struct pn_airflow_call *call, const struct pn_dag *dag,
                    const struct pn_run *run, const struct pn_mark *mark, int64_t *count)
{
    struct pn_marked marked;
    int rc = pn_dag_db_mark(call->db, dag, run, mark, call->now_ms, call->arena, &marked,
                            &call->failure);
    for (size_t i = 0; rc == 0 && i < marked.task_count; i++) {
        struct pn_found_task found;
        rc = pn_airflow_find_task_of(call, run, marked.tasks[i], &found);
        if (rc == 0) {
            pn_airflow_put_task(call, &found);
            ++*count;
        }
    }
    return rc;
}

/* In all runs, or in none. */
static int mark_runs(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct patch *patch, int64_t *count)
{
    struct pn_run *runs = NULL;
    size_t run_count = 0;
    int rc = pn_dag_db_begin(call->db, &call->failure);
    if (rc != 0) {
        return rc;
    }
    rc = pn_airflow_choose_runs(call, dag, &patch->choice, &runs, &run_count);
    for (size_t i = 0; rc == 0 && i < run_count; i++) {
        rc = mark_run(call, dag, &runs[i], &patch->mark, count);
    }
    return pn_dag_db_end(call->db, rc, &call->failure);
}

static int patch_task(struct pn_airflow_call *call, bool dry_run)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct pn_found_task found;
    struct patch patch = {.mark = {.dry_run = dry_run, .who = "api"}};
    int64_t count = 0;
    int rc = pn_airflow_task(call, &dag, &run, &found);
    if (rc == 0) {
        rc = read_patch(call, dag, &patch);
    }
    if (rc != 0) {
        return rc;
    }
    patch.choice.run_id = run.run_id;
    pn_airflow_reply_begin(call, "task_instances");
    rc = mark_runs(call, dag, &patch, &count);
    if (!call->replied) {
        pn_airflow_reply_end(call, count);
    }
    return rc;
}

static int answer_patch(struct pn_airflow_call *call)
{
    return patch_task(call, false);
}

static int answer_patch_dry_run(struct pn_airflow_call *call)
{
    return patch_task(call, true);
}

#define TASKS "dags/{}/dagRuns/{}/taskInstances"

const struct pn_airflow_endpoint pn_airflow_task_changes[] = {
    {PN_HTTP_POST, "dags/{}/clearTaskInstances", answer_clear, PN_RIGHT_ADMIN},
    {PN_HTTP_PATCH, TASKS "/{}", answer_patch, PN_RIGHT_ADMIN},
    {PN_HTTP_PATCH, TASKS "/{}/dry_run", answer_patch_dry_run, PN_RIGHT_ADMIN},
    {.pattern = NULL},
};
