/* librdkafka's producer: made, replaced when it failed, and the thread that calls back. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

/* The thread looks at least so often. */
static const int64_t LOOK_NS = INT64_C(100000000);
/* So long a flush lasts at most: by then the brokers' threads have taken what was sent. */
enum { FLUSH_MS = 1, PURGE_MS = 5000 };

static const struct pn_kafka_property PROPERTIES[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"partitioner", "murmur2_random"},
    {"topic.metadata.propagation.max.ms", "5000"}, /* then a topic that is gone is MISSING */
    {"linger.ms", "1"}, /* so that a batch leaves when all of it is there: at the flush */
    {"queue.buffering.max.messages", "1000000"},
    {NULL, NULL},
};

/* On librdkafka's threads: there is something to poll for. */
static void wake(rd_kafka_t *client, void *arg)
{
    (void)client;
    struct pn_kafka *kafka = arg;
    pn_notifier_notify(&kafka->producer.wakes);
}

static int open_client(struct pn_kafka *kafka, rd_kafka_t **client, struct pn_err *e)
{
    const struct pn_kafka_client producer = {.type = RD_KAFKA_PRODUCER,
                                             .properties = PROPERTIES,
                                             .on_delivery = pn_kafka_on_delivery,
                                             .owner = &kafka->owner};
    int rc = pn_kafka_client_open(&producer, client, e);
    if (rc == 0) {
        rd_kafka_queue_t *events = rd_kafka_queue_get_main(*client);
        rd_kafka_queue_cb_event_enable(events, wake, kafka);
        rd_kafka_queue_destroy(events);
    }
    return rc;
}

static void free_handles(struct pn_kafka_handle *handles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_destroy(handles[i].handle);
        free(handles[i].topic);
    }
    free(handles);
}

/* Answers what is in progress, at the latest when `wait_ms` are over; then the client is gone. */
static void close_client(rd_kafka_t *client, struct pn_kafka_handle *handles, size_t count,
                         int wait_ms)
{
    (void)rd_kafka_flush(client, wait_ms);
    (void)rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(client, PURGE_MS);
    free_handles(handles, count);
    rd_kafka_destroy(client);
}

/* After a fatal error a producer of librdkafka takes nothing any more, and another one takes its
 * place. What was in progress is RETRY: a client that sends it again may double it. */
static void replace_client(struct pn_kafka *kafka)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_err failure = {0};
    rd_kafka_t *client = NULL;
    if (open_client(kafka, &client, &failure) != 0) {
        return; /* it is tried again at the next round */
    }
    pthread_mutex_lock(&producer->lock);
    rd_kafka_t *old = producer->client;
    struct pn_kafka_handle *handles = producer->handles;
    size_t count = producer->handle_count;
    producer->client = client;
    producer->handles = NULL;
    producer->handle_count = 0;
    producer->handle_capacity = 0;
    pthread_mutex_unlock(&producer->lock);
    int64_t wait_ns = 0;
    (void)pn_kafka_send(kafka, false, LOOK_NS, &wait_ns); /* it may take a while to close the old */
    close_client(old, handles, count, 0);
    pn_logger_warn(kafka->logger, "kafka", "a new producer replaces the one that failed");
}

static void *run(void *arg)
{
    struct pn_kafka *kafka = arg;
    struct pn_kafka_producer *producer = &kafka->producer;
    char why[PN_KAFKA_TEXT_SIZE];
    uint64_t seen = 0;
    while (!atomic_load(&producer->is_stopping)) {
        int64_t wait_ns = 0;
        if (pn_kafka_send(kafka, false, LOOK_NS, &wait_ns)) {
            producer->is_flushing = true; /* what was sent leaves at once, all of it */
            (void)rd_kafka_flush(producer->client, FLUSH_MS);
            producer->is_flushing = false;
        } else {
            seen = pn_notifier_wait_ns(&producer->wakes, seen, wait_ns);
            (void)rd_kafka_poll(producer->client, 0);
        }
        if (producer->has_delivered) {
            producer->has_delivered = false;
            pn_kafka_notify(kafka);
        }
        if (rd_kafka_fatal_error(producer->client, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            replace_client(kafka);
        }
    }
    return NULL;
}

int pn_kafka_producer_start(struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    int rc = open_client(kafka, &producer->client, e);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_create(&producer->thread, NULL, run, kafka);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the thread of Kafka's producer");
    }
    producer->is_running = true;
    return 0;
}

void pn_kafka_producer_stop(struct pn_kafka *kafka)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    if (producer->is_running) {
        atomic_store(&producer->is_stopping, true);
        pn_notifier_notify(&producer->wakes);
        pthread_join(producer->thread, NULL);
        producer->is_running = false;
    }
    if (producer->client != NULL) {
        int64_t wait_ns = 0;
        (void)pn_kafka_send(kafka, true, LOOK_NS, &wait_ns);
        close_client(producer->client, producer->handles, producer->handle_count,
                     (int)kafka->config.timeout_ms);
        producer->client = NULL;
    }
}
