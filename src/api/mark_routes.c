/* What changes runs for good: marks, deletion, and both of these or a rerun for many at once. */
#include <string.h>

#include "api/dag_internal.h"

enum { BULK_RUNS_MAX = 1000 };

static void add_names(struct pn_json_writer *json, const char *name, const char *const *names,
                      size_t count)
{
    pn_json_add_array(json, name);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_cstr(json, names[i]);
    }
    pn_json_end(json);
}

/* ---- marks ----------------------------------------------------------------------------------- */

static int read_state(const char *word, enum pn_task_state *state, struct pn_err *e)
{
    int parsed = word != NULL ? pn_task_state_parse(word) : -1;
    if (parsed < 0) {
        return pn_err_input(e, "\"state\" must be one of success, failed, skipped");
    }
    *state = (enum pn_task_state)parsed;
    return 0;
}

static int mark_run(struct pn_api_dag_call *call, struct pn_mark *mark, const char *word,
                    struct pn_err *e)
{
    struct pn_run run = {0};
    struct pn_marked marked;
    int rc = pn_api_dag_find_run(call, &run, e);
    if (rc == 0) {
        rc = read_state(word, &mark->state, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_mark(call->db, pn_pipeline_dag(call->pipeline, run.dag), &run, mark,
                            call->now_ms, &call->req->arena, &marked, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "run", run.run_id);
    pn_json_add_bool(&json, "dry_run", mark->dry_run);
    add_names(&json, "tasks", marked.tasks, marked.task_count);
    add_names(&json, "cleared", marked.cleared, marked.cleared_count);
    pn_json_end(&json);
    return 0;
}

/* POST runs/{d}/{r}/mark */
static int answer_mark(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_api_texts tasks = {0};
    struct pn_mark mark = {.who = call->who};
    const char *state = NULL;
    const struct pn_api_member members[] = {
        {"state", PN_MEMBER_TEXT, &state},
        {"tasks", PN_MEMBER_TEXTS, &tasks},
        {"dry_run", PN_MEMBER_BOOL, &mark.dry_run},
    };
    int rc = PN_API_DAG_BODY(call, pn_api_mark_body, members, e);
    mark.tasks = tasks.items;
    mark.task_count = tasks.count;
    return rc == 0 ? mark_run(call, &mark, state, e) : rc;
}

/* ---- deletion -------------------------------------------------------------------------------- */

static void add_belongings(struct pn_json_writer *json, const struct pn_run_belongings *belongings)
{
    pn_json_add_i64(json, "tasks", belongings->tasks);
    pn_json_add_i64(json, "attempts", belongings->attempts);
    pn_json_add_i64(json, "log_files", belongings->log_files);
    pn_json_add_i64(json, "log_bytes", belongings->log_bytes);
}

static int measure(struct pn_api_dag_call *call, const struct pn_run *run,
                   struct pn_run_belongings *belongings, struct pn_err *e)
{
    const struct pn_api_dag_env *env = &call->dags->env;
    return pn_dag_run_belongings(call->db, env->io, env->data_folder, run, &call->req->arena,
                                 belongings, e);
}

static int delete_run(struct pn_api_dag_call *call, const struct pn_run *run, struct pn_err *e)
{
    const struct pn_api_dag_env *env = &call->dags->env;
    return pn_dag_run_delete(call->db, env->io, env->data_folder, run, call->who, call->now_ms,
                             &call->req->arena, e);
}

/* DELETE runs/{d}/{r}?dry_run=true */
static int answer_delete(struct pn_api_dag_call *call, struct pn_err *e)
{
    const char *dry_run = pn_http_request_query(call->req, "dry_run");
    bool looks = dry_run != NULL && strcmp(dry_run, "true") == 0;
    struct pn_run run = {0};
    struct pn_run_belongings belongings;
    int rc = pn_api_dag_find_run(call, &run, e);
    if (rc == 0) {
        rc = measure(call, &run, &belongings, e);
    }
    if (rc == 0 && !looks) {
        rc = delete_run(call, &run, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "run", run.run_id);
    pn_json_add_bool(&json, "dry_run", looks);
    add_belongings(&json, &belongings);
    pn_json_end(&json);
    return 0;
}

/* ---- many at once ---------------------------------------------------------------------------- */

struct bulk {
    struct pn_api_dag_call *call;
    bool deletes; /* else clears */
    struct pn_clear clear;
    struct pn_json_writer json;
};

static int bulk_delete(struct bulk *bulk, const struct pn_run *run, struct pn_err *e)
{
    struct pn_run_belongings belongings;
    int rc = measure(bulk->call, run, &belongings, e);
    if (rc == 0 && !bulk->clear.dry_run) {
        rc = delete_run(bulk->call, run, e);
    }
    if (rc == 0) {
        add_belongings(&bulk->json, &belongings);
    }
    return rc;
}

static int bulk_clear(struct bulk *bulk, const struct pn_run *run, struct pn_err *e)
{
    struct pn_api_dag_call *call = bulk->call;
    const struct pn_dag *dag = pn_pipeline_dag(call->pipeline, run->dag);
    const char **names = NULL;
    size_t count = 0;
    int rc = dag == NULL ? pn_err_missing(e, "the pipeline has no DAG '%s'", run->dag)
                         : pn_dag_db_clear(call->db, dag, run, &bulk->clear, call->now_ms,
                                           &call->req->arena, &names, &count, e);
    if (rc == 0) {
        add_names(&bulk->json, "tasks", names, count);
    }
    return rc;
}

/* One run's failure is its own: the others are done. */
static void bulk_one(struct bulk *bulk, const char *dag, const char *run_id)
{
    struct pn_api_dag_call *call = bulk->call;
    struct pn_run run = {0};
    struct pn_err failure = {0};
    pn_json_put_object(&bulk->json);
    pn_json_add_cstr(&bulk->json, "dag", dag);
    pn_json_add_cstr(&bulk->json, "run", run_id);
    int rc = pn_dag_db_run(call->db, dag, run_id, &call->req->arena, &run, &failure);
    if (rc == 0) {
        rc = bulk->deletes ? bulk_delete(bulk, &run, &failure) : bulk_clear(bulk, &run, &failure);
    }
    pn_json_add_cstr(&bulk->json, "error",
                     rc != 0 ? pn_http_request_public(call->req, failure.msg) : NULL);
    pn_json_end(&bulk->json);
}

static int read_action(struct bulk *bulk, const char *action, const char *scope, struct pn_err *e)
{
    if (action == NULL || (strcmp(action, "clear") != 0 && strcmp(action, "delete") != 0)) {
        return pn_err_input(e, "\"action\" must be one of clear, delete");
    }
    bulk->deletes = strcmp(action, "delete") == 0;
    if (scope != NULL && strcmp(scope, "all") != 0 && strcmp(scope, "failed") != 0) {
        return pn_err_input(e, "\"scope\" must be one of all, failed");
    }
    bool failed = scope != NULL && strcmp(scope, "failed") == 0;
    bulk->clear.scope = failed ? PN_CLEAR_FAILED : PN_CLEAR_ALL;
    return 0;
}

/* POST runs */
static int answer_bulk(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct bulk bulk = {.call = call, .clear = {.who = call->who}};
    const char *action = NULL;
    const char *scope = NULL;
    const struct pn_json *runs = NULL;
    const struct pn_api_member members[] = {
        {"action", PN_MEMBER_TEXT, &action},
        {"scope", PN_MEMBER_TEXT, &scope},
        {"runs", PN_MEMBER_NODE, &runs},
        {"dry_run", PN_MEMBER_BOOL, &bulk.clear.dry_run},
    };
    int rc = PN_API_DAG_BODY(call, pn_api_bulk_body, members, e);
    if (rc == 0) {
        rc = read_action(&bulk, action, scope, e);
    }
    if (rc == 0 && (runs == NULL || runs->type != PN_JSON_ARRAY || runs->count == 0 ||
                    runs->count > BULK_RUNS_MAX)) {
        rc = pn_err_input(e, "\"runs\" is a list of 1 to %d runs, each with dag and run",
                          BULK_RUNS_MAX);
    }
    if (rc != 0) {
        return rc;
    }
    pn_json_writer_init(&bulk.json, &call->req->out);
    pn_json_put_object(&bulk.json);
    pn_json_add_bool(&bulk.json, "dry_run", bulk.clear.dry_run);
    pn_json_add_array(&bulk.json, "items");
    for (const struct pn_json *node = runs->first; rc == 0 && node != NULL; node = node->next) {
        const char *dag = "";
        const char *run_id = "";
        const struct pn_api_member names[] = {{"dag", PN_MEMBER_TEXT, &dag},
                                              {"run", PN_MEMBER_TEXT, &run_id}};
        rc = pn_api_dag_members(call, node, names, sizeof names / sizeof *names, e);
        if (rc == 0) {
            bulk_one(&bulk, dag, run_id);
        }
    }
    pn_json_end(&bulk.json);
    pn_json_end(&bulk.json);
    return rc;
}

/* ---- the routes ------------------------------------------------------------------------------ */

PN_API_DAG_HANDLER(handle_mark, answer_mark)
PN_API_DAG_HANDLER(handle_delete, answer_delete)
PN_API_DAG_HANDLER(handle_bulk, answer_bulk)

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_POST, "api/v1/runs", handle_bulk, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_PIPELINE},
     .id = "change_runs",
     .summary = "Clears or deletes many runs; each has an outcome of its own",
     .body = pn_api_bulk_body,
     .reply = pn_api_bulk_reply},
    {.http = {PN_HTTP_DELETE, "api/v1/runs/{}/{}", handle_delete, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "delete_run",
     .summary = "Deletes a run with its logs; a dry run only says what there is",
     .path = pn_api_of_run,
     .query = pn_api_delete_query,
     .reply = pn_api_delete_reply,
     .errors = {409}},
    {.http = {PN_HTTP_POST, "api/v1/runs/{}/{}/mark", handle_mark, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "mark_tasks",
     .summary = "Sets the state of a run, or of some of its tasks",
     .path = pn_api_of_run,
     .body = pn_api_mark_body,
     .reply = pn_api_mark_reply,
     .errors = {409}},
};

void pn_api_mark_routes_add(struct pn_api_dags *dags, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], dags);
    }
}
