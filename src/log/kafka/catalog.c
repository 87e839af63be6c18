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
    pthread_mutex_destroy(&catalog->lock);
}

struct pn_kafka_topic *pn_kafka_topic_create(const char *name, int32_t partitions)
{
    struct pn_kafka_topic *topic =
        pn_xcalloc(1, sizeof *topic + (size_t)partitions * sizeof topic->parts[0]);
    atomic_init(&topic->refs, 1);
    topic->info.partitions = partitions;
    memcpy(topic->info.name, name, strlen(name) + 1);
    return topic;
}

void pn_kafka_topic_release(struct pn_kafka_topic *topic)
{
    if (atomic_fetch_sub(&topic->refs, 1) == 1) {
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

void pn_kafka_catalog_replace(struct pn_kafka_catalog *catalog, struct pn_kafka_topic **topics,
                              size_t count)
{
    pthread_mutex_lock(&catalog->lock);
    struct pn_kafka_topic **old = catalog->topics;
    size_t old_count = catalog->count;
    catalog->topics = topics;
    catalog->count = count;
    pthread_mutex_unlock(&catalog->lock);
    release_all(old, old_count);
}

void pn_kafka_catalog_put(struct pn_kafka_catalog *catalog, struct pn_kafka_topic *topic)
{
    bool is_there = false;
    pthread_mutex_lock(&catalog->lock);
    size_t at = find(catalog, topic->info.name, &is_there);
    if (is_there) {
        pn_kafka_topic_release(catalog->topics[at]);
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
    *part = &(*topic)->parts[number];
    return 0;
}

int64_t pn_kafka_part_end(const struct pn_kafka_part *part)
{
    int64_t end = atomic_load(&part->end);
    int64_t delivered = atomic_load(&part->delivered);
    return end > delivered ? end : delivered;
}

void pn_kafka_part_delivered(struct pn_kafka_part *part, int64_t next_offset)
{
    int64_t before = atomic_load(&part->delivered);
    while (before < next_offset &&
           !atomic_compare_exchange_weak(&part->delivered, &before, next_offset)) {
    }
}
