/*
 * databricks.yml: a bundle of Databricks with a job for each DAG, and one for the streams. Its
 * tasks are the notebooks of spark.h.
 */
#ifndef PN_DEPLOY_BUNDLE_H
#define PN_DEPLOY_BUNDLE_H

#include "base/buf.h"
#include "pipeline/pipeline.h"

/* Appends the bundle. `cluster`: the ID of the jobs' cluster; NULL: serverless compute. */
void pn_bundle_add(struct pn_buf *out, const struct pn_pipeline *pipeline, const char *cluster);

/* Called for each property of the pipeline that the bundle leaves out. Borrowed for the time of the
 * call. */
typedef void (*pn_bundle_note_fn)(void *arg, const char *note);
void pn_bundle_note(const struct pn_pipeline *pipeline, pn_bundle_note_fn fn, void *arg);

#endif
