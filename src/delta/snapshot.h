/* Deep copies of the parts of a snapshot. */
#ifndef PN_DELTA_SNAPSHOT_H
#define PN_DELTA_SNAPSHOT_H

#include "delta/delta.h"

const char **pn_delta_list_copy(struct pn_arena *arena, const char *const *items, size_t count);
void pn_delta_protocol_copy(struct pn_arena *arena, struct pn_delta_protocol *to,
                            const struct pn_delta_protocol *from);
void pn_delta_metadata_copy(struct pn_arena *arena, struct pn_delta_metadata *to,
                            const struct pn_delta_metadata *from);

#endif
