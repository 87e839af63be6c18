/*
 * Patterns of keys of the store, such as "incoming/2026-*.csv". Within a part of a key, `*` stands
 * for any characters, also none; the part `**` for any number of folders, also none. A name that
 * begins with a dot or an underscore matches only a part that begins so, too: other programs use
 * such names for what is not whole yet.
 */
#ifndef PN_PIPELINE_GLOB_H
#define PN_PIPELINE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Is it one? It is a key, begins with a folder and ends with a name. INPUT says what it lacks. */
int pn_glob_check(const char *glob, struct pn_err *e) PN_MUST_CHECK;
bool pn_glob_matches(const char *glob, const char *key);
/* How much of it is one prefix of all keys that it matches, up to a "/". */
size_t pn_glob_prefix(const char *glob);
/* Can it match a key in this folder, or the folder's own? Parts of `folder` may have a `*`, which
 * stands for one or more characters; then the answer may be yes where it is no. */
bool pn_glob_reaches(const char *glob, const char *folder);

#endif
