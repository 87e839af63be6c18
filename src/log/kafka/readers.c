/*
 * Consumers of single partitions, by librdkafka's simple consumer. A lane is a handle with its own
 * connections, and reads each partition at one place only; so there are several, and what reads on
 * (the sink) keeps its place while somebody else looks at another one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

enum { SEEK_MS = 5000, IDLE_MS = 60000 };

static const struct pn_kafka_property PROPERTIES[] = {
    {"isolation.level", "read_committed"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"},
    {"enable.auto.commit", "false"},
    {"fetch.wait.max.ms", "100"}, /* a seek waits for the fetch in progress */
    {"queued.max.messages.kbytes", "4096"},
    {"fetch.max.bytes", "16777216"},
    {NULL, NULL},
};

void pn_kafka_readers_init(struct pn_kafka_readers *readers)
{
    *readers = (struct pn_kafka_readers){0};
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->is_free, NULL);
}

static void forget_batch(struct pn_kafka_reader *reader)
{
    for (size_t i = reader->batch_used; i < reader->batch_count; i++) {
        rd_kafka_message_destroy(reader->batch[i]);
    }
    reader->batch_used = 0;
    reader->batch_count = 0;
}

/* The queue is the reader's own, and what is left in it goes with it. In the queue that librdkafka
 * has for each partition, before 2.6.1 the error that a partition is gone holds that partition: the
 * client's end then waits forever (its pull request 4724). */
static void close_reader(struct pn_kafka_reader *reader)
{
    forget_batch(reader);
    (void)rd_kafka_consume_stop(reader->handle, reader->partition);
    rd_kafka_queue_destroy(reader->queue);
    rd_kafka_topic_destroy(reader->handle);
    free(reader);
}

void pn_kafka_readers_deinit(struct pn_kafka_readers *readers)
{
    for (size_t i = 0; i < readers->count; i++) {
        close_reader(readers->readers[i]);
    }
    for (size_t i = 0; i < PN_KAFKA_LANES; i++) {
        if (readers->lanes[i] != NULL) {
            rd_kafka_destroy(readers->lanes[i]);
        }
    }
    pthread_cond_destroy(&readers->is_free);
    pthread_mutex_destroy(&readers->lock);
}

/* --- taking one; with the lock ---------------------------------------------------------------- */

static bool reads(const struct pn_kafka_reader *reader, const char *topic, int32_t partition)
{
    return reader->partition == partition && strcmp(reader->topic, topic) == 0;
}

/* The reader of the partition that fits best: at the offset, else the one unused for longest.
 * *lane_free is a lane without one, or -1. */
static struct pn_kafka_reader *find(const struct pn_kafka_readers *readers, const char *topic,
                                    int32_t partition, int64_t offset, int *lane_free)
{
    bool is_taken[PN_KAFKA_LANES] = {false};
    struct pn_kafka_reader *best = NULL;
    for (size_t i = 0; i < readers->count; i++) {
        struct pn_kafka_reader *reader = readers->readers[i];
        if (!reads(reader, topic, partition)) {
            continue;
        }
        is_taken[reader->lane] = true;
        if (reader->is_busy) {
            continue;
        }
        if (best == NULL || reader->position == offset ||
            (best->position != offset && reader->used_ms < best->used_ms)) {
            best = reader;
        }
    }
    *lane_free = -1;
    for (int i = PN_KAFKA_LANES - 1; i >= 0; i--) {
        *lane_free = is_taken[i] ? *lane_free : i;
    }
    return best;
}

static void drop(struct pn_kafka_readers *readers, size_t at)
{
    struct pn_kafka_reader *gone = readers->readers[at];
    readers->readers[at] = readers->readers[--readers->count];
    close_reader(gone);
}

void pn_kafka_readers_poll(struct pn_kafka *kafka)
{
    struct pn_kafka_readers *readers = &kafka->readers;
    int64_t now_ms = pn_mono_ms(kafka->clock);
    pthread_mutex_lock(&readers->lock);
    for (size_t i = 0; i < PN_KAFKA_LANES; i++) {
        if (readers->lanes[i] != NULL) {
            (void)rd_kafka_poll(readers->lanes[i], 0);
        }
    }
    for (size_t i = readers->count; i-- > 0;) {
        const struct pn_kafka_reader *reader = readers->readers[i];
        if (!reader->is_busy && now_ms - reader->used_ms >= IDLE_MS) {
            drop(readers, i);
        }
    }
    pthread_mutex_unlock(&readers->lock);
}

void pn_kafka_readers_forget(struct pn_kafka *kafka, const char *topic)
{
    struct pn_kafka_readers *readers = &kafka->readers;
    pthread_mutex_lock(&readers->lock);
    for (size_t i = readers->count; i-- > 0;) {
        struct pn_kafka_reader *reader = readers->readers[i];
        if (strcmp(reader->topic, topic) == 0 && reader->is_busy) {
            reader->is_old = true;
        } else if (strcmp(reader->topic, topic) == 0) {
            drop(readers, i);
        }
    }
    pthread_mutex_unlock(&readers->lock);
}

