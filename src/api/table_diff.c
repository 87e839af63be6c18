/* What differs between two versions of a table, and how a table has grown. */
#include <inttypes.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "api/table_data_internal.h"

enum { SHOWN_ROWS = 1000, GROWTH_POINTS = 60, HISTORY_MAX = 100000 };

/* --- the statement ---------------------------------------------------------------------------- */

struct asked {
    struct pn_api_table_at from;
    struct pn_api_table_at to;
    const char *key; /* NULL: rows are compared as a whole */
};

static void add_difference(struct pn_buf *sql, const char *name, const struct pn_api_table_at *of,
                           const struct pn_api_table_at *without)
{
    pn_buf_addf(sql, "%s AS MATERIALIZED (SELECT * FROM ", name);
    pn_api_add_table(sql, of);
    pn_buf_adds(sql, " EXCEPT ALL SELECT * FROM ");
    pn_api_add_table(sql, without);
    pn_buf_adds(sql, ")");
}

/* Is the key's value in this set of rows? */
static void add_in(struct pn_buf *sql, const struct asked *asked, const char *rows)
{
    pn_api_add_name(sql, asked->key);
    pn_buf_adds(sql, " IN (SELECT ");
    pn_api_add_name(sql, asked->key);
    pn_buf_addf(sql, " FROM %s)", rows);
}

/* Is there a row of the same key in the other half, and no doubt which? */
static void add_key(struct pn_buf *sql, const struct asked *asked, const char *others)
{
    if (asked->key == NULL) {
        pn_buf_adds(sql, "false");
        return;
    }
    pn_buf_adds(sql, "coalesce(");
    add_in(sql, asked, others);
    pn_buf_adds(sql, " AND NOT ");
    add_in(sql, asked, "repeated_keys");
    pn_buf_adds(sql, ", false)"); /* null equals nothing */
}

static void add_repeated_in(struct pn_buf *sql, const struct asked *asked,
                            const struct pn_api_table_at *of)
{
    pn_buf_adds(sql, "SELECT ");
    pn_api_add_name(sql, asked->key);
    pn_buf_adds(sql, " FROM ");
    pn_api_add_table(sql, of);
    pn_buf_adds(sql, " WHERE ");
    add_in(sql, asked, "added_rows");
    pn_buf_adds(sql, " AND ");
    add_in(sql, asked, "removed_rows");
    pn_buf_adds(sql, " GROUP BY ALL HAVING count(*) > 1");
}

/* Values of the key that are in both halves, and more than once in a version: rows that have one
 * are not paired, since nothing says which belong together. */
static void add_repeated(struct pn_buf *sql, const struct asked *asked)
{
    if (asked->key == NULL) {
        pn_buf_adds(sql, ", repeated_keys AS (SELECT 1 WHERE false)");
        return;
    }
    pn_buf_adds(sql, ", repeated_keys AS MATERIALIZED (");
    add_repeated_in(sql, asked, &asked->from);
    pn_buf_adds(sql, " UNION ");
    add_repeated_in(sql, asked, &asked->to);
    pn_buf_adds(sql, ")");
}

/* Rows of the half: what became of it, how many there are in all, and the columns. A changed row
 * is in both halves: "before" and "after". */
static void add_half(struct pn_buf *sql, const struct asked *asked, const char *half,
                     const char *others, const char *alone, const char *changed)
{
    pn_buf_addf(sql, "SELECT * FROM (SELECT CASE WHEN ");
    add_key(sql, asked, others);
    pn_buf_addf(sql, " THEN '%s' ELSE '%s' END AS \"pinion.change\", count(*) OVER (PARTITION BY ",
                changed, alone);
    add_key(sql, asked, others);
    pn_buf_addf(
        sql,
        ") AS \"pinion.all\", (SELECT count(*) FROM repeated_keys) AS \"pinion.repeated\", * "
        "FROM %s) QUALIFY row_number() OVER (PARTITION BY \"pinion.change\"",
        half);
    if (asked->key != NULL) {
        pn_buf_adds(sql, " ORDER BY ");
        pn_api_add_name(sql, asked->key);
    }
    pn_buf_addf(sql, ") <= %d", SHOWN_ROWS);
}

