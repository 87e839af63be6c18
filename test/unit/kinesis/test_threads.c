/*
 * Producers, consumers and those who change streams, all at once. Run under tsan too.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/api/subscribe.h"
#include "kinesis/internal.h"
#include "support/kinesis_fixture.h"

enum { WRITERS = 3, PUTS = 300, RESHARDS = 21, SHARDS_MAX = 64, READ_MAX = 50, MIB = 1024 * 1024 };

/* --- producers -------------------------------------------------------------------------------- */

struct writer {
    struct kinesis_fixture *fixture;
    pthread_t thread;
    int number;
};

/* Puts 0, 1, 2, ... under a key of its own, each after the one before was acknowledged. */
static void *write_numbers(void *arg)
{
    const struct writer *writer = arg;
    char key = (char)('a' + writer->number);
    for (int i = 0; i < PUTS; i++) {
        char value[16];
        struct pn_err e;
        (void)snprintf(value, sizeof value, "%d", i);
        struct pn_stream_record record = {.partition_key = {&key, 1},
                                          .data = {value, strlen(value)}};
        PN_ASSERT(kinesis_try_put(writer->fixture, "s", &record, &e) == 0);
    }
    return NULL;
}

/* --- a consumer of all shards, as a client library has it ------------------------------------- */

struct consumer {
    struct kinesis_fixture *fixture;
    pthread_t thread;
    atomic_bool *all_put; /* and no more changes */
    struct pn_arena arena;
    char iterators[SHARDS_MAX][PN_ITERATOR_SIZE]; /* "" before the first read */
    bool finished[SHARDS_MAX];
    int next[WRITERS]; /* the number that comes next of each */
};

static bool may_begin(const struct consumer *consumer, const struct pn_shard *shard)
{
    return (shard->parent < 0 || consumer->finished[shard->parent]) &&
           (shard->adjacent_parent < 0 || consumer->finished[shard->adjacent_parent]);
}

static void take(struct consumer *consumer, const struct pn_record *record)
{
    char value[16] = "";
    int writer = *(const char *)record->key.data - 'a';
    PN_ASSERT(writer >= 0 && writer < WRITERS && record->value.len < sizeof value);
    memcpy(value, record->value.data, record->value.len);
    PN_ASSERT(strtol(value, NULL, 10) == consumer->next[writer]);
    consumer->next[writer]++;
}

/* Reads a shard once; was there something? */
static bool read_once(struct consumer *consumer, const struct pn_stream *seen, uint32_t index)
{
    struct pn_kinesis *kinesis = consumer->fixture->kinesis;
    const struct pn_stream *stream = NULL;
    const struct pn_shard *shard = NULL;
    struct pn_shard_records read;
    struct pn_err e;
    int64_t offset = 0;
    char *iterator = consumer->iterators[index];
    if (iterator[0] == '\0') {
        PN_ASSERT(pn_shard_position(kinesis, seen, &seen->shards[index], PN_ITERATOR_TRIM_HORIZON,
                                    NULL, 0, &offset, &e) == 0);
        pn_iterator_write(kinesis, seen, &seen->shards[index], offset, iterator);
    }
    PN_ASSERT(pn_iterator_read(kinesis, iterator, strlen(iterator), &stream, &shard, &offset, &e) ==
              0);
    pn_arena_reset(&consumer->arena);
    PN_ASSERT(pn_shard_read(kinesis, stream, shard, offset, READ_MAX, MIB, false, &consumer->arena,
                            &read, &e) == 0);
    for (size_t i = 0; i < read.count; i++) {
        take(consumer, &read.records[i]);
    }
    PN_ASSERT(!read.drained || read.child_count > 0);
    consumer->finished[index] = read.drained;
    pn_iterator_write(kinesis, stream, shard, read.next_offset, iterator);
    pn_stream_release(&stream);
    return read.count > 0 || read.drained;
}

