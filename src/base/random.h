/*
 * Random numbers: a seeded generator whose sequence is part of the contract (the same seed gives
 * the same numbers on every machine; xoshiro256** seeded by splitmix64, both by Blackman and
 * Vigna), and the system's entropy for names and keys.
 */
#ifndef PN_BASE_RANDOM_H
#define PN_BASE_RANDOM_H

#include <stdint.h>

struct pn_random {
    uint64_t state[4];
};

void pn_random_init(struct pn_random *random, uint64_t seed);
uint64_t pn_random_u64(struct pn_random *random);
/* Even over 0 .. bound-1; bound must not be 0. */
uint64_t pn_random_below(struct pn_random *random, uint64_t bound);
/* Even over [0, 1). */
double pn_random_unit(struct pn_random *random);

enum { PN_UUID_SIZE = 37 };
/* A version 4 UUID, as text, from the generator (repeatable). Returns out. */
char *pn_uuid_from(struct pn_random *random, char *out);
/* The same from the system's entropy (getrandom); aborts when the system has none. */
char *pn_uuid(char *out);
uint64_t pn_entropy_u64(void);

#endif
