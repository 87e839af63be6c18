#include "server/profile_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "log/kafka/kafka.h"
#include "server/announcement.h"
#include "server/claim.h"
#include "server/kinesis_check.h"
#include "server/stations.h"
#include "settings/configs.h"

enum { DETAIL_BYTES_MAX = 8192, CLUSTER_BYTES_MAX = 1024 };

struct check {
    const struct pn_app *app;
    void (*fn)(void *arg, const struct pn_profile_finding *finding);
    void *arg;
    int failures;
    struct pn_buf cluster; /* the id of the log's; empty: not known */
};

static bool lacks(const struct pn_app *app, const char *setting)
{
    bool found = false;
    for (size_t i = 0; i < app->lack_count; i++) {
        found = found || strcmp(app->lacks[i], setting) == 0;
    }
    return found;
}

/* --- findings --------------------------------------------------------------------------------- */

struct naming {
    const char *text;
    const char *at;   /* where the text names a setting first */
    const char *name; /* of it, the longest; the table's own */
};

static void find_name(void *arg, const struct pn_setting_shown *setting)
{
    struct naming *naming = arg;
    const char *at = strstr(naming->text, setting->name);
    bool is_first = at != NULL && (naming->at == NULL || at < naming->at);
    bool is_longer = at != NULL && at == naming->at && strlen(setting->name) > strlen(naming->name);
    if (is_first || is_longer) {
        naming->at = at;
        naming->name = setting->name;
    }
}

static void good(struct check *check, const char *part, const char *detail)
{
    const struct pn_profile_finding finding = {.part = part, .is_good = true, .detail = detail};
    check->fn(check->arg, &finding);
}

/* The setting is the one that the message names, or else `usual`. */
static void bad(struct check *check, const char *part, const struct pn_err *failure,
                const char *usual)
{
    struct naming naming = {.text = failure->msg};
    pn_settings_each(check->app->settings, find_name, &naming);
    const struct pn_profile_finding finding = {
        .part = part, .detail = failure->msg, .setting = naming.name != NULL ? naming.name : usual};
    check->failures++;
    check->fn(check->arg, &finding);
}

/* --- the log ---------------------------------------------------------------------------------- */

/* Reads a record of each partition, if there is one. *missing is how many topics are not there. */
static int read_topics(const struct pn_app *app, struct pn_log *log, size_t *missing,
                       const char **first_missing, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = app->pipeline;
    struct pn_arena arena;
    int rc = 0;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < pipeline->topic_count && rc == 0; i++) {
        const char *name = pipeline->topics[i].name;
        struct pn_log_topic_info info;
        struct pn_log_offsets offsets;
        struct pn_err why = {0};
        rc = pn_log_topic(log, name, &info, &why);
        for (int32_t partition = 0; rc == 0 && partition < info.partitions; partition++) {
            struct pn_log_records records = {0};
            rc = pn_log_offsets(log, name, partition, &offsets, &why);
            if (rc == 0) {
                rc = pn_log_read(log, name, partition, offsets.begin, 1, 1, &arena, &records, &why);
            }
        }
        if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
            *first_missing = *missing == 0 ? name : *first_missing;
            ++*missing;
            rc = 0;
        } else if (rc != 0) {
            pn_err_copy(e, &why);
            pn_err_prefix(e, "the topic %s", name);
        }
    }
    pn_arena_deinit(&arena);
    return rc;
}

static const char *usual_of_log(const struct pn_err *failure)
{
    return failure->code == PN_LOG_NOT_AUTHENTICATED ? "log.kafka.sasl_username" : "log.url";
}

