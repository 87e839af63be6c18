#include "cli/interrupt.h"

#include <unistd.h>

#include "base/clock.h"

enum { LOOK_MS = 20, PATIENCE_MS = 1000 };

static void *watch(void *arg)
{
    struct pn_interrupt *interrupt = arg;
    const struct pn_clock *clock = pn_clock_system();
    int64_t begun_ms = pn_mono_ms(clock);
    int64_t ended_ms = 0;
    int64_t patience_ms = interrupt->patience_ms > 0 ? interrupt->patience_ms : PATIENCE_MS;
    while (!atomic_load(&interrupt->done)) {
        int number = pn_signals_take(&interrupt->signals, LOOK_MS);
        int64_t now_ms = pn_mono_ms(clock);
        if (number > 0 && !atomic_load(&interrupt->done)) {
            atomic_store(&interrupt->number, number);
        }
        if (interrupt->limit_ms > 0 && now_ms - begun_ms >= interrupt->limit_ms) {
            atomic_store(&interrupt->is_late, true);
        }
        if (atomic_load(&interrupt->number) == 0 && !atomic_load(&interrupt->is_late)) {
            continue;
        }
        ended_ms = ended_ms == 0 ? now_ms : ended_ms;
        pn_engine_interrupt(interrupt->engine);
        if (atomic_load(&interrupt->number) != 0 && now_ms - ended_ms >= patience_ms) {
            pn_interrupt_pass_on(interrupt);
        }
    }
    return NULL;
}

void pn_interrupt_begin(struct pn_interrupt *interrupt)
{
    *interrupt = (struct pn_interrupt){.engine = NULL};
    pn_signals_watch(&interrupt->signals);
}

int pn_interrupt_watch(struct pn_interrupt *interrupt, struct pn_engine *engine, int64_t limit_ms,
                       struct pn_err *e)
{
    interrupt->engine = engine;
    interrupt->limit_ms = limit_ms;
    int rc = pthread_create(&interrupt->thread, NULL, watch, interrupt);
    if (rc != 0) {
        interrupt->engine = NULL;
        return pn_err_errno(e, rc, "cannot start the thread that waits for Ctrl-C");
    }
    return 0;
}

void pn_interrupt_end(struct pn_interrupt *interrupt)
{
    if (interrupt->engine != NULL) {
        atomic_store(&interrupt->done, true);
        (void)pthread_kill(interrupt->thread, SIGTERM); /* wakes it, and is not taken as a signal */
        (void)pthread_join(interrupt->thread, NULL);
    }
}

void pn_interrupt_pass_on(const struct pn_interrupt *interrupt)
{
    int number = atomic_load(&interrupt->number);
    if (number == 0) {
        return;
    }
    struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &usual, NULL);
    pn_signals_restore(&interrupt->signals);
    (void)kill(getpid(), number);
}
