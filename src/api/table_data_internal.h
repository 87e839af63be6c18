/* What the files of the routes of tables' data share. */
#ifndef PN_API_TABLE_DATA_INTERNAL_H
#define PN_API_TABLE_DATA_INTERNAL_H

#include "api/own_query.h"
#include "api/table_data_routes.h"

enum { PN_SQL_BYTES_MAX = 512 * 1024 };

/* A table at a version. */
struct pn_api_table_at {
    const char *name;             /* in SQL */
    const struct pn_table *table; /* NULL: of dead letters, or not the pipeline's */
    int64_t version;
    int64_t rows;         /* -1: not known */
    const char **columns; /* of this version, without a `table` */
    size_t column_count;
};

/* Finds the table that the path names, at the version of ?version= or ?at=. */
int pn_api_find_table_at(struct pn_http_request *req, struct pn_api_table_data_routes *routes,
                         struct pn_api_table_at *at, struct pn_err *e) PN_MUST_CHECK;
/* The same for the version that is the parameter `name`. */
int pn_api_find_table_version(struct pn_http_request *req, struct pn_api_table_data_routes *routes,
                              const char *name, struct pn_api_table_at *at,
                              struct pn_err *e) PN_MUST_CHECK;
/* "<table>@<version>", in its quotes; and any other name in quotes. */
void pn_api_add_table(struct pn_buf *sql, const struct pn_api_table_at *at);
void pn_api_add_name(struct pn_buf *sql, const char *name);
/* Asks what is in the buffer. */
enum pn_http_handled pn_api_ask_sql(struct pn_http_request *req, struct pn_executor *executor,
                                    struct pn_buf *sql, const char *parameters, void *arg);
/* A row of a reply: each cell is its text, null for null. From the cell `first` on. */
void pn_api_put_cells(struct pn_json_writer *json, const char *const *cells, size_t first,
                      size_t count);

enum pn_http_handled pn_api_handle_table_rows(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_api_handle_table_summary(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_api_handle_table_diff(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_api_handle_table_growth(struct pn_http_request *req, void *arg);

#endif
