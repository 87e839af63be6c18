/*
 * How a route of our API describes itself. The row that adds a route holds all that its document
 * (GET /api/v1/openapi.json, see openapi.h) says of it, and requests are checked against the same
 * row. A handler is called only after its path and query parameters were checked.
 *
 *     static const struct pn_api_field of_topic[] = {
 *         {.name = "topic", .type = PN_API_TEXT, .help = "the topic's name"}, {.name = NULL}};
 *     static const struct pn_api_field read_query[] = {
 *         {.name = "partition", .type = PN_API_INT, .flags = PN_API_OPTIONAL,
 *          .least = 0, .most = 9999, .help = "0 unless given"},
 *         {.name = NULL}};
 *
 *     {.http = {PN_HTTP_GET, "api/v1/topics/{}/records", handle_read, PN_HTTP_ROUTE_BLOCKS,
 *               PN_RIGHT_READ, PN_OF_TOPIC},
 *      .id = "read_records",
 *      .summary = "Reads records of a partition",
 *      .path = of_topic,
 *      .query = read_query,
 *      .reply = records_reply},
 *
 * A table of fields ends with PN_FIELDS_END. The reply is one of:
 *
 *   .list      a list (list.h) of a report's rows: its columns describe the items. The route also
 *              has the parameters `cursor` and `limit`
 *   .list_of   a list of objects with these fields, likewise with pages
 *   .reply     an object with these fields
 *   .media     anything that is not JSON: media types with spaces between them
 *   (none)     a 204 without a body
 *
 * A JSON reply to a GET has an ETag, is a 304 for a client that has it, and is compressed
 * for one that accepts gzip; its handler need do nothing. `is_feed` switches this off.
 */
#ifndef PN_API_ROUTE_H
#define PN_API_ROUTE_H

#include "http/request.h"
#include "report/columns.h"

enum pn_api_type {
    PN_API_TEXT,
    PN_API_INT,     /* a JSON number; in a query, digits */
    PN_API_WIDE,    /* an integer that may pass 2^53: a string of its digits */
    PN_API_NUMBER,  /* a JSON number with a fraction */
    PN_API_BOOL,    /* in a query "true" or "false" */
    PN_API_BASE64,  /* bytes: a string in base64 */
    PN_API_OBJECT,  /* of `fields`; without them any object */
    PN_API_TEXTS,   /* an array of strings */
    PN_API_OBJECTS, /* an array of objects of `fields` */
    PN_API_ROWS,    /* an array of rows of `columns` */
    PN_API_ARRAY,   /* an array of anything */
    PN_API_ANY      /* any JSON */
};

enum pn_api_field_flags {
    PN_API_OPTIONAL = 1, /* may be left out */
    PN_API_NULLABLE = 2, /* may be null; in a body that is the same as left out */
    PN_API_NOT_ZERO = 4  /* of an INT: any but 0 */
};

/* The name of a field that stands for all members which the others do not name. */
#define PN_API_OTHERS "*"

/* A parameter, or a member of an object. */
struct pn_api_field {
    const char *name;
    enum pn_api_type type;
    unsigned flags;
    const char *help;                        /* NULL ok */
    const char *words;                       /* the only values of a TEXT: "csv|jsonl"; NULL: any */
    int64_t least, most;                     /* of an INT, both inclusive; both 0: any */
    int64_t preset;                          /* of an optional INT: its default, for the document */
    const struct pn_api_field *fields;       /* of OBJECT and OBJECTS */
    const struct pn_report_columns *columns; /* of ROWS */
};

/* Short forms of fields without more to say: PN_FIELD("id", INT). One that may be null, one that
 * may be left out, and one of which both are true. */
#define PN_FIELD(n, t)                  \
    {                                   \
        .name = (n), .type = PN_API_##t \
    }
#define PN_FIELD_NULLABLE(n, t)                                   \
    {                                                             \
        .name = (n), .type = PN_API_##t, .flags = PN_API_NULLABLE \
    }
#define PN_FIELD_OPTIONAL(n, t)                                   \
    {                                                             \
        .name = (n), .type = PN_API_##t, .flags = PN_API_OPTIONAL \
    }
#define PN_FIELD_EITHER(n, t)                                                       \
    {                                                                               \
        .name = (n), .type = PN_API_##t, .flags = PN_API_OPTIONAL | PN_API_NULLABLE \
    }
#define PN_FIELDS_END \
    {                 \
        .name = NULL  \
    }

enum { PN_API_ROUTE_ERRORS_MAX = 6 };
enum { PN_API_LIMIT_DEFAULT = 100, PN_API_LIMIT_MAX = 1000 };

/* The parameters of every list: `cursor` and `limit`. */
extern const struct pn_api_field pn_api_page_fields[];

struct pn_api_route {
    struct pn_http_route http;
    const char *id; /* the operation's name, unique: "list_topics" */
    const char *summary;
    const struct pn_api_field *path;  /* one for each `{}` or `**`, in order */
    const struct pn_api_field *query; /* NULL: none */
    const struct pn_api_field *body;  /* members of a JSON object; the handler calls
                                         pn_api_read_body() with the same */
    const char *body_media;           /* media types that the body may have instead of JSON */
    const struct pn_report_columns *list;
    const struct pn_api_field *list_of;
    const struct pn_api_field *reply;
    const char *media;
    bool is_paged;                         /* .reply is a page: with `cursor` and `limit` */
    int also;                              /* another status of its success, or 0 */
    const struct pn_api_field *also_reply; /* its reply, where it is another */
    int status;                            /* of its success; 0: 200, or 204 without a reply */
    int errors[PN_API_ROUTE_ERRORS_MAX];   /* beside those of every route, see openapi.c */
    bool is_feed;                          /* a reader takes each reply once: no ETag */
};

/* Does the row say enough? Asserted when a route is added. */
void pn_api_route_check(const struct pn_api_route *route);
static inline bool pn_api_route_is_list(const struct pn_api_route *route)
{
    return route->list != NULL || route->list_of != NULL;
}
/* Has it the parameters of a page? */
static inline bool pn_api_route_has_pages(const struct pn_api_route *route)
{
    return pn_api_route_is_list(route) || route->is_paged;
}
/* Has its success a body of JSON? */
static inline bool pn_api_route_is_json(const struct pn_api_route *route)
{
    return pn_api_route_is_list(route) || route->reply != NULL;
}

/* Does its success have an ETag? */
static inline bool pn_api_route_has_tag(const struct pn_api_route *route)
{
    return route->http.method == PN_HTTP_GET && pn_api_route_is_json(route) && !route->is_feed;
}

/* Checks the request's parameters against the row: false when the reply is a 400 that names the
 * wrong one. */
bool pn_api_check_parameters(struct pn_http_request *req, const struct pn_api_route *route);
/* Checks the media type of the body, where there is one: a page of another site can send a body of
 * no type, or of a form's, without asking. False when the reply is a 415 that says what to send. */
bool pn_api_check_type(struct pn_http_request *req, const struct pn_api_route *route);
/* The value of an INT of the query that was checked, or `preset`. */
int64_t pn_api_query_i64(struct pn_http_request *req, const char *name, int64_t preset);

/* Parses the body and checks its members: -1 when the reply is a 400 that names the wrong one, or
 * a 413. An empty body, where nothing is required, gives *root NULL. Good until the handler
 * returns. */
int pn_api_read_body(struct pn_http_request *req, const struct pn_api_field *fields,
                     struct pn_json **root) PN_MUST_CHECK;

#endif
