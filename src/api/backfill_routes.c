/* Backfills: what one would do, a new one, the list; pause, resume, cancel. */
#include <inttypes.h>
#include <string.h>

#include "api/dag_internal.h"
#include "base/units.h"

static void put_backfill(struct pn_json_writer *json, const struct pn_backfill *backfill)
{
    pn_json_put_object(json);
    pn_json_add_i64(json, "backfill", backfill->id);
    pn_json_add_cstr(json, "dag", backfill->dag);
    pn_json_add_cstr(json, "state", backfill->state);
    pn_json_add_i64(json, "from_ms", backfill->from_ms);
    pn_json_add_i64(json, "to_ms", backfill->to_ms);
    pn_json_add_cstr(json, "reprocess", backfill->reprocess);
    pn_json_add_i64(json, "active_runs_max", backfill->active_runs_max);
    pn_api_add_time(json, "created_ms", backfill->created_ms);
    pn_api_add_time(json, "updated_ms", backfill->updated_ms);
    pn_api_add_time(json, "ended_ms", backfill->ended_ms);
    pn_api_add_counts(json, "counts", backfill->counts);
    pn_json_add_i64(json, "taken", backfill->taken);
    pn_json_end(json);
}

static int answer_list(struct pn_api_dag_call *call, struct pn_err *e)
{
    const char *dag = pn_http_request_query(call->req, "dag");
    struct pn_api_page page;
    int64_t before_id = 0;
    struct pn_backfill *backfills = NULL;
    size_t count = 0;
    int rc = pn_api_dag_page(call, &page, &before_id, e);
    if (rc == 0) {
        rc = pn_dag_db_backfills(call->db, dag, before_id, (int64_t)page.limit + 1,
                                 &call->req->arena, &backfills, &count, e);
    }
    if (rc != 0) {
        return rc;
    }
    bool is_more = count > page.limit;
    count -= is_more ? 1 : 0;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "items");
    for (size_t i = 0; i < count; i++) {
        put_backfill(&json, &backfills[i]);
    }
    pn_json_end(&json);
    pn_api_dag_add_next(call, &json, is_more ? backfills[count - 1].id : 0);
    pn_json_end(&json);
    return 0;
}

/* ---- one of them ----------------------------------------------------------------------------- */

static int read_id(const struct pn_api_dag_call *call, int64_t *id, struct pn_err *e)
{
    const char *text = call->req->params[0];
    return pn_parse_i64(text, id, NULL) == 0 ? 0 : pn_err_missing(e, "no backfill '%s'", text);
}

static int reply_backfill(struct pn_api_dag_call *call, int64_t id, struct pn_err *e)
{
    struct pn_backfill backfill = {0};
    int rc = pn_dag_db_backfill(call->db, id, &call->req->arena, &backfill, e);
    if (rc == 0) {
        struct pn_json_writer json;
        pn_json_writer_init(&json, &call->req->out);
        put_backfill(&json, &backfill);
    }
    return rc;
}

static int answer_backfill(struct pn_api_dag_call *call, struct pn_err *e)
{
    int64_t id = 0;
    int rc = read_id(call, &id, e);
    return rc == 0 ? reply_backfill(call, id, e) : rc;
}

