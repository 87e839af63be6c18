/* Runs: the list, one of them with its tasks, a new one, cancel, run again, note. */
#include <string.h>

#include "api/dag_internal.h"
#include "report/run_detail.h"

/* ---- the list -------------------------------------------------------------------------------- */

/* A word of the query as what `parse` makes of it, and 1; 0 without it. */
static int read_word(const struct pn_api_dag_call *call, const char *name,
                     int (*parse)(const char *word), const char *words, int *value,
                     struct pn_err *e)
{
    const char *word = pn_http_request_query(call->req, name);
    *value = 0;
    if (word == NULL || word[0] == '\0') {
        return 0;
    }
    *value = parse(word) + 1;
    return *value > 0 ? 0 : pn_err_input(e, "`%s` is one of %s", name, words);
}

static int read_filter(const struct pn_api_dag_call *call, struct pn_run_filter *filter,
                       struct pn_api_page *page, struct pn_err *e)
{
    const char *dag = pn_http_request_query(call->req, "dag");
    const char *text = pn_http_request_query(call->req, "q");
    *filter = (struct pn_run_filter){
        .dag = dag != NULL && dag[0] != '\0' ? dag : NULL,
        .text = text != NULL && text[0] != '\0' ? text : NULL,
    };
    int rc = pn_api_dag_page(call, page, &filter->before_id, e);
    filter->limit = (int64_t)page->limit + 1;
    if (rc == 0) {
        rc = read_word(call, "state", pn_run_state_parse,
                       "queued, running, success, failed, cancelled", &filter->state, e);
    }
    if (rc == 0) {
        rc = read_word(call, "type", pn_run_type_parse, "manual, scheduled, backfill",
                       &filter->type, e);
    }
    if (rc == 0) {
        rc = pn_api_dag_query_int(call, "from", 0, &filter->from_ms, e);
    }
    return rc == 0 ? pn_api_dag_query_int(call, "to", 0, &filter->to_ms, e) : rc;
}

static int put_runs(struct pn_api_dag_call *call, struct pn_json_writer *json,
                    const struct pn_run *runs, size_t count, struct pn_err *e)
{
    struct pn_reason_context context;
    int rc = pn_api_dag_context(call, &context, e);
    pn_json_add_array(json, "items");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *reason = "";
        rc = pn_dag_reason_run(call->db, &context, &runs[i], &call->req->arena, &reason, e);
        if (rc == 0) {
            pn_json_put_object(json);
            pn_api_add_run(json, &runs[i], reason, call->now_ms);
            pn_json_end(json);
        }
    }
    pn_json_end(json);
    return rc;
}

