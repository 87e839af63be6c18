/* Options, help, messages and exit codes, as a user meets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/commands.h"

static struct pn_cli cli;
static char *out_text;
static char *err_text;
static size_t out_len;
static size_t err_len;

/* What the command below was given. */
static bool flag;
static const char *text;
static int64_t number;
static int64_t size_bytes;
static int64_t duration_ms;
static const char *word;
static struct pn_opt_list list;
static int operand_count;
static const char *operands[8];

static int run_probe(struct pn_cli *given, int argc, char **argv)
{
    const struct pn_opt opts[] = {
        {.name = "flag", .short_name = 'f', .kind = PN_OPT_FLAG, .help = "a flag", .target = &flag},
        {.name = "text",
         .short_name = 't',
         .kind = PN_OPT_STRING,
         .help = "a text",
         .target = &text},
        {.name = "number",
         .kind = PN_OPT_INT,
         .min = -5,
         .max = 10,
         .help = "a number",
         .target = &number},
        {.name = "size", .kind = PN_OPT_SIZE, .help = "a size", .target = &size_bytes},
        {.name = "duration",
         .kind = PN_OPT_DURATION,
         .min = 10,
         .max = 5000,
         .help = "a duration",
         .target = &duration_ms},
        {.name = "word",
         .kind = PN_OPT_CHOICE,
         .choices = "one|two",
         .help = "a word",
         .target = &word},
        {.name = "list", .kind = PN_OPT_LIST, .help = "a list", .target = &list},
        {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "NAME [FILE]",
                                     .operands_min = 1,
                                     .operands_max = 2,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT | PN_USES_QUIET,
                                     .about = "A paragraph.",
                                     .examples = "pinion probe x\npinion probe y\n"};
    int status = 0;
    if (!pn_cli_parse(given, &syntax, &argc, &argv, &status)) {
        return status;
    }
    operand_count = argc;
    for (int i = 0; i < argc; i++) {
        operands[i] = argv[i];
    }
    fprintf(given->out, "ran\n");
    return PN_EXIT_OK;
}

static int run_nested(struct pn_cli *given, int argc, char **argv)
{
    static const struct pn_command commands[] = {{"probe", "the probe, deeper", run_probe},
                                                 {NULL, NULL, NULL}};
    return pn_cli_dispatch(given, commands, argc, argv);
}

static int run_fail(struct pn_cli *given, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return pn_cli_failf(given, "it broke:\n\x1b[31m%s (fix it)", "badly");
}

static const struct pn_command commands[] = {
    {"probe", "tells what it was given", run_probe},
    {"nested", "has commands of its own", run_nested},
    {"fail", "fails", run_fail},
    {"help", "help", pn_cmd_help},
    {"version", "version", pn_cmd_version},
    {NULL, NULL, NULL},
};

static void close_streams(void)
{
    fclose(cli.out);
    fclose(cli.err);
    free(out_text);
    free(err_text);
}

static int setup(void **state)
{
    (void)state;
    unsetenv("PINION_DATA");
    unsetenv("PINION_PIPELINE");
    pn_cli_init(&cli, commands);
    cli.out = open_memstream(&out_text, &out_len);
    cli.err = open_memstream(&err_text, &err_len);
    flag = false;
    text = NULL;
    number = 7;
    size_bytes = 0;
    duration_ms = 0;
    word = NULL;
    list.count = 0;
    operand_count = -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pn_cli_deinit(&cli);
    close_streams();
    return 0;
}

/* Runs a line of words and returns the exit code. */
static int run(const char *line)
{
    static char words[512];
    static char *argv[32];
    int argc = 0;
    (void)snprintf(words, sizeof words, "%s", line);
    char *rest = words;
    for (char *at = strtok_r(words, " ", &rest); at != NULL; at = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    int status = pn_cli_run(&cli, argc, argv);
    fflush(cli.out);
    fflush(cli.err);
    return status;
}

static void check_contains(const char *where, const char *what)
{
    if (strstr(where, what) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", what, where);
    }
}

static void test_options_reach_their_targets(void **state)
{
    (void)state;
    assert_int_equal(run("pinion probe a --flag -t hello --number=-3 --size 64KiB --duration 2s "
                         "--word two --list x --list y b --format csv -q"),
                     0);
    assert_string_equal(out_text, "ran\n");
    assert_string_equal(err_text, "");
    assert_true(flag);
    assert_string_equal(text, "hello");
    assert_int_equal(number, -3);
    assert_int_equal(size_bytes, 65536);
    assert_int_equal(duration_ms, 2000);
    assert_string_equal(word, "two");
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1], "y");
    assert_int_equal(operand_count, 2);
    assert_string_equal(operands[0], "a");
    assert_string_equal(operands[1], "b");
    assert_int_equal(cli.format, PN_FORMAT_CSV);
    assert_true(cli.quiet);
}

