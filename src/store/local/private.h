/*
 * What the files of the local store share.
 */
#ifndef PN_STORE_LOCAL_PRIVATE_H
#define PN_STORE_LOCAL_PRIVATE_H

#include "base/io.h"
#include "store/store.h"

/* pn_store_list() over `folder`, see list.c. */
int pn_local_list(const struct pn_io *io, const char *folder, const char *prefix, const char *after,
                  int (*fn)(void *arg, const struct pn_object *object), void *arg,
                  struct pn_err *e) PN_MUST_CHECK;

/* The object that a file is. */
void pn_local_object(struct pn_object *object, const char *key, const struct stat *st);

#endif
