/* What can be judged of a deployment from its configuration alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deploy/check.h"
#include "deploy/plan.h"
#include "deploy/tfvars.h"

static const char *const good[PN_DEPLOY_KEYS] = {
    [PN_DEPLOY_REGION] = "eu-west-2",
    [PN_DEPLOY_ACCESS_KEY] = "AKIAEXAMPLEEXAMPLE01",
    [PN_DEPLOY_SECRET_KEY] = "sEcReTsEcReTsEcReTsEcReTsEcReTsEcReT+/12",
    [PN_DEPLOY_ACCOUNT_ID] = "11111111-2222-3333-4444-555555555555",
    [PN_DEPLOY_CLIENT_ID] = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    [PN_DEPLOY_CLIENT_SECRET] = "dose",
    [PN_DEPLOY_WORKSPACE] = "pipeline",
    [PN_DEPLOY_DATA_BUCKET] = "pipeline-data",
    [PN_DEPLOY_ROOT_BUCKET] = "pipeline-root",
    [PN_DEPLOY_DAG_BUCKET] = "pipeline-dags",
    [PN_DEPLOY_MWAA_ENV] = "pipeline-env",
};

struct found {
    const char *failed[PN_DEPLOY_KEYS];
    size_t failures;
    size_t checks;
};

static void keep(void *arg, enum pn_finding finding, const char *what, const char *detail)
{
    struct found *found = arg;
    found->checks++;
    assert_true(detail[0] != '\0');
    assert_null(strstr(detail, "sEcReT"));
    assert_null(strstr(detail, "AKIAEX"));
    if (finding == PN_FINDING_FAILED) {
        found->failed[found->failures++] = what;
    }
}

/* One key has another value: does it fail, and it alone? */
static void assert_fails(enum pn_deploy_key key, const char *value, bool fails)
{
    struct pn_deploy_config config = {0};
    struct found found = {0};
    memcpy(config.values, good, sizeof good);
    config.values[key] = value;
    assert_int_equal(pn_deploy_check(&config, keep, &found), fails ? 1 : 0);
    assert_int_equal(found.failures, fails ? 1 : 0);
    assert_int_equal(found.checks, PN_DEPLOY_KEYS);
    if (fails) {
        assert_string_equal(found.failed[0], pn_deploy_key_name(key));
    }
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        enum pn_deploy_key key;
        const char *value;
        bool fails;
    } cases[] = {
        {PN_DEPLOY_REGION, "eu-west-2", false},
        {PN_DEPLOY_REGION, "us-gov-west-1", false},
        {PN_DEPLOY_REGION, "eu-west-9", true},
        {PN_DEPLOY_REGION, "EU-WEST-2", true},
        {PN_DEPLOY_REGION, "eu-west-2a", true},
        {PN_DEPLOY_ACCESS_KEY, "ASIAEXAMPLEEXAMPLE01", true},
        {PN_DEPLOY_ACCESS_KEY, "AKIA", true},
        {PN_DEPLOY_ACCESS_KEY, "akiaexampleexample01", true},
        {PN_DEPLOY_SECRET_KEY, "too short", true},
        {PN_DEPLOY_SECRET_KEY, "ssssssssssssssssssssssssssssssssssss s1234", true},
        {PN_DEPLOY_ACCOUNT_ID, "123456789012", true},
        {PN_DEPLOY_ACCOUNT_ID, "11111111-2222-3333-4444-55555555555", true},
        {PN_DEPLOY_ACCOUNT_ID, "11111111-2222-3333-4444-5555555555555", true},
        {PN_DEPLOY_CLIENT_ID, "me@example.com", true},
        {PN_DEPLOY_MWAA_ENV, "1env", true},
        {PN_DEPLOY_MWAA_ENV, "an env", true},
        {PN_DEPLOY_MWAA_ENV, "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(cases[i].key, cases[i].value, cases[i].fails);
    }
    /* Of two equal names the later one is reported. */
    assert_fails(PN_DEPLOY_ROOT_BUCKET, "pipeline-data", true);
    assert_fails(PN_DEPLOY_DAG_BUCKET, "pipeline-data", true);
    assert_fails(PN_DEPLOY_DAG_BUCKET, "pipeline-root", true);
    assert_fails(PN_DEPLOY_DATA_BUCKET, "Pipeline", true);
}

static void test_bucket_names(void **state)
{
    (void)state;
    static const char *const legal[] = {
        "abc", "a-b-c", "0123", "bucket1",
        "a23456789012345678901234567890123456789012345678901234567890123"};
    static const char *const wrong[] = {
        "ab",
        "a234567890123456789012345678901234567890123456789012345678901234",
        "Abc",
        "a_b",
        "-abc",
        "abc-",
        "a..b",
        "192.168.5.4",
        "xn--abc",
        "sthree-abc",
        "amzn-s3-demo-x",
        "abc-s3alias",
        "abc--ol-s3",
        "abc.mrap",
        "abc--x-s3",
        "abc--table-s3",
        "a.b.c",
        "a b",
        "b\xc3\xbc"
        "cket"};
    for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
        assert_null(pn_bucket_name_fault(legal[i]));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_non_null(pn_bucket_name_fault(wrong[i]));
    }
}

/* The steps rise, and each directory is a step. */
static void test_plan(void **state)
{
    (void)state;
    int last = 0;
    size_t next = 0;
    for (const struct pn_deploy_item *item = pn_deploy_plan; item->what != NULL; item++) {
        assert_true(item->step == last || item->step == last + 1);
        assert_true(item->month_usd >= 0);
        if (item->step > last && item->directory != NULL) {
            assert_string_equal(item->directory, pn_deploy_directories[next++]);
        }
        last = item->step;
    }
    assert_int_equal(next, PN_DEPLOY_DIRECTORIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bucket_names),
        cmocka_unit_test(test_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
