/* The parts of the engine on Spark, as its files see each other. */
#ifndef PN_ENGINE_SPARK_INTERNAL_H
#define PN_ENGINE_SPARK_INTERNAL_H

#include "base/json_writer.h"
#include "engine/spark/spark.h"

struct pn_spark {
    struct pn_engine engine;
    const struct pn_pipeline *pipeline;
    struct pn_store *store;
    struct pn_spark_runner *runner;
    char *store_url;
    char *task; /* or NULL */
    char *run;  /* what SQL can read of the run, as JSON */
    bool full_refresh;
    bool drop_imported;
    char *made_by; /* what makes the jobs' commits, as JSON; or NULL */
    atomic_bool stop;
};

/* What one job is asked, and who takes its result; no function may be called with another `arg`. */
struct pn_spark_ask {
    const char *action;
    void (*put)(struct pn_json_writer *json, const void *arg); /* members of the request */
    int (*take)(void *arg, const struct pn_json *result, struct pn_err *e); /* NULL: nobody */
    void *arg;
};

/* Brings one job to its end (perform.c): finds one that an earlier process left, or submits a new
 * one; gives the result to ask->take. */
int pn_spark_perform(struct pn_spark *engine, const struct pn_spark_ask *ask,
                     struct pn_err *e) PN_MUST_CHECK;

/* Reads what a job did to one table; the report has its table already. */
void pn_spark_read_report(const struct pn_json *from, struct pn_table_report *report);
/* Answers a query; of `asked` the place of a fault is not known. */
int pn_spark_answer(struct pn_spark *engine, const struct pn_ask *asked,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
