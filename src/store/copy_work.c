#include "store/copy_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/mem.h"

enum { LOOK_EVERY_MS = 100, HELD_BYTES_MAX = 256 << 20, BLOCK_BYTES = 1 << 20 };

void pn_copy_work_init(struct pn_copy_work *work, struct pn_copy *copy)
{
    *work = (struct pn_copy_work){.copy = copy};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&work->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&work->lock, NULL);
}

void pn_copy_work_deinit(struct pn_copy_work *work)
{
    pthread_cond_destroy(&work->moved);
    pthread_mutex_destroy(&work->lock);
}

/* --- what threads do -------------------------------------------------------------------------- */

static bool same_folder(const char *left, const char *right)
{
    const char *slash = strrchr(left, '/');
    size_t len = slash != NULL ? (size_t)(slash + 1 - left) : 0;
    return strncmp(left, right, len) == 0 && strchr(right + len, '/') == NULL;
}

/* The end of what one thread does in order, from `first` on. */
static size_t piece_end(const struct pn_copy_work *work, size_t first)
{
    const struct pn_copy_item *items = work->copy->items;
    size_t end = first + 1;
    if (items[first].rank == PN_COPY_RANK_IN_ORDER) {
        while (end < work->end && same_folder(items[first].key, items[end].key)) {
            end++;
        }
    }
    return end;
}

static bool take_piece(struct pn_copy_work *work, size_t *first, size_t *end)
{
    pthread_mutex_lock(&work->lock);
    bool any = !work->is_ending && work->next < work->end;
    if (any) {
        *first = work->next;
        *end = piece_end(work, *first);
        work->next = *end;
    }
    pthread_mutex_unlock(&work->lock);
    return any;
}

bool pn_copy_work_is_ending(struct pn_copy_work *work)
{
    pthread_mutex_lock(&work->lock);
    bool ending = work->is_ending;
    pthread_mutex_unlock(&work->lock);
    return ending;
}

static void end_work(struct pn_copy_work *work, int rc, const struct pn_err *failure)
{
    pthread_mutex_lock(&work->lock);
    work->is_ending = true;
    if (work->rc == 0) {
        work->rc = rc;
        work->failure = *failure;
    }
    pthread_cond_broadcast(&work->moved);
    pthread_mutex_unlock(&work->lock);
}

