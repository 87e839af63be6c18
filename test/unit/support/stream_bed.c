#include "support/stream_bed.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/local/local.h"
#include "stream/shards.h"
#include "support/defaults.h"
#include "support/ram_io.h"

#define SCHEMA                                                                               \
    "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true," \
    "\"metadata\":{}}]}"

static struct stream_bed *bed_of_source(struct pn_stream_source *source)
{
    return (struct stream_bed *)((char *)source - offsetof(struct stream_bed, source));
}

static struct stream_bed *bed_of_engine(struct pn_engine *engine)
{
    return (struct stream_bed *)((char *)engine - offsetof(struct stream_bed, engine));
}

static struct bed_stream *find(struct stream_bed *bed, const char *name)
{
    for (size_t i = 0; i < BED_STREAMS; i++) {
        if (bed->streams[i].name != NULL && strcmp(bed->streams[i].name, name) == 0) {
            return &bed->streams[i];
        }
    }
    return NULL;
}

/* --- the source ------------------------------------------------------------------------------- */

static int describe(struct pn_stream_source *source, const char *name, struct pn_arena *arena,
                    struct pn_stream_source_stream *out, struct pn_err *e)
{
    struct stream_bed *bed = bed_of_source(source);
    int rc = 0;
    pthread_mutex_lock(&bed->lock);
    const struct bed_stream *stream = find(bed, name);
    if (stream == NULL) {
        rc = pn_err_missing(e, "no stream %s", name);
    } else {
        *out =
            (struct pn_stream_source_stream){.id = stream->id, .shard_count = stream->shard_count};
        out->shards = pn_arena_calloc(arena, stream->shard_count, sizeof *out->shards);
        for (size_t i = 0; i < stream->shard_count; i++) {
            out->shards[i] = stream->shards[i].info;
            out->shards[i].end = (int64_t)stream->shards[i].count;
        }
    }
    pthread_mutex_unlock(&bed->lock);
    return rc;
}

static int position(struct pn_stream_source *source, const char *name, uint64_t id, uint32_t shard,
                    enum pn_stream_start start, int64_t start_ms, int64_t *offset, struct pn_err *e)
{
    struct stream_bed *bed = bed_of_source(source);
    int rc = 0;
    pthread_mutex_lock(&bed->lock);
    const struct bed_stream *stream = find(bed, name);
    if (stream == NULL || stream->id != id) {
        rc = pn_err_missing(e, "no stream %s", name);
    } else {
        const struct bed_shard *found = &stream->shards[shard];
        size_t at = start == PN_START_LATEST ? found->count : 0;
        while (start == PN_START_TIMESTAMP && at < found->count &&
               found->records[at].arrival_ms < start_ms) {
            at++;
        }
        *offset = (int64_t)at;
    }
    pthread_mutex_unlock(&bed->lock);
    return rc;
}

static void copy_record(struct pn_arena *arena, const struct bed_record *from, size_t offset,
                        struct pn_record *to)
{
    size_t len = strlen(from->value);
    *to =
        (struct pn_record){.key = {pn_arena_strdup(arena, from->key), strlen(from->key)},
                           .value = {memcpy(pn_arena_alloc(arena, len + 1), from->value, len), len},
                           .timestamp_ms = from->arrival_ms,
                           .offset = (int64_t)offset};
}

