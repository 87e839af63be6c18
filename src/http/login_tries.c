#include "http/login_tries.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/ip_counts.h"

struct entry {
    uint64_t address;
    int64_t begin_ms; /* of its minute */
    int count;        /* wrong keys in it; 0: the entry is free */
};

struct pn_http_login_tries {
    const struct pn_clock *clock;
    pthread_mutex_t lock;
    struct entry entries[PN_HTTP_LOGIN_ADDRESSES];
};

struct pn_http_login_tries *pn_http_login_tries_create(const struct pn_clock *clock)
{
    struct pn_http_login_tries *tries = pn_xcalloc(1, sizeof *tries);
    tries->clock = clock;
    int rc = pthread_mutex_init(&tries->lock, NULL);
    PN_ASSERT(rc == 0);
    return tries;
}

void pn_http_login_tries_destroy(struct pn_http_login_tries **tries)
{
    if (*tries != NULL) {
        pthread_mutex_destroy(&(*tries)->lock);
        free(*tries);
        *tries = NULL;
    }
}

/* The entry of the address within its minute; otherwise the one that a new minute takes: a free
 * one, or the one that began first. */
static struct entry *find(struct pn_http_login_tries *tries, uint64_t address, int64_t now_ms)
{
    struct entry *oldest = &tries->entries[0];
    for (size_t i = 0; i < PN_HTTP_LOGIN_ADDRESSES; i++) {
        struct entry *at = &tries->entries[i];
        if (at->count > 0 && now_ms - at->begin_ms >= PN_HTTP_LOGIN_MINUTE_MS) {
            at->count = 0;
        }
        if (at->count > 0 && at->address == address) {
            return at;
        }
        if (oldest->count > 0 && (at->count == 0 || at->begin_ms < oldest->begin_ms)) {
            oldest = at;
        }
    }
    return oldest;
}

int64_t pn_http_login_tries_wait_ms(struct pn_http_login_tries *tries,
                                    const struct sockaddr_storage *address)
{
    uint64_t key = pn_http_ip_key(address);
    int64_t now_ms = pn_mono_ms(tries->clock);
    pthread_mutex_lock(&tries->lock);
    const struct entry *entry = find(tries, key, now_ms);
    int64_t wait_ms = entry->address == key && entry->count >= PN_HTTP_LOGIN_TRIES
                          ? entry->begin_ms + PN_HTTP_LOGIN_MINUTE_MS - now_ms
                          : 0;
    pthread_mutex_unlock(&tries->lock);
    return wait_ms;
}

void pn_http_login_tries_failed(struct pn_http_login_tries *tries,
                                const struct sockaddr_storage *address)
{
    uint64_t key = pn_http_ip_key(address);
    int64_t now_ms = pn_mono_ms(tries->clock);
    pthread_mutex_lock(&tries->lock);
    struct entry *entry = find(tries, key, now_ms);
    if (entry->count == 0 || entry->address != key) {
        *entry = (struct entry){.address = key, .begin_ms = now_ms};
    }
    entry->count++;
    pthread_mutex_unlock(&tries->lock);
}
