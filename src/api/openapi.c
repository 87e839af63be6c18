#include "api/openapi.h"

#include <string.h>

#include "api/errors.h"

/* The errors that any route may have, by the checks of the server and of parameters. A route below
 * something named by its path has 404, too. */
static const int usual_errors[] = {400, 401, 403, 408, 413, 415, 421, 431, 500, 503};
enum { USUAL_ERRORS = sizeof usual_errors / sizeof *usual_errors };

/* --- schemas ---------------------------------------------------------------------------------- */

static void put_fields(struct pn_json_writer *json, const struct pn_api_field *fields);

static const char *type_name(enum pn_api_type type)
{
    switch (type) {
    case PN_API_INT:
        return "integer";
    case PN_API_NUMBER:
        return "number";
    case PN_API_BOOL:
        return "boolean";
    case PN_API_OBJECT:
        return "object";
    case PN_API_TEXTS:
    case PN_API_OBJECTS:
    case PN_API_ROWS:
    case PN_API_ARRAY:
        return "array";
    case PN_API_ANY:
        return NULL;
    default:
        return "string";
    }
}

static void add_type(struct pn_json_writer *json, const struct pn_api_field *field)
{
    const char *name = type_name(field->type);
    if (name != NULL && (field->flags & PN_API_NULLABLE) != 0) {
        pn_json_add_array(json, "type");
        pn_json_put_cstr(json, name);
        pn_json_put_cstr(json, "null");
        pn_json_end(json);
    } else if (name != NULL) {
        pn_json_add_cstr(json, "type", name);
    }
}

static void add_words(struct pn_json_writer *json, const struct pn_api_field *field)
{
    pn_json_add_array(json, "enum");
    for (const char *word = field->words; *word != '\0';) {
        size_t len = strcspn(word, "|");
        pn_json_put_string(json, word, len);
        word += len + (word[len] == '|');
    }
    if ((field->flags & PN_API_NULLABLE) != 0) {
        pn_json_put_null(json);
    }
    pn_json_end(json);
}

static void add_items(struct pn_json_writer *json, const struct pn_api_field *field)
{
    pn_json_put_key(json, "items");
    if (field->type == PN_API_ROWS) {
        pn_report_put_schema(json, field->columns);
    } else if (field->type == PN_API_OBJECTS) {
        put_fields(json, field->fields);
    } else {
        pn_json_put_object(json);
        if (field->type == PN_API_TEXTS) {
            pn_json_add_cstr(json, "type", "string");
        }
        pn_json_end(json);
    }
}

static void add_numbers(struct pn_json_writer *json, const struct pn_api_field *field)
{
    if (field->least != 0 || field->most != 0) {
        pn_json_add_i64(json, "minimum", field->least);
        pn_json_add_i64(json, "maximum", field->most);
    }
    if ((field->flags & PN_API_NOT_ZERO) != 0) {
        pn_json_add_object(json, "not");
        pn_json_add_i64(json, "const", 0);
        pn_json_end(json);
    }
    if (field->preset != 0) {
        pn_json_add_i64(json, "default", field->preset);
    }
}

/* What is decoded from a URL has no control characters, and a segment of a path is not empty. */
static void add_url_text(struct pn_json_writer *json, const char *in)
{
    pn_json_add_textf(json, "pattern", "^[^\\u0000-\\u001f\\u007f]%c$",
                      strcmp(in, "path") == 0 ? '+' : '*');
}

static void add_members(struct pn_json_writer *json, const struct pn_api_field *fields);

