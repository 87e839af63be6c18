#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/lag.h"
#include "processor/private.h"

const char *pn_processor_state_name(enum pn_processor_state state)
{
    static const char *const names[] = {
        [PN_PROCESSOR_STARTING] = "starting", [PN_PROCESSOR_RUNNING] = "running",
        [PN_PROCESSOR_WAITING] = "waiting",   [PN_PROCESSOR_TROUBLE] = "trouble",
        [PN_PROCESSOR_FAILED] = "failed",     [PN_PROCESSOR_STOPPED] = "stopped",
    };
    return names[state];
}

/* With places nobody knows how many records there are, only how old they are. */
static struct pn_lag lag_of(const struct pn_stream_shard *shard)
{
    return shard->info.end == INT64_MAX
               ? (struct pn_lag){.from = shard->committed, .records = -1}
               : pn_lag(shard->committed, shard->info.begin, shard->info.end);
}

static int64_t lag_ms_of(const struct pn_processor_worker *worker,
                         const struct pn_stream_shard *shard)
{
    int64_t waiting_ms = shard->waiting_since_ms >= 0
                             ? pn_wall_ms(worker->owner->env.clock) - shard->waiting_since_ms
                             : 0;
    int64_t behind_ms = shard->place.ended ? 0 : shard->behind_ms;
    int64_t most_ms = waiting_ms > behind_ms ? waiting_ms : behind_ms;
    return most_ms > 0 ? most_ms : 0;
}

void pn_processor_view_shards(struct pn_processor_worker *worker)
{
    int64_t lag = 0;
    int64_t behind_ms = 0;
    pthread_mutex_lock(&worker->lock);
    pn_grow((void **)&worker->view.shards, &worker->view.shard_capacity, worker->shards.count,
            sizeof *worker->view.shards);
    worker->view.shard_count = 0;
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct pn_stream_shard *shard = &worker->shards.items[i];
        if (!pn_processor_share_reads(worker, shard)) {
            continue; /* where it is, is known to the process that reads it */
        }
        struct pn_stream_shard *copy = &worker->view.shards[worker->view.shard_count++];
        *copy = *shard;
        copy->app_id = NULL;
        int64_t records = lag_of(shard).records;
        int64_t shard_ms = lag_ms_of(worker, shard);
        lag += records > 0 ? records : 0;
        behind_ms = shard_ms > behind_ms ? shard_ms : behind_ms;
    }
    pthread_mutex_unlock(&worker->lock);
    pn_metric_set(worker->metrics.lag, lag);
    pn_metric_set(worker->metrics.behind, behind_ms / 1000);
}

void pn_processor_view_state(struct pn_processor_worker *worker, enum pn_processor_state state)
{
    pthread_mutex_lock(&worker->lock);
    bool is_over = state == PN_PROCESSOR_RUNNING && worker->view.error.code != 0;
    worker->view.state = state;
    if (state == PN_PROCESSOR_RUNNING) {
        worker->view.error.code = 0;
    }
    pthread_mutex_unlock(&worker->lock);
    if (is_over) {
        pn_logger_info(worker->owner->env.logger, "stream",
                       "%s from %s: the trouble is over; rows are written again",
                       worker->table->name, worker->stream->name);
    }
}

void pn_processor_view_failure(struct pn_processor_worker *worker, enum pn_processor_state state,
                               const struct pn_err *why)
{
    pthread_mutex_lock(&worker->lock);
    bool is_news = worker->view.error.code == 0 || strcmp(worker->view.error.msg, why->msg) != 0;
    worker->view.state = state;
    worker->view.error = *why;
    worker->view.errors++;
    pthread_mutex_unlock(&worker->lock);
    pn_metric_add(worker->metrics.errors, 1);
    pn_metric_set(worker->metrics.failed, state == PN_PROCESSOR_FAILED ? 1 : 0);
    if (is_news) {
        pn_logger_line(worker->owner->env.logger, state == PN_PROCESSOR_FAILED ? PN_ERROR : PN_WARN,
                       "stream", "%s from %s: %s%s", worker->table->name, worker->stream->name,
                       why->msg,
                       state == PN_PROCESSOR_FAILED ? "; its processor has given up" : "");
    }
}

