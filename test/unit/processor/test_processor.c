/* Workers from streams to tables: what is read from where, in which order, and once. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "processor/lag.h"
#include "support/processor_fixture.h"

static int set_up(void **state)
{
    struct processor_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    stream_bed_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    stream_bed_deinit(*state);
    free(*state);
    return 0;
}

static void put_numbers(struct processor_fixture *fixture, const char *stream, size_t shard,
                        const char *key, int first, int end)
{
    for (int i = first; i < end; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "{\"n\":%d}", i);
        stream_bed_put(fixture, stream, shard, key, value);
    }
}

static void assert_rows(struct processor_fixture *fixture, const char *expected)
{
    char *rows = stream_bed_rows(fixture);
    assert_string_equal(rows, expected);
    free(rows);
}

/* Only one stream of the fixture, and its tables. */
static struct pn_processor *create_for(struct processor_fixture *fixture, const char *const *name)
{
    fixture->config.names = name;
    fixture->config.name_count = 1;
    return stream_bed_create(fixture);
}

static void drain(struct processor_fixture *fixture, const char *const *name)
{
    struct pn_processor *streams = create_for(fixture, name);
    struct pn_err e = {0};
    int rc = pn_processor_drain(streams, NULL, NULL, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
    pn_processor_destroy(&streams);
}

static const char *const S = "s";
static const char *const ANY = "any";

/* Each of 0 .. count - 1 is there once, those of one shard in order. */
static void assert_numbers(struct processor_fixture *fixture, int count)
{
    char *seen = pn_xcalloc((size_t)count, 1);
    int64_t last[BED_SHARDS];
    for (size_t i = 0; i < BED_SHARDS; i++) {
        last[i] = -1;
    }
    for (size_t i = 0; i < fixture->row_count; i++) {
        int n = -1;
        assert_non_null(fixture->rows[i].value);
        assert_int_equal(sscanf(fixture->rows[i].value, "{\"n\":%d}", &n), 1);
        assert_true(n >= 0 && n < count);
        assert_int_equal(seen[n], 0);
        seen[n] = 1;
        size_t shard = (size_t)strtoul(fixture->rows[i].shard + strlen("shardId-"), NULL, 10);
        assert_true(fixture->rows[i].offset > last[shard]);
        last[shard] = fixture->rows[i].offset;
    }
    assert_int_equal(fixture->row_count, count);
    free(seen);
}

/* --- which records, from where ---------------------------------------------------------------- */

static int64_t passed_over(struct processor_fixture *fixture, const char *table)
{
    return pn_metric_value(
        pn_metrics_get(fixture->metrics, PN_METRIC_STREAM_PASSED_OVER_RECORDS, table));
}

static void test_keys_go_to_their_tables(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "s", 2);
    stream_bed_put(fixture, "s", 0, "a", "{\"n\":1}");
    stream_bed_put(fixture, "s", 0, "other", "{\"n\":2}");
    stream_bed_put(fixture, "s", 1, "ab", "{\"n\":3}");
    stream_bed_put(fixture, "s", 1, "a", "\"\"");
    drain(fixture, &S);
    char *rows = stream_bed_rows(fixture);
    assert_true(strcmp(rows, "{\"n\":1} !the data is an empty string") == 0 ||
                strcmp(rows, "!the data is an empty string {\"n\":1}") == 0);
    free(rows);
    assert_int_equal(passed_over(fixture, "ta"), 2);
    /* What was skipped is skipped for good. */
    for (size_t shard = 0; shard < 2; shard++) {
        assert_int_equal(stream_bed_position(fixture, "tables/ta", "s", shard), 2);
        assert_int_equal(stream_bed_position(fixture, "tables/tb", "s", shard), 2);
    }
    stream_bed_put(fixture, "s", 0, "b", "{\"n\":4}");
    stream_bed_put(fixture, "s", 1, "c", "{\"n\":5}");
    drain(fixture, &S);
    assert_int_equal(fixture->row_count, 4);
}

