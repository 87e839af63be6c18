/*
 * Consumer instances, wherever their groups are: in this server (consumers.h), or in the cluster
 * that keeps the log (members.h). The functions do what those of the same names do.
 */
#ifndef PN_KAFKA_REST_DISPATCH_H
#define PN_KAFKA_REST_DISPATCH_H

#include "kafka/rest/consumers.h"
#include "kafka/rest/members.h"

/* One of them is there. */
struct pn_kafka_rest_instances {
    struct pn_kafka_rest_consumers *consumers;
    struct pn_kafka_rest_members *members;
};

int pn_kafka_rest_instances_open(const struct pn_kafka_rest_consumers_config *config,
                                 struct pn_kafka_rest_instances *instances,
                                 struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_rest_instances_deinit(struct pn_kafka_rest_instances *instances);
void pn_kafka_rest_instances_tick(const struct pn_kafka_rest_instances *instances);
void pn_kafka_rest_instances_close(const struct pn_kafka_rest_instances *instances);

int pn_kafka_rest_instances_add(const struct pn_kafka_rest_instances *instances, const char *group,
                                const struct pn_kafka_rest_instance_config *config,
                                struct pn_arena *arena, const char **name,
                                struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_remove(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_subscribe(const struct pn_kafka_rest_instances *instances,
                                      struct pn_kafka_rest_instance_id id,
                                      const char *const *topics, size_t count, const char *pattern,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_unsubscribe(const struct pn_kafka_rest_instances *instances,
                                        struct pn_kafka_rest_instance_id id,
                                        struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_subscription(const struct pn_kafka_rest_instances *instances,
                                         struct pn_kafka_rest_instance_id id,
                                         struct pn_arena *arena, const char *const **topics,
                                         size_t *count,
                                         struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_assign(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_assignments(const struct pn_kafka_rest_instances *instances,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_positions *partitions,
                                        struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_commit(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *offsets,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_committed(const struct pn_kafka_rest_instances *instances,
                                      struct pn_kafka_rest_instance_id id,
                                      const struct pn_kafka_rest_positions *partitions,
                                      struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *offsets,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_seek(const struct pn_kafka_rest_instances *instances,
                                 struct pn_kafka_rest_instance_id id, enum pn_kafka_rest_seek where,
                                 const struct pn_kafka_rest_positions *positions,
                                 struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_instances_fetch_begin(const struct pn_kafka_rest_instances *instances,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_fetch *fetch, bool *busy,
                                        struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
void pn_kafka_rest_instances_fetch_end(const struct pn_kafka_rest_instances *instances,
                                       const struct pn_kafka_rest_fetch *fetch);
bool pn_kafka_rest_instances_ready(const struct pn_kafka_rest_instances *instances,
                                   struct pn_kafka_rest_instance_id id, int64_t count);

#endif
