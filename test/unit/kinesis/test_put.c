/* Putting records: where they go, who is refused; resharding loses and reorders none of them. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/internal.h"
#include "support/kinesis_fixture.h"
#include "support/memory_log.h"

enum { RECORDS = 1000, WRITERS = 4, RESHARDS = 16, WRITER_PUTS = 150 };

static struct pn_bytes bytes_of(const char *text)
{
    return (struct pn_bytes){.data = text, .len = strlen(text)};
}

/* --- one put ---------------------------------------------------------------------------------- */

static void test_what_is_kept(void **state)
{
    struct kinesis_fixture *fixture = *state;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    /* MD5 of "a" begins with 0x0c: the first half. */
    struct pn_stream_record record = kinesis_put(fixture, "s", "a", "hello");
    assert_int_equal(record.shard, 0);
    assert_int_equal(record.offset, 0);
    assert_int_equal(record.arrival_ms, (int64_t)LOG_FIXTURE_NOW * 1000);
    assert_int_equal(record.created_ms, (int64_t)LOG_FIXTURE_NOW * 1000);
    struct pn_log_records records = log_get(fixture->log, "__kinesis.s", 0, 0, 9);
    assert_int_equal(records.count, 1);
    assert_value(&records.records[0], "hello");
    assert_int_equal(records.records[0].key.len, 1);
    assert_memory_equal(records.records[0].key.data, "a", 1);
    assert_int_equal(records.records[0].header_count, 0);
    assert_int_equal(records.records[0].timestamp_ms, record.arrival_ms);

    /* An explicit hash key decides, and is kept. */
    record = (struct pn_stream_record){
        .partition_key = bytes_of("a"), .has_hash_key = true, .hash_key = {UINT64_MAX, 7}};
    struct pn_err e;
    assert_int_equal(kinesis_try_put(fixture, "s", &record, &e), 0);
    assert_int_equal(record.shard, 1);
    records = log_get(fixture->log, "__kinesis.s", 1, 0, 9);
    assert_value(&records.records[0], ""); /* no data is not no value */
    assert_int_equal(records.records[0].header_count, 1);
    const struct pn_record_header *header = &records.records[0].headers[0];
    assert_int_equal(header->name.len, strlen(PN_KINESIS_HASH_KEY_HEADER));
    assert_memory_equal(header->name.data, PN_KINESIS_HASH_KEY_HEADER, header->name.len);
    static const char hash[] = "340282366920938463444927863358058659847";
    assert_int_equal(header->value.len, strlen(hash));
    assert_memory_equal(header->value.data, hash, strlen(hash));
}

static void test_no_stream(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_stream_record record = {.partition_key = bytes_of("a")};
    struct pn_err e;
    kinesis_fixture_open(fixture);
    assert_int_equal(kinesis_try_put(fixture, "none", &record, &e), PN_KINESIS_NOT_FOUND);
    assert_string_equal(e.msg, "Stream none under account 000000000000 not found.");
}

static int set_record_kib(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                          struct pn_err *e)
{
    (void)arena;
    (void)e;
    edit->record_kib_max = *(int32_t *)arg;
    return 0;
}

