#include "server/table_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "delta/delta.h"
#include "engine/unknown_note.h"
#include "pipeline/pipeline.h"
#include "settings/configs.h"

enum { CHECK_SECONDS = 15 };

struct watched {
    const char *name;
    struct pn_delta *delta;
    char *reason;                /* by the lock; NULL: nothing is known to be wrong */
    bool is_loaded;              /* its commits have notes */
    struct pn_metric *members;   /* their gauge */
    int64_t version;             /* whose notes were read; -1: none */
    struct pn_arena notes;       /* of the following */
    struct pn_unknown_note note; /* of the newest load; by the lock */
};

struct pn_table_watch {
    struct pn_logger *logger;
    struct watched *tables;
    size_t count;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock; /* of the reasons, and of is_stopping */
    pthread_cond_t changed;
    bool is_stopping;
};

/* Notes what was found, and logs it when it is news. */
static void note(struct pn_table_watch *tables, struct watched *table, const struct pn_err *why)
{
    bool is_wrong = why->class_ == PN_CLASS_CORRUPT; /* a busy disk is the next look's matter */
    pthread_mutex_lock(&tables->lock);
    bool is_news = is_wrong ? table->reason == NULL || strcmp(table->reason, why->msg) != 0
                            : table->reason != NULL && why->class_ == PN_CLASS_NONE;
    if (is_news) {
        free(table->reason);
        table->reason = is_wrong ? pn_xstrdup(why->msg) : NULL;
    }
    pthread_mutex_unlock(&tables->lock);
    if (is_news && is_wrong) {
        pn_logger_error(tables->logger, "serve", "the table %s cannot be read: %s", table->name,
                        why->msg);
    } else if (is_news) {
        pn_logger_info(tables->logger, "serve", "the table %s can be read again", table->name);
    }
}

/* What the newest load says of members that no column takes, when there is a newer commit. */
static void look_at_notes(struct pn_table_watch *tables, struct watched *table)
{
    struct pn_arena arena;
    const char *notes = NULL;
    int64_t version = -1;
    struct pn_err ignored = {0}; /* no table yet, or one that note() has named */
    pn_arena_init(&arena, 0);
    if (pn_delta_newest_notes(table->delta, table->version, &arena, &version, &notes, &ignored) ==
            0 &&
        version != table->version) {
        pthread_mutex_lock(&tables->lock);
        pn_arena_reset(&table->notes);
        pn_unknown_note_read(notes, &table->notes, &table->note);
        pthread_mutex_unlock(&tables->lock);
        table->version = version;
        pn_metric_set(table->members, table->note.values);
    }
    pn_arena_deinit(&arena);
}

/* Waits until the next look; false when there is to be none. */
static bool await_next(struct pn_table_watch *tables)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CHECK_SECONDS;
    pthread_mutex_lock(&tables->lock);
    int rc = 0;
    while (!tables->is_stopping && rc == 0) {
        rc = pthread_cond_timedwait(&tables->changed, &tables->lock, &until);
    }
    bool go_on = !tables->is_stopping;
    pthread_mutex_unlock(&tables->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct pn_table_watch *tables = arg;
    do {
        for (size_t i = 0; i < tables->count; i++) {
            struct pn_err why = {0};
            if (pn_delta_check_newest(tables->tables[i].delta, &why) == 0) {
                why.class_ = PN_CLASS_NONE;
            }
            note(tables, &tables->tables[i], &why);
            if (tables->tables[i].is_loaded) {
                look_at_notes(tables, &tables->tables[i]);
            }
        }
    } while (await_next(tables));
    return NULL;
}

static struct watched *add(struct pn_table_watch *tables, const struct pn_app *app,
                           struct pn_store *store, const struct pn_delta_config *config,
                           const char *name, const char *path)
{
    if (strchr(path, '*') != NULL) {
        return NULL; /* a pattern: its tables' own maintenance looks after them */
    }
    struct watched *table = &tables->tables[tables->count++];
    *table = (struct watched){
        .name = name,
        .delta = pn_delta_create(store, path, NULL, app->clock, app->logger, config),
        .version = -1};
    pn_arena_init(&table->notes, 0);
    return table;
}