/* The schema of a value. `in`: of a parameter, which has its help outside, "path" or "query". */
static void put_schema(struct pn_json_writer *json, const struct pn_api_field *field,
                       const char *in)
{
    pn_json_put_object(json);
    add_type(json, field);
    if (in == NULL && field->help != NULL) {
        pn_json_add_cstr(json, "description", field->help);
    }
    switch (field->type) {
    case PN_API_INT:
        add_numbers(json, field);
        break;
    case PN_API_WIDE:
        pn_json_add_cstr(json, "pattern", "^-?[0-9]+$");
        break;
    case PN_API_BASE64:
        pn_json_add_cstr(json, "contentEncoding", "base64");
        break;
    case PN_API_OBJECT:
        if (field->fields != NULL) {
            add_members(json, field->fields);
        }
        break;
    case PN_API_TEXTS:
    case PN_API_OBJECTS:
    case PN_API_ROWS:
    case PN_API_ARRAY:
        add_items(json, field);
        break;
    default:
        if (field->words != NULL) {
            add_words(json, field);
        } else if (in != NULL && field->type == PN_API_TEXT) {
            add_url_text(json, in);
        }
        break;
    }
    pn_json_end(json);
}

static void add_members(struct pn_json_writer *json, const struct pn_api_field *fields)
{
    const struct pn_api_field *others = NULL;
    pn_json_add_object(json, "properties");
    for (const struct pn_api_field *field = fields; field->name != NULL; field++) {
        if (strcmp(field->name, PN_API_OTHERS) == 0) {
            others = field;
        } else {
            pn_json_put_key(json, field->name);
            put_schema(json, field, NULL);
        }
    }
    pn_json_end(json);
    pn_json_add_array(json, "required");
    for (const struct pn_api_field *field = fields; field->name != NULL; field++) {
        if (field != others && (field->flags & PN_API_OPTIONAL) == 0) {
            pn_json_put_cstr(json, field->name);
        }
    }
    pn_json_end(json);
    pn_json_put_key(json, "additionalProperties");
    if (others != NULL) {
        put_schema(json, others, NULL);
    } else {
        pn_json_put_bool(json, false);
    }
}

/* An object of these fields. */
static void put_fields(struct pn_json_writer *json, const struct pn_api_field *fields)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "type", "object");
    add_members(json, fields);
    pn_json_end(json);
}

static void put_list(struct pn_json_writer *json, const struct pn_api_route *route)
{
    const struct pn_api_field fields[] = {
        route->list != NULL
            ? (struct pn_api_field){.name = "items", .type = PN_API_ROWS, .columns = route->list}
            : (struct pn_api_field){.name = "items",
                                    .type = PN_API_OBJECTS,
                                    .fields = route->list_of},
        {.name = "next",
         .type = PN_API_TEXT,
         .flags = PN_API_OPTIONAL,
         .help = "the next page's `cursor`; absent on the last page"},
        {.name = NULL},
    };
    put_fields(json, fields);
}

/* --- requests --------------------------------------------------------------------------------- */

static void put_parameter(struct pn_json_writer *json, const struct pn_api_field *field,
                          const char *in)
{
    bool in_path = strcmp(in, "path") == 0;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "name", field->name);
    pn_json_add_cstr(json, "in", in);
    pn_json_add_bool(json, "required", in_path || (field->flags & PN_API_OPTIONAL) == 0);
    if (field->help != NULL) {
        pn_json_add_cstr(json, "description", field->help);
    }
    pn_json_put_key(json, "schema");
    put_schema(json, field, in);
    pn_json_end(json);
}

static void put_parameters(struct pn_json_writer *json, const struct pn_api_field *fields,
                           const char *in)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        put_parameter(json, fields, in);
    }
}

static void add_parameters(struct pn_json_writer *json, const struct pn_api_route *route)
{
    if (route->path == NULL && route->query == NULL && !pn_api_route_has_pages(route)) {
        return;
    }
    pn_json_add_array(json, "parameters");
    put_parameters(json, route->path, "path");
    put_parameters(json, route->query, "query");
    put_parameters(json, pn_api_route_has_pages(route) ? pn_api_page_fields : NULL, "query");
    pn_json_end(json);
}

