#include "api/table_routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "base/units.h"
#include "base/words.h"
#include "report/definition.h"
#include "report/files.h"
#include "report/lineage.h"

enum { SCHEMA_BYTES_MAX = 4 << 20, MAKER_BYTES_MAX = 1 << 20 };

/* A request for one table. */
struct look {
    struct pn_http_request *req;
    struct pn_api_table_routes *routes;
    struct pn_table_source source;
    bool is_acquired;
    const char *path;
    struct pn_delta *delta;
    struct pn_delta_snapshot *snapshot;
    struct pn_api_page page;
};

/* Opens the table that the path names. */
static int open_table(struct look *look, struct pn_err *e)
{
    const struct pn_table *table = NULL;
    int rc = pn_api_list_page(look->req, &look->page, e);
    if (rc == 0) {
        look->routes->acquire(look->routes->arg, &look->source);
        look->is_acquired = true;
        rc = pn_report_find_table(look->source.pipeline, look->req->params[0], NULL, &table,
                                  &look->path, e);
    }
    if (rc == 0) {
        look->delta = pn_report_open_table(&look->source, look->path);
    }
    return rc;
}

static int open_snapshot(struct look *look, struct pn_err *e)
{
    int64_t version = pn_api_query_i64(look->req, "version", -1); /* -1: the newest */
    int rc = open_table(look, e);
    return rc == 0 ? pn_delta_snapshot(look->delta, version, &look->snapshot, e) : rc;
}

static enum pn_http_handled finish(struct look *look, int rc, const struct pn_err *failure)
{
    pn_delta_snapshot_destroy(&look->snapshot);
    pn_delta_destroy(&look->delta);
    if (look->is_acquired) {
        look->routes->release(look->routes->arg);
    }
    if (rc != 0) {
        pn_api_reply_failure(look->req, failure);
    }
    return PN_HTTP_HANDLED;
}

/* --- all tables ------------------------------------------------------------------------------- */

static enum pn_http_handled handle_list(struct pn_http_request *req, void *arg)
{
    struct pn_api_table_routes *routes = arg;
    struct pn_table_source source = {0};
    routes->acquire(routes->arg, &source);
    struct pn_api_list list;
    struct pn_row_writer *rows = pn_api_list_begin(&list, req);
    (void)pn_report_tables(&source, rows, NULL, NULL); /* /health names those it cannot read */
    routes->release(routes->arg);
    return pn_api_list_end(&list, NULL);
}

