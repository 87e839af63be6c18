/*
 * A front: one API that the server has, with its routes, its station and its dialect. The server
 * knows no API. It asks the front that a path belongs to how an error of its own looks: a 404, a
 * 405, a body that is too large, a key that lacks a right.
 *
 * A path belongs to the front of its route. Where there is no route, it belongs to the front that
 * has what the path begins with among its `words` (the longest word counts), and else to the one
 * with `is_fallback`.
 *
 * All of a front is constant, and the same for every server. What one server's front depends on is
 * the `arg` of pn_http_server_add_front(), which its handlers get.
 */
#ifndef PN_HTTP_FRONT_H
#define PN_HTTP_FRONT_H

#include "http/request.h"

struct pn_http_front {
    const char *name;
    const struct pn_http_route *routes; /* ends with a NULL pattern; NULL: none */
    /* What its paths begin with: a segment, or several ("api/v2"); ends with NULL. NULL: it has but
     * the path "/". */
    const char *const *words;
    /* Pairs, ends with NULL: a word, and the one of `words` that it stands for. It does so only
     * where the path as it is has no route. NULL ok. */
    const char *const *aliases;
    /* Its paths are also found after one other first segment, the stage of an API Gateway. A word
     * of a front without stages is never taken for a stage. */
    bool is_staged;
    bool is_fallback; /* of one front only */
    /* Called when the header of a request for it has come, before anything is checked: for headers
     * that all its replies have. On an HTTP thread. NULL ok. */
    void (*begin)(struct pn_http_request *req);
    /* Ends the request with an error that the server found; `message` is a person's text, which may
     * quote what the client sent, and so may be no UTF-8. Any thread. NULL: it is plain text. */
    void (*error)(struct pn_http_request *req, int status, const char *message);
    /* Called about once a second while the server runs, on a thread that must not wait. NULL ok. */
    void (*tick)(void *arg);
    /* The server has stopped: no request is left and none will come. NULL ok. */
    void (*stop)(void *arg);
};

#endif
