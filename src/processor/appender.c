#include "processor/appender.h"

#include <errno.h>
#include <time.h>

enum { PAUSE_FIRST_MS = 50, PAUSE_MAX_MS = 5000 };

/* Waits before the next try; false when there is to be none. */
static bool pause_for(struct pn_processor_appender *appender, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanos = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += (time_t)(ms / 1000 + nanos / 1000000000);
    until.tv_nsec = (long)(nanos % 1000000000);
    pthread_mutex_lock(&appender->lock);
    int rc = 0;
    while (!appender->hurried && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&appender->changed, &appender->lock, &until);
    }
    bool go_on = !appender->hurried;
    pthread_mutex_unlock(&appender->lock);
    return go_on;
}

/* Does the same append make sense once more? It does not when another process committed in its
 * place. What is missing was taken away meanwhile, and is made again. */
static bool may_pass(const struct pn_err *why)
{
    return why->class_ == PN_CLASS_RETRY || why->class_ == PN_CLASS_MISSING ||
           (why->class_ == PN_CLASS_CONFLICT && why->code != PN_DELTA_TXN_SEEN);
}

static void append(struct pn_processor_appender *appender)
{
    const struct pn_processor_appender_config *config = &appender->config;
    int64_t pause_ms = PAUSE_FIRST_MS;
    for (int tries = 1;; tries++) {
        appender->err = (struct pn_err){0};
        appender->rc =
            pn_engine_append(config->engine, &appender->append, &appender->report, &appender->err);
        if (appender->rc == 0 || !may_pass(&appender->err) || tries == config->tries_max) {
            return;
        }
        config->failed(config->arg, &appender->err);
        if (!pause_for(appender, pause_ms)) {
            return;
        }
        pause_ms = 2 * pause_ms < PAUSE_MAX_MS ? 2 * pause_ms : PAUSE_MAX_MS;
    }
}

static void *run(void *arg)
{
    struct pn_processor_appender *appender = arg;
    pthread_mutex_lock(&appender->lock);
    for (;;) {
        while (!appender->stopping && appender->state != PN_STREAM_APPENDER_BUSY) {
            pthread_cond_wait(&appender->changed, &appender->lock);
        }
        if (appender->state != PN_STREAM_APPENDER_BUSY) {
            break;
        }
        pthread_mutex_unlock(&appender->lock);
        append(appender);
        pthread_mutex_lock(&appender->lock);
        appender->state = PN_STREAM_APPENDER_DONE;
        pthread_cond_broadcast(&appender->changed);
        pthread_mutex_unlock(&appender->lock);
        appender->config.done(appender->config.arg);
        pthread_mutex_lock(&appender->lock);
    }
    pthread_mutex_unlock(&appender->lock);
    return NULL;
}

int pn_processor_appender_start(struct pn_processor_appender *appender,
                                const struct pn_processor_appender_config *config, struct pn_err *e)
{
    *appender = (struct pn_processor_appender){.config = *config};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&appender->lock, NULL);
    pthread_cond_init(&appender->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&appender->thread, NULL, run, appender);
    if (rc != 0) {
        pthread_cond_destroy(&appender->changed);
        pthread_mutex_destroy(&appender->lock);
        return pn_err_errno(e, rc, "cannot start a thread that fills a table");
    }
    return 0;
}

void pn_processor_appender_hurry(struct pn_processor_appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    appender->hurried = true;
    pthread_cond_broadcast(&appender->changed);
    pthread_mutex_unlock(&appender->lock);
}

void pn_processor_appender_stop(struct pn_processor_appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    appender->hurried = true;
    appender->stopping = true;
    pthread_cond_broadcast(&appender->changed);
    pthread_mutex_unlock(&appender->lock);
    pthread_join(appender->thread, NULL);
    pthread_cond_destroy(&appender->changed);
    pthread_mutex_destroy(&appender->lock);
}

void pn_processor_appender_submit(struct pn_processor_appender *appender,
                                  const struct pn_append *batch)
{
    pthread_mutex_lock(&appender->lock);
    PN_ASSERT(appender->state == PN_STREAM_APPENDER_IDLE);
    appender->append = *batch;
    appender->report = (struct pn_table_report){0};
    appender->state = PN_STREAM_APPENDER_BUSY;
    pthread_cond_broadcast(&appender->changed);
    pthread_mutex_unlock(&appender->lock);
}

bool pn_processor_appender_collect(struct pn_processor_appender *appender, bool wait,
                                   struct pn_table_report *report, int *rc, struct pn_err *e)
{
    pthread_mutex_lock(&appender->lock);
    while (wait && appender->state == PN_STREAM_APPENDER_BUSY) {
        pthread_cond_wait(&appender->changed, &appender->lock);
    }
    bool is_there = appender->state == PN_STREAM_APPENDER_DONE;
    if (is_there) {
        *report = appender->report;
        *rc = appender->rc;
        pn_err_copy(e, &appender->err);
        appender->state = PN_STREAM_APPENDER_IDLE;
    }
    pthread_mutex_unlock(&appender->lock);
    return is_there;
}