/* The cell of a table's columns, in the form of its own schema list. */
static int columns_cell(const struct pn_delta_snapshot *snapshot, struct pn_row_writer *rows,
                        struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, SCHEMA_BYTES_MAX);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&text);
    struct pn_row_writer *columns = pn_row_writer_create(&sink, PN_FORMAT_API);
    int rc = pn_report_schema(snapshot, NULL, columns, e);
    pn_row_writer_end(&columns);
    if (rc == 0) {
        pn_cell_json(rows, pn_buf_text(&text), text.len);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* A table that was never written, or cannot be read, has no row. */
static void schema_row(const struct pn_table_source *source, const struct pn_table *table,
                       struct pn_row_writer *rows)
{
    struct pn_delta *delta = pn_report_open_table(source, table->path);
    struct pn_delta_snapshot *snapshot = NULL;
    if (pn_delta_snapshot(delta, -1, &snapshot, NULL) == 0) {
        pn_cell_cstr(rows, table->name);
        if (columns_cell(snapshot, rows, NULL) != 0) {
            pn_cell_null(rows);
        }
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
}

static enum pn_http_handled handle_schemas(struct pn_http_request *req, void *arg)
{
    static const struct pn_report_column columns[] = {{"table", PN_CELL_TEXT},
                                                      {"columns", PN_CELL_JSON}};
    struct pn_api_table_routes *routes = arg;
    struct pn_table_source source = {0};
    routes->acquire(routes->arg, &source);
    struct pn_api_list list;
    struct pn_row_writer *rows = pn_api_list_begin(&list, req);
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < source.pipeline->table_count; i++) {
        schema_row(&source, &source.pipeline->tables[i], rows);
    }
    routes->release(routes->arg);
    return pn_api_list_end(&list, NULL);
}

/* --- one table -------------------------------------------------------------------------------- */

static enum pn_http_handled handle_schema(struct pn_http_request *req, void *arg)
{
    struct look look = {.req = req, .routes = arg};
    struct pn_delta_since *since = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    int rc = open_snapshot(&look, &failure);
    if (rc == 0) {
        rc = pn_delta_columns_since(look.delta, look.snapshot, &req->arena, &since, &count,
                                    &failure);
    }
    if (rc == 0) {
        struct pn_api_list list;
        struct pn_row_writer *rows = pn_api_list_begin(&list, req);
        rc = pn_report_schema(look.snapshot, since, rows, &failure);
        (void)(rc == 0 ? pn_api_list_end(&list, NULL) : pn_api_list_fail(&list, &failure));
    }
    return finish(&look, rc, &failure);
}

/* --- files ------------------------------------------------------------------------------------ */

static enum pn_file_order file_order(const char *column)
{
    static const char *const columns[] = {[PN_FILES_BY_PATH] = "path",
                                          [PN_FILES_BY_ROWS] = "rows",
                                          [PN_FILES_BY_SIZE] = "size_bytes",
                                          [PN_FILES_BY_TIME] = "modified_ms"};
    size_t i = 0;
    while (strcmp(columns[i], column) != 0) {
        i++;
        PN_ASSERT(i < sizeof columns / sizeof *columns); /* the words of `sort` were checked */
    }
    return (enum pn_file_order)i;
}

static enum pn_http_handled handle_files(struct pn_http_request *req, void *arg)
{
    struct look look = {.req = req, .routes = arg};
    struct pn_err failure = {0};
    int rc = open_snapshot(&look, &failure);
    if (rc == 0) {
        const char *sort = pn_http_request_query(req, "sort");
        sort = sort != NULL ? sort : "path";
        const struct pn_file_choice choice = {.words = pn_http_request_query(req, "q"),
                                              .order = file_order(sort + (sort[0] == '-')),
                                              .is_falling = sort[0] == '-',
                                              .after = look.page.after,
                                              .limit = look.page.limit};
        const char *next = NULL;
        struct pn_api_list list;
        struct pn_row_writer *rows = pn_api_list_begin(&list, req);
        rc = pn_report_files(look.snapshot, &choice, &req->arena, rows, &next, &failure);
        (void)(rc == 0 ? pn_api_list_end(&list, next) : pn_api_list_fail(&list, &failure));
    }
    return finish(&look, rc, &failure);
}

/* --- history ---------------------------------------------------------------------------------- */

/* A commit is a file of its own, so a request reads at most this many, whether they fit or not. */
enum { COMMITS_LOOKED_MAX = 2000, COMMITS_PIECE = 200 };

/* A page of commits. */
struct commits {
    const char *words;
    bool rises; /* the oldest first */
    int64_t from;
    size_t limit;
    struct pn_delta_history_entry *kept;
    size_t count;
    bool is_more; /* from `from` on */
};

/* The page's cursor is the version to continue from. */
static int read_from(const struct pn_api_page *page, int64_t *from, struct pn_err *e)
{
    *from = -1;
    if (page->after != NULL && (pn_parse_i64(page->after, from, NULL) != 0 || *from < 0)) {
        return pn_err_input(e, "`cursor` is not one of this list");
    }
    return 0;
}

static bool commit_fits(const struct pn_delta_history_entry *entry, const char *words)
{
    char version[24];
    struct pn_buf maker;
    if (words == NULL) {
        return true;
    }
    (void)snprintf(version, sizeof version, "%" PRId64, entry->version);
    pn_buf_init(&maker, MAKER_BYTES_MAX);
    pn_report_made_by(entry, &maker);
    const char *const texts[] = {version, entry->operation, entry->engine_info,
                                 pn_buf_text(&maker)};
    bool fits = pn_words_are_in(words, texts, sizeof texts / sizeof *texts);
    pn_buf_deinit(&maker);
    return fits;
}

/* Keeps those of a piece that fit. The first of the next page is where `from` is then. */
static void keep(struct commits *commits, const struct pn_delta_history_entry *piece, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool fits = commit_fits(&piece[i], commits->words);
        if (fits && commits->count == commits->limit) {
            commits->from = piece[i].version;
            commits->is_more = true;
            return;
        }
        if (fits) {
            commits->kept[commits->count++] = piece[i];
        }
        commits->from = piece[i].version + (commits->rises ? 1 : -1);
    }
}

