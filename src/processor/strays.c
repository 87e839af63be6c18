#include "processor/strays.h"

#include <string.h>

void pn_strays_init(struct pn_strays *strays)
{
    *strays = (struct pn_strays){.counts = {.records = 0}};
    pthread_mutex_init(&strays->lock, NULL);
    pn_arena_init(&strays->arena, 0);
}

void pn_strays_deinit(struct pn_strays *strays)
{
    pn_arena_deinit(&strays->arena);
    pthread_mutex_destroy(&strays->lock);
}

static struct pn_bytes copy(struct pn_arena *arena, struct pn_bytes key)
{
    return (struct pn_bytes){pn_arena_strndup(arena, key.data, key.len), key.len};
}

static struct pn_stray_key *find(struct pn_stray_counts *counts, struct pn_bytes key)
{
    for (size_t i = 0; i < counts->count; i++) {
        const struct pn_bytes *known = &counts->keys[i].key;
        if (known->len == key.len && memcmp(known->data, key.data, key.len) == 0) {
            return &counts->keys[i];
        }
    }
    return NULL;
}

void pn_strays_add(struct pn_strays *strays, struct pn_bytes key, uint32_t shard, int64_t offset)
{
    struct pn_stray_counts *counts = &strays->counts;
    pthread_mutex_lock(&strays->lock);
    struct pn_stray_key *found = find(counts, key);
    if (found == NULL && counts->count < PN_STRAY_KEYS_MAX) {
        found = &counts->keys[counts->count++];
        *found = (struct pn_stray_key){
            .key = copy(&strays->arena, key), .shard = shard, .offset = offset};
    }
    counts->records++;
    if (found != NULL) {
        found->records++;
    } else {
        counts->more++;
    }
    pthread_mutex_unlock(&strays->lock);
}

struct pn_stray_counts pn_strays_counts(struct pn_strays *strays, struct pn_arena *arena)
{
    pthread_mutex_lock(&strays->lock);
    struct pn_stray_counts counts = strays->counts;
    for (size_t i = 0; i < counts.count; i++) {
        counts.keys[i].key = copy(arena, counts.keys[i].key);
    }
    pthread_mutex_unlock(&strays->lock);
    return counts;
}
