#include "server/open_http.h"

#include <stdlib.h>
#include <string.h>

#include "settings/configs.h"

/* The absolute path of the data folder: of the store's, which is in it. Caller frees. */
static int data_folder(struct pn_store *store, char **folder, struct pn_err *e)
{
    int rc = pn_store_url(store, "", folder, e);
    if (rc == 0) {
        char *slash = strrchr(*folder, '/');
        while (slash > *folder && slash[-1] == '/') {
            slash--;
        }
        *slash = '\0';
    }
    return rc;
}

int pn_app_open_http(const struct pn_app *app, const struct pn_http_stations *stations,
                     const char *listen, struct pn_http_server **http, struct pn_err *e)
{
    const struct pn_settings *settings = app->settings;
    char *data = NULL;
    int rc = data_folder(stations->store, &data, e);
    if (rc != 0) {
        return rc;
    }
    char *consumers = pn_app_path(app, "consumers");
    struct pn_http_config config;
    pn_settings_to_http(settings, &config);
    config.listen = listen != NULL ? listen : settings->gateway.listen;
    config.api_keys = getenv("PINION_API_KEY");
    config.consumers_folder = consumers;
    config.data_folder = data;
    const struct pn_http_env env = {.log = stations->log,
                                    .kinesis = stations->kinesis,
                                    .io = app->io,
                                    .clock = app->clock,
                                    .logger = app->logger,
                                    .metrics = app->metrics,
                                    .first_record = pn_admission_first_record,
                                    .first_record_arg = stations->admission};
    rc = pn_http_server_create(&config, &env, http, e);
    free(consumers);
    free(data);
    return rc;
}
