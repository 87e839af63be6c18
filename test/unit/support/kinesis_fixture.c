#include "support/kinesis_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/defaults.h"

int kinesis_fixture_set_up(void **state)
{
    struct kinesis_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    void *log = NULL;
    assert_int_equal(log_fixture_set_up(&log), 0);
    fixture->log = log;
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%s/pinion-kinesis-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    pn_settings_to_kinesis(default_settings(), &fixture->config);
    fixture->config.folder = fixture->folder;
    pn_arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

int kinesis_fixture_tear_down(void **state)
{
    struct kinesis_fixture *fixture = *state;
    void *log = fixture->log;
    kinesis_fixture_close(fixture);
    assert_int_equal(log_fixture_tear_down(&log), 0);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    pn_arena_deinit(&fixture->arena);
    free(fixture);
    return 0;
}

static void expect(int rc, const struct pn_err *e, const char *what, const char *stream)
{
    if (rc != 0) {
        fail_msg("%s of stream %s: %s", what, stream, e->msg);
    }
}

void kinesis_fixture_open(struct kinesis_fixture *fixture)
{
    struct pn_err e;
    assert_null(fixture->kinesis);
    log_fixture_open(fixture->log);
    int rc = pn_kinesis_create(&fixture->config, fixture->log->log, pn_io_system(),
                               &fixture->log->clock.clock, fixture->log->logger,
                               fixture->log->metrics, &fixture->kinesis, &e);
    expect(rc, &e, "opening", fixture->folder);
}

void kinesis_fixture_close(struct kinesis_fixture *fixture)
{
    pn_kinesis_destroy(&fixture->kinesis);
    log_fixture_close(fixture->log);
}

void kinesis_fixture_reopen(struct kinesis_fixture *fixture)
{
    kinesis_fixture_close(fixture);
    kinesis_fixture_open(fixture);
}

void kinesis_create(struct kinesis_fixture *fixture, const char *stream, int32_t shards)
{
    struct pn_err e;
    const struct pn_stream_create create = {.name = stream, .shards = shards};
    expect(pn_kinesis_create_stream(fixture->kinesis, &create, &e), &e, "creation", stream);
}

/* --- consumers -------------------------------------------------------------------------------- */

static int add_consumer(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)e;
    const char *name = arg;
    struct pn_stream_consumer *consumers =
        pn_arena_calloc(arena, edit->consumer_count + 1, sizeof *consumers);
    for (size_t i = 0; i < edit->consumer_count; i++) {
        consumers[i] = edit->consumers[i];
    }
    consumers[edit->consumer_count] = (struct pn_stream_consumer){
        .name = pn_arena_strdup(arena, name),
        .arn = pn_arena_printf(arena, "%s/consumer/%s:1700000000", edit->arn, name),
        .created_ms = INT64_C(1700000000000),
    };
    edit->consumers = consumers;
    edit->consumer_count++;
    return 0;
}

static int drop_consumers(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                          struct pn_err *e)
{
    (void)arg;
    (void)arena;
    (void)e;
    edit->consumer_count = 0;
    return 0;
}

void kinesis_register(struct kinesis_fixture *fixture, const char *stream, const char *consumer)
{
    struct pn_err e;
    char *name = pn_arena_strdup(&fixture->arena, consumer);
    expect(pn_kinesis_update(fixture->kinesis, stream, add_consumer, name, &e), &e, "a consumer",
           stream);
}

void kinesis_deregister(struct kinesis_fixture *fixture, const char *stream)
{
    struct pn_err e;
    expect(pn_kinesis_update(fixture->kinesis, stream, drop_consumers, NULL, &e), &e,
           "dropping consumers", stream);
}

const struct pn_stream *kinesis_stream(struct kinesis_fixture *fixture, const char *stream)
{
    struct pn_err e;
    const struct pn_stream *found = NULL;
    expect(pn_kinesis_stream(fixture->kinesis, stream, &found, &e), &e, "looking", stream);
    return found;
}

/* --- puts ------------------------------------------------------------------------------------- */

int kinesis_try_put(struct kinesis_fixture *fixture, const char *stream,
                    struct pn_stream_record *record, struct pn_err *e)
{
    struct pn_arena arena; /* the fixture's own is not for several threads */
    pn_arena_init(&arena, 0);
    struct pn_stream_put put = {.records = record, .count = 1, .arena = &arena};
    struct pn_err submit_error = {0};
    int rc = pn_stream_put_begin(fixture->kinesis, stream, &put, e);
    if (rc == 0) {
        int submit_rc = 0;
        if (put.request.count > 0) {
            submit_rc = pn_log_append(fixture->log->log, &put.request, &submit_error);
        }
        pn_stream_put_end(&put, submit_rc, &submit_error);
        rc = record->code;
        if (rc != 0) {
            (void)pn_err_set(e, PN_CLASS_INPUT, rc, "%s", record->msg != NULL ? record->msg : "");
        }
    }
    record->msg = NULL; /* it was in the arena */
    pn_arena_deinit(&arena);
    return rc;
}

static struct pn_stream_record put_record(struct kinesis_fixture *fixture, const char *stream,
                                          struct pn_stream_record record)
{
    struct pn_err e;
    expect(kinesis_try_put(fixture, stream, &record, &e), &e, "a put", stream);
    return record;
}

struct pn_stream_record kinesis_put(struct kinesis_fixture *fixture, const char *stream,
                                    const char *key, const char *data)
{
    return put_record(fixture, stream,
                      (struct pn_stream_record){.partition_key = {key, strlen(key)},
                                                .data = {data, strlen(data)}});
}

struct pn_stream_record kinesis_put_to(struct kinesis_fixture *fixture, const char *stream,
                                       uint32_t shard, const char *key, const char *data)
{
    const struct pn_stream *snapshot = kinesis_stream(fixture, stream);
    assert_true(shard < snapshot->shard_count && snapshot->shards[shard].open);
    struct pn_stream_record record = {.partition_key = {key, strlen(key)},
                                      .data = {data, strlen(data)},
                                      .has_hash_key = true,
                                      .hash_key = snapshot->shards[shard].hash_start};
    pn_stream_release(&snapshot);
    record = put_record(fixture, stream, record);
    assert_int_equal(record.shard, shard);
    return record;
}

struct pn_hash_key kinesis_middle(const struct pn_shard *shard)
{
    struct pn_hash_key start = shard->hash_start;
    struct pn_hash_key end = shard->hash_end;
    uint64_t high = end.high - start.high - (end.low < start.low ? 1 : 0);
    uint64_t low = end.low - start.low;
    uint64_t half_low = (low >> 1) | (high << 63);
    uint64_t middle_low = start.low + half_low;
    return (struct pn_hash_key){.high = start.high + (high >> 1) + (middle_low < half_low ? 1 : 0),
                                .low = middle_low};
}
