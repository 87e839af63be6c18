/* The commands about pipelines and settings, run as the program runs them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/commands.h"
#include "support/fault_io.h"

static char folder[64];
static struct pn_cli cli;
static char *out_text;
static char *err_text;
static size_t out_len;
static size_t err_len;

static const char definition[] = "name: shop\n"
                                 "description: a test\n"
                                 "topics: {shop.orders: {partitions: 2}}\n"
                                 "tables:\n"
                                 "  raw:\n"
                                 "    path: raw\n"
                                 "    from_topic: shop.orders\n"
                                 "    columns: {id: {type: bigint, required: true}}\n"
                                 "  clean:\n"
                                 "    path: clean\n"
                                 "    sql: sql/clean.sql\n"
                                 "    reads: [raw]\n"
                                 "    columns: {id: bigint}\n"
                                 "dags:\n"
                                 "  all:\n"
                                 "    retries: 2\n"
                                 "    tasks:\n"
                                 "      load: {run: load, tables: [raw]}\n"
                                 "      clean: {run: transform, tables: [clean], after: [load]}\n"
                                 "settings: {log: {partitions: 7}}\n";

static void write_file(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(pn_io_mkdirs(pn_io_system(), path, NULL), 0);
    *slash = '/';
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, text, strlen(text), NULL), 0);
}

static void start(void)
{
    unsetenv("PINION_DATA");
    unsetenv("PINION_PIPELINE");
    pn_cli_init(&cli, pn_commands);
    cli.out = open_memstream(&out_text, &out_len);
    cli.err = open_memstream(&err_text, &err_len);
}

static void stop(void)
{
    pn_cli_deinit(&cli);
    fclose(cli.out);
    fclose(cli.err);
    free(out_text);
    free(err_text);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pinion-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    write_file("shop/pipeline.yml", definition);
    write_file("shop/sql/clean.sql", "SELECT id FROM raw");
    write_file("shop/queries/best.sql", "-- The best of all.\nSELECT 1");
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop();
    return pn_io_remove_tree(pn_io_system(), folder, NULL);
}

/* Runs words in which @ stands for the folder; what an earlier run printed is gone. */
static int run(const char *line)
{
    static char words[1024];
    char *argv[32];
    int argc = 0;
    size_t len = 0;
    stop();
    start();
    for (; *line != '\0'; line++) {
        len += (size_t)snprintf(words + len, sizeof words - len, *line == '@' ? "%s" : "%.1s",
                                *line == '@' ? folder : line);
    }
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

static void check_json(void)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_err err;
    if (pn_json_parse(parser, out_text, out_len, out_len, &root, &err) != 0) {
        fail_msg("%s in:\n%s", err.msg, out_text);
    }
    pn_json_parser_destroy(&parser);
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(run("pinion pipeline check @/shop"), 0);
    assert_string_equal(out_text,
                        "shop: topics 1, streams 0, tables 2, queries 1, DAGs 1: all right\n");
    assert_int_equal(run("pinion pipeline check --pipeline @/shop"), 0);
    write_file("shop/pipeline.yml", "name: shop\ntable: {}\n");
    assert_int_equal(run("pinion pipeline check @/shop"), 1);
    check_contains(err_text, "/shop/pipeline.yml:2: table: unknown key \"table\"; did you mean "
                             "\"tables\"?");
    assert_int_equal(run("pinion pipeline check @/nothing"), 1);
    check_contains(err_text, "/nothing/pipeline.yml: file not found (");
    assert_int_equal(run("pinion pipeline check @/shop @/shop"), 2);
}

static void test_show(void **state)
{
    (void)state;
    assert_int_equal(run("pinion pipeline show @/shop"), 0);
    check_contains(out_text, "shop: a test\n");
    check_contains(out_text, "  shop.orders  2 partitions\n");
    check_contains(out_text,
                   "  raw  raw\n    from topic shop.orders\n    - id bigint (required)\n");
    check_contains(out_text, "/shop/sql/clean.sql, from raw\n    - id bigint\n");
    check_contains(out_text, "  best  The best of all.\n");
    check_contains(out_text, "    - clean after load (2 retries, 1m apart)\n");
    assert_int_equal(run("pinion pipeline show @/shop --format json"), 0);
    check_json();
    check_contains(out_text, "{\"name\":\"clean\",\"retries\":2,\"retry_delay_ms\":60000,");
}

