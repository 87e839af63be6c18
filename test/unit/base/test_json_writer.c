#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json_writer.h"
#include "base/random.h"

static struct pn_json_parser *parser;
static struct pn_buf out;
static struct pn_json_writer json;

static int setup(void **state)
{
    (void)state;
    parser = pn_json_parser_create();
    pn_buf_init(&out, 1 << 20);
    pn_json_writer_init(&json, &out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pn_buf_deinit(&out);
    pn_json_parser_destroy(&parser);
    return 0;
}

/* What was written is JSON, and the given text. */
static const struct pn_json *written(const char *expected)
{
    struct pn_json *root = NULL;
    assert_int_equal(pn_json_writer_check(&json, "it", NULL), 0);
    assert_int_equal(pn_json_parse(parser, pn_buf_text(&out), out.len, out.len, &root, NULL), 0);
    if (expected != NULL) {
        assert_string_equal(pn_buf_text(&out), expected);
    }
    return root;
}

static void test_members_and_items_get_their_commas(void **state)
{
    (void)state;
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "text", "a");
    pn_json_add_cstr(&json, "none", NULL);
    pn_json_add_string(&json, "part", "abc", 2);
    pn_json_add_object(&json, "empty");
    pn_json_end(&json);
    pn_json_add_array(&json, "list");
    pn_json_put_i64(&json, INT64_MIN);
    pn_json_put_u64(&json, UINT64_MAX);
    pn_json_put_object(&json);
    pn_json_add_bool(&json, "yes", true);
    pn_json_add_bool(&json, "no", false);
    pn_json_end(&json);
    pn_json_put_array(&json);
    pn_json_end(&json);
    pn_json_put_null(&json);
    pn_json_end(&json);
    pn_json_add_i64(&json, "zero", 0);
    pn_json_add_i64_text(&json, "digits", -12);
    pn_json_add_double(&json, "half", 0.5);
    pn_json_add_double(&json, "nan", NAN);
    pn_json_add_null(&json, "null");
    pn_json_add_textf(&json, "hex", "%04x\n", 255u);
    pn_json_add_raw(&json, "raw", "[1,{}]", 6);
    pn_json_put_raw_name(&json, "\"\\u0061\"", 8);
    pn_buf_adds(pn_json_open_text(&json), "1.5");
    pn_json_close_text(&json);
    pn_json_put_key(&json, "other");
    pn_json_open_raw(&json);
    pn_buf_adds(&out, "[]");
    pn_json_put_key(&json, "blob");
    pn_json_put_base64(&json, "\x01\x02", 2);
    pn_json_end(&json);
    written(
        "{\"text\":\"a\",\"none\":null,\"part\":\"ab\",\"empty\":{},"
        "\"list\":[-9223372036854775808,18446744073709551615,{\"yes\":true,\"no\":false},[],"
        "null],\"zero\":0,\"digits\":\"-12\",\"half\":0.5,\"nan\":null,\"null\":null,"
        "\"hex\":\"00ff\\n\",\"raw\":[1,{}],\"\\u0061\":\"1.5\",\"other\":[],\"blob\":\"AQI=\"}");
}

static void test_a_document_may_be_any_value(void **state)
{
    (void)state;
    pn_json_put_cstr(&json, "");
    written("\"\"");
    pn_buf_reset(&out);
    pn_json_writer_init(&json, &out);
    pn_json_put_double(&json, -0.0);
    written("-0");
    pn_buf_reset(&out);
    pn_json_writer_init(&json, &out);
    pn_json_put_array(&json);
    pn_json_end(&json);
    written("[]");
}

static void test_a_node_is_written_compact(void **state)
{
    (void)state;
    static const char text[] = "{ \"a\" : [ 1.50, \"\\ud800\" ] , \"\\ud801\":2}";
    struct pn_json *root = NULL;
    assert_int_equal(pn_json_parse(parser, text, sizeof text - 1, sizeof text - 1, &root, NULL), 0);
    pn_json_put_array(&json);
    pn_json_put_node(&json, root);
    pn_json_put_node(&json, root->first->first);
    pn_json_put_object(&json);
    pn_json_add_node(&json, root->first);
    pn_json_put_name_of(&json, root->first->next);
    pn_json_put_null(&json);
    pn_json_end(&json);
    pn_json_end(&json);
    written("[{\"a\":[1.50,\"\\ud800\"],\"\\ud801\":2},1.50,"
            "{\"a\":[1.50,\"\\ud800\"],\"\\ud801\":null}]");
}

