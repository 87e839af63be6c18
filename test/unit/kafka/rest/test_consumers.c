#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked_file.h"
#include "kafka/rest/consumers.h"
#include "kafka/rest/errors.h"
#include "support/memory_log.h"

enum { INSTANCE_TIMEOUT_MS = 60000, INSTANCES_MAX = 8 };

struct fixture {
    struct pn_log *log;
    struct pn_fake_clock clock;
    struct pn_kafka_rest_consumers *consumers;
    struct pn_arena arena;
    struct pn_kafka_rest_refusal refusal;
    char folder[64];
};

static void open_consumers(struct fixture *f)
{
    struct pn_err e;
    const struct pn_kafka_rest_consumers_config config = {.folder = f->folder,
                                                          .log = f->log,
                                                          .io = pn_io_system(),
                                                          .clock = &f->clock.clock,
                                                          .instance_timeout_ms =
                                                              INSTANCE_TIMEOUT_MS,
                                                          .instances_max = INSTANCES_MAX};
    assert_int_equal(pn_kafka_rest_consumers_create(&config, &f->consumers, &e), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/pinion-consumers-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->log = pn_memory_log_create(0);
    pn_fake_clock_init(&f->clock, 1000000);
    pn_arena_init(&f->arena, 0);
    open_consumers(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_kafka_rest_consumers_destroy(&f->consumers);
    pn_log_destroy(&f->log);
    pn_arena_deinit(&f->arena);
    return pn_io_remove_tree(pn_io_system(), f->folder, NULL);
}

static void make_topic(struct fixture *f, const char *name, int32_t partitions)
{
    const struct pn_log_topic_config config = {.partitions = partitions};
    assert_int_equal(pn_log_create_topic(f->log, name, &config, NULL), 0);
}

static struct pn_kafka_rest_instance_id id(const char *group, const char *name)
{
    return (struct pn_kafka_rest_instance_id){.group = group, .name = name};
}

static void add(struct fixture *f, const char *group, const char *name,
                enum pn_kafka_rest_reset reset, bool auto_commit)
{
    const struct pn_kafka_rest_instance_config config = {.name = name,
                                                         .format = PN_KAFKA_REST_BODY_JSON,
                                                         .reset = reset,
                                                         .auto_commit = auto_commit};
    const char *given = NULL;
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, group, &config, &f->arena, &given, &f->refusal),
        0);
    assert_string_equal(given, name);
}

static void subscribe(struct fixture *f, const char *group, const char *name, const char *topic)
{
    assert_int_equal(pn_kafka_rest_consumers_subscribe(f->consumers, id(group, name), &topic, 1,
                                                       NULL, &f->refusal),
                     0);
}

static struct pn_kafka_rest_positions held(struct fixture *f, const char *group, const char *name)
{
    struct pn_kafka_rest_positions positions;
    assert_int_equal(pn_kafka_rest_consumers_assignments(f->consumers, id(group, name), &f->arena,
                                                         &positions, &f->refusal),
                     0);
    return positions;
}

/* Reads everything an instance has, as a client's fetch would; returns how many records. */
static int64_t fetch(struct fixture *f, const char *group, const char *name)
{
    struct pn_kafka_rest_fetch fetch;
    bool busy = false;
    int64_t count = 0;
    assert_int_equal(pn_kafka_rest_consumers_fetch_begin(f->consumers, id(group, name), &f->arena,
                                                         &fetch, &busy, &f->refusal),
                     0);
    assert_false(busy);
    for (size_t i = 0; i < fetch.partitions.count; i++) {
        struct pn_kafka_rest_position *p = &fetch.partitions.items[i];
        struct pn_log_offsets offsets;
        assert_int_equal(pn_log_offsets(f->log, p->topic, p->partition, &offsets, NULL), 0);
        count += offsets.end - p->offset;
        p->offset = offsets.end;
    }
    pn_kafka_rest_consumers_fetch_end(f->consumers, &fetch);
    return count;
}