/* In a folder of its own, so that a server of the data folder is not disturbed. */
static void check_kafka(struct check *check)
{
    const struct pn_app *app = check->app;
    const char *base = getenv("TMPDIR");
    char uuid[PN_UUID_SIZE];
    char detail[DETAIL_BYTES_MAX];
    struct pn_err failure = {0};
    struct pn_log *log = NULL;
    struct pn_kafka_config config;
    size_t missing = 0;
    const char *first = NULL;
    char *folder = pn_xasprintf("%s/pinion-check-%s", base != NULL && *base != '\0' ? base : "/tmp",
                                pn_uuid(uuid));
    pn_settings_to_kafka(app->settings, &config);
    config.folder = folder;
    int rc = pn_kafka_open(&config, app->io, app->clock, app->logger, &log, &failure);
    if (rc == 0) {
        rc = read_topics(app, log, &missing, &first, &failure);
    }
    if (rc == 0 && pn_kafka_owns_folder(folder, app->io)) {
        rc = pn_kafka_cluster_of_folder(folder, app->io, &check->cluster, &failure);
    }
    pn_log_destroy(&log);
    int ignored = pn_io_remove_tree(app->io, folder, NULL);
    (void)ignored; /* it is empty but for a lock and an id */
    free(folder);
    if (rc != 0) {
        bad(check, "log", &failure, usual_of_log(&failure));
        return;
    }
    if (missing > 0) {
        (void)snprintf(detail, sizeof detail,
                       "%s answers; %zu of the pipeline's %zu topics are not there yet, such as "
                       "%s: `pinion serve` creates them",
                       config.url, missing, app->pipeline->topic_count, first);
    } else {
        (void)snprintf(detail, sizeof detail, "%s answers; the pipeline's topics can be read",
                       config.url);
    }
    good(check, "log", detail);
}

static void check_folder(struct check *check)
{
    const struct pn_app *app = check->app;
    char detail[DETAIL_BYTES_MAX];
    char *server = NULL;
    struct pn_err failure = {0};
    char *folder = pn_app_path(app, "log");
    int rc = pn_announcement_read(app->io, app->data, &server, &failure);
    if (rc == 0 && pn_kafka_owns_folder(folder, app->io)) {
        rc = pn_err_fatal(&failure,
                          "the data folder %s belongs to a Kafka cluster: set log.url, or give "
                          "another folder with --data",
                          app->data);
    }
    if (rc != 0) {
        bad(check, "log", &failure, NULL);
    } else if (server != NULL) {
        (void)snprintf(detail, sizeof detail, "in %s, where the server %s has it", app->data,
                       server);
        good(check, "log", detail);
    } else {
        (void)snprintf(detail, sizeof detail, "in %s%s", app->data,
                       pn_io_exists(app->io, folder) ? "" : ", where `pinion serve` makes it");
        good(check, "log", detail);
    }
    free(folder);
    free(server);
}

/* --- the store -------------------------------------------------------------------------------- */

/* The log of a cluster did not say which one it is: whose the bucket is, is known when it does. */
static bool is_cluster_unknown(const struct check *check)
{
    return check->cluster.len == 0 &&
           (check->app->settings->log.url[0] != '\0' || lacks(check->app, "log.url"));
}

static void check_store(struct check *check)
{
    const struct pn_app *app = check->app;
    char detail[DETAIL_BYTES_MAX];
    struct pn_err failure = {0};
    struct pn_store *store = NULL;
    char *url = NULL;
    char *owner = NULL;
    char *named = NULL;
    const char *cluster = check->cluster.len > 0 ? pn_buf_text(&check->cluster) : NULL;
    bool is_ours = false;
    bool is_bucket = app->settings->store.url[0] != '\0';
    if (!is_bucket && !pn_io_exists(app->io, app->data)) {
        (void)snprintf(detail, sizeof detail, "in %s, where `pinion serve` makes it", app->data);
        good(check, "store", detail);
        return;
    }
    int rc = pn_app_open_store_there(app, &store, &failure);
    if (rc == 0) {
        rc = pn_store_check(store, &failure);
    }
    if (rc == 0) {
        rc = pn_store_url(store, "", &url, &failure);
    }
    if (rc == 0 && is_bucket) {
        rc = pn_app_look_claim(app, store, cluster, &owner, &is_ours, &failure);
    }
    bool is_open = rc == 0 && owner != NULL && !is_ours && is_cluster_unknown(check) &&
                   pn_app_may_own(app, owner);
    if (rc == 0 && owner != NULL && !is_ours && !is_open) {
        rc = pn_app_refuse_store(app, owner, cluster, &failure);
    }
    if (rc == 0 && is_open) {
        named = pn_app_describe_owner(owner);
        (void)snprintf(detail, sizeof detail,
                       "%s keeps its promises (store check) and belongs to %s: whether that is "
                       "this pipeline is not known before the log answers",
                       url, named);
        good(check, "store", detail);
    } else if (rc == 0) {
        (void)snprintf(detail, sizeof detail, "%s keeps its promises (store check)", url);
        good(check, "store", detail);
    } else {
        bool lacks_keys = strstr(failure.msg, "AWS_ACCESS_KEY_ID") != NULL;
        bad(check, "store", &failure,
            lacks_keys  ? "store.access_key"
            : is_bucket ? "store.url"
                        : NULL);
    }
    free(named);
    free(owner);
    free(url);
    pn_store_destroy(&store);
}

