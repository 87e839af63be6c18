#include "log/kafka/gate.h"

void pn_kafka_gate_add(struct pn_kafka_gate **gates, struct pn_kafka_gate *gate,
                       struct pn_kafka_waiting *record, int64_t now_ns)
{
    record->next = NULL;
    record->gate = gate;
    if (gate->waiting > 0) {
        gate->last->next = record;
    } else {
        gate->first = record;
        gate->began_ns = now_ns;
        gate->next = *gates;
        gate->link = gates;
        if (gate->next != NULL) {
            gate->next->link = &gate->next;
        }
        *gates = gate;
    }
    gate->last = record;
    gate->waiting++;
}

bool pn_kafka_gate_is_due(const struct pn_kafka_gate *gate, int64_t now_ns)
{
    if (gate->waiting == 0) {
        return false;
    }
    if (gate->in_flight > 0) {
        return now_ns - gate->began_ns >= PN_KAFKA_GATE_WAIT_NS;
    }
    return gate->waiting >= gate->expected || now_ns - gate->answered_ns >= gate->gather_ns;
}

struct pn_kafka_waiting *pn_kafka_gate_take(struct pn_kafka_gate *gate, int64_t now_ns)
{
    struct pn_kafka_waiting *first = gate->first;
    if (gate->waiting == 0) {
        return NULL;
    }
    gate->sent_ns = gate->in_flight == 0 ? now_ns : gate->sent_ns;
    gate->in_flight += gate->waiting;
    gate->sent += gate->waiting;
    gate->waiting = 0;
    gate->first = NULL;
    gate->last = NULL;
    *gate->link = gate->next;
    if (gate->next != NULL) {
        gate->next->link = gate->link;
    }
    return first;
}

void pn_kafka_gate_answered(struct pn_kafka_gate *gate, int64_t now_ns)
{
    gate->in_flight--;
    if (gate->in_flight > 0) {
        return;
    }
    int64_t gather_ns = 2 * (now_ns - gate->sent_ns);
    gather_ns = gather_ns > PN_KAFKA_GATHER_MIN_NS ? gather_ns : PN_KAFKA_GATHER_MIN_NS;
    gate->gather_ns = gather_ns < PN_KAFKA_GATHER_MAX_NS ? gather_ns : PN_KAFKA_GATHER_MAX_NS;
    gate->answered_ns = now_ns;
    gate->expected = gate->sent + gate->waiting;
    gate->sent = 0;
}
