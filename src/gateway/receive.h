/*
 * What stands between a worker's sockets and libmicrohttpd: every byte is checked (framing.h)
 * before libmicrohttpd sees it.
 */
#ifndef PN_GATEWAY_RECEIVE_H
#define PN_GATEWAY_RECEIVE_H

struct pn_worker;

/* Call it on the worker's thread, before libmicrohttpd reads on it. */
void pn_receive_begin(struct pn_worker *worker);
/* The worker whose thread this is, or NULL. */
struct pn_worker *pn_receive_worker(void);

#endif
