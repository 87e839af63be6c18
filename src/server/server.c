#include "server/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "gateway/gateway.h"
#include "gateway/request.h"
#include "server/addresses.h"
#include "server/admission.h"
#include "server/server_streams.h"
#include "server/sinks.h"
#include "server/stations.h"
#include "server/table_watch.h"
#include "server/unread.h"
#include "settings/configs.h"
#include "store/local/local.h"

/* More than all threads allocate in small pieces until each sees that memory is short. */
enum { MEMORY_RESERVE_BYTES = 16 << 20 };

struct pn_server {
    struct pn_cli *cli;
    unsigned roles;
    struct pn_arena arena; /* the scheduler's command line, the streams' folder */
    struct pn_metrics *metrics;
    struct pn_store *store;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_serve_streams *streams;
    struct pn_serve_tables *tables; /* NULL without a gateway */
    struct pn_sink *sink;           /* NULL, as what follows, when its role was left out */
    struct pn_scheduler *scheduler;
    struct pn_unread *unread;
    struct pn_admission admission; /* of topics */
    struct pn_gateway *gateway;
    struct pn_route routes[2];
    char *url;
    int announced_fd; /* the lock of the announcement, or -1 */
};

/* ---- our own API ----------------------------------------------------------------------------- */

static enum pn_handled handle_flush(struct pn_request *req, void *arg)
{
    struct pn_server *server = arg;
    struct pn_err failure = {0};
    if (server->sink == NULL) {
        pn_reply_error(req, 409, 409,
                       "this server lands nothing: it was started without the role"
                       " sink");
        return PN_HANDLED;
    }
    if (pn_sink_flush(server->sink, &failure) != 0) {
        pn_reply_log_error(req, failure.class_, failure.msg);
        return PN_HANDLED;
    }
    req->status = 200;
    req->content_type = "application/json";
    pn_buf_adds(&req->out, "{\"landed\":true}");
    return PN_HANDLED;
}

static void write_status(struct pn_request *req, const struct pn_sink_status *status)
{
    struct pn_buf *out = &req->out;
    pn_buf_addc(out, '{');
    pn_json_write_key(out, "topic");
    pn_json_write_cstr(out, status->topic);
    pn_buf_addf(out,
                ",\"partition\":%d,\"landed_offset\":%lld,\"end_offset\":%lld,\"lag\":%lld,"
                "\"objects\":%lld,\"records\":%lld,\"dead_letters\":%lld,\"lost\":%lld,"
                "\"errors\":%lld,\"error\":",
                (int)status->partition, (long long)status->landed_offset,
                (long long)status->end_offset, (long long)status->lag, (long long)status->objects,
                (long long)status->records, (long long)status->dead_letters,
                (long long)status->lost, (long long)status->errors);
    pn_json_write_cstr(out, pn_request_public(req, status->error));
    pn_buf_addc(out, '}');
}

static enum pn_handled handle_status(struct pn_request *req, void *arg)
{
    struct pn_server *server = arg;
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    if (server->sink != NULL) {
        pn_sink_status(server->sink, &req->arena, &statuses, &count);
    }
    req->status = 200;
    req->content_type = "application/json";
    pn_buf_adds(&req->out, "{\"partitions\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            pn_buf_addc(&req->out, ',');
        }
        write_status(req, &statuses[i]);
    }
    pn_buf_adds(&req->out, "]}");
    return PN_HANDLED;
}

/* For /health: the partitions that don't land now, and why. */
static void report_stalled(void *arg, struct pn_arena *arena, struct pn_buf *out)
{
    struct pn_server *server = arg;
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    if (server->sink != NULL) {
        pn_sink_status(server->sink, arena, &statuses, &count);
    }
    for (size_t i = 0; i < count; i++) {
        if (statuses[i].error == NULL) {
            continue;
        }
        pn_buf_adds(out, out->len > 0 ? ",{\"topic\":" : "{\"topic\":");
        pn_json_write_cstr(out, statuses[i].topic);
        pn_buf_addf(out, ",\"partition\":%d,\"reason\":", (int)statuses[i].partition);
        pn_json_write_cstr(out, statuses[i].error);
        pn_buf_addc(out, '}');
    }
}

