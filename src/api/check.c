/* Requests against the rows of their routes: parameters, and members of bodies. */
#include <inttypes.h>
#include <string.h>

#include "api/errors.h"
#include "api/route.h"
#include "base/json.h"
#include "base/units.h"

enum { WORDS_MAX = 256, QUOTED_MAX = 80 };

const struct pn_api_field pn_api_page_fields[] = {
    {.name = "cursor",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "`next` of the page before; leave it out for the first page"},
    {.name = "limit",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 1,
     .most = PN_API_LIMIT_MAX,
     .preset = PN_API_LIMIT_DEFAULT,
     .help = "the number of items on a page"},
    {.name = NULL},
};

static const struct pn_api_field *field_named(const struct pn_api_field *fields, const char *name,
                                              size_t len)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        if (strlen(fields->name) == len && memcmp(fields->name, name, len) == 0) {
            return fields;
        }
    }
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool has_word(const char *words, const char *text, size_t len)
{
    for (;;) {
        size_t word = strcspn(words, "|");
        if (word == len && memcmp(words, text, len) == 0) {
            return true;
        }
        if (words[word] == '\0') {
            return false;
        }
        words += word + 1;
    }
}

static bool in_range(const struct pn_api_field *field, int64_t value)
{
    if (value == 0 && (field->flags & PN_API_NOT_ZERO) != 0) {
        return false;
    }
    return (field->least == 0 && field->most == 0) ||
           (value >= field->least && value <= field->most);
}

/* What a value must be: "a whole number from 1 to 1000", in the arena. */
static const char *expected(struct pn_arena *arena, const struct pn_api_field *field)
{
    switch (field->type) {
    case PN_API_INT:
        return field->least == 0 && field->most == 0
                   ? "a whole number"
                   : pn_arena_printf(arena, "a whole number from %" PRId64 " to %" PRId64 "%s",
                                     field->least, field->most,
                                     (field->flags & PN_API_NOT_ZERO) != 0 ? ", and not 0" : "");
    case PN_API_BOOL:
        return "true or false";
    case PN_API_NUMBER:
        return "a number";
    case PN_API_OBJECT:
        return "an object";
    case PN_API_TEXTS:
        return "an array of strings";
    case PN_API_OBJECTS:
    case PN_API_ROWS:
    case PN_API_ARRAY:
        return "an array";
    default:
        break;
    }
    if (field->words == NULL) {
        return "a string";
    }
    const char *words = "one of ";
    for (const char *word = field->words; *word != '\0';) {
        size_t len = strcspn(word, "|");
        bool is_last = word[len] == '\0';
        words = pn_arena_printf(arena, "%s%.*s%s", words, (int)len, word, is_last ? "" : ", ");
        word += len + (is_last ? 0 : 1);
    }
    return words;
}

static bool is_text_right(const struct pn_api_field *field, const char *text)
{
    int64_t value = 0;
    switch (field->type) {
    case PN_API_INT:
        return pn_parse_i64(text, &value, NULL) == 0 && in_range(field, value);
    case PN_API_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    default:
        return field->words == NULL || has_word(field->words, text, strlen(text));
    }
}

/* --- parameters ------------------------------------------------------------------------------- */

static bool refuse_value(struct pn_http_request *req, const struct pn_api_field *field,
                         const char *text)
{
    pn_api_reply_error(req, 400, NULL, "`%s` must be %s, not \"%.*s\"", field->name,
                       expected(&req->arena, field), QUOTED_MAX, text);
    return false;
}

static bool check_path(struct pn_http_request *req, const struct pn_api_field *fields)
{
    for (size_t i = 0; i < req->param_count; i++) {
        if (!is_text_right(&fields[i], req->params[i])) {
            return refuse_value(req, &fields[i], req->params[i]);
        }
    }
    return true;
}

static void add_names(struct pn_buf *names, const struct pn_api_field *fields)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        pn_buf_addf(names, "%s%s", names->len > 0 ? ", " : "", fields->name);
    }
}

static bool refuse_name(struct pn_http_request *req, const struct pn_api_route *route,
                        const char *name)
{
    struct pn_buf names;
    pn_buf_init(&names, WORDS_MAX);
    add_names(&names, route->query);
    add_names(&names, pn_api_route_has_pages(route) ? pn_api_page_fields : NULL);
    const char *hint = names.len > 0
                           ? pn_arena_printf(&req->arena, "it takes %s", pn_buf_text(&names))
                           : "it takes no parameters";
    pn_buf_deinit(&names);
    pn_api_reply_error(req, 400, hint, "%s /%s has no parameter `%.*s`",
                       pn_http_method_name(req->method), route->http.pattern, QUOTED_MAX, name);
    return false;
}