/* A stream takes records of its own size, above the log's usual one, and not a byte more. */
static void test_sizes(void **state)
{
    struct kinesis_fixture *fixture = *state;
    int32_t kib = 10240;
    size_t size = (size_t)kib * 1024;
    char *data = pn_xcalloc(1, size + 1);
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    struct pn_stream_record records[2] = {{.partition_key = bytes_of("a")},
                                          {.partition_key = bytes_of("key"), .data = {data, 0}}};
    struct pn_stream_record *record = &records[1];
    record->data.len = (size_t)1024 * 1024 + 1;
    assert_int_equal(kinesis_try_put(fixture, "s", record, &e), PN_KINESIS_VALIDATION);
    assert_string_equal(e.msg, "1 validation error detected: Value at 'data' failed to satisfy "
                               "constraint: Member must have length less than or equal to 1048576");
    record->data.len = (size_t)1024 * 1024 - 3;
    assert_int_equal(kinesis_try_put(fixture, "s", record, &e), 0);
    record->data.len++;
    assert_int_equal(kinesis_try_put(fixture, "s", record, &e), PN_KINESIS_VALIDATION);

    assert_int_equal(pn_kinesis_update(fixture->kinesis, "s", set_record_kib, &kib, &e), 0);
    record->data.len = size - 3;
    record->has_hash_key = true; /* the longest there is, which the log keeps besides */
    record->hash_key = (struct pn_hash_key){UINT64_MAX, UINT64_MAX};
    assert_int_equal(kinesis_try_put(fixture, "s", record, &e), 0);
    assert_int_equal(record->offset, 1);
    record->data.len = size + 1;

    /* Among many it is named, and none of them goes. */
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_stream_put put = {.records = records, .count = 2, .arena = &arena, .failures = true};
    assert_int_equal(pn_stream_put_begin(fixture->kinesis, "s", &put, &e), PN_KINESIS_VALIDATION);
    assert_non_null(strstr(e.msg, "'records.2.member.data'"));
    assert_int_equal(log_offsets(fixture->log, "__kinesis.s", 0).end, 2);
    pn_arena_deinit(&arena);
    free(data);
}

/* --- many records ----------------------------------------------------------------------------- */

/* A put of many records whose keys are their numbers, and its memory. */
struct many {
    struct pn_arena arena;
    struct pn_stream_put put;
    struct pn_stream_record records[RECORDS];
    char keys[RECORDS][16];
};

static struct many *many_create(bool failures)
{
    struct many *many = pn_xcalloc(1, sizeof *many);
    pn_arena_init(&many->arena, 0);
    for (int i = 0; i < RECORDS; i++) {
        (void)snprintf(many->keys[i], sizeof many->keys[i], "%d", i);
        many->records[i].partition_key = bytes_of(many->keys[i]);
        many->records[i].data = bytes_of(many->keys[i]);
    }
    many->put = (struct pn_stream_put){
        .records = many->records, .count = RECORDS, .arena = &many->arena, .failures = failures};
    return many;
}

static void many_destroy(struct many *many)
{
    pn_arena_deinit(&many->arena);
    free(many);
}

static void many_run(struct kinesis_fixture *fixture, struct many *many, const char *stream)
{
    struct pn_err e = {0};
    assert_int_equal(pn_stream_put_begin(fixture->kinesis, stream, &many->put, &e), 0);
    int rc = 0;
    if (many->put.request.count > 0) {
        rc = pn_log_append(fixture->log->log, &many->put.request, &e);
    }
    pn_stream_put_end(&many->put, rc, &e);
}

static void test_many_records(void **state)
{
    struct kinesis_fixture *fixture = *state;
    int64_t next[3] = {0};
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 3);
    struct many *many = many_create(true);
    many_run(fixture, many, "s");
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    for (int i = 0; i < RECORDS; i++) {
        const struct pn_stream_record *record = &many->records[i];
        struct pn_hash_key key = pn_hash_key_of(many->keys[i], strlen(many->keys[i]));
        assert_int_equal(record->code, 0);
        assert_int_equal(record->shard, pn_stream_shard_of(stream, key)->index);
        assert_int_equal(record->offset, next[record->shard]);
        next[record->shard]++;
    }
    assert_true(next[0] > 200 && next[1] > 200 && next[2] > 200);
    pn_stream_release(&stream);
    many_destroy(many);
}

static void test_limits(void **state)
{
    struct kinesis_fixture *fixture = *state;
    fixture->config.shard_limits = true;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    for (int i = 0; i < 10; i++) {
        (void)kinesis_put(fixture, "s", "k", "v");
    }
    struct many *many = many_create(true);
    many_run(fixture, many, "s");
    for (int i = 0; i < RECORDS; i++) {
        const struct pn_stream_record *record = &many->records[i];
        assert_int_equal(record->code, i < RECORDS - 10 ? 0 : PN_KINESIS_THROUGHPUT_EXCEEDED);
    }
    assert_string_equal(
        many->records[RECORDS - 1].msg,
        "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.");
    assert_int_equal(log_offsets(fixture->log, "__kinesis.s", 0).end, RECORDS);
    pn_fake_clock_advance(&fixture->log->clock, 1000);
    (void)kinesis_put(fixture, "s", "k", "a second later");
    many_destroy(many);
}