static void report_closed_one(struct pn_buf *out, const char *kind, const char *name,
                              const char *why)
{
    pn_buf_addf(out, "%s{\"%s\":", out->len > 0 ? "," : "", kind);
    pn_json_write_cstr(out, name);
    pn_buf_adds(out, ",\"reason\":");
    pn_json_write_cstr(out, why);
    pn_buf_addc(out, '}');
}

/* For /health: topics and streams whose metadata is damaged. */
static void report_closed(void *arg, struct pn_arena *arena, struct pn_buf *out)
{
    const struct pn_server *server = arg;
    struct pn_log_closed_topic *topics = NULL;
    size_t count = 0;
    pn_log_closed_topics(server->log, arena, &topics, &count);
    for (size_t i = 0; i < count; i++) {
        report_closed_one(out, "topic", topics[i].name, topics[i].why);
    }
    for (size_t i = 0; i < pn_kinesis_closed_count(server->kinesis); i++) {
        const char *why = NULL;
        const char *name = pn_kinesis_closed(server->kinesis, i, &why);
        report_closed_one(out, "stream", name, why);
    }
}

static void add_routes(struct pn_server *server)
{
    const struct pn_gateway_health closed = {
        .name = "closed", .report = report_closed, .arg = server};
    const struct pn_gateway_health health = {
        .name = "stalled_landings", .report = report_stalled, .arg = server};
    server->routes[0] = (struct pn_route){.method = PN_POST,
                                          .pattern = "api/v1/sink/flush",
                                          .handle = handle_flush,
                                          .arg = server,
                                          .flags = PN_ROUTE_BLOCKS,
                                          .right = PN_RIGHT_ADMIN,
                                          .scope = PN_OF_SERVER};
    server->routes[1] = (struct pn_route){.method = PN_GET,
                                          .pattern = "api/v1/sink",
                                          .handle = handle_status,
                                          .arg = server,
                                          .flags = PN_ROUTE_BLOCKS,
                                          .right = PN_RIGHT_READ,
                                          .scope = PN_OF_SERVER};
    for (size_t i = 0; i < sizeof server->routes / sizeof *server->routes; i++) {
        pn_gateway_add_route(server->gateway, &server->routes[i]);
    }
    pn_gateway_add_health(server->gateway, &closed);
    pn_gateway_add_health(server->gateway, &health);
    pn_serve_tables_add_health(server->tables, server->gateway);
    pn_serve_streams_add_routes(server->streams, server->gateway);
    pn_unread_add_routes(server->unread, server->gateway);
}

/* ---- start and stop -------------------------------------------------------------------------- */

/* The absolute path of the data folder: of the store's, which is in it. Caller frees. */
static int data_folder(const struct pn_server *server, char **folder, struct pn_err *e)
{
    int rc = pn_store_url(server->store, "", folder, e);
    if (rc == 0) {
        char *slash = strrchr(*folder, '/');
        while (slash > *folder && slash[-1] == '/') {
            slash--;
        }
        *slash = '\0';
    }
    return rc;
}

static int create_gateway(struct pn_server *server, const char *listen, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = NULL;
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_pipeline_and_settings(server->cli, &pipeline, &settings, e);
    if (rc != 0) {
        return rc;
    }
    pn_admission_init(&server->admission, pipeline, settings, server->log);
    char *data = NULL;
    rc = data_folder(server, &data, e);
    if (rc != 0) {
        return rc;
    }
    char *consumers = pn_cli_path(server->cli, "consumers");
    struct pn_gateway_config config;
    pn_settings_to_gateway(settings, &config);
    config.listen = listen != NULL ? listen : settings->gateway.listen;
    config.api_keys = getenv("PINION_API_KEY");
    config.consumers_folder = consumers;
    config.data_folder = data;
    const struct pn_gateway_env env = {.log = server->log,
                                       .kinesis = server->kinesis,
                                       .io = server->cli->io,
                                       .clock = server->cli->clock,
                                       .logger = server->cli->logger,
                                       .metrics = server->metrics,
                                       .first_record = pn_admission_first_record,
                                       .first_record_arg = &server->admission};
    rc = pn_gateway_create(&config, &env, &server->gateway, e);
    free(consumers);
    free(data);
    return rc;
}

