/* The thread that fills one table: what it does when. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "processor/private.h"

enum {
    IDLE_MS = 1000,              /* how often a stream is looked at while an append waits */
    QUIET_MS = 3000,             /* and while no records come: for new shards, and for its table */
    APPEND_LOOK_MS = 50,         /* how often an append is looked at while reading continues */
    PAUSE_FIRST_MS = 100,        /* after a failure, doubling */
    PAUSE_MAX_MS = 5000,         /* up to this */
    DRAIN_TRIES = 8,             /* a drain gives up after so many in a row */
    QUIET_SAVE_MS = 3600 * 1000, /* how far a shard without records was read, is saved so often */
    UNSAVED_MAX = 100000,        /* other people's records skipped before positions are saved */
    UNSAVED_SECONDS_MAX = 60     /* likewise */
};
static const int64_t NS_PER_MS = 1000000;

static int64_t now_ns(const struct pn_processor_worker *worker)
{
    return pn_mono_ns(worker->owner->env.clock);
}

/* --- looking ---------------------------------------------------------------------------------- */

/* Looks what shards there are, and how far they reach. *gone: the stream is another one now. */
static int look(struct pn_processor_worker *worker, bool *gone, struct pn_err *e)
{
    struct pn_processor_source_stream described = {0};
    struct pn_err failure = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_processor_source_describe(worker->owner->env.source, worker->stream->name, &arena,
                                          &described, &failure);
    *gone = rc == 0 ? described.id != worker->shards.stream_id : failure.class_ == PN_CLASS_MISSING;
    if (rc == 0 && !*gone) {
        pn_processor_shards_update(&worker->shards, worker->stream->name, &described);
        rc = pn_processor_shards_check(&worker->shards, worker->stream->name,
                                       worker->owner->env.source, NULL, &failure);
    }
    pn_err_copy(e, rc != 0 && !*gone ? &failure : NULL);
    pn_arena_deinit(&arena);
    return *gone ? 0 : rc;
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Is reading to continue until the next commit may be? A source elsewhere keeps little of what it
 * has not been asked for, and takes a table for gone that does not ask. */
static bool reads_between(const struct pn_processor_worker *worker)
{
    return worker->is_placed && worker->shards.has_places;
}

/* Waits until something is to be read; what is done meanwhile is collected. */
static int pause_until_due(struct pn_processor_worker *worker, struct pn_err *e)
{
    uint64_t seen = pn_notifier_count(&worker->notifier);
    int rc = 0;
    for (;;) {
        rc = pn_processor_collect(worker, false, e);
        bool is_early = worker->due_ns > worker->next_ns && !reads_between(worker);
        int64_t left_ns = (is_early ? worker->due_ns : worker->next_ns) - now_ns(worker);
        if (rc != 0 || left_ns <= 0 || pn_processor_worker_is_stopping(worker)) {
            break;
        }
        seen = pn_notifier_wait(&worker->notifier, seen, (left_ns + NS_PER_MS - 1) / NS_PER_MS);
    }
    return rc;
}

/* May what was read be committed? Else more is read until then. */
static bool may_commit(const struct pn_processor_worker *worker)
{
    bool is_due = !worker->is_appending && now_ns(worker) >= worker->due_ns;
    return is_due || pn_processor_worker_is_full(worker) || !reads_between(worker);
}

/* Waits for more to read before the next commit. */
static void wait_for_more(struct pn_processor_worker *worker)
{
    int64_t left_ms = (worker->due_ns - now_ns(worker) + NS_PER_MS - 1) / NS_PER_MS;
    int64_t most_ms = worker->is_appending ? APPEND_LOOK_MS : IDLE_MS;
    bool is_soon = left_ms > 0 && left_ms < most_ms;
    worker->seen = pn_processor_source_wait(worker->owner->env.source, worker->seen,
                                            is_soon ? left_ms : most_ms);
}

/* The last commit of a stream that is gone: what was read of it. */
static int leave_stream(struct pn_processor_worker *worker, struct pn_err *e)
{
    int rc = pn_processor_collect(worker, true, e);
    if (rc == 0 && worker->is_placed && worker->filling->count > 0) {
        pn_processor_submit(worker);
        rc = pn_processor_collect(worker, true, e);
    }
    pn_processor_batch_reset(worker->filling);
    worker->is_placed = false;
    return rc;
}

static bool is_save_due(const struct pn_processor_worker *worker, bool reached)
{
    int64_t quiet_ns = now_ns(worker) - worker->saved_ns;
    return pn_processor_shards_moved(&worker->shards) &&
           (reached || pn_processor_shards_ended(&worker->shards) ||
            worker->unsaved >= UNSAVED_MAX ||
            quiet_ns >= UNSAVED_SECONDS_MAX * INT64_C(1000) * NS_PER_MS);
}

/* Waits for the append in progress, which may be tried again for a long time: the lag is still
 * reported. */
static int await_append(struct pn_processor_worker *worker, struct pn_err *e)
{
    while (!pn_processor_worker_is_stopping(worker)) {
        uint64_t seen = pn_notifier_count(&worker->notifier);
        int rc = pn_processor_collect(worker, false, e);
        if (rc != 0 || !worker->is_appending) {
            return rc;
        }
        if (pn_notifier_wait(&worker->notifier, seen, IDLE_MS) == seen) {
            bool gone = false;
            struct pn_err ignored = {0}; /* it is met again when reading continues */
            if (look(worker, &gone, &ignored) == 0) {
                pn_processor_view_shards(worker);
            }
        }
    }
    return pn_processor_collect(worker, true, e);
}

/* Commits what was read, after the append in progress. An error may be one of reading: the rest is
 * committed all the same. */
static int commit(struct pn_processor_worker *worker, struct pn_err *e)
{
    int failed = 0;
    if (worker->is_appending) {
        int rc = await_append(worker, e);
        if (rc != 0 || !worker->is_placed) {
            return rc;
        }
        failed = pn_processor_worker_fill(worker, e);
    }
    bool full = pn_processor_worker_is_full(worker);
    worker->due_ns = full ? 0 : now_ns(worker) + worker->owner->config.trigger_ms * NS_PER_MS;
    pn_processor_submit(worker);
    return failed;
}

/* A quiet table that was taken away is made again at once: until a record comes it would be missed
 * by all who read it. True when it is gone. */
static bool was_taken_away(struct pn_processor_worker *worker)
{
    int64_t passed_ns = now_ns(worker) - worker->looked_ns;
    if (worker->is_appending || passed_ns < IDLE_MS * NS_PER_MS) {
        return false;
    }
    worker->looked_ns = now_ns(worker);
    if (pn_processor_table_is_there(worker)) {
        return false;
    }
    struct pn_err why = {0};
    (void)pn_err_missing(
        &why, "the table was removed; it is created again and filled from the stream's start");
    pn_processor_view_failure(worker, PN_PROCESSOR_TROUBLE, &why);
    worker->is_placed = false;
    return true;
}

/* Other shards are ours now: another process has stopped somewhere in those that are new to us, and
 * what was read of the others is theirs. So the table says again where it is. */
static int take_turn(struct pn_processor_worker *worker, struct pn_err *e)
{
    uint64_t turn = pn_processor_share_turn(&worker->owner->share);
    int rc = 0;
    if (turn != worker->shared) {
        rc = pn_processor_collect(worker, true, e);
        pn_processor_batch_reset(worker->filling);
        worker->is_placed = false;
        worker->shared = turn;
    }
    return rc;
}

/*
 * How far a quiet shard was read is in its table from time to time, though no record came: when its
 * last record is older than the stream keeps them, that says whether any were lost. It is a commit
 * of its own, since records have the same offsets for all who read them.
 */
static bool is_quiet_due(struct pn_processor_worker *worker)
{
    bool due = false;
    for (size_t i = 0; i < worker->shards.count; i++) {
        struct pn_stream_shard *shard = &worker->shards.items[i];
        if (shard->committed >= 0 && shard->taken == shard->planned && !shard->place.ended &&
            pn_processor_share_reads(worker, shard) && shard->behind_ms >= 0 &&
            shard->place.until_ms - shard->saved_until_ms >= QUIET_SAVE_MS) {
            shard->taken++;
            due = true;
        }
    }
    return due;
}

/* Does a shard of ours wait for a parent that another process reads? How far that has come is in
 * the table. */
static bool waits_for_others(struct pn_processor_worker *worker)
{
    for (size_t i = 0; i < worker->shards.count; i++) {
        const struct pn_stream_shard *shard = &worker->shards.items[i];
        const struct pn_stream_shard *parent =
            shard->taken < shard->info.end && !shard->place.ended &&
                    pn_processor_share_reads(worker, shard)
                ? pn_processor_shard_unread_parent(&worker->shards, shard)
                : NULL;
        if (parent != NULL && !pn_processor_share_reads(worker, parent)) {
            return true;
        }
    }
    return false;
}

/* If so, the table is asked, now and then, however busy the shards of ours are. What was read of
 * these is committed before, so that it is not read again. */
static int ask_for_others(struct pn_processor_worker *worker, struct pn_err *e)
{
    int64_t passed_ns = now_ns(worker) - worker->placed_ns;
    if (!worker->is_placed || passed_ns < IDLE_MS * NS_PER_MS || !waits_for_others(worker)) {
        return 0;
    }
    int rc = pn_processor_collect(worker, true, e);
    if (rc != 0 || !worker->is_placed) {
        return rc;
    }
    if (worker->filling->count > 0 || pn_processor_shards_moved(&worker->shards)) {
        pn_processor_submit(worker);
        rc = pn_processor_collect(worker, true, e);
    }
    worker->is_placed = false;
    return rc;
}

/* One round: look, read, commit or wait. *finished: a drain is at its end. */
static int step(struct pn_processor_worker *worker, bool *finished, struct pn_err *e)
{
    int rc = pause_until_due(worker, e);
    if (rc == 0) {
        rc = take_turn(worker, e);
    }
    if (rc == 0) {
        rc = ask_for_others(worker, e);
    }
    if (rc != 0 || pn_processor_worker_is_stopping(worker)) {
        return rc;
    }
    if (!worker->is_placed) {
        rc = pn_processor_place(worker, e);
        if (rc != 0 || !worker->is_placed) {
            return rc;
        }
    }
    bool gone = false;
    rc = look(worker, &gone, e);
    if (rc != 0) {
        return rc;
    }
    if (gone) {
        return leave_stream(worker, e);
    }
    struct pn_err why = {0};
    int failed = pn_processor_worker_fill(worker, &why);
    pn_processor_view_shards(worker);
    if (failed == 0 && !worker->is_appending && worker->filling->count == 0) {
        worker->failures = 0;
        pn_processor_view_state(worker, PN_PROCESSOR_RUNNING);
    }
    bool reached = worker->drains && pn_processor_shards_reached(&worker->shards);
    bool commits = worker->filling->count > 0 || is_save_due(worker, reached);
    if (commits && (reached || may_commit(worker))) {
        rc = commit(worker, e);
    } else if (commits && failed == 0) {
        wait_for_more(worker);
    }
    if (rc == 0 && failed != 0) {
        rc = failed;
        pn_err_copy(e, &why);
    }
    if (commits || rc != 0) {
        return rc;
    }
    if (worker->shards.has_places && !worker->is_appending &&
        !pn_processor_shards_moved(&worker->shards) && is_quiet_due(worker)) {
        return commit(worker, e);
    }
    if (reached) {
        rc = pn_processor_collect(worker, true, e);
        *finished = rc == 0 && worker->is_placed && !pn_processor_shards_moved(&worker->shards);
        return rc;
    }
    if (!was_taken_away(worker)) {
        worker->seen = pn_processor_source_wait(worker->owner->env.source, worker->seen,
                                                worker->drains ? IDLE_MS : QUIET_MS);
    }
    return 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* What a failure means; false when it is the end. */
static bool go_on_after(struct pn_processor_worker *worker, const struct pn_err *why)
{
    bool passes = why->class_ == PN_CLASS_RETRY || why->class_ == PN_CLASS_CONFLICT ||
                  (why->class_ == PN_CLASS_MISSING && worker->is_placed);
    bool missing = why->class_ == PN_CLASS_MISSING && !worker->is_placed;
    worker->failures++;
    if ((!passes && !missing) || (worker->drains && (missing || worker->failures > DRAIN_TRIES))) {
        pn_processor_view_failure(worker, PN_PROCESSOR_FAILED, why);
        return false;
    }
    pn_processor_view_failure(worker, missing ? PN_PROCESSOR_WAITING : PN_PROCESSOR_TROUBLE, why);
    int64_t pause_ms = PAUSE_FIRST_MS;
    for (int i = 1; i < worker->failures && pause_ms < PAUSE_MAX_MS; i++) {
        pause_ms *= 2;
    }
    if (missing && pause_ms > IDLE_MS) {
        pause_ms = IDLE_MS;
    }
    worker->next_ns = now_ns(worker) + pause_ms * NS_PER_MS;
    return true;
}

static void *run(void *arg)
{
    struct pn_processor_worker *worker = arg;
    bool finished = false;
    bool failed = false;
    while (!finished && !failed && !pn_processor_worker_is_stopping(worker)) {
        struct pn_err why = {0};
        if (step(worker, &finished, &why) != 0) {
            failed = !go_on_after(worker, &why);
        }
    }
    struct pn_err last = {0};
    if (pn_processor_collect(worker, true, &last) != 0 && !failed) {
        pn_processor_view_failure(worker, PN_PROCESSOR_TROUBLE, &last);
    }
    pn_processor_view_shards(worker);
    if (!failed) {
        pn_processor_view_state(worker, PN_PROCESSOR_STOPPED);
    }
    pthread_mutex_lock(&worker->lock);
    worker->is_finished = true;
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void on_append_failed(void *arg, const struct pn_err *why)
{
    pn_processor_view_failure(arg, PN_PROCESSOR_TROUBLE, why);
}

static void on_append_done(void *arg)
{
    struct pn_processor_worker *worker = arg;
    pn_notifier_notify(&worker->notifier);
    pn_processor_source_wake(worker->owner->env.source);
}

/* --- from outside ----------------------------------------------------------------------------- */

static void make_metrics(struct pn_processor_worker *worker)
{
    struct pn_metrics *metrics = worker->owner->env.metrics;
    const char *table = worker->table->name;
    worker->metrics = (struct pn_processor_metrics){
        .rows = pn_metrics_get(metrics, PN_METRIC_STREAM_ROWS, table),
        .dead_letters = pn_metrics_get(metrics, PN_METRIC_STREAM_DEAD_LETTERS, table),
        .commits = pn_metrics_get(metrics, PN_METRIC_STREAM_COMMITS, table),
        .conflicts = pn_metrics_get(metrics, PN_METRIC_STREAM_CONFLICTS, table),
        .errors = pn_metrics_get(metrics, PN_METRIC_STREAM_ERRORS, table),
        .lost = pn_metrics_get(metrics, PN_METRIC_STREAM_LOST_RECORDS, table),
        .passed_over = pn_metrics_get(metrics, PN_METRIC_STREAM_PASSED_OVER_RECORDS, table),
        .unknown = pn_metrics_get(metrics, PN_METRIC_STREAM_UNKNOWN_MEMBERS, table),
        .strays = worker->counts_strays ? pn_metrics_get(metrics, PN_METRIC_STREAM_STRAY_RECORDS,
                                                         worker->stream->name)
                                        : NULL,
        .lag = worker->owner->env.source->has_places
                   ? NULL /* nobody knows */
                   : pn_metrics_get(metrics, PN_METRIC_STREAM_LAG_RECORDS, table),
        .behind = pn_metrics_get(metrics, PN_METRIC_STREAM_BEHIND_SECONDS, table),
        .failed = pn_metrics_get(metrics, PN_METRIC_STREAM_FAILED, table),
        .commit_seconds = pn_metrics_get(metrics, PN_METRIC_STREAM_COMMIT_SECONDS, table),
        .latency_seconds = pn_metrics_get(metrics, PN_METRIC_STREAM_LATENCY_SECONDS, table),
    };
}

void pn_processor_worker_init(struct pn_processor_worker *worker, struct pn_processor *owner,
                              const struct pn_pipeline_stream *stream, const struct pn_table *table)
{
    *worker = (struct pn_processor_worker){
        .owner = owner, .stream = stream, .table = table, .raw = table->in_place_of};
    worker->flows = pn_xcalloc(stream->flow_count, sizeof(const struct pn_flow *));
    for (size_t i = 0; i < stream->flow_count; i++) {
        if (stream->flows[i].table == table) {
            worker->flows[worker->flow_count++] = &stream->flows[i];
        }
    }
    PN_ASSERT(worker->flow_count > 0); /* a worker without a flow would fill nothing */
    worker->counts_strays = stream->flow_count > 0 && stream->flows[0].table == table;
    pn_strays_init(&worker->strays);
    worker->keeps_value = pn_record_keeps_value(worker->raw);
    worker->parser = pn_json_parser_create();
    worker->view.version = -1;
    worker->filling = &worker->batches[0];
    worker->saved_ns = now_ns(worker);
    pn_processor_batch_init(&worker->batches[0]);
    pn_processor_batch_init(&worker->batches[1]);
    pn_notifier_init(&worker->notifier);
    pthread_mutex_init(&worker->lock, NULL);
    make_metrics(worker);
}

void pn_processor_worker_deinit(struct pn_processor_worker *worker)
{
    PN_ASSERT(!worker->is_running);
    pn_processor_shards_deinit(&worker->shards);
    pn_processor_batch_deinit(&worker->batches[0]);
    pn_processor_batch_deinit(&worker->batches[1]);
    pn_notifier_deinit(&worker->notifier);
    pthread_mutex_destroy(&worker->lock);
    pn_json_parser_destroy(&worker->parser);
    pn_processor_checkpoints_deinit(&worker->notes);
    pn_strays_deinit(&worker->strays);
    free(worker->view.shards);
    free(worker->flows);
}

int pn_processor_worker_start(struct pn_processor_worker *worker, bool drains, struct pn_err *e)
{
    PN_ASSERT(!worker->is_running);
    worker->drains = drains;
    worker->is_stopping = false;
    worker->is_finished = false;
    worker->is_placed = false;
    worker->due_ns = 0;
    worker->next_ns = 0;
    const struct pn_processor_appender_config config = {.engine = worker->owner->env.engine,
                                                        .tries_max = drains ? DRAIN_TRIES : 0,
                                                        .failed = on_append_failed,
                                                        .done = on_append_done,
                                                        .arg = worker};
    int rc = pn_processor_appender_start(&worker->appender, &config, e);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_create(&worker->thread, NULL, run, worker);
    if (rc != 0) {
        pn_processor_appender_stop(&worker->appender);
        return pn_err_errno(e, rc, "cannot start a thread that reads a stream");
    }
    worker->is_running = true;
    return 0;
}

void pn_processor_worker_ask_to_stop(struct pn_processor_worker *worker)
{
    if (!worker->is_running) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_mutex_unlock(&worker->lock);
    pn_processor_appender_hurry(&worker->appender);
    pn_notifier_notify(&worker->notifier);
    pn_processor_source_wake(worker->owner->env.source);
}

void pn_processor_worker_join(struct pn_processor_worker *worker)
{
    if (worker->is_running) {
        pthread_join(worker->thread, NULL);
        pn_processor_appender_stop(&worker->appender);
        worker->is_running = false;
    }
}

bool pn_processor_worker_is_finished(struct pn_processor_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    bool finished = !worker->is_running || worker->is_finished;
    pthread_mutex_unlock(&worker->lock);
    return finished;
}
