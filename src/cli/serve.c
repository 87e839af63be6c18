#include "cli/serve.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/sinks.h"
#include "cli/stations.h"
#include "gateway/gateway.h"
#include "gateway/request.h"
#include "store/local/local.h"

struct pn_server {
    struct pn_cli *cli;
    struct pn_arena arena; /* the scheduler's command line, the streams' folder */
    struct pn_metrics *metrics;
    struct pn_store *store;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_sink *sink;
    struct pn_scheduler *scheduler;
    struct pn_gateway *gateway;
    struct pn_route routes[2];
    char *url;
    bool announced;
};

/* ---- our own API ----------------------------------------------------------------------------- */

static enum pn_handled handle_flush(struct pn_request *req, void *arg)
{
    struct pn_server *server = arg;
    struct pn_err failure = {0};
    if (pn_sink_flush(server->sink, &failure) != 0) {
        pn_reply_log_error(req, failure.class_, failure.msg);
        return PN_HANDLED;
    }
    req->status = 200;
    req->content_type = "application/json";
    pn_buf_adds(&req->out, "{\"landed\":true}");
    return PN_HANDLED;
}

static void write_status(struct pn_buf *out, const struct pn_sink_status *status)
{
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
    pn_json_write_cstr(out, status->error);
    pn_buf_addc(out, '}');
}

static enum pn_handled handle_status(struct pn_request *req, void *arg)
{
    struct pn_server *server = arg;
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    pn_sink_status(server->sink, &req->arena, &statuses, &count);
    req->status = 200;
    req->content_type = "application/json";
    pn_buf_adds(&req->out, "{\"partitions\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            pn_buf_addc(&req->out, ',');
        }
        write_status(&req->out, &statuses[i]);
    }
    pn_buf_adds(&req->out, "]}");
    return PN_HANDLED;
}

static void add_routes(struct pn_server *server)
{
    server->routes[0] = (struct pn_route){.method = PN_POST,
                                          .pattern = "api/v1/sink/flush",
                                          .handle = handle_flush,
                                          .arg = server,
                                          .flags = PN_ROUTE_BLOCKS};
    server->routes[1] = (struct pn_route){.method = PN_GET,
                                          .pattern = "api/v1/sink",
                                          .handle = handle_status,
                                          .arg = server,
                                          .flags = PN_ROUTE_BLOCKS};
    for (size_t i = 0; i < sizeof server->routes / sizeof *server->routes; i++) {
        pn_gateway_add_route(server->gateway, &server->routes[i]);
    }
}

/* ---- start and stop -------------------------------------------------------------------------- */