static void test_what_is_not_given_keeps_its_value(void **state)
{
    (void)state;
    assert_int_equal(run("pinion probe a"), 0);
    assert_false(flag);
    assert_null(text);
    assert_int_equal(number, 7);
    assert_int_equal(cli.format, PN_FORMAT_TABLE);
    assert_string_equal(cli.data, "./pinion-data");
    assert_null(cli.pipeline_folder);
    assert_null(cli.url);
}

static void test_shared_options_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(run("pinion --data /d nested --set a=1 probe --set b=2 --pipeline /p x "
                         "--config c.yml --log-format json --log-level debug"),
                     0);
    assert_string_equal(cli.data, "/d");
    assert_string_equal(cli.pipeline_folder, "/p");
    assert_string_equal(cli.config, "c.yml");
    assert_int_equal(cli.set.count, 2);
    assert_string_equal(cli.set.items[0], "a=1");
    assert_string_equal(cli.set.items[1], "b=2");
    assert_int_equal(cli.log_format, PN_LOGGER_JSON);
    assert_int_equal(cli.log_level, PN_DEBUG);
    assert_string_equal(cli.words, "pinion nested probe");
}

static void test_environment(void **state)
{
    setenv("PINION_DATA", "/from/env", 1);
    setenv("PINION_PIPELINE", "/pipe/env", 1);
    close_streams();
    pn_cli_init(&cli, commands);
    cli.out = open_memstream(&out_text, &out_len);
    cli.err = open_memstream(&err_text, &err_len);
    unsetenv("PINION_DATA");
    unsetenv("PINION_PIPELINE");
    assert_string_equal(cli.data, "/from/env");
    assert_string_equal(cli.pipeline_folder, "/pipe/env");
    assert_int_equal(run("pinion probe a --data /over"), 0);
    assert_string_equal(cli.data, "/over");
    (void)state;
}

static void test_operands_may_begin_with_dashes(void **state)
{
    (void)state;
    assert_int_equal(run("pinion probe -- --flag -x"), 0);
    assert_false(flag);
    assert_int_equal(operand_count, 2);
    assert_string_equal(operands[0], "--flag");
}

