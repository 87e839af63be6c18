/* librdkafka's producer: opened when it is needed, given up when it failed, and the thread that
 * calls back. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

/* The thread looks at least so often. */
static const int64_t LOOK_NS = INT64_C(100000000);
/* So long a flush lasts at most: by then the brokers' threads have taken what was sent. */
enum { FLUSH_MS = 1, PURGE_MS = 5000, RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 60000 };

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

/* So long after a failure no client is opened: not at all after the first. */
static int64_t delay_of(int failures)
{
    int64_t delay_ms = failures > 1 ? RETRY_FIRST_MS : 0;
    for (int i = 2; i < failures && delay_ms < RETRY_LAST_MS; i++) {
        delay_ms *= 2;
    }
    return delay_ms < RETRY_LAST_MS ? delay_ms : RETRY_LAST_MS;
}

/* After a fatal error a producer of librdkafka takes nothing any more. What was in progress is
 * RETRY: a client that sends it again may double it. */
static void drop_client(struct pn_kafka *kafka, rd_kafka_resp_err_t err, const char *why)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    pthread_mutex_lock(&producer->lock);
    rd_kafka_t *old = producer->client;
    struct pn_kafka_handle *handles = producer->handles;
    size_t count = producer->handle_count;
    bool is_known = producer->failed == err;
    producer->client = NULL;
    producer->handles = NULL;
    producer->handle_count = 0;
    producer->handle_capacity = 0;
    producer->failed = err;
    producer->retry_at_ms = pn_mono_ms(kafka->clock) + delay_of(++producer->failures);
    pthread_mutex_unlock(&producer->lock);
    if (!is_known) {
        pn_logger_warn(kafka->logger, "kafka",
                       "the producer failed, and another one takes its place: %s", why);
    }
    close_client(old, handles, count, 0);
}

/* A client is opened when records wait, so that a server which writes nothing needs no right to.
 * True when they can be sent, or be refused because the last client failed a moment ago. */
static bool is_ready(struct pn_kafka *kafka)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_err failure = {0};
    rd_kafka_t *client = NULL;
    if (producer->client != NULL || pn_mono_ms(kafka->clock) < producer->retry_at_ms) {
        return true;
    }
    pthread_mutex_lock(&producer->lock);
    bool waits = pn_kafka_gates_any(&producer->gates) != NULL;
    pthread_mutex_unlock(&producer->lock);
    if (!waits) {
        return false;
    }
    if (open_client(kafka, &client, &failure) != 0) {
        pn_logger_error(kafka->logger, "kafka", "cannot open a producer: %s", failure.msg);
        producer->retry_at_ms = pn_mono_ms(kafka->clock) + RETRY_FIRST_MS;
        return true;
    }
    pthread_mutex_lock(&producer->lock);
    producer->client = client;
    pthread_mutex_unlock(&producer->lock);
    return true;
}

static void check_client(struct pn_kafka *kafka)
{
    char why[PN_KAFKA_TEXT_SIZE];
    rd_kafka_t *client = kafka->producer.client;
    rd_kafka_resp_err_t err =
        client != NULL ? rd_kafka_fatal_error(client, why, sizeof why) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        drop_client(kafka, err, why);
    }
}

static void *run(void *arg)
{
    struct pn_kafka *kafka = arg;
    struct pn_kafka_producer *producer = &kafka->producer;
    uint64_t seen = 0;
    while (!atomic_load(&producer->is_stopping)) {
        int64_t wait_ns = LOOK_NS;
        bool has_sent = is_ready(kafka) && pn_kafka_send(kafka, false, LOOK_NS, &wait_ns);
        if (has_sent && producer->client != NULL) {
            producer->is_flushing = true; /* what was sent leaves at once, all of it */
            (void)rd_kafka_flush(producer->client, FLUSH_MS);
            producer->is_flushing = false;
        } else if (!has_sent) {
            seen = pn_notifier_wait_ns(&producer->wakes, seen, wait_ns);
            if (producer->client != NULL) {
                (void)rd_kafka_poll(producer->client, 0);
            }
        }
        if (producer->has_delivered) {
            producer->has_delivered = false;
            producer->failures = 0;
            pn_kafka_notify(kafka);
        }
        check_client(kafka);
    }
    return NULL;
}

/* A setting that librdkafka does not take for a producer is an error of the start. */
static int try_client(struct pn_kafka *kafka, struct pn_err *e)
{
    rd_kafka_t *client = NULL;
    int rc = open_client(kafka, &client, e);
    if (rc == 0) {
        rd_kafka_destroy(client);
    }
    return rc;
}

int pn_kafka_producer_start(struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    int rc = try_client(kafka, e);
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
    int64_t wait_ns = 0;
    (void)pn_kafka_send(kafka, true, LOOK_NS, &wait_ns);
    if (producer->client != NULL) {
        close_client(producer->client, producer->handles, producer->handle_count,
                     (int)kafka->config.timeout_ms);
        producer->client = NULL;
    }
}
