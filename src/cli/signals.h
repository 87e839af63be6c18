/*
 * SIGINT and SIGTERM (and for a server SIGHUP), without handlers and without global flags: they are
 * blocked, and a command looks or waits for them where it can stop.
 */
#ifndef PN_CLI_SIGNALS_H
#define PN_CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct pn_signals {
    sigset_t watched;
    sigset_t before;
};

/* Blocks both for this thread and those it starts from now on, so before it starts any. */
void pn_signals_watch(struct pn_signals *signals);
/* Blocks SIGHUP as well, for a server, which a closed terminal must not end. */
void pn_signals_watch_hangup(struct pn_signals *signals);
/* Has one come, or does it within `wait_ms`? It is taken: the next call asks for another. */
bool pn_signals_came(const struct pn_signals *signals, int64_t wait_ms);
/* Waits for one, and returns which. */
int pn_signals_wait(const struct pn_signals *signals);
/* Gives this thread back what it had; not needed where the program ends. */
void pn_signals_restore(const struct pn_signals *signals);

#endif
