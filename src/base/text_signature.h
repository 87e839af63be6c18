/*
 * What the first bytes of something from outside say about it. Every reader of such text (requests,
 * records, objects, files) skips a byte-order mark and explains what it cannot read by these, so
 * that a reason names the cause and not a symptom.
 *
 * Sources: RFC 8259 section 8.1 (byte-order mark), RFC 1952 (gzip), RFC 1950 (zlib), RFC 8878
 * (Zstandard), and the aggregated record format of the Kinesis Producer Library.
 */
#ifndef PN_BASE_TEXT_SIGNATURE_H
#define PN_BASE_TEXT_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* How many bytes a UTF-8 byte-order mark takes at the start of the text: 3, or 0 for none. */
size_t pn_text_bom(const void *text, size_t len);

/* Do the bytes start like a KPL aggregate (F3 89 9A C2)? */
bool pn_text_is_kpl(const void *bytes, size_t len);
enum { PN_KPL_MAGIC_BYTES = 4 };

/* For bytes that could not be read as text: "looks like gzip (1F 8B): decompress it first", or NULL
 * when the start is that of nothing known. Static. */
const char *pn_text_looks_like(const void *bytes, size_t len);

/* The text of a file after its byte-order mark, which *len loses too; INPUT naming the file when
 * it looks like something that is not text. */
int pn_text_start(const char *path, const char *text, size_t *len, const char **start,
                  struct pn_err *e) PN_MUST_CHECK;

#endif
