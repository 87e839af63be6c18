/* DAGs: the list, one of them, its grid, what its schedule left out; pools and the audit. */
#include "api/dag_routes.h"

#include <stdlib.h>
#include <string.h>

#include "api/dag_internal.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "dag/grid.h"
#include "report/dag_overview.h"
#include "report/pools.h"

enum { NEXT_TIMES = 5 };

/* ---- the list -------------------------------------------------------------------------------- */

/* [run, letter, duration in ms], newest first. */
static void add_last(struct pn_json_writer *json, const struct pn_dag_overview *overview,
                     int64_t now_ms)
{
    pn_json_add_array(json, "last");
    for (size_t i = 0; i < overview->last_count; i++) {
        const struct pn_run *run = &overview->last[i];
        char letter = pn_run_state_letter(run->state);
        int64_t end_ms = run->ended_ms != 0 ? run->ended_ms : now_ms;
        pn_json_put_array(json);
        pn_json_put_cstr(json, run->run_id);
        pn_json_put_string(json, &letter, 1);
        pn_json_put_i64(json, run->started_ms != 0 ? end_ms - run->started_ms : 0);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_overview(struct pn_api_dag_call *call, struct pn_json_writer *json,
                         const struct pn_dag *dag, const struct pn_dag_overview *overview)
{
    const struct pn_schedule *schedule = &dag->schedule;
    pn_json_add_cstr(json, "dag", dag->name);
    pn_json_add_cstr(json, "description", dag->description);
    pn_json_add_i64(json, "task_count", (int64_t)dag->task_count);
    pn_json_add_bool(json, "paused", overview->status.paused);
    pn_api_add_time(json, "paused_ms", overview->status.paused_ms);
    pn_json_add_array(json, "schedule");
    for (size_t i = 0; i < schedule->line_count; i++) {
        pn_json_put_cstr(json, schedule->texts[i]);
    }
    pn_json_end(json);
    pn_api_add_text(json, "schedule_text", pn_dag_schedule_text(dag, &call->req->arena));
    pn_json_add_cstr(json, "timezone", schedule->line_count > 0 ? schedule->zone->name : NULL);
    pn_api_add_time(json, "next_ms", overview->next_ms);
    add_last(json, overview, call->now_ms);
    pn_api_add_counts(json, "counts", overview->counts);
    pn_api_add_counts(json, "day_counts", overview->day_counts);
    pn_api_add_time(json, "last_success_ms", overview->success_ms);
    pn_api_add_text(json, "failed_task", overview->failed_task);
}

static int answer_list(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = call->pipeline;
    struct pn_json_writer json;
    int rc = 0;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "items");
    for (size_t i = 0; rc == 0 && i < pipeline->dag_count; i++) {
        struct pn_dag_overview overview;
        rc = pn_dag_overview_read(call->db, &pipeline->dags[i], call->now_ms, &call->req->arena,
                                  &overview, e);
        if (rc == 0) {
            pn_json_put_object(&json);
            add_overview(call, &json, &pipeline->dags[i], &overview);
            pn_json_end(&json);
        }
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return rc;
}

/* ---- one of them ----------------------------------------------------------------------------- */

static void add_names(struct pn_json_writer *json, const char *name, const struct pn_task *task,
                      bool tables)
{
    pn_json_add_array(json, name);
    for (size_t i = 0; i < (tables ? task->table_count : task->after_count); i++) {
        pn_json_put_cstr(json, tables ? task->tables[i]->name : task->after[i]->name);
    }
    pn_json_end(json);
}

static void add_codes(struct pn_json_writer *json, const char *name,
                      const struct pn_exit_codes *codes)
{
    pn_json_add_array(json, name);
    for (size_t i = 0; i < codes->count; i++) {
        pn_json_put_i64(json, codes->codes[i]);
    }
    pn_json_end(json);
}

static void put_task(struct pn_json_writer *json, const struct pn_task *task)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "task", task->name);
    pn_json_add_cstr(json, "kind", pn_task_kind_name(task->kind));
    add_names(json, "tables", task, true);
    pn_json_add_cstr(json, "command", task->command);
    add_names(json, "after", task, false);
    pn_json_add_cstr(json, "trigger_rule", pn_trigger_rule_names[task->rule]);
    pn_json_add_i64(json, "retries", task->retries);
    pn_json_add_i64(json, "retry_delay_ms", task->retry_delay_ms);
    pn_json_add_double(json, "retry_backoff", task->retry_backoff);
    pn_json_add_i64(json, "retry_delay_max_ms", task->retry_delay_max_ms);
    add_codes(json, "no_retry_exit_codes", &task->no_retry);
    add_codes(json, "skip_exit_codes", &task->skip);
    pn_api_add_time(json, "timeout_ms", task->timeout_ms);
    pn_json_add_cstr(json, "pool", task->pool);
    pn_json_add_i64(json, "pool_slots", task->pool_slots);
    pn_json_add_i64(json, "priority", task->priority);
    pn_json_add_bool(json, "may_fail", task->may_fail);
    pn_json_end(json);
}

