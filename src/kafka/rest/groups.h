/* What consumer groups have read of a topic, for people who look at it. */
#ifndef PN_KAFKA_REST_GROUPS_H
#define PN_KAFKA_REST_GROUPS_H

#include "base/arena.h"
#include "kafka/rest/consumers.h"
#include "kafka/rest/rest.h"

/* A partition of the topic, as a group has it. */
struct pn_kafka_rest_group_place {
    const char *group;
    int32_t partition;
    int64_t committed;    /* -1: the group has committed nothing */
    const char *instance; /* that has the partition now; NULL: none has */
    int64_t position;     /* what it reads next; -1: not known */
};

/* The partitions of which a group has committed an offset, or which one of its instances has;
 * sorted by group and partition, in the arena. Groups without instances are read from their files.
 * CORRUPT: the file of one of them is damaged. BLOCKS. */
int pn_kafka_rest_consumers_places(struct pn_kafka_rest_consumers *consumers, const char *topic,
                                   struct pn_arena *arena,
                                   struct pn_kafka_rest_group_place **places, size_t *count,
                                   struct pn_err *e) PN_MUST_CHECK;
/* The consumers of a front; borrowed. NULL: a cluster has the groups. */
struct pn_kafka_rest_consumers *pn_kafka_rest_consumers_of(const struct pn_kafka_rest *rest);

#endif
