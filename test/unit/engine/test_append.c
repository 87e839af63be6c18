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
#include "support/append_fixture.h"

/* --- rows ------------------------------------------------------------------------------------ */

static void test_rows_are_cleaned_by_the_select(void **state)
{
    struct append_fixture *fixture = *state;
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1, \"word\": \"one\"}");
    append_row(batch, "{\"id\": 2, \"word\": null, \"more\": [1]}");
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.version, 0);
    assert_int_equal(report.rows, 2);
    assert_int_equal(report.dead_letters, 0);
    assert_int_equal(report.unknown_values, 1);
    assert_string_equal(report.unknown_place, "shardId-000000000000");
    assert_int_equal(report.unknown_position, 1);
    batch = append_batch_create(&fixture->tables[STREAM], 2);
    append_row(batch, "{\"id\": 3, \"word\": \"three\"}");
    report = append_ok(fixture, batch);
    assert_int_equal(report.version, 1);
    assert_int_equal(report.rows, 1);
    assert_answer(&fixture->base, "SELECT * FROM live ORDER BY id",
                  "2|\"ONE\"\n4|null\n6|\"THREE\"\n");
    assert_int_equal(append_live_position(fixture), 3);
    assert_refused(&fixture->base, "SELECT * FROM other", "does not exist yet: a stream fills it");
    assert_refused(&fixture->base, "SELECT * FROM stream_dead_letters",
                   "table 'stream_dead_letters' does not exist yet: no records were rejected");
}

/* A batch that has no rows makes the table, and remembers how far the stream was read. */
static void test_a_batch_without_rows(void **state)
{
    struct append_fixture *fixture = *state;
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    const struct pn_delta_map_entry configuration[] = {{"delta.checkpointInterval", "77"}};
    batch->append.configuration = configuration;
    batch->append.configuration_count = 1;
    batch->position.to = 7;
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.version, 0);
    assert_int_equal(report.rows, 0);
    assert_answer(&fixture->base, "SELECT * FROM live", "");
    assert_int_equal(append_live_position(fixture), 7);
    struct pn_buf commit;
    pn_buf_init(&commit, 1 << 20);
    assert_int_equal(pn_store_get(fixture->base.store,
                                  "tables/live/_delta_log/00000000000000000000.json", &commit,
                                  NULL),
                     0);
    assert_non_null(strstr(pn_buf_text(&commit), "\"delta.checkpointInterval\":\"77\""));
    pn_buf_deinit(&commit);
    batch = append_batch_create(&fixture->tables[STREAM], 7);
    append_row(batch, "{\"id\": 5}");
    append_ok(fixture, batch);
    assert_answer(&fixture->base, "SELECT id FROM live", "10\n");
}

static void test_a_select_may_drop_and_multiply(void **state)
{
    struct append_fixture *fixture = *state;
    fixture->tables[LIKE].sql =
        "SELECT id + n AS id, word FROM raw, range(2) AS r(n) WHERE id <> 2";
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1}");
    append_row(batch, "{\"id\": 2}");
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.rows, 2);
    batch = append_batch_create(&fixture->tables[STREAM], 2);
    append_row(batch, "{\"id\": 2}");
    report = append_ok(fixture, batch);
    assert_int_equal(report.rows, 0);
    assert_int_equal(report.version, 1);
    assert_answer(&fixture->base, "SELECT id FROM live ORDER BY id", "1\n2\n");
    assert_int_equal(append_live_position(fixture), 3);
}

/* Many rows are read by several threads; all of them come once. */
static void test_a_large_batch(void **state)
{
    struct append_fixture *fixture = *state;
    static char values[BATCH_MAX][32];
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    for (int i = 0; i < BATCH_MAX; i++) {
        snprintf(values[i], sizeof values[i], i % 5 == 4 ? "{\"id\": \"%d\"}" : "{\"id\": %d}", i);
        append_row(batch, values[i]);
    }
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.rows, BATCH_MAX / 5 * 4);
    assert_int_equal(report.dead_letters, BATCH_MAX / 5);
    assert_answer(&fixture->base,
                  "SELECT count(DISTINCT id), min(id), max(id), sum(id % 10 = 8) FROM live",
                  "8000|0|19996|0\n");
    assert_answer(&fixture->base,
                  "SELECT count(DISTINCT sequence_number), count(*) FROM stream_dead_letters",
                  "2000|2000\n");
}

