/*
 * Processors: what fills the stream tables of a pipeline. For each table with a stream one worker
 * reads the stream's shards, keeps the records that are the table's, decodes them, and appends them
 * in micro-batches; docs/stream.md is the manual.
 *
 * Exactly once: a batch's rows and its positions are one commit of the table, and the commit is
 * made only if the table's positions are still those the batch started from. So whatever dies, and
 * however many processors there are, each record is in the table once. Nothing else is remembered.
 *
 * So that several processes do not all do the same work, they may share the streams' shards as
 * members of a group (env.group) or by leases in the store (env.lease_folder).
 *
 * A stream that matches a pattern of the pipeline gets its workers when it is there, and loses them
 * when it is gone; its table stays.
 *
 * A small record is in its table about as soon as a commit takes; while records come all the time,
 * there is a commit every `trigger_ms`; a backlog goes in batches as large as allowed, the next one
 * read while the last is written. From a source with places it is read between commits, too, up to
 * a batch, which is then committed at once.
 */
#ifndef PN_PROCESSOR_PROCESSOR_H
#define PN_PROCESSOR_PROCESSOR_H

#include "base/clock.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "engine/embedded.h"
#include "pipeline/pipeline.h"
#include "processor/source.h"
#include "processor/strays.h"
#include "store/store.h"

struct pn_processor_config {
    int64_t trigger_ms;
    int64_t batch_rows_max;
    int64_t batch_bytes_max;
    int64_t compact_files;         /* so many small files are made into one; 0: never */
    int64_t optimize_target_bytes; /* files of this size are left alone */
    int64_t keep_ms;               /* for readers of older versions */
    int64_t lease_ms;              /* a lease that is older is over; only with leases */
    struct pn_delta_config delta;  /* of the handles that look at the tables */
    const char *const *names;      /* only these streams, borrowed for the create; NULL: all */
    size_t name_count;
};

/* All borrowed for the processors' life; logger and metrics may be NULL. */
struct pn_processor_env {
    const struct pn_pipeline *pipeline;
    struct pn_embedded_engine *engine;
    struct pn_store *store;
    struct pn_processor_source *source;
    /* The consumer group, of the cluster that `log` is, whose members share the shards. NULL: all
     * shards are read. A drain reads all anyway. */
    const char *group;
    struct pn_log *log; /* NULL ok without a group */
    /* A folder of the store, by whose leases processes share the shards (share_lease.c); without a
     * group. NULL: all shards are read. A drain reads all anyway. */
    const char *lease_folder;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
};

struct pn_processor;

/* INPUT when a name of the config is not a stream of the pipeline, or one that fills no table. A
 * pipeline without streams gives processors that do nothing. */
int pn_processor_create(const struct pn_processor_config *config,
                        const struct pn_processor_env *env, struct pn_processor **streams,
                        struct pn_err *e) PN_MUST_CHECK;
/* Stops, then frees. NULL ok. */
void pn_processor_destroy(struct pn_processor **streams);

/* Starts the workers and the maintenance of their tables. A worker's troubles are its own, and seen
 * in its status: only a lack of threads is an error here. */
int pn_processor_start(struct pn_processor *streams, struct pn_err *e) PN_MUST_CHECK;
/*
 * Waits, at most `ms`, until tables that were not there at the start have their first positions.
 * What is put into the streams after it is read also by those that begin at "latest".
 */
void pn_processor_await_new(struct pn_processor *streams, int64_t ms);
/* Ends the workers after the commits that are in progress. Fine when not started. */
void pn_processor_stop(struct pn_processor *streams);
/*
 * Brings all that the streams hold at the time of the call into the tables, then stops. `tick`
 * (NULL ok) is called about fifty times a second with the records dealt with and those to do; false
 * ends the drain early, which is not an error. The first worker's error, else 0. Not after
 * pn_processor_start().
 */
int pn_processor_drain(struct pn_processor *streams,
                       bool (*tick)(void *arg, int64_t done, int64_t all), void *arg,
                       struct pn_err *e) PN_MUST_CHECK;

enum pn_processor_state {
    PN_PROCESSOR_STARTING, /* has not yet seen stream and table */
    PN_PROCESSOR_RUNNING,
    PN_PROCESSOR_WAITING, /* there is no such stream */
    PN_PROCESSOR_TROUBLE, /* the last try failed; it keeps trying */
    PN_PROCESSOR_FAILED,  /* it has given up */
    PN_PROCESSOR_STOPPED
};
const char *pn_processor_state_name(enum pn_processor_state state); /* "running" */

struct pn_processor_shard_status {
    const char *shard; /* "shardId-000000000000" */
    uint32_t index;
    int64_t position; /* the table holds what is before it */
    int64_t end;      /* of the shard, when last looked; -1: not known, as in another Kinesis */
    int64_t lag;      /* records between the two that exist (log/lag.h); -1: not known, likewise */
    int64_t lost;     /* that retention removed before the table got them */
    int64_t lag_ms;   /* age of the oldest record that was read and is not in the table; in another
                         Kinesis also how far the last read was behind the newest; 0: none */
    const char *sequence; /* of the table's last record of the shard, in another Kinesis; or NULL */
    int64_t last_offset;  /* of the last record committed since the start; -1: none */
    int64_t last_arrival_ms; /* its arrival */
    int64_t created_ms;      /* of the shard */
    bool complete;           /* closed: nothing comes any more */
};

/* One worker. The counts are since pn_processor_create(). */
struct pn_processor_status {
    const char *stream;
    const char *table;
    const char *checkpoints; /* key of a folder, or NULL */
    enum pn_processor_state state;
    const char *error; /* why the last try failed, or why the table cannot be read; NULL: neither */
    bool is_unreadable; /* by its last clean-up: a file is missing, or its log is damaged */
    int64_t rows;
    int64_t dead_letters;
    int64_t skipped; /* records that are not the table's */
    /* Of these, those that belong to no table; on the stream's first table only. */
    struct pn_stray_counts strays;
    int64_t unknown_members;     /* of records, that no column takes */
    const char *unknown_example; /* the name of the first, "pos.w" in a struct; NULL: none */
    const char *unknown_shard;   /* the record that had it */
    int64_t unknown_offset;
    int64_t lost; /* records that the log no longer had */
    int64_t commits;
    int64_t conflicts; /* commits that another processor had made */
    int64_t errors;    /* failed tries */
    int64_t version;   /* of the table, of the last commit; -1: none yet */
    int64_t committed_ms;
    const struct pn_processor_shard_status *shards; /* those that this process reads */
    size_t shard_count;
};
/* Array and texts live in the arena. Doesn't wait for anything. */
void pn_processor_status(struct pn_processor *streams, struct pn_arena *arena,
                         struct pn_processor_status **statuses, size_t *count);

#endif
