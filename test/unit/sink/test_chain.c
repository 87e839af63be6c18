/*
 * A store with notes, where the objects are all that sinks remember: one sink and several, with
 * faults and with races at each request. At the end each record is in one object.
 *
 * Some tests run on S3, too, where PINION_TEST_S3 is the URL of a server (as in
 * store/test_port.c); test/integration/test_faults_s3.py runs this program with one.
 */
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
#include "base/random.h"
#include "sink/note.h"
#include "store/local/local.h"
#include "store/s3/s3.h"
#include "support/memory_store.h"
#include "support/ram_io.h"
#include "support/sink_fixture.h"

#define T      "topics/t/partition=0/t+0+00000000"
#define ORIGIN ".pinion/chain/topics/t/0/"

enum { RECORDS_MAX = 512 };

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    pn_store_destroy(&fixture->store);
    fixture->store = memory_store_create(fixture->folder);
    fixture->config.store = fixture->store;
    sink_bed_keep_origins(fixture, PN_SINK_ORIGINS_ALL);
    *state = fixture;
    return 0;
}

/* A prefix of its own for each test. */
static int set_up_s3(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    char uuid[PN_UUID_SIZE];
    sink_bed_init(fixture);
    pn_store_destroy(&fixture->store);
    char *url = pn_xasprintf("s3://pinion-test/%s", pn_uuid(uuid));
    char *temp_folder = pn_xasprintf("%s/uploads", fixture->folder);
    const struct pn_s3_config config = {.url = url,
                                        .endpoint = getenv("PINION_TEST_S3"),
                                        .region = "us-east-1",
                                        .path_style = true,
                                        .temp_folder = temp_folder,
                                        .requests_max = 16,
                                        .part_bytes = 5 << 20,
                                        .io = pn_io_system(),
                                        .clock = pn_clock_system()};
    assert_int_equal(pn_s3_store_open(&config, &fixture->store, NULL), 0);
    free(temp_folder);
    free(url);
    fixture->config.store = fixture->store;
    sink_bed_keep_origins(fixture, PN_SINK_ORIGINS_ALL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

/* A value is its own number; every fifth record is not JSON. */
static void append(struct sink_fixture *fixture, int first, int end)
{
    for (int i = first; i < end; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, i % 5 == 4 ? "x%d" : "%d", i);
        (void)fake_log_append(fixture->log, "t", 0, value);
    }
}

static void flush(struct pn_sink *sink)
{
    struct pn_err e = {.msg = ""};
    if (pn_sink_flush(sink, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

/* A sink of its own settings and folder. */
static struct pn_sink *open_sink(struct sink_fixture *fixture, int64_t flush_size)
{
    struct pn_sink_config config = fixture->config;
    struct pn_sink *sink = NULL;
    struct pn_err e = {.msg = ""};
    config.flush_size = flush_size;
    if (pn_sink_create(&config, &sink, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return sink;
}

/* --- what is in the store --------------------------------------------------------------------- */

struct seen {
    struct pn_store *store;
    int values[RECORDS_MAX];  /* how often each was landed */
    int letters[RECORDS_MAX]; /* ... as a dead letter */
    struct pn_buf keys;
};

static void count_lines(struct seen *seen, const char *key, const char *text)
{
    static const char FIELD[] = "\"value\":\"x";
    bool is_dead = strncmp(key, "dead_letters/", 13) == 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *at = is_dead ? strstr(line, FIELD) + strlen(FIELD) : line;
        long value = strtol(at, NULL, 10);
        assert_in_range(value, 0, RECORDS_MAX - 1);
        ++*(is_dead ? &seen->letters[value] : &seen->values[value]);
    }
}

static int see_object(void *arg, const struct pn_object *object)
{
    struct seen *seen = arg;
    struct pn_buf text;
    if (object->key[0] == '.' || strncmp(object->key, "origins/", strlen("origins/")) == 0) {
        return 0;
    }
    pn_buf_init(&text, 1 << 20);
    assert_int_equal(pn_store_get(seen->store, object->key, &text, NULL), 0);
    pn_buf_addf(&seen->keys, "%s\n", object->key);
    count_lines(seen, object->key, pn_buf_text(&text));
    pn_buf_deinit(&text);
    return 0;
}

static void see(struct sink_fixture *fixture, struct seen *seen)
{
    *seen = (struct seen){.store = fixture->store};
    pn_buf_init(&seen->keys, 1 << 20);
    assert_int_equal(pn_store_list(fixture->store, "", NULL, see_object, seen, NULL), 0);
}

/* The records with the numbers first .. end - 1 are there once, and no others are. */
static void assert_each_once(struct sink_fixture *fixture, int first, int end)
{
    struct seen seen;
    sink_bed_assert_origins(fixture);
    see(fixture, &seen);
    for (int i = 0; i < RECORDS_MAX; i++) {
        bool is_there = i >= first && i < end;
        if (seen.values[i] != (is_there && i % 5 != 4) ||
            seen.letters[i] != (is_there && i % 5 == 4)) {
            fail_msg("%d is there %d times, and %d times as a dead letter, in:\n%s", i,
                     seen.values[i], seen.letters[i], pn_buf_text(&seen.keys));
        }
    }
    pn_buf_deinit(&seen.keys);
}

static void assert_keys(struct sink_fixture *fixture, const char *expected)
{
    struct seen seen;
    see(fixture, &seen);
    assert_string_equal(pn_buf_text(&seen.keys), expected);
    pn_buf_deinit(&seen.keys);
}

static void assert_note(struct sink_fixture *fixture, const char *key, const char *expected)
{
    char note[PN_NOTE_SIZE] = "";
    assert_int_equal(pn_store_note(fixture->store, key, note, NULL), 0);
    assert_string_equal(note, expected);
}

/* --- one sink --------------------------------------------------------------------------------- */

static void test_the_objects_are_the_memory(void **state)
{
    struct sink_fixture *fixture = *state;
    append(fixture, 0, 8);
    for (int life = 0; life < 3; life++) {
        sink_bed_open(fixture);
        flush(fixture->sink);
        assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, 8);
        sink_bed_close(fixture);
        assert_keys(fixture, "dead_letters/t/partition=0/t+0+0000000003.json\n" T "00.json\n" T
                             "03.json\n" T "06.json\n");
    }
    assert_note(fixture, T "03.json",
                "{\"id\":\"0000000000000001\",\"at\":3,\"next\":8,"
                "\"cuts\":[[0,8,3]],\"dead\":[1,1]}");
    assert_each_once(fixture, 0, 8);
    char *path = pn_xasprintf("%s/state.jsonl", fixture->state_folder);
    assert_false(pn_io_exists(ram_io(), path));
    free(path);
}

/* An object of values decides, so there is one without lines, too. */
static void test_nothing_but_dead_letters(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.flush_size = 1;
    append(fixture, 0, 6);
    sink_bed_open(fixture);
    flush(fixture->sink);
    struct pn_object object;
    assert_int_equal(pn_store_head(fixture->store, T "04.json", &object, NULL), 0);
    assert_int_equal(object.size_bytes, 0);
    assert_int_equal(sink_bed_status(fixture, "t", 0).objects, 5);
    assert_int_equal(sink_bed_status(fixture, "t", 0).dead_letters, 1);
    assert_each_once(fixture, 0, 6);
}

/* More objects, and cuts of more kinds, than one note says. */
static void test_many_objects(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.flush_bytes =
        20; /* 10, 7 and then 5 numbers with their LF, dead letters alone */
    fixture->config.flush_size = 400;
    append(fixture, 0, 400);
    sink_bed_open(fixture);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_each_once(fixture, 0, 400);
    fixture->config.flush_size = 1;
    append(fixture, 400, 500);
    sink_bed_open(fixture);
    flush(fixture->sink);
    assert_each_once(fixture, 0, 500);
}

struct counter {
    int requests;
    int nth; /* the request that is to fail, or at which something happens; 0: none */
    bool from_then_on;
    bool is_after;
    struct pn_sink *other; /* it runs at the request */
};

static int fail_at(void *arg, bool is_after, struct pn_err *e)
{
    struct counter *counter = arg;
    counter->requests += !is_after;
    bool is_it = counter->from_then_on ? counter->requests >= counter->nth
                                       : counter->requests == counter->nth;
    if (counter->nth > 0 && is_it && is_after == counter->is_after) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "no reply");
    }
    return 0;
}

/* The last object is found, however many there are, by a few lists. */
static void test_many_objects_at_the_start(void **state)
{
    (void)state;
    static const int counts[] = {1, 999, 1000, 1001, 2500, 9000};
    static const int64_t numbers[] = {0, 7, 999999990, 9999999990, 123456789012};
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            void *bed = NULL;
            assert_int_equal(set_up(&bed), 0);
            struct sink_fixture *fixture = bed;
            struct counter counter = {0};
            char origin[64];
            bool is_new = false;
            (void)snprintf(origin, sizeof origin, "{\"offset\":0,\"number\":%" PRId64 "}\n",
                           numbers[n]);
            const struct pn_put put = {
                .key = ORIGIN "0000000000000001.json", .bytes = origin, .len = strlen(origin)};
            assert_int_equal(pn_store_put_new(fixture->store, &put, 1, &is_new, NULL), 0);
            fixture->config.flush_size = 1;
            sink_bed_append(fixture, "t", 0, counts[i]);
            sink_bed_open(fixture);
            flush(fixture->sink);
            sink_bed_close(fixture);
            memory_store_watch(fixture->store, fail_at, &counter);
            sink_bed_open(fixture);
            memory_store_watch(fixture->store, NULL, NULL);
            flush(fixture->sink);
            assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, counts[i]);
            assert_int_equal(sink_bed_status(fixture, "t", 0).objects, 0);
            assert_true(counter.requests < 30);
            assert_int_equal(tear_down(&bed), 0);
        }
    }
}