/* Two scans of the batch may run at the same time; each has all rows. */
static void test_a_select_may_read_the_batch_twice(void **state)
{
    struct append_fixture *fixture = *state;
    fixture->tables[LIKE].sql =
        "SELECT id, 'one' AS word FROM raw UNION ALL SELECT -id, 'two' FROM raw "
        "WHERE id <> (SELECT max(id) FROM raw)";
    static char values[BATCH_MAX][32];
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    for (int i = 0; i < BATCH_MAX; i++) {
        snprintf(values[i], sizeof values[i], "{\"id\": %d}", i);
        append_row(batch, values[i]);
    }
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.rows, 2 * BATCH_MAX - 1);
    assert_answer(&fixture->base,
                  "SELECT word, count(DISTINCT id), sum(id) FROM live GROUP BY ALL "
                  "ORDER BY ALL",
                  "\"one\"|10000|49995000\n\"two\"|9999|-49985001\n");
}

static void test_unknown_keys(void **state)
{
    struct append_fixture *fixture = *state;
    fixture->tables[RAW].unknown_keys = PN_UNKNOWN_KEEP;
    fixture->tables[LIKE].sql = "SELECT id, _unknown AS word FROM raw";
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1, \"a\": {\"b\": 2}}");
    append_row(batch, "{\"id\": 2}");
    append_ok(fixture, batch);
    assert_answer(&fixture->base, "SELECT * FROM live ORDER BY id",
                  "1|\"{\\\"a\\\":{\\\"b\\\":2}}\"\n2|null\n");
    engine_fixture_reopen(&fixture->base);
    fixture->tables[RAW].unknown_keys = PN_UNKNOWN_REJECT;
    fixture->tables[LIKE].sql = "SELECT id, word FROM raw";
    batch = append_batch_create(&fixture->tables[STREAM], 2);
    append_row(batch, "{\"id\": 3, \"a\": 1}");
    append_row(batch, "{\"id\": 4}");
    append_ok(fixture, batch);
    assert_answer(&fixture->base, "SELECT id FROM live WHERE id > 2", "4\n");
    assert_answer(&fixture->base, "SELECT reason FROM stream_dead_letters",
                  "\"unknown key 'a'\"\n");
}

/* --- SELECTs that cannot fill a stream table ------------------------------------------------- */

static struct append_batch *one_row(struct append_fixture *fixture)
{
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1}");
    return batch;
}

static void test_selects_that_cannot_be(void **state)
{
    struct append_fixture *fixture = *state;
    static const struct {
        const char *sql;
        const char *part;
    } cases[] = {
        {"SELECT 1::BIGINT AS id, 'x' AS word", "clean/clean.sql: it does not read 'raw', so"},
        {"SELECT raw.id, raw.word FROM raw, live",
         "it reads 'live', which `reads` of the table 'clean' does not"},
        {"SELECT id FROM raw", "it returns 1 column, but the pipeline declares 2"},
        {"SELECT id::INT AS id, word FROM raw", "column 'id' is INTEGER, but"},
        {"SELECT nothing(id) AS id, word FROM raw", "nothing"},
        {"SELEC id", "clean/clean.sql"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture->tables[LIKE].sql = cases[i].sql;
        append_fails(fixture, one_row(fixture), PN_CLASS_INPUT, cases[i].part);
    }
    fixture->tables[LIKE].sql = "SELECT id, word FROM raw";
    append_ok(fixture, one_row(fixture));
    assert_answer(&fixture->base, "SELECT id FROM live", "1\n");
}

/* --- dead letters ---------------------------------------------------------------------------- */

#define MADE "\"{\\\"stream\\\":\\\"stream\\\"}\"|null"

static void test_dead_letters(void **state)
{
    struct append_fixture *fixture = *state;
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1}");
    append_row(batch, "{\"word\": \"no id\"}");
    append_row(batch, "[1]");
    struct pn_append_row *row = append_row(batch, "");
    row->data = (struct pn_bytes){"\xff\x00", 2};
    row->partition_key = (struct pn_bytes){"k\xff", 2};
    row->reason = "the data is no JSON";
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.rows, 1);
    assert_int_equal(report.dead_letters, 3);
    assert_answer(&fixture->base, "SELECT * FROM stream_dead_letters ORDER BY sequence_number",
                  "\"live\"|\"stream\"|\"shardId-000000000000\"|\"1001\"|\"key\"|"
                  "\"2026-01-01T00:00:00.001000Z\"|\"missing key: column 'id' has no value\"|"
                  "\"{\\\"word\\\": \\\"no id\\\"}\"|" MADE "\n"
                  "\"live\"|\"stream\"|\"shardId-000000000000\"|\"1002\"|\"key\"|"
                  "\"2026-01-01T00:00:00.002000Z\"|\"not a JSON object but array\"|\"[1]\"|" MADE
                  "\n"
                  "\"live\"|\"stream\"|\"shardId-000000000000\"|\"1003\"|\"k\xEF\xBF\xBD\"|"
                  "\"2026-01-01T00:00:00.003000Z\"|\"the data is no JSON (the data is in "
                  "base64)\"|\"/wA=\"|" MADE "\n");
}

