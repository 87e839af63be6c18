/*
 * The sink on a log whose offsets have gaps: objects are cut by records, named by the offset of
 * their first one, and nothing counts as lost that never was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/gap_log.h"
#include "support/sink_fixture.h"

struct fixture {
    struct sink_fixture base;
    struct pn_log *gaps; /* on the base's log */
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(&fixture->base);
    fixture->gaps = gap_log_create(fake_log_port(fixture->base.log));
    fixture->base.config.log = fixture->gaps;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sink_bed_deinit(&fixture->base); /* and with it the log below */
    free(fixture->gaps);
    free(fixture);
    return 0;
}

#define OBJECT(number) "topics/t/partition=0/t+0+" number ".json: "

static void test_objects_are_full_in_records(void **state)
{
    struct fixture *fixture = *state;
    sink_bed_open(&fixture->base);
    sink_bed_append(&fixture->base, "t", 0, 8);
    assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
    sink_bed_assert_landed(&fixture->base,
                           OBJECT("0000000001") "0 1 2\n" OBJECT("0000000010") "3 4 5\n");
    struct pn_sink_status status = sink_bed_status(&fixture->base, "t", 0);
    assert_int_equal(status.lost, 0);
    assert_int_equal(status.landed_offset, gap_log_offset(6));

    sink_bed_append(&fixture->base, "t", 8, 9);
    assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
    assert_int_equal(pn_sink_flush(fixture->base.sink, NULL), 0);
    sink_bed_assert_landed(&fixture->base,
                           OBJECT("0000000001") "0 1 2\n" OBJECT("0000000010") "3 4 5\n" OBJECT(
                               "0000000019") "6 7 8\n");
    status = sink_bed_status(&fixture->base, "t", 0);
    assert_int_equal(status.lost, 0);
    assert_int_equal(status.lag, 0);
    assert_int_equal(status.landed_offset, status.end_offset);
}

/* Many offsets wait, and few records: until there are enough of them, the log is not read again. */
static void test_waiting_is_not_reading_again(void **state)
{
    struct fixture *fixture = *state;
    sink_bed_open(&fixture->base);
    sink_bed_append(&fixture->base, "t", 0, 2);
    assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
    int64_t reads = fake_log_reads(fixture->base.log);
    assert_true(reads > 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
    }
    assert_int_equal(fake_log_reads(fixture->base.log), reads);
    sink_bed_append(&fixture->base, "t", 2, 3);
    assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
    sink_bed_assert_landed(&fixture->base, OBJECT("0000000001") "0 1 2\n");
}

/* What retention takes is lost, and only that; no object goes over it. */
static void test_a_loss_is_told_apart(void **state)
{
    struct fixture *fixture = *state;
    sink_bed_open(&fixture->base);
    sink_bed_append(&fixture->base, "t", 0, 4);
    assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
    sink_bed_append(&fixture->base, "t", 4, 9);
    fake_log_set_begin(fixture->base.log, "t", 0, 6);
    assert_int_equal(pn_sink_flush(fixture->base.sink, NULL), 0);
    sink_bed_assert_landed(&fixture->base,
                           OBJECT("0000000001") "0 1 2\n" OBJECT("0000000019") "6 7 8\n");
    /* From the place after the third record to the start. */
    assert_int_equal(sink_bed_status(&fixture->base, "t", 0).lost, 3 * 6 - gap_log_offset(3));
}

/* A life that ends after its cuts were remembered is repeated object by object. */
static void test_a_second_life_repeats_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (int life = 0; life < 3; life++) {
        sink_bed_open(&fixture->base);
        sink_bed_append(&fixture->base, "t", 4 * life, 4 * life + 4);
        assert_int_equal(pn_sink_run(fixture->base.sink, NULL), 0);
        sink_bed_close(&fixture->base);
    }
    sink_bed_open(&fixture->base);
    assert_int_equal(pn_sink_flush(fixture->base.sink, NULL), 0);
    static const char landed[] = OBJECT("0000000001") "0 1 2\n" OBJECT(
        "0000000010") "3 4 5\n" OBJECT("0000000019") "6 7 8\n" OBJECT("0000000028") "9 10 11\n";
    sink_bed_assert_landed(&fixture->base, landed);
    assert_int_equal(sink_bed_status(&fixture->base, "t", 0).lost, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_objects_are_full_in_records),
        TEST(test_waiting_is_not_reading_again),
        TEST(test_a_loss_is_told_apart),
        TEST(test_a_second_life_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
