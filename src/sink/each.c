/* Partitions side by side: over a network, each of their requests is a wait. */
#include "sink/private.h"

struct turn {
    struct pn_sink_part *const *parts;
    size_t count;
    atomic_size_t next; /* that no thread has taken */
    void (*fn)(void *arg, struct pn_sink_part *part);
    void *arg;
};

static void *take_some(void *arg)
{
    struct turn *turn = arg;
    for (size_t i = atomic_fetch_add(&turn->next, 1); i < turn->count;
         i = atomic_fetch_add(&turn->next, 1)) {
        turn->fn(turn->arg, turn->parts[i]);
    }
    return NULL;
}

void pn_sink_each(struct pn_sink_part *const *parts, size_t count, size_t at_once,
                  void (*fn)(void *arg, struct pn_sink_part *part), void *arg)
{
    PN_ASSERT(at_once >= 1 && at_once <= PN_SINK_AT_ONCE_MAX);
    struct turn turn = {.parts = parts, .count = count, .fn = fn, .arg = arg};
    pthread_t threads[PN_SINK_AT_ONCE_MAX];
    size_t started = 0;
    atomic_init(&turn.next, 0);
    while (started + 1 < at_once && started + 1 < count &&
           pthread_create(&threads[started], NULL, take_some, &turn) == 0) {
        started++;
    }
    (void)take_some(&turn);
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
}
