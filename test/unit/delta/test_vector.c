/* Deletion vectors: the rows they mark, and what is said of those that are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <roaring/roaring.h>

#include "base/mem.h"
#include "support/delta_fixture.h"

enum { BYTES_MAX = 1 << 16, ROUNDS = 20000 };

static void put_le(unsigned char *at, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

/* One bitmap with rows apart, many rows of one block, and a run. */
static size_t make_vector(unsigned char *bytes, int64_t *count)
{
    roaring_bitmap_t *bitmap = roaring_bitmap_create();
    for (uint32_t i = 0; i < 100; i++) {
        roaring_bitmap_add(bitmap, 7 * i);
    }
    for (uint32_t i = 65536; i < 131072; i += 3) {
        roaring_bitmap_add(bitmap, i);
    }
    roaring_bitmap_add_range(bitmap, 200000, 230000);
    (void)roaring_bitmap_run_optimize(bitmap);
    *count = (int64_t)roaring_bitmap_get_cardinality(bitmap);
    put_le(bytes, 1681511377, 4);
    put_le(bytes + 4, 1, 8);
    put_le(bytes + 12, 0, 4);
    size_t len = roaring_bitmap_portable_serialize(bitmap, (char *)bytes + 16);
    roaring_bitmap_free(bitmap);
    return 16 + len;
}

/* The descriptor of a vector that stands in the log. Caller frees. */
static char *describe(const unsigned char *bytes, size_t len, int64_t count)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    size_t groups = (len + 3) / 4;
    char *text = pn_xcalloc(groups * 5 + 1, 1);
    for (size_t group = 0; group < groups; group++) {
        uint64_t value = 0;
        for (size_t i = 0; i < 4; i++) {
            size_t at = 4 * group + i;
            value = value << 8 | (at < len ? bytes[at] : 0);
        }
        for (size_t i = 5; i > 0; i--) {
            text[5 * group + i - 1] = digits[value % 85];
            value /= 85;
        }
    }
    char *descriptor = pn_xasprintf("{\"storageType\":\"i\",\"pathOrInlineDv\":\"%s\","
                                    "\"sizeInBytes\":%zu,\"cardinality\":%lld}",
                                    text, len, (long long)count);
    free(text);
    return descriptor;
}

static int count_row(void *arg, int64_t row)
{
    int64_t *count = arg;
    assert_true(row >= 0);
    (*count)++;
    return 0;
}

static int read_rows(struct delta_fixture *fixture, const char *descriptor, int64_t *count,
                     struct pn_err *e)
{
    const struct pn_delta_file file = {.path = "a.parquet", .deletion_vector = descriptor};
    *count = 0;
    return pn_delta_deleted_rows(fixture->table, &file, count_row, count, e);
}

static void test_rows_of_each_form(void **state)
{
    static unsigned char bytes[BYTES_MAX];
    int64_t count = 0;
    int64_t read = 0;
    struct pn_err e = {.msg = ""};
    size_t len = make_vector(bytes, &count);
    char *descriptor = describe(bytes, len, count);
    assert_int_equal(read_rows(*state, descriptor, &read, &e), 0);
    assert_int_equal(read, count);
    assert_int_equal(read, 100 + 21846 + 30000);
    free(descriptor);
    descriptor = describe(bytes, len, count - 1);
    assert_int_not_equal(read_rows(*state, descriptor, &read, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "number of rows"));
    free(descriptor);
}

static void test_damaged_descriptors(void **state)
{
    static const char *const descriptors[][2] = {
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"\",\"sizeInBytes\":4,\"cardinality\":1}",
         "shorter than the log says"},
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"~~~~~\",\"sizeInBytes\":4,\"cardinality\":1}",
         "not Z85"},
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"00000\",\"sizeInBytes\":4,\"cardinality\":1}",
         "does not begin as one"},
        {"{\"storageType\":\"i\",\"pathOrInlineDv\":\"00000\",\"sizeInBytes\":-4}", "its size"},
        {"{\"storageType\":\"z\",\"pathOrInlineDv\":\"00000\"}", "unknown way"},
        {"{\"storageType\":\"u\",\"pathOrInlineDv\":\"0000000000000000000000\",\"offset\":1,"
         "\"sizeInBytes\":4,\"cardinality\":1}",
         "not there"},
    };
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        struct pn_err e = {.msg = ""};
        int64_t read = 0;
        assert_int_not_equal(read_rows(*state, descriptors[i][0], &read, &e), 0);
        if (strstr(e.msg, descriptors[i][1]) == NULL) {
            fail_msg("'%s' instead of '%s'", e.msg, descriptors[i][1]);
        }
    }
}

/* Whatever the bytes are, the outcome is rows or an error. */
static void test_changed_bytes(void **state)
{
    static unsigned char bytes[BYTES_MAX];
    static unsigned char changed[BYTES_MAX];
    int64_t count = 0;
    size_t len = make_vector(bytes, &count);
    srand(1);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t read = 0;
        memcpy(changed, bytes, len);
        for (int k = rand() % 4; k >= 0; k--) {
            /* Mostly in the headers, which say how much follows. */
            size_t at = (size_t)rand() % (rand() % 4 == 0 ? len : 64);
            changed[at] = (unsigned char)rand();
        }
        size_t kept = rand() % 4 == 0 ? (size_t)rand() % len + 1 : len;
        char *descriptor = describe(changed, kept, count);
        (void)read_rows(*state, descriptor, &read, NULL);
        free(descriptor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_of_each_form, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_descriptors, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_changed_bytes, delta_set_up, delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
