#include "engine/duckdb/asking.h"

int pn_duckdb_check_interrupt(struct pn_duckdb *engine, struct pn_err *e)
{
    return atomic_load(&engine->interrupted)
               ? pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "the query was interrupted")
               : 0;
}

void pn_in_progress_begin(struct pn_duckdb *engine, struct pn_in_progress *in_progress,
                          duckdb_connection connection)
{
    pthread_mutex_lock(&engine->lock);
    *in_progress = (struct pn_in_progress){connection, engine->in_progress};
    engine->in_progress = in_progress;
    pthread_mutex_unlock(&engine->lock);
}

void pn_in_progress_end(struct pn_duckdb *engine, struct pn_in_progress *in_progress)
{
    pthread_mutex_lock(&engine->lock);
    struct pn_in_progress **at = &engine->in_progress;
    while (*at != in_progress) {
        at = &(*at)->older;
    }
    *at = in_progress->older;
    pthread_mutex_unlock(&engine->lock);
}

void pn_duckdb_interrupt(struct pn_engine *base)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    atomic_store(&engine->interrupted, true);
    pthread_mutex_lock(&engine->lock);
    for (struct pn_in_progress *it = engine->in_progress; it != NULL; it = it->older) {
        duckdb_interrupt(it->connection);
    }
    pthread_mutex_unlock(&engine->lock);
}

double pn_duckdb_progress(struct pn_embedded_engine *base)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    const double percent = 100;
    double done = -1;
    pthread_mutex_lock(&engine->lock);
    if (engine->in_progress != NULL) {
        done = duckdb_query_progress(engine->in_progress->connection).percentage / percent;
    }
    pthread_mutex_unlock(&engine->lock);
    return done < 0 ? -1 : done > 1 ? 1 : done;
}
