/* What an instance reads: the topics that it subscribed to, or partitions of its own choice. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kafka/rest/consumer_group.h"
#include "kafka/rest/consumers.h"
#include "kafka/rest/errors.h"

static int compile(struct pn_kafka_rest_instance *instance, const char *pattern,
                   struct pn_kafka_rest_refusal *refusal)
{
    /* Repetition counts can make a short pattern a huge automaton, back references a slow one. */
    if (strlen(pattern) > PN_KAFKA_REST_PATTERN_MAX || strpbrk(pattern, "{}") != NULL) {
        return pn_kafka_rest_refuse(
            refusal, 422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
            "topic_pattern must have at most %d characters and no { } repetition",
            PN_KAFKA_REST_PATTERN_MAX);
    }
    for (const char *c = strchr(pattern, '\\'); c != NULL; c = strchr(c + 1 + (c[1] != 0), '\\')) {
        if (c[1] >= '0' && c[1] <= '9') {
            return pn_kafka_rest_refuse(refusal, 422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
                                        "topic_pattern must have no back references");
        }
    }
    char *whole = pn_xasprintf("^(%s)$", pattern);
    int rc = regcomp(&instance->regex, whole, REG_EXTENDED | REG_NOSUB);
    free(whole);
    if (rc != 0) {
        char why[128];
        (void)regerror(rc, &instance->regex, why, sizeof why);
        return pn_kafka_rest_refuse(refusal, 422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
                                    "topic_pattern is not a regular expression: %s", why);
    }
    instance->pattern = pn_xstrdup(pattern);
    return 0;
}

int pn_kafka_rest_refuse_both(struct pn_kafka_rest_refusal *refusal)
{
    return pn_kafka_rest_refuse(
        refusal, 409, PN_KAFKA_REST_CODE_ILLEGAL_STATE,
        "Illegal state: Subscription to topics, partitions and pattern are mutually "
        "exclusive");
}

int pn_kafka_rest_instance_subscribe(struct pn_kafka_rest_instance *instance,
                                     const char *const *topics, size_t count, const char *pattern,
                                     struct pn_kafka_rest_refusal *refusal)
{
    if (instance->assigned) {
        return pn_kafka_rest_refuse_both(refusal);
    }
    struct pn_kafka_rest_instance fresh = {0};
    if (pattern != NULL && compile(&fresh, pattern, refusal) != 0) {
        return -1;
    }
    pn_kafka_rest_instance_unsubscribe(instance);
    instance->fetched = false;
    instance->pattern = fresh.pattern;
    instance->regex = fresh.regex;
    instance->topics = pn_xcalloc(count + 1, sizeof *instance->topics);
    for (size_t i = 0; i < count; i++) {
        instance->topics[instance->topic_count++] = pn_xstrdup(topics[i]);
    }
    return 0;
}

int pn_kafka_rest_consumers_subscribe(struct pn_kafka_rest_consumers *consumers,
                                      struct pn_kafka_rest_instance_id id,
                                      const char *const *topics, size_t count, const char *pattern,
                                      struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        rc = pn_kafka_rest_instance_subscribe(instance, topics, count, pattern, refusal);
    }
    if (rc == 0) {
        pn_kafka_rest_group_deal(consumers, group, true);
    }
    pthread_mutex_unlock(&consumers->lock);
    if (rc == 0) {
        pn_kafka_rest_group_flush_quietly(consumers, id.group);
    }
    return rc;
}

int pn_kafka_rest_consumers_unsubscribe(struct pn_kafka_rest_consumers *consumers,
                                        struct pn_kafka_rest_instance_id id,
                                        struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        if (instance->config.auto_commit) {
            pn_kafka_rest_instance_commit(group, instance);
        }
        pn_kafka_rest_instance_unsubscribe(instance);
        pn_kafka_rest_instance_drop(instance);
        instance->assigned = false;
        pn_kafka_rest_group_deal(consumers, group, true);
    }
    pthread_mutex_unlock(&consumers->lock);
    if (rc == 0) {
        pn_kafka_rest_group_flush_quietly(consumers, id.group);
    }
    return rc;
}