/* A member for each of the media types, which have spaces between them. */
static void add_media(struct pn_json_writer *json, const char *media)
{
    while (*media != '\0') {
        size_t len = strcspn(media, " ");
        pn_json_put_name(json, media, len);
        pn_json_put_object(json);
        if (strncmp(media, "text/", 5) == 0 || strncmp(media, "application/sql", len) == 0) {
            pn_json_add_object(json, "schema");
            pn_json_add_cstr(json, "type", "string");
            pn_json_end(json);
        }
        pn_json_end(json);
        media += len + (media[len] == ' ');
    }
}

static void add_json(struct pn_json_writer *json, const struct pn_api_field *fields)
{
    pn_json_add_object(json, PN_HTTP_TYPE_JSON);
    pn_json_put_key(json, "schema");
    put_fields(json, fields);
    pn_json_end(json);
}

static void add_body(struct pn_json_writer *json, const struct pn_api_route *route)
{
    bool required = route->body_media != NULL;
    if (route->body == NULL) {
        return;
    }
    for (const struct pn_api_field *field = route->body; field->name != NULL; field++) {
        required = required || (field->flags & PN_API_OPTIONAL) == 0;
    }
    pn_json_add_object(json, "requestBody");
    pn_json_add_bool(json, "required", required);
    pn_json_add_object(json, "content");
    add_json(json, route->body);
    add_media(json, route->body_media != NULL ? route->body_media : "");
    pn_json_end(json);
    pn_json_end(json);
}

/* --- replies ---------------------------------------------------------------------------------- */

