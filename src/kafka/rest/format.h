/*
 * Content types: what a request says its body is.
 *
 * kafka-rest takes only its own vendor types and answers plain application/json with 415; here
 * application/json, a missing Content-Type (or the one that curl -d sends when it is given none)
 * and the types of its version 1 are taken as well (docs/kafka-rest.md). What needs a schema
 * registry is recognised, to be refused by name.
 */
#ifndef PN_KAFKA_REST_FORMAT_H
#define PN_KAFKA_REST_FORMAT_H

#include <stdbool.h>

enum pn_kafka_rest_format_kind {
    PN_KAFKA_REST_BODY_JSON,
    PN_KAFKA_REST_BODY_BINARY,
    PN_KAFKA_REST_BODY_SCHEMA, /* avro, jsonschema, protobuf */
    PN_KAFKA_REST_BODY_UNKNOWN
};

/* The format of a produce request's body by its Content-Type (NULL: absent). */
enum pn_kafka_rest_format_kind pn_kafka_rest_format(const char *content_type);
/* May the body of any other request be read as JSON? */
bool pn_kafka_rest_is_json(const char *content_type);

#endif
