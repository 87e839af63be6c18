/* Logs of attempts: a range, where a text is, the whole. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "api/dag_internal.h"
#include "api/query_internal.h"
#include "base/units.h"

enum { RANGE_DEFAULT = 256 * 1024, HITS_DEFAULT = 100 };

/* runs/{d}/{r}/{t}/{n}: the attempt, and whether there is more to come. */
struct log_call {
    struct pn_api_dag_call *call;
    const char *path; /* NULL: nothing was printed yet */
    bool is_done;
};

static int find_attempt(struct pn_api_dag_call *call, struct log_call *log, struct pn_err *e)
{
    struct pn_run run = {0};
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int64_t number = 0;
    const char *const *params = call->req->params;
    *log = (struct log_call){.call = call};
    int rc = pn_api_dag_find_run(call, &run, e);
    if (rc == 0) {
        rc = pn_dag_db_attempts(call->db, run.id, params[2], &call->req->arena, &attempts, &count,
                                e);
    }
    if (rc != 0) {
        return rc;
    }
    size_t i = 0;
    bool valid = pn_parse_i64(params[3], &number, NULL) == 0;
    while (i < count && (!valid || attempts[i].number != number)) {
        i++;
    }
    if (i == count) {
        return pn_err_missing(e, "run '%s' has no attempt %s of a task '%s'", run.run_id, params[3],
                              params[2]);
    }
    log->is_done = attempts[i].ended_ms != 0;
    log->path = attempts[i].log[0] != '\0' ? attempts[i].log : NULL;
    return 0;
}

