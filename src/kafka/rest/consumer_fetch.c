/* What an instance has read: commits, positions, fetches. */
#include "kafka/rest/consumer_group.h"
#include "kafka/rest/errors.h"

/* --- offsets ---------------------------------------------------------------------------------- */

int pn_kafka_rest_consumers_commit(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *offsets,
                                   struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    if (offsets != NULL &&
        pn_kafka_rest_check_partitions(consumers->config.log, offsets, refusal) != 0) {
        return -1;
    }
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0 && offsets == NULL) {
        pn_kafka_rest_instance_commit(group, instance);
    }
    for (size_t i = 0; rc == 0 && offsets != NULL && i < offsets->count; i++) {
        pn_kafka_rest_group_commit(group, &offsets->items[i]);
    }
    if (rc == 0) {
        instance->auto_committed_ms = instance->used_ms;
    }
    pthread_mutex_unlock(&consumers->lock);
    struct pn_err e;
    if (rc == 0 && pn_kafka_rest_group_flush(consumers, id.group, &e) != 0) {
        rc = pn_kafka_rest_refuse_error(refusal, &e);
    }
    return rc;
}

int pn_kafka_rest_consumers_committed(struct pn_kafka_rest_consumers *consumers,
                                      struct pn_kafka_rest_instance_id id,
                                      const struct pn_kafka_rest_positions *partitions,
                                      struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *offsets,
                                      struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        struct pn_kafka_rest_positions held;
        if (partitions == NULL) {
            pn_kafka_rest_instance_copy_held(instance, arena, &held);
            partitions = &held;
        }
        offsets->items = pn_arena_calloc(arena, partitions->count + 1, sizeof *offsets->items);
        offsets->count = 0;
        for (size_t i = 0; i < partitions->count; i++) {
            const struct pn_kafka_rest_position *p = &partitions->items[i];
            const struct pn_kafka_rest_committed *c =
                pn_kafka_rest_group_find(group, p->topic, p->partition);
            if (c != NULL) {
                offsets->items[offsets->count++] = (struct pn_kafka_rest_position){
                    .topic = p->topic,
                    .partition = p->partition,
                    .offset = c->offset,
                    .metadata = pn_arena_strdup(arena, c->metadata)};
            }
        }
    }
    pthread_mutex_unlock(&consumers->lock);
    return rc;
}

int pn_kafka_rest_instance_seek(struct pn_log *log, struct pn_kafka_rest_instance *instance,
                                enum pn_kafka_rest_seek where,
                                const struct pn_kafka_rest_position *to,
                                struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_held *held =
        pn_kafka_rest_instance_find(instance, to->topic, to->partition);
    struct pn_log_offsets offsets;
    struct pn_err e;
    if (held == NULL) {
        return pn_kafka_rest_refuse(refusal, 409, PN_KAFKA_REST_CODE_ILLEGAL_STATE,
                                    "Illegal state: No current assignment for partition %s-%d",
                                    to->topic, to->partition);
    }
    if (pn_log_offsets(log, to->topic, to->partition, &offsets, &e) != 0) {
        return pn_kafka_rest_refuse_error(refusal, &e);
    }
    held->position = where == PN_KAFKA_REST_SEEK_OFFSET      ? to->offset
                     : where == PN_KAFKA_REST_SEEK_BEGINNING ? offsets.begin
                                                             : offsets.end;
    return 0;
}

int pn_kafka_rest_consumers_seek(struct pn_kafka_rest_consumers *consumers,
                                 struct pn_kafka_rest_instance_id id, enum pn_kafka_rest_seek where,
                                 const struct pn_kafka_rest_positions *positions,
                                 struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        pn_kafka_rest_group_deal(consumers, group, false);
    }
    for (size_t i = 0; i < positions->count && rc == 0; i++) {
        rc = pn_kafka_rest_instance_seek(consumers->config.log, instance, where,
                                         &positions->items[i], refusal);
    }
    pthread_mutex_unlock(&consumers->lock);
    return rc;
}

/* --- fetching --------------------------------------------------------------------------------- */

int pn_kafka_rest_refuse_position(const struct pn_kafka_rest_held *held,
                                  struct pn_kafka_rest_refusal *refusal)
{
    return pn_kafka_rest_refuse(refusal, 400, PN_KAFKA_REST_CODE_BAD_REQUEST,
                                "Undefined offset with no reset policy for partition %s-%d",
                                held->topic, held->partition);
}

/* Positions that cannot be read from start again where the reset policy says; but not those after
 * an end that the log is unsure of. */
static int check_positions(struct pn_kafka_rest_consumers *consumers,
                           struct pn_kafka_rest_group *group,
                           struct pn_kafka_rest_instance *instance,
                           struct pn_kafka_rest_refusal *refusal)
{
    for (size_t i = 0; i < instance->held_count; i++) {
        struct pn_kafka_rest_held *held = &instance->held[i];
        struct pn_log_offsets offsets;
        if (pn_log_offsets(consumers->config.log, held->topic, held->partition, &offsets, NULL) !=
            0) {
            continue; /* the topic is gone: nothing to read */
        }
        if (held->position > offsets.end && !offsets.unsure) {
            held->position = instance->config.reset == PN_KAFKA_REST_RESET_NONE ? -1
                             : instance->config.reset == PN_KAFKA_REST_RESET_EARLIEST
                                 ? offsets.begin
                                 : offsets.end;
        } else if (held->position < 0) {
            held->position = pn_kafka_rest_instance_start(consumers, group, instance, held->topic,
                                                          held->partition);
        }
        if (held->position < 0) {
            return pn_kafka_rest_refuse_position(held, refusal);
        }
    }
    return 0;
}

