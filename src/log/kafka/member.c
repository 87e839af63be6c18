/*
 * Members of consumer groups, by librdkafka's group consumer: it keeps the membership, deals out
 * partitions with the other members, and commits. It does not read: its partitions are paused, and
 * the owner reads them as any other, so that seeking and reading on cost what they cost elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "log/kafka/private.h"

struct member {
    struct pn_log_member member; /* first: a pn_log_member is cast to it */
    struct pn_kafka *kafka;
    struct pn_kafka_owner owner;
    struct pn_log_member_config config;
    rd_kafka_t *client;
    rd_kafka_queue_t **queues; /* of the partitions that it had; see keep_queues() */
    size_t queue_count;
    size_t queue_capacity;
    bool has_subscribed;
    bool was_assigned; /* some partitions, or none, by the group */
    bool is_leaving;   /* and was not assigned before: the owner hears of nothing any more */
};

static struct member *of(struct pn_log_member *member)
{
    return (struct member *)member;
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct pn_log_place *places_of(const rd_kafka_topic_partition_list_t *list,
                                      struct pn_arena *arena)
{
    size_t count = (size_t)list->cnt;
    struct pn_log_place *places = pn_arena_calloc(arena, count, sizeof *places);
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct pn_log_place){
            .topic = list->elems[i].topic, .partition = list->elems[i].partition, .offset = -1};
    }
    return places;
}

static rd_kafka_topic_partition_list_t *list_of(const struct pn_log_place *places, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *element =
            rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition);
        size_t len = places[i].metadata != NULL ? strlen(places[i].metadata) : 0;
        element->offset = places[i].offset;
        if (len > 0) {
            element->metadata = rd_kafka_mem_malloc(NULL, len); /* the list frees it */
            element->metadata_size = len;
            memcpy(element->metadata, places[i].metadata, len);
        }
    }
    return list;
}

