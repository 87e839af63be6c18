/* The versions of DAGs: which there were, and what each was defined by. */
#include "api/dag_internal.h"
#include "base/units.h"

/* The DAG of the path; its definition as it is now is a version. */
static int find_dag(const struct pn_api_dag_call *call, const struct pn_dag **dag, struct pn_err *e)
{
    struct pn_dag_version now;
    int rc = pn_api_dag_find(call, 0, dag, e);
    return rc == 0 ? pn_dag_version_now(call->db, *dag, call->now_ms, &now, e) : rc;
}

static int answer_list(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_dag *dag = NULL;
    struct pn_api_page page;
    struct pn_dag_version *versions = NULL;
    int64_t before = 0;
    size_t count = 0;
    int rc = find_dag(call, &dag, e);
    if (rc == 0) {
        rc = pn_api_dag_page(call, &page, &before, e);
    }
    if (rc == 0) {
        rc = pn_dag_versions_list(call->db, dag->name, before, (int64_t)page.limit + 1,
                                  &call->req->arena, &versions, &count, e);
    }
    if (rc == 0) {
        bool is_more = count > page.limit;
        count -= is_more ? 1 : 0;
        struct pn_api_list list;
        pn_report_dag_versions(versions, count, pn_api_list_begin(&list, call->req));
        pn_api_dag_end_list(call, &list, is_more ? versions[count - 1].number : 0);
    }
    return rc;
}

static int answer_version(struct pn_api_dag_call *call, struct pn_err *e)
{
    const struct pn_dag *dag = NULL;
    const char *text = NULL;
    struct pn_dag_version version;
    struct pn_dag_version *before = NULL;
    size_t count = 0;
    int64_t number = 0;
    int rc = find_dag(call, &dag, e);
    if (rc == 0 && (pn_parse_i64(call->req->params[1], &number, NULL) != 0 || number < 1)) {
        rc = pn_err_input(e, "a version is a whole number from 1, not '%.40s'",
                          call->req->params[1]);
    }
    if (rc == 0) {
        rc =
            pn_dag_version_read(call->db, dag->name, number, &call->req->arena, &version, &text, e);
    }
    if (rc == 0) {
        rc = pn_dag_versions_list(call->db, dag->name, number, 1, &call->req->arena, &before,
                                  &count, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &call->req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "dag", dag->name);
    pn_json_add_i64(&json, "version", version.number);
    pn_json_add_i64(&json, "created_ms", version.created_ms);
    pn_json_add_cstr(&json, "text", text);
    pn_api_add_time(&json, "before", count > 0 ? before[0].number : 0);
    pn_json_end(&json);
    return 0;
}

PN_API_DAG_HANDLER(handle_list, answer_list)
PN_API_DAG_HANDLER(handle_version, answer_version)

static const struct pn_api_field of_version[] = {
    PN_FIELD("dag", TEXT),
    {.name = "version", .type = PN_API_TEXT, .help = "its number"},
    {.name = NULL}};
static const struct pn_api_field version_reply[] = {
    PN_FIELD("dag", TEXT),
    PN_FIELD("version", INT),
    PN_FIELD("created_ms", INT),
    {.name = "text",
     .type = PN_API_TEXT,
     .help = "what pipeline.yml said of the DAG, its pools and its tables, and their SQL"},
    {.name = "before",
     .type = PN_API_INT,
     .flags = PN_API_NULLABLE,
     .help = "the version before it, if it is kept"},
    {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/dags/{}/versions", handle_list, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "list_dag_versions",
     .summary = "The versions of a DAG's definition, the newest first",
     .path = pn_api_of_dag,
     .list = &pn_dag_version_columns},
    {.http = {PN_HTTP_GET, "api/v1/dags/{}/versions/{}", handle_version, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_dag_version",
     .summary = "A version with its text",
     .path = of_version,
     .reply = version_reply},
};

void pn_api_version_routes_add(struct pn_api_dags *dags, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], dags);
    }
}
