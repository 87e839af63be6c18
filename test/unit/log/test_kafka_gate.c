/* When a record is sent: alone at once, beside others as a batch, and never out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/kafka/gate.h"

enum { RECORDS = 32, MS = 1000000 };

/* Each record is of its own request, unless a test says something else. */
struct fixture {
    struct pn_kafka_gates gates;
    struct pn_kafka_gate gate;
    struct pn_kafka_waiting records[RECORDS];
    size_t added;
    size_t taken;
    int64_t now_ns;
};

static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){.now_ns = INT64_C(1000) * MS};
    pn_kafka_gates_init(&fixture->gates);
}

/* Has the caller to look earlier than before? */
static bool add_one(struct fixture *fixture, const void *request)
{
    struct pn_kafka_waiting *record = &fixture->records[fixture->added];
    assert_in_range(fixture->added, 0, RECORDS - 1);
    fixture->added++;
    record->request = request != NULL ? request : record;
    return pn_kafka_gate_add(&fixture->gates, &fixture->gate, record, fixture->now_ns);
}

static void add(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)add_one(fixture, NULL);
    }
    assert_ptr_equal(pn_kafka_gates_any(&fixture->gates), &fixture->gate);
}

static void add_of_one_request(struct fixture *fixture, size_t count)
{
    const void *request = &fixture->records[fixture->added];
    for (size_t i = 0; i < count; i++) {
        (void)add_one(fixture, request);
    }
}

static bool is_due(struct fixture *fixture)
{
    return pn_kafka_gates_due(&fixture->gates, fixture->now_ns) != NULL;
}

static int64_t wait_ns(const struct fixture *fixture)
{
    return pn_kafka_gates_wait_ns(&fixture->gates, fixture->now_ns, INT64_MAX);
}

/* All that wait, in the order in which they came. */
static void take(struct fixture *fixture, size_t count)
{
    pn_kafka_gates_begin(&fixture->gates);
    const struct pn_kafka_waiting *one =
        pn_kafka_gate_take(&fixture->gates, &fixture->gate, fixture->now_ns);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(one, &fixture->records[fixture->taken++]);
        one = one->next;
    }
    assert_null(one);
    assert_null(pn_kafka_gates_any(&fixture->gates));
    assert_false(is_due(fixture));
}

static void answer(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)pn_kafka_gate_answered(&fixture->gates, &fixture->gate, fixture->now_ns);
    }
}

static void test_a_record_that_is_alone_does_not_wait(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    assert_false(is_due(&fixture));
    for (int i = 0; i < 3; i++) {
        assert_true(add_one(&fixture, NULL));
        assert_true(is_due(&fixture));
        take(&fixture, 1);
        answer(&fixture, 1);
    }
}

/* A client's next request need not be as large as the one before. */
static void test_a_request_that_is_alone_does_not_wait(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add_of_one_request(&fixture, 8);
    take(&fixture, 8);
    fixture.now_ns += 2 * MS;
    answer(&fixture, 8);
    add_of_one_request(&fixture, 2);
    assert_true(is_due(&fixture));
    take(&fixture, 2);
}

static void test_what_comes_meanwhile_is_the_next_batch(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add(&fixture, 1);
    take(&fixture, 1);
    add(&fixture, 3);
    assert_false(is_due(&fixture));
    answer(&fixture, 1);
    assert_true(is_due(&fixture)); /* the last batch was of one request */
    take(&fixture, 3);
    add(&fixture, 1);
    answer(&fixture, 2);
    add_of_one_request(&fixture, 4); /* one of these two has come again */
    assert_false(is_due(&fixture));  /* the third is on its way */
    answer(&fixture, 1);
    assert_false(is_due(&fixture));
    add(&fixture, 1);
    assert_false(is_due(&fixture));
    assert_true(add_one(&fixture, NULL)); /* three were sent, one waited: four are there */
    assert_true(is_due(&fixture));
    take(&fixture, 7);
}

static void test_those_who_do_not_come_again_are_not_waited_for_long(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add(&fixture, 4);
    take(&fixture, 4);
    fixture.now_ns += 8 * MS;
    answer(&fixture, 4);
    assert_true(add_one(&fixture, NULL)); /* it begins to gather, so the caller looks earlier */
    assert_false(add_one(&fixture, NULL));
    assert_int_equal(wait_ns(&fixture), 2 * MS); /* a quarter of what they took */
    fixture.now_ns += 2 * MS - 1;
    assert_false(is_due(&fixture));
    assert_int_equal(wait_ns(&fixture), 1);
    fixture.now_ns += 1;
    assert_int_equal(wait_ns(&fixture), 0);
    assert_true(is_due(&fixture));
    take(&fixture, 2);
    assert_int_equal(wait_ns(&fixture), INT64_MAX);
}

static void test_how_long_is_within_bounds(void **state)
{
    static const struct {
        int64_t took_ns;
        int64_t gathers_ns;
    } cases[] = {
        {0, PN_KAFKA_GATHER_MIN_NS}, {2 * MS, MS / 2}, {INT64_C(500) * MS, PN_KAFKA_GATHER_MAX_NS}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        begin(&fixture);
        add(&fixture, 4);
        take(&fixture, 4);
        fixture.now_ns += cases[i].took_ns;
        answer(&fixture, 4);
        add(&fixture, 1);
        fixture.now_ns += cases[i].gathers_ns - 1;
        assert_false(is_due(&fixture));
        fixture.now_ns += 1;
        assert_true(is_due(&fixture));
    }
}