static void add_schedule(struct pn_json_writer *json, const struct pn_schedule *schedule,
                         int64_t now_ms)
{
    int64_t at_ms = schedule->line_count > 0 ? pn_schedule_next(schedule, now_ms) : PN_CRON_NEVER;
    pn_api_add_known(json, "start_ms",
                     schedule->start_ms != INT64_MIN ? schedule->start_ms : PN_TIME_NONE);
    pn_api_add_known(json, "end_ms",
                     schedule->end_ms != INT64_MAX ? schedule->end_ms : PN_TIME_NONE);
    pn_json_add_i64(json, "catchup_ms", schedule->catchup_ms);
    pn_json_add_cstr(json, "overlap", pn_overlap_names[schedule->overlap]);
    pn_json_add_array(json, "next_times_ms");
    for (int i = 0; i < NEXT_TIMES && at_ms != PN_CRON_NEVER; i++) {
        pn_json_put_i64(json, at_ms);
        at_ms = pn_schedule_next(schedule, at_ms);
    }
    pn_json_end(json);
}

static int answer_dag(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_dag *dag = NULL;
    struct pn_dag_overview overview;
    struct pn_dag_version now;
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = pn_dag_version_now(call->db, dag, call->now_ms, &now, e);
    }
    if (rc == 0) {
        rc = pn_dag_overview_read(call->db, dag, call->now_ms, &call->req->arena, &overview, e);
    }
    if (rc != 0) {
        return rc;
    }
    const char *text = pn_pipeline_dag_text(call->pipeline, dag, &call->req->arena);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    add_overview(call, &json, dag, &overview);
    add_schedule(&json, &dag->schedule, call->now_ms);
    pn_json_add_i64(&json, "parallelism", dag->parallelism);
    pn_json_add_i64(&json, "active_runs_max", dag->active_runs_max);
    pn_api_add_time(&json, "run_timeout_ms", dag->run_timeout_ms);
    pn_json_add_cstr(&json, "on_failure_webhook", dag->on_failure_webhook);
    pn_json_add_cstr(&json, "on_failure_command", dag->on_failure_command);
    pn_json_add_array(&json, "tasks");
    for (size_t i = 0; i < dag->task_count; i++) {
        put_task(&json, &dag->tasks[i]);
    }
    pn_json_end(&json);
    pn_json_add_cstr(&json, "file", dag->file);
    pn_json_add_i64(&json, "line", dag->line);
    pn_json_add_cstr(&json, "text", text);
    pn_json_add_textf(&json, "version", "%08x", (unsigned)pn_crc32c(text, strlen(text)));
    pn_json_add_i64(&json, "version_number", now.number);
    pn_json_add_i64(&json, "version_ms", now.created_ms);
    pn_json_end(&json);
    return 0;
}

