/* What the name of a landed object says: <topic>+<partition>+<number>.json, or .json.gz. */
#ifndef PN_ENGINE_DUCKDB_OBJECT_NAME_H
#define PN_ENGINE_DUCKDB_OBJECT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PN_OBJECT_NUMBER_MAX INT64_C(9007199254740991) /* 2^53 - 1, as in a log's JSON */

/* Reads the last part of a key. False when it is not of that form. */
bool pn_object_name_read(const char *topic, const char *key, int32_t *partition, int64_t *number);
/* Decimal digits, as they are in such names; false where they aren't, or above `max`. */
bool pn_object_number_read(const char *text, size_t len, int64_t max, int64_t *number);

#endif
