/* What the files of the processors share. */
#ifndef PN_PROCESSOR_PRIVATE_H
#define PN_PROCESSOR_PRIVATE_H

#include <pthread.h>

#include "base/notifier.h"
#include "processor/appender.h"
#include "processor/batch.h"
#include "processor/checkpoints.h"
#include "processor/maintenance.h"
#include "processor/processor.h"
#include "processor/shards.h"
#include "processor/unknown.h"

struct pn_processor_metrics {
    struct pn_metric *rows;
    struct pn_metric *dead_letters;
    struct pn_metric *commits;
    struct pn_metric *conflicts;
    struct pn_metric *errors;
    struct pn_metric *lost;
    struct pn_metric *passed_over;
    struct pn_metric *strays;
    struct pn_metric *unknown;
    struct pn_metric *lag;
    struct pn_metric *behind;
    struct pn_metric *failed;
    struct pn_metric *commit_seconds;
    struct pn_metric *latency_seconds;
};

/*
 * What fills one table. Its thread reads and decides; its appender's writes. `view` and what is
 * marked so is guarded by `lock`, all else is the thread's own.
 */
struct pn_processor_worker {
    struct pn_processor *owner;
    const struct pn_pipeline_stream *stream;
    const struct pn_table *table;
    const struct pn_table *raw;   /* whose columns say how records are read */
    const struct pn_flow **flows; /* of this table */
    size_t flow_count;
    struct pn_strays strays; /* of the stream, with `counts_strays` */
    bool counts_strays;      /* its table is the stream's first */
    size_t strays_told;      /* keys that the log has named */
    bool keeps_value;
    struct pn_processor_maintenance_table *maintenance;
    struct pn_processor_checkpoints notes; /* the maintenance thread's */
    struct pn_processor_metrics metrics;
    struct pn_processor_unknown unknown;

    pthread_t thread;
    bool is_running;             /* start, stop and drain look, on their thread */
    bool drains;                 /* ends when the goals are reached */
    struct pn_notifier notifier; /* a stop, a batch that is done */
    struct pn_processor_appender appender;
    struct pn_json_parser *parser;

    struct pn_processor_shards shards;
    bool is_placed;    /* shards say where the table is */
    uint64_t shared;   /* the turn of the share that they were placed in */
    uint64_t checked;  /* id of the stream that was found to be as the table has it */
    bool was_watching; /* in this life: a stream of another id is newer than that */
    struct pn_processor_batch batches[2];
    struct pn_processor_batch *filling;
    bool is_appending; /* the other batch is in progress */
    int64_t append_ns; /* since when */
    size_t turn;       /* which shard is read first */
    int64_t unsaved;   /* records skipped since positions were last committed */
    int64_t saved_ns;  /* when they were */
    int64_t looked_ns; /* when the table was last looked for */
    int64_t placed_ns; /* when the table was last asked for them */
    int64_t due_ns;    /* no commit before, unless a batch is full */
    int64_t next_ns;   /* after a failure: nothing before */
    bool is_failing;   /* a shard could not be read when they were read last */
    uint64_t seen;     /* of the source */
    int failures;      /* in a row */

    pthread_mutex_t lock;
    bool is_stopping; /* by `lock` */
    bool is_finished; /* by `lock`: the thread is at its end */
    struct {
        enum pn_processor_state state;
        struct pn_err error; /* code 0: none */
        int64_t rows;
        int64_t dead_letters;
        int64_t skipped;
        int64_t unknown_members;
        char unknown_example[PN_UNKNOWN_SHOWN_SIZE];
        char unknown_shard[PN_SHARD_ID_SIZE];
        int64_t unknown_offset;
        int64_t lost;
        int64_t commits;
        int64_t conflicts;
        int64_t errors;
        int64_t version;
        int64_t committed_ms;
        int64_t start_total;            /* a drain: records to do at its start */
        struct pn_stream_shard *shards; /* copies; app_id not used */
        size_t shard_count;
        size_t shard_capacity;
    } view; /* by `lock` */
};

