#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/follow.h"

enum {
    PASSING_MAX = 25, /* in a row, see pn_follow_pardon() */
    OUT_BYTES_MAX = 64 * 1024
};

/* A source of records that fails when its test says so. */
struct source {
    struct pn_follow follow;
    struct pn_buf out;
    int rounds;
    int records;    /* that a round finds, in the first rounds */
    int fail_from;  /* the first round that fails, from 1 on; 0: none */
    int fail_count; /* and how many rounds fail */
    enum pn_class class_;
    int raise_in; /* the round in which a signal comes */
};

static int go_round(void *arg, struct pn_follow_round *round, struct pn_err *e)
{
    struct source *source = arg;
    int at = ++source->rounds;
    int rc = 0;
    if (at == source->raise_in) {
        assert_int_equal(raise(SIGINT), 0);
    }
    if (source->fail_from > 0 && at >= source->fail_from &&
        at < source->fail_from + source->fail_count) {
        rc = pn_err_set(e, source->class_, PN_FAIL, "round %d", at);
    } else if (source->records > 0) {
        source->records--;
        source->follow.left--;
        pn_cell_int(source->follow.rows, at);
        round->came = 1;
    }
    round->more = source->follow.follow || round->came > 0 || rc != 0;
    return pn_follow_pardon(&source->follow, rc, e);
}

static void start(struct source *source, int records)
{
    *source = (struct source){.records = records, .class_ = PN_CLASS_RETRY};
    pn_follow_init(&source->follow);
    source->follow.pause_ms = 0;
    source->follow.left = INT64_MAX;
    pn_buf_init(&source->out, OUT_BYTES_MAX);
}

static int run(struct source *source, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {{"round", PN_CELL_INT}};
    struct pn_byte_sink sink = pn_byte_sink_buf(&source->out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_CSV);
    PN_ROWS_BEGIN(rows, columns);
    pn_follow_watch(&source->follow);
    int rc = pn_follow_run(&source->follow, rows, go_round, source, e);
    pn_follow_restore(&source->follow);
    return rc;
}

static void assert_printed(struct source *source, const char *text)
{
    assert_string_equal(pn_buf_text(&source->out), text);
    pn_buf_deinit(&source->out);
}

static void test_it_ends_where_there_is_no_more(void **state)
{
    (void)state;
    struct source source;
    struct pn_err e;
    start(&source, 2);
    assert_int_equal(run(&source, &e), 0);
    assert_int_equal(source.rounds, 3);
    assert_printed(&source, "round\r\n1\r\n2\r\n");
}

static void test_it_ends_after_enough_records(void **state)
{
    (void)state;
    struct source source;
    struct pn_err e;
    start(&source, 5);
    source.follow.follow = true;
    source.follow.left = 3;
    assert_int_equal(run(&source, &e), 0);
    assert_printed(&source, "round\r\n1\r\n2\r\n3\r\n");
}

static void test_a_signal_ends_it(void **state)
{
    (void)state;
    struct source source;
    struct pn_err e;
    start(&source, 1);
    source.follow.follow = true;
    source.raise_in = 4;
    assert_int_equal(run(&source, &e), 0);
    assert_int_equal(source.rounds, 4);
    assert_printed(&source, "round\r\n1\r\n");
}

/* Also without --follow: what is still to be read must be read. */
static void test_a_failure_that_passes_loses_nothing(void **state)
{
    (void)state;
    struct source source;
    struct pn_err e;
    for (int follow = 0; follow < 2; follow++) {
        start(&source, 3);
        source.follow.follow = follow == 1;
        source.follow.left = 3;
        source.fail_from = 2;
        source.fail_count = PASSING_MAX;
        assert_int_equal(run(&source, &e), 0);
        assert_printed(&source, "round\r\n1\r\n27\r\n28\r\n");
    }
}

static void test_failures_that_are_errors(void **state)
{
    (void)state;
    static const struct {
        int fail_from, fail_count, rounds;
        enum pn_class class_;
    } cases[] = {
        {1, 1, 1, PN_CLASS_RETRY},                             /* nothing was there yet */
        {2, PASSING_MAX + 1, PASSING_MAX + 2, PN_CLASS_RETRY}, /* it does not pass */
        {2, 1, 2, PN_CLASS_MISSING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source source;
        struct pn_err e;
        start(&source, 5);
        source.follow.follow = true;
        source.fail_from = cases[i].fail_from;
        source.fail_count = cases[i].fail_count;
        source.class_ = cases[i].class_;
        assert_int_equal(run(&source, &e), PN_FAIL);
        assert_int_equal(e.class_, cases[i].class_);
        assert_int_equal(source.rounds, cases[i].rounds);
        pn_buf_deinit(&source.out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_where_there_is_no_more),
        cmocka_unit_test(test_it_ends_after_enough_records),
        cmocka_unit_test(test_a_signal_ends_it),
        cmocka_unit_test(test_a_failure_that_passes_loses_nothing),
        cmocka_unit_test(test_failures_that_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
