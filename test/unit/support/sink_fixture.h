/*
 * What the tests of the sink stand on: a log in memory, a store and a state folder below a fresh
 * folder, and a clock that stands still.
 */
#ifndef PN_TEST_SUPPORT_SINK_BED_H
#define PN_TEST_SUPPORT_SINK_BED_H

#include "sink/sink.h"
#include "support/fake_log.h"

struct sink_fixture {
    char folder[64];
    char *store_folder;
    char *state_folder;
    struct fake_log *log;
    struct pn_store *store; /* on ram_io(); for looking, and for the sink unless changed */
    struct pn_fake_clock clock;
    struct pn_metrics *metrics;
    const char *topics[4];
    enum pn_sink_origins keeps;
    struct pn_sink_config config; /* a test changes it before sink_bed_open() */
    struct pn_sink *sink;
};

/* flush_size 3, rotation after 1000 ms, the topic "t" of one partition. Asserts (cmocka). */
void sink_bed_init(struct sink_fixture *fixture);
void sink_bed_deinit(struct sink_fixture *fixture);
/* All topics keep origins from the next life on. */
void sink_bed_keep_origins(struct sink_fixture *fixture, enum pn_sink_origins keeps);
/* Each landed object has origins, as many lines as it has. */
void sink_bed_assert_origins(struct sink_fixture *fixture);
/* Starts and ends one life of the sink. */
void sink_bed_open(struct sink_fixture *fixture);
void sink_bed_close(struct sink_fixture *fixture);
/* One line an object in the order of keys, its own lines joined by spaces:
 * "topics/t/partition=0/t+0+0000000000.json: 1 2 3\n". Caller frees. */
char *sink_bed_landed(struct sink_fixture *fixture);
void sink_bed_assert_landed(struct sink_fixture *fixture, const char *expected);
/* The sink's counts of one partition. */
struct pn_sink_status sink_bed_status(struct sink_fixture *fixture, const char *topic,
                                      int32_t partition);
/* Appends the JSON numbers first .. end - 1 to partition 0 of a topic. */
void sink_bed_append(struct sink_fixture *fixture, const char *topic, int first, int end);

#endif