/* The address people and commands reach us at: the host as it was asked for, the port as it is. */
static char *make_url(const struct pn_server *server, const char *listen)
{
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_settings(server->cli, &settings, NULL);
    PN_ASSERT(rc == 0);
    const char *address = listen != NULL ? listen : settings->gateway.listen;
    const char *colon = strrchr(address, ':');
    int host_len = colon != NULL ? (int)(colon - address) : (int)strlen(address);
    bool any = pn_listens_everywhere(address);
    return pn_xasprintf("http://%.*s:%u", any ? 9 : host_len, any ? "127.0.0.1" : address,
                        (unsigned)pn_gateway_port(server->gateway));
}

/* Who has the folder is worth more than which of its locks is taken. */
static void explain_conflict(struct pn_cli *cli, struct pn_err *e)
{
    char *url = NULL;
    if (pn_cli_server_url(cli, &url, NULL) == 0 && url != NULL) {
        (void)pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                         "the data folder %s is in use by the server on %s: stop that one, or give"
                         " another --data",
                         cli->data, url);
    } else {
        (void)pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                         "the data folder %s is in use by another pinion: wait for it, or give"
                         " another --data",
                         cli->data);
    }
    free(url);
}

/* From the store up: each station stands on the ones before it. */
static int open_stations(struct pn_server *server, const char *listen, struct pn_err *e)
{
    struct pn_cli *cli = server->cli;
    int rc = pn_cli_open_store(cli, &server->store, e);
    if (rc == 0) {
        struct pn_err failure = {0};
        rc = pn_cli_open_log(cli, server->metrics, &server->log, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
            explain_conflict(cli, &failure);
        }
        pn_err_copy(e, rc != 0 ? &failure : NULL);
    }
    if (rc == 0) {
        /* We hold the log's lock, so no other server's temporary files are in use. */
        rc = pn_local_store_sweep(server->store, e);
    }
    if (rc == 0) {
        rc = pn_cli_open_kinesis(cli, server->log, server->metrics, &server->arena,
                                 &server->kinesis, e);
    }
    if (rc == 0) {
        rc = pn_serve_streams_create(cli, server->kinesis, server->store, server->metrics,
                                     (server->roles & PN_ROLE_STREAM) != 0, &server->streams, e);
    }
    if (rc == 0 && (server->roles & PN_ROLE_SINK) != 0) {
        rc = pn_cli_open_sink(cli, server->log, server->store, server->metrics, &server->sink, e);
    }
    if (rc == 0 && (server->roles & PN_ROLE_SCHEDULER) != 0) {
        rc = pn_cli_open_scheduler(cli, server->metrics, &server->arena, &server->scheduler, e);
    }
    if (rc == 0 && (server->roles & PN_ROLE_GATEWAY) != 0) {
        rc = create_gateway(server, listen, e);
    }
    if (rc == 0 && server->gateway != NULL) {
        rc = pn_gateway_listen(server->gateway, e);
    }
    return rc;
}