static void *consume(void *arg)
{
    struct consumer *consumer = arg;
    pn_arena_init(&consumer->arena, 0);
    for (bool more = true; more;) {
        const struct pn_stream *stream = NULL;
        more = !atomic_load(consumer->all_put);
        PN_ASSERT(pn_kinesis_stream(consumer->fixture->kinesis, "s", &stream, NULL) == 0);
        for (uint32_t i = 0; i < stream->shard_count; i++) {
            if (!consumer->finished[i] && may_begin(consumer, &stream->shards[i])) {
                more = read_once(consumer, stream, i) || more;
            }
        }
        pn_stream_release(&stream);
    }
    pn_arena_deinit(&consumer->arena);
    return NULL;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Splits the first open shard, merges the first two, or scales. */
static void reshard(struct kinesis_fixture *fixture, int turn)
{
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    size_t count = 0;
    struct pn_err e;
    char ids[2][PN_SHARD_ID_SIZE];
    int32_t before = 0;
    const struct pn_shard **open = pn_stream_open_shards(stream, &fixture->arena, &count);
    (void)pn_shard_id(open[0]->index, ids[0]);
    int rc;
    if (turn % 3 == 0) {
        rc = pn_kinesis_split(fixture->kinesis, "s", ids[0], kinesis_middle(open[0]), &e);
    } else if (turn % 3 == 1) {
        (void)pn_shard_id(open[1]->index, ids[1]);
        rc = pn_kinesis_merge(fixture->kinesis, "s", ids[0], ids[1], &e);
    } else {
        rc = pn_kinesis_scale(fixture->kinesis, "s", count == 2 ? 3 : 2, &before, &e);
    }
    pn_stream_release(&stream);
    if (rc != 0) {
        fail_msg("%s", e.msg);
    }
}

static void test_consumers_follow_resharding(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct writer writers[WRITERS];
    struct consumer *consumers = pn_xcalloc(2, sizeof *consumers);
    atomic_bool all_put = false;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.fixture = fixture, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_numbers, &writers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        consumers[i].fixture = fixture;
        consumers[i].all_put = &all_put;
        assert_int_equal(pthread_create(&consumers[i].thread, NULL, consume, &consumers[i]), 0);
    }
    for (int turn = 0; turn < RESHARDS; turn++) {
        reshard(fixture, turn);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
    }
    atomic_store(&all_put, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(consumers[i].thread, NULL), 0);
        for (int w = 0; w < WRITERS; w++) {
            assert_int_equal(consumers[i].next[w], PUTS);
        }
    }
    free(consumers);
}

/* --- a stream that comes and goes ------------------------------------------------------------- */

struct visitor {
    struct kinesis_fixture *fixture;
    pthread_t thread;
    atomic_bool *stop;
};

/* A put, then all that a consumer does with what it found. Each may fail, for the stream is gone or
 * another, but in no other way. */
static void visit(struct kinesis_fixture *fixture, struct pn_arena *arena, struct pn_buf *out)
{
    struct pn_kinesis *kinesis = fixture->kinesis;
    const struct pn_stream *stream = NULL;
    struct pn_subscription *subscription = NULL;
    struct pn_shard_records read;
    struct pn_err e = {0};
    int64_t offset = 0;
    struct pn_stream_record record = {.partition_key = {"k", 1}, .data = {"v", 1}};
    int rc = kinesis_try_put(fixture, "s", &record, &e);
    PN_ASSERT(rc == 0 || rc == PN_KINESIS_NOT_FOUND || rc == PN_KINESIS_IN_USE);
    if (pn_kinesis_stream(kinesis, "s", &stream, NULL) != 0) {
        return;
    }
    rc = pn_shard_position(kinesis, stream, &stream->shards[0], PN_ITERATOR_LATEST, NULL, 0,
                           &offset, &e);
    PN_ASSERT(rc == 0 || rc == PN_KINESIS_NOT_FOUND);
    pn_arena_reset(arena);
    rc = pn_shard_read(kinesis, stream, &stream->shards[0], 0, READ_MAX, MIB, false, arena, &read,
                       &e);
    PN_ASSERT(rc == 0 || rc == PN_KINESIS_NOT_FOUND);
    if (stream->consumer_count > 0 &&
        pn_subscription_create(kinesis, stream, &stream->consumers[0], &stream->shards[0], 0, false,
                               &subscription, &e) == 0) {
        (void)pn_subscription_ready(subscription);
        pn_buf_reset(out);
        (void)!pn_subscription_next(subscription, out);
        pn_subscription_end(&subscription);
    }
    pn_stream_release(&stream);
}

static void *visit_again_and_again(void *arg)
{
    const struct visitor *visitor = arg;
    struct pn_arena arena;
    struct pn_buf out;
    pn_arena_init(&arena, 0);
    pn_buf_init(&out, PN_SUBSCRIPTION_BYTES_MAX);
    while (!atomic_load(visitor->stop)) {
        visit(visitor->fixture, &arena, &out);
    }
    pn_buf_deinit(&out);
    pn_arena_deinit(&arena);
    return NULL;
}

static void test_a_stream_comes_and_goes(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct visitor visitors[2];
    atomic_bool stop = false;
    kinesis_fixture_open(fixture);
    for (int i = 0; i < 2; i++) {
        visitors[i] = (struct visitor){.fixture = fixture, .stop = &stop};
        assert_int_equal(
            pthread_create(&visitors[i].thread, NULL, visit_again_and_again, &visitors[i]), 0);
    }
    for (int round = 0; round < 100; round++) {
        struct pn_err e;
        kinesis_create(fixture, "s", 1);
        kinesis_register(fixture, "s", "one");
        (void)kinesis_put(fixture, "s", "k", "v");
        assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", true, &e), 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(visitors[i].thread, NULL), 0);
    }
}

int main(void)
{
#define TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, kinesis_fixture_set_up, kinesis_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_consumers_follow_resharding),
        TEST(test_a_stream_comes_and_goes),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
