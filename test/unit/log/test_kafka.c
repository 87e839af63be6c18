/*
 * The log on Kafka, against librdkafka's mock cluster: three brokers in this process that answer
 * with the errors that a test wants, which a real one does only by chance. A mock makes a topic
 * that it is asked for and knows no settings of topics; test/cloud/test_log_kafka.py has the same
 * log on a real broker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/mem.h"
#include "kafka/rest/errors.h"
#include "log/kafka/private.h"
#include "log/member.h"
#include "settings/configs.h"
#include "support/defaults.h"

enum { BROKERS = 3, API_PRODUCE = 0, API_LIST_OFFSETS = 2, API_COMMIT = 8, TRIES = 100 };

/* The system's clock, and what a test adds. */
struct shifted_clock {
    struct pn_clock clock;
    _Atomic int64_t ahead_ms;
};

static int64_t shifted_wall_ms(const struct pn_clock *clock)
{
    const struct shifted_clock *shifted = clock->ctx;
    return pn_wall_ms(pn_clock_system()) + atomic_load(&shifted->ahead_ms);
}

static int64_t shifted_mono_ns(const struct pn_clock *clock)
{
    const struct shifted_clock *shifted = clock->ctx;
    return pn_mono_ns(pn_clock_system()) + atomic_load(&shifted->ahead_ms) * 1000000;
}

struct fixture {
    struct shifted_clock clock;
    char folder[64];
    rd_kafka_t *owner; /* of the mock */
    rd_kafka_mock_cluster_t *mock;
    struct pn_kafka_config config;
    char *url;
    struct pn_log *log;
    struct pn_arena arena;
};

static void open_log(struct fixture *fixture)
{
    struct pn_err e = {0};
    int rc = pn_kafka_open(&fixture->config, pn_io_system(), &fixture->clock.clock, NULL,
                           &fixture->log, &e);
    if (rc != 0) {
        fail_msg("%s", e.msg);
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    char why[256];
    fixture->clock.clock = (struct pn_clock){
        .wall_ms = shifted_wall_ms, .mono_ns = shifted_mono_ns, .ctx = &fixture->clock};
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pinion-kafka-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    assert_non_null(fixture->owner);
    fixture->mock = rd_kafka_mock_cluster_new(fixture->owner, BROKERS);
    assert_int_equal(rd_kafka_mock_topic_create(fixture->mock, "t", 2, BROKERS), 0);
    fixture->url =
        pn_xasprintf(PN_KAFKA_SCHEME "%s", rd_kafka_mock_cluster_bootstraps(fixture->mock));
    pn_settings_to_kafka(default_settings(), &fixture->config);
    fixture->config.folder = fixture->folder;
    fixture->config.url = fixture->url;
    fixture->config.timeout_ms = 1000; /* the mock does not answer for settings of topics */
    fixture->config.properties = "message.timeout.ms=60000";
    pn_arena_init(&fixture->arena, 0);
    open_log(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_log_destroy(&fixture->log);
    rd_kafka_mock_cluster_destroy(fixture->mock);
    rd_kafka_destroy(fixture->owner);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    pn_arena_deinit(&fixture->arena);
    free(fixture->url);
    free(fixture);
    return 0;
}

static struct pn_bytes bytes(const char *text)
{
    return (struct pn_bytes){text, text != NULL ? strlen(text) : 0};
}

/* Appends one record to partition 0 of "t". */
static int put(struct fixture *fixture, const char *value, struct pn_log_entry *entry,
               struct pn_err *e)
{
    *entry = (struct pn_log_entry){.record = {.value = bytes(value), .timestamp_ms = -1}};
    struct pn_log_request request = {.topic = "t", .entries = entry, .count = 1};
    return pn_log_append(fixture->log, &request, e);
}

static struct pn_log_records get(struct fixture *fixture, int64_t offset, size_t max_records,
                                 size_t max_bytes)
{
    struct pn_log_records records = {0};
    struct pn_err e = {0};
    int rc = PN_FAIL;
    for (int i = 0; i < TRIES && rc != 0; i++) { /* a busy machine may take its time */
        rc = pn_log_read(fixture->log, "t", 0, offset, max_records, max_bytes, &fixture->arena,
                         &records, &e);
        assert_true(rc == 0 || e.class_ == PN_CLASS_RETRY);
    }
    assert_int_equal(rc, 0);
    return records;
}

static void test_a_record_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    const struct pn_record_header headers[] = {{bytes("a"), bytes("1")}, {bytes("b"), bytes(NULL)}};
    struct pn_log_entry entries[] = {
        {.record = {.key = bytes("k"),
                    .value = bytes("v"),
                    .headers = headers,
                    .header_count = 2,
                    .timestamp_ms = 1700000000123}},
        {.record = {.key = bytes(""), .value = bytes(""), .timestamp_ms = -1}},
        {.record = {.timestamp_ms = -1}},
    };
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 3};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(entries[i].partition, 0);
        assert_int_equal(entries[i].offset, i);
    }
    struct pn_log_offsets ends = {0};
    assert_int_equal(pn_log_offsets(fixture->log, "t", 0, &ends, NULL), 0);
    assert_int_equal(ends.end, 3);
    struct pn_log_records records = get(fixture, 0, 10, 1 << 20);
    while (records.next_offset < 3) {
        struct pn_log_records more = get(fixture, records.next_offset, 10, 1 << 20);
        records.next_offset = more.next_offset;
        for (size_t i = 0; i < more.count; i++) {
            records.records[records.count++] = more.records[i];
        }
    }
    assert_int_equal(records.count, 3);
    const struct pn_record *first = &records.records[0];
    assert_int_equal(first->timestamp_ms, 1700000000123);
    assert_memory_equal(first->key.data, "k", 1);
    assert_int_equal(first->header_count, 2);
    assert_memory_equal(first->headers[0].value.data, "1", 1);
    assert_null(first->headers[1].value.data);
    assert_non_null(records.records[1].value.data);
    assert_int_equal(records.records[1].value.len, 0);
    assert_null(records.records[2].key.data);
    assert_null(records.records[2].value.data);
}

