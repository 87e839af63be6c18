/*
 * What of the streams' shards is this process', when several processes share them: by a group of
 * Kafka (share_group.c), or by leases in the store (share_lease.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/private.h"

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

void pn_processor_share_note(struct pn_processor *streams, const struct pn_err *why)
{
    struct pn_processor_share *share = &streams->share;
    bool is_news = why->code != 0 && strcmp(share->failure.msg, why->msg) != 0;
    pthread_mutex_lock(&share->lock);
    if (why->code != 0 || share->count > 0) {
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
