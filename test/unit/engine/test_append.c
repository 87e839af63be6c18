/* Micro-batches into stream tables: rows, dead letters, and each of both exactly once. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/engine_fixture.h"

enum { RAW, LIKE, STREAM, OTHER, TABLES, BATCH_MAX = 10000 };

/* An engine on a pipeline of a raw table, one like it should be, and two that streams fill. */
struct bed {
    struct engine_fixture base;
    struct pn_table tables[TABLES];
    const struct pn_table *reads[2];
};

static const struct pn_column RAW_COLUMNS[] = {
    {.name = "id", .type = {.kind = PN_TYPE_BIGINT}, .required = true},
    {.name = "word", .type = {.kind = PN_TYPE_STRING}},
    {.name = "moment", .type = {.kind = PN_TYPE_TIMESTAMP}},
};
static const struct pn_column COLUMNS[] = {
    {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "word", .type = {.kind = PN_TYPE_STRING}},
};

static int set_up(void **state)
{
    struct bed *bed = pn_xcalloc(1, sizeof *bed);
    engine_fixture_init(&bed->base);
    bed->tables[RAW] = (struct pn_table){.name = "raw",
                                         .path = "tables/raw/one",
                                         .from_topic = "t.one",
                                         .columns = RAW_COLUMNS,
                                         .column_count = 3};
    bed->reads[0] = &bed->tables[RAW];
    bed->tables[LIKE] = (struct pn_table){.name = "clean",
                                          .path = "tables/clean",
                                          .sql_file = "clean/clean.sql",
                                          .sql = "SELECT twice(id) AS id, upper(word) AS word "
                                                 "FROM raw;",
                                          .reads = bed->reads,
                                          .read_count = 1,
                                          .columns = COLUMNS,
                                          .column_count = 2};
    bed->tables[STREAM] = (struct pn_table){.name = "live",
                                            .path = "tables/live",
                                            .like = &bed->tables[LIKE],
                                            .columns = COLUMNS,
                                            .column_count = 2};
    bed->tables[OTHER] = bed->tables[STREAM];
    bed->tables[OTHER].name = "other";
    bed->tables[OTHER].path = "tables/other";
    bed->base.pipeline.tables = bed->tables;
    bed->base.pipeline.table_count = TABLES;
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    engine_fixture_deinit(&bed->base);
    free(bed);
    return 0;
}

/* --- batches --------------------------------------------------------------------------------- */

/* A batch from one shard: its records are numbered by their offsets, from `from` on. */
struct batch {
    const struct pn_table *table;
    struct pn_stream_row rows[BATCH_MAX];
    struct pn_stream_position position;
    struct pn_append append;
};

static void write_sequence(const struct pn_append *append, const struct pn_stream_row *row,
                           char *out)
{
    if (append->arg != NULL) {
        const int64_t one_minute_ms = 60000;
        pn_fake_clock_advance((struct pn_fake_clock *)(uintptr_t)append->arg, one_minute_ms);
    }
    snprintf(out, PN_ROW_SEQUENCE_SIZE, "%" PRId64, 1000 + row->offset);
}

static struct batch *batch_create(const struct pn_table *table, int64_t from)
{
    struct batch *batch = pn_xcalloc(1, sizeof *batch);
    batch->position = (struct pn_stream_position){
        .app_id = "stream:1:0", .shard = "shardId-000000000000", .from = from, .to = from};
    batch->append = (struct pn_append){.table = table,
                                       .stream = "stream",
                                       .rows = batch->rows,
                                       .positions = &batch->position,
                                       .position_count = 1,
                                       .sequence = write_sequence};
    return batch;
}

