/*
 * For tests that live and die thousands of times: the real disk without its waits, and a folder in
 * memory where the system has one.
 */
#ifndef PN_TEST_SUPPORT_RAM_IO_H
#define PN_TEST_SUPPORT_RAM_IO_H

#include <stddef.h>

#include "base/io.h"

/* The real disk, but syncs do nothing. */
const struct pn_io *ram_io(void);
/* Makes a fresh folder whose name starts with pinion-<name>, into path; asserts (cmocka). */
void ram_folder(const char *name, char *path, size_t path_size);

#endif
