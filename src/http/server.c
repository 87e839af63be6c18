#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "http/browser.h"
#include "http/internal.h"
#include "kinesis/api/call.h"
#include "log/public.h"

enum { POOL_THREADS = 4, DRAIN_LOOK_NS = 2000000 };
/* Files beside the connections: the log's segments, the store's objects. */
enum { OTHER_DESCRIPTORS = 1024 };

static char *own(const char *text)
{
    return pn_xstrdup(text != NULL ? text : "");
}

static void config_deinit(struct pn_http_config *config)
{
    free((char *)config->listen);
    free((char *)config->auth);
    OPENSSL_cleanse((char *)config->aws_secret_key, strlen(config->aws_secret_key));
    free((char *)config->aws_access_key);
    free((char *)config->aws_secret_key);
    free((char *)config->cors_origin);
    free((char *)config->allowed_hosts);
    free((char *)config->consumers_folder);
    free((char *)config->data_folder);
}

/* API keys are not kept, only their sums are (auth.h). */
static void config_copy(struct pn_http_config *to, const struct pn_http_config *from)
{
    *to = *from;
    to->listen = own(from->listen);
    to->auth = own(from->auth);
    to->aws_access_key = own(from->aws_access_key);
    to->aws_secret_key = own(from->aws_secret_key);
    to->cors_origin = own(from->cors_origin);
    to->allowed_hosts = own(from->allowed_hosts);
    to->consumers_folder = own(from->consumers_folder);
    to->data_folder = own(from->data_folder);
    to->api_key_file = NULL;
    to->api_keys = NULL;
    to->tls_certificate = NULL;
    to->tls_key = NULL;
    if (to->threads <= 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        to->threads = cores > 1 ? cores - 1 : 1;
    }
    if (to->threads > PN_HTTP_THREADS_MAX) {
        to->threads = PN_HTTP_THREADS_MAX;
    }
}

