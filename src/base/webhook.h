/*
 * A webhook: a JSON document, sent by POST to a URL that a person gave.
 *
 * It is sent up to PN_WEBHOOK_TRIES times, as long as there is no answer or one of 408, 429 and
 * 5xx, with 1 and 2 seconds between, each within PN_WEBHOOK_MS; redirects are not followed. With a
 * secret the header `X-Pinion-Signature-256: sha256=<hex>` is the HMAC-SHA256 of the body by it, as
 * GitHub signs its webhooks. Unless the caller allows it, addresses of this machine and of private
 * networks are refused after the name was resolved, so a name can't lead there either.
 */
#ifndef PN_BASE_WEBHOOK_H
#define PN_BASE_WEBHOOK_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/err.h"

enum { PN_WEBHOOK_TRIES = 3, PN_WEBHOOK_MS = 10000 };

struct pn_webhook {
    const char *url;
    const char *json;
    const char *secret; /* "": not signed */
    bool allow_private;
};

/* *status and *tries describe the last answer (0: none) and how often it was tried; an answer that
 * isn't 2xx is an error, too. Blocks. */
int pn_webhook_send(const struct pn_webhook *webhook, long *status, int *tries,
                    struct pn_err *e) PN_MUST_CHECK;

/* Is the address one of this machine, or of a network that is not the internet's? IPv4 in IPv6 is
 * seen through. Anything but IPv4 and IPv6 is. */
bool pn_webhook_is_private(const struct sockaddr *address);

#endif
