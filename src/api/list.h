/*
 * Lists of our API. Each is {"items":[...]}, its items the rows of a report; where more follow, it
 * also has "next", a cursor: the same request with ?cursor= and that text gets the next page. A
 * cursor is opaque to clients.
 *
 *     struct pn_api_list list;
 *     pn_report_topics(topics, count, pn_api_list_begin(&list, req));
 *     return pn_api_list_end(&list, NULL);
 */
#ifndef PN_API_LIST_H
#define PN_API_LIST_H

#include "api/route.h"
#include "base/json_writer.h"
#include "http/request.h"
#include "report/row_writer.h"

/* What the client asks for: ?limit= and ?cursor=. INPUT says which of them is wrong. */
struct pn_api_page {
    size_t limit;
    const char *after; /* what pn_api_list_end() was given as `next`; NULL: from the first */
};
int pn_api_list_page(struct pn_http_request *req, struct pn_api_page *page,
                     struct pn_err *e) PN_MUST_CHECK;

/* What a cursor holds, in the request's arena. */
int pn_api_list_cursor(struct pn_http_request *req, const char *cursor, const char **after,
                       struct pn_err *e) PN_MUST_CHECK;

struct pn_api_list {
    struct pn_http_request *req;
    struct pn_json_writer json;
    struct pn_row_writer *rows;
};

/* Begins the reply, and returns where its rows go. One of the next two ends it. */
struct pn_row_writer *pn_api_list_begin(struct pn_api_list *list, struct pn_http_request *req);
/* Ends the list. `next` is what the next page's `after` will be; NULL: there is none. */
enum pn_http_handled pn_api_list_end(struct pn_api_list *list, const char *next);
/* Adds a cursor to the object of a list that has a form of its own. */
void pn_api_list_add_cursor(struct pn_json_writer *json, const char *name, const char *holds);
/* The cursor "next". */
void pn_api_list_add_next(struct pn_json_writer *json, const char *next);
/* Ends it with an error instead. */
enum pn_http_handled pn_api_list_fail(struct pn_api_list *list, const struct pn_err *failure);

#endif