static void register_metrics(struct pn_http_server *server)
{
    static const char *const classes[PN_HTTP_STATUS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    struct pn_metrics *registry = server->env.metrics;
    struct pn_http_metrics *m = &server->metrics;
    for (int i = 0; i < PN_HTTP_STATUS_CLASSES; i++) {
        m->status[i] = pn_metrics_get(registry, PN_METRIC_GATEWAY_RESPONSES, classes[i]);
    }
    m->unrouted = pn_metrics_get(registry, PN_METRIC_GATEWAY_REQUESTS, "none");
    m->seconds = pn_metrics_get(registry, PN_METRIC_GATEWAY_REQUEST_SECONDS, NULL);
    m->in_flight = pn_metrics_get(registry, PN_METRIC_GATEWAY_REQUESTS_IN_FLIGHT, NULL);
    m->connections = pn_metrics_get(registry, PN_METRIC_GATEWAY_CONNECTIONS, NULL);
    m->refused = pn_metrics_get(registry, PN_METRIC_GATEWAY_CONNECTIONS_REFUSED, NULL);
    m->bytes_in = pn_metrics_get(registry, PN_METRIC_GATEWAY_RECEIVED_BYTES, NULL);
    m->bytes_out = pn_metrics_get(registry, PN_METRIC_GATEWAY_SENT_BYTES, NULL);
    m->records = pn_metrics_get(registry, PN_METRIC_GATEWAY_RECORDS, NULL);
    if (server->env.kinesis != NULL) {
        m->operations = pn_xcalloc(pn_operation_count, sizeof *m->operations);
        for (size_t i = 0; i < pn_operation_count; i++) {
            m->operations[i] =
                pn_metrics_get(registry, PN_METRIC_KINESIS_REQUESTS, pn_operations[i].name);
        }
    }
}

void pn_http_server_add_route(struct pn_http_server *server, const struct pn_http_route *route)
{
    PN_ASSERT(!server->started);
    pn_http_router_add(&server->router, route, server->env.metrics);
}

void pn_http_server_add_health(struct pn_http_server *server, const struct pn_http_health *health)
{
    PN_ASSERT(!server->started && server->health_count < PN_HTTP_HEALTH_MAX);
    server->health[server->health_count++] = *health;
}

static void add_fronts(struct pn_http_server *server)
{
    pn_http_router_init(&server->router);
    for (const struct pn_http_front *const *front = pn_http_fronts; *front != NULL; front++) {
        if ((*front)->kinesis && server->env.kinesis == NULL) {
            continue;
        }
        for (const struct pn_http_route *route = (*front)->routes; route->pattern != NULL;
             route++) {
            pn_http_router_add(&server->router, route, server->env.metrics);
        }
    }
}

static int create_consumers(struct pn_http_server *server, struct pn_err *e)
{
    const struct pn_http_config *config = &server->config;
    const struct pn_kafka_rest_consumers_config consumers = {
        .folder = config->consumers_folder,
        .log = server->topics,
        .io = server->env.io,
        .clock = server->env.clock,
        .logger = server->env.logger,
        .instance_timeout_ms = config->consumer_instance_timeout_ms,
        .instances_max = config->consumer_instances_max,
    };
    return pn_kafka_rest_consumers_create(&consumers, &server->consumers, e);
}

static int create_tls(struct pn_http_server *server, const struct pn_http_config *config,
                      struct pn_err *e)
{
    bool has_certificate = config->tls_certificate != NULL && *config->tls_certificate != '\0';
    bool has_key = config->tls_key != NULL && *config->tls_key != '\0';
    if (has_certificate != has_key) {
        return pn_err_input(e, "gateway.tls_certificate and gateway.tls_key belong together: set "
                               "both for https, or none for http");
    }
    return has_key ? pn_http_tls_create(config->tls_certificate, config->tls_key, server->env.io,
                                        &server->tls, e)
                   : 0;
}

int pn_http_server_create(const struct pn_http_config *config, const struct pn_http_env *env,
                          struct pn_http_server **server, struct pn_err *e)
{
    bool loopback = false;
    int rc = pn_http_listener_is_loopback(config->listen, &loopback, e);
    if (rc == 0 && (*config->aws_access_key == '\0') != (*config->aws_secret_key == '\0')) {
        rc = pn_err_input(e, "aws.access_key and aws.secret_key belong together: set both, or none "
                             "to take any signature");
    }
    if (rc == 0) {
        rc = pn_http_browser_check_lists(config->allowed_hosts, config->cors_origin, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_http_server *made = pn_xcalloc(1, sizeof *made);
    made->env = *env;
    made->topics = pn_log_public_create(env->log);
    config_copy(&made->config, config);
    made->listener.fd = -1;
    made->listener.stop_fd = -1;
    pthread_mutex_init(&made->failed_lock, NULL);
    pthread_mutex_init(&made->large_lock, NULL);
    add_fronts(made);
    register_metrics(made);
    rc = pn_http_auth_init(&made->auth, made->config.auth, loopback, config->api_key_file,
                           config->api_keys, env->io, e);
    if (rc == 0) {
        rc = create_tls(made, config, e);
    }
    if (rc == 0) {
        rc = create_consumers(made, e);
    }
    if (rc != 0) {
        pn_http_server_destroy(&made);
        return rc;
    }
    *server = made;
    return 0;
}

/* --- starting --------------------------------------------------------------------------------- */

/* On the acceptor's thread. */
static void deliver(void *arg, const struct pn_http_incoming *incoming)
{
    struct pn_http_server *server = arg;
    struct pn_http_worker *least = &server->workers[0];
    for (size_t i = 1; i < server->workers_running; i++) {
        if (atomic_load(&server->workers[i].load) < atomic_load(&least->load)) {
            least = &server->workers[i];
        }
    }
    atomic_fetch_add(&least->load, 1);
    pn_http_inbox_put(&least->inbox, incoming);
    pn_http_worker_wake(least);
}

static void run_on_pool(struct pn_http_conn *conn, struct pn_json_parser *parser)
{
    if (pn_http_serve_handle(conn, parser)) {
        pn_http_worker_finish(conn);
    }
}

static void tick(void *arg)
{
    struct pn_http_server *server = arg;
    pn_kafka_rest_consumers_tick(server->consumers);
}

static void records_came(void *arg)
{
    pn_http_pool_signal(arg);
}

static int start_threads(struct pn_http_server *server, struct pn_err *e)
{
    const struct pn_http_pool_config pool = {.threads = POOL_THREADS,
                                             .values_max = pn_http_values_max(&server->config),
                                             .clock = server->env.clock,
                                             .run = run_on_pool,
                                             .tick = tick,
                                             .arg = server};
    int rc = pn_http_pool_create(&pool, &server->pool, e);
    if (rc == 0) {
        rc = pn_log_listen(server->env.log, records_came, server->pool, &server->listen_id, e);
        server->listening = rc == 0;
    }
    server->workers = pn_xcalloc((size_t)server->config.threads, sizeof *server->workers);
    for (int64_t i = 0; i < server->config.threads && rc == 0; i++) {
        rc = pn_http_worker_start(&server->workers[i], server, e);
        server->workers_running += rc == 0;
    }
    return rc;
}

static void stop_threads(struct pn_http_server *server)
{
    atomic_store(&server->stage, PN_HTTP_STOPPING);
    for (size_t i = 0; i < server->workers_running; i++) {
        pn_http_worker_wake(&server->workers[i]);
    }
    for (size_t i = 0; i < server->workers_running; i++) {
        pn_http_worker_stop(&server->workers[i]);
    }
    server->workers_running = 0;
    free(server->workers);
    server->workers = NULL;
    if (server->listening) {
        pn_log_unlisten(server->env.log, server->listen_id);
        server->listening = false;
    }
    pn_http_pool_destroy(&server->pool);
    pn_http_listener_deinit(&server->listener);
    server->bound = false;
}

/* Each connection is a descriptor; a process starts with a lower limit than it may have. */
static void raise_descriptor_limit(const struct pn_http_server *server)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)server->config.connections_max + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < need) {
        pn_logger_warn(server->env.logger, "gateway",
                       "this process may have %llu files open, fewer than gateway.connections_max "
                       "(%lld) and the log may need (see ulimit -n)",
                       (unsigned long long)limit.rlim_cur,
                       (long long)server->config.connections_max);
    }
}

