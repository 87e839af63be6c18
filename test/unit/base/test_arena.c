#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static void test_allocations_are_apart_and_aligned(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct pn_arena arena;
    unsigned char *blocks[COUNT];
    pn_arena_init(&arena, 256);
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = pn_arena_alloc(&arena, i); /* also larger than a block, and none */
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)(i % 251), i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < i; at++) {
            assert_int_equal(blocks[i][at], i % 251);
        }
    }
    pn_arena_deinit(&arena);
}

static void test_a_reused_arena_stops_allocating(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    (void)pn_arena_alloc(&arena, 100);
    size_t total = arena.total_bytes;
    for (int i = 0; i < 100; i++) {
        pn_arena_reset(&arena);
        (void)pn_arena_alloc(&arena, 3000);
        assert_int_equal(arena.total_bytes, total);
    }
    (void)pn_arena_alloc(&arena, 10 * total);
    assert_true(arena.total_bytes >= 11 * total);
    pn_arena_deinit(&arena);
    assert_int_equal(arena.total_bytes, 0);
    (void)pn_arena_alloc(&arena, 1);
    pn_arena_deinit(&arena);
}

static void test_taking_another_ones_memory(void **state)
{
    (void)state;
    struct pn_arena one;
    struct pn_arena other;
    pn_arena_init(&one, 0);
    pn_arena_init(&other, 0);
    for (int round = 0; round < 3; round++) { /* into an empty arena, and twice into a full one */
        char *text = pn_arena_strdup(&other, "kept");
        (void)pn_arena_alloc(&other, 10000);
        size_t total = one.total_bytes + other.total_bytes;
        pn_arena_take(&one, &other);
        assert_int_equal(one.total_bytes, total);
        assert_int_equal(other.total_bytes, 0);
        memset(pn_arena_alloc(&one, 100), 'x', 100);
        assert_string_equal(text, "kept");
    }
    pn_arena_take(&one, &other); /* nothing */
    pn_arena_deinit(&other);
    pn_arena_deinit(&one);
}

static void test_copies(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    char text[] = "text";
    char *copy = pn_arena_strdup(&arena, text);
    char *part = pn_arena_strndup(&arena, text, 2);
    char *none = pn_arena_strndup(&arena, NULL, 0);
    memset(text, 'x', 4);
    assert_string_equal(copy, "text");
    assert_string_equal(part, "te");
    assert_string_equal(none, "");
    assert_string_equal(pn_arena_printf(&arena, "%s-%d", "a", 5), "a-5");
    int *zeros = pn_arena_calloc(&arena, 100, sizeof *zeros);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(zeros[i], 0);
    }
    pn_arena_deinit(&arena);
}

static void test_growing_an_array(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        pn_grow((void **)&numbers, &capacity, i + 1, sizeof *numbers);
        assert_true(capacity > i);
        numbers[i] = (int)i;
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(numbers[i], i);
    }
    pn_grow((void **)&numbers, &capacity, 5000, sizeof *numbers);
    assert_true(capacity >= 5000);
    free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_apart_and_aligned),
        cmocka_unit_test(test_a_reused_arena_stops_allocating),
        cmocka_unit_test(test_taking_another_ones_memory),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_growing_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
