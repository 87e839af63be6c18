#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/rest/format.h"

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
        assert_int_equal(pn_kafka_rest_format(cases[i].type), cases[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_produce_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
