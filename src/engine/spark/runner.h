/*
 * How a job of Spark gets to run: the port of the two ways, spark-submit (submit.h) and Databricks'
 * Jobs API (databricks/databricks.h). What the job is to do stands in the store already, and its
 * result will stand there.
 */
#ifndef PN_ENGINE_SPARK_RUNNER_H
#define PN_ENGINE_SPARK_RUNNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The code of pn_spark_run() after which the job may still run, or have run: to give the same job
 * again finds it. After any other failure it does not run, and will not. */
enum { PN_SPARK_UNSURE = -2 };

/* Everything is borrowed for the call. */
struct pn_spark_job {
    const char *name;        /* for people */
    const char *token;       /* two runs with one token are the same run; up to 64 characters */
    const char *store;       /* URL of the store, as Spark reaches it */
    const char *folder;      /* key of the folder with the request */
    bool is_left;            /* by an earlier process, which may have started its run */
    const atomic_bool *stop; /* once it is true, the job is cancelled */
};

struct pn_spark_runner;

struct pn_spark_runner_ops {
    void (*destroy)(struct pn_spark_runner *runner);
    int (*run)(struct pn_spark_runner *runner, const struct pn_spark_job *job, struct pn_err *e);
};

struct pn_spark_runner {
    const struct pn_spark_runner_ops *ops;
};

/* Runs the job to its end. 0: it ended by itself and well. A job that failed may have left a result
 * that says more than this error. */
PN_MUST_CHECK static inline int pn_spark_run(struct pn_spark_runner *runner,
                                             const struct pn_spark_job *job, struct pn_err *e)
{
    return runner->ops->run(runner, job, e);
}
static inline void pn_spark_runner_destroy(struct pn_spark_runner **runner) /* NULL ok */
{
    if (*runner != NULL) {
        (*runner)->ops->destroy(*runner);
        *runner = NULL;
    }
}

#endif
