/*
 * Streams on a real embedded log in a folder of their own, with the log fixture's clock that stands
 * still. Everything asserts: a helper that returns has done what it says.
 */
#ifndef PN_TEST_SUPPORT_KINESIS_FIXTURE_H
#define PN_TEST_SUPPORT_KINESIS_FIXTURE_H

#include "kinesis/kinesis.h"
#include "support/log_fixture.h"

struct kinesis_fixture {
    struct log_fixture *log;
    char folder[64]; /* of the streams' metadata */
    struct pn_kinesis_config config;
    struct pn_kinesis *kinesis; /* NULL while closed */
    struct pn_arena arena;
};

/* For cmocka: *state is a kinesis_fixture, not yet open, so that a test may change its settings and
 * its log's. */
int kinesis_fixture_set_up(void **state);
int kinesis_fixture_tear_down(void **state);
void kinesis_fixture_open(struct kinesis_fixture *fixture);
void kinesis_fixture_close(struct kinesis_fixture *fixture);
void kinesis_fixture_reopen(struct kinesis_fixture *fixture);

/* Creates a stream of so many shards. */
void kinesis_create(struct kinesis_fixture *fixture, const char *stream, int32_t shards);
/* Registers a consumer, as the API does. */
void kinesis_register(struct kinesis_fixture *fixture, const char *stream, const char *consumer);
void kinesis_deregister(struct kinesis_fixture *fixture, const char *stream);
/* The present snapshot; release it. */
const struct pn_stream *kinesis_stream(struct kinesis_fixture *fixture, const char *stream);

/* Puts one record and waits; returns it as it was put (its shard, offset, arrival). */
struct pn_stream_record kinesis_put(struct kinesis_fixture *fixture, const char *stream,
                                    const char *key, const char *data);
/* The same to a shard that is open, by an explicit hash key. */
struct pn_stream_record kinesis_put_to(struct kinesis_fixture *fixture, const char *stream,
                                       uint32_t shard, const char *key, const char *data);
/* The same, but returns what became of it: 0, or a code and why. */
int kinesis_try_put(struct kinesis_fixture *fixture, const char *stream,
                    struct pn_stream_record *record, struct pn_err *e);

/* The middle of a shard's range, where a split has room. */
struct pn_hash_key kinesis_middle(const struct pn_shard *shard);

#endif