static struct pn_stream_row *add(struct batch *batch, const char *value)
{
    size_t at = batch->append.count++;
    assert_true(at < BATCH_MAX);
    int64_t offset = batch->position.to < 0 ? 0 : batch->position.to;
    batch->position.to = offset + 1;
    batch->rows[at] = (struct pn_stream_row){.value = {value, strlen(value)},
                                             .data = {value, strlen(value)},
                                             .partition_key = {"key", 3},
                                             .offset = offset,
                                             .arrival_ms = 1767225600000 + offset};
    return &batch->rows[at];
}

static int append(struct bed *bed, struct batch *batch, struct pn_table_report *report,
                  struct pn_err *e)
{
    *e = (struct pn_err){.msg = ""};
    return pn_engine_append(bed->base.engine, &batch->append, report, e);
}

/* Appends, which must work, and frees the batch. */
static struct pn_table_report append_ok(struct bed *bed, struct batch *batch)
{
    struct pn_table_report report;
    struct pn_err e;
    if (append(bed, batch, &report, &e) != 0) {
        fail_msg("append: %s", e.msg);
    }
    free(batch);
    return report;
}

static void append_fails(struct bed *bed, struct batch *batch, enum pn_class class_,
                         const char *part)
{
    struct pn_table_report report;
    struct pn_err e;
    assert_int_not_equal(append(bed, batch, &report, &e), 0);
    if (strstr(e.msg, part) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", e.msg, part);
    }
    assert_int_equal(e.class_, class_);
    free(batch);
}

static int64_t position_of(struct bed *bed, const char *path, const char *app_id)
{
    int64_t version = 0;
    struct pn_delta *table =
        pn_delta_create(bed->base.store, path, pn_engine_parquet(bed->base.engine),
                        &bed->base.clock.clock, NULL, &bed->base.config.delta);
    assert_int_equal(pn_delta_txn_latest(table, app_id, &version, NULL), 0);
    pn_delta_destroy(&table);
    return version;
}

static int64_t live_position(struct bed *bed)
{
    return position_of(bed, "tables/live", "stream:1:0");
}

/* --- rows ------------------------------------------------------------------------------------ */

static void test_rows_are_cleaned_by_the_select(void **state)
{
    struct bed *bed = *state;
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "{\"id\": 1, \"word\": \"one\"}");
    add(batch, "{\"id\": 2, \"word\": null, \"more\": [1]}");
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.version, 0);
    assert_int_equal(report.rows, 2);
    assert_int_equal(report.dead_letters, 0);
    assert_int_equal(report.unknown_values, 1);
    batch = batch_create(&bed->tables[STREAM], 2);
    add(batch, "{\"id\": 3, \"word\": \"three\"}");
    report = append_ok(bed, batch);
    assert_int_equal(report.version, 1);
    assert_int_equal(report.rows, 1);
    assert_answer(&bed->base, "SELECT * FROM live ORDER BY id", "2|\"ONE\"\n4|null\n6|\"THREE\"\n");
    assert_int_equal(live_position(bed), 3);
    assert_refused(&bed->base, "SELECT * FROM other", "doesn't exist yet: a stream fills it");
    assert_refused(&bed->base, "SELECT * FROM stream_dead_letters",
                   "table 'stream_dead_letters' doesn't exist yet: nothing was refused");
}

/* A batch that has no rows makes the table, and remembers how far the stream was read. */
static void test_a_batch_without_rows(void **state)
{
    struct bed *bed = *state;
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    const struct pn_delta_map_entry configuration[] = {{"delta.checkpointInterval", "77"}};
    batch->append.configuration = configuration;
    batch->append.configuration_count = 1;
    batch->position.to = 7;
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.version, 0);
    assert_int_equal(report.rows, 0);
    assert_answer(&bed->base, "SELECT * FROM live", "");
    assert_int_equal(live_position(bed), 7);
    struct pn_buf commit;
    pn_buf_init(&commit, 1 << 20);
    assert_int_equal(pn_store_get(bed->base.store,
                                  "tables/live/_delta_log/00000000000000000000.json", &commit,
                                  NULL),
                     0);
    assert_non_null(strstr(pn_buf_text(&commit), "\"delta.checkpointInterval\":\"77\""));
    pn_buf_deinit(&commit);
    batch = batch_create(&bed->tables[STREAM], 7);
    add(batch, "{\"id\": 5}");
    append_ok(bed, batch);
    assert_answer(&bed->base, "SELECT id FROM live", "10\n");
}

