/* dagSources, dagVersions and importErrors: what DAGs are defined by. */
#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/write.h"

enum { VERSION = 1 }; /* of each DAG: the definition that is in force */

static int unknown_version(struct pn_airflow_call *call, const struct pn_dag *dag, const char *text)
{
    return pn_err_missing(&call->failure,
                          "version %.20s of DAG '%s' was not found: a server knows the definition"
                          " that is in force, as version %d",
                          text, dag->name, VERSION);
}

/* --- sources ---------------------------------------------------------------------------------- */

static bool wants_text(const struct pn_http_request *req)
{
    const char *accept = pn_http_request_header(req, "Accept");
    return accept != NULL && strncmp(accept, "text/plain", strlen("text/plain")) == 0;
}

static int answer_source(struct pn_airflow_call *call)
{
    static const struct pn_airflow_source query = {.body = NULL};
    const struct pn_dag *dag = NULL;
    int64_t version = VERSION;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_number(call, &query, "version_number", VERSION, 0, INT64_MAX, &version);
    }
    if (rc == 0 && version != VERSION) {
        rc = unknown_version(call, dag, pn_http_request_query(call->req, "version_number"));
    }
    if (rc != 0) {
        return rc;
    }
    const char *text = pn_pipeline_dag_text(call->pipeline, dag, call->arena);
    if (wants_text(call->req)) {
        call->req->content_type = "text/plain; charset=utf-8";
        pn_buf_adds(&call->req->out, text);
        return 0;
    }
    pn_json_put_object(&call->json);
    pn_json_add_cstr(&call->json, "content", text);
    pn_json_add_cstr(&call->json, "dag_id", dag->name);
    pn_json_add_cstr(&call->json, "dag_display_name", dag->name);
    pn_json_add_i64(&call->json, "version_number", VERSION);
    pn_json_end(&call->json);
    return 0;
}

/* --- versions --------------------------------------------------------------------------------- */

static int answer_versions(struct pn_airflow_call *call)
{
    static const struct pn_airflow_sort sorts[] = {
        {"id", 0}, {"version_number", 0}, {"bundle_name", 0}, {"bundle_version", 0}, {NULL, 0}};
    const struct pn_dag *dag = NULL;
    struct pn_airflow_list list;
    int64_t version = VERSION;
    const char *bundle = NULL;
    const char *bundle_version = NULL;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    }
    if (rc == 0) {
        rc = pn_airflow_number(call, &list.source, "version_number", VERSION, 0, INT64_MAX,
                               &version);
    }
    if (rc == 0) {
        rc = pn_airflow_text(call, &list.source, "bundle_name", &bundle);
    }
    if (rc == 0) {
        rc = pn_airflow_text(call, &list.source, "bundle_version", &bundle_version);
    }
    if (rc != 0) {
        return rc;
    }
    bool has = version == VERSION && bundle_version == NULL &&
               (bundle == NULL || strcmp(bundle, call->pipeline->name) == 0);
    pn_airflow_reply_begin(call, "dag_versions");
    if (has && pn_airflow_list_shows(&list, 0)) {
        pn_airflow_put_version(call, dag);
    }
    pn_airflow_reply_end(call, has);
    return 0;
}

static int answer_version(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    int64_t version = 0;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_path_number(call, 1, "version_number", &version);
    }
    if (rc == 0 && version != VERSION) {
        rc = unknown_version(call, dag, call->req->params[1]);
    }
    if (rc == 0) {
        pn_airflow_put_version(call, dag);
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
