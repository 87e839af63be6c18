/*
 * A thread that appends one batch at a time, so that the next one can be read meanwhile. What
 * passes (a full disk, a busy store) it tries again, waiting longer each time.
 */
#ifndef PN_PROCESSOR_APPENDER_H
#define PN_PROCESSOR_APPENDER_H

#include <pthread.h>

#include "engine/embedded.h"

struct pn_processor_appender_config {
    struct pn_embedded_engine *engine;
    int tries_max;                                       /* 0: forever */
    void (*failed)(void *arg, const struct pn_err *why); /* a try; another one follows */
    void (*done)(void *arg);                             /* there is something to collect */
    void *arg;
};

struct pn_processor_appender {
    struct pn_processor_appender_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    enum { PN_STREAM_APPENDER_IDLE, PN_STREAM_APPENDER_BUSY, PN_STREAM_APPENDER_DONE } state;
    bool hurried; /* no further tries */
    bool stopping;
    struct pn_append append;
    struct pn_table_report report;
    struct pn_err err;
    int rc;
};

int pn_processor_appender_start(struct pn_processor_appender *appender,
                                const struct pn_processor_appender_config *config,
                                struct pn_err *e) PN_MUST_CHECK;
/* Ends the thread, after the try that is in progress. */
void pn_processor_appender_stop(struct pn_processor_appender *appender);
/* No further tries: an append in progress ends with its present one. */
void pn_processor_appender_hurry(struct pn_processor_appender *appender);

/* Hands over an append; what it points to is borrowed until it is collected. Only when idle. */
void pn_processor_appender_submit(struct pn_processor_appender *appender,
                                  const struct pn_append *append);
/*
 * Takes the outcome of the last append, if there is one: true, and its report, or its error and
 * non-zero in *rc. With `wait`, waits for it; false then only when nothing is in progress.
 */
bool pn_processor_appender_collect(struct pn_processor_appender *appender, bool wait,
                                   struct pn_table_report *report, int *rc,
                                   struct pn_err *e) PN_MUST_CHECK;

#endif
