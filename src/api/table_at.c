/* A table at a version, for queries that a handler asks. */
#include <inttypes.h>
#include <string.h>

#include "api/errors.h"
#include "api/table_data_internal.h"
#include "base/time_text.h"
#include "base/units.h"

/* --- which table, and which version of it ----------------------------------------------------- */

struct when {
    int64_t version; /* -1: the newest */
    int64_t wall_ms; /* -1: by the version */
};

static int read_number(struct pn_http_request *req, const char *name, int64_t *value,
                       struct pn_err *e)
{
    const char *text = pn_http_request_query(req, name);
    *value = -1;
    if (text != NULL && (pn_parse_i64(text, value, NULL) != 0 || *value < 0)) {
        return pn_err_input(e, "`%s` is a whole number from 0", name);
    }
    return 0;
}

static int snapshot_of(struct pn_delta *delta, const struct when *when,
                       struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    return when->wall_ms >= 0 ? pn_delta_snapshot_at(delta, when->wall_ms, snapshot, e)
                              : pn_delta_snapshot(delta, when->version, snapshot, e);
}

/* The columns that the log says the table has; in the request's arena. */
static int read_columns(struct pn_http_request *req, const struct pn_delta_snapshot *snapshot,
                        struct pn_api_table_at *at, struct pn_err *e)
{
    const char *text = snapshot->metadata.schema;
    size_t len = strlen(text);
    struct pn_json *schema = NULL;
    int rc = pn_json_parse(req->parser, text, len, len, &schema, e);
    const struct pn_json *fields = rc == 0 ? pn_json_get(schema, "fields") : NULL;
    if (fields == NULL || fields->type != PN_JSON_ARRAY) {
        return rc;
    }
    at->columns = pn_arena_calloc(&req->arena, fields->count + 1, sizeof *at->columns);
    for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
        const struct pn_json *name = pn_json_get(field, "name");
        at->columns[at->column_count++] = pn_arena_strndup(&req->arena, name->text, name->text_len);
    }
    return 0;
}

/* A table as queries name it: by a name of the pipeline, or by its key. */
static int find(struct pn_http_request *req, const struct pn_table_source *source,
                const struct when *when, struct pn_api_table_at *at, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    const char *path = NULL;
    at->name = req->params[0];
    int rc = pn_report_find_table(source->pipeline, at->name, NULL, &at->table, &path, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_delta *delta = pn_report_open_table(source, path);
    rc = snapshot_of(delta, when, &snapshot, e);
    if (rc == 0) {
        at->version = snapshot->version;
        at->rows = pn_delta_snapshot_rows(snapshot);
        rc = at->table == NULL ? read_columns(req, snapshot, at, e) : 0;
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rc;
}

static int find_when(struct pn_http_request *req, struct pn_api_table_data_routes *routes,
                     const struct when *when, struct pn_api_table_at *at, struct pn_err *e)
{
    struct pn_table_source source = {0};
    routes->tables->acquire(routes->tables->arg, &source);
    int rc = find(req, &source, when, at, e);
    routes->tables->release(routes->tables->arg);
    return rc;
}

int pn_api_find_table_at(struct pn_http_request *req, struct pn_api_table_data_routes *routes,
                         struct pn_api_table_at *at, struct pn_err *e)
{
    const char *text = pn_http_request_query(req, "at");
    struct when when = {.wall_ms = -1};
    int rc = read_number(req, "version", &when.version, e);
    if (rc == 0 && text != NULL) {
        rc = when.version >= 0 ? pn_err_input(e, "`version` and `at` exclude each other")
             : pn_time_parse_ms(text, &when.wall_ms) && when.wall_ms >= 0
                 ? 0
                 : pn_err_input(e, "`at` is a time, such as 2026-11-23T15:44:43Z");
    }
    return rc == 0 ? find_when(req, routes, &when, at, e) : rc;
}

int pn_api_find_table_version(struct pn_http_request *req, struct pn_api_table_data_routes *routes,
                              const char *name, struct pn_api_table_at *at, struct pn_err *e)
{
    struct when when = {.wall_ms = -1};
    int rc = read_number(req, name, &when.version, e);
    return rc == 0 ? find_when(req, routes, &when, at, e) : rc;
}

/* --- SQL -------------------------------------------------------------------------------------- */

static void add_escaped(struct pn_buf *sql, const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            pn_buf_addc(sql, '"');
        }
        pn_buf_addc(sql, *name);
    }
}

void pn_api_add_name(struct pn_buf *sql, const char *name)
{
    pn_buf_addc(sql, '"');
    add_escaped(sql, name);
    pn_buf_addc(sql, '"');
}

void pn_api_add_table(struct pn_buf *sql, const struct pn_api_table_at *at)
{
    pn_buf_addc(sql, '"');
    add_escaped(sql, at->name);
    pn_buf_addf(sql, "@%" PRId64 "\"", at->version);
}

enum pn_http_handled pn_api_ask_sql(struct pn_http_request *req, struct pn_executor *executor,
                                    struct pn_buf *sql, const char *parameters, void *arg)
{
    const struct pn_query_request request = {
        .sql = pn_arena_strndup(&req->arena, pn_buf_text(sql), sql->len),
        .parameters = parameters,
        .output = PN_QUERY_KEEP};
    return pn_api_own_query_begin(req, executor, &request, arg);
}

void pn_api_put_cells(struct pn_json_writer *json, const char *const *cells, size_t first,
                      size_t count)
{
    pn_json_put_array(json);
    for (size_t i = first; i < count; i++) {
        size_t len = strlen(cells[i]);
        if (cells[i][0] == '"' || strcmp(cells[i], "null") == 0) {
            pn_json_put_raw(json, cells[i], len);
        } else {
            pn_json_put_string(json, cells[i], len);
        }
    }
    pn_json_end(json);
}
