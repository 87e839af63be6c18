/*
 * A DAG of the pipeline as a DAG file of Apache Airflow: its name, tasks, order, trigger rules,
 * retries, delays, time limits, pools and schedule. The file imports on Airflow 2.7 to 3.1.
 */
#ifndef PN_DEPLOY_AIRFLOW_H
#define PN_DEPLOY_AIRFLOW_H

#include "base/buf.h"
#include "base/io.h"
#include "pipeline/pipeline.h"

enum pn_airflow_runner {
    PN_AIRFLOW_DATABRICKS, /* each task is a notebook, run by DatabricksSubmitRunOperator */
    PN_AIRFLOW_PINION,     /* each task is `pinion task`, run by BashOperator */
    PN_AIRFLOW_SPARK       /* each task is a notebook, run by spark-submit and BashOperator */
};

struct pn_airflow_config {
    enum pn_airflow_runner runner;
    /* DATABRICKS */
    const char *connection; /* Airflow's connection: "databricks_default" */
    const char *notebooks;  /* the folder of the notebooks, each called as its task; on SPARK an
                               absolute path on Airflow's workers */
    const char *cluster;    /* the ID of a running cluster; NULL: serverless */
    const char *store;      /* "s3://bucket"; NULL: the notebooks' own default */
    /* PINION: absolute paths on Airflow's workers */
    const char *data;
    const char *pipeline;
};

/* Called for each property of a DAG that Airflow has no counterpart for, or that needs something to
 * be set up there. Borrowed for the time of the call. */
typedef void (*pn_airflow_note_fn)(void *arg, const char *note);

/* Appends the file. INPUT for a DAG that Airflow cannot run as it is: several cron lines, or a
 * task that is a command where tasks are notebooks. */
int pn_airflow_write(const struct pn_dag *dag, const struct pn_airflow_config *config,
                     struct pn_buf *out, pn_airflow_note_fn note, void *arg,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
