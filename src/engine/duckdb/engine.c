/* The engine port on DuckDB: its table of functions, its birth and its end. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/append.h"
#include "engine/duckdb/dropped.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/landed.h"

static void destroy(struct pn_engine *base)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    pn_appenders_destroy(engine);
    pn_duckdb_close(engine);
    pn_duckdb_views_deinit(&engine->work_views);
    pn_duckdb_views_deinit(&engine->ask_views);
    pn_duckdb_verified_deinit(&engine->verified);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->ask_lock);
    pthread_mutex_destroy(&engine->work_lock);
    free(engine->scans);
    free((char *)engine->config.temp_folder);
    free((char *)engine->config.parquet_compression);
    free((char *)engine->config.landed_folder);
    free((char *)engine->config.shelf_folder);
    free(engine);
}

/* The table functions of our own statements. */
static const struct pn_duckdb_function *const FUNCTIONS[] = {
    &pn_landed_function,
    &pn_batch_function,
    &pn_dead_letters_function,
    NULL,
};

static const struct pn_delta_parquet *parquet(struct pn_embedded_engine *base)
{
    return &((struct pn_duckdb *)base)->parquet;
}

static const struct pn_engine_ops BATCH_OPS = {
    .name = "duckdb",
    .destroy = destroy,
    .load = pn_duckdb_load,
    .transform = pn_duckdb_transform,
    .query = pn_duckdb_query,
    .check = pn_duckdb_check,
    .optimize = pn_duckdb_optimize,
    .interrupt = pn_duckdb_interrupt,
};

static const struct pn_embedded_engine_ops OPS = {
    .ask = pn_duckdb_ask,
    .ask_all = pn_duckdb_ask_all,
    .warm = pn_duckdb_warm,
    .progress = pn_duckdb_progress,
    .write_parquet = pn_duckdb_write_parquet,
    .order = pn_duckdb_order,
    .append = pn_duckdb_append,
    .import = pn_duckdb_import,
    .import_lines = pn_duckdb_import_lines,
    .drop_letters = pn_duckdb_drop_letters,
    .parquet = parquet,
};

int pn_duckdb_engine_create(const struct pn_duckdb_config *config,
                            const struct pn_pipeline *pipeline, struct pn_store *store,
                            const struct pn_clock *clock, struct pn_logger *logger,
                            struct pn_embedded_engine **engine, struct pn_err *e)
{
    static const char *const codecs[] = {"snappy", "zstd", "uncompressed"};
    bool known = false;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        known = known || strcmp(config->parquet_compression, codecs[i]) == 0;
    }
    if (!known) {
        return pn_err_input(
            e, "the Parquet compression must be snappy, zstd or uncompressed, not '%s'",
            config->parquet_compression);
    }
    struct pn_duckdb *made = pn_xcalloc(1, sizeof *made);
    made->engine.batch.ops = &BATCH_OPS;
    made->engine.ops = &OPS;
    made->config = *config;
    if (config->io == NULL) {
        made->config.io = pn_io_system();
    }
    if (config->temp_folder != NULL) {
        made->config.temp_folder = pn_xstrdup(config->temp_folder);
    }
    made->config.parquet_compression = pn_xstrdup(config->parquet_compression);
    if (config->shelf_folder != NULL) {
        made->config.shelf_folder = pn_xstrdup(config->shelf_folder);
    }
    if (config->landed_folder != NULL) {
        made->config.landed_folder = pn_xstrdup(config->landed_folder);
    }
    made->pipeline = pipeline;
    made->store = store;
    made->clock = clock;
    made->logger = logger;
    made->parquet = (struct pn_delta_parquet){.write_checkpoint = pn_duckdb_write_checkpoint,
                                              .read_checkpoint = pn_duckdb_read_checkpoint,
                                              .ctx = made};
    made->functions = FUNCTIONS;
    pthread_mutex_init(&made->work_lock, NULL);
    pthread_mutex_init(&made->ask_lock, NULL);
    pthread_mutex_init(&made->lock, NULL);
    pn_duckdb_views_init(&made->work_views);
    pn_duckdb_views_init(&made->ask_views);
    pn_duckdb_verified_init(&made->verified);
    *engine = &made->engine;
    return 0;
}
