/* Base64, by OpenSSL: the alphabet with + and /, no line breaks. */
#ifndef PN_BASE_BASE64_H
#define PN_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* Appends the base64 of the bytes, with padding. */
void pn_base64_encode(struct pn_buf *out, const void *bytes, size_t len);
/* Appends the decoded bytes; padding may be missing. False when it is no base64 or `out` is full
 * (then what was appended is undefined). */
bool pn_base64_decode(struct pn_buf *out, const char *text, size_t len);
/* Decodes what an encoder writes and nothing else: padded, and no bits set behind the last byte.
 * The bytes are in the arena. False when it is not that. */
bool pn_base64_decode_exact(struct pn_arena *arena, const char *text, size_t len,
                            const void **bytes, size_t *bytes_len);

#endif
