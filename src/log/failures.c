#include "log/failures.h"

#include <stdio.h>
#include <string.h>

void pn_log_failures_init(struct pn_log_failures *failures)
{
    pthread_mutex_init(&failures->lock, NULL);
    failures->count = 0;
}

void pn_log_failures_deinit(struct pn_log_failures *failures)
{
    pthread_mutex_destroy(&failures->lock);
}

void pn_log_failures_note(struct pn_log_failures *failures, const char *topic, int32_t partition,
                          const char *reason)
{
    pthread_mutex_lock(&failures->lock);
    bool known = failures->count == PN_LOG_FAILURES_MAX;
    for (size_t i = 0; i < failures->count && !known; i++) {
        known = failures->items[i].partition == partition &&
                strcmp(failures->items[i].topic, topic) == 0;
    }
    if (!known) {
        struct pn_log_failure *failure = &failures->items[failures->count++];
        (void)snprintf(failure->topic, sizeof failure->topic, "%s", topic);
        (void)snprintf(failure->reason, sizeof failure->reason, "%s", reason);
        failure->partition = partition;
    }
    pthread_mutex_unlock(&failures->lock);
}

size_t pn_log_failures_list(struct pn_log_failures *failures, struct pn_arena *arena,
                            struct pn_log_failure **items)
{
    pthread_mutex_lock(&failures->lock);
    size_t count = failures->count;
    *items = pn_arena_calloc(arena, count + 1, sizeof **items);
    memcpy(*items, failures->items, count * sizeof **items);
    pthread_mutex_unlock(&failures->lock);
    return count;
}
