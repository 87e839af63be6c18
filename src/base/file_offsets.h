/*
 * Which offsets of a log a file holds, kept beside its contents: two decimal numbers, "17-10017"
 * for 17 to 10016, in the extended attribute user.pinion.offsets. It lasts through a rename; copies
 * without attributes, files of others, and files on a file system that has none, do not have it.
 */
#ifndef PN_BASE_FILE_OFFSETS_H
#define PN_BASE_FILE_OFFSETS_H

#include <stdbool.h>

#include "base/io.h"

#define PN_FILE_OFFSETS_NAME "user.pinion.offsets"

/* Notes first <= offset < end, if the file system can keep it; made durable by the file's next
 * sync. */
void pn_file_offsets_set(const struct pn_io *io, const char *path, int64_t first, int64_t end);
/* False when nothing is noted, or it makes no sense. */
bool pn_file_offsets_get(const struct pn_io *io, const char *path, int64_t *first, int64_t *end);
/* Reads the two numbers; false when they make no sense. */
bool pn_offsets_parse(const char *text, int64_t *first, int64_t *end);

#endif
