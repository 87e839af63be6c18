#include "delta/keyset.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum { CAPACITY_FIRST = 64 };

/* FNV-1a, 64 bits, with a last mix, for the low bits choose the slot. */
static uint64_t hash_of(const char *bytes, size_t len)
{
    uint64_t hash = 14695981039346656037ULL;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211ULL;
    }
    return hash ^ (hash >> 32);
}

void pn_delta_keyset_init(struct pn_delta_keyset *set)
{
    *set = (struct pn_delta_keyset){0};
}

void pn_delta_keyset_deinit(struct pn_delta_keyset *set)
{
    free(set->slots);
    *set = (struct pn_delta_keyset){0};
}

/* The slot of a key, or the empty one where it would go. */
static struct pn_delta_key *find_slot(const struct pn_delta_keyset *set, const char *bytes,
                                      size_t len, uint64_t hash)
{
    size_t at = hash & (set->capacity - 1);
    for (;;) {
        struct pn_delta_key *slot = &set->slots[at];
        if (slot->bytes == NULL ||
            (slot->hash == hash && slot->len == len && memcmp(slot->bytes, bytes, len) == 0)) {
            return slot;
        }
        at = (at + 1) & (set->capacity - 1);
    }
}

static void grow(struct pn_delta_keyset *set)
{
    struct pn_delta_keyset grown = {
        .capacity = set->capacity == 0 ? CAPACITY_FIRST : set->capacity * 2, .count = set->count};
    grown.slots = pn_xcalloc(grown.capacity, sizeof *grown.slots);
    for (size_t i = 0; i < set->capacity; i++) {
        const struct pn_delta_key *slot = &set->slots[i];
        if (slot->bytes != NULL) {
            *find_slot(&grown, slot->bytes, slot->len, slot->hash) = *slot;
        }
    }
    free(set->slots);
    *set = grown;
}

bool pn_delta_keyset_get(const struct pn_delta_keyset *set, const char *bytes, size_t len,
                         size_t *value)
{
    if (set->count == 0) {
        return false;
    }
    const struct pn_delta_key *slot = find_slot(set, bytes, len, hash_of(bytes, len));
    if (slot->bytes == NULL) {
        return false;
    }
    if (value != NULL) {
        *value = slot->value;
    }
    return true;
}

void pn_delta_keyset_add(struct pn_delta_keyset *set, const char *bytes, size_t len, size_t value)
{
    PN_ASSERT(bytes != NULL);
    if ((set->count + 1) * 4 > set->capacity * 3) {
        grow(set);
    }
    uint64_t hash = hash_of(bytes, len);
    struct pn_delta_key *slot = find_slot(set, bytes, len, hash);
    PN_ASSERT(slot->bytes == NULL);
    *slot = (struct pn_delta_key){.bytes = bytes, .len = len, .hash = hash, .value = value};
    set->count++;
}
