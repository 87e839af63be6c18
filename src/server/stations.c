#include "server/stations.h"

#include <stdlib.h>
#include <string.h>

#include "server/admission.h"
#include "server/claim.h"
#include "server/folder_mark.h"
#include "settings/configs.h"
#include "store/local/local.h"
#include "store/s3/s3.h"

static bool has_bucket(const struct pn_app *app)
{
    return app->settings->store.url[0] != '\0';
}

static int open_bucket(const struct pn_app *app, const char *url, struct pn_store **store,
                       struct pn_err *e)
{
    struct pn_s3_config config;
    char *temp_folder = pn_app_path(app, "tmp/uploads");
    pn_settings_to_s3(app->settings, &config);
    config.url = url;
    config.temp_folder = temp_folder;
    config.io = app->io;
    config.clock = app->clock;
    int rc = pn_s3_store_open(&config, store, e);
    free(temp_folder);
    return rc;
}

static int open_folder(const struct pn_app *app, struct pn_store **store, struct pn_err *e)
{
    struct pn_err failure = {0};
    char *folder = pn_app_path(app, "store");
    int rc = pn_local_store_open(folder, app->io, store, &failure);
    if (rc != 0) {
        (void)pn_err_set(e, failure.class_, rc, "%s (give a writable folder with --data)",
                         failure.msg);
    }
    free(folder);
    return rc;
}

int pn_app_open_unclaimed_store(const struct pn_app *app, struct pn_store **store, struct pn_err *e)
{
    int rc = pn_app_mark_folder(app, e);
    if (rc != 0) {
        return rc;
    }
    return has_bucket(app) ? open_bucket(app, app->settings->store.url, store, e)
                           : open_folder(app, store, e);
}

int pn_app_claim_bucket(const struct pn_app *app, struct pn_store *store, struct pn_err *e)
{
    return has_bucket(app) ? pn_app_claim_store(app, store, e) : 0;
}

int pn_app_open_store(const struct pn_app *app, struct pn_store **store, struct pn_err *e)
{
    int rc = pn_app_open_unclaimed_store(app, store, e);
    if (rc == 0) {
        rc = pn_app_claim_bucket(app, *store, e);
        if (rc != 0) {
            pn_store_destroy(store);
        }
    }
    return rc;
}

int pn_app_open_store_at(const struct pn_app *app, const char *address, struct pn_store **store,
                         struct pn_err *e)
{
    return strcmp(address, "local") == 0 ? open_folder(app, store, e)
                                         : open_bucket(app, address, store, e);
}

static int ask_scheduler(const struct pn_app *app,
                         int (*ask)(const struct pn_app *app, struct pn_store *store,
                                    struct pn_err *e),
                         struct pn_err *e)
{
    struct pn_store *store = NULL;
    if (!has_bucket(app) || app->settings->log.url[0] == '\0') {
        return 0; /* nobody shares it */
    }
    int rc = open_bucket(app, app->settings->store.url, &store, e);
    if (rc == 0) {
        rc = ask(app, store, e);
    }
    pn_store_destroy(&store);
    return rc;
}

int pn_app_claim_scheduling(const struct pn_app *app, struct pn_err *e)
{
    return ask_scheduler(app, pn_app_claim_scheduler, e);
}

int pn_app_find_scheduling(const struct pn_app *app, struct pn_err *e)
{
    return ask_scheduler(app, pn_app_find_scheduler, e);
}

int pn_app_check_data(const struct pn_app *app, struct pn_err *e)
{
    static const char *const parts[] = {"store", "log", "state.db", "pipeline_name"};
    bool any = false;
    for (size_t i = 0; !any && i < sizeof parts / sizeof *parts; i++) {
        char *path = pn_app_path(app, parts[i]);
        any = pn_io_exists(app->io, path);
        free(path);
    }
    struct pn_io_listing listing = {0};
    bool empty = !any && pn_io_list(app->io, app->data, &listing, NULL) == 0 && listing.count == 0;
    pn_io_listing_deinit(&listing);
    return any || empty ? 0
                        : pn_err_missing(e,
                                         "there is no pinion data in %s: give another folder with "
                                         "--data, or create the data with `pinion serve --data %s`",
                                         app->data, app->data);
}

