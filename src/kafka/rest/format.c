#include "kafka/rest/format.h"

#include <string.h>
#include <strings.h>

/* A piece of a header, without the white space around it. */
struct span {
    const char *text;
    size_t len;
};

static struct span trimmed(const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
        len--;
    }
    return (struct span){.text = text, .len = len};
}

static bool span_is(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp(span.text, word, span.len) == 0;
}

/* "type/subtype" of a media type with parameters. */
static struct span media_type(const char *header)
{
    return trimmed(header, strcspn(header, ";"));
}

enum pn_kafka_rest_format_kind pn_kafka_rest_format(const char *content_type)
{
    static const struct {
        const char *type;
        enum pn_kafka_rest_format_kind kind;
    } types[] = {
        {"application/vnd.kafka.json.v2+json", PN_KAFKA_REST_BODY_JSON},
        {"application/json", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.v2+json", PN_KAFKA_REST_BODY_JSON},
        {"application/x-www-form-urlencoded",
         PN_KAFKA_REST_BODY_JSON}, /* what curl -d says unasked */
        {"application/vnd.kafka.json.v1+json", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.json+json", PN_KAFKA_REST_BODY_JSON},
        {"application/vnd.kafka.json.v/2+json",
         PN_KAFKA_REST_BODY_JSON}, /* a slip that producers have */
        {"application/vnd.kafka.binary.v2+json", PN_KAFKA_REST_BODY_BINARY},
        {"application/vnd.kafka.binary.v1+json", PN_KAFKA_REST_BODY_BINARY},
        {"application/vnd.kafka.binary+json", PN_KAFKA_REST_BODY_BINARY},
        {"application/vnd.kafka.avro.v2+json", PN_KAFKA_REST_BODY_SCHEMA},
        {"application/vnd.kafka.avro.v1+json", PN_KAFKA_REST_BODY_SCHEMA},
        {"application/vnd.kafka.jsonschema.v2+json", PN_KAFKA_REST_BODY_SCHEMA},
        {"application/vnd.kafka.protobuf.v2+json", PN_KAFKA_REST_BODY_SCHEMA},
    };
    if (content_type == NULL || *content_type == '\0') {
        return PN_KAFKA_REST_BODY_JSON;
    }
    struct span type = media_type(content_type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (span_is(type, types[i].type)) {
            return types[i].kind;
        }
    }
    return PN_KAFKA_REST_BODY_UNKNOWN;
}

bool pn_kafka_rest_is_json(const char *content_type)
{
    enum pn_kafka_rest_format_kind kind = pn_kafka_rest_format(content_type);
    return kind != PN_KAFKA_REST_BODY_UNKNOWN;
}
