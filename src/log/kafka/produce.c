#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"
#include "log/record.h"

enum { POLL_MS = 100, ENTRY_OVERHEAD_BYTES = 64, PURGE_MS = 5000 };

static const struct pn_kafka_property PROPERTIES[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"partitioner", "murmur2_random"},
    {"topic.metadata.propagation.max.ms", "5000"}, /* then a topic that is gone is MISSING */
    {"linger.ms", "0"}, /* what gathers while requests are in progress is a batch anyway */
    {"queue.buffering.max.messages", "1000000"},
    {NULL, NULL},
};

/* A record in progress, and the request in progress that it is of. */
struct ticket {
    struct submitted *submitted;
    struct pn_log_entry *entry;
};

struct submitted {
    struct pn_kafka *kafka;
    struct pn_log_request *request;
    struct pn_kafka_topic *topic; /* held */
    int64_t bytes;
    atomic_size_t pending; /* records without an answer, and the submit itself */
    atomic_bool has_failed;
    struct ticket tickets[];
};

/* --- answers ---------------------------------------------------------------------------------- */

/* One thing less to wait for; the last one answers the request. */
static void settle(struct submitted *submitted)
{
    if (atomic_fetch_sub(&submitted->pending, 1) != 1) {
        return;
    }
    struct pn_log_request *request = submitted->request;
    request->rc = atomic_load(&submitted->has_failed) ? request->err.code : 0;
    atomic_fetch_sub(&submitted->kafka->producer.queued_bytes, submitted->bytes);
    pn_kafka_topic_release(submitted->topic);
    free(submitted);
    request->done(request);
}

/* Why a partition may take no records, as far as the cluster has said; or "". */
static const char *state_of(const struct submitted *submitted, int32_t partition,
                            struct pn_arena *arena)
{
    struct pn_kafka_topic *topic = submitted->topic;
    struct pn_log_replica *replicas = NULL;
    size_t count = 0;
    size_t in_sync = 0;
    if (partition < 0 || partition >= topic->info.partitions) {
        return "";
    }
    struct pn_kafka_part *part = topic->parts[partition];
    if (!atomic_load(&part->is_led)) {
        return ", which has no leader";
    }
    pn_kafka_catalog_replicas(&submitted->kafka->catalog, part, arena, &replicas, &count);
    for (size_t i = 0; i < count; i++) {
        in_sync += replicas[i].is_in_sync;
    }
    return in_sync == count
               ? ""
               : pn_arena_printf(arena,
                                 ", which has %zu of %zu replicas in sync (it takes records from "
                                 "min.insync.replicas on)",
                                 in_sync, count);
}

static void refuse(struct submitted *submitted, struct pn_log_entry *entry, int32_t partition,
                   rd_kafka_resp_err_t err)
{
    struct pn_err e = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    if (partition < 0) {
        entry->rc = pn_kafka_fail(submitted->kafka, err, &e, "topic %s", submitted->request->topic);
    } else {
        entry->rc = pn_kafka_fail(submitted->kafka, err, &e, "topic %s, partition %" PRId32 "%s",
                                  submitted->request->topic, partition,
                                  state_of(submitted, partition, &arena));
    }
    pn_arena_deinit(&arena);
    entry->class_ = e.class_;
    if (!atomic_exchange(&submitted->has_failed, true)) {
        submitted->request->err = e;
    }
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct pn_kafka *kafka = ((const struct pn_kafka_owner *)opaque)->kafka;
    const struct ticket *ticket = message->_private;
    struct submitted *submitted = ticket->submitted;
    struct pn_log_entry *entry = ticket->entry;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(submitted, entry, message->partition, message->err);
    } else {
        entry->partition = message->partition;
        entry->offset = message->offset;
        if (message->partition < submitted->topic->info.partitions) {
            pn_kafka_part_delivered(submitted->topic->parts[message->partition],
                                    message->offset + 1);
        }
        kafka->producer.has_delivered = true;
    }
    settle(submitted);
}

/* --- the thread ------------------------------------------------------------------------------- */

