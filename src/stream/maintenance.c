#include "stream/maintenance.h"

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

struct pn_upkeep_table {
    struct pn_upkeep *upkeep;
    char *path;
    struct pn_delta *delta;
    _Atomic int64_t files;   /* appended since compaction last looked */
    _Atomic int64_t commits; /* since the last checkpoint */
    _Atomic int64_t touched; /* since the last clean-up */
    int64_t clean_at_ms;     /* monotonic */
    pthread_mutex_t lock;    /* of what follows */
    char *unreadable;        /* why it cannot be read; NULL: nothing is known to be wrong */
};

struct pn_upkeep {
    struct pn_upkeep_config config;
    pthread_mutex_t lock; /* of the list; a table stays until the end */
    struct pn_upkeep_table **tables;
    size_t count;
    size_t capacity;
    struct pn_upkeep_table *dead_letters;
    struct pn_notifier notifier;
    _Atomic bool is_stopping;
    bool is_running;
    pthread_t thread;
    struct pn_metric *compactions;
    struct pn_metric *errors;
};

struct pn_upkeep *pn_upkeep_create(const struct pn_upkeep_config *config)
{
    struct pn_upkeep *upkeep = pn_xcalloc(1, sizeof *upkeep);
    upkeep->config = *config;
    pthread_mutex_init(&upkeep->lock, NULL);
    pn_notifier_init(&upkeep->notifier);
    upkeep->compactions = pn_metrics_get(config->metrics, PN_METRIC_STREAM_COMPACTIONS, NULL);
    upkeep->errors = pn_metrics_get(config->metrics, PN_METRIC_STREAM_MAINTENANCE_ERRORS, NULL);
    return upkeep;
}

static struct pn_upkeep_table *create_table(struct pn_upkeep *upkeep, const char *path)
{
    const struct pn_upkeep_config *config = &upkeep->config;
    struct pn_upkeep_table *table = pn_xcalloc(1, sizeof *table);
    table->upkeep = upkeep;
    table->path = pn_xstrdup(path);
    pthread_mutex_init(&table->lock, NULL);
    table->delta = pn_delta_create(config->store, path, pn_engine_parquet(config->engine),
                                   config->clock, config->logger, &config->delta);
    /* What an earlier life has left: looked at in the first round. */
    table->files = config->compact_files;
    table->touched = 1;
    return table;
}

struct pn_upkeep_table *pn_upkeep_add(struct pn_upkeep *upkeep, const char *path)
{
    struct pn_upkeep_table *table = NULL;
    pthread_mutex_lock(&upkeep->lock);
    for (size_t i = 0; table == NULL && i < upkeep->count; i++) {
        table = strcmp(upkeep->tables[i]->path, path) == 0 ? upkeep->tables[i] : NULL;
    }
    if (table == NULL) {
        table = create_table(upkeep, path);
        pn_grow((void **)&upkeep->tables, &upkeep->capacity, upkeep->count + 1,
                sizeof(struct pn_upkeep_table *));
        upkeep->tables[upkeep->count++] = table;
    }
    pthread_mutex_unlock(&upkeep->lock);
    return table;
}

void pn_upkeep_set_dead_letters(struct pn_upkeep *upkeep, struct pn_upkeep_table *table)
{
    upkeep->dead_letters = table;
}

static void count_commit(struct pn_upkeep_table *table, bool has_file)
{
    struct pn_upkeep *upkeep = table->upkeep;
    int64_t files = atomic_fetch_add(&table->files, has_file ? 1 : 0) + (has_file ? 1 : 0);
    (void)atomic_fetch_add(&table->commits, 1);
    (void)atomic_fetch_add(&table->touched, 1);
    if (upkeep->config.compact_files > 0 && files == upkeep->config.compact_files) {
        pn_notifier_notify(&upkeep->notifier);
    }
}

void pn_upkeep_committed(struct pn_upkeep_table *table, bool has_file, bool has_dead_letters)
{
    count_commit(table, has_file);
    if (has_dead_letters && table->upkeep->dead_letters != NULL) {
        count_commit(table->upkeep->dead_letters, true);
    }
}

/* --- compaction ------------------------------------------------------------------------------- */

