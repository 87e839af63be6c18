#include "server/server_streams.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cli/stream_reader.h"
#include "server/stream_routes.h"

enum { FIRST_MS_MAX = 10000 };

struct pn_serve_streams {
    struct pn_engine *engine;
    struct pn_stream_source *source;
    struct pn_streams *streams;
    struct pn_stream_routes routes;
};

static int create_processors(struct pn_cli *cli, struct pn_store *store, struct pn_metrics *metrics,
                             struct pn_serve_streams *made, struct pn_err *e)
{
    struct pn_streams_config config = {0};
    struct pn_streams_env env = {.store = store,
                                 .source = made->source,
                                 .clock = cli->clock,
                                 .logger = cli->logger,
                                 .metrics = metrics};
    int rc = pn_cli_pipeline(cli, &env.pipeline, e);
    if (rc == 0) {
        rc = pn_cli_streams_config(cli, &config, e);
    }
    if (rc == 0) {
        rc = pn_cli_open_stream_engine(cli, store, true, &made->engine, e);
    }
    if (rc == 0) {
        env.engine = made->engine;
        rc = pn_streams_create(&config, &env, &made->streams, e);
    }
    return rc;
}

int pn_serve_streams_create(struct pn_cli *cli, struct pn_kinesis *kinesis, struct pn_store *store,
                            struct pn_metrics *metrics, bool process,
                            struct pn_serve_streams **streams, struct pn_err *e)
{
    struct pn_serve_streams *made = pn_xcalloc(1, sizeof *made);
    int rc = pn_stream_source_embedded(kinesis, &made->source, e);
    if (rc == 0 && process) {
        rc = create_processors(cli, store, metrics, made, e);
    }
    if (rc == 0) {
        made->routes.source = made->source;
        made->routes.streams = made->streams;
        *streams = made;
        made = NULL;
    }
    pn_serve_streams_destroy(&made);
    return rc;
}

void pn_serve_streams_add_routes(struct pn_serve_streams *streams, struct pn_gateway *gateway)
{
    pn_stream_routes_add(&streams->routes, gateway);
}

int pn_serve_streams_start(struct pn_serve_streams *streams, struct pn_err *e)
{
    if (streams->streams == NULL) {
        return 0;
    }
    int rc = pn_streams_start(streams->streams, e);
    if (rc == 0) {
        pn_streams_await_new(streams->streams, FIRST_MS_MAX);
    }
    return rc;
}

void pn_serve_streams_destroy(struct pn_serve_streams **streams)
{
    struct pn_serve_streams *gone = *streams;
    if (gone == NULL) {
        return;
    }
    pn_streams_destroy(&gone->streams);
    pn_stream_source_destroy(&gone->source);
    pn_engine_destroy(&gone->engine);
    free(gone);
    *streams = NULL;
}
