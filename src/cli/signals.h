/*
 * SIGINT, SIGTERM and SIGHUP, without handlers and without global flags: they are blocked, and a
 * command looks or waits for them where it can stop. A thread inherits what its creator blocks, and
 * the kernel delivers a signal to any thread that does not block it: so block first, then start
 * threads.
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

/*
 * Blocks them for the calling thread and the threads that it starts later. SIGHUP is left out where
 * it is ignored, as under nohup; elsewhere a closed terminal ends a command as Ctrl-C does.
 */
void pn_signals_watch(struct pn_signals *signals);
/* Blocks SIGHUP in any case, for a server, which takes it as a request to read its files again. */
void pn_signals_watch_hangup(struct pn_signals *signals);
/* Has one come, or does it within `wait_ms`? It is taken: the next call asks for another. */
bool pn_signals_came(const struct pn_signals *signals, int64_t wait_ms);
/* The same, but returns which; 0: none. */
int pn_signals_take(const struct pn_signals *signals, int64_t wait_ms);
/* Waits for one, and returns which. */
int pn_signals_wait(const struct pn_signals *signals);
/* Gives this thread back what it had; not needed where the program ends. */
void pn_signals_restore(const struct pn_signals *signals);

#endif
