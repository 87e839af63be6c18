#include "log/embedded/committer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/embedded/submitted.h"

/* --- answering ------------------------------------------------------------------------------- */

/* One entry of a request is settled; the last one settles the request. */
static void settle(struct pn_committer *committer, struct pn_log_request *request,
                   struct pn_log_entry *entry, int rc, const struct pn_err *why)
{
    entry->rc = rc;
    entry->class_ = rc == 0 ? PN_CLASS_NONE : why->class_;
    if (rc != 0 && request->rc == 0) {
        request->rc = rc;
        pn_err_copy(&request->err, why);
    }
    size_t pending = pn_submitted_pending(request);
    PN_ASSERT(pending > 0);
    pn_submitted_set_pending(request, pending - 1);
    if (pending == 1) {
        pn_submitted_set_next(request, committer->answered);
        committer->answered = request;
    }
}

static void answer(struct pn_committer *committer)
{
    struct pn_log_request *request = NULL;
    while (committer->answered != NULL) { /* oldest first */
        struct pn_log_request *next = pn_submitted_next(committer->answered);
        pn_submitted_set_next(committer->answered, request);
        request = committer->answered;
        committer->answered = next;
    }
    while (request != NULL) {
        struct pn_log_request *next = pn_submitted_next(request);
        (void)atomic_fetch_sub(&committer->queued_bytes, (long long)pn_submitted_bytes(request));
        pn_topic_release(committer->topics, pn_submitted_topic(request));
        request->done(request); /* from here on it is the caller's */
        request = next;
    }
}

static void tell_listeners(struct pn_committer *committer)
{
    pthread_mutex_lock(&committer->listeners_lock);
    for (size_t i = 0; i < committer->listener_count; i++) {
        committer->listeners[i].fn(committer->listeners[i].arg);
    }
    pthread_mutex_unlock(&committer->listeners_lock);
}

/* --- a round --------------------------------------------------------------------------------- */

static void queue_entry(struct pn_committer *committer, struct pn_log_request *request,
                        struct pn_log_entry *entry)
{
    const struct pn_topic *topic = pn_submitted_topic(request);
    struct pn_partition *partition = topic->partitions[entry->partition];
    if (partition->pending.count == 0) {
        pn_grow((void **)&committer->busy, &committer->busy_capacity, committer->busy_count + 1,
                sizeof(struct pn_partition *));
        committer->busy[committer->busy_count++] = partition;
    }
    pn_pending_push(&partition->pending,
                    (struct pn_pending_entry){.request = request, .entry = entry});
}

/* Takes what was submitted, oldest first, to the partitions' queues. */
static void take_incoming(struct pn_committer *committer)
{
    struct pn_log_request *newest = atomic_exchange(&committer->incoming, NULL);
    struct pn_log_request *request = NULL;
    while (newest != NULL) {
        struct pn_log_request *next = pn_submitted_next(newest);
        pn_submitted_set_next(newest, request);
        request = newest;
        newest = next;
    }
    while (request != NULL) {
        struct pn_log_request *next = pn_submitted_next(request); /* settling sets it too */
        const struct pn_topic *topic = pn_submitted_topic(request);
        bool deleted = atomic_load(&topic->deleted);
        struct pn_err why;
        if (deleted) {
            (void)pn_err_missing(&why, "topic '%s' was deleted", topic->name);
        }
        for (size_t i = 0; i < request->count; i++) {
            if (deleted) {
                settle(committer, request, &request->entries[i], PN_FAIL, &why);
            } else {
                queue_entry(committer, request, &request->entries[i]);
            }
        }
        request = next;
    }
}