static void add_table(struct pn_table_watch *tables, const struct pn_app *app,
                      struct pn_store *store, const struct pn_delta_config *config,
                      const struct pn_table *table)
{
    struct watched *watched = add(tables, app, store, config, table->name, table->path);
    if (watched != NULL && pn_table_is_raw(table)) {
        watched->is_loaded = true;
        watched->members =
            pn_metrics_get(app->metrics, PN_METRIC_TABLE_UNKNOWN_MEMBERS, table->name);
    }
}

int pn_table_watch_start(const struct pn_app *app, struct pn_store *store,
                         struct pn_table_watch **tables, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = app->pipeline;
    struct pn_delta_config config;
    pn_settings_to_delta(app->settings, &config);
    struct pn_table_watch *made = pn_xcalloc(1, sizeof *made);
    made->logger = app->logger;
    made->tables = pn_xcalloc(pipeline->table_count + 2, sizeof *made->tables);
    for (size_t i = 0; i < pipeline->table_count; i++) {
        add_table(made, app, store, &config, &pipeline->tables[i]);
    }
    add(made, app, store, &config, "dead_letters", pipeline->dead_letters_path);
    add(made, app, store, &config, "stream_dead_letters", pipeline->stream_dead_letters_path);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&made->thread, NULL, run, made);
    if (rc != 0) {
        rc = pn_err_errno(e, rc, "cannot start the thread that watches the tables");
        pn_table_watch_destroy(&made);
        return rc;
    }
    made->is_running = true;
    *tables = made;
    return 0;
}

void pn_table_watch_destroy(struct pn_table_watch **tables)
{
    struct pn_table_watch *gone = *tables;
    if (gone == NULL) {
        return;
    }
    if (gone->is_running) {
        pthread_mutex_lock(&gone->lock);
        gone->is_stopping = true;
        pthread_cond_broadcast(&gone->changed);
        pthread_mutex_unlock(&gone->lock);
        pthread_join(gone->thread, NULL);
    }
    for (size_t i = 0; i < gone->count; i++) {
        pn_delta_destroy(&gone->tables[i].delta);
        free(gone->tables[i].reason);
        pn_arena_deinit(&gone->tables[i].notes);
    }
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone->tables);
    free(gone);
    *tables = NULL;
}

static void report(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    (void)arena;
    struct pn_table_watch *tables = arg;
    pthread_mutex_lock(&tables->lock);
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->tables[i].reason != NULL) {
            pn_json_put_object(json);
            pn_json_add_cstr(json, "table", tables->tables[i].name);
            pn_json_add_cstr(json, "reason", tables->tables[i].reason);
            pn_json_end(json);
        }
    }
    pthread_mutex_unlock(&tables->lock);
}

/* Beside the stream tables that the list has from their processors. */
static void report_unknown(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    (void)arena;
    struct pn_table_watch *tables = arg;
    pthread_mutex_lock(&tables->lock);
    for (size_t i = 0; i < tables->count; i++) {
        const struct watched *table = &tables->tables[i];
        if (table->note.values > 0) {
            pn_json_put_object(json);
            pn_json_add_cstr(json, "table", table->name);
            pn_json_add_i64(json, "members", table->note.values);
            pn_json_add_cstr(json, "example", table->note.name);
            pn_json_add_cstr(json, "object", table->note.object);
            if (table->note.line > 0) { /* a Parquet file has none */
                pn_json_add_i64(json, "line", table->note.line);
            } else {
                pn_json_add_null(json, "line");
            }
            pn_json_end(json);
        }
    }
    pthread_mutex_unlock(&tables->lock);
}

void pn_table_watch_add_health(struct pn_table_watch *tables, struct pn_api *api)
{
    const struct pn_api_health health = {
        .name = "unreadable_tables", .report = report, .arg = tables};
    const struct pn_api_health unknown = {
        .name = "unknown_members", .report = report_unknown, .arg = tables, .is_note = true};
    pn_api_add_health(api, &health);
    pn_api_add_health(api, &unknown);
}