/* The gateway last: what comes in finds everything at work. */
static int start_stations(struct pn_server *server, const char *listen, struct pn_err *e)
{
    int rc = open_stations(server, listen, e);
    if (rc == 0) {
        rc = pn_serve_streams_start(server->streams, e);
    }
    if (rc == 0 && server->sink != NULL) {
        rc = pn_sink_start(server->sink, e);
    }
    if (rc == 0 && server->scheduler != NULL) {
        rc = pn_scheduler_start(server->scheduler, e);
    }
    if (rc == 0 && server->gateway != NULL) {
        rc = pn_serve_tables_start(server->cli, server->store, &server->tables, e);
    }
    if (rc == 0 && server->gateway != NULL) {
        const struct pn_pipeline *pipeline = server->cli->pipeline;
        rc = pn_unread_start(pipeline, server->log, server->kinesis, server->cli->logger,
                             server->metrics, &server->unread, e);
    }
    if (rc == 0 && server->gateway != NULL) {
        add_routes(server);
        rc = pn_gateway_start(server->gateway, e);
    }
    return rc;
}

int pn_server_start(struct pn_cli *cli, const char *listen, unsigned roles,
                    struct pn_server **server, struct pn_err *e)
{
    pn_mem_keep_reserve(MEMORY_RESERVE_BYTES);
    struct pn_server *started = pn_xcalloc(1, sizeof *started);
    started->cli = cli;
    started->roles = roles;
    started->announced_fd = -1;
    pn_arena_init(&started->arena, 0);
    started->metrics = pn_metrics_create();
    int rc = start_stations(started, listen, e);
    if (rc == 0 && started->gateway != NULL) {
        started->url = make_url(started, listen);
        rc = pn_cli_server_announce(cli, started->url, &started->announced_fd, e);
    }
    if (rc == 0) {
        *server = started;
        started = NULL;
    }
    pn_server_stop(&started);
    return rc;
}

const char *pn_server_url(const struct pn_server *server)
{
    return server->url;
}

void pn_server_landed(const struct pn_server *server, int64_t *records, int64_t *dead_letters)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    if (server->sink != NULL) {
        pn_sink_status(server->sink, &arena, &statuses, &count);
    }
    *records = 0;
    *dead_letters = 0;
    for (size_t i = 0; i < count; i++) {
        *records += statuses[i].records;
        *dead_letters += statuses[i].dead_letters;
    }
    pn_arena_deinit(&arena);
}

void pn_server_stop(struct pn_server **server)
{
    struct pn_server *gone = *server;
    if (gone == NULL) {
        return;
    }
    pn_cli_server_withdraw(gone->cli, &gone->announced_fd);
    pn_gateway_destroy(&gone->gateway);
    pn_unread_stop(&gone->unread);
    pn_serve_tables_destroy(&gone->tables);
    pn_serve_streams_destroy(&gone->streams);
    pn_scheduler_destroy(&gone->scheduler);
    pn_sink_destroy(&gone->sink);
    pn_kinesis_destroy(&gone->kinesis);
    pn_log_destroy(&gone->log);
    pn_store_destroy(&gone->store);
    pn_metrics_destroy(&gone->metrics);
    pn_arena_deinit(&gone->arena);
    free(gone->url);
    free(gone);
    *server = NULL;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* "gateway,sink" as bits; false when a word is none. */
static bool parse_roles(const char *text, unsigned *roles)
{
    static const struct {
        const char *name;
        unsigned role;
    } known[] = {{"gateway", PN_ROLE_GATEWAY},
                 {"sink", PN_ROLE_SINK},
                 {"stream", PN_ROLE_STREAM},
                 {"scheduler", PN_ROLE_SCHEDULER}};
    *roles = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        unsigned role = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (strlen(known[i].name) == len && memcmp(known[i].name, text, len) == 0) {
                role = known[i].role;
            }
        }
        if (role == 0) {
            return false;
        }
        *roles |= role;
        text += len;
        text += *text == ',';
    }
    return *roles != 0;
}

