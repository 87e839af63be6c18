/* dagRuns/{run}/wait: replies when the run is over. A request that waits holds no thread. */
#include <stdlib.h>
#include <string.h>

#include "airflow/errors.h"
#include "airflow/states.h"
#include "airflow/values.h"
#include "airflow/write.h"
#include "base/mem.h"

enum { INTERVAL_MS_MIN = 100, INTERVAL_MS_MAX = 3600 * 1000 };

/* --- as one object ---------------------------------------------------------------------------- */

/* A client that takes JSON alone, as the Python client is generated, gets the last state. */
static bool wants_lines(const struct pn_http_request *req)
{
    const char *accept = pn_http_request_header(req, "Accept");
    return accept == NULL || strstr(accept, PN_HTTP_TYPE_JSON) == NULL ||
           strstr(accept, "application/x-ndjson") != NULL;
}

static bool never_ready(struct pn_http_request *req)
{
    return pn_http_request_client_is_gone(req);
}

static void put_state(struct pn_json_writer *json, enum pn_run_state state)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "state", pn_airflow_run_state(state));
    pn_json_end(json);
}

static int wait_for_end(struct pn_airflow_call *call, const struct pn_run *run, int64_t interval_ms)
{
    struct pn_http_request *req = call->req;
    int64_t now_ns = pn_mono_ns(call->env->clock);
    if (pn_run_state_final(run->state)) {
        put_state(&call->json, run->state);
        return 0;
    }
    /* Called again sooner than it asked for: the server stops, or the client is gone. */
    if (pn_http_request_client_is_gone(req) || (req->expired && now_ns < req->wait_until_ns)) {
        return pn_err_set(&call->failure, PN_CLASS_RETRY, PN_FAIL,
                          "the server is stopping: run '%s' is %s", run->run_id,
                          pn_run_state_name(run->state));
    }
    pn_http_request_watch_client(req);
    req->ready = never_ready;
    req->wait_until_ns = now_ns + interval_ms * 1000000;
    call->handled = PN_HTTP_HANDLED_WAIT;
    return 0;
}

/* --- as lines --------------------------------------------------------------------------------- */

/* What a reply in lines has of its run. */
struct watch {
    struct pn_dag_db_pool *dbs;
    char *dag;
    char *run_id;
    int state; /* that was written last; -1: none */
};

static bool next_line(void *arg, struct pn_buf *out)
{
    struct watch *watch = arg;
    struct pn_dag_db *db = NULL;
    struct pn_arena arena;
    struct pn_run run = {0};
    struct pn_json_writer json;
    pn_arena_init(&arena, 0);
    int rc = pn_dag_db_pool_take(watch->dbs, &db, NULL);
    if (rc == 0) {
        rc = pn_dag_db_run(db, watch->dag, watch->run_id, &arena, &run, NULL);
    }
    pn_dag_db_pool_give(watch->dbs, &db);
    if (rc == 0 && (int)run.state != watch->state) {
        watch->state = (int)run.state;
        pn_json_writer_init(&json, out);
        put_state(&json, run.state);
        pn_json_end_line(&json);
    }
    pn_arena_deinit(&arena);
    return rc == 0 && !pn_run_state_final(run.state); /* a run that is gone ends it, too */
}

/* There is news only when it is looked for. */
static bool is_ready(void *arg)
{
    (void)arg;
    return false;
}

static void end_watch(void *arg)
{
    struct watch *watch = arg;
    free(watch->dag);
    free(watch->run_id);
    free(watch);
}

static void stream_states(struct pn_airflow_call *call, const struct pn_run *run,
                          int64_t interval_ms)
{
    struct watch *watch = pn_xcalloc(1, sizeof *watch);
    *watch = (struct watch){.dbs = call->dbs,
                            .dag = pn_xstrdup(run->dag),
                            .run_id = pn_xstrdup(run->run_id),
                            .state = -1};
    call->req->content_type = "application/x-ndjson";
    call->req->stream = (struct pn_http_reply_stream){.next = next_line,
                                                      .ready = is_ready,
                                                      .end = end_watch,
                                                      .arg = watch,
                                                      .look_ms = interval_ms,
                                                      .is_document = true};
    call->handled = PN_HTTP_HANDLED_STREAM;
}

/* --- the route -------------------------------------------------------------------------------- */

static int read_interval(struct pn_airflow_call *call, int64_t *interval_ms)
{
    static const struct pn_airflow_source query = {.body = NULL};
    const char *text = NULL;
    char *end = NULL;
    int rc = pn_airflow_text(call, &query, "interval", &text);
    if (rc != 0) {
        return rc;
    }
    if (text == NULL) {
        return pn_airflow_refuse(call, "query", "interval", "missing",
                                 "the seconds between two looks are required");
    }
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 1e9)) {
        return pn_airflow_refuse(call, "query", "interval", "greater_than",
                                 "a number of seconds above 0 is required");
    }
    double ms = seconds * 1000.0;
    *interval_ms = ms < INTERVAL_MS_MIN   ? INTERVAL_MS_MIN
                   : ms > INTERVAL_MS_MAX ? INTERVAL_MS_MAX
                                          : (int64_t)ms;
    return 0;
}

static int answer_wait(struct pn_airflow_call *call)
{
    static const struct pn_airflow_source query = {.body = NULL};
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct pn_airflow_texts results;
    int64_t interval_ms = 0;
    int rc = pn_airflow_run(call, &dag, &run);
    if (rc == 0) {
        rc = read_interval(call, &interval_ms);
    }
    if (rc == 0) {
        rc = pn_airflow_texts(call, &query, "result", &results);
    }
    if (rc == 0 && results.count > 0) {
        return pn_airflow_refuse(call, "query", "result", "value_error",
                                 "the tasks of pinion return no values (XComs)");
    }
    if (rc == 0 && wants_lines(call->req)) {
        stream_states(call, &run, interval_ms);
        return 0;
    }
    return rc == 0 ? wait_for_end(call, &run, interval_ms) : rc;
}

const struct pn_airflow_endpoint pn_airflow_wait[] = {
    {PN_HTTP_GET, "dags/{}/dagRuns/{}/wait", answer_wait, PN_RIGHT_READ},
    {.pattern = NULL},
};
