#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void test_setting(void **state)
{
    (void)state;
    struct pn_err e;
    assert_int_equal(pn_err_set(&e, PN_CLASS_CORRUPT, 77, "%s at %d", "hole", 3), 77);
    assert_int_equal(e.code, 77);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_string_equal(e.msg, "hole at 3");
    assert_int_equal(pn_err_input(&e, "bad %s", "word"), PN_FAIL);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_string_equal(e.msg, "bad word");
    assert_int_equal(pn_err_missing(&e, "no x"), PN_FAIL);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_equal(pn_err_fatal(&e, "broken"), PN_FAIL);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_int_equal(pn_err_input(NULL, "nobody asks"), PN_FAIL);
    assert_int_equal(pn_err_errno(NULL, EIO, "nobody asks"), EIO);
    pn_err_prefix(NULL, "nobody asks");
}

static void test_errnos_have_classes(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum pn_class class_;
    } cases[] = {
        {ENOSPC, PN_CLASS_RETRY},   {EMFILE, PN_CLASS_RETRY},    {ENOMEM, PN_CLASS_RETRY},
        {ENOENT, PN_CLASS_MISSING}, {EEXIST, PN_CLASS_CONFLICT}, {EIO, PN_CLASS_FATAL},
        {EACCES, PN_CLASS_RETRY},   {EROFS, PN_CLASS_RETRY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_err e;
        assert_int_equal(pn_err_errno(&e, cases[i].error, "x"), cases[i].error);
        assert_int_equal(e.code, cases[i].error);
        assert_int_equal(e.class_, cases[i].class_);
    }
    struct pn_err e;
    assert_int_equal(pn_err_errno(&e, EACCES, "cannot open %s", "/f"), EACCES);
    assert_string_equal(e.msg, "cannot open /f: Permission denied");
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    struct pn_err e;
    char text[3 * sizeof e.msg];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)pn_err_errno(&e, EIO, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    (void)pn_err_input(&e, "end");
    pn_err_prefix(&e, "%s", "/a/b");
    assert_string_equal(e.msg, "/a/b: end");
    pn_err_prefix(&e, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void test_copy(void **state)
{
    (void)state;
    struct pn_err from;
    struct pn_err to = {0};
    (void)pn_err_set(&from, PN_CLASS_RETRY, 5, "later");
    pn_err_copy(&to, &from);
    assert_int_equal(to.code, 5);
    assert_string_equal(to.msg, "later");
    pn_err_copy(NULL, &from);
    pn_err_copy(&to, NULL);
    assert_string_equal(to.msg, "later");
    assert_int_equal(to.class_, PN_CLASS_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setting),
        cmocka_unit_test(test_errnos_have_classes),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
