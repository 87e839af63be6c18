/*
 * The sink's thread: a pass when the log got records and when something becomes due, but not more
 * often than every PASS_MS, so that a busy log does not cost a pass for each of its commits.
 */
#include <errno.h>
#include <time.h>

#include "sink/private.h"

enum { PASS_MS = 20 };

/* For each commit of a busy log, on its thread: the thread is not disturbed while it rests, nor
 * woken twice. */
static void on_append(void *arg)
{
    struct pn_sink *sink = arg;
    if (atomic_exchange(&sink->is_woken, true)) {
        return;
    }
    pthread_mutex_lock(&sink->lock);
    bool is_resting = sink->is_resting;
    pthread_mutex_unlock(&sink->lock);
    if (!is_resting) {
        pthread_cond_signal(&sink->wake);
    }
}

static struct timespec time_in(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t nanos = at.tv_nsec + ms % 1000 * 1000000;
    at.tv_sec += (time_t)(ms / 1000 + nanos / 1000000000);
    at.tv_nsec = (long)(nanos % 1000000000);
    return at;
}

/* Waits for something to do; false when the thread is to end. */
static bool wait_for_work(struct pn_sink *sink)
{
    struct timespec earliest = time_in(PASS_MS);
    pthread_mutex_lock(&sink->lock);
    sink->is_resting = true;
    int rc = 0;
    while (!sink->is_stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&sink->wake, &sink->lock, &earliest);
    }
    sink->is_resting = false;
    rc = 0;
    while (!sink->is_stopping && !atomic_load(&sink->is_woken) && rc != ETIMEDOUT) {
        if (sink->due_at_ms < 0) {
            pthread_cond_wait(&sink->wake, &sink->lock);
        } else {
            int64_t wait_ms = sink->due_at_ms - pn_mono_ms(sink->config.clock);
            struct timespec due = time_in(wait_ms > 0 ? wait_ms : 0);
            rc = pthread_cond_timedwait(&sink->wake, &sink->lock, &due);
        }
    }
    (void)atomic_exchange(&sink->is_woken, false);
    bool go_on = !sink->is_stopping;
    pthread_mutex_unlock(&sink->lock);
    return go_on;
}

static void *run_thread(void *arg)
{
    struct pn_sink *sink = arg;
    do {
        /* A partition's failure is logged and tried again by the pass itself. */
        struct pn_err failure = {0};
        int rc = pn_sink_run(sink, &failure);
        (void)rc;
    } while (wait_for_work(sink));
    return NULL;
}

int pn_sink_start(struct pn_sink *sink, struct pn_err *e)
{
    PN_ASSERT(!sink->is_running);
    sink->is_stopping = false;
    int rc = pn_log_listen(sink->config.log, on_append, sink, &sink->listen_id, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_sink_group_join(sink, e);
    if (rc != 0) {
        pn_log_unlisten(sink->config.log, sink->listen_id);
        return rc;
    }
    rc = pthread_create(&sink->thread, NULL, run_thread, sink);
    if (rc != 0) {
        pn_sink_group_leave(sink);
        pn_log_unlisten(sink->config.log, sink->listen_id);
        return pn_err_errno(e, rc, "cannot start the sink's thread");
    }
    sink->is_running = true;
    return 0;
}

void pn_sink_stop(struct pn_sink *sink)
{
    if (sink->is_running) {
        pn_log_unlisten(sink->config.log, sink->listen_id);
        pthread_mutex_lock(&sink->lock);
        sink->is_stopping = true;
        pthread_cond_signal(&sink->wake);
        pthread_mutex_unlock(&sink->lock);
        pthread_join(sink->thread, NULL);
        sink->is_running = false;
    }
    pthread_mutex_lock(&sink->work);
    pn_sink_group_leave(sink);
    pn_sink_remember_landed(sink);
    pthread_mutex_unlock(&sink->work);
}
