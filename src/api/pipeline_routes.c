#include "api/pipeline_routes.h"

#include "api/list.h"
#include "report/reference.h"
#include "report/tables.h"

static enum pn_http_handled handle_queries(struct pn_http_request *req, void *arg)
{
    const struct pn_api_pipeline_routes *routes = arg;
    struct pn_api_list list;
    struct pn_row_writer *rows = pn_api_list_begin(&list, req);
    pn_report_queries(routes->pipeline, rows);
    return pn_api_list_end(&list, NULL);
}

static enum pn_http_handled handle_settings(struct pn_http_request *req, void *arg)
{
    const struct pn_api_pipeline_routes *routes = arg;
    struct pn_api_list list;
    struct pn_row_writer *rows = pn_api_list_begin(&list, req);
    pn_report_settings(routes->settings, rows);
    return pn_api_list_end(&list, NULL);
}

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/pipeline/queries", handle_queries, 0, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_named_queries",
     .summary = "The queries that have a name in the pipeline",
     .list = &pn_named_query_columns},
    {.http = {PN_HTTP_GET, "api/v1/settings", handle_settings, 0, PN_RIGHT_READ, PN_OF_SERVER},
     .id = "list_settings",
     .summary = "Every setting with its value in force",
     .list = &pn_setting_columns},
};

void pn_api_pipeline_routes_add(struct pn_api_pipeline_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
