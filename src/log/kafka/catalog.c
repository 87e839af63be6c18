#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

void pn_kafka_catalog_init(struct pn_kafka_catalog *catalog)
{
    *catalog = (struct pn_kafka_catalog){0};
    pthread_mutex_init(&catalog->lock, NULL);
}

static void release_all(struct pn_kafka_topic **topics, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pn_kafka_topic_release(topics[i]);
    }
    free(topics);
}

void pn_kafka_catalog_deinit(struct pn_kafka_catalog *catalog)
{
    release_all(catalog->topics, catalog->count);
    free(catalog->brokers);
    pthread_mutex_destroy(&catalog->lock);
}

static void release_part(struct pn_kafka_part *part)
{
    if (part != NULL && atomic_fetch_sub(&part->refs, 1) == 1) {
        free(part->replicas);
        free(part);
    }
}

/* Takes over the parts that the topic has in a former state. */
static void inherit(struct pn_kafka_topic *topic, const struct pn_kafka_topic *former)
{
    for (int32_t i = 0; i < topic->info.partitions && i < former->info.partitions; i++) {
        struct pn_kafka_part *own = topic->parts[i];
        atomic_fetch_add(&former->parts[i]->refs, 1);
        topic->parts[i] = former->parts[i];
        release_part(own);
    }
}

struct pn_kafka_topic *pn_kafka_topic_create(const char *name, int32_t partitions, uint64_t id,
                                             const struct pn_kafka_topic *known)
{
    struct pn_kafka_topic *topic =
        pn_xcalloc(1, sizeof *topic + (size_t)partitions * sizeof(struct pn_kafka_part *));
    atomic_init(&topic->refs, 1);
    topic->info.partitions = partitions;
    topic->info.id = id;
    memcpy(topic->info.name, name, strlen(name) + 1);
    if (known != NULL) {
        inherit(topic, known);
    }
    for (int32_t i = known != NULL ? known->info.partitions : 0; i < partitions; i++) {
        topic->parts[i] = pn_xcalloc(1, sizeof *topic->parts[i]);
        atomic_init(&topic->parts[i]->refs, 1);
    }
    return topic;
}

void pn_kafka_topic_release(struct pn_kafka_topic *topic)
{
    if (atomic_fetch_sub(&topic->refs, 1) == 1) {
        for (int32_t i = 0; i < topic->info.partitions; i++) {
            release_part(topic->parts[i]);
        }
        free(topic);
    }
}

