/* The words that a list is filtered by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/words.h"

static void test_words(void **state)
{
    (void)state;
    static const char *const texts[] = {"Trigger", NULL, "shop", "", "from the UI"};
    static const struct {
        const char *words;
        bool are_in;
    } cases[] = {
        {NULL, true},         {"", true},           {"  ", true},
        {"shop", true},       {"SHOP", true},       {" ho \t rigg ", true},
        {"the UI", true},     {"ui from", true},    {"shops", false},
        {"shop none", false}, {"none shop", false}, {"shopfrom", false},
        {"-", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(pn_words_are_in(cases[i].words, texts, sizeof texts / sizeof *texts),
                         cases[i].are_in);
    }
    assert_false(pn_words_are_in("a", NULL, 0));
    assert_true(pn_words_are_in("", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