static void test_a_select_may_drop_and_multiply(void **state)
{
    struct bed *bed = *state;
    bed->tables[LIKE].sql = "SELECT id + n AS id, word FROM raw, range(2) AS r(n) WHERE id <> 2";
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "{\"id\": 1}");
    add(batch, "{\"id\": 2}");
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.rows, 2);
    batch = batch_create(&bed->tables[STREAM], 2);
    add(batch, "{\"id\": 2}");
    report = append_ok(bed, batch);
    assert_int_equal(report.rows, 0);
    assert_int_equal(report.version, 1);
    assert_answer(&bed->base, "SELECT id FROM live ORDER BY id", "1\n2\n");
    assert_int_equal(live_position(bed), 3);
}

/* Many rows are read by several threads; all of them come once. */
static void test_a_large_batch(void **state)
{
    struct bed *bed = *state;
    static char values[BATCH_MAX][32];
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    for (int i = 0; i < BATCH_MAX; i++) {
        snprintf(values[i], sizeof values[i], i % 5 == 4 ? "{\"id\": \"%d\"}" : "{\"id\": %d}", i);
        add(batch, values[i]);
    }
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.rows, BATCH_MAX / 5 * 4);
    assert_int_equal(report.dead_letters, BATCH_MAX / 5);
    assert_answer(&bed->base,
                  "SELECT count(DISTINCT id), min(id), max(id), sum(id % 10 = 8) FROM live",
                  "8000|0|19996|0\n");
    assert_answer(&bed->base,
                  "SELECT count(DISTINCT sequence_number), count(*) FROM stream_dead_letters",
                  "2000|2000\n");
}

static void test_unknown_keys(void **state)
{
    struct bed *bed = *state;
    bed->tables[RAW].unknown_keys = PN_UNKNOWN_KEEP;
    bed->tables[LIKE].sql = "SELECT id, _unknown AS word FROM raw";
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "{\"id\": 1, \"a\": {\"b\": 2}}");
    add(batch, "{\"id\": 2}");
    append_ok(bed, batch);
    assert_answer(&bed->base, "SELECT * FROM live ORDER BY id",
                  "1|\"{\\\"a\\\":{\\\"b\\\":2}}\"\n2|null\n");
    engine_fixture_reopen(&bed->base);
    bed->tables[RAW].unknown_keys = PN_UNKNOWN_REJECT;
    bed->tables[LIKE].sql = "SELECT id, word FROM raw";
    batch = batch_create(&bed->tables[STREAM], 2);
    add(batch, "{\"id\": 3, \"a\": 1}");
    add(batch, "{\"id\": 4}");
    append_ok(bed, batch);
    assert_answer(&bed->base, "SELECT id FROM live WHERE id > 2", "4\n");
    assert_answer(&bed->base, "SELECT reason FROM stream_dead_letters", "\"unknown key 'a'\"\n");
}

/* --- what is no stream table's SELECT -------------------------------------------------------- */

static struct batch *one_row(struct bed *bed)
{
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "{\"id\": 1}");
    return batch;
}

