#include "server/server_streams.h"

#include <stdlib.h>

#include "api/stream_put_route.h"
#include "api/stream_routes.h"
#include "base/mem.h"
#include "server/claim.h"
#include "server/stations.h"

enum { FIRST_MS_MAX = 10000 };

struct pn_server_streams {
    struct pn_embedded_engine *engine;
    struct pn_processor_source *source;
    struct pn_processor_source *elsewhere; /* of kinesis.endpoint; NULL: there is none */
    struct pn_processor *streams;
    struct pn_api_stream_routes routes;
};

static int create_processors(const struct pn_app *app, struct pn_log *log, struct pn_store *store,
                             struct pn_server_streams *made, struct pn_err *e)
{
    struct pn_processor_config config = {0};
    char *group = NULL;
    char *leases = pn_app_lease_folder(app, store);
    struct pn_processor_env env = {.pipeline = app->pipeline,
                                   .store = store,
                                   .source = made->source,
                                   .lease_folder = leases,
                                   .log = log,
                                   .clock = app->clock,
                                   .logger = app->logger,
                                   .metrics = app->metrics};
    pn_app_streams_config(app, &config);
    int rc = pn_app_open_stream_engine(app, store, true, &made->engine, e);
    if (rc == 0 && app->settings->kinesis.endpoint[0] != '\0') {
        rc = pn_app_open_stream_source(app, true, &made->elsewhere, e);
        env.source = made->elsewhere;
    } else if (rc == 0) {
        rc = pn_app_group(app, store, "stream", &group, e);
    }
    if (rc == 0) {
        env.engine = made->engine;
        env.group = group;
        rc = pn_processor_create(&config, &env, &made->streams, e);
    }
    free(leases);
    free(group);
    return rc;
}

int pn_server_streams_create(const struct pn_app *app, struct pn_kinesis *kinesis,
                             struct pn_store *store, bool process,
                             struct pn_server_streams **streams, struct pn_err *e)
{
    struct pn_server_streams *made = pn_xcalloc(1, sizeof *made);
    int rc = pn_processor_source_embedded(kinesis, &made->source, e);
    if (rc == 0 && process) {
        rc = create_processors(app, pn_kinesis_log(kinesis), store, made, e);
    }
    if (rc == 0) {
        made->routes.source = made->source;
        made->routes.kinesis = kinesis;
        made->routes.streams = made->streams;
        *streams = made;
        made = NULL;
    }
    pn_server_streams_destroy(&made);
    return rc;
}

struct pn_processor_source *pn_server_streams_source(struct pn_server_streams *streams)
{
    return streams->source;
}

void pn_server_streams_add_routes(struct pn_server_streams *streams, struct pn_api *api)
{
    pn_api_stream_routes_add(&streams->routes, api);
    pn_api_stream_put_route_add(streams->routes.kinesis, api);
}

struct pn_processor *pn_server_streams_processor(struct pn_server_streams *streams)
{
    return streams->streams;
}

int pn_server_streams_start(struct pn_server_streams *streams, struct pn_err *e)
{
    if (streams->streams == NULL) {
        return 0;
    }
    int rc = pn_processor_start(streams->streams, e);
    if (rc == 0) {
        pn_processor_await_new(streams->streams, FIRST_MS_MAX);
    }
    return rc;
}

void pn_server_streams_destroy(struct pn_server_streams **streams)
{
    struct pn_server_streams *gone = *streams;
    if (gone == NULL) {
        return;
    }
    pn_processor_destroy(&gone->streams);
    pn_processor_source_destroy(&gone->elsewhere);
    pn_processor_source_destroy(&gone->source);
    pn_embedded_engine_destroy(&gone->engine);
    free(gone);
    *streams = NULL;
}