static void test_lines_and_breaks(void **state)
{
    (void)state;
    pn_buf_adds(&out, "before\n");
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "a", 1);
    pn_json_put_break(&json, 0);
    pn_json_add_array(&json, "b");
    pn_json_put_break(&json, 1);
    pn_json_put_i64(&json, 2);
    pn_json_put_break(&json, 1);
    pn_json_put_i64(&json, 3);
    pn_json_put_break(&json, 0);
    pn_json_end(&json);
    pn_json_end(&json);
    pn_json_end_line(&json);
    pn_json_put_i64(&json, 4);
    pn_json_end_line(&json);
    assert_int_equal(pn_json_writer_check(&json, "it", NULL), 0);
    assert_string_equal(pn_buf_text(&out), "before\n{\"a\":1,\n\"b\":[\n 2,\n 3\n]}\n4\n");
}

static void test_what_was_written_can_be_taken_back(void **state)
{
    (void)state;
    pn_json_put_object(&json);
    struct pn_json_mark first = pn_json_mark(&json);
    pn_json_add_array(&json, "a");
    pn_json_put_array(&json);
    pn_json_put_break(&json, 2);
    pn_json_rewind(&json, &first);
    pn_json_add_i64(&json, "b", 1);
    struct pn_json_mark second = pn_json_mark(&json);
    pn_json_add_object(&json, "c");
    pn_json_end(&json);
    pn_json_rewind(&json, &second);
    pn_json_put_key(&json, "d");
    struct pn_json_mark third = pn_json_mark(&json);
    pn_json_put_cstr(&json, "e");
    pn_json_rewind(&json, &third);
    pn_json_put_null(&json);
    pn_json_end(&json);
    written("{\"b\":1,\"d\":null}");
}

/* The owner of a long document hands on what there is. */
static void test_the_buffer_may_be_emptied_meanwhile(void **state)
{
    (void)state;
    struct pn_buf all;
    pn_buf_init(&all, 1 << 20);
    pn_json_put_array(&json);
    for (int i = 0; i < 3; i++) {
        pn_json_put_object(&json);
        pn_json_add_i64(&json, "i", i);
        pn_buf_add(&all, out.data, out.len);
        pn_buf_reset(&out);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_buf_add(&all, out.data, out.len);
    assert_string_equal(pn_buf_text(&all), "[{\"i\":0},{\"i\":1},{\"i\":2}]");
    pn_buf_deinit(&all);
}

/* Strings of bytes at random, and of every length around the writer's steps, come back; invalid
 * UTF-8 comes back as pn_utf8_add_clean() has it. */
static void test_every_string_comes_back(void **state)
{
    (void)state;
    static const char pieces[][5] = {
        "a",    "b",    "\"",       "\\",           "\x01",         "\x1f",
        "/",    "\x7f", "\xC3\xA9", "\xE2\x82\xAC", "\n",           "\xFF",
        "\xC3", "\x80", " ",        "zyxw",         "\xED\xA0\x80", "0123"};
    struct pn_random random;
    pn_random_init(&random, 7);
    struct pn_buf text;
    struct pn_buf clean;
    pn_buf_init(&text, 1000);
    pn_buf_init(&clean, 4000);
    for (int round = 0; round < 20000; round++) {
        pn_buf_reset(&text);
        pn_buf_reset(&clean);
        size_t kinds = round % 2 == 0 ? 2 : sizeof pieces / sizeof pieces[0];
        for (uint64_t n = pn_random_u64(&random) % 24; n > 0; n--) {
            pn_buf_adds(&text, pieces[pn_random_u64(&random) % kinds]);
        }
        if (pn_random_u64(&random) % 8 == 0) {
            pn_buf_addc(&text, '\0');
        }
        pn_utf8_add_clean(&clean, pn_buf_text(&text), text.len);
        pn_buf_reset(&out);
        pn_json_writer_init(&json, &out);
        pn_json_put_object(&json);
        pn_json_put_name(&json, pn_buf_text(&text), text.len);
        pn_json_put_string(&json, pn_buf_text(&text), text.len);
        pn_json_end(&json);
        const struct pn_json *member = written(NULL)->first;
        assert_int_equal(member->key_len, clean.len);
        assert_memory_equal(member->key, pn_buf_text(&clean), clean.len);
        assert_int_equal(member->text_len, clean.len);
        assert_memory_equal(member->text, pn_buf_text(&clean), clean.len);
    }
    pn_buf_deinit(&text);
    pn_buf_deinit(&clean);
}

/* Documents at random are JSON, at every nesting. */
static void put_some(struct pn_random *random, int levels)
{
    bool is_object = pn_random_u64(random) % 2 == 0;
    if (is_object) {
        pn_json_put_object(&json);
    } else {
        pn_json_put_array(&json);
    }
    for (uint64_t n = pn_random_u64(random) % 4; n > 0; n--) {
        if (is_object) {
            pn_json_put_key(&json, n % 2 == 0 ? "k" : "\"");
        }
        if (levels > 1 && pn_random_u64(random) % 2 == 0) {
            put_some(random, levels - 1);
        } else {
            pn_json_put_i64(&json, (int64_t)pn_random_u64(random));
        }
    }
    pn_json_end(&json);
}

static void test_documents_at_random_are_json(void **state)
{
    (void)state;
    struct pn_random random;
    pn_random_init(&random, 3);
    for (int round = 0; round < 2000; round++) {
        pn_buf_reset(&out);
        pn_json_writer_init(&json, &out);
        put_some(&random, 1 + round % 12);
        written(NULL);
    }
}

static void test_what_does_not_fit_fails_once_at_the_end(void **state)
{
    (void)state;
    for (size_t max = 1; max < 40; max++) {
        struct pn_buf small;
        struct pn_err e = {0};
        pn_buf_init(&small, max);
        pn_json_writer_init(&json, &small);
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "a\xFF", "\xFF");
        pn_json_add_textf(&json, "b", "%d", 1);
        pn_json_add_i64(&json, "c", 123);
        pn_json_end(&json);
        static const char whole[] = "{\"a\xEF\xBF\xBD\":\"\xEF\xBF\xBD\",\"b\":\"1\",\"c\":123}";
        int rc = pn_json_writer_check(&json, "it", &e);
        assert_int_equal(rc, max < sizeof whole - 1 ? PN_FAIL : 0);
        if (rc == 0) {
            assert_string_equal(pn_buf_text(&small), whole);
        } else {
            assert_non_null(strstr(e.msg, "it is larger than "));
        }
        pn_buf_deinit(&small);
    }
}

