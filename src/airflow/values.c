#include "airflow/values.h"

#include <inttypes.h>
#include <string.h>

#include "airflow/errors.h"
#include "base/percent.h"
#include "base/time_text.h"
#include "base/units.h"

static const char *place(const struct pn_airflow_source *source)
{
    return source->body != NULL ? "body" : "query";
}

/* --- bodies ----------------------------------------------------------------------------------- */

static bool is_known(const struct pn_json *member, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strlen(*names) == member->key_len &&
            memcmp(*names, member->key, member->key_len) == 0) {
            return true;
        }
    }
    return false;
}

int pn_airflow_body(struct pn_airflow_call *call, const char *const *names,
                    const struct pn_json **body)
{
    struct pn_http_request *req = call->req;
    struct pn_json *root = NULL;
    struct pn_err failure = {0};
    if (req->body_len == 0) {
        return pn_airflow_refuse(call, "body", NULL, "missing", "a JSON object is required");
    }
    int rc =
        pn_json_parse(req->parser, req->body, req->body_len, req->body_capacity, &root, &failure);
    if (rc == PN_JSON_TOO_MANY || rc == PN_JSON_TOO_DEEP) {
        pn_http_request_refuse_json(req, rc, &failure);
        call->replied = true;
        return PN_FAIL;
    }
    if (rc != 0) {
        return pn_airflow_refuse(call, "body", NULL, "json_invalid", "%s", failure.msg);
    }
    if (root->type != PN_JSON_OBJECT) {
        return pn_airflow_refuse(call, "body", NULL, "model_attributes_type",
                                 "the body must be a JSON object, not %s",
                                 pn_json_type_name(root->type));
    }
    for (const struct pn_json *member = root->first; member != NULL; member = member->next) {
        if (!is_known(member, names)) {
            return pn_airflow_refuse(call, "body",
                                     pn_arena_strndup(call->arena, member->key, member->key_len),
                                     "extra_forbidden", "this member is not known here");
        }
    }
    *body = root;
    return 0;
}

/* NULL for one that is absent or null. */
static const struct pn_json *get(const struct pn_json *body, const char *name)
{
    const struct pn_json *member = pn_json_get(body, name);
    return member != NULL && member->type != PN_JSON_NULL ? member : NULL;
}

/* A string's text; NULL when it has a NUL, which none of ours may. */
static const char *copy_text(struct pn_airflow_call *call, const struct pn_json *node)
{
    return memchr(node->text, '\0', node->text_len) == NULL
               ? pn_arena_strndup(call->arena, node->text, node->text_len)
               : NULL;
}

int pn_airflow_body_text(struct pn_airflow_call *call, const struct pn_json *body, const char *name,
                         const char **text)
{
    const struct pn_json *member = get(body, name);
    *text = NULL;
    if (member == NULL) {
        return 0;
    }
    *text = member->type == PN_JSON_STRING ? copy_text(call, member) : NULL;
    return *text != NULL ? 0
                         : pn_airflow_refuse(call, "body", name, "string_type",
                                             "a text without NUL characters is required");
}

int pn_airflow_body_flag(struct pn_airflow_call *call, const struct pn_json *body, const char *name,
                         bool preset, bool *flag)
{
    const struct pn_json *member = get(body, name);
    *flag = member != NULL ? member->boolean : preset;
    return member == NULL || member->type == PN_JSON_BOOL
               ? 0
               : pn_airflow_refuse(call, "body", name, "bool_type", "true or false is required");
}

int pn_airflow_body_number(struct pn_airflow_call *call, const struct pn_json *body,
                           const char *name, int64_t preset, int64_t min, int64_t max,
                           int64_t *number)
{
    const struct pn_json *member = get(body, name);
    *number = preset;
    if (member == NULL) {
        return 0;
    }
    if (member->type != PN_JSON_NUMBER || !member->is_integer || member->integer < min ||
        member->integer > max) {
        return pn_airflow_refuse(call, "body", name, "int_type",
                                 "a whole number from %" PRId64 " to %" PRId64 " is required", min,
                                 max);
    }
    *number = member->integer;
    return 0;
}

int pn_airflow_body_time(struct pn_airflow_call *call, const struct pn_json *body, const char *name,
                         int64_t *wall_ms)
{
    const struct pn_airflow_source source = {.body = body};
    return pn_airflow_time(call, &source, name, wall_ms);
}

int pn_airflow_body_object(struct pn_airflow_call *call, const struct pn_json *body,
                           const char *name, const char **json)
{
    const struct pn_json *member = get(body, name);
    *json = NULL;
    if (member == NULL) {
        return 0;
    }
    if (member->type != PN_JSON_OBJECT) {
        return pn_airflow_refuse(call, "body", name, "dict_type", "an object is required, not %s",
                                 pn_json_type_name(member->type));
    }
    *json = pn_arena_strndup(call->arena, member->raw, member->raw_len);
    return 0;
}

int pn_airflow_body_without(struct pn_airflow_call *call, const struct pn_json *body,
                            const char *name, bool harmless, const char *why)
{
    const struct pn_json *member = get(body, name);
    if (member == NULL || (member->type == PN_JSON_BOOL && member->boolean == harmless)) {
        return 0;
    }
    return pn_airflow_refuse(call, "body", name, "value_error", "%s", why);
}

