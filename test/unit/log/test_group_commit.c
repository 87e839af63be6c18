/*
 * Many threads at once: appends, reads, listeners, deletion and the bounded queue. Run under tsan
 * too.
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
#include "log/embedded/env.h"
#include "support/fault_io.h"
#include "support/log_fixture.h"

enum { THREADS = 4, REQUESTS = 400, TOPICS = 2, PARTITIONS = 3 };

static int set_up_open(void **state)
{
    (void)log_fixture_set_up(state);
    struct log_fixture *fixture = *state;
    fixture->config.partitions_default = PARTITIONS;
    fixture->config.segment_bytes = 16 * 1024;
    log_fixture_open(fixture);
    return 0;
}

/* --- producers and readers ------------------------------------------------------------------- */

/* Counts answers, and lets the test wait for them. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answered;
};

static void count_answer(struct pn_log_request *request)
{
    struct tally *tally = request->arg;
    pthread_mutex_lock(&tally->lock);
    tally->answered++;
    pthread_cond_signal(&tally->changed);
    pthread_mutex_unlock(&tally->lock);
}

static void tally_wait(struct tally *tally, int count)
{
    pthread_mutex_lock(&tally->lock);
    while (tally->answered < count) {
        pthread_cond_wait(&tally->changed, &tally->lock);
    }
    assert_int_equal(tally->answered, count);
    pthread_mutex_unlock(&tally->lock);
}

struct producer {
    struct log_fixture *fixture;
    struct tally *tally;
    pthread_t thread;
    int number;
    struct slot {
        struct pn_log_request request;
        struct pn_log_entry entries[3];
        char values[3][48];
    } slots[REQUESTS];
};

static void *produce(void *arg)
{
    struct producer *producer = arg;
    for (int i = 0; i < REQUESTS; i++) {
        struct slot *slot = &producer->slots[i];
        for (int k = 0; k < 3; k++) {
            (void)snprintf(slot->values[k], sizeof slot->values[k], "%d %d %d", producer->number, i,
                           k);
            slot->entries[k] = (struct pn_log_entry){
                .record = {.value = {slot->values[k], strlen(slot->values[k])}, .timestamp_ms = -1},
                .partition = k == 0 ? PN_PARTITION_ANY : k,
            };
        }
        slot->request = (struct pn_log_request){.topic = i % TOPICS == 0 ? "even" : "odd",
                                                .entries = slot->entries,
                                                .count = 3,
                                                .done = count_answer,
                                                .arg = producer->tally};
        int rc = pn_log_submit(producer->fixture->log, &slot->request, NULL);
        PN_ASSERT(rc == 0);
    }
    return NULL;
}

struct reader {
    struct log_fixture *fixture;
    pthread_t thread;
    atomic_bool *stop;
    int64_t seen;
};

/* Follows a partition from its beginning; offsets have no gap, whatever is being appended. */
static void *follow(void *arg)
{
    struct reader *reader = arg;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    bool last = false;
    while (!last) {
        last = atomic_load(reader->stop);
        struct pn_log_records records;
        while (pn_log_read(reader->fixture->log, "even", 1, reader->seen, 50, SIZE_MAX, &arena,
                           &records, NULL) == 0 &&
               records.count > 0) {
            for (size_t i = 0; i < records.count; i++) {
                PN_ASSERT(records.records[i].offset == reader->seen);
                reader->seen++;
            }
            PN_ASSERT(records.next_offset == reader->seen && records.end_offset >= reader->seen);
            pn_arena_reset(&arena);
        }
    }
    pn_arena_deinit(&arena);
    return NULL;
}

static void count_call(void *arg)
{
    (void)atomic_fetch_add((atomic_int *)arg, 1);
}

/* Every answered record is where the answer says, in its producer's order, and nothing else is. */
static void check_answers(struct log_fixture *fixture, const struct producer *producers)
{
    int64_t ends = 0;
    for (int t = 0; t < TOPICS; t++) {
        for (int32_t p = 0; p < PARTITIONS; p++) {
            int64_t end = log_offsets(fixture, t == 0 ? "even" : "odd", p).end;
            struct pn_log_records records =
                log_get(fixture, t == 0 ? "even" : "odd", p, 0, SIZE_MAX);
            assert_int_equal(records.count, end);
            ends += end;
            int64_t last[THREADS] = {-1, -1, -1, -1};
            for (size_t r = 0; r < records.count; r++) {
                char value[48];
                (void)snprintf(value, sizeof value, "%.*s", (int)records.records[r].value.len,
                               (const char *)records.records[r].value.data);
                char *rest = NULL;
                long number = strtol(value, &rest, 10);
                long i = strtol(rest, &rest, 10);
                long k = strtol(rest, &rest, 10);
                assert_in_range(number, 0, THREADS - 1);
                assert_in_range(i, 0, REQUESTS - 1);
                const struct pn_log_entry *entry = &producers[number].slots[i].entries[k];
                assert_int_equal(entry->rc, 0);
                assert_int_equal(entry->partition, p);
                assert_int_equal(entry->offset, r);
                assert_true(i * 3 + k > last[number]);
                last[number] = i * 3 + k;
            }
        }
    }
    assert_int_equal(ends, THREADS * REQUESTS * 3);
}

