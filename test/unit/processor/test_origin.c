/* Which Kinesis a table is filled from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "processor/origin.h"

static void test_the_origin_in_an_arn(void **state)
{
    (void)state;
    static const struct {
        const char *arn, *origin;
    } cases[] = {
        {"arn:aws:kinesis:eu-west-2:123456789012:stream/numbers", "eu-west-2:123456789012"},
        {"arn:aws-cn:kinesis:cn-north-1:1:stream/a", "cn-north-1:1"},
        {"arn:aws:kinesis:eu-west-2::stream/numbers", NULL},
        {"arn:aws:kinesis::123456789012:stream/numbers", NULL},
        {"arn:aws:kinesis:eu-west-2:123456789012", NULL},
        {"arn:aws:kinesis", NULL},
        {"", NULL},
    };
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *origin = pn_processor_origin_of(cases[i].arn, &arena);
        if (cases[i].origin == NULL) {
            assert_null(origin);
        } else {
            assert_string_equal(origin, cases[i].origin);
        }
    }
    pn_arena_deinit(&arena);
}

static void test_what_a_table_may_be_filled_from(void **state)
{
    (void)state;
    struct pn_arena arena;
    struct pn_err e = {0};
    pn_arena_init(&arena, 0);
    const struct pn_append_mark mark =
        pn_processor_origin_mark("pinion/numbers/1/shardId-0", "eu-west-2:1", &arena);
    struct pn_delta_txn txns[] = {{.app_id = "pinion/numbers/1/shardId-0", .version = 7},
                                  {.app_id = mark.app_id, .version = mark.version}};
    struct pn_delta_snapshot table = {.txns = txns, .txn_count = 2};
    assert_true(pn_processor_origin_is_known(&table, "pinion/numbers/1/shardId-0", "eu-west-2:1"));
    assert_false(pn_processor_origin_is_known(&table, "pinion/numbers/1/shardId-1", "eu-west-2:1"));
    assert_int_equal(pn_processor_origin_check(&table, "numbers", "eu-west-2:1", &e), 0);
    assert_int_equal(pn_processor_origin_check(&table, "numbers", NULL, &e), 0);
    assert_int_equal(pn_processor_origin_check(NULL, "numbers", "eu-west-2:1", &e), 0);
    assert_int_equal(pn_processor_origin_check(&table, "number", "eu-west-1:1", &e), 0);
    assert_int_not_equal(pn_processor_origin_check(&table, "numbers", "eu-west-2:12", &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, "the stream numbers of account 1 in eu-west-2, and"));
    assert_non_null(strstr(e.msg, "that of account 12 in eu-west-2: set"));
    table.txn_count = 1; /* of an earlier version */
    assert_int_equal(pn_processor_origin_check(&table, "numbers", "eu-west-1:1", &e), 0);
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_origin_in_an_arn),
        cmocka_unit_test(test_what_a_table_may_be_filled_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
