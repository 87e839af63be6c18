/* The engines of batches, checks and stream tables, and what processors are given. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "engine/duckdb/duckdb.h"
#include "engine/spark/databricks/databricks.h"
#include "engine/spark/spark.h"
#include "engine/spark/submit.h"
#include "server/program.h"
#include "server/stations.h"
#include "settings/configs.h"

enum {
    BESIDE_MEMORY_BYTES = 128 << 20, /* of the engine within the server */
    BESIDE_THREADS = 2
};

/* What the settings give, unless `most` is less; 0 is all there is. */
static int64_t at_most(int64_t most, int64_t given)
{
    return most != 0 && (given == 0 || given > most) ? most : given;
}

/* The environment of a task, and of what it starts, has its run. */
static void read_run_values(struct pn_run_values *run)
{
    run->conf = getenv("PINION_CONF");
    run->run_id = getenv("PINION_RUN_ID");
    run->logical_date =
        run->logical_date != NULL ? run->logical_date : getenv("PINION_LOGICAL_DATE");
    run->interval_start = getenv("PINION_DATA_INTERVAL_START");
    run->interval_end = getenv("PINION_DATA_INTERVAL_END");
}

struct pn_delta_maker pn_app_maker(const struct pn_app *app)
{
    const char *number = getenv("PINION_TRY_NUMBER");
    struct pn_delta_maker maker = {
        .dag = getenv("PINION_DAG"), .run = getenv("PINION_RUN_ID"), .task = getenv("PINION_TASK")};
    if (number == NULL || pn_parse_i64(number, &maker.attempt, NULL) != 0 ||
        !pn_delta_maker_is_known(&maker)) {
        maker = (struct pn_delta_maker){.command = app->config.command};
    }
    return maker;
}

/* With the settings in force. `config` has landed_folder, delta and, where they are not 0 or NULL,
 * the maker of its
 * commits, the most memory and threads that the engine may have, and where it spills. */
static int create_engine(const struct pn_app *app, struct pn_store *store,
                         const struct pn_duckdb_config *config, struct pn_embedded_engine **engine,
                         struct pn_err *e)
{
    const struct pn_settings *settings = app->settings;
    char *temp_folder = pn_app_path(app, "tmp");
    char *shelf_folder = pn_app_path(app, "tmp/objects");
    struct pn_duckdb_config whole = *config;
    whole.shelf_folder = shelf_folder;
    whole.temp_folder = config->temp_folder != NULL ? config->temp_folder : temp_folder;
    whole.memory_bytes_max = at_most(config->memory_bytes_max, settings->engine.memory_bytes_max);
    whole.threads = at_most(config->threads, settings->engine.threads);
    if (!pn_delta_maker_is_known(&whole.delta.maker)) {
        whole.delta.maker = pn_app_maker(app);
    }
    read_run_values(&whole.run);
    whole.copies_bytes_max = settings->store.cache_bytes_max;
    whole.parquet_compression = settings->engine.parquet_compression;
    int rc =
        pn_duckdb_engine_create(&whole, app->pipeline, store, app->clock, app->logger, engine, e);
    free(shelf_folder);
    free(temp_folder);
    return rc;
}

static void read_batch(const struct pn_app_batch *batch, struct pn_duckdb_config *config)
{
    if (batch != NULL) {
        config->landed_folder = batch->landed_folder;
        config->full_refresh = batch->full_refresh;
        config->drop_imported = batch->drop_imported;
        config->run.logical_date = batch->logical_date;
    }
}

int pn_app_open_engine(const struct pn_app *app, struct pn_store *store,
                       const struct pn_app_batch *batch, struct pn_embedded_engine **engine,
                       struct pn_err *e)
{
    struct pn_duckdb_config config = {.landed_folder = NULL};
    read_batch(batch, &config);
    pn_settings_to_delta(app->settings, &config.delta);
    return create_engine(app, store, &config, engine, e);
}

