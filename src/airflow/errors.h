/* Errors in the dialect of Airflow's API: {"detail": TEXT}, or for what is wrong with the request
 * itself, with status 422, a list that says where: {"detail": [{"type", "loc": [PLACE, NAME],
 * "msg"}]}. */
#ifndef PN_AIRFLOW_ERRORS_H
#define PN_AIRFLOW_ERRORS_H

#include "base/err.h"
#include "http/request.h"

struct pn_airflow_call;

/* For struct pn_http_front: what the server found. */
void pn_airflow_error(struct pn_http_request *req, int status, const char *message);
/* What a station found: its class becomes the status. */
void pn_airflow_reply_failure(struct pn_http_request *req, const struct pn_err *failure);
/* Replies with 422 for the parameter or member `name` (NULL: the whole place); `where` is "path",
 * "query" or "body", `type` one of the words that pydantic has for kinds of errors. Returns
 * PN_FAIL. */
int pn_airflow_refuse(struct pn_airflow_call *call, const char *where, const char *name,
                      const char *type, const char *fmt, ...) PN_PRINTF(5, 6);

#endif