static void test_rows_name_their_record(void **state)
{
    struct processor_fixture *fixture = *state;
    char expected[PN_SEQUENCE_SIZE];
    stream_bed_add(fixture, "s", 2);
    stream_bed_put(fixture, "s", 1, "x", "{}");
    stream_bed_put(fixture, "s", 1, "a", "[{\"n\":1},{\"n\":2}]");
    int64_t arrival_ms = fixture->streams[0].shards[1].records[1].arrival_ms;
    drain(fixture, &S);
    assert_rows(fixture, "{\"n\":1} {\"n\":2}");
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(fixture->rows[i].sequence,
                            pn_sequence_text(1000000, 1, 1, arrival_ms, expected));
        assert_string_equal(fixture->rows[i].shard, "shardId-000000000001");
        assert_int_equal(fixture->rows[i].offset, 1);
    }
}

static void test_latest_means_since_the_first_start(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    put_numbers(fixture, "any", 0, "k", 0, 3);
    drain(fixture, &ANY);
    assert_rows(fixture, "");
    assert_int_equal(stream_bed_position(fixture, "tables/tc", "any", 0), 3);
    /* What comes while no processor runs is read by the next. */
    put_numbers(fixture, "any", 0, "k", 3, 5);
    drain(fixture, &ANY);
    assert_rows(fixture, "{\"n\":3} {\"n\":4}");
    drain(fixture, &ANY);
    assert_int_equal(fixture->row_count, 2);
}

static void test_a_start_by_time(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    put_numbers(fixture, "any", 0, "k", 0, 4);
    for (int i = 0; i < 4; i++) {
        fixture->streams[0].shards[0].records[i].arrival_ms = 1000 + i;
    }
    fixture->pipeline_streams[1].start = PN_START_TIMESTAMP;
    fixture->pipeline_streams[1].start_ms = 1002;
    drain(fixture, &ANY);
    assert_rows(fixture, "{\"n\":2} {\"n\":3}");
}

static void test_a_stream_made_again_is_another(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    drain(fixture, &ANY);
    put_numbers(fixture, "any", 0, "k", 0, 2);
    drain(fixture, &ANY);
    stream_bed_add(fixture, "any", 2); /* the old one is gone */
    put_numbers(fixture, "any", 1, "k", 2, 4);
    drain(fixture, &ANY);
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2} {\"n\":3}");
}

static void test_a_stream_may_come_later(void **state)
{
    struct processor_fixture *fixture = *state;
    struct pn_processor *streams = create_for(fixture, &ANY);
    assert_int_equal(pn_processor_start(streams, NULL), 0);
    struct pn_arena arena;
    struct pn_processor_status *status = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    do {
        pn_arena_reset(&arena);
        pn_processor_status(streams, &arena, &status, &count);
    } while (status[0].state != PN_PROCESSOR_WAITING);
    assert_int_equal(count, 1);
    assert_non_null(status[0].error);
    /* Nobody was late for it: also the records before the processor sees it are read. */
    stream_bed_add(fixture, "any", 1);
    put_numbers(fixture, "any", 0, "k", 0, 2);
    stream_bed_await(fixture, 2);
    stream_bed_remove(fixture, "any");
    stream_bed_add(fixture, "any", 1);
    put_numbers(fixture, "any", 0, "k", 2, 3);
    stream_bed_await(fixture, 3);
    pn_processor_destroy(&streams);
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2}");
    pn_arena_deinit(&arena);
}

/* --- resharding ------------------------------------------------------------------------------- */

static void test_parents_come_before_children(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    fixture->config.batch_rows_max = 2;
    put_numbers(fixture, "any", 0, "k", 0, 5);
    size_t child = stream_bed_split(fixture, "any", 0);
    put_numbers(fixture, "any", child + 1, "k", 5, 8);
    size_t grandchild = stream_bed_split(fixture, "any", child + 1);
    put_numbers(fixture, "any", grandchild, "k", 8, 11);
    drain(fixture, &ANY);
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2} {\"n\":3} {\"n\":4} {\"n\":5} {\"n\":6} "
                         "{\"n\":7} {\"n\":8} {\"n\":9} {\"n\":10}");
    assert_true(fixture->largest <= 2);
}

static void test_children_of_an_old_position(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    drain(fixture, &ANY);
    put_numbers(fixture, "any", 0, "k", 0, 2);
    size_t child = stream_bed_split(fixture, "any", 0);
    put_numbers(fixture, "any", child, "k", 2, 4);
    drain(fixture, &ANY); /* started at "latest", but that was before the children */
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2} {\"n\":3}");
}

