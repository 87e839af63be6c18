#include "airflow/airflow.h"

#include <stdlib.h>

#include "airflow/call.h"
#include "airflow/errors.h"
#include "base/mem.h"

struct pn_airflow_bound {
    struct pn_airflow *airflow;
    const struct pn_airflow_endpoint *endpoint;
    struct pn_http_route route;
    char *pattern;
};

static const struct pn_airflow_endpoint *const tables[] = {
    pn_airflow_dags,           pn_airflow_runs,         pn_airflow_run_changes, pn_airflow_wait,
    pn_airflow_task_instances, pn_airflow_task_changes, pn_airflow_logs,        pn_airflow_tasks,
    pn_airflow_sources,        pn_airflow_backfills,    pn_airflow_pools,       pn_airflow_monitor,
};
enum { TABLES = sizeof tables / sizeof tables[0] };

static const char *const words[] = {"api/v2", NULL};

static const struct pn_http_front front = {.name = "airflow",
                                           .words = words,
                                           .begin = pn_http_reply_no_embedding,
                                           .error = pn_airflow_error};

/* --- calls ------------------------------------------------------------------------------------ */

/* A page of another site can send a body of any other type, or of none, without asking
 * (http/browser.h). */
static int check_type(struct pn_airflow_call *call)
{
    struct pn_http_request *req = call->req;
    if (req->body_len == 0 || pn_http_request_is_of_type(req, PN_HTTP_TYPE_JSON)) {
        return 0;
    }
    pn_http_reply_error(req, 415, "the body must be JSON: send Content-Type: %s",
                        PN_HTTP_TYPE_JSON);
    call->replied = true;
    return PN_FAIL;
}

static enum pn_http_handled handle(struct pn_http_request *req, void *arg)
{
    const struct pn_airflow_bound *bound = arg;
    const struct pn_airflow_env *env = &bound->airflow->env;
    struct pn_dag_db_pool *dbs = bound->airflow->dbs;
    pn_definitions_look(env->definitions);
    const struct pn_definition *definition = pn_definitions_take(env->definitions);
    struct pn_airflow_call call = {.env = env,
                                   .dbs = dbs,
                                   .req = req,
                                   .arena = &req->arena,
                                   .definition = definition,
                                   .pipeline = definition->pipeline,
                                   .now_ms = pn_wall_ms(env->clock),
                                   .handled = PN_HTTP_HANDLED};
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    pn_json_writer_init(&call.json, &req->out);
    int rc = check_type(&call);
    if (rc == 0) {
        rc = pn_dag_db_pool_take(dbs, &call.db, &call.failure);
    }
    if (rc == 0) {
        rc = bound->endpoint->answer(&call);
    }
    pn_dag_db_pool_give(dbs, &call.db);
    pn_definitions_release(env->definitions, &definition);
    if (rc != 0 && !call.replied) {
        pn_airflow_reply_failure(req, &call.failure);
    }
    return rc != 0 ? PN_HTTP_HANDLED : call.handled;
}

/* --- life ------------------------------------------------------------------------------------- */

static void bind(struct pn_airflow *airflow, struct pn_airflow_bound *bound,
                 const struct pn_airflow_endpoint *endpoint)
{
    bound->airflow = airflow;
    bound->endpoint = endpoint;
    bound->pattern = pn_xasprintf("api/v2/%s", endpoint->pattern);
    bound->route = (struct pn_http_route){
        .method = endpoint->method,
        .pattern = bound->pattern,
        .handle = handle,
        .flags = PN_HTTP_ROUTE_BLOCKS,
        .right = endpoint->right,
        .scope = endpoint->right == PN_RIGHT_OPEN ? PN_OF_NOTHING : PN_OF_PIPELINE};
    pn_http_server_add_route(airflow->env.server, &front, &bound->route, bound);
}

struct pn_airflow *pn_airflow_create(const struct pn_airflow_env *env)
{
    struct pn_airflow *airflow = pn_xcalloc(1, sizeof *airflow);
    size_t count = 0;
    airflow->env = *env;
    char *path = pn_xasprintf("%s/state.db", env->data_folder);
    airflow->dbs = pn_dag_db_pool_create(path);
    free(path);
    pn_http_server_add_front(env->server, &front, airflow);
    for (size_t i = 0; i < TABLES; i++) {
        for (const struct pn_airflow_endpoint *row = tables[i]; row->pattern != NULL; row++) {
            count++;
        }
    }
    airflow->bound = pn_xcalloc(count + 1, sizeof *airflow->bound); /* ends with one of no route */
    count = 0;
    for (size_t i = 0; i < TABLES; i++) {
        for (const struct pn_airflow_endpoint *row = tables[i]; row->pattern != NULL; row++) {
            bind(airflow, &airflow->bound[count++], row);
        }
    }
    return airflow;
}

void pn_airflow_destroy(struct pn_airflow **airflow)
{
    struct pn_airflow *gone = *airflow;
    if (gone == NULL) {
        return;
    }
    for (struct pn_airflow_bound *bound = gone->bound; bound->pattern != NULL; bound++) {
        free(bound->pattern);
    }
    free(gone->bound);
    pn_dag_db_pool_destroy(&gone->dbs);
    free(gone);
    *airflow = NULL;
}