/* One pair of the query, which is as it was sent. */
static bool check_pair(struct pn_http_request *req, const struct pn_api_route *route,
                       const struct pn_http_pair *pair)
{
    size_t len = strlen(pair->name);
    const struct pn_api_field *field = field_named(route->query, pair->name, len);
    if (field == NULL && pn_api_route_has_pages(route)) {
        field = field_named(pn_api_page_fields, pair->name, len);
    }
    if (field == NULL) {
        return refuse_name(req, route, pair->name);
    }
    const char *text = pn_http_request_query(req, field->name);
    if (text == NULL) {
        pn_api_reply_error(req, 400, NULL, "`%s` needs a value, with percent-encoded UTF-8",
                           field->name);
        return false;
    }
    return is_text_right(field, text) || refuse_value(req, field, text);
}

static bool check_once(struct pn_http_request *req, const struct pn_http_pairs *pairs, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(pairs->items[i].name, pairs->items[at].name) == 0) {
            pn_api_reply_error(req, 400, NULL, "`%.*s` is given twice", QUOTED_MAX,
                               pairs->items[at].name);
            return false;
        }
    }
    return true;
}

bool pn_api_check_parameters(struct pn_http_request *req, const struct pn_api_route *route)
{
    if (!check_path(req, route->path)) {
        return false;
    }
    const struct pn_http_pairs pairs = pn_http_request_queries(req);
    for (size_t i = 0; i < pairs.count; i++) {
        if (!check_pair(req, route, &pairs.items[i]) || !check_once(req, &pairs, i)) {
            return false;
        }
    }
    for (const struct pn_api_field *field = route->query; field != NULL && field->name != NULL;
         field++) {
        if ((field->flags & PN_API_OPTIONAL) == 0 &&
            pn_http_request_query(req, field->name) == NULL) {
            pn_api_reply_error(req, 400, NULL, "the parameter `%s` is missing: it is %s",
                               field->name, expected(&req->arena, field));
            return false;
        }
    }
    return true;
}

int64_t pn_api_query_i64(struct pn_http_request *req, const char *name, int64_t preset)
{
    const char *text = pn_http_request_query(req, name);
    int64_t value = preset;
    return text != NULL && pn_parse_i64(text, &value, NULL) == 0 ? value : preset;
}

/* --- bodies ----------------------------------------------------------------------------------- */

#define CURL_TYPE "application/x-www-form-urlencoded" /* what curl -d sends unless told another */

/* Is the body of one of these media types, with spaces between them? */
static bool is_of_types(struct pn_http_request *req, const char *types)
{
    while (*types != '\0') {
        size_t len = strcspn(types, " ");
        if (pn_http_request_is_of_type(req, pn_arena_strndup(&req->arena, types, len))) {
            return true;
        }
        types += len + strspn(types + len, " ");
    }
    return false;
}

bool pn_api_check_type(struct pn_http_request *req, const struct pn_api_route *route)
{
    const char *text_types = route->body_media;
    const char *sent = pn_http_request_header(req, "Content-Type");
    if (req->body_len == 0 || pn_http_request_is_of_type(req, PN_HTTP_TYPE_JSON) ||
        (text_types != NULL && (sent == NULL || is_of_types(req, text_types) ||
                                pn_http_request_is_of_type(req, CURL_TYPE)))) {
        return true; /* a text may have no type: Python's requests sends it so */
    }
    const char *hint = pn_arena_printf(&req->arena, "send Content-Type: " PN_HTTP_TYPE_JSON "%s%s",
                                       text_types != NULL ? ", or for a plain text one of: " : "",
                                       text_types != NULL ? text_types : "");
    if (sent == NULL) {
        pn_api_reply_error(req, 415, hint, "the request has a body without a Content-Type");
    } else {
        pn_api_reply_error(req, 415, hint, "the body cannot be of the type \"%.*s\"", QUOTED_MAX,
                           sent);
    }
    return false;
}

static bool are_texts(const struct pn_json *array)
{
    for (const struct pn_json *item = array->first; item != NULL; item = item->next) {
        if (item->type != PN_JSON_STRING) {
            return false;
        }
    }
    return true;
}

static bool is_digits(const struct pn_json *node)
{
    size_t i = node->text_len > 0 && node->text[0] == '-';
    if (node->type != PN_JSON_STRING || i == node->text_len) {
        return false;
    }
    while (i < node->text_len && node->text[i] >= '0' && node->text[i] <= '9') {
        i++;
    }
    return i == node->text_len;
}