int pn_app_open_store_there(const struct pn_app *app, struct pn_store **store, struct pn_err *e)
{
    if (has_bucket(app)) {
        return open_bucket(app, app->settings->store.url, store, e);
    }
    if (!pn_io_exists(app->io, app->data)) {
        return pn_err_missing(
            e,
            "there is no data folder %s: give --data, or create one with `pinion serve --data %s`",
            app->data, app->data);
    }
    int rc = pn_app_check_data(app, e);
    return rc != 0 ? rc : open_folder(app, store, e);
}

/* --- streams ---------------------------------------------------------------------------------- */

/* What is there stays as it is: it may have been changed since. */
static int make_stream(struct pn_kinesis *kinesis, const struct pn_pipeline_stream *wanted,
                       struct pn_err *e)
{
    const struct pn_stream *there = NULL;
    struct pn_err failure = {0};
    int rc = pn_kinesis_stream(kinesis, wanted->name, &there, &failure);
    pn_stream_release(&there);
    if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT) {
        return 0; /* it is closed, and says so to those who ask for it */
    }
    if (rc != PN_KINESIS_NOT_FOUND) {
        pn_err_copy(e, rc != 0 ? &failure : NULL);
        return rc;
    }
    const struct pn_stream_create create = {
        .name = wanted->name, .shards = wanted->shards, .retention_hours = wanted->retention_hours};
    rc = pn_kinesis_create_stream(kinesis, &create, e);
    if (rc == PN_KINESIS_IN_USE && pn_kinesis_is_shared(kinesis)) {
        return 0; /* another server has just made it */
    }
    if (rc != 0) {
        pn_err_prefix(e, "the stream %s", wanted->name);
    }
    return rc;
}

int pn_app_check_streams_here(const struct pn_app *app, struct pn_err *e)
{
    return app->settings->kinesis.endpoint[0] == '\0'
               ? 0
               : pn_err_input(e, "the streams are in another Kinesis (kinesis.endpoint), and this "
                                 "command needs them on the log: empty that setting");
}

int pn_app_open_kinesis(const struct pn_app *app, struct pn_log *log, bool makes_streams,
                        struct pn_arena *arena, struct pn_kinesis **kinesis, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = app->pipeline;
    struct pn_kinesis_config config;
    int rc = makes_streams ? pn_app_check_streams_here(app, e) : 0;
    if (rc != 0) {
        return rc;
    }
    pn_settings_to_kinesis(app->settings, &config);
    config.folder = pn_arena_printf(arena, "%s/kinesis", app->data);
    config.shared = app->settings->log.url[0] != '\0' && app->settings->kinesis.endpoint[0] == '\0';
    struct pn_admission *admission = pn_arena_calloc(arena, 1, sizeof *admission);
    pn_admission_init(admission, pipeline, app->settings, log);
    config.admission = pn_admission_of_streams(admission);
    struct pn_kinesis *opened = NULL;
    rc =
        pn_kinesis_create(&config, log, app->io, app->clock, app->logger, app->metrics, &opened, e);
    if (rc == 0 && makes_streams && pipeline->stream_count + pipeline->stream_pattern_count > 0) {
        rc = pn_kinesis_check_known(opened, e);
    }
    for (size_t i = 0; makes_streams && i < pipeline->stream_count && rc == 0; i++) {
        rc = make_stream(opened, &pipeline->streams[i], e);
    }
    if (rc == 0) {
        *kinesis = opened;
        opened = NULL;
    }
    pn_kinesis_destroy(&opened);
    return rc;
}

int pn_app_open_stream_source(const struct pn_app *app, bool fills,
                              struct pn_processor_source **source, struct pn_err *e)
{
    const struct pn_processor_kinesis config = {.endpoint = app->settings->kinesis.endpoint,
                                                .region = app->settings->aws.region,
                                                .read_ms = app->settings->kinesis.read_ms,
                                                .consumer =
                                                    fills ? app->settings->kinesis.consumer : NULL,
                                                .io = app->io,
                                                .clock = app->clock,
                                                .metrics = app->metrics};
    return pn_processor_source_kinesis(&config, source, e);
}