static int answer_pause(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_dag *dag = NULL;
    const struct pn_json *paused = NULL;
    const struct pn_api_member members[] = {{"paused", PN_MEMBER_NODE, &paused}};
    bool changed = false;
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = PN_API_DAG_BODY(call, pn_api_pause_body, members, e);
    }
    if (rc == 0 && (paused == NULL || paused->type != PN_JSON_BOOL)) {
        rc = pn_err_input(e, "give \"paused\", which is true or false");
    }
    if (rc == 0) {
        rc = pn_dag_db_pause(call->db, dag->name, paused->boolean, call->who, call->now_ms,
                             &changed, e);
    }
    return rc == 0 ? answer_dag(call, e) : rc;
}

/* ---- the grid -------------------------------------------------------------------------------- */

/* Small, since there may be a thousand of them: `after` are places in the list, a kind that is not
 * there is `command`. */
static void put_grid_task(struct pn_json_writer *json, const struct pn_grid *grid, size_t i,
                          const struct pn_dag *dag)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "id", grid->tasks[i]);
    if (i >= grid->dag_task_count) {
        pn_json_add_bool(json, "removed", true);
        pn_json_end(json);
        return;
    }
    const struct pn_task *task = &dag->tasks[i];
    if (task->kind != PN_TASK_COMMAND) {
        pn_json_add_cstr(json, "kind", pn_task_kind_name(task->kind));
    }
    if (task->after_count > 0) {
        pn_json_add_array(json, "after");
        for (size_t j = 0; j < task->after_count; j++) {
            pn_json_put_i64(json, task->after[j] - dag->tasks);
        }
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void put_grid_run(struct pn_json_writer *json, const struct pn_grid *grid,
                         const struct pn_grid_run *of)
{
    const struct pn_run *run = &of->run;
    char place[24];
    pn_json_put_object(json);
    pn_json_add_i64(json, "id", run->id);
    pn_json_add_cstr(json, "run", run->run_id);
    pn_json_add_cstr(json, "type", pn_run_type_name(run->type));
    pn_json_add_cstr(json, "state", pn_run_state_name(run->state));
    pn_api_add_time(json, "logical_ms", run->logical_ms);
    pn_api_add_time(json, "queued_ms", run->queued_ms);
    pn_api_add_time(json, "started_ms", run->started_ms);
    pn_api_add_time(json, "ended_ms", run->ended_ms);
    pn_json_add_cstr(json, "note", run->note);
    pn_json_add_cstr(json, "states", of->states);
    pn_json_add_object(json, "tries");
    for (size_t i = 0; i < grid->task_count; i++) {
        if (of->tries[i] > 1) {
            (void)snprintf(place, sizeof place, "%zu", i);
            pn_json_add_i64(json, place, of->tries[i]);
        }
    }
    pn_json_end(json);
    pn_json_end(json);
}

static int answer_grid(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_dag *dag = NULL;
    struct pn_grid grid;
    int64_t limit = PN_API_GRID_RUNS_DEFAULT;
    int64_t before_id = 0;
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = pn_api_dag_query_int(call, "limit", PN_API_GRID_RUNS_DEFAULT, &limit, e);
    }
    if (rc == 0) {
        rc = pn_api_dag_query_int(call, "before", 0, &before_id, e);
    }
    if (rc == 0 && (limit < 1 || limit > PN_API_GRID_RUNS_MAX)) {
        rc = pn_err_input(e, "`limit` is a whole number from 1 to %d", PN_API_GRID_RUNS_MAX);
    }
    if (rc == 0) {
        rc = pn_dag_db_grid(call->db, dag, before_id, limit, &call->req->arena, &grid, e);
    }
    if (rc != 0) {
        return rc;
    }
    const char *text = pn_pipeline_dag_text(call->pipeline, dag, &call->req->arena);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_textf(&json, "version", "%08x", (unsigned)pn_crc32c(text, strlen(text)));
    pn_json_add_array(&json, "tasks");
    for (size_t i = 0; i < grid.task_count; i++) {
        put_grid_task(&json, &grid, i, dag);
    }
    pn_json_end(&json);
    pn_json_add_array(&json, "runs");
    for (size_t i = 0; i < grid.run_count; i++) {
        put_grid_run(&json, &grid, &grid.runs[i]);
    }
    pn_json_end(&json);
    pn_api_add_time(&json, "next", grid.next_id);
    pn_json_end(&json);
    return 0;
}