static void test_injected_failures(void **state)
{
    struct kinesis_fixture *fixture = *state;
    fixture->config.put_failure_rate = 0.5;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    struct many *many = many_create(true);
    int internal = 0;
    int throttled = 0;
    int64_t stored = 0;
    many_run(fixture, many, "s");
    for (int i = 0; i < RECORDS; i++) {
        const struct pn_stream_record *record = &many->records[i];
        internal += record->code == PN_KINESIS_INTERNAL;
        throttled += record->code == PN_KINESIS_THROUGHPUT_EXCEEDED;
        if (record->code == 0) {
            assert_int_equal(record->offset, stored);
            stored++;
        } else {
            assert_non_null(record->msg);
        }
    }
    assert_int_equal(stored + internal + throttled, RECORDS);
    assert_true(internal > 100 && throttled > 100 && stored > 300);
    assert_int_equal(log_offsets(fixture->log, "__kinesis.s", 0).end, stored);
    many_destroy(many);

    many = many_create(false); /* no PutRecords: untouched */
    many_run(fixture, many, "s");
    assert_int_equal(log_offsets(fixture->log, "__kinesis.s", 0).end, stored + RECORDS);
    many_destroy(many);
}

static void test_all_refused(void **state)
{
    struct kinesis_fixture *fixture = *state;
    fixture->config.put_failure_rate = 1;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    struct many *many = many_create(true);
    many_run(fixture, many, "s");
    assert_int_equal(many->put.request.count, 0);
    assert_int_equal(log_offsets(fixture->log, "__kinesis.s", 0).end, 0);
    many_destroy(many);
}

/* --- a log that refuses ----------------------------------------------------------------------- */

