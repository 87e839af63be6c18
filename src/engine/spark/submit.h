/*
 * The runner by spark-submit: the job's driver is a child of this process (deploy mode "client"),
 * wherever its executors are. What it prints goes to standard error. It ends with this process: it
 * is in a group of its own, which is killed when the job is stopped, and the kernel kills it when
 * this process dies.
 */
#ifndef PN_ENGINE_SPARK_SUBMIT_H
#define PN_ENGINE_SPARK_SUBMIT_H

#include "base/clock.h"
#include "base/io.h"
#include "engine/spark/runner.h"

struct pn_spark_submit_config {
    const char *program;  /* a path, or a name that PATH finds */
    const char *master;   /* "local[*]", "spark://host:7077", "yarn", "k8s://..." */
    const char *packages; /* Maven coordinates with commas between them; "": none */
    const char *jars;     /* paths or URLs with commas between them; "": none */
    const char *conf;     /* "name=value" with semicolons between them; they overrule our own */
    const char *python;   /* of driver and executors; "": as Spark finds it */
    const char *library;  /* the folder of pinion_job.py */
    const char *temp_folder;
    int64_t timeout_ms; /* of a job; then it is killed */
    const struct pn_io *io;
    const struct pn_clock *clock;
};

/* Copies the config's texts. Looks for nothing yet: a missing program is an error of each job. */
struct pn_spark_runner *pn_spark_submit_create(const struct pn_spark_submit_config *config);

#endif
