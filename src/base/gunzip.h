/*
 * A gzip file as a stream of what it holds (RFC 1952), by ISA-L; several members one after another
 * are one text. For one thread.
 */
#ifndef PN_BASE_GUNZIP_H
#define PN_BASE_GUNZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pn_gunzip;

/* Reads what is compressed: `len` bytes from `offset` on; *got is less only at the end. */
typedef int (*pn_gunzip_source_fn)(void *arg, void *bytes, size_t len, int64_t offset, size_t *got,
                                   struct pn_err *e);

/* Starts at offset 0 of the source; `name`, for messages, is copied. More than `bytes_max`
 * decompressed bytes are an error. */
struct pn_gunzip *pn_gunzip_create(pn_gunzip_source_fn source, void *arg, const char *name,
                                   int64_t bytes_max);
void pn_gunzip_destroy(struct pn_gunzip **gunzip); /* NULL ok */

/* The next bytes; *got is less than `len` only at the end. CORRUPT when the data is damaged or ends
 * early, INPUT when it holds more than the maximum. */
int pn_gunzip_read(struct pn_gunzip *gunzip, void *bytes, size_t len, size_t *got,
                   struct pn_err *e) PN_MUST_CHECK;

#endif
