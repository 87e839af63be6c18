/*
 * The local store: a folder whose files are the objects. Temporary files live in <folder>/.tmp,
 * which is not a key (names starting with a dot at the top are not listed).
 *
 * put: temporary file, write, fsync, rename (link for put-if-absent), fsync of the folder.
 */
#ifndef PN_STORE_LOCAL_H
#define PN_STORE_LOCAL_H

#include "base/io.h"
#include "store/store.h"

/* Opens (and makes, when missing) the folder. `io` is borrowed. Destroy with pn_store_destroy(). */
int pn_local_store_open(const char *folder, const struct pn_io *io, struct pn_store **store,
                        struct pn_err *e) PN_MUST_CHECK;

#endif