/* --- faults ----------------------------------------------------------------------------------- */

/* Failures are what it is about. */
static void live(struct sink_fixture *fixture, int first)
{
    if (pn_sink_create(&fixture->config, &fixture->sink, NULL) != 0) {
        append(fixture, first, first + 13);
        return;
    }
    append(fixture, first, first + 10);
    (void)!pn_sink_run(fixture->sink, NULL);
    pn_fake_clock_advance(&fixture->clock, 20000);
    (void)!pn_sink_run(fixture->sink, NULL);
    append(fixture, first + 10, first + 13);
    (void)!pn_sink_flush(fixture->sink, NULL);
    sink_bed_close(fixture);
}

static void fail_everywhere(bool from_then_on, bool is_after, int64_t flush_size_after)
{
    int fired = 0;
    for (int nth = 1; fired == nth - 1; nth++) {
        void *state = NULL;
        assert_int_equal(set_up(&state), 0);
        struct sink_fixture *fixture = state;
        struct counter counter = {.nth = nth, .from_then_on = from_then_on, .is_after = is_after};
        memory_store_watch(fixture->store, fail_at, &counter);
        live(fixture, 0);
        fired += counter.requests >= nth;
        memory_store_watch(fixture->store, NULL, NULL);
        fixture->config.flush_size = flush_size_after;
        append(fixture, 13, 20);
        sink_bed_open(fixture);
        flush(fixture->sink);
        sink_bed_close(fixture);
        assert_each_once(fixture, 0, 20);
        assert_int_equal(tear_down(&state), 0);
    }
    assert_true(fired >= 10);
}