static int act(struct pn_api_dag_call *call, enum pn_backfill_act what, struct pn_err *e)
{
    int64_t id = 0;
    struct pn_err failure = {0};
    int rc = read_id(call, &id, e);
    if (rc == 0) {
        rc = pn_api_dag_body(call, pn_api_empty_body, NULL, 0, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_backfill_act(call->db, id, what, call->who, call->now_ms, &call->req->arena,
                                &failure);
    if (rc != 0) {
        /* What is wrong is the state that it is in. */
        failure.class_ = failure.class_ == PN_CLASS_INPUT ? PN_CLASS_CONFLICT : failure.class_;
        pn_err_copy(e, &failure);
        return rc;
    }
    return reply_backfill(call, id, e);
}

static int answer_pause(struct pn_api_dag_call *call, struct pn_err *e)
{
    return act(call, PN_BACKFILL_PAUSE, e);
}

static int answer_unpause(struct pn_api_dag_call *call, struct pn_err *e)
{
    return act(call, PN_BACKFILL_UNPAUSE, e);
}

static int answer_cancel(struct pn_api_dag_call *call, struct pn_err *e)
{
    return act(call, PN_BACKFILL_CANCEL, e);
}

/* ---- a new one ------------------------------------------------------------------------------- */

static void put_plan(struct pn_api_dag_call *call, const struct pn_dag *dag,
                     const struct pn_backfill_plan *plan)
{
    static const char *const actions[] = {"create", "clear", "leave"};
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_bool(&json, "dry_run", true);
    pn_json_add_cstr(&json, "token", plan->token);
    pn_json_add_i64(&json, "runs", (int64_t)plan->runs);
    const char *left_out = pn_backfill_left_out(dag, plan, &call->req->arena);
    pn_api_add_text(&json, "left_out", left_out != NULL ? left_out : "");
    pn_json_add_array(&json, "items");
    for (size_t i = 0; i < plan->count; i++) {
        pn_json_put_object(&json);
        pn_json_add_i64(&json, "logical_ms", plan->items[i].logical_ms);
        pn_json_add_cstr(&json, "run", plan->items[i].run_id);
        pn_json_add_cstr(&json, "action", actions[plan->items[i].action]);
        pn_api_add_text(&json, "reason", plan->items[i].reason);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
}

static int check_plan(struct pn_backfill_plan *plan, const char *reprocess, struct pn_err *e)
{
    if (plan->from_ms == PN_TIME_NONE || plan->to_ms == PN_TIME_NONE) {
        return pn_err_input(e, "\"%s\" is missing: give a time in milliseconds since 1970",
                            plan->from_ms == PN_TIME_NONE ? "from_ms" : "to_ms");
    }
    if (plan->to_ms < plan->from_ms) {
        return pn_err_input(e, "\"to_ms\" is before \"from_ms\"");
    }
    if (plan->active_runs_max < 1 || plan->active_runs_max > PN_API_ACTIVE_RUNS_MAX) {
        return pn_err_input(e, "\"active_runs_max\" is a whole number from 1 to %d",
                            PN_API_ACTIVE_RUNS_MAX);
    }
    int i = 0;
    while (i < PN_REPROCESSES && strcmp(reprocess, pn_reprocess_names[i]) != 0) {
        i++;
    }
    plan->reprocess = (enum pn_reprocess)i;
    return i < PN_REPROCESSES
               ? 0
               : pn_err_input(e, "\"reprocess\" must be one of none, failed, completed");
}

static int answer_create(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_backfill_plan plan = {
        .from_ms = PN_TIME_NONE, .to_ms = PN_TIME_NONE, .active_runs_max = 1};
    const char *reprocess = pn_reprocess_names[PN_REPROCESS_NONE];
    const char *token = NULL;
    bool dry_run = false;
    const struct pn_api_member members[] = {
        {"from_ms", PN_MEMBER_INT, &plan.from_ms},
        {"to_ms", PN_MEMBER_INT, &plan.to_ms},
        {"reprocess", PN_MEMBER_TEXT, &reprocess},
        {"active_runs_max", PN_MEMBER_INT, &plan.active_runs_max},
        {"dry_run", PN_MEMBER_BOOL, &dry_run},
        {"token", PN_MEMBER_TEXT, &token},
    };
    const struct pn_dag *dag = NULL;
    int64_t id = 0;
    int rc = pn_api_dag_find(call, 0, &dag, e);
    if (rc == 0) {
        rc = PN_API_DAG_BODY(call, pn_api_backfill_body, members, e);
    }
    if (rc == 0) {
        rc = check_plan(&plan, reprocess, e);
    }
    if (rc == 0 && dry_run) {
        rc = pn_dag_db_backfill_plan(call->db, dag, &plan, call->now_ms, &call->req->arena, e);
        if (rc == 0) {
            put_plan(call, dag, &plan);
        }
        return rc;
    }
    if (rc == 0) {
        rc = pn_dag_db_backfill_create(call->db, dag, &plan, token, call->who, call->now_ms,
                                       &call->req->arena, &id, e);
    }
    call->req->status = 202;
    return rc == 0 ? reply_backfill(call, id, e) : rc;
}

/* ---- the routes ------------------------------------------------------------------------------ */

PN_API_DAG_HANDLER(handle_list, answer_list)
PN_API_DAG_HANDLER(handle_backfill, answer_backfill)
PN_API_DAG_HANDLER(handle_create, answer_create)
PN_API_DAG_HANDLER(handle_pause, answer_pause)
PN_API_DAG_HANDLER(handle_unpause, answer_unpause)
PN_API_DAG_HANDLER(handle_cancel, answer_cancel)

static const struct pn_api_field plan_item[] = {
    {.name = "logical_ms", .type = PN_API_INT},
    {.name = "run", .type = PN_API_TEXT},
    {.name = "action", .type = PN_API_TEXT, .words = "create|clear|leave"},
    {.name = "reason", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = NULL}};
static const struct pn_api_field plan_reply[] = {
    {.name = "dry_run", .type = PN_API_BOOL},
    {.name = "token", .type = PN_API_TEXT},
    {.name = "runs", .type = PN_API_INT},
    {.name = "left_out",
     .type = PN_API_TEXT,
     .flags = PN_API_NULLABLE,
     .help =
         "which times of the range get no run: those outside the DAG's start and end, and those "
         "to come"},
    {.name = "items", .type = PN_API_OBJECTS, .fields = plan_item},
    {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/backfills", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_backfills",
     .summary = "Backfills, the newest first",
     .query = pn_api_backfills_query,
     .list_of = pn_api_backfill_fields},
    {.http = {PN_HTTP_GET, "api/v1/backfills/{}", handle_backfill, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_backfill",
     .summary = "A backfill",
     .path = pn_api_of_backfill,
     .reply = pn_api_backfill_fields},
    {.http = {PN_HTTP_POST, "api/v1/backfills/{}", handle_create, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "create_backfill",
     .summary = "Begins a backfill; a dry run is answered 200 and lists what it would do",
     .path = pn_api_of_backfill,
     .body = pn_api_backfill_body,
     .reply = pn_api_backfill_fields,
     .status = 202,
     .also = 200,
     .also_reply = plan_reply,
     .errors = {409}},
    {.http = {PN_HTTP_POST, "api/v1/backfills/{}/pause", handle_pause, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "pause_backfill",
     .summary = "Pauses a backfill",
     .path = pn_api_of_backfill,
     .body = pn_api_empty_body,
     .reply = pn_api_backfill_fields,
     .errors = {409}},
    {.http = {PN_HTTP_POST, "api/v1/backfills/{}/unpause", handle_unpause, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "unpause_backfill",
     .summary = "Resumes a backfill",
     .path = pn_api_of_backfill,
     .body = pn_api_empty_body,
     .reply = pn_api_backfill_fields,
     .errors = {409}},
    {.http = {PN_HTTP_POST, "api/v1/backfills/{}/cancel", handle_cancel, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "cancel_backfill",
     .summary = "Cancels a backfill and its runs",
     .path = pn_api_of_backfill,
     .body = pn_api_empty_body,
     .reply = pn_api_backfill_fields,
     .errors = {409}},
};

void pn_api_backfill_routes_add(struct pn_api_dags *dags, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], dags);
    }
}
