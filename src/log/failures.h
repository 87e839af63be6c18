/*
 * Which partitions take no more writes, and why: remembered by those whose requests failed for
 * good, listed by /health. It holds PN_LOG_FAILURES_MAX of them; later ones are not remembered.
 * Thread-safe.
 */
#ifndef PN_LOG_FAILURES_H
#define PN_LOG_FAILURES_H

#include <pthread.h>

#include "log/log.h"

enum { PN_LOG_FAILURES_MAX = 64, PN_LOG_FAILURE_TEXT_SIZE = 256 };

struct pn_log_failure {
    char topic[PN_TOPIC_NAME_MAX + 1];
    int32_t partition;
    char reason[PN_LOG_FAILURE_TEXT_SIZE]; /* cut to fit */
};

struct pn_log_failures {
    pthread_mutex_t lock;
    struct pn_log_failure items[PN_LOG_FAILURES_MAX];
    size_t count;
};

void pn_log_failures_init(struct pn_log_failures *failures);
void pn_log_failures_deinit(struct pn_log_failures *failures);
/* Remembers the first reason of each partition. */
void pn_log_failures_note(struct pn_log_failures *failures, const char *topic, int32_t partition,
                          const char *reason);
/* Copies them to *items, in the arena. Returns how many there are. */
size_t pn_log_failures_list(struct pn_log_failures *failures, struct pn_arena *arena,
                            struct pn_log_failure **items);

#endif
