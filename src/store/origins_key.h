/*
 * Where the origins of a landed object's records are: a second object, of which each line says
 * where the record in the same line of the first came from. The sink puts it before the first one,
 * and only for topics of which a table takes more than the first one's name says.
 *
 *   topics/t/partition=0/t+0+0000000017.json             the records
 *   origins/t/partition=0/t+0+0000000017+8f2c41d0.json   their origins; 8f2c41d0 is the CRC-32C of
 *                                                        the records' object
 *
 *   {"offset":17,"timestamp":1764489600123,"key":"k","headers":[["name","value"],["empty",null]]}
 *
 * `timestamp` is in milliseconds since 1970. A key that is not UTF-8 is under "key_base64", and a
 * header's value that is not is the third item, in base64: ["name",null,"/w=="]. A record without a
 * key, or without headers, has no such member; where tables take only offsets, lines have nothing
 * else.
 *
 * The name has the checksum because two sinks may cut different objects from one offset on: each
 * has origins of its own, and those of the object that was refused mislead nobody.
 */
#ifndef PN_STORE_ORIGINS_KEY_H
#define PN_STORE_ORIGINS_KEY_H

#include <stdint.h>

/* Of a line, with its end. A record whose line would be longer (text may be escaped to six times
 * its length) does not land as a row but as a dead letter. */
enum { PN_ORIGINS_LINE_BYTES_MAX = 128 << 20 };

/* The key of the origins of an object below `topics_dir`; NULL when the object's key is not that of
 * a landed object (or is one in gzip, which no sink of ours writes). Caller frees. */
char *pn_origins_key(const char *origins_dir, const char *topics_dir, const char *key,
                     uint32_t crc32c);

#endif