/* The first of the elements' own errors. */
static rd_kafka_resp_err_t error_of(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return list->elems[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* --- dealing out ------------------------------------------------------------------------------ */

/* librdkafka 2.0 to 2.5 waits forever when a client goes that had a partition of a topic which was
 * deleted: what is left in the partition's queue holds the partition (its issues 4362 and 4674). So
 * the queues are known, and emptied when the client has left its group. */
static void keep_queues(struct member *member, const rd_kafka_topic_partition_list_t *list)
{
    enum { MENDED_VERSION = 0x02060000 };
    if (rd_kafka_version() >= MENDED_VERSION) {
        return;
    }
    size_t count = member->queue_count + (size_t)list->cnt;
    pn_grow((void **)&member->queues, &member->queue_capacity, count, sizeof *member->queues);
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(member->client, list->elems[i].topic,
                                                               list->elems[i].partition);
        if (queue != NULL) {
            member->queues[member->queue_count++] = queue;
        }
    }
}

static void drain_queues(struct member *member)
{
    for (size_t i = 0; i < member->queue_count; i++) {
        rd_kafka_event_t *event = NULL;
        while ((event = rd_kafka_queue_poll(member->queues[i], 0)) != NULL) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(member->queues[i]);
    }
    free(member->queues);
}

/* Some groups deal out all partitions again, others only what moves. A client that is about to
 * leave may not say which (NULL): to give all back is right then. */
static bool is_cooperative(rd_kafka_t *client)
{
    const char *protocol = rd_kafka_rebalance_protocol(client);
    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

static void take(struct member *member, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_t *client = member->client;
    rd_kafka_topic_partition_list_t *start = rd_kafka_topic_partition_list_copy(list);
    for (int i = 0; i < start->cnt; i++) {
        start->elems[i].offset = 0; /* any: nothing is fetched, and nothing asked for */
    }
    if (is_cooperative(client)) {
        rd_kafka_error_t *error = rd_kafka_incremental_assign(client, start);
        rd_kafka_error_destroy(error); /* then the session has ended, and it joins again */
    } else {
        (void)rd_kafka_assign(client, start);
    }
    (void)rd_kafka_pause_partitions(client, start);
    keep_queues(member, start);
    rd_kafka_topic_partition_list_destroy(start);
}

static void give_back(struct member *member, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_t *client = member->client;
    if (is_cooperative(client)) {
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(client, list);
        rd_kafka_error_destroy(error);
    } else {
        (void)rd_kafka_assign(client, NULL);
    }
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct member *member = ((const struct pn_kafka_owner *)opaque)->arg;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_log_place *places = places_of(partitions, &arena);
    size_t count = (size_t)partitions->cnt;
    bool is_assigned = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (is_assigned) {
        take(member, partitions);
        member->was_assigned = true;
    }
    if (is_assigned && !member->is_leaving) {
        member->config.assigned(member->config.arg, places, count);
        pn_kafka_notify(member->kafka); /* callers that wait for records of its partitions */
    } else if (!is_assigned && !member->is_leaving) {
        member->config.revoked(member->config.arg, places, count,
                               rd_kafka_assignment_lost(client) != 0);
    }
    if (!is_assigned) {
        give_back(member, partitions);
    }
    pn_arena_deinit(&arena);
}

/* --- the port's functions --------------------------------------------------------------------- */

/* It is not for lack of an answer that the member is outside: no other try will help. */
static bool keeps_out(const struct pn_err *e)
{
    return e->code == PN_LOG_NOT_AUTHORIZED || e->code == PN_LOG_NOT_AUTHENTICATED ||
           e->class_ == PN_CLASS_CONFLICT || e->class_ == PN_CLASS_INPUT;
}

/* What ends the client for good. */
static int check_fenced(struct member *member, struct pn_err *e)
{
    char why[PN_KAFKA_TEXT_SIZE];
    if (rd_kafka_fatal_error(member->client, why, sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    return pn_err_fatal(e, "consumer group %s: %s", member->config.group, why);
}

static int member_poll(struct pn_log_member *base, struct pn_err *e)
{
    struct member *member = of(base);
    rd_kafka_message_t *message = NULL;
    int rc = 0;
    while ((message = rd_kafka_consumer_poll(member->client, 0)) != NULL) {
        struct pn_err failure = {0};
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)pn_kafka_fail(member->kafka, message->err, &failure, "consumer group %s",
                                member->config.group);
        }
        if (rc == 0 && keeps_out(&failure)) {
            pn_err_copy(e, &failure);
            rc = failure.code;
        }
        rd_kafka_message_destroy(message);
    }
    return rc != 0 ? rc : check_fenced(member, e);
}

static int member_subscribe(struct pn_log_member *base, const char *const *topics, size_t count,
                            struct pn_err *e)
{
    struct member *member = of(base);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (count == 0) {
        err = rd_kafka_unsubscribe(member->client);
    } else {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
        for (size_t i = 0; i < count; i++) {
            rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
        }
        member->has_subscribed = true;
        err = rd_kafka_subscribe(member->client, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    return err == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : pn_kafka_fail(member->kafka, err, e, "consumer group %s cannot subscribe",
                               member->config.group);
}

static int member_commit(struct pn_log_member *base, const struct pn_log_place *places,
                         size_t count, struct pn_err *e)
{
    struct member *member = of(base);
    if (count == 0) {
        return 0;
    }
    rd_kafka_topic_partition_list_t *list = list_of(places, count);
    rd_kafka_resp_err_t err = rd_kafka_commit(member->client, list, 0);
    err = err == RD_KAFKA_RESP_ERR_NO_ERROR ? error_of(list) : err;
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : pn_kafka_fail(member->kafka, err, e, "consumer group %s cannot commit",
                               member->config.group);
}

static int member_committed(struct pn_log_member *base, struct pn_log_place *places, size_t count,
                            struct pn_arena *arena, struct pn_err *e)
{
    struct member *member = of(base);
    int rc = 0;
    if (count == 0) {
        return 0;
    }
    rd_kafka_topic_partition_list_t *list = list_of(places, count);
    rd_kafka_resp_err_t err =
        rd_kafka_committed(member->client, list, (int)member->kafka->config.timeout_ms);
    err = err == RD_KAFKA_RESP_ERR_NO_ERROR ? error_of(list) : err;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = pn_kafka_fail(member->kafka, err, e, "cannot ask what consumer group %s has committed",
                           member->config.group);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const rd_kafka_topic_partition_t *element = &list->elems[i];
        places[i].offset = element->offset >= 0 ? element->offset : -1;
        places[i].metadata = element->metadata_size > 0 ? pn_arena_strndup(arena, element->metadata,
                                                                           element->metadata_size)
                                                        : NULL;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

static void free_member(struct member *member)
{
    free((void *)(uintptr_t)member->config.group);
    free((void *)(uintptr_t)member->config.name);
    free((void *)(uintptr_t)member->config.instance);
    free(member);
}

/* Has the coordinator given it an id? Then it is about to be dealt in. */
static bool is_joining(const struct member *member)
{
    char *id = rd_kafka_memberid(member->client);
    bool is = id != NULL && id[0] != '\0';
    if (id != NULL) {
        rd_kafka_mem_free(member->client, id);
    }
    return is;
}

/* librdkafka before 2.3 ends the program when a client goes that has joined its group, and whose
 * first assignment has not come yet (its issue 4312). So that one is waited for: for as long as
 * others of the group may take, once the coordinator has answered; a new cluster has none for some
 * seconds. */
static void await_assignment(struct member *member)
{
    enum { MENDED_VERSION = 0x02030000, WAIT_MS = 5000, JOINING_MS = 30000, POLL_MS = 50 };
    if (rd_kafka_version() >= MENDED_VERSION || !member->has_subscribed || member->was_assigned) {
        return;
    }
    int64_t start_ms = pn_mono_ms(member->kafka->clock);
    int64_t waited_ms = 0;
    member->is_leaving = true;
    while (!member->was_assigned &&
           (waited_ms < WAIT_MS || (waited_ms < JOINING_MS && is_joining(member)))) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(member->client, POLL_MS);
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        waited_ms = pn_mono_ms(member->kafka->clock) - start_ms;
    }
}

static void member_leave(struct pn_log_member *base)
{
    struct member *member = of(base);
    await_assignment(member);
    (void)rd_kafka_consumer_close(member->client); /* with a last on_rebalance() */
    drain_queues(member);
    rd_kafka_destroy(member->client);
    free_member(member);
}

static const struct pn_log_member_ops member_ops = {
    .leave = member_leave,
    .subscribe = member_subscribe,
    .poll = member_poll,
    .commit = member_commit,
    .committed = member_committed,
};

int pn_kafka_join(struct pn_log *log, const struct pn_log_member_config *config,
                  struct pn_log_member **joined, struct pn_err *e)
{
    struct member *member = pn_xcalloc(1, sizeof *member);
    member->member.ops = &member_ops;
    member->kafka = pn_kafka_of(log);
    member->owner = (struct pn_kafka_owner){member->kafka, member};
    member->config = *config;
    member->config.group = pn_xstrdup(config->group);
    member->config.name = pn_xstrdup(config->name);
    member->config.instance = pn_xstrdup(config->instance != NULL ? config->instance : "");
    const struct pn_kafka_property properties[] = {
        {"group.id", member->config.group},
        {"client.id", member->config.name},
        {"group.instance.id", member->config.instance}, /* empty: not set */
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"queued.min.messages", "1"}, /* nothing is fetched */
        {NULL, NULL},
    };
    const struct pn_kafka_client client = {.type = RD_KAFKA_CONSUMER,
                                           .properties = properties,
                                           .on_rebalance = on_rebalance,
                                           .owner = &member->owner};
    int rc = pn_kafka_client_open(&client, &member->client, e);
    if (rc == 0) {
        (void)rd_kafka_poll_set_consumer(member->client);
        *joined = &member->member;
    } else {
        free_member(member);
    }
    return rc;
}