static int64_t committed(struct fixture *f, const char *group, const char *name, const char *topic)
{
    struct pn_kafka_rest_position position = {.topic = topic, .partition = 0};
    const struct pn_kafka_rest_positions asked = {.items = &position, .count = 1};
    struct pn_kafka_rest_positions offsets;
    assert_int_equal(pn_kafka_rest_consumers_committed(f->consumers, id(group, name), &asked,
                                                       &f->arena, &offsets, &f->refusal),
                     0);
    return offsets.count == 0 ? -1 : offsets.items[0].offset;
}

static void refused(struct fixture *f, int rc, int status, int code)
{
    assert_int_not_equal(rc, 0);
    assert_int_equal(f->refusal.status, status);
    assert_int_equal(f->refusal.code, code);
}

/* --- instances -------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    struct fixture *f = *state;
    struct pn_kafka_rest_instance_config config = {.format = PN_KAFKA_REST_BODY_JSON};
    const char *name = NULL;
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal), 0);
    assert_int_equal(strncmp(name, "rest-consumer-", 14), 0);
    config.name = "mine";
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal), 0);
    refused(f,
            pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal),
            409, PN_KAFKA_REST_CODE_INSTANCE_EXISTS);
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, "other", &config, &f->arena, &name, &f->refusal),
        0);
    config.name = long_name;
    refused(f,
            pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal),
            422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG);
    config.name = NULL;
    refused(f,
            pn_kafka_rest_consumers_add(f->consumers, long_name, &config, &f->arena, &name,
                                        &f->refusal),
            422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG);
    refused(f, pn_kafka_rest_consumers_remove(f->consumers, id("g", "nobody"), &f->refusal), 404,
            PN_KAFKA_REST_CODE_INSTANCE_NOT_FOUND);
    refused(f, pn_kafka_rest_consumers_remove(f->consumers, id("no group", "mine"), &f->refusal),
            404, PN_KAFKA_REST_CODE_INSTANCE_NOT_FOUND);
}

static void test_instances_max(void **state)
{
    struct fixture *f = *state;
    const struct pn_kafka_rest_instance_config config = {.format = PN_KAFKA_REST_BODY_JSON};
    const char *name = NULL;
    for (int i = 0; i < INSTANCES_MAX; i++) {
        assert_int_equal(
            pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal),
            0);
    }
    refused(f,
            pn_kafka_rest_consumers_add(f->consumers, "g2", &config, &f->arena, &name, &f->refusal),
            429, 429);
    assert_int_equal(pn_kafka_rest_consumers_remove(f->consumers, id("g", name), &f->refusal), 0);
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, "g2", &config, &f->arena, &name, &f->refusal), 0);
}

static void test_time_out(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, true);
    add(f, "g", "b", PN_KAFKA_REST_RESET_EARLIEST, true);
    subscribe(f, "g", "a", "t");
    assert_int_equal(fetch(f, "g", "a"), 1);
    pn_fake_clock_advance(&f->clock, INSTANCE_TIMEOUT_MS - 1);
    pn_kafka_rest_consumers_tick(f->consumers);
    assert_int_equal(held(f, "g", "b").count, 0); /* and so b is used */
    pn_fake_clock_advance(&f->clock, 1);
    pn_kafka_rest_consumers_tick(f->consumers);
    refused(f, pn_kafka_rest_consumers_unsubscribe(f->consumers, id("g", "a"), &f->refusal), 404,
            PN_KAFKA_REST_CODE_INSTANCE_NOT_FOUND);
    /* What it was given is committed. */
    assert_int_equal(committed(f, "g", "b", "t"), 1);
}

/* --- who reads what --------------------------------------------------------------------------- */

static void test_partitions_are_dealt_out(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 4);
    make_topic(f, "u", 1);
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    subscribe(f, "g", "a", "t");
    assert_int_equal(held(f, "g", "a").count, 4);
    add(f, "g", "b", PN_KAFKA_REST_RESET_EARLIEST, false);
    assert_int_equal(held(f, "g", "a").count, 4);
    subscribe(f, "g", "b", "t");
    assert_int_equal(held(f, "g", "a").count, 2);
    assert_int_equal(held(f, "g", "b").count, 2);
    /* Another group has all of them for itself. */
    add(f, "h", "c", PN_KAFKA_REST_RESET_EARLIEST, false);
    subscribe(f, "h", "c", "t");
    assert_int_equal(held(f, "h", "c").count, 4);
    /* Only who wants a topic gets it. */
    const char *both[] = {"t", "u"};
    assert_int_equal(
        pn_kafka_rest_consumers_subscribe(f->consumers, id("g", "b"), both, 2, NULL, &f->refusal),
        0);
    assert_int_equal(held(f, "g", "a").count, 2);
    assert_int_equal(held(f, "g", "b").count, 3);
    assert_int_equal(pn_kafka_rest_consumers_remove(f->consumers, id("g", "a"), &f->refusal), 0);
    assert_int_equal(held(f, "g", "b").count, 5);
}