/* `counts` are of the DAG's runs (or of all) whatever the other filters are. */
static int answer_list(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_run_filter filter;
    struct pn_api_page page;
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t counts[PN_RUN_STATES];
    int rc = read_filter(call, &filter, &page, e);
    if (rc == 0) {
        rc = pn_dag_db_runs(call->db, &filter, &call->req->arena, &runs, &count, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_count_runs(call->db, filter.dag, counts, e);
    }
    if (rc != 0) {
        return rc;
    }
    bool is_more = count > page.limit;
    count -= is_more ? 1 : 0;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    rc = put_runs(call, &json, runs, count, e);
    pn_api_add_counts(&json, "counts", counts);
    pn_api_dag_add_next(call, &json, is_more ? runs[count - 1].id : 0);
    pn_json_end(&json);
    return rc;
}

/* ---- one of them ----------------------------------------------------------------------------- */

/* The reads or the writes of a task. */
static void add_io(struct pn_json_writer *json, const struct pn_run_detail *detail,
                   const char *task, bool writes)
{
    pn_json_add_array(json, writes ? "writes" : "reads");
    for (size_t i = 0; i < detail->io_count; i++) {
        const struct pn_task_io *io = &detail->io[i];
        if (io->is_write != writes || strcmp(io->task, task) != 0) {
            continue;
        }
        pn_json_put_object(json);
        pn_json_add_cstr(json, "table", io->name);
        pn_api_add_known(json, "version", io->version);
        pn_api_add_known(json, "rows", io->rows);
        pn_api_add_known(json, "rows_before", io->rows_before);
        pn_api_add_known(json, "table_rows", io->table_rows);
        pn_api_add_known(json, "table_rows_before", io->table_rows_before);
        pn_api_add_known(json, "files", io->files);
        pn_api_add_known(json, "bytes", io->bytes);
        pn_api_add_known(json, "dead_letters", io->dead_letters);
        pn_json_add_cstr(json, "remark", pn_report_io_remark(io));
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_attempts(struct pn_json_writer *json, const struct pn_run_detail *detail,
                         const char *task, int64_t now_ms)
{
    pn_json_add_array(json, "attempts");
    for (size_t i = 0; i < detail->attempt_count; i++) {
        const struct pn_attempt *attempt = &detail->attempts[i];
        if (strcmp(attempt->task, task) != 0) {
            continue;
        }
        pn_json_put_object(json);
        pn_json_add_i64(json, "number", attempt->number);
        pn_json_add_cstr(json, "outcome", attempt->outcome);
        pn_api_add_text(json, "reason", attempt->reason);
        if (attempt->ended_ms != 0) {
            pn_json_add_i64(json, "exit_code", attempt->exit_code);
        } else {
            pn_json_add_null(json, "exit_code");
        }
        pn_api_add_time(json, "started_ms", attempt->started_ms);
        pn_api_add_time(json, "ended_ms", attempt->ended_ms);
        pn_api_add_duration(json, "duration_ms", attempt->started_ms, attempt->ended_ms, now_ms);
        pn_api_add_time(json, "memory_bytes", attempt->memory_bytes);
        pn_json_add_bool(json, "has_log", attempt->log[0] != '\0');
        pn_api_add_time(json, "version", attempt->version);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_definition(struct pn_json_writer *json, const struct pn_dag *dag, const char *name)
{
    const struct pn_task *task = dag != NULL ? pn_dag_task(dag, name) : NULL;
    pn_json_add_cstr(json, "kind", task != NULL ? pn_task_kind_name(task->kind) : NULL);
    pn_json_add_array(json, "after");
    for (size_t i = 0; task != NULL && i < task->after_count; i++) {
        pn_json_put_cstr(json, task->after[i]->name);
    }
    pn_json_end(json);
    pn_json_add_bool(json, "removed", task == NULL);
}

static void put_task(struct pn_json_writer *json, const struct pn_run_detail *detail, size_t i,
                     const struct pn_dag *dag, int64_t now_ms)
{
    const struct pn_task_run *task = &detail->tasks[i];
    const struct pn_task_run *before =
        pn_task_run_find(detail->before_tasks, detail->before_task_count, task->task);
    pn_json_put_object(json);
    pn_json_add_cstr(json, "task", task->task);
    add_definition(json, dag, task->task);
    pn_json_add_cstr(json, "state", pn_task_state_name(task->state));
    pn_api_add_text(json, "reason", detail->reasons[i]);
    pn_json_add_i64(json, "tries", task->tries);
    pn_json_add_i64(json, "max_tries", task->max_tries);
    pn_api_add_time(json, "started_ms", task->started_ms);
    pn_api_add_time(json, "ended_ms", task->ended_ms);
    pn_api_add_duration(json, "duration_ms", task->started_ms, task->ended_ms, now_ms);
    pn_api_add_duration(json, "duration_before_ms", before != NULL ? before->started_ms : 0,
                        before != NULL ? before->ended_ms : 0,
                        before != NULL ? before->started_ms : 0);
    pn_api_add_time(json, "next_ms", task->next_ms);
    pn_json_add_cstr(json, "pool", task->pool);
    pn_json_add_i64(json, "pool_slots", task->pool_slots);
    pn_json_add_i64(json, "priority", task->priority);
    add_io(json, detail, task->task, false);
    add_io(json, detail, task->task, true);
    add_attempts(json, detail, task->task, now_ms);
    pn_json_end(json);
}

static void add_before(struct pn_json_writer *json, const struct pn_run_detail *detail)
{
    if (!detail->has_before) {
        pn_json_add_null(json, "before");
        return;
    }
    pn_json_add_object(json, "before");
    pn_json_add_cstr(json, "run", detail->before.run_id);
    pn_api_add_time(json, "ended_ms", detail->before.ended_ms);
    pn_api_add_duration(json, "duration_ms", detail->before.started_ms, detail->before.ended_ms, 0);
    pn_json_end(json);
}

static int answer_run(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_run run = {0};
    struct pn_run_detail detail;
    struct pn_reason_context context;
    int rc = pn_api_dag_find_run(call, &run, e);
    if (rc == 0) {
        rc = pn_api_dag_context(call, &context, e);
    }
    if (rc == 0) {
        rc = pn_run_detail_read(call->db, &context, &run, &call->req->arena, &detail, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_api_add_run(&json, &run, detail.reason, call->now_ms);
    pn_json_add_raw(&json, "conf", run.conf, strlen(run.conf));
    add_before(&json, &detail);
    pn_api_add_known(&json, "median_ms", detail.median_ms);
    pn_json_add_array(&json, "tasks");
    for (size_t i = 0; i < detail.task_count; i++) {
        put_task(&json, &detail, i, pn_pipeline_dag(call->pipeline, run.dag), call->now_ms);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return 0;
}

/* ---- a new one ------------------------------------------------------------------------------- */

static int trigger(struct pn_api_dag_call *call, struct pn_run *run, struct pn_err *e)
{
    const struct pn_api_dag_env *env = &call->dags->env;
    const struct pn_dag *dag = NULL;
    struct pn_trigger how = pn_trigger_of(call->who);
    const struct pn_api_member members[] = {
        {"run", PN_MEMBER_TEXT, &how.run_id},
        {"conf", PN_MEMBER_RAW, &how.conf},
        {"note", PN_MEMBER_TEXT, &how.note},
        {"logical_ms", PN_MEMBER_INT, &how.logical_ms},
        {"interval_start_ms", PN_MEMBER_INT, &how.interval_start_ms},
        {"interval_end_ms", PN_MEMBER_INT, &how.interval_end_ms},
        {"run_after_ms", PN_MEMBER_INT, &how.run_after_ms},
    };
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = PN_API_DAG_BODY(call, pn_api_trigger_body, members, e);
    }
    if (rc == 0 && env->flush != NULL) {
        rc = env->flush(env->arg, e);
    }
    return rc == 0 ? pn_dag_db_trigger(call->db, dag, &how, call->now_ms, &call->req->arena, run, e)
                   : rc;
}

static int answer_trigger(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_run run = {0};
    int rc = trigger(call, &run, e);
    call->req->status = 202;
    return rc == 0 ? pn_api_reply_run(call, &run, e) : rc;
}

/* ---- cancel, run again, note ----------------------------------------------------------------- */

static int reply_current(struct pn_api_dag_call *call, int status, struct pn_err *e)
{
    struct pn_run run = {0};
    int rc = pn_api_dag_find_run(call, &run, e);
    call->req->status = status;
    return rc == 0 ? pn_api_reply_run(call, &run, e) : rc;
}

static int answer_cancel(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_run run = {0};
    int rc = pn_api_dag_body(call, pn_api_empty_body, NULL, 0, e);
    if (rc == 0) {
        rc = pn_api_dag_find_run(call, &run, e);
    }
    if (rc == 0 && pn_run_state_final(run.state)) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "the run '%s' is over: it is %s", run.run_id,
                        pn_run_state_name(run.state));
    }
    if (rc == 0) {
        rc = pn_dag_db_cancel(call->db, &run, call->who, call->now_ms, e);
    }
    return rc == 0 ? reply_current(call, 202, e) : rc;
}

static int read_scope(const char *word, struct pn_clear *clear, struct pn_err *e)
{
    static const char *const words[] = {"task", "after", "failed", "all"};
    static const enum pn_clear_scope scopes[] = {PN_CLEAR_TASKS, PN_CLEAR_AFTER, PN_CLEAR_FAILED,
                                                 PN_CLEAR_ALL};
    size_t i = 0;
    while (i < sizeof words / sizeof *words && (word == NULL || strcmp(word, words[i]) != 0)) {
        i++;
    }
    if (i == sizeof words / sizeof *words) {
        return pn_err_input(e, "\"scope\" must be one of task, after, failed, all");
    }
    clear->scope = scopes[i];
    bool named = clear->scope == PN_CLEAR_TASKS || clear->scope == PN_CLEAR_AFTER;
    return named == (clear->task_count > 0)
               ? 0
               : pn_err_input(e, "\"tasks\" goes with the scopes task and after, and only with"
                                 " them");
}

static int answer_rerun(struct pn_api_dag_call *call, struct pn_err *e)
{
    const char *scope = NULL;
    struct pn_api_texts tasks = {0};
    struct pn_clear clear = {.who = call->who};
    const struct pn_api_member members[] = {
        {"scope", PN_MEMBER_TEXT, &scope},
        {"tasks", PN_MEMBER_TEXTS, &tasks},
        {"dry_run", PN_MEMBER_BOOL, &clear.dry_run},
    };
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    const char **names = NULL;
    size_t count = 0;
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = pn_api_dag_find_run(call, &run, e);
    }
    if (rc == 0) {
        rc = PN_API_DAG_BODY(call, pn_api_rerun_body, members, e);
    }
    clear.tasks = tasks.items;
    clear.task_count = tasks.count;
    if (rc == 0) {
        rc = read_scope(scope, &clear, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_clear(call->db, dag, &run, &clear, call->now_ms, &call->req->arena, &names,
                             &count, e);
    }
    if (rc != 0) {
        return rc;
    }
    call->req->status = clear.dry_run ? 200 : 202;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "run", run.run_id);
    pn_json_add_bool(&json, "dry_run", clear.dry_run);
    pn_json_add_array(&json, "tasks");
    for (size_t i = 0; i < count; i++) {
        pn_json_put_cstr(&json, names[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return 0;
}

static int answer_change(struct pn_api_dag_call *call, struct pn_err *e)
{
    const char *note = NULL;
    const struct pn_api_member members[] = {{"note", PN_MEMBER_TEXT, &note}};
    struct pn_run run = {0};
    int rc = pn_api_dag_find_run(call, &run, e);
    if (rc == 0) {
        rc = PN_API_DAG_BODY(call, pn_api_note_body, members, e);
    }
    if (rc == 0 && note == NULL) {
        rc = pn_err_input(e, "give a \"note\"");
    }
    if (rc == 0) {
        rc = pn_dag_db_note(call->db, &run, note, call->who, call->now_ms, e);
    }
    return rc == 0 ? reply_current(call, 200, e) : rc;
}

/* ---- the routes ------------------------------------------------------------------------------ */

PN_API_DAG_HANDLER(handle_list, answer_list)
PN_API_DAG_HANDLER(handle_run, answer_run)
PN_API_DAG_HANDLER(handle_trigger, answer_trigger)
PN_API_DAG_HANDLER(handle_cancel, answer_cancel)
PN_API_DAG_HANDLER(handle_rerun, answer_rerun)
PN_API_DAG_HANDLER(handle_change, answer_change)

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/runs", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_runs",
     .summary = "Runs, the newest first",
     .query = pn_api_runs_query,
     .reply = pn_api_runs_reply,
     .is_paged = true},
    {.http = {PN_HTTP_GET, "api/v1/runs/{}/{}", handle_run, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "get_run",
     .summary = "A run with its tasks",
     .path = pn_api_of_run,
     .reply = pn_api_run_detail_reply},
    {.http = {PN_HTTP_POST, "api/v1/runs/{}", handle_trigger, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_PIPELINE},
     .id = "trigger_run",
     .summary = "Queues a new run, after the sink landed what was acknowledged",
     .path = pn_api_of_dag,
     .body = pn_api_trigger_body,
     .reply = pn_api_run_reply,
     .status = 202,
     .errors = {409}},
    {.http = {PN_HTTP_PATCH, "api/v1/runs/{}/{}", handle_change, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "change_run",
     .summary = "Changes the note of a run",
     .path = pn_api_of_run,
     .body = pn_api_note_body,
     .reply = pn_api_run_reply,
     .errors = {409}},
    {.http = {PN_HTTP_POST, "api/v1/runs/{}/{}/cancel", handle_cancel, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "cancel_run",
     .summary = "Cancels a run",
     .path = pn_api_of_run,
     .body = pn_api_empty_body,
     .reply = pn_api_run_reply,
     .status = 202,
     .errors = {409}},
    {.http = {PN_HTTP_POST, "api/v1/runs/{}/{}/rerun", handle_rerun, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "rerun_tasks",
     .summary = "Runs tasks of a run again; a dry run is answered 200 and only lists them",
     .path = pn_api_of_run,
     .body = pn_api_rerun_body,
     .reply = pn_api_rerun_reply,
     .status = 202,
     .also = 200,
     .errors = {409}},
};

void pn_api_run_routes_add(struct pn_api_dags *dags, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], dags);
    }
}
