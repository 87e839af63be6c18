/* The log: segments in the data folder, or a cluster of Apache Kafka. */
#include <stdlib.h>
#include <string.h>

#include "server/folder_mark.h"
#include "server/stations.h"
#include "settings/configs.h"

static struct pn_log_topic_config config_of(const struct pn_pipeline_topic *topic)
{
    return (struct pn_log_topic_config){
        .partitions = topic->partitions,
        .retention_ms = topic->retention_ms,
        .retention_bytes = topic->retention_bytes,
    };
}

/* A topic with more partitions than the pipeline says keeps them: see pn_app_note_partitions(). */
static int configure_topic(struct pn_log *log, const struct pn_pipeline_topic *topic,
                           struct pn_err *e)
{
    struct pn_log_topic_config config = config_of(topic);
    struct pn_log_topic_info info;
    if (pn_log_topic(log, topic->name, &info, NULL) == 0 && info.partitions >= topic->partitions) {
        config.partitions = 0;
    }
    return pn_log_configure_topic(log, topic->name, &config, e);
}

/* A topic that is there is not created: that would need a right that the work does not need. */
static int make_topic(struct pn_log *log, const struct pn_pipeline_topic *topic, struct pn_err *e)
{
    const struct pn_log_topic_config config = config_of(topic);
    struct pn_log_topic_info info;
    if (pn_log_topic(log, topic->name, &info, NULL) == 0) {
        return configure_topic(log, topic, e);
    }
    int rc = pn_log_create_topic(log, topic->name, &config, e);
    if (rc != 0 && e->class_ == PN_CLASS_CONFLICT) { /* another server has just made it */
        rc = pn_log_refresh(log, topic->name, e);
        rc = rc == 0 ? configure_topic(log, topic, e) : rc;
    }
    return rc;
}

static int make_topics(struct pn_log *log, const struct pn_pipeline *pipeline, struct pn_err *e)
{
    for (size_t i = 0; i < pipeline->topic_count; i++) {
        struct pn_err failure = {0};
        int rc = make_topic(log, &pipeline->topics[i], &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT) {
            rc = 0; /* it is closed, and says so to those who ask for it */
        }
        if (rc != 0) {
            pn_err_copy(e, &failure);
            return rc;
        }
    }
    return 0;
}

void pn_app_note_partitions(const struct pn_app *app, struct pn_log *log)
{
    for (size_t i = 0; i < app->pipeline->topic_count; i++) {
        const struct pn_pipeline_topic *topic = &app->pipeline->topics[i];
        struct pn_log_topic_info info;
        struct pn_err note;
        if (pn_log_topic(log, topic->name, &info, NULL) == 0 &&
            info.partitions > topic->partitions) {
            (void)pn_err_input(&note,
                               "topic %s has %d partitions, and their number cannot decrease, so "
                               "it keeps them: set `partitions`, which is %d here, to %d",
                               topic->name, info.partitions, topic->partitions, info.partitions);
            pn_pipeline_prefix_partitions(app->pipeline, topic, &note);
            pn_logger_warn(app->logger, "log", "%s", note.msg);
        }
    }
}

/* What the pipeline says of a topic that a record makes: after the topic was deleted, or because
 * its name matches a pattern. */
static void first_config(void *arg, const char *name, struct pn_log_topic_config *config)
{
    const struct pn_pipeline *pipeline = arg;
    const struct pn_pipeline_topic *topic = pn_pipeline_topic(pipeline, name);
    if (topic == NULL && !pn_topic_is_internal(name)) {
        topic = pn_pipeline_topic_pattern(pipeline, name);
    }
    if (topic != NULL) {
        *config = config_of(topic);
    }
}

static struct pn_log_first_config first_of(const struct pn_app *app)
{
    return (struct pn_log_first_config){.config_of = first_config,
                                        .arg = (void *)(uintptr_t)app->pipeline};
}

/* --- on segments ------------------------------------------------------------------------------ */

