#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/percent.h"

static void test_percent(void **state)
{
    (void)state;
    struct pn_arena arena;
    struct pn_buf out;
    pn_arena_init(&arena, 0);
    pn_buf_init(&out, 1000);
    pn_percent_encode(&out, "a/b c%.-_\xc3\xa9");
    assert_string_equal(pn_buf_text(&out), "a%2Fb%20c%25.-_%C3%A9");
    assert_string_equal(pn_percent_decode(&arena, out.data, out.len), "a/b c%.-_\xc3\xa9");
    assert_null(pn_percent_decode(&arena, "%", 1));
    assert_null(pn_percent_decode(&arena, "%4", 2));
    assert_string_equal(pn_percent_decode(&arena, "%41", 3), "A");
    /* Nothing after the length is looked at. */
    assert_null(pn_percent_decode(&arena, "%41", 2));
    assert_string_equal(pn_percent_decode(&arena, "", 0), "");
    pn_buf_deinit(&out);
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