/* A file that waited for its commit so long that a vacuum may have taken it isn't committed. */
static void test_a_pause_before_the_commit(void **state)
{
    struct append_fixture *fixture = *state;
    struct pn_table_report report;
    struct pn_err e;
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "{\"id\": 1}");
    append_row(batch, "[1]");
    batch->append.arg = &fixture->base.clock; /* time passes when the dead letter is written */
    assert_int_not_equal(append_try(fixture, batch, &report, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "between writing a file and its commit"));
    batch->append.arg = NULL;
    report = append_ok(fixture, batch);
    assert_int_equal(report.rows, 1);
    assert_answer(&fixture->base, "SELECT count(*) FROM live", "1\n");
    assert_answer(&fixture->base, "SELECT count(*) FROM stream_dead_letters", "1\n");
}

/* A batch of nothing but dead letters moves the position too. */
static void test_nothing_but_dead_letters(void **state)
{
    struct append_fixture *fixture = *state;
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "nonsense")->reason = "no JSON";
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.version, 0);
    assert_int_equal(append_live_position(fixture), 1);
    batch = append_batch_create(&fixture->tables[STREAM], 1);
    append_row(batch, "{}");
    append_ok(fixture, batch);
    assert_int_equal(append_live_position(fixture), 2);
    assert_answer(&fixture->base, "SELECT count(*) FROM stream_dead_letters", "2\n");
}

/* Dead letters that were committed before a crash are not repeated, though the batch is cut
 * elsewhere when it comes again; and each table has its own. */
static void test_dead_letters_come_once(void **state)
{
    struct append_fixture *fixture = *state;
    /* A commit links its data file, then itself: this is the commit of the rows. */
    fault_io_fail(&fixture->base.fault, FAULT_LINK, 4, EIO, FAULT_ONCE);
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, "a")->reason = "no JSON";
    append_row(batch, "{\"id\": 1}");
    append_fails(fixture, batch, PN_CLASS_FATAL, "Input/output error");
    assert_true(fault_io_fired(&fixture->base.fault));
    assert_int_equal(append_live_position(fixture), -1);
    assert_answer(&fixture->base, "SELECT data FROM stream_dead_letters", "\"a\"\n");
    engine_fixture_reopen(&fixture->base);
    for (int table = STREAM; table <= OTHER; table++) {
        batch = append_batch_create(&fixture->tables[table], -1);
        append_row(batch, "a")->reason = "no JSON";
        append_row(batch, "{\"id\": 1}");
        append_row(batch, "b")->reason = "no JSON";
        append_ok(fixture, batch);
    }
    assert_answer(&fixture->base,
                  "SELECT \"table\", data, count(*) FROM stream_dead_letters "
                  "GROUP BY ALL ORDER BY ALL",
                  "\"live\"|\"a\"|1\n\"live\"|\"b\"|1\n\"other\"|\"a\"|1\n\"other\"|\"b\"|1\n");
    assert_answer(&fixture->base, "SELECT id FROM live", "2\n");
}