static void add_success(struct pn_json_writer *json, const struct pn_api_route *route)
{
    bool none = !pn_api_route_is_json(route) && route->media == NULL;
    int status = route->status != 0 ? route->status : none ? 204 : 200;
    char name[12];
    (void)snprintf(name, sizeof name, "%d", status);
    pn_json_add_object(json, name);
    pn_json_add_cstr(json, "description", none ? "Done" : "The answer");
    if (!none) {
        pn_json_add_object(json, "content");
    }
    if (pn_api_route_is_list(route)) {
        pn_json_add_object(json, PN_HTTP_TYPE_JSON);
        pn_json_put_key(json, "schema");
        put_list(json, route);
        pn_json_end(json);
    } else if (route->reply != NULL) {
        add_json(json, route->reply);
    } else if (route->media != NULL) {
        add_media(json, route->media);
    }
    if (!none) {
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_other_success(struct pn_json_writer *json, const struct pn_api_route *route)
{
    char name[12];
    (void)snprintf(name, sizeof name, "%d", route->also);
    pn_json_add_object(json, name);
    pn_json_add_cstr(json, "description", "The answer");
    pn_json_add_object(json, "content");
    add_json(json, route->also_reply != NULL ? route->also_reply : route->reply);
    pn_json_end(json);
    pn_json_end(json);
}

static void add_error(struct pn_json_writer *json, int status)
{
    char name[12];
    (void)snprintf(name, sizeof name, "%d", status);
    pn_json_add_object(json, name);
    pn_json_put_key(json, "$ref");
    pn_json_put_textf(json, "#/components/responses/%d", status);
    pn_json_end(json);
}

static void add_replies(struct pn_json_writer *json, const struct pn_api_route *route)
{
    pn_json_add_object(json, "responses");
    add_success(json, route);
    if (route->also != 0) {
        add_other_success(json, route);
    }
    if (pn_api_route_has_tag(route)) {
        pn_json_add_object(json, "304");
        pn_json_add_cstr(json, "description", "The client has this answer (If-None-Match)");
        pn_json_end(json);
    }
    for (size_t i = 0; i < USUAL_ERRORS; i++) {
        add_error(json, usual_errors[i]);
    }
    if (route->path != NULL) {
        add_error(json, 404);
    }
    for (size_t i = 0; i < PN_API_ROUTE_ERRORS_MAX && route->errors[i] != 0; i++) {
        add_error(json, route->errors[i]);
    }
    pn_json_end(json);
}

/* --- operations ------------------------------------------------------------------------------- */

/* How a request shows that it may: with a key, in one of two headers. */
static void add_security(struct pn_json_writer *json, const struct pn_api_route *route,
                         bool asks_keys)
{
    static const char *const schemes[] = {"key", "bearer"};
    bool is_open = route->http.right == PN_RIGHT_OPEN;
    const char *right = pn_http_right_name(route->http.right);
    pn_json_add_cstr(json, "x-pinion-right", right);
    pn_json_add_cstr(json, "x-pinion-for", pn_http_scope_name(route->http.scope));
    if (!asks_keys) {
        return;
    }
    pn_json_add_array(json, "security");
    if ((route->http.flags & (PN_HTTP_ROUTE_LOCAL | PN_HTTP_ROUTE_CHECKED)) != 0) {
        pn_json_put_object(json); /* it may do without */
        pn_json_end(json);
    }
    for (size_t i = 0; !is_open && i < sizeof schemes / sizeof *schemes; i++) {
        pn_json_put_object(json);
        pn_json_add_array(json, schemes[i]);
        pn_json_put_cstr(json, right);
        pn_json_end(json);
        pn_json_end(json);
    }
    pn_json_end(json);
}

/* Routes are grouped by what they are about: the segment after "api/v1/". */
static void add_tag(struct pn_json_writer *json, const char *pattern)
{
    static const char prefix[] = "api/v1/";
    bool below = strncmp(pattern, prefix, sizeof prefix - 1) == 0;
    const char *word = below ? pattern + sizeof prefix - 1 : "server";
    pn_json_add_array(json, "tags");
    pn_json_put_string(json, word, strcspn(word, "/."));
    pn_json_end(json);
}

static void add_operation(struct pn_json_writer *json, const struct pn_api_route *route,
                          bool asks_keys)
{
    static const char *const methods[] = {[PN_HTTP_GET] = "get",
                                          [PN_HTTP_POST] = "post",
                                          [PN_HTTP_PUT] = "put",
                                          [PN_HTTP_DELETE] = "delete",
                                          [PN_HTTP_PATCH] = "patch"};
    pn_json_add_object(json, methods[route->http.method]);
    pn_json_add_cstr(json, "operationId", route->id);
    pn_json_add_cstr(json, "summary", route->summary);
    add_tag(json, route->http.pattern);
    add_parameters(json, route);
    add_body(json, route);
    add_replies(json, route);
    add_security(json, route, asks_keys);
    pn_json_end(json);
}

/* The path with the names of its parameters: "/api/v1/topics/{topic}". */
static void put_path(struct pn_json_writer *json, const struct pn_api_route *route)
{
    enum { PATH_BYTES_MAX = 1024 };
    const struct pn_api_field *field = route->path;
    struct pn_buf path;
    pn_buf_init(&path, PATH_BYTES_MAX);
    pn_buf_addc(&path, '/');
    for (const char *p = route->http.pattern; *p != '\0'; p++) {
        if (strncmp(p, "{}", 2) == 0 || strncmp(p, "**", 2) == 0) {
            pn_buf_addf(&path, "{%s}", (field++)->name);
            p++;
        } else {
            pn_buf_addc(&path, *p);
        }
    }
    pn_json_put_key(json, pn_buf_text(&path));
    pn_buf_deinit(&path);
}

/* Where the rows of the path begin. */
static size_t first_of(const struct pn_api_route *const *routes, const char *pattern)
{
    size_t i = 0;
    while (strcmp(routes[i]->http.pattern, pattern) != 0) {
        i++;
    }
    return i;
}

static void add_paths(struct pn_json_writer *json, const struct pn_api_route *const *routes,
                      size_t count, bool asks_keys)
{
    pn_json_add_object(json, "paths");
    for (size_t i = 0; i < count; i++) {
        const char *pattern = routes[i]->http.pattern;
        if (first_of(routes, pattern) != i) {
            continue;
        }
        put_path(json, routes[i]);
        pn_json_put_object(json);
        for (size_t k = i; k < count; k++) {
            if (strcmp(routes[k]->http.pattern, pattern) == 0) {
                add_operation(json, routes[k], asks_keys);
            }
        }
        pn_json_end(json);
    }
    pn_json_end(json);
}

/* --- components ------------------------------------------------------------------------------- */

static const struct pn_api_field position_fields[] = {{.name = "byte", .type = PN_API_INT},
                                                      {.name = "line", .type = PN_API_INT},
                                                      {.name = "column", .type = PN_API_INT},
                                                      {.name = NULL}};
static const struct pn_api_field error_fields[] = {
    {.name = "code", .type = PN_API_TEXT, .help = "for programs"},
    {.name = "message", .type = PN_API_TEXT, .help = "what happened, and where"},
    {.name = "hint", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = "what to do"},
    {.name = "position",
     .type = PN_API_OBJECT,
     .flags = PN_API_OPTIONAL,
     .fields = position_fields,
     .help = "of the fault in the SQL"},
    {.name = "candidates",
     .type = PN_API_TEXTS,
     .flags = PN_API_OPTIONAL,
     .help = "names that may have been meant"},
    {.name = NULL},
};
static const struct pn_api_field error_reply[] = {
    {.name = "error", .type = PN_API_OBJECT, .fields = error_fields}, {.name = NULL}};

static void add_error_replies(struct pn_json_writer *json)
{
    int status = 0;
    pn_json_add_object(json, "responses");
    for (size_t i = 0; (status = pn_api_error_status(i)) != 0; i++) {
        char name[12];
        (void)snprintf(name, sizeof name, "%d", status);
        pn_json_add_object(json, name);
        pn_json_add_cstr(json, "description", pn_api_error_code(status));
        pn_json_add_object(json, "content");
        pn_json_add_object(json, PN_HTTP_TYPE_JSON);
        pn_json_add_object(json, "schema");
        pn_json_add_cstr(json, "$ref", "#/components/schemas/Error");
        for (int open = 0; open < 4; open++) {
            pn_json_end(json);
        }
    }
    pn_json_end(json);
}

static void add_schemes(struct pn_json_writer *json)
{
    pn_json_add_object(json, "securitySchemes");
    pn_json_add_object(json, "key");
    pn_json_add_cstr(json, "type", "apiKey");
    pn_json_add_cstr(json, "in", "header");
    pn_json_add_cstr(json, "name", "x-api-key");
    pn_json_end(json);
    pn_json_add_object(json, "bearer");
    pn_json_add_cstr(json, "type", "http");
    pn_json_add_cstr(json, "scheme", "bearer");
    pn_json_end(json);
    pn_json_end(json);
}

static void add_components(struct pn_json_writer *json, bool asks_keys)
{
    pn_json_add_object(json, "components");
    pn_json_add_object(json, "schemas");
    pn_json_put_key(json, "Error");
    put_fields(json, error_reply);
    pn_json_end(json);
    add_error_replies(json);
    if (asks_keys) {
        add_schemes(json);
    }
    pn_json_end(json);
}

void pn_api_put_document(struct pn_json_writer *json, const struct pn_api_route *const *routes,
                         size_t count, bool asks_keys)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "openapi", "3.1.0");
    pn_json_add_object(json, "info");
    pn_json_add_cstr(json, "title", "pinion");
    pn_json_add_cstr(json, "version", PINION_VERSION);
    pn_json_end(json);
    pn_json_add_array(json, "servers");
    pn_json_put_object(json);
    pn_json_add_cstr(json, "url", "/");
    pn_json_end(json);
    pn_json_end(json);
    add_paths(json, routes, count, asks_keys);
    add_components(json, asks_keys);
    pn_json_end(json);
}
