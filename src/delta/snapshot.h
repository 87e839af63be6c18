/* Deep copies of the parts of a snapshot, and comparisons. */
#ifndef PN_DELTA_SNAPSHOT_H
#define PN_DELTA_SNAPSHOT_H

#include "delta/delta.h"

const char **pn_delta_list_copy(struct pn_arena *arena, const char *const *items, size_t count);
void pn_delta_protocol_copy(struct pn_arena *arena, struct pn_delta_protocol *to,
                            const struct pn_delta_protocol *from);
void pn_delta_metadata_copy(struct pn_arena *arena, struct pn_delta_metadata *to,
                            const struct pn_delta_metadata *from);
bool pn_delta_list_same(const char *const *one, size_t one_count, const char *const *other,
                        size_t other_count);
/* Are they the same, but for id and time? Schemas are, when their texts are. */
bool pn_delta_metadata_same(const struct pn_delta_metadata *one,
                            const struct pn_delta_metadata *other);

#endif