/* Builds a batch of the first entries that wait, and writes it. */
static void write_part(struct pn_committer *committer, struct pn_round_part *part)
{
    struct pn_batch_writer *writer = &committer->writer;
    struct pn_pending *pending = &part->partition->pending;
    int64_t now_ms = pn_wall_ms(committer->env->clock);
    const uint8_t *bytes = NULL;
    part->entries = 0;
    part->rc = 0;
    pn_batch_begin(writer, pn_partition_end_offset(part->partition));
    while (part->rc == 0 && part->entries < pending->count) {
        const struct pn_record *record = &pn_pending_at(pending, part->entries).entry->record;
        if (part->entries > 0 &&
            pn_batch_bytes(writer) + pn_record_encoded_bytes_max(record) > PN_BATCH_BYTES_USUAL) {
            break;
        }
        part->rc = pn_batch_add(
            writer, record, record->timestamp_ms == -1 ? now_ms : record->timestamp_ms, &part->err);
        part->entries++;
    }
    if (part->rc == 0) {
        part->rc = pn_batch_finish(writer, &bytes, &part->err);
    }
    if (part->rc == 0) {
        part->rc = pn_partition_write(part->partition, bytes, &writer->header, &part->err);
    }
}

static void sync_parts(struct pn_committer *committer, size_t count)
{
    if (committer->env->config.durability != PN_DURABILITY_FSYNC) {
        return;
    }
    for (size_t i = 0; count > 1 && i < count; i++) {
        if (committer->parts[i].rc == 0) {
            pn_partition_start_sync(committer->parts[i].partition);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct pn_round_part *part = &committer->parts[i];
        if (part->rc == 0) {
            part->rc = pn_partition_sync(part->partition, &part->err);
        }
    }
}

/* Before anything is acknowledged: two calls that read no disk, for each partition. */
static void check_parts(struct pn_committer *committer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pn_round_part *part = &committer->parts[i];
        if (part->rc == 0) {
            part->rc = pn_partition_check_there(part->partition, &part->err);
        }
    }
}

/* Publishes what was written, and settles the entries either way. */
static void finish_part(struct pn_committer *committer, struct pn_round_part *part)
{
    struct pn_partition *partition = part->partition;
    int64_t offset = pn_partition_end_offset(partition);
    if (part->rc == 0) {
        pn_metric_add(partition->appended_records, (int64_t)part->entries);
        pn_metric_add(partition->appended_bytes, (int64_t)partition->written.bytes);
        int64_t end_offset = pn_partition_publish(partition);
        PN_ASSERT(end_offset == offset + (int64_t)part->entries);
    }
    for (size_t i = 0; i < part->entries; i++) {
        struct pn_pending_entry pending = pn_pending_pop(&partition->pending);
        pending.entry->offset = offset + (int64_t)i;
        settle(committer, pending.request, pending.entry, part->rc, &part->err);
    }
}

