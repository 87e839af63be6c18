/*
 * A checksum that goes with a file, for contents whose format has no room for one: the CRC-32C of
 * all of it as 8 hex digits, in the extended attribute user.pinion.crc32c. It lasts through a
 * rename; copies without attributes, files of others, and files on a file system that has none, do
 * not have it, and nobody is to ask for it there.
 */
#ifndef PN_BASE_FILE_SUM_H
#define PN_BASE_FILE_SUM_H

#include <stdbool.h>

#include "base/io.h"

#define PN_FILE_SUM_NAME "user.pinion.crc32c"

/* Gives the file a sum, if its file system can keep it; made durable by the file's next sync. */
void pn_file_sum_set(const struct pn_io *io, const char *path, uint32_t crc32c);
/* False when the file has none. */
bool pn_file_sum_get(const struct pn_io *io, const char *path, uint32_t *crc32c);
/* Reads the file, and gives it the sum of what is in it now. Reads nothing where the file system
 * is known to keep none. */
int pn_file_sum_make(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;
/* Reads the file if it has a sum: CORRUPT when that is not the sum of what is in it. */
int pn_file_sum_check(const struct pn_io *io, const char *path, struct pn_err *e) PN_MUST_CHECK;

#endif