static void test_many_producers_and_readers(void **state)
{
    struct log_fixture *fixture = *state;
    struct producer *producers = pn_xcalloc(THREADS, sizeof *producers);
    atomic_bool stop = false;
    atomic_int heard = 0;
    int id = 0;
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(pn_log_create_topic(fixture->log, "even", NULL, NULL), 0);
    assert_int_equal(pn_log_listen(fixture->log, count_call, &heard, &id, NULL), 0);
    struct reader readers[2];
    for (int i = 0; i < 2; i++) {
        readers[i] = (struct reader){.fixture = fixture, .stop = &stop};
        pthread_create(&readers[i].thread, NULL, follow, &readers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        producers[i].fixture = fixture;
        producers[i].number = i;
        producers[i].tally = &tally;
        pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    tally_wait(&tally, THREADS * REQUESTS);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].seen, log_offsets(fixture, "even", 1).end);
    }
    check_answers(fixture, producers);
    assert_true(atomic_load(&heard) > 0);
    log_fixture_reopen(fixture);
    check_answers(fixture, producers);
    free(producers);
}

/* --- the queue ------------------------------------------------------------------------------- */

/* A disk whose syncs wait until they may continue. */
struct gate {
    struct pn_io io;
    struct pn_io_ops ops;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed;
    bool waited;            /* somebody is, or was, held up */
    atomic_bool next_close; /* counts as waiting, but is not held up */
};

static int gated_fdatasync(const struct pn_io *io, int fd)
{
    struct gate *gate = io->ctx;
    pthread_mutex_lock(&gate->lock);
    gate->waited = true;
    pthread_cond_broadcast(&gate->changed);
    while (gate->closed) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
    return pn_io_system()->ops->fdatasync(io, fd);
}

static int gated_close(const struct pn_io *io, int fd)
{
    struct gate *gate = io->ctx;
    /* Relaxed, so that other closes put no order between threads, which would hide races. */
    if (atomic_exchange_explicit(&gate->next_close, false, memory_order_relaxed)) {
        pthread_mutex_lock(&gate->lock);
        gate->waited = true;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->lock);
    }
    return pn_io_system()->ops->close(io, fd);
}

