#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/rest/negotiate.h"

static void test_produce_types(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum pn_kafka_rest_format_kind kind;
    } cases[] = {
        {"application/vnd.kafka.json.v2+json", PN_KAFKA_REST_BODY_JSON},
        {"application/json", PN_KAFKA_REST_BODY_JSON},
        {"Application/JSON; charset=utf-8", PN_KAFKA_REST_BODY_JSON},
        {" application/json ;x=y", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.v2+json", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.json.v1+json", PN_KAFKA_REST_BODY_JSON},
        {NULL, PN_KAFKA_REST_BODY_JSON},
        {"", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.binary.v2+json", PN_KAFKA_REST_BODY_BINARY},
        {"application/vnd.kafka.avro.v2+json", PN_KAFKA_REST_BODY_SCHEMA},
        {"application/vnd.kafka.jsonschema.v2+json", PN_KAFKA_REST_BODY_SCHEMA},
        {"application/vnd.kafka.protobuf.v2+json", PN_KAFKA_REST_BODY_SCHEMA},
        {"application/vnd.kafka.json.v/2+json", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.json.v3+json", PN_KAFKA_REST_BODY_UNKNOWN},
        {"text/plain", PN_KAFKA_REST_BODY_UNKNOWN},
        {"application/x-www-form-urlencoded", PN_KAFKA_REST_BODY_JSON},
        {"application/jsonx", PN_KAFKA_REST_BODY_UNKNOWN},
        {";", PN_KAFKA_REST_BODY_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_kafka_rest_negotiate_produce(cases[i].type), cases[i].kind);
    }
}

static void test_accept(void **state)
{
    (void)state;
    static const char *const offers[] = {"application/vnd.kafka.v2+json", "application/json"};
    static const struct {
        const char *accept;
        int chosen;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"application/*", 0},
        {"application/vnd.kafka.v2+json", 0},
        {"application/json", 1},
        {"APPLICATION/JSON", 1},
        {"application/vnd.kafka.v2+json; q=0.9, application/json; q=0.5", 0},
        {"application/vnd.kafka.v2+json;q=0.1,application/json;q=0.5", 1},
        {"application/json, */*;q=0.1", 1},
        {"application/vnd.kafka.v2+json;q=0, */*", 1},
        {"text/html, application/xhtml+xml", -1},
        {"text/*", -1},
        {"application/json;q=0", -1},
        {"*/*;q=0", -1},
        {",,,", -1},
        {"application/json;charset=utf-8;q=0.5", 1},
        {"application/json;q=nonsense", -1},
        {"text/html, *", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_kafka_rest_negotiate_accept(cases[i].accept, offers, 2),
                         cases[i].chosen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_produce_types),
        cmocka_unit_test(test_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
