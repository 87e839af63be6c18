/*
 * Where records go. A target takes one record at a time and does with it what it must; it returns
 * once it has taken the record, which may be before that is done. What has been done it counts in
 * the run's summary (`acknowledged`, `failed`, ...).
 */
#ifndef PN_EMULATE_TARGET_H
#define PN_EMULATE_TARGET_H

#include "emulate/emulate.h"
#include "emulate/source.h"

struct pn_target;

struct pn_target_ops {
    /* Takes a record, whose text is borrowed for the call. An error ends the run. */
    int (*put)(struct pn_target *target, const struct pn_emulate_record *record, struct pn_err *e);
    /* No more will come: finishes what it has taken. `whole` says that everything has arrived. */
    int (*finish)(struct pn_target *target, bool whole, struct pn_err *e);
    void (*destroy)(struct pn_target *target);
};

/* The first member of every target. */
struct pn_target {
    const struct pn_target_ops *ops;
};

/* What a target is made from; all of it is borrowed and outlives the target. */
struct pn_target_env {
    const struct pn_emulate_config *config;
    const struct pn_generator *generator;
    struct pn_emulate_summary *summary;
    int64_t total;
};

/* Files: <folder_out>/<the kind's file>, one record a line. */
int pn_target_jsonl(const struct pn_target_env *env, struct pn_target **target,
                    struct pn_err *e) PN_MUST_CHECK;
/* A server that speaks the Kafka REST Proxy's API, version 2. */
int pn_target_kafka_rest(const struct pn_target_env *env, struct pn_target **target,
                         struct pn_err *e) PN_MUST_CHECK;
/* A server that speaks the Kinesis API, or that puts an API Gateway before it. */
int pn_target_kinesis(const struct pn_target_env *env, struct pn_target **target,
                      struct pn_err *e) PN_MUST_CHECK;
int pn_target_kinesis_rest(const struct pn_target_env *env, struct pn_target **target,
                           struct pn_err *e) PN_MUST_CHECK;

#endif
