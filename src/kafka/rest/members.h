/*
 * Consumer instances of a log that has groups of its own (log/member.h): each is a member of a
 * group of the cluster, beside members of any program. The cluster deals out the partitions and
 * keeps the committed offsets; positions live here, in memory. So an instance lives in the gateway
 * that created it, and only there.
 *
 * The operations are those of consumers.h, with the same arguments and results. A partition that an
 * instance gets starts at what its group has committed, else where the instance's reset policy
 * says. A thread serves the members, so that a group need not wait until a client asks for
 * something; while a fetch is in progress its instance loses no partition.
 *
 * Thread-safe. Operations may wait for the cluster, but for ready().
 */
#ifndef PN_KAFKA_REST_MEMBERS_H
#define PN_KAFKA_REST_MEMBERS_H

#include "kafka/rest/consumers.h"

struct pn_kafka_rest_members;

/* Starts the thread. The config's folder is not used. FATAL: no thread. */
int pn_kafka_rest_members_create(const struct pn_kafka_rest_consumers_config *config,
                                 struct pn_kafka_rest_members **members,
                                 struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_rest_members_destroy(struct pn_kafka_rest_members **members); /* NULL ok */
/* Removes all instances: they commit and leave their groups. */
void pn_kafka_rest_members_close(struct pn_kafka_rest_members *members);

int pn_kafka_rest_members_add(struct pn_kafka_rest_members *members, const char *group,
                              const struct pn_kafka_rest_instance_config *config,
                              struct pn_arena *arena, const char **name,
                              struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_remove(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id,
                                 struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_subscribe(struct pn_kafka_rest_members *members,
                                    struct pn_kafka_rest_instance_id id, const char *const *topics,
                                    size_t count, const char *pattern,
                                    struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_unsubscribe(struct pn_kafka_rest_members *members,
                                      struct pn_kafka_rest_instance_id id,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_subscription(struct pn_kafka_rest_members *members,
                                       struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                       const char *const **topics, size_t *count,
                                       struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_assign(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id,
                                 const struct pn_kafka_rest_positions *partitions,
                                 struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_assignments(struct pn_kafka_rest_members *members,
                                      struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *partitions,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_commit(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id,
                                 const struct pn_kafka_rest_positions *offsets,
                                 struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_committed(struct pn_kafka_rest_members *members,
                                    struct pn_kafka_rest_instance_id id,
                                    const struct pn_kafka_rest_positions *partitions,
                                    struct pn_arena *arena, struct pn_kafka_rest_positions *offsets,
                                    struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_seek(struct pn_kafka_rest_members *members,
                               struct pn_kafka_rest_instance_id id, enum pn_kafka_rest_seek where,
                               const struct pn_kafka_rest_positions *positions,
                               struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_members_fetch_begin(struct pn_kafka_rest_members *members,
                                      struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                      struct pn_kafka_rest_fetch *fetch, bool *busy,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
void pn_kafka_rest_members_fetch_end(struct pn_kafka_rest_members *members,
                                     const struct pn_kafka_rest_fetch *fetch);
bool pn_kafka_rest_members_ready(struct pn_kafka_rest_members *members,
                                 struct pn_kafka_rest_instance_id id, int64_t count);

#endif
