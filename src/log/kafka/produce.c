#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"
#include "log/record.h"

/* So long records without a key go to one partition while a batch is on its way to it. */
static const int64_t KEYLESS_STAY_NS = INT64_C(10000000);

/* A record in progress, and the request in progress that it is of. */
struct ticket {
    struct pn_kafka_waiting waiting; /* first: a waiting one is cast to it */
    struct submitted *submitted;
    struct pn_log_entry *entry;
    int32_t partition; /* for librdkafka; PN_PARTITION_ANY: it decides, by the key */
};

struct submitted {
    struct pn_kafka *kafka;
    struct pn_log_request *request;
    struct pn_kafka_topic *topic; /* held */
    int64_t bytes;
    int64_t began_ns;
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
    if (err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        entry->rc = pn_kafka_fail(submitted->kafka, err, &e,
                                  "topic %s: producing needs the right Write on the topic, and, "
                                  "with brokers before 2.8, IdempotentWrite on the cluster "
                                  "(at Amazon MSK: WriteDataIdempotently)",
                                  submitted->request->topic);
    } else if (partition < 0) {
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

/* Of a client that failed, librdkafka says of what waited only that it does not any more. */
static rd_kafka_resp_err_t cause_of(rd_kafka_t *client, rd_kafka_resp_err_t err)
{
    char why[PN_KAFKA_TEXT_SIZE];
    rd_kafka_resp_err_t fatal = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__FATAL) {
        fatal = rd_kafka_fatal_error(client, why, sizeof why);
    }
    return fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? fatal : err;
}

/* A flush has done its work when the batches that it was for are answered. It also ends, for the
 * next one to begin, when others are due. */
static void answered(struct pn_kafka *kafka, const struct pn_kafka_waiting *record)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    pthread_mutex_lock(&producer->lock);
    bool ends_flush =
        pn_kafka_gate_answered(&producer->gates, record->gate, pn_mono_ns(kafka->clock));
    pthread_mutex_unlock(&producer->lock);
    if (ends_flush && producer->is_flushing) {
        rd_kafka_yield(producer->client);
    }
}

void pn_kafka_on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct pn_kafka *kafka = ((const struct pn_kafka_owner *)opaque)->kafka;
    const struct ticket *ticket = message->_private;
    struct submitted *submitted = ticket->submitted;
    struct pn_log_entry *entry = ticket->entry;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(submitted, entry, message->partition, cause_of(client, message->err));
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

/* --- sending ---------------------------------------------------------------------------------- */

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
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = ticket->partition},
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

/* Gives a record to librdkafka; with the lock. The partition that was chosen for one without a key
 * may be too new for librdkafka, which then chooses. */
static rd_kafka_resp_err_t send_record(struct pn_kafka *kafka, struct ticket *ticket,
                                       int64_t now_ns)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    if (now_ns - ticket->submitted->began_ns >= kafka->config.timeout_ms * 1000000) {
        return RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    }
    if (producer->client == NULL) {
        return producer->failed != RD_KAFKA_RESP_ERR_NO_ERROR ? producer->failed
                                                              : RD_KAFKA_RESP_ERR__STATE;
    }
    rd_kafka_topic_t *handle = handle_of(producer, ticket->submitted->request->topic);
    if (handle == NULL) {
        return rd_kafka_last_error();
    }
    rd_kafka_resp_err_t err = produce(producer->client, handle, ticket);
    if (err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
        ticket->partition != ticket->entry->partition) {
        ticket->partition = ticket->entry->partition;
        err = produce(producer->client, handle, ticket);
    }
    return cause_of(producer->client, err);
}

