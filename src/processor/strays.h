/*
 * Records of a stream that go to none of its tables, by their partition key: the first keys with
 * their counts, the others together. Threads: any.
 */
#ifndef PN_PROCESSOR_STRAYS_H
#define PN_PROCESSOR_STRAYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "log/log.h"

enum { PN_STRAY_KEYS_MAX = 10 }; /* counted one by one */

struct pn_stray_key {
    struct pn_bytes key;
    int64_t records;
    uint32_t shard; /* the first of them */
    int64_t offset;
};

struct pn_stray_counts {
    int64_t records; /* all */
    struct pn_stray_key keys[PN_STRAY_KEYS_MAX];
    size_t count;
    int64_t more; /* of `records`, those with further keys */
};

struct pn_strays {
    pthread_mutex_t lock;
    struct pn_arena arena; /* of the keys */
    struct pn_stray_counts counts;
};

void pn_strays_init(struct pn_strays *strays);
void pn_strays_deinit(struct pn_strays *strays);
void pn_strays_add(struct pn_strays *strays, struct pn_bytes key, uint32_t shard, int64_t offset);
/* A copy; the keys are in the arena. */
struct pn_stray_counts pn_strays_counts(struct pn_strays *strays, struct pn_arena *arena);

#endif
