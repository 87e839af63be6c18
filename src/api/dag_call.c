/* What all routes of DAGs do: the connection, the path, the query, the body. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/dag_internal.h"
#include "base/units.h"

/* Our own pages say so by what browsers add to their requests. */
const char *pn_api_who_asks(struct pn_http_request *req)
{
    const char *site = pn_http_request_header(req, "Sec-Fetch-Site");
    return site != NULL && strcmp(site, "same-origin") == 0 ? "ui" : "api";
}

/* Files that have just changed are seen. */
static const struct pn_definition *take_definition(struct pn_api_dags *dags)
{
    pn_definitions_look(dags->env.definitions);
    return pn_definitions_take(dags->env.definitions);
}

enum pn_http_handled pn_api_dag_answer(struct pn_http_request *req, struct pn_api_dags *dags,
                                       int (*answer)(struct pn_api_dag_call *call,
                                                     struct pn_err *e))
{
    struct pn_api_dag_call call = {
        .req = req,
        .dags = dags,
        .definition = take_definition(dags),
        .now_ms = pn_wall_ms(dags->env.clock),
        .who = pn_api_who_asks(req),
        .handled = PN_HTTP_HANDLED,
    };
    struct pn_err failure = {0};
    call.pipeline = call.definition->pipeline;
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    int rc = pn_dag_db_pool_take(dags->pool, &call.db, &failure);
    if (rc == 0) {
        rc = answer(&call, &failure);
    }
    pn_dag_db_pool_give(dags->pool, &call.db);
    pn_definitions_release(dags->env.definitions, &call.definition);
    if (call.refused != 0) {
        req->status = call.refused;
    } else if (rc != 0) {
        pn_buf_reset(&req->out);
        pn_api_reply_failure(req, &failure);
    }
    return rc == 0 ? call.handled : PN_HTTP_HANDLED;
}

int pn_api_dags_audit(struct pn_api_dags *dags, struct pn_http_request *req, const char *what,
                      const char *detail, struct pn_err *e)
{
    const struct pn_audit audit = {.at_ms = pn_wall_ms(dags->env.clock),
                                   .who = pn_api_who_asks(req),
                                   .what = what,
                                   .detail = detail};
    struct pn_dag_db *db = NULL;
    int rc = pn_dag_db_pool_take(dags->pool, &db, e);
    if (rc == 0) {
        rc = pn_dag_db_audit(db, &audit, e);
    }
    pn_dag_db_pool_give(dags->pool, &db);
    return rc;
}

/* --- the path --------------------------------------------------------------------------------- */

int pn_api_dag_find(const struct pn_api_dag_call *call, size_t param, const struct pn_dag **dag,
                    struct pn_err *e)
{
    const char *name = call->req->params[param];
    *dag = pn_pipeline_dag(call->pipeline, name);
    if (*dag != NULL) {
        return 0;
    }
    return pn_pipeline_has_no(call->pipeline, PN_NAMED_DAG, name, NULL, e);
}