/* A value that the SELECT itself fails on costs that record, not the stream. */
static void test_rows_that_the_select_fails_on(void **state)
{
    struct append_fixture *fixture = *state;
    fixture->tables[LIKE].sql = "SELECT CAST(word AS BIGINT) AS id, word FROM raw";
    static char values[50][48];
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    for (int i = 0; i < 50; i++) {
        snprintf(values[i], sizeof values[i], "{\"id\": %d, \"word\": \"%d%s\"}", i, i,
                 i == 7 || i == 31 || i == 49 ? "?" : "");
        append_row(batch, values[i]);
    }
    append_row(batch, "{")->reason = "no JSON";
    struct pn_table_report report = append_ok(fixture, batch);
    assert_int_equal(report.rows, 47);
    assert_int_equal(report.dead_letters, 4);
    assert_answer(&fixture->base,
                  "SELECT sequence_number, starts_with(reason, 'Conversion Error: Could not') "
                  "FROM stream_dead_letters ORDER BY ALL",
                  "\"1007\"|true\n\"1031\"|true\n\"1049\"|true\n\"1050\"|false\n");
    assert_answer(&fixture->base, "SELECT count(*), sum(id) FROM live", "47|1138\n");
    /* What only all rows together fail on is nobody's fault: the batch is refused. */
    engine_fixture_reopen(&fixture->base);
    fixture->tables[LIKE].sql =
        "SELECT CAST(sum(id) AS TINYINT)::BIGINT AS id, 'x' AS word FROM raw";
    batch = append_batch_create(&fixture->tables[STREAM], 51);
    append_row(batch, "{\"id\": 100}");
    append_row(batch, "{\"id\": 100}");
    append_fails(fixture, batch, PN_CLASS_INPUT, "clean/clean.sql: ");
    assert_int_equal(append_live_position(fixture), 51);
}

/* --- exactly once ---------------------------------------------------------------------------- */

static void assert_seen(struct append_fixture *fixture, struct append_batch *batch)
{
    struct pn_table_report report;
    struct pn_err e;
    assert_int_equal(append_try(fixture, batch, &report, &e), PN_DELTA_TXN_SEEN);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    free(batch);
}

static void test_a_batch_comes_again(void **state)
{
    struct append_fixture *fixture = *state;
    append_ok(fixture, one_row(fixture));
    assert_seen(fixture, one_row(fixture));
    engine_fixture_reopen(&fixture->base);
    assert_seen(fixture, one_row(fixture));
    struct append_batch *batch = one_row(fixture); /* the same and one more */
    append_row(batch, "{\"id\": 2}");
    assert_seen(fixture, batch);
    assert_answer(&fixture->base, "SELECT id FROM live", "2\n");
    /* What a refused batch wrote is gone. */
    struct pn_io_listing listing = {0};
    char *folder = pn_xasprintf("%s/tables/live", fixture->base.folder);
    assert_int_equal(pn_io_list(pn_io_system(), folder, &listing, NULL), 0);
    assert_int_equal(listing.count, 2); /* _delta_log and one file */
    pn_io_listing_deinit(&listing);
    free(folder);
}

/* The batch may be refused for a position in which it has no rows. */
static void test_a_position_that_stays_is_checked(void **state)
{
    struct append_fixture *fixture = *state;
    struct pn_append_position positions[2] = {
        {.app_id = "a", .shard = "shardId-000000000000", .from = -1, .to = 4},
        {.app_id = "b", .shard = "shardId-000000000001", .from = -1, .to = 9}};
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    batch->append.positions = positions;
    batch->append.position_count = 2;
    append_ok(fixture, batch);
    positions[0] = (struct pn_append_position){
        .app_id = "a", .shard = "shardId-000000000000", .from = 4, .to = 5};
    positions[1].from = 9;
    batch = append_batch_create(&fixture->tables[STREAM], 4);
    append_row(batch, "{\"id\": 1}");
    batch->append.positions = positions;
    batch->append.position_count = 2;
    append_ok(fixture, batch);
    assert_int_equal(append_position_of(fixture, "tables/live", "a"), 5);
    positions[0].from = 5;
    positions[0].to = 6;
    positions[1].from = 8;
    positions[1].to = 8;
    batch = append_batch_create(&fixture->tables[STREAM], 5);
    append_row(batch, "{\"id\": 2}");
    batch->append.positions = positions;
    batch->append.position_count = 2;
    assert_seen(fixture, batch);
    assert_answer(&fixture->base, "SELECT id FROM live", "2\n");
}