/* What the instance was given by its fetches before this one counts as consumed now. */
static bool auto_commit(struct pn_kafka_rest_group *group, struct pn_kafka_rest_instance *instance)
{
    if (!instance->config.auto_commit ||
        instance->used_ms - instance->auto_committed_ms < PN_KAFKA_REST_AUTO_COMMIT_MS) {
        return false;
    }
    instance->auto_committed_ms = instance->used_ms;
    pn_kafka_rest_instance_commit(group, instance);
    return group->dirty;
}

void pn_kafka_rest_instance_fetch(struct pn_kafka_rest_instance *instance, struct pn_arena *arena,
                                  struct pn_kafka_rest_fetch *fetch)
{
    pn_kafka_rest_instance_copy_held(instance, arena, &fetch->partitions);
    instance->rotation++;
    instance->busy = true;
    fetch->first = !instance->fetched && !instance->assigned;
    instance->fetched = true;
    fetch->format = instance->config.format;
    fetch->min_bytes = instance->config.min_bytes;
    fetch->request_timeout_ms = instance->config.request_timeout_ms;
    fetch->started_at =
        pn_arena_calloc(arena, fetch->partitions.count + 1, sizeof *fetch->started_at);
    for (size_t i = 0; i < fetch->partitions.count; i++) {
        fetch->started_at[i] = fetch->partitions.items[i].offset;
    }
}

int pn_kafka_rest_consumers_fetch_begin(struct pn_kafka_rest_consumers *consumers,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_fetch *fetch, bool *busy,
                                        struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    bool to_flush = false;
    *busy = false;
    fetch->id = (struct pn_kafka_rest_instance_id){.group = pn_arena_strdup(arena, id.group),
                                                   .name = pn_arena_strdup(arena, id.name)};
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0 && instance->busy) {
        *busy = true;
    } else if (rc == 0) {
        if (instance->used_ms - group->refreshed_ms >= PN_KAFKA_REST_REFRESH_MS) {
            pn_kafka_rest_group_deal(consumers, group, false);
        }
        rc = check_positions(consumers, group, instance, refusal);
        if (rc == 0) {
            to_flush = auto_commit(group, instance);
            pn_kafka_rest_instance_fetch(instance, arena, fetch);
        }
    }
    pthread_mutex_unlock(&consumers->lock);
    if (to_flush) {
        pn_kafka_rest_group_flush_quietly(consumers, id.group);
    }
    return rc;
}

void pn_kafka_rest_instance_fetched(struct pn_kafka_rest_instance *instance,
                                    const struct pn_kafka_rest_fetch *fetch, int64_t now_ms)
{
    instance->busy = false;
    instance->used_ms = now_ms;
    for (size_t i = 0; i < fetch->partitions.count; i++) {
        const struct pn_kafka_rest_position *p = &fetch->partitions.items[i];
        struct pn_kafka_rest_held *held =
            pn_kafka_rest_instance_find(instance, p->topic, p->partition);
        if (held != NULL && held->position == fetch->started_at[i]) {
            held->position = p->offset;
        }
    }
}

void pn_kafka_rest_consumers_fetch_end(struct pn_kafka_rest_consumers *consumers,
                                       const struct pn_kafka_rest_fetch *fetch)
{
    pthread_mutex_lock(&consumers->lock);
    struct pn_kafka_rest_group *group = pn_kafka_rest_consumers_group(consumers, fetch->id.group);
    struct pn_kafka_rest_instance *instance = pn_kafka_rest_group_instance(group, fetch->id.name);
    if (instance != NULL) {
        pn_kafka_rest_instance_fetched(instance, fetch, pn_mono_ms(consumers->config.clock));
    }
    pthread_mutex_unlock(&consumers->lock);
}

int64_t pn_kafka_rest_instance_waiting(struct pn_log *log,
                                       const struct pn_kafka_rest_instance *instance)
{
    int64_t waiting = 0;
    for (size_t i = 0; i < instance->held_count; i++) {
        const struct pn_kafka_rest_held *held = &instance->held[i];
        struct pn_log_offsets offsets;
        if (pn_log_offsets(log, held->topic, held->partition, &offsets, NULL) == 0 &&
            offsets.end > held->position) {
            waiting += offsets.end - held->position;
        }
    }
    return waiting;
}

bool pn_kafka_rest_consumers_ready(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id, int64_t count)
{
    bool ready = true;
    pthread_mutex_lock(&consumers->lock);
    struct pn_kafka_rest_group *group = pn_kafka_rest_consumers_group(consumers, id.group);
    struct pn_kafka_rest_instance *instance = pn_kafka_rest_group_instance(group, id.name);
    if (instance != NULL && !instance->busy) {
        instance->used_ms = pn_mono_ms(consumers->config.clock);
        if (instance->used_ms - group->refreshed_ms >= PN_KAFKA_REST_REFRESH_MS) {
            pn_kafka_rest_group_deal(consumers, group, false);
        }
        ready = pn_kafka_rest_instance_waiting(consumers->config.log, instance) > count;
    } else if (instance != NULL) {
        ready = false;
    }
    pthread_mutex_unlock(&consumers->lock);
    return ready;
}