static int read_records(struct pn_stream_source *source, const char *name, uint64_t id,
                        uint32_t index, int64_t offset, size_t max_records, size_t max_bytes,
                        struct pn_arena *arena, struct pn_stream_source_records *out,
                        struct pn_err *e)
{
    struct stream_bed *bed = bed_of_source(source);
    int rc = 0;
    *out = (struct pn_stream_source_records){.next_offset = offset};
    pthread_mutex_lock(&bed->lock);
    const struct bed_stream *stream = find(bed, name);
    if (bed->failing_reads > 0) {
        bed->failing_reads--;
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "the disk is busy");
    } else if (stream == NULL || stream->id != id) {
        rc = pn_err_missing(e, "no stream %s", name);
    } else {
        const struct bed_shard *shard = &stream->shards[index];
        size_t at = (size_t)(offset > shard->info.begin ? offset : shard->info.begin);
        size_t bytes = 0;
        out->records = pn_arena_calloc(arena, shard->count + 1, sizeof *out->records);
        while (at < shard->count && out->count < max_records &&
               (bytes < max_bytes || out->count == 0)) {
            if ((int64_t)at >= shard->damage_from && (int64_t)at < shard->damage_to) {
                break;
            }
            copy_record(arena, &shard->records[at], at, &out->records[out->count++]);
            bytes += strlen(shard->records[at++].value);
        }
        out->next_offset = (int64_t)at;
        if (out->count == 0 && (int64_t)at < shard->damage_to &&
            (int64_t)at >= shard->damage_from) {
            out->next_offset = shard->damage_to;
            rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "a damaged batch");
        }
    }
    pthread_mutex_unlock(&bed->lock);
    return rc;
}

static int list_names(struct pn_stream_source *source, struct pn_arena *arena, const char ***names,
                      size_t *count, struct pn_err *e)
{
    struct stream_bed *bed = bed_of_source(source);
    (void)e;
    pthread_mutex_lock(&bed->lock);
    *count = 0;
    *names = pn_arena_calloc(arena, BED_STREAMS, sizeof **names);
    for (size_t i = 0; i < BED_STREAMS; i++) {
        if (bed->streams[i].name != NULL) {
            (*names)[(*count)++] = pn_arena_strdup(arena, bed->streams[i].name);
        }
    }
    pthread_mutex_unlock(&bed->lock);
    return 0;
}

static uint64_t wait(struct pn_stream_source *source, uint64_t seen, int64_t ms)
{
    return pn_notifier_wait(&bed_of_source(source)->notifier, seen, ms);
}

static void wake(struct pn_stream_source *source)
{
    pn_notifier_notify(&bed_of_source(source)->notifier);
}

static void leave(struct pn_stream_source *source)
{
    (void)source;
}

static const struct pn_stream_source_ops source_ops = {.destroy = leave,
                                                       .names = list_names,
                                                       .describe = describe,
                                                       .position = position,
                                                       .read = read_records,
                                                       .wait = wait,
                                                       .wake = wake};

/* --- the engine ------------------------------------------------------------------------------- */

static char *dup_bytes(struct pn_bytes bytes)
{
    return pn_xstrndup(bytes.data, bytes.len);
}

/* Behind what the table had before: of two processors the later one may come here first. */
static void insert_row(struct stream_bed *bed, const struct bed_row *row)
{
    pn_grow((void **)&bed->rows, &bed->row_capacity, bed->row_count + 1, sizeof *bed->rows);
    size_t at = bed->row_count++;
    for (; at > 0 && bed->rows[at - 1].table == row->table &&
           bed->rows[at - 1].version > row->version;
         at--) {
        bed->rows[at] = bed->rows[at - 1];
    }
    bed->rows[at] = *row;
}

static void keep_rows(struct stream_bed *bed, const struct pn_append *append, int64_t version)
{
    pthread_mutex_lock(&bed->lock);
    bed->batches++;
    bed->largest = append->count > bed->largest ? append->count : bed->largest;
    for (size_t i = 0; i < append->count; i++) {
        const struct pn_stream_row *row = &append->rows[i];
        char sequence[PN_ROW_SEQUENCE_SIZE];
        append->sequence(append, row, sequence);
        const struct bed_row kept = {
            .value = row->reason == NULL ? dup_bytes(row->value) : NULL,
            .reason = row->reason != NULL ? pn_xstrdup(row->reason) : NULL,
            .sequence = pn_xstrdup(sequence),
            .offset = row->offset,
            .shard = pn_xstrdup(append->positions[row->position].shard),
            .batch = bed->batches,
            .table = append->table,
            .version = version,
        };
        insert_row(bed, &kept);
    }
    pthread_mutex_unlock(&bed->lock);
}