/* ---- skipped times, pools, audit ------------------------------------------------------------- */

static int answer_skipped(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_dag *dag = NULL;
    struct pn_api_page page;
    struct pn_skip *skips = NULL;
    size_t count = 0;
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = pn_api_list_page(call->req, &page, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_skips(call->db, dag->name, (int64_t)page.limit, &call->req->arena, &skips,
                             &count, e);
    }
    if (rc == 0) {
        struct pn_api_list list;
        pn_report_skips(skips, count, pn_api_list_begin(&list, call->req));
        pn_api_dag_end_list(call, &list, 0);
    }
    return rc;
}

static int answer_audit(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_api_page page;
    struct pn_audit *audits = NULL;
    size_t count = 0;
    int64_t next_id = 0;
    const char *sort = pn_http_request_query(call->req, "sort");
    struct pn_audit_filter filter = {.dag = pn_http_request_query(call->req, "dag"),
                                     .run_id = pn_http_request_query(call->req, "run"),
                                     .words = pn_http_request_query(call->req, "q"),
                                     .oldest_first = sort != NULL && sort[0] != '-'};
    int rc = pn_api_dag_page(call, &page, &filter.after_id, e);
    if (rc == 0 && filter.run_id != NULL && filter.dag == NULL) {
        rc = pn_err_input(e, "`run` is one of a DAG: give `dag`, too");
    }
    filter.limit = (int64_t)page.limit;
    if (rc == 0) {
        rc = pn_dag_db_audits(call->db, &filter, &call->req->arena, &audits, &count, &next_id, e);
    }
    if (rc == 0) {
        struct pn_api_list list;
        pn_report_audits(audits, count, pn_api_list_begin(&list, call->req));
        pn_api_dag_end_list(call, &list, next_id);
    }
    return rc;
}

/* What is wrong with the files, while the last good definition stays in force. */
static int answer_import_errors(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_definition_error error;
    struct pn_json_writer json;
    (void)e;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "items");
    if (pn_definitions_error(call->dags->env.definitions, &call->req->arena, &error)) {
        pn_json_put_object(&json);
        pn_api_add_text(&json, "file", error.file);
        pn_api_add_time(&json, "line", error.line);
        pn_json_add_cstr(&json, "reason", pn_http_request_public(call->req, error.reason));
        pn_api_add_time(&json, "at_ms", error.at_ms);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_add_cstr(&json, "version", call->definition->version);
    pn_api_add_time(&json, "loaded_ms", call->definition->loaded_ms);
    pn_json_add_bool(&json, "needs_restart", call->definition->needs_restart);
    pn_json_end(&json);
    return 0;
}

static int answer_pools(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_api_list list;
    int rc = pn_report_pools(call->pipeline, call->db, pn_api_list_begin(&list, call->req), e);
    if (rc == 0) {
        pn_api_dag_end_list(call, &list, 0);
    } else {
        pn_row_writer_break(&list.rows);
    }
    return rc;
}

/* ---- the routes ------------------------------------------------------------------------------ */

PN_API_DAG_HANDLER(handle_list, answer_list)
PN_API_DAG_HANDLER(handle_dag, answer_dag)
PN_API_DAG_HANDLER(handle_pause, answer_pause)
PN_API_DAG_HANDLER(handle_grid, answer_grid)
PN_API_DAG_HANDLER(handle_skipped, answer_skipped)
PN_API_DAG_HANDLER(handle_audit, answer_audit)
PN_API_DAG_HANDLER(handle_pools, answer_pools)
PN_API_DAG_HANDLER(handle_import_errors, answer_import_errors)

static const struct pn_api_field pools_reply[] = {
    {.name = "items", .type = PN_API_ROWS, .columns = &pn_pool_columns}, PN_FIELDS_END};

