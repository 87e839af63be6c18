/* The login at Amazon MSK by IAM: the token, and where the region is found. The URLs are those that
 * botocore's SigV4QueryAuth makes of the same key at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "log/kafka/private.h"

#define WALL_MS INT64_C(1767323045000) /* 2026-01-02T03:04:05Z */
#define BEGIN                                                                                \
    "https://kafka.eu-west-2.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=" \
    "AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLEEXAMPLE01%2F20260102%2Feu-west-2%2F"       \
    "kafka-cluster%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&"            \
    "X-Amz-SignedHeaders=host"

/* What the token says; without padding, and in the alphabet of URLs. */
static void assert_url(const struct pn_aws_key *key, const char *region, const char *wanted)
{
    struct pn_buf token;
    struct pn_buf url;
    pn_buf_init(&token, 1 << 16);
    pn_buf_init(&url, 1 << 16);
    pn_kafka_iam_token(key, region, WALL_MS, &token);
    assert_null(strpbrk(pn_buf_text(&token), "+/="));
    for (size_t i = 0; i < token.len; i++) {
        token.data[i] = (char)(token.data[i] == '-'   ? '+'
                               : token.data[i] == '_' ? '/'
                                                      : token.data[i]);
    }
    assert_true(pn_base64_decode(&url, token.data, token.len));
    assert_string_equal(pn_buf_text(&url), wanted);
    pn_buf_deinit(&token);
    pn_buf_deinit(&url);
}

static void test_the_token(void **state)
{
    (void)state;
    struct pn_aws_key key = {.access_key = (char[]){"AKIAEXAMPLEEXAMPLE01"},
                             .secret_key = (char[]){"sEcReT/sEcReT+sEcReT"},
                             .session_token = (char[]){""}};
    assert_url(&key, "eu-west-2",
               BEGIN "&X-Amz-Signature="
                     "1cd077d9e52ccb2b1e1062e7325a73ff7fe21490aef56e650abd510a1d50f83c"
                     "&User-Agent=pinion");
    key.session_token = (char[]){"session/token+with=signs"};
    assert_url(&key, "eu-west-2",
               BEGIN "&X-Amz-Security-Token=session%2Ftoken%2Bwith%3Dsigns&X-Amz-Signature="
                     "99cc54c4ec637d190f219c2842ee2349493fb669957e2ee5e333de74e2584a02"
                     "&User-Agent=pinion");
}

static void assert_region(const char *setting, const char *url, const char *wanted)
{
    const struct pn_kafka_config config = {.region = setting, .url = url};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_string_equal(pn_kafka_region(&config, &arena), wanted);
    pn_arena_deinit(&arena);
}

static void test_the_region(void **state)
{
    (void)state;
    assert_int_equal(setenv("AWS_REGION", "us-east-1", 1), 0);
    assert_region("", "kafka://b-1.demo.abc.c2.kafka.eu-west-2.amazonaws.com:9098,x:1",
                  "eu-west-2");
    assert_region("", "kafka://boot-x.c1.kafka-serverless.ap-south-1.amazonaws.com:9098",
                  "ap-south-1");
    assert_region("", "kafka://b-1.demo.abc.c2.kafka.cn-north-1.amazonaws.com.cn:9098",
                  "cn-north-1");
    assert_region("eu-west-1", "kafka://b-1.demo.abc.c2.kafka.eu-west-2.amazonaws.com:9098",
                  "eu-west-1");
    assert_region("", "kafka://10.0.0.1:9098", "us-east-1");
    assert_region("", "kafka://my.kafka.example.com:9098", "us-east-1");
    assert_region("", "kafka://a:1,b-1.kafka.eu-west-2.amazonaws.com:9098", "us-east-1");
    assert_int_equal(unsetenv("AWS_REGION"), 0);
    assert_int_equal(unsetenv("AWS_DEFAULT_REGION"), 0);
    assert_region("", "kafka://10.0.0.1:9098", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_token),
        cmocka_unit_test(test_the_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
