/* Work side by side: several tables, of which the small ones fill the gaps that a large one leaves;
 * and requests to the store, which mostly wait. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/private.h"

struct work {
    struct pn_duckdb *engine;
    int (*job)(void *arg, size_t i, duckdb_connection connection, struct pn_err *e);
    void *arg;
    size_t i;
    pthread_t thread;
    bool started;
    int rc;
    struct pn_err e;
};

static void *run(void *arg)
{
    struct work *work = arg;
    duckdb_connection connection = NULL;
    work->rc = pn_duckdb_connect_work(work->engine, &connection, &work->e);
    if (work->rc == 0) {
        work->rc = work->job(work->arg, work->i, connection, &work->e);
    }
    duckdb_disconnect(&connection);
    return NULL;
}

int pn_duckdb_jobs(struct pn_duckdb *engine, size_t count,
                   int (*job)(void *arg, size_t i, duckdb_connection connection, struct pn_err *e),
                   void *arg, struct pn_err *e)
{
    struct work *works = pn_xcalloc(count, sizeof *works);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        works[i] = (struct work){.engine = engine, .job = job, .arg = arg, .i = i};
        /* The last one runs here; so does one for which there is no thread. */
        works[i].started =
            i + 1 < count && pthread_create(&works[i].thread, NULL, run, &works[i]) == 0;
        if (!works[i].started) {
            run(&works[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (works[i].started) {
            pthread_join(works[i].thread, NULL);
        }
        if (rc == 0 && works[i].rc != 0) {
            rc = works[i].rc;
            pn_err_copy(e, &works[i].e);
        }
    }
    free(works);
    return rc;
}

/* --- requests --------------------------------------------------------------------------------- */

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