static void test_a_split_while_it_runs(void **state)
{
    struct processor_fixture *fixture = *state;
    enum { EACH = 50 };
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    struct pn_processor *streams = create_for(fixture, &ANY);
    assert_int_equal(pn_processor_start(streams, NULL), 0);
    size_t shard = 0;
    for (int round = 0; round < 5; round++) {
        put_numbers(fixture, "any", shard, "k", round * EACH, (round + 1) * EACH);
        shard = stream_bed_split(fixture, "any", shard);
    }
    stream_bed_await(fixture, 5 * EACH);
    pn_processor_destroy(&streams);
    assert_numbers(fixture, 5 * EACH);
    for (int i = 0; i < 5 * EACH; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "{\"n\":%d}", i);
        assert_string_equal(fixture->rows[i].value, expected);
    }
}

/* --- batches ---------------------------------------------------------------------------------- */

static void test_batches_are_bounded(void **state)
{
    struct processor_fixture *fixture = *state;
    fixture->config.batch_rows_max = 100;
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    stream_bed_add(fixture, "any", 3);
    for (int i = 0; i < 3; i++) {
        put_numbers(fixture, "any", (size_t)i, "k", i * 333, (i + 1) * 333);
    }
    drain(fixture, &ANY);
    assert_numbers(fixture, 999);
    assert_int_equal(fixture->largest, 100);
    assert_int_equal(fixture->batches, 1 + 10); /* the first one holds the positions alone */
}

static void test_batches_are_bounded_by_bytes(void **state)
{
    struct processor_fixture *fixture = *state;
    fixture->config.batch_bytes_max = 100;
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    stream_bed_add(fixture, "any", 1);
    put_numbers(fixture, "any", 0, "k", 0, 100);
    drain(fixture, &ANY);
    assert_numbers(fixture, 100);
    assert_true(fixture->largest <= 15);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static void test_passing_failures_are_tried_again(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    put_numbers(fixture, "any", 0, "k", 0, 10);
    fixture->failing_appends = 2;
    fixture->failing_reads = 1;
    drain(fixture, &ANY);
    assert_numbers(fixture, 10);
}

/* The table's folder was moved away in the middle of an append: that says nothing of the stream. */
static void test_a_file_that_is_missing_passes(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    put_numbers(fixture, "any", 0, "k", 0, 10);
    fixture->failing_appends = 2;
    fixture->failing_class = PN_CLASS_MISSING;
    drain(fixture, &ANY);
    assert_numbers(fixture, 10);
}

/* The engine can't tell whether a commit was made: it was. */
/* A quiet stream's table that is removed is made again, and filled again, without a record. */
static void test_a_table_that_is_removed_is_made_again(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "s", 1);
    put_numbers(fixture, "s", 0, "a", 0, 3);
    struct pn_processor *streams = create_for(fixture, &S);
    assert_int_equal(pn_processor_start(streams, NULL), 0);
    stream_bed_await(fixture, 3);
    char *folder = pn_xasprintf("%s/tables/ta", fixture->folder);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
    free(folder);
    stream_bed_await(fixture, 6);
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2} {\"n\":0} {\"n\":1} {\"n\":2}");
    assert_int_equal(stream_bed_position(fixture, "tables/ta", "s", 0), 3);
    pn_processor_destroy(&streams);
}

static void test_an_unknown_outcome_repeats_nothing(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    fixture->config.batch_rows_max = 3;
    put_numbers(fixture, "any", 0, "k", 0, 20);
    fixture->failing_appends = 3;
    fixture->commits_first = true;
    drain(fixture, &ANY);
    assert_numbers(fixture, 20);
}

static void test_what_is_final_stops_one_table_alone(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    put_numbers(fixture, "any", 0, "k", 0, 2);
    fixture->failing_appends = 1;
    fixture->failing_class = PN_CLASS_FATAL;
    struct pn_processor *streams = create_for(fixture, &ANY);
    struct pn_err e = {0};
    assert_int_not_equal(pn_processor_drain(streams, NULL, NULL, &e), 0);
    assert_string_equal(e.msg, "tc from any: the disk is full");
    struct pn_arena arena;
    struct pn_processor_status *status = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    pn_processor_status(streams, &arena, &status, &count);
    assert_int_equal(status[0].state, PN_PROCESSOR_FAILED);
    assert_string_equal(status[0].error, "the disk is full");
    assert_int_equal(status[0].errors, 1);
    pn_arena_deinit(&arena);
    pn_processor_destroy(&streams);
    drain(fixture, &ANY);
    assert_numbers(fixture, 2);
}