static bool is_right(const struct pn_api_field *field, const struct pn_json *node)
{
    switch (field->type) {
    case PN_API_INT:
        return node->is_integer && in_range(field, node->integer);
    case PN_API_WIDE:
        return is_digits(node);
    case PN_API_NUMBER:
        return node->type == PN_JSON_NUMBER;
    case PN_API_BOOL:
        return node->type == PN_JSON_BOOL;
    case PN_API_TEXT:
        return node->type == PN_JSON_STRING && memchr(node->text, '\0', node->text_len) == NULL &&
               (field->words == NULL || has_word(field->words, node->text, node->text_len));
    case PN_API_BASE64:
        return node->type == PN_JSON_STRING;
    case PN_API_OBJECT:
        return node->type == PN_JSON_OBJECT;
    case PN_API_TEXTS:
        return node->type == PN_JSON_ARRAY && are_texts(node);
    case PN_API_OBJECTS:
    case PN_API_ROWS:
    case PN_API_ARRAY:
        return node->type == PN_JSON_ARRAY;
    case PN_API_ANY:
        break;
    }
    return true;
}

static int check_members(struct pn_http_request *req, const struct pn_json *object,
                         const struct pn_api_field *fields);

static int check_items(struct pn_http_request *req, const struct pn_json *array,
                       const struct pn_api_field *field)
{
    int rc = 0;
    for (const struct pn_json *item = array->first; rc == 0 && item != NULL; item = item->next) {
        if (item->type != PN_JSON_OBJECT) {
            pn_api_reply_error(req, 400, NULL, "each item of \"%s\" must be an object",
                               field->name);
            return -1;
        }
        rc = check_members(req, item, field->fields);
    }
    return rc;
}

static int check_member(struct pn_http_request *req, const struct pn_json *node,
                        const struct pn_api_field *fields)
{
    const struct pn_api_field *field = field_named(fields, node->key, node->key_len);
    int quoted = node->key_len < QUOTED_MAX ? (int)node->key_len : QUOTED_MAX;
    field = field != NULL ? field : field_named(fields, PN_API_OTHERS, strlen(PN_API_OTHERS));
    if (field == NULL) {
        struct pn_buf names;
        pn_buf_init(&names, WORDS_MAX);
        add_names(&names, fields);
        const char *hint = pn_arena_printf(&req->arena, "it takes %s", pn_buf_text(&names));
        pn_buf_deinit(&names);
        pn_api_reply_error(req, 400, hint, "the body has an unknown member \"%.*s\"", quoted,
                           node->key);
        return -1;
    }
    if (node->type == PN_JSON_NULL && (field->flags & PN_API_NULLABLE) != 0) {
        return 0;
    }
    if (!is_right(field, node)) {
        pn_api_reply_error(req, 400, NULL, "\"%s\" must be %s", field->name,
                           expected(&req->arena, field));
        return -1;
    }
    if (field->fields == NULL) {
        return 0;
    }
    return field->type == PN_API_OBJECTS ? check_items(req, node, field)
                                         : check_members(req, node, field->fields);
}

static int check_members(struct pn_http_request *req, const struct pn_json *object,
                         const struct pn_api_field *fields)
{
    int rc = 0;
    for (const struct pn_json *node = object != NULL ? object->first : NULL;
         rc == 0 && node != NULL; node = node->next) {
        rc = check_member(req, node, fields);
    }
    for (; rc == 0 && fields->name != NULL; fields++) {
        if (strcmp(fields->name, PN_API_OTHERS) != 0 && (fields->flags & PN_API_OPTIONAL) == 0 &&
            pn_json_get(object, fields->name) == NULL) {
            pn_api_reply_error(req, 400, NULL, "the body lacks \"%s\": it is %s", fields->name,
                               expected(&req->arena, fields));
            rc = -1;
        }
    }
    return rc;
}

int pn_api_read_body(struct pn_http_request *req, const struct pn_api_field *fields,
                     struct pn_json **root)
{
    if (pn_http_request_json(req, root) != 0) {
        return -1;
    }
    if (*root != NULL && (*root)->type != PN_JSON_OBJECT) {
        pn_api_reply_error(req, 400, NULL, "the body must be a JSON object, not %s",
                           pn_json_type_name((*root)->type));
        return -1;
    }
    return check_members(req, *root, fields);
}

/* --- rows ------------------------------------------------------------------------------------- */

static size_t count_params(const char *pattern)
{
    size_t count = 0;
    for (const char *p = pattern; *p != '\0'; p++) {
        count += (p[0] == '{' && p[1] == '}') || (p[0] == '*' && p[1] == '*');
    }
    return count;
}

static size_t count_fields(const struct pn_api_field *fields)
{
    size_t count = 0;
    while (fields != NULL && fields[count].name != NULL) {
        count++;
    }
    return count;
}

void pn_api_route_check(const struct pn_api_route *route)
{
    PN_ASSERT(route->id != NULL && route->summary != NULL);
    PN_ASSERT(count_params(route->http.pattern) == count_fields(route->path));
    PN_ASSERT((route->list != NULL) + (route->list_of != NULL) + (route->reply != NULL) +
                  (route->media != NULL) <=
              1);
    PN_ASSERT(route->http.method != PN_HTTP_GET || route->body == NULL);
}