static void test_selects_that_cannot_be(void **state)
{
    struct bed *bed = *state;
    static const struct {
        const char *sql;
        const char *part;
    } cases[] = {
        {"SELECT 1::BIGINT AS id, 'x' AS word", "clean/clean.sql: it doesn't read 'raw', so"},
        {"SELECT raw.id, raw.word FROM raw, live", "it reads 'live', but a table that a stream "},
        {"SELECT id FROM raw", "it gives 1 columns, but the pipeline declares 2"},
        {"SELECT id::INT AS id, word FROM raw", "column 'id' is INTEGER, but"},
        {"SELECT nothing(id) AS id, word FROM raw", "nothing"},
        {"SELEC id", "clean/clean.sql"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bed->tables[LIKE].sql = cases[i].sql;
        append_fails(bed, one_row(bed), PN_CLASS_INPUT, cases[i].part);
    }
    bed->tables[LIKE].sql = "SELECT id, word FROM raw";
    append_ok(bed, one_row(bed));
    assert_answer(&bed->base, "SELECT id FROM live", "1\n");
}

/* --- dead letters ---------------------------------------------------------------------------- */

static void test_dead_letters(void **state)
{
    struct bed *bed = *state;
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "{\"id\": 1}");
    add(batch, "{\"word\": \"no id\"}");
    add(batch, "[1]");
    struct pn_stream_row *row = add(batch, "");
    row->data = (struct pn_bytes){"\xff\x00", 2};
    row->partition_key = (struct pn_bytes){"k\xff", 2};
    row->reason = "the data is no JSON";
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.rows, 1);
    assert_int_equal(report.dead_letters, 3);
    assert_answer(&bed->base, "SELECT * FROM stream_dead_letters ORDER BY sequence_number",
                  "\"live\"|\"stream\"|\"shardId-000000000000\"|\"1001\"|\"key\"|"
                  "\"2026-01-01T00:00:00.001000Z\"|\"missing key: column 'id' has no value\"|"
                  "\"{\\\"word\\\": \\\"no id\\\"}\"\n"
                  "\"live\"|\"stream\"|\"shardId-000000000000\"|\"1002\"|\"key\"|"
                  "\"2026-01-01T00:00:00.002000Z\"|\"not a JSON object but array\"|\"[1]\"\n"
                  "\"live\"|\"stream\"|\"shardId-000000000000\"|\"1003\"|\"k\xEF\xBF\xBD\"|"
                  "\"2026-01-01T00:00:00.003000Z\"|\"the data is no JSON (the data is in "
                  "base64)\"|\"/wA=\"\n");
}

/* A file that waited for its commit so long that a vacuum may have taken it isn't committed. */
static void test_a_pause_before_the_commit(void **state)
{
    struct bed *bed = *state;
    struct pn_table_report report;
    struct pn_err e;
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "{\"id\": 1}");
    add(batch, "[1]");
    batch->append.arg = &bed->base.clock; /* time passes when the dead letter is written */
    assert_int_not_equal(append(bed, batch, &report, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "between writing a file and its commit"));
    batch->append.arg = NULL;
    report = append_ok(bed, batch);
    assert_int_equal(report.rows, 1);
    assert_answer(&bed->base, "SELECT count(*) FROM live", "1\n");
    assert_answer(&bed->base, "SELECT count(*) FROM stream_dead_letters", "1\n");
}

/* A batch of nothing but dead letters moves the position too. */
static void test_nothing_but_dead_letters(void **state)
{
    struct bed *bed = *state;
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "nonsense")->reason = "no JSON";
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.version, 0);
    assert_int_equal(live_position(bed), 1);
    batch = batch_create(&bed->tables[STREAM], 1);
    add(batch, "{}");
    append_ok(bed, batch);
    assert_int_equal(live_position(bed), 2);
    assert_answer(&bed->base, "SELECT count(*) FROM stream_dead_letters", "2\n");
}

/* Dead letters that were committed before a crash are not repeated, though the batch is cut
 * elsewhere when it comes again; and each table has its own. */