static void test_a_drain_needs_its_stream(void **state)
{
    struct processor_fixture *fixture = *state;
    struct pn_processor *streams = create_for(fixture, &ANY);
    struct pn_err e = {0};
    assert_int_not_equal(pn_processor_drain(streams, NULL, NULL, &e), 0);
    assert_string_equal(e.msg, "tc from any: no stream any");
    pn_processor_destroy(&streams);
}

static void test_damage_is_passed_over_and_counted(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    put_numbers(fixture, "any", 0, "k", 0, 10);
    fixture->streams[0].shards[0].damage_from = 3;
    fixture->streams[0].shards[0].damage_to = 8;
    struct pn_processor *streams = create_for(fixture, &ANY);
    assert_int_equal(pn_processor_drain(streams, NULL, NULL, NULL), 0);
    struct pn_arena arena;
    struct pn_processor_status *status = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    pn_processor_status(streams, &arena, &status, &count);
    assert_int_equal(status[0].lost, 5);
    assert_int_equal(status[0].rows, 5);
    assert_int_equal(status[0].shards[0].position, 10);
    pn_arena_deinit(&arena);
    pn_processor_destroy(&streams);
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2} {\"n\":8} {\"n\":9}");
}

static void test_retention_that_was_faster_is_counted(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    drain(fixture, &ANY);
    put_numbers(fixture, "any", 0, "k", 0, 10);
    fixture->streams[0].shards[0].info.begin = 4;
    struct pn_processor *streams = create_for(fixture, &ANY);
    assert_int_equal(pn_processor_drain(streams, NULL, NULL, NULL), 0);
    struct pn_arena arena;
    struct pn_processor_status *status = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    pn_processor_status(streams, &arena, &status, &count);
    assert_int_equal(status[0].lost, 4);
    assert_int_equal(status[0].rows, 6);
    pn_arena_deinit(&arena);
    pn_processor_destroy(&streams);
}