static void test_reading_at_any_place(void **state)
{
    struct fixture *fixture = *state;
    struct pn_log_entry entry;
    enum { COUNT = 30 };
    for (int i = 0; i < COUNT; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", i);
        assert_int_equal(put(fixture, value, &entry, NULL), 0);
    }
    for (int step = 1; step <= 7; step += 3) {
        for (int64_t at = 0; at < COUNT;) {
            struct pn_log_records records = get(fixture, at, (size_t)step, 1 << 20);
            for (size_t i = 0; i < records.count; i++) {
                char wanted[16];
                (void)snprintf(wanted, sizeof wanted, "%d", (int)at);
                assert_int_equal(records.records[i].offset, at++);
                assert_memory_equal(records.records[i].value.data, wanted, strlen(wanted));
            }
        }
    }
    for (int64_t at = COUNT - 1; at >= 0; at--) { /* each a seek */
        struct pn_log_records records = get(fixture, at, 1, 1 << 20);
        assert_int_equal(records.count, 1);
        assert_int_equal(records.records[0].offset, at);
    }
    assert_int_equal(get(fixture, 3, 10, 1).count, 1); /* one, whatever the limit */
    assert_int_equal(get(fixture, COUNT, 10, 1 << 20).count, 0);
    struct pn_log_records records = {0};
    struct pn_err e = {0};
    assert_int_not_equal(
        pn_log_read(fixture->log, "t", 0, COUNT + 1, 1, 1, &fixture->arena, &records, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

/* What passes is tried again, and written once. */
static void test_passing_errors_are_not_seen(void **state)
{
    struct fixture *fixture = *state;
    struct pn_log_entry entry;
    rd_kafka_mock_push_request_errors(
        fixture->mock, API_PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    assert_int_equal(put(fixture, "1", &entry, NULL), 0);
    assert_int_equal(entry.offset, 0);
    assert_int_equal(put(fixture, "2", &entry, NULL), 0);
    assert_int_equal(entry.offset, 1);
}

/* Each with the status and the number that Kafka REST has for it. */
static void test_lasting_errors_have_names(void **state)
{
    static const struct {
        rd_kafka_resp_err_t err;
        enum pn_class class_;
        int code;
        int status;
        int number;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PN_CLASS_INPUT, PN_FAIL, 400, 40002},
        {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, PN_CLASS_INPUT, PN_FAIL, 400, 40002},
        {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, PN_CLASS_INPUT, PN_FAIL, 400, 40002},
        {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, PN_CLASS_INPUT, PN_FAIL, 400, 40002},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PN_CLASS_RETRY, PN_LOG_NOT_AUTHORIZED, 403,
         40301},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_log_entry entry;
        struct pn_err e = {0};
        int status = 0;
        rd_kafka_mock_push_request_errors(fixture->mock, API_PRODUCE, 1, cases[i].err);
        assert_int_equal(put(fixture, "1", &entry, &e), cases[i].code);
        assert_int_equal(e.class_, cases[i].class_);
        assert_int_equal(entry.class_, cases[i].class_);
        assert_int_equal(entry.rc, cases[i].code);
        assert_non_null(strstr(e.msg, "topic t, partition 0"));
        assert_int_equal(pn_kafka_rest_error_code(entry.class_, entry.rc, &status),
                         cases[i].number);
        assert_int_equal(status, cases[i].status);
    }
}

/* What would pass, but does not in time: the record may be sent again. */
static void test_too_few_replicas_for_too_long(void **state)
{
    enum { ERRORS = 100 };
    struct fixture *fixture = *state;
    struct pn_log_entry entry;
    struct pn_err e = {0};
    int status = 0;
    rd_kafka_resp_err_t errors[ERRORS];
    for (int i = 0; i < ERRORS; i++) {
        errors[i] = RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    }
    pn_log_destroy(&fixture->log);
    fixture->config.properties = "message.timeout.ms=1000";
    open_log(fixture);
    rd_kafka_mock_push_request_errors_array(fixture->mock, API_PRODUCE, ERRORS, errors);
    assert_int_not_equal(put(fixture, "1", &entry, &e), 0);
    assert_int_equal(pn_kafka_rest_error_code(entry.class_, entry.rc, &status), 50003);
    assert_int_equal(status, 503);
    rd_kafka_mock_clear_request_errors(fixture->mock, API_PRODUCE);
}

static void test_where_partitions_are(void **state)
{
    struct fixture *fixture = *state;
    struct pn_log_replica *replicas = NULL;
    int32_t *brokers = NULL;
    size_t count = 0;
    rd_kafka_mock_partition_set_leader(fixture->mock, "t", 1, 2);
    assert_int_equal(pn_log_refresh(fixture->log, "t", NULL), 0);
    assert_int_equal(
        pn_log_replicas(fixture->log, "t", 1, &fixture->arena, &replicas, &count, NULL), 0);
    assert_int_equal(count, BROKERS);
    for (size_t i = 0; i < count; i++) {
        assert_true(replicas[i].is_in_sync);
        assert_int_equal(replicas[i].is_leader, replicas[i].broker == 2);
    }
    pn_log_brokers(fixture->log, &fixture->arena, &brokers, &count);
    assert_int_equal(count, BROKERS);
    for (int32_t i = 0; i < BROKERS; i++) {
        assert_int_equal(brokers[i], i + 1);
    }
    struct pn_err e = {0};
    assert_int_not_equal(
        pn_log_replicas(fixture->log, "t", 2, &fixture->arena, &replicas, &count, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

/* --- topics that come and go ------------------------------------------------------------------ */

static void look(struct fixture *fixture)
{
    struct pn_err e = {0};
    int rc = PN_FAIL;
    for (int i = 0; i < TRIES && rc != 0; i++) { /* a busy machine may take its time */
        rc = pn_kafka_refresh_all(pn_kafka_of(fixture->log), 10000, &e);
    }
    assert_int_equal(rc, 0);
}

static struct pn_log_offsets offsets_of(struct fixture *fixture)
{
    struct pn_log_offsets offsets = {0};
    assert_int_equal(pn_log_offsets(fixture->log, "t", 0, &offsets, NULL), 0);
    return offsets;
}

/* A broker that has just started answers so: the topic and what is known of it stay. */
static void test_a_topic_with_an_error_stays_known(void **state)
{
    enum { LONG_MS = 60000 };
    struct fixture *fixture = *state;
    struct pn_log_entry entry;
    assert_int_equal(put(fixture, "1", &entry, NULL), 0);
    rd_kafka_mock_topic_set_error(fixture->mock, "t", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    for (int i = 0; i < 2; i++) {
        look(fixture);
        assert_int_equal(offsets_of(fixture).end, 1);
        atomic_fetch_add(&fixture->clock.ahead_ms, LONG_MS);
    }
    rd_kafka_mock_topic_set_error(fixture->mock, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
    look(fixture);
    assert_int_equal(offsets_of(fixture).end, 1);
}

static void set_gone(struct fixture *fixture, bool is_gone)
{
    rd_kafka_mock_topic_set_error(fixture->mock, "t",
                                  is_gone ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                                          : RD_KAFKA_RESP_ERR_NO_ERROR);
    look(fixture);
}

/* A topic that is not there counts as deleted when that stays so; one of its name is another. */
static void test_a_topic_that_is_gone_comes_back_as_another(void **state)
{
    enum { WHILE_MS = 11000 };
    struct fixture *fixture = *state;
    struct pn_log_topic_info info = {0};
    struct pn_err e = {0};
    set_gone(fixture, true);
    assert_true(offsets_of(fixture).unsure);
    assert_non_null(offsets_of(fixture).passing);
    set_gone(fixture, false);
    assert_int_equal(pn_log_topic(fixture->log, "t", &info, NULL), 0);
    assert_int_equal(info.id, 0);
    assert_false(offsets_of(fixture).unsure);
    set_gone(fixture, true);
    atomic_fetch_add(&fixture->clock.ahead_ms, WHILE_MS);
    look(fixture);
    assert_int_not_equal(pn_log_topic(fixture->log, "t", &info, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    set_gone(fixture, false);
    assert_int_equal(pn_log_topic(fixture->log, "t", &info, NULL), 0);
    assert_int_equal(info.id, 1);
    pn_log_destroy(&fixture->log);
    open_log(fixture);
    assert_int_equal(pn_log_topic(fixture->log, "t", &info, NULL), 0);
    assert_int_equal(info.id, 1); /* also in another life */
}

/* One bit of the file that keeps the ids would make the topic another one, whose records all land
 * again. */
static void test_a_flipped_bit_of_the_ids_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    char text[256] = {0};
    struct pn_err e = {0};
    set_gone(fixture, true);
    atomic_fetch_add(&fixture->clock.ahead_ms, 11000);
    look(fixture);
    atomic_fetch_add(&fixture->clock.ahead_ms, 11000);
    look(fixture);
    pn_log_destroy(&fixture->log);
    (void)snprintf(path, sizeof path, "%s/kafka_topics.json", fixture->folder);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    char *id = strstr(text, "\"t\":1");
    assert_non_null(id);
    id[4] ^= 2; /* 1 becomes 3 */
    rewind(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_not_equal(pn_kafka_open(&fixture->config, pn_io_system(), &fixture->clock.clock,
                                       NULL, &fixture->log, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "kafka_topics.json"));
}

/* An answer to a record that was sent when the topic had another state counts for the newest one,
 * and an end that was read up to does not go back. */
static void test_ends_never_go_back(void **state)
{
    struct fixture *fixture = *state;
    struct pn_kafka_catalog *catalog = &pn_kafka_of(fixture->log)->catalog;
    struct pn_kafka_topic *old = pn_kafka_catalog_hold(catalog, "t");
    pn_kafka_catalog_put(catalog, pn_kafka_topic_create("t", 3, 0, NULL));
    pn_kafka_part_delivered(old->parts[0], 7);
    pn_kafka_topic_release(old);
    assert_int_equal(offsets_of(fixture).end, 7);
    struct pn_kafka_topic *topic = pn_kafka_catalog_hold(catalog, "t");
    pn_kafka_part_read(topic->parts[0], 5);
    atomic_store(&topic->parts[0]->delivered, 0); /* as a read of an open transaction does */
    pn_kafka_topic_release(topic);
    assert_int_equal(offsets_of(fixture).end, 5);
}

/* A broker that has just become the leader may say once or twice that it is not. */
static void test_a_leader_that_does_not_know_it_yet(void **state)
{
    struct fixture *fixture = *state;
    struct pn_log_entry entry;
    struct pn_err e = {0};
    assert_int_equal(put(fixture, "1", &entry, NULL), 0);
    rd_kafka_mock_push_request_errors(fixture->mock, API_LIST_OFFSETS, 2,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    assert_int_equal(pn_log_refresh(fixture->log, "t", &e), 0);
}

/* A reader of a deleted topic has records of it, which are not those of the next. */
static void test_readers_of_a_topic_end_with_it(void **state)
{
    enum { IDLE_MS = 61000 };
    struct fixture *fixture = *state;
    struct pn_kafka *kafka = pn_kafka_of(fixture->log);
    struct pn_log_entry entry;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(put(fixture, "1", &entry, NULL), 0);
        (void)get(fixture, 0, 10, 1 << 20);
        assert_int_equal(kafka->readers.count, 1);
        if (round == 0) {
            pn_kafka_readers_forget(kafka, "t");
        } else {
            atomic_fetch_add(&fixture->clock.ahead_ms, IDLE_MS);
            pn_kafka_readers_poll(kafka);
        }
        assert_int_equal(kafka->readers.count, 0);
    }
}

/* A server without the right to change settings starts where nothing is to change, and one that
 * another server has overtaken finds the topic. */
static void test_configuring_what_is_so_already(void **state)
{
    struct fixture *fixture = *state;
    const struct pn_log_topic_config config = {.partitions = 2};
    assert_int_equal(pn_log_configure_topic(fixture->log, "t", &config, NULL), 0);
    pn_kafka_catalog_remove(&pn_kafka_of(fixture->log)->catalog, "t", 0);
    assert_int_equal(pn_log_configure_topic(fixture->log, "t", &config, NULL), 0);
}

/* A partition without a leader does not hold up those that read others. */
static void test_a_read_without_a_leader_returns_at_once(void **state)
{
    enum { NEVER_MS = 100000000 };
    struct fixture *fixture = *state;
    struct pn_log_records records = {0};
    struct pn_log_entry entry;
    struct pn_err e = {0};
    assert_int_equal(put(fixture, "1", &entry, NULL), 0);
    rd_kafka_mock_partition_set_leader(fixture->mock, "t", 0, -1);
    look(fixture);
    pn_kafka_of(fixture->log)->config.timeout_ms = NEVER_MS;
    assert_int_not_equal(
        pn_log_read(fixture->log, "t", 0, 0, 1, 100, &fixture->arena, &records, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "leader"));
    pn_kafka_of(fixture->log)->config.timeout_ms = fixture->config.timeout_ms;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* A member, how many partitions it has, and whether the group took them without asking. */
struct seat {
    struct pn_log_member *member;
    int held;
    bool is_lost;
};

static void take_seat(void *arg, const struct pn_log_place *places, size_t count)
{
    struct seat *seat = arg;
    assert_string_equal(count > 0 ? places[0].topic : "t", "t");
    seat->held += (int)count;
}

static void lose_seat(void *arg, const struct pn_log_place *places, size_t count, bool is_lost)
{
    struct seat *seat = arg;
    assert_string_equal(count > 0 ? places[0].topic : "t", "t");
    seat->is_lost |= is_lost;
    seat->held -= (int)count;
}

static void join(struct fixture *fixture, struct seat *seat)
{
    static const char *const topics[] = {"t"};
    const struct pn_log_member_config config = {
        .group = "g", .name = "m", .assigned = take_seat, .revoked = lose_seat, .arg = seat};
    *seat = (struct seat){0};
    assert_int_equal(pn_log_join(fixture->log, &config, &seat->member, NULL), 0);
    assert_int_equal(pn_log_member_subscribe(seat->member, topics, 1, NULL), 0);
}

/* Serves the member until it has what is wanted. */
static void serve(struct seat *seat, int held)
{
    enum { ROUNDS = 3000 };
    for (int i = 0; i < ROUNDS && seat->held != held; i++) {
        struct pn_err e = {0};
        assert_int_equal(pn_log_member_poll(seat->member, &e), 0);
        (void)usleep(10000);
    }
    assert_int_equal(seat->held, held);
}

static void test_a_member_gets_partitions_and_commits(void **state)
{
    struct fixture *fixture = *state;
    assert_true(pn_log_has_groups(fixture->log));
    struct seat one;
    join(fixture, &one);
    serve(&one, 2);
    const struct pn_log_place done = {.topic = "t", .partition = 1, .offset = 5, .metadata = "n"};
    assert_int_equal(pn_log_member_commit(one.member, &done, 1, NULL), 0);
    struct pn_log_place asked[] = {{.topic = "t", .partition = 0}, {.topic = "t", .partition = 1}};
    assert_int_equal(pn_log_member_committed(one.member, asked, 2, &fixture->arena, NULL), 0);
    assert_int_equal(asked[0].offset, -1);
    assert_int_equal(asked[1].offset, 5);
    assert_int_equal(pn_log_member_subscribe(one.member, NULL, 0, NULL), 0);
    serve(&one, 0);
    assert_false(one.is_lost);
    pn_log_member_leave(&one.member);
}

static void test_commits_that_are_refused(void **state)
{
    static const struct {
        rd_kafka_resp_err_t err;
        enum pn_class class_;
        int code;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, PN_CLASS_CONFLICT, PN_FAIL},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PN_CLASS_RETRY, PN_LOG_NOT_AUTHORIZED},
    };
    struct fixture *fixture = *state;
    struct seat one;
    join(fixture, &one);
    serve(&one, 2);
    const struct pn_log_place done = {.topic = "t", .partition = 0, .offset = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_err e = {0};
        rd_kafka_mock_push_request_errors(fixture->mock, API_COMMIT, 1, cases[i].err);
        assert_int_equal(pn_log_member_commit(one.member, &done, 1, &e), cases[i].code);
        assert_int_equal(e.class_, cases[i].class_);
        assert_non_null(strstr(e.msg, "consumer group g"));
    }
    pn_log_member_leave(&one.member);
}

static void test_what_is_wrong_with_a_request_is_known_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct pn_err e = {0};
    size_t large = (size_t)fixture->config.record_bytes_max + 1;
    char *value = pn_xcalloc(large + 1, 1);
    memset(value, 'x', large);
    struct pn_log_entry entries[] = {{.record = {.value = bytes("1")}},
                                     {.record = {.value = bytes("2")}, .partition = 2}};
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 2};
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(entries[0].rc, 0);
    assert_int_not_equal(entries[1].rc, 0);
    entries[1].partition = 1;
    entries[1].record.value = bytes(value);
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    struct pn_log_offsets ends = {0};
    assert_int_equal(pn_log_offsets(fixture->log, "t", 0, &ends, NULL), 0);
    assert_int_equal(ends.end, 0); /* nothing was taken */
    assert_int_not_equal(pn_log_create_topic(fixture->log, "__offsets", NULL, &e), 0);
    assert_non_null(strstr(e.msg, "Kafka's own"));
    assert_int_not_equal(pn_log_offsets(fixture->log, "t", 2, &ends, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    free(value);
}

static void set_brokers(struct fixture *fixture, bool up)
{
    for (int32_t i = 1; i <= BROKERS; i++) {
        assert_int_equal(up ? rd_kafka_mock_broker_set_up(fixture->mock, i)
                            : rd_kafka_mock_broker_set_down(fixture->mock, i),
                         0);
    }
}

/* --- back-pressure ---------------------------------------------------------------------------- */

struct flight {
    struct pn_log_entry entry;
    struct pn_log_request request;
};

static atomic_int answered;

static void count_answer(struct pn_log_request *request)
{
    (void)request;
    atomic_fetch_add(&answered, 1);
}

/* While no broker is there, records wait, as many as fit; each is answered in the end. */
static void test_a_full_queue_asks_to_retry(void **state)
{
    enum { FLIGHTS = 8, HALF_MIB = 512 * 1024 };
    struct fixture *fixture = *state;
    char *value = pn_xcalloc(HALF_MIB + 1, 1);
    memset(value, 'x', HALF_MIB);
    pn_log_destroy(&fixture->log);
    fixture->config.queue_bytes_max = 2 << 20;
    open_log(fixture);
    set_brokers(fixture, false);
    struct flight flights[FLIGHTS];
    int taken = 0;
    for (int i = 0; i < FLIGHTS; i++) {
        struct flight *flight = &flights[taken];
        struct pn_err e = {0};
        *flight = (struct flight){.entry = {.record = {.value = bytes(value)}}};
        flight->request = (struct pn_log_request){
            .topic = "t", .entries = &flight->entry, .count = 1, .done = count_answer};
        if (pn_log_submit(fixture->log, &flight->request, &e) == 0) {
            taken++;
        } else {
            assert_int_equal(e.class_, PN_CLASS_RETRY);
            assert_non_null(strstr(e.msg, "log.queue_bytes_max"));
        }
    }
    assert_int_equal(taken, 3); /* with what an entry takes, a fourth does not fit */
    struct pn_log_topic_info info;
    assert_int_equal(pn_log_topic(fixture->log, "t", &info, NULL), 0); /* known without brokers */
    assert_int_equal(info.partitions, 2);
    set_brokers(fixture, true);
    pn_log_destroy(&fixture->log); /* waits for them */
    assert_int_equal(atomic_load(&answered), taken);
    for (int i = 0; i < taken; i++) {
        assert_int_equal(flights[i].request.rc, 0);
    }
    free(value);
}

/* A producer that has failed for good is replaced by another. */
static void test_a_fatal_error_is_not_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct pn_log_entry entry;
    struct pn_err e = {0};
    assert_int_equal(put(fixture, "1", &entry, NULL), 0);
    rd_kafka_t *client = pn_kafka_of(fixture->log)->producer.client;
    (void)rd_kafka_test_fatal_error(client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
    int rc = PN_FAIL;
    for (int i = 0; i < TRIES && rc != 0; i++) {
        rc = put(fixture, "2", &entry, &e);
        assert_true(rc == 0 || e.class_ == PN_CLASS_RETRY);
        (void)usleep(rc == 0 ? 0 : 50000);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(entry.offset, 1);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void refuse(struct fixture *fixture, const char *wanted)
{
    struct pn_err e = {0};
    struct pn_log *log = NULL;
    pn_log_destroy(&fixture->log);
    assert_int_not_equal(
        pn_kafka_open(&fixture->config, pn_io_system(), pn_clock_system(), NULL, &log, &e), 0);
    if (strstr(e.msg, wanted) == NULL) {
        fail_msg("\"%s\" does not have \"%s\"", e.msg, wanted);
    }
}

static void test_wrong_settings(void **state)
{
    static const struct {
        const char *url;
        const char *security;
        const char *conf;
        const char *wanted;
    } cases[] = {
        {"kafka://", "plaintext", "", "log.url"},
        {"http://h:1", "plaintext", "", "log.url"},
        {"kafka://h:1/x", "plaintext", "", "log.url"},
        {"kafka://h:1", "sasl_ssl", "", "log.kafka.sasl_username"},
        {"kafka://h:1", "plaintext", "acks=1", "acks cannot be set"},
        {"kafka://h:1", "plaintext", "linger.ms", "NAME=VALUE"},
        {"kafka://h:1", "plaintext", "ssl.key.password=a;rest", "property 2 has no `=`"},
        {"kafka://h:1", "plaintext", " linger.ms=5 ; no.such=1", "no.such"},
        {"kafka://h:1", "ssl", "", "log.kafka.ca_file"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture->config.url = cases[i].url;
        fixture->config.security = cases[i].security;
        fixture->config.properties = cases[i].conf;
        fixture->config.ca_file = strcmp(cases[i].security, "ssl") == 0 ? "/no/ca.pem" : "";
        refuse(fixture, cases[i].wanted);
    }
}

static void test_the_folder_is_one_process_and_one_cluster(void **state)
{
    struct fixture *fixture = *state;
    struct pn_err e = {0};
    struct pn_log *second = NULL;
    assert_int_not_equal(
        pn_kafka_open(&fixture->config, pn_io_system(), pn_clock_system(), NULL, &second, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    pn_log_destroy(&fixture->log);
    char *path = pn_xasprintf("%s/topic", fixture->folder);
    assert_int_equal(pn_io_mkdirs(pn_io_system(), path, NULL), 0);
    free(path);
    refuse(fixture, "log of its own");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_record_comes_back_as_it_was),
        TEST(test_reading_at_any_place),
        TEST(test_passing_errors_are_not_seen),
        TEST(test_lasting_errors_have_names),
        TEST(test_too_few_replicas_for_too_long),
        TEST(test_where_partitions_are),
        TEST(test_a_topic_with_an_error_stays_known),
        TEST(test_a_topic_that_is_gone_comes_back_as_another),
        TEST(test_a_flipped_bit_of_the_ids_is_noticed),
        TEST(test_ends_never_go_back),
        TEST(test_a_leader_that_does_not_know_it_yet),
        TEST(test_readers_of_a_topic_end_with_it),
        TEST(test_configuring_what_is_so_already),
        TEST(test_a_read_without_a_leader_returns_at_once),
        TEST(test_a_member_gets_partitions_and_commits),
        TEST(test_commits_that_are_refused),
        TEST(test_what_is_wrong_with_a_request_is_known_at_once),
        TEST(test_a_full_queue_asks_to_retry),
        TEST(test_a_fatal_error_is_not_the_end),
        TEST(test_wrong_settings),
        TEST(test_the_folder_is_one_process_and_one_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
