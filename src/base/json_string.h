/*
 * What json_simdjson.cc asks of C about strings. Nothing else includes this header.
 */
#ifndef PN_BASE_JSON_STRING_H
#define PN_BASE_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/*
 * Unescapes what is between a string's quotes into the arena, with U+FFFD for each half of a
 * surrogate pair whose other half is missing (RFC 8259, section 8.2, leaves open what to make of
 * one). False when there is any other fault in an escape. `raw` must be UTF-8.
 */
bool pn_json_unescape(struct pn_arena *arena, const char *raw, size_t len, const char **text,
                      size_t *text_len);

#endif
