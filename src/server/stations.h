/*
 * The stations, each opened on the data folder of an application context with the settings in
 * force. A new backend of a port is one folder, and one line in the file that opens the station.
 *
 *   <data>/log       the log, one process at a time
 *   <data>/kinesis   what streams are beside their records
 *   <data>/store     landed objects and tables, unless the setting store.url names a bucket
 *   <data>/tmp       what the engine spills, copies of a bucket's objects, files to be uploaded
 *
 * The caller destroys a station with the station's own function, before what it borrows. The
 * context outlives them all.
 */
#ifndef PN_SERVER_STATIONS_H
#define PN_SERVER_STATIONS_H

#include "dag/dag.h"
#include "engine/embedded.h"
#include "kinesis/kinesis.h"
#include "log/log.h"
#include "processor/processor.h"
#include "query/executor.h"
#include "server/app.h"
#include "sink/sink.h"
#include "store/store.h"

/* MISSING when the data folder has files, and none of pinion's. */
int pn_app_check_data(const struct pn_app *app, struct pn_err *e) PN_MUST_CHECK;

/* For those who write. Makes the data folder when it is missing, for this pipeline
 * (folder_mark.h); a bucket is claimed for it (claim.h). */
int pn_app_open_store(const struct pn_app *app, struct pn_store **store,
                      struct pn_err *e) PN_MUST_CHECK;
/* The same for a server, in two steps: a cluster's log is opened before the bucket is claimed. */
int pn_app_open_unclaimed_store(const struct pn_app *app, struct pn_store **store,
                                struct pn_err *e) PN_MUST_CHECK;
int pn_app_claim_bucket(const struct pn_app *app, struct pn_store *store,
                        struct pn_err *e) PN_MUST_CHECK;
/* The same for those who only look: a missing data folder is MISSING, and stays so; a bucket needs
 * none, and is not claimed. */
int pn_app_open_store_there(const struct pn_app *app, struct pn_store **store,
                            struct pn_err *e) PN_MUST_CHECK;

/* A store by its address, whatever store.url says: "local" for <data>/store, which is made when it
 * is missing, or "s3://BUCKET/PREFIX", reached as the other settings of store say. A bucket is not
 * claimed. */
int pn_app_open_store_at(const struct pn_app *app, const char *address, struct pn_store **store,
                         struct pn_err *e) PN_MUST_CHECK;

/* Makes the pipeline's topics where they are missing, so the data folder must be the pipeline's
 * (folder_mark.h). CONFLICT when another process has the log. */
int pn_app_open_log(const struct pn_app *app, struct pn_log **log, struct pn_err *e) PN_MUST_CHECK;
/* The same for a server, in two steps: the bucket is claimed between them, so that a server that is
 * refused has made no topics. */
int pn_app_open_log_as_it_is(const struct pn_app *app, struct pn_log **log,
                             struct pn_err *e) PN_MUST_CHECK;
int pn_app_make_topics(const struct pn_app *app, struct pn_log *log,
                       struct pn_err *e) PN_MUST_CHECK;
/* Warns of each topic with more partitions than the pipeline says: it keeps them. For a server,
 * once after the log is open. */
void pn_app_note_partitions(const struct pn_app *app, struct pn_log *log);
/* The same for those who only look: warns when the folder is another pipeline's, and leaves one
 * that does not have the mark of this pipeline as it is; *is_ours: it has. */
int pn_app_open_log_there(const struct pn_app *app, bool *is_ours, struct pn_log **log,
                          struct pn_err *e) PN_MUST_CHECK;
/* Adds the id of the Kafka cluster of log.url. The data folder knows it; if it is new, the cluster
 * is asked: CONFLICT when another process is just doing that. */
int pn_app_cluster_id(const struct pn_app *app, struct pn_buf *id, struct pn_err *e) PN_MUST_CHECK;

/* INPUT when kinesis.endpoint says that the streams are elsewhere than on the log. */
int pn_app_check_streams_here(const struct pn_app *app, struct pn_err *e) PN_MUST_CHECK;
/* The streams, on the log; with `makes_streams` makes the pipeline's where they are missing: INPUT
 * as above; RETRY when the pipeline has some and the cluster denies them to the user.
 * Borrows the log, and the arena, which keeps the folder's path. */
int pn_app_open_kinesis(const struct pn_app *app, struct pn_log *log, bool makes_streams,
                        struct pn_arena *arena, struct pn_kinesis **kinesis,
                        struct pn_err *e) PN_MUST_CHECK;

/* The streams of kinesis.endpoint, to be read. Nothing is asked yet; INPUT when it is not a URL.
 * `fills` tables: as the consumer of kinesis.consumer, if there is one; else nothing is registered
 * or subscribed to. */