static void test_dead_letters_come_once(void **state)
{
    struct bed *bed = *state;
    fault_io_fail(&bed->base.fault, FAULT_LINK, 2, EIO, FAULT_ONCE);
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    add(batch, "a")->reason = "no JSON";
    add(batch, "{\"id\": 1}");
    append_fails(bed, batch, PN_CLASS_FATAL, "Input/output error");
    assert_true(fault_io_fired(&bed->base.fault));
    assert_int_equal(live_position(bed), -1);
    assert_answer(&bed->base, "SELECT data FROM stream_dead_letters", "\"a\"\n");
    engine_fixture_reopen(&bed->base);
    for (int table = STREAM; table <= OTHER; table++) {
        batch = batch_create(&bed->tables[table], -1);
        add(batch, "a")->reason = "no JSON";
        add(batch, "{\"id\": 1}");
        add(batch, "b")->reason = "no JSON";
        append_ok(bed, batch);
    }
    assert_answer(&bed->base,
                  "SELECT \"table\", data, count(*) FROM stream_dead_letters "
                  "GROUP BY ALL ORDER BY ALL",
                  "\"live\"|\"a\"|1\n\"live\"|\"b\"|1\n\"other\"|\"a\"|1\n\"other\"|\"b\"|1\n");
    assert_answer(&bed->base, "SELECT id FROM live", "2\n");
}

/* A value that the SELECT itself fails on costs that record, not the stream. */
static void test_rows_that_the_select_fails_on(void **state)
{
    struct bed *bed = *state;
    bed->tables[LIKE].sql = "SELECT CAST(word AS BIGINT) AS id, word FROM raw";
    static char values[50][48];
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    for (int i = 0; i < 50; i++) {
        snprintf(values[i], sizeof values[i], "{\"id\": %d, \"word\": \"%d%s\"}", i, i,
                 i == 7 || i == 31 || i == 49 ? "?" : "");
        add(batch, values[i]);
    }
    add(batch, "{")->reason = "no JSON";
    struct pn_table_report report = append_ok(bed, batch);
    assert_int_equal(report.rows, 47);
    assert_int_equal(report.dead_letters, 4);
    assert_answer(&bed->base,
                  "SELECT sequence_number, starts_with(reason, 'Conversion Error: Could not') "
                  "FROM stream_dead_letters ORDER BY ALL",
                  "\"1007\"|true\n\"1031\"|true\n\"1049\"|true\n\"1050\"|false\n");
    assert_answer(&bed->base, "SELECT count(*), sum(id) FROM live", "47|1138\n");
    /* What only all rows together fail on is nobody's fault: the batch is refused. */
    engine_fixture_reopen(&bed->base);
    bed->tables[LIKE].sql = "SELECT CAST(sum(id) AS TINYINT)::BIGINT AS id, 'x' AS word FROM raw";
    batch = batch_create(&bed->tables[STREAM], 51);
    add(batch, "{\"id\": 100}");
    add(batch, "{\"id\": 100}");
    append_fails(bed, batch, PN_CLASS_INPUT, "clean/clean.sql: ");
    assert_int_equal(live_position(bed), 51);
}

/* --- exactly once ---------------------------------------------------------------------------- */

static void assert_seen(struct bed *bed, struct batch *batch)
{
    struct pn_table_report report;
    struct pn_err e;
    assert_int_equal(append(bed, batch, &report, &e), PN_DELTA_TXN_SEEN);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    free(batch);
}

static void test_a_batch_comes_again(void **state)
{
    struct bed *bed = *state;
    append_ok(bed, one_row(bed));
    assert_seen(bed, one_row(bed));
    engine_fixture_reopen(&bed->base);
    assert_seen(bed, one_row(bed));
    struct batch *batch = one_row(bed); /* the same and one more */
    add(batch, "{\"id\": 2}");
    assert_seen(bed, batch);
    assert_answer(&bed->base, "SELECT id FROM live", "2\n");
    /* What a refused batch wrote is gone. */
    struct pn_io_listing listing = {0};
    char *folder = pn_xasprintf("%s/tables/live", bed->base.folder);
    assert_int_equal(pn_io_list(pn_io_system(), folder, &listing, NULL), 0);
    assert_int_equal(listing.count, 2); /* _delta_log and one file */
    pn_io_listing_deinit(&listing);
    free(folder);
}