static void test_each_request_fails(void **state)
{
    (void)state;
    fail_everywhere(false, false, 2);
    fail_everywhere(true, false, 1000);
}

static void test_each_reply_is_lost(void **state)
{
    (void)state;
    fail_everywhere(false, true, 1);
    fail_everywhere(true, true, 2);
}

/* A put of several objects that ends in the middle of them. */
static void test_a_batch_is_put_in_part(void **state)
{
    struct sink_fixture *fixture = *state;
    for (int left_out = 1; left_out < 9; left_out++) {
        char key[128];
        int first = (left_out - 1) * 20;
        fixture->config.flush_size = 2;
        append(fixture, first, first + 20);
        sink_bed_open(fixture);
        flush(fixture->sink);
        sink_bed_close(fixture);
        (void)snprintf(key, sizeof key, T "%02d.json", (first + 2 * left_out) % 100);
        if (first + 2 * left_out < 100) { /* of the last batch, and not its first */
            assert_int_equal(pn_store_remove(fixture->store, key, NULL), 0);
        }
        fixture->config.flush_size = 5;
        sink_bed_open(fixture);
        flush(fixture->sink);
        sink_bed_close(fixture);
        assert_each_once(fixture, 0, first + 20);
    }
}

static int remove_letters(void *arg, const struct pn_object *object)
{
    return pn_store_remove(arg, object->key, NULL);
}

