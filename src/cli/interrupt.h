/*
 * What ends a query of the command line, or a task of an engine elsewhere: Ctrl-C, SIGTERM, a
 * closed terminal, or a time limit. The engine is interrupted, so that it removes what it spilled,
 * or ends what runs elsewhere; when that takes longer than a second, the process ends as it is.
 */
#ifndef PN_CLI_INTERRUPT_H
#define PN_CLI_INTERRUPT_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/signals.h"
#include "engine/engine.h"

/* The patience with an engine whose jobs run elsewhere: the scheduler waits 5 s for a task. */
enum { PN_INTERRUPT_ELSEWHERE_MS = 4500 };

struct pn_interrupt {
    struct pn_signals signals;
    struct pn_engine *engine; /* borrowed */
    int64_t limit_ms;         /* 0: none */
    int64_t patience_ms;      /* from a signal to the end of the process; 0: a second */
    pthread_t thread;
    atomic_bool done;
    atomic_int number; /* of the signal that came; 0: none */
    atomic_bool is_late;
};

/* Blocks the signals: before the engine starts threads. */
void pn_interrupt_begin(struct pn_interrupt *interrupt);
/* From now on they end the engine's query. */
int pn_interrupt_watch(struct pn_interrupt *interrupt, struct pn_engine *engine, int64_t limit_ms,
                       struct pn_err *e) PN_MUST_CHECK;
/* Ends the watching. */
void pn_interrupt_end(struct pn_interrupt *interrupt);
/* Does to this process what the signal that came does by itself, so that the caller's shell sees
 * it. Returns when none came. */
void pn_interrupt_pass_on(const struct pn_interrupt *interrupt);

#endif
