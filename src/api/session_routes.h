/*
 * The session of a browser (http/login.h) on our own API:
 *
 *   GET    api/v1/session   who asks, and what they may do
 *   POST   api/v1/session   {"key": ...}: begins a session; its cookie takes the key's place
 *   DELETE api/v1/session   ends it
 *
 * They need no key: a browser learns here that one is asked for.
 */
#ifndef PN_API_SESSION_ROUTES_H
#define PN_API_SESSION_ROUTES_H

#include "api/api.h"

/* Adds the routes to a server that has not started. */
void pn_api_session_routes_add(struct pn_api *api);

#endif
