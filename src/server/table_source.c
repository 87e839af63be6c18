#include "server/table_source.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "server/stations.h"
#include "settings/configs.h"

struct pn_server_table_source {
    const struct pn_app *app;
    struct pn_store *store;
    struct pn_delta_config config;
    struct pn_api_table_routes routes;
    pthread_mutex_t lock; /* held from acquire() to release() */
    struct pn_embedded_engine *engine;
    struct pn_table_memory *memory;
};

static void acquire(void *arg, struct pn_table_source *tables)
{
    struct pn_server_table_source *source = arg;
    const struct pn_app *app = source->app;
    pthread_mutex_lock(&source->lock);
    *tables = (struct pn_table_source){.pipeline = app->pipeline,
                                       .store = source->store,
                                       .parquet = pn_engine_parquet(source->engine),
                                       .config = &source->config,
                                       .clock = app->clock,
                                       .logger = app->logger,
                                       .memory = source->memory};
}

static void release(void *arg)
{
    struct pn_server_table_source *source = arg;
    pthread_mutex_unlock(&source->lock);
}

int pn_server_table_source_create(const struct pn_app *app, struct pn_store *store,
                                  struct pn_server_table_source **made, struct pn_err *e)
{
    struct pn_server_table_source *source = pn_xcalloc(1, sizeof *source);
    source->app = app;
    source->store = store;
    source->routes =
        (struct pn_api_table_routes){.acquire = acquire, .release = release, .arg = source};
    source->memory = pn_table_memory_create();
    pn_settings_to_delta(app->settings, &source->config);
    pthread_mutex_init(&source->lock, NULL);
    int rc = pn_app_open_engine(app, store, NULL, &source->engine, e);
    if (rc != 0) {
        pn_server_table_source_destroy(&source);
    }
    *made = source;
    return rc;
}

void pn_server_table_source_destroy(struct pn_server_table_source **source)
{
    struct pn_server_table_source *gone = *source;
    if (gone == NULL) {
        return;
    }
    pn_table_memory_destroy(&gone->memory);
    pn_embedded_engine_destroy(&gone->engine);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *source = NULL;
}

const struct pn_api_table_routes *pn_server_table_source_routes(
    const struct pn_server_table_source *source)
{
    return &source->routes;
}

void pn_server_table_source_add_routes(struct pn_server_table_source *source, struct pn_api *api)
{
    pn_api_table_routes_add(&source->routes, api);
}
