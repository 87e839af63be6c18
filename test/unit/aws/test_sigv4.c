/* AWS's published test suite for Signature Version 4 (names of the cases are theirs), and what must
 * be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "aws/sigv4.h"

enum { PAIRS_MAX = 16, MINUTE_MS = 60 * 1000 };

static const int64_t suite_ms = INT64_C(1440938160000); /* 2015-08-30T12:36:00Z */
static const struct pn_aws_sigv4_keys suite_keys = {.access_key = "AKIDEXAMPLE",
                                                    .secret_key =
                                                        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                                    .service = "service"};

#define SCOPE      "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* A request by the headers that all of the suite's have, and `more`. */
struct suite_case {
    const char *name;
    const char *method;
    const char *path;
    struct pn_sigv4_pair query[3];
    struct pn_sigv4_pair more[4];
    const char *body;
    const char *signed_headers;
    const char *signature;
};

static const char *verify(const struct suite_case *c, const struct pn_aws_sigv4_keys *keys,
                          int64_t now_ms, struct pn_arena *arena, const char **message)
{
    const char *authorization = pn_arena_printf(
        arena, "AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=%s, Signature=%s",
        c->signed_headers, c->signature);
    struct pn_sigv4_pair headers[PAIRS_MAX] = {{"Host", "example.amazonaws.com"},
                                               {"X-Amz-Date", "20150830T123600Z"},
                                               {"Authorization", authorization}};
    struct pn_sigv4_request request = {.method = c->method,
                                       .path = c->path,
                                       .query = c->query,
                                       .headers = headers,
                                       .header_count = 3,
                                       .body = c->body,
                                       .body_len = c->body != NULL ? strlen(c->body) : 0};
    while (request.query_count < 3 && c->query[request.query_count].name != NULL) {
        request.query_count++;
    }
    for (size_t i = 0; i < 4 && c->more[i].name != NULL; i++) {
        headers[request.header_count++] = c->more[i];
    }
    return pn_aws_sigv4_verify(keys, &request, now_ms, arena, message);
}

