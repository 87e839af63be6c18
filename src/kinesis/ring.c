/* The ring of hash keys, cut into even parts. */
#include "kinesis/internal.h"

/* Where part `i` of `count` even parts begins. */
static pn_u128 part_start(size_t i, size_t count)
{
    pn_u128 size = PN_RING_END / count;
    if (PN_RING_END % count == count - 1) {
        size++; /* count divides 2^128 */
    }
    return size * i;
}

static pn_u128 part_end(size_t i, size_t count)
{
    return i + 1 == count ? PN_RING_END : part_start(i + 1, count) - 1;
}

void pn_shards_uniform(struct pn_shard *shards, size_t count, int64_t created_ms)
{
    for (size_t i = 0; i < count; i++) {
        shards[i] = (struct pn_shard){.index = (uint32_t)i,
                                      .parent = -1,
                                      .adjacent_parent = -1,
                                      .hash_start = pn_hash_key_from(part_start(i, count)),
                                      .hash_end = pn_hash_key_from(part_end(i, count)),
                                      .created_ms = created_ms,
                                      .open = true,
                                      .end_offset = -1};
    }
}
