/*
 * Where records wait for earlier ones of their partition, so that they travel as batches.
 *
 * An idempotent producer of librdkafka sends no second batch to a partition while five records or
 * more are on their way to it, and its thread polls without a pause while others wait there. So
 * they wait here: a partition has one batch on its way, and what comes meanwhile is the next one.
 * When a batch of several requests was answered, their clients are likely to come again at once:
 * the next batch waits for as many requests as were there, but at most for a quarter of the time
 * that the last one took, because with keys the others may have gone to another partition. A
 * request that is alone does not wait.
 *
 * Not thread-safe; without librdkafka, and without a clock: the caller says what time it is, in
 * nanoseconds that only grow.
 */
#ifndef PN_LOG_KAFKA_GATE_H
#define PN_LOG_KAFKA_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* How long a batch gathers at least and at most, if not all come that it waits for. */
#define PN_KAFKA_GATHER_MIN_NS (INT64_C(100000))
#define PN_KAFKA_GATHER_MAX_NS (INT64_C(5000000))
/* So long records wait for an answer at most: then it is librdkafka's to say what is wrong. */
#define PN_KAFKA_GATE_WAIT_NS  (INT64_C(100000000))

struct pn_kafka_gate;

/* A record that waits: part of what its owner keeps of it. */
struct pn_kafka_waiting {
    struct pn_kafka_waiting *next;
    struct pn_kafka_gate *gate;
    const void *request; /* that it is of; those of a request come to a gate one after the other */
};

TAILQ_HEAD(pn_kafka_gate_list, pn_kafka_gate);

/* Zeroed: nothing waits, and nothing is on its way. */
struct pn_kafka_gate {
    struct pn_kafka_waiting *first;
    struct pn_kafka_waiting *last;
    size_t waiting;   /* requests */
    size_t in_flight; /* records that were taken, and not answered */
    size_t sent;      /* requests that were taken since nothing was in flight */
    size_t others;    /* requests that waited when the first answer to what was taken came */
    bool is_answered; /* it has come */
    size_t expected;  /* the next batch waits for so many requests until gathers_ns */
    int64_t gathers_ns;
    int64_t began_ns;                /* since when the first waits */
    int64_t sent_ns;                 /* since when something is in flight */
    int64_t due_ns;                  /* of a gate in a list that is not `due` */
    uint64_t round;                  /* in which it was taken last */
    struct pn_kafka_gate_list *list; /* where it is; NULL while nothing waits */
    TAILQ_ENTRY(pn_kafka_gate) links;
};

/* All gates where records wait. */
struct pn_kafka_gates {
    struct pn_kafka_gate_list due;       /* in the order in which they became so */
    struct pn_kafka_gate_list gathering; /* nothing is in flight; by due_ns, as the next one */
    struct pn_kafka_gate_list held;
    uint64_t round; /* of takes */
    size_t leaving; /* gates taken in this round, and not answered */
};

void pn_kafka_gates_init(struct pn_kafka_gates *gates);
/* The record waits there; both stay where they are until it is taken. Is there something to do
 * earlier than it was before: is the gate due, or does it begin to gather? */
bool pn_kafka_gate_add(struct pn_kafka_gates *gates, struct pn_kafka_gate *gate,
                       struct pn_kafka_waiting *record, int64_t now_ns);
/* Begins a round of takes. */
void pn_kafka_gates_begin(struct pn_kafka_gates *gates);
/* A gate that is due, or NULL. */
struct pn_kafka_gate *pn_kafka_gates_due(struct pn_kafka_gates *gates, int64_t now_ns);
/* Any gate where records wait, or NULL. */
struct pn_kafka_gate *pn_kafka_gates_any(const struct pn_kafka_gates *gates);
/* How long until a gate is due if no record comes and no answer: `most_ns` at most. */
int64_t pn_kafka_gates_wait_ns(const struct pn_kafka_gates *gates, int64_t now_ns, int64_t most_ns);
/* All that wait, in the order in which they came: they are in flight now, and the gate is in no
 * list. */
struct pn_kafka_waiting *pn_kafka_gate_take(struct pn_kafka_gates *gates,
                                            struct pn_kafka_gate *gate, int64_t now_ns);
/* One of those in flight was answered, or could not be sent. True if a gate is due now, or if this
 * was the last answer to what was taken in this round. */
bool pn_kafka_gate_answered(struct pn_kafka_gates *gates, struct pn_kafka_gate *gate,
                            int64_t now_ns);
/* Does an answer take longer than records wait for one? */
bool pn_kafka_gate_is_stuck(const struct pn_kafka_gate *gate, int64_t now_ns);

#endif
