#include "log/kafka/gate.h"

void pn_kafka_gates_init(struct pn_kafka_gates *gates)
{
    *gates = (struct pn_kafka_gates){0};
    TAILQ_INIT(&gates->due);
    TAILQ_INIT(&gates->gathering);
    TAILQ_INIT(&gates->held);
}

static void leave(struct pn_kafka_gate *gate)
{
    if (gate->list != NULL) {
        TAILQ_REMOVE(gate->list, gate, links);
        gate->list = NULL;
    }
}

static void become_due(struct pn_kafka_gates *gates, struct pn_kafka_gate *gate)
{
    leave(gate);
    TAILQ_INSERT_TAIL(&gates->due, gate, links);
    gate->list = &gates->due;
}

/* Most are due after all that are there. */
static void become_due_later(struct pn_kafka_gate_list *list, struct pn_kafka_gate *gate,
                             int64_t due_ns)
{
    struct pn_kafka_gate *before = TAILQ_LAST(list, pn_kafka_gate_list);
    while (before != NULL && before->due_ns > due_ns) {
        before = TAILQ_PREV(before, pn_kafka_gate_list, links);
    }
    if (before != NULL) {
        TAILQ_INSERT_AFTER(list, before, gate, links);
    } else {
        TAILQ_INSERT_HEAD(list, gate, links);
    }
    gate->due_ns = due_ns;
    gate->list = list;
}

/* The list of a gate where records wait, now that something has changed. */
static void place(struct pn_kafka_gates *gates, struct pn_kafka_gate *gate, int64_t now_ns)
{
    if (gate->list == &gates->due) {
        return;
    }
    leave(gate);
    if (gate->in_flight > 0) {
        become_due_later(&gates->held, gate, gate->began_ns + PN_KAFKA_GATE_WAIT_NS);
    } else if (gate->waiting >= gate->expected || now_ns >= gate->gathers_ns) {
        become_due(gates, gate);
    } else {
        become_due_later(&gates->gathering, gate, gate->gathers_ns);
    }
}

bool pn_kafka_gate_add(struct pn_kafka_gates *gates, struct pn_kafka_gate *gate,
                       struct pn_kafka_waiting *record, int64_t now_ns)
{
    const struct pn_kafka_gate_list *before = gate->list;
    bool is_of_another = gate->last == NULL || gate->last->request != record->request;
    record->next = NULL;
    record->gate = gate;
    if (gate->last != NULL) {
        gate->last->next = record;
    } else {
        gate->first = record;
        gate->began_ns = now_ns;
    }
    gate->last = record;
    gate->waiting += is_of_another;
    if (before != &gates->held) {
        place(gates, gate, now_ns);
    }
    return gate->list != before && gate->list != &gates->held;
}

void pn_kafka_gates_begin(struct pn_kafka_gates *gates)
{
    gates->round++;
    gates->leaving = 0;
}

struct pn_kafka_gate *pn_kafka_gates_due(struct pn_kafka_gates *gates, int64_t now_ns)
{
    struct pn_kafka_gate_list *others[] = {&gates->held, &gates->gathering};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct pn_kafka_gate *gate = TAILQ_FIRST(others[i]);
        while (gate != NULL && gate->due_ns <= now_ns) {
            become_due(gates, gate);
            gate = TAILQ_FIRST(others[i]);
        }
    }
    return TAILQ_FIRST(&gates->due);
}

struct pn_kafka_gate *pn_kafka_gates_any(const struct pn_kafka_gates *gates)
{
    struct pn_kafka_gate *gate = TAILQ_FIRST(&gates->due);
    gate = gate != NULL ? gate : TAILQ_FIRST(&gates->held);
    return gate != NULL ? gate : TAILQ_FIRST(&gates->gathering);
}

int64_t pn_kafka_gates_wait_ns(const struct pn_kafka_gates *gates, int64_t now_ns, int64_t most_ns)
{
    const struct pn_kafka_gate *next[] = {TAILQ_FIRST(&gates->held),
                                          TAILQ_FIRST(&gates->gathering)};
    int64_t wait_ns = TAILQ_EMPTY(&gates->due) ? most_ns : 0;
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        if (next[i] != NULL && next[i]->due_ns - now_ns < wait_ns) {
            wait_ns = next[i]->due_ns - now_ns;
        }
    }
    return wait_ns > 0 ? wait_ns : 0;
}

struct pn_kafka_waiting *pn_kafka_gate_take(struct pn_kafka_gates *gates,
                                            struct pn_kafka_gate *gate, int64_t now_ns)
{
    struct pn_kafka_waiting *first = gate->first;
    leave(gate);
    if (first == NULL) {
        return NULL;
    }
    gate->sent_ns = gate->in_flight == 0 ? now_ns : gate->sent_ns;
    for (const struct pn_kafka_waiting *one = first; one != NULL; one = one->next) {
        gate->in_flight++;
    }
    gate->sent += gate->waiting;
    gate->is_answered = false;
    gate->waiting = 0;
    gate->first = NULL;
    gate->last = NULL;
    gate->round = gates->round;
    gates->leaving++;
    return first;
}

/* Nothing is in flight any more: what may the next batch wait for? Those who waited, and those who
 * were answered; some of these may have come again by now. */
static void expect(struct pn_kafka_gate *gate, int64_t now_ns)
{
    int64_t gather_ns = (now_ns - gate->sent_ns) / 4;
    gather_ns = gather_ns > PN_KAFKA_GATHER_MIN_NS ? gather_ns : PN_KAFKA_GATHER_MIN_NS;
    gather_ns = gather_ns < PN_KAFKA_GATHER_MAX_NS ? gather_ns : PN_KAFKA_GATHER_MAX_NS;
    gate->gathers_ns = now_ns + gather_ns;
    gate->expected = gate->sent > 1 ? gate->sent + gate->others : 0;
    gate->sent = 0;
}

bool pn_kafka_gate_answered(struct pn_kafka_gates *gates, struct pn_kafka_gate *gate,
                            int64_t now_ns)
{
    bool is_last = false;
    if (!gate->is_answered) {
        gate->is_answered = true;
        gate->others = gate->waiting;
    }
    gate->in_flight--;
    if (gate->in_flight == 0) {
        expect(gate, now_ns);
        if (gate->waiting > 0) {
            place(gates, gate, now_ns);
        }
        if (gate->round == gates->round) {
            gates->leaving--;
            is_last = gates->leaving == 0;
        }
    }
    return is_last || !TAILQ_EMPTY(&gates->due);
}

bool pn_kafka_gate_is_stuck(const struct pn_kafka_gate *gate, int64_t now_ns)
{
    return gate->in_flight > 0 && now_ns - gate->sent_ns >= PN_KAFKA_GATE_WAIT_NS;
}
