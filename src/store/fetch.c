#include "store/fetch.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * THREADS requests wait at a time, for at most AHEAD objects that no reader has come to. Larger
 * objects than a part of the cache are not copied: those of many readers, and what is ahead, must
 * fit into it beside what queries use.
 */
enum {
    THREADS = 16,
    AHEAD = 4 * THREADS,
    OBJECT_BYTES_MAX = 16 << 20,
    OBJECT_PARTS = 64, /* of the cache, that an object may take */
    AHEAD_PARTS = 8,   /* and all that is ahead */
    KEPT_PARTS = 4     /* and a list that goes to the shelf */
};

enum state { WAITING, COMING, HERE, NONE, DONE };

struct item {
    enum state state;
    char *path; /* of one that is here */
    struct pn_file_lease lease;
};

struct pn_fetch {
    struct pn_file_cache *cache;
    const struct pn_object *objects;
    size_t count;
    bool keeps;
    int64_t ahead_bytes_max;
    size_t lent; /* threads, of the cache */
    pthread_t threads[THREADS];
    size_t thread_count;  /* that began */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t moved;
    struct item *items;
    size_t next;   /* the first that no thread has looked at */
    size_t ahead;  /* how many are coming or here */
    int64_t bytes; /* of these */
    bool is_stopping;
};

/* --- an object; the caller holds the lock ----------------------------------------------------- */

static void leave(struct pn_fetch *fetch, size_t i, enum state state)
{
    struct item *item = &fetch->items[i];
    if (item->state == COMING || item->state == HERE) {
        fetch->ahead--;
        fetch->bytes -= fetch->objects[i].size_bytes;
    }
    pn_file_lease_drop(&item->lease);
    free(item->path);
    item->path = NULL;
    item->state = state;
    pthread_cond_broadcast(&fetch->moved);
}

/* Gives the lock away meanwhile. */
static void bring(struct pn_fetch *fetch, size_t i)
{
    struct item *item = &fetch->items[i];
    struct pn_file_lease lease = {0};
    char *path = NULL;
    item->state = COMING;
    fetch->ahead++;
    fetch->bytes += fetch->objects[i].size_bytes;
    pthread_mutex_unlock(&fetch->lock);
    int rc = pn_file_cache_take_listed(fetch->cache, &fetch->objects[i], fetch->keeps, &lease,
                                       &path, NULL);
    pthread_mutex_lock(&fetch->lock);
    item->lease = lease;
    item->path = path;
    if (rc == 0) {
        item->state = HERE;
        pthread_cond_broadcast(&fetch->moved);
    } else {
        leave(fetch, i, NONE);
    }
}

/* --- ahead of the readers --------------------------------------------------------------------- */

/* Is there a next one, and may it come now? *any is false when there is none. */
static bool may_bring(struct pn_fetch *fetch, bool *any)
{
    while (fetch->next < fetch->count && fetch->items[fetch->next].state != WAITING) {
        fetch->next++;
    }
    *any = !fetch->is_stopping && fetch->next < fetch->count;
    return *any && fetch->ahead < AHEAD && fetch->bytes < fetch->ahead_bytes_max;
}

static void *go_ahead(void *arg)
{
    struct pn_fetch *fetch = arg;
    bool any = true;
    pthread_mutex_lock(&fetch->lock);
    while (any) {
        if (may_bring(fetch, &any)) {
            bring(fetch, fetch->next++);
        } else if (any) {
            pthread_cond_wait(&fetch->moved, &fetch->lock);
        }
    }
    pthread_mutex_unlock(&fetch->lock);
    return NULL;
}

static int64_t part_of(const struct pn_file_cache *cache, int64_t parts)
{
    return pn_file_cache_bytes_max(cache) / parts;
}

/* Which objects may come, and their size in all. */
static int64_t choose(struct pn_fetch *fetch)
{
    int64_t size_max = part_of(fetch->cache, OBJECT_PARTS);
    int64_t bytes = 0;
    size_max = size_max < OBJECT_BYTES_MAX ? size_max : OBJECT_BYTES_MAX;
    for (size_t i = 0; i < fetch->count; i++) {
        int64_t size_bytes = fetch->objects[i].size_bytes;
        bool may_come = size_bytes > 0 && size_bytes <= size_max;
        fetch->items[i].state = may_come ? WAITING : NONE;
        bytes += may_come ? size_bytes : 0;
    }
    return bytes;
}

struct pn_fetch *pn_fetch_start(struct pn_file_cache *cache, const struct pn_object *objects,
                                size_t count)
{
    if (count == 0 || !pn_file_cache_keeps_attributes(cache)) {
        return NULL;
    }
    struct pn_fetch *fetch = pn_xcalloc(1, sizeof *fetch);
    *fetch = (struct pn_fetch){.cache = cache,
                               .objects = objects,
                               .count = count,
                               .ahead_bytes_max = part_of(cache, AHEAD_PARTS)};
    pthread_mutex_init(&fetch->lock, NULL);
    pthread_cond_init(&fetch->moved, NULL);
    fetch->items = pn_xcalloc(count + 1, sizeof *fetch->items);
    fetch->keeps = choose(fetch) <= part_of(cache, KEPT_PARTS);
    /* A single object, and the last one, a reader fetches itself. */
    fetch->lent = pn_file_cache_take_threads(cache, count - 1 < THREADS ? count - 1 : THREADS);
    while (fetch->thread_count < fetch->lent &&
           pthread_create(&fetch->threads[fetch->thread_count], NULL, go_ahead, fetch) == 0) {
        fetch->thread_count++;
    }
    return fetch;
}

void pn_fetch_stop(struct pn_fetch **fetch)
{
    struct pn_fetch *it = *fetch;
    if (it == NULL) {
        return;
    }
    pthread_mutex_lock(&it->lock);
    it->is_stopping = true;
    pthread_cond_broadcast(&it->moved);
    pthread_mutex_unlock(&it->lock);
    for (size_t i = 0; i < it->thread_count; i++) {
        pthread_join(it->threads[i], NULL);
    }
    pn_file_cache_give_threads(it->cache, it->lent);
    for (size_t i = 0; i < it->count; i++) {
        leave(it, i, DONE);
    }
    pthread_cond_destroy(&it->moved);
    pthread_mutex_destroy(&it->lock);
    free(it->items);
    free(it);
    *fetch = NULL;
}

/* --- readers ---------------------------------------------------------------------------------- */

const char *pn_fetch_take(struct pn_fetch *fetch, size_t i)
{
    PN_ASSERT(i < fetch->count);
    struct item *item = &fetch->items[i];
    pthread_mutex_lock(&fetch->lock);
    if (item->state == WAITING) {
        bring(fetch, i);
    }
    while (item->state == COMING) {
        pthread_cond_wait(&fetch->moved, &fetch->lock);
    }
    const char *path = item->path;
    pthread_mutex_unlock(&fetch->lock);
    return path;
}

void pn_fetch_done(struct pn_fetch *fetch, size_t i)
{
    PN_ASSERT(i < fetch->count);
    pthread_mutex_lock(&fetch->lock);
    PN_ASSERT(fetch->items[i].state != COMING);
    leave(fetch, i, DONE);
    pthread_mutex_unlock(&fetch->lock);
}
