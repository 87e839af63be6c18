/*
 * The conf of a run: a JSON object, of which SQL and commands read what they like, and pinion
 * itself "full_refresh" and "drop_imported".
 */
#ifndef PN_DAG_CONF_H
#define PN_DAG_CONF_H

#include "base/err.h"
#include "pipeline/pipeline.h"

/* INPUT: it is not an object, or in a DAG that makes tables what pinion reads is not of its kind:
 * true, false or null, which is false, and of "full_refresh" also an array of tables that the DAG
 * makes. */
int pn_dag_conf_check(const struct pn_dag *dag, const char *conf, struct pn_err *e) PN_MUST_CHECK;

#endif