/* --- misuse ----------------------------------------------------------------------------------- */

static void a_value_without_a_name(void)
{
    pn_json_put_object(&json);
    pn_json_put_i64(&json, 1);
}

static void a_name_in_an_array(void)
{
    pn_json_put_array(&json);
    pn_json_add_i64(&json, "a", 1);
}

static void two_names(void)
{
    pn_json_put_object(&json);
    pn_json_put_key(&json, "a");
    pn_json_put_key(&json, "b");
}

static void a_name_without_a_value(void)
{
    pn_json_put_object(&json);
    pn_json_put_key(&json, "a");
    pn_json_end(&json);
}

static void an_end_too_many(void)
{
    pn_json_put_object(&json);
    pn_json_end(&json);
    pn_json_end(&json);
}

static void an_end_too_few(void)
{
    pn_json_put_object(&json);
    (void)!pn_json_writer_check(&json, "it", NULL);
}

static void two_documents_on_a_line(void)
{
    pn_json_put_null(&json);
    pn_json_put_null(&json);
}

static void a_line_that_ends_within(void)
{
    pn_json_put_array(&json);
    pn_json_end_line(&json);
}

static void too_deep(void)
{
    for (int i = 0; i <= PN_JSON_WRITER_DEPTH_MAX; i++) {
        pn_json_put_array(&json);
    }
}

static void test_misuse_asserts(void **state)
{
    (void)state;
    static void (*const misuses[])(void) = {
        a_value_without_a_name,  a_name_in_an_array,      two_names,
        a_name_without_a_value,  an_end_too_many,         an_end_too_few,
        two_documents_on_a_line, a_line_that_ends_within, too_deep,
    };
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(STDERR_FILENO);
            misuses[i]();
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members_and_items_get_their_commas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_document_may_be_any_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_node_is_written_compact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines_and_breaks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_written_can_be_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_buffer_may_be_emptied_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_string_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_documents_at_random_are_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_fails_once_at_the_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_misuse_asserts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