static void test_dead_letters_that_are_missing(void **state)
{
    struct sink_fixture *fixture = *state;
    append(fixture, 0, 20);
    sink_bed_open(fixture);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_int_equal(
        pn_store_list(fixture->store, "dead_letters/", NULL, remove_letters, fixture->store, NULL),
        0);
    sink_bed_open(fixture);
    flush(fixture->sink);
    assert_each_once(fixture, 0, 20);
}

/* --- several sinks ---------------------------------------------------------------------------- */

/* Another sink does its work at one request of the first. */
static int run_other(void *arg, bool is_after, struct pn_err *e)
{
    struct counter *counter = arg;
    (void)e;
    counter->requests += !is_after;
    if (counter->other != NULL && counter->requests == counter->nth &&
        is_after == counter->is_after) {
        struct pn_sink *other = counter->other;
        counter->other = NULL;
        flush(other);
    }
    return 0;
}

static void race_everywhere(bool is_after, int64_t flush_size, int64_t others_flush_size)
{
    int fired = 0;
    for (int nth = 1; fired == nth - 1; nth++) {
        void *state = NULL;
        assert_int_equal(set_up(&state), 0);
        struct sink_fixture *fixture = state;
        struct pn_sink *first = open_sink(fixture, flush_size);
        append(fixture, 0, 3);
        struct pn_sink *second = open_sink(fixture, others_flush_size);
        struct counter counter = {.nth = nth, .is_after = is_after, .other = second};
        append(fixture, 3, 33);
        memory_store_watch(fixture->store, run_other, &counter);
        flush(first);
        append(fixture, 33, 44);
        flush(first);
        fired += counter.other == NULL;
        memory_store_watch(fixture->store, NULL, NULL);
        flush(second);
        append(fixture, 44, 50);
        flush(second);
        flush(first);
        assert_each_once(fixture, 0, 50);
        pn_sink_destroy(&first);
        pn_sink_destroy(&second);
        assert_int_equal(tear_down(&state), 0);
    }
    assert_true(fired >= 4);
}

static void test_two_sinks_race_at_each_request(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{3, 3}, {3, 7}, {7, 3}, {1, 10}, {10, 1}, {100, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        race_everywhere(false, sizes[i][0], sizes[i][1]);
        race_everywhere(true, sizes[i][0], sizes[i][1]);
    }
}