static void test_without_an_answer_they_are_sent_all_the_same(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    add(&fixture, 1);
    take(&fixture, 1);
    fixture.now_ns += INT64_C(50) * MS;
    assert_false(add_one(&fixture, NULL));
    assert_int_equal(wait_ns(&fixture), PN_KAFKA_GATE_WAIT_NS);
    add(&fixture, 1);
    fixture.now_ns += INT64_C(50) * MS - 1;
    assert_false(pn_kafka_gate_is_stuck(&fixture.gate, fixture.now_ns));
    fixture.now_ns += 1;
    assert_true(pn_kafka_gate_is_stuck(&fixture.gate, fixture.now_ns));
    fixture.now_ns += PN_KAFKA_GATE_WAIT_NS - INT64_C(50) * MS - 1;
    assert_false(is_due(&fixture));
    fixture.now_ns += 1;
    assert_true(is_due(&fixture));
    take(&fixture, 2);
    answer(&fixture, 2);
    assert_true(pn_kafka_gate_is_stuck(&fixture.gate, fixture.now_ns));
    answer(&fixture, 1);
    assert_false(pn_kafka_gate_is_stuck(&fixture.gate, fixture.now_ns));
    add(&fixture, 1);
    assert_false(is_due(&fixture)); /* three may come again */
}

/* The caller, who waits for answers, hears when there is something else to do. */
static void test_the_last_answer_of_a_round_is_noted_and_what_is_due(void **state)
{
    struct fixture fixture;
    struct pn_kafka_gate other = {0};
    struct pn_kafka_waiting records[2] = {{0}};
    (void)state;
    begin(&fixture);
    add(&fixture, 1);
    take(&fixture, 1);
    (void)pn_kafka_gate_add(&fixture.gates, &other, &records[0], fixture.now_ns);
    pn_kafka_gates_begin(&fixture.gates);
    assert_ptr_equal(pn_kafka_gates_due(&fixture.gates, fixture.now_ns), &other);
    (void)pn_kafka_gate_take(&fixture.gates, &other, fixture.now_ns);
    assert_false(pn_kafka_gate_answered(&fixture.gates, &fixture.gate, fixture.now_ns));
    assert_true(pn_kafka_gate_answered(&fixture.gates, &other, fixture.now_ns));
    add(&fixture, 1);
    (void)pn_kafka_gate_add(&fixture.gates, &other, &records[1], fixture.now_ns);
    pn_kafka_gates_begin(&fixture.gates);
    (void)pn_kafka_gate_take(&fixture.gates, &other, fixture.now_ns);
    assert_true(pn_kafka_gate_answered(&fixture.gates, &other, fixture.now_ns));
}

static void test_each_gate_has_its_turn(void **state)
{
    struct fixture fixture;
    struct pn_kafka_gate all[4] = {0};
    struct pn_kafka_waiting records[8] = {{0}};
    (void)state;
    begin(&fixture);
    for (size_t i = 0; i < 4; i++) {
        assert_true(pn_kafka_gate_add(&fixture.gates, &all[i], &records[i], fixture.now_ns));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(pn_kafka_gates_due(&fixture.gates, fixture.now_ns), &all[i]);
        assert_ptr_equal(pn_kafka_gate_take(&fixture.gates, &all[i], fixture.now_ns), &records[i]);
        assert_null(pn_kafka_gate_take(&fixture.gates, &all[i], fixture.now_ns));
    }
    static const size_t order[] = {2, 0, 3, 1}; /* in which they are held now */
    for (size_t i = 0; i < 4; i++) {
        size_t at = order[i];
        assert_false(pn_kafka_gate_add(&fixture.gates, &all[at], &records[4 + at], fixture.now_ns));
        fixture.now_ns += MS;
    }
    (void)pn_kafka_gate_answered(&fixture.gates, &all[3], fixture.now_ns);
    assert_ptr_equal(pn_kafka_gates_due(&fixture.gates, fixture.now_ns), &all[3]);
    (void)pn_kafka_gate_take(&fixture.gates, &all[3], fixture.now_ns);
    assert_null(pn_kafka_gates_due(&fixture.gates, fixture.now_ns));
    fixture.now_ns += PN_KAFKA_GATE_WAIT_NS;
    static const size_t left[] = {2, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(pn_kafka_gates_due(&fixture.gates, fixture.now_ns), &all[left[i]]);
        assert_ptr_equal(pn_kafka_gate_take(&fixture.gates, &all[left[i]], fixture.now_ns),
                         &records[4 + left[i]]);
    }
    assert_null(pn_kafka_gates_any(&fixture.gates));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_that_is_alone_does_not_wait),
        cmocka_unit_test(test_a_request_that_is_alone_does_not_wait),
        cmocka_unit_test(test_what_comes_meanwhile_is_the_next_batch),
        cmocka_unit_test(test_those_who_do_not_come_again_are_not_waited_for_long),
        cmocka_unit_test(test_how_long_is_within_bounds),
        cmocka_unit_test(test_without_an_answer_they_are_sent_all_the_same),
        cmocka_unit_test(test_the_last_answer_of_a_round_is_noted_and_what_is_due),
        cmocka_unit_test(test_each_gate_has_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