/* Where the topic is, or where it belongs; with the lock. */
static size_t find(const struct pn_kafka_catalog *catalog, const char *name, bool *is_there)
{
    size_t low = 0;
    size_t high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(catalog->topics[middle]->info.name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *is_there = low < catalog->count && strcmp(catalog->topics[low]->info.name, name) == 0;
    return low;
}

struct pn_kafka_topic *pn_kafka_catalog_hold(struct pn_kafka_catalog *catalog, const char *name)
{
    bool is_there = false;
    struct pn_kafka_topic *topic = NULL;
    pthread_mutex_lock(&catalog->lock);
    size_t at = find(catalog, name, &is_there);
    if (is_there) {
        topic = catalog->topics[at];
        atomic_fetch_add(&topic->refs, 1);
    }
    pthread_mutex_unlock(&catalog->lock);
    return topic;
}

struct pn_kafka_topic **pn_kafka_catalog_hold_all(struct pn_kafka_catalog *catalog, size_t *count)
{
    pthread_mutex_lock(&catalog->lock);
    struct pn_kafka_topic **all = pn_xcalloc(catalog->count + 1, sizeof(struct pn_kafka_topic *));
    *count = catalog->count;
    for (size_t i = 0; i < *count; i++) {
        all[i] = catalog->topics[i];
        atomic_fetch_add(&all[i]->refs, 1);
    }
    pthread_mutex_unlock(&catalog->lock);
    return all;
}

void pn_kafka_catalog_put(struct pn_kafka_catalog *catalog, struct pn_kafka_topic *topic)
{
    bool is_there = false;
    pthread_mutex_lock(&catalog->lock);
    size_t at = find(catalog, topic->info.name, &is_there);
    if (is_there) {
        struct pn_kafka_topic *former = catalog->topics[at];
        if (former->info.id == topic->info.id) {
            inherit(topic, former);
        }
        pn_kafka_topic_release(former);
    } else {
        catalog->topics =
            pn_xrealloc(catalog->topics, (catalog->count + 1) * sizeof(struct pn_kafka_topic *));
        memmove(&catalog->topics[at + 1], &catalog->topics[at],
                (catalog->count - at) * sizeof(struct pn_kafka_topic *));
        catalog->count++;
    }
    catalog->topics[at] = topic;
    pthread_mutex_unlock(&catalog->lock);
}

void pn_kafka_catalog_remove(struct pn_kafka_catalog *catalog, const char *name, uint64_t id)
{
    bool is_there = false;
    pthread_mutex_lock(&catalog->lock);
    size_t at = find(catalog, name, &is_there);
    if (is_there && catalog->topics[at]->info.id == id) {
        pn_kafka_topic_release(catalog->topics[at]);
        catalog->count--;
        memmove(&catalog->topics[at], &catalog->topics[at + 1],
                (catalog->count - at) * sizeof(struct pn_kafka_topic *));
    }
    pthread_mutex_unlock(&catalog->lock);
}

int pn_kafka_catalog_part(struct pn_kafka_catalog *catalog, const char *name, int32_t number,
                          struct pn_kafka_topic **topic, struct pn_kafka_part **part,
                          struct pn_err *e)
{
    *topic = pn_kafka_catalog_hold(catalog, name);
    if (*topic == NULL) {
        return pn_err_missing(e, "there is no topic %s", name);
    }
    if (number < 0 || number >= (*topic)->info.partitions) {
        int32_t count = (*topic)->info.partitions;
        pn_kafka_topic_release(*topic);
        return pn_err_missing(e, "topic %s has no partition %" PRId32 "; it has %" PRId32, name,
                              number, count);
    }
    *part = (*topic)->parts[number];
    return 0;
}

/* --- brokers ---------------------------------------------------------------------------------- */

static bool has(const int32_t *ids, int count, int32_t id)
{
    for (int i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

void pn_kafka_catalog_note_replicas(struct pn_kafka_catalog *catalog, struct pn_kafka_part *part,
                                    const rd_kafka_metadata_partition_t *found)
{
    size_t count = found->replica_cnt > 0 ? (size_t)found->replica_cnt : 0;
    struct pn_log_replica *replicas = pn_xcalloc(count + 1, sizeof *replicas);
    for (size_t i = 0; i < count; i++) {
        int32_t broker = found->replicas[i];
        replicas[i] =
            (struct pn_log_replica){.broker = broker,
                                    .is_leader = broker == found->leader,
                                    .is_in_sync = has(found->isrs, found->isr_cnt, broker)};
    }
    atomic_store(&part->is_led, found->leader >= 0);
    pthread_mutex_lock(&catalog->lock);
    struct pn_log_replica *old = part->replicas;
    part->replicas = replicas;
    part->replica_count = count;
    pthread_mutex_unlock(&catalog->lock);
    free(old);
}

void pn_kafka_catalog_replicas(struct pn_kafka_catalog *catalog, const struct pn_kafka_part *part,
                               struct pn_arena *arena, struct pn_log_replica **replicas,
                               size_t *count)
{
    pthread_mutex_lock(&catalog->lock);
    *count = part->replica_count;
    *replicas = pn_arena_calloc(arena, *count, sizeof **replicas);
    for (size_t i = 0; i < *count; i++) {
        (*replicas)[i] = part->replicas[i];
    }
    pthread_mutex_unlock(&catalog->lock);
}

int32_t pn_kafka_catalog_leader(struct pn_kafka_catalog *catalog, const struct pn_kafka_part *part)
{
    int32_t leader = -1;
    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; i < part->replica_count; i++) {
        leader = part->replicas[i].is_leader ? part->replicas[i].broker : leader;
    }
    pthread_mutex_unlock(&catalog->lock);
    return leader;
}

static int by_number(const void *left, const void *right)
{
    const int32_t *l = left;
    const int32_t *r = right;
    return (*l > *r) - (*l < *r);
}

void pn_kafka_catalog_note_brokers(struct pn_kafka_catalog *catalog,
                                   const rd_kafka_metadata_t *metadata)
{
    size_t count = metadata->broker_cnt > 0 ? (size_t)metadata->broker_cnt : 0;
    int32_t *brokers = pn_xcalloc(count + 1, sizeof *brokers);
    for (size_t i = 0; i < count; i++) {
        brokers[i] = metadata->brokers[i].id;
    }
    qsort(brokers, count, sizeof *brokers, by_number);
    pthread_mutex_lock(&catalog->lock);
    int32_t *old = catalog->brokers;
    catalog->brokers = brokers;
    catalog->broker_count = count;
    pthread_mutex_unlock(&catalog->lock);
    free(old);
}

void pn_kafka_catalog_brokers(struct pn_kafka_catalog *catalog, struct pn_arena *arena,
                              int32_t **brokers, size_t *count)
{
    pthread_mutex_lock(&catalog->lock);
    *count = catalog->broker_count;
    *brokers = pn_arena_calloc(arena, *count, sizeof **brokers);
    for (size_t i = 0; i < *count; i++) {
        (*brokers)[i] = catalog->brokers[i];
    }
    pthread_mutex_unlock(&catalog->lock);
}

/* --- ends ------------------------------------------------------------------------------------- */

int64_t pn_kafka_part_end(const struct pn_kafka_part *part)
{
    int64_t end = atomic_load(&part->end);
    int64_t delivered = atomic_load(&part->delivered);
    int64_t read_end = atomic_load(&part->read_end);
    end = end > delivered ? end : delivered;
    return end > read_end ? end : read_end;
}

static void lift(_Atomic int64_t *offset, int64_t to)
{
    int64_t before = atomic_load(offset);
    while (before < to && !atomic_compare_exchange_weak(offset, &before, to)) {
    }
}

void pn_kafka_part_delivered(struct pn_kafka_part *part, int64_t next_offset)
{
    lift(&part->delivered, next_offset);
}

void pn_kafka_part_read(struct pn_kafka_part *part, int64_t next_offset)
{
    lift(&part->read_end, next_offset);
}