static int64_t updated_ms(const struct pn_stream_position *position)
{
    int64_t now_ms = pn_wall_ms(pn_clock_system());
    return now_ms > position->newest_ms ? now_ms : position->newest_ms;
}

static int commit_batch(struct stream_bed *bed, const struct pn_append *append, int64_t *version,
                        struct pn_err *e)
{
    struct pn_delta_txn *txns = pn_xcalloc(append->position_count + 1, sizeof *txns);
    int64_t *before = pn_xcalloc(append->position_count + 1, sizeof *before);
    size_t count = 0;
    for (size_t i = 0; i < append->position_count; i++) {
        if (append->positions[i].from != append->positions[i].to) {
            txns[count] = (struct pn_delta_txn){.app_id = append->positions[i].app_id,
                                                .version = append->positions[i].to,
                                                .updated_ms = updated_ms(&append->positions[i])};
            before[count++] = append->positions[i].from;
        }
    }
    struct pn_delta *delta = pn_delta_create(bed->store, append->table->path, NULL,
                                             pn_clock_system(), NULL, &bed->delta);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "STREAMING UPDATE",
                                           .schema = SCHEMA,
                                           .txns = txns,
                                           .txn_count = count,
                                           .txns_before = before,
                                           .configuration = append->configuration,
                                           .configuration_count = append->configuration_count};
    int rc = pn_delta_commit(delta, &commit, version, e);
    pn_delta_destroy(&delta);
    free(txns);
    free(before);
    return rc;
}

static int append_batch(struct pn_engine *engine, const struct pn_append *append,
                        struct pn_table_report *report, struct pn_err *e)
{
    struct stream_bed *bed = bed_of_engine(engine);
    pthread_mutex_lock(&bed->lock);
    bool fails = bed->failing_appends > 0;
    bool commits = !fails || bed->commits_first;
    bed->failing_appends -= fails;
    pthread_mutex_unlock(&bed->lock);
    *report = (struct pn_table_report){.table = append->table, .version = -1};
    int rc = 0;
    if (commits) {
        rc = commit_batch(bed, append, &report->version, e);
        if (rc == 0) {
            keep_rows(bed, append, report->version);
        }
    }
    if (rc == 0 && fails) {
        return pn_err_set(e, bed->failing_class, PN_FAIL, "the disk is full");
    }
    for (size_t i = 0; i < append->count; i++) {
        report->dead_letters += append->rows[i].reason != NULL;
    }
    report->rows = (int64_t)append->count - report->dead_letters;
    return rc;
}

static int optimize(struct pn_engine *engine, const char *path, int64_t target_bytes,
                    int64_t *files_before, int64_t *files_after, struct pn_err *e)
{
    (void)path;
    (void)target_bytes;
    (void)e;
    atomic_fetch_add(&bed_of_engine(engine)->optimized, 1);
    *files_before = 0;
    *files_after = 0;
    return 0;
}

static const struct pn_delta_parquet *parquet(struct pn_engine *engine)
{
    (void)engine;
    return NULL;
}

static const struct pn_engine_ops engine_ops = {
    .name = "bed", .append = append_batch, .optimize = optimize, .parquet = parquet};

/* --- the bed ---------------------------------------------------------------------------------- */

