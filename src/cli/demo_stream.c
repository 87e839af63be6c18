#include "cli/demo_stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/progress.h"
#include "delta/delta.h"
#include "emulate/latency.h"
#include "kinesis/kinesis.h"
#include "server/stations.h"
#include "settings/configs.h"

enum {
    RATE = 1000, /* records a second: a producer, not a load test */
    CONNECTIONS = 8,
    LOOK_MS = 2,
    SHOW_MS = 500,
    VISIBLE_MS_MAX = 30000,
    COMMIT_BYTES_MAX = 16 << 20,
    COLUMN_WIDTH = 14
};

static const int64_t ns_per_ms = 1000000;

/* An acknowledged record whose commit was not seen yet. */
struct pending {
    uint32_t shard;
    int64_t offset;
    int64_t acked_ns;
};

/* How far a table is in one shard of its stream. */
struct position {
    uint32_t shard;
    int64_t end; /* it holds all before */
};

struct table {
    const struct pn_table *table;
    const char *stream;
    const char *partition_key; /* of the records that are its, or NULL: all */
    int64_t next_version;      /* of its log, to look for */
    struct position *positions;
    size_t position_count;
    struct pending *pending;
    size_t pending_count;
    size_t pending_capacity;
    int64_t visible;
};

struct watch {
    struct pn_cli *cli;
    const struct pn_app *app;
    struct pn_store *store;
    struct table *tables;
    size_t table_count;
    int64_t start_ns;
    int64_t shown_ns;
    struct pn_buf commit;
    struct pn_json_parser *parser;
    pthread_mutex_t lock; /* of the rest, and of the tables' positions and pending ones */
    int64_t acknowledged;
    struct pn_latency latency;
    bool ended;          /* no more records come */
    bool abandoned;      /* and nobody waits for those that came */
    struct pn_err error; /* code 0: none */
};

/* --- what the producer tells ------------------------------------------------------------------ */

static int64_t position_of(const struct table *table, uint32_t shard)
{
    for (size_t i = 0; i < table->position_count; i++) {
        if (table->positions[i].shard == shard) {
            return table->positions[i].end;
        }
    }
    return 0;
}

static void add_pending(struct watch *watch, struct table *table, const struct pending *pending)
{
    if (pending->offset < position_of(table, pending->shard)) {
        /* The commit was faster than the answer's way to the producer. */
        pn_latency_add(&watch->latency, 0);
        table->visible++;
        return;
    }
    pn_grow((void **)&table->pending, &table->pending_capacity, table->pending_count + 1,
            sizeof *table->pending);
    table->pending[table->pending_count++] = *pending;
}

static bool is_its(const struct table *table, const struct pn_emulate_ack *ack)
{
    return strcmp(table->stream, ack->name) == 0 &&
           (table->partition_key == NULL || strcmp(table->partition_key, ack->partition_key) == 0);
}

static void on_acknowledged(void *arg, const struct pn_emulate_ack *ack)
{
    struct watch *watch = arg;
    struct pending pending = {.acked_ns = pn_mono_ns(watch->cli->clock)};
    int64_t created_s = 0;
    bool known = pn_sequence_parse(ack->position, ack->position_len, &created_s, &pending.shard,
                                   &pending.offset);
    PN_ASSERT(known);
    (void)pthread_mutex_lock(&watch->lock);
    watch->acknowledged++;
    for (size_t i = 0; i < watch->table_count; i++) {
        if (is_its(&watch->tables[i], ack)) {
            add_pending(watch, &watch->tables[i], &pending);
            break;
        }
    }
    (void)pthread_mutex_unlock(&watch->lock);
}

/* --- what the tables' logs tell --------------------------------------------------------------- */

