#include "kafka/rest/negotiate.h"

#include <stdlib.h>
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

enum pn_kafka_rest_format_kind pn_kafka_rest_negotiate_produce(const char *content_type)
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

bool pn_kafka_rest_negotiate_is_json(const char *content_type)
{
    enum pn_kafka_rest_format_kind kind = pn_kafka_rest_negotiate_produce(content_type);
    return kind != PN_KAFKA_REST_BODY_UNKNOWN;
}

/* The q of a media range's parameters, in thousandths; 1000 when there is none. */
static int quality(struct span params)
{
    const char *end = params.text + params.len;
    for (const char *p = params.text; p < end;) {
        const char *stop = memchr(p, ';', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        struct span param = trimmed(p, (size_t)(stop - p));
        if (param.len > 2 && (param.text[0] == 'q' || param.text[0] == 'Q') &&
            param.text[1] == '=') {
            char digits[8] = "";
            size_t len = param.len - 2 < sizeof digits - 1 ? param.len - 2 : sizeof digits - 1;
            memcpy(digits, param.text + 2, len);
            double q = strtod(digits, NULL);
            return q < 0 ? 0 : q > 1 ? 1000 : (int)(q * 1000);
        }
        p = stop + 1;
    }
    return 1000;
}

/* How closely a media range names `offer`: 3 the very type, 2 "type/ *", 1 "* / *", 0 not. */
static int closeness(struct span range, const char *offer)
{
    if (span_is(range, offer)) {
        return 3;
    }
    const char *slash = strchr(offer, '/');
    size_t major = (size_t)(slash - offer) + 1;
    if (range.len == major + 1 && range.text[major] == '*' &&
        strncasecmp(range.text, offer, major) == 0) {
        return 2;
    }
    return span_is(range, "*/*") || span_is(range, "*") ? 1 : 0;
}

/* The q that the closest range of the header gives `offer`; 0 when none does. */
static int offer_quality(const char *accept, const char *offer)
{
    int best = 0;
    int q = 0;
    for (const char *p = accept; *p != '\0';) {
        size_t len = strcspn(p, ",");
        const char *semicolon = memchr(p, ';', len);
        size_t type_len = semicolon != NULL ? (size_t)(semicolon - p) : len;
        struct span params = {.text = p + type_len, .len = len - type_len};
        int close = closeness(trimmed(p, type_len), offer);
        if (close > best) {
            best = close;
            q = quality(params);
        }
        p += len;
        p += *p == ',';
    }
    return q;
}

int pn_kafka_rest_negotiate_accept(const char *accept, const char *const *offers, size_t count)
{
    if (accept == NULL || *accept == '\0') {
        return 0;
    }
    int chosen = -1;
    int chosen_q = 0;
    for (size_t i = 0; i < count; i++) {
        int q = offer_quality(accept, offers[i]);
        if (q > chosen_q) {
            chosen = (int)i;
            chosen_q = q;
        }
    }
    return chosen;
}