/* --- queries and bodies alike ----------------------------------------------------------------- */

/* The text of a value in a body, or NULL for what has none. */
static const char *node_text(struct pn_airflow_call *call, const struct pn_json *node)
{
    switch (node->type) {
    case PN_JSON_NULL:
        return "none";
    case PN_JSON_STRING:
        return copy_text(call, node);
    case PN_JSON_BOOL:
    case PN_JSON_NUMBER:
        return pn_arena_strndup(call->arena, node->raw, node->raw_len);
    case PN_JSON_ARRAY:
    case PN_JSON_OBJECT:
        break;
    }
    return NULL;
}

static int add(struct pn_airflow_call *call, const struct pn_airflow_source *source,
               const char *name, const char *text, struct pn_airflow_texts *texts)
{
    if (text == NULL) {
        return pn_airflow_refuse(call, place(source), name, "string_type",
                                 "a text, or a list of texts, is required");
    }
    if (strlen(text) > PN_AIRFLOW_TEXT_BYTES_MAX) {
        return pn_airflow_refuse(call, place(source), name, "string_too_long",
                                 "a value has at most %d bytes", PN_AIRFLOW_TEXT_BYTES_MAX);
    }
    if (texts->count == PN_AIRFLOW_VALUES_MAX) {
        return pn_airflow_refuse(call, place(source), name, "too_long", "at most %d values",
                                 PN_AIRFLOW_VALUES_MAX);
    }
    texts->items[texts->count++] = text;
    return 0;
}

static int add_member(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                      const char *name, struct pn_airflow_texts *texts)
{
    const struct pn_json *member = get(source->body, name);
    int rc = 0;
    if (member != NULL && member->type != PN_JSON_ARRAY) {
        return add(call, source, name, node_text(call, member), texts);
    }
    const struct pn_json *item = member != NULL ? member->first : NULL;
    for (; rc == 0 && item != NULL; item = item->next) {
        rc = add(call, source, name, node_text(call, item), texts);
    }
    return rc;
}

int pn_airflow_texts(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                     const char *name, struct pn_airflow_texts *texts)
{
    int rc = 0;
    texts->count = 0;
    texts->items = pn_arena_calloc(call->arena, PN_AIRFLOW_VALUES_MAX, sizeof *texts->items);
    if (source->body != NULL) {
        return add_member(call, source, name, texts);
    }
    const struct pn_http_pairs pairs = pn_http_request_queries(call->req);
    for (size_t i = 0; rc == 0 && i < pairs.count; i++) {
        const char *value = pairs.items[i].value != NULL ? pairs.items[i].value : "";
        if (strcmp(pairs.items[i].name, name) == 0) {
            rc = add(call, source, name, pn_percent_decode(call->arena, value, strlen(value)),
                     texts);
        }
    }
    return rc;
}

int pn_airflow_text(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    const char *name, const char **text)
{
    struct pn_airflow_texts texts;
    int rc = pn_airflow_texts(call, source, name, &texts);
    *text = NULL;
    if (rc == 0 && texts.count > 1) {
        return pn_airflow_refuse(call, place(source), name, "too_long", "one value is taken");
    }
    if (rc == 0 && texts.count == 1) {
        *text = texts.items[0];
    }
    return rc;
}

int pn_airflow_flag(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    const char *name, bool preset, bool *flag)
{
    const char *text = NULL;
    int rc = pn_airflow_text(call, source, name, &text);
    *flag = preset;
    if (rc != 0 || text == NULL) {
        return rc;
    }
    bool yes = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    bool no = strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
    *flag = yes;
    return yes || no ? 0
                     : pn_airflow_refuse(call, place(source), name, "bool_parsing",
                                         "true or false is required");
}

int pn_airflow_number(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                      const char *name, int64_t preset, int64_t min, int64_t max, int64_t *number)
{
    const char *text = NULL;
    int rc = pn_airflow_text(call, source, name, &text);
    *number = preset;
    if (rc != 0 || text == NULL) {
        return rc;
    }
    if (pn_parse_i64(text, number, NULL) != 0 || *number < min || *number > max) {
        return pn_airflow_refuse(call, place(source), name, "int_parsing",
                                 "a whole number from %" PRId64 " to %" PRId64 " is required", min,
                                 max);
    }
    return 0;
}

int pn_airflow_time(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    const char *name, int64_t *wall_ms)
{
    const char *text = NULL;
    int rc = pn_airflow_text(call, source, name, &text);
    *wall_ms = PN_TIME_NONE;
    if (rc != 0 || text == NULL) {
        return rc;
    }
    return pn_time_parse_ms(text, wall_ms)
               ? 0
               : pn_airflow_refuse(call, place(source), name, "datetime_from_date_parsing",
                                   "a time such as 2026-01-31T06:00:00Z is required");
}

int pn_airflow_unmapped(struct pn_airflow_call *call)
{
    const struct pn_airflow_source query = {.body = NULL};
    int64_t index = 0;
    return pn_airflow_number(call, &query, "map_index", -1, -1, -1, &index);
}

int pn_airflow_path_number(struct pn_airflow_call *call, size_t param, const char *name,
                           int64_t *number)
{
    return pn_parse_i64(call->req->params[param], number, NULL) == 0
               ? 0
               : pn_airflow_refuse(call, "path", name, "int_parsing", "a whole number is required");
}
