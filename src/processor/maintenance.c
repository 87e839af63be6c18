#include "processor/maintenance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/notifier.h"

enum {
    TIER_FIRST_BYTES = 1 << 20, /* files of up to half of this are small */
    TIER_RATIO = 16,
    CHECKPOINT_COMPACTIONS = 2, /* a checkpoint lists all that was removed lately: no small thing */
    ROUND_MS = 1000,
    VACUUM_MS_MIN = 10000,
    VACUUM_MS_MAX = 600000
};

struct pn_processor_maintenance_table {
    struct pn_processor_maintenance *maintenance;
    char *path;
    struct pn_delta *delta;
    _Atomic int64_t files;   /* appended since compaction last looked */
    _Atomic int64_t commits; /* since the last checkpoint */
    _Atomic int64_t touched; /* since the last clean-up */
    int64_t clean_at_ms;     /* monotonic */
    pthread_mutex_t lock;    /* of what follows */
    char *unreadable;        /* why it cannot be read; NULL: nothing is known to be wrong */
};

struct pn_processor_maintenance {
    struct pn_processor_maintenance_config config;
    pthread_mutex_t lock; /* of the list; a table stays until the end */
    struct pn_processor_maintenance_table **tables;
    size_t count;
    size_t capacity;
    struct pn_processor_maintenance_table *dead_letters;
    struct pn_notifier notifier;
    _Atomic bool is_stopping;
    bool is_running;
    pthread_t thread;
    struct pn_metric *compactions;
    struct pn_metric *errors;
};

struct pn_processor_maintenance *pn_processor_maintenance_create(
    const struct pn_processor_maintenance_config *config)
{
    struct pn_processor_maintenance *maintenance = pn_xcalloc(1, sizeof *maintenance);
    maintenance->config = *config;
    pthread_mutex_init(&maintenance->lock, NULL);
    pn_notifier_init(&maintenance->notifier);
    maintenance->compactions = pn_metrics_get(config->metrics, PN_METRIC_STREAM_COMPACTIONS, NULL);
    maintenance->errors =
        pn_metrics_get(config->metrics, PN_METRIC_STREAM_MAINTENANCE_ERRORS, NULL);
    return maintenance;
}

static struct pn_processor_maintenance_table *create_table(
    struct pn_processor_maintenance *maintenance, const char *path)
{
    const struct pn_processor_maintenance_config *config = &maintenance->config;
    struct pn_processor_maintenance_table *table = pn_xcalloc(1, sizeof *table);
    table->maintenance = maintenance;
    table->path = pn_xstrdup(path);
    pthread_mutex_init(&table->lock, NULL);
    table->delta = pn_delta_create(config->store, path, pn_engine_parquet(config->engine),
                                   config->clock, config->logger, &config->delta);
    /* What an earlier life has left: looked at in the first round. */
    table->files = config->compact_files;
    table->touched = 1;
    return table;
}

struct pn_processor_maintenance_table *pn_processor_maintenance_add(
    struct pn_processor_maintenance *maintenance, const char *path)
{
    struct pn_processor_maintenance_table *table = NULL;
    pthread_mutex_lock(&maintenance->lock);
    for (size_t i = 0; table == NULL && i < maintenance->count; i++) {
        table = strcmp(maintenance->tables[i]->path, path) == 0 ? maintenance->tables[i] : NULL;
    }
    if (table == NULL) {
        table = create_table(maintenance, path);
        pn_grow((void **)&maintenance->tables, &maintenance->capacity, maintenance->count + 1,
                sizeof(struct pn_processor_maintenance_table *));
        maintenance->tables[maintenance->count++] = table;
    }
    pthread_mutex_unlock(&maintenance->lock);
    return table;
}

void pn_processor_maintenance_set_dead_letters(struct pn_processor_maintenance *maintenance,
                                               struct pn_processor_maintenance_table *table)
{
    maintenance->dead_letters = table;
}

static void count_commit(struct pn_processor_maintenance_table *table, bool has_file)
{
    struct pn_processor_maintenance *maintenance = table->maintenance;
    int64_t files = atomic_fetch_add(&table->files, has_file ? 1 : 0) + (has_file ? 1 : 0);
    (void)atomic_fetch_add(&table->commits, 1);
    (void)atomic_fetch_add(&table->touched, 1);
    if (maintenance->config.compact_files > 0 && files == maintenance->config.compact_files) {
        pn_notifier_notify(&maintenance->notifier);
    }
}

void pn_processor_maintenance_committed(struct pn_processor_maintenance_table *table, bool has_file,
                                        bool has_dead_letters)
{
    count_commit(table, has_file);
    if (has_dead_letters && table->maintenance->dead_letters != NULL) {
        count_commit(table->maintenance->dead_letters, true);
    }
}