static void test_pattern(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "a.pin", 1);
    make_topic(f, "a.geo", 1);
    make_topic(f, "b.pin", 1);
    add(f, "g", "i", PN_KAFKA_REST_RESET_EARLIEST, false);
    assert_int_equal(pn_kafka_rest_consumers_subscribe(f->consumers, id("g", "i"), NULL, 0,
                                                       "a\\..*|x", &f->refusal),
                     0);
    assert_int_equal(held(f, "g", "i").count, 2);
    const char *const *topics = NULL;
    size_t count = 0;
    assert_int_equal(pn_kafka_rest_consumers_subscription(f->consumers, id("g", "i"), &f->arena,
                                                          &topics, &count, &f->refusal),
                     0);
    assert_int_equal(count, 2);
    assert_string_equal(topics[0], "a.geo");
    /* A topic that comes later is found. */
    make_topic(f, "a.user", 2);
    assert_int_equal(held(f, "g", "i").count, 4);
    static const char *const bad[] = {"(", "a{1,255}{1,255}", "(a)\\1", "\\\\\\2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refused(f,
                pn_kafka_rest_consumers_subscribe(f->consumers, id("g", "i"), NULL, 0, bad[i],
                                                  &f->refusal),
                422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG);
    }
    /* A refused subscription leaves the one there was. */
    assert_int_equal(held(f, "g", "i").count, 4);
}

static void test_assign(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 2);
    pn_memory_log_put(f->log, "t", 1, "1");
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    struct pn_kafka_rest_position one = {.topic = "t", .partition = 1};
    const struct pn_kafka_rest_positions partitions = {.items = &one, .count = 1};
    assert_int_equal(
        pn_kafka_rest_consumers_assign(f->consumers, id("g", "a"), &partitions, &f->refusal), 0);
    assert_int_equal(held(f, "g", "a").count, 1);
    assert_int_equal(fetch(f, "g", "a"), 1);
    const char *topic = "t";
    refused(
        f,
        pn_kafka_rest_consumers_subscribe(f->consumers, id("g", "a"), &topic, 1, NULL, &f->refusal),
        409, PN_KAFKA_REST_CODE_ILLEGAL_STATE);
    one.partition = 2;
    refused(f, pn_kafka_rest_consumers_assign(f->consumers, id("g", "a"), &partitions, &f->refusal),
            404, PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND);
    one.topic = "none";
    refused(f, pn_kafka_rest_consumers_assign(f->consumers, id("g", "a"), &partitions, &f->refusal),
            404, PN_KAFKA_REST_CODE_TOPIC_NOT_FOUND);
    assert_int_equal(pn_kafka_rest_consumers_unsubscribe(f->consumers, id("g", "a"), &f->refusal),
                     0);
    subscribe(f, "g", "a", "t");
    assert_int_equal(held(f, "g", "a").count, 2);
}

/* --- offsets ---------------------------------------------------------------------------------- */

static void test_reset_policies(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    add(f, "e", "i", PN_KAFKA_REST_RESET_EARLIEST, false);
    add(f, "l", "i", PN_KAFKA_REST_RESET_LATEST, false);
    add(f, "n", "i", PN_KAFKA_REST_RESET_NONE, false);
    subscribe(f, "e", "i", "t");
    subscribe(f, "l", "i", "t");
    subscribe(f, "n", "i", "t");
    /* `latest` is from the subscription on, not from the first fetch on. */
    pn_memory_log_put(f->log, "t", 0, "2");
    assert_int_equal(fetch(f, "e", "i"), 2);
    assert_int_equal(fetch(f, "l", "i"), 1);
    struct pn_kafka_rest_fetch nothing;
    bool busy = false;
    refused(f,
            pn_kafka_rest_consumers_fetch_begin(f->consumers, id("n", "i"), &f->arena, &nothing,
                                                &busy, &f->refusal),
            400, PN_KAFKA_REST_CODE_BAD_REQUEST);
}