int64_t pn_upkeep_choose(const struct pn_delta_snapshot *snapshot, int64_t count,
                         int64_t target_bytes)
{
    int64_t limit = TIER_FIRST_BYTES;
    int64_t below = 0; /* files of the tiers before are no larger than this */
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

static int compact(struct pn_upkeep_table *table, const struct pn_delta_snapshot *snapshot,
                   struct pn_err *e)
{
    const struct pn_upkeep_config *config = &table->upkeep->config;
    int64_t limit =
        pn_upkeep_choose(snapshot, config->compact_files, config->optimize_target_bytes);
    if (limit == 0) {
        return 0;
    }
    int64_t before = 0;
    int64_t after = 0;
    struct pn_err failure = {0};
    int rc = pn_engine_optimize(config->engine, table->path, limit, &before, &after, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        return 0; /* another process compacts it, too */
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    pn_metric_add(table->upkeep->compactions, 1);
    pn_logger_debug(config->logger, "stream", "%s: %lld files became %lld", table->path,
                    (long long)before, (long long)after);
    return 0;
}

static int compact_if_due(struct pn_upkeep_table *table, struct pn_err *e)
{
    const struct pn_upkeep_config *config = &table->upkeep->config;
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

static int checkpoint_if_due(struct pn_upkeep_table *table, struct pn_err *e)
{
    const struct pn_upkeep_config *config = &table->upkeep->config;
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
static void note_unreadable(struct pn_upkeep_table *table, const char *why)
{
    pthread_mutex_lock(&table->lock);
    free(table->unreadable);
    table->unreadable = why != NULL ? pn_xstrdup(why) : NULL;
    pthread_mutex_unlock(&table->lock);
}

const char *pn_upkeep_unreadable(struct pn_upkeep_table *table, struct pn_arena *arena)
{
    pthread_mutex_lock(&table->lock);
    const char *why = table->unreadable != NULL ? pn_arena_strdup(arena, table->unreadable) : NULL;
    pthread_mutex_unlock(&table->lock);
    return why;
}

static void count_removed(void *arg, const char *path, int64_t size_bytes)
{
    (void)path;
    (void)size_bytes;
    (*(int64_t *)arg)++;
}

static int clean(struct pn_upkeep_table *table, struct pn_err *e)
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

static int clean_if_due(struct pn_upkeep_table *table, struct pn_err *e)
{
    const struct pn_upkeep_config *config = &table->upkeep->config;
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

static void tend(struct pn_upkeep_table *table)
{
    static int (*const works[])(struct pn_upkeep_table * table, struct pn_err * e) = {
        compact_if_due, checkpoint_if_due, clean_if_due};
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        struct pn_err why = {0};
        if (!atomic_load(&table->upkeep->is_stopping) && works[i](table, &why) != 0) {
            pn_metric_add(table->upkeep->errors, 1);
            pn_logger_warn(table->upkeep->config.logger, "stream",
                           "maintenance of %s will be tried again: %s", table->path, why.msg);
        }
    }
}

/* NULL behind the last. */
static struct pn_upkeep_table *table_at(struct pn_upkeep *upkeep, size_t i)
{
    pthread_mutex_lock(&upkeep->lock);
    struct pn_upkeep_table *table = i < upkeep->count ? upkeep->tables[i] : NULL;
    pthread_mutex_unlock(&upkeep->lock);
    return table;
}

void pn_upkeep_run(struct pn_upkeep *upkeep)
{
    size_t i = 0;
    for (struct pn_upkeep_table *table = table_at(upkeep, i); table != NULL;
         table = table_at(upkeep, ++i)) {
        tend(table);
    }
    if (upkeep->config.each_second != NULL) {
        upkeep->config.each_second(upkeep->config.arg);
    }
}

static void *run_thread(void *arg)
{
    struct pn_upkeep *upkeep = arg;
    uint64_t seen = pn_notifier_count(&upkeep->notifier);
    while (!atomic_load(&upkeep->is_stopping)) {
        pn_upkeep_run(upkeep);
        seen = pn_notifier_wait(&upkeep->notifier, seen, ROUND_MS);
    }
    return NULL;
}

int pn_upkeep_start(struct pn_upkeep *upkeep, struct pn_err *e)
{
    PN_ASSERT(!upkeep->is_running);
    atomic_store(&upkeep->is_stopping, false);
    int rc = pthread_create(&upkeep->thread, NULL, run_thread, upkeep);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the thread that keeps stream tables small");
    }
    upkeep->is_running = true;
    return 0;
}

void pn_upkeep_stop(struct pn_upkeep *upkeep)
{
    if (!upkeep->is_running) {
        return;
    }
    atomic_store(&upkeep->is_stopping, true);
    pn_notifier_notify(&upkeep->notifier);
    pthread_join(upkeep->thread, NULL);
    upkeep->is_running = false;
    if (upkeep->config.each_second != NULL) {
        upkeep->config.each_second(upkeep->config.arg);
    }
}

void pn_upkeep_destroy(struct pn_upkeep **upkeep)
{
    if (*upkeep == NULL) {
        return;
    }
    pn_upkeep_stop(*upkeep);
    for (size_t i = 0; i < (*upkeep)->count; i++) {
        pn_delta_destroy(&(*upkeep)->tables[i]->delta);
        pthread_mutex_destroy(&(*upkeep)->tables[i]->lock);
        free((*upkeep)->tables[i]->unreadable);
        free((*upkeep)->tables[i]->path);
        free((*upkeep)->tables[i]);
    }
    free((*upkeep)->tables);
    pthread_mutex_destroy(&(*upkeep)->lock);
    pn_notifier_deinit(&(*upkeep)->notifier);
    free(*upkeep);
    *upkeep = NULL;
}
