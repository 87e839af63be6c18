/*
 * Files on their way to being objects: a folder of this machine whose names say which process made
 * them, so that what a killed process left can be told from what is in use.
 *
 * Threads: any thread may call any function.
 */
#ifndef PN_STORE_TEMP_FILES_H
#define PN_STORE_TEMP_FILES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/io.h"

struct pn_temp_files {
    const struct pn_io *io; /* borrowed */
    char *folder;
    uint64_t seed;              /* makes names unique among processes, ... */
    atomic_uint_fast64_t count; /* ... and this one among ours */
};

/* Takes over the folder's name; the folder is not made yet. */
void pn_temp_files_init(struct pn_temp_files *files, const struct pn_io *io, char *folder);
void pn_temp_files_deinit(struct pn_temp_files *files);
/* A fresh path; it keeps the key's extension, by which engines choose a format. Caller frees. */
char *pn_temp_files_path(struct pn_temp_files *files, const char *key);
/* Removes what no running process uses. */
int pn_temp_files_sweep(const struct pn_temp_files *files, struct pn_err *e) PN_MUST_CHECK;

#endif