int pn_http_server_listen(struct pn_http_server *server, struct pn_err *e)
{
    struct pn_http_listener *listener = &server->listener;
    PN_ASSERT(!server->started && !server->bound);
    raise_descriptor_limit(server);
    listener->connections_max = server->config.connections_max;
    listener->per_ip_max = server->config.connections_per_ip_max;
    listener->deliver = deliver;
    listener->arg = server;
    listener->logger = server->env.logger;
    listener->refused = server->metrics.refused;
    listener->tls = server->tls != NULL;
    int rc = pn_http_listener_open(listener, server->config.listen, e);
    server->bound = rc == 0;
    return rc;
}

int pn_http_server_start(struct pn_http_server *server, struct pn_err *e)
{
    PN_ASSERT(!server->started);
    int rc = server->bound ? 0 : pn_http_server_listen(server, e);
    atomic_store(&server->stage, PN_HTTP_SERVING);
    if (rc == 0) {
        rc = start_threads(server, e);
    }
    if (rc == 0) {
        rc = pn_http_listener_start(&server->listener, e);
    }
    if (rc != 0) {
        stop_threads(server);
        return rc;
    }
    server->started = true;
    return 0;
}

int pn_http_server_reload_keys(struct pn_http_server *server, const char *key_file,
                               const char *keys, size_t *count, struct pn_err *e)
{
    *count = 0;
    return server->auth.required
               ? pn_http_auth_reload(&server->auth, key_file, keys, server->env.io, count, e)
               : 0;
}

int pn_http_server_reload_tls(struct pn_http_server *server, const char *certificate,
                              const char *key, bool *loaded, struct pn_err *e)
{
    *loaded = false;
    int rc = server->tls != NULL
                 ? pn_http_tls_reload(server->tls, certificate, key, server->env.io, e)
                 : 0;
    *loaded = server->tls != NULL && rc == 0;
    return rc;
}

uint16_t pn_http_server_port(const struct pn_http_server *server)
{
    return server->listener.port;
}

/* --- stopping --------------------------------------------------------------------------------- */

static void drain(struct pn_http_server *server)
{
    int64_t until_ms = pn_mono_ms(server->env.clock) + server->config.drain_ms;
    atomic_store(&server->stage, PN_HTTP_DRAINING);
    pn_http_pool_drain(server->pool);
    for (size_t i = 0; i < server->workers_running; i++) {
        pn_http_worker_wake(&server->workers[i]);
    }
    const struct timespec pause = {.tv_nsec = DRAIN_LOOK_NS};
    while (atomic_load(&server->listener.connections) > 0 &&
           pn_mono_ms(server->env.clock) < until_ms) {
        (void)nanosleep(&pause, NULL);
    }
}

void pn_http_server_stop(struct pn_http_server *server)
{
    if (!server->started) {
        if (server->bound) {
            pn_http_listener_deinit(&server->listener);
            server->bound = false;
        }
        return;
    }
    pn_http_listener_stop(&server->listener);
    drain(server);
    /* What is still open is cut off; what the log has is waited for. */
    stop_threads(server);
    pn_kafka_rest_consumers_close(server->consumers);
    server->started = false;
}

void pn_http_server_destroy(struct pn_http_server **server)
{
    struct pn_http_server *g = *server;
    if (g == NULL) {
        return;
    }
    pn_http_server_stop(g);
    pn_kafka_rest_consumers_destroy(&g->consumers);
    pn_http_auth_deinit(&g->auth);
    pn_http_tls_destroy(&g->tls);
    pn_http_router_deinit(&g->router);
    pthread_mutex_destroy(&g->failed_lock);
    pthread_mutex_destroy(&g->large_lock);
    config_deinit(&g->config);
    pn_log_destroy(&g->topics);
    free(g->metrics.operations);
    free(g);
    *server = NULL;
}

void pn_http_partition_failed(struct pn_http_server *server, const char *topic, int32_t partition,
                              const char *reason)
{
    pthread_mutex_lock(&server->failed_lock);
    bool known = server->failed_count == PN_HTTP_FAILED_PARTITIONS_MAX;
    for (size_t i = 0; i < server->failed_count && !known; i++) {
        known =
            server->failed[i].partition == partition && strcmp(server->failed[i].topic, topic) == 0;
    }
    if (!known) {
        struct pn_http_failed_partition *failed = &server->failed[server->failed_count++];
        (void)snprintf(failed->topic, sizeof failed->topic, "%s", topic);
        (void)snprintf(failed->reason, sizeof failed->reason, "%s", reason);
        failed->partition = partition;
    }
    pthread_mutex_unlock(&server->failed_lock);
}