static int read_commits(struct look *look, struct commits *commits, struct pn_err *e)
{
    /* Without words, one more than the page holds shows whether another page follows. */
    size_t piece = commits->words != NULL ? COMMITS_PIECE : commits->limit + 1;
    struct pn_arena *arena = &look->req->arena;
    int rc = read_from(&look->page, &commits->from, e);
    bool is_end = false;
    commits->kept = pn_arena_calloc(arena, commits->limit, sizeof *commits->kept);
    for (size_t looked = 0; rc == 0 && !is_end && !commits->is_more; looked += piece) {
        struct pn_delta_history_entry *entries = NULL;
        size_t count = 0;
        if (looked >= COMMITS_LOOKED_MAX) {
            commits->is_more = true;
            break;
        }
        rc =
            commits->rises
                ? pn_delta_history_up(look->delta, commits->from, piece, arena, &entries, &count, e)
                : pn_delta_history(look->delta, commits->from, piece, arena, &entries, &count, e);
        keep(commits, entries, count);
        is_end = count < piece || commits->from < 0;
    }
    return rc;
}

static enum pn_http_handled handle_history(struct pn_http_request *req, void *arg)
{
    struct look look = {.req = req, .routes = arg};
    const char *sort = pn_http_request_query(req, "sort");
    struct commits commits = {.words = pn_http_request_query(req, "q"),
                              .rises = sort != NULL && sort[0] != '-'};
    struct pn_err failure = {0};
    int rc = open_table(&look, &failure);
    commits.limit = look.page.limit;
    if (rc == 0) {
        rc = read_commits(&look, &commits, &failure);
    }
    if (rc == 0) {
        const char *next =
            commits.is_more ? pn_arena_printf(&req->arena, "%" PRId64, commits.from) : NULL;
        struct pn_api_list list;
        pn_report_history(commits.kept, commits.count, pn_api_list_begin(&list, req));
        (void)pn_api_list_end(&list, next);
    }
    return finish(&look, rc, &failure);
}

/* --- what the pipeline says of it ------------------------------------------------------------- */

/* Opens the table, which must be one that the pipeline makes. */
static int open_made(struct look *look, const struct pn_table **table, struct pn_err *e)
{
    const char *name = look->req->params[0];
    int rc = open_table(look, e);
    *table = rc == 0 ? pn_pipeline_table(look->source.pipeline, name) : NULL;
    return rc != 0 || *table != NULL
               ? rc
               : pn_err_missing(e, "the pipeline does not make the table '%s'", name);
}

static enum pn_http_handled handle_definition(struct pn_http_request *req, void *arg)
{
    struct look look = {.req = req, .routes = arg};
    const struct pn_table *table = NULL;
    struct pn_err failure = {0};
    int rc = open_made(&look, &table, &failure);
    if (rc == 0) {
        struct pn_json_writer json;
        pn_json_writer_init(&json, &req->out);
        pn_json_put_object(&json);
        pn_report_definition(&json, table);
        pn_json_add_cstr(&json, "sql", table->like != NULL ? table->like->sql : table->sql);
        pn_json_end(&json);
        req->status = 200;
    }
    return finish(&look, rc, &failure);
}

static enum pn_http_handled handle_lineage(struct pn_http_request *req, void *arg)
{
    struct look look = {.req = req, .routes = arg};
    const struct pn_table *table = NULL;
    struct pn_err failure = {0};
    int rc = open_made(&look, &table, &failure);
    if (rc == 0) {
        struct pn_api_list list;
        struct pn_row_writer *rows = pn_api_list_begin(&list, req);
        pn_report_lineage(look.source.pipeline, table, rows);
        (void)pn_api_list_end(&list, NULL);
    }
    return finish(&look, rc, &failure);
}

static enum pn_http_handled handle_edges(struct pn_http_request *req, void *arg)
{
    struct pn_api_table_routes *routes = arg;
    struct pn_table_source source = {0};
    struct pn_api_list list;
    routes->acquire(routes->arg, &source);
    pn_report_lineage_edges(source.pipeline, pn_api_list_begin(&list, req));
    routes->release(routes->arg);
    return pn_api_list_end(&list, NULL);
}

static const struct pn_api_field of_table[] = {
    {.name = "table",
     .type = PN_API_TEXT,
     .help = "a table's name, or the key of one that has none: a/b"},
    {.name = NULL}};
#define VERSION_FIELD                                                                \
    {                                                                                \
        .name = "version", .type = PN_API_INT, .flags = PN_API_OPTIONAL, .least = 0, \
        .most = INT64_MAX, .help = "an older version; the newest unless given"       \
    }

