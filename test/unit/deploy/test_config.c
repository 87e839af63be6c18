/* config.yml: each key missing, empty, of a wrong type or unknown is reported with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "deploy/config.h"

static char folder[64];
static char path[128];

/* The four sections in their order, each key on a line of its own. */
static const struct {
    const char *section;
    const char *key;
    const char *value;
} lines[] = {
    {"aws", NULL, NULL},
    {"aws", "region", "eu-west-2"},
    {"aws", "access_key", "AKIAEXAMPLEEXAMPLE01"},
    {"aws", "secret_key", "sEcReTsEcReTsEcReTsEcReTsEcReTsEcReT1234"},
    {"databricks", NULL, NULL},
    {"databricks", "account_id", "11111111-2222-3333-4444-555555555555"},
    {"databricks", "client_id", "66666666-7777-8888-9999-000000000000"},
    {"databricks", "client_secret", "dose-of-secret"},
    {"databricks", "workspace_name", "pipeline"},
    {"s3_storage", NULL, NULL},
    {"s3_storage", "main_processing_data_storage_name", "pipeline-data"},
    {"s3_storage", "databricks_root_storage_name", "pipeline-root"},
    {"s3_storage", "mwaa_dag_storage_name", "pipeline-dags"},
    {"mwaa", NULL, NULL},
    {"mwaa", "mwaa_env_name", "pipeline-env"},
};
enum { LINES = sizeof lines / sizeof *lines };

/* The file, with one line left out (NULL) or another value in it. Section lines have no value. */
static void write_config(size_t changed, const char *value)
{
    struct pn_buf text;
    pn_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < LINES; i++) {
        const char *shown = i == changed ? value : lines[i].value;
        if (i == changed && value == NULL) {
            continue;
        }
        if (lines[i].key == NULL) {
            pn_buf_addf(&text, "%s:%s%s\n", lines[i].section, i == changed ? " " : "",
                        i == changed ? value : "");
        } else {
            pn_buf_addf(&text, "  %s: %s\n", lines[i].key, shown);
        }
    }
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, pn_buf_text(&text), text.len, NULL),
                     0);
    pn_buf_deinit(&text);
}

/* Loads it, which fails with a message that is `line`, the key's name, and `rest`. */
static void assert_refused(size_t line, const char *name, const char *rest)
{
    struct pn_deploy_config config;
    struct pn_err e = {0};
    char wanted[512];
    assert_int_not_equal(pn_deploy_config_load(path, pn_io_system(), &config, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    (void)snprintf(wanted, sizeof wanted, "%s:%zu: %s: %s", path, line, name, rest);
    assert_string_equal(e.msg, wanted);
    pn_deploy_config_deinit(&config);
}

static void name_of(size_t i, char out[128])
{
    (void)snprintf(out, 128, "%s.%s", lines[i].section, lines[i].key);
}

static size_t section_line(size_t i)
{
    while (lines[i].key != NULL) {
        i--;
    }
    return i + 1;
}

static void test_whole(void **state)
{
    (void)state;
    struct pn_deploy_config config;
    struct pn_err e = {0};
    write_config(LINES, NULL);
    assert_int_equal(pn_deploy_config_load(path, pn_io_system(), &config, &e), 0);
    size_t key = 0;
    for (size_t i = 0; i < LINES; i++) {
        if (lines[i].key != NULL) {
            char name[128];
            name_of(i, name);
            assert_string_equal(pn_deploy_key_name(key), name);
            assert_string_equal(config.values[key], lines[i].value);
            assert_int_equal(config.lines[key], i + 1);
            key++;
        }
    }
    assert_int_equal(key, PN_DEPLOY_KEYS);
    pn_deploy_config_deinit(&config);
}

static void test_each_key_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < LINES; i++) {
        char name[128];
        if (lines[i].key == NULL || strcmp(lines[i].section, "mwaa") == 0) {
            continue; /* a section without its only key is empty: below */
        }
        name_of(i, name);
        write_config(i, NULL);
        assert_refused(section_line(i), name, "is missing");
    }
}

