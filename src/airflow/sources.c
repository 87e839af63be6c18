/* dagSources, dagVersions and importErrors: what DAGs are defined by. */
#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/write.h"

/* --- sources ---------------------------------------------------------------------------------- */

static bool wants_text(const struct pn_http_request *req)
{
    const char *accept = pn_http_request_header(req, "Accept");
    return accept != NULL && strncmp(accept, "text/plain", strlen("text/plain")) == 0;
}

/* The version that the path or the query names, with its text; below 0 the one in force. */
static int read_version(struct pn_airflow_call *call, const struct pn_dag *dag, int64_t number,
                        struct pn_dag_version *version, const char **text)
{
    struct pn_dag_version now;
    int rc = pn_dag_version_now(call->db, dag, call->now_ms, &now, &call->failure);
    return rc == 0 ? pn_dag_version_read(call->db, dag->name, number >= 0 ? number : now.number,
                                         call->arena, version, text, &call->failure)
                   : rc;
}

static int answer_source(struct pn_airflow_call *call)
{
    static const struct pn_airflow_source query = {.body = NULL};
    const struct pn_dag *dag = NULL;
    const char *text = NULL;
    struct pn_dag_version version = {0};
    int64_t number = -1;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_number(call, &query, "version_number", -1, 0, INT64_MAX, &number);
    }
    if (rc == 0) {
        rc = read_version(call, dag, number, &version, &text);
    }
    if (rc != 0) {
        return rc;
    }
    if (wants_text(call->req)) {
        call->req->content_type = "text/plain; charset=utf-8";
        pn_buf_adds(&call->req->out, text);
        return 0;
    }
    pn_json_put_object(&call->json);
    pn_json_add_cstr(&call->json, "content", text);
    pn_json_add_cstr(&call->json, "dag_id", dag->name);
    pn_json_add_cstr(&call->json, "dag_display_name", dag->name);
    pn_json_add_i64(&call->json, "version_number", version.number);
    pn_json_end(&call->json);
    return 0;
}

/* --- versions --------------------------------------------------------------------------------- */

/* What versions are sorted by: all of a DAG are of one bundle. */
enum { BY_NUMBER, BY_BUNDLE };

static bool is_newest_first(const struct pn_airflow_list *list)
{
    for (size_t i = 0; i < list->find.order_count; i++) {
        if ((int)list->find.orders[i].column == BY_NUMBER) {
            return list->find.orders[i].descending;
        }
    }
    return false;
}

/* The filters of a list. *number is -1, and *fits is true, where there are none. */
static int read_filters(struct pn_airflow_call *call, const struct pn_airflow_list *list,
                        int64_t *number, bool *fits)
{
    const char *bundle = NULL;
    const char *bundle_version = NULL;
    int rc = pn_airflow_number(call, &list->source, "version_number", -1, 0, INT64_MAX, number);
    if (rc == 0) {
        rc = pn_airflow_text(call, &list->source, "bundle_name", &bundle);
    }
    if (rc == 0) {
        rc = pn_airflow_text(call, &list->source, "bundle_version", &bundle_version);
    }
    *fits = bundle_version == NULL && (bundle == NULL || strcmp(bundle, call->pipeline->name) == 0);
    return rc;
}

static int read_versions(struct pn_airflow_call *call, const struct pn_dag *dag,
                         struct pn_dag_version **versions, size_t *count)
{
    struct pn_dag_version now;
    int rc = pn_dag_version_now(call->db, dag, call->now_ms, &now, &call->failure);
    return rc == 0 ? pn_dag_versions_list(call->db, dag->name, 0, -1, call->arena, versions, count,
                                          &call->failure)
                   : rc;
}

