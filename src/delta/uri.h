/*
 * Paths of data files as the log writes them: URIs (RFC 2396), so a space in a file's name is %20
 * in the log and a percent sign %25. Partition folders that other writers make are escaped twice:
 * once for the folder's name on disk, once more here.
 */
#ifndef PN_DELTA_URI_H
#define PN_DELTA_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* Escapes everything but letters, digits, "-._~", and the separators "/" and "=". */
char *pn_delta_uri_encode(struct pn_arena *arena, const char *path);
/* Undoes every escape. INPUT when that gives a NUL byte. A text without a percent sign is copied
 * as it is. */
int pn_delta_uri_decode(struct pn_arena *arena, const char *uri, size_t len, const char **path,
                        struct pn_err *e) PN_MUST_CHECK;
/*
 * A decoded path without its detours, and "file:" URLs as paths, so that two spellings are equal
 * when they are the same by their text; other URLs are left as they are. Memory in the arena, or
 * `path` itself.
 */
const char *pn_delta_path_normalize(struct pn_arena *arena, const char *path);
/* Does a decoded path name its file without the table's folder: "/x", "s3://x", "file:/x"? */
bool pn_delta_path_is_absolute(const char *path);

#endif