static const struct pn_api_field import_error[] = {
    PN_FIELD_NULLABLE("file", TEXT), PN_FIELD_NULLABLE("line", INT), PN_FIELD("reason", TEXT),
    PN_FIELD("at_ms", INT), PN_FIELDS_END};
static const struct pn_api_field import_errors_reply[] = {
    {.name = "items", .type = PN_API_OBJECTS, .fields = import_error},
    PN_FIELD("version", TEXT),
    PN_FIELD("loaded_ms", INT),
    PN_FIELD("needs_restart", BOOL),
    PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/dags", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_dags",
     .summary = "The DAGs of the pipeline",
     .reply = pn_api_dags_reply},
    {.http = {PN_HTTP_GET, "api/v1/dags/{}", handle_dag, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "get_dag",
     .summary = "A DAG with its tasks and its definition",
     .path = pn_api_of_dag,
     .reply = pn_api_dag_reply},
    {.http = {PN_HTTP_PATCH, "api/v1/dags/{}", handle_pause, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_PIPELINE},
     .id = "pause_dag",
     .summary = "Pauses a DAG, or ends its pause",
     .path = pn_api_of_dag,
     .body = pn_api_pause_body,
     .reply = pn_api_dag_reply,
     .errors = {409}},
    {.http = {PN_HTTP_GET, "api/v1/dags/{}/grid", handle_grid, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "get_grid",
     .summary = "Tasks by runs",
     .path = pn_api_of_dag,
     .query = pn_api_grid_query,
     .reply = pn_api_grid_reply},
    {.http = {PN_HTTP_GET, "api/v1/dags/{}/skipped", handle_skipped, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "list_skipped",
     .summary = "Times of the schedule that got no run",
     .path = pn_api_of_dag,
     .list = &pn_skip_columns},
    {.http = {PN_HTTP_GET, "api/v1/pools", handle_pools, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_pools",
     .summary = "Pools, and how many of their slots are taken",
     .reply = pools_reply},
    {.http = {PN_HTTP_GET, "api/v1/audit", handle_audit, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_audit",
     .summary = "Who did what, the newest first",
     .query = pn_api_audit_query,
     .list = &pn_audit_columns},
    {.http = {PN_HTTP_GET, "api/v1/import_errors", handle_import_errors, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "list_import_errors",
     .summary = "What is wrong with the files of the pipeline, and which definition is in force",
     .reply = import_errors_reply},
};

/* The list of /health: for information, since the last good definition stays in force. */
static void report_health(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    struct pn_api_dags *dags = arg;
    struct pn_definition_error error;
    if (pn_definitions_error(dags->env.definitions, arena, &error)) {
        pn_json_put_object(json);
        pn_api_add_text(json, "file", error.file);
        pn_api_add_time(json, "line", error.line);
        pn_json_add_cstr(json, "reason", error.reason);
        pn_json_end(json);
    }
}

struct pn_api_dags *pn_api_dags_create(const struct pn_api_dag_env *env, struct pn_api *api)
{
    struct pn_api_dags *dags = pn_xcalloc(1, sizeof *dags);
    char *path = pn_xasprintf("%s/state.db", env->data_folder);
    dags->env = *env;
    dags->pool = pn_dag_db_pool_create(path);
    free(path);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], dags);
    }
    const struct pn_api_health health = {
        .name = "import_errors", .report = report_health, .arg = dags, .is_note = true};
    pn_api_add_health(api, &health);
    pn_api_version_routes_add(dags, api);
    pn_api_run_routes_add(dags, api);
    pn_api_mark_routes_add(dags, api);
    pn_api_log_routes_add(dags, api);
    pn_api_backfill_routes_add(dags, api);
    return dags;
}

void pn_api_dags_destroy(struct pn_api_dags **dags)
{
    if (*dags != NULL) {
        pn_dag_db_pool_destroy(&(*dags)->pool);
        free(*dags);
        *dags = NULL;
    }
}
