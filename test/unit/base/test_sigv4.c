/*
 * Requests signed by a client. The first is an example of "Authenticating Requests: Using the
 * Authorization Header", Amazon S3 API Reference, with its signature; the server's half is tested
 * by test/unit/aws/test_sigv4.c with the same code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/aws_endpoint.h"
#include "base/sigv4.h"
static const struct pn_sigv4_keys keys = {
    .access_key = "AKIAIOSFODNN7EXAMPLE",
    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "s3",
};
static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void test_the_example_of_s3(void **state)
{
    (void)state;
    const struct pn_sigv4_pair headers[] = {{"Host", "examplebucket.s3.amazonaws.com"},
                                            {"Range", "bytes=0-9"},
                                            {"x-amz-content-sha256", nothing},
                                            {"x-amz-date", "20130524T000000Z"}};
    const struct pn_sigv4_request request = {.method = "GET",
                                             .path = "/test.txt",
                                             .path_as_sent = true,
                                             .headers = headers,
                                             .header_count = 4,
                                             .body_sum = nothing};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_string_equal(
        pn_sigv4_authorize(&request, &keys, "20130524T000000Z", &arena),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    pn_arena_deinit(&arena);
}

static void test_encoding_and_time(void **state)
{
    (void)state;
    struct pn_buf out;
    char time[PN_SIGV4_TIME_SIZE];
    pn_buf_init(&out, 1000);
    pn_sigv4_encode(&out, "a b+c/%~\xc3\xa9", true);
    assert_string_equal(pn_buf_text(&out), "a%20b%2Bc/%25~%C3%A9");
    pn_buf_reset(&out);
    pn_sigv4_encode(&out, "a/b", false);
    assert_string_equal(pn_buf_text(&out), "a%2Fb");
    pn_buf_deinit(&out);
    pn_sigv4_time(INT64_C(1369353600000), time);
    assert_string_equal(time, "20130524T000000Z");
}

static void test_endpoints(void **state)
{
    (void)state;
    char *usual = pn_aws_endpoint("s3", "eu-west-2");
    char *china = pn_aws_endpoint("sts", "cn-north-1");
    assert_string_equal(usual, "https://s3.eu-west-2.amazonaws.com");
    assert_string_equal(china, "https://sts.cn-north-1.amazonaws.com.cn");
    free(usual);
    free(china);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_s3),
        cmocka_unit_test(test_encoding_and_time),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