/* The batch may be refused for a position in which it has no rows. */
static void test_a_position_that_stays_is_checked(void **state)
{
    struct bed *bed = *state;
    struct pn_stream_position positions[2] = {
        {.app_id = "a", .shard = "shardId-000000000000", .from = -1, .to = 4},
        {.app_id = "b", .shard = "shardId-000000000001", .from = -1, .to = 9}};
    struct batch *batch = batch_create(&bed->tables[STREAM], -1);
    batch->append.positions = positions;
    batch->append.position_count = 2;
    append_ok(bed, batch);
    positions[0] = (struct pn_stream_position){
        .app_id = "a", .shard = "shardId-000000000000", .from = 4, .to = 5};
    positions[1].from = 9;
    batch = batch_create(&bed->tables[STREAM], 4);
    add(batch, "{\"id\": 1}");
    batch->append.positions = positions;
    batch->append.position_count = 2;
    append_ok(bed, batch);
    assert_int_equal(position_of(bed, "tables/live", "a"), 5);
    positions[0].from = 5;
    positions[0].to = 6;
    positions[1].from = 8;
    positions[1].to = 8;
    batch = batch_create(&bed->tables[STREAM], 5);
    add(batch, "{\"id\": 2}");
    batch->append.positions = positions;
    batch->append.position_count = 2;
    assert_seen(bed, batch);
    assert_answer(&bed->base, "SELECT id FROM live", "2\n");
}

/* --- several at once ------------------------------------------------------------------------- */

struct worker {
    struct bed *bed;
    struct pn_engine *engine;
    const struct pn_table *table;
    int64_t until;
    int64_t appended;
    bool failed;
};

/* Fills the table up to an offset, as a processor does: a row an offset, every fourth one none. */
static void *work(void *arg)
{
    struct worker *worker = arg;
    struct batch *batch = NULL;
    char values[3][32];
    for (int64_t at = -1; at < worker->until && !worker->failed;) {
        struct pn_table_report report;
        struct pn_err e = {.msg = ""};
        batch = batch_create(worker->table, at);
        for (int i = 0; i < 3; i++) {
            int64_t offset = batch->position.to < 0 ? 0 : batch->position.to;
            snprintf(values[i], sizeof values[i],
                     offset % 4 == 3 ? "{\"n\": %" PRId64 "}" : "{\"id\": %" PRId64 "}", offset);
            add(batch, values[i]);
        }
        int rc = pn_engine_append(worker->engine, &batch->append, &report, &e);
        if (rc == 0) {
            worker->appended++;
            at = batch->position.to;
        } else if (rc == PN_DELTA_TXN_SEEN) {
            at = position_of(worker->bed, worker->table->path, "stream:1:0");
        } else {
            print_error("%s\n", e.msg);
            worker->failed = true;
        }
        free(batch);
    }
    return NULL;
}

static void run_workers(struct worker *workers, size_t count)
{
    pthread_t threads[4];
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(workers[i].failed);
    }
}

/* Two processors of one table, each with an engine of its own: whoever is faster, every record is
 * there once. */
static void test_two_engines_on_one_table(void **state)
{
    enum { UNTIL = 60 };
    struct bed *bed = *state;
    struct pn_engine *second = NULL;
    assert_int_equal(pn_duckdb_engine_create(&bed->base.config, &bed->base.pipeline,
                                             bed->base.store, &bed->base.clock.clock, NULL, &second,
                                             NULL),
                     0);
    struct worker workers[] = {
        {.bed = bed, .engine = bed->base.engine, .table = &bed->tables[STREAM], .until = UNTIL},
        {.bed = bed, .engine = second, .table = &bed->tables[STREAM], .until = UNTIL}};
    run_workers(workers, 2);
    assert_int_equal(workers[0].appended + workers[1].appended, UNTIL / 3);
    assert_answer(&bed->base, "SELECT count(*), count(DISTINCT id) FROM live", "45|45\n");
    assert_answer(&bed->base,
                  "SELECT count(*), count(DISTINCT sequence_number) FROM stream_dead_letters",
                  "15|15\n");
    pn_engine_destroy(&second);
}

