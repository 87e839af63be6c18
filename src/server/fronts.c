#include "server/fronts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "settings/configs.h"

/* --- making ----------------------------------------------------------------------------------- */

static int add_kafka_rest(struct pn_fronts *fronts, const struct pn_kafka_rest_config *config,
                          const struct pn_fronts_env *env, struct pn_err *e)
{
    const struct pn_kafka_rest_env rest = {.log = env->log,
                                           .failures = &fronts->failures,
                                           .io = env->io,
                                           .clock = env->clock,
                                           .logger = env->logger,
                                           .metrics = env->metrics,
                                           .first_record = env->first_record,
                                           .first_record_arg = env->first_record_arg};
    int rc = pn_kafka_rest_create(config, &rest, &fronts->kafka_rest, e);
    if (rc == 0) {
        pn_http_server_add_front(fronts->http, &pn_kafka_rest_front, fronts->kafka_rest);
    }
    return rc;
}

static int add_aws(struct pn_fronts *fronts, const struct pn_aws_config *config,
                   const struct pn_fronts_env *env, struct pn_err *e)
{
    const struct pn_aws_env aws = {.log = env->log,
                                   .kinesis = env->kinesis,
                                   .failures = &fronts->failures,
                                   .io = env->io,
                                   .clock = env->clock,
                                   .metrics = env->metrics};
    int rc = pn_aws_create(config, &aws, &fronts->aws, e);
    if (rc == 0) {
        pn_aws_add_fronts(fronts->aws, fronts->http);
    }
    return rc;
}

static void add_api(struct pn_fronts *fronts, const struct pn_fronts_env *env)
{
    const struct pn_api_env api = {
        .server = fronts->http, .failures = &fronts->failures, .metrics = env->metrics};
    fronts->api = pn_api_create(&api);
}

/* Records came: consumers and subscriptions may wait for them. */
static void wake(void *arg)
{
    pn_http_server_wake(arg);
}

int pn_fronts_create(const struct pn_fronts_config *config, const struct pn_fronts_env *env,
                     struct pn_fronts **fronts, struct pn_err *e)
{
    const struct pn_http_env http = {
        .io = env->io, .clock = env->clock, .logger = env->logger, .metrics = env->metrics};
    struct pn_fronts *made = pn_xcalloc(1, sizeof *made);
    made->log = env->log;
    pn_log_failures_init(&made->failures);
    int rc = pn_http_server_create(&config->http, &http, &made->http, e);
    if (rc == 0) {
        rc = add_kafka_rest(made, &config->kafka_rest, env, e);
    }
    if (rc == 0 && env->kinesis != NULL) {
        rc = add_aws(made, &config->aws, env, e);
    }
    if (rc == 0) {
        add_api(made, env);
        rc = pn_log_listen(env->log, wake, made->http, &made->listen_id, e);
        made->is_listening = rc == 0;
    }
    if (rc != 0) {
        pn_fronts_destroy(&made);
        return rc;
    }
    *fronts = made;
    return 0;
}

void pn_fronts_destroy(struct pn_fronts **fronts)
{
    struct pn_fronts *gone = *fronts;
    if (gone == NULL) {
        return;
    }
    if (gone->http != NULL) {
        pn_http_server_stop(gone->http);
    }
    if (gone->is_listening) {
        pn_log_unlisten(gone->log, gone->listen_id);
    }
    pn_http_server_destroy(&gone->http);
    pn_api_destroy(&gone->api);
    pn_aws_destroy(&gone->aws);
    pn_kafka_rest_destroy(&gone->kafka_rest);
    pn_log_failures_deinit(&gone->failures);
    free(gone);
    *fronts = NULL;
}

/* --- of an application ------------------------------------------------------------------------ */

/* `data` is the absolute path of the data folder. */
static void read_http_config(const struct pn_app *app, const char *listen, const char *data,
                             struct pn_http_config *config)
{
    pn_settings_to_http(app->settings, config);
    config->listen = listen != NULL ? listen : app->settings->gateway.listen;
    config->api_keys = getenv("PINION_API_KEY");
    config->data_folder = data;
    config->pipeline = app->pipeline->name;
}

int pn_app_try_fronts(const struct pn_app *app, const char *listen, struct pn_err *e)
{
    struct pn_http_config config;
    const struct pn_http_env env = {.io = app->io, .clock = app->clock};
    struct pn_http_server *server = NULL;
    read_http_config(app, listen, NULL, &config);
    int rc = pn_http_server_create(&config, &env, &server, e);
    if (rc == 0) {
        rc = pn_http_server_listen(server, e);
    }
    pn_http_server_destroy(&server);
    return rc;
}

int pn_app_open_fronts(const struct pn_app *app, const struct pn_fronts_stations *stations,
                       const char *listen, struct pn_fronts **fronts, struct pn_err *e)
{
    const struct pn_settings *settings = app->settings;
    char *data = NULL;
    int rc = pn_io_absolute_path(app->data, &data, e); /* as errors of the stations name it */
    if (rc != 0) {
        return rc;
    }
    char *consumers = pn_app_path(app, "consumers");
    struct pn_fronts_config config;
    read_http_config(app, listen, data, &config.http);
    pn_settings_to_kafka_rest(settings, &config.kafka_rest);
    pn_settings_to_aws(settings, &config.aws);
    config.kafka_rest.consumers_folder = consumers;
    const struct pn_fronts_env env = {.log = stations->log,
                                      .kinesis = stations->kinesis,
                                      .io = app->io,
                                      .clock = app->clock,
                                      .logger = app->logger,
                                      .metrics = app->metrics,
                                      .first_record = pn_admission_first_record,
                                      .first_record_arg = stations->admission};
    rc = pn_fronts_create(&config, &env, fronts, e);
    free(consumers);
    free(data);
    return rc;
}
