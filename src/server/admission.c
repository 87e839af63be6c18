#include "server/admission.h"

#include <inttypes.h>

#include "base/arena.h"
#include "log/log.h"
#include "pipeline/pattern.h"

void pn_admission_init(struct pn_admission *admission, const struct pn_pipeline *pipeline,
                       const struct pn_settings *settings, struct pn_log *log)
{
    *admission = (struct pn_admission){.pipeline = pipeline, .settings = settings, .log = log};
    pthread_mutex_init(&admission->lock, NULL);
}

/* --- topics ----------------------------------------------------------------------------------- */

static int check_topics(const struct pn_admission *admission,
                        const struct pn_pipeline_topic *pattern, const char *name, struct pn_err *e)
{
    int64_t max = admission->settings->log.pattern_topics_max;
    int64_t made = 0;
    struct pn_log_topic_info *topics = NULL;
    size_t count = 0;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_log_topics(admission->log, &arena, &topics, &count, e);
    for (size_t i = 0; i < count; i++) {
        made += pn_pipeline_topic_pattern(admission->pipeline, topics[i].name) == pattern;
    }
    pn_arena_deinit(&arena);
    if (rc == 0 && made >= max) {
        rc = pn_err_input(
            e,
            "topic '%s' exceeds the maximum for the pattern %s: there are already %" PRId64
            " (log.pattern_topics_max)",
            name, pattern->name, made);
    }
    return rc;
}

int pn_admission_first_record(void *arg, const char *topic, struct pn_err *e)
{
    struct pn_admission *admission = arg;
    const struct pn_pipeline_topic *pattern = pn_pipeline_topic_pattern(admission->pipeline, topic);
    if (pattern == NULL) {
        return 0;
    }
    const struct pn_log_topic_config config = {.partitions = pattern->partitions,
                                               .retention_ms = pattern->retention_ms,
                                               .retention_bytes = pattern->retention_bytes};
    struct pn_log_topic_info info;
    struct pn_err failure = {0};
    pthread_mutex_lock(&admission->lock);
    int rc = 0;
    if (pn_log_topic(admission->log, topic, &info, NULL) != 0) {
        rc = check_topics(admission, pattern, topic, &failure);
        if (rc == 0) {
            rc = pn_log_create_topic(admission->log, topic, &config, &failure);
        }
    }
    pthread_mutex_unlock(&admission->lock);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        return 0; /* somebody else made it */
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* --- streams ---------------------------------------------------------------------------------- */

/* The stream that the name's first record makes, or NULL. On a cluster, where not every server
 * makes the pipeline's own streams at its start, it may be one of these. */
static const struct pn_pipeline_stream *made_by_a_record(const struct pn_admission *admission,
                                                         const char *name)
{
    const struct pn_pipeline_stream *own = pn_pipeline_stream(admission->pipeline, name);
    return own != NULL && admission->settings->log.url[0] != '\0'
               ? own
               : pn_pipeline_stream_pattern(admission->pipeline, name);
}

static bool admits(void *arg, const char *name)
{
    return made_by_a_record(arg, name) != NULL;
}

static int check_streams(const struct pn_admission *admission, struct pn_kinesis *kinesis,
                         const struct pn_pipeline_stream *pattern, const char *name,
                         struct pn_err *e)
{
    int64_t max = admission->settings->kinesis.pattern_streams_max;
    int64_t made = 0;
    const char **names = NULL;
    size_t count = 0;
    const struct pn_pipeline_stream *stream = NULL;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pn_kinesis_names(kinesis, &arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        made += pn_pipeline_stream_pattern(admission->pipeline, names[i]) == pattern;
    }
    int rc = 0;
    if (made >= max) {
        rc = pn_err_set(
            e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
            "Stream %s exceeds the maximum for the pattern %s: there are already %" PRId64
            " (kinesis.pattern_streams_max)",
            name, pattern->name, made);
    }
    struct pn_err why = {0};
    if (rc == 0 &&
        pn_pipeline_make_stream(admission->pipeline, pattern, name, &arena, &stream, &why) != 0) {
        rc = pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT, "%s", why.msg);
    }
    pn_arena_deinit(&arena);
    return rc;
}

static int make(void *arg, struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_admission *admission = arg;
    const struct pn_pipeline_stream *wanted = made_by_a_record(admission, name);
    bool is_own = pn_pipeline_stream(admission->pipeline, name) == wanted;
    const struct pn_stream_create create = {
        .name = name, .shards = wanted->shards, .retention_hours = wanted->retention_hours};
    const struct pn_stream *there = NULL;
    struct pn_err failure = {0};
    pthread_mutex_lock(&admission->lock);
    int rc = pn_kinesis_stream(kinesis, name, &there, NULL);
    pn_stream_release(&there);
    if (rc != 0) {
        rc = is_own ? 0 : check_streams(admission, kinesis, wanted, name, &failure);
        if (rc == 0) {
            rc = pn_kinesis_create_stream(kinesis, &create, &failure);
        }
    }
    pthread_mutex_unlock(&admission->lock);
    if (rc == PN_KINESIS_IN_USE) {
        return 0; /* somebody else made it */
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

struct pn_stream_admission pn_admission_of_streams(struct pn_admission *admission)
{
    return (struct pn_stream_admission){.admits = admits, .make = make, .arg = admission};
}