/* By a position's time a processor sees that the log lost what the table has of it. */
static void test_a_position_is_no_older_than_its_record(void **state)
{
    struct append_fixture *fixture = *state;
    int64_t now_ms = fixture->base.clock.wall_ms;
    const int64_t arrivals[] = {now_ms - 5, now_ms + 5};
    struct pn_delta *table = append_open_live(fixture);
    for (int64_t i = 0; i < 2; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], i == 0 ? -1 : i);
        append_row(batch, "{\"id\": 1}");
        batch->position.newest_ms = arrivals[i];
        append_ok(fixture, batch);
        struct pn_delta_snapshot *snapshot = NULL;
        assert_int_equal(pn_delta_snapshot(table, -1, &snapshot, NULL), 0);
        const struct pn_delta_txn *txn = pn_delta_txn_of(snapshot, "stream:1:0");
        assert_int_equal(txn->updated_ms, i == 0 ? now_ms : arrivals[i]);
        pn_delta_snapshot_destroy(&snapshot);
    }
    pn_delta_destroy(&table);
}

/* --- several at once ------------------------------------------------------------------------- */

struct worker {
    struct append_fixture *fixture;
    struct pn_embedded_engine *engine;
    const struct pn_table *table;
    int64_t until;
    int64_t appended;
    bool failed;
};