/* Gives librdkafka all that wait at the gate; with the lock. Keeps what it does not take. */
static void send_batch(struct pn_kafka *kafka, struct pn_kafka_gate *gate, int64_t now_ns)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_kafka_waiting *next = NULL;
    for (struct pn_kafka_waiting *one = pn_kafka_gate_take(&producer->gates, gate, now_ns);
         one != NULL; one = next) {
        struct ticket *ticket = (struct ticket *)one;
        next = one->next;
        rd_kafka_resp_err_t err = send_record(kafka, ticket, now_ns);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            refuse(ticket->submitted, ticket->entry, ticket->partition, err);
            one->next = producer->refused;
            producer->refused = one;
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

bool pn_kafka_send(struct pn_kafka *kafka, bool all, int64_t most_ns, int64_t *wait_ns)
{
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_kafka_gate *gate = NULL;
    pthread_mutex_lock(&producer->lock);
    int64_t now_ns = pn_mono_ns(kafka->clock);
    pn_kafka_gates_begin(&producer->gates);
    do {
        gate = all ? pn_kafka_gates_any(&producer->gates)
                   : pn_kafka_gates_due(&producer->gates, now_ns);
        if (gate != NULL) {
            send_batch(kafka, gate, now_ns);
        }
    } while (gate != NULL);
    bool sent = producer->gates.leaving > 0;
    struct pn_kafka_waiting *refused = producer->refused;
    producer->refused = NULL;
    *wait_ns = refused == NULL ? pn_kafka_gates_wait_ns(&producer->gates, now_ns, most_ns) : 0;
    pthread_mutex_unlock(&producer->lock);
    settle_refused(kafka, refused);
    return sent;
}

/* --- submitting ------------------------------------------------------------------------------- */

/* The partition for a record without a key; with the lock. Those that come together share a batch,
 * and each batch has another partition, at random. One that does not answer is left out. */
static int32_t choose(struct pn_kafka_producer *producer, const struct pn_kafka_topic *topic,
                      int64_t now_ns)
{
    int32_t count = topic->info.partitions;
    int32_t *chosen = &topic->parts[0]->chosen;
    if (*chosen < count) {
        const struct pn_kafka_gate *gate = &topic->parts[*chosen]->gate;
        if (gate->waiting > 0 &&
            (gate->in_flight == 0 || now_ns - gate->began_ns < KEYLESS_STAY_NS)) {
            return *chosen;
        }
    }
    int32_t first = (int32_t)pn_random_below(&producer->random, (uint64_t)count);
    *chosen = first;
    for (int32_t i = 0; i < count; i++) {
        int32_t number = (first + i) % count;
        struct pn_kafka_part *part = topic->parts[number];
        if (atomic_load(&part->is_led) && !pn_kafka_gate_is_stuck(&part->gate, now_ns)) {
            *chosen = number;
            break;
        }
    }
    return *chosen;
}

/* Decides which partition the record is for, and returns its gate; with the lock. For a key,
 * librdkafka decides likewise. */
static struct pn_kafka_gate *gate_of(struct pn_kafka_producer *producer,
                                     const struct pn_kafka_topic *topic, struct ticket *ticket,
                                     int64_t now_ns)
{
    const struct pn_bytes *key = &ticket->entry->record.key;
    int32_t partition = ticket->entry->partition;
    if (partition == PN_PARTITION_ANY && key->data == NULL) {
        partition = choose(producer, topic, now_ns);
    }
    ticket->partition = partition;
    if (partition == PN_PARTITION_ANY) {
        partition = rd_kafka_msg_partitioner_murmur2(NULL, key->data, key->len,
                                                     topic->info.partitions, NULL, NULL);
    }
    return &topic->parts[partition]->gate;
}

/* When a topic gets more partitions, a key gets another gate: what waits at the former ones leaves
 * first. With the lock. */
static void follow_growth(struct pn_kafka *kafka, const struct pn_kafka_topic *topic,
                          int64_t now_ns)
{
    int32_t *known = &topic->parts[0]->gates;
    for (int32_t i = 0; i < *known && *known < topic->info.partitions; i++) {
        send_batch(kafka, &topic->parts[i]->gate, now_ns);
    }
    *known = *known > topic->info.partitions ? *known : topic->info.partitions;
}

/* The records wait at their gates. The thread is woken when it has to look earlier: only the thread
 * sends, so that librdkafka has all of a batch before it looks. */
static void gather(struct submitted *submitted)
{
    struct pn_kafka *kafka = submitted->kafka;
    struct pn_kafka_producer *producer = &kafka->producer;
    struct pn_log_request *request = submitted->request;
    bool wakes = false;
    pthread_mutex_lock(&producer->lock);
    int64_t now_ns = pn_mono_ns(kafka->clock);
    submitted->began_ns = now_ns;
    follow_growth(kafka, submitted->topic, now_ns);
    for (size_t i = 0; i < request->count; i++) {
        struct ticket *ticket = &submitted->tickets[i];
        ticket->submitted = submitted;
        ticket->entry = &request->entries[i];
        ticket->waiting.request = request;
        struct pn_kafka_gate *gate = gate_of(producer, submitted->topic, ticket, now_ns);
        wakes |= pn_kafka_gate_add(&producer->gates, gate, &ticket->waiting, now_ns);
    }
    wakes |= producer->refused != NULL;
    pthread_mutex_unlock(&producer->lock);
    if (wakes) {
        pn_notifier_notify(&producer->wakes);
    }
}

int pn_kafka_submit(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    struct pn_kafka_topic *topic = NULL;
    int64_t bytes = 0;
    int rc = pn_kafka_accept(kafka, request, &topic, &bytes, e);
    if (rc != 0) {
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