/* The one that was refused takes the cuts of the other, and reads no list when they are one. */
static void test_who_is_refused_goes_on_where_the_other_ended(void **state)
{
    struct sink_fixture *fixture = *state;
    struct counter counter = {0};
    sink_bed_keep_origins(fixture, PN_SINK_ORIGINS_NONE);
    struct pn_sink *first = open_sink(fixture, 3);
    struct pn_sink *second = open_sink(fixture, 2);
    sink_bed_append(fixture, "t", 0, 3);
    flush(first);
    sink_bed_append(fixture, "t", 3, 5);
    memory_store_watch(fixture->store, fail_at, &counter);
    flush(second);
    memory_store_watch(fixture->store, NULL, NULL);
    assert_keys(fixture, T "00.json\n" T "03.json\n");
    assert_int_equal(counter.requests, 3); /* a put that is refused, its note, a put */
    flush(first);
    assert_keys(fixture, T "00.json\n" T "03.json\n");
    pn_sink_destroy(&first);
    pn_sink_destroy(&second);
}

/* What retention takes between two looks does not move where the next object begins. */
static void test_sinks_see_different_losses(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink *first = open_sink(fixture, 100);
    struct pn_sink *second = open_sink(fixture, 100);
    struct counter counter = {.nth = 1, .other = second};
    append(fixture, 0, 10);
    flush(first);
    append(fixture, 10, 30);
    fake_log_set_begin(fixture->log, "t", 0, 20);
    memory_store_watch(fixture->store, run_other, &counter);
    flush(first);
    memory_store_watch(fixture->store, NULL, NULL);
    assert_null(counter.other);
    struct seen seen;
    see(fixture, &seen);
    assert_non_null(strstr(pn_buf_text(&seen.keys), T "10.json\n"));
    assert_null(strstr(pn_buf_text(&seen.keys), T "20.json\n"));
    for (int i = 0; i < 30; i++) {
        assert_int_equal(seen.values[i] + seen.letters[i], i < 10 || i >= 20);
    }
    pn_buf_deinit(&seen.keys);
    pn_sink_destroy(&first);
    pn_sink_destroy(&second);
}

struct worker {
    struct sink_fixture *fixture;
    int64_t flush_size;
    int64_t records;
    pthread_t thread;
};

static void *work(void *arg)
{
    const struct worker *worker = arg;
    struct sink_fixture *fixture = worker->fixture;
    struct pn_log_offsets offsets = {0};
    for (int life = 0; offsets.end < worker->records || life < 2; life++) {
        struct pn_sink_config config = fixture->config;
        struct pn_sink *sink = NULL;
        config.flush_size = worker->flush_size + life % 3;
        PN_ASSERT(pn_sink_create(&config, &sink, NULL) == 0);
        PN_ASSERT(pn_log_offsets(config.log, "t", 0, &offsets, NULL) == 0);
        PN_ASSERT(pn_sink_flush(sink, NULL) == 0);
        PN_ASSERT(pn_sink_flush(sink, NULL) == 0);
        pn_sink_destroy(&sink);
    }
    return NULL;
}

/* Threads instead of machines, each with several lives, while records arrive. */
static void test_sinks_beside_each_other(void **state)
{
    struct sink_fixture *fixture = *state;
    enum { WORKERS = 4 };
    int records =
        strcmp(fixture->store->ops->name, "S3") == 0 ? 60 : 500; /* a request takes time */
    struct worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] =
            (struct worker){.fixture = fixture, .flush_size = 1 + 3 * i, .records = records};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    append(fixture, 0, records);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    assert_each_once(fixture, 0, records);
}

/* --- topics that are made again --------------------------------------------------------------- */

static void test_a_topic_made_again(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink *other = open_sink(fixture, 2);
    sink_bed_open(fixture);
    append(fixture, 0, 7);
    flush(fixture->sink);
    flush(other);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    append(fixture, 7, 12);
    flush(other);
    flush(fixture->sink);
    append(fixture, 12, 13);
    flush(fixture->sink);
    sink_bed_close(fixture);
    sink_bed_open(fixture);
    append(fixture, 13, 15);
    flush(fixture->sink);
    flush(other);
    assert_each_once(fixture, 0, 15);
    assert_keys(fixture,
                "dead_letters/t/partition=0/t+0+0000000003.json\n"
                "dead_letters/t/partition=0/t+0+0000000009.json\n"
                "dead_letters/t/partition=0/t+0+0000000013.json\n" T "00.json\n" T "03.json\n" T
                "06.json\n" T "07.json\n" T "09.json\n" T "11.json\n" T "12.json\n" T "13.json\n");
    pn_sink_destroy(&other);
}

