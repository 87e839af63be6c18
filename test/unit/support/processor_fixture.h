/*
 * What the tests of processors stand on: streams in memory that come, go, split and break, and an
 * engine that keeps the rows of each batch in memory, but commits as the real one does, by
 * transactions of a Delta table in a fresh folder. So what a test sees in `rows` is what is in the
 * table.
 */
#ifndef PN_TEST_SUPPORT_STREAM_BED_H
#define PN_TEST_SUPPORT_STREAM_BED_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/notifier.h"
#include "processor/processor.h"

enum { BED_STREAMS = 4, BED_SHARDS = 16, BED_BATCHES = 100000 };

struct fixture_record {
    char *key;
    char *value;
    int64_t arrival_ms;
};

struct fixture_shard {
    struct pn_processor_source_shard info;
    struct fixture_record *records; /* records[i] has offset i */
    size_t count;
    size_t capacity;
    int64_t damage_from; /* reads there are CORRUPT up to damage_to */
    int64_t damage_to;
};

struct fixture_stream {
    const char *name; /* NULL: none */
    uint64_t id;
    struct fixture_shard shards[BED_SHARDS];
    size_t shard_count;
};

struct fixture_row {
    char *value; /* NULL: a dead letter */
    char *reason;
    char *sequence;
    int64_t offset;
    char *shard;
    size_t batch;
    const struct pn_table *table;
    int64_t version; /* of the table */
};

struct processor_fixture {
    char folder[64];
    struct pn_store *store;
    struct pn_metrics *metrics;

    struct pn_processor_source source; /* &fixture->source */
    pthread_mutex_t lock;              /* of streams and rows */
    struct pn_notifier notifier;
    struct fixture_stream streams[BED_STREAMS];
    uint64_t next_id;
    int failing_reads; /* so many reads fail, as RETRY */

    struct pn_embedded_engine engine;
    struct fixture_row *rows; /* in the order of commits */
    size_t row_count;
    size_t row_capacity;
    size_t batches; /* commits */
    size_t largest; /* rows in a batch */
    struct pn_delta_config delta;
    /* The next `failing_appends` appends fail so; with `commits_first` they are committed all the
     * same, and nobody learns of it. */
    int failing_appends;
    enum pn_class failing_class;
    bool commits_first;
    atomic_int optimized;

    /* A pipeline of two streams: "s" with the keys a to table ta, b and c to table tb; and "any" to
     * table tc. */
    struct pn_table tables[3];
    struct pn_table cleaned;
    struct pn_flow flows[4];
    struct pn_pipeline_stream pipeline_streams[2];
    struct pn_pipeline pipeline;
    struct pn_processor_config config; /* trigger 1 ms, no compaction */
};

void stream_bed_init(struct processor_fixture *fixture);
void stream_bed_deinit(struct processor_fixture *fixture);
struct pn_processor_env stream_bed_env(struct processor_fixture *fixture);
struct pn_processor *stream_bed_create(struct processor_fixture *fixture);

/* Makes (again) a stream of so many shards. */
void stream_bed_add(struct processor_fixture *fixture, const char *name, size_t shards);
void stream_bed_remove(struct processor_fixture *fixture, const char *name);
void stream_bed_put(struct processor_fixture *fixture, const char *name, size_t shard,
                    const char *key, const char *value);
/* Closes a shard and makes two children of it; gives the first one's number. */
size_t stream_bed_split(struct processor_fixture *fixture, const char *name, size_t shard);

/* The rows so far: values joined by spaces; dead letters as "!<reason>". Caller frees. */
char *stream_bed_rows(struct processor_fixture *fixture);
/* Waits for so many rows and dead letters. */
void stream_bed_await(struct processor_fixture *fixture, size_t rows);
/* The position that a table's newest version has in a shard; -1: none. */
int64_t stream_bed_position(struct processor_fixture *fixture, const char *table_path,
                            const char *stream, size_t shard);

#endif