/* --- the streams ------------------------------------------------------------------------------ */

static void check_kinesis(struct check *check)
{
    struct pn_err failure = {0};
    struct pn_buf detail;
    pn_buf_init(&detail, DETAIL_BYTES_MAX);
    if (pn_app_check_kinesis(check->app, &detail, &failure) == 0) {
        good(check, "streams", pn_buf_text(&detail));
    } else {
        bad(check, "streams", &failure, "kinesis.endpoint");
    }
    pn_buf_deinit(&detail);
}

/* --- the engine ------------------------------------------------------------------------------- */

static void check_engine(struct check *check)
{
    const struct pn_app *app = check->app;
    struct pn_err failure = {0};
    struct pn_store *store = NULL;
    struct pn_engine *engine = NULL;
    bool is_spark = pn_app_uses_spark(app);
    bool is_bucket = app->settings->store.url[0] != '\0';
    int rc = 0;
    if (is_spark) { /* a check claims no bucket */
        rc = is_bucket ? pn_app_open_store_there(app, &store, &failure)
                       : pn_app_open_store(app, &store, &failure);
    }
    if (rc == 0) {
        rc = is_spark ? pn_app_open_spark_check(app, store, &engine, &failure)
                      : pn_open_checking_engine(app->pipeline, app->clock, app->logger, &engine,
                                                &failure);
    }
    if (rc == 0) {
        rc = pn_engine_check(engine, &failure);
    }
    if (rc == 0) {
        good(check, "engine",
             is_spark ? "a job of Spark checked the pipeline's SQL"
                      : "DuckDB, in pinion itself, checked the pipeline's SQL");
    } else {
        bad(check, "engine", &failure, is_spark ? "engine.kind" : NULL);
    }
    pn_engine_destroy(&engine);
    pn_store_destroy(&store);
}

/* A part whose setting is missing cannot be tried. */
static void missing(struct check *check, const char *part, const char *setting)
{
    struct pn_err failure = {0};
    (void)pn_err_input(&failure, "not tried: set %s", setting);
    bad(check, part, &failure, setting);
}

static void check_settings(struct check *check)
{
    const struct pn_app *app = check->app;
    struct pn_err failure = {0};
    if (app->lack_count == 0) {
        good(check, "settings", "all that the profile needs is set");
        return;
    }
    bool several = app->lack_count > 1;
    (void)pn_err_input(&failure, "the profile needs %s%s%s, which %s not set", app->lacks[0],
                       several ? " and " : "", several ? app->lacks[1] : "",
                       several ? "are" : "is");
    bad(check, "settings", &failure, app->lacks[0]);
}

int pn_app_check_profile(const struct pn_app *app,
                         void (*fn)(void *arg, const struct pn_profile_finding *finding), void *arg)
{
    struct check check = {.app = app, .fn = fn, .arg = arg};
    pn_buf_init(&check.cluster, CLUSTER_BYTES_MAX);
    check_settings(&check);
    if (app->settings->kinesis.endpoint[0] != '\0') {
        check_kinesis(&check);
    }
    if (lacks(app, "log.url")) {
        missing(&check, "log", "log.url");
    } else if (app->settings->log.url[0] != '\0') {
        check_kafka(&check);
    } else {
        check_folder(&check);
    }
    if (lacks(app, "store.url")) {
        missing(&check, "store", "store.url");
    } else {
        check_store(&check);
    }
    if (lacks(app, "store.url") && pn_app_uses_spark(app)) { /* whose job is in the bucket */
        missing(&check, "engine", "store.url");
    } else {
        check_engine(&check);
    }
    pn_buf_deinit(&check.cluster);
    return check.failures;
}
