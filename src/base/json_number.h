/*
 * What json.c and json_simdjson.cc share about numbers. Nothing else includes this header.
 */
#ifndef PN_BASE_JSON_NUMBER_H
#define PN_BASE_JSON_NUMBER_H

#include <stdbool.h>

#include "base/json.h"

/*
 * Reads the token at node->raw, of node->raw_len bytes: sets is_integer, integer and number. False
 * when the token is not a number by the grammar of JSON (RFC 8259, section 6); then the node is
 * undefined.
 */
bool pn_json_number_read(struct pn_json *node);

#endif
