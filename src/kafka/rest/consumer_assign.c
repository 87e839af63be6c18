/* Who reads what: partitions are dealt out round robin, in the order of their names, among the
 * instances (in the order of theirs) that want the topic. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kafka/rest/consumer_group.h"

bool pn_kafka_rest_instance_wants(const struct pn_kafka_rest_instance *instance, const char *topic)
{
    if (instance->pattern != NULL) {
        return regexec(&instance->regex, topic, 0, NULL, 0) == 0;
    }
    for (size_t i = 0; i < instance->topic_count; i++) {
        if (strcmp(instance->topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

struct pn_kafka_rest_held *pn_kafka_rest_instance_find(
    const struct pn_kafka_rest_instance *instance, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < instance->held_count; i++) {
        struct pn_kafka_rest_held *held = &instance->held[i];
        if (held->partition == partition && strcmp(held->topic, topic) == 0) {
            return held;
        }
    }
    return NULL;
}

void pn_kafka_rest_instance_drop(struct pn_kafka_rest_instance *instance)
{
    for (size_t i = 0; i < instance->held_count; i++) {
        free(instance->held[i].topic);
    }
    free(instance->held);
    instance->held = NULL;
    instance->held_count = 0;
}

void pn_kafka_rest_instance_commit(struct pn_kafka_rest_group *group,
                                   const struct pn_kafka_rest_instance *instance)
{
    for (size_t i = 0; i < instance->held_count; i++) {
        const struct pn_kafka_rest_held *held = &instance->held[i];
        if (held->position >= 0) {
            const struct pn_kafka_rest_position position = {
                .topic = held->topic, .partition = held->partition, .offset = held->position};
            pn_kafka_rest_group_commit(group, &position);
        }
    }
}

int64_t pn_kafka_rest_instance_start(struct pn_kafka_rest_consumers *consumers,
                                     const struct pn_kafka_rest_group *group,
                                     const struct pn_kafka_rest_instance *instance,
                                     const char *topic, int32_t partition)
{
    const struct pn_kafka_rest_committed *committed =
        pn_kafka_rest_group_find(group, topic, partition);
    struct pn_log_offsets offsets;
    if (pn_log_offsets(consumers->config.log, topic, partition, &offsets, NULL) != 0) {
        return committed != NULL ? committed->offset : -1;
    }
    /* An offset beyond the end is of a topic that was deleted and made again. */
    if (committed != NULL && (committed->offset <= offsets.end || offsets.unsure)) {
        return committed->offset;
    }
    switch (instance->config.reset) {
    case PN_KAFKA_REST_RESET_EARLIEST:
        return offsets.begin;
    case PN_KAFKA_REST_RESET_LATEST:
        return offsets.end;
    case PN_KAFKA_REST_RESET_NONE:
        break;
    }
    return -1;
}

static uint64_t hash_topics(const struct pn_log_topic_info *topics, size_t count)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < count; i++) {
        for (const char *c = topics[i].name; *c != '\0'; c++) {
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
        }
        hash = (hash ^ topics[i].id) * 0x100000001b3u;
        hash = (hash ^ (uint64_t)topics[i].partitions) * 0x100000001b3u;
    }
    return hash;
}

/* The next instance, from *turn on and around, that wants the topic; NULL when none does. */
static struct pn_kafka_rest_instance *next_taker(struct pn_kafka_rest_instance *const *members,
                                                 size_t count, const char *topic, size_t *turn)
{
    for (size_t tried = 0; tried < count; tried++) {
        struct pn_kafka_rest_instance *member = members[(*turn + tried) % count];
        if (pn_kafka_rest_instance_wants(member, topic)) {
            *turn = (*turn + tried + 1) % count;
            return member;
        }
    }
    return NULL;
}

/* What is being dealt to one instance. */
struct hand {
    struct pn_kafka_rest_held *held;
    size_t count;
    size_t capacity;
};

static void give(struct pn_kafka_rest_consumers *consumers, const struct pn_kafka_rest_group *group,
                 const struct pn_kafka_rest_instance *taker, struct hand *hand, const char *topic,
                 int32_t partition)
{
    void *items = hand->held;
    pn_grow(&items, &hand->capacity, hand->count + 1, sizeof *hand->held);
    hand->held = items;
    const struct pn_kafka_rest_held *old = pn_kafka_rest_instance_find(taker, topic, partition);
    hand->held[hand->count++] = (struct pn_kafka_rest_held){
        .topic = pn_xstrdup(topic),
        .partition = partition,
        .position = old != NULL && old->position >= 0
                        ? old->position
                        : pn_kafka_rest_instance_start(consumers, group, taker, topic, partition)};
}

static void deal_topics(struct pn_kafka_rest_consumers *consumers,
                        struct pn_kafka_rest_group *group,
                        struct pn_kafka_rest_instance *const *members, size_t member_count,
                        const struct pn_log_topic_info *topics, size_t topic_count)
{
    struct hand *hands = pn_xcalloc(member_count, sizeof *hands);
    size_t turn = 0;
    for (size_t t = 0; t < topic_count; t++) {
        for (int32_t p = 0; p < topics[t].partitions; p++) {
            struct pn_kafka_rest_instance *taker =
                next_taker(members, member_count, topics[t].name, &turn);
            size_t m = 0;
            while (taker != NULL && members[m] != taker) {
                m++;
            }
            if (taker != NULL) {
                give(consumers, group, taker, &hands[m], topics[t].name, p);
            }
        }
    }
    for (size_t m = 0; m < member_count; m++) {
        pn_kafka_rest_instance_drop(members[m]);
        members[m]->held = hands[m].held;
        members[m]->held_count = hands[m].count;
    }
    free(hands);
}

void pn_kafka_rest_group_deal(struct pn_kafka_rest_consumers *consumers,
                              struct pn_kafka_rest_group *group, bool force)
{
    struct pn_arena arena;
    struct pn_log_topic_info *topics = NULL;
    size_t topic_count = 0;
    pn_arena_init(&arena, 0);
    group->refreshed_ms = pn_mono_ms(consumers->config.clock);
    if (pn_log_topics(consumers->config.log, &arena, &topics, &topic_count, NULL) != 0) {
        pn_arena_deinit(&arena);
        return;
    }
    uint64_t seen = hash_topics(topics, topic_count);
    struct pn_kafka_rest_instance **members =
        pn_arena_calloc(&arena, consumers->instance_count + 1, sizeof *members);
    size_t member_count = 0;
    for (struct pn_kafka_rest_instance *i = group->instances; i != NULL; i = i->next) {
        if (i->topic_count > 0 || i->pattern != NULL) {
            members[member_count++] = i;
        }
    }
    if (force || seen != group->topics_seen) {
        group->topics_seen = seen;
        /* First, so that the next owner of a partition continues where the one before it
         * stopped. */
        for (size_t m = 0; m < member_count; m++) {
            if (members[m]->config.auto_commit) {
                pn_kafka_rest_instance_commit(group, members[m]);
            }
        }
        if (member_count > 0) {
            deal_topics(consumers, group, members, member_count, topics, topic_count);
        }
    }
    pn_arena_deinit(&arena);
}
