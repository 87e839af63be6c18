#include "server/letter_counts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/notifier.h"
#include "base/units.h"
#include "report/dead_letters.h"
#include "server/stations.h"
#include "settings/configs.h"

enum {
    LOOK_MS = 5000,
    SHARE = 20, /* a pause is so many times as long as the count before it */
    TABLES = 2
};

/* A time series, and what is counted for it now: several rows may be one series, "other". */
struct series {
    struct pn_metric *gauge;
    int64_t letters;
};

struct pn_letter_counts {
    const struct pn_app *app;
    struct pn_store *store;
    struct pn_delta_config config;
    struct pn_delta *tables[TABLES];
    int64_t versions[TABLES]; /* that are counted; -1: none */
    struct series *series;
    size_t count;
    size_t capacity;
    struct pn_notifier notifier; /* a stop */
    atomic_bool is_stopping;
    pthread_mutex_t lock;              /* of the engine's pointer */
    struct pn_embedded_engine *engine; /* while it counts */
    pthread_t thread;
    bool is_running;
};

/* --- counting --------------------------------------------------------------------------------- */

static void add(struct pn_letter_counts *counts, struct pn_metric *gauge, int64_t letters)
{
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->series[i].gauge == gauge) {
            counts->series[i].letters += letters;
            return;
        }
    }
    pn_grow((void **)&counts->series, &counts->capacity, counts->count + 1, sizeof *counts->series);
    counts->series[counts->count++] = (struct series){.gauge = gauge, .letters = letters};
}

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    (void)arg;
    (void)names;
    (void)types;
    return count == 3 ? 0 : PN_FAIL;
}

struct taking {
    struct pn_letter_counts *counts;
    struct pn_json_parser *parser;
    struct pn_arena arena;
};

/* A cell's text; "" where it is none. */
static const char *text_of(struct taking *taking, const char *cell)
{
    struct pn_json *root = NULL;
    size_t len = strlen(cell);
    return pn_json_parse(taking->parser, cell, len, len, &root, NULL) == 0 &&
                   root->type == PN_JSON_STRING
               ? pn_arena_strndup(&taking->arena, root->text, root->text_len)
               : "";
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct taking *taking = arg;
    int64_t letters = 0;
    (void)count;
    if (pn_parse_i64(values[2], &letters, NULL) == 0) {
        const char *table = text_of(taking, values[0]);
        const char *rule = text_of(taking, values[1]);
        add(taking->counts,
            pn_metrics_get_pair(taking->counts->app->metrics, PN_METRIC_TABLE_DEAD_LETTERS, table,
                                rule),
            letters);
    }
    return 0;
}

/* Asks the engine, and sets the gauges; those of nothing any more to 0. */
static int ask(struct pn_letter_counts *counts, struct pn_err *e)
{
    const struct pn_app *app = counts->app;
    const struct pn_table_source source = {.pipeline = app->pipeline,
                                           .store = counts->store,
                                           .parquet = pn_engine_parquet(counts->engine),
                                           .config = &counts->config,
                                           .clock = app->clock,
                                           .logger = app->logger};
    struct taking taking = {.counts = counts, .parser = pn_json_parser_create()};
    struct pn_letters_query query = {0};
    pn_arena_init(&taking.arena, 0);
    for (size_t i = 0; i < counts->count; i++) {
        counts->series[i].letters = 0;
    }
    int rc = pn_report_dead_letter_counts(&source, &taking.arena, &query, e);
    if (rc == 0) {
        const struct pn_rows rows = {.columns = take_columns, .row = take_row, .arg = &taking};
        rc = pn_engine_query(&counts->engine->batch, query.sql, &rows, e);
    }
    for (size_t i = 0; rc == 0 && i < counts->count; i++) {
        pn_metric_set(counts->series[i].gauge, counts->series[i].letters);
    }
    pn_arena_deinit(&taking.arena);
    pn_json_parser_destroy(&taking.parser);
    return rc;
}

