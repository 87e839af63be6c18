#include "processor/processor.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/checkpoints.h"
#include "processor/private.h"

enum {
    TICK_MS = 20,
    AWAIT_MS = 5,
    KEEP_SECONDS_MIN = 60 /* files that are about to be committed are younger */
};

static void write_notes(void *arg)
{
    struct pn_processor *streams = arg;
    pthread_rwlock_rdlock(&streams->workers_lock);
    for (size_t i = 0; i < streams->worker_count; i++) {
        struct pn_arena arena;
        struct pn_processor_status status;
        struct pn_err why = {0};
        pn_arena_init(&arena, 0);
        pn_processor_view_status(streams->workers[i], &arena, &status);
        if (pn_processor_checkpoints_write(&streams->workers[i]->notes, streams->env.store, &status,
                                           &why) != 0) {
            pn_logger_warn(
                streams->env.logger, "stream",
                "the checkpoint files for %s were not written (its table is correct): %s",
                status.table, why.msg);
        }
        pn_arena_deinit(&arena);
    }
    pthread_rwlock_unlock(&streams->workers_lock);
}

static void copy_names(struct pn_processor *streams)
{
    struct pn_processor_config *config = &streams->config;
    if (config->names != NULL) {
        const char **names = pn_arena_calloc(&streams->arena, config->name_count, sizeof *names);
        for (size_t i = 0; i < config->name_count; i++) {
            names[i] = pn_arena_strdup(&streams->arena, config->names[i]);
        }
        config->names = names;
    }
}

