#include "api/group_routes.h"

#include "api/errors.h"
#include "base/json_writer.h"
#include "report/groups.h"

static enum pn_http_handled handle(struct pn_http_request *req, void *arg)
{
    const struct pn_api_group_routes *routes = arg;
    const char *topic = req->params[0];
    struct pn_kafka_rest_group_place *places = NULL;
    struct pn_group_row *groups = NULL;
    size_t place_count = 0;
    size_t count = 0;
    struct pn_err failure = {0};
    int rc = pn_groups_places(routes->topics, routes->consumers, topic, &req->arena, &places,
                              &place_count, &failure);
    if (rc == 0) {
        rc = pn_groups_list(routes->topics, topic, places, place_count, &req->arena, &groups,
                            &count, &failure);
    }
    if (rc == 0) {
        struct pn_json_writer json;
        const struct pn_byte_sink sink = pn_byte_sink_buf(&req->out);
        struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_API);
        pn_json_writer_init(&json, &req->out);
        pn_json_put_object(&json);
        pn_json_put_key(&json, "groups");
        pn_json_open_raw(&json);
        pn_report_groups(groups, count, rows);
        pn_row_writer_end(&rows);
        pn_json_end(&json);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

static const struct pn_api_field of_topic[] = {PN_FIELD("topic", TEXT), PN_FIELDS_END};
static const struct pn_api_field reply[] = {
    {.name = "groups", .type = PN_API_ROWS, .columns = &pn_group_columns}, PN_FIELDS_END};

static const struct pn_api_route route = {
    .http = {PN_HTTP_GET, "api/v1/topics/{}/groups", handle, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
             PN_OF_TOPIC},
    .id = "list_groups",
    .summary = "The consumer groups that read a topic, with what they have still to read",
    .path = of_topic,
    .reply = reply};

void pn_api_group_routes_add(struct pn_api_group_routes *routes, struct pn_api *api)
{
    pn_api_add_route(api, &route, routes);
}
