/*
 * The two spellings of the Kinesis API: JSON 1.1 and CBOR 1.1. Requests of both become the same
 * tree of nodes, replies are written through one writer, so an operation never knows which it was.
 *
 * A STRING node's `raw` distinguishes bytes from text:
 *   NULL            bytes: a byte string of CBOR, or a blob that model.h has decoded
 *   equal to `text` a text string of CBOR, or of a tree that a front builds itself
 *   else            a string of JSON: where a blob is wanted, it is base64
 * A timestamp of CBOR (tag 1: whole numbers are milliseconds, as the AWS SDKs write them, others
 * seconds) is a NUMBER of seconds.
 */
#ifndef PN_KINESIS_API_WIRE_H
#define PN_KINESIS_API_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_writer.h"

/* The most items that a tree may have: an item of one byte becomes a node of more than a
 * hundred. */
enum { PN_CBOR_ITEMS_MAX = 1 << 16 };

/*
 * Reads a CBOR item into a tree in the arena, whose texts stand in `bytes`. INPUT, "invalid CBOR at
 * byte N: <reason>", for what is malformed, nested deeper than PN_JSON_DEPTH_MAX, has too many
 * items or something after it, or announces more than the bytes can hold. Indefinite lengths are
 * taken, tags other than 1 are read over, `undefined` is null.
 */
int pn_cbor_parse(const void *bytes, size_t len, struct pn_arena *arena, struct pn_json **root,
                  struct pn_err *e) PN_MUST_CHECK;

/* The bytes of a blob member: of a node of bytes these, of a string of JSON its base64 decoded (in
 * the arena). False when it is not a blob, or when `node` is NULL. */
bool pn_wire_blob(const struct pn_json *node, struct pn_arena *arena, const void **bytes,
                  size_t *len) PN_MUST_CHECK;
/* A timestamp member in milliseconds, rounded. */
int64_t pn_wire_timestamp_ms(const struct pn_json *node);

/* For a tree built by hand: makes `node` a text or bytes, which are borrowed. */
void pn_wire_set_text(struct pn_json *node, const char *text, size_t len);
void pn_wire_set_bytes(struct pn_json *node, const void *bytes, size_t len);

/*
 * Writes a reply. Members come as key, value, key, value; commas and lengths are the writer's. A
 * reply may stand after other bytes in its buffer. pn_buf_failed() says at the end whether all
 * fitted.
 */
struct pn_wire {
    struct pn_json_writer json; /* of CBOR, only its buffer is used */
    bool cbor;
};
/* `out` is borrowed. */
void pn_wire_init(struct pn_wire *wire, struct pn_buf *out, bool cbor);
void pn_wire_map(struct pn_wire *wire); /* opens an object */
void pn_wire_map_end(struct pn_wire *wire);
void pn_wire_list(struct pn_wire *wire);
void pn_wire_list_end(struct pn_wire *wire);
void pn_wire_key(struct pn_wire *wire, const char *key);
/* Values; in a list they stand without a key. */
void pn_wire_text(struct pn_wire *wire, const char *text, size_t len); /* UTF-8 */
void pn_wire_cstr(struct pn_wire *wire, const char *text);             /* NULL writes null */
void pn_wire_int(struct pn_wire *wire, int64_t value);
void pn_wire_bool(struct pn_wire *wire, bool value);
void pn_wire_blob_bytes(struct pn_wire *wire, const void *bytes, size_t len);
/* JSON: seconds, with a fraction; CBOR: whole milliseconds with tag 1, as AWS's SDKs read them. */
void pn_wire_timestamp(struct pn_wire *wire, int64_t ms);
/* A tree as it was read, with all below it: bytes as a blob, any other string as a text. */
void pn_wire_node(struct pn_wire *wire, const struct pn_json *node);

#endif
