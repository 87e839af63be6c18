/*
 * Slows down those who guess API keys at the login: after PN_HTTP_LOGIN_TRIES wrong keys within a
 * minute an address may not try again until the minute is over, with whatever key. An IPv6 client
 * counts by its /64. The newest PN_HTTP_LOGIN_ADDRESSES addresses are remembered. Thread-safe.
 */
#ifndef PN_HTTP_LOGIN_TRIES_H
#define PN_HTTP_LOGIN_TRIES_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { PN_HTTP_LOGIN_TRIES = 5, PN_HTTP_LOGIN_MINUTE_MS = 60000, PN_HTTP_LOGIN_ADDRESSES = 1024 };

struct pn_http_login_tries;

/* The clock is borrowed. */
struct pn_http_login_tries *pn_http_login_tries_create(const struct pn_clock *clock);
void pn_http_login_tries_destroy(struct pn_http_login_tries **tries); /* NULL ok */

/* How long the address must wait before it may try; 0: not at all. */
int64_t pn_http_login_tries_wait_ms(struct pn_http_login_tries *tries,
                                    const struct sockaddr_storage *address);
/* The address tried a wrong key. */
void pn_http_login_tries_failed(struct pn_http_login_tries *tries,
                                const struct sockaddr_storage *address);

#endif
