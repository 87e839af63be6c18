#include "api/job_routes.h"

#include <string.h>

#include "api/errors.h"
#include "api/list.h"

enum { TARGET_BYTES_MIN = 1 << 10 };
#define TARGET_BYTES_MAX ((int64_t)1 << 40)

/* --- a job as an object ----------------------------------------------------------------------- */

static void add_time(struct pn_json_writer *json, const char *key, int64_t at_ms)
{
    if (at_ms == 0) {
        pn_json_add_null(json, key);
    } else {
        pn_json_add_i64(json, key, at_ms);
    }
}

static void add_result(struct pn_json_writer *json, const struct pn_job_status *job,
                       bool with_files)
{
    bool optimizes = job->upkeep.kind == PN_UPKEEP_OPTIMIZE;
    pn_json_add_object(json, "result");
    pn_json_add_i64(json, "files", job->result.files);
    pn_json_add_i64_text(json, "size_bytes", job->result.size_bytes);
    if (optimizes) {
        pn_json_add_i64(json, "files_before", job->result.files_before);
        pn_json_add_i64(json, "files_after", job->result.files_after);
    }
    if (with_files) {
        pn_json_add_array(json, "listed");
        for (size_t i = 0; i < job->file_count; i++) {
            pn_json_put_object(json);
            pn_json_add_cstr(json, "path", job->files[i].path);
            pn_json_add_i64(json, "size_bytes", job->files[i].size_bytes);
            pn_json_end(json);
        }
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void put_job(struct pn_json_writer *json, const struct pn_job_status *job, bool with_files)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "id", job->id);
    pn_json_add_cstr(json, "kind", pn_upkeep_kind_name(job->upkeep.kind));
    pn_json_add_cstr(json, "table", job->table);
    pn_json_add_cstr(json, "who", job->who);
    pn_json_add_bool(json, "dry_run", job->upkeep.dry_run);
    pn_json_add_cstr(json, "state", pn_job_state_name(job->state));
    pn_json_add_bool(json, "cancelling", job->is_cancelling);
    pn_json_add_cstr(json, "reason", job->reason);
    pn_json_add_i64(json, "done", job->done);
    if (job->total < 0) {
        pn_json_add_null(json, "total");
    } else {
        pn_json_add_i64(json, "total", job->total);
    }
    pn_json_add_cstr(json, "unit", "files");
    pn_json_add_i64(json, "created_ms", job->created_ms);
    add_time(json, "started_ms", job->started_ms);
    add_time(json, "ended_ms", job->ended_ms);
    add_result(json, job, with_files);
    pn_json_add_cstr(json, "error", job->error);
    pn_json_end(json);
}