static void commit_round(struct pn_committer *committer)
{
    int64_t began_ns = pn_mono_ns(committer->env->clock);
    bool added = false;
    size_t count = committer->busy_count;
    count = count > PN_ROUND_PARTITIONS_MAX ? PN_ROUND_PARTITIONS_MAX : count;
    for (size_t i = 0; i < count; i++) {
        committer->parts[i].partition = committer->busy[i];
        write_part(committer, &committer->parts[i]);
    }
    sync_parts(committer, count);
    check_parts(committer, count);
    committer->busy_count -= count;
    memmove(committer->busy, committer->busy + count,
            committer->busy_count * sizeof(struct pn_partition *));
    for (size_t i = 0; i < count; i++) {
        struct pn_round_part *part = &committer->parts[i];
        finish_part(committer, part);
        added = added || part->rc == 0;
        if (part->partition->pending.count > 0) {
            committer->busy[committer->busy_count++] = part->partition;
        }
    }
    pn_metric_observe_ns(committer->env->commit_seconds,
                         pn_mono_ns(committer->env->clock) - began_ns);
    if (added) {
        tell_listeners(committer);
    }
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Sleeps until something comes in; false when nothing will any more. */
static bool wait_incoming(struct pn_committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    bool more = true;
    for (;;) {
        /* First say so, then look: a producer that pushes after the look sees it and wakes us. */
        atomic_store(&committer->asleep, true);
        if (atomic_load(&committer->incoming) != NULL) {
            break;
        }
        if (committer->stopping) {
            more = false;
            break;
        }
        pthread_cond_wait(&committer->wake, &committer->lock);
    }
    atomic_store(&committer->asleep, false);
    pthread_mutex_unlock(&committer->lock);
    return more;
}

static void *run(void *arg)
{
    struct pn_committer *committer = arg;
    for (;;) {
        take_incoming(committer);
        if (committer->busy_count > 0) {
            commit_round(committer);
        }
        answer(committer);
        if (committer->busy_count == 0 && atomic_load(&committer->incoming) == NULL &&
            !wait_incoming(committer)) {
            return NULL;
        }
    }
}

void pn_committer_start(struct pn_committer *committer, struct pn_log_env *env,
                        struct pn_topics *topics)
{
    *committer = (struct pn_committer){.env = env, .topics = topics};
    pthread_mutex_init(&committer->lock, NULL);
    pthread_cond_init(&committer->wake, NULL);
    pthread_mutex_init(&committer->listeners_lock, NULL);
    pn_batch_writer_init(&committer->writer, env->config.compression);
    int rc = pthread_create(&committer->thread, NULL, run, committer);
    PN_ASSERT(rc == 0);
}

void pn_committer_stop(struct pn_committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    committer->stopping = true;
    pthread_cond_signal(&committer->wake);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    PN_ASSERT(atomic_load(&committer->queued_bytes) == 0);
    pn_batch_writer_deinit(&committer->writer);
    free(committer->busy);
    free(committer->listeners);
    pthread_mutex_destroy(&committer->listeners_lock);
    pthread_cond_destroy(&committer->wake);
    pthread_mutex_destroy(&committer->lock);
}

int pn_committer_reserve(struct pn_committer *committer, size_t bytes, struct pn_err *e)
{
    long long max = committer->env->config.queue_bytes_max;
    long long before = atomic_fetch_add(&committer->queued_bytes, (long long)bytes);
    if (before + (long long)bytes > max) {
        (void)atomic_fetch_sub(&committer->queued_bytes, (long long)bytes);
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                          "%lld bytes already wait to be written to the log (of %lld); try again",
                          before, max);
    }
    return 0;
}

void pn_committer_push(struct pn_committer *committer, struct pn_log_request *request)
{
    struct pn_log_request *newest = atomic_load(&committer->incoming);
    do {
        pn_submitted_set_next(request, newest);
    } while (!atomic_compare_exchange_weak(&committer->incoming, &newest, request));
}

void pn_committer_wake(struct pn_committer *committer)
{
    if (atomic_load(&committer->asleep) && atomic_exchange(&committer->asleep, false)) {
        /* After taking the lock we know that the committer waits; signalling after the unlock
         * lets it take the mutex at once. */
        pthread_mutex_lock(&committer->lock);
        pthread_mutex_unlock(&committer->lock);
        pthread_cond_signal(&committer->wake);
    }
}

int pn_committer_listen(struct pn_committer *committer, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&committer->listeners_lock);
    pn_grow((void **)&committer->listeners, &committer->listener_capacity,
            committer->listener_count + 1, sizeof *committer->listeners);
    int id = ++committer->listener_id;
    committer->listeners[committer->listener_count++] =
        (struct pn_log_listener){.id = id, .fn = fn, .arg = arg};
    pthread_mutex_unlock(&committer->listeners_lock);
    return id;
}

void pn_committer_unlisten(struct pn_committer *committer, int id)
{
    pthread_mutex_lock(&committer->listeners_lock);
    for (size_t i = 0; i < committer->listener_count; i++) {
        if (committer->listeners[i].id == id) {
            committer->listeners[i] = committer->listeners[--committer->listener_count];
            break;
        }
    }
    pthread_mutex_unlock(&committer->listeners_lock);
}