int pn_app_open_small_engine(const struct pn_app *app, struct pn_store *store,
                             struct pn_embedded_engine **engine, struct pn_err *e)
{
    struct pn_duckdb_config config = {.memory_bytes_max = BESIDE_MEMORY_BYTES, .threads = 1};
    pn_settings_to_delta(app->settings, &config.delta);
    return create_engine(app, store, &config, engine, e);
}

/* --- Spark ------------------------------------------------------------------------------------ */

bool pn_app_uses_spark(const struct pn_app *app)
{
    return strcmp(app->settings->engine.kind, "spark") == 0;
}

static int create_submit(const struct pn_app *app, struct pn_spark_runner **runner,
                         struct pn_err *e)
{
    char *library = NULL;
    char *temp_folder = NULL;
    char *relative = pn_app_path(app, "tmp");
    int rc = pn_program_folder(app->io, "deploy/spark", &library, e);
    if (rc == 0) {
        rc = pn_io_absolute_path(relative, &temp_folder, e);
    }
    if (rc == 0) {
        struct pn_spark_submit_config config;
        pn_settings_to_spark_submit(app->settings, &config);
        config.library = library;
        config.temp_folder = temp_folder;
        config.io = app->io;
        config.clock = app->clock;
        *runner = pn_spark_submit_create(&config);
    }
    free(library);
    free(temp_folder);
    free(relative);
    return rc;
}

static int create_databricks(const struct pn_app *app, struct pn_spark_runner **runner,
                             struct pn_err *e)
{
    const struct pn_settings *settings = app->settings;
    struct pn_databricks_config config;
    if (settings->store.url[0] == '\0' && settings->spark.store[0] == '\0') {
        return pn_err_input(e, "Databricks does not reach the store, which is a folder of this "
                               "machine: set store.url to a bucket, or spark.store to the address "
                               "by which Databricks reaches the folder");
    }
    pn_settings_to_databricks(settings, &config);
    config.io = app->io;
    config.clock = app->clock;
    *runner = pn_databricks_create(&config);
    return 0;
}

static int create_runner(const struct pn_app *app, struct pn_spark_runner **runner,
                         struct pn_err *e)
{
    return strcmp(app->settings->spark.runner, "databricks") == 0
               ? create_databricks(app, runner, e)
               : create_submit(app, runner, e);
}

/* The task that this process is an attempt of, as the scheduler says it. Caller frees. */
static char *task_of_environment(void)
{
    const char *dag = getenv("PINION_DAG");
    const char *run = getenv("PINION_RUN_ID");
    const char *task = getenv("PINION_TASK");
    return dag != NULL && run != NULL && task != NULL ? pn_xasprintf("%s/%s/%s", task, dag, run)
                                                      : NULL;
}

/* `batch` is NULL for queries and checks, which are outside of runs. `maker` of its commits is NULL
 * where this process is it. */
static int open_spark(const struct pn_app *app, struct pn_store *store,
                      const struct pn_duckdb_config *batch, const struct pn_delta_maker *maker,
                      struct pn_engine **engine, struct pn_err *e)
{
    const struct pn_delta_maker process = pn_app_maker(app);
    struct pn_spark_runner *runner = NULL;
    char *task = batch != NULL ? task_of_environment() : NULL;
    const struct pn_spark_engine_config config = {
        .store_url = app->settings->spark.store,
        .task = task,
        .run = batch != NULL ? &batch->run : NULL,
        .full_refresh = batch != NULL && batch->full_refresh,
        .drop_imported = batch != NULL && batch->drop_imported,
        .maker = maker != NULL ? maker : &process};
    int rc = create_runner(app, &runner, e);
    if (rc == 0) {
        rc = pn_spark_engine_create(&config, &runner, app->pipeline, store, engine, e);
    }
    free(task);
    return rc;
}

/* --- by the settings -------------------------------------------------------------------------- */

