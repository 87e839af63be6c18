/* The sparse index: what it finds, and that a damaged file is never believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "log/embedded/index.h"
#include "support/log_fixture.h"

enum { BASE = 1000 };

static const struct pn_index_summary summary = {.base_offset = BASE,
                                                .next_offset = BASE + 40,
                                                .bytes = 5000,
                                                .created_ms = 11,
                                                .appended_ms = 22,
                                                .max_timestamp = 33};

static void fill(struct pn_index *index)
{
    *index = (struct pn_index){0};
    pn_index_add(index, (struct pn_index_entry){10, 1000, 5});
    pn_index_add(index, (struct pn_index_entry){20, 2000, 5});
    pn_index_add(index, (struct pn_index_entry){30, 3500, 9});
}

static void test_lookups(void **state)
{
    (void)state;
    struct pn_index index;
    fill(&index);
    assert_int_equal(pn_index_at_offset(&index, 0).position, 0);
    assert_int_equal(pn_index_at_offset(&index, 9).position, 0);
    assert_int_equal(pn_index_at_offset(&index, 10).position, 1000);
    assert_int_equal(pn_index_at_offset(&index, 29).position, 2000);
    assert_int_equal(pn_index_at_offset(&index, 1 << 20).position, 3500);
    assert_int_equal(pn_index_at_timestamp(&index, 5).position, 0);
    assert_int_equal(pn_index_at_timestamp(&index, 6).position, 2000);
    assert_int_equal(pn_index_at_timestamp(&index, 9).position, 2000);
    assert_int_equal(pn_index_at_timestamp(&index, 10).position, 3500);
    pn_index_deinit(&index);
    assert_int_equal(pn_index_at_offset(&index, 5).position, 0);
    assert_int_equal(pn_index_at_timestamp(&index, 5).position, 0);
}

static char *index_path(struct log_fixture *fixture)
{
    return pn_arena_printf(&fixture->arena, "%s/x.index", fixture->folder);
}

static void test_what_is_stored_is_loaded(void **state)
{
    struct log_fixture *fixture = *state;
    char *path = index_path(fixture);
    struct pn_index index;
    struct pn_index loaded = {0};
    struct pn_index_summary told;
    struct pn_err e;
    assert_int_not_equal(pn_index_load(pn_io_system(), path, BASE, &loaded, &told, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    fill(&index);
    assert_int_equal(pn_index_store(pn_io_system(), path, &index, &summary, NULL), 0);
    assert_int_equal(pn_index_load(pn_io_system(), path, BASE, &loaded, &told, NULL), 0);
    assert_memory_equal(&told, &summary, sizeof told);
    assert_int_equal(loaded.count, index.count);
    assert_memory_equal(loaded.entries, index.entries, index.count * sizeof *index.entries);
    pn_index_deinit(&loaded);
    assert_int_not_equal(pn_index_load(pn_io_system(), path, BASE + 1, &loaded, &told, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    pn_index_deinit(&loaded);
    pn_index_deinit(&index);
}

static void test_a_damaged_file_is_not_believed(void **state)
{
    struct log_fixture *fixture = *state;
    char *path = index_path(fixture);
    struct pn_index index;
    fill(&index);
    assert_int_equal(pn_index_store(pn_io_system(), path, &index, &summary, NULL), 0);
    pn_index_deinit(&index);
    size_t len = 0;
    uint8_t *bytes = file_read(path, &len);
    for (size_t i = 0; i < 2 * len; i++) {
        struct pn_index loaded = {0};
        struct pn_index_summary told;
        struct pn_err e;
        if (i < len) { /* cut here, then changed here */
            file_write(path, bytes, i);
        } else {
            bytes[i - len] ^= 0x10;
            file_write(path, bytes, len);
            bytes[i - len] ^= 0x10;
        }
        assert_int_not_equal(pn_index_load(pn_io_system(), path, BASE, &loaded, &told, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
        assert_int_equal(loaded.count, 0);
        pn_index_deinit(&loaded);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups),
        cmocka_unit_test_setup_teardown(test_what_is_stored_is_loaded, log_fixture_set_up,
                                        log_fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_not_believed, log_fixture_set_up,
                                        log_fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
