/*
 * What waits to be written to one partition, first in, first out: a ring that grows and is kept, so
 * that nothing is allocated for a request once the log has warmed up. The committer's own.
 */
#ifndef PN_LOG_PENDING_H
#define PN_LOG_PENDING_H

#include "log/log.h"

struct pn_pending_entry {
    struct pn_log_request *request;
    struct pn_log_entry *entry;
};

struct pn_pending {
    struct pn_pending_entry *entries;
    size_t first;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
};

/* Caller's storage, zeroed. */
void pn_pending_deinit(struct pn_pending *pending);
void pn_pending_push(struct pn_pending *pending, struct pn_pending_entry entry);
/* The entry `i` places after the first; i < count. */
struct pn_pending_entry pn_pending_at(const struct pn_pending *pending, size_t i);
struct pn_pending_entry pn_pending_pop(struct pn_pending *pending);

#endif
