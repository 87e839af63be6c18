/*
 * The body of a produce request (Kafka REST v2), to log entries:
 *
 *   {"records":[{"key"?,"value"?,"partition"?,"headers"?:[{"key":"...","value":base64|null}]},...],
 *    "key_schema"?,"key_schema_id"?,"value_schema"?,"value_schema_id"?}
 *
 * In the json format a value's bytes are its compact JSON, so 0, false, {}, "" and [] keep their
 * own value, and null (or no value at all) is Kafka's null. In the binary format keys and values
 * are base64 strings. Anything that isn't in the list above is refused rather than dropped: a
 * mistyped "valeu" must not become a null. The schema members are taken and ignored: there is no
 * registry.
 */
#ifndef PN_KAFKA_REST_PRODUCE_BODY_H
#define PN_KAFKA_REST_PRODUCE_BODY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "kafka/rest/format.h"
#include "kafka/rest/refusal.h"
#include "log/log.h"

struct pn_kafka_rest_produce_input {
    const struct pn_json *root; /* NULL: an empty body */
    enum pn_kafka_rest_format_kind
        format;        /* PN_KAFKA_REST_BODY_JSON or PN_KAFKA_REST_BODY_BINARY */
    int32_t partition; /* for records that name none: of the path, or PN_PARTITION_ANY */
    int64_t records_max;
    int64_t record_bytes_max;
};

/*
 * Makes the entries (in the arena); their bytes are in `values`. An entry that is too large has
 * rc PN_FAIL and class INPUT; nothing else is checked against the log. On failure *error is set
 * and -1 is returned.
 */
int pn_kafka_rest_produce_parse(const struct pn_kafka_rest_produce_input *input,
                                struct pn_arena *arena, struct pn_buf *values,
                                struct pn_log_entry **entries, size_t *count,
                                struct pn_kafka_rest_refusal *error) PN_MUST_CHECK;

/*
 * Which record of a body that isn't JSON holds its first fault, at byte `offset`: false when the
 * fault is not inside of a record.
 */
bool pn_kafka_rest_produce_record_at(const char *body, size_t offset, size_t *index);

#endif
