#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"
#include "log/record.h"

enum { ENTRY_OVERHEAD_BYTES = 64 };

/* A record in progress, and the request in progress that it is of. */
struct ticket {
    struct pn_kafka_waiting waiting; /* first: a waiting one is cast to it */
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

/* Those who wait at the record's gate may be due then. */
static void answered(struct pn_kafka *kafka, const struct pn_kafka_waiting *record)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    pthread_mutex_lock(&producer->lock);
    pn_kafka_gate_answered(record->gate, pn_mono_ns(kafka->clock));
    bool may_be_due = record->gate->in_flight == 0 && record->gate->waiting > 0;
    pthread_mutex_unlock(&producer->lock);
    if (may_be_due && producer->is_sending) {
        rd_kafka_yield(producer->client); /* the flush, which waits for others */
    }
}

void pn_kafka_on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
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
    answered(kafka, &ticket->waiting);
    settle(submitted);
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

/* --- gathering -------------------------------------------------------------------------------- */

/* Gives what waits to librdkafka; with the lock. Adds to *refused what it does not take. */
static void send_batch(struct pn_kafka *kafka, struct pn_kafka_gate *gate, int64_t now_ns,
                       struct pn_kafka_waiting **refused)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_kafka_waiting *next = NULL;
    for (struct pn_kafka_waiting *one = pn_kafka_gate_take(gate, now_ns); one != NULL; one = next) {
        struct ticket *ticket = (struct ticket *)one;
        next = one->next;
        rd_kafka_topic_t *handle = handle_of(producer, ticket->submitted->request->topic);
        rd_kafka_resp_err_t err =
            handle != NULL ? produce(producer->client, handle, ticket) : rd_kafka_last_error();
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            refuse(ticket->submitted, ticket->entry, ticket->entry->partition, err);
            one->next = *refused;
            *refused = one;
        }
    }
}

/* Answers what librdkafka did not take; without the lock. */
static void settle_refused(struct pn_kafka *kafka, struct pn_kafka_waiting *refused)
{
    struct pn_kafka_waiting *next = NULL;
    for (struct pn_kafka_waiting *one = refused; one != NULL; one = next) {
        struct submitted *submitted = ((struct ticket *)one)->submitted;
        next = one->next;
        answered(kafka, one);
        settle(submitted);
    }
}

bool pn_kafka_send(struct pn_kafka *kafka, bool all, bool *sent)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_kafka_waiting *refused = NULL;
    struct pn_kafka_gate *next = NULL;
    pthread_mutex_lock(&producer->lock);
    int64_t now_ns = pn_mono_ns(kafka->clock);
    producer->is_woken = false;
    for (struct pn_kafka_gate *gate = producer->gates; gate != NULL; gate = next) {
        next = gate->next;
        if (all || pn_kafka_gate_is_due(gate, now_ns)) {
            send_batch(kafka, gate, now_ns, &refused);
            *sent = true;
        }
    }
    bool is_left = producer->gates != NULL;
    pthread_mutex_unlock(&producer->lock);
    settle_refused(kafka, refused);
    return is_left;
}

/* The gate of the partition that the record is for, as far as it is known: librdkafka chooses one
 * for those without a key, the same for all that come within a few milliseconds. */
static struct pn_kafka_gate *gate_of(const struct pn_kafka_topic *topic,
                                     const struct pn_log_entry *entry)
{
    const struct pn_bytes *key = &entry->record.key;
    int32_t partition = entry->partition;
    if (partition == PN_PARTITION_ANY) {
        partition = key->data == NULL
                        ? 0
                        : rd_kafka_msg_partitioner_murmur2(NULL, key->data, key->len,
                                                           topic->info.partitions, NULL, NULL);
    }
    return &topic->parts[partition]->gate;
}

/* The records wait at their gates. The thread is woken for the first of all, and for what is due:
 * only the thread sends, so that librdkafka has all of a batch before it looks. */
static void gather(struct submitted *submitted)
{
    struct pn_kafka *kafka = submitted->kafka;
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_log_request *request = submitted->request;
    pthread_mutex_lock(&producer->lock);
    int64_t now_ns = pn_mono_ns(kafka->clock);
    bool wakes = producer->gates == NULL;
    for (size_t i = 0; i < request->count; i++) {
        struct ticket *ticket = &submitted->tickets[i];
        struct pn_kafka_gate *gate = gate_of(submitted->topic, &request->entries[i]);
        ticket->submitted = submitted;
        ticket->entry = &request->entries[i];
        pn_kafka_gate_add(&producer->gates, gate, &ticket->waiting, now_ns);
        wakes |= pn_kafka_gate_is_due(gate, now_ns);
    }
    if (wakes && !producer->is_woken) {
        producer->is_woken = true;
        rd_kafka_queue_yield(producer->events);
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
    gather(submitted);
    settle(submitted);
    return 0;
}