/* A stream that a pattern has made. */
struct pn_processor_made {
    const char *name;
    const struct pn_pipeline_stream *stream; /* NULL: it can fill no table */
};

/* A shard that the group has given us, as the partition that it is. */
struct pn_processor_shared {
    char topic[PN_TOPIC_NAME_MAX + 1];
    int32_t partition;
};

/* What a group has given this process, or its lease. */
struct pn_processor_share {
    bool is_shared;               /* before the workers start; false: all shards are ours */
    struct pn_log_member *member; /* NULL: without a group */
    char *lease;                  /* the key of ours; NULL: without leases */
    size_t living;                /* the thread's: processes that the log has named last */
    pthread_t thread;             /* it polls the member, or renews the lease */
    bool is_running;
    struct pn_notifier stop;
    uint64_t running; /* the notifier's count until it is to stop */
    char *subscribed; /* the thread's: the topics, one a line */
    pthread_mutex_t lock;
    struct pn_processor_shared *shards; /* by `lock`, as what follows */
    size_t count;
    size_t capacity;
    uint64_t turn;         /* grows with each change of the shards */
    struct pn_err failure; /* why the group keeps us out; code 0: it does not */
    int64_t failed_at_ms;
    bool has_dealt; /* the group has dealt out shards since then, maybe none to us */
};

/* While the processors run, the list of workers changes on the watch's thread only, under the lock;
 * others look at it under the lock. */
struct pn_processor {
    struct pn_processor_config config;
    struct pn_processor_env env;
    struct pn_processor_share share;
    pthread_rwlock_t workers_lock;
    struct pn_processor_worker **workers;
    size_t worker_count;
    size_t worker_capacity;
    struct pn_processor_maintenance *maintenance;
    struct pn_delta_map_entry properties[2]; /* that tables are made with */
    char *keep;                              /* their value */
    /* Of streams that match a pattern: the watch's thread's, while it runs. */
    struct pn_arena arena;
    struct pn_processor_made *made;
    size_t made_count;
    size_t made_capacity;
    pthread_t watch;
    bool is_watching;
    struct pn_notifier watch_notifier; /* a stop */
    uint64_t watch_seen;               /* its rings at the start */
};

/* --- workers.c -------------------------------------------------------------------------------- */