static void test_usage_errors_are_one_line(void **state)
{
    static const struct {
        const char *line;
        const char *message;
    } wrong[] = {
        {"pinion prob", "pinion: unknown command \"prob\"; did you mean \"probe\"? (see pinion "
                        "--help)\n"},
        {"pinion xxxxxx", "pinion: unknown command \"xxxxxx\" (see pinion --help)\n"},
        {"pinion nested prob", "pinion: unknown command \"prob\"; did you mean \"probe\"? (see "
                               "pinion nested --help)\n"},
        {"pinion --dat /d probe a b c", "pinion: unexpected argument \"c\" (see pinion probe "
                                        "--help)\n"},
        {"pinion probe a --flga",
         "pinion: unknown option --flga; did you mean --flag? (see pinion probe --help)\n"},
        {"pinion probe --zzzzzzzz a", "pinion: unknown option --zzzzzzzz (see pinion probe "
                                      "--help)\n"},
        {"pinion probe a b --texd=1", "pinion: unknown option --texd; did you mean --text? (see "
                                      "pinion probe --help)\n"},
        {"pinion probe -z", "pinion: unknown option -z (see pinion probe --help)\n"},
        {"pinion probe a --text", "pinion: --text needs a value (see pinion probe --help)\n"},
        {"pinion probe a -t", "pinion: --text needs a value (see pinion probe --help)\n"},
        {"pinion probe a --flag=1",
         "pinion: --flag does not take a value (see pinion probe --help)\n"},
        {"pinion probe", "pinion: NAME [FILE] is missing (see pinion probe --help)\n"},
        {"pinion probe a --number x", "pinion: --number: \"x\" is not a whole number (see pinion "
                                      "probe --help)\n"},
        {"pinion probe a --number 11", "pinion: --number: 11 is more than 10 (see pinion probe "
                                       "--help)\n"},
        {"pinion probe a --number -6", "pinion: --number: -6 is less than -5 (see pinion probe "
                                       "--help)\n"},
        {"pinion probe a --size -1", "pinion: --size: invalid size \"-1\": "},
        {"pinion probe a --duration 5", "pinion: --duration: invalid duration \"5\": "},
        {"pinion probe a --duration 6s", "pinion: --duration: 6s is more than 5s (see pinion "
                                         "probe --help)\n"},
        {"pinion probe a --word three", "pinion: --word must be one of one|two, not \"three\" (see "
                                        "pinion probe --help)\n"},
        {"pinion probe a --word on", "pinion: --word must be one of one|two, not \"on\" "},
        {"pinion probe a --log-level loud", "pinion: --log-level must be one of "
                                            "debug|info|warn|error, not \"loud\" "},
        {"pinion probe a --url x", "pinion: unknown option --url"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(run(wrong[i].line), 2);
        if (strncmp(err_text, wrong[i].message, strlen(wrong[i].message)) != 0) {
            fail_msg("%s\nsays:     %sexpected: %s", wrong[i].line, err_text, wrong[i].message);
        }
        assert_ptr_equal(strchr(err_text, '\n'), err_text + strlen(err_text) - 1);
        assert_string_equal(out_text, "");
        teardown(state);
        setup(state);
    }
}

static void test_failures_are_one_line(void **state)
{
    (void)state;
    assert_int_equal(run("pinion fail"), 1);
    assert_string_equal(err_text, "pinion: it broke:  [31mbadly (fix it)\n");
}

static void test_help_of_a_command(void **state)
{
    assert_int_equal(run("pinion nested probe --help"), 0);
    check_contains(out_text, "pinion nested probe: the probe, deeper\n");
    check_contains(out_text, "usage: pinion nested probe [options] NAME [FILE]\n");
    check_contains(out_text, "A paragraph.\n");
    check_contains(out_text, "  -f, --flag                a flag\n");
    check_contains(out_text, "  -t, --text TEXT           a text\n");
    check_contains(out_text, "      --word one|two        a word\n");
    check_contains(out_text, "      --format table|json|jsonl|csv\n");
    check_contains(out_text, "      --data DIR  ");
    check_contains(out_text, "  -h, --help  ");
    check_contains(out_text, "examples:\n  pinion probe x\n  pinion probe y\n");
    assert_null(strstr(out_text, "--url"));
    assert_string_equal(err_text, "");
    assert_int_equal(operand_count, -1);
    char *first = strdup(out_text);
    teardown(state);
    setup(state);
    assert_int_equal(run("pinion help nested probe"), 0);
    assert_string_equal(out_text, first);
    free(first);
}

static void test_help_of_the_program(void **state)
{
    assert_int_equal(run("pinion --help"), 0);
    check_contains(out_text, "usage: pinion COMMAND [options]\n");
    check_contains(out_text, "  probe                     tells what it was given\n");
    char *first = strdup(out_text);
    teardown(state);
    setup(state);
    assert_int_equal(run("pinion help"), 0);
    assert_string_equal(out_text, first);
    teardown(state);
    setup(state);
    assert_int_equal(run("pinion"), 2);
    assert_string_equal(err_text, first);
    assert_string_equal(out_text, "");
    free(first);
    teardown(state);
    setup(state);
    assert_int_equal(run("pinion nested --help"), 0);
    check_contains(out_text, "pinion nested: has commands of its own\n");
    check_contains(out_text, "  probe                     the probe, deeper\n");
}

static void test_version(void **state)
{
    assert_int_equal(run("pinion --version"), 0);
    check_contains(out_text, "pinion " PINION_VERSION "\n");
    check_contains(out_text, "DuckDB v");
    teardown(state);
    setup(state);
    assert_int_equal(run("pinion version"), 0);
    check_contains(out_text, "pinion " PINION_VERSION "\n");
}

static void test_a_full_disk_is_a_failure(void **state)
{
    (void)state;
    FILE *kept = cli.out;
    cli.out = fopen("/dev/full", "w");
    assert_non_null(cli.out);
    assert_int_equal(run("pinion probe a"), 1);
    assert_string_equal(err_text,
                        "pinion: standard output cannot be written: No space left on device\n");
    fclose(cli.out);
    cli.out = kept;
}

static void test_lists_have_an_end(void **state)
{
    (void)state;
    char *argv[2 * PN_OPT_LIST_MAX + 8];
    char program[] = "pinion";
    char probe[] = "probe";
    char option[] = "--list=x";
    int argc = 0;
    argv[argc++] = program;
    argv[argc++] = probe;
    argv[argc++] = probe;
    for (int i = 0; i < PN_OPT_LIST_MAX + 1; i++) {
        argv[argc++] = option;
    }
    argv[argc] = NULL;
    assert_int_equal(pn_cli_run(&cli, argc, argv), 2);
    fflush(cli.err);
    check_contains(err_text, "pinion: --list is given more than 64 times");
}

/* Every command of the program answers --help, says what it does, and names no option twice. */
static void test_all_commands_have_help(void **state)
{
    for (const struct pn_command *command = pn_commands; command->name != NULL; command++) {
        cli.commands = pn_commands;
        char line[128];
        (void)snprintf(line, sizeof line, "pinion %s --help", command->name);
        assert_int_equal(run(line), 0);
        if (command->summary != NULL) { /* NULL: the server's own command, which help leaves out */
            check_contains(out_text, command->summary);
        }
        check_contains(out_text, "usage: pinion ");
        assert_string_equal(err_text, "");
        teardown(state);
        setup(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_options_reach_their_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_given_keeps_its_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared_options_stand_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_operands_may_begin_with_dashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usage_errors_are_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_are_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help_of_a_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_help_of_the_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_disk_is_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_have_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_commands_have_help, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
