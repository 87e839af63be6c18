/*
 * Files of tables that are copied to another store: in which order, and which versions there are.
 * By the names alone, which are those of the Delta protocol.
 */
#ifndef PN_DELTA_COPYING_H
#define PN_DELTA_COPYING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A rank as in store/copy.h, by which a reader of the target sees whole versions only:
 *   0  data files, and all that is not of a table
 *   1  checkpoints and what they refer to
 *   2  commits, which are to come in the order of their versions
 *   3  _last_checkpoint, which is replaced at any time
 */
int pn_delta_copy_rank(const char *key);
/* Whether the key is that of a commit or a checkpoint; then the length of the table's part of the
 * key, and the version. */
bool pn_delta_copy_version(const char *key, size_t *table_len, int64_t *version);

#endif