static void write_statement(const struct asked *asked, struct pn_buf *sql)
{
    pn_buf_adds(sql, "WITH ");
    add_difference(sql, "added_rows", &asked->to, &asked->from);
    pn_buf_adds(sql, ", ");
    add_difference(sql, "removed_rows", &asked->from, &asked->to);
    add_repeated(sql, asked);
    pn_buf_adds(sql, " SELECT * FROM (");
    add_half(sql, asked, "removed_rows", "added_rows", "removed", "before");
    pn_buf_adds(sql, " UNION ALL ");
    add_half(sql, asked, "added_rows", "removed_rows", "added", "after");
    pn_buf_adds(sql,
                ") ORDER BY CASE \"pinion.change\" WHEN 'added' THEN 1 WHEN 'removed' THEN 2 ELSE 3"
                " END");
    if (asked->key != NULL) {
        pn_buf_adds(sql, ", ");
        pn_api_add_name(sql, asked->key);
        pn_buf_adds(sql, ", \"pinion.change\" DESC"); /* before, after */
    }
}

static enum pn_http_handled begin(struct pn_http_request *req,
                                  struct pn_api_table_data_routes *routes)
{
    struct asked *asked = pn_arena_calloc(&req->arena, 1, sizeof *asked);
    const char *key = pn_http_request_query(req, "key");
    struct pn_buf sql;
    struct pn_err failure = {0};
    int rc = pn_http_request_query(req, "from") == NULL
                 ? pn_err_input(&failure, "`from` is the version to compare with")
                 : pn_api_find_table_version(req, routes, "from", &asked->from, &failure);
    if (rc == 0) {
        rc = pn_api_find_table_version(req, routes, "to", &asked->to, &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    asked->key = key != NULL && key[0] != '\0' ? key
                 : asked->to.table != NULL     ? asked->to.table->key_column
                                               : NULL;
    pn_buf_init(&sql, PN_SQL_BYTES_MAX);
    write_statement(asked, &sql);
    enum pn_http_handled handled = pn_api_ask_sql(req, routes->executor, &sql, NULL, asked);
    pn_buf_deinit(&sql);
    return handled;
}

/* --- the reply -------------------------------------------------------------------------------- */

struct writing {
    struct pn_http_request *req;
    struct pn_json_writer json;
    const char *added; /* digits, as DuckDB counted */
    const char *removed;
    const char *changed;
    const char *repeated; /* values of the key that are not unique */
};

static int take_row(void *arg, const char *const *cells, size_t count)
{
    enum { CHANGE, ALL, REPEATED, FIRST };
    struct writing *writing = arg;
    struct pn_http_request *req = writing->req;
    const char *change = pn_api_cell_text(req, cells[CHANGE], NULL);
    const char **all = strcmp(change, "added") == 0     ? &writing->added
                       : strcmp(change, "removed") == 0 ? &writing->removed
                                                        : &writing->changed;
    *all = pn_api_cell_text(req, cells[ALL], NULL);
    writing->repeated = pn_api_cell_text(req, cells[REPEATED], NULL);
    pn_json_put_object(&writing->json);
    pn_json_add_cstr(&writing->json, "change", change);
    pn_json_put_key(&writing->json, "row");
    pn_api_put_cells(&writing->json, cells, FIRST, count);
    pn_json_end(&writing->json);
    return pn_buf_failed(&req->out) ? PN_FAIL : 0;
}

/* Without the three that the statement adds. */
static void add_columns(struct pn_http_request *req, const char *columns,
                        struct pn_json_writer *json)
{
    struct pn_json *root = NULL;
    size_t len = strlen(columns);
    size_t at = 0;
    pn_json_add_array(json, "columns");
    if (pn_json_parse(req->parser, columns, len, len, &root, NULL) == 0) {
        for (const struct pn_json *one = root->first; one != NULL; one = one->next) {
            if (at++ >= 3) {
                pn_json_put_node(json, one);
            }
        }
    }
    pn_json_end(json);
}

enum pn_http_handled pn_api_handle_table_diff(struct pn_http_request *req, void *arg)
{
    struct pn_api_own_query *own = req->state;
    struct writing writing = {
        .req = req, .added = "0", .removed = "0", .changed = "0", .repeated = "0"};
    if (own == NULL) {
        return begin(req, arg);
    }
    const struct asked *asked = own->arg;
    pn_json_writer_init(&writing.json, &req->out);
    pn_json_put_object(&writing.json);
    pn_json_add_i64_text(&writing.json, "from", asked->from.version);
    pn_json_add_i64_text(&writing.json, "to", asked->to.version);
    pn_json_add_cstr(&writing.json, "key", asked->key);
    pn_json_add_array(&writing.json, "rows");
    if (!pn_api_own_query_rows(req, own, take_row, &writing)) {
        return PN_HTTP_HANDLED;
    }
    pn_json_end(&writing.json);
    pn_json_add_cstr(&writing.json, "added", writing.added);
    pn_json_add_cstr(&writing.json, "removed", writing.removed);
    pn_json_add_cstr(&writing.json, "changed", writing.changed);
    pn_json_add_cstr(&writing.json, "repeated", writing.repeated);
    add_columns(req, own->status.columns, &writing.json);
    pn_json_end(&writing.json);
    return pn_api_reply_large(req, PN_HTTP_TYPE_JSON);
}

/* --- growth ----------------------------------------------------------------------------------- */

/* A version's totals. One whose log is not there any more has no row. */
static void put_point(struct pn_delta *delta, int64_t version, struct pn_row_writer *rows)
{
    struct pn_delta_snapshot *snapshot = NULL;
    int64_t records = 0;
    int64_t bytes = 0;
    if (pn_delta_snapshot(delta, version, &snapshot, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < snapshot->file_count; i++) {
        const struct pn_delta_file *file = &snapshot->files[i];
        records = records < 0 || file->num_records < 0 ? -1 : records + file->num_records;
        bytes += file->size_bytes;
    }
    pn_cell_int(rows, snapshot->version);
    pn_cell_time(rows, snapshot->timestamp_ms);
    pn_cell_known(rows, records);
    pn_cell_int(rows, bytes);
    pn_cell_int(rows, (int64_t)snapshot->file_count);
    pn_delta_snapshot_destroy(&snapshot);
}

/* At most GROWTH_POINTS versions, evenly from the oldest that can be read to the newest. */
static int put_growth(const struct pn_table_source *source, const char *path,
                      struct pn_arena *arena, struct pn_row_writer *rows, struct pn_err *e)
{
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    struct pn_delta *delta = pn_report_open_table(source, path);
    int rc = pn_delta_history(delta, -1, HISTORY_MAX, arena, &entries, &count, e);
    size_t points = count < GROWTH_POINTS ? count : GROWTH_POINTS;
    for (size_t i = 0; rc == 0 && i < points; i++) {
        size_t at = points == 1 ? 0 : (points - 1 - i) * (count - 1) / (points - 1);
        put_point(delta, entries[at].version, rows);
    }
    pn_delta_destroy(&delta);
    return rc;
}

enum pn_http_handled pn_api_handle_table_growth(struct pn_http_request *req, void *arg)
{
    static const struct pn_report_column columns[] = {{"version", PN_CELL_INT},
                                                      {"committed", PN_CELL_TIME},
                                                      {"rows", PN_CELL_INT},
                                                      {"size_bytes", PN_CELL_INT},
                                                      {"files", PN_CELL_INT}};
    const struct pn_api_table_data_routes *routes = arg;
    struct pn_table_source source = {0};
    const struct pn_table *table = NULL;
    const char *path = NULL;
    struct pn_api_list list;
    struct pn_err failure = {0};
    routes->tables->acquire(routes->tables->arg, &source);
    int rc = pn_report_find_table(source.pipeline, req->params[0], NULL, &table, &path, &failure);
    struct pn_row_writer *rows = pn_api_list_begin(&list, req);
    PN_ROWS_BEGIN(rows, columns);
    if (rc == 0) {
        rc = put_growth(&source, path, &req->arena, rows, &failure);
    }
    routes->tables->release(routes->tables->arg);
    return rc == 0 ? pn_api_list_end(&list, NULL) : pn_api_list_fail(&list, &failure);
}
