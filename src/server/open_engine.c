/* The engine of loads, transforms and queries, and the settings of Delta tables. */
#include <stdlib.h>

#include "server/stations.h"
#include "settings/configs.h"

int pn_cli_delta_config(struct pn_cli *cli, struct pn_delta_config *config, struct pn_err *e)
{
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_settings(cli, &settings, e);
    if (rc != 0) {
        return rc;
    }
    pn_settings_to_delta(settings, config);
    return 0;
}

/* What the settings give, unless `most` is less; 0 is all there is. */
static int64_t at_most(int64_t most, int64_t given)
{
    return most != 0 && (given == 0 || given > most) ? most : given;
}

int pn_cli_create_engine(struct pn_cli *cli, struct pn_store *store,
                         const struct pn_engine_config *config, struct pn_engine **engine,
                         struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_pipeline_and_settings(cli, &pipeline, &settings, e);
    if (rc != 0) {
        return rc;
    }
    char *temp_folder = pn_cli_path(cli, "tmp");
    struct pn_engine_config whole = *config;
    whole.temp_folder = temp_folder;
    whole.memory_bytes_max = at_most(config->memory_bytes_max, settings->engine.memory_bytes_max);
    whole.threads = at_most(config->threads, settings->engine.threads);
    whole.parquet_compression = settings->engine.parquet_compression;
    rc = pn_duckdb_engine_create(&whole, pipeline, store, cli->clock, cli->logger, engine, e);
    free(temp_folder);
    return rc;
}

int pn_cli_open_engine(struct pn_cli *cli, struct pn_store *store, const char *landed_folder,
                       struct pn_engine **engine, struct pn_err *e)
{
    struct pn_engine_config config = {.landed_folder = landed_folder};
    int rc = pn_cli_delta_config(cli, &config.delta, e);
    return rc == 0 ? pn_cli_create_engine(cli, store, &config, engine, e) : rc;
}