int pn_app_open_stream_source(const struct pn_app *app, bool fills,
                              struct pn_processor_source **source, struct pn_err *e) PN_MUST_CHECK;

/* The sink of the pipeline's topics. Borrows log and store. */
int pn_app_open_sink(const struct pn_app *app, struct pn_log *log, struct pn_store *store,
                     struct pn_sink **sink, struct pn_err *e) PN_MUST_CHECK;

/* Does Spark make tables and answer queries (engine.kind)? */
bool pn_app_uses_spark(const struct pn_app *app);
/* How a batch makes its tables; NULL for the functions below: as usual. duckdb.h's fields of these
 * names. The conf of a task's run asks for the first two, too (engine/run_values.h). */
struct pn_app_batch {
    bool full_refresh;
    bool drop_imported;
    const char *landed_folder;
    const char *logical_date; /* that SQL reads; NULL: that of the task's run, if it is of one */
};
/* What commits of this process are made by: what its environment says, as a task of a run and all
 * that it starts have it, or else the command. Borrows from both. */
struct pn_delta_maker pn_app_maker(const struct pn_app *app);
/* The engine that a task makes tables with. Borrows the store, and the texts of `maker`: what its
 * commits are made by. NULL: the task that this process is an attempt of, or else its command. */
int pn_app_open_batch_engine(const struct pn_app *app, struct pn_store *store,
                             const struct pn_app_batch *batch, const struct pn_delta_maker *maker,
                             struct pn_engine **engine, struct pn_err *e) PN_MUST_CHECK;
/* The engine in this process. Borrows the store. */
int pn_app_open_engine(const struct pn_app *app, struct pn_store *store,
                       const struct pn_app_batch *batch, struct pn_embedded_engine **engine,
                       struct pn_err *e) PN_MUST_CHECK;
/* A small engine for what a server counts by itself, beside its work. Borrows the store. */
int pn_app_open_small_engine(const struct pn_app *app, struct pn_store *store,
                             struct pn_embedded_engine **engine, struct pn_err *e) PN_MUST_CHECK;
/* The engine of one query, with the memory of queries. Borrows the store. It spills below
 * `temp_folder`; NULL: below the data folder. */
int pn_app_open_query_engine(const struct pn_app *app, struct pn_store *store,
                             const char *temp_folder, struct pn_embedded_engine **engine,
                             struct pn_err *e) PN_MUST_CHECK;
/* An engine without a store and a context, whose only use is to check a pipeline's SQL. */
int pn_open_checking_engine(const struct pn_pipeline *pipeline, const struct pn_clock *clock,
                            struct pn_logger *logger, struct pn_engine **engine,
                            struct pn_err *e) PN_MUST_CHECK;
/* The same on Spark, by a job; the store, which is borrowed, takes the job's request and result. */
int pn_app_open_spark_check(const struct pn_app *app, struct pn_store *store,
                            struct pn_engine **engine, struct pn_err *e) PN_MUST_CHECK;
/* The engine of stream tables. It makes no checkpoints with its commits: maintenance does. With
 * `beside` it is one of several things in its process, and content with little memory. Borrows the
 * store. */
int pn_app_open_stream_engine(const struct pn_app *app, struct pn_store *store, bool beside,
                              struct pn_embedded_engine **engine, struct pn_err *e) PN_MUST_CHECK;
/* Settings of processors and of their tables' handles. `config->names` is left alone. */
void pn_app_streams_config(const struct pn_app *app, struct pn_processor_config *config);

/* The executor of queries, whose workers are this program's `query-worker` command. Only for the
 * process that has the log. */
int pn_app_open_executor(const struct pn_app *app, struct pn_executor **executor,
                         struct pn_err *e) PN_MUST_CHECK;

/* Of several data folders that share a bucket, one has the scheduler: this one, or FATAL. */
int pn_app_claim_scheduling(const struct pn_app *app, struct pn_err *e) PN_MUST_CHECK;
/* For those who only start a run: INPUT when another one has it. */
int pn_app_find_scheduling(const struct pn_app *app, struct pn_err *e) PN_MUST_CHECK;
/* A scheduler whose tasks are this program's `task` command. CONFLICT when another process has it;
 * FATAL when another data folder does. Borrows the arena, which keeps the command line, and the
 * definitions. NULL: it keeps to the context's pipeline. */
int pn_app_open_scheduler(const struct pn_app *app, struct pn_definitions *definitions,
                          struct pn_arena *arena, struct pn_scheduler **scheduler,
                          struct pn_err *e) PN_MUST_CHECK;
/* The definitions of the context's pipeline, with copies below the data folder, which is there. */
int pn_app_open_definitions(const struct pn_app *app, struct pn_definitions **definitions,
                            struct pn_err *e) PN_MUST_CHECK;

#endif
