/*
 * The engine port on Apache Spark: each load, transform, query, check and optimize is a job, which
 * a runner (runner.h) brings to Spark. The tables are Delta tables of the same store, so each
 * engine reads what the other one wrote.
 *
 * A job is two objects in a folder of the store, spark_jobs/<name>/: request.json, which is written
 * before the job is submitted, and result.json, which the job writes. They are removed when the
 * result was read. So a process that crashes in between leaves a request: the next try of the same
 * task takes its token, finds the job or its result, and submits no second one.
 */
#ifndef PN_ENGINE_SPARK_SPARK_H
#define PN_ENGINE_SPARK_SPARK_H

#include "base/clock.h"
#include "delta/maker.h"
#include "engine/embedded.h"
#include "engine/run_values.h"
#include "engine/spark/runner.h"
#include "store/store.h"

struct pn_spark_engine_config {
    const char *store_url; /* as Spark reaches the store; NULL or "": as this process does */
    /* What the jobs are part of, "<task>/<dag>/<run>": a later process with the same finds jobs
     * that this one leaves. NULL: nobody looks for them. */
    const char *task;
    const struct pn_run_values *run;    /* that SQL reads; NULL: none */
    bool full_refresh;                  /* incremental tables are made afresh */
    bool drop_imported;                 /* raw tables may lose the rows of imports then */
    const struct pn_delta_maker *maker; /* of the jobs' commits; NULL: not known */
};

/* Takes the runner, also when it fails. `config` is copied, all else borrowed for the engine's
 * life. */
int pn_spark_engine_create(const struct pn_spark_engine_config *config,
                           struct pn_spark_runner **runner, const struct pn_pipeline *pipeline,
                           struct pn_store *store, struct pn_engine **engine,
                           struct pn_err *e) PN_MUST_CHECK;

/* An engine in this process that leaves queries (ask) to Spark, and does all else itself, its
 * batches included. Takes both engines; `spark` is one of pn_spark_engine_create(). */
struct pn_embedded_engine *pn_spark_asking_engine(struct pn_engine **spark,
                                                  struct pn_embedded_engine **embedded);

#endif