static int open_segments(const struct pn_app *app, const char *folder, struct pn_log **log,
                         struct pn_err *e)
{
    struct pn_embedded_config config;
    if (pn_kafka_owns_folder(folder, app->io)) {
        return pn_err_fatal(e,
                            "the data folder %s belongs to a Kafka cluster: set log.url, or give "
                            "another folder with --data",
                            app->data);
    }
    pn_settings_to_log(app->settings, &config);
    config.folder = folder;
    config.first = first_of(app);
    return pn_embedded_open(&config, app->io, app->clock, app->logger, app->metrics, log, e);
}

/* --- on Kafka --------------------------------------------------------------------------------- */

/* Settings that a cluster has on its own terms, or not at all. */
static bool is_of_segments(const char *name)
{
    static const char *const names[] = {
        "log.durability",   "log.compression",     "log.segment_bytes",       "log.segment_ms",
        "log.retention_ms", "log.retention_bytes", "log.index_interval_bytes"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void find_useless(void *arg, const struct pn_setting_shown *setting)
{
    struct pn_err *e = arg;
    if (e->class_ == PN_CLASS_NONE && is_of_segments(setting->name) &&
        strcmp(setting->value, setting->initial) != 0) {
        (void)pn_err_input(
            e,
            "%s is %s, but it is for the log in the data folder, and log.url names a "
            "Kafka cluster: remove it; a topic's own settings, and those of the "
            "brokers, decide there",
            setting->name, setting->value);
    }
}

static int open_kafka(const struct pn_app *app, const char *folder, struct pn_log **log,
                      struct pn_err *e)
{
    struct pn_err useless = {0};
    struct pn_kafka_config config;
    pn_settings_each(app->settings, find_useless, &useless);
    if (useless.class_ != PN_CLASS_NONE) {
        pn_err_copy(e, &useless);
        return useless.code;
    }
    pn_settings_to_kafka(app->settings, &config);
    config.folder = folder;
    config.first = first_of(app);
    return pn_kafka_open(&config, app->io, app->clock, app->logger, log, e);
}

int pn_app_cluster_id(const struct pn_app *app, struct pn_buf *id, struct pn_err *e)
{
    char *folder = pn_app_path(app, "log");
    struct pn_log *asked = NULL;
    int rc = 0;
    if (!pn_kafka_owns_folder(folder, app->io)) {
        rc = open_kafka(app, folder, &asked, e);
        pn_log_destroy(&asked);
    }
    if (rc == 0) {
        rc = pn_kafka_cluster_of_folder(folder, app->io, id, e);
    }
    free(folder);
    return rc;
}

static int open_any(const struct pn_app *app, struct pn_log **log, struct pn_err *e)
{
    char *folder = pn_app_path(app, "log");
    bool is_kafka = app->settings->log.url[0] != '\0';
    int rc = is_kafka ? open_kafka(app, folder, log, e) : open_segments(app, folder, log, e);
    free(folder);
    return rc;
}

int pn_app_open_log_as_it_is(const struct pn_app *app, struct pn_log **log, struct pn_err *e)
{
    int rc = pn_app_mark_folder(app, e);
    return rc == 0 ? open_any(app, log, e) : rc;
}

int pn_app_make_topics(const struct pn_app *app, struct pn_log *log, struct pn_err *e)
{
    return make_topics(log, app->pipeline, e);
}

static int with_topics(const struct pn_app *app, struct pn_log **log, struct pn_err *e)
{
    int rc = make_topics(*log, app->pipeline, e);
    if (rc != 0) {
        pn_log_destroy(log);
    }
    return rc;
}

int pn_app_open_log(const struct pn_app *app, struct pn_log **log, struct pn_err *e)
{
    int rc = pn_app_open_log_as_it_is(app, log, e);
    return rc == 0 ? with_topics(app, log, e) : rc;
}

int pn_app_open_log_there(const struct pn_app *app, bool *is_ours, struct pn_log **log,
                          struct pn_err *e)
{
    *is_ours = pn_app_note_folder(app);
    int rc = open_any(app, log, e);
    return rc == 0 && *is_ours ? with_topics(app, log, e) : rc;
}