int pn_processor_create(const struct pn_processor_config *config,
                        const struct pn_processor_env *env, struct pn_processor **streams,
                        struct pn_err *e)
{
    int rc = pn_processor_check_names(config, env->pipeline, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_processor *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->env = *env;
    pn_arena_init(&made->arena, 0);
    pthread_rwlock_init(&made->workers_lock, NULL);
    pn_notifier_init(&made->watch_notifier);
    pn_processor_share_init(&made->share);
    if (env->group != NULL) {
        made->env.group = pn_arena_strdup(&made->arena, env->group);
    }
    if (env->lease_folder != NULL) {
        made->env.lease_folder = pn_arena_strdup(&made->arena, env->lease_folder);
    }
    copy_names(made);
    int64_t keep_s = (config->keep_ms + 999) / 1000;
    made->keep = pn_xasprintf("interval %lld seconds",
                              (long long)(keep_s > KEEP_SECONDS_MIN ? keep_s : KEEP_SECONDS_MIN));
    made->properties[0] = (struct pn_delta_map_entry){"delta.logRetentionDuration", made->keep};
    made->properties[1] =
        (struct pn_delta_map_entry){"delta.deletedFileRetentionDuration", made->keep};
    const struct pn_processor_maintenance_config maintenance = {
        .engine = env->engine,
        .store = env->store,
        .clock = env->clock,
        .logger = env->logger,
        .metrics = env->metrics,
        .delta = config->delta,
        .compact_files = config->compact_files,
        .optimize_target_bytes = config->optimize_target_bytes,
        .keep_ms = config->keep_ms,
        .each_second = write_notes,
        .arg = made};
    made->maintenance = pn_processor_maintenance_create(&maintenance);
    for (size_t i = 0; i < env->pipeline->stream_count; i++) {
        if (pn_processor_is_asked_for(config, env->pipeline->streams[i].name)) {
            pn_processor_add_workers(made, &env->pipeline->streams[i]);
        }
    }
    if (made->worker_count > 0 || pn_processor_has_patterns(env->pipeline)) {
        pn_processor_maintenance_set_dead_letters(
            made->maintenance, pn_processor_maintenance_add(
                                   made->maintenance, env->pipeline->stream_dead_letters_path));
    }
    *streams = made;
    return 0;
}

/* Other processes may have a share of the work. */
static int join_others(struct pn_processor *streams, struct pn_err *e)
{
    if (streams->env.lease_folder != NULL) {
        return pn_processor_lease_join(streams, e);
    }
    return streams->env.group != NULL ? pn_processor_group_join(streams, e) : 0;
}

static void leave_others(struct pn_processor *streams)
{
    struct pn_processor_share *share = &streams->share;
    if (share->is_running) {
        pn_notifier_notify(&share->stop);
        pthread_join(share->thread, NULL);
        share->is_running = false;
    }
    pn_processor_group_leave(streams);
    pn_processor_lease_leave(streams);
}

static int start_workers(struct pn_processor *streams, bool drains, struct pn_err *e)
{
    struct pn_err failure = {0};
    int rc = pn_processor_look_for_made(streams, false, &failure);
    rc = drains ? rc : 0; /* else the watch looks again */
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    if (rc == 0 && !drains) {
        rc = join_others(streams, e);
    }
    for (size_t i = 0; rc == 0 && i < streams->worker_count; i++) {
        rc = pn_processor_worker_start(streams->workers[i], drains, e);
    }
    if (rc == 0 &&
        (streams->worker_count > 0 || pn_processor_has_patterns(streams->env.pipeline))) {
        rc = pn_processor_maintenance_start(streams->maintenance, e);
    }
    if (rc == 0 && !drains) {
        rc = pn_processor_watch(streams, e);
    }
    if (rc != 0) {
        pn_processor_stop(streams);
    }
    return rc;
}

int pn_processor_start(struct pn_processor *streams, struct pn_err *e)
{
    return start_workers(streams, false, e);
}

/* Is there a worker that has no table and doesn't know yet where it begins? */
static bool any_is_new(struct pn_processor *streams)
{
    bool found = false;
    pthread_rwlock_rdlock(&streams->workers_lock);
    for (size_t i = 0; !found && i < streams->worker_count; i++) {
        struct pn_processor_worker *worker = streams->workers[i];
        pthread_mutex_lock(&worker->lock);
        bool is_starting = worker->view.state == PN_PROCESSOR_STARTING;
        pthread_mutex_unlock(&worker->lock);
        found = is_starting && !pn_processor_table_is_there(worker);
    }
    pthread_rwlock_unlock(&streams->workers_lock);
    return found;
}

void pn_processor_await_new(struct pn_processor *streams, int64_t ms)
{
    int64_t until_ms = pn_mono_ms(streams->env.clock) + ms;
    while (any_is_new(streams) && pn_mono_ms(streams->env.clock) < until_ms) {
        pn_sleep_ms(AWAIT_MS);
    }
}

void pn_processor_stop(struct pn_processor *streams)
{
    pn_processor_unwatch(streams);
    for (size_t i = 0; i < streams->worker_count; i++) {
        pn_processor_worker_ask_to_stop(streams->workers[i]);
    }
    for (size_t i = 0; i < streams->worker_count; i++) {
        pn_processor_worker_join(streams->workers[i]);
    }
    leave_others(streams);
    pn_processor_maintenance_stop(streams->maintenance);
}

static void add_progress(struct pn_processor *streams, int64_t *done, int64_t *all, bool *finished)
{
    *done = 0;
    *all = 0;
    *finished = true;
    for (size_t i = 0; i < streams->worker_count; i++) {
        int64_t worker_done = 0;
        int64_t worker_all = 0;
        *finished = *finished && pn_processor_worker_is_finished(streams->workers[i]);
        pn_processor_view_progress(streams->workers[i], &worker_done, &worker_all);
        *done += worker_done;
        *all += worker_all;
    }
}

/* The first worker that gave up says why. */
static int outcome(struct pn_processor *streams, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_processor_status *statuses = NULL;
    size_t count = 0;
    int rc = 0;
    pn_arena_init(&arena, 0);
    pn_processor_status(streams, &arena, &statuses, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (statuses[i].state == PN_PROCESSOR_FAILED) {
            rc = pn_err_set(e, PN_CLASS_FATAL, PN_FAIL, "%s from %s: %s", statuses[i].table,
                            statuses[i].stream, statuses[i].error);
        }
    }
    pn_arena_deinit(&arena);
    return rc;
}

int pn_processor_drain(struct pn_processor *streams,
                       bool (*tick)(void *arg, int64_t done, int64_t all), void *arg,
                       struct pn_err *e)
{
    int rc = start_workers(streams, true, e);
    if (rc != 0) {
        return rc;
    }
    bool finished = false;
    bool go_on = true;
    while (!finished && go_on) {
        int64_t done = 0;
        int64_t all = 0;
        add_progress(streams, &done, &all, &finished);
        go_on = tick == NULL || tick(arg, done, all);
        if (!finished && go_on) {
            pn_sleep_ms(TICK_MS);
        }
    }
    pn_processor_stop(streams);
    return outcome(streams, e);
}

void pn_processor_destroy(struct pn_processor **streams)
{
    if (*streams == NULL) {
        return;
    }
    pn_processor_stop(*streams);
    pn_processor_maintenance_destroy(&(*streams)->maintenance);
    for (size_t i = 0; i < (*streams)->worker_count; i++) {
        pn_processor_worker_deinit((*streams)->workers[i]);
        free((*streams)->workers[i]);
    }
    free((*streams)->workers);
    free((*streams)->made);
    pn_notifier_deinit(&(*streams)->watch_notifier);
    pn_processor_share_deinit(&(*streams)->share);
    pthread_rwlock_destroy(&(*streams)->workers_lock);
    pn_arena_deinit(&(*streams)->arena);
    free((*streams)->keep);
    free(*streams);
    *streams = NULL;
}

void pn_processor_status(struct pn_processor *streams, struct pn_arena *arena,
                         struct pn_processor_status **statuses, size_t *count)
{
    pthread_rwlock_rdlock(&streams->workers_lock);
    *count = streams->worker_count;
    *statuses = pn_arena_calloc(arena, streams->worker_count + 1, sizeof **statuses);
    for (size_t i = 0; i < streams->worker_count; i++) {
        pn_processor_view_status(streams->workers[i], arena, &(*statuses)[i]);
    }
    pthread_rwlock_unlock(&streams->workers_lock);
}
