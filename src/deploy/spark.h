/*
 * The pipeline on Spark: notebooks of Databricks in source format, which are also jobs for
 * spark-submit, the queries as SQL, and a bundle. What they share is Python in deploy/spark.
 */
#ifndef PN_DEPLOY_SPARK_H
#define PN_DEPLOY_SPARK_H

#include "base/buf.h"
#include "base/io.h"
#include "pipeline/pipeline.h"

struct pn_spark_config {
    const char *folder;  /* to write into; it is made */
    const char *library; /* the folder of pinion_*.py */
    const char *store;   /* "s3://bucket" */
    const char *cluster; /* the ID of a cluster for the bundle's jobs; NULL: serverless */
    const struct pn_io *io;
    /* Called for each file that was written, with what it is. Borrowed for the time of the call. */
    void (*wrote)(void *arg, const char *path, const char *what);
    void *arg;
};

/* Each file is written whole. INPUT if two parts of the pipeline would have the same file, or a
 * transformed table reads no raw table. */
int pn_spark_write(const struct pn_pipeline *pipeline, const struct pn_spark_config *config,
                   struct pn_err *e) PN_MUST_CHECK;

#endif
