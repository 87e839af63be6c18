/*
 * What the cluster's consumer groups have of a topic, by the admin API: which groups there are,
 * what each has committed, and which members have its partitions. Groups of other protocols, and
 * those that we may not see, are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"
#include "log/member.h"

enum { GROUPS_MAX = 1000, ASKED_AT_ONCE = 50 };

struct looking {
    struct pn_kafka *kafka;
    const char *topic;
    int32_t partitions;
    struct pn_arena *arena;
    const char **names; /* of the groups */
    size_t name_count;
    struct pn_log_group_place *items; /* malloc'd */
    size_t count;
    size_t capacity;
};

/* --- places ----------------------------------------------------------------------------------- */

static struct pn_log_group_place *place_of(struct looking *looking, const char *group,
                                           int32_t partition)
{
    for (size_t i = looking->count; i > 0; i--) {
        struct pn_log_group_place *place = &looking->items[i - 1];
        if (place->partition == partition && strcmp(place->group, group) == 0) {
            return place;
        }
    }
    pn_grow((void **)&looking->items, &looking->capacity, looking->count + 1,
            sizeof *looking->items);
    struct pn_log_group_place *place = &looking->items[looking->count++];
    *place = (struct pn_log_group_place){
        .group = pn_arena_strdup(looking->arena, group), .partition = partition, .committed = -1};
    return place;
}

static int by_place(const void *a, const void *b)
{
    const struct pn_log_group_place *left = a;
    const struct pn_log_group_place *right = b;
    int names = strcmp(left->group, right->group);
    return names != 0 ? names : left->partition - right->partition;
}

/* --- which groups ----------------------------------------------------------------------------- */

static int find_groups(struct looking *looking, struct pn_err *e)
{
    struct pn_kafka *kafka = looking->kafka;
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_event_t *event = NULL;
    size_t count = 0;
    rd_kafka_ListConsumerGroups(kafka->asker, options, queue);
    int rc = pn_kafka_admin_wait(kafka, queue, "cannot list the consumer groups", &event, e);
    if (rc == 0) {
        const rd_kafka_ConsumerGroupListing_t **groups = rd_kafka_ListConsumerGroups_result_valid(
            rd_kafka_event_ListConsumerGroups_result(event), &count);
        count = count < GROUPS_MAX ? count : GROUPS_MAX;
        looking->names = pn_arena_calloc(looking->arena, count + 1, sizeof *looking->names);
        for (size_t i = 0; i < count; i++) {
            looking->names[looking->name_count++] =
                pn_arena_strdup(looking->arena, rd_kafka_ConsumerGroupListing_group_id(groups[i]));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

/* --- which members have what ------------------------------------------------------------------ */

static void take_member(struct looking *looking, const char *group,
                        const rd_kafka_MemberDescription_t *member)
{
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t *list =
        assignment != NULL ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        if (strcmp(list->elems[i].topic, looking->topic) == 0) {
            place_of(looking, group, list->elems[i].partition)->member =
                pn_arena_strdup(looking->arena, rd_kafka_MemberDescription_consumer_id(member));
        }
    }
}

static int find_members(struct looking *looking, struct pn_err *e)
{
    struct pn_kafka *kafka = looking->kafka;
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_event_t *event = NULL;
    size_t count = 0;
    rd_kafka_DescribeConsumerGroups(kafka->asker, looking->names, looking->name_count, options,
                                    queue);
    int rc = pn_kafka_admin_wait(kafka, queue, "cannot ask for the consumer groups", &event, e);
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rc == 0 ? rd_kafka_DescribeConsumerGroups_result_groups(
                      rd_kafka_event_DescribeConsumerGroups_result(event), &count)
                : NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConsumerGroupDescription_group_id(groups[i]);
        size_t members = rd_kafka_ConsumerGroupDescription_member_count(groups[i]);
        for (size_t at = 0; at < members; at++) {
            take_member(looking, name, rd_kafka_ConsumerGroupDescription_member(groups[i], at));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

/* --- what was committed ----------------------------------------------------------------------- */

static void ask_for_commits(struct looking *looking, const char *group,
                            const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(looking->partitions);
    rd_kafka_topic_partition_list_add_range(list, looking->topic, 0, looking->partitions - 1);
    rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_ListConsumerGroupOffsets(looking->kafka->asker, &asked, 1, options, queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    rd_kafka_topic_partition_list_destroy(list);
}

static void take_commits(struct looking *looking, const rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_group_result_t **results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result((rd_kafka_event_t *)event), &count);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(results[i]);
        for (int at = 0; list != NULL && at < list->cnt; at++) {
            const rd_kafka_topic_partition_t *one = &list->elems[at];
            if (one->err == RD_KAFKA_RESP_ERR_NO_ERROR && one->offset >= 0) {
                place_of(looking, rd_kafka_group_result_name(results[i]), one->partition)
                    ->committed = one->offset;
            }
        }
    }
}

/* Some groups at a time: each is a question to its own coordinator. */
static int find_commits(struct looking *looking, struct pn_err *e)
{
    struct pn_kafka *kafka = looking->kafka;
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < looking->name_count; from += ASKED_AT_ONCE) {
        size_t left = looking->name_count - from;
        size_t count = left < ASKED_AT_ONCE ? left : ASKED_AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            ask_for_commits(looking, looking->names[from + i], options, queue);
        }
        for (size_t i = 0; i < count; i++) {
            rd_kafka_event_t *event = NULL;
            struct pn_err failure = {0};
            int failed = pn_kafka_admin_wait(kafka, queue,
                                             "cannot ask for what a consumer group has committed",
                                             &event, &failure);
            if (failed == 0) {
                take_commits(looking, event);
            } else if (rc == 0 && failure.class_ == PN_CLASS_RETRY) {
                pn_err_copy(e, &failure);
                rc = failed;
            }
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

int pn_kafka_groups(struct pn_log *log, const char *topic, struct pn_arena *arena,
                    struct pn_log_group_place **places, size_t *count, struct pn_err *e)
{
    struct pn_log_topic_info info = {0};
    struct looking looking = {.kafka = pn_kafka_of(log), .topic = topic, .arena = arena};
    *count = 0;
    int rc = pn_log_topic(log, topic, &info, e);
    looking.partitions = info.partitions;
    if (rc == 0) {
        rc = find_groups(&looking, e);
    }
    if (rc == 0 && looking.name_count > 0) {
        rc = find_members(&looking, e);
    }
    if (rc == 0) {
        rc = find_commits(&looking, e);
    }
    *places = pn_arena_calloc(arena, looking.count + 1, sizeof **places);
    if (rc == 0 && looking.count > 0) {
        qsort(looking.items, looking.count, sizeof *looking.items, by_place);
        memcpy(*places, looking.items, looking.count * sizeof **places);
        *count = looking.count;
    }
    free(looking.items);
    return rc;
}
