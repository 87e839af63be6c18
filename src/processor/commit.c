#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/private.h"

/* --- where the table is ----------------------------------------------------------------------- */

int pn_processor_read_table(const struct pn_processor_env *env,
                            const struct pn_delta_config *config, const char *path,
                            struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    struct pn_delta *delta = pn_delta_create(env->store, path, pn_engine_parquet(env->engine),
                                             env->clock, env->logger, config);
    struct pn_err failure = {0};
    int rc = pn_delta_snapshot(delta, -1, snapshot, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        *snapshot = NULL;
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    pn_delta_destroy(&delta);
    return rc;
}

static int stop_at_first(void *arg, const struct pn_object *object)
{
    (void)arg;
    (void)object;
    return 1;
}

bool pn_processor_table_is_there(struct pn_processor_worker *worker)
{
    struct pn_store *store = worker->owner->env.store;
    const char *path = worker->table->path;
    pthread_mutex_lock(&worker->lock);
    int64_t version = worker->view.version;
    pthread_mutex_unlock(&worker->lock);
    struct pn_object object;
    char *key = pn_xasprintf("%s/_delta_log/%020" PRId64 ".json", path, version > 0 ? version : 0);
    bool there = pn_store_head(store, key, &object, NULL) == 0;
    free(key);
    if (!there) { /* the log may have been cleaned up to a later version */
        char *prefix = pn_xasprintf("%s/_delta_log/", path);
        there = pn_store_list(store, prefix, NULL, stop_at_first, NULL, NULL) != 0;
        free(prefix);
    }
    return there;
}

/* The first positions are in the table before anything is read: a start at "latest" must mean the
 * same after a crash. */
static int commit_first(struct pn_processor_worker *worker, struct pn_err *e)
{
    pn_processor_batch_reset(worker->filling);
    for (size_t i = 0; i < worker->shards.count; i++) {
        pn_processor_batch_add_position(worker->filling, &worker->shards.items[i]);
    }
    pn_processor_submit(worker);
    return pn_processor_collect(worker, true, e);
}

/* A stream was deleted and made again under its name: what the table had not read of the earlier
 * one cannot be read any more. */
static void warn_if_made_again(const struct pn_processor_worker *worker,
                               const struct pn_delta_snapshot *table)
{
    char *start = pn_xasprintf("pinion/%s/", worker->stream->name);
    bool had_another = false;
    for (size_t i = 0; table != NULL && i < table->txn_count; i++) {
        had_another = had_another || strncmp(table->txns[i].app_id, start, strlen(start)) == 0;
    }
    if (had_another) {
        pn_logger_error(worker->owner->env.logger, "stream",
                        "%s: the stream %s was deleted and created again. Its table keeps what it "
                        "has of the earlier stream, what it had not read of that is lost, and it "
                        "takes all records of the new one",
                        worker->table->name, worker->stream->name);
    }
    free(start);
}

int pn_processor_place(struct pn_processor_worker *worker, struct pn_err *e)
{
    struct pn_processor *owner = worker->owner;
    struct pn_processor_source_stream described = {0};
    struct pn_delta_snapshot *table = NULL;
    struct pn_arena arena;
    bool fresh = false;
    pn_arena_init(&arena, 0);
    uint64_t before = worker->shards.stream_id;
    struct pn_err failure = {0};
    int rc = pn_processor_source_describe(owner->env.source, worker->stream->name, &arena,
                                          &described, &failure);
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    if (rc == 0) {
        rc = pn_processor_read_table(&owner->env, &owner->config.delta, worker->table->path, &table,
                                     e);
    }
    if (rc == 0) {
        bool again = worker->was_watching && before != described.id;
        rc = pn_processor_shards_place(&worker->shards, worker->stream, owner->env.source,
                                       &described, table, again, &fresh, e);
    }
    if (rc == 0 && worker->checked != described.id) { /* a log loses nothing while it is open */
        rc = pn_processor_shards_check(&worker->shards, worker->stream->name, owner->env.source,
                                       table, e);
        worker->checked = rc == 0 ? described.id : 0;
    }
    if (rc == 0 && fresh && before != described.id) {
        warn_if_made_again(worker, table);
    }
    if (rc == 0) {
        /* Once a stream: with a second processor on the table it is placed again and again. */
        pn_logger_line(owner->env.logger, before != described.id ? PN_INFO : PN_DEBUG, "stream",
                       "%s %s %s", worker->table->name,
                       fresh ? "starts to read" : "continues to read", worker->stream->name);
        worker->is_placed = true;
        worker->placed_ns = pn_mono_ns(owner->env.clock);
        if (worker->drains && !worker->shards.aimed) {
            pn_processor_shards_aim(&worker->shards);
        }
    }
    pn_delta_snapshot_destroy(&table);
    pn_arena_deinit(&arena);
    if (rc == 0 && fresh) {
        rc = commit_first(worker, e);
        worker->is_placed = worker->is_placed && rc == 0;
    }
    worker->was_watching = worker->was_watching || rc == 0 || failure.class_ == PN_CLASS_MISSING;
    return rc;
}

/* --- a batch's way ---------------------------------------------------------------------------- */

static void write_sequence(const struct pn_append *append, const struct pn_append_row *row,
                           char *out)
{
    const struct pn_processor_batch *batch = append->arg;
    PN_ASSERT(row->position < batch->position_count);
    const struct pn_processor_batch_part *part = &batch->parts[row->position];
    if (row->sequence != NULL) {
        (void)snprintf(out, PN_ROW_SEQUENCE_SIZE, "%s", row->sequence);
    } else {
        (void)pn_sequence_text(part->created_ms, part->shard, row->offset, row->arrival_ms, out);
    }
}
_Static_assert((int)PN_ROW_SEQUENCE_SIZE >= (int)PN_PLACE_TEXT_SIZE, "a longer one fits");
_Static_assert((int)PN_ROW_SEQUENCE_SIZE >= (int)PN_SEQUENCE_SIZE, "a sequence number fits");

void pn_processor_submit(struct pn_processor_worker *worker)
{
    struct pn_processor_batch *batch = worker->filling;
    PN_ASSERT(worker->is_placed || batch->count == 0);
    PN_ASSERT(!worker->is_appending); /* or the other batch would still be in use */
    for (size_t i = 0; i < worker->shards.count; i++) {
        struct pn_stream_shard *shard = &worker->shards.items[i];
        if (shard->taken != shard->planned && (shard->planned >= 0 || shard->taken > 0)) {
            pn_processor_batch_add_position(batch, shard);
        }
    }
    for (size_t i = 0; i < batch->position_count; i++) {
        struct pn_stream_shard *shard =
            pn_processor_shards_find(&worker->shards, batch->parts[i].shard);
        PN_ASSERT(shard != NULL);
        PN_ASSERT(shard->planned == batch->positions[i].from); /* no gap to the batch before */
        shard->planned = batch->positions[i].to;
    }
    if (worker->shards.has_places) {
        pn_processor_batch_mark(batch);
    }
    worker->is_appending = true;
    worker->append_ns = pn_mono_ns(worker->owner->env.clock);
    worker->unsaved = 0;
    worker->saved_ns = worker->append_ns;
    worker->filling = batch == &worker->batches[0] ? &worker->batches[1] : &worker->batches[0];
    const struct pn_delta_map_entry *properties = worker->owner->properties;
    pn_processor_appender_submit(&worker->appender,
                                 &(struct pn_append){.table = worker->table,
                                                     .stream = worker->stream->name,
                                                     .rows = batch->rows,
                                                     .count = batch->count,
                                                     .positions = batch->positions,
                                                     .position_count = batch->position_count,
                                                     .sequence = write_sequence,
                                                     .arg = batch,
                                                     .configuration = properties,
                                                     .configuration_count = 2});
}

/* What is still waiting of a shard whose records up to `to` are in the table. */
static int64_t still_waiting_since(const struct pn_processor_worker *worker, uint32_t shard)
{
    const struct pn_processor_batch *batch = worker->filling;
    for (size_t i = 0; i < batch->position_count; i++) {
        if (batch->parts[i].shard == shard) {
            return batch->parts[i].first_arrival_ms;
        }
    }
    return -1;
}

static void take_positions(struct pn_processor_worker *worker,
                           const struct pn_processor_batch *batch)
{
    int64_t now_ms = pn_wall_ms(worker->owner->env.clock);
    for (size_t i = 0; i < batch->position_count; i++) {
        const struct pn_processor_batch_part *part = &batch->parts[i];
        struct pn_stream_shard *shard = pn_processor_shards_find(&worker->shards, part->shard);
        PN_ASSERT(shard != NULL && shard->committed <= batch->positions[i].to);
        shard->committed = batch->positions[i].to;
        shard->saved_until_ms = part->place.until_ms;
        shard->origin = NULL; /* it is in the table by now */
        if (part->place.text[0] != '@') {
            (void)snprintf(shard->last_sequence, sizeof shard->last_sequence, "%s",
                           part->place.text);
        }
        shard->waiting_since_ms = still_waiting_since(worker, part->shard);
        if (part->last_offset >= 0) {
            shard->last_offset = part->last_offset;
            shard->last_arrival_ms = part->last_arrival_ms;
            pn_metric_observe_ns(worker->metrics.latency_seconds,
                                 (now_ms - part->first_arrival_ms) * 1000000);
        }
    }
}

static void count_commit(struct pn_processor_worker *worker, const struct pn_processor_batch *batch,
                         const struct pn_table_report *report)
{
    pthread_mutex_lock(&worker->lock);
    worker->view.rows += report->rows;
    worker->view.dead_letters += report->dead_letters;
    if (worker->view.unknown_members == 0 && report->unknown_count > 0) {
        memcpy(worker->view.unknown_example, report->unknown[0].name,
               sizeof worker->view.unknown_example);
        (void)snprintf(worker->view.unknown_shard, sizeof worker->view.unknown_shard, "%.*s",
                       (int)sizeof worker->view.unknown_shard - 1, report->unknown_place);
        worker->view.unknown_offset = report->unknown_position;
    }
    worker->view.unknown_members += report->unknown_values;
    worker->view.commits++;
    worker->view.version = report->version;
    worker->view.committed_ms = pn_wall_ms(worker->owner->env.clock);
    pthread_mutex_unlock(&worker->lock);
    pn_metric_add(worker->metrics.rows, report->rows);
    pn_metric_add(worker->metrics.dead_letters, report->dead_letters);
    pn_metric_add(worker->metrics.unknown, report->unknown_values);
    pn_processor_unknown_note(&worker->unknown, worker->table, worker->raw, report,
                              worker->owner->env.logger);
    pn_metric_add(worker->metrics.commits, 1);
    pn_metric_observe_ns(worker->metrics.commit_seconds,
                         pn_mono_ns(worker->owner->env.clock) - worker->append_ns);
    pn_processor_maintenance_committed(worker->maintenance, batch->count > 0,
                                       report->dead_letters > 0);
}

/* What was read on top of a batch that isn't in the table, is read again. */
static void start_over(struct pn_processor_worker *worker)
{
    pn_processor_batch_reset(worker->filling);
    worker->is_placed = false;
}

int pn_processor_collect(struct pn_processor_worker *worker, bool wait, struct pn_err *e)
{
    struct pn_table_report report = {0};
    struct pn_err failure = {0};
    int rc = 0;
    if (!worker->is_appending ||
        !pn_processor_appender_collect(&worker->appender, wait, &report, &rc, &failure)) {
        return 0;
    }
    worker->is_appending = false;
    struct pn_processor_batch *batch =
        worker->filling == &worker->batches[0] ? &worker->batches[1] : &worker->batches[0];
    if (rc == 0) {
        worker->failures = 0;
        take_positions(worker, batch);
        count_commit(worker, batch, &report);
        pn_processor_view_shards(worker);
        if (!worker->is_failing) {
            pn_processor_view_state(worker, PN_PROCESSOR_RUNNING);
        }
    } else {
        start_over(worker);
    }
    pn_processor_batch_reset(batch);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT && failure.code == PN_DELTA_TXN_SEEN) {
        pthread_mutex_lock(&worker->lock);
        bool is_first = worker->view.conflicts++ == 0;
        pthread_mutex_unlock(&worker->lock);
        pn_logger_line(
            worker->owner->env.logger, is_first ? PN_INFO : PN_DEBUG, "stream",
            "%s: another commit came first (by another processor?), continuing after it: %s",
            worker->table->name, failure.msg);
        pn_metric_add(worker->metrics.conflicts, 1);
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}
