/* What the files of the query routes share. */
#ifndef PN_API_QUERY_INTERNAL_H
#define PN_API_QUERY_INTERNAL_H

#include "api/query_routes.h"
#include "http/request.h"

/* What a question is, in a body and in a URL, and the state of a query: see route.h. */
extern const struct pn_api_field pn_api_question_fields[];
extern const struct pn_api_field pn_api_sql_fields[]; /* the same, with a format */
extern const struct pn_api_field pn_api_question_query[];
extern const struct pn_api_field pn_api_format_query[];
extern const struct pn_api_field pn_api_query_fields[];
extern const struct pn_api_field pn_api_column_fields[];

/* The reply to a query that failed, was cancelled or was refused. */
void pn_api_reply_query_failure(struct pn_http_request *req, const struct pn_query_status *status);
/* The same for an error of the executor. */
void pn_api_reply_executor_error(struct pn_http_request *req, int rc, const struct pn_err *failure);
/* The state of a query as an object. */
void pn_api_put_query(struct pn_http_request *req, struct pn_json_writer *json,
                      const struct pn_query_status *status);

/* What the body, whose members are `fields`, or the query parameters of a GET, ask for. Texts are
 * in the request's arena. On false the reply is there. */
struct pn_api_question {
    struct pn_query_request request;
    const char *format; /* of a body of JSON; NULL */
    bool protects;      /* likewise: texts of CSV, from spreadsheets */
};
bool pn_api_read_question(struct pn_http_request *req, const struct pn_pipeline *pipeline,
                          const struct pn_api_field *fields, struct pn_api_question *question);

/* query_download.c: breaks off a streamed reply, so that its client sees that it is not whole.
 * Returns false, for the reply's next(). */
bool pn_api_break_off(struct pn_buf *out);
/* Begins the reply with kept rows, as JSON lines or CSV; the reader is the reply's from then on.
 * PROTECTED: see pn_row_writer_protect(). */
enum pn_api_rows_format { PN_API_ROWS_JSONL, PN_API_ROWS_CSV, PN_API_ROWS_CSV_PROTECTED };
enum pn_http_handled pn_api_send_rows(struct pn_http_request *req,
                                      const struct pn_query_status *status,
                                      enum pn_api_rows_format format,
                                      struct pn_rows_reader *reader);
/* The same with a file, which is closed at the end; then `end` is called, when not NULL. */
enum pn_http_handled pn_api_send_file(struct pn_http_request *req, int fd, void (*end)(void *arg),
                                      void *arg);

/* A request that waits for a query; in its arena. */
struct pn_api_query_wait {
    struct pn_executor *executor;
    char id[PN_QUERY_ID_SIZE];   /* the query that the request is about */
    char wait[PN_QUERY_ID_SIZE]; /* what it waits for: that, or what is made of its rows */
    bool streams;                /* until there is something to read, too */
    bool pages;                  /* until there are more rows than `offset`, too */
    int64_t offset;
};
/* Has the handler called again then, or when the client has gone. */
enum pn_http_handled pn_api_wait_for_query(struct pn_http_request *req,
                                           struct pn_api_query_wait *wait);

/* sql_route.c */
enum pn_http_handled pn_api_handle_sql(struct pn_http_request *req, void *arg);

#endif
