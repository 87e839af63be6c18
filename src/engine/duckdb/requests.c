/* Requests to the store side by side, since they mostly wait. */
#include <pthread.h>
#include <stdatomic.h>

#include "engine/duckdb/private.h"

enum { REQUESTS_MAX = 16 };

struct requests {
    struct pn_duckdb *engine;
    size_t count;
    int (*job)(void *arg, size_t i, struct pn_err *e);
    void *arg;
    atomic_size_t next; /* that has not begun */
    pthread_mutex_t lock;
    size_t failed; /* the first that failed; `count`: none has */
    int rc;        /* its outcome */
    struct pn_err why;
};

static void note_failure(struct requests *requests, size_t i, int rc, const struct pn_err *why)
{
    pthread_mutex_lock(&requests->lock);
    if (i < requests->failed) {
        requests->failed = i;
        requests->rc = rc;
        requests->why = *why;
    }
    pthread_mutex_unlock(&requests->lock);
    atomic_store(&requests->next, requests->count); /* no others begin */
}

static void *send_some(void *arg)
{
    struct requests *requests = arg;
    for (size_t i = atomic_fetch_add(&requests->next, 1); i < requests->count;
         i = atomic_fetch_add(&requests->next, 1)) {
        struct pn_err why = {0};
        int rc = atomic_load(&requests->engine->interrupted)
                     ? pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL, "interrupted")
                     : requests->job(requests->arg, i, &why);
        if (rc != 0) {
            note_failure(requests, i, rc, &why);
        }
    }
    return NULL;
}

int pn_duckdb_requests(struct pn_duckdb *engine, size_t count,
                       int (*job)(void *arg, size_t i, struct pn_err *e), void *arg,
                       struct pn_err *e)
{
    struct requests requests = {
        .engine = engine, .count = count, .job = job, .arg = arg, .failed = count};
    pthread_t threads[REQUESTS_MAX];
    size_t started = 0;
    atomic_init(&requests.next, 0);
    pthread_mutex_init(&requests.lock, NULL);
    while (started + 1 < count && started + 1 < REQUESTS_MAX &&
           pthread_create(&threads[started], NULL, send_some, &requests) == 0) {
        started++;
    }
    (void)send_some(&requests);
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_mutex_destroy(&requests.lock);
    if (requests.failed < count) {
        pn_err_copy(e, &requests.why);
        return requests.rc;
    }
    return 0;
}