static enum pn_http_handled reply(struct pn_http_request *req, int status)
{
    req->status = status;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

/* --- new jobs --------------------------------------------------------------------------------- */

static void reply_refused(struct pn_http_request *req, int rc, const struct pn_err *failure)
{
    if (rc == PN_JOBS_FULL) {
        req->retry_after_s = 1;
        pn_api_reply_error(req, 429, NULL, "%s", failure->msg);
    } else {
        pn_api_reply_failure(req, failure);
    }
}

/* The place of the table that the path names, which was written before. */
static int find_table(struct pn_http_request *req, const struct pn_api_table_routes *tables,
                      const char **path, struct pn_err *e)
{
    const struct pn_table *table = NULL;
    struct pn_table_source source = {0};
    struct pn_delta *delta = NULL;
    struct pn_delta_snapshot *snapshot = NULL;
    const char *found = NULL;
    tables->acquire(tables->arg, &source);
    int rc = pn_report_find_table(source.pipeline, req->params[0], NULL, &table, &found, e);
    if (rc == 0) {
        *path = pn_arena_strdup(&req->arena, found);
        delta = pn_report_open_table(&source, found);
        rc = pn_delta_snapshot(delta, -1, &snapshot, e);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    tables->release(tables->arg);
    return rc;
}

/* What is done to a table is in the audit, or is not done. */
static int audit(struct pn_http_request *req, struct pn_api_job_routes *routes,
                 const struct pn_upkeep *upkeep, const char *id, struct pn_err *e)
{
    if (upkeep->dry_run) {
        return 0;
    }
    const char *detail = pn_arena_printf(&req->arena, "table %s, job %s", req->params[0], id);
    int rc = pn_api_dags_audit(routes->dags, req, pn_upkeep_kind_name(upkeep->kind), detail, e);
    if (rc != 0) {
        (void)pn_jobs_cancel(routes->jobs, id, NULL);
    }
    return rc;
}

static enum pn_http_handled submit(struct pn_http_request *req, struct pn_api_job_routes *routes,
                                   const struct pn_upkeep *upkeep)
{
    struct pn_json_writer json;
    struct pn_err failure = {0};
    const char *path = NULL;
    char id[PN_JOB_ID_SIZE];
    int rc = find_table(req, routes->tables, &path, &failure);
    if (rc == 0) {
        rc = pn_jobs_submit(routes->jobs, req->params[0], path, pn_api_who_asks(req), upkeep, id,
                            &failure);
    }
    if (rc == 0) {
        rc = audit(req, routes, upkeep, id, &failure);
    }
    if (rc != 0) {
        reply_refused(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    pn_http_reply_header(req, "Location", pn_arena_printf(&req->arena, "/api/v1/jobs/%s", id));
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "job", id);
    pn_json_end(&json);
    return reply(req, 202);
}

static const struct pn_api_field optimize_body[] = {
    {.name = "dry_run",
     .type = PN_API_BOOL,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "only list the files that would be merged"},
    {.name = "target_bytes",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .least = TARGET_BYTES_MIN,
     .most = TARGET_BYTES_MAX,
     .help = "of the new files; delta.optimize_target_bytes unless given"},
    PN_FIELDS_END};
static const struct pn_api_field vacuum_body[] = {
    {.name = "dry_run",
     .type = PN_API_BOOL,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "only list the files that would be deleted"},
    {.name = "retain_ms",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .least = 0,
     .most = INT64_MAX / 2,
     .help = "files that were removed less than this time ago stay; the table's own unless given"},
    {.name = "force",
     .type = PN_API_BOOL,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "allow a retain_ms below the table's own"},
    PN_FIELDS_END};

static bool read_bool(const struct pn_json *root, const char *key)
{
    return root != NULL && pn_json_get_bool(root, key, false);
}

static int64_t read_i64(const struct pn_json *root, const char *key, int64_t preset)
{
    return root != NULL ? pn_json_get_i64(root, key, preset) : preset;
}

static enum pn_http_handled handle_optimize(struct pn_http_request *req, void *arg)
{
    struct pn_api_job_routes *routes = arg;
    struct pn_json *root = NULL;
    if (pn_api_read_body(req, optimize_body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    const struct pn_upkeep upkeep = {
        .kind = PN_UPKEEP_OPTIMIZE,
        .dry_run = read_bool(root, "dry_run"),
        .target_bytes = read_i64(root, "target_bytes", routes->target_bytes),
    };
    return submit(req, routes, &upkeep);
}

static enum pn_http_handled handle_vacuum(struct pn_http_request *req, void *arg)
{
    struct pn_json *root = NULL;
    if (pn_api_read_body(req, vacuum_body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    const struct pn_upkeep upkeep = {
        .kind = PN_UPKEEP_VACUUM,
        .dry_run = read_bool(root, "dry_run"),
        .retention_ms = read_i64(root, "retain_ms", -1),
        .force = read_bool(root, "force"),
    };
    return submit(req, arg, &upkeep);
}

/* --- jobs that there are ---------------------------------------------------------------------- */

/* The page's cursor is the last job of the page before. */
static enum pn_http_handled handle_list(struct pn_http_request *req, void *arg)
{
    struct pn_api_job_routes *routes = arg;
    struct pn_job_status *jobs = NULL;
    struct pn_api_page page;
    struct pn_json_writer json;
    struct pn_err failure = {0};
    size_t count = 0;
    size_t first = 0;
    pn_jobs_list(routes->jobs, &req->arena, &jobs, &count);
    if (pn_api_list_page(req, &page, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    while (page.after != NULL && first < count && strcmp(jobs[first].id, page.after) != 0) {
        first++;
    }
    first += page.after != NULL;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "items");
    size_t i = first;
    for (; i < count && i - first < page.limit; i++) { /* a limit is 1 at least */
        put_job(&json, &jobs[i], false);
    }
    pn_json_end(&json);
    if (i < count) {
        pn_api_list_add_next(&json, jobs[i - 1].id);
    }
    pn_json_end(&json);
    return reply(req, 200);
}

static enum pn_http_handled handle_get(struct pn_http_request *req, void *arg)
{
    struct pn_api_job_routes *routes = arg;
    struct pn_job_status job;
    struct pn_json_writer json;
    struct pn_err failure = {0};
    if (pn_jobs_status(routes->jobs, req->params[0], &req->arena, &job, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    pn_json_writer_init(&json, &req->out);
    put_job(&json, &job, true);
    return reply(req, 200);
}

static enum pn_http_handled handle_cancel(struct pn_http_request *req, void *arg)
{
    struct pn_api_job_routes *routes = arg;
    struct pn_job_status job;
    struct pn_err failure = {0};
    int rc = pn_jobs_status(routes->jobs, req->params[0], &req->arena, &job, &failure);
    if (rc == 0 && job.ended_ms == 0 && !job.upkeep.dry_run) {
        const char *detail = pn_arena_printf(&req->arena, "table %s, job %s", job.table, job.id);
        rc = pn_api_dags_audit(routes->dags, req, "cancel job", detail, &failure);
    }
    if (rc == 0) {
        rc = pn_jobs_cancel(routes->jobs, req->params[0], &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
    } else {
        pn_http_reply_none(req);
    }
    return PN_HTTP_HANDLED;
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct pn_api_field of_table[] = {
    {.name = "table",
     .type = PN_API_TEXT,
     .help = "a table's name, or the key of one that has none: a/b"},
    PN_FIELDS_END};
static const struct pn_api_field of_job[] = {
    {.name = "id", .type = PN_API_TEXT, .help = "of the job, from its submission"}, PN_FIELDS_END};
static const struct pn_api_field submit_reply[] = {PN_FIELD("job", TEXT), PN_FIELDS_END};
static const struct pn_api_field file_fields[] = {PN_FIELD("path", TEXT),
                                                  PN_FIELD("size_bytes", INT), PN_FIELDS_END};
static const struct pn_api_field result_fields[] = {
    {.name = "files", .type = PN_API_INT, .help = "that were, or would be, merged or deleted"},
    PN_FIELD("size_bytes", WIDE),
    PN_FIELD_OPTIONAL("files_before", INT),
    PN_FIELD_OPTIONAL("files_after", INT),
    {.name = "listed",
     .type = PN_API_OBJECTS,
     .flags = PN_API_OPTIONAL,
     .fields = file_fields,
     .help = "at most 1,000 of the files"},
    PN_FIELDS_END};
static const struct pn_api_field job_fields[] = {
    PN_FIELD("id", TEXT),
    {.name = "kind", .type = PN_API_TEXT, .words = "optimize|vacuum"},
    PN_FIELD("table", TEXT),
    PN_FIELD("who", TEXT),
    PN_FIELD("dry_run", BOOL),
    {.name = "state", .type = PN_API_TEXT, .words = "waiting|running|done|failed|cancelled"},
    {.name = "cancelling", .type = PN_API_BOOL, .help = "it runs, and was asked to end"},
    {.name = "reason", .type = PN_API_TEXT, .flags = PN_API_NULLABLE, .help = "why it waits"},
    PN_FIELD("done", INT),
    {.name = "total", .type = PN_API_INT, .flags = PN_API_NULLABLE, .help = "null: not known"},
    {.name = "unit", .type = PN_API_TEXT, .words = "files"},
    PN_FIELD("created_ms", INT),
    PN_FIELD_NULLABLE("started_ms", INT),
    PN_FIELD_NULLABLE("ended_ms", INT),
    {.name = "result", .type = PN_API_OBJECT, .fields = result_fields},
    PN_FIELD_NULLABLE("error", TEXT),
    PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_POST, "api/v1/tables/{}/optimize", handle_optimize, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "optimize_table",
     .summary = "Merges the small files of a table, as a job",
     .path = of_table,
     .body = optimize_body,
     .reply = submit_reply,
     .status = 202,
     .errors = {404, 429}},
    {.http = {PN_HTTP_POST, "api/v1/tables/{}/vacuum", handle_vacuum, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_PIPELINE},
     .id = "vacuum_table",
     .summary = "Deletes files that no kept version of a table needs, as a job",
     .path = of_table,
     .body = vacuum_body,
     .reply = submit_reply,
     .status = 202,
     .errors = {404, 429}},
    {.http = {PN_HTTP_GET, "api/v1/jobs", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_jobs",
     .summary = "The jobs that the server knows, the newest first",
     .list_of = job_fields},
    {.http = {PN_HTTP_GET, "api/v1/jobs/{}", handle_get, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "get_job",
     .summary = "A job's state, progress and result",
     .path = of_job,
     .reply = job_fields},
    {.http = {PN_HTTP_DELETE, "api/v1/jobs/{}", handle_cancel, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_PIPELINE},
     .id = "cancel_job",
     .summary = "Cancels a job; what it has done stays done",
     .path = of_job},
};

void pn_api_job_routes_add(struct pn_api_job_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