static int answer_versions(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {{"id", BY_NUMBER},
                                                   {"version_number", BY_NUMBER},
                                                   {"bundle_name", BY_BUNDLE},
                                                   {"bundle_version", BY_BUNDLE},
                                                   {NULL, 0}};
    const struct pn_dag *dag = NULL;
    struct pn_airflow_list list;
    struct pn_dag_version *versions = NULL;
    size_t count = 0;
    int64_t number = -1;
    bool fits = true;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    }
    if (rc == 0) {
        rc = read_filters(call, &list, &number, &fits);
    }
    if (rc == 0) {
        rc = read_versions(call, dag, &versions, &count);
    }
    if (rc != 0) {
        return rc;
    }
    int64_t total = 0;
    pn_airflow_reply_begin(call, "dag_versions");
    for (size_t i = 0; fits && i < count; i++) {
        const struct pn_dag_version *version =
            &versions[is_newest_first(&list) ? i : count - 1 - i];
        if (number >= 0 && version->number != number) {
            continue;
        }
        if (pn_airflow_list_shows(&list, (size_t)total++)) {
            pn_airflow_put_version(call, dag->name, version);
        }
    }
    pn_airflow_reply_end(call, total);
    return 0;
}

static int answer_version(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_dag_version version = {0};
    int64_t number = 0;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_path_number(call, 1, "version_number", &number);
    }
    if (rc == 0) {
        rc = read_version(call, dag, number < 0 ? 0 : number, &version, NULL);
    }
    if (rc == 0) {
        pn_airflow_put_version(call, dag->name, &version);
    }
    return rc;
}

/* --- import errors ---------------------------------------------------------------------------- */

/* There is one at most: why the files of the pipeline as they are now cannot be loaded. */
enum { IMPORT_ERROR = 1 };

static void put_import_error(struct pn_airflow_call *call, const struct pn_definition_error *error)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_i64(json, "import_error_id", IMPORT_ERROR);
    pn_airflow_add_time(json, "timestamp", error->at_ms);
    pn_json_add_cstr(json, "filename", error->file);
    pn_json_add_cstr(json, "bundle_name", call->pipeline->name);
    pn_json_add_cstr(json, "stack_trace", pn_http_request_public(call->req, error->reason));
    pn_json_end(json);
}

static int answer_import_errors(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {{"id", 0},          {"import_error_id", 0},
                                                   {"filename", 0},    {"timestamp", 0},
                                                   {"bundle_name", 0}, {NULL, 0}};
    static const char *const names[] = {"filename_pattern", "filename_prefix_pattern", "filename"};
    struct pn_definition_error error = {0};
    struct pn_airflow_list list;
    int rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    bool has = rc == 0 && pn_definitions_error(call->env->definitions, call->arena, &error);
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof names[0]; i++) {
        const char *text = NULL;
        rc = pn_airflow_text(call, &list.source, names[i], &text);
        if (rc == 0 && text != NULL && has) {
            has = i == 2 ? strcmp(text, error.file) == 0
                         : pn_airflow_matches(text, error.file, i == 1);
        }
    }
    if (rc != 0) {
        return rc;
    }
    pn_airflow_reply_begin(call, "import_errors");
    if (has && pn_airflow_list_shows(&list, 0)) {
        put_import_error(call, &error);
    }
    pn_airflow_reply_end(call, has);
    return 0;
}

static int answer_import_error(struct pn_airflow_call *call)
{
    struct pn_definition_error error = {0};
    int64_t id = 0;
    int rc = pn_airflow_path_number(call, 0, "import_error_id", &id);
    if (rc == 0 && (id != IMPORT_ERROR ||
                    !pn_definitions_error(call->env->definitions, call->arena, &error))) {
        rc = pn_err_missing(&call->failure, "import error %.20s was not found",
                            call->req->params[0]);
    }
    if (rc == 0) {
        put_import_error(call, &error);
    }
    return rc;
}

const struct pn_airflow_endpoint pn_airflow_sources[] = {
    {PN_HTTP_GET, "dagSources/{}", answer_source, PN_RIGHT_READ},
    {PN_HTTP_GET, "importErrors", answer_import_errors, PN_RIGHT_READ},
    {PN_HTTP_GET, "importErrors/{}", answer_import_error, PN_RIGHT_READ},
    {PN_HTTP_GET, "dags/{}/dagVersions", answer_versions, PN_RIGHT_READ},
    {PN_HTTP_GET, "dags/{}/dagVersions/{}", answer_version, PN_RIGHT_READ},
    {.pattern = NULL},
};
