#include "airflow/task_choice.h"

#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"

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

void pn_airflow_mark_around(struct pn_airflow_call *call, const struct pn_dag *dag,
                            const struct pn_airflow_choice *choice, bool *marked)
{
    bool *after = pn_arena_calloc(call->arena, dag->task_count + 1, sizeof *after);
    memcpy(after, marked, dag->task_count * sizeof *after);
    if (choice->downstream) {
        mark_downstream(dag, after);
    }
    if (choice->upstream) {
        mark_upstream(dag, marked);
    }
    for (size_t i = 0; i < dag->task_count; i++) {
        marked[i] = marked[i] || after[i];
    }
}

int pn_airflow_mark_task(struct pn_airflow_call *call, const struct pn_dag *dag, const char *name,
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

/* --- which runs ------------------------------------------------------------------------------- */

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

int pn_airflow_choose_runs(struct pn_airflow_call *call, const struct pn_dag *dag,
                           const struct pn_airflow_choice *choice, struct pn_run **runs,
                           size_t *count)
{
    if (choice->run_id == NULL) {
        return find_range(call, dag, choice->from_ms, choice->to_ms, runs, count);
    }
    struct pn_run *one = pn_arena_calloc(call->arena, 1, sizeof *one);
    struct pn_err failure = {0};
    int rc = pn_dag_db_run(call->db, dag->name, choice->run_id, call->arena, one, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return pn_err_missing(&call->failure, "run '%.200s' of DAG '%s' was not found",
                              choice->run_id, dag->name);
    }
    pn_err_copy(&call->failure, rc != 0 ? &failure : NULL);
    *runs = one;
    *count = 1;
    if (rc != 0 || (!choice->past && !choice->future)) {
        return rc;
    }
    if (one->logical_ms == PN_TIME_NONE) {
        return pn_airflow_refuse(call, "body", choice->past ? "include_past" : "include_future",
                                 "value_error",
                                 "run '%s' has no logical date, so none are before"
                                 " or after it",
                                 one->run_id);
    }
    return find_range(call, dag, choice->past ? PN_TIME_NONE : one->logical_ms,
                      choice->future ? PN_TIME_NONE : one->logical_ms, runs, count);
}

int pn_airflow_read_choice(struct pn_airflow_call *call, const struct pn_json *body,
                           struct pn_airflow_choice *choice)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"include_upstream", &choice->upstream},
                 {"include_downstream", &choice->downstream},
                 {"include_past", &choice->past},
                 {"include_future", &choice->future}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof flags / sizeof flags[0]; i++) {
        rc = pn_airflow_body_flag(call, body, flags[i].name, false, flags[i].flag);
    }
    return rc;
}
