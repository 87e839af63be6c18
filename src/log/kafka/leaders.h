/*
 * Asks the leaders of partitions where these begin and end. Each leader is asked for its own, all
 * at the same time: one that does not answer holds up nobody for long, and the others' answers
 * count.
 */
#ifndef PN_LOG_KAFKA_LEADERS_H
#define PN_LOG_KAFKA_LEADERS_H

#include "log/kafka/private.h"

/* A partition, and what its leader says of it. */
struct pn_kafka_asked {
    struct pn_kafka_topic *topic; /* borrowed */
    int32_t number;
    struct pn_kafka_part *part;
    int32_t leader;   /* as known; -1: not known */
    int64_t read_end; /* how far it had been read when the leader was asked */
    bool is_answered;
    int64_t begin;
    int64_t end;
};

/* Fails when no leader answers; nobody is asked for nothing. */
int pn_kafka_ask_leaders(struct pn_kafka *kafka, struct pn_kafka_asked *all, size_t count,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
