#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "gateway/browser.h"
#include "gateway/server.h"
#include "kinesis/api/call.h"
#include "log/public.h"

enum { POOL_THREADS = 4, DRAIN_LOOK_NS = 2000000 };
/* Files beside the connections: the log's segments, the store's objects. */
enum { OTHER_DESCRIPTORS = 1024 };

static char *own(const char *text)
{
    return pn_xstrdup(text != NULL ? text : "");
}

static void config_deinit(struct pn_gateway_config *config)
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
static void config_copy(struct pn_gateway_config *to, const struct pn_gateway_config *from)
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
    if (to->threads > PN_GATEWAY_THREADS_MAX) {
        to->threads = PN_GATEWAY_THREADS_MAX;
    }
}

static void register_metrics(struct pn_gateway *gateway)
{
    static const char *const classes[PN_STATUS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    struct pn_metrics *registry = gateway->env.metrics;
    struct pn_gateway_metrics *m = &gateway->metrics;
    for (int i = 0; i < PN_STATUS_CLASSES; i++) {
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
    if (gateway->env.kinesis != NULL) {
        m->operations = pn_xcalloc(pn_operation_count, sizeof *m->operations);
        for (size_t i = 0; i < pn_operation_count; i++) {
            m->operations[i] =
                pn_metrics_get(registry, PN_METRIC_KINESIS_REQUESTS, pn_operations[i].name);
        }
    }
}

void pn_gateway_add_route(struct pn_gateway *gateway, const struct pn_route *route)
{
    PN_ASSERT(!gateway->started);
    pn_router_add(&gateway->router, route, gateway->env.metrics);
}

void pn_gateway_add_health(struct pn_gateway *gateway, const struct pn_gateway_health *health)
{
    PN_ASSERT(!gateway->started && gateway->health_count < PN_GATEWAY_HEALTH_MAX);
    gateway->health[gateway->health_count++] = *health;
}

static void add_fronts(struct pn_gateway *gateway)
{
    pn_router_init(&gateway->router);
    for (const struct pn_front *const *front = pn_fronts; *front != NULL; front++) {
        if ((*front)->kinesis && gateway->env.kinesis == NULL) {
            continue;
        }
        for (const struct pn_route *route = (*front)->routes; route->pattern != NULL; route++) {
            pn_router_add(&gateway->router, route, gateway->env.metrics);
        }
    }
}

static int create_consumers(struct pn_gateway *gateway, struct pn_err *e)
{
    const struct pn_gateway_config *config = &gateway->config;
    const struct pn_consumers_config consumers = {
        .folder = config->consumers_folder,
        .log = gateway->topics,
        .io = gateway->env.io,
        .clock = gateway->env.clock,
        .logger = gateway->env.logger,
        .instance_timeout_ms = config->consumer_instance_timeout_ms,
        .instances_max = config->consumer_instances_max,
    };
    return pn_consumers_create(&consumers, &gateway->consumers, e);
}

static int create_tls(struct pn_gateway *gateway, const struct pn_gateway_config *config,
                      struct pn_err *e)
{
    bool has_certificate = config->tls_certificate != NULL && *config->tls_certificate != '\0';
    bool has_key = config->tls_key != NULL && *config->tls_key != '\0';
    if (has_certificate != has_key) {
        return pn_err_input(e, "gateway.tls_certificate and gateway.tls_key belong together: set "
                               "both for https, or none for http");
    }
    return has_key ? pn_tls_create(config->tls_certificate, config->tls_key, gateway->env.io,
                                   &gateway->tls, e)
                   : 0;
}

int pn_gateway_create(const struct pn_gateway_config *config, const struct pn_gateway_env *env,
                      struct pn_gateway **gateway, struct pn_err *e)
{
    bool loopback = false;
    int rc = pn_listener_is_loopback(config->listen, &loopback, e);
    if (rc == 0 && (*config->aws_access_key == '\0') != (*config->aws_secret_key == '\0')) {
        rc = pn_err_input(e, "aws.access_key and aws.secret_key belong together: set both, or none "
                             "to take any signature");
    }
    if (rc == 0) {
        rc = pn_browser_check_lists(config->allowed_hosts, config->cors_origin, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_gateway *made = pn_xcalloc(1, sizeof *made);
    made->env = *env;
    made->topics = pn_log_public_create(env->log);
    config_copy(&made->config, config);
    made->listener.fd = -1;
    made->listener.stop_fd = -1;
    pthread_mutex_init(&made->failed_lock, NULL);
    pthread_mutex_init(&made->large_lock, NULL);
    add_fronts(made);
    register_metrics(made);
    rc = pn_auth_init(&made->auth, made->config.auth, loopback, config->api_key_file,
                      config->api_keys, env->io, e);
    if (rc == 0) {
        rc = create_tls(made, config, e);
    }
    if (rc == 0) {
        rc = create_consumers(made, e);
    }
    if (rc != 0) {
        pn_gateway_destroy(&made);
        return rc;
    }
    *gateway = made;
    return 0;
}

/* --- starting --------------------------------------------------------------------------------- */

/* On the acceptor's thread. */
static void deliver(void *arg, const struct pn_incoming *incoming)
{
    struct pn_gateway *gateway = arg;
    struct pn_worker *least = &gateway->workers[0];
    for (size_t i = 1; i < gateway->workers_running; i++) {
        if (atomic_load(&gateway->workers[i].load) < atomic_load(&least->load)) {
            least = &gateway->workers[i];
        }
    }
    atomic_fetch_add(&least->load, 1);
    pn_inbox_put(&least->inbox, incoming);
    pn_worker_wake(least);
}

static void run_on_pool(struct pn_conn *conn, struct pn_json_parser *parser)
{
    if (pn_serve_handle(conn, parser)) {
        pn_worker_finish(conn);
    }
}

static void tick(void *arg)
{
    struct pn_gateway *gateway = arg;
    pn_consumers_tick(gateway->consumers);
}

static void records_came(void *arg)
{
    pn_pool_signal(arg);
}

static int start_threads(struct pn_gateway *gateway, struct pn_err *e)
{
    const struct pn_pool_config pool = {.threads = POOL_THREADS,
                                        .values_max = pn_gateway_values_max(&gateway->config),
                                        .clock = gateway->env.clock,
                                        .run = run_on_pool,
                                        .tick = tick,
                                        .arg = gateway};
    int rc = pn_pool_create(&pool, &gateway->pool, e);
    if (rc == 0) {
        rc = pn_log_listen(gateway->env.log, records_came, gateway->pool, &gateway->listen_id, e);
        gateway->listening = rc == 0;
    }
    gateway->workers = pn_xcalloc((size_t)gateway->config.threads, sizeof *gateway->workers);
    for (int64_t i = 0; i < gateway->config.threads && rc == 0; i++) {
        rc = pn_worker_start(&gateway->workers[i], gateway, e);
        gateway->workers_running += rc == 0;
    }
    return rc;
}

static void stop_threads(struct pn_gateway *gateway)
{
    atomic_store(&gateway->stage, PN_STOPPING);
    for (size_t i = 0; i < gateway->workers_running; i++) {
        pn_worker_wake(&gateway->workers[i]);
    }
    for (size_t i = 0; i < gateway->workers_running; i++) {
        pn_worker_stop(&gateway->workers[i]);
    }
    gateway->workers_running = 0;
    free(gateway->workers);
    gateway->workers = NULL;
    if (gateway->listening) {
        pn_log_unlisten(gateway->env.log, gateway->listen_id);
        gateway->listening = false;
    }
    pn_pool_destroy(&gateway->pool);
    pn_listener_deinit(&gateway->listener);
    gateway->bound = false;
}

/* Each connection is a descriptor; a process starts with a lower limit than it may have. */
static void raise_descriptor_limit(const struct pn_gateway *gateway)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)gateway->config.connections_max + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < need) {
        pn_logger_warn(gateway->env.logger, "gateway",
                       "this process may have %llu files open, fewer than gateway.connections_max "
                       "(%lld) and the log may need (see ulimit -n)",
                       (unsigned long long)limit.rlim_cur,
                       (long long)gateway->config.connections_max);
    }
}

int pn_gateway_listen(struct pn_gateway *gateway, struct pn_err *e)
{
    struct pn_listener *listener = &gateway->listener;
    PN_ASSERT(!gateway->started && !gateway->bound);
    raise_descriptor_limit(gateway);
    listener->connections_max = gateway->config.connections_max;
    listener->per_ip_max = gateway->config.connections_per_ip_max;
    listener->deliver = deliver;
    listener->arg = gateway;
    listener->logger = gateway->env.logger;
    listener->refused = gateway->metrics.refused;
    listener->tls = gateway->tls != NULL;
    int rc = pn_listener_open(listener, gateway->config.listen, e);
    gateway->bound = rc == 0;
    return rc;
}

int pn_gateway_start(struct pn_gateway *gateway, struct pn_err *e)
{
    PN_ASSERT(!gateway->started);
    int rc = gateway->bound ? 0 : pn_gateway_listen(gateway, e);
    atomic_store(&gateway->stage, PN_SERVING);
    if (rc == 0) {
        rc = start_threads(gateway, e);
    }
    if (rc == 0) {
        rc = pn_listener_start(&gateway->listener, e);
    }
    if (rc != 0) {
        stop_threads(gateway);
        return rc;
    }
    gateway->started = true;
    return 0;
}

int pn_gateway_reload_keys(struct pn_gateway *gateway, const char *key_file, const char *keys,
                           size_t *count, struct pn_err *e)
{
    *count = 0;
    return gateway->auth.required
               ? pn_auth_reload(&gateway->auth, key_file, keys, gateway->env.io, count, e)
               : 0;
}

int pn_gateway_reload_tls(struct pn_gateway *gateway, const char *certificate, const char *key,
                          bool *loaded, struct pn_err *e)
{
    *loaded = false;
    int rc = gateway->tls != NULL
                 ? pn_tls_reload(gateway->tls, certificate, key, gateway->env.io, e)
                 : 0;
    *loaded = gateway->tls != NULL && rc == 0;
    return rc;
}

uint16_t pn_gateway_port(const struct pn_gateway *gateway)
{
    return gateway->listener.port;
}

/* --- stopping --------------------------------------------------------------------------------- */

static void drain(struct pn_gateway *gateway)
{
    int64_t until_ms = pn_mono_ms(gateway->env.clock) + gateway->config.drain_ms;
    atomic_store(&gateway->stage, PN_DRAINING);
    pn_pool_drain(gateway->pool);
    for (size_t i = 0; i < gateway->workers_running; i++) {
        pn_worker_wake(&gateway->workers[i]);
    }
    const struct timespec pause = {.tv_nsec = DRAIN_LOOK_NS};
    while (atomic_load(&gateway->listener.connections) > 0 &&
           pn_mono_ms(gateway->env.clock) < until_ms) {
        (void)nanosleep(&pause, NULL);
    }
}

void pn_gateway_stop(struct pn_gateway *gateway)
{
    if (!gateway->started) {
        if (gateway->bound) {
            pn_listener_deinit(&gateway->listener);
            gateway->bound = false;
        }
        return;
    }
    pn_listener_stop(&gateway->listener);
    drain(gateway);
    /* What is still open is cut off; what the log has is waited for. */
    stop_threads(gateway);
    pn_consumers_close(gateway->consumers);
    gateway->started = false;
}

void pn_gateway_destroy(struct pn_gateway **gateway)
{
    struct pn_gateway *g = *gateway;
    if (g == NULL) {
        return;
    }
    pn_gateway_stop(g);
    pn_consumers_destroy(&g->consumers);
    pn_auth_deinit(&g->auth);
    pn_tls_destroy(&g->tls);
    pn_router_deinit(&g->router);
    pthread_mutex_destroy(&g->failed_lock);
    pthread_mutex_destroy(&g->large_lock);
    config_deinit(&g->config);
    pn_log_destroy(&g->topics);
    free(g->metrics.operations);
    free(g);
    *gateway = NULL;
}

void pn_gateway_partition_failed(struct pn_gateway *gateway, const char *topic, int32_t partition,
                                 const char *reason)
{
    pthread_mutex_lock(&gateway->failed_lock);
    bool known = gateway->failed_count == PN_FAILED_PARTITIONS_MAX;
    for (size_t i = 0; i < gateway->failed_count && !known; i++) {
        known = gateway->failed[i].partition == partition &&
                strcmp(gateway->failed[i].topic, topic) == 0;
    }
    if (!known) {
        struct pn_failed_partition *failed = &gateway->failed[gateway->failed_count++];
        (void)snprintf(failed->topic, sizeof failed->topic, "%s", topic);
        (void)snprintf(failed->reason, sizeof failed->reason, "%s", reason);
        failed->partition = partition;
    }
    pthread_mutex_unlock(&gateway->failed_lock);
}
