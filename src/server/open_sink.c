#include "server/sinks.h"

#include <stdlib.h>
#include <time.h>

#include "base/http_client.h"
#include "base/mem.h"
#include "server/stations.h"
#include "settings/configs.h"

enum {
    FLUSH_TIMEOUT_MS = 600000,
    ANSWER_BYTES_MAX = 1024 * 1024,
    REGEX_BYTES_MAX = 1024 * 1024, /* of a thousand names */
    BUSY_TRIES = 100,              /* another command lands the log, or a server is just starting */
    BUSY_PAUSE_MS = 100
};

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

int pn_cli_open_sink(struct pn_cli *cli, struct pn_log *log, struct pn_store *store,
                     struct pn_metrics *metrics, struct pn_sink **sink, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_pipeline_and_settings(cli, &pipeline, &settings, e);
    if (rc != 0) {
        return rc;
    }
    char *folder = pn_cli_path(cli, "sink");
    const char **topics = pn_xcalloc(pipeline->topic_count, sizeof *topics);
    for (size_t i = 0; i < pipeline->topic_count; i++) {
        topics[i] = pipeline->topics[i].name;
    }
    struct pn_buf regex;
    pn_buf_init(&regex, REGEX_BYTES_MAX);
    struct pn_sink_config config;
    pn_settings_to_sink(settings, &config);
    config.folder = folder;
    config.topics = topics;
    config.topic_count = pipeline->topic_count;
    config.topics_regex = regex_of(pipeline, &regex);
    config.topics_dir = pipeline->topics_dir;
    config.dead_letters_dir = pipeline->dead_letters_dir;
    config.log = log;
    config.store = store;
    config.io = cli->io;
    config.clock = cli->clock;
    config.logger = cli->logger;
    config.metrics = metrics;
    rc = pn_sink_create(&config, sink, e);
    free(topics);
    pn_buf_deinit(&regex);
    free(folder);
    return rc;
}

static int flush_here(struct pn_cli *cli, struct pn_err *e)
{
    struct pn_store *store = NULL;
    struct pn_log *log = NULL;
    struct pn_sink *sink = NULL;
    pn_cli_note_new_folder(cli);
    int rc = pn_cli_open_store(cli, &store, e);
    if (rc == 0) {
        rc = pn_cli_open_log(cli, NULL, &log, e);
    }
    if (rc == 0) {
        rc = pn_cli_open_sink(cli, log, store, NULL, &sink, e);
    }
    if (rc == 0) {
        rc = pn_sink_flush(sink, e);
    }
    pn_sink_destroy(&sink);
    pn_log_destroy(&log);
    pn_store_destroy(&store);
    return rc;
}

static int flush_through(const char *url, struct pn_err *e)
{
    struct pn_buf answer;
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    int rc = pn_http_call("POST", url, "/api/v1/sink/flush", "{}", FLUSH_TIMEOUT_MS, &answer, e);
    pn_buf_deinit(&answer);
    return rc;
}

int pn_cli_flush(struct pn_cli *cli, struct pn_err *e)
{
    struct pn_err failure = {0};
    for (int i = 0; i < BUSY_TRIES; i++) {
        char *url = NULL;
        int rc = pn_cli_server_url(cli, &url, &failure);
        if (rc == 0) {
            rc = url != NULL ? flush_through(url, &failure) : flush_here(cli, &failure);
        }
        bool again = rc != 0 && url == NULL && failure.class_ == PN_CLASS_CONFLICT;
        free(url);
        if (!again) {
            pn_err_copy(e, rc != 0 ? &failure : NULL);
            return rc;
        }
        const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    pn_err_copy(e, &failure);
    return failure.code;
}