static void test_settings(void **state)
{
    (void)state;
    assert_int_equal(run("pinion settings --pipeline @/shop"), 0);
    check_contains(out_text, "  partitions: 7  # ");
    check_contains(out_text, "/shop/pipeline.yml:");
    check_contains(out_text, "  durability: fsync\n");
    write_file("over.yml", "log: {partitions: 8, durability: os}\n");
    assert_int_equal(run("pinion settings --pipeline @/shop --config @/over.yml --set "
                         "log.partitions=9"),
                     0);
    check_contains(out_text, "  partitions: 9  # --set\n");
    check_contains(out_text, "  durability: os  # ");
    check_contains(out_text, "/over.yml:1\n");
    assert_int_equal(run("pinion settings --pipeline @/shop --format json"), 0);
    check_json();
    check_contains(out_text, "{\"name\":\"log.partitions\",\"value\":7,\"origin\":");
    assert_int_equal(run("pinion settings --format md"), 0);
    check_contains(out_text, "| `log.durability` | `fsync` | fsync, os | ");
    assert_int_equal(run("pinion settings --pipeline @/shop --set log.partitions"), 1);
    check_contains(err_text, "pinion: --set log.partitions: give NAME=VALUE\n");
    assert_int_equal(run("pinion settings --pipeline @/shop --set log.partition=1"), 1);
    check_contains(err_text, "did you mean \"log.partitions\"?\n");
    assert_int_equal(run("pinion settings --pipeline @/shop --config @/not.yml"), 1);
    check_contains(err_text, "/not.yml");
}

static void check_same(const char *name)
{
    struct pn_buf a;
    struct pn_buf b;
    char path[256];
    pn_buf_init(&a, 1 << 20);
    pn_buf_init(&b, 1 << 20);
    (void)snprintf(path, sizeof path, "%s/shop/%s", folder, name);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &a, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/mine/%s", folder, name);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, &b, NULL), 0);
    assert_string_equal(pn_buf_text(&a), pn_buf_text(&b));
    pn_buf_deinit(&a);
    pn_buf_deinit(&b);
}

static void test_init(void **state)
{
    (void)state;
    assert_int_equal(run("pinion init @/mine --pipeline @/shop"), 0);
    check_contains(out_text, "/mine. Edit its pipeline.yml");
    check_same("pipeline.yml");
    check_same("sql/clean.sql");
    check_same("queries/best.sql");
    assert_int_equal(run("pinion pipeline check @/mine"), 0);
    assert_int_equal(run("pinion init"), 2);
}

static void test_init_replaces_nothing(void **state)
{
    (void)state;
    write_file("mine/notes.txt", "mine");
    assert_int_equal(run("pinion init @/mine --pipeline @/shop"), 1);
    check_contains(err_text, "/mine: is not empty (");
    assert_int_equal(run("pinion init @/mine --yes --pipeline @/shop"), 0);
    check_same("pipeline.yml");
    assert_int_equal(run("pinion init @/mine --yes --pipeline @/shop"), 0);
    check_same("pipeline.yml");
    write_file("mine/pipeline.yml", "name: mine\n");
    assert_int_equal(run("pinion init @/mine --yes --pipeline @/shop"), 0);
    assert_int_equal(run("pinion pipeline check @/mine"), 0);
    check_contains(out_text, "mine: topics 0, ");
    write_file("file", "x");
    assert_int_equal(run("pinion init @/file --pipeline @/shop"), 1);
    check_contains(err_text, "/file");
    write_file("broken/pipeline.yml", "name: []\n");
    assert_int_equal(run("pinion init @/new --pipeline @/broken"), 1);
    check_contains(err_text, "/broken/pipeline.yml:1: name: must be a value, not a list");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/new", folder);
    assert_false(pn_io_exists(pn_io_system(), path));
}

/* Into a folder of the template itself: a copy, not a copy of copies. */
static void test_init_inside_of_the_template(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(run("pinion init @/shop/mine --pipeline @/shop"), 0);
    (void)snprintf(path, sizeof path, "%s/shop/mine/pipeline.yml", folder);
    assert_true(pn_io_exists(pn_io_system(), path));
    (void)snprintf(path, sizeof path, "%s/shop/mine/mine", folder);
    assert_false(pn_io_exists(pn_io_system(), path));
}

/* Each disk call of loading a pipeline failing in turn is an error, and leaks nothing. */
static void test_a_failing_disk(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/shop", folder);
    int64_t nth = 1;
    for (;; nth++) {
        struct fault_io fault;
        struct pn_pipeline *pipeline = NULL;
        struct pn_err err = {0};
        fault_io_init(&fault, pn_io_system());
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = pn_pipeline_load(path, &fault.io, &pipeline, &err);
        assert_int_equal(fault_io_open_count(&fault), 0);
        if (!fault_io_fired(&fault)) {
            assert_int_equal(rc, 0);
            pn_pipeline_destroy(&pipeline);
            break;
        }
        assert_int_not_equal(rc, 0);
        assert_null(pipeline);
        assert_non_null(strstr(err.msg, path));
    }
    assert_true(nth > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_show, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_init, setup, teardown),
        cmocka_unit_test_setup_teardown(test_init_replaces_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_init_inside_of_the_template, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failing_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
