/*
 * Processes that read a Kinesis elsewhere share its shards by the store. Each has a lease: an
 * object of its own that it puts again and again. The list of the leases says who is alive, by the
 * store's own clock, so that the clocks of the machines do not matter: a lease is over when the
 * newest one, which is never older than our own last put, is so much younger. From the living and
 * the stream's shards everybody computes the same shares.
 *
 * As with a group of Kafka, this only saves work. For a moment two processes may read one shard, or
 * nobody does: a table's own positions decide what is in it. So a lease needs no conditions, and
 * nothing is handed over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/time_text.h"
#include "processor/private.h"

enum {
    RENEWALS = 4,       /* in the time of a lease */
    FORGET_LEASES = 20, /* what is over for so many times of a lease is removed */
    LEASE_BYTES_MAX = 4096,
    HOST_SIZE = 256
};

/* --- leases ----------------------------------------------------------------------------------- */

/* Puts ours; it says to people whose it is. */
static int renew(const struct pn_processor *streams, const char *key, struct pn_err *e)
{
    char host[HOST_SIZE] = "";
    char time[PN_ISO8601_SIZE];
    struct pn_json_writer json;
    struct pn_buf text;
    (void)gethostname(host, sizeof host - 1);
    pn_buf_init(&text, LEASE_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "host", host);
    pn_json_add_i64(&json, "process", getpid());
    pn_json_add_cstr(&json, "renewed_at", pn_iso8601(pn_wall_ms(streams->env.clock), time));
    pn_json_end(&json);
    pn_json_end_line(&json);
    int rc = pn_store_put(streams->env.store, key, pn_buf_text(&text), text.len, e);
    pn_buf_deinit(&text);
    return rc;
}

struct lease {
    const char *key;
    int64_t modified_ms;
};

struct leases {
    struct pn_arena *arena;
    struct lease *items; /* by key, as the store lists them */
    size_t count;
    size_t capacity;
    int64_t newest_ms;
};

static int add_lease(void *arg, const struct pn_object *object)
{
    struct leases *leases = arg;
    pn_grow((void **)&leases->items, &leases->capacity, leases->count + 1, sizeof *leases->items);
    leases->items[leases->count++] = (struct lease){
        .key = pn_arena_strdup(leases->arena, object->key), .modified_ms = object->modified_ms};
    leases->newest_ms =
        object->modified_ms > leases->newest_ms ? object->modified_ms : leases->newest_ms;
    return 0;
}

/* Which place has our lease among the living, and how many are they? Removes those of long ago. */
static void count_living(struct pn_processor *streams, const struct leases *leases,
                         const char *ours, size_t *place, size_t *count)
{
    int64_t lease_ms = streams->config.lease_ms;
    *place = 0;
    *count = 0;
    for (size_t i = 0; i < leases->count; i++) {
        int64_t age_ms = leases->newest_ms - leases->items[i].modified_ms;
        bool is_ours = strcmp(leases->items[i].key, ours) == 0;
        if (is_ours) {
            *place = *count;
        }
        if (is_ours || age_ms <= lease_ms) {
            (*count)++;
        } else if (age_ms > FORGET_LEASES * lease_ms) {
            struct pn_err ignored = {0};
            int rc = pn_store_remove(streams->env.store, leases->items[i].key, &ignored);
            (void)rc; /* another round removes it */
        }
    }
}

/* --- shares ----------------------------------------------------------------------------------- */

/* What begins the turn among the living: not the same for each stream, else the first of them would
 * have more. */
static size_t first_of(const char *stream)
{
    size_t sum = 0;
    for (const char *at = stream; *at != '\0'; at++) {
        sum = sum * 31 + (unsigned char)*at;
    }
    return sum;
}

static void add_shard(struct pn_processor_share *share, const char *stream, uint32_t index)
{
    pn_grow((void **)&share->shards, &share->capacity, share->count + 1, sizeof *share->shards);
    struct pn_processor_shared *shard = &share->shards[share->count++];
    *shard = (struct pn_processor_shared){.partition = (int32_t)index};
    (void)snprintf(shard->topic, sizeof shard->topic, "%s%s", PN_KINESIS_TOPIC_PREFIX, stream);
}

/* Open shards are dealt out evenly. Closed ones, most of which are read to their end, go by their
 * number. One that Kinesis does not have any more is everybody's. */
static void add_shards_of(struct pn_processor_share *share, const char *stream,
                          const struct pn_processor_source_stream *described, size_t place,
                          size_t count)
{
    size_t open = first_of(stream);
    for (size_t i = 0; i < described->shard_count; i++) {
        const struct pn_processor_source_shard *shard = &described->shards[i];
        size_t turn = shard->closed ? shard->index : open++;
        if (turn % count == place) {
            add_shard(share, stream, shard->index);
        }
    }
}

/* The streams that fill tables, each once, in the arena. */
static const char **name_streams(struct pn_processor *streams, struct pn_arena *arena,
                                 size_t *count)
{
    pthread_rwlock_rdlock(&streams->workers_lock);
    const char **names = pn_arena_calloc(arena, streams->worker_count + 1, sizeof *names);
    *count = 0;
    for (size_t i = 0; i < streams->worker_count; i++) {
        const char *name = streams->workers[i]->stream->name;
        bool is_new = true;
        for (size_t j = 0; j < *count && is_new; j++) {
            is_new = strcmp(names[j], name) != 0;
        }
        if (is_new) {
            names[(*count)++] = pn_arena_strdup(arena, name);
        }
    }
    pthread_rwlock_unlock(&streams->workers_lock);
    return names;
}

