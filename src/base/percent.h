/* Percent-encoding of URLs. */
#ifndef PN_BASE_PERCENT_H
#define PN_BASE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* The value of a hexadecimal digit; -1: it is not one. */
int pn_hex_digit(char c);
/* A decoded, NUL-terminated copy in the arena; NULL when an escape is broken or gives a NUL or a
 * control character, or when the result is not UTF-8. */
char *pn_percent_decode(struct pn_arena *arena, const char *text, size_t len);
/* Appends the text with every byte but [A-Za-z0-9._-] as %XX: a file name, or a URL's segment. */
void pn_percent_encode(struct pn_buf *out, const char *text);

#endif
