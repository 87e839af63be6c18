/* terraform.tfvars: HCL strings, and files that are whole, private, or not there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "deploy/tfvars.h"
#include "support/fault_io.h"

static char folder[64];

static void assert_string(const char *text, const char *wanted)
{
    struct pn_buf out;
    pn_buf_init(&out, 1024);
    pn_hcl_add_string(&out, text);
    assert_string_equal(pn_buf_text(&out), wanted);
    pn_buf_deinit(&out);
}

static void test_strings(void **state)
{
    (void)state;
    assert_string("", "\"\"");
    assert_string("plain", "\"plain\"");
    assert_string("a\"b\\c", "\"a\\\"b\\\\c\"");
    assert_string("a\nb\rc\td", "\"a\\nb\\rc\\td\"");
    assert_string("${file(\"/etc/passwd\")}", "\"$${file(\\\"/etc/passwd\\\")}\"");
    assert_string("%{if true}", "\"%%{if true}\"");
    assert_string("$${x}", "\"$$${x}\"");
    assert_string("100% $5", "\"100% $5\"");
    assert_string("\x01\x7f", "\"\\u0001\\u007f\"");
    assert_string("é✨", "\"é✨\"");
}

static void fill(struct pn_deploy_config *config)
{
    *config = (struct pn_deploy_config){0};
    pn_arena_init(&config->arena, 0);
    for (size_t i = 0; i < PN_DEPLOY_KEYS; i++) {
        config->values[i] = pn_deploy_key_name(i);
    }
}

static void make_directories(void)
{
    for (size_t i = 0; i < PN_DEPLOY_DIRECTORIES; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, pn_deploy_directories[i]);
        assert_int_equal(pn_io_mkdirs(pn_io_system(), path, NULL), 0);
    }
}

static bool has_file(size_t directory, struct stat *st)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s/terraform.tfvars", folder,
                   pn_deploy_directories[directory]);
    return pn_io_stat(pn_io_system(), path, st, NULL) == 0;
}

static void test_files_are_private(void **state)
{
    (void)state;
    struct pn_deploy_config config;
    struct stat st;
    fill(&config);
    make_directories();
    assert_int_equal(pn_tfvars_write(&config, folder, pn_io_system(), NULL), 0);
    for (size_t i = 0; i < PN_DEPLOY_DIRECTORIES; i++) {
        assert_true(has_file(i, &st));
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    pn_deploy_config_deinit(&config);
}

static void test_nothing_is_written_when_a_directory_is_missing(void **state)
{
    (void)state;
    for (size_t missing = 0; missing < PN_DEPLOY_DIRECTORIES; missing++) {
        struct pn_deploy_config config;
        struct pn_err e = {0};
        struct stat st;
        char path[256];
        fill(&config);
        assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
        make_directories();
        (void)snprintf(path, sizeof path, "%s/%s", folder, pn_deploy_directories[missing]);
        assert_int_equal(pn_io_rmdir(pn_io_system(), path, NULL), 0);
        assert_int_not_equal(pn_tfvars_write(&config, folder, pn_io_system(), &e), 0);
        assert_int_equal(e.class_, PN_CLASS_MISSING);
        assert_non_null(strstr(e.msg, pn_deploy_directories[missing]));
        for (size_t i = 0; i < PN_DEPLOY_DIRECTORIES; i++) {
            assert_false(has_file(i, &st));
        }
        pn_deploy_config_deinit(&config);
    }
}

/* Each call of the disk fails in turn: a file is the old one, the new one, or absent. */
static void test_a_failing_disk(void **state)
{
    (void)state;
    for (int64_t nth = 1;; nth++) {
        struct pn_deploy_config config;
        struct fault_io fault;
        struct pn_err e = {0};
        fill(&config);
        assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
        make_directories();
        fault_io_init(&fault, pn_io_system());
        fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = pn_tfvars_write(&config, folder, &fault.io, &e);
        assert_int_equal(fault_io_open_count(&fault), 0);
        bool fired = fault_io_fired(&fault);
        for (size_t i = 0; i < PN_DEPLOY_DIRECTORIES; i++) {
            struct stat st;
            char path[256];
            struct pn_io_listing listing;
            (void)snprintf(path, sizeof path, "%s/%s", folder, pn_deploy_directories[i]);
            assert_int_equal(pn_io_list(pn_io_system(), path, &listing, NULL), 0);
            assert_int_equal(listing.count, has_file(i, &st) ? 1 : 0);
            pn_io_listing_deinit(&listing);
        }
        pn_deploy_config_deinit(&config);
        if (!fired) {
            assert_int_equal(rc, 0);
            assert_true(nth > 20);
            break;
        }
        assert_int_not_equal(rc, 0);
        assert_true(e.msg[0] != '\0');
    }
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pinion-test-deploy-XXXXXX");
    assert_non_null(mkdtemp(folder));
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
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_files_are_private),
        cmocka_unit_test(test_nothing_is_written_when_a_directory_is_missing),
        cmocka_unit_test(test_a_failing_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
