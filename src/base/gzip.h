/* gzip (RFC 1952) in memory, by ISA-L, at a speed of hundreds of megabytes a second. */
#ifndef PN_BASE_GZIP_H
#define PN_BASE_GZIP_H

#include "base/buf.h"

/* Appends the bytes as one gzip member. False, with `out` as it was, when that would not be
 * shorter than the bytes, or there is no memory or no room in `out` for it. Any thread. */
bool pn_gzip(const void *bytes, size_t len, struct pn_buf *out) PN_MUST_CHECK;

#endif