/* Fills the table up to an offset, as a processor does: a row an offset, every fourth one none. */
static void *work(void *arg)
{
    struct worker *worker = arg;
    struct append_batch *batch = NULL;
    char values[3][32];
    for (int64_t at = -1; at < worker->until && !worker->failed;) {
        struct pn_table_report report;
        struct pn_err e = {.msg = ""};
        batch = append_batch_create(worker->table, at);
        for (int i = 0; i < 3; i++) {
            int64_t offset = batch->position.to < 0 ? 0 : batch->position.to;
            snprintf(values[i], sizeof values[i],
                     offset % 4 == 3 ? "{\"n\": %" PRId64 "}" : "{\"id\": %" PRId64 "}", offset);
            append_row(batch, values[i]);
        }
        int rc = pn_engine_append(worker->engine, &batch->append, &report, &e);
        if (rc == 0) {
            worker->appended++;
            at = batch->position.to;
        } else if (rc == PN_DELTA_TXN_SEEN) {
            at = append_position_of(worker->fixture, worker->table->path, "stream:1:0");
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

/* Two processors of one table, each with an engine of its own: whichever is faster, every record
 * is there once. */
static void test_two_engines_on_one_table(void **state)
{
    enum { UNTIL = 60 };
    struct append_fixture *fixture = *state;
    struct pn_embedded_engine *second = NULL;
    assert_int_equal(pn_duckdb_engine_create(&fixture->base.config, &fixture->base.pipeline,
                                             fixture->base.store, &fixture->base.clock.clock, NULL,
                                             &second, NULL),
                     0);
    struct worker workers[] = {
        {.fixture = fixture,
         .engine = fixture->base.engine,
         .table = &fixture->tables[STREAM],
         .until = UNTIL},
        {.fixture = fixture, .engine = second, .table = &fixture->tables[STREAM], .until = UNTIL}};
    run_workers(workers, 2);
    assert_int_equal(workers[0].appended + workers[1].appended, UNTIL / 3);
    assert_answer(&fixture->base, "SELECT count(*), count(DISTINCT id) FROM live", "45|45\n");
    assert_answer(&fixture->base,
                  "SELECT count(*), count(DISTINCT sequence_number) FROM stream_dead_letters",
                  "15|15\n");
    pn_embedded_engine_destroy(&second);
}

/* Two tables by one engine at the same time; they share the table of dead letters. */
static void test_two_tables_at_once(void **state)
{
    enum { UNTIL = 60 };
    struct append_fixture *fixture = *state;
    struct worker workers[] = {{.fixture = fixture,
                                .engine = fixture->base.engine,
                                .table = &fixture->tables[STREAM],
                                .until = UNTIL},
                               {.fixture = fixture,
                                .engine = fixture->base.engine,
                                .table = &fixture->tables[OTHER],
                                .until = UNTIL}};
    run_workers(workers, 2);
    assert_answer(&fixture->base,
                  "SELECT count(DISTINCT live.id), count(DISTINCT other.id) FROM live, other",
                  "45|45\n");
    assert_answer(&fixture->base,
                  "SELECT \"table\", count(*), count(DISTINCT sequence_number) "
                  "FROM stream_dead_letters GROUP BY 1 ORDER BY 1",
                  "\"live\"|15|15\n\"other\"|15|15\n");
}

/* Compaction beside the appends changes no row, and no position is lost. */
static void test_compaction_beside_appends(void **state)
{
    enum { UNTIL = 90 };
    struct append_fixture *fixture = *state;
    struct worker worker = {.fixture = fixture,
                            .engine = fixture->base.engine,
                            .table = &fixture->tables[STREAM],
                            .until = UNTIL};
    pthread_t thread;
    struct append_batch *first = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(first, "{\"id\": 0}");
    append_ok(fixture, first);
    assert_int_equal(pthread_create(&thread, NULL, work, &worker), 0);
    for (int i = 0; i < 10; i++) {
        int64_t before = 0;
        int64_t after = 0;
        struct pn_err e = {.msg = ""};
        if (pn_engine_optimize(&fixture->base.engine->batch, "tables/live", 1 << 20, NULL, &before,
                               &after, &e) != 0) {
            fail_msg("%s", e.msg);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(worker.failed);
    int64_t position = append_live_position(fixture);
    char expected[32];
    int64_t rows = position - position / 4;
    snprintf(expected, sizeof expected, "%" PRId64 "|%" PRId64 "\n", rows, rows);
    assert_answer(&fixture->base, "SELECT count(*), count(DISTINCT id) FROM live", expected);
    engine_fixture_reopen(&fixture->base);
    assert_int_equal(append_live_position(fixture), position);
}

/* --- a disk that fails ----------------------------------------------------------------------- */

/* Whichever call fails, what the caller learns is true, and continuing from where the table is
 * gives each record once. */
static void test_every_call_fails_in_turn(void **state)
{
    static const struct {
        int error;
        enum fault_mode mode;
    } faults[] = {{EIO, FAULT_ONCE}, {ENOSPC, FAULT_ONCE}, {EIO, FAULT_FOREVER}};
    struct append_fixture *fixture = *state;
    append_ok(fixture, one_row(fixture));
    int64_t at = 1;
    int64_t failures = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool fired = true;
        for (int64_t nth = 1; fired; nth++) {
            char value[32];
            struct pn_table_report report;
            struct pn_err e;
            struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], at);
            snprintf(value, sizeof value, "{\"id\": %" PRId64 "}", at + 100);
            append_row(batch, value);
            append_row(batch, "?")->reason = "no JSON";
            fault_io_fail(&fixture->base.fault, FAULT_ANY, nth, faults[i].error, faults[i].mode);
            int rc = append_try(fixture, batch, &report, &e);
            fired = fault_io_fired(&fixture->base.fault);
            fault_io_fail(&fixture->base.fault, FAULT_ANY, 0, 0, FAULT_ONCE);
            free(batch);
            int64_t found = append_live_position(fixture);
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
    assert_answer(&fixture->base, "SELECT count(*), count(DISTINCT id) FROM live", expected);
    snprintf(expected, sizeof expected, "%" PRId64 "|%" PRId64 "\n", pairs, pairs);
    assert_answer(&fixture->base,
                  "SELECT count(*), count(DISTINCT sequence_number) FROM stream_dead_letters",
                  expected);
    assert_int_equal(fault_io_open_count(&fixture->base.fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_cleaned_by_the_select, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_without_rows, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_select_may_drop_and_multiply, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_batch, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_pause_before_the_commit, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_select_may_read_the_batch_twice, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_keys, append_bed_set_up, append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_selects_that_cannot_be, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_dead_letters, append_bed_set_up, append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_but_dead_letters, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_dead_letters_come_once, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_rows_that_the_select_fails_on, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_comes_again, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_position_that_stays_is_checked, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_position_is_no_older_than_its_record,
                                        append_bed_set_up, append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_two_engines_on_one_table, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_two_tables_at_once, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_compaction_beside_appends, append_bed_set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_every_call_fails_in_turn, append_bed_set_up,
                                        append_bed_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