int pn_kafka_rest_instance_names(struct pn_log *log, const struct pn_kafka_rest_instance *instance,
                                 struct pn_arena *arena, const char *const **topics, size_t *count,
                                 struct pn_kafka_rest_refusal *refusal)
{
    struct pn_log_topic_info *infos = NULL;
    size_t info_count = 0;
    struct pn_err e;
    if (pn_log_topics(log, arena, &infos, &info_count, &e) != 0) {
        return pn_kafka_rest_refuse_error(refusal, &e);
    }
    size_t named = instance->topic_count;
    const char **names = pn_arena_calloc(arena, named + info_count + 1, sizeof *names);
    *count = 0;
    for (size_t i = 0; i < named; i++) {
        names[(*count)++] = pn_arena_strdup(arena, instance->topics[i]);
    }
    for (size_t i = 0; i < info_count && instance->pattern != NULL; i++) {
        if (pn_kafka_rest_instance_wants(instance, infos[i].name)) {
            names[(*count)++] = infos[i].name;
        }
    }
    *topics = names;
    return 0;
}

int pn_kafka_rest_consumers_subscription(struct pn_kafka_rest_consumers *consumers,
                                         struct pn_kafka_rest_instance_id id,
                                         struct pn_arena *arena, const char *const **topics,
                                         size_t *count, struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        rc = pn_kafka_rest_instance_names(consumers->config.log, instance, arena, topics, count,
                                          refusal);
    }
    pthread_mutex_unlock(&consumers->lock);
    return rc;
}

/* Are they partitions of the log? */
int pn_kafka_rest_check_partitions(struct pn_log *log,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_kafka_rest_refusal *refusal)
{
    for (size_t i = 0; i < partitions->count; i++) {
        const struct pn_kafka_rest_position *p = &partitions->items[i];
        struct pn_log_topic_info info;
        if (pn_log_topic(log, p->topic, &info, NULL) != 0) {
            return pn_kafka_rest_refuse(refusal, 404, PN_KAFKA_REST_CODE_TOPIC_NOT_FOUND,
                                        "Topic not found.");
        }
        if (p->partition < 0 || p->partition >= info.partitions) {
            return pn_kafka_rest_refuse(refusal, 404, PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND,
                                        "Partition not found.");
        }
    }
    return 0;
}

static void assign(struct pn_kafka_rest_consumers *consumers, struct pn_kafka_rest_group *group,
                   struct pn_kafka_rest_instance *instance,
                   const struct pn_kafka_rest_positions *partitions)
{
    if (instance->config.auto_commit) {
        pn_kafka_rest_instance_commit(group, instance);
    }
    pn_kafka_rest_instance_drop(instance);
    instance->held = pn_xcalloc(partitions->count + 1, sizeof *instance->held);
    for (size_t i = 0; i < partitions->count; i++) {
        const struct pn_kafka_rest_position *p = &partitions->items[i];
        if (pn_kafka_rest_instance_find(instance, p->topic, p->partition) == NULL) {
            int64_t start =
                pn_kafka_rest_instance_start(consumers, group, instance, p->topic, p->partition);
            instance->held[instance->held_count++] = (struct pn_kafka_rest_held){
                .topic = pn_xstrdup(p->topic), .partition = p->partition, .position = start};
        }
    }
    instance->assigned = partitions->count > 0;
}

int pn_kafka_rest_consumers_assign(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    if (pn_kafka_rest_check_partitions(consumers->config.log, partitions, refusal) != 0) {
        return -1;
    }
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0 && (instance->topic_count > 0 || instance->pattern != NULL)) {
        rc = pn_kafka_rest_refuse_both(refusal);
    }
    if (rc == 0) {
        assign(consumers, group, instance, partitions);
    }
    pthread_mutex_unlock(&consumers->lock);
    if (rc == 0) {
        pn_kafka_rest_group_flush_quietly(consumers, id.group);
    }
    return rc;
}

void pn_kafka_rest_instance_copy_held(const struct pn_kafka_rest_instance *instance,
                                      struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *partitions)
{
    partitions->items = pn_arena_calloc(arena, instance->held_count + 1, sizeof *partitions->items);
    partitions->count = instance->held_count;
    for (size_t i = 0; i < instance->held_count; i++) {
        /* A fetch starts with another partition each time, so that none is starved. */
        const struct pn_kafka_rest_held *held =
            &instance->held[(i + instance->rotation) % instance->held_count];
        partitions->items[i] =
            (struct pn_kafka_rest_position){.topic = pn_arena_strdup(arena, held->topic),
                                            .partition = held->partition,
                                            .offset = held->position};
    }
}

int pn_kafka_rest_consumers_assignments(struct pn_kafka_rest_consumers *consumers,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_positions *partitions,
                                        struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        pn_kafka_rest_group_deal(consumers, group, false);
        size_t rotation = instance->rotation;
        instance->rotation = 0;
        pn_kafka_rest_instance_copy_held(instance, arena, partitions);
        instance->rotation = rotation;
    }
    pthread_mutex_unlock(&consumers->lock);
    return rc;
}
