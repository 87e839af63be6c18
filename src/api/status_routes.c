#include "api/status_routes.h"

#include <stdio.h>
#include <unistd.h>

/* The resident memory, from Linux' table of this process; -1: not known. */
static int64_t memory_bytes(const struct pn_io *io)
{
    enum { TEXT_MAX = 256 };
    struct pn_buf text;
    long long all_pages = 0;
    long long pages = 0;
    int64_t bytes = -1;
    pn_buf_init(&text, TEXT_MAX);
    if (pn_io_read_file(io, "/proc/self/statm", &text, NULL) == 0 &&
        sscanf(pn_buf_text(&text), "%lld %lld", &all_pages, &pages) == 2) {
        bytes = (int64_t)pages * sysconf(_SC_PAGESIZE);
    }
    pn_buf_deinit(&text);
    return bytes;
}

static void add_known(struct pn_json_writer *json, const char *name, bool is_known, int64_t value)
{
    if (is_known) {
        pn_json_add_i64(json, name, value);
    } else {
        pn_json_add_null(json, name);
    }
}

static void add_disk(const struct pn_api_status_routes *routes, struct pn_json_writer *json)
{
    int64_t free_bytes = 0;
    int64_t all_bytes = 0;
    bool is_known = pn_io_space(routes->io, routes->data, &free_bytes, &all_bytes, NULL) == 0;
    pn_json_add_object(json, "disk");
    add_known(json, "free_bytes", is_known, free_bytes);
    add_known(json, "all_bytes", is_known, all_bytes);
    pn_json_end(json);
}

static void add_commits(const struct pn_api_status_routes *routes, struct pn_json_writer *json)
{
    const double half = 0.5;
    const double most = 0.99;
    const double ns_per_ms = 1e6;
    const struct pn_metric *commits =
        pn_metrics_get(routes->metrics, PN_METRIC_LOG_COMMIT_SECONDS, NULL);
    int64_t p50_ns = pn_metric_quantile_ns(commits, half);
    int64_t p99_ns = pn_metric_quantile_ns(commits, most);
    pn_json_add_object(json, "log_commit");
    if (p50_ns >= 0) {
        pn_json_add_double(json, "p50_ms", (double)p50_ns / ns_per_ms);
        pn_json_add_double(json, "p99_ms", (double)p99_ns / ns_per_ms);
    } else {
        pn_json_add_null(json, "p50_ms");
        pn_json_add_null(json, "p99_ms");
    }
    pn_json_end(json);
}

static enum pn_http_handled handle(struct pn_http_request *req, void *arg)
{
    const struct pn_api_status_routes *routes = arg;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "version", PINION_VERSION);
    pn_json_add_i64(&json, "pid", getpid());
    pn_json_add_i64(&json, "started_ms", routes->started_ms);
    pn_json_add_i64(&json, "uptime_ms",
                    (pn_mono_ns(routes->clock) - routes->started_mono_ns) / 1000000);
    pn_json_add_array(&json, "roles");
    for (size_t i = 0; i < routes->role_count; i++) {
        pn_json_put_cstr(&json, routes->roles[i]);
    }
    pn_json_end(&json);
    int64_t memory = memory_bytes(routes->io);
    add_known(&json, "memory_bytes", memory >= 0, memory);
    add_disk(routes, &json);
    add_commits(routes, &json);
    pn_json_end(&json);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

static const struct pn_api_field disk_fields[] = {
    PN_FIELD_NULLABLE("free_bytes", INT), PN_FIELD_NULLABLE("all_bytes", INT), PN_FIELDS_END};
static const struct pn_api_field commit_fields[] = {
    PN_FIELD_NULLABLE("p50_ms", NUMBER), PN_FIELD_NULLABLE("p99_ms", NUMBER), PN_FIELDS_END};
static const struct pn_api_field status_reply[] = {
    PN_FIELD("version", TEXT),
    PN_FIELD("pid", INT),
    PN_FIELD("started_ms", INT),
    PN_FIELD("uptime_ms", INT),
    PN_FIELD("roles", TEXTS),
    {.name = "memory_bytes",
     .type = PN_API_INT,
     .flags = PN_API_NULLABLE,
     .help = "resident, of the server's own process"},
    {.name = "disk",
     .type = PN_API_OBJECT,
     .fields = disk_fields,
     .help = "the disk of the data folder"},
    {.name = "log_commit",
     .type = PN_API_OBJECT,
     .fields = commit_fields,
     .help = "since the start; null without commits"},
    PN_FIELDS_END};

static const struct pn_api_route route = {
    .http = {PN_HTTP_GET, "api/v1/status", handle, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
             PN_OF_SERVER},
    .id = "get_status",
    .summary = "The server's process: its age, roles, memory, disk and commits",
    .reply = status_reply,
    .is_feed = true};

void pn_api_status_routes_add(struct pn_api_status_routes *routes, struct pn_api *api)
{
    pn_api_add_route(api, &route, routes);
}
