/* A file in zstd, decompressed to another file (RFC 8878), by libzstd. */
#ifndef PN_BASE_UNZSTD_H
#define PN_BASE_UNZSTD_H

#include "base/io.h"

/* Writes what `from` holds to the new file `to`; several frames one after another are one text.
 * CORRUPT when the data is damaged or ends early, INPUT when it holds more than `bytes_max`. After
 * an error `to` may be there. */
int pn_unzstd_file(const struct pn_io *io, const char *from, const char *to, int64_t bytes_max,
                   struct pn_err *e) PN_MUST_CHECK;

#endif
