/* Small XML documents: elements in their order, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/xml.h"

static void note(void *arg, const char *parent, const char *name, const char *text)
{
    pn_buf_addf(arg, "%s/%s=%s;", parent, name, text);
}

static int each(const char *text, struct pn_buf *out, struct pn_err *e)
{
    pn_buf_init(out, 1 << 20);
    return pn_xml_each(text, strlen(text), note, out, e);
}

static void assert_each(const char *text, const char *expected)
{
    struct pn_buf out;
    assert_int_equal(each(text, &out, NULL), 0);
    assert_string_equal(pn_buf_text(&out), expected);
    pn_buf_deinit(&out);
}

static void assert_refused(const char *text, const char *why)
{
    struct pn_buf out;
    struct pn_err e = {0};
    assert_int_not_equal(each(text, &out, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    if (strstr(e.msg, why) == NULL) {
        fail_msg("'%s' lacks '%s'", e.msg, why);
    }
    pn_buf_deinit(&out);
}

static void test_inner_elements_come_first(void **state)
{
    (void)state;
    assert_each("<?xml version=\"1.0\"?><a x='1'><b>1 &lt; 2</b><b/><c>\xc3\xa9</c></a>",
                "a/b=1 < 2;a/b=;a/c=\xc3\xa9;/a=;");
    assert_each("<a>one<b>two</b>three</a>", "a/b=two;/a=onethree;");
    assert_each("<a><![CDATA[<b>]]></a>", "/a=<b>;");
}

static void test_what_is_refused(void **state)
{
    (void)state;
    assert_refused("", "no element");
    assert_refused("<a><b></a>", "mismatched");
    assert_refused("{\"a\": 1}", "line 1");
    assert_refused("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "document type");
    char deep[4 * 40 + 1] = "";
    for (int i = 0; i < 40; i++) {
        strcat(deep, "<a>");
    }
    assert_refused(deep, "too deep");
    char *text = malloc(70000);
    memset(text, 'x', 69999);
    memcpy(text, "<a>", 3);
    memcpy(text + 69995, "</a>", 5);
    assert_refused(text, "too long");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_elements_come_first),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
