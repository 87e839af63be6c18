/*
 * What does a micro-batch cost, from the call to the durable commit? Records are lines of JSON, as
 * `pinion emulate batch --to jsonl` writes them.
 *
 *   append_bench small PIPELINE FOLDER TABLE=FILE[,TABLE=FILE...] [ROWS] [BATCHES] [PERIOD_MS]
 *   append_bench drain PIPELINE FOLDER TABLE=FILE[,TABLE=FILE...] [ROWS] [BATCH_ROWS]
 *
 * Each table has a thread. `small` appends a batch each period (0: one after the other), `drain`
 * all rows in batches of 20,000. ENGINE_THREADS, ENGINE_MEMORY_MIB, COMPRESSION and
 * CHECKPOINT_INTERVAL in the environment set up the engine; COMPACT_MS compacts the tables
 * beside it, each time after so many milliseconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "engine/duckdb/duckdb.h"
#include "settings/configs.h"
#include "store/local/local.h"

enum { TABLES_MAX = 16, BATCH_BYTES_MAX = 8 << 20 };

struct lane {
    struct pn_embedded_engine *engine;
    const struct pn_table *table;
    struct pn_append_row *rows;
    size_t count;
    size_t batch_rows;
    size_t batches;
    int64_t period_ms;
    int64_t *took_us;
    size_t took_count;
    int64_t bytes;
    pthread_t thread;
};

static void die(const char *what)
{
    fprintf(stderr, "append_bench: %s\n", what);
    exit(1);
}

static int64_t number(const char *text, int64_t fallback)
{
    char *end = NULL;
    if (text == NULL) {
        return fallback;
    }
    int64_t value = strtoll(text, &end, 10);
    if (*end != '\0' || value < 0) {
        die("a number is expected");
    }
    return value;
}

static void read_rows(struct lane *lane, const char *path, size_t max)
{
    struct pn_err e;
    struct pn_buf *text = pn_xcalloc(1, sizeof *text); /* the rows point into it, to the end */
    pn_buf_init(text, (size_t)4 << 30);
    if (pn_io_read_file(pn_io_system(), path, text, &e) != 0) {
        die(e.msg);
    }
    size_t capacity = 0;
    for (char *at = text->data, *end = text->data + text->len; at < end && lane->count < max;) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);
        pn_grow((void **)&lane->rows, &capacity, lane->count + 1, sizeof *lane->rows);
        lane->rows[lane->count] = (struct pn_append_row){.value = {at, len},
                                                         .data = {at, len},
                                                         .partition_key = {"key", 3},
                                                         .offset = (int64_t)lane->count};
        lane->count++;
        at += len + 1;
    }
}

static void write_sequence(const struct pn_append *append, const struct pn_append_row *row,
                           char *out)
{
    (void)append;
    (void)snprintf(out, PN_ROW_SEQUENCE_SIZE, "%lld", (long long)row->offset);
}

static void append(struct lane *lane, size_t first, size_t count, int64_t from)
{
    struct pn_table_report report;
    struct pn_err e;
    const struct pn_append_position position = {.app_id = "bench",
                                                .shard = "shardId-000000000000",
                                                .from = from,
                                                .to = (int64_t)(first + count)};
    const struct pn_append batch = {.table = lane->table,
                                    .stream = "bench",
                                    .rows = lane->rows + first,
                                    .count = count,
                                    .positions = &position,
                                    .sequence = write_sequence,
                                    .position_count = 1};
    int64_t start_ns = pn_mono_ns(pn_clock_system());
    if (pn_engine_append(lane->engine, &batch, &report, &e) != 0) {
        die(e.msg);
    }
    lane->took_us[lane->took_count++] = (pn_mono_ns(pn_clock_system()) - start_ns) / 1000;
    lane->bytes += report.bytes;
}

static void *run(void *arg)
{
    struct lane *lane = arg;
    size_t at = 0;
    int64_t due_ns = pn_mono_ns(pn_clock_system());
    while (at < lane->count && lane->took_count < lane->batches) {
        size_t count = 0;
        size_t bytes = 0;
        while (at + count < lane->count && count < lane->batch_rows && bytes < BATCH_BYTES_MAX) {
            bytes += lane->rows[at + count++].value.len;
        }
        append(lane, at, count, at == 0 ? -1 : (int64_t)at);
        at += count;
        due_ns += lane->period_ms * 1000000;
        int64_t wait_ns = due_ns - pn_mono_ns(pn_clock_system());
        if (lane->period_ms > 0 && wait_ns > 0) {
            struct timespec wait = {.tv_sec = wait_ns / 1000000000,
                                    .tv_nsec = wait_ns % 1000000000};
            nanosleep(&wait, NULL);
        }
    }
    return NULL;
}

/* Compaction beside the appends, as a server has it. */
struct compactor {
    struct pn_embedded_engine *engine;
    struct lane *lanes;
    size_t count;
    int64_t wait_ms;
    atomic_bool stopping;
    int64_t rounds;
    pthread_t thread;
};

static void *compact(void *arg)
{
    struct compactor *compactor = arg;
    struct timespec wait = {.tv_sec = compactor->wait_ms / 1000,
                            .tv_nsec = compactor->wait_ms % 1000 * 1000000};
    while (!atomic_load(&compactor->stopping)) {
        nanosleep(&wait, NULL);
        for (size_t i = 0; i < compactor->count; i++) {
            struct pn_err e;
            int64_t before = 0;
            int64_t after = 0;
            if (pn_engine_optimize(&compactor->engine->batch, compactor->lanes[i].table->path,
                                   128 << 20, NULL, &before, &after, &e) != 0 &&
                e.class_ != PN_CLASS_MISSING) {
                die(e.msg);
            }
            compactor->rounds += after < before;
        }
    }
    return NULL;
}