static const struct pn_api_field version_query[] = {VERSION_FIELD, {.name = NULL}};
static const struct pn_api_field files_query[] = {
    VERSION_FIELD,
    {.name = "q",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "words that must be in the path or in column=value of the partition, in any case"},
    {.name = "sort",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .words = "path|-path|rows|-rows|size_bytes|-size_bytes|modified_ms|-modified_ms",
     .help = "by what, a - for the other way; path unless given"},
    {.name = NULL}};
static const struct pn_api_field history_query[] = {
    {.name = "q",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "words that must be in the version, the operation, made_by or the engine, in any "
             "case. A page may then be short, even empty, although `next` says that more follow"},
    {.name = "sort",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .words = "version|-version",
     .help = "-version, the newest first, unless given"},
    {.name = NULL}};
static const struct pn_api_field table_schema[] = {{.name = "table", .type = PN_API_TEXT},
                                                   {.name = "columns",
                                                    .type = PN_API_ROWS,
                                                    .flags = PN_API_NULLABLE,
                                                    .columns = &pn_schema_columns},
                                                   {.name = NULL}};

static const struct pn_api_field csv_fields[] = {PN_FIELD_NULLABLE("delimiter", TEXT),
                                                 PN_FIELD("quote", TEXT), PN_FIELD("header", BOOL),
                                                 PN_FIELDS_END};
static const struct pn_api_field test_fields[] = {
    PN_FIELD("name", TEXT),
    PN_FIELD("test", TEXT),
    {.name = "action", .type = PN_API_TEXT, .words = "fail|warn|quarantine"},
    PN_FIELDS_END};
static const struct pn_api_field definition_reply[] = {
    PN_FIELD("name", TEXT),
    PN_FIELD("path", TEXT),
    PN_FIELD_NULLABLE("from_topic", TEXT),
    PN_FIELD_NULLABLE("from_files", TEXT),
    PN_FIELD_EITHER("format", TEXT),
    {.name = "csv", .type = PN_API_OBJECT, .flags = PN_API_OPTIONAL, .fields = csv_fields},
    PN_FIELD_NULLABLE("sql_file", TEXT),
    PN_FIELD_NULLABLE("like", TEXT),
    PN_FIELD_OPTIONAL("in_place_of", TEXT),
    PN_FIELD_NULLABLE("checkpoints", TEXT),
    PN_FIELD_NULLABLE("key", TEXT),
    {.name = "mode", .type = PN_API_TEXT, .words = "overwrite|append|merge"},
    PN_FIELD_OPTIONAL("order_by", TEXT),
    PN_FIELD_OPTIONAL("delete_when", TEXT),
    PN_FIELD_OPTIONAL("deletion_vectors", BOOL),
    PN_FIELD("partition_by", TEXTS),
    {.name = "expect", .type = PN_API_OBJECTS, .fields = test_fields},
    PN_FIELD_OPTIONAL("replace_where", TEXT),
    PN_FIELD("reads", TEXTS),
    {.name = "from", .type = PN_API_OBJECT, .help = "columns that take where a record came from"},
    {.name = "schema", .type = PN_API_OBJECT, .help = "as Delta has it"},
    {.name = "sql", .type = PN_API_TEXT, .flags = PN_API_NULLABLE, .help = "its SELECT"},
    PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/schema", handle_schemas, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_schemas",
     .summary = "The columns of every table of the pipeline that was written",
     .list_of = table_schema},
    {.http = {PN_HTTP_GET, "api/v1/tables", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_tables",
     .summary = "Every table, with its newest version",
     .list = &pn_table_columns},
    {.http = {PN_HTTP_GET, "api/v1/lineage", handle_edges, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_lineage",
     .summary = "What each table and each query of the pipeline reads directly",
     .list = &pn_lineage_edge_columns},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/schema", handle_schema, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_schema",
     .summary = "The columns of a table, and since which version it has them",
     .path = of_table,
     .query = version_query,
     .list = &pn_schema_since_columns},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/definition", handle_definition, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_definition",
     .summary = "What the pipeline says of a table: its source, mode, tests and SELECT",
     .path = of_table,
     .reply = definition_reply},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/history", handle_history, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "list_commits",
     .summary = "The commits of a table, the newest first",
     .path = of_table,
     .query = history_query,
     .list = &pn_history_columns},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/files", handle_files, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "list_files",
     .summary = "The files of a table, by path",
     .path = of_table,
     .query = files_query,
     .list = &pn_file_columns},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/lineage", handle_lineage, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_lineage",
     .summary = "What a table is made from (before), what reads it (after), what makes it (by)",
     .path = of_table,
     .list = &pn_lineage_columns},
};

void pn_api_table_routes_add(struct pn_api_table_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
