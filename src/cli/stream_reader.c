#include "cli/stream_reader.h"

#include <stdlib.h>

#include "base/mem.h"
#include "server/stations.h"

enum {
    BESIDE_MEMORY_BYTES = 128 << 20, /* of the engine within the server */
    BESIDE_THREADS = 2,
    POLL_MS_MIN = 20
};

/* A table that is committed to ten times a second keeps its old versions for stream.keep_ms, and
 * its checkpoints are made apart from the commits. */
static int delta_config(struct pn_cli *cli, struct pn_delta_config *config, struct pn_err *e)
{
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_settings(cli, &settings, e);
    if (rc == 0) {
        rc = pn_cli_delta_config(cli, config, e);
    }
    if (rc == 0) {
        config->log_retention_ms = settings->stream.keep_ms;
        config->tombstone_retention_ms = settings->stream.keep_ms;
    }
    return rc;
}

int pn_cli_streams_config(struct pn_cli *cli, struct pn_streams_config *config, struct pn_err *e)
{
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_settings(cli, &settings, e);
    if (rc == 0) {
        rc = delta_config(cli, &config->delta, e);
    }
    if (rc == 0) {
        config->trigger_ms = settings->stream.trigger_ms;
        config->batch_rows_max = settings->stream.batch_rows_max;
        config->batch_bytes_max = settings->stream.batch_bytes_max;
        config->compact_files = settings->stream.compact_files;
        config->keep_ms = settings->stream.keep_ms;
        config->optimize_target_bytes = settings->delta.optimize_target_bytes;
    }
    return rc;
}

int pn_cli_open_stream_engine(struct pn_cli *cli, struct pn_store *store, bool beside,
                              struct pn_engine **engine, struct pn_err *e)
{
    struct pn_engine_config config = {.memory_bytes_max = beside ? BESIDE_MEMORY_BYTES : 0,
                                      .threads = beside ? BESIDE_THREADS : 0};
    int rc = delta_config(cli, &config.delta, e);
    config.delta.checkpoint_interval = INT64_MAX;
    return rc == 0 ? pn_cli_create_engine(cli, store, &config, engine, e) : rc;
}

/* The server of the data folder may be started again, at another port. */
static char *find_server(void *arg)
{
    char *url = NULL;
    return pn_cli_server_url(arg, &url, NULL) == 0 ? url : NULL;
}

static int open_source(struct pn_cli *cli, struct pn_stream_reader *reader, struct pn_err *e)
{
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_settings(cli, &settings, e);
    if (rc == 0) {
        rc = pn_cli_server_url(cli, &reader->url, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (reader->url != NULL) {
        int64_t poll_ms = settings->stream.trigger_ms / 2;
        const struct pn_stream_server server = {.url = reader->url,
                                                .poll_ms =
                                                    poll_ms > POLL_MS_MIN ? poll_ms : POLL_MS_MIN,
                                                .find = cli->url == NULL ? find_server : NULL,
                                                .arg = cli};
        reader->source = pn_stream_source_api(&server);
        return 0;
    }
    rc = pn_cli_open_log(cli, NULL, &reader->log, e);
    if (rc == 0) {
        rc = pn_cli_open_kinesis(cli, reader->log, NULL, &reader->arena, &reader->kinesis, e);
    }
    return rc != 0 ? rc : pn_stream_source_embedded(reader->kinesis, &reader->source, e);
}

int pn_stream_reader_open(struct pn_cli *cli, bool looks_only, char **names, int count,
                          struct pn_stream_reader *reader, struct pn_err *e)
{
    *reader =
        (struct pn_stream_reader){.config = {.names = count > 0 ? (const char *const *)names : NULL,
                                             .name_count = (size_t)count},
                                  .env = {.clock = cli->clock, .logger = cli->logger}};
    pn_arena_init(&reader->arena, 0);
    if (!looks_only) {
        pn_cli_note_new_folder(cli);
    }
    int rc = looks_only ? pn_cli_open_store_there(cli, &reader->store, e)
                        : pn_cli_open_store(cli, &reader->store, e);
    if (rc == 0) {
        rc = open_source(cli, reader, e);
    }
    if (rc == 0) {
        rc = pn_cli_open_stream_engine(cli, reader->store, false, &reader->engine, e);
    }
    if (rc == 0) {
        rc = pn_cli_streams_config(cli, &reader->config, e);
    }
    if (rc == 0) {
        rc = pn_cli_pipeline(cli, &reader->env.pipeline, e);
    }
    reader->env.engine = reader->engine;
    reader->env.store = reader->store;
    reader->env.source = reader->source;
    return rc;
}

void pn_stream_reader_close(struct pn_stream_reader *reader)
{
    pn_stream_source_destroy(&reader->source);
    pn_kinesis_destroy(&reader->kinesis);
    pn_log_destroy(&reader->log);
    pn_engine_destroy(&reader->engine);
    pn_store_destroy(&reader->store);
    pn_arena_deinit(&reader->arena);
    free(reader->url);
}
