#include "api/sink_routes.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/errors.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "report/landings.h"

struct pn_api_sink_routes {
    struct pn_sink *sink;
    struct pn_api *api;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t asked; /* `requested` or `is_stopping` changed */
    uint64_t requested;   /* flushes so far; a request's number is its ticket */
    uint64_t done;        /* the last ticket that a finished flush was for */
    int rc;               /* of the last flush */
    struct pn_err failure;
    bool is_stopping;
};

/* --- flushing --------------------------------------------------------------------------------- */

static void *run_thread(void *arg)
{
    struct pn_api_sink_routes *routes = arg;
    pthread_mutex_lock(&routes->lock);
    for (;;) {
        while (!routes->is_stopping && routes->requested == routes->done) {
            pthread_cond_wait(&routes->asked, &routes->lock);
        }
        if (routes->is_stopping) {
            break;
        }
        uint64_t last = routes->requested;
        pthread_mutex_unlock(&routes->lock);
        struct pn_err failure = {0};
        int rc = pn_sink_flush(routes->sink, &failure);
        pthread_mutex_lock(&routes->lock);
        routes->done = last;
        routes->rc = rc;
        routes->failure = failure;
        pn_api_wake(routes->api);
    }
    pthread_mutex_unlock(&routes->lock);
    return NULL;
}

/* A request that waits for a flush; in its arena. */
struct flush {
    struct pn_api_sink_routes *routes;
    uint64_t ticket;
};

static bool is_done(struct pn_http_request *req)
{
    const struct flush *flush = req->state;
    pthread_mutex_lock(&flush->routes->lock);
    bool done = flush->routes->done >= flush->ticket;
    pthread_mutex_unlock(&flush->routes->lock);
    return done;
}

static enum pn_http_handled ask(struct pn_http_request *req, struct pn_api_sink_routes *routes)
{
    struct flush *flush = pn_arena_calloc(&req->arena, 1, sizeof *flush);
    pthread_mutex_lock(&routes->lock);
    *flush = (struct flush){.routes = routes, .ticket = ++routes->requested};
    pthread_cond_signal(&routes->asked);
    pthread_mutex_unlock(&routes->lock);
    req->state = flush;
    req->ready = is_done;
    req->wait_until_ns = INT64_MAX;
    return PN_HTTP_HANDLED_WAIT;
}

static enum pn_http_handled handle_flush(struct pn_http_request *req, void *arg)
{
    struct pn_api_sink_routes *routes = arg;
    if (routes->sink == NULL) {
        pn_api_reply_error(req, 409,
                           "ask a server with the role sink, or start this one with --roles "
                           "gateway,sink or without --roles",
                           "this server has no sink: it was started without the role sink");
        return PN_HTTP_HANDLED;
    }
    if (req->state == NULL) {
        return ask(req, routes);
    }
    if (!is_done(req)) {
        req->retry_after_s = 1;
        pn_api_reply_error(req, 503, "the records in the log will land after the next start",
                           "the server is stopping");
        return PN_HTTP_HANDLED;
    }
    /* A later flush than the request's own may have ended since. It landed no less. */
    pthread_mutex_lock(&routes->lock);
    int rc = routes->rc;
    struct pn_err failure = routes->failure;
    pthread_mutex_unlock(&routes->lock);
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    req->status = 200;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_bool(&json, "landed", true);
    pn_json_end(&json);
    return PN_HTTP_HANDLED;
}

/* --- status ----------------------------------------------------------------------------------- */

static size_t look(const struct pn_api_sink_routes *routes, struct pn_arena *arena,
                   struct pn_sink_status **statuses)
{
    size_t count = 0;
    if (routes->sink != NULL) {
        pn_sink_status(routes->sink, arena, statuses, &count);
    }
    return count;
}

static enum pn_http_handled handle_status(struct pn_http_request *req, void *arg)
{
    struct pn_api_sink_routes *routes = arg;
    struct pn_sink_status *statuses = NULL;
    size_t count = look(routes, &req->arena, &statuses);
    for (size_t i = 0; i < count; i++) {
        statuses[i].error = pn_http_request_public(req, statuses[i].error);
    }
    const struct pn_byte_sink sink = pn_byte_sink_buf(&req->out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_API);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_put_key(&json, "partitions");
    pn_json_open_raw(&json);
    pn_report_landings(statuses, count, rows);
    pn_row_writer_end(&rows);
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* For /health: the partitions that don't land now, and why. */
static void report_stalled(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    struct pn_sink_status *statuses = NULL;
    size_t count = look(arg, arena, &statuses);
    for (size_t i = 0; i < count; i++) {
        if (statuses[i].error != NULL) {
            pn_json_put_object(json);
            pn_json_add_cstr(json, "topic", statuses[i].topic);
            pn_json_add_i64(json, "partition", statuses[i].partition);
            pn_json_add_cstr(json, "reason", statuses[i].error);
            pn_json_end(json);
        }
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static const struct pn_api_field flush_reply[] = {{.name = "landed", .type = PN_API_BOOL},
                                                  {.name = NULL}};
static const struct pn_api_field status_reply[] = {
    {.name = "partitions", .type = PN_API_ROWS, .columns = &pn_landing_columns}, {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_POST, "api/v1/sink/flush", handle_flush, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_SERVER},
     .id = "flush_sink",
     .summary = "Lands all that the log holds, and replies when it has",
     .reply = flush_reply,
     .errors = {409}},
    {.http = {PN_HTTP_GET, "api/v1/sink", handle_status, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_SERVER},
     .id = "list_landings",
     .summary = "What has landed, by partition",
     .reply = status_reply},
};

int pn_api_sink_routes_start(struct pn_sink *sink, struct pn_api *api,
                             struct pn_api_sink_routes **routes, struct pn_err *e)
{
    struct pn_api_sink_routes *started = pn_xcalloc(1, sizeof *started);
    started->sink = sink;
    started->api = api;
    pthread_mutex_init(&started->lock, NULL);
    pthread_cond_init(&started->asked, NULL);
    int rc = pthread_create(&started->thread, NULL, run_thread, started);
    if (rc != 0) {
        pn_api_sink_routes_stop(&started);
        return pn_err_errno(e, rc, "cannot start the thread that flushes the sink");
    }
    started->is_running = true;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], started);
    }
    const struct pn_api_health health = {
        .name = "stalled_landings", .report = report_stalled, .arg = started};
    pn_api_add_health(api, &health);
    *routes = started;
    return 0;
}

void pn_api_sink_routes_stop(struct pn_api_sink_routes **routes)
{
    struct pn_api_sink_routes *gone = *routes;
    if (gone == NULL) {
        return;
    }
    if (gone->is_running) {
        pthread_mutex_lock(&gone->lock);
        gone->is_stopping = true;
        pthread_cond_signal(&gone->asked);
        pthread_mutex_unlock(&gone->lock);
        pthread_join(gone->thread, NULL);
    }
    pthread_cond_destroy(&gone->asked);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *routes = NULL;
}
