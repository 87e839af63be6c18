/* The front of Kafka REST: its routes, and the life of its station. */
#include "kafka/rest/rest.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kafka/rest/private.h"
#include "log/public.h"

#define INSTANCE "consumers/{}/instances/{}"

static const struct pn_http_route routes[] = {
    {PN_HTTP_POST, "topics/{}", pn_kafka_rest_produce, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_TOPIC},
    {PN_HTTP_GET, "topics", pn_kafka_rest_topics, 0, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, "topics/{}", pn_kafka_rest_topic, 0, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions", pn_kafka_rest_partitions, 0, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions/{}", pn_kafka_rest_partition, 0, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_POST, "topics/{}/partitions/{}", pn_kafka_rest_produce, PN_HTTP_ROUTE_PRODUCE,
     PN_RIGHT_PRODUCE, PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions/{}/offsets", pn_kafka_rest_offsets, 0, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions/{}/records", pn_kafka_rest_partition_records,
     PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_HTTP_GET, "brokers", pn_kafka_rest_brokers, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_POST, "consumers/{}", pn_kafka_rest_consumer_create, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_DELETE, INSTANCE, pn_kafka_rest_consumer_delete, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/subscription", pn_kafka_rest_subscribe, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/subscription", pn_kafka_rest_subscription, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_DELETE, INSTANCE "/subscription", pn_kafka_rest_unsubscribe, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/assignments", pn_kafka_rest_assign, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/assignments", pn_kafka_rest_assignments, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/records", pn_kafka_rest_consumer_records,
     PN_HTTP_ROUTE_BLOCKS | PN_HTTP_ROUTE_ACTS, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/offsets", pn_kafka_rest_commit, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/offsets", pn_kafka_rest_committed, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/positions", pn_kafka_rest_seek, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/positions/beginning", pn_kafka_rest_seek_beginning,
     PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/positions/end", pn_kafka_rest_seek_end, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {.pattern = NULL},
};

static void tick(void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    pn_kafka_rest_instances_tick(&rest->instances);
}

static void stop(void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    pn_kafka_rest_instances_close(&rest->instances);
}

static const char *const words[] = {"topics", "consumers", "brokers", NULL};

const struct pn_http_front pn_kafka_rest_front = {.name = "kafka-rest",
                                                  .routes = routes,
                                                  .words = words,
                                                  .is_staged = true,
                                                  .error = pn_kafka_rest_error,
                                                  .tick = tick,
                                                  .stop = stop};

int pn_kafka_rest_check_url(const char *url, struct pn_err *e)
{
    bool is_http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    if (*url == '\0') {
        return 0;
    }
    if (!is_http || strpbrk(url, " ?#\"") != NULL) {
        return pn_err_input(e,
                            "gateway.advertised_url must be http://HOST:PORT or https://HOST:PORT, "
                            "maybe with a path, not \"%.200s\"",
                            url);
    }
    return 0;
}

/* Without its last slash. */
static int take_url(const char *url, struct pn_kafka_rest *rest, struct pn_err *e)
{
    size_t len = strlen(url);
    int rc = pn_kafka_rest_check_url(url, e);
    if (rc != 0 || len == 0) {
        return rc;
    }
    rest->advertised_url = pn_xstrdup(url);
    if (url[len - 1] == '/') {
        rest->advertised_url[len - 1] = '\0';
    }
    return 0;
}

int pn_kafka_rest_create(const struct pn_kafka_rest_config *config,
                         const struct pn_kafka_rest_env *env, struct pn_kafka_rest **rest,
                         struct pn_err *e)
{
    struct pn_kafka_rest *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->config.consumers_folder = NULL;
    made->config.advertised_url = NULL;
    made->env = *env;
    made->topics = pn_log_public_create(env->log);
    made->records = pn_metrics_get(env->metrics, PN_METRIC_GATEWAY_RECORDS, NULL);
    const struct pn_kafka_rest_consumers_config consumers = {
        .folder = config->consumers_folder,
        .log = made->topics,
        .io = env->io,
        .clock = env->clock,
        .logger = env->logger,
        .instance_timeout_ms = config->instance_timeout_ms,
        .instances_max = config->instances_max,
    };
    int rc = take_url(config->advertised_url, made, e);
    if (rc == 0) {
        rc = pn_kafka_rest_instances_open(&consumers, &made->instances, e);
    }
    if (rc != 0) {
        pn_kafka_rest_destroy(&made);
        return rc;
    }
    *rest = made;
    return 0;
}

void pn_kafka_rest_destroy(struct pn_kafka_rest **rest)
{
    struct pn_kafka_rest *gone = *rest;
    if (gone == NULL) {
        return;
    }
    pn_kafka_rest_instances_deinit(&gone->instances);
    pn_log_destroy(&gone->topics);
    free(gone->advertised_url);
    free(gone);
    *rest = NULL;
}
