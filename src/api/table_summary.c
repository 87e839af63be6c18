/* What a table's columns hold: nulls, distinct values, the range, and how values are spread. */
#include <string.h>

#include "api/errors.h"
#include "api/table_data_internal.h"

enum { COLUMNS_MAX = 50, SAMPLE_ROWS = 200000 };

/* A value as text: of arrays, structs and maps their JSON, as the routes of rows have it. */
#define TEXT_OF(v)                                                                      \
    "CASE WHEN typeof(" v ") LIKE '%%]' OR typeof(" v ") LIKE 'STRUCT(%%' OR typeof(" v \
    ") LIKE 'MAP(%%' THEN CAST(to_json(" v ") AS VARCHAR) ELSE CAST(" v " AS VARCHAR) END"

/* One row for a column: its name, rows, nulls, distinct values, least, greatest, bins. Of numbers
 * the bins are 20 counts between the least and the greatest; of all else the 10 most frequent
 * values, each with its count. */
static void add_column(struct pn_buf *sql, const struct pn_api_table_at *at, const char *name,
                       size_t i)
{
    pn_buf_adds(sql, i == 0 ? "" : " UNION ALL ");
    pn_buf_adds(sql, "SELECT * FROM (WITH s AS MATERIALIZED (SELECT ");
    pn_api_add_name(sql, name);
    pn_buf_adds(sql, " AS v FROM ");
    pn_api_add_table(sql, at);
    pn_buf_addf(
        sql,
        " USING SAMPLE reservoir(%d ROWS) REPEATABLE (42)), d AS (SELECT count(*) AS n,"
        " count(v) AS k, count(DISTINCT v) AS u, " TEXT_OF("min(v)") " AS lo, " TEXT_OF(
            "max(v)") " AS hi, min(TRY_CAST(CAST(v AS VARCHAR) AS DOUBLE)) AS a,"
                      " max(TRY_CAST(CAST(v AS VARCHAR) AS DOUBLE)) AS b,"
                      " count(TRY_CAST(CAST(v AS VARCHAR) AS DOUBLE)) AS m FROM s)"
                      " SELECT %zu AS number, n, n - k, u, lo, hi,"
                      " m = k AND k > 0 AND a < b AND isfinite(b - a) AS is_number,"
                      " CASE WHEN m = k AND k > 0 AND a < b AND isfinite(b - a) THEN"
                      " (SELECT to_json(list(CAST(c AS VARCHAR) ORDER BY i)) FROM (SELECT i, "
                      "count(x) AS"
                      " c FROM range(20) r(i) LEFT JOIN (SELECT least(19,"
                      " floor((TRY_CAST(CAST(v AS VARCHAR) AS DOUBLE) - a) / (b - a) * 20)) AS x "
                      "FROM s,"
                      " d WHERE v IS NOT NULL) ON x = i GROUP BY i)) ELSE"
                      " (SELECT to_json(list([w, CAST(c AS VARCHAR)] ORDER BY c DESC, w)) FROM "
                      "(SELECT"
                      " left(" TEXT_OF(
                          "v") ", 100) AS w, count(*) AS c FROM s WHERE v IS NOT NULL"
                               " GROUP BY w ORDER BY c DESC, w LIMIT 10)) END AS bins FROM d)",
        SAMPLE_ROWS, i);
}

/* --- the request ------------------------------------------------------------------------------ */

struct asked {
    struct pn_api_table_at at;
    const char *names[COLUMNS_MAX];
    size_t count;
};