/* After retention, the command, the status (for /api/v1/streams) and the gauge count alike. */
static void test_lag_is_the_same_wherever_it_is_asked_for(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    drain(fixture, &ANY);
    put_numbers(fixture, "any", 0, "k", 0, 10);
    fixture->streams[0].shards[0].info.begin = 4;
    fixture->failing_appends = 1;
    fixture->failing_class = PN_CLASS_FATAL;
    struct pn_processor *streams = create_for(fixture, &ANY);
    assert_int_not_equal(pn_processor_drain(streams, NULL, NULL, NULL), 0);

    const struct pn_processor_env env = stream_bed_env(fixture);
    struct pn_arena arena;
    struct pn_processor_status *status = NULL;
    struct pn_processor_lag *lags = NULL;
    struct pn_buf page;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    pn_buf_init(&page, 1 << 20);
    pn_processor_status(streams, &arena, &status, &count);
    assert_int_equal(status[0].shards[0].position, 0);
    assert_int_equal(status[0].shards[0].lag, 6);
    assert_int_equal(status[0].shards[0].lost, 4);
    assert_int_equal(pn_processor_lags(&fixture->config, &env, &arena, &lags, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(lags[0].records, 6);
    assert_int_equal(lags[0].lost, 4);
    pn_metrics_render(fixture->metrics, &page);
    assert_non_null(strstr(pn_buf_text(&page), "pinion_stream_lag_records{table=\"tc\"} 6\n"));
    pn_buf_deinit(&page);
    pn_arena_deinit(&arena);
    pn_processor_destroy(&streams);
}

static void cut_log(struct processor_fixture *fixture, size_t count)
{
    struct fixture_shard *shard = &fixture->streams[0].shards[0];
    for (size_t i = count; i < shard->count; i++) {
        free(shard->records[i].key);
        free(shard->records[i].value);
    }
    shard->count = count;
}

/* The log lost its end and has grown beyond it since: what is there now is not what was. */
static void test_a_log_that_lost_its_end_and_grew(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    put_numbers(fixture, "any", 0, "k", 0, 3);
    drain(fixture, &ANY);
    cut_log(fixture, 1);
    put_numbers(fixture, "any", 0, "k", 3, 8);
    for (size_t i = 1; i < 6; i++) {
        fixture->streams[0].shards[0].records[i].arrival_ms += 1000; /* the machine started again */
    }
    struct pn_processor *streams = create_for(fixture, &ANY);
    struct pn_err e = {0};
    assert_int_not_equal(pn_processor_drain(streams, NULL, NULL, &e), 0);
    assert_non_null(
        strstr(e.msg, "before 3, but the last of these is newer than the table's copy"));
    pn_processor_destroy(&streams);
    assert_int_equal(fixture->row_count, 3);
}

/* A clock that was set back is not a sign of it. */
static void test_a_clock_that_was_set_back(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    put_numbers(fixture, "any", 0, "old", 0, 1);
    for (int round = 0; round < 3; round++) {
        struct fixture_shard *shard = &fixture->streams[0].shards[0];
        shard->records[shard->count - 1].arrival_ms += 3600000 - round * 60000;
        drain(fixture, &ANY);
        put_numbers(fixture, "any", 0, "k", round, round + 1);
    }
    drain(fixture, &ANY);
    assert_numbers(fixture, 3);
}

/* A log that isn't synced lost its end; offsets there will be given again. */
static void test_a_log_that_lost_its_end_is_not_read(void **state)
{
    struct processor_fixture *fixture = *state;
    stream_bed_add(fixture, "any", 1);
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    put_numbers(fixture, "any", 0, "k", 0, 3);
    drain(fixture, &ANY);
    cut_log(fixture, 1);
    struct pn_processor *streams = create_for(fixture, &ANY);
    struct pn_err e = {0};
    assert_int_not_equal(pn_processor_drain(streams, NULL, NULL, &e), 0);
    assert_non_null(strstr(e.msg, "before 3, but the log ends at 1"));
    pn_processor_destroy(&streams);
    stream_bed_add(fixture, "any", 1); /* what the message says */
    put_numbers(fixture, "any", 0, "k", 3, 4);
    drain(fixture, &ANY);
    assert_rows(fixture, "{\"n\":0} {\"n\":1} {\"n\":2} {\"n\":3}");
}

/* --- two processors --------------------------------------------------------------------------- */

static void test_two_processors_share_a_table(void **state)
{
    struct processor_fixture *fixture = *state;
    enum { RECORDS = 400 };
    fixture->config.batch_rows_max = 7;
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    stream_bed_add(fixture, "any", 2);
    struct pn_processor *one = create_for(fixture, &ANY);
    struct pn_processor *other = create_for(fixture, &ANY);
    assert_int_equal(pn_processor_start(one, NULL), 0);
    assert_int_equal(pn_processor_start(other, NULL), 0);
    for (int i = 0; i < RECORDS; i++) {
        put_numbers(fixture, "any", (size_t)i % 2, "k", i, i + 1);
    }
    stream_bed_await(fixture, RECORDS);
    pn_processor_destroy(&one);
    pn_processor_destroy(&other);
    assert_numbers(fixture, RECORDS);
}

static void test_stops_and_starts(void **state)
{
    struct processor_fixture *fixture = *state;
    enum { ROUNDS = 20, EACH = 25 };
    fixture->config.batch_rows_max = 10;
    fixture->pipeline_streams[1].start = PN_START_TRIM_HORIZON;
    stream_bed_add(fixture, "any", 2);
    for (int i = 0; i < ROUNDS; i++) {
        struct pn_processor *streams = create_for(fixture, &ANY);
        assert_int_equal(pn_processor_start(streams, NULL), 0);
        put_numbers(fixture, "any", (size_t)i % 2, "k", i * EACH, (i + 1) * EACH);
        stream_bed_await(fixture, (size_t)(i * EACH)); /* not yet these */
        pn_processor_stop(streams);
        pn_processor_destroy(&streams);
    }
    drain(fixture, &ANY);
    assert_numbers(fixture, ROUNDS * EACH);
}

/* No vacuum, whichever process runs it, may take what is about to be committed. */
static void test_tables_keep_a_minute_at_least(void **state)
{
    static const struct {
        int64_t keep_ms;
        const char *property;
    } cases[] = {{0, "interval 60 seconds"}, {90500, "interval 91 seconds"}};
    struct processor_fixture *fixture = *state;
    for (size_t i = 0; i < 2; i++) {
        char *path = pn_xasprintf("tables/kept-%zu", i);
        fixture->tables[2].path = path;
        fixture->config.keep_ms = cases[i].keep_ms;
        stream_bed_add(fixture, "any", 1);
        drain(fixture, &ANY);
        struct pn_delta *delta =
            pn_delta_create(fixture->store, path, NULL, pn_clock_system(), NULL, &fixture->delta);
        struct pn_delta_snapshot *snapshot = NULL;
        assert_int_equal(pn_delta_snapshot(delta, -1, &snapshot, NULL), 0);
        assert_int_equal(snapshot->metadata.configuration_count, 2);
        for (size_t j = 0; j < 2; j++) {
            assert_string_equal(snapshot->metadata.configuration[j].value, cases[i].property);
        }
        pn_delta_snapshot_destroy(&snapshot);
        pn_delta_destroy(&delta);
        free(path);
    }
}

/* --- notes, names ----------------------------------------------------------------------------- */

static void test_notes_tell_people(void **state)
{
    struct processor_fixture *fixture = *state;
    char sequence[PN_SEQUENCE_SIZE];
    stream_bed_add(fixture, "s", 1);
    stream_bed_put(fixture, "s", 0, "a", "{\"n\":1}");
    int64_t arrival_ms = fixture->streams[0].shards[0].records[0].arrival_ms;
    drain(fixture, &S);
    struct pn_buf note;
    pn_buf_init(&note, 4096);
    assert_int_equal(
        pn_store_get(fixture->store, "checkpoints/ta/shardId-000000000000.json", &note, NULL), 0);
    char *expected = pn_xasprintf("{\"stream\":\"s\",\"shard\":\"shardId-000000000000\","
                                  "\"sequence_number\":\"%s\",\"next_offset\":1,\"table\":\"ta\","
                                  "\"table_version\":1,\"committed_at\":\"",
                                  pn_sequence_text(1000000, 0, 0, arrival_ms, sequence));
    assert_memory_equal(pn_buf_text(&note), expected, strlen(expected));
    free(expected);
    pn_buf_deinit(&note);
}

static void test_names_are_checked(void **state)
{
    struct processor_fixture *fixture = *state;
    const char *name = "other";
    const struct pn_processor_env env = {.pipeline = &fixture->pipeline,
                                         .engine = &fixture->engine,
                                         .store = fixture->store,
                                         .source = &fixture->source,
                                         .clock = pn_clock_system()};
    struct pn_processor *streams = NULL;
    struct pn_err e = {0};
    fixture->config.names = &name;
    fixture->config.name_count = 1;
    assert_int_not_equal(pn_processor_create(&fixture->config, &env, &streams, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    name = "any";
    fixture->pipeline_streams[1].flow_count = 0;
    assert_int_not_equal(pn_processor_create(&fixture->config, &env, &streams, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keys_go_to_their_tables),
        TEST(test_rows_name_their_record),
        TEST(test_latest_means_since_the_first_start),
        TEST(test_a_start_by_time),
        TEST(test_a_stream_made_again_is_another),
        TEST(test_a_stream_may_come_later),
        TEST(test_parents_come_before_children),
        TEST(test_children_of_an_old_position),
        TEST(test_a_split_while_it_runs),
        TEST(test_batches_are_bounded),
        TEST(test_batches_are_bounded_by_bytes),
        TEST(test_passing_failures_are_tried_again),
        TEST(test_a_file_that_is_missing_passes),
        TEST(test_a_table_that_is_removed_is_made_again),
        TEST(test_an_unknown_outcome_repeats_nothing),
        TEST(test_what_is_final_stops_one_table_alone),
        TEST(test_a_drain_needs_its_stream),
        TEST(test_damage_is_passed_over_and_counted),
        TEST(test_retention_that_was_faster_is_counted),
        TEST(test_lag_is_the_same_wherever_it_is_asked_for),
        TEST(test_a_log_that_lost_its_end_is_not_read),
        TEST(test_a_log_that_lost_its_end_and_grew),
        TEST(test_a_clock_that_was_set_back),
        TEST(test_two_processors_share_a_table),
        TEST(test_stops_and_starts),
        TEST(test_tables_keep_a_minute_at_least),
        TEST(test_notes_tell_people),
        TEST(test_names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
