/*
 * Where records wait for earlier ones of their partition, so that they travel as batches.
 *
 * An idempotent producer of librdkafka sends no second batch to a partition while five records or
 * more are on their way to it, and its thread polls without a pause while others wait there. So
 * they wait here: a partition has one batch on its way, and what comes meanwhile is the next one.
 * When a batch was answered, its clients are likely to come again at once: the next batch waits for
 * as many records as were there, but not for much longer than the last one took. A record that is
 * alone does not wait.
 *
 * Not thread-safe; without librdkafka, and without a clock: the caller says what time it is, in
 * nanoseconds that only grow.
 */
#ifndef PN_LOG_KAFKA_GATE_H
#define PN_LOG_KAFKA_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long a batch gathers at least and at most, if not all come that it waits for. */
#define PN_KAFKA_GATHER_MIN_NS (INT64_C(1000000))
#define PN_KAFKA_GATHER_MAX_NS (INT64_C(5000000))
/* So long records wait for an answer at most: then it is librdkafka's to say what is wrong. */
#define PN_KAFKA_GATE_WAIT_NS  (INT64_C(100000000))

struct pn_kafka_gate;

/* A record that waits: part of what its owner keeps of it. */
struct pn_kafka_waiting {
    struct pn_kafka_waiting *next;
    struct pn_kafka_gate *gate;
};

/* Zeroed: nothing waits, and nothing is on its way. */
struct pn_kafka_gate {
    struct pn_kafka_waiting *first;
    struct pn_kafka_waiting *last;
    size_t waiting;
    size_t in_flight;    /* taken, and not answered */
    size_t sent;         /* taken since nothing was in flight */
    size_t expected;     /* what was sent or waited when the last in flight was answered */
    int64_t began_ns;    /* since when the first waits */
    int64_t sent_ns;     /* since when something is in flight */
    int64_t answered_ns; /* since when nothing is */
    int64_t gather_ns;   /* so long the next batch gathers from then on */
    struct pn_kafka_gate *next;
    struct pn_kafka_gate **link; /* what points to it */
};

/* The record waits there. The gate goes to the front of a list when it is the only one. Both stay
 * where they are until it is taken. */
void pn_kafka_gate_add(struct pn_kafka_gate **gates, struct pn_kafka_gate *gate,
                       struct pn_kafka_waiting *record, int64_t now_ns);
/* Is it time to take what waits? Not when nothing does. */
bool pn_kafka_gate_is_due(const struct pn_kafka_gate *gate, int64_t now_ns);
/* All that wait, in the order in which they came: they are in flight now, and the gate is in no
 * list. */
struct pn_kafka_waiting *pn_kafka_gate_take(struct pn_kafka_gate *gate, int64_t now_ns);
/* One of those in flight was answered, or could not be sent. */
void pn_kafka_gate_answered(struct pn_kafka_gate *gate, int64_t now_ns);

#endif