/* ?columns=a,b, or all that the table has. */
static int read_columns(struct pn_http_request *req, struct asked *asked, struct pn_err *e)
{
    const char *text = pn_http_request_query(req, "columns");
    const struct pn_table *table = asked->at.table;
    size_t count = table != NULL ? table->column_count : asked->at.column_count;
    for (size_t i = 0; text == NULL && i < count && i < COLUMNS_MAX; i++) {
        asked->names[asked->count++] =
            table != NULL ? table->columns[i].name : asked->at.columns[i];
    }
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        if (asked->count == COLUMNS_MAX) {
            return pn_err_input(e, "`columns` names at most %d columns", COLUMNS_MAX);
        }
        asked->names[asked->count++] = pn_arena_strndup(&req->arena, text, len);
        text += len + (text[len] == ',');
    }
    return asked->count > 0 ? 0 : pn_err_input(e, "`columns` names no column");
}

static enum pn_http_handled begin(struct pn_http_request *req,
                                  struct pn_api_table_data_routes *routes)
{
    struct asked *asked = pn_arena_calloc(&req->arena, 1, sizeof *asked);
    struct pn_buf sql;
    struct pn_err failure = {0};
    int rc = pn_api_find_table_at(req, routes, &asked->at, &failure);
    if (rc == 0) {
        rc = read_columns(req, asked, &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    pn_buf_init(&sql, PN_SQL_BYTES_MAX);
    for (size_t i = 0; i < asked->count; i++) {
        add_column(&sql, &asked->at, asked->names[i], i);
    }
    pn_buf_adds(&sql, " ORDER BY number");
    enum pn_http_handled handled = pn_api_ask_sql(req, routes->executor, &sql, NULL, asked);
    pn_buf_deinit(&sql);
    return handled;
}

/* --- the reply -------------------------------------------------------------------------------- */

struct writing {
    struct pn_http_request *req;
    struct pn_json_writer json;
    const struct asked *asked;
    size_t count;
};

static int take_row(void *arg, const char *const *cells, size_t count)
{
    enum { NUMBER, ROWS, NULLS, DISTINCT, LEAST, GREATEST, IS_NUMBER, BINS, CELLS };
    struct writing *writing = arg;
    struct pn_json_writer *json = &writing->json;
    PN_ASSERT(count == CELLS && writing->count < writing->asked->count);
    const char *bins = pn_api_cell_text(writing->req, cells[BINS], NULL);
    pn_json_put_object(json);
    pn_json_add_cstr(json, "column", writing->asked->names[writing->count++]);
    pn_json_add_raw(json, "rows", cells[ROWS], strlen(cells[ROWS]));
    pn_json_add_raw(json, "nulls", cells[NULLS], strlen(cells[NULLS]));
    pn_json_add_raw(json, "distinct", cells[DISTINCT], strlen(cells[DISTINCT]));
    pn_json_add_raw(json, "least", cells[LEAST], strlen(cells[LEAST]));
    pn_json_add_raw(json, "greatest", cells[GREATEST], strlen(cells[GREATEST]));
    bool is_number = strcmp(cells[IS_NUMBER], "true") == 0;
    pn_json_put_key(json, is_number ? "bins" : "frequent");
    pn_json_put_raw(json, bins != NULL ? bins : "[]", bins != NULL ? strlen(bins) : 2);
    pn_json_end(json);
    return pn_buf_failed(&writing->req->out) ? PN_FAIL : 0;
}

enum pn_http_handled pn_api_handle_table_summary(struct pn_http_request *req, void *arg)
{
    struct pn_api_own_query *own = req->state;
    struct writing writing = {.req = req};
    if (own == NULL) {
        return begin(req, arg);
    }
    writing.asked = own->arg;
    int64_t rows = writing.asked->at.rows;
    pn_json_writer_init(&writing.json, &req->out);
    pn_json_put_object(&writing.json);
    pn_json_add_i64_text(&writing.json, "version", writing.asked->at.version);
    pn_json_add_bool(&writing.json, "sampled", rows < 0 || rows > SAMPLE_ROWS);
    pn_json_add_array(&writing.json, "columns");
    if (!pn_api_own_query_rows(req, own, take_row, &writing)) {
        return PN_HTTP_HANDLED;
    }
    pn_json_end(&writing.json);
    pn_json_end(&writing.json);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}
