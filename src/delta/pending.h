/*
 * The data files that this process has written, or is writing, and has not committed yet: a vacuum
 * in the same process spares them however long their commit takes and whatever the clock says. They
 * are known by their keys, to all tables and stores of the process; a name that is on the list
 * twice, or of another store, only spares a file too many. Any thread.
 */
#ifndef PN_DELTA_PENDING_H
#define PN_DELTA_PENDING_H

#include <stdbool.h>

/* Is the object of this key about to be committed here? (To add and remove one: delta.h.) */
bool pn_delta_is_pending(const char *key);

#endif