static void test_refusals_of_the_log(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_log *log = pn_memory_log_create(0);
    struct pn_kinesis *kinesis = NULL;
    struct pn_err e = {0};
    assert_int_equal(pn_kinesis_create(&fixture->config, log, pn_io_system(),
                                       &fixture->log->clock.clock, NULL, NULL, &kinesis, &e),
                     0);
    const struct pn_stream_create create = {.name = "s", .shards = 1};
    assert_int_equal(pn_kinesis_create_stream(kinesis, &create, &e), 0);
    static const struct {
        enum pn_class submit;
        enum pn_class done;
        int code;
        const char *part;
    } cases[] = {
        {PN_CLASS_RETRY, PN_CLASS_NONE, PN_KINESIS_THROUGHPUT_EXCEEDED, "Rate exceeded"},
        {PN_CLASS_MISSING, PN_CLASS_NONE, PN_KINESIS_NOT_FOUND, "Stream s under account"},
        {PN_CLASS_FATAL, PN_CLASS_NONE, PN_KINESIS_INTERNAL, "broken"},
        {PN_CLASS_NONE, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND, "Stream s under account"},
        {PN_CLASS_NONE, PN_CLASS_RETRY, PN_KINESIS_INTERNAL, "broken"},
        {PN_CLASS_NONE, PN_CLASS_NONE, 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_arena arena;
        struct pn_stream_record record = {.partition_key = bytes_of("k"), .data = bytes_of("v")};
        pn_arena_init(&arena, 0);
        struct pn_stream_put put = {.records = &record, .count = 1, .arena = &arena};
        pn_memory_log_refuse(log, cases[i].submit, "broken");
        pn_memory_log_fail(log, cases[i].done, "broken");
        assert_int_equal(pn_stream_put_begin(kinesis, "s", &put, &e), 0);
        int rc = pn_log_append(log, &put.request, &e);
        assert_int_equal(rc != 0, cases[i].code != 0);
        /* As the gateway has it: what came with done is in the request. */
        pn_stream_put_end(&put, cases[i].submit != PN_CLASS_NONE ? rc : 0, &e);
        assert_int_equal(record.code, cases[i].code);
        if (record.code != 0) {
            assert_non_null(strstr(record.msg, cases[i].part));
        }
        pn_arena_deinit(&arena);
    }
    pn_kinesis_destroy(&kinesis);
    pn_log_destroy(&log);
}

/* --- puts and resharding at once -------------------------------------------------------------- */

struct change {
    struct kinesis_fixture *fixture;
    pthread_t thread;
    atomic_bool done;
    int rc;
};

static void *split_it(void *arg)
{
    struct change *change = arg;
    change->rc = pn_kinesis_split(change->fixture->kinesis, "s", "shardId-000000000000",
                                  (struct pn_hash_key){UINT64_C(1) << 63, 0}, NULL);
    atomic_store(&change->done, true);
    return NULL;
}

static void *delete_it(void *arg)
{
    struct change *change = arg;
    change->rc = pn_kinesis_delete_stream(change->fixture->kinesis, "s", false, NULL);
    atomic_store(&change->done, true);
    return NULL;
}

/* Puts one record, from any thread; the code. */
static int put_one(struct kinesis_fixture *fixture, const char *key, const char *data,
                   uint32_t *shard)
{
    struct pn_err e;
    struct pn_stream_record record = {.partition_key = bytes_of(key), .data = bytes_of(data)};
    int rc = kinesis_try_put(fixture, "s", &record, &e);
    *shard = record.shard;
    return rc;
}

static void test_a_split_waits_for_a_put(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct change change = {.fixture = fixture};
    struct pn_err e = {0};
    uint32_t shard = 0;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    struct many *many = many_create(true);
    assert_int_equal(pn_stream_put_begin(fixture->kinesis, "s", &many->put, &e), 0);
    assert_int_equal(pthread_create(&change.thread, NULL, split_it, &change), 0);
    int to_parent = -1;
    do {
        to_parent++;
        assert_int_equal(put_one(fixture, "k", "v", &shard), 0);
        (void)sched_yield();
    } while (shard == 0);

    /* The children take records, the parent none, and where it ends is not known. */
    assert_false(atomic_load(&change.done));
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_false(stream->shards[0].open);
    assert_int_equal(stream->shards[0].end_offset, -1);
    pn_stream_release(&stream);

    assert_int_equal(pn_log_append(fixture->log->log, &many->put.request, &e), 0);
    assert_false(atomic_load(&change.done));
    pn_stream_put_end(&many->put, 0, &e);
    assert_int_equal(pthread_join(change.thread, NULL), 0);
    assert_int_equal(change.rc, 0);
    stream = kinesis_stream(fixture, "s");
    assert_int_equal(stream->shards[0].end_offset, RECORDS + to_parent);
    pn_stream_release(&stream);
    many_destroy(many);
}

/* A put that was routed before a split and comes to hold its shard after it must route again. */
static void test_an_old_route_is_no_good(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct change change = {.fixture = fixture};
    struct pn_stream_record record = {.shard = 0};
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    const struct pn_stream *before = kinesis_stream(fixture, "s");
    assert_true(pn_stream_hold_shards(before, &record, 1));
    pn_stream_let_go(before, &record, 1);
    (void)split_it(&change);
    assert_int_equal(change.rc, 0);
    assert_false(pn_stream_hold_shards(before, &record, 1));
    pn_stream_release(&before);
}

static void test_a_deletion_waits_for_a_put(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct change change = {.fixture = fixture};
    struct pn_err e = {0};
    uint32_t shard = 0;
    int rc = 0;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    struct many *many = many_create(true);
    assert_int_equal(pn_stream_put_begin(fixture->kinesis, "s", &many->put, &e), 0);
    assert_int_equal(pthread_create(&change.thread, NULL, delete_it, &change), 0);
    do {
        rc = put_one(fixture, "k", "v", &shard);
        (void)sched_yield();
    } while (rc == 0);
    assert_int_equal(rc, PN_KINESIS_IN_USE);
    assert_false(atomic_load(&change.done));
    assert_int_equal(pn_log_append(fixture->log->log, &many->put.request, &e), 0);
    pn_stream_put_end(&many->put, 0, &e);
    assert_int_equal(pthread_join(change.thread, NULL), 0);
    assert_int_equal(change.rc, 0);
    assert_int_equal(put_one(fixture, "k", "v", &shard), PN_KINESIS_NOT_FOUND);
    many_destroy(many);
}

struct writer {
    struct kinesis_fixture *fixture;
    pthread_t thread;
    char key[32];
    int put;
};

/* Puts 0, 1, 2, ... under its key, each after the one before was acknowledged. */
static void *write_numbers(void *arg)
{
    struct writer *writer = arg;
    while (writer->put < WRITER_PUTS) {
        char value[16];
        uint32_t shard = 0;
        (void)snprintf(value, sizeof value, "%d", writer->put);
        if (put_one(writer->fixture, writer->key, value, &shard) != 0) {
            break;
        }
        writer->put++;
    }
    return NULL;
}

/* A random open shard is split, or merged with the one above it. */
static void reshard_somewhere(struct kinesis_fixture *fixture, struct pn_random *random)
{
    struct pn_err e;
    size_t count = 0;
    char id[PN_SHARD_ID_SIZE];
    char other[PN_SHARD_ID_SIZE];
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    const struct pn_shard **open = pn_stream_open_shards(stream, &fixture->arena, &count);
    size_t i = (size_t)pn_random_below(random, count);
    (void)pn_shard_id(open[i]->index, id);
    int rc;
    if (i + 1 < count && pn_random_below(random, 2) == 0) {
        (void)pn_shard_id(open[i + 1]->index, other);
        rc = pn_kinesis_merge(fixture->kinesis, "s", id, other, &e);
    } else {
        rc = pn_kinesis_split(fixture->kinesis, "s", id, kinesis_middle(open[i]), &e);
    }
    if (rc != 0) {
        fail_msg("%s", e.msg);
    }
    pn_stream_release(&stream);
}

/* Are the numbers of a key in the log, in order, parents before children, and nowhere else? */
static void check_numbers(struct kinesis_fixture *fixture, const struct writer *writer)
{
    int next = 0;
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    for (size_t i = 0; i < stream->shard_count; i++) {
        struct pn_log_records records =
            log_get(fixture->log, stream->topic, (int32_t)i, 0, SIZE_MAX);
        if (!stream->shards[i].open) {
            assert_int_equal(records.end_offset, stream->shards[i].end_offset);
        }
        for (size_t r = 0; r < records.count; r++) {
            const struct pn_record *record = &records.records[r];
            if (record->key.len == strlen(writer->key) &&
                memcmp(record->key.data, writer->key, record->key.len) == 0) {
                char value[16];
                (void)snprintf(value, sizeof value, "%d", next);
                assert_value(record, value);
                next++;
            }
        }
    }
    assert_int_equal(next, WRITER_PUTS);
    pn_stream_release(&stream);
}

static void test_nothing_is_lost_or_reordered(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct writer writers[WRITERS] = {0};
    struct pn_random random;
    pn_random_init(&random, 5);
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].fixture = fixture;
        (void)snprintf(writers[i].key, sizeof writers[i].key, "writer-%d", i);
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_numbers, &writers[i]), 0);
    }
    for (int i = 0; i < RESHARDS; i++) {
        reshard_somewhere(fixture, &random);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_int_equal(writers[i].put, WRITER_PUTS);
    }
    for (int opened = 0; opened < 2; opened++) {
        for (int i = 0; i < WRITERS; i++) {
            check_numbers(fixture, &writers[i]);
        }
        kinesis_fixture_reopen(fixture);
    }
}

int main(void)
{
#define TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, kinesis_fixture_set_up, kinesis_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_kept),
        TEST(test_no_stream),
        TEST(test_sizes),
        TEST(test_many_records),
        TEST(test_limits),
        TEST(test_injected_failures),
        TEST(test_all_refused),
        TEST(test_refusals_of_the_log),
        TEST(test_a_split_waits_for_a_put),
        TEST(test_an_old_route_is_no_good),
        TEST(test_a_deletion_waits_for_a_put),
        TEST(test_nothing_is_lost_or_reordered),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
