#include "api/table_data_routes.h"

#include "api/table_data_internal.h"

/* --- what the routes say of themselves -------------------------------------------------------- */

#define VERSION(n, text)                                                              \
    {                                                                                 \
        .name = (n), .type = PN_API_INT, .flags = PN_API_OPTIONAL, .most = INT64_MAX, \
        .help = (text)                                                                \
    }
#define TEXT(n, text)                                                              \
    {                                                                              \
        .name = (n), .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = (text) \
    }

static const struct pn_api_field of_table[] = {PN_FIELD("table", TEXT), PN_FIELDS_END};
static const struct pn_api_field rows_query[] = {
    VERSION("version", "the newest unless given"),
    TEXT("at", "the version of this time, in ISO 8601"),
    TEXT("sort", "a column; with a minus before it, the largest first"),
    TEXT("filter", "terms of a search over the cells"), PN_FIELDS_END};
static const struct pn_api_field column_fields[] = {PN_FIELD("name", TEXT), PN_FIELD("type", TEXT),
                                                    PN_FIELDS_END};
static const struct pn_api_field rows_reply[] = {
    PN_FIELD("version", WIDE),
    PN_FIELD("rows", ARRAY),
    {.name = "columns", .type = PN_API_OBJECTS, .fields = column_fields},
    PN_FIELD_OPTIONAL("next", TEXT),
    PN_FIELDS_END};

static const struct pn_api_field summary_query[] = {
    VERSION("version", "the newest unless given"),
    TEXT("at", "the version of this time, in ISO 8601"),
    TEXT("columns", "names with commas between; all unless given"), PN_FIELDS_END};
static const struct pn_api_field summary_fields[] = {PN_FIELD("column", TEXT),
                                                     PN_FIELD("rows", INT),
                                                     PN_FIELD("nulls", INT),
                                                     PN_FIELD("distinct", INT),
                                                     PN_FIELD_NULLABLE("least", TEXT),
                                                     PN_FIELD_NULLABLE("greatest", TEXT),
                                                     PN_FIELD_OPTIONAL("bins", TEXTS),
                                                     PN_FIELD_OPTIONAL("frequent", ARRAY),
                                                     PN_FIELDS_END};
static const struct pn_api_field summary_reply[] = {
    PN_FIELD("version", WIDE),
    PN_FIELD("sampled", BOOL),
    {.name = "columns", .type = PN_API_OBJECTS, .fields = summary_fields},
    PN_FIELDS_END};

static const struct pn_api_field diff_query[] = {
    {.name = "from", .type = PN_API_INT, .most = INT64_MAX, .help = "the version to compare with"},
    VERSION("to", "the newest unless given"),
    TEXT("key", "the column by which rows are the same; the table's key unless given"),
    PN_FIELDS_END};
static const struct pn_api_field diff_row[] = {
    {.name = "change", .type = PN_API_TEXT, .words = "added|removed|before|after"},
    PN_FIELD("row", ARRAY),
    PN_FIELDS_END};
static const struct pn_api_field diff_reply[] = {
    PN_FIELD("from", WIDE),
    PN_FIELD("to", WIDE),
    PN_FIELD_NULLABLE("key", TEXT),
    {.name = "rows", .type = PN_API_OBJECTS, .fields = diff_row},
    PN_FIELD("added", WIDE),
    PN_FIELD("removed", WIDE),
    PN_FIELD("changed", WIDE),
    {.name = "repeated",
     .type = PN_API_WIDE,
     .help = "values of the key that come more than once: their rows are added and removed ones"},
    {.name = "columns", .type = PN_API_OBJECTS, .fields = column_fields},
    PN_FIELDS_END};

static const struct pn_api_field growth_point[] = {
    PN_FIELD("version", INT),    PN_FIELD("committed_ms", INT), PN_FIELD_NULLABLE("rows", INT),
    PN_FIELD("size_bytes", INT), PN_FIELD("files", INT),        PN_FIELDS_END};
static const struct pn_api_field growth_reply[] = {
    {.name = "items", .type = PN_API_OBJECTS, .fields = growth_point}, PN_FIELDS_END};

/* --- the routes ------------------------------------------------------------------------------- */

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/rows", pn_api_handle_table_rows, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "read_table_rows",
     .summary = "Rows of a table at a version, sorted and filtered",
     .path = of_table,
     .query = rows_query,
     .reply = rows_reply,
     .is_paged = true,
     .errors = {409, 413, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/summary", pn_api_handle_table_summary,
              PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "summarize_table",
     .summary = "What the columns of a table hold",
     .path = of_table,
     .query = summary_query,
     .reply = summary_reply,
     .errors = {409, 413, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/diff", pn_api_handle_table_diff, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "compare_versions",
     .summary = "Rows that differ between two versions of a table",
     .path = of_table,
     .query = diff_query,
     .reply = diff_reply,
     .errors = {409, 413, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/tables/{}/growth", pn_api_handle_table_growth,
              PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_growth",
     .summary = "Rows, bytes and files of a table by version",
     .path = of_table,
     .reply = growth_reply},
};

void pn_api_table_data_routes_add(struct pn_api_table_data_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