static void make_pipeline(struct stream_bed *bed)
{
    static const char *const names[] = {"ta", "tb", "tc"};
    static const char *const paths[] = {"tables/ta", "tables/tb", "tables/tc"};
    bed->cleaned = (struct pn_table){.name = "cleaned"};
    for (size_t i = 0; i < 3; i++) {
        bed->tables[i] =
            (struct pn_table){.name = names[i], .path = paths[i], .like = &bed->cleaned};
    }
    bed->tables[0].checkpoints = "checkpoints/ta";
    bed->flows[0] = (struct pn_flow){.partition_key = "a", .table = &bed->tables[0]};
    bed->flows[1] = (struct pn_flow){.partition_key = "b", .table = &bed->tables[1]};
    bed->flows[2] = (struct pn_flow){.partition_key = "c", .table = &bed->tables[1]};
    bed->flows[3] = (struct pn_flow){.table = &bed->tables[2]};
    bed->pipeline_streams[0] = (struct pn_pipeline_stream){
        .name = "s", .start = PN_START_TRIM_HORIZON, .flows = bed->flows, .flow_count = 3};
    bed->pipeline_streams[1] = (struct pn_pipeline_stream){
        .name = "any", .start = PN_START_LATEST, .flows = &bed->flows[3], .flow_count = 1};
    bed->pipeline = (struct pn_pipeline){.name = "bed",
                                         .streams = bed->pipeline_streams,
                                         .stream_count = 2,
                                         .stream_dead_letters_path = "tables/letters"};
}

void stream_bed_init(struct stream_bed *bed)
{
    memset(bed, 0, sizeof *bed);
    ram_folder("stream", bed->folder, sizeof bed->folder);
    assert_int_equal(pn_local_store_open(bed->folder, ram_io(), &bed->store, NULL), 0);
    bed->metrics = pn_metrics_create();
    bed->source.ops = &source_ops;
    bed->engine.ops = &engine_ops;
    bed->failing_class = PN_CLASS_RETRY;
    pthread_mutex_init(&bed->lock, NULL);
    pn_notifier_init(&bed->notifier);
    pn_settings_to_delta(default_settings(), &bed->delta);
    make_pipeline(bed);
    bed->config = (struct pn_streams_config){.trigger_ms = 1,
                                             .batch_rows_max = 1000,
                                             .batch_bytes_max = 1 << 20,
                                             .optimize_target_bytes = 1 << 20,
                                             .keep_ms = 600000,
                                             .delta = bed->delta};
}

static void free_stream(struct bed_stream *stream)
{
    for (size_t i = 0; i < stream->shard_count; i++) {
        for (size_t j = 0; j < stream->shards[i].count; j++) {
            free(stream->shards[i].records[j].key);
            free(stream->shards[i].records[j].value);
        }
        free(stream->shards[i].records);
    }
    *stream = (struct bed_stream){0};
}

void stream_bed_deinit(struct stream_bed *bed)
{
    for (size_t i = 0; i < BED_STREAMS; i++) {
        free_stream(&bed->streams[i]);
    }
    for (size_t i = 0; i < bed->row_count; i++) {
        free(bed->rows[i].value);
        free(bed->rows[i].reason);
        free(bed->rows[i].sequence);
        free(bed->rows[i].shard);
    }
    free(bed->rows);
    pn_notifier_deinit(&bed->notifier);
    pthread_mutex_destroy(&bed->lock);
    pn_metrics_destroy(&bed->metrics);
    pn_store_destroy(&bed->store);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), bed->folder, NULL), 0);
}

struct pn_streams *stream_bed_create(struct stream_bed *bed)
{
    const struct pn_streams_env env = {.pipeline = &bed->pipeline,
                                       .engine = &bed->engine,
                                       .store = bed->store,
                                       .source = &bed->source,
                                       .clock = pn_clock_system(),
                                       .metrics = bed->metrics};
    struct pn_streams *streams = NULL;
    assert_int_equal(pn_streams_create(&bed->config, &env, &streams, NULL), 0);
    return streams;
}

static void add_shard(struct bed_stream *stream, int32_t parent)
{
    assert_true(stream->shard_count < BED_SHARDS);
    uint32_t index = (uint32_t)stream->shard_count++;
    stream->shards[index] = (struct bed_shard){.info = {.index = index,
                                                        .parent = parent,
                                                        .adjacent_parent = -1,
                                                        .created_ms = 1000000,
                                                        .hash_end = {UINT64_MAX, UINT64_MAX}}};
}