static void test_commits_last(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    pn_memory_log_put(f->log, "t", 0, "2");
    add(f, "g r/oup", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    subscribe(f, "g r/oup", "a", "t");
    assert_int_equal(committed(f, "g r/oup", "a", "t"), -1);
    assert_int_equal(fetch(f, "g r/oup", "a"), 2);
    assert_int_equal(
        pn_kafka_rest_consumers_commit(f->consumers, id("g r/oup", "a"), NULL, &f->refusal), 0);
    pn_kafka_rest_consumers_destroy(&f->consumers);
    open_consumers(f);
    pn_memory_log_put(f->log, "t", 0, "3");
    add(f, "g r/oup", "b", PN_KAFKA_REST_RESET_EARLIEST, false);
    assert_int_equal(committed(f, "g r/oup", "b", "t"), 2);
    subscribe(f, "g r/oup", "b", "t");
    assert_int_equal(fetch(f, "g r/oup", "b"), 1);
    /* Without auto-commit, going commits nothing. */
    assert_int_equal(pn_kafka_rest_consumers_remove(f->consumers, id("g r/oup", "b"), &f->refusal),
                     0);
    add(f, "g r/oup", "c", PN_KAFKA_REST_RESET_EARLIEST, false);
    assert_int_equal(committed(f, "g r/oup", "c", "t"), 2);
}

static void test_commit_of_offsets(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    struct pn_kafka_rest_position position = {.topic = "t", .offset = 7, .metadata = "a \"note\""};
    const struct pn_kafka_rest_positions offsets = {.items = &position, .count = 1};
    assert_int_equal(
        pn_kafka_rest_consumers_commit(f->consumers, id("g", "a"), &offsets, &f->refusal), 0);
    pn_kafka_rest_consumers_close(f->consumers);
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    struct pn_kafka_rest_positions read;
    assert_int_equal(pn_kafka_rest_consumers_committed(f->consumers, id("g", "a"), &offsets,
                                                       &f->arena, &read, &f->refusal),
                     0);
    assert_int_equal(read.items[0].offset, 7);
    assert_string_equal(read.items[0].metadata, "a \"note\"");
    /* It is beyond the end (of a topic made again, perhaps): the reset policy decides. */
    pn_memory_log_put(f->log, "t", 0, "1");
    subscribe(f, "g", "a", "t");
    assert_int_equal(fetch(f, "g", "a"), 1);
    position.topic = "none";
    refused(f, pn_kafka_rest_consumers_commit(f->consumers, id("g", "a"), &offsets, &f->refusal),
            404, PN_KAFKA_REST_CODE_TOPIC_NOT_FOUND);
}

/* A partition that the log could not read whole seems to end early: no position is given up. */
static void test_positions_beyond_an_unsure_end(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    pn_memory_log_put(f->log, "t", 0, "2");
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    subscribe(f, "g", "a", "t");
    assert_int_equal(fetch(f, "g", "a"), 2);
    assert_int_equal(pn_kafka_rest_consumers_commit(f->consumers, id("g", "a"), NULL, &f->refusal),
                     0);
    add(f, "g", "b", PN_KAFKA_REST_RESET_EARLIEST, false);
    pn_memory_log_set_unsure(f->log, true);
    struct pn_kafka_rest_fetch begun;
    bool busy = false;
    for (int round = 0; round < 2; round++) {
        const char *name = round == 0 ? "a" : "b"; /* who is there, and who comes */
        assert_int_equal(pn_kafka_rest_consumers_fetch_begin(f->consumers, id("g", name), &f->arena,
                                                             &begun, &busy, &f->refusal),
                         0);
        assert_int_equal(begun.partitions.count, 1);
        assert_int_equal(begun.partitions.items[0].offset, 2);
        pn_kafka_rest_consumers_fetch_end(f->consumers, &begun);
        if (round == 0) {
            assert_int_equal(
                pn_kafka_rest_consumers_remove(f->consumers, id("g", "a"), &f->refusal), 0);
            subscribe(f, "g", "b", "t");
        }
    }
    pn_memory_log_set_unsure(f->log, false);
    assert_int_equal(fetch(f, "g", "b"), 0);
}

static void test_auto_commit(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, true);
    subscribe(f, "g", "a", "t");
    assert_int_equal(fetch(f, "g", "a"), 1);
    pn_fake_clock_advance(&f->clock, 6000);
    /* What a fetch gives counts as consumed at the next one. */
    pn_memory_log_put(f->log, "t", 0, "2");
    assert_int_equal(committed(f, "g", "a", "t"), -1);
    assert_int_equal(fetch(f, "g", "a"), 1);
    assert_int_equal(committed(f, "g", "a", "t"), 1);
    assert_int_equal(pn_kafka_rest_consumers_remove(f->consumers, id("g", "a"), &f->refusal), 0);
    add(f, "g", "b", PN_KAFKA_REST_RESET_EARLIEST, true);
    assert_int_equal(committed(f, "g", "b", "t"), 2);
}

