#include "server/server_jobs.h"

#include <stdlib.h>

#include "base/mem.h"
#include "server/stations.h"
#include "settings/configs.h"

struct pn_server_jobs {
    const struct pn_app *app;
    struct pn_store *store;
    struct pn_delta_config config;
    struct pn_jobs *jobs;
};

static int run(void *arg, const char *id, const char *who, const char *path,
               const struct pn_upkeep *upkeep, const struct pn_upkeep_watch *watch,
               struct pn_upkeep_result *result, struct pn_err *e)
{
    const struct pn_delta_maker maker = {.job = id, .who = who};
    const struct pn_server_jobs *jobs = arg;
    const struct pn_app *app = jobs->app;
    struct pn_embedded_engine *embedded = NULL; /* reads checkpoints, whatever engine merges */
    struct pn_engine *engine = NULL;
    int rc = pn_app_open_engine(app, jobs->store, NULL, &embedded, e);
    if (rc == 0) {
        rc = pn_app_open_batch_engine(app, jobs->store, NULL, &maker, &engine, e);
    }
    if (rc == 0) {
        struct pn_delta *delta = pn_delta_create(jobs->store, path, pn_engine_parquet(embedded),
                                                 app->clock, app->logger, &jobs->config);
        rc = pn_upkeep_run(engine, delta, upkeep, watch, result, e);
        pn_delta_destroy(&delta);
    }
    pn_engine_destroy(&engine);
    pn_embedded_engine_destroy(&embedded);
    return rc;
}

int pn_server_jobs_create(const struct pn_app *app, struct pn_store *store,
                          struct pn_server_jobs **made, struct pn_err *e)
{
    struct pn_server_jobs *jobs = pn_xcalloc(1, sizeof *jobs);
    *jobs = (struct pn_server_jobs){.app = app, .store = store};
    pn_settings_to_delta(app->settings, &jobs->config);
    const struct pn_jobs_env env = {
        .clock = app->clock, .logger = app->logger, .run = run, .arg = jobs};
    int rc = pn_jobs_create(&env, &jobs->jobs, e);
    if (rc != 0) {
        pn_server_jobs_destroy(&jobs);
    }
    *made = jobs;
    return rc;
}

void pn_server_jobs_destroy(struct pn_server_jobs **jobs)
{
    if (*jobs == NULL) {
        return;
    }
    pn_jobs_destroy(&(*jobs)->jobs);
    free(*jobs);
    *jobs = NULL;
}

struct pn_jobs *pn_server_jobs_list(const struct pn_server_jobs *jobs)
{
    return jobs->jobs;
}
