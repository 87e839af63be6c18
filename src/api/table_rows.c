/* The rows of a table: sorted, filtered by the grammar of search/search.h, a page at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "api/table_data_internal.h"
#include "search/search.h"

enum { PARAMETERS_BYTES_MAX = 64 * 1024 };
/* What words are looked for in: a column that no table has. */
#define ALL_CELLS "\"pinion.cells\""

/* What a request asks for; in its arena. */
struct asked {
    struct pn_api_table_at at;
    struct pn_search *search;
    const char *sort; /* NULL, or a column, with a minus before it for the largest first */
    int64_t offset;
    size_t limit;
};

/* --- the statement ---------------------------------------------------------------------------- */

/* "=" and "!=" compare the text of a cell, so that no number is rounded; the others compare values
 * of the column's type. */
static void add_part(struct pn_buf *sql, const struct pn_search_part *part, size_t number)
{
    bool as_text = part->name != NULL && (part->compare[0] == '=' || part->compare[0] == '!');
    pn_buf_adds(sql, part->negated ? " AND NOT coalesce(" : " AND coalesce(");
    if (part->name == NULL) {
        pn_buf_addf(sql, "contains(" ALL_CELLS ", $p%zu)", number);
    } else {
        pn_buf_adds(sql, as_text ? "CAST(" : "");
        pn_api_add_name(sql, part->name);
        pn_buf_addf(sql, "%s %s $p%zu", as_text ? " AS VARCHAR)" : "",
                    part->compare[0] == '!' ? "IS DISTINCT FROM" : part->compare, number);
    }
    pn_buf_adds(sql, ", false)");
}

static void write_statement(const struct asked *asked, struct pn_arena *arena, struct pn_buf *sql,
                            struct pn_json_writer *parameters)
{
    struct pn_search_part *parts = NULL;
    size_t count = pn_search_parts(asked->search, arena, &parts);
    bool has_words = false;
    for (size_t i = 0; i < count; i++) {
        has_words = has_words || parts[i].name == NULL;
    }
    pn_buf_adds(sql, has_words ? "SELECT * EXCLUDE (" ALL_CELLS ") FROM (SELECT *, lower("
                                 "concat_ws(' ', *COLUMNS(*))) AS " ALL_CELLS " FROM "
                               : "SELECT * FROM ");
    pn_api_add_table(sql, &asked->at);
    pn_buf_adds(sql, has_words ? ") WHERE true" : " WHERE true");
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "p%zu", i);
        add_part(sql, &parts[i], i);
        pn_json_add_cstr(parameters, name, parts[i].value);
    }
    if (asked->sort != NULL) {
        pn_buf_adds(sql, " ORDER BY ");
        pn_api_add_name(sql, asked->sort + (asked->sort[0] == '-'));
        pn_buf_adds(sql, asked->sort[0] == '-' ? " DESC NULLS LAST" : " ASC NULLS LAST");
    }
    pn_buf_addf(sql, " LIMIT %zu OFFSET %" PRId64, asked->limit + 1, asked->offset);
}

/* --- the request ------------------------------------------------------------------------------ */

/* A cursor is the version and the rows before the page, so all pages are of one version. */
static int read_cursor(const char *after, struct asked *asked, struct pn_err *e)
{
    int64_t version = -1;
    int end = 0;
    if (after == NULL) {
        return 0;
    }
    if (sscanf(after, "%" SCNd64 ":%" SCNd64 "%n", &version, &asked->offset, &end) != 2 ||
        after[end] != '\0' || version < 0 || asked->offset < 0) {
        return pn_err_input(e, "`cursor` is not one of these rows");
    }
    asked->at.version = version;
    return 0;
}

static int read_request(struct pn_http_request *req, struct pn_api_table_data_routes *routes,
                        struct asked *asked, struct pn_err *e)
{
    const char *filter = pn_http_request_query(req, "filter");
    const char *sort = pn_http_request_query(req, "sort");
    struct pn_api_page page = {0};
    int rc = pn_api_list_page(req, &page, e);
    if (rc == 0) {
        rc = pn_api_find_table_at(req, routes, &asked->at, e);
    }
    if (rc == 0) {
        rc = read_cursor(page.after, asked, e);
    }
    filter = filter != NULL ? filter : "";
    asked->limit = page.limit;
    asked->sort = sort != NULL && sort[0] != '\0' ? sort : NULL;
    return rc == 0 ? pn_search_parse(filter, strlen(filter), &req->arena, &asked->search, e) : rc;
}

static enum pn_http_handled begin(struct pn_http_request *req,
                                  struct pn_api_table_data_routes *routes)
{
    struct asked *asked = pn_arena_calloc(&req->arena, 1, sizeof *asked);
    struct pn_buf sql;
    struct pn_buf text;
    struct pn_json_writer parameters;
    struct pn_err failure = {0};
    if (read_request(req, routes, asked, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    pn_buf_init(&sql, PN_SQL_BYTES_MAX);
    pn_buf_init(&text, PARAMETERS_BYTES_MAX);
    pn_json_writer_init(&parameters, &text);
    pn_json_put_object(&parameters);
    write_statement(asked, &req->arena, &sql, &parameters);
    pn_json_end(&parameters);
    enum pn_http_handled handled =
        pn_api_ask_sql(req, routes->executor, &sql, pn_buf_text(&text), asked);
    pn_buf_deinit(&text);
    pn_buf_deinit(&sql);
    return handled;
}

/* --- the reply -------------------------------------------------------------------------------- */

struct writing {
    struct pn_http_request *req;
    struct pn_json_writer json;
    size_t limit;
    size_t count;
};

static int take_row(void *arg, const char *const *cells, size_t count)
{
    struct writing *writing = arg;
    if (writing->count++ < writing->limit) {
        pn_api_put_cells(&writing->json, cells, 0, count);
    }
    return pn_buf_failed(&writing->req->out) ? PN_FAIL : 0;
}

enum pn_http_handled pn_api_handle_table_rows(struct pn_http_request *req, void *arg)
{
    struct pn_api_own_query *own = req->state;
    struct writing writing = {.req = req};
    if (own == NULL) {
        return begin(req, arg);
    }
    const struct asked *asked = own->arg;
    writing.limit = asked->limit;
    pn_json_writer_init(&writing.json, &req->out);
    pn_json_put_object(&writing.json);
    pn_json_add_i64_text(&writing.json, "version", asked->at.version);
    pn_json_add_array(&writing.json, "rows");
    if (!pn_api_own_query_rows(req, own, take_row, &writing)) {
        return PN_HTTP_HANDLED;
    }
    pn_json_end(&writing.json);
    pn_json_add_raw(&writing.json, "columns", own->status.columns, strlen(own->status.columns));
    if (writing.count > asked->limit) {
        pn_api_list_add_next(&writing.json,
                             pn_arena_printf(&req->arena, "%" PRId64 ":%" PRId64, asked->at.version,
                                             asked->offset + (int64_t)asked->limit));
    }
    pn_json_end(&writing.json);
    return pn_api_reply_large(req, PN_HTTP_TYPE_JSON);
}
