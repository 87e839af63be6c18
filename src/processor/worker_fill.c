/* Filling a table's batch from its stream's shards, so that each gets its turn. */
#include "base/json.h"
#include "base/units.h"
#include "processor/private.h"

enum {
    READ_RECORDS = 10000,  /* of one shard at a time, so that all get their turn */
    READ_BYTES = 4 << 20,  /* likewise */
    FAILED_SHARDS_MAX = 3, /* after so many in one round the others are not read either */
    FAILURES_BESIDE = 2    /* while other shards are read, pauses are not doubled further */
};

bool pn_processor_worker_is_full(const struct pn_processor_worker *worker)
{
    const struct pn_processor_config *config = &worker->owner->config;
    const struct pn_processor_batch *batch = worker->filling;
    return batch->records >= config->batch_rows_max ||
           (int64_t)batch->count >= config->batch_rows_max ||
           batch->bytes >= config->batch_bytes_max;
}

static int read_some(struct pn_processor_worker *worker, struct pn_stream_shard *shard,
                     struct pn_err *e)
{
    const struct pn_processor_config *config = &worker->owner->config;
    struct pn_processor_batch *batch = worker->filling;
    const struct pn_processor_batch_flow flow = {.stream = worker->stream->name,
                                                 .stream_id = worker->shards.stream_id,
                                                 .flows = worker->flows,
                                                 .flow_count = worker->flow_count,
                                                 .whole = worker->stream,
                                                 .strays =
                                                     worker->counts_strays ? &worker->strays : NULL,
                                                 .keeps_value = worker->keeps_value,
                                                 .parser = worker->parser};
    int64_t records = config->batch_rows_max - batch->records;
    int64_t bytes = config->batch_bytes_max - batch->bytes;
    PN_ASSERT(records > 0 && bytes > 0); /* the batch is not full */
    struct pn_err gap = {0};
    int rc = pn_processor_batch_read(batch, &flow, worker->owner->env.source, shard,
                                     (size_t)(records < READ_RECORDS ? records : READ_RECORDS),
                                     (size_t)(bytes < READ_BYTES ? bytes : READ_BYTES), &gap, e);
    if (gap.code != 0 && worker->shards.has_places) {
        pn_logger_error(worker->owner->env.logger, "stream", "%s from %s, %s: %s",
                        worker->table->name, worker->stream->name, shard->id, gap.msg);
    } else if (gap.code != 0) {
        pn_logger_error(worker->owner->env.logger, "stream",
                        "%s from %s, %s: damaged records are skipped, continuing at %lld: %s",
                        worker->table->name, worker->stream->name, shard->id,
                        (long long)shard->taken, gap.msg);
    }
    return rc;
}

/* Names keys that go to no table, once each, and that there are more than are named. */
static void tell_strays(struct pn_processor_worker *worker, int64_t skipped)
{
    enum { KEY_BYTES_MAX = 8192 }; /* of a key of 256 characters, with its escapes */
    struct pn_arena arena;
    if (!worker->counts_strays || skipped == 0) {
        return;
    }
    pn_arena_init(&arena, 0);
    struct pn_stray_counts counts = pn_strays_counts(&worker->strays, &arena);
    pn_metric_set(worker->metrics.strays, counts.records);
    for (; worker->strays_told < counts.count; worker->strays_told++) {
        const struct pn_stray_key *key = &counts.keys[worker->strays_told];
        char shard[PN_SHARD_ID_SIZE];
        struct pn_buf text;
        pn_buf_init(&text, KEY_BYTES_MAX);
        pn_json_write_string(&text, key->key.data, key->key.len);
        pn_logger_warn(worker->owner->env.logger, "stream",
                       "%s: the partition key %s belongs to no table (the first record with it is "
                       "at %lld of %s): `pinion stream lag` counts these records",
                       worker->stream->name, pn_buf_text(&text), (long long)key->offset,
                       pn_shard_id(key->shard, shard));
        pn_buf_deinit(&text);
    }
    if (counts.more > 0 && worker->strays_told == PN_STRAY_KEYS_MAX) {
        worker->strays_told++;
        pn_logger_warn(
            worker->owner->env.logger, "stream",
            "%s: further partition keys belong to no table; their records are counted together",
            worker->stream->name);
    }
    pn_arena_deinit(&arena);
}

/* Counts what is not a row at once; the rest is counted when it is committed. */
static void note_batch(struct pn_processor_worker *worker, int64_t skipped, int64_t lost)
{
    struct pn_processor_batch *batch = worker->filling;
    skipped = batch->skipped - skipped;
    lost = batch->lost - lost;
    PN_ASSERT(skipped >= 0 && lost >= 0);
    worker->unsaved += skipped;
    pn_metric_add(worker->metrics.passed_over, skipped);
    if (lost > 0) {
        pn_metric_add(worker->metrics.lost, lost);
    }
    if (lost > 0 && !worker->shards.has_places) { /* else it was said where it was met */
        pn_logger_error(worker->owner->env.logger, "stream",
                        "%s from %s: %lld %s no longer in the log (retention removed %s before the "
                        "processor read %s, or the log is damaged)",
                        worker->table->name, worker->stream->name, (long long)lost,
                        pn_noun(lost, "record was", "records were"), pn_noun(lost, "it", "them"),
                        pn_noun(lost, "it", "them"));
    }
    pthread_mutex_lock(&worker->lock);
    worker->view.skipped += skipped;
    worker->view.lost += lost;
    pthread_mutex_unlock(&worker->lock);
    tell_strays(worker, skipped);
    if (batch->count == 0) {
        pn_processor_batch_reset(
            batch); /* positions are in the shards; no need to hold others' bytes */
    }
}

/* Reads some of each shard. One that cannot be read holds up no other, unless it is so with
 * several: then it is rather the source, which may let each call wait. The first error. */
static int fill_round(struct pn_processor_worker *worker, bool *moved, struct pn_err *e)
{
    struct pn_processor_shards *shards = &worker->shards;
    int failed = 0;
    int rc = 0;
    for (size_t i = 0;
         failed < FAILED_SHARDS_MAX && i < shards->count && !pn_processor_worker_is_full(worker);
         i++) {
        struct pn_stream_shard *shard = &shards->items[(worker->turn + i) % shards->count];
        struct pn_err why = {0};
        int64_t before = shard->taken;
        if (pn_processor_worker_is_stopping(worker) || !pn_processor_share_reads(worker, shard) ||
            !pn_processor_shard_readable(shards, shard)) {
            continue;
        }
        int failure = read_some(worker, shard, &why);
        *moved = *moved || shard->taken > before;
        failed += failure != 0 ? 1 : 0;
        if (rc == 0 && failure != 0) {
            rc = failure;
            pn_err_copy(e, &why);
        }
    }
    return rc;
}

int pn_processor_worker_fill(struct pn_processor_worker *worker, struct pn_err *e)
{
    int64_t skipped = worker->filling->skipped;
    int64_t lost = worker->filling->lost;
    int rc = 0;
    bool moved = true;
    bool has_moved = false;
    while (rc == 0 && moved && !pn_processor_worker_is_full(worker)) {
        moved = false;
        rc = fill_round(worker, &moved, e);
        has_moved = has_moved || moved;
    }
    worker->turn++;
    worker->is_failing = rc != 0;
    if (rc != 0 && has_moved && worker->failures > FAILURES_BESIDE) {
        worker->failures = FAILURES_BESIDE; /* the other shards wait, too */
    }
    note_batch(worker, skipped, lost);
    return rc;
}
