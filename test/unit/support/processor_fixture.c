#include "support/processor_fixture.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "processor/shards.h"
#include "store/local/local.h"
#include "support/defaults.h"
#include "support/ram_io.h"

#define SCHEMA                                                                               \
    "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true," \
    "\"metadata\":{}}]}"

static struct processor_fixture *fixture_of_source(struct pn_processor_source *source)
{
    return (struct processor_fixture *)((char *)source -
                                        offsetof(struct processor_fixture, source));
}

static struct processor_fixture *fixture_of_engine(struct pn_embedded_engine *engine)
{
    return (struct processor_fixture *)((char *)engine -
                                        offsetof(struct processor_fixture, engine));
}

static struct fixture_stream *find(struct processor_fixture *fixture, const char *name)
{
    for (size_t i = 0; i < BED_STREAMS; i++) {
        if (fixture->streams[i].name != NULL && strcmp(fixture->streams[i].name, name) == 0) {
            return &fixture->streams[i];
        }
    }
    return NULL;
}

/* --- the source ------------------------------------------------------------------------------- */

static int describe(struct pn_processor_source *source, const char *name, struct pn_arena *arena,
                    struct pn_processor_source_stream *out, struct pn_err *e)
{
    struct processor_fixture *fixture = fixture_of_source(source);
    int rc = 0;
    pthread_mutex_lock(&fixture->lock);
    const struct fixture_stream *stream = find(fixture, name);
    if (stream == NULL) {
        rc = pn_err_missing(e, "no stream %s", name);
    } else {
        *out = (struct pn_processor_source_stream){.id = stream->id,
                                                   .shard_count = stream->shard_count};
        out->shards = pn_arena_calloc(arena, stream->shard_count, sizeof *out->shards);
        for (size_t i = 0; i < stream->shard_count; i++) {
            out->shards[i] = stream->shards[i].info;
            out->shards[i].end = (int64_t)stream->shards[i].count;
        }
    }
    pthread_mutex_unlock(&fixture->lock);
    return rc;
}

static int position(struct pn_processor_source *source, const char *name, uint64_t id,
                    uint32_t shard, enum pn_stream_start start, int64_t start_ms, int64_t *offset,
                    struct pn_processor_place *place, struct pn_err *e)
{
    *place = (struct pn_processor_place){.ended = false};
    struct processor_fixture *fixture = fixture_of_source(source);
    int rc = 0;
    pthread_mutex_lock(&fixture->lock);
    const struct fixture_stream *stream = find(fixture, name);
    if (stream == NULL || stream->id != id) {
        rc = pn_err_missing(e, "no stream %s", name);
    } else {
        const struct fixture_shard *found = &stream->shards[shard];
        size_t at = start == PN_START_LATEST ? found->count : 0;
        while (start == PN_START_TIMESTAMP && at < found->count &&
               found->records[at].arrival_ms < start_ms) {
            at++;
        }
        *offset = (int64_t)at;
    }
    pthread_mutex_unlock(&fixture->lock);
    return rc;
}

static void copy_record(struct pn_arena *arena, const struct fixture_record *from, size_t offset,
                        struct pn_record *to)
{
    size_t len = strlen(from->value);
    *to =
        (struct pn_record){.key = {pn_arena_strdup(arena, from->key), strlen(from->key)},
                           .value = {memcpy(pn_arena_alloc(arena, len + 1), from->value, len), len},
                           .timestamp_ms = from->arrival_ms,
                           .offset = (int64_t)offset};
}

static int read_records(struct pn_processor_source *source, const char *name, uint64_t id,
                        uint32_t index, int64_t offset, const struct pn_processor_place *place,
                        size_t max_records, size_t max_bytes, struct pn_arena *arena,
                        struct pn_processor_source_records *out, struct pn_err *e)
{
    (void)place;
    struct processor_fixture *fixture = fixture_of_source(source);
    int rc = 0;
    *out = (struct pn_processor_source_records){.next_offset = offset};
    pthread_mutex_lock(&fixture->lock);
    const struct fixture_stream *stream = find(fixture, name);
    if (fixture->failing_reads > 0) {
        fixture->failing_reads--;
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "the disk is busy");
    } else if (stream == NULL || stream->id != id) {
        rc = pn_err_missing(e, "no stream %s", name);
    } else if (offset > (int64_t)stream->shards[index].count) {
        rc = pn_err_input(e, "offset %lld is above the end", (long long)offset);
    } else {
        const struct fixture_shard *shard = &stream->shards[index];
        size_t at = (size_t)(offset > shard->info.begin ? offset : shard->info.begin);
        size_t bytes = 0;
        out->lost_until = (int64_t)at;
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
    pthread_mutex_unlock(&fixture->lock);
    return rc;
}