/* --- compaction ------------------------------------------------------------------------------- */

int64_t pn_processor_maintenance_choose(const struct pn_delta_snapshot *snapshot, int64_t count,
                                        int64_t target_bytes)
{
    PN_ASSERT(count > 0); /* of 0 files, each tier has enough */
    int64_t limit = TIER_FIRST_BYTES;
    int64_t below = 0; /* the largest size of files of the earlier tiers */
    for (;;) {
        if (limit > target_bytes) {
            limit = target_bytes;
        }
        /* What a compaction up to `limit` makes is mostly above half of it, and so in the next
         * tier. */
        int64_t found = 0;
        int64_t above = limit == target_bytes ? limit : limit / 2;
        for (size_t i = 0; i < snapshot->file_count; i++) {
            int64_t size = snapshot->files[i].size_bytes;
            found += size >= below && size < above;
        }
        if (found >= count) {
            return limit;
        }
        if (limit == target_bytes) {
            return 0;
        }
        below = above;
        limit *= TIER_RATIO;
    }
}

/* A stop ends a compaction between two groups of files. */
static bool may_continue(void *arg, int64_t done, int64_t total)
{
    struct pn_processor_maintenance *maintenance = arg;
    (void)done;
    (void)total;
    return !atomic_load(&maintenance->is_stopping);
}