/* A log that was there and is not: it has reached its age. */
static int gone(struct pn_err *e)
{
    return pn_err_missing(e, "this attempt has no log: logs are removed after dag.logs_keep_ms, and"
                             " an attempt that could not start has none");
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/* ?from= may be negative: from the end; ?tail=N is the same as from=-N and max=N. */
static int read_range(const struct pn_api_dag_call *call, int64_t *from, int64_t *max,
                      struct pn_err *e)
{
    const char *text = pn_http_request_query(call->req, "from");
    int64_t tail = 0;
    *from = 0;
    if (text != NULL && pn_parse_i64(text, from, NULL) != 0) {
        return pn_err_input(e, "`from` is a whole number of bytes; negative: from the end");
    }
    int rc = pn_api_dag_query_int(call, "tail", 0, &tail, e);
    if (rc == 0) {
        rc = pn_api_dag_query_int(call, "max", tail > 0 ? tail : RANGE_DEFAULT, max, e);
    }
    if (rc == 0 && (*max < 1 || *max > PN_LOG_RANGE_MAX)) {
        rc = pn_err_input(e, "a range has 1 to %d bytes", PN_LOG_RANGE_MAX);
    }
    *from = tail > 0 ? -tail : *from;
    return rc;
}

static void reply_range(struct log_call *log, const struct pn_log_range *range)
{
    struct pn_http_request *req = log->call->req;
    struct pn_arena *arena = &req->arena;
    req->content_type = "text/plain; charset=utf-8";
    pn_http_reply_header(req, "X-Log-From", pn_arena_printf(arena, "%" PRId64, range->from));
    pn_http_reply_header(req, "X-Log-Next",
                         pn_arena_printf(arena, "%" PRId64, range->from + (int64_t)req->out.len));
    pn_http_reply_header(req, "X-Log-Size", pn_arena_printf(arena, "%" PRId64, range->size_bytes));
    pn_http_reply_header(req, "X-Log-Done", log->is_done ? "true" : "false");
}

static int answer_range(struct log_call *log, struct pn_err *e)
{
    struct pn_http_request *req = log->call->req;
    struct pn_log_range range = {0};
    int64_t from = 0;
    int64_t max = 0;
    int rc = read_range(log->call, &from, &max, e);
    if (rc == 0 && log->path != NULL) {
        rc = pn_log_file_read(log->call->dags->env.io, log->path, from, (size_t)max, &req->out,
                              &range, e);
    }
    if (rc == 0) {
        reply_range(log, &range);
    }
    return rc;
}

/* ---- search ---------------------------------------------------------------------------------- */

static int answer_find(struct log_call *log, const char *text, struct pn_err *e)
{
    struct pn_api_dag_call *call = log->call;
    const char *ignore = pn_http_request_query(call->req, "ignore_case");
    struct pn_log_search search = {.text = text,
                                   .ignore_case = ignore != NULL && strcmp(ignore, "true") == 0};
    struct pn_log_hits hits = {.next = -1};
    int64_t limit = HITS_DEFAULT;
    int rc = pn_api_dag_query_int(call, "after", 0, &search.after, e);
    if (rc == 0) {
        rc = pn_api_dag_query_int(call, "limit", HITS_DEFAULT, &limit, e);
    }
    if (rc == 0 && (limit < 1 || limit > PN_LOG_HITS_MAX)) {
        rc = pn_err_input(e, "`limit` is a whole number from 1 to %d", PN_LOG_HITS_MAX);
    }
    search.limit = (size_t)limit;
    if (rc == 0 && log->path != NULL) {
        rc = pn_log_file_find(call->dags->env.io, log->path, &search, &call->req->arena, &hits, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "hits");
    for (size_t i = 0; i < hits.count; i++) {
        pn_json_put_object(&json);
        pn_json_add_i64(&json, "byte", hits.hits[i].byte);
        pn_json_add_i64(&json, "line", hits.hits[i].line);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_add_i64(&json, "scanned", hits.scanned);
    pn_api_add_known(&json, "next", hits.next >= 0 ? hits.next : PN_TIME_NONE);
    pn_json_end(&json);
    return 0;
}

static int answer_log(struct pn_api_dag_call *call, struct pn_err *e)
{
    const char *text = pn_http_request_query(call->req, "find");
    struct log_call log;
    int rc = find_attempt(call, &log, e);
    if (rc == 0 && log.path == NULL && log.is_done) {
        rc = gone(e);
    }
    if (rc != 0) {
        return rc;
    }
    return text != NULL ? answer_find(&log, text, e) : answer_range(&log, e);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int answer_download(struct pn_api_dag_call *call, struct pn_err *e)
{
    struct pn_http_request *req = call->req;
    struct log_call log;
    int fd = -1;
    int rc = find_attempt(call, &log, e);
    if (rc == 0 && log.path == NULL) {
        rc = gone(e);
    }
    if (rc == 0) {
        rc = pn_io_open(call->dags->env.io, log.path, O_RDONLY, &fd, e);
    }
    if (rc != 0) {
        return rc;
    }
    req->content_type = "text/plain; charset=utf-8";
    pn_http_reply_header(req, "Content-Disposition",
                         pn_arena_printf(&req->arena, "attachment; filename=\"%s.%s.log\"",
                                         req->params[2], req->params[3]));
    call->handled = pn_api_send_file(req, fd, NULL, NULL);
    return 0;
}

/* ---- the routes ------------------------------------------------------------------------------ */

PN_API_DAG_HANDLER(handle_log, answer_log)
PN_API_DAG_HANDLER(handle_download, answer_download)

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/runs/{}/{}/{}/{}/log", handle_log, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "read_log",
     .summary = "A range of an attempt's log as text, or with `find` the places of a text in it",
     .path = pn_api_of_attempt,
     .query = pn_api_log_query,
     .media = "text/plain application/json"},
    {.http = {PN_HTTP_GET, "api/v1/runs/{}/{}/{}/{}/log/download", handle_download,
              PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "download_log",
     .summary = "The whole log of an attempt",
     .path = pn_api_of_attempt,
     .media = "text/plain"},
};

void pn_api_log_routes_add(struct pn_api_dags *dags, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], dags);
    }
}