static void *run_thread(void *arg)
{
    struct pn_copy_work *work = arg;
    size_t first = 0;
    size_t end = 0;
    while (take_piece(work, &first, &end)) {
        struct pn_err failure = {0};
        bool goes_on = true;
        for (size_t i = first; i < end && goes_on && !pn_copy_work_is_ending(work); i++) {
            struct pn_copy_item *item = &work->copy->items[i];
            int rc = work->fn(work, item, &failure);
            if (rc != 0) {
                end_work(work, rc, &failure);
            }
            bool is_gone = item->state == PN_COPY_GONE && work->phase == PN_COPY_COPYING;
            goes_on = rc == 0 && item->state != PN_COPY_FAILED && !is_gone;
        }
    }
    pthread_mutex_lock(&work->lock);
    work->running--;
    pthread_cond_broadcast(&work->moved);
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

/* --- the thread that waits for them ----------------------------------------------------------- */

static void wait_a_moment(struct pn_copy_work *work)
{
    enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_MS * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    pthread_mutex_lock(&work->lock);
    if (work->running > 0) {
        (void)pthread_cond_timedwait(&work->moved, &work->lock, &until);
    }
    pthread_mutex_unlock(&work->lock);
}

static void watch(struct pn_copy_work *work)
{
    const struct pn_copy_config *config = &work->copy->config;
    for (bool running = true; running;) {
        wait_a_moment(work);
        pthread_mutex_lock(&work->lock);
        running = work->running > 0;
        bool ending = work->is_ending;
        int64_t done = work->done;
        pthread_mutex_unlock(&work->lock);
        if (config->look(config->arg, work->phase, done, work->all) && !ending) {
            struct pn_err stopped = {0};
            int rc = pn_err_set(&stopped, PN_CLASS_RETRY, EINTR,
                                "stopped: run the same command again to continue");
            end_work(work, rc, &stopped);
        }
    }
}

int pn_copy_work_run(struct pn_copy_work *work, size_t first, size_t end, struct pn_err *e)
{
    pthread_t threads[PN_COPY_THREADS_MAX];
    int wanted = work->copy->config.threads;
    int started = 0;
    int rc = 0;
    PN_ASSERT(wanted >= 1 && wanted <= PN_COPY_THREADS_MAX);
    work->next = first;
    work->end = end;
    while (started < wanted && rc == 0 && (size_t)started < end - first) {
        pthread_mutex_lock(&work->lock);
        work->running++;
        pthread_mutex_unlock(&work->lock);
        rc = pthread_create(&threads[started], NULL, run_thread, work);
        if (rc != 0) {
            struct pn_err failure = {0};
            rc = pn_err_errno(&failure, rc, "cannot start a thread");
            pthread_mutex_lock(&work->lock);
            work->running--;
            pthread_mutex_unlock(&work->lock);
            end_work(work, rc, &failure);
        } else {
            started++;
        }
    }
    if (started > 0) {
        watch(work);
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    if (work->rc != 0) {
        pn_err_copy(e, &work->failure);
    }
    return work->rc;
}

void pn_copy_work_note(struct pn_copy_work *work, int64_t more)
{
    pthread_mutex_lock(&work->lock);
    work->done += more;
    pthread_mutex_unlock(&work->lock);
}

void pn_copy_work_hold(struct pn_copy_work *work, int64_t bytes)
{
    pthread_mutex_lock(&work->lock);
    while (work->held_bytes > 0 && work->held_bytes + bytes > HELD_BYTES_MAX) {
        pthread_cond_wait(&work->moved, &work->lock);
    }
    work->held_bytes += bytes;
    pthread_mutex_unlock(&work->lock);
}

void pn_copy_work_give_back(struct pn_copy_work *work, int64_t bytes)
{
    pthread_mutex_lock(&work->lock);
    work->held_bytes -= bytes;
    pthread_cond_broadcast(&work->moved);
    pthread_mutex_unlock(&work->lock);
}

/* --- what both files use ---------------------------------------------------------------------- */

int pn_copy_fail_item(struct pn_copy_item *item, int rc, const struct pn_err *why, struct pn_err *e)
{
    bool is_of_item = why->class_ == PN_CLASS_CORRUPT || why->class_ == PN_CLASS_INPUT ||
                      why->class_ == PN_CLASS_CONFLICT;
    if (!is_of_item) {
        pn_err_copy(e, why);
        pn_err_prefix(e, "%s", item->key);
        return rc;
    }
    item->state = PN_COPY_FAILED;
    item->why = pn_xstrdup(why->msg);
    return 0;
}

static int read_sum(struct pn_copy_work *work, struct pn_store *store, const char *key,
                    int64_t *size_bytes, uint32_t *sum, struct pn_err *e)
{
    struct pn_store_file *file = NULL;
    uint32_t kept = 0;
    int rc = pn_store_open(store, key, &file, e);
    if (rc != 0) {
        return rc;
    }
    char *block = pn_xmalloc(BLOCK_BYTES);
    size_t got = 1;
    *sum = 0;
    *size_bytes = 0;
    while (rc == 0 && got > 0) {
        rc = pn_copy_work_is_ending(work)
                 ? pn_err_set(e, PN_CLASS_RETRY, EINTR, "stopped")
                 : pn_store_read_at(file, block, BLOCK_BYTES, *size_bytes, &got, e);
        if (rc == 0) {
            *sum = pn_crc32c_add(*sum, block, got);
            *size_bytes += (int64_t)got;
        }
    }
    if (rc == 0 && pn_store_sum(file, &kept) && kept != *sum) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the object '%s' of the %s store is damaged: its CRC-32C is %08x, and that "
                        "of its bytes %08x",
                        key, store->ops->name, kept, *sum);
    }
    free(block);
    pn_store_close(&file);
    return rc;
}

int pn_copy_sum(struct pn_copy_work *work, struct pn_store *store, const char *key, bool reads,
                int64_t *size_bytes, uint32_t *sum, struct pn_err *e)
{
    struct pn_object object = {0};
    int rc = reads ? 0 : pn_store_head(store, key, &object, e);
    if (rc != 0) {
        return rc;
    }
    if (!object.has_sum) {
        return read_sum(work, store, key, size_bytes, sum, e);
    }
    *size_bytes = object.size_bytes;
    *sum = object.crc32c;
    return 0;
}
