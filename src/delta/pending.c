#include "delta/pending.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/delta.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static char **keys;                                      /* few: one for each batch in progress */
static size_t count;
static size_t capacity;

/* By the lock; `count` when it is not there. */
static size_t find(const char *key)
{
    size_t at = 0;
    while (at < count && strcmp(keys[at], key) != 0) {
        at++;
    }
    return at;
}

void pn_delta_pending_add(const char *key)
{
    pthread_mutex_lock(&lock);
    pn_grow((void **)&keys, &capacity, count + 1, sizeof(char *));
    keys[count++] = pn_xstrdup(key);
    pthread_mutex_unlock(&lock);
}

void pn_delta_pending_remove(const char *key)
{
    pthread_mutex_lock(&lock);
    size_t at = find(key);
    PN_ASSERT(at < count);
    free(keys[at]);
    keys[at] = keys[--count];
    if (count == 0) {
        free(keys);
        keys = NULL;
        capacity = 0;
    }
    pthread_mutex_unlock(&lock);
}

bool pn_delta_is_pending(const char *key)
{
    pthread_mutex_lock(&lock);
    bool found = find(key) < count;
    pthread_mutex_unlock(&lock);
    return found;
}
