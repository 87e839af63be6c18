/* The sink, and the topics that it lands. */
#include <stdlib.h>

#include "base/mem.h"
#include "server/claim.h"
#include "server/stations.h"
#include "settings/configs.h"

enum { REGEX_BYTES_MAX = 1024 * 1024 }; /* of a thousand names */

/* The patterns of topics as one regular expression, into `regex`; NULL when there are none. */
static const char *regex_of(const struct pn_pipeline *pipeline, struct pn_buf *regex)
{
    for (size_t i = 0; i < pipeline->topic_pattern_count; i++) {
        pn_buf_adds(regex, i > 0 ? "|" : "");
        for (const char *at = pipeline->topic_patterns[i].name; *at != '\0'; at++) {
            if (*at == '*') {
                pn_buf_adds(regex, ".+");
            } else if (*at == '.') {
                pn_buf_adds(regex, "[.]"); /* the one letter of a name that means something else */
            } else {
                pn_buf_addc(regex, *at);
            }
        }
    }
    return pipeline->topic_pattern_count > 0 ? pn_buf_text(regex) : NULL;
}

/* What is kept of where the topic's records came from: what tables take, and objects' names lack.
 */
static enum pn_sink_origins origins_of(void *arg, const char *topic)
{
    const struct pn_pipeline *pipeline = arg;
    static const enum pn_origin all[] = {PN_ORIGIN_TIMESTAMP, PN_ORIGIN_KEY, PN_ORIGIN_HEADERS};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (pn_pipeline_takes_origin(pipeline, topic, all[i])) {
            return PN_SINK_ORIGINS_ALL;
        }
    }
    return pn_pipeline_takes_origin(pipeline, topic, PN_ORIGIN_OFFSET) ? PN_SINK_ORIGINS_OFFSETS
                                                                       : PN_SINK_ORIGINS_NONE;
}

int pn_app_open_sink(const struct pn_app *app, struct pn_log *log, struct pn_store *store,
                     struct pn_sink **sink, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = app->pipeline;
    char *folder = pn_app_path(app, "sink");
    const char **topics = pn_xcalloc(pipeline->topic_count, sizeof *topics);
    for (size_t i = 0; i < pipeline->topic_count; i++) {
        topics[i] = pipeline->topics[i].name;
    }
    struct pn_buf regex;
    pn_buf_init(&regex, REGEX_BYTES_MAX);
    struct pn_sink_config config;
    pn_settings_to_sink(app->settings, &config);
    config.folder = folder;
    config.topics = topics;
    config.topic_count = pipeline->topic_count;
    config.topics_regex = regex_of(pipeline, &regex);
    config.topics_dir = pipeline->topics_dir;
    config.dead_letters_dir = pipeline->dead_letters_dir;
    config.origins_dir = pipeline->origins_dir;
    config.origins = origins_of;
    config.origins_arg = (void *)pipeline;
    config.log = log;
    config.store = store;
    config.io = app->io;
    config.clock = app->clock;
    config.logger = app->logger;
    config.metrics = app->metrics;
    char *group = NULL;
    int rc = pn_app_group(app, store, "sink", &group, e);
    if (rc == 0) {
        config.group = group;
        rc = pn_sink_create(&config, sink, e);
    }
    free(group);
    free(topics);
    pn_buf_deinit(&regex);
    free(folder);
    return rc;
}