/* Where each process counts how often a topic was deleted: a sink that was not there counts less,
 * and learns it from the store. */
static void test_a_sink_that_missed_a_deletion(void **state)
{
    struct sink_fixture *fixture = *state;
    fake_log_count_ids(fixture->log);
    fake_log_set_id(fixture->log, "t", 0);
    struct pn_sink *other = open_sink(fixture, 2);
    append(fixture, 0, 7);
    flush(other);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    fake_log_set_id(fixture->log, "t", 1);
    append(fixture, 7, 10);
    flush(other);
    pn_sink_destroy(&other);
    fake_log_set_id(fixture->log, "t", 0); /* as another process has it */
    append(fixture, 10, 12);
    sink_bed_open(fixture);
    flush(fixture->sink);
    append(fixture, 12, 15);
    flush(fixture->sink);
    assert_each_once(fixture, 0, 15);
    struct pn_log_topic_info *topics = NULL;
    struct pn_arena arena;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_log_topics(fixture->config.log, &arena, &topics, &count, NULL), 0);
    assert_int_equal(topics[0].id, 1);
    pn_arena_deinit(&arena);
}

/* A sink that has not seen yet that the topic was made again puts an object after the origin of the
 * new one was chosen. */
static void test_an_object_of_the_earlier_topic_comes_late(void **state)
{
    struct sink_fixture *fixture = *state;
    char note[PN_NOTE_SIZE];
    struct pn_sink_note late = {.id = 99, .at = 0, .next = 4, .dead_letters = 0};
    bool is_new = false;
    append(fixture, 0, 2);
    struct pn_sink *first = open_sink(fixture, 5);
    struct pn_sink *second = open_sink(fixture, 5);
    pn_sink_cuts_add(&late.cuts, 0, 4);
    pn_sink_note_write(&late, note);
    pn_sink_cuts_deinit(&late.cuts);
    const struct pn_put put = {.key = T "00.json", .bytes = "", .len = 0, .note = note};
    assert_int_equal(pn_store_put_new(fixture->store, &put, 1, &is_new, NULL), 0);
    flush(first);
    flush(second);
    assert_keys(fixture, T "00.json\n" T "04.json\n");
    append(fixture, 2, 4);
    flush(second);
    flush(first);
    pn_sink_destroy(&second);
    second = open_sink(fixture, 5);
    append(fixture, 4, 10);
    flush(second);
    flush(first);
    assert_each_once(fixture, 0, 10);
    pn_sink_destroy(&first);
    pn_sink_destroy(&second);
}

static void test_an_object_that_is_not_of_the_chain(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_err e = {.msg = ""};
    sink_bed_open(fixture);
    append(fixture, 0, 3);
    flush(fixture->sink);
    assert_int_equal(pn_store_put(fixture->store, T "03.json", "1\n", 2, NULL), 0);
    append(fixture, 3, 6);
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, T "03.json"));
    assert_int_equal(pn_store_remove(fixture->store, T "03.json", NULL), 0);
    flush(fixture->sink);
    assert_each_once(fixture, 0, 6);
}

static void test_an_origin_that_is_damaged(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_err e = {.msg = ""};
    sink_bed_open(fixture);
    sink_bed_close(fixture);
    memory_store_damage(fixture->store, ORIGIN "0000000000000001.json");
    assert_int_not_equal(pn_sink_create(&fixture->config, &fixture->sink, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, ORIGIN "0000000000000001.json"));
}