int pn_app_open_query_engine(const struct pn_app *app, struct pn_store *store,
                             const char *temp_folder, struct pn_embedded_engine **engine,
                             struct pn_err *e)
{
    const struct pn_settings *settings = app->settings;
    struct pn_duckdb_config config = {.temp_folder = temp_folder};
    pn_settings_to_delta(settings, &config.delta);
    if (settings->query.memory_bytes_max >= 0) {
        config.memory_bytes_max = settings->query.memory_bytes_max;
    }
    struct pn_engine *spark = NULL;
    int rc = create_engine(app, store, &config, engine, e);
    if (rc == 0 && pn_app_uses_spark(app)) {
        rc = open_spark(app, store, NULL, NULL, &spark, e);
        if (rc == 0) {
            *engine = pn_spark_asking_engine(&spark, engine);
        } else {
            pn_embedded_engine_destroy(engine);
        }
    }
    return rc;
}

int pn_app_open_batch_engine(const struct pn_app *app, struct pn_store *store,
                             const struct pn_app_batch *batch, const struct pn_delta_maker *maker,
                             struct pn_engine **engine, struct pn_err *e)
{
    struct pn_duckdb_config config = {.landed_folder = NULL};
    read_batch(batch, &config);
    if (pn_app_uses_spark(app)) {
        read_run_values(&config.run);
        return open_spark(app, store, &config, maker, engine, e);
    }
    struct pn_embedded_engine *opened = NULL;
    pn_settings_to_delta(app->settings, &config.delta);
    if (maker != NULL) {
        config.delta.maker = *maker;
    }
    int rc = create_engine(app, store, &config, &opened, e);
    *engine = rc == 0 ? &opened->batch : NULL;
    return rc;
}

int pn_open_checking_engine(const struct pn_pipeline *pipeline, const struct pn_clock *clock,
                            struct pn_logger *logger, struct pn_engine **engine, struct pn_err *e)
{
    const struct pn_duckdb_config config = {.parquet_compression = "snappy"};
    struct pn_embedded_engine *opened = NULL;
    int rc = pn_duckdb_engine_create(&config, pipeline, NULL, clock, logger, &opened, e);
    *engine = rc == 0 ? &opened->batch : NULL;
    return rc;
}

int pn_app_open_spark_check(const struct pn_app *app, struct pn_store *store,
                            struct pn_engine **engine, struct pn_err *e)
{
    return open_spark(app, store, NULL, NULL, engine, e);
}

/* --- stream tables ---------------------------------------------------------------------------- */

/* A table that is committed to ten times a second keeps its old versions for stream.keep_ms, and
 * its checkpoints are made apart from the commits. */
static void stream_delta_config(const struct pn_settings *settings, struct pn_delta_config *config)
{
    pn_settings_to_delta(settings, config);
    config->log_retention_ms = settings->stream.keep_ms;
    config->tombstone_retention_ms = settings->stream.keep_ms;
}

void pn_app_streams_config(const struct pn_app *app, struct pn_processor_config *config)
{
    const struct pn_settings *settings = app->settings;
    stream_delta_config(settings, &config->delta);
    config->trigger_ms = settings->stream.trigger_ms;
    config->batch_rows_max = settings->stream.batch_rows_max;
    config->batch_bytes_max = settings->stream.batch_bytes_max;
    config->compact_files = settings->stream.compact_files;
    config->keep_ms = settings->stream.keep_ms;
    config->lease_ms = settings->stream.lease_ms;
    config->optimize_target_bytes = settings->delta.optimize_target_bytes;
}

int pn_app_open_stream_engine(const struct pn_app *app, struct pn_store *store, bool beside,
                              struct pn_embedded_engine **engine, struct pn_err *e)
{
    struct pn_duckdb_config config = {.memory_bytes_max = beside ? BESIDE_MEMORY_BYTES : 0,
                                      .threads = beside ? BESIDE_THREADS : 0};
    stream_delta_config(app->settings, &config.delta);
    config.delta.checkpoint_interval = INT64_MAX;
    return create_engine(app, store, &config, engine, e);
}
