/*
 * Streams that match a pattern of the pipeline: they come and go while the processors run. A thread
 * looks which there are; a new one gets its workers, and those of one that is gone end once what
 * was read of it is in its table. The table stays.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/private.h"

enum {
    WATCH_MS = 500,       /* between looks while records come */
    QUIET_WATCH_MS = 3000 /* while none come: for streams that are gone, or have no record yet */
};

bool pn_processor_has_patterns(const struct pn_pipeline *pipeline)
{
    return pipeline->stream_pattern_count > 0;
}

/* The stream as its pattern makes it, NULL when that is refused. It is made once, since the engine
 * knows a table by its address. */
static const struct pn_pipeline_stream *stream_of(struct pn_processor *streams, const char *name,
                                                  const struct pn_pipeline_stream *pattern)
{
    struct pn_err why = {0};
    for (size_t i = 0; i < streams->made_count; i++) {
        if (strcmp(streams->made[i].name, name) == 0) {
            return streams->made[i].stream;
        }
    }
    pn_grow((void **)&streams->made, &streams->made_capacity, streams->made_count + 1,
            sizeof *streams->made);
    struct pn_processor_made *made = &streams->made[streams->made_count++];
    *made = (struct pn_processor_made){.name = pn_arena_strdup(&streams->arena, name)};
    if (pn_pipeline_make_stream(streams->env.pipeline, pattern, made->name, &streams->arena,
                                &made->stream, &why) != 0) {
        pn_logger_warn(streams->env.logger, "stream", "%s; it fills no table", why.msg);
    }
    return made->stream;
}

/* --- coming ----------------------------------------------------------------------------------- */

static bool has_worker(const struct pn_processor *streams, const struct pn_pipeline_stream *stream)
{
    for (size_t i = 0; i < streams->worker_count; i++) {
        if (streams->workers[i]->stream == stream) {
            return true;
        }
    }
    return false;
}

static void add_if_new(struct pn_processor *streams, const char *name, bool starts)
{
    const struct pn_pipeline_stream *pattern =
        pn_pipeline_stream_pattern(streams->env.pipeline, name);
    if (pattern == NULL || pattern->flow_count == 0 ||
        !pn_processor_is_asked_for(&streams->config, name)) {
        return;
    }
    const struct pn_pipeline_stream *stream = stream_of(streams, name, pattern);
    if (stream == NULL || has_worker(streams, stream)) {
        return;
    }
    size_t before = streams->worker_count;
    pn_processor_add_workers(streams, stream);
    for (size_t i = before; starts && i < streams->worker_count; i++) {
        struct pn_err why = {0};
        if (pn_processor_worker_start(streams->workers[i], false, &why) != 0) {
            pn_processor_view_failure(streams->workers[i], PN_PROCESSOR_FAILED, &why);
        }
    }
}

/* --- going ------------------------------------------------------------------------------------ */

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_waiting(struct pn_processor_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    bool waiting = worker->view.state == PN_PROCESSOR_WAITING;
    pthread_mutex_unlock(&worker->lock);
    return waiting;
}

static void remove_gone(struct pn_processor *streams, const char *const *names, size_t count)
{
    for (size_t i = streams->worker_count; i-- > 0;) {
        struct pn_processor_worker *worker = streams->workers[i];
        if (pn_pipeline_stream(streams->env.pipeline, worker->stream->name) != NULL ||
            is_among(worker->stream->name, names, count) || !is_waiting(worker)) {
            continue;
        }
        pn_processor_worker_ask_to_stop(worker);
        pn_processor_worker_join(worker);
        pthread_rwlock_wrlock(&streams->workers_lock);
        streams->worker_count--;
        memmove(&streams->workers[i], &streams->workers[i + 1],
                (streams->worker_count - i) * sizeof(struct pn_processor_worker *));
        pthread_rwlock_unlock(&streams->workers_lock);
        pn_logger_info(streams->env.logger, "stream",
                       "%s is no longer filled: the stream %s was deleted", worker->table->name,
                       worker->stream->name);
        pn_processor_worker_deinit(worker);
        free(worker);
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

int pn_processor_look_for_made(struct pn_processor *streams, bool starts, struct pn_err *e)
{
    const char **names = NULL;
    size_t count = 0;
    struct pn_arena arena;
    if (!pn_processor_has_patterns(streams->env.pipeline)) {
        return 0;
    }
    pn_arena_init(&arena, 0);
    int rc = pn_processor_source_names(streams->env.source, &arena, &names, &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        add_if_new(streams, names[i], starts);
    }
    if (rc == 0) {
        remove_gone(streams, names, count);
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* The first record of a new stream ends the wait. */
static void *watch(void *arg)
{
    struct pn_processor *streams = arg;
    uint64_t heard = 0;
    do {
        /* A server that can't be reached: the workers say so, too, and it is asked again. */
        struct pn_err ignored = {0};
        int rc = pn_processor_look_for_made(streams, true, &ignored);
        (void)rc;
        heard = pn_processor_source_wait(streams->env.source, heard, QUIET_WATCH_MS);
    } while (pn_notifier_wait(&streams->watch_notifier, streams->watch_seen, WATCH_MS) ==
             streams->watch_seen);
    return NULL;
}

int pn_processor_watch(struct pn_processor *streams, struct pn_err *e)
{
    if (!pn_processor_has_patterns(streams->env.pipeline)) {
        return 0;
    }
    streams->watch_seen = pn_notifier_count(&streams->watch_notifier);
    int rc = pthread_create(&streams->watch, NULL, watch, streams);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the thread that finds new streams");
    }
    streams->is_watching = true;
    return 0;
}

void pn_processor_unwatch(struct pn_processor *streams)
{
    if (streams->is_watching) {
        pn_notifier_notify(&streams->watch_notifier);
        pn_processor_source_wake(streams->env.source);
        pthread_join(streams->watch, NULL);
        streams->is_watching = false;
    }
}