/* Two tables by one engine at the same time; they share the table of dead letters. */
static void test_two_tables_at_once(void **state)
{
    enum { UNTIL = 60 };
    struct bed *bed = *state;
    struct worker workers[] = {
        {.bed = bed, .engine = bed->base.engine, .table = &bed->tables[STREAM], .until = UNTIL},
        {.bed = bed, .engine = bed->base.engine, .table = &bed->tables[OTHER], .until = UNTIL}};
    run_workers(workers, 2);
    assert_answer(&bed->base,
                  "SELECT count(DISTINCT live.id), count(DISTINCT other.id) FROM live, other",
                  "45|45\n");
    assert_answer(&bed->base,
                  "SELECT \"table\", count(*), count(DISTINCT sequence_number) "
                  "FROM stream_dead_letters GROUP BY 1 ORDER BY 1",
                  "\"live\"|15|15\n\"other\"|15|15\n");
}

/* Compaction beside the appends changes no row, and no position is lost. */
static void test_compaction_beside_appends(void **state)
{
    enum { UNTIL = 90 };
    struct bed *bed = *state;
    struct worker worker = {
        .bed = bed, .engine = bed->base.engine, .table = &bed->tables[STREAM], .until = UNTIL};
    pthread_t thread;
    struct batch *first = batch_create(&bed->tables[STREAM], -1);
    add(first, "{\"id\": 0}");
    append_ok(bed, first);
    assert_int_equal(pthread_create(&thread, NULL, work, &worker), 0);
    for (int i = 0; i < 10; i++) {
        int64_t before = 0;
        int64_t after = 0;
        struct pn_err e = {.msg = ""};
        if (pn_engine_optimize(bed->base.engine, "tables/live", 1 << 20, &before, &after, &e) !=
            0) {
            fail_msg("%s", e.msg);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(worker.failed);
    int64_t position = live_position(bed);
    char expected[32];
    int64_t rows = position - position / 4;
    snprintf(expected, sizeof expected, "%" PRId64 "|%" PRId64 "\n", rows, rows);
    assert_answer(&bed->base, "SELECT count(*), count(DISTINCT id) FROM live", expected);
    engine_fixture_reopen(&bed->base);
    assert_int_equal(live_position(bed), position);
}

/* More small files than are read at once still become one, and the positions stay. */
static void test_compaction_of_many_files(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < PN_DELTA_GROUP_FILES_MAX + 1; i++) {
        char value[32];
        struct batch *batch = batch_create(&bed->tables[STREAM], i == 0 ? -1 : i);
        snprintf(value, sizeof value, "{\"id\": %d}", i);
        add(batch, value);
        append_ok(bed, batch);
    }
    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(
        pn_engine_optimize(bed->base.engine, "tables/live", 1 << 30, &before, &after, NULL), 0);
    assert_int_equal(before, PN_DELTA_GROUP_FILES_MAX + 1);
    assert_int_equal(after, 1);
    assert_int_equal(live_position(bed), PN_DELTA_GROUP_FILES_MAX + 1);
    char expected[32];
    snprintf(expected, sizeof expected, "%d|%d\n", PN_DELTA_GROUP_FILES_MAX + 1,
             PN_DELTA_GROUP_FILES_MAX + 1);
    assert_answer(&bed->base, "SELECT count(*), count(DISTINCT id) FROM live", expected);
}

/* A column that the pipeline no longer has stays in the rows that have it. */
static void test_compaction_of_files_with_other_columns(void **state)
{
    struct bed *bed = *state;
    struct batch *both = batch_create(&bed->tables[STREAM], -1);
    add(both, "{\"id\": 1, \"word\": \"kept\"}");
    append_ok(bed, both);
    bed->tables[LIKE].sql = "SELECT twice(id) AS id FROM raw";
    bed->tables[LIKE].column_count = 1;
    bed->tables[STREAM].column_count = 1;
    engine_fixture_reopen(&bed->base);
    struct batch *one = batch_create(&bed->tables[STREAM], 1);
    add(one, "{\"id\": 2}");
    append_ok(bed, one);
    bed->tables[STREAM].column_count = 2;
    engine_fixture_reopen(&bed->base);
    assert_answer(&bed->base, "SELECT id, word FROM live ORDER BY id", "2|\"KEPT\"\n4|null\n");
    int64_t before = 0;
    int64_t after = 0;
    assert_int_equal(
        pn_engine_optimize(bed->base.engine, "tables/live", 1 << 20, &before, &after, NULL), 0);
    assert_int_equal(before, 2);
    assert_int_equal(after, 1);
    assert_answer(&bed->base, "SELECT id, word FROM live ORDER BY id", "2|\"KEPT\"\n4|null\n");
}

/* --- a disk that fails ----------------------------------------------------------------------- */

/* Whichever call fails, what the caller is told is so, and going on from where the table is gives
 * each record once. */
static void test_every_call_fails_in_turn(void **state)
{
    static const struct {
        int error;
        enum fault_mode mode;
    } faults[] = {{EIO, FAULT_ONCE}, {ENOSPC, FAULT_ONCE}, {EIO, FAULT_FOREVER}};
    struct bed *bed = *state;
    append_ok(bed, one_row(bed));
    int64_t at = 1;
    int64_t failures = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool fired = true;
        for (int64_t nth = 1; fired; nth++) {
            char value[32];
            struct pn_table_report report;
            struct pn_err e;
            struct batch *batch = batch_create(&bed->tables[STREAM], at);
            snprintf(value, sizeof value, "{\"id\": %" PRId64 "}", at + 100);
            add(batch, value);
            add(batch, "?")->reason = "no JSON";
            fault_io_fail(&bed->base.fault, FAULT_ANY, nth, faults[i].error, faults[i].mode);
            int rc = append(bed, batch, &report, &e);
            fired = fault_io_fired(&bed->base.fault);
            fault_io_fail(&bed->base.fault, FAULT_ANY, 0, 0, FAULT_ONCE);
            free(batch);
            int64_t found = live_position(bed);
            if (rc == 0) {
                assert_int_equal(found, at + 2);
            } else if (rc != PN_DELTA_UNKNOWN) {
                assert_int_equal(found, at);
            }
            assert_true(rc == 0 || e.class_ != PN_CLASS_INPUT);
            failures += rc != 0;
            at = found;
            assert_true(nth < 500);
        }
    }
    assert_true(failures > 60);
    char expected[64];
    int64_t pairs = (at - 1) / 2;
    snprintf(expected, sizeof expected, "%" PRId64 "|%" PRId64 "\n", pairs + 1, pairs + 1);
    assert_answer(&bed->base, "SELECT count(*), count(DISTINCT id) FROM live", expected);
    snprintf(expected, sizeof expected, "%" PRId64 "|%" PRId64 "\n", pairs, pairs);
    assert_answer(&bed->base,
                  "SELECT count(*), count(DISTINCT sequence_number) FROM stream_dead_letters",
                  expected);
    assert_int_equal(fault_io_open_count(&bed->base.fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_cleaned_by_the_select, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_without_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_select_may_drop_and_multiply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pause_before_the_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_selects_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_letters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_but_dead_letters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_letters_come_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_that_the_select_fails_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_comes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_position_that_stays_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_engines_on_one_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_tables_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compaction_beside_appends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compaction_of_many_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compaction_of_files_with_other_columns, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_call_fails_in_turn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
