/* Places as transactions of a table: what is written is read again, whatever its length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "processor/marks.h"

#define APP "pinion/s/0000000000000001/shardId-000000000000"

/* A table that has the marks of each place of the list, one commit after the other. */
static void write_all(struct pn_delta_snapshot *table, struct pn_arena *arena,
                      const struct pn_processor_place *places, size_t count)
{
    enum { TXNS_MAX = 32 };
    *table =
        (struct pn_delta_snapshot){.txns = pn_arena_calloc(arena, TXNS_MAX, sizeof *table->txns)};
    for (size_t i = 0; i < count; i++) {
        size_t marks = 0;
        const struct pn_append_mark *mark = pn_processor_marks_of(&places[i], APP, arena, &marks);
        for (size_t j = 0; j < marks; j++) {
            size_t at = 0;
            while (at < table->txn_count && strcmp(table->txns[at].app_id, mark[j].app_id) != 0) {
                at++;
            }
            assert_true(at < TXNS_MAX && mark[j].version >= 0);
            table->txns[at] =
                (struct pn_delta_txn){.app_id = mark[j].app_id, .version = mark[j].version};
            table->txn_count += at == table->txn_count;
        }
    }
}

static void assert_reads(const struct pn_processor_place *places, size_t count)
{
    struct pn_arena arena;
    struct pn_delta_snapshot table;
    struct pn_processor_place read;
    pn_arena_init(&arena, 0);
    write_all(&table, &arena, places, count);
    assert_int_equal(pn_processor_marks_read(&table, APP, &read, NULL), 0);
    assert_string_equal(read.text, places[count - 1].text);
    assert_int_equal(read.ended, places[count - 1].ended);
    assert_int_equal(read.until_ms, places[count - 1].ended ? 0 : places[count - 1].until_ms);
    pn_arena_deinit(&arena);
}

static void test_each_place_is_read_again(void **state)
{
    (void)state;
    static const struct pn_processor_place places[] = {
        {.text = ""},
        {.text = "", .until_ms = 1},
        {.text = "@0", .until_ms = 5},
        {.text = "@1790000000123", .until_ms = 1790000000123},
        {.text = "0"},
        {.text = "1"},
        {.text = "999999999999999999"},
        {.text = "1000000000000000000"},
        {.text = "1000000000000000001", .until_ms = 7, .ended = true},
        {.text = "49590338271490256608559692538361571095921575989136588898", .until_ms = 1},
        {.text =
             "10000000000000000000000000000000000000000000000000000000000000000000000000000000000"
             "0000000000000000000000000000000000000000000000",
         .until_ms = 2},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_reads(&places[i], 1);
        const struct pn_processor_place *from = i > 0 ? &places[i - 1] : NULL;
        if (from != NULL && strlen(from->text) <= strlen(places[i].text) && !from->ended) {
            assert_reads(from, 2);
        }
    }
}

static void test_a_shorter_number_replaces_a_longer_one(void **state)
{
    (void)state;
    static const struct pn_processor_place places[] = {
        {.text = "49590338271490256608559692538361571095921575989136588898"}, {.text = "7"}};
    assert_reads(places, 2);
}

static void test_what_is_not_a_place(void **state)
{
    (void)state;
    struct pn_processor_place read;
    struct pn_err e = {0};
    struct pn_delta_txn txns[9];
    char names[9][96];
    for (int i = 0; i < 9; i++) {
        (void)snprintf(names[i], sizeof names[i], APP "/%d", i);
        txns[i] = (struct pn_delta_txn){.app_id = names[i], .version = 999999999999999999};
    }
    struct pn_delta_snapshot table = {.txns = txns, .txn_count = 9};
    assert_int_not_equal(pn_processor_marks_read(&table, APP, &read, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    txns[0].version = 1000000000000000000;
    table.txn_count = 1;
    assert_int_not_equal(pn_processor_marks_read(&table, APP, &read, &e), 0);
    table.txn_count = 0;
    assert_int_equal(pn_processor_marks_read(&table, APP, &read, &e), 0);
    assert_string_equal(read.text, "");
}

static void test_sequence_numbers(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "1", "10",
                                       "49590338271490256608559692538361571095921575989136588898"};
    static const char *const bad[] = {"", "01", "-1", "1 ", "1a", "@1", "TRIM_HORIZON"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(pn_processor_is_sequence(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(pn_processor_is_sequence(bad[i], strlen(bad[i])));
    }
    char digits[131];
    memset(digits, '9', sizeof digits);
    assert_true(pn_processor_is_sequence(digits, 129));
    assert_false(pn_processor_is_sequence(digits, 130));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_place_is_read_again),
        cmocka_unit_test(test_a_shorter_number_replaces_a_longer_one),
        cmocka_unit_test(test_what_is_not_a_place),
        cmocka_unit_test(test_sequence_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
