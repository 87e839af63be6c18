/* When a record is sent: alone at once, beside others as a batch, and never out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/kafka/gate.h"

enum { RECORDS = 16, MS = 1000000 };

struct fixture {
    struct pn_kafka_gate *gates;
    struct pn_kafka_gate gate;
    struct pn_kafka_waiting records[RECORDS];
    size_t added;
    size_t taken;
    int64_t now_ns;
};

static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){.now_ns = INT64_C(1000) * MS};
}

static void add(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_in_range(fixture->added, 0, RECORDS - 1);
        pn_kafka_gate_add(&fixture->gates, &fixture->gate, &fixture->records[fixture->added++],
                          fixture->now_ns);
    }
    assert_ptr_equal(fixture->gates, &fixture->gate);
}

static bool is_due(const struct fixture *fixture)
{
    return pn_kafka_gate_is_due(&fixture->gate, fixture->now_ns);
}

/* All that wait, in the order in which they came. */
static void take(struct fixture *fixture, size_t count)
{
    const struct pn_kafka_waiting *one = pn_kafka_gate_take(&fixture->gate, fixture->now_ns);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(one, &fixture->records[fixture->taken++]);
        one = one->next;
    }
    assert_null(one);
    assert_null(fixture->gates);
    assert_false(is_due(fixture));
}

static void answer(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pn_kafka_gate_answered(&fixture->gate, fixture->now_ns);
    }
}

static void test_a_record_that_is_alone_does_not_wait(void **state)
{
    struct fixture fixture;
    (void)state;
    begin(&fixture);
    assert_false(is_due(&fixture));
    for (int i = 0; i < 3; i++) {
        add(&fixture, 1);
        assert_true(is_due(&fixture));
        take(&fixture, 1);
        answer(&fixture, 1);
    }
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
    assert_false(is_due(&fixture)); /* the first may come again */
    add(&fixture, 1);
    assert_true(is_due(&fixture));
    take(&fixture, 4);
    answer(&fixture, 3);
    add(&fixture, 3);
    assert_false(is_due(&fixture)); /* one is on its way */
    answer(&fixture, 1);
    assert_false(is_due(&fixture));
    add(&fixture, 4); /* four were sent, three wait: seven may be there */
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
    fixture.now_ns += 2 * MS;
    answer(&fixture, 4);
    add(&fixture, 1);
    fixture.now_ns += 4 * MS - 1; /* twice as long as they took */
    assert_false(is_due(&fixture));
    fixture.now_ns += 1;
    assert_true(is_due(&fixture));
    take(&fixture, 1);
    answer(&fixture, 1);
    add(&fixture, 1);
    assert_true(is_due(&fixture)); /* only one is expected now */
}

static void test_how_long_is_within_bounds(void **state)
{
    static const struct {
        int64_t took_ns;
        int64_t gathers_ns;
    } cases[] = {
        {0, PN_KAFKA_GATHER_MIN_NS}, {2 * MS, 4 * MS}, {INT64_C(500) * MS, PN_KAFKA_GATHER_MAX_NS}};
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
    add(&fixture, 2);
    fixture.now_ns += PN_KAFKA_GATE_WAIT_NS - 1;
    assert_false(is_due(&fixture));
    fixture.now_ns += 1;
    assert_true(is_due(&fixture));
    take(&fixture, 2);
    answer(&fixture, 3);
    add(&fixture, 1);
    assert_false(is_due(&fixture)); /* three may come again */
}

static void test_each_gate_is_in_the_list_while_records_wait(void **state)
{
    struct pn_kafka_gate *gates = NULL;
    struct pn_kafka_gate all[3] = {0};
    struct pn_kafka_waiting records[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        pn_kafka_gate_add(&gates, &all[i], &records[i], MS);
    }
    assert_ptr_equal(pn_kafka_gate_take(&all[1], MS), &records[1]);
    assert_ptr_equal(gates, &all[2]);
    assert_ptr_equal(gates->next, &all[0]);
    assert_null(gates->next->next);
    assert_null(pn_kafka_gate_take(&all[1], MS));
    assert_ptr_equal(pn_kafka_gate_take(&all[2], MS), &records[2]);
    assert_ptr_equal(pn_kafka_gate_take(&all[0], MS), &records[0]);
    assert_null(gates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_that_is_alone_does_not_wait),
        cmocka_unit_test(test_what_comes_meanwhile_is_the_next_batch),
        cmocka_unit_test(test_those_who_do_not_come_again_are_not_waited_for_long),
        cmocka_unit_test(test_how_long_is_within_bounds),
        cmocka_unit_test(test_without_an_answer_they_are_sent_all_the_same),
        cmocka_unit_test(test_each_gate_is_in_the_list_while_records_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