/* The shard of a processor's position on this stream: "pinion/<stream>/<id>/shardId-<number>". */
static bool shard_of(const struct table *table, const struct pn_json *app_id, uint32_t *shard)
{
    static const char start[] = "pinion/";
    static const char shard_start[] = "/shardId-";
    size_t stream_len = strlen(table->stream);
    bool is_ours = app_id != NULL && app_id->type == PN_JSON_STRING &&
                   app_id->text_len > sizeof start - 1 + stream_len &&
                   memcmp(app_id->text, start, sizeof start - 1) == 0 &&
                   memcmp(app_id->text + sizeof start - 1, table->stream, stream_len) == 0;
    char *text = is_ours ? pn_json_dup(app_id) : NULL;
    const char *found = text != NULL ? strstr(text, shard_start) : NULL;
    if (found != NULL) {
        *shard = (uint32_t)strtoul(found + sizeof shard_start - 1, NULL, 10);
    }
    free(text);
    return found != NULL;
}

static void set_position(struct table *table, uint32_t shard, int64_t end)
{
    for (size_t i = 0; i < table->position_count; i++) {
        if (table->positions[i].shard == shard) {
            table->positions[i].end = end;
            return;
        }
    }
    table->positions =
        pn_xrealloc(table->positions, (table->position_count + 1) * sizeof *table->positions);
    table->positions[table->position_count++] = (struct position){.shard = shard, .end = end};
}

static void settle_pending(struct watch *watch, struct table *table, int64_t now_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->pending_count; i++) {
        const struct pending *pending = &table->pending[i];
        if (pending->offset < position_of(table, pending->shard)) {
            pn_latency_add(&watch->latency, now_ns - pending->acked_ns);
            table->visible++;
        } else {
            table->pending[kept++] = *pending;
        }
    }
    table->pending_count = kept;
}

/* One commit: a JSON object a line, those named "txn" are positions. */
static int take_commit(struct watch *watch, struct table *table, int64_t now_ns, struct pn_err *e)
{
    const char *line = pn_buf_text(&watch->commit);
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        struct pn_json *action = NULL;
        int rc = len > 0 ? pn_json_parse(watch->parser, line, len, len, &action, e) : 0;
        if (rc != 0) {
            return rc;
        }
        const struct pn_json *txn = pn_json_get(action, "txn");
        uint32_t shard = 0;
        if (txn != NULL && shard_of(table, pn_json_get(txn, "appId"), &shard)) {
            set_position(table, shard, pn_json_get_i64(txn, "version", 0));
        }
        line += len + (line[len] == '\n');
    }
    settle_pending(watch, table, now_ns);
    return 0;
}

/* The commits that came since the last look. */
static int look_at(struct watch *watch, struct table *table, struct pn_err *e)
{
    while (true) {
        struct pn_err failure = {0};
        char *key = pn_xasprintf("%s/_delta_log/%020" PRId64 ".json", table->table->path,
                                 table->next_version);
        pn_buf_reset(&watch->commit);
        int rc = pn_store_get(watch->store, key, &watch->commit, &failure);
        int64_t now_ns = pn_mono_ns(watch->cli->clock);
        free(key);
        if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
            return 0;
        }
        if (rc == 0) {
            (void)pthread_mutex_lock(&watch->lock);
            rc = take_commit(watch, table, now_ns, &failure);
            (void)pthread_mutex_unlock(&watch->lock);
        }
        if (rc != 0) {
            pn_err_copy(e, &failure);
            return rc;
        }
        table->next_version++;
    }
}

/* --- what people see -------------------------------------------------------------------------- */

static void print_heading(const struct watch *watch)
{
    FILE *out = watch->cli->out;
    (void)fprintf(out, "%8s%*s", "seconds", COLUMN_WIDTH, "acknowledged");
    for (size_t i = 0; i < watch->table_count; i++) {
        (void)fprintf(out, "%*s", COLUMN_WIDTH, watch->tables[i].table->name);
    }
    (void)fputc('\n', out);
    (void)fflush(out);
}

