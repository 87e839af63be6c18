/*
 * What the embedded log keeps in a request while it has it.
 */
#ifndef PN_LOG_SUBMITTED_H
#define PN_LOG_SUBMITTED_H

#include "log/embedded/topics.h"

enum { PN_SUBMITTED_NEXT, PN_SUBMITTED_TOPIC, PN_SUBMITTED_PENDING, PN_SUBMITTED_BYTES };
_Static_assert((int)PN_SUBMITTED_BYTES < (int)PN_LOG_REQUEST_OWN, "it fits into a request");

/* The next one of a list of requests. */
static inline struct pn_log_request *pn_submitted_next(const struct pn_log_request *request)
{
    return request->own[PN_SUBMITTED_NEXT];
}
static inline void pn_submitted_set_next(struct pn_log_request *request,
                                         struct pn_log_request *next)
{
    request->own[PN_SUBMITTED_NEXT] = next;
}
/* Its topic, which is held. */
static inline struct pn_topic *pn_submitted_topic(const struct pn_log_request *request)
{
    return request->own[PN_SUBMITTED_TOPIC];
}
static inline void pn_submitted_set_topic(struct pn_log_request *request, struct pn_topic *topic)
{
    request->own[PN_SUBMITTED_TOPIC] = topic;
}
/* How many of its entries are not settled yet. */
static inline size_t pn_submitted_pending(const struct pn_log_request *request)
{
    return (size_t)(uintptr_t)request->own[PN_SUBMITTED_PENDING];
}
static inline void pn_submitted_set_pending(struct pn_log_request *request, size_t pending)
{
    request->own[PN_SUBMITTED_PENDING] = (void *)(uintptr_t)pending;
}
/* What it takes in the queue. */
static inline size_t pn_submitted_bytes(const struct pn_log_request *request)
{
    return (size_t)(uintptr_t)request->own[PN_SUBMITTED_BYTES];
}
static inline void pn_submitted_set_bytes(struct pn_log_request *request, size_t bytes)
{
    request->own[PN_SUBMITTED_BYTES] = (void *)(uintptr_t)bytes;
}

#endif
