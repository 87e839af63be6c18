/*
 * A small JSON file that carries its own checksum: one object, replaced as a whole
 * (pn_io_replace_file), that starts and ends like this.
 *
 *   {"checked":1, ... ,"crc32c":"0123abcd"}\n
 *
 * The CRC-32C covers every byte before `,"crc32c"`. The mark at the start says that there must be a
 * sum at the end, and the other way round: so damage to either cannot make a checked file pass for
 * one that was written before there were checksums. Such an older file has neither; it is read
 * without a check if it starts as its writer always started it, and its owner writes it again.
 */
#ifndef PN_BASE_CHECKED_FILE_H
#define PN_BASE_CHECKED_FILE_H

#include <stdbool.h>

#include "base/io.h"
#include "base/json_writer.h"

/* Writing: the writer's buffer is empty; between the two, add the members. Then put the text into
 * the file by pn_io_replace_file(). */
void pn_checked_begin(struct pn_json_writer *json);
void pn_checked_end(struct pn_json_writer *json);

/*
 * Reads the file into `text`, which is JSON to be parsed by the caller. *is_old says that it is an
 * older file without a checksum, which begins with `old_start`. MISSING without a file; CORRUPT,
 * with the file's name and what to do, when it is not what was written.
 */
int pn_checked_file_read(const struct pn_io *io, const char *path, const char *old_start,
                         struct pn_buf *text, bool *is_old, struct pn_err *e) PN_MUST_CHECK;

#endif
