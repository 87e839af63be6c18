/* Which landed objects a table has taken: positions, gaps, and what cannot be told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "engine/duckdb/taken.h"

/* A table whose commits' transactions are replayed. */
struct bed {
    struct pn_delta_snapshot snapshot;
    struct pn_delta_txn txns[64];
    bool there;
};

static const char *key_of(char *key, size_t size, int number)
{
    (void)snprintf(key, size, "topics/t/partition=0/t+0+%010d.json", number);
    return key;
}

static struct pn_taken *begin(struct bed *bed, bool afresh)
{
    return pn_taken_create(bed->there ? &bed->snapshot : NULL, afresh, 7);
}

/* Commits: each transaction must follow the one that the table has. */
static void commit(struct bed *bed, struct pn_taken *taken, bool afresh)
{
    const struct pn_delta_txn *txns = NULL;
    const int64_t *before = NULL;
    size_t count = 0;
    pn_taken_txns(taken, 1, &txns, &before, &count);
    for (size_t i = 0; i < count; i++) {
        int64_t now = pn_delta_txn_version(&bed->snapshot, txns[i].app_id);
        assert_int_equal(now, before[i]);
        assert_true(afresh || txns[i].version >= now);
        size_t at = 0;
        while (at < bed->snapshot.txn_count && strcmp(bed->txns[at].app_id, txns[i].app_id) != 0) {
            at++;
        }
        assert_in_range(at, 0, 63);
        if (at == bed->snapshot.txn_count) {
            bed->snapshot.txn_count++;
            bed->txns[at].app_id = pn_arena_strdup(&bed->snapshot.arena, txns[i].app_id);
        }
        bed->txns[at].version = txns[i].version;
    }
    bed->there = true;
    bed->snapshot.version++;
    pn_taken_destroy(&taken);
}

/* A run over objects of two numbers each; writes which were taken. `error`: what it says. */
static void run(struct bed *bed, const int *objects, size_t count, bool afresh, const char *wanted,
                const char *error)
{
    struct pn_taken *taken = begin(bed, afresh);
    char found[256] = "";
    char key[64];
    struct pn_err e = {0};
    for (size_t i = 0; i < count; i++) {
        bool wants = false;
        assert_int_equal(
            pn_taken_wants(taken, "t", key_of(key, sizeof key, objects[i]), 0, &wants, &e), 0);
        if (wants) {
            size_t len = strlen(found);
            (void)snprintf(found + len, sizeof found - len, "%d ", objects[i]);
        }
    }
    int rc = pn_taken_check(taken, "raw", &e);
    if (error != NULL) {
        assert_int_not_equal(rc, 0);
        assert_non_null(strstr(e.msg, error));
        pn_taken_destroy(&taken);
        return;
    }
    assert_int_equal(rc, 0);
    assert_string_equal(found, wanted);
    for (char *at = strtok(found, " "); at != NULL; at = strtok(NULL, " ")) {
        pn_taken_add(taken, "t", key_of(key, sizeof key, atoi(at)), 2);
    }
    assert_int_equal(pn_taken_settle(taken, NULL, NULL, &e), 0);
    commit(bed, taken, afresh);
}

#define RUN(bed, afresh, wanted, error, ...)                                                       \
    run(bed, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int), afresh, \
        wanted, error)

static int set_up(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);
    pn_arena_init(&bed->snapshot.arena, 0);
    bed->snapshot.txns = bed->txns;
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    pn_arena_deinit(&bed->snapshot.arena);
    free(bed);
    return 0;
}

static void test_each_object_once(void **state)
{
    struct bed *bed = *state;
    assert_false(pn_taken_holds(NULL));
    RUN(bed, true, "0 2 ", NULL, 0, 2);
    assert_true(pn_taken_holds(&bed->snapshot));
    RUN(bed, false, "", NULL, 0, 2);
    RUN(bed, false, "4 6 ", NULL, 0, 2, 4, 6);
    RUN(bed, false, "8 ", NULL, 4, 6, 8); /* old ones may be deleted */
}

static void test_late_objects_fill_gaps(void **state)
{
    struct bed *bed = *state;
    RUN(bed, true, "0 10 ", NULL, 0, 10);
    RUN(bed, false, "6 ", NULL, 0, 6, 10);
    RUN(bed, false, "8 20 ", NULL, 0, 6, 8, 10, 20);
    RUN(bed, false, "2 4 12 ", NULL, 0, 2, 4, 6, 8, 10, 12, 20);
    RUN(bed, false, "", NULL, 0, 2, 4, 6, 8, 10, 12, 20);
}

