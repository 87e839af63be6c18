#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/err.h"

static uint64_t splitmix64(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15U;
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

void pn_random_init(struct pn_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        random->state[i] = splitmix64(&seed);
    }
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t pn_random_u64(struct pn_random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t pn_random_below(struct pn_random *random, uint64_t bound)
{
    PN_ASSERT(bound != 0);
    /* 2^64 mod bound numbers are dropped, so that every remainder is as likely as the others. */
    uint64_t dropped = (0 - bound) % bound;
    uint64_t value;
    do {
        value = pn_random_u64(random);
    } while (value < dropped);
    return value % bound;
}

double pn_random_unit(struct pn_random *random)
{
    return (double)(pn_random_u64(random) >> 11) * 0x1p-53;
}

static char *uuid_of(uint64_t high, uint64_t low, char *out)
{
    high = (high & 0xFFFFFFFFFFFF0FFFU) | 0x4000U;           /* version 4 */
    low = (low & 0x3FFFFFFFFFFFFFFFU) | 0x8000000000000000U; /* RFC 4122's variant */
    char *at = out;
    for (int digit = 0; digit < 32; digit++) {
        if (digit == 8 || digit == 12 || digit == 16 || digit == 20) {
            *at++ = '-';
        }
        uint64_t half = digit < 16 ? high : low;
        *at++ = "0123456789abcdef"[half >> (60 - digit % 16 * 4) & 15];
    }
    *at = '\0';
    return out;
}

char *pn_uuid_from(struct pn_random *random, char *out)
{
    uint64_t high = pn_random_u64(random);
    uint64_t low = pn_random_u64(random);
    return uuid_of(high, low, out);
}

uint64_t pn_entropy_u64(void)
{
    uint64_t value = 0;
    ssize_t got;
    do {
        got = getrandom(&value, sizeof value, 0);
    } while (got < 0 && errno == EINTR);
    PN_ASSERT(got == (ssize_t)sizeof value);
    return value;
}

char *pn_uuid(char *out)
{
    uint64_t high = pn_entropy_u64();
    uint64_t low = pn_entropy_u64();
    return uuid_of(high, low, out);
}
