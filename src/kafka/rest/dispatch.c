#include "kafka/rest/dispatch.h"

#include "log/member.h"

int pn_kafka_rest_instances_open(const struct pn_kafka_rest_consumers_config *config,
                                 struct pn_kafka_rest_instances *instances, struct pn_err *e)
{
    return pn_log_has_groups(config->log)
               ? pn_kafka_rest_members_create(config, &instances->members, e)
               : pn_kafka_rest_consumers_create(config, &instances->consumers, e);
}

void pn_kafka_rest_instances_deinit(struct pn_kafka_rest_instances *instances)
{
    pn_kafka_rest_members_destroy(&instances->members);
    pn_kafka_rest_consumers_destroy(&instances->consumers);
}

/* The members have a thread of their own. */
void pn_kafka_rest_instances_tick(const struct pn_kafka_rest_instances *instances)
{
    if (instances->consumers != NULL) {
        pn_kafka_rest_consumers_tick(instances->consumers);
    }
}

void pn_kafka_rest_instances_close(const struct pn_kafka_rest_instances *instances)
{
    if (instances->members != NULL) {
        pn_kafka_rest_members_close(instances->members);
    } else {
        pn_kafka_rest_consumers_close(instances->consumers);
    }
}

int pn_kafka_rest_instances_add(const struct pn_kafka_rest_instances *instances, const char *group,
                                const struct pn_kafka_rest_instance_config *config,
                                struct pn_arena *arena, const char **name,
                                struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_add(instances->members, group, config, arena, name, refusal)
               : pn_kafka_rest_consumers_add(instances->consumers, group, config, arena, name,
                                             refusal);
}

int pn_kafka_rest_instances_remove(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id,
                                   struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_remove(instances->members, id, refusal)
               : pn_kafka_rest_consumers_remove(instances->consumers, id, refusal);
}

int pn_kafka_rest_instances_subscribe(const struct pn_kafka_rest_instances *instances,
                                      struct pn_kafka_rest_instance_id id,
                                      const char *const *topics, size_t count, const char *pattern,
                                      struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_subscribe(instances->members, id, topics, count, pattern,
                                                 refusal)
               : pn_kafka_rest_consumers_subscribe(instances->consumers, id, topics, count, pattern,
                                                   refusal);
}

int pn_kafka_rest_instances_unsubscribe(const struct pn_kafka_rest_instances *instances,
                                        struct pn_kafka_rest_instance_id id,
                                        struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_unsubscribe(instances->members, id, refusal)
               : pn_kafka_rest_consumers_unsubscribe(instances->consumers, id, refusal);
}

int pn_kafka_rest_instances_subscription(const struct pn_kafka_rest_instances *instances,
                                         struct pn_kafka_rest_instance_id id,
                                         struct pn_arena *arena, const char *const **topics,
                                         size_t *count, struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_subscription(instances->members, id, arena, topics, count,
                                                    refusal)
               : pn_kafka_rest_consumers_subscription(instances->consumers, id, arena, topics,
                                                      count, refusal);
}

int pn_kafka_rest_instances_assign(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_assign(instances->members, id, partitions, refusal)
               : pn_kafka_rest_consumers_assign(instances->consumers, id, partitions, refusal);
}

int pn_kafka_rest_instances_assignments(const struct pn_kafka_rest_instances *instances,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_positions *partitions,
                                        struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_assignments(instances->members, id, arena, partitions,
                                                   refusal)
               : pn_kafka_rest_consumers_assignments(instances->consumers, id, arena, partitions,
                                                     refusal);
}

int pn_kafka_rest_instances_commit(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *offsets,
                                   struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_commit(instances->members, id, offsets, refusal)
               : pn_kafka_rest_consumers_commit(instances->consumers, id, offsets, refusal);
}

int pn_kafka_rest_instances_committed(const struct pn_kafka_rest_instances *instances,
                                      struct pn_kafka_rest_instance_id id,
                                      const struct pn_kafka_rest_positions *partitions,
                                      struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *offsets,
                                      struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_committed(instances->members, id, partitions, arena, offsets,
                                                 refusal)
               : pn_kafka_rest_consumers_committed(instances->consumers, id, partitions, arena,
                                                   offsets, refusal);
}

int pn_kafka_rest_instances_seek(const struct pn_kafka_rest_instances *instances,
                                 struct pn_kafka_rest_instance_id id, enum pn_kafka_rest_seek where,
                                 const struct pn_kafka_rest_positions *positions,
                                 struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_seek(instances->members, id, where, positions, refusal)
               : pn_kafka_rest_consumers_seek(instances->consumers, id, where, positions, refusal);
}

int pn_kafka_rest_instances_fetch_begin(const struct pn_kafka_rest_instances *instances,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_fetch *fetch, bool *busy,
                                        struct pn_kafka_rest_refusal *refusal)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_fetch_begin(instances->members, id, arena, fetch, busy,
                                                   refusal)
               : pn_kafka_rest_consumers_fetch_begin(instances->consumers, id, arena, fetch, busy,
                                                     refusal);
}

void pn_kafka_rest_instances_fetch_end(const struct pn_kafka_rest_instances *instances,
                                       const struct pn_kafka_rest_fetch *fetch)
{
    if (instances->members != NULL) {
        pn_kafka_rest_members_fetch_end(instances->members, fetch);
    } else {
        pn_kafka_rest_consumers_fetch_end(instances->consumers, fetch);
    }
}

bool pn_kafka_rest_instances_ready(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id, int64_t count)
{
    return instances->members != NULL
               ? pn_kafka_rest_members_ready(instances->members, id, count)
               : pn_kafka_rest_consumers_ready(instances->consumers, id, count);
}
