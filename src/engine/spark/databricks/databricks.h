/*
 * The runner by Databricks' Jobs API: a job is a one-time run (runs/submit) of the notebook
 * pinion_job, which `pinion deploy spark` writes and a bundle or Terraform brings into the
 * workspace.
 *
 * A run is submitted with the job's token as its idempotency token, so a request that is repeated,
 * by this process or by a later one, finds the run that it has started. While the run is not over,
 * pinion asks for its state every poll_ms. What may pass (no connection, 408, 429, 5xx) is tried
 * again after a growing, random pause, or after the time of Retry-After, for retry_ms; then the
 * job is PN_SPARK_UNSURE, because the run may continue without us.
 *
 * When the job is stopped, or takes longer than timeout_ms, the run is cancelled, and its end is
 * waited for. If the end does not come in time, the job is PN_SPARK_UNSURE. Databricks itself ends
 * a run that nobody cancels, a minute after timeout_ms.
 *
 * Credentials: with client_id, a token by OAuth's client credentials (POST /oidc/v1/token), which
 * is renewed before it expires; without, a personal access token.
 *
 * Specification: Databricks REST API reference, Jobs API 2.2; "Authorize service principal access
 * with OAuth"; RFC 6749, section 4.4.
 */
#ifndef PN_ENGINE_SPARK_DATABRICKS_DATABRICKS_H
#define PN_ENGINE_SPARK_DATABRICKS_DATABRICKS_H

#include "base/clock.h"
#include "base/io.h"
#include "engine/spark/runner.h"

/* An empty text takes the variable of the environment that is named with it. */
struct pn_databricks_config {
    const char *workspace;   /* "https://dbc-1.cloud.databricks.com", DATABRICKS_HOST */
    const char *client_id;   /* DATABRICKS_CLIENT_ID; "": a personal access token */
    const char *secret;      /* of the client, DATABRICKS_CLIENT_SECRET; or DATABRICKS_TOKEN */
    const char *secret_file; /* has the secret on its first line; read for each login */
    const char *notebooks;   /* folder of the workspace with pinion_job */
    const char *cluster;     /* ID, or JSON of a new cluster; "": serverless compute */
    const char *ca_file;     /* PEM file with the CAs to trust; "": see base/http_client.h */
    int64_t poll_ms;
    int64_t retry_ms;
    int64_t timeout_ms; /* of a job */
    const struct pn_io *io;
    const struct pn_clock *clock;
};

/* Copies the config's texts. Sends nothing yet: a wrong setting is an error of each job. */
struct pn_spark_runner *pn_databricks_create(const struct pn_databricks_config *config);

#endif
