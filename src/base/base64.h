/* Base64, by OpenSSL: the alphabet with + and /. */
#ifndef PN_BASE_BASE64_H
#define PN_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* Appends the base64 of the bytes, with padding. */
void pn_base64_encode(struct pn_buf *out, const void *bytes, size_t len);
/* Appends the decoded bytes of what producers call base64: padding may be missing, and CR, LF,
 * spaces and tabs anywhere are skipped, because MIME encoders and base64(1) break lines. This is
 * the decoder of Kafka REST and of tables. False when it is not base64 or `out` is full (then what
 * was appended is undefined). */
bool pn_base64_decode(struct pn_buf *out, const char *text, size_t len);
/* Decodes what an encoder writes and nothing else: padded, no blanks, and no bits set after the
 * last byte. AWS's APIs take only this, and so do ours that stand for them. The bytes are in the
 * arena. False when it is not that. */
bool pn_base64_decode_exact(struct pn_arena *arena, const char *text, size_t len,
                            const void **bytes, size_t *bytes_len);

#endif
