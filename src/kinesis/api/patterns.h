/* The regular expressions of the API's texts, matched by hand: no text of a caller can make
 * one slow, and none needs compiling. */
#ifndef PN_KINESIS_API_PATTERNS_H
#define PN_KINESIS_API_PATTERNS_H

#include "kinesis/api/model.h"

extern const struct pn_pattern pn_pattern_name; /* of a stream, shard or consumer */
extern const struct pn_pattern pn_pattern_hash_key;
extern const struct pn_pattern pn_pattern_sequence;
extern const struct pn_pattern pn_pattern_stream_id;
extern const struct pn_pattern pn_pattern_stream_arn;
extern const struct pn_pattern pn_pattern_resource_arn;
extern const struct pn_pattern pn_pattern_consumer_arn;

#endif