static void print_state(struct watch *watch, int64_t now_ns)
{
    FILE *out = watch->cli->out;
    char number[PN_GROUPED_SIZE];
    (void)pthread_mutex_lock(&watch->lock);
    (void)fprintf(out, "%8.1f%*s", (double)(now_ns - watch->start_ns) / 1e9, COLUMN_WIDTH,
                  pn_format_grouped(watch->acknowledged, number));
    for (size_t i = 0; i < watch->table_count; i++) {
        (void)fprintf(out, "%*s", COLUMN_WIDTH,
                      pn_format_grouped(watch->tables[i].visible, number));
    }
    (void)pthread_mutex_unlock(&watch->lock);
    (void)fputc('\n', out);
    (void)fflush(out);
    watch->shown_ns = now_ns;
}

/* --- the watcher ------------------------------------------------------------------------------ */

/* Is there nothing to wait for any more? */
static bool is_done(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    bool done = watch->ended;
    for (size_t i = 0; i < watch->table_count; i++) {
        done = done && (watch->abandoned || watch->tables[i].pending_count == 0);
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return done;
}

static bool has_ended(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->lock);
    bool ended = watch->ended;
    (void)pthread_mutex_unlock(&watch->lock);
    return ended;
}

static void *run_watch(void *arg)
{
    struct watch *watch = arg;
    int64_t ended_ns = 0;
    int rc = 0;
    while (rc == 0 && !is_done(watch)) {
        for (size_t i = 0; rc == 0 && i < watch->table_count; i++) {
            rc = look_at(watch, &watch->tables[i], &watch->error);
        }
        int64_t now_ns = pn_mono_ns(watch->cli->clock);
        if (now_ns - watch->shown_ns >= SHOW_MS * ns_per_ms) {
            print_state(watch, now_ns);
        }
        if (ended_ns == 0 && has_ended(watch)) {
            ended_ns = now_ns;
        }
        if (rc == 0 && ended_ns != 0 && now_ns - ended_ns > VISIBLE_MS_MAX * ns_per_ms) {
            rc = pn_err_fatal(&watch->error,
                              "not every record is in its table after %d s: `pinion stream lag` "
                              "shows which tables lack records",
                              VISIBLE_MS_MAX / 1000);
        }
        pn_sleep_ms(LOOK_MS);
    }
    print_state(watch, pn_mono_ns(watch->cli->clock));
    watch->error.code = rc;
    return NULL;
}

/* --- from start to end ------------------------------------------------------------------------ */

/* The version that a table's log will have next. */
static int find_version(const struct pn_app *app, const struct watch *watch,
                        struct pn_embedded_engine *engine, struct table *table, struct pn_err *e)
{
    struct pn_delta_config config;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err failure = {0};
    pn_settings_to_delta(app->settings, &config);
    struct pn_delta *delta =
        pn_delta_create(watch->store, table->table->path, pn_engine_parquet(engine), app->clock,
                        app->logger, &config);
    int rc = pn_delta_snapshot(delta, -1, &snapshot, &failure);
    if (rc == 0) {
        table->next_version = snapshot->version + 1;
    } else if (failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &failure);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rc;
}

/* Every table that a stream fills. */
static int open_watch(struct pn_cli *cli, const struct pn_app *app, struct watch *watch,
                      struct pn_err *e)
{
    const struct pn_pipeline *pipeline = app->pipeline;
    struct pn_embedded_engine *engine = NULL;
    *watch = (struct watch){.cli = cli, .app = app, .parser = pn_json_parser_create()};
    (void)pthread_mutex_init(&watch->lock, NULL);
    pn_buf_init(&watch->commit, COMMIT_BYTES_MAX);
    int rc = pn_app_open_store(app, &watch->store, e);
    if (rc == 0) {
        rc = pn_app_open_engine(app, watch->store, NULL, &engine, e);
    }
    for (size_t i = 0; rc == 0 && i < pipeline->stream_count; i++) {
        const struct pn_pipeline_stream *stream = &pipeline->streams[i];
        for (size_t k = 0; rc == 0 && k < stream->flow_count; k++) {
            watch->tables =
                pn_xrealloc(watch->tables, (watch->table_count + 1) * sizeof *watch->tables);
            struct table *table = &watch->tables[watch->table_count++];
            *table = (struct table){.table = stream->flows[k].table,
                                    .stream = stream->name,
                                    .partition_key = stream->flows[k].partition_key};
            rc = find_version(app, watch, engine, table, e);
        }
    }
    pn_embedded_engine_destroy(&engine);
    return rc;
}

