/*
 * What of the streams' shards is this process', when several processes share them: by a group of
 * Kafka (share_group.c), or by leases in the store (share_lease.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/private.h"

enum { FORGET_FAILURE_MS = 30 * 1000 };

size_t pn_processor_share_find(const struct pn_processor_share *share, const char *topic,
                               int32_t partition)
{
    size_t at = 0;
    while (at < share->count && (share->shards[at].partition != partition ||
                                 strcmp(share->shards[at].topic, topic) != 0)) {
        at++;
    }
    return at;
}

bool pn_processor_share_reads(const struct pn_processor_worker *worker,
                              const struct pn_stream_shard *shard)
{
    struct pn_processor_share *share = &worker->owner->share;
    if (!share->is_shared || shard->is_gone) {
        return true;
    }
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, worker->stream->name);
    pthread_mutex_lock(&share->lock);
    bool has = pn_processor_share_find(share, topic, (int32_t)shard->info.index) < share->count;
    pthread_mutex_unlock(&share->lock);
    free(topic);
    return has;
}

uint64_t pn_processor_share_turn(struct pn_processor_share *share)
{
    pthread_mutex_lock(&share->lock);
    uint64_t turn = share->turn;
    pthread_mutex_unlock(&share->lock);
    return turn;
}

/* Does a failure say no more of the group? It has dealt out shards, of which this process may have
 * none when there are more processes; or it has not failed again for a while. A missing right is
 * reported once. A lease that is renewed is good at once. With the lock. */
static bool is_over(const struct pn_processor_share *share, int64_t now_ms)
{
    return share->lease != NULL || share->count > 0 || share->has_dealt ||
           (share->failure.code != PN_LOG_NOT_AUTHORIZED &&
            now_ms - share->failed_at_ms >= FORGET_FAILURE_MS);
}

void pn_processor_share_note(struct pn_processor *streams, const struct pn_err *why)
{
    struct pn_processor_share *share = &streams->share;
    int64_t now_ms = pn_mono_ms(streams->env.clock);
    pthread_mutex_lock(&share->lock);
    bool is_news = why->code != 0 && strcmp(share->failure.msg, why->msg) != 0;
    if (why->code != 0) {
        share->failed_at_ms = now_ms;
        share->has_dealt = false;
    }
    if (why->code != 0 || is_over(share, now_ms)) {
        share->failure = *why;
    }
    pthread_mutex_unlock(&share->lock);
    if (is_news) {
        pn_logger_error(streams->env.logger, "stream", "%s", why->msg);
    }
}

bool pn_processor_share_failure(struct pn_processor_share *share, struct pn_err *why)
{
    pthread_mutex_lock(&share->lock);
    *why = share->failure;
    pthread_mutex_unlock(&share->lock);
    return why->code != 0;
}

void pn_processor_share_init(struct pn_processor_share *share)
{
    pthread_mutex_init(&share->lock, NULL);
    pn_notifier_init(&share->stop);
}

void pn_processor_share_deinit(struct pn_processor_share *share)
{
    free(share->shards);
    pn_notifier_deinit(&share->stop);
    pthread_mutex_destroy(&share->lock);
}