static int compact(struct pn_processor_maintenance_table *table,
                   const struct pn_delta_snapshot *snapshot, struct pn_err *e)
{
    const struct pn_processor_maintenance_config *config = &table->maintenance->config;
    int64_t limit = pn_processor_maintenance_choose(snapshot, config->compact_files,
                                                    config->optimize_target_bytes);
    if (limit == 0) {
        return 0;
    }
    int64_t before = 0;
    int64_t after = 0;
    struct pn_err failure = {0};
    const struct pn_optimize_watch watch = {.step = may_continue, .arg = table->maintenance};
    int rc = pn_engine_optimize(&config->engine->batch, table->path, limit, &watch, &before, &after,
                                &failure);
    if (rc != 0 &&
        (failure.class_ == PN_CLASS_CONFLICT || atomic_load(&table->maintenance->is_stopping))) {
        return 0; /* another process compacts it, too; or the next life does */
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    pn_metric_add(table->maintenance->compactions, 1);
    pn_logger_debug(config->logger, "stream", "%s: %lld files became %lld", table->path,
                    (long long)before, (long long)after);
    return 0;
}

static int compact_if_due(struct pn_processor_maintenance_table *table, struct pn_err *e)
{
    const struct pn_processor_maintenance_config *config = &table->maintenance->config;
    if (config->compact_files == 0 || atomic_load(&table->files) < config->compact_files) {
        return 0;
    }
    atomic_store(&table->files, 0);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err failure = {0};
    int rc = pn_delta_snapshot(table->delta, -1, &snapshot, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    if (rc == 0) {
        rc = compact(table, snapshot, e);
    }
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

/* --- checkpoints, clean-up -------------------------------------------------------------------- */

static int checkpoint_if_due(struct pn_processor_maintenance_table *table, struct pn_err *e)
{
    const struct pn_processor_maintenance_config *config = &table->maintenance->config;
    int64_t compactions = CHECKPOINT_COMPACTIONS * config->compact_files;
    int64_t interval = config->delta.checkpoint_interval > compactions
                           ? config->delta.checkpoint_interval
                           : compactions;
    if (atomic_load(&table->commits) < interval) {
        return 0;
    }
    atomic_store(&table->commits, 0);
    return pn_delta_checkpoint(table->delta, e);
}

/* NULL: it can be read. */
static void note_unreadable(struct pn_processor_maintenance_table *table, const char *why)
{
    pthread_mutex_lock(&table->lock);
    free(table->unreadable);
    table->unreadable = why != NULL ? pn_xstrdup(why) : NULL;
    pthread_mutex_unlock(&table->lock);
}

const char *pn_processor_maintenance_unreadable(struct pn_processor_maintenance_table *table,
                                                struct pn_arena *arena)
{
    pthread_mutex_lock(&table->lock);
    const char *why = table->unreadable != NULL ? pn_arena_strdup(arena, table->unreadable) : NULL;
    pthread_mutex_unlock(&table->lock);
    return why;
}

static int count_removed(void *arg, const char *path, int64_t size_bytes)
{
    (void)path;
    (void)size_bytes;
    (*(int64_t *)arg)++;
    return 0;
}

static int clean(struct pn_processor_maintenance_table *table, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err failure = {0};
    int rc = pn_delta_snapshot(table->delta, -1, &snapshot, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    if (rc == 0) {
        int64_t removed = 0;
        size_t waiting = 0;
        rc = pn_delta_vacuum_again(table->delta, pn_delta_retention_ms(table->delta, snapshot),
                                   count_removed, &removed, &waiting, e);
        if (rc == 0 && removed == 0) {
            /* Nothing is left that may go some day: rest until the next commit. */
            atomic_store(&table->touched, snapshot->removed_count > 0 || waiting > 0 ? 1 : 0);
        }
    }
    if (rc == 0) {
        rc = pn_delta_clean(table->delta, e);
    }
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

static int clean_if_due(struct pn_processor_maintenance_table *table, struct pn_err *e)
{
    const struct pn_processor_maintenance_config *config = &table->maintenance->config;
    int64_t now_ms = pn_mono_ms(config->clock);
    if (atomic_load(&table->touched) == 0 || now_ms < table->clean_at_ms) {
        return 0;
    }
    int64_t next_ms = config->keep_ms / 4;
    next_ms = next_ms < VACUUM_MS_MIN ? VACUUM_MS_MIN : next_ms;
    table->clean_at_ms = now_ms + (next_ms < VACUUM_MS_MAX ? next_ms : VACUUM_MS_MAX);
    struct pn_err failure = {0};
    int rc = clean(table, &failure);
    if (rc == 0 || failure.class_ == PN_CLASS_CORRUPT) {
        note_unreadable(table, rc != 0 ? failure.msg : NULL);
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void tend(struct pn_processor_maintenance_table *table)
{
    static int (*const works[])(struct pn_processor_maintenance_table * table,
                                struct pn_err * e) = {compact_if_due, checkpoint_if_due,
                                                      clean_if_due};
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        struct pn_err why = {0};
        if (!atomic_load(&table->maintenance->is_stopping) && works[i](table, &why) != 0) {
            pn_metric_add(table->maintenance->errors, 1);
            pn_logger_warn(table->maintenance->config.logger, "stream",
                           "maintenance of %s will be retried: %s", table->path, why.msg);
        }
    }
}

/* NULL after the last. */
static struct pn_processor_maintenance_table *table_at(struct pn_processor_maintenance *maintenance,
                                                       size_t i)
{
    pthread_mutex_lock(&maintenance->lock);
    struct pn_processor_maintenance_table *table =
        i < maintenance->count ? maintenance->tables[i] : NULL;
    pthread_mutex_unlock(&maintenance->lock);
    return table;
}

void pn_processor_maintenance_run(struct pn_processor_maintenance *maintenance)
{
    size_t i = 0;
    for (struct pn_processor_maintenance_table *table = table_at(maintenance, i); table != NULL;
         table = table_at(maintenance, ++i)) {
        tend(table);
    }
    if (maintenance->config.each_second != NULL) {
        maintenance->config.each_second(maintenance->config.arg);
    }
}

static void *run_thread(void *arg)
{
    struct pn_processor_maintenance *maintenance = arg;
    uint64_t seen = pn_notifier_count(&maintenance->notifier);
    while (!atomic_load(&maintenance->is_stopping)) {
        pn_processor_maintenance_run(maintenance);
        seen = pn_notifier_wait(&maintenance->notifier, seen, ROUND_MS);
    }
    return NULL;
}

int pn_processor_maintenance_start(struct pn_processor_maintenance *maintenance, struct pn_err *e)
{
    PN_ASSERT(!maintenance->is_running);
    atomic_store(&maintenance->is_stopping, false);
    int rc = pthread_create(&maintenance->thread, NULL, run_thread, maintenance);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the thread that maintains stream tables");
    }
    maintenance->is_running = true;
    return 0;
}

void pn_processor_maintenance_stop(struct pn_processor_maintenance *maintenance)
{
    if (!maintenance->is_running) {
        return;
    }
    atomic_store(&maintenance->is_stopping, true);
    pn_notifier_notify(&maintenance->notifier);
    pthread_join(maintenance->thread, NULL);
    maintenance->is_running = false;
    if (maintenance->config.each_second != NULL) {
        maintenance->config.each_second(maintenance->config.arg);
    }
}

void pn_processor_maintenance_destroy(struct pn_processor_maintenance **maintenance)
{
    if (*maintenance == NULL) {
        return;
    }
    pn_processor_maintenance_stop(*maintenance);
    for (size_t i = 0; i < (*maintenance)->count; i++) {
        pn_delta_destroy(&(*maintenance)->tables[i]->delta);
        pthread_mutex_destroy(&(*maintenance)->tables[i]->lock);
        free((*maintenance)->tables[i]->unreadable);
        free((*maintenance)->tables[i]->path);
        free((*maintenance)->tables[i]);
    }
    free((*maintenance)->tables);
    pthread_mutex_destroy(&(*maintenance)->lock);
    pn_notifier_deinit(&(*maintenance)->notifier);
    free(*maintenance);
    *maintenance = NULL;
}
