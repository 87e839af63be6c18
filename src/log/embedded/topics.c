#include "log/embedded/topics.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void pn_topics_init(struct pn_topics *topics, struct pn_log_env *env)
{
    *topics = (struct pn_topics){.env = env};
    pn_age_clock_init(&topics->age, env->clock, env->logger, INT64_MAX);
    pthread_rwlock_init(&topics->lock, NULL);
    pthread_mutex_init(&topics->admin_lock, NULL);
    pthread_mutex_init(&topics->users_lock, NULL);
    pthread_cond_init(&topics->users_changed, NULL);
}

void pn_topic_destroy(struct pn_topic **topic)
{
    struct pn_topic *gone = *topic;
    if (gone == NULL) {
        return;
    }
    for (int i = 0; i < atomic_load(&gone->partition_count); i++) {
        pn_partition_destroy(&gone->partitions[i]);
    }
    free(gone->partitions);
    free(gone->folder);
    free(gone);
    *topic = NULL;
}

void pn_topics_deinit(struct pn_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        PN_ASSERT(atomic_load(&topics->topics[i]->users) == 1);
        pn_topic_destroy(&topics->topics[i]);
    }
    free(topics->topics);
    for (size_t i = 0; i < topics->closed_count; i++) {
        free(topics->closed[i].name);
    }
    free(topics->closed);
    pthread_cond_destroy(&topics->users_changed);
    pthread_mutex_destroy(&topics->users_lock);
    pthread_mutex_destroy(&topics->admin_lock);
    pthread_rwlock_destroy(&topics->lock);
}

/* --- the list -------------------------------------------------------------------------------- */

/* Where `name` is, or would be. A holder of the lock's. */
static size_t place_of(const struct pn_topics *topics, const char *name, bool *found)
{
    size_t low = 0;
    size_t high = topics->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, topics->topics[middle]->name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void pn_topics_insert(struct pn_topics *topics, struct pn_topic *topic)
{
    bool found = false;
    pthread_rwlock_wrlock(&topics->lock);
    size_t place = place_of(topics, topic->name, &found);
    PN_ASSERT(!found);
    pn_grow((void **)&topics->topics, &topics->capacity, topics->count + 1, sizeof *topics->topics);
    memmove(topics->topics + place + 1, topics->topics + place,
            (topics->count - place) * sizeof(struct pn_topic *));
    topics->topics[place] = topic;
    topics->count++;
    pthread_rwlock_unlock(&topics->lock);
}

void pn_topics_remove(struct pn_topics *topics, const struct pn_topic *topic)
{
    bool found = false;
    pthread_rwlock_wrlock(&topics->lock);
    size_t place = place_of(topics, topic->name, &found);
    PN_ASSERT(found && topics->topics[place] == topic);
    topics->count--;
    memmove(topics->topics + place, topics->topics + place + 1,
            (topics->count - place) * sizeof(struct pn_topic *));
    pthread_rwlock_unlock(&topics->lock);
}

struct pn_topic *pn_topics_hold(struct pn_topics *topics, const char *name)
{
    bool found = false;
    struct pn_topic *topic = NULL;
    pthread_rwlock_rdlock(&topics->lock);
    size_t place = place_of(topics, name, &found);
    if (found) {
        topic = topics->topics[place];
        (void)atomic_fetch_add(&topic->users, 1);
    }
    pthread_rwlock_unlock(&topics->lock);
    return topic;
}

void pn_topic_release(struct pn_topics *topics, struct pn_topic *topic)
{
    /* The last one but the list lets go under the lock: a deletion may wait for it, and frees the
     * topic then. */
    int users = atomic_load(&topic->users);
    while (users > 2) {
        if (atomic_compare_exchange_weak(&topic->users, &users, users - 1)) {
            return;
        }
    }
    pthread_mutex_lock(&topics->users_lock);
    (void)atomic_fetch_sub(&topic->users, 1);
    pthread_cond_broadcast(&topics->users_changed);
    pthread_mutex_unlock(&topics->users_lock);
}

int pn_topics_check_closed(const struct pn_topics *topics, const char *name, struct pn_err *e)
{
    for (size_t i = 0; i < topics->closed_count; i++) {
        if (strcmp(topics->closed[i].name, name) == 0) {
            pn_err_copy(e, &topics->closed[i].why);
            return PN_FAIL;
        }
    }
    return 0;
}

int pn_topics_find(struct pn_topics *topics, const char *name, struct pn_topic **topic,
                   struct pn_err *e)
{
    *topic = pn_topics_hold(topics, name);
    if (*topic == NULL && pn_topics_check_closed(topics, name, e) != 0) {
        return PN_FAIL;
    }
    if (*topic == NULL) {
        return pn_err_missing(e, "there is no topic '%.*s'", PN_TOPIC_NAME_MAX, name);
    }
    return 0;
}

struct pn_topic **pn_topics_hold_all(struct pn_topics *topics, size_t *count)
{
    pthread_rwlock_rdlock(&topics->lock);
    struct pn_topic **all = pn_xcalloc(topics->count, sizeof(struct pn_topic *));
    for (size_t i = 0; i < topics->count; i++) {
        all[i] = topics->topics[i];
        (void)atomic_fetch_add(&all[i]->users, 1);
    }
    *count = topics->count;
    pthread_rwlock_unlock(&topics->lock);
    return all;
}
