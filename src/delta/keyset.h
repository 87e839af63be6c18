/*
 * A hash table from byte strings to numbers: which files and applications a replay has seen. Keys
 * are borrowed, so they must outlive the table. Open addressing; grows at three quarters full.
 */
#ifndef PN_DELTA_KEYSET_H
#define PN_DELTA_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pn_delta_key {
    const char *bytes; /* NULL: an empty slot */
    size_t len;
    uint64_t hash;
    size_t value;
};

struct pn_delta_keyset {
    struct pn_delta_key *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

void pn_delta_keyset_init(struct pn_delta_keyset *set);
void pn_delta_keyset_deinit(struct pn_delta_keyset *set);
/* The value of a key (*value may be NULL), or false. */
bool pn_delta_keyset_get(const struct pn_delta_keyset *set, const char *bytes, size_t len,
                         size_t *value);
/* Adds a key that must not be there yet. */
void pn_delta_keyset_add(struct pn_delta_keyset *set, const char *bytes, size_t len, size_t value);

#endif
