#include "http/ip_counts.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

struct slot {
    uint64_t key;
    int64_t count; /* 0: free */
};

struct pn_http_ip_counts {
    pthread_mutex_t lock;
    uint64_t salt; /* so that nobody can choose addresses that collide */
    size_t mask;
    struct slot slots[];
};

struct pn_http_ip_counts *pn_http_ip_counts_create(int64_t connections_max)
{
    size_t size = 16;
    while (size < (size_t)connections_max * 2) {
        size *= 2;
    }
    struct pn_http_ip_counts *counts =
        pn_xcalloc(1, sizeof *counts + size * sizeof counts->slots[0]);
    int rc = pthread_mutex_init(&counts->lock, NULL);
    PN_ASSERT(rc == 0);
    counts->mask = size - 1;
    counts->salt = pn_entropy_u64();
    return counts;
}

void pn_http_ip_counts_destroy(struct pn_http_ip_counts **counts)
{
    if (*counts != NULL) {
        pthread_mutex_destroy(&(*counts)->lock);
        free(*counts);
        *counts = NULL;
    }
}

uint64_t pn_http_ip_key(const struct sockaddr_storage *address)
{
    uint64_t key = 0;
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            memcpy(&key, v6->sin6_addr.s6_addr + 12, 4);
        } else {
            memcpy(&key, v6->sin6_addr.s6_addr, 8);
        }
    } else {
        memcpy(&key, &((const struct sockaddr_in *)address)->sin_addr, 4);
    }
    return key;
}

static size_t home_of(const struct pn_http_ip_counts *counts, uint64_t key)
{
    uint64_t hash = (key ^ counts->salt) * 0x9e3779b97f4a7c15u;
    return (size_t)((hash ^ (hash >> 32)) & counts->mask);
}

/* The slot of the key, or the free one where it belongs. */
static struct slot *find(struct pn_http_ip_counts *counts, uint64_t key)
{
    size_t at = home_of(counts, key);
    while (counts->slots[at].count > 0 && counts->slots[at].key != key) {
        at = (at + 1) & counts->mask;
    }
    return &counts->slots[at];
}

/* Fills the hole with the next slot that a search would otherwise no longer reach. */
static void close_gap(struct pn_http_ip_counts *counts, size_t hole)
{
    size_t at = hole;
    for (;;) {
        at = (at + 1) & counts->mask;
        struct slot *slot = &counts->slots[at];
        if (slot->count == 0) {
            return;
        }
        size_t home = home_of(counts, slot->key);
        bool reachable = ((at - home) & counts->mask) < ((at - hole) & counts->mask);
        if (!reachable) {
            counts->slots[hole] = *slot;
            slot->count = 0;
            hole = at;
        }
    }
}

bool pn_http_ip_counts_add(struct pn_http_ip_counts *counts, const struct sockaddr_storage *address,
                           int64_t max)
{
    uint64_t key = pn_http_ip_key(address);
    pthread_mutex_lock(&counts->lock);
    struct slot *slot = find(counts, key);
    bool ok = slot->count < max;
    if (ok) {
        slot->key = key;
        slot->count++;
    }
    pthread_mutex_unlock(&counts->lock);
    return ok;
}

void pn_http_ip_counts_remove(struct pn_http_ip_counts *counts,
                              const struct sockaddr_storage *address)
{
    pthread_mutex_lock(&counts->lock);
    struct slot *slot = find(counts, pn_http_ip_key(address));
    PN_ASSERT(slot->count > 0);
    slot->count--;
    if (slot->count == 0) {
        close_gap(counts, (size_t)(slot - counts->slots));
    }
    pthread_mutex_unlock(&counts->lock);
}
