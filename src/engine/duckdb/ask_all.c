/*
 * Several queries side by side. What DuckDB does for a few thousand rows keeps one core busy, so
 * queries of little data fill the others; one of much data has all cores, and memory, to itself.
 *
 * All logs are read and all views made before the first query runs: DuckDB binds a statement again
 * when a view changed after it was prepared, which would then be of another version.
 *
 * After a fatal error in one query its instance refuses the others. They are asked again, on the
 * instance that takes its place, so the error is that of its own query only.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/duckdb/asking.h"

enum {
    WORKERS_MAX = 8,
    LITTLE_BYTES =
        32 << 20,     /* of the tables of all queries: beyond it DuckDB's threads have work */
    MEMORY_PARTS = 16 /* and of a limit of memory, which the queries share, at most this */
};

struct asking_all {
    struct pn_duckdb *engine;
    const struct pn_asks *asks;
    struct pn_asking *askings;
    atomic_size_t next; /* of those that have not begun */
    atomic_bool is_over;
};

/* Takes the size of the query's tables from what is left; false: there is not so much. */
static bool takes_little(const struct pn_duckdb_asked *asked, int64_t *left)
{
    for (size_t i = 0; i < asked->count && *left >= 0; i++) {
        const struct pn_delta_snapshot *snapshot = asked->items[i].snapshot;
        int64_t bytes = snapshot != NULL ? pn_delta_snapshot_bytes(snapshot) : 0;
        *left = bytes <= *left ? *left - bytes : -1;
    }
    return *left >= 0;
}

static int64_t little_bytes(const struct pn_duckdb *engine)
{
    int64_t memory = engine->config.memory_bytes_max;
    return memory > 0 && memory / MEMORY_PARTS < LITTLE_BYTES ? memory / MEMORY_PARTS
                                                              : LITTLE_BYTES;
}

/* Reads all texts and logs. False: they are to be asked in turn, be it for a fault of one, which is
 * found again when its turn comes. So are keys of tables and versions by time: two queries could
 * mean two tables, or two versions, by one name, for which DuckDB has one view. */
static bool find_all(struct asking_all *all, duckdb_connection connection)
{
    struct pn_err ignored;
    bool suits = true;
    int64_t left = little_bytes(all->engine);
    for (size_t i = 0; suits && i < all->asks->count; i++) {
        struct pn_asking *asking = &all->askings[i];
        asking->ask = &all->asks->items[i];
        suits = asking->ask->at == NULL &&
                pn_asking_find(all->engine, connection, asking, &ignored) == 0 &&
                asking->asked.keys.count == 0 && takes_little(&asking->asked, &left);
    }
    return suits;
}

/* Limits the instance to the files of all, and makes the views of all. */
static bool open_all(struct asking_all *all, duckdb_connection *connection)
{
    struct pn_err ignored;
    struct pn_duckdb_reach reach = {.count = 0};
    for (size_t i = 0; i < all->asks->count; i++) {
        pn_duckdb_reach_merge(&reach, &all->askings[i].asked.reach);
    }
    if (pn_duckdb_should_widen(all->engine, &reach, all->asks->items[0].in_turn)) {
        pn_duckdb_asked_widen(all->engine, &reach);
    }
    int rc = pn_duckdb_limit_ask(all->engine, connection, &reach, &ignored);
    for (size_t i = 0; rc == 0 && i < all->asks->count; i++) {
        struct pn_asking *asking = &all->askings[i];
        rc = pn_duckdb_asked_view(all->engine, *connection, &asking->asked, &asking->lease,
                                  &ignored);
    }
    pn_duckdb_reach_deinit(&reach);
    return rc == 0;
}

static int answer(struct asking_all *all, size_t i, duckdb_connection connection, struct pn_err *e)
{
    struct pn_in_progress in_progress;
    pn_in_progress_begin(all->engine, &in_progress, connection);
    int rc = pn_asking_answer(all->engine, connection, &all->askings[i], e);
    pn_in_progress_end(all->engine, &in_progress);
    if (rc != 0 && pn_duckdb_is_invalidated(e->msg) && !all->askings[i].has_given) {
        rc = pn_duckdb_ask(&all->engine->engine, &all->asks->items[i], e);
    }
    return rc;
}

struct worker {
    struct asking_all *all;
    duckdb_connection connection;
    pthread_t thread;
    bool started;
};

/* Takes the queries in their order, so the first of those that have not ended is always running. */
static void *answer_some(void *arg)
{
    struct worker *worker = arg;
    struct asking_all *all = worker->all;
    const struct pn_asks *asks = all->asks;
    for (size_t i = atomic_fetch_add(&all->next, 1); i < asks->count && !atomic_load(&all->is_over);
         i = atomic_fetch_add(&all->next, 1)) {
        struct pn_err e = {.class_ = PN_CLASS_NONE};
        int rc = answer(all, i, worker->connection, &e);
        if (!asks->ended(asks->arg, i, rc, &e)) {
            atomic_store(&all->is_over, true);
        }
    }
    return NULL;
}

static size_t worker_count(const struct pn_duckdb *engine, size_t queries)
{
    long cores =
        engine->config.threads > 0 ? (long)engine->config.threads : sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (size_t)cores;
    return count < queries ? count : queries;
}

/* All connections are made before the first query runs: to the instance that is limited, which may
 * be replaced after a fatal error. The first worker is the caller's thread, with its connection; it
 * works alone where there are no others. */
static void answer_all(struct asking_all *all, duckdb_connection connection)
{
    struct pn_err ignored;
    struct worker workers[WORKERS_MAX] = {{.all = all, .connection = connection}};
    size_t wanted = worker_count(all->engine, all->asks->count);
    size_t count = 1;
    while (count < wanted &&
           pn_duckdb_connect_limited(all->engine, &workers[count].connection, &ignored) == 0) {
        workers[count++].all = all;
    }
    for (size_t i = 1; i < count; i++) {
        workers[i].started =
            pthread_create(&workers[i].thread, NULL, answer_some, &workers[i]) == 0;
    }
    (void)answer_some(&workers[0]);
    for (size_t i = 1; i < count; i++) {
        if (workers[i].started) {
            pthread_join(workers[i].thread, NULL);
        }
        duckdb_disconnect(&workers[i].connection);
    }
}

/* False: they are to be asked in turn. Nothing is held then. */
static bool ask_side_by_side(struct asking_all *all)
{
    struct pn_err ignored;
    duckdb_connection connection = NULL;
    all->askings = pn_xcalloc(all->asks->count, sizeof *all->askings);
    bool suits = pn_duckdb_connect_ask(all->engine, &connection, &ignored) == 0 &&
                 find_all(all, connection) && open_all(all, &connection);
    if (suits) {
        answer_all(all, connection);
    }
    for (size_t i = 0; i < all->asks->count; i++) {
        pn_asking_deinit(&all->askings[i]);
    }
    duckdb_disconnect(&connection);
    free(all->askings);
    return suits;
}

void pn_duckdb_ask_all(struct pn_embedded_engine *base, const struct pn_asks *asks)
{
    struct asking_all all = {.engine = (struct pn_duckdb *)base, .asks = asks};
    atomic_init(&all.next, 0);
    atomic_init(&all.is_over, false);
    if (asks->count < 2 || !ask_side_by_side(&all)) {
        pn_engine_ask_in_turn(base, asks);
    }
}
