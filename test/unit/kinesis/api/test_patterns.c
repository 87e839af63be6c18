#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/patterns.h"

/* Both lists end with NULL. */
static void check(const struct pn_pattern *pattern, const char *const *good, const char *const *bad)
{
    for (; *good != NULL; good++) {
        if (!pattern->matches(*good, strlen(*good))) {
            fail_msg("%s does not match %s", *good, pattern->text);
        }
    }
    for (; *bad != NULL; bad++) {
        if (pattern->matches(*bad, strlen(*bad))) {
            fail_msg("%s matches %s", *bad, pattern->text);
        }
    }
    assert_false(pattern->matches("", 0));
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_names(void **state)
{
    (void)state;
    check(&pn_pattern_name, LIST("a", "A.b_c-9", "shardId-000000000000"),
          LIST("a b", "a/b", "a\n", "\xc3\xa9", "a:b"));
    assert_false(pn_pattern_name.matches("a\0b", 3));
    check(&pn_pattern_stream_id, LIST("abcdefghij0123456789-a9z"),
          LIST("abcdefghij0123456789-a9", "abcdefghij0123456789-a9zz", "abcdefghij0123456789_a9z",
               "Abcdefghij0123456789-a9z", "abcdefghij0123456789-A9z"));
}

static void test_decimals(void **state)
{
    (void)state;
    check(
        &pn_pattern_hash_key,
        LIST("0", "9", "340282366920938463463374607431768211456",
             "999999999999999999999999999999999999999"),
        LIST("00", "01", "-1", "+1", "1 ", "a", "1a", "1000000000000000000000000000000000000000"));
    char digits[131];
    memset(digits, '9', sizeof digits);
    assert_true(pn_pattern_sequence.matches(digits, 129));
    assert_false(pn_pattern_sequence.matches(digits, 130));
    assert_true(pn_pattern_sequence.matches("0", 1));
    assert_false(pn_pattern_sequence.matches("01", 2));
}

#define ARN "arn:aws:kinesis:us-east-1:123456789012:"

static void test_stream_arns(void **state)
{
    (void)state;
    check(&pn_pattern_stream_arn,
          LIST(ARN "stream/a", "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a",
               "arn:aws:kinesis::123456789012:stream/a", ARN "stream/a/consumer/b:1",
               ARN "stream/stream/", ARN "x:000000000000:stream/a",
               "arn:aws x:kinesis: :123456789012:stream/a", ARN "stream/a:123456789012:stream/b"),
          LIST(ARN "stream/", ARN "stream/a b", ARN "queue/", ARN "queues/q", ARN "shard/c",
               ARN "stream/a ", ARN "streams/a", ARN "xstream/a",
               "arn:aws:kinesis:us-east-1:12345678901:stream/a",
               "arn:aws:kinesis:us-east-1:1234567890123:stream/a",
               "arn:aws:kinesis:123456789012:stream", "arn:aws:kinesis:123456789012:stream/a",
               "arn:aws:s3:us-east-1:123456789012:stream/a",
               "xarn:aws:kinesis:e:123456789012:stream/a",
               "arn:aws:kinesis:us\neast:123456789012:stream/a", "arn:aws", "stream/a",
               "arn:aws:kinesis:"));
}

static void test_resource_arns(void **state)
{
    (void)state;
    check(&pn_pattern_resource_arn,
          LIST(ARN "stream/a", ARN "stream/a/consumer/b:1", ARN "xstream/a", ARN "s tream/stream/a",
               ARN "stream/stream/", ARN "queue/q", ARN "stream/a/channel/c", ARN "channel/c"),
          LIST(ARN "stream/", ARN "stream/a b", ARN "strea/m", ARN "\nstream/a",
               "arn:aws:kinesis:us-east-1:12345678901:stream/a",
               "arn:aws:kinesis:us-east-1:stream/a"));
}

static void test_consumer_arns(void **state)
{
    (void)state;
    check(&pn_pattern_consumer_arn,
          LIST(ARN "stream/a/consumer/b:1", ARN "xstream/a.b-c_d/consumer/b:1234567890",
               "arn:aws-us-gov:kinesis:r:123456789012:stream/a/consumer/b:0"),
          LIST(ARN "stream/a", ARN "stream/a/consumer/b",
               ARN "stream/a/consumer/b:", ARN "stream/a/consumer/b:x", ARN "stream/a/consumer/:1",
               ARN "stream//consumer/b:1", ARN "stream/a/b/consumer/c:1",
               ARN "stream/a b/consumer/c:1", ARN "stream/a/consumer/b c:1", ARN "a/consumer/b:1",
               ":1", "1", "arn:aws:kinesis:r:12345678901:stream/a/consumer/b:1"));
}

/* Nothing after the length is looked at. */
static void test_lengths(void **state)
{
    (void)state;
    static const char arn[] = ARN "stream/a/consumer/b:1";
    static const struct pn_pattern *const patterns[] = {
        &pn_pattern_stream_arn, &pn_pattern_resource_arn, &pn_pattern_consumer_arn};
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        for (size_t len = 0; len <= strlen(arn); len++) {
            char *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, arn, len);
            copy[len] = '9'; /* which would continue with the ARN */
            bool whole = len == strlen(arn);
            bool named = len > strlen(ARN "stream/");
            assert_int_equal(patterns[p]->matches(copy, len), p == 2 ? whole : named);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_stream_arns),   cmocka_unit_test(test_resource_arns),
        cmocka_unit_test(test_consumer_arns), cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