static void gate_init(struct gate *gate)
{
    *gate = (struct gate){.ops = *pn_io_system()->ops};
    gate->ops.fdatasync = gated_fdatasync;
    gate->ops.close = gated_close;
    gate->io = (struct pn_io){.ops = &gate->ops, .ctx = gate};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

static void gate_set(struct gate *gate, bool closed)
{
    pthread_mutex_lock(&gate->lock);
    gate->closed = closed;
    gate->waited = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_wait(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (!gate->waited) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static void test_a_full_queue_pushes_back_and_a_group_is_one_batch(void **state)
{
    struct log_fixture *fixture = *state;
    static struct gate gate;
    enum { COUNT = 40 };
    static struct pn_log_request requests[COUNT];
    static struct pn_log_entry entries[COUNT];
    static char value[1000];
    log_fixture_close(fixture);
    gate_init(&gate);
    fixture->config.record_bytes_max = 1000;
    fixture->config.queue_bytes_max = 20 * 1128;
    fixture->config.segment_bytes = 1024 * 1024;
    assert_int_equal(log_fixture_try_open(fixture, &gate.io, NULL), 0);
    (void)log_put(fixture, "t", 0, NULL, "first");
    gate_set(&gate, true);
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    for (int i = 0; i < COUNT; i++) {
        struct pn_err e;
        entries[i] = (struct pn_log_entry){.record = {.value = {value, sizeof value}}};
        requests[i] = (struct pn_log_request){
            .topic = "t", .entries = &entries[i], .count = 1, .done = count_answer, .arg = &tally};
        int rc = pn_log_submit(fixture->log, &requests[i], &e);
        assert_int_equal(rc == 0, i < 20);
        if (rc != 0) {
            assert_int_equal(e.class_, PN_CLASS_RETRY);
        }
        if (i == 0) {
            gate_wait(&gate); /* the first is being synced: the others make one group */
        }
    }
    tally_wait(&tally, 0);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 1); /* not durable, not visible */
    gate_set(&gate, false);
    log_fixture_close(fixture); /* finishes what was submitted */
    tally_wait(&tally, 20);
    log_fixture_open(fixture);
    assert_int_equal(log_get(fixture, "t", 0, 0, 100).count, 21);
    size_t len = 0;
    uint8_t *bytes = file_read(log_file(fixture, "t", 0, 0, "log"), &len);
    size_t batches = 0;
    for (size_t at = 0; at < len; batches++) {
        at += 12 + ((size_t)bytes[at + 9] << 16) + ((size_t)bytes[at + 10] << 8) + bytes[at + 11];
    }
    free(bytes);
    assert_int_equal(batches, 3);
}

/* --- deletion -------------------------------------------------------------------------------- */

struct deleter {
    struct log_fixture *fixture;
    atomic_bool *stop;
};

static void *delete_again_and_again(void *arg)
{
    struct deleter *deleter = arg;
    while (!atomic_load(deleter->stop)) {
        (void)!pn_log_delete_topic(deleter->fixture->log, "t", NULL);
    }
    return NULL;
}

static void test_deletion_beside_appends_and_reads(void **state)
{
    struct log_fixture *fixture = *state;
    atomic_bool stop = false;
    struct deleter deleter = {.fixture = fixture, .stop = &stop};
    pthread_t thread;
    pthread_create(&thread, NULL, delete_again_and_again, &deleter);
    for (int i = 0; i < 300; i++) {
        struct pn_err e;
        struct pn_log_records records;
        int64_t offset = 0;
        if (log_try_put(fixture, "t", 0, NULL, "value", &offset, &e) != 0) {
            assert_int_equal(e.class_, PN_CLASS_MISSING);
        }
        pn_arena_reset(&fixture->arena);
        if (pn_log_read(fixture->log, "t", 0, 0, 10, SIZE_MAX, &fixture->arena, &records, &e) !=
            0) {
            assert_int_equal(e.class_, PN_CLASS_MISSING);
        }
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

/* More partitions than files may be open: the ones unused for longest are closed meanwhile. */
static void test_more_partitions_than_open_files(void **state)
{
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    enum { MANY = PN_OPEN_FILES_MAX + 50 };
    log_fixture_close(fixture);
    fault_io_init(&fault, pn_io_system());
    assert_int_equal(log_fixture_try_open(fixture, &fault.io, NULL), 0);
    const struct pn_log_topic_config many = {.partitions = MANY};
    assert_int_equal(pn_log_create_topic(fixture->log, "t", &many, NULL), 0);
    static struct pn_log_entry entries[MANY];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            entries[i] = (struct pn_log_entry){.record = {.value = {"v", 1}}, .partition = i};
        }
        struct pn_log_request request = {.topic = "t", .entries = entries, .count = MANY};
        assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(entries[i].offset, round);
        }
        assert_in_range(fault_io_open_count(&fault), 1, PN_OPEN_FILES_MAX + 1); /* and the lock */
    }
    log_fixture_close(fixture);
    log_fixture_open(fixture);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(log_offsets(fixture, "t", i).end, 3);
    }
}

/* A topic is deleted while the committer closes its file to open another. */
static void test_deletion_beside_a_file_that_is_closed(void **state)
{
    struct log_fixture *fixture = *state;
    static struct gate gate;
    struct pn_log_entry entry = {.record = {.value = {"v", 1}}};
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct pn_log_request request = {
        .topic = "again", .entries = &entry, .count = 1, .done = count_answer, .arg = &tally};
    enum { MANY = PN_OPEN_FILES_MAX - 1 };
    const struct pn_log_topic_config many = {.partitions = MANY};
    static struct pn_log_entry entries[MANY];
    struct pn_log_request others = {.topic = "many", .entries = entries, .count = MANY};
    for (int i = 0; i < MANY; i++) {
        entries[i] = (struct pn_log_entry){.record = {.value = {"v", 1}}, .partition = i};
    }
    log_fixture_close(fixture);
    gate_init(&gate);
    assert_int_equal(log_fixture_try_open(fixture, &gate.io, NULL), 0);
    (void)log_put(fixture, "again", 0, NULL, "closed by the last of many");
    (void)log_put(fixture, "gone", 0, NULL, "then unused for longest");
    assert_int_equal(pn_log_create_topic(fixture->log, "many", &many, NULL), 0);
    assert_int_equal(pn_log_append(fixture->log, &others, NULL), 0);
    gate_set(&gate, true);
    atomic_store(&gate.next_close, true);
    assert_int_equal(pn_log_submit(fixture->log, &request, NULL), 0);
    gate_wait(&gate);
    assert_int_equal(pn_log_delete_topic(fixture->log, "gone", NULL), 0);
    gate_set(&gate, false);
    tally_wait(&tally, 1);
    log_fixture_close(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_open, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_producers_and_readers),
        TEST(test_a_full_queue_pushes_back_and_a_group_is_one_batch),
        TEST(test_deletion_beside_appends_and_reads),
        TEST(test_more_partitions_than_open_files),
        TEST(test_deletion_beside_a_file_that_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
