/* Work side by side: several tables, of which the small ones fill the gaps that a large one leaves.
 */
#include <pthread.h>
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
