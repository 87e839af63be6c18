#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/json.h"
#include "base/logger.h"
#include "base/mem.h"

/* What is logged goes to an unlinked temporary file and is read back from there. */
static FILE *sink;
static struct pn_fake_clock fake;
static struct pn_buf logged;

static int setup(void **state)
{
    (void)state;
    sink = tmpfile();
    pn_fake_clock_init(&fake, 1795448683123);
    pn_buf_init(&logged, 10 * 1000 * 1000);
    return sink != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pn_buf_deinit(&logged);
    return fclose(sink);
}

static struct pn_logger *logger_of(enum pn_logger_format format, enum pn_level least)
{
    return pn_logger_create(fileno(sink), format, least, &fake.clock);
}

static const char *read_back(void)
{
    char chunk[4096];
    ssize_t got;
    pn_buf_reset(&logged);
    assert_int_equal(lseek(fileno(sink), 0, SEEK_SET), 0);
    while ((got = read(fileno(sink), chunk, sizeof chunk)) > 0) {
        pn_buf_add(&logged, chunk, (size_t)got);
    }
    assert_int_equal(got, 0);
    return pn_buf_text(&logged);
}

static void test_text_lines(void **state)
{
    (void)state;
    struct pn_logger *logger = logger_of(PN_LOGGER_TEXT, PN_INFO);
    pn_logger_debug(logger, "gateway", "not to be seen");
    pn_logger_info(logger, "gateway", "listens on %s:%d", "127.0.0.1", 8082);
    pn_fake_clock_advance(&fake, 1000);
    pn_logger_warn(logger, "log", "two\nlines\ttab \x1b[31mred \xFF\xC3\xA9");
    pn_logger_error(logger, "log", "%s", "");
    pn_logger_destroy(&logger);
    assert_null(logger);
    assert_string_equal(read_back(),
                        "2026-11-23T15:44:43.123Z INFO  gateway  listens on 127.0.0.1:8082\n"
                        "2026-11-23T15:44:44.123Z WARN  log      two\\nlines\\x09tab \\x1b[31mred "
                        "\xEF\xBF\xBD\xC3\xA9\n"
                        "2026-11-23T15:44:44.123Z ERROR log      \n");
}

static void test_json_lines(void **state)
{
    (void)state;
    struct pn_logger *logger = logger_of(PN_LOGGER_JSON, PN_DEBUG);
    pn_logger_debug(logger, "gateway", "a \"b\"\n\xFF");
    pn_logger_destroy(&logger);
    assert_string_equal(read_back(),
                        "{\"time\":\"2026-11-23T15:44:43.123Z\",\"level\":\"debug\","
                        "\"component\":\"gateway\",\"message\":\"a \\\"b\\\"\\n\xEF\xBF\xBD\"}\n");
}

static void test_long_messages_are_cut_and_stay_json(void **state)
{
    (void)state;
    enum { LEN = 100 * 1000 };
    struct pn_logger *logger = logger_of(PN_LOGGER_JSON, PN_DEBUG);
    char *message = pn_xmalloc(LEN + 1);
    /* What grows most when it is escaped, and what a cut can break. */
    static const char *const fills[] = {"\x01", "\xFF", "\"", "\xE2\x82\xAC"};
    for (size_t i = 0; i < 4; i++) {
        size_t size = strlen(fills[i]);
        for (size_t at = 0; at + size <= LEN; at += size) {
            memcpy(message + at, fills[i], size);
            message[at + size] = '\0';
        }
        pn_logger_info(logger, "test", "%s", message);
    }
    free(message);
    pn_logger_destroy(&logger);

    int lines = 0;
    struct pn_json_parser *parser = pn_json_parser_create();
    (void)read_back();
    char *saved = NULL;
    for (char *line = strtok_r(logged.data, "\n", &saved); line != NULL;
         line = strtok_r(NULL, "\n", &saved), lines++) {
        struct pn_json *root = NULL;
        struct pn_err e;
        assert_int_equal(pn_json_parse(parser, line, strlen(line), strlen(line), &root, &e), 0);
        assert_true(pn_json_get(root, "message")->text_len > 8000);
    }
    assert_int_equal(lines, 4);
    pn_json_parser_destroy(&parser);
}

static void test_nothing_without_a_logger_and_errno_is_kept(void **state)
{
    (void)state;
    struct pn_logger *logger = pn_logger_create(-1, PN_LOGGER_TEXT, PN_DEBUG, &fake.clock);
    errno = ENOENT;
    pn_logger_error(NULL, "test", "no logger");
    pn_logger_error(logger, "test", "a descriptor that cannot be written");
    assert_int_equal(errno, ENOENT);
    pn_logger_destroy(&logger);
    pn_logger_destroy(&logger);
}

static void test_words(void **state)
{
    (void)state;
    enum pn_level level = PN_DEBUG;
    enum pn_logger_format format = PN_LOGGER_TEXT;
    assert_true(pn_level_parse("warn", &level));
    assert_int_equal(level, PN_WARN);
    assert_true(pn_level_parse("debug", &level));
    assert_int_equal(level, PN_DEBUG);
    assert_false(pn_level_parse("loud", &level));
    assert_false(pn_level_parse("", &level));
    assert_true(pn_logger_format_parse("json", &format));
    assert_int_equal(format, PN_LOGGER_JSON);
    assert_false(pn_logger_format_parse("xml", &format));
    assert_int_equal(format, PN_LOGGER_JSON);
}

enum { THREADS = 4, LINES_EACH = 500 };

static void *log_many(void *arg)
{
    struct pn_logger *logger = arg;
    for (int i = 0; i < LINES_EACH; i++) {
        pn_logger_info(logger, "thread", "line %d %s", i, "with a tail that makes tearing visible");
    }
    return NULL;
}

static void test_lines_of_threads_stay_whole(void **state)
{
    (void)state;
    struct pn_logger *logger = logger_of(PN_LOGGER_TEXT, PN_INFO);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, logger), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pn_logger_destroy(&logger);

    int seen[LINES_EACH] = {0};
    char *saved = NULL;
    (void)read_back();
    for (char *line = strtok_r(logged.data, "\n", &saved); line != NULL;
         line = strtok_r(NULL, "\n", &saved)) {
        int number = -1;
        int end = 0;
        assert_int_equal(sscanf(line,
                                "2026-11-23T15:44:43.123Z INFO  thread   line %d "
                                "with a tail that makes tearing visible%n",
                                &number, &end),
                         1);
        assert_int_equal(end, (int)strlen(line));
        assert_in_range(number, 0, LINES_EACH - 1);
        seen[number]++;
    }
    for (int i = 0; i < LINES_EACH; i++) {
        assert_int_equal(seen[i], THREADS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_messages_are_cut_and_stay_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_without_a_logger_and_errno_is_kept, setup,
                                        teardown),
        cmocka_unit_test(test_words),
        cmocka_unit_test_setup_teardown(test_lines_of_threads_stay_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