static int open_client(struct pn_kafka *kafka, rd_kafka_t **client, struct pn_err *e)
{
    const struct pn_kafka_client producer = {.type = RD_KAFKA_PRODUCER,
                                             .properties = PROPERTIES,
                                             .on_delivery = on_delivery,
                                             .owner = &kafka->owner};
    return pn_kafka_client_open(&producer, client, e);
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
    close_client(old, handles, count, 0);
    pn_logger_warn(kafka->logger, "kafka", "a new producer replaces the one that failed");
}

static void *run(void *arg)
{
    struct pn_kafka *kafka = arg;
    struct pn_kafka_producer *producer = &kafka->producer;
    char why[PN_KAFKA_TEXT_SIZE];
    while (!atomic_load(&producer->is_stopping)) {
        (void)rd_kafka_poll(producer->client, POLL_MS);
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
        pthread_join(producer->thread, NULL);
        producer->is_running = false;
    }
    if (producer->client != NULL) {
        close_client(producer->client, producer->handles, producer->handle_count,
                     (int)kafka->config.timeout_ms);
        producer->client = NULL;
    }
}

/* --- submitting ------------------------------------------------------------------------------- */

/* The topic of the current client; with the lock. NULL: librdkafka refuses it. */
static rd_kafka_topic_t *handle_of(struct pn_kafka_producer *producer, const char *topic)
{
    size_t low = 0;
    size_t high = producer->handle_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(producer->handles[middle].topic, topic);
        if (order == 0) {
            return producer->handles[middle].handle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer->client, topic, NULL);
    if (handle == NULL) {
        return NULL;
    }
    pn_grow((void **)&producer->handles, &producer->handle_capacity, producer->handle_count + 1,
            sizeof *producer->handles);
    memmove(&producer->handles[low + 1], &producer->handles[low],
            (producer->handle_count - low) * sizeof *producer->handles);
    producer->handles[low] = (struct pn_kafka_handle){pn_xstrdup(topic), handle};
    producer->handle_count++;
    return handle;
}

static rd_kafka_headers_t *headers_of(const struct pn_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct pn_record_header *header = &record->headers[i];
        (void)rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.len,
                                  header->value.data, (ssize_t)header->value.len);
    }
    return headers;
}

static rd_kafka_vu_t bytes_vu(rd_kafka_vtype_t type, const struct pn_bytes *bytes)
{
    return (rd_kafka_vu_t){
        .vtype = type,
        .u.mem = {.ptr = (void *)(uintptr_t)bytes->data, .size = bytes->len},
    };
}

/* The caller keeps the bytes until the answer, so librdkafka need not copy them. */
static rd_kafka_resp_err_t produce(rd_kafka_t *client, rd_kafka_topic_t *handle,
                                   struct ticket *ticket)
{
    const struct pn_record *record = &ticket->entry->record;
    rd_kafka_headers_t *headers = record->header_count > 0 ? headers_of(record) : NULL;
    const rd_kafka_vu_t message[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = handle},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = ticket->entry->partition},
        bytes_vu(RD_KAFKA_VTYPE_VALUE, &record->value),
        bytes_vu(RD_KAFKA_VTYPE_KEY, &record->key),
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
         .u.i64 = record->timestamp_ms >= 0 ? record->timestamp_ms : 0},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = ticket},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}, /* last: there may be none */
    };
    size_t count = sizeof message / sizeof *message - (headers == NULL);
    rd_kafka_error_t *error = rd_kafka_produceva(client, message, count);
    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers);
    }
    return err;
}

static int refuse_entry(struct pn_log_entry *entry)
{
    entry->rc = PN_FAIL;
    entry->class_ = PN_CLASS_INPUT;
    return PN_FAIL;
}

