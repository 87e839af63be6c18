/*
 * What the files of the local store share.
 */
#ifndef PN_STORE_LOCAL_PRIVATE_H
#define PN_STORE_LOCAL_PRIVATE_H

#include "base/io.h"
#include "store/store.h"
#include "store/temp_files.h"

struct pn_local_store {
    struct pn_store store;
    const struct pn_io *io;
    char *folder; /* absolute */
    struct pn_temp_files temps;
};

/* --- names.c -------------------------------------------------------------------------------- */

/* INPUT unless it is a key of the store, whose parts are also names that a file system takes. */
int pn_local_check_key(const char *key, struct pn_err *e) PN_MUST_CHECK;
/* Caller frees. */
char *pn_local_path_of_key(const struct pn_local_store *local, const char *key);
int pn_local_missing(const struct pn_local_store *local, const char *key, struct pn_err *e);

/* --- read.c: operations of the port ---------------------------------------------------------- */

int pn_local_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e);
int pn_local_head(struct pn_store *store, const char *key, struct pn_object *object,
                  struct pn_err *e);
int pn_local_open(struct pn_store *store, const char *key, struct pn_store_file **file,
                  struct pn_err *e);
int pn_local_read_at(struct pn_store_file *file, void *bytes, size_t len, int64_t offset,
                     size_t *got, struct pn_err *e);
bool pn_local_sum(struct pn_store_file *file, uint32_t *crc32c);
bool pn_local_offsets(struct pn_store_file *file, int64_t *first, int64_t *end);
void pn_local_close(struct pn_store_file *file);
/* The object that a file is. */
void pn_local_object(struct pn_object *object, const char *key, const struct stat *st);

/* --- list.c ---------------------------------------------------------------------------------- */

/* pn_store_list() over `folder`. */
int pn_local_list(const struct pn_io *io, const char *folder, const char *prefix, const char *after,
                  int (*fn)(void *arg, const struct pn_object *object), void *arg,
                  struct pn_err *e) PN_MUST_CHECK;

#endif