/* The log ends before what has landed; its offsets come again with other records. */
static void test_log_steps_back(void **state)
{
    (void)state;
    for (int end = 0; end <= 12; end++) {
        for (int lives = 0; lives < 2; lives++) {
            void *bed = NULL;
            assert_int_equal(set_up(&bed), 0);
            struct sink_fixture *fixture = bed;
            append(fixture, 0, 12);
            sink_bed_open(fixture);
            flush(fixture->sink);
            sink_bed_close(fixture);
            fake_log_set_end(fixture->log, "t", 0, end);
            for (int life = 0; life <= lives; life++) {
                sink_bed_open(fixture); /* the mark is enough: nothing lands before the next life */
                if (life < lives) {
                    append(fixture, 12, 30);
                    sink_bed_close(fixture);
                }
            }
            if (lives == 0) {
                append(fixture, 12, 30);
            }
            flush(fixture->sink);
            assert_each_once(fixture, 0, 30);
            assert_int_equal(tear_down(&bed), 0);
        }
    }
}

/* --- a store that was local ------------------------------------------------------------------- */

static int copy_object(void *arg, const struct pn_object *object)
{
    struct sink_fixture *fixture = arg;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    struct pn_store *local = NULL;
    assert_int_equal(pn_local_store_open(fixture->store_folder, ram_io(), &local, NULL), 0);
    assert_int_equal(pn_store_get(local, object->key, &text, NULL), 0);
    assert_int_equal(pn_store_put(fixture->store, object->key, text.data, text.len, NULL), 0);
    pn_store_destroy(&local);
    pn_buf_deinit(&text);
    return 0;
}

static void test_a_local_store_becomes_a_bucket(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_store *local = NULL;
    assert_int_equal(pn_local_store_open(fixture->store_folder, ram_io(), &local, NULL), 0);
    fixture->config.store = local;
    append(fixture, 0, 8);
    sink_bed_open(fixture);
    flush(fixture->sink);
    sink_bed_close(fixture);
    assert_int_equal(pn_store_list(local, "", NULL, copy_object, fixture, NULL), 0);
    pn_store_destroy(&local);
    fixture->config.store = fixture->store;
    for (int life = 0; life < 2; life++) {
        sink_bed_open(fixture);
        append(fixture, 8 + 4 * life, 12 + 4 * life);
        flush(fixture->sink);
        sink_bed_close(fixture);
        assert_each_once(fixture, 0, 12 + 4 * life);
    }
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_S3(name) cmocka_unit_test_setup_teardown(name, set_up_s3, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_objects_are_the_memory),
        TEST(test_nothing_but_dead_letters),
        TEST(test_many_objects),
        cmocka_unit_test(test_many_objects_at_the_start),
        cmocka_unit_test(test_each_request_fails),
        cmocka_unit_test(test_each_reply_is_lost),
        TEST(test_a_batch_is_put_in_part),
        TEST(test_dead_letters_that_are_missing),
        cmocka_unit_test(test_two_sinks_race_at_each_request),
        TEST(test_who_is_refused_goes_on_where_the_other_ended),
        TEST(test_sinks_see_different_losses),
        TEST(test_sinks_beside_each_other),
        TEST(test_a_topic_made_again),
        TEST(test_a_sink_that_missed_a_deletion),
        TEST(test_an_object_of_the_earlier_topic_comes_late),
        TEST(test_an_object_that_is_not_of_the_chain),
        TEST(test_an_origin_that_is_damaged),
        cmocka_unit_test(test_log_steps_back),
        TEST(test_a_local_store_becomes_a_bucket),
    };
    const struct CMUnitTest s3_tests[] = {
        TEST_S3(test_the_objects_are_the_memory),
        TEST_S3(test_nothing_but_dead_letters),
        TEST_S3(test_dead_letters_that_are_missing),
        TEST_S3(test_sinks_beside_each_other),
        TEST_S3(test_a_topic_made_again),
        TEST_S3(test_an_object_of_the_earlier_topic_comes_late),
        TEST_S3(test_an_object_that_is_not_of_the_chain),
    };
    int failed = cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    if (getenv("PINION_TEST_S3") != NULL) {
        failed += cmocka_run_group_tests_name("S3", s3_tests, NULL, NULL);
    }
    return failed;
}
