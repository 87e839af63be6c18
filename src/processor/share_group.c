/*
 * Processors of several processes share the shards of their streams, as members of a consumer group
 * of the log's cluster. The group only saves work: it commits no offsets, and a table's own
 * positions decide even while two processes read one shard. So a shard may be read as soon as the
 * group gives it, and nothing has to end before one is given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "log/member.h"
#include "processor/private.h"

enum { POLL_MS = 100, NAMES_BYTES_MAX = 64 << 20 };

/* --- what is ours ----------------------------------------------------------------------------- */

static void on_assigned(void *arg, const struct pn_log_place *places, size_t count)
{
    struct pn_processor *streams = arg;
    struct pn_processor_share *share = &streams->share;
    pthread_mutex_lock(&share->lock);
    share->has_dealt = true;
    for (size_t i = 0; i < count; i++) {
        if (pn_processor_share_find(share, places[i].topic, places[i].partition) < share->count) {
            continue;
        }
        pn_grow((void **)&share->shards, &share->capacity, share->count + 1, sizeof *share->shards);
        struct pn_processor_shared *shard = &share->shards[share->count++];
        shard->partition = places[i].partition;
        (void)snprintf(shard->topic, sizeof shard->topic, "%s", places[i].topic);
    }
    share->turn++;
    size_t now = share->count;
    pthread_mutex_unlock(&share->lock);
    if (count > 0) {
        pn_logger_info(streams->env.logger, "stream",
                       "the group %s gave this process %zu %s; it reads %zu now",
                       streams->env.group, count, pn_noun((int64_t)count, "shard", "shards"), now);
    }
    pn_processor_source_wake(streams->env.source);
}

static void on_revoked(void *arg, const struct pn_log_place *places, size_t count, bool is_lost)
{
    struct pn_processor *streams = arg;
    struct pn_processor_share *share = &streams->share;
    (void)is_lost;
    pthread_mutex_lock(&share->lock);
    for (size_t i = 0; i < count; i++) {
        size_t at = pn_processor_share_find(share, places[i].topic, places[i].partition);
        if (at < share->count) {
            share->shards[at] = share->shards[--share->count];
        }
    }
    share->turn++;
    size_t now = share->count;
    pthread_mutex_unlock(&share->lock);
    pn_logger_info(streams->env.logger, "stream",
                   "the group %s took %zu %s from this process; it reads %zu now",
                   streams->env.group, count, pn_noun((int64_t)count, "shard", "shards"), now);
    pn_processor_source_wake(streams->env.source);
}

/* --- the group -------------------------------------------------------------------------------- */

/* The topics of the streams that fill tables, each once, in the arena. */
static const char **name_topics(struct pn_processor *streams, struct pn_arena *arena, size_t *count)
{
    pthread_rwlock_rdlock(&streams->workers_lock);
    const char **topics = pn_arena_calloc(arena, streams->worker_count + 1, sizeof *topics);
    *count = 0;
    for (size_t i = 0; i < streams->worker_count; i++) {
        const char *topic = pn_arena_printf(arena, "%s%s", PN_KINESIS_TOPIC_PREFIX,
                                            streams->workers[i]->stream->name);
        bool is_new = true;
        for (size_t j = 0; j < *count && is_new; j++) {
            is_new = strcmp(topics[j], topic) != 0;
        }
        if (is_new) {
            topics[(*count)++] = topic;
        }
    }
    pthread_rwlock_unlock(&streams->workers_lock);
    return topics;
}

static int subscribe(struct pn_processor *streams, struct pn_err *e)
{
    struct pn_processor_share *share = &streams->share;
    struct pn_arena arena;
    struct pn_buf text;
    size_t count = 0;
    int rc = 0;
    pn_arena_init(&arena, 0);
    pn_buf_init(&text, NAMES_BYTES_MAX);
    const char **topics = name_topics(streams, &arena, &count);
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(&text, topics[i]);
        pn_buf_addc(&text, '\n');
    }
    if (share->subscribed == NULL || strcmp(share->subscribed, pn_buf_text(&text)) != 0) {
        rc = pn_log_member_subscribe(share->member, topics, count, e);
        if (rc == 0) {
            free(share->subscribed);
            share->subscribed = pn_xstrdup(pn_buf_text(&text));
        }
    }
    pn_buf_deinit(&text);
    pn_arena_deinit(&arena);
    return rc;
}

static void *run(void *arg)
{
    struct pn_processor *streams = arg;
    struct pn_processor_share *share = &streams->share;
    do {
        struct pn_err why = {0};
        int rc = subscribe(streams, &why);
        if (rc == 0) {
            rc = pn_log_member_poll(share->member, &why);
        }
        pn_processor_share_note(streams, &why);
    } while (pn_notifier_wait(&share->stop, share->running, POLL_MS) == share->running);
    return NULL;
}

int pn_processor_group_join(struct pn_processor *streams, struct pn_err *e)
{
    struct pn_processor_share *share = &streams->share;
    const struct pn_log_member_config config = {.group = streams->env.group,
                                                .name = "pinion-stream",
                                                .assigned = on_assigned,
                                                .revoked = on_revoked,
                                                .arg = streams};
    int rc = pn_log_join(streams->env.log, &config, &share->member, e);
    share->is_shared = rc == 0;
    if (rc == 0) {
        share->running = pn_notifier_count(&share->stop);
        int failed = pthread_create(&share->thread, NULL, run, streams);
        share->is_running = failed == 0;
        rc = failed == 0 ? 0 : pn_err_errno(e, failed, "cannot start the thread of the group");
    }
    return rc;
}

void pn_processor_group_leave(struct pn_processor *streams)
{
    struct pn_processor_share *share = &streams->share;
    pn_log_member_leave(&share->member);
    free(share->subscribed);
    share->subscribed = NULL;
}