/* Makes room for one more; false when all are busy. */
static bool make_room(struct pn_kafka_readers *readers)
{
    size_t oldest = PN_KAFKA_READERS_MAX;
    if (readers->count < PN_KAFKA_READERS_MAX) {
        return true;
    }
    for (size_t i = 0; i < readers->count; i++) {
        const struct pn_kafka_reader *reader = readers->readers[i];
        if (!reader->is_busy && (oldest == PN_KAFKA_READERS_MAX ||
                                 reader->used_ms < readers->readers[oldest]->used_ms)) {
            oldest = i;
        }
    }
    if (oldest < PN_KAFKA_READERS_MAX) {
        drop(readers, oldest);
    }
    return oldest < PN_KAFKA_READERS_MAX;
}

static int open_reader(struct pn_kafka *kafka, size_t lane, const char *topic, int32_t partition,
                       int64_t offset, struct pn_kafka_reader **reader, struct pn_err *e)
{
    struct pn_kafka_readers *readers = &kafka->readers;
    if (readers->lanes[lane] == NULL) {
        const struct pn_kafka_client client = {
            .type = RD_KAFKA_CONSUMER, .properties = PROPERTIES, .owner = &kafka->owner};
        int rc = pn_kafka_client_open(&client, &readers->lanes[lane], e);
        if (rc != 0) {
            return rc;
        }
    }
    rd_kafka_topic_t *handle = rd_kafka_topic_new(readers->lanes[lane], topic, NULL);
    if (handle == NULL) {
        return pn_kafka_fail(kafka, rd_kafka_last_error(), e, "topic %s", topic);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(readers->lanes[lane]);
    if (rd_kafka_consume_start_queue(handle, partition, offset, queue) != 0) {
        rd_kafka_resp_err_t err = rd_kafka_last_error();
        rd_kafka_queue_destroy(queue);
        rd_kafka_topic_destroy(handle);
        return pn_kafka_fail(kafka, err, e, "topic %s, partition %" PRId32, topic, partition);
    }
    struct pn_kafka_reader *made = pn_xcalloc(1, sizeof *made);
    (void)snprintf(made->topic, sizeof made->topic, "%s", topic);
    made->partition = partition;
    made->lane = lane;
    made->handle = handle;
    made->queue = queue;
    made->position = offset;
    readers->readers[readers->count++] = made;
    *reader = made;
    return 0;
}

int pn_kafka_reader_take(struct pn_kafka *kafka, const char *topic, int32_t partition,
                         int64_t offset, struct pn_kafka_reader **reader, struct pn_err *e)
{
    struct pn_kafka_readers *readers = &kafka->readers;
    int lane = -1;
    int rc = 0;
    *reader = NULL;
    pthread_mutex_lock(&readers->lock);
    while (*reader == NULL && rc == 0) {
        struct pn_kafka_reader *found = find(readers, topic, partition, offset, &lane);
        if (lane >= 0 && (found == NULL || found->position != offset) && make_room(readers)) {
            rc = open_reader(kafka, (size_t)lane, topic, partition, offset, reader, e);
        } else if (found != NULL) {
            *reader = found;
        } else {
            pthread_cond_wait(&readers->is_free, &readers->lock);
        }
    }
    if (rc == 0) {
        (*reader)->is_busy = true;
    }
    pthread_mutex_unlock(&readers->lock);
    if (rc == 0 && (*reader)->position != offset) {
        forget_batch(*reader);
        rd_kafka_resp_err_t err = rd_kafka_seek((*reader)->handle, partition, offset, SEEK_MS);
        (*reader)->position = offset;
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            pn_kafka_reader_give(kafka, *reader, false);
            rc = pn_kafka_fail(kafka, err, e, "cannot read topic %s, partition %" PRId32, topic,
                               partition);
        }
    }
    return rc;
}

void pn_kafka_reader_give(struct pn_kafka *kafka, struct pn_kafka_reader *reader, bool good)
{
    struct pn_kafka_readers *readers = &kafka->readers;
    pthread_mutex_lock(&readers->lock);
    reader->is_busy = false;
    reader->used_ms = pn_mono_ms(kafka->clock);
    good = good && !reader->is_old;
    for (size_t i = 0; i < readers->count && !good; i++) {
        if (readers->readers[i] == reader) {
            drop(readers, i);
            break;
        }
    }
    pthread_cond_broadcast(&readers->is_free);
    pthread_mutex_unlock(&readers->lock);
}

/* --- reading ---------------------------------------------------------------------------------- */

const rd_kafka_message_t *pn_kafka_reader_peek(struct pn_kafka_reader *reader, int wait_ms)
{
    if (reader->batch_used < reader->batch_count) {
        return reader->batch[reader->batch_used];
    }
    reader->batch_used = 0;
    reader->batch_count = 0;
    ssize_t count = rd_kafka_consume_batch_queue(reader->queue, 0, reader->batch, PN_KAFKA_BATCH);
    if (count > 0) {
        reader->batch_count = (size_t)count;
    } else if (wait_ms > 0) {
        rd_kafka_message_t *one = rd_kafka_consume_queue(reader->queue, wait_ms);
        if (one != NULL) {
            reader->batch[reader->batch_count++] = one;
        }
    }
    return reader->batch_count > 0 ? reader->batch[0] : NULL;
}

void pn_kafka_reader_next(struct pn_kafka_reader *reader)
{
    rd_kafka_message_destroy(reader->batch[reader->batch_used++]);
}
