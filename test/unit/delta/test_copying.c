/* In which order the files of tables are copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delta/copying.h"

static void test_ranks(void **state)
{
    (void)state;
    assert_int_equal(pn_delta_copy_rank("topics/a/partition=0/a+0+0000000000.json"), 0);
    assert_int_equal(pn_delta_copy_rank("t/part-0.parquet"), 0);
    assert_int_equal(pn_delta_copy_rank("t/_delta_log/00000000000000000010.checkpoint.parquet"), 1);
    assert_int_equal(pn_delta_copy_rank("t/_delta_log/_sidecars/a.parquet"), 1);
    assert_int_equal(pn_delta_copy_rank("t/_delta_log/00000000000000000010.json"), 2);
    assert_int_equal(pn_delta_copy_rank("t/_delta_log/0010.json"), 1);
    assert_int_equal(pn_delta_copy_rank("t/_delta_log/_last_checkpoint"), 3);
}

static void test_versions(void **state)
{
    size_t len = 0;
    int64_t version = -1;
    (void)state;
    assert_true(pn_delta_copy_version("a/t/_delta_log/00000000000000000012.json", &len, &version));
    assert_int_equal(len, 3);
    assert_int_equal(version, 12);
    assert_false(pn_delta_copy_version("a/t/_delta_log/_last_checkpoint", &len, &version));
    assert_false(pn_delta_copy_version("a/t/00000000000000000012.json", &len, &version));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