int pn_api_dag_find_run(const struct pn_api_dag_call *call, struct pn_run *run, struct pn_err *e)
{
    const char *dag = call->req->params[0];
    const char *run_id = call->req->params[1];
    struct pn_err failure = {0};
    int rc = pn_dag_db_run(call->db, dag, run_id, &call->req->arena, run, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return pn_err_missing(e, "the DAG '%s' has no run '%s'", dag, run_id);
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_api_dag_context(const struct pn_api_dag_call *call, struct pn_reason_context *context,
                       struct pn_err *e)
{
    const struct pn_api_dag_env *env = &call->dags->env;
    *context = (struct pn_reason_context){
        .pipeline = call->pipeline, .tasks_max = env->tasks_max, .now_ms = call->now_ms};
    return pn_scheduler_lives(env->data_folder, env->io, &context->scheduler_lives, e);
}

/* --- the query -------------------------------------------------------------------------------- */

int pn_api_dag_query_int(const struct pn_api_dag_call *call, const char *name, int64_t fallback,
                         int64_t *value, struct pn_err *e)
{
    const char *text = pn_http_request_query(call->req, name);
    *value = fallback;
    if (text != NULL && (pn_parse_i64(text, value, NULL) != 0 || *value < 0)) {
        return pn_err_input(e, "`%s` is a whole number from 0", name);
    }
    return 0;
}

int pn_api_dag_page(const struct pn_api_dag_call *call, struct pn_api_page *page,
                    int64_t *before_id, struct pn_err *e)
{
    *before_id = 0;
    int rc = pn_api_list_page(call->req, page, e);
    if (rc == 0 && page->after != NULL &&
        (pn_parse_i64(page->after, before_id, NULL) != 0 || *before_id <= 0)) {
        rc = pn_err_input(e, "`cursor` is not one of this list");
    }
    return rc;
}

void pn_api_dag_end_list(struct pn_api_dag_call *call, struct pn_api_list *list, int64_t next_id)
{
    (void)pn_api_list_end(
        list, next_id != 0 ? pn_arena_printf(&call->req->arena, "%" PRId64, next_id) : NULL);
}

void pn_api_dag_add_next(const struct pn_api_dag_call *call, struct pn_json_writer *json,
                         int64_t id)
{
    if (id != 0) {
        const char *text = pn_arena_printf(&call->req->arena, "%" PRId64, id);
        pn_json_put_key(json, "next");
        pn_json_put_base64(json, text, strlen(text));
    }
}

/* --- the body --------------------------------------------------------------------------------- */

static const char *const kind_names[] = {"a string",  "true or false",     "a whole number",
                                         "any value", "a list of strings", "any value"};

static bool read_texts(const struct pn_json *node, struct pn_arena *arena,
                       struct pn_api_texts *texts)
{
    if (node->type != PN_JSON_ARRAY) {
        return false;
    }
    texts->items = pn_arena_calloc(arena, node->count + 1, sizeof *texts->items);
    texts->count = 0;
    for (const struct pn_json *item = node->first; item != NULL; item = item->next) {
        if (item->type != PN_JSON_STRING || memchr(item->text, '\0', item->text_len) != NULL) {
            return false;
        }
        texts->items[texts->count++] = pn_arena_strndup(arena, item->text, item->text_len);
    }
    return true;
}

static bool read_member(const struct pn_json *node, struct pn_arena *arena,
                        const struct pn_api_member *member)
{
    switch (member->kind) {
    case PN_MEMBER_TEXT:
        if (node->type != PN_JSON_STRING || memchr(node->text, '\0', node->text_len) != NULL) {
            return false;
        }
        *(const char **)member->target = pn_arena_strndup(arena, node->text, node->text_len);
        return true;
    case PN_MEMBER_BOOL:
        *(bool *)member->target = node->boolean;
        return node->type == PN_JSON_BOOL;
    case PN_MEMBER_INT:
        *(int64_t *)member->target = node->integer;
        return node->type == PN_JSON_NUMBER && node->is_integer;
    case PN_MEMBER_RAW:
        *(const char **)member->target = pn_arena_strndup(arena, node->raw, node->raw_len);
        return true;
    case PN_MEMBER_TEXTS:
        return read_texts(node, arena, member->target);
    case PN_MEMBER_NODE:
        *(const struct pn_json **)member->target = node;
        return true;
    }
    return false;
}

static const char *member_names(const struct pn_api_member *members, size_t count,
                                struct pn_arena *arena)
{
    const char *names = count == 0 ? "none" : "";
    for (size_t i = 0; i < count; i++) {
        names = pn_arena_printf(arena, "%s%s%s", names, i > 0 ? ", " : "", members[i].name);
    }
    return names;
}

int pn_api_dag_members(struct pn_api_dag_call *call, const struct pn_json *object,
                       const struct pn_api_member *members, size_t count, struct pn_err *e)
{
    struct pn_arena *arena = &call->req->arena;
    if (object->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "this must be a JSON object ({...}), not %s",
                            pn_json_type_name(object->type));
    }
    for (const struct pn_json *node = object->first; node != NULL; node = node->next) {
        size_t i = 0;
        while (i < count && (strlen(members[i].name) != node->key_len ||
                             memcmp(members[i].name, node->key, node->key_len) != 0)) {
            i++;
        }
        if (i == count) {
            return pn_err_input(e, "unknown member \"%.*s\" (known: %s)",
                                node->key_len < 40 ? (int)node->key_len : 40, node->key,
                                member_names(members, count, arena));
        }
        if (node->type != PN_JSON_NULL && !read_member(node, arena, &members[i])) {
            return pn_err_input(e, "\"%s\" must be %s", members[i].name,
                                kind_names[members[i].kind]);
        }
    }
    return 0;
}

int pn_api_dag_body(struct pn_api_dag_call *call, const struct pn_api_field *fields,
                    const struct pn_api_member *members, size_t count, struct pn_err *e)
{
    struct pn_json *root = NULL;
    if (pn_api_read_body(call->req, fields, &root) != 0) {
        call->refused = call->req->status;
        return PN_FAIL;
    }
    return root != NULL ? pn_api_dag_members(call, root, members, count, e) : 0;
}