static int create_gateway(struct pn_server *server, const char *listen, struct pn_err *e)
{
    const struct pn_settings *settings = NULL;
    int rc = pn_cli_settings(server->cli, &settings, e);
    if (rc != 0) {
        return rc;
    }
    char *consumers = pn_cli_path(server->cli, "consumers");
    struct pn_gateway_config config;
    pn_gateway_config_init(&config);
    config.listen = listen != NULL ? listen : settings->gateway.listen;
    config.auth = settings->gateway.auth;
    config.api_key_file = settings->gateway.api_key_file;
    config.api_keys = getenv("PINION_API_KEY");
    config.aws_access_key = settings->aws.access_key;
    config.aws_secret_key = settings->aws.secret_key;
    config.cors_origin = settings->gateway.cors_origin;
    config.consumers_folder = consumers;
    config.threads = settings->gateway.threads;
    config.connections_max = settings->gateway.connections_max;
    config.connections_per_ip_max = settings->gateway.connections_per_ip_max;
    config.header_bytes_max = settings->gateway.header_bytes_max;
    config.body_bytes_max = settings->gateway.body_bytes_max;
    config.record_bytes_max = settings->log.record_bytes_max;
    config.records_per_request_max = settings->gateway.records_per_request_max;
    config.idle_ms = settings->gateway.idle_ms;
    config.request_ms = settings->gateway.request_ms;
    config.drain_ms = settings->gateway.drain_ms;
    config.memory_bytes_max = settings->gateway.memory_bytes_max;
    config.consumer_instance_timeout_ms = settings->gateway.consumer_instance_timeout_ms;
    config.consumer_instances_max = settings->gateway.consumer_instances_max;
    config.consumer_request_timeout_ms = settings->gateway.consumer_request_timeout_ms;
    config.consumer_fetch_bytes_max = settings->gateway.consumer_fetch_bytes_max;
    const struct pn_gateway_env env = {.log = server->log,
                                       .kinesis = server->kinesis,
                                       .io = server->cli->io,
                                       .clock = server->cli->clock,
                                       .logger = server->cli->logger,
                                       .metrics = server->metrics};
    rc = pn_gateway_create(&config, &env, &server->gateway, e);
    free(consumers);
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
    bool any =
        host_len == 0 || strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
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
static int start_stations(struct pn_server *server, const char *listen, struct pn_err *e)
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
        rc = pn_cli_open_kinesis(cli, server->log, &server->arena, &server->kinesis, e);
    }
    if (rc == 0) {
        rc = pn_cli_open_sink(cli, server->log, server->store, server->metrics, &server->sink, e);
    }
    if (rc == 0) {
        rc = pn_cli_open_scheduler(cli, server->metrics, &server->arena, &server->scheduler, e);
    }
    if (rc == 0) {
        rc = create_gateway(server, listen, e);
    }
    if (rc == 0) {
        add_routes(server);
        rc = pn_sink_start(server->sink, e);
    }
    if (rc == 0) {
        rc = pn_scheduler_start(server->scheduler, e);
    }
    if (rc == 0) {
        rc = pn_gateway_start(server->gateway, e);
    }
    return rc;
}

int pn_server_start(struct pn_cli *cli, const char *listen, struct pn_server **server,
                    struct pn_err *e)
{
    struct pn_server *started = pn_xcalloc(1, sizeof *started);
    started->cli = cli;
    pn_arena_init(&started->arena, 0);
    started->metrics = pn_metrics_create();
    int rc = start_stations(started, listen, e);
    if (rc == 0) {
        started->url = make_url(started, listen);
        rc = pn_cli_server_announce(cli, started->url, e);
        started->announced = rc == 0;
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
    pn_sink_status(server->sink, &arena, &statuses, &count);
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
    if (gone->announced) {
        pn_cli_server_withdraw(gone->cli);
    }
    pn_gateway_destroy(&gone->gateway);
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

int pn_cmd_serve(struct pn_cli *cli, int argc, char **argv)
{
    const char *listen = NULL;
    const struct pn_opt opts[] = {{.name = "listen",
                                   .kind = PN_OPT_STRING,
                                   .value = "HOST:PORT",
                                   .help = "listen here (setting gateway.listen, 127.0.0.1:8082);"
                                           " port 0 takes a free one",
                                   .target = &listen},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about = "Serves every front door on one port, lands what arrives and runs the DAGs, until"
                 " SIGTERM or SIGINT; then it finishes what was accepted.",
        .examples = "pinion serve --data ./data --listen 127.0.0.1:8082\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    /* Blocked before any thread starts, so that only this one waits for them. */
    sigset_t watched;
    (void)sigemptyset(&watched);
    (void)sigaddset(&watched, SIGTERM);
    (void)sigaddset(&watched, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &watched, NULL);
    struct pn_err failure = {0};
    struct pn_server *server = NULL;
    if (pn_server_start(cli, listen, &server, &failure) != 0) {
        return pn_cli_fail(cli, &failure);
    }
    pn_log_info(cli->logger, "serve", "pinion " PINION_VERSION " serves %s on %s", cli->data,
                pn_server_url(server));
    int signal_number = 0;
    (void)sigwait(&watched, &signal_number);
    pn_log_info(cli->logger, "serve", "%s: finishing what was accepted", strsignal(signal_number));
    pn_server_stop(&server);
    pn_log_info(cli->logger, "serve", "stopped");
    return PN_EXIT_OK;
}
