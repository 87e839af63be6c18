/*
 * What stands between a worker's sockets and libmicrohttpd: every byte is checked (framing.h)
 * before libmicrohttpd sees it.
 */
#ifndef PN_HTTP_RECEIVE_H
#define PN_HTTP_RECEIVE_H

struct pn_http_worker;

/* Call it on the worker's thread, before libmicrohttpd reads on it. */
void pn_http_receive_begin(struct pn_http_worker *worker);
/* The worker whose thread this is, or NULL. */
struct pn_http_worker *pn_http_receive_worker(void);

#endif