static int by_value(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one;
    int64_t b = *(const int64_t *)other;
    return a < b ? -1 : a > b;
}

static void report_times(struct lane *lane)
{
    if (lane->took_count < 2) {
        return;
    }
    int64_t first_us = lane->took_us[0];
    int64_t *times = lane->took_us + 1;
    size_t count = lane->took_count - 1;
    qsort(times, count, sizeof *times, by_value);
    printf("%s: first batch %.1f ms, then p50 %.1f, p90 %.1f, p99 %.1f, max %.1f ms\n",
           lane->table->name, (double)first_us / 1e3, (double)times[count / 2] / 1e3,
           (double)times[count * 9 / 10] / 1e3, (double)times[count * 99 / 100] / 1e3,
           (double)times[count - 1] / 1e3);
}

/* Kilobytes that the process has in memory. */
static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

static size_t open_lanes(struct lane *lanes, struct pn_embedded_engine *engine,
                         const struct pn_pipeline *pipeline, char *spec, bool small, char **numbers)
{
    size_t count = 0;
    char *rest = NULL;
    size_t rows = (size_t)number(numbers[0], small ? 10 : 500000);
    size_t more = (size_t)number(rows > 0 ? numbers[1] : NULL, small ? 200 : 20000);
    for (char *part = strtok_r(spec, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(part, '=');
        if (equals == NULL || count == TABLES_MAX) {
            die("TABLE=FILE is expected");
        }
        *equals = '\0';
        struct lane *lane = &lanes[count++];
        lane->engine = engine;
        lane->table = pn_pipeline_table(pipeline, part);
        if (lane->table == NULL || lane->table->like == NULL) {
            die("no such stream table");
        }
        lane->batch_rows = small ? rows : more;
        lane->batches = small ? more : SIZE_MAX;
        read_rows(lane, equals + 1, small ? rows * more : rows);
        lane->took_us = pn_xcalloc(lane->count + 1, sizeof *lane->took_us);
    }
    return count;
}

int main(int argc, char **argv)
{
    struct pn_err e;
    struct pn_store *store = NULL;
    struct pn_pipeline *pipeline = NULL;
    struct pn_embedded_engine *engine = NULL;
    struct lane lanes[TABLES_MAX] = {{0}};
    if (argc < 5 || (strcmp(argv[1], "small") != 0 && strcmp(argv[1], "drain") != 0)) {
        fprintf(stderr, "usage: append_bench small|drain PIPELINE FOLDER TABLE=FILE[,...] [ROWS] "
                        "[BATCHES|BATCH_ROWS] [PERIOD_MS]\n");
        return 2;
    }
    bool small = strcmp(argv[1], "small") == 0;
    char *temp = pn_xasprintf("%s/tmp", argv[3]);
    struct pn_duckdb_config config = {
        .temp_folder = temp,
        .memory_bytes_max = number(getenv("ENGINE_MEMORY_MIB"), 512) << 20,
        .threads = number(getenv("ENGINE_THREADS"), 2),
        .parquet_compression = getenv("COMPRESSION") != NULL ? getenv("COMPRESSION") : "snappy"};
    struct pn_settings settings;
    pn_settings_init(&settings);
    pn_settings_to_delta(&settings, &config.delta);
    pn_settings_deinit(&settings);
    config.delta.checkpoint_interval = number(getenv("CHECKPOINT_INTERVAL"), 10);
    if (pn_local_store_open(argv[3], pn_io_system(), &store, &e) != 0 ||
        pn_pipeline_load(argv[2], pn_io_system(), &pipeline, &e) != 0 ||
        pn_duckdb_engine_create(&config, pipeline, store, pn_clock_system(), NULL, &engine, &e) !=
            0) {
        die(e.msg);
    }
    char *numbers[] = {argc > 5 ? argv[5] : NULL, argc > 6 ? argv[6] : NULL};
    size_t count = open_lanes(lanes, engine, pipeline, argv[4], small, numbers);
    long before_kib = resident_kib();
    int64_t start_ns = pn_mono_ns(pn_clock_system());
    struct compactor compactor = {.engine = engine,
                                  .lanes = lanes,
                                  .count = count,
                                  .wait_ms = number(getenv("COMPACT_MS"), 0)};
    if (compactor.wait_ms > 0) {
        pthread_create(&compactor.thread, NULL, compact, &compactor);
    }
    for (size_t i = 0; i < count; i++) {
        lanes[i].period_ms = small ? number(argc > 7 ? argv[7] : NULL, 0) : 0;
        pthread_create(&lanes[i].thread, NULL, run, &lanes[i]);
    }
    size_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        pthread_join(lanes[i].thread, NULL);
        rows += lanes[i].count;
    }
    if (compactor.wait_ms > 0) {
        atomic_store(&compactor.stopping, true);
        pthread_join(compactor.thread, NULL);
        printf("%lld compactions\n", (long long)compactor.rounds);
    }
    double took = (double)(pn_mono_ns(pn_clock_system()) - start_ns) / 1e9;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    for (size_t i = 0; i < count; i++) {
        report_times(&lanes[i]);
    }
    printf("%zu rows in %.2f s: %.0f rows/s; CPU %.2f s; %.0f MiB in memory, %.0f at most, %.0f of "
           "them the records\n",
           rows, took, (double)rows / took,
           (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
               (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6,
           (double)resident_kib() / 1024, (double)usage.ru_maxrss / 1024,
           (double)before_kib / 1024);
    pn_embedded_engine_destroy(&engine);
    pn_pipeline_destroy(&pipeline);
    pn_store_destroy(&store);
    free(temp);
    return 0;
}
