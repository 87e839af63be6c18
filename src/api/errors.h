/*
 * Errors in the words of our own API:
 *
 *   {"error":{"code":"not_found","message":"the stream clicks is not there","hint":"..."}}
 *
 * `code` is one word for programs, and goes with the status; `message` says what happened and
 * where; `hint`, which is not always there, what to do.
 *
 *   400 bad_request         408 timeout                  429 busy
 *   401 unauthenticated     409 conflict                 431 header_too_large
 *   403 forbidden           413 too_large                500 internal
 *   404 not_found           415 unsupported_media_type   501 not_implemented
 *   405 method_not_allowed  421 wrong_host               503 unavailable
 *   406 not_acceptable                                   504 timeout
 */
#ifndef PN_API_ERRORS_H
#define PN_API_ERRORS_H

#include "http/request.h"

/* The front's error(), see http/front.h. */
void pn_api_error(struct pn_http_request *req, int status, const char *message);

/* Ends the request with an error. `hint` may be NULL. */
void pn_api_reply_error(struct pn_http_request *req, int status, const char *hint, const char *fmt,
                        ...) PN_PRINTF(4, 5);

/* The same with what a station says, by the error's class: MISSING 404, INPUT 400, CONFLICT 409,
 * RETRY 503 with a Retry-After, all else 500. The server's paths are left out. */
void pn_api_reply_failure(struct pn_http_request *req, const struct pn_err *failure);

/* The code of a status. */
const char *pn_api_error_code(int status);
/* The statuses that have one, by number; 0 from the end on. */
int pn_api_error_status(size_t i);

#endif
