#include "cli/stream_reader.h"

#include <stdlib.h>

#include "base/mem.h"
#include "server/announcement.h"
#include "server/claim.h"
#include "server/stations.h"

enum { POLL_MS_MIN = 20 };

/* The server of the data folder may be started again, at another port. Called on other threads:
 * both members stay as they are. */
static char *find_server(void *arg)
{
    const struct pn_cli *cli = arg;
    char *url = NULL;
    return pn_announcement_read(cli->io, cli->data, &url, NULL) == 0 ? url : NULL;
}

static bool is_elsewhere(const struct pn_app *app)
{
    return app->settings->kinesis.endpoint[0] != '\0';
}

static int open_source(struct pn_cli *cli, const struct pn_app *app, bool looks_only,
                       struct pn_stream_reader *reader, struct pn_err *e)
{
    if (is_elsewhere(app) && cli->url != NULL) {
        return pn_err_input(e, "--url reads the streams of a server's log, and the streams are in "
                               "another Kinesis (kinesis.endpoint): leave one of the two out");
    }
    if (is_elsewhere(app)) {
        return pn_app_open_stream_source(app, !looks_only, &reader->source, e);
    }
    int rc = pn_cli_server_url(cli, &reader->url, e);
    if (rc != 0) {
        return rc;
    }
    if (reader->url != NULL) {
        if (looks_only) {
            pn_cli_note_folder(cli);
        }
        int64_t poll_ms = app->settings->stream.trigger_ms / 2;
        const struct pn_processor_server server = {.url = reader->url,
                                                   .poll_ms = poll_ms > POLL_MS_MIN ? poll_ms
                                                                                    : POLL_MS_MIN,
                                                   .find = cli->url == NULL ? find_server : NULL,
                                                   .arg = cli};
        reader->source = pn_processor_source_api(&server);
        return 0;
    }
    bool is_ours = true;
    rc = looks_only ? pn_app_open_log_there(app, &is_ours, &reader->log, e)
                    : pn_app_open_log(app, &reader->log, e);
    if (rc == 0) {
        rc = pn_app_open_kinesis(app, reader->log, is_ours, &reader->arena, &reader->kinesis, e);
    }
    return rc != 0 ? rc : pn_processor_source_embedded(reader->kinesis, &reader->source, e);
}

int pn_stream_reader_open(struct pn_cli *cli, bool looks_only, char **names, int count,
                          struct pn_stream_reader *reader, struct pn_err *e)
{
    *reader =
        (struct pn_stream_reader){.config = {.names = count > 0 ? (const char *const *)names : NULL,
                                             .name_count = (size_t)count},
                                  .env = {.clock = cli->clock, .logger = cli->logger}};
    pn_arena_init(&reader->arena, 0);
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc != 0) {
        return rc;
    }
    pn_app_streams_config(app, &reader->config);
    if (!looks_only) {
        pn_cli_note_new_folder(cli);
    }
    if (looks_only) {
        rc = pn_app_open_store_there(app, &reader->store, e);
    } else if (is_elsewhere(app)) { /* nothing of a log comes to the bucket: all may fill tables */
        rc = pn_app_open_unclaimed_store(app, &reader->store, e);
    } else {
        rc = pn_app_open_store(app, &reader->store, e);
    }
    if (rc == 0) {
        rc = open_source(cli, app, looks_only, reader, e);
    }
    if (rc == 0) {
        rc = pn_app_open_stream_engine(app, reader->store, false, &reader->engine, e);
    }
    reader->env.pipeline = app->pipeline;
    reader->env.engine = reader->engine;
    reader->env.store = reader->store;
    reader->env.source = reader->source;
    return rc;
}

int pn_stream_reader_check_group(struct pn_cli *cli, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    bool has_shards = rc == 0 && (app->settings->log.url[0] != '\0' || is_elsewhere(app));
    if (rc == 0 && (!has_shards || app->settings->store.url[0] == '\0')) {
        rc = pn_err_input(e, "there is nothing to share: --group needs the log on a Kafka cluster "
                             "(log.url) or streams in another Kinesis (kinesis.endpoint), and the "
                             "store in a bucket (store.url)");
    } else if (rc == 0 && !is_elsewhere(app) && cli->url != NULL) {
        rc = pn_err_input(e, "--group reads the cluster itself, and --url reads the streams of a "
                             "server: leave one of the two out");
    }
    return rc;
}

int pn_stream_reader_join(struct pn_cli *cli, struct pn_stream_reader *reader, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc == 0 && reader->url != NULL) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                        "--group reads the cluster itself, and the server on %s has the data "
                        "folder %s: give another one with --data",
                        reader->url, cli->data);
    }
    if (rc == 0 && is_elsewhere(app)) {
        reader->leases = pn_app_lease_folder(app, reader->store);
    } else if (rc == 0) {
        rc = pn_app_group(app, reader->store, "stream", &reader->group, e);
    }
    reader->env.group = reader->group;
    reader->env.lease_folder = reader->leases;
    reader->env.log = reader->log;
    return rc;
}

void pn_stream_reader_close(struct pn_stream_reader *reader)
{
    pn_processor_source_destroy(&reader->source);
    pn_kinesis_destroy(&reader->kinesis);
    pn_log_destroy(&reader->log);
    pn_embedded_engine_destroy(&reader->engine);
    pn_store_destroy(&reader->store);
    pn_arena_deinit(&reader->arena);
    free(reader->group);
    free(reader->leases);
    free(reader->url);
}