/* The next owner of a partition continues where the one before it stopped. */
static void test_hand_over(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 2);
    for (int32_t p = 0; p < 2; p++) {
        pn_memory_log_put(f->log, "t", p, "1");
    }
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, true);
    subscribe(f, "g", "a", "t");
    assert_int_equal(fetch(f, "g", "a"), 2);
    add(f, "g", "b", PN_KAFKA_REST_RESET_EARLIEST, true);
    subscribe(f, "g", "b", "t");
    assert_int_equal(fetch(f, "g", "a"), 0);
    assert_int_equal(fetch(f, "g", "b"), 0);
    for (int32_t p = 0; p < 2; p++) {
        pn_memory_log_put(f->log, "t", p, "2");
    }
    assert_int_equal(fetch(f, "g", "a"), 1);
    assert_int_equal(fetch(f, "g", "b"), 1);
}

static void test_seek(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    pn_memory_log_put(f->log, "t", 0, "2");
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    struct pn_kafka_rest_position position = {.topic = "t", .offset = 1};
    const struct pn_kafka_rest_positions to = {.items = &position, .count = 1};
    refused(f,
            pn_kafka_rest_consumers_seek(f->consumers, id("g", "a"), PN_KAFKA_REST_SEEK_OFFSET, &to,
                                         &f->refusal),
            409, PN_KAFKA_REST_CODE_ILLEGAL_STATE);
    subscribe(f, "g", "a", "t");
    assert_int_equal(pn_kafka_rest_consumers_seek(f->consumers, id("g", "a"),
                                                  PN_KAFKA_REST_SEEK_OFFSET, &to, &f->refusal),
                     0);
    assert_int_equal(fetch(f, "g", "a"), 1);
    assert_int_equal(pn_kafka_rest_consumers_seek(f->consumers, id("g", "a"),
                                                  PN_KAFKA_REST_SEEK_BEGINNING, &to, &f->refusal),
                     0);
    assert_int_equal(fetch(f, "g", "a"), 2);
    assert_int_equal(pn_kafka_rest_consumers_seek(f->consumers, id("g", "a"),
                                                  PN_KAFKA_REST_SEEK_BEGINNING, &to, &f->refusal),
                     0);
    assert_int_equal(pn_kafka_rest_consumers_seek(f->consumers, id("g", "a"),
                                                  PN_KAFKA_REST_SEEK_END, &to, &f->refusal),
                     0);
    assert_int_equal(fetch(f, "g", "a"), 0);
}

