/* taskInstances: state, and clearing them in one run or several. */
#include <string.h>

#include "airflow/clear.h"
#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/write.h"

enum { RUNS_MAX = 1000 };

/* --- which tasks ------------------------------------------------------------------------------ */

/* Adds all that come after a marked task; the tasks are in an order in which each comes after those
 * that it depends on. */
static void mark_downstream(const struct pn_dag *dag, bool *marked)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        for (size_t a = 0; a < dag->tasks[i].after_count; a++) {
            marked[i] = marked[i] || marked[dag->tasks[i].after[a] - dag->tasks];
        }
    }
}

/* Adds all that the marked tasks depend on. */
static void mark_upstream(const struct pn_dag *dag, bool *marked)
{
    for (size_t i = dag->task_count; i-- > 0;) {
        for (size_t a = 0; marked[i] && a < dag->tasks[i].after_count; a++) {
            marked[dag->tasks[i].after[a] - dag->tasks] = true;
        }
    }
}

static void mark_around(struct pn_airflow_call *call, const struct pn_dag *dag, bool upstream,
                        bool downstream, bool *marked)
{
    bool *after = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *after);
    memcpy(after, marked, dag->task_count * sizeof *after);
    if (downstream) {
        mark_downstream(dag, after);
    }
    if (upstream) {
        mark_upstream(dag, marked);
    }
    for (size_t i = 0; i < dag->task_count; i++) {
        marked[i] = marked[i] || after[i];
    }
}

static int mark(struct pn_airflow_call *call, const struct pn_dag *dag, const char *name,
                bool *marked)
{
    const struct pn_task *task = pn_dag_task(dag, name);
    if (task == NULL) {
        return pn_err_missing(&call->failure, "task '%.200s' of DAG '%s' was not found", name,
                              dag->name);
    }
    marked[task - dag->tasks] = true;
    return 0;
}

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
    return mark(call, dag, pn_arena_strndup(call->arena, name->text, name->text_len), marked);
}

static int mark_list(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_json *body, const bool **marked)
{
    const struct pn_json *list = pn_json_get(body, "task_ids");
    bool upstream = false;
    bool downstream = false;
    int rc = pn_airflow_body_flag(call, body, "include_upstream", false, &upstream);
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "include_downstream", false, &downstream);
    }
    *marked = NULL;
    if (rc != 0 || list == NULL || list->type == PN_JSON_NULL) {
        return rc;
    }
    if (list->type != PN_JSON_ARRAY) {
        return pn_airflow_refuse(call, "body", "task_ids", "list_type", "a list is required");
    }
    bool *named = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *named);
    for (const struct pn_json *item = list->first; rc == 0 && item != NULL; item = item->next) {
        rc = mark_item(call, dag, item, named);
    }
    mark_around(call, dag, upstream, downstream, named);
    *marked = named;
    return rc;
}

/* --- which runs ------------------------------------------------------------------------------- */

struct ask {
    struct pn_airflow_clear how;
    const char *run_id; /* NULL: those of the range */
    int64_t from_ms;
    int64_t to_ms;
    bool past;
    bool future;
};

static int find_range(struct pn_airflow_call *call, const struct pn_dag *dag, int64_t from_ms,
                      int64_t to_ms, struct pn_run **runs, size_t *count)
{
    const char *const names[] = {dag->name};
    struct pn_find_term terms[3] = {
        {.column = PN_FIND_DAG, .op = PN_FIND_IS, .texts = names, .text_count = 1}};
    struct pn_find find = {.terms = terms, .term_count = 1, .limit = RUNS_MAX};
    int64_t total = 0;
    if (from_ms != PN_TIME_NONE) {
        terms[find.term_count++] =
            (struct pn_find_term){.column = PN_FIND_LOGICAL, .op = PN_FIND_GE, .number = from_ms};
    }
    if (to_ms != PN_TIME_NONE) {
        terms[find.term_count++] =
            (struct pn_find_term){.column = PN_FIND_LOGICAL, .op = PN_FIND_LE, .number = to_ms};
    }
    int rc = pn_dag_db_find_runs(call->db, &find, call->arena, runs, count, &total, &call->failure);
    if (rc == 0 && total > RUNS_MAX) {
        rc = pn_err_input(&call->failure,
                          "%lld runs are in this range: clear at most %d at a time, by start_date"
                          " and end_date",
                          (long long)total, RUNS_MAX);
    }
    return rc;
}

static int find_runs(struct pn_airflow_call *call, const struct pn_dag *dag, const struct ask *ask,
                     struct pn_run **runs, size_t *count)
{
    if (ask->run_id == NULL) {
        return find_range(call, dag, ask->from_ms, ask->to_ms, runs, count);
    }
    struct pn_run *one = pn_arena_calloc(call->arena, 1, sizeof *one);
    struct pn_err failure = {0};
    int rc = pn_dag_db_run(call->db, dag->name, ask->run_id, call->arena, one, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return pn_err_missing(&call->failure, "run '%.200s' of DAG '%s' was not found", ask->run_id,
                              dag->name);
    }
    pn_err_copy(&call->failure, rc != 0 ? &failure : NULL);
    *runs = one;
    *count = 1;
    if (rc != 0 || (!ask->past && !ask->future)) {
        return rc;
    }
    if (one->logical_ms == PN_TIME_NONE) {
        return pn_airflow_refuse(call, "body", ask->past ? "include_past" : "include_future",
                                 "value_error",
                                 "run '%s' has no logical date, so none are before"
                                 " or after it",
                                 one->run_id);
    }
    return find_range(call, dag, ask->past ? PN_TIME_NONE : one->logical_ms,
                      ask->future ? PN_TIME_NONE : one->logical_ms, runs, count);
}

/* --- clear ------------------------------------------------------------------------------------ */

static int read_range(struct pn_airflow_call *call, const struct pn_json *body, struct ask *ask)
{
    int rc = pn_airflow_body_text(call, body, "dag_run_id", &ask->run_id);
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "start_date", &ask->from_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_time(call, body, "end_date", &ask->to_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "include_past", false, &ask->past);
    }
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "include_future", false, &ask->future);
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
        rc =
            pn_airflow_body_without(call, body, "note", false, "the tasks of pinion have no notes");
    }
    if (rc == 0) {
        rc = read_range(call, body, ask);
    }
    return rc == 0 ? mark_list(call, dag, body, &ask->how.marked) : rc;
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
    rc = find_runs(call, dag, ask, &runs, &run_count);
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

const struct pn_airflow_endpoint pn_airflow_task_changes[] = {
    {PN_HTTP_POST, "dags/{}/clearTaskInstances", answer_clear, PN_RIGHT_ADMIN},
    {.pattern = NULL},
};