/* An engine lives for one count only: a server without new letters needs none. */
static int count_letters(struct pn_letter_counts *counts, struct pn_err *e)
{
    struct pn_embedded_engine *engine = NULL;
    int rc = pn_app_open_small_engine(counts->app, counts->store, &engine, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&counts->lock);
    counts->engine = engine;
    bool stops = atomic_load(&counts->is_stopping);
    pthread_mutex_unlock(&counts->lock);
    rc = stops ? 0 : ask(counts, e);
    pthread_mutex_lock(&counts->lock);
    counts->engine = NULL;
    pthread_mutex_unlock(&counts->lock);
    pn_embedded_engine_destroy(&engine);
    return rc;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Finds the versions of now; false when nothing is new, or a table cannot be read now. */
static bool look(struct pn_letter_counts *counts, int64_t versions[TABLES])
{
    struct pn_arena arena;
    bool is_new = false;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < TABLES; i++) {
        const char *notes = NULL;
        struct pn_err ignored = {0}; /* no table yet, or the watch of the tables names it */
        versions[i] = counts->versions[i];
        if (pn_delta_newest_notes(counts->tables[i], counts->versions[i], &arena, &versions[i],
                                  &notes, &ignored) != 0) {
            versions[i] = counts->versions[i];
        }
        is_new = is_new || versions[i] != counts->versions[i];
    }
    pn_arena_deinit(&arena);
    return is_new;
}

static void *run(void *arg)
{
    struct pn_letter_counts *counts = arg;
    const struct pn_clock *clock = counts->app->clock;
    int64_t pause_ms = LOOK_MS;
    while (!atomic_load(&counts->is_stopping)) {
        int64_t versions[TABLES];
        struct pn_err why = {0};
        const int64_t start_ms = pn_mono_ms(clock);
        const uint64_t seen = pn_notifier_count(&counts->notifier);
        if (look(counts, versions)) {
            if (count_letters(counts, &why) == 0) {
                for (size_t i = 0; i < TABLES; i++) {
                    counts->versions[i] = versions[i];
                }
            } else if (!atomic_load(&counts->is_stopping)) {
                pn_logger_warn(counts->app->logger, "serve",
                               "the dead letters cannot be counted now: %s", why.msg);
            }
        }
        pause_ms = (pn_mono_ms(clock) - start_ms) * SHARE;
        pause_ms = pause_ms < LOOK_MS ? LOOK_MS : pause_ms;
        if (!atomic_load(&counts->is_stopping)) {
            (void)pn_notifier_wait(&counts->notifier, seen, pause_ms);
        }
    }
    return NULL;
}

int pn_letter_counts_start(const struct pn_app *app, struct pn_store *store,
                           struct pn_letter_counts **counts, struct pn_err *e)
{
    struct pn_letter_counts *made = pn_xcalloc(1, sizeof *made);
    const char *const paths[TABLES] = {app->pipeline->dead_letters_path,
                                       app->pipeline->stream_dead_letters_path};
    made->app = app;
    made->store = store;
    pn_settings_to_delta(app->settings, &made->config);
    for (size_t i = 0; i < TABLES; i++) {
        made->versions[i] = -1;
        made->tables[i] =
            pn_delta_create(store, paths[i], NULL, app->clock, app->logger, &made->config);
    }
    pn_notifier_init(&made->notifier);
    pthread_mutex_init(&made->lock, NULL);
    int rc = pthread_create(&made->thread, NULL, run, made);
    made->is_running = rc == 0;
    if (rc != 0) {
        rc = pn_err_errno(e, rc, "cannot start the thread that counts dead letters");
        pn_letter_counts_stop(&made);
        return rc;
    }
    *counts = made;
    return 0;
}

void pn_letter_counts_stop(struct pn_letter_counts **counts)
{
    struct pn_letter_counts *gone = *counts;
    if (gone == NULL) {
        return;
    }
    pthread_mutex_lock(&gone->lock);
    atomic_store(&gone->is_stopping, true);
    if (gone->engine != NULL) {
        pn_engine_interrupt(&gone->engine->batch);
    }
    pthread_mutex_unlock(&gone->lock);
    pn_notifier_notify(&gone->notifier);
    if (gone->is_running) {
        pthread_join(gone->thread, NULL);
    }
    for (size_t i = 0; i < TABLES; i++) {
        pn_delta_destroy(&gone->tables[i]);
    }
    pthread_mutex_destroy(&gone->lock);
    pn_notifier_deinit(&gone->notifier);
    free(gone->series);
    free(gone);
    *counts = NULL;
}