static void close_watch(struct watch *watch)
{
    for (size_t i = 0; i < watch->table_count; i++) {
        free(watch->tables[i].positions);
        free(watch->tables[i].pending);
    }
    free(watch->tables);
    pn_buf_deinit(&watch->commit);
    pn_json_parser_destroy(&watch->parser);
    pn_store_destroy(&watch->store);
    (void)pthread_mutex_destroy(&watch->lock);
}

static int emulate(struct watch *watch, const char *url, int64_t rows, uint64_t seed,
                   struct pn_emulate_summary *sent, struct pn_err *e)
{
    const struct pn_app *app = watch->app;
    struct pn_emulate_config config;
    pn_emulate_config_init(&config);
    config.folder = app->pipeline->folder;
    config.rows = rows;
    config.seed = seed;
    config.target = PN_EMULATE_KINESIS_REST;
    config.url = url;
    config.api_key = getenv("PINION_API_KEY");
    config.connections = CONNECTIONS;
    config.rate = RATE;
    config.acknowledged = on_acknowledged;
    config.arg = watch;
    config.io = app->io;
    config.clock = app->clock;
    int rc = pn_emulate_run(&config, sent, e);
    if (rc == 0 && sent->acknowledged != sent->total) {
        rc = pn_err_fatal(e, "%" PRId64 " of %" PRId64 " records were not acknowledged: %s",
                          sent->total - sent->acknowledged, sent->total, sent->first_failure);
    }
    return rc;
}

static void take_outcome(const struct watch *watch, struct pn_demo_streamed *streamed)
{
    for (size_t i = 0; i < watch->table_count; i++) {
        streamed->visible += watch->tables[i].visible;
    }
    streamed->visible_p50_ms = pn_latency_quantile_ms(&watch->latency, 0.5);
    streamed->visible_p99_ms = pn_latency_quantile_ms(&watch->latency, 0.99);
    streamed->seconds = (double)(pn_mono_ns(watch->cli->clock) - watch->start_ns) / 1e9;
}

int pn_demo_stream(struct pn_cli *cli, const struct pn_app *app, const char *url, int64_t rows,
                   uint64_t seed, struct pn_demo_streamed *streamed, struct pn_err *e)
{
    struct watch watch;
    pthread_t thread;
    *streamed = (struct pn_demo_streamed){.visible = 0};
    int rc = open_watch(cli, app, &watch, e);
    if (rc == 0) {
        print_heading(&watch);
        watch.start_ns = watch.shown_ns = pn_mono_ns(cli->clock);
        if (pthread_create(&thread, NULL, run_watch, &watch) != 0) {
            rc = pn_err_fatal(e, "cannot start a thread to watch the tables");
        }
    }
    if (rc == 0) {
        rc = emulate(&watch, url, rows, seed, &streamed->sent, e);
        (void)pthread_mutex_lock(&watch.lock);
        watch.ended = true;
        watch.abandoned = rc != 0;
        (void)pthread_mutex_unlock(&watch.lock);
        (void)pthread_join(thread, NULL);
        take_outcome(&watch, streamed);
        if (rc == 0 && watch.error.code != 0) {
            pn_err_copy(e, &watch.error);
            rc = watch.error.code;
        }
    }
    close_watch(&watch);
    return rc;
}
