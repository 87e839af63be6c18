/*
 * What a first record makes: a topic or a stream whose name matches a pattern of the pipeline, with
 * what the pattern says of partitions, shards and retention. The number that each pattern makes is
 * limited (log.pattern_topics_max, kinesis.pattern_streams_max), counted by what exists.
 */
#ifndef PN_SERVER_ADMISSION_H
#define PN_SERVER_ADMISSION_H

#include <pthread.h>

#include "kinesis/kinesis.h"
#include "pipeline/pipeline.h"
#include "settings/settings.h"

struct pn_admission {
    const struct pn_pipeline *pipeline; /* this and the following borrowed */
    const struct pn_settings *settings;
    struct pn_log *log;
    pthread_mutex_t lock; /* one is made at a time, so that none is one too many */
};

void pn_admission_init(struct pn_admission *admission, const struct pn_pipeline *pipeline,
                       const struct pn_settings *settings, struct pn_log *log);
/* For the gateway: see struct pn_http_env. `arg` is the admission. */
int pn_admission_first_record(void *arg, const char *topic, struct pn_err *e) PN_MUST_CHECK;
/* For the streams; borrows the admission. */
struct pn_stream_admission pn_admission_of_streams(struct pn_admission *admission);

#endif