/* Takes the shards of `next` for ours, and frees what was there. */
static void replace(struct pn_processor *streams, struct pn_processor_share *next)
{
    struct pn_processor_share *share = &streams->share;
    pthread_mutex_lock(&share->lock);
    bool is_same = next->count == share->count;
    for (size_t i = 0; is_same && i < next->count; i++) {
        is_same = next->shards[i].partition == share->shards[i].partition &&
                  strcmp(next->shards[i].topic, share->shards[i].topic) == 0;
    }
    struct pn_processor_shared *old = share->shards;
    share->shards = next->shards;
    share->count = next->count;
    share->capacity = next->capacity;
    share->turn += !is_same;
    pthread_mutex_unlock(&share->lock);
    free(old);
    if (!is_same) {
        pn_processor_source_wake(streams->env.source);
    }
}

/* Computes what is ours. A stream that cannot be looked at now keeps its share: its reader says
 * what is wrong with it. */
static void deal_out(struct pn_processor *streams, size_t place, size_t count)
{
    struct pn_processor_share *share = &streams->share;
    struct pn_processor_share next = {.shards = NULL};
    struct pn_arena arena;
    size_t name_count = 0;
    pn_arena_init(&arena, 0);
    const char **names = name_streams(streams, &arena, &name_count);
    for (size_t i = 0; i < name_count; i++) {
        struct pn_processor_source_stream described = {0};
        struct pn_err ignored = {0};
        if (pn_processor_source_describe(streams->env.source, names[i], &arena, &described,
                                         &ignored) == 0) {
            add_shards_of(&next, names[i], &described, place, count);
            continue;
        }
        char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, names[i]);
        pthread_mutex_lock(&share->lock);
        for (size_t j = 0; j < share->count; j++) {
            if (strcmp(share->shards[j].topic, topic) == 0) {
                add_shard(&next, names[i], (uint32_t)share->shards[j].partition);
            }
        }
        pthread_mutex_unlock(&share->lock);
        free(topic);
    }
    pn_arena_deinit(&arena);
    replace(streams, &next);
}

static void tell_living(struct pn_processor *streams, size_t count)
{
    struct pn_processor_share *share = &streams->share;
    if (count != share->living) {
        pn_logger_info(streams->env.logger, "stream",
                       "%zu processes share the shards (leases in %s of the store); this one reads "
                       "%zu of them",
                       count, streams->env.lease_folder, share->count);
        share->living = count;
    }
}

/* Renews, looks, and deals out. */
static int take_round(struct pn_processor *streams, struct pn_err *e)
{
    struct pn_arena arena;
    struct leases leases = {.arena = &arena};
    const char *ours = streams->share.lease;
    size_t place = 0;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    char *prefix = pn_xasprintf("%s/", streams->env.lease_folder);
    int rc = renew(streams, ours, e);
    if (rc == 0) {
        rc = pn_store_list(streams->env.store, prefix, NULL, add_lease, &leases, e);
    }
    if (rc == 0) {
        count_living(streams, &leases, ours, &place, &count);
        deal_out(streams, place, count > 0 ? count : 1);
        tell_living(streams, count);
    }
    free(leases.items);
    free(prefix);
    pn_arena_deinit(&arena);
    return rc;
}

/* --- its thread ------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    struct pn_processor *streams = arg;
    struct pn_processor_share *share = &streams->share;
    int64_t pause_ms = streams->config.lease_ms / RENEWALS;
    while (pn_notifier_wait(&share->stop, share->running, pause_ms) == share->running) {
        struct pn_err why = {0};
        int rc = take_round(streams, &why);
        if (rc != 0) {
            pn_err_prefix(&why, "the lease of this process is not renewed");
        }
        pn_processor_share_note(streams, &why);
    }
    return NULL;
}

int pn_processor_lease_join(struct pn_processor *streams, struct pn_err *e)
{
    struct pn_processor_share *share = &streams->share;
    char id[PN_UUID_SIZE];
    struct pn_err why = {0};
    share->lease = pn_xasprintf("%s/%s.json", streams->env.lease_folder, pn_uuid(id));
    share->is_shared = true;
    if (take_round(streams, &why) != 0) { /* the thread tries again */
        pn_err_prefix(&why, "the lease of this process is not renewed");
        pn_processor_share_note(streams, &why);
    }
    share->running = pn_notifier_count(&share->stop);
    int failed = pthread_create(&share->thread, NULL, run, streams);
    share->is_running = failed == 0;
    return failed == 0 ? 0 : pn_err_errno(e, failed, "cannot start the thread of the leases");
}

void pn_processor_lease_leave(struct pn_processor *streams)
{
    struct pn_processor_share *share = &streams->share;
    struct pn_err why = {0};
    if (share->lease != NULL && pn_store_remove(streams->env.store, share->lease, &why) != 0) {
        pn_logger_warn(streams->env.logger, "stream",
                       "the lease of this process was not removed; others take over when it is "
                       "over: %s",
                       why.msg);
    }
    free(share->lease);
    share->lease = NULL;
}