static void test_each_key_empty_or_of_a_wrong_type(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *rest;
    } wrong[] = {
        {"", "is empty"},
        {"''", "is empty"},
        {"~", "is empty"},
        {"[a]", "must be a string, not a list"},
        {"{a: b}", "must be a string, not a map"},
        {"123456789012", "must be a string, not a number (put it in quotes)"},
        {"1.5e3", "must be a string, not a number (put it in quotes)"},
        {"true", "must be a string, not a boolean (put it in quotes)"},
        {"No", "must be a string, not a boolean (put it in quotes)"},
        {"2026-11-28", "must be a string, not a date (put it in quotes)"},
    };
    for (size_t i = 0; i < LINES; i++) {
        for (size_t j = 0; lines[i].key != NULL && j < sizeof wrong / sizeof *wrong; j++) {
            char name[128];
            name_of(i, name);
            write_config(i, wrong[j].value);
            assert_refused(i + 1, name, wrong[j].rest);
        }
    }
}

static void test_quotes_make_a_string(void **state)
{
    (void)state;
    static const char *const strings[] = {"'123456789012'", "\"true\"", "nan-1", "0e3bbd435bfb"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct pn_deploy_config config;
        write_config(8, strings[i]);
        assert_int_equal(pn_deploy_config_load(path, pn_io_system(), &config, NULL), 0);
        pn_deploy_config_deinit(&config);
    }
}

static void test_unknown_keys(void **state)
{
    struct pn_deploy_config config;
    struct pn_err e = {0};
    write_config(8, "pipeline\n  clientid: x");
    assert_int_not_equal(pn_deploy_config_load(path, pn_io_system(), &config, &e), 0);
    assert_non_null(strstr(e.msg, ":10: databricks.clientid: unknown key \"clientid\""));
    assert_non_null(strstr(e.msg, "did you mean \"client_id\"?"));
    pn_deploy_config_deinit(&config);
    write_config(14, "pipeline-env\nazure: {}");
    assert_int_not_equal(pn_deploy_config_load(path, pn_io_system(), &config, &e), 0);
    assert_non_null(strstr(e.msg, ":16: azure: unknown key \"azure\""));
    pn_deploy_config_deinit(&config);
    (void)state;
}

static void test_sections(void **state)
{
    (void)state;
    static const char text[] = "aws: {region: a, access_key: b, secret_key: c}\ndatabricks: 7\n";
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, text, strlen(text), NULL), 0);
    assert_refused(2, "databricks", "must be a map of 4 strings");
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, text, 47, NULL), 0);
    assert_refused(1, "databricks", "is missing");
    struct pn_deploy_config config;
    struct pn_err e = {0};
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, "- a\n", 4, NULL), 0);
    assert_int_not_equal(pn_deploy_config_load(path, pn_io_system(), &config, &e), 0);
    assert_non_null(strstr(e.msg, ":1: must be a map with the keys aws"));
    pn_deploy_config_deinit(&config);
    assert_int_equal(pn_io_unlink(pn_io_system(), path, NULL), 0);
    assert_int_not_equal(pn_deploy_config_load(path, pn_io_system(), &config, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    pn_deploy_config_deinit(&config);
}

/* Whatever is wrong with a file, its secrets are not in the message. */
static void test_messages_have_no_secret(void **state)
{
    (void)state;
    static const char *const broken[] = {"[",        "\"x",     "&a *a", "!!str",  "{",
                                         "- b\n  x", "a: b: c", "'",     "|\n\tx", "%"};
    for (size_t i = 0; i < LINES; i++) {
        for (size_t j = 0; lines[i].key != NULL && j < sizeof broken / sizeof *broken; j++) {
            struct pn_deploy_config config;
            struct pn_err e = {0};
            char value[256];
            (void)snprintf(value, sizeof value, "%s%s", broken[j], lines[i].value);
            write_config(i, value);
            if (pn_deploy_config_load(path, pn_io_system(), &config, &e) != 0) {
                assert_null(strstr(e.msg, "sEcReT"));
                assert_null(strstr(e.msg, "dose-of"));
                assert_null(strstr(e.msg, "AKIA"));
            }
            pn_deploy_config_deinit(&config);
        }
    }
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pinion-test-deploy-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/config.yml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return pn_io_remove_tree(pn_io_system(), folder, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_each_key_missing),
        cmocka_unit_test(test_each_key_empty_or_of_a_wrong_type),
        cmocka_unit_test(test_quotes_make_a_string),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_messages_have_no_secret),
        cmocka_unit_test(test_sections),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
