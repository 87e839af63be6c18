/*
 * Where the files are that a log names. A path in a log is what its writer made of it: relative to
 * the table, with detours, absolute, a "file:" URL, or one that reaches the table's folder through
 * a link. So files are never compared by their paths: a path is resolved to a key of the store, or
 * to the file's identity.
 */
#ifndef PN_DELTA_PLACE_H
#define PN_DELTA_PLACE_H

#include "delta/internal.h"

/*
 * Looks for the file of a path that is decoded and normalized (as in struct pn_delta_file). *key is
 * its key (caller frees), NULL when it lies outside the store; `object` has all but its key.
 * MISSING when it is not there, INPUT when the store cannot look there (a URL of another machine).
 */
int pn_delta_place_find(struct pn_delta *table, const char *path, char **key,
                        struct pn_object *object, struct pn_err *e) PN_MUST_CHECK;

#endif