/* A seek during a fetch wins over the position the fetch ends at, and a second fetch waits. */
static void test_fetch_is_exclusive(void **state)
{
    struct fixture *f = *state;
    make_topic(f, "t", 1);
    pn_memory_log_put(f->log, "t", 0, "1");
    pn_memory_log_put(f->log, "t", 0, "2");
    add(f, "g", "a", PN_KAFKA_REST_RESET_EARLIEST, false);
    subscribe(f, "g", "a", "t");
    assert_true(pn_kafka_rest_consumers_ready(f->consumers, id("g", "a"), 1));
    assert_false(pn_kafka_rest_consumers_ready(f->consumers, id("g", "a"), 2));
    struct pn_kafka_rest_fetch first;
    struct pn_kafka_rest_fetch second;
    bool busy = false;
    assert_int_equal(pn_kafka_rest_consumers_fetch_begin(f->consumers, id("g", "a"), &f->arena,
                                                         &first, &busy, &f->refusal),
                     0);
    assert_int_equal(pn_kafka_rest_consumers_fetch_begin(f->consumers, id("g", "a"), &f->arena,
                                                         &second, &busy, &f->refusal),
                     0);
    assert_true(busy);
    assert_false(pn_kafka_rest_consumers_ready(f->consumers, id("g", "a"), 0));
    struct pn_kafka_rest_position position = {.topic = "t", .offset = 1};
    const struct pn_kafka_rest_positions to = {.items = &position, .count = 1};
    assert_int_equal(pn_kafka_rest_consumers_seek(f->consumers, id("g", "a"),
                                                  PN_KAFKA_REST_SEEK_OFFSET, &to, &f->refusal),
                     0);
    first.partitions.items[0].offset = 2;
    pn_kafka_rest_consumers_fetch_end(f->consumers, &first);
    assert_int_equal(fetch(f, "g", "a"), 1);
    /* An instance that went during its fetch is not a trouble. */
    assert_int_equal(pn_kafka_rest_consumers_fetch_begin(f->consumers, id("g", "a"), &f->arena,
                                                         &first, &busy, &f->refusal),
                     0);
    assert_int_equal(pn_kafka_rest_consumers_remove(f->consumers, id("g", "a"), &f->refusal), 0);
    assert_true(pn_kafka_rest_consumers_ready(f->consumers, id("g", "a"), 0));
    pn_kafka_rest_consumers_fetch_end(f->consumers, &first);
}

static void test_damaged_file(void **state)
{
    struct fixture *f = *state;
    const struct pn_kafka_rest_instance_config config = {.name = "a",
                                                         .format = PN_KAFKA_REST_BODY_JSON};
    const char *name = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/g.json", f->folder);
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, "{\"off", 5, NULL), 0);
    refused(f,
            pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal),
            500, PN_KAFKA_REST_CODE_ERROR);
    assert_non_null(strstr(f->refusal.msg, path));
}

/* Each flipped bit of a file of offsets is named, and no offset is taken from it. */
static void test_a_flipped_bit_in_the_offsets(void **state)
{
    struct fixture *f = *state;
    const struct pn_kafka_rest_instance_config config = {.name = "a",
                                                         .format = PN_KAFKA_REST_BODY_JSON};
    const char *name = NULL;
    char path[128];
    struct pn_buf text;
    (void)snprintf(path, sizeof path, "%s/g.json", f->folder);
    pn_buf_init(&text, 4096);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &text);
    static const char offsets[] =
        "[\n{\"topic\":\"t\",\"partition\":0,\"offset\":31,\"metadata\":\"\"}]";
    pn_checked_begin(&json);
    pn_json_add_cstr(&json, "group", "g");
    pn_json_add_raw(&json, "offsets", offsets, sizeof offsets - 1);
    pn_checked_end(&json);
    for (size_t at = 0; at < text.len; at++) {
        char bit = (char)(1 << at % 8);
        text.data[at] = (char)(text.data[at] ^ bit);
        assert_int_equal(pn_io_replace_file(pn_io_system(), path, text.data, text.len, NULL), 0);
        refused(
            f,
            pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal),
            500, PN_KAFKA_REST_CODE_ERROR);
        assert_non_null(strstr(f->refusal.msg, path));
        text.data[at] = (char)(text.data[at] ^ bit);
    }
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, text.data, text.len, NULL), 0);
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, "g", &config, &f->arena, &name, &f->refusal), 0);
    pn_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_instances_max, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_partitions_are_dealt_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pattern, setup, teardown),
        cmocka_unit_test_setup_teardown(test_assign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commits_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_of_offsets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_positions_beyond_an_unsure_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_auto_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hand_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seek, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fetch_is_exclusive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flipped_bit_in_the_offsets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