static const struct suite_case suite[] = {
    {.name = "get-vanilla",
     .method = "GET",
     .path = "/",
     .signed_headers = "host;x-amz-date",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-relative-relative-normalized",
     .method = "GET",
     .path = "/example1/example2/../..",
     .signed_headers = "host;x-amz-date",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slash-dot-slash-normalized",
     .method = "GET",
     .path = "/./",
     .signed_headers = "host;x-amz-date",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slash-pointless-dot-normalized",
     .method = "GET",
     .path = "/./example",
     .signed_headers = "host;x-amz-date",
     .signature = "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {.name = "get-slashes-normalized",
     .method = "GET",
     .path = "//example//",
     .signed_headers = "host;x-amz-date",
     .signature = "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {.name = "get-space-normalized",
     .method = "GET",
     .path = "/example space/",
     .signed_headers = "host;x-amz-date",
     .signature = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {.name = "get-unreserved",
     .method = "GET",
     .path = "/" UNRESERVED,
     .signed_headers = "host;x-amz-date",
     .signature = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {.name = "get-utf8",
     .method = "GET",
     .path = "/\xe1\x88\xb4",
     .signed_headers = "host;x-amz-date",
     .signature = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {.name = "get-header-key-duplicate",
     .method = "GET",
     .path = "/",
     .more = {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     .signed_headers = "host;my-header1;x-amz-date",
     .signature = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {.name = "get-header-value-order",
     .method = "GET",
     .path = "/",
     .more = {{"My-Header1", "value4"},
              {"My-Header1", "value1"},
              {"My-Header1", "value3"},
              {"My-Header1", "value2"}},
     .signed_headers = "host;my-header1;x-amz-date",
     .signature = "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {.name = "get-header-value-trim",
     .method = "GET",
     .path = "/",
     .more = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     .signed_headers = "host;my-header1;my-header2;x-amz-date",
     .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {.name = "get-header-value-multiline",
     .method = "GET",
     .path = "/",
     .more = {{"My-Header1", "value1\n  value2\n     value3"}},
     .signed_headers = "host;my-header1;x-amz-date",
     .signature = "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
    {.name = "get-vanilla-empty-query-key",
     .method = "GET",
     .path = "/",
     .query = {{"Param1", "value1"}},
     .signed_headers = "host;x-amz-date",
     .signature = "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {.name = "get-vanilla-query-order-key-case",
     .method = "GET",
     .path = "/",
     .query = {{"Param2", "value2"}, {"Param1", "value1"}},
     .signed_headers = "host;x-amz-date",
     .signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {.name = "get-vanilla-query-order-encoded",
     .method = "GET",
     .path = "/",
     .query = {{"Param-3", "Value3"}, {"Param", "Value2"}, {"%E1%88%B4", "Value1"}},
     .signed_headers = "host;x-amz-date",
     .signature = "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {.name = "get-vanilla-query-unreserved",
     .method = "GET",
     .path = "/",
     .query = {{UNRESERVED, UNRESERVED}},
     .signed_headers = "host;x-amz-date",
     .signature = "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {.name = "get-vanilla-utf8-query",
     .method = "GET",
     .path = "/",
     .query = {{"\xe1\x88\xb4", "bar"}},
     .signed_headers = "host;x-amz-date",
     .signature = "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {.name = "get-vanilla-with-session-token",
     .method = "GET",
     .path = "/",
     .more = {{"X-Amz-Security-Token",
               "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"}},
     .signed_headers = "host;x-amz-date;x-amz-security-token",
     .signature = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
    {.name = "post-vanilla",
     .method = "POST",
     .path = "/",
     .signed_headers = "host;x-amz-date",
     .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {.name = "post-header-key-sort",
     .method = "POST",
     .path = "/",
     .more = {{"My-Header1", "value1"}},
     .signed_headers = "host;my-header1;x-amz-date",
     .signature = "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {.name = "post-header-value-case",
     .method = "POST",
     .path = "/",
     .more = {{"My-Header1", "VALUE1"}},
     .signed_headers = "host;my-header1;x-amz-date",
     .signature = "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {.name = "post-vanilla-query",
     .method = "POST",
     .path = "/",
     .query = {{"Param1", "value1"}},
     .signed_headers = "host;x-amz-date",
     .signature = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {.name = "post-x-www-form-urlencoded",
     .method = "POST",
     .path = "/",
     .more = {{"Content-Type", "application/x-www-form-urlencoded"},
              {"Content-Length", "13"},
              {"x-amz-content-sha256",
               "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
     .body = "Param1=value1",
     .signed_headers = "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
     .signature = "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
    {.name = "post-x-www-form-urlencoded-parameters",
     .method = "POST",
     .path = "/",
     .more = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
              {"Content-Length", "13"},
              {"x-amz-content-sha256",
               "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
     .body = "Param1=value1",
     .signed_headers = "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
     .signature = "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
};

static void test_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suite / sizeof suite[0]; i++) {
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        const char *message = NULL;
        const char *error = verify(&suite[i], &suite_keys, suite_ms, &arena, &message);
        if (error != NULL) {
            fail_msg("%s: %s: %s", suite[i].name, error, message);
        }
        pn_arena_deinit(&arena);
    }
}

/* Expects one of the suite's requests, changed, to be refused so. */
static void refused(const struct suite_case *c, const struct pn_aws_sigv4_keys *keys,
                    int64_t now_ms, const char *type, const char *text)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const char *message = "";
    const char *error = verify(c, keys, now_ms, &arena, &message);
    assert_non_null(error);
    assert_string_equal(error, type);
    if (strstr(message, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, message);
    }
    assert_null(strstr(message, keys->secret_key));
    pn_arena_deinit(&arena);
}

static const char invalid[] = "InvalidSignatureException";
static const char mismatch[] = "The request signature we calculated does not match";

static void test_changed_requests(void **state)
{
    (void)state;
    const struct suite_case *form = &suite[sizeof suite / sizeof suite[0] - 1];
    struct suite_case c = *form;
    c.body = "Param1=value2";
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
    c = *form;
    c.path = "/other";
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
    c = *form;
    c.method = "GET";
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
    c = *form;
    c.query[0] = (struct pn_sigv4_pair){"a", "b"};
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
    c = *form;
    c.more[0].value = "text/plain";
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
    c = *form;
    c.signature = "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51423";
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
    c.signature = "328d1b9e";
    refused(&c, &suite_keys, suite_ms, invalid, mismatch);
}

static void test_wrong_keys(void **state)
{
    (void)state;
    struct pn_aws_sigv4_keys keys = suite_keys;
    keys.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEz";
    refused(&suite[0], &keys, suite_ms, invalid, mismatch);
    keys = suite_keys;
    keys.access_key = "AKIDEXAMPLF";
    refused(&suite[0], &keys, suite_ms, "UnrecognizedClientException",
            "The security token included in the request is invalid.");
    keys = suite_keys;
    keys.service = "kinesis";
    refused(&suite[0], &keys, suite_ms, invalid,
            "Credential should be scoped to correct service: 'kinesis'.");
}

static void test_time(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const char *message = NULL;
    assert_null(verify(&suite[0], &suite_keys, suite_ms + 5 * MINUTE_MS, &arena, &message));
    assert_null(verify(&suite[0], &suite_keys, suite_ms - 5 * MINUTE_MS, &arena, &message));
    pn_arena_deinit(&arena);
    refused(&suite[0], &suite_keys, suite_ms + 6 * MINUTE_MS, invalid,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z "
            "(20150830T124200Z - 5 min.)");
    refused(&suite[0], &suite_keys, suite_ms - 6 * MINUTE_MS, invalid,
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z "
            "(20150830T123000Z + 5 min.)");
}

static void test_unsigned_headers(void **state)
{
    (void)state;
    struct suite_case c = suite[0];
    c.more[0] = (struct pn_sigv4_pair){"X-Amz-Target", "Kinesis_20131202.DeleteStream"};
    refused(&c, &suite_keys, suite_ms, invalid, "'X-Amz-Target' must be a 'SignedHeader'");
    c = suite[0];
    c.signed_headers = "x-amz-date";
    refused(&c, &suite_keys, suite_ms, invalid, "'Host' or ':authority' must be a 'SignedHeader'");
}

/* --- the form of the header ------------------------------------------------------------------- */

static const char *verify_header(const char *authorization, const char *date,
                                 const struct pn_aws_sigv4_keys *keys, struct pn_arena *arena,
                                 const char **message)
{
    const struct pn_sigv4_pair headers[] = {
        {"host", "example.amazonaws.com"}, {"authorization", authorization}, {"x-amz-date", date}};
    const struct pn_sigv4_request request = {
        .method = "GET", .path = "/", .headers = headers, .header_count = date != NULL ? 3 : 2};
    return pn_aws_sigv4_verify(keys, &request, suite_ms, arena, message);
}

static void test_incomplete(void **state)
{
    (void)state;
    static const struct {
        const char *authorization;
        const char *date;
        const char *type;
        const char *message;
    } cases[] = {
        {"", "20150830T123600Z", "MissingAuthenticationTokenException",
         "Missing Authentication Token"},
        {"AWS4-HMAC-SHA256 Signature=b, SignedHeaders=c", "20150830T123600Z",
         "IncompleteSignatureException",
         "Authorization header requires 'Credential' parameter. "
         "Authorization=AWS4-HMAC-SHA256 Signature=b, SignedHeaders=c"},
        {"AWS4-HMAC-SHA256", NULL, "IncompleteSignatureException",
         "Authorization header requires 'Credential' parameter. Authorization header requires "
         "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
         "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
         "Authorization=AWS4-HMAC-SHA256"},
        {"AWS4-HMAC-SHA512 Credential=" SCOPE ", SignedHeaders=host, Signature=b",
         "20150830T123600Z", "IncompleteSignatureException",
         "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."},
        {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/us-east-1/service/aws4_request, "
         "SignedHeaders=host, Signature=b",
         "20150830T123600Z", "IncompleteSignatureException",
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term"},
        {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws5, "
         "SignedHeaders=host, Signature=b",
         "20150830T123600Z", "InvalidSignatureException",
         "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'."},
        {"AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=host, Signature=b", "yesterday",
         "IncompleteSignatureException",
         "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See "
         "http://en.wikipedia.org/wiki/ISO_8601"},
        {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150829/us-east-1/service/aws4_request, "
         "SignedHeaders=host, Signature=b",
         "20150830T123600Z", "InvalidSignatureException",
         "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
         "HTTP: '20150829' != '20150830', from '20150830T123600Z'."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        const char *message = NULL;
        const char *type =
            verify_header(cases[i].authorization, cases[i].date, &suite_keys, &arena, &message);
        assert_non_null(type);
        assert_string_equal(type, cases[i].type);
        assert_string_equal(message, cases[i].message);
        pn_arena_deinit(&arena);
    }
}

/* Without keys any complete signature passes, and only those. */
static void test_any_signature(void **state)
{
    (void)state;
    const struct pn_aws_sigv4_keys keys = {
        .access_key = "", .secret_key = "", .service = "kinesis"};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const char *message = NULL;
    assert_null(verify_header("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c",
                              "any time", &keys, &arena, &message));
    assert_non_null(verify_header("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b", "any time",
                                  &keys, &arena, &message));
    assert_non_null(verify_header("", "any time", &keys, &arena, &message));
    pn_arena_deinit(&arena);
}

/* --- presigned -------------------------------------------------------------------------------- */

static const char *verify_presigned(const char *signature, const char *expires, int64_t now_ms,
                                    const char *authorization, struct pn_arena *arena,
                                    const char **message)
{
    const struct pn_sigv4_pair query[] = {
        {"Param2", "value2"},
        {"Param1", "value1"},
        {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
        {"X-Amz-Credential", "AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"X-Amz-SignedHeaders", "host"},
        {"X-Amz-Expires", expires},
        {"X-Amz-Signature", signature},
    };
    const struct pn_sigv4_pair headers[] = {{"Host", "example.amazonaws.com"},
                                            {"Authorization", authorization}};
    const struct pn_sigv4_request request = {.method = "GET",
                                             .path = "/",
                                             .query = query,
                                             .query_count = sizeof query / sizeof query[0],
                                             .headers = headers,
                                             .header_count = authorization != NULL ? 2 : 1};
    return pn_aws_sigv4_verify(&suite_keys, &request, now_ms, arena, message);
}

static void test_presigned(void **state)
{
    (void)state;
    static const char good[] = "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5";
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const char *message = NULL;
    assert_null(verify_presigned(good, "3600", suite_ms, NULL, &arena, &message));
    assert_null(verify_presigned(good, "3600", suite_ms + 60 * MINUTE_MS, NULL, &arena, &message));
    const char *type =
        verify_presigned(good, "3600", suite_ms + 61 * MINUTE_MS, NULL, &arena, &message);
    assert_string_equal(type, invalid);
    assert_non_null(strstr(message, "Signature expired"));
    type = verify_presigned(good, "3601", suite_ms, NULL, &arena, &message);
    assert_string_equal(type, invalid);
    assert_non_null(strstr(message, mismatch));
    type = verify_presigned(good, "604801", suite_ms, NULL, &arena, &message);
    assert_string_equal(type, "IncompleteSignatureException");
    type = verify_presigned("", "3600", suite_ms, NULL, &arena, &message);
    assert_string_equal(type, "IncompleteSignatureException");
    assert_string_equal(message, "AWS query-string parameters must include 'X-Amz-Signature'. "
                                 "Re-examine the query-string parameters.");
    type = verify_presigned(good, "3600", suite_ms, "AWS4-HMAC-SHA256 x", &arena, &message);
    assert_string_equal(type, invalid);
    assert_non_null(strstr(message, "Found both"));
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_changed_requests),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_unsigned_headers),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_any_signature),
        cmocka_unit_test(test_presigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
