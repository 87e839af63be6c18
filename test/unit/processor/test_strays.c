/* Records that go to no table, counted by their keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "processor/strays.h"

static void add(struct pn_strays *strays, const char *key, int64_t offset)
{
    pn_strays_add(strays, (struct pn_bytes){key, strlen(key)}, 3, offset);
}

static void test_keys_are_counted(void **state)
{
    (void)state;
    struct pn_strays strays;
    struct pn_arena arena;
    pn_strays_init(&strays);
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_strays_counts(&strays, &arena).records, 0);
    add(&strays, "a", 7);
    add(&strays, "b", 8);
    add(&strays, "a", 9);
    add(&strays, "", 10);
    struct pn_stray_counts counts = pn_strays_counts(&strays, &arena);
    pn_strays_deinit(&strays); /* the copy stands alone */
    assert_int_equal(counts.records, 4);
    assert_int_equal(counts.count, 3);
    assert_int_equal(counts.more, 0);
    assert_memory_equal(counts.keys[0].key.data, "a", 1);
    assert_int_equal(counts.keys[0].records, 2);
    assert_int_equal(counts.keys[0].offset, 7);
    assert_int_equal(counts.keys[0].shard, 3);
    assert_int_equal(counts.keys[2].key.len, 0);
    pn_arena_deinit(&arena);
}

/* Keys that are all different, as UUIDs are, take no more than so much. */
static void test_many_keys_are_counted_together(void **state)
{
    (void)state;
    struct pn_strays strays;
    struct pn_arena arena;
    pn_strays_init(&strays);
    pn_arena_init(&arena, 0);
    for (int64_t i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", (int)i);
        add(&strays, key, i);
        add(&strays, "0", i);
    }
    struct pn_stray_counts counts = pn_strays_counts(&strays, &arena);
    assert_int_equal(counts.records, 2000);
    assert_int_equal(counts.count, PN_STRAY_KEYS_MAX);
    assert_int_equal(counts.keys[0].records, 1001);
    assert_int_equal(counts.more, 1000 - PN_STRAY_KEYS_MAX);
    pn_arena_deinit(&arena);
    pn_strays_deinit(&strays);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_counted),
        cmocka_unit_test(test_many_keys_are_counted_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
