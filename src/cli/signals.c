#include "cli/signals.h"

#include <pthread.h>
#include <time.h>

/* `nohup` ignores it, so that what it starts outlives the terminal. */
static bool hangup_is_ignored(void)
{
    struct sigaction now;
    return sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void pn_signals_watch(struct pn_signals *signals)
{
    (void)sigemptyset(&signals->watched);
    (void)sigaddset(&signals->watched, SIGINT);
    (void)sigaddset(&signals->watched, SIGTERM);
    /* A blocked signal is delivered to sigwait even where it is ignored. */
    if (!hangup_is_ignored()) {
        (void)sigaddset(&signals->watched, SIGHUP);
    }
    (void)pthread_sigmask(SIG_BLOCK, &signals->watched, &signals->before);
}

void pn_signals_watch_hangup(struct pn_signals *signals)
{
    (void)sigaddset(&signals->watched, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals->watched, NULL);
}

int pn_signals_take(const struct pn_signals *signals, int64_t wait_ms)
{
    const struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L};
    int number = sigtimedwait(&signals->watched, NULL, &wait);
    return number > 0 ? number : 0;
}

bool pn_signals_came(const struct pn_signals *signals, int64_t wait_ms)
{
    return pn_signals_take(signals, wait_ms) != 0;
}

int pn_signals_wait(const struct pn_signals *signals)
{
    int number = 0;
    (void)sigwait(&signals->watched, &number);
    return number;
}

void pn_signals_restore(const struct pn_signals *signals)
{
    (void)pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}