/* Checks the entries and adds up what they take in the queue. */
static int check_entries(const struct pn_kafka *kafka, const struct pn_kafka_topic *topic,
                         struct pn_log_request *request, int64_t *bytes, struct pn_err *e)
{
    *bytes = 0;
    for (size_t i = 0; i < request->count; i++) {
        struct pn_log_entry *entry = &request->entries[i];
        entry->rc = 0;
        entry->class_ = PN_CLASS_NONE;
        if (pn_record_check(&entry->record, kafka->config.record_bytes_max, i, e) != 0) {
            return refuse_entry(entry);
        }
        if (entry->partition != PN_PARTITION_ANY &&
            (entry->partition < 0 || entry->partition >= topic->info.partitions)) {
            (void)pn_err_input(e, "topic %s has no partition %" PRId32 "; it has %" PRId32,
                               topic->info.name, entry->partition, topic->info.partitions);
            return refuse_entry(entry);
        }
        *bytes += (int64_t)pn_record_bytes(&entry->record) + ENTRY_OVERHEAD_BYTES;
    }
    return *bytes <= kafka->config.queue_bytes_max
               ? 0
               : pn_err_input(e,
                              "the request's records have %" PRId64
                              " bytes, but the log's queue accepts %" PRId64 ": send fewer at once",
                              *bytes, kafka->config.queue_bytes_max);
}

static int reserve(struct pn_kafka *kafka, int64_t bytes, struct pn_err *e)
{
    int64_t max = kafka->config.queue_bytes_max;
    if (atomic_fetch_add(&kafka->producer.queued_bytes, bytes) + bytes <= max) {
        return 0;
    }
    atomic_fetch_sub(&kafka->producer.queued_bytes, bytes);
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "%" PRId64 " bytes of records wait for Kafka's brokers (log.queue_bytes_max):"
                      " try again later",
                      max);
}

/* The topic, held; asked for and made where it is not known. */
static int find_topic(struct pn_kafka *kafka, const char *name, struct pn_kafka_topic **topic,
                      struct pn_err *e)
{
    struct pn_err why = {0};
    *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
    if (*topic != NULL) {
        return 0;
    }
    if (!pn_topic_name_valid(name, strlen(name), e)) {
        return PN_FAIL;
    }
    int rc = pn_kafka_refresh_topic(kafka, name, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING && kafka->config.auto_create_topics &&
        !pn_topic_is_internal(name)) {
        rc = pn_kafka_create_topic(&kafka->log, name, NULL, &why);
        rc = rc != 0 && why.class_ == PN_CLASS_CONFLICT ? pn_kafka_refresh_topic(kafka, name, &why)
                                                        : rc;
    }
    if (rc == 0) {
        *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
        rc = *topic != NULL ? 0 : pn_err_missing(&why, "there is no topic %s", name);
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

static void produce_all(struct submitted *submitted)
{
    struct pn_log_request *request = submitted->request;
    struct pn_kafka_producer *producer = &submitted->kafka->producer;
    size_t count = request->count;
    pthread_mutex_lock(&producer->lock);
    rd_kafka_topic_t *handle = handle_of(producer, request->topic);
    for (size_t i = 0; i < count; i++) {
        struct ticket *ticket = &submitted->tickets[i];
        *ticket = (struct ticket){submitted, &request->entries[i]};
        rd_kafka_resp_err_t err =
            handle != NULL ? produce(producer->client, handle, ticket) : rd_kafka_last_error();
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            refuse(submitted, ticket->entry, ticket->entry->partition, err);
            settle(submitted); /* not the last: the submit's own is left */
        }
    }
    pthread_mutex_unlock(&producer->lock);
}

int pn_kafka_submit(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    struct pn_kafka_topic *topic = NULL;
    int64_t bytes = 0;
    int rc = find_topic(kafka, request->topic, &topic, e);
    if (rc != 0) {
        return rc;
    }
    rc = check_entries(kafka, topic, request, &bytes, e);
    if (rc == 0) {
        rc = reserve(kafka, bytes, e);
    }
    if (rc != 0) {
        pn_kafka_topic_release(topic);
        return rc;
    }
    struct submitted *submitted =
        pn_xcalloc(1, sizeof *submitted + request->count * sizeof submitted->tickets[0]);
    submitted->kafka = kafka;
    submitted->request = request;
    submitted->topic = topic;
    submitted->bytes = bytes;
    atomic_init(&submitted->pending, request->count + 1);
    request->rc = 0;
    request->err = (struct pn_err){0};
    produce_all(submitted);
    settle(submitted);
    return 0;
}