bool pn_processor_is_asked_for(const struct pn_processor_config *config, const char *name);
int pn_processor_check_names(const struct pn_processor_config *config,
                             const struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
/* Adds a worker for each table of the stream; none is started. */
void pn_processor_add_workers(struct pn_processor *streams,
                              const struct pn_pipeline_stream *stream);
/* Is this the first flow of its table? */
bool pn_processor_is_first(const struct pn_pipeline_stream *stream, size_t flow);

/* --- share.c ---------------------------------------------------------------------------------- */

void pn_processor_share_init(struct pn_processor_share *share);
void pn_processor_share_deinit(struct pn_processor_share *share);
/* With the lock: the place of a shard of ours, or the count. */
size_t pn_processor_share_find(const struct pn_processor_share *share, const char *topic,
                               int32_t partition);
/* Is it this process that reads the worker's shard? Any thread. */
bool pn_processor_share_reads(const struct pn_processor_worker *worker,
                              const struct pn_stream_shard *shard);
/* Another number after each change of what is ours. Any thread. */
uint64_t pn_processor_share_turn(struct pn_processor_share *share);
/* Why this process is kept out; code 0: nothing keeps it out. Logged once, shown by each table. */
void pn_processor_share_note(struct pn_processor *streams, const struct pn_err *why);
/* Is this process kept out? Then why. Any thread. */
bool pn_processor_share_failure(struct pn_processor_share *share, struct pn_err *why);

/* --- share_group.c, share_lease.c: the two ways to share -------------------------------------- */

/* Joins, before the workers start; its thread decides from then on what is ours. */
int pn_processor_group_join(struct pn_processor *streams, struct pn_err *e) PN_MUST_CHECK;
int pn_processor_lease_join(struct pn_processor *streams, struct pn_err *e) PN_MUST_CHECK;
/* Leaves, after the workers and the thread have ended, so that others begin where these have
 * stopped; fine when not joined. */
void pn_processor_group_leave(struct pn_processor *streams);
void pn_processor_lease_leave(struct pn_processor *streams);

/* --- made.c ----------------------------------------------------------------------------------- */

bool pn_processor_has_patterns(const struct pn_pipeline *pipeline);
/* Gives workers to streams that match a pattern and have none; with `starts`, they run. */
int pn_processor_look_for_made(struct pn_processor *streams, bool starts,
                               struct pn_err *e) PN_MUST_CHECK;
/* Begins to look for such streams from time to time; and ends that. */
int pn_processor_watch(struct pn_processor *streams, struct pn_err *e) PN_MUST_CHECK;
void pn_processor_unwatch(struct pn_processor *streams); /* fine when not begun */

/* --- worker.c --------------------------------------------------------------------------------- */

void pn_processor_worker_init(struct pn_processor_worker *worker, struct pn_processor *owner,
                              const struct pn_pipeline_stream *stream,
                              const struct pn_table *table);
void pn_processor_worker_deinit(struct pn_processor_worker *worker);
int pn_processor_worker_start(struct pn_processor_worker *worker, bool drains,
                              struct pn_err *e) PN_MUST_CHECK;
/* Asks the thread to end, and does not wait for it. */
void pn_processor_worker_ask_to_stop(struct pn_processor_worker *worker);
void pn_processor_worker_join(struct pn_processor_worker *worker);
bool pn_processor_worker_is_finished(struct pn_processor_worker *worker);
/* Has it been asked to? */
static inline bool pn_processor_worker_is_stopping(struct pn_processor_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    bool stopping = worker->is_stopping;
    pthread_mutex_unlock(&worker->lock);
    return stopping;
}

/* --- worker_fill.c ---------------------------------------------------------------------------- */

bool pn_processor_worker_is_full(const struct pn_processor_worker *worker);
/* Reads what there is by the last description, until the batch is full. On an error, the batch has
 * what could be read. */
int pn_processor_worker_fill(struct pn_processor_worker *worker, struct pn_err *e) PN_MUST_CHECK;

/* --- commit.c: from a batch to the table, and what became of it ------------------------------- */

/* The newest version of a table; NULL when there is none. */
int pn_processor_read_table(const struct pn_processor_env *env,
                            const struct pn_delta_config *config, const char *path,
                            struct pn_delta_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;
/* Is the table still there? One that cannot be looked at is. Cheap. */
bool pn_processor_table_is_there(struct pn_processor_worker *worker);
/* Reads where the table is; puts first positions into it when it has none. */
int pn_processor_place(struct pn_processor_worker *worker, struct pn_err *e) PN_MUST_CHECK;
/* Hands the batch that was filled to the appender, with the positions of all shards that moved. */
void pn_processor_submit(struct pn_processor_worker *worker);
/*
 * Takes the outcome of the append in progress, if it is there (`wait`: when it is). Another
 * process's commit in its place leaves the worker not placed, and the batch being filled empty.
 */
int pn_processor_collect(struct pn_processor_worker *worker, bool wait,
                         struct pn_err *e) PN_MUST_CHECK;

/* --- view.c: what others see ------------------------------------------------------------------ */

/* Puts the shards' positions into the view. */
void pn_processor_view_shards(struct pn_processor_worker *worker);
void pn_processor_view_state(struct pn_processor_worker *worker, enum pn_processor_state state);
/* Notes a failed try, and logs it unless it is the one that was noted last. */
void pn_processor_view_failure(struct pn_processor_worker *worker, enum pn_processor_state state,
                               const struct pn_err *why);
void pn_processor_view_status(struct pn_processor_worker *worker, struct pn_arena *arena,
                              struct pn_processor_status *status);
/* Of a drain: records dealt with, and those that were to do. */
void pn_processor_view_progress(struct pn_processor_worker *worker, int64_t *done, int64_t *all);

#endif