static int list_names(struct pn_processor_source *source, struct pn_arena *arena,
                      const char ***names, size_t *count, struct pn_err *e)
{
    struct processor_fixture *fixture = fixture_of_source(source);
    (void)e;
    pthread_mutex_lock(&fixture->lock);
    *count = 0;
    *names = pn_arena_calloc(arena, BED_STREAMS, sizeof **names);
    for (size_t i = 0; i < BED_STREAMS; i++) {
        if (fixture->streams[i].name != NULL) {
            (*names)[(*count)++] = pn_arena_strdup(arena, fixture->streams[i].name);
        }
    }
    pthread_mutex_unlock(&fixture->lock);
    return 0;
}

static uint64_t wait(struct pn_processor_source *source, uint64_t seen, int64_t ms)
{
    return pn_notifier_wait(&fixture_of_source(source)->notifier, seen, ms);
}

static void wake(struct pn_processor_source *source)
{
    pn_notifier_notify(&fixture_of_source(source)->notifier);
}

static void leave(struct pn_processor_source *source)
{
    (void)source;
}

static const struct pn_processor_source_ops source_ops = {.destroy = leave,
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

/* After what the table had before: of two processors the later one may come here first. */
static void insert_row(struct processor_fixture *fixture, const struct fixture_row *row)
{
    pn_grow((void **)&fixture->rows, &fixture->row_capacity, fixture->row_count + 1,
            sizeof *fixture->rows);
    size_t at = fixture->row_count++;
    for (; at > 0 && fixture->rows[at - 1].table == row->table &&
           fixture->rows[at - 1].version > row->version;
         at--) {
        fixture->rows[at] = fixture->rows[at - 1];
    }
    fixture->rows[at] = *row;
}

static void keep_rows(struct processor_fixture *fixture, const struct pn_append *append,
                      int64_t version)
{
    pthread_mutex_lock(&fixture->lock);
    fixture->batches++;
    fixture->largest = append->count > fixture->largest ? append->count : fixture->largest;
    for (size_t i = 0; i < append->count; i++) {
        const struct pn_append_row *row = &append->rows[i];
        char sequence[PN_ROW_SEQUENCE_SIZE];
        append->sequence(append, row, sequence);
        const struct fixture_row kept = {
            .value = row->reason == NULL ? dup_bytes(row->value) : NULL,
            .reason = row->reason != NULL ? pn_xstrdup(row->reason) : NULL,
            .sequence = pn_xstrdup(sequence),
            .offset = row->offset,
            .shard = pn_xstrdup(append->positions[row->position].shard),
            .batch = fixture->batches,
            .table = append->table,
            .version = version,
        };
        insert_row(fixture, &kept);
    }
    pthread_mutex_unlock(&fixture->lock);
}

static int64_t updated_ms(const struct pn_append_position *position)
{
    int64_t now_ms = pn_wall_ms(pn_clock_system());
    return now_ms > position->newest_ms ? now_ms : position->newest_ms;
}

static int commit_batch(struct processor_fixture *fixture, const struct pn_append *append,
                        int64_t *version, struct pn_err *e)
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
    struct pn_delta *delta = pn_delta_create(fixture->store, append->table->path, NULL,
                                             pn_clock_system(), NULL, &fixture->delta);
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

static int append_batch(struct pn_embedded_engine *engine, const struct pn_append *append,
                        struct pn_table_report *report, struct pn_err *e)
{
    struct processor_fixture *fixture = fixture_of_engine(engine);
    pthread_mutex_lock(&fixture->lock);
    bool fails = fixture->failing_appends > 0;
    bool commits = !fails || fixture->commits_first;
    fixture->failing_appends -= fails;
    pthread_mutex_unlock(&fixture->lock);
    *report = (struct pn_table_report){.table = append->table, .version = -1};
    int rc = 0;
    if (commits) {
        rc = commit_batch(fixture, append, &report->version, e);
        if (rc == 0) {
            keep_rows(fixture, append, report->version);
        }
    }
    if (rc == 0 && fails) {
        return pn_err_set(e, fixture->failing_class, PN_FAIL, "the disk is full");
    }
    for (size_t i = 0; i < append->count; i++) {
        report->dead_letters += append->rows[i].reason != NULL;
    }
    report->rows = (int64_t)append->count - report->dead_letters;
    return rc;
}

static int optimize(struct pn_engine *engine, const char *path, int64_t target_bytes,
                    const struct pn_optimize_watch *watch, int64_t *files_before,
                    int64_t *files_after, struct pn_err *e)
{
    (void)watch;
    (void)path;
    (void)target_bytes;
    (void)e;
    atomic_fetch_add(&fixture_of_engine((struct pn_embedded_engine *)engine)->optimized, 1);
    *files_before = 0;
    *files_after = 0;
    return 0;
}

static const struct pn_delta_parquet *parquet(struct pn_embedded_engine *engine)
{
    (void)engine;
    return NULL;
}

static const struct pn_engine_ops batch_ops = {.name = "fixture", .optimize = optimize};
static const struct pn_embedded_engine_ops engine_ops = {.append = append_batch,
                                                         .parquet = parquet};

/* --- the fixture ------------------------------------------------------------------------------ */

static void make_pipeline(struct processor_fixture *fixture)
{
    static const char *const names[] = {"ta", "tb", "tc"};
    static const char *const paths[] = {"tables/ta", "tables/tb", "tables/tc"};
    fixture->cleaned = (struct pn_table){.name = "cleaned"};
    for (size_t i = 0; i < 3; i++) {
        fixture->tables[i] = (struct pn_table){.name = names[i],
                                               .path = paths[i],
                                               .like = &fixture->cleaned,
                                               .in_place_of = &fixture->cleaned};
    }
    fixture->tables[0].checkpoints = "checkpoints/ta";
    fixture->flows[0] = (struct pn_flow){.partition_key = "a", .table = &fixture->tables[0]};
    fixture->flows[1] = (struct pn_flow){.partition_key = "b", .table = &fixture->tables[1]};
    fixture->flows[2] = (struct pn_flow){.partition_key = "c", .table = &fixture->tables[1]};
    fixture->flows[3] = (struct pn_flow){.table = &fixture->tables[2]};
    fixture->pipeline_streams[0] = (struct pn_pipeline_stream){
        .name = "s", .start = PN_START_TRIM_HORIZON, .flows = fixture->flows, .flow_count = 3};
    fixture->pipeline_streams[1] = (struct pn_pipeline_stream){
        .name = "any", .start = PN_START_LATEST, .flows = &fixture->flows[3], .flow_count = 1};
    fixture->pipeline = (struct pn_pipeline){.name = "fixture",
                                             .streams = fixture->pipeline_streams,
                                             .stream_count = 2,
                                             .stream_dead_letters_path = "tables/letters"};
}

void stream_bed_init(struct processor_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    ram_folder("stream", fixture->folder, sizeof fixture->folder);
    assert_int_equal(pn_local_store_open(fixture->folder, ram_io(), &fixture->store, NULL), 0);
    fixture->metrics = pn_metrics_create();
    fixture->source.ops = &source_ops;
    fixture->engine.batch.ops = &batch_ops;
    fixture->engine.ops = &engine_ops;
    fixture->failing_class = PN_CLASS_RETRY;
    pthread_mutex_init(&fixture->lock, NULL);
    pn_notifier_init(&fixture->notifier);
    pn_settings_to_delta(default_settings(), &fixture->delta);
    make_pipeline(fixture);
    fixture->config = (struct pn_processor_config){.trigger_ms = 1,
                                                   .batch_rows_max = 1000,
                                                   .batch_bytes_max = 1 << 20,
                                                   .optimize_target_bytes = 1 << 20,
                                                   .keep_ms = 600000,
                                                   .delta = fixture->delta};
}

static void free_stream(struct fixture_stream *stream)
{
    for (size_t i = 0; i < stream->shard_count; i++) {
        for (size_t j = 0; j < stream->shards[i].count; j++) {
            free(stream->shards[i].records[j].key);
            free(stream->shards[i].records[j].value);
        }
        free(stream->shards[i].records);
    }
    *stream = (struct fixture_stream){0};
}

void stream_bed_deinit(struct processor_fixture *fixture)
{
    for (size_t i = 0; i < BED_STREAMS; i++) {
        free_stream(&fixture->streams[i]);
    }
    for (size_t i = 0; i < fixture->row_count; i++) {
        free(fixture->rows[i].value);
        free(fixture->rows[i].reason);
        free(fixture->rows[i].sequence);
        free(fixture->rows[i].shard);
    }
    free(fixture->rows);
    pn_notifier_deinit(&fixture->notifier);
    pthread_mutex_destroy(&fixture->lock);
    pn_metrics_destroy(&fixture->metrics);
    pn_store_destroy(&fixture->store);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
}

struct pn_processor_env stream_bed_env(struct processor_fixture *fixture)
{
    return (struct pn_processor_env){.pipeline = &fixture->pipeline,
                                     .engine = &fixture->engine,
                                     .store = fixture->store,
                                     .source = &fixture->source,
                                     .clock = pn_clock_system(),
                                     .metrics = fixture->metrics};
}

struct pn_processor *stream_bed_create(struct processor_fixture *fixture)
{
    const struct pn_processor_env env = stream_bed_env(fixture);
    struct pn_processor *streams = NULL;
    assert_int_equal(pn_processor_create(&fixture->config, &env, &streams, NULL), 0);
    return streams;
}

static void add_shard(struct fixture_stream *stream, int32_t parent)
{
    assert_true(stream->shard_count < BED_SHARDS);
    uint32_t index = (uint32_t)stream->shard_count++;
    stream->shards[index] = (struct fixture_shard){.info = {.index = index,
                                                            .parent = parent,
                                                            .adjacent_parent = -1,
                                                            .created_ms = 1000000,
                                                            .hash_end = {UINT64_MAX, UINT64_MAX}}};
}

void stream_bed_add(struct processor_fixture *fixture, const char *name, size_t shards)
{
    pthread_mutex_lock(&fixture->lock);
    struct fixture_stream *stream = find(fixture, name);
    for (size_t i = 0; stream == NULL; i++) {
        assert_true(i < BED_STREAMS);
        stream = fixture->streams[i].name == NULL ? &fixture->streams[i] : NULL;
    }
    free_stream(stream);
    stream->name = name;
    stream->id = ++fixture->next_id;
    for (size_t i = 0; i < shards; i++) {
        add_shard(stream, -1);
    }
    pthread_mutex_unlock(&fixture->lock);
    pn_notifier_notify(&fixture->notifier);
}

void stream_bed_remove(struct processor_fixture *fixture, const char *name)
{
    pthread_mutex_lock(&fixture->lock);
    free_stream(find(fixture, name));
    pthread_mutex_unlock(&fixture->lock);
    pn_notifier_notify(&fixture->notifier);
}

void stream_bed_put(struct processor_fixture *fixture, const char *name, size_t index,
                    const char *key, const char *value)
{
    pthread_mutex_lock(&fixture->lock);
    struct fixture_shard *shard = &find(fixture, name)->shards[index];
    assert_false(shard->info.complete);
    pn_grow((void **)&shard->records, &shard->capacity, shard->count + 1, sizeof *shard->records);
    shard->records[shard->count++] =
        (struct fixture_record){.key = pn_xstrdup(key),
                                .value = pn_xstrdup(value),
                                .arrival_ms = pn_wall_ms(pn_clock_system())};
    pthread_mutex_unlock(&fixture->lock);
    pn_notifier_notify(&fixture->notifier);
}

size_t stream_bed_split(struct processor_fixture *fixture, const char *name, size_t shard)
{
    pthread_mutex_lock(&fixture->lock);
    struct fixture_stream *stream = find(fixture, name);
    size_t first = stream->shard_count;
    add_shard(stream, (int32_t)shard);
    add_shard(stream, (int32_t)shard);
    stream->shards[shard].info.complete = true;
    pthread_mutex_unlock(&fixture->lock);
    pn_notifier_notify(&fixture->notifier);
    return first;
}

char *stream_bed_rows(struct processor_fixture *fixture)
{
    struct pn_buf out;
    pn_buf_init(&out, 1 << 24);
    pthread_mutex_lock(&fixture->lock);
    for (size_t i = 0; i < fixture->row_count; i++) {
        const struct fixture_row *row = &fixture->rows[i];
        pn_buf_addf(&out, "%s%s%s", i > 0 ? " " : "", row->value == NULL ? "!" : "",
                    row->value == NULL ? row->reason : row->value);
    }
    pthread_mutex_unlock(&fixture->lock);
    return pn_buf_take(&out);
}

static size_t count_rows(struct processor_fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    size_t count = fixture->row_count;
    pthread_mutex_unlock(&fixture->lock);
    return count;
}

void stream_bed_await(struct processor_fixture *fixture, size_t rows)
{
    while (count_rows(fixture) < rows) {
        sched_yield();
    }
}

int64_t stream_bed_position(struct processor_fixture *fixture, const char *table_path,
                            const char *stream, size_t shard)
{
    char id[PN_SHARD_ID_SIZE];
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta *delta =
        pn_delta_create(fixture->store, table_path, NULL, pn_clock_system(), NULL, &fixture->delta);
    int64_t version = -1;
    pthread_mutex_lock(&fixture->lock);
    uint64_t stream_id = find(fixture, stream)->id;
    pthread_mutex_unlock(&fixture->lock);
    if (pn_delta_snapshot(delta, -1, &snapshot, NULL) == 0) {
        char *app_id = pn_processor_app_id(stream, stream_id, pn_shard_id((uint32_t)shard, id));
        version = pn_delta_txn_version(snapshot, app_id);
        free(app_id);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return version;
}