void stream_bed_add(struct stream_bed *bed, const char *name, size_t shards)
{
    pthread_mutex_lock(&bed->lock);
    struct bed_stream *stream = find(bed, name);
    for (size_t i = 0; stream == NULL; i++) {
        assert_true(i < BED_STREAMS);
        stream = bed->streams[i].name == NULL ? &bed->streams[i] : NULL;
    }
    free_stream(stream);
    stream->name = name;
    stream->id = ++bed->next_id;
    for (size_t i = 0; i < shards; i++) {
        add_shard(stream, -1);
    }
    pthread_mutex_unlock(&bed->lock);
    pn_notifier_notify(&bed->notifier);
}

void stream_bed_remove(struct stream_bed *bed, const char *name)
{
    pthread_mutex_lock(&bed->lock);
    free_stream(find(bed, name));
    pthread_mutex_unlock(&bed->lock);
    pn_notifier_notify(&bed->notifier);
}

void stream_bed_put(struct stream_bed *bed, const char *name, size_t index, const char *key,
                    const char *value)
{
    pthread_mutex_lock(&bed->lock);
    struct bed_shard *shard = &find(bed, name)->shards[index];
    assert_false(shard->info.complete);
    pn_grow((void **)&shard->records, &shard->capacity, shard->count + 1, sizeof *shard->records);
    shard->records[shard->count++] =
        (struct bed_record){.key = pn_xstrdup(key),
                            .value = pn_xstrdup(value),
                            .arrival_ms = pn_wall_ms(pn_clock_system())};
    pthread_mutex_unlock(&bed->lock);
    pn_notifier_notify(&bed->notifier);
}

size_t stream_bed_split(struct stream_bed *bed, const char *name, size_t shard)
{
    pthread_mutex_lock(&bed->lock);
    struct bed_stream *stream = find(bed, name);
    size_t first = stream->shard_count;
    add_shard(stream, (int32_t)shard);
    add_shard(stream, (int32_t)shard);
    stream->shards[shard].info.complete = true;
    pthread_mutex_unlock(&bed->lock);
    pn_notifier_notify(&bed->notifier);
    return first;
}

char *stream_bed_rows(struct stream_bed *bed)
{
    struct pn_buf out;
    pn_buf_init(&out, 1 << 24);
    pthread_mutex_lock(&bed->lock);
    for (size_t i = 0; i < bed->row_count; i++) {
        const struct bed_row *row = &bed->rows[i];
        pn_buf_addf(&out, "%s%s%s", i > 0 ? " " : "", row->value == NULL ? "!" : "",
                    row->value == NULL ? row->reason : row->value);
    }
    pthread_mutex_unlock(&bed->lock);
    return pn_buf_take(&out);
}

static size_t count_rows(struct stream_bed *bed)
{
    pthread_mutex_lock(&bed->lock);
    size_t count = bed->row_count;
    pthread_mutex_unlock(&bed->lock);
    return count;
}

void stream_bed_await(struct stream_bed *bed, size_t rows)
{
    while (count_rows(bed) < rows) {
        sched_yield();
    }
}

int64_t stream_bed_position(struct stream_bed *bed, const char *table_path, const char *stream,
                            size_t shard)
{
    char id[PN_SHARD_ID_SIZE];
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta *delta =
        pn_delta_create(bed->store, table_path, NULL, pn_clock_system(), NULL, &bed->delta);
    int64_t version = -1;
    pthread_mutex_lock(&bed->lock);
    uint64_t stream_id = find(bed, stream)->id;
    pthread_mutex_unlock(&bed->lock);
    if (pn_delta_snapshot(delta, -1, &snapshot, NULL) == 0) {
        char *app_id = pn_stream_app_id(stream, stream_id, pn_shard_id((uint32_t)shard, id));
        version = pn_delta_txn_version(snapshot, app_id);
        free(app_id);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return version;
}