static void copy_shard(struct pn_processor_worker *worker, const struct pn_stream_shard *shard,
                       struct pn_arena *arena, struct pn_processor_shard_status *out)
{
    const struct pn_lag lag = lag_of(shard);
    bool is_elsewhere = shard->info.end == INT64_MAX;
    *out = (struct pn_processor_shard_status){
        .shard = pn_arena_strdup(arena, shard->id),
        .index = shard->info.index,
        .position = shard->committed,
        .end = is_elsewhere ? -1 : shard->info.end,
        .lag = lag.records,
        .lost = lag.lost,
        .lag_ms = lag_ms_of(worker, shard),
        .sequence =
            shard->last_sequence[0] != '\0' ? pn_arena_strdup(arena, shard->last_sequence) : NULL,
        .last_offset = shard->last_offset,
        .last_arrival_ms = shard->last_arrival_ms,
        .created_ms = shard->info.created_ms,
        .complete = shard->info.complete || shard->place.ended};
}

void pn_processor_view_status(struct pn_processor_worker *worker, struct pn_arena *arena,
                              struct pn_processor_status *status)
{
    const char *unreadable = pn_processor_maintenance_unreadable(worker->maintenance, arena);
    struct pn_err outside = {0};
    bool is_outside = pn_processor_share_failure(&worker->owner->share, &outside);
    pthread_mutex_lock(&worker->lock);
    bool has_error = worker->view.error.code != 0;
    struct pn_processor_shard_status *shards =
        pn_arena_calloc(arena, worker->view.shard_count + 1, sizeof *shards);
    for (size_t i = 0; i < worker->view.shard_count; i++) {
        copy_shard(worker, &worker->view.shards[i], arena, &shards[i]);
    }
    *status = (struct pn_processor_status){
        .stream = worker->stream->name,
        .table = worker->table->name,
        .checkpoints = worker->table->checkpoints,
        .state = is_outside && !has_error ? PN_PROCESSOR_TROUBLE : worker->view.state,
        .error = has_error    ? pn_arena_strdup(arena, worker->view.error.msg)
                 : is_outside ? pn_arena_strdup(arena, outside.msg)
                              : unreadable,
        .is_unreadable = unreadable != NULL,
        .rows = worker->view.rows,
        .dead_letters = worker->view.dead_letters,
        .skipped = worker->view.skipped,
        .strays = pn_strays_counts(&worker->strays, arena),
        .unknown_members = worker->view.unknown_members,
        .unknown_example = worker->view.unknown_members > 0
                               ? pn_arena_strdup(arena, worker->view.unknown_example)
                               : NULL,
        .unknown_shard = worker->view.unknown_members > 0
                             ? pn_arena_strdup(arena, worker->view.unknown_shard)
                             : NULL,
        .unknown_offset = worker->view.unknown_offset,
        .lost = worker->view.lost,
        .commits = worker->view.commits,
        .conflicts = worker->view.conflicts,
        .errors = worker->view.errors,
        .version = worker->view.version,
        .committed_ms = worker->view.committed_ms,
        .shards = shards,
        .shard_count = worker->view.shard_count,
    };
    pthread_mutex_unlock(&worker->lock);
}

void pn_processor_view_progress(struct pn_processor_worker *worker, int64_t *done, int64_t *all)
{
    int64_t left = 0;
    pthread_mutex_lock(&worker->lock);
    for (size_t i = 0; i < worker->view.shard_count; i++) {
        const struct pn_stream_shard *shard = &worker->view.shards[i];
        left += shard->goal != INT64_MAX
                    ? pn_lag(shard->committed, shard->info.begin, shard->goal).records
                    : 0;
    }
    if (worker->view.start_total < left) {
        worker->view.start_total = left;
    }
    PN_ASSERT(left >= 0 && left <= worker->view.start_total);
    *all = worker->view.start_total;
    *done = worker->view.start_total - left;
    pthread_mutex_unlock(&worker->lock);
}