static void test_what_cannot_be_told_apart_is_an_error(void **state)
{
    struct bed *bed = *state;
    RUN(bed, true, "0 2 4 ", NULL, 0, 2, 4);
    RUN(bed, false, NULL, "has 4 objects below offset 6", 0, 1, 2, 4);
    RUN(bed, true, "0 1 2 4 ", NULL, 0, 1, 2, 4);
    RUN(bed, false, "", NULL, 0, 1, 2, 4);
}

static void test_afresh_begins_again(void **state)
{
    struct bed *bed = *state;
    RUN(bed, true, "0 10 ", NULL, 0, 10);
    RUN(bed, true, "0 ", NULL, 0); /* a new folder, whose numbers begin again */
    RUN(bed, false, "2 ", NULL, 0, 2);
    RUN(bed, true, "0 6 ", NULL, 0, 6);
    RUN(bed, false, "2 4 ", NULL, 0, 2, 4, 6);
}

static void test_names_without_a_number(void **state)
{
    static const char *const keys[] = {"topics/t/x.json",
                                       "topics/t/partition=0/t+0+x.json",
                                       "topics/t/t+0.json",
                                       "topics/t/partition=0/u+0+0000000001.json",
                                       "topics/t/t+0+1.json.bak",
                                       "topics/t/t++1.json",
                                       "topics/t/t+0+99999999999999999999.json"};
    struct bed *bed = *state;
    struct pn_taken *taken = begin(bed, true);
    bool wanted = false;
    struct pn_err e = {0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_not_equal(pn_taken_wants(taken, "t", keys[i], 0, &wanted, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(e.msg, keys[i]));
    }
    assert_int_equal(pn_taken_wants(taken, "t", "topics/t/2026/t+3+17.json.gz", 0, &wanted, &e), 0);
    assert_true(wanted);
    pn_taken_destroy(&taken);
}

static void test_gaps_have_a_limit(void **state)
{
    struct bed *bed = *state;
    struct pn_taken *taken = begin(bed, true);
    const struct pn_delta_txn *txns = NULL;
    const int64_t *before = NULL;
    size_t count = 0;
    char key[64];
    struct pn_err e = {0};
    for (int i = 0; i < 1000; i++) {
        pn_taken_add(taken, "t", key_of(key, sizeof key, 10 * i), 2);
    }
    assert_int_equal(pn_taken_settle(taken, NULL, NULL, &e), 0);
    pn_taken_txns(taken, 1, &txns, &before, &count);
    assert_int_equal(count, 5 + PN_TAKEN_GAPS_MAX);
    pn_taken_destroy(&taken);
}

/* Dead letters of the sink have the numbers from 2 to 5. */
static int explain_four(void *arg, const char *topic, int32_t partition, int64_t number,
                        int64_t *count, struct pn_err *e)
{
    (void)arg;
    (void)e;
    assert_string_equal(topic, "t");
    assert_int_equal(partition, 0);
    *count = number == 2 ? 4 : 0;
    return 0;
}

static void test_explained_numbers_are_no_gap(void **state)
{
    struct bed *bed = *state;
    struct pn_taken *taken = begin(bed, true);
    const struct pn_delta_txn *txns = NULL;
    const int64_t *before = NULL;
    size_t count = 0;
    char key[64];
    struct pn_err e = {0};
    pn_taken_add(taken, "t", key_of(key, sizeof key, 0), 2);
    pn_taken_add(taken, "t", key_of(key, sizeof key, 6), 2);
    pn_taken_add(taken, "t", key_of(key, sizeof key, 10), 2);
    assert_int_equal(pn_taken_settle(taken, explain_four, NULL, &e), 0);
    pn_taken_txns(taken, 1, &txns, &before, &count);
    assert_int_equal(count, 6);
    assert_string_equal(txns[5].app_id, "pinion/landed/t/0/gap/8-10");
    pn_taken_destroy(&taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_object_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_objects_fill_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_told_apart_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_afresh_begins_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_without_a_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gaps_have_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_explained_numbers_are_no_gap, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
