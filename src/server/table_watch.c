#include "server/table_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "delta/delta.h"
#include "pipeline/pipeline.h"
#include "settings/configs.h"

enum { CHECK_SECONDS = 15 };

struct watched {
    const char *name;
    struct pn_delta *delta;
    char *reason; /* by the lock; NULL: nothing is known to be wrong */
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
        }
    } while (await_next(tables));
    return NULL;
}

static void add(struct pn_table_watch *tables, const struct pn_app *app, struct pn_store *store,
                const struct pn_delta_config *config, const char *name, const char *path)
{
    if (strchr(path, '*') != NULL) {
        return; /* a pattern: its tables' own maintenance looks after them */
    }
    tables->tables[tables->count++] = (struct watched){
        .name = name, .delta = pn_delta_create(store, path, NULL, app->clock, app->logger, config)};
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
        add(made, app, store, &config, pipeline->tables[i].name, pipeline->tables[i].path);
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
        rc = pn_err_errno(e, rc, "cannot start the thread that watches over the tables");
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
    }
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone->tables);
    free(gone);
    *tables = NULL;
}

static void report(void *arg, struct pn_arena *arena, struct pn_buf *out)
{
    (void)arena;
    struct pn_table_watch *tables = arg;
    pthread_mutex_lock(&tables->lock);
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->tables[i].reason != NULL) {
            pn_buf_adds(out, out->len > 0 ? ",{\"table\":" : "{\"table\":");
            pn_json_write_cstr(out, tables->tables[i].name);
            pn_buf_adds(out, ",\"reason\":");
            pn_json_write_cstr(out, tables->tables[i].reason);
            pn_buf_addc(out, '}');
        }
    }
    pthread_mutex_unlock(&tables->lock);
}

void pn_table_watch_add_health(struct pn_table_watch *tables, struct pn_http_server *http)
{
    const struct pn_http_health health = {
        .name = "unreadable_tables", .report = report, .arg = tables};
    pn_http_server_add_health(http, &health);
}