static void say_where(const struct pn_server *server, const char *listen)
{
    struct pn_cli *cli = server->cli;
    const struct pn_settings *settings = NULL;
    const char *url = pn_server_url(server);
    pn_log_info(cli->logger, "serve", "pinion " PINION_VERSION " serves %s%s%s", cli->data,
                url != NULL ? " on " : ", without a gateway", url != NULL ? url : "");
    int rc = pn_cli_settings(cli, &settings, NULL);
    PN_ASSERT(rc == 0);
    if (url == NULL || !pn_listens_everywhere(listen != NULL ? listen : settings->gateway.listen)) {
        return;
    }
    struct pn_buf urls;
    pn_buf_init(&urls, 64 * 1024);
    pn_add_reachable_urls(&urls, pn_gateway_port(server->gateway));
    pn_log_info(cli->logger, "serve", "other machines reach it on %s%s",
                urls.len > 0 ? pn_buf_text(&urls) : "no IPv4 address",
                strcmp(settings->gateway.auth, "api-key") == 0
                    ? "; clients must send an API key (commands: PINION_API_KEY)"
                    : "; gateway.auth is none: everybody who reaches it may do everything");
    pn_buf_deinit(&urls);
}

/* SIGHUP: a closed terminal sends it, and so do those who have changed a file. */
static void reload(struct pn_server *server)
{
    struct pn_cli *cli = server->cli;
    const struct pn_settings *settings = NULL;
    struct pn_err failure = {0};
    size_t keys = 0;
    int rc = server->gateway != NULL ? pn_cli_settings(cli, &settings, &failure) : 0;
    if (rc == 0 && server->gateway != NULL) {
        rc = pn_gateway_reload_keys(server->gateway, settings->gateway.api_key_file,
                                    getenv("PINION_API_KEY"), &keys, &failure);
    }
    if (rc != 0) {
        pn_log_error(cli->logger, "serve", "SIGHUP: the former API keys stay in force: %s",
                     failure.msg);
    } else if (keys > 0) {
        pn_log_info(cli->logger, "serve",
                    "SIGHUP: %zu API keys in force; settings and pipeline.yml need a restart",
                    keys);
    } else {
        pn_log_info(cli->logger, "serve",
                    "SIGHUP: nothing to reload; settings and pipeline.yml need a restart");
    }
}

int pn_cmd_serve(struct pn_cli *cli, int argc, char **argv)
{
    const char *listen = NULL;
    const char *roles_text = NULL;
    unsigned roles = PN_ROLES_ALL;
    const struct pn_opt opts[] = {{.name = "listen",
                                   .kind = PN_OPT_STRING,
                                   .value = "HOST:PORT",
                                   .help = "listen here (setting gateway.listen, 127.0.0.1:8082);"
                                           " port 0 takes a free one",
                                   .target = &listen},
                                  {.name = "roles",
                                   .kind = PN_OPT_STRING,
                                   .value = "ROLE,...",
                                   .help = "do only this: gateway, sink, stream, scheduler (all)",
                                   .target = &roles_text},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about = "Serves every front door on one port, lands what arrives, fills the tables of"
                 " streams and runs the DAGs, until SIGTERM or SIGINT; then it finishes what was"
                 " accepted.",
        .examples = "pinion serve --data /var/lib/pinion --listen 127.0.0.1:8082\n"
                    "pinion serve --roles gateway,sink,scheduler\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (roles_text != NULL && !parse_roles(roles_text, &roles)) {
        return pn_cli_usage(cli,
                            "--roles takes some of gateway, sink, stream and scheduler, with"
                            " commas between them, not \"%.80s\"",
                            roles_text);
    }
    /* Blocked before any thread starts, so that only this one waits for them. */
    struct pn_signals signals;
    pn_signals_watch(&signals);
    pn_signals_watch_hangup(&signals);
    struct pn_err failure = {0};
    struct pn_server *server = NULL;
    if (pn_server_start(cli, listen, roles, &server, &failure) != 0) {
        return pn_cli_fail(cli, &failure);
    }
    say_where(server, listen);
    int signal = pn_signals_wait(&signals);
    while (signal == SIGHUP) {
        reload(server);
        signal = pn_signals_wait(&signals);
    }
    pn_log_info(cli->logger, "serve", "%s: finishing what was accepted", strsignal(signal));
    pn_server_stop(&server);
    pn_log_info(cli->logger, "serve", "stopped");
    return PN_EXIT_OK;
}
