#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/browser.h"
#include "http/internal.h"

enum { POOL_THREADS = 4, DRAIN_LOOK_MS = 2 };
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
    free((char *)config->cors_origin);
    free((char *)config->allowed_hosts);
    free((char *)config->data_folder);
    free((char *)config->pipeline);
}

/* API keys are not kept, only their sums are (auth.h). */
static void config_copy(struct pn_http_config *to, const struct pn_http_config *from)
{
    *to = *from;
    to->listen = own(from->listen);
    to->auth = own(from->auth);
    to->cors_origin = own(from->cors_origin);
    to->allowed_hosts = own(from->allowed_hosts);
    to->data_folder = own(from->data_folder);
    to->pipeline = own(from->pipeline);
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
}

void pn_http_server_add_front(struct pn_http_server *server, const struct pn_http_front *front,
                              void *arg)
{
    PN_ASSERT(!server->started);
    pn_http_router_add_front(&server->router, front, arg, server->env.metrics);
}

void pn_http_server_add_route(struct pn_http_server *server, const struct pn_http_front *front,
                              const struct pn_http_route *route, void *arg)
{
    PN_ASSERT(!server->started);
    pn_http_router_add(&server->router, front, route, arg, server->env.metrics);
}

bool pn_http_server_asks_keys(const struct pn_http_server *server)
{
    return server->auth.required;
}

const struct pn_http_route *pn_http_server_route(const struct pn_http_server *server, size_t i)
{
    return i < server->router.count ? server->router.rows[i].route : NULL;
}

/* --- making ----------------------------------------------------------------------------------- */

static void run_on_pool(struct pn_http_conn *conn, struct pn_json_parser *parser)
{
    if (pn_http_serve_handle(conn, parser)) {
        pn_http_worker_finish(conn);
    }
}

static void tick(void *arg)
{
    const struct pn_http_server *server = arg;
    for (size_t i = 0; i < server->router.front_count; i++) {
        const struct pn_http_router_front *at = &server->router.fronts[i];
        if (at->front->tick != NULL) {
            at->front->tick(at->arg);
        }
    }
}

static void create_pool(struct pn_http_server *server)
{
    const struct pn_http_pool_config pool = {.threads = POOL_THREADS,
                                             .values_max = (size_t)server->config.values_max,
                                             .clock = server->env.clock,
                                             .run = run_on_pool,
                                             .tick = tick,
                                             .arg = server};
    server->pool = pn_http_pool_create(&pool);
}

static int create_tls(struct pn_http_server *server, const struct pn_http_config *config,
                      struct pn_err *e)
{
    bool has_certificate = config->tls_certificate != NULL && *config->tls_certificate != '\0';
    bool has_key = config->tls_key != NULL && *config->tls_key != '\0';
    if (has_certificate != has_key) {
        return pn_err_input(e, "gateway.tls_certificate and gateway.tls_key belong together: set "
                               "both for https, or neither for http");
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
    if (rc == 0) {
        rc = pn_http_browser_check_lists(config->allowed_hosts, config->cors_origin, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_http_server *made = pn_xcalloc(1, sizeof *made);
    made->env = *env;
    config_copy(&made->config, config);
    made->listener.fd = -1;
    made->listener.stop_fd = -1;
    pthread_mutex_init(&made->large_lock, NULL);
    pn_http_router_init(&made->router);
    register_metrics(made);
    create_pool(made);
    rc = pn_http_auth_init(&made->auth, made->config.auth, loopback, config->api_key_file,
                           config->api_keys, env->io, e);
    if (rc == 0) {
        rc = create_tls(made, config, e);
    }
    if (rc == 0 && made->auth.required) {
        made->sessions = pn_http_sessions_create(env->clock);
        made->login_tries = pn_http_login_tries_create(env->clock);
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

static int start_threads(struct pn_http_server *server, struct pn_err *e)
{
    int rc = pn_http_pool_start(server->pool, e);
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
    pn_http_pool_stop(server->pool);
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

void pn_http_server_credentials_changed(struct pn_http_server *server)
{
    atomic_fetch_add(&server->credentials, 1);
    pn_http_server_wake(server);
}

static bool is_key(void *arg, const unsigned char *key)
{
    return pn_http_auth_find_sum(arg, key, NULL, NULL);
}

int pn_http_server_reload_keys(struct pn_http_server *server, const char *key_file,
                               const char *keys, size_t *count, struct pn_err *e)
{
    *count = 0;
    if (!server->auth.required) {
        return 0;
    }
    int rc = pn_http_auth_reload(&server->auth, key_file, keys, server->env.io, count, e);
    if (rc == 0) {
        pn_http_sessions_keep(server->sessions, is_key, &server->auth);
        pn_http_server_credentials_changed(server);
    }
    return rc;
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

void pn_http_server_wake(struct pn_http_server *server)
{
    pn_http_pool_signal(server->pool);
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
    while (atomic_load(&server->listener.connections) > 0 &&
           pn_mono_ms(server->env.clock) < until_ms) {
        pn_sleep_ms(DRAIN_LOOK_MS);
    }
}

static void stop_fronts(struct pn_http_server *server)
{
    for (size_t i = 0; i < server->router.front_count; i++) {
        const struct pn_http_router_front *at = &server->router.fronts[i];
        if (at->front->stop != NULL) {
            at->front->stop(at->arg);
        }
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
    /* What is still open is cut off; jobs that were taken are waited for. */
    stop_threads(server);
    stop_fronts(server);
    server->started = false;
}

void pn_http_server_destroy(struct pn_http_server **server)
{
    struct pn_http_server *g = *server;
    if (g == NULL) {
        return;
    }
    pn_http_server_stop(g);
    pn_http_sessions_destroy(&g->sessions);
    pn_http_login_tries_destroy(&g->login_tries);
    pn_http_auth_deinit(&g->auth);
    pn_http_tls_destroy(&g->tls);
    pn_http_router_deinit(&g->router);
    pn_http_pool_destroy(&g->pool);
    pthread_mutex_destroy(&g->large_lock);
    config_deinit(&g->config);
    free(g);
    *server = NULL;
}
