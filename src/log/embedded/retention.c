/*
 * Retention drops whole segments from the front, by the wall time of their last append (against a
 * clock that does not jump, see age_clock.h) and by the size of the partition. Producers'
 * timestamps do not count: a backfill of old data is new data.
 */
#include <string.h>

#include "base/mem.h"
#include "log/embedded/partition.h"

static bool older(const struct pn_segment *segment, int64_t now_ms, int64_t retention_ms)
{
    return retention_ms >= 0 && segment->appended_ms < now_ms - retention_ms;
}

/* An active segment that is not appended to any more never becomes the front: it is rolled. */
static void roll_idle(struct pn_partition *partition, int64_t now_ms, int64_t retention_ms)
{
    pthread_mutex_lock(&partition->append_lock);
    size_t count = partition->segment_count;
    struct pn_err why;
    if (count > 0 && partition->written.bytes == 0 && !partition->stopped &&
        partition->segments[count - 1].bytes > 0 &&
        older(&partition->segments[count - 1], now_ms, retention_ms) &&
        pn_partition_roll(partition, &why) != 0) {
        pn_logger_warn(partition->env->logger, "log", "%s", why.msg);
    }
    pthread_mutex_unlock(&partition->append_lock);
}

/* Takes the first segment out of the list when it is to go. */
static bool take_expired(struct pn_partition *partition, int64_t now_ms, int64_t retention_ms,
                         int64_t retention_bytes, struct pn_segment *taken)
{
    bool expired = false;
    pthread_mutex_lock(&partition->append_lock);
    pthread_mutex_lock(&partition->lock);
    if (partition->segment_count > 1) {
        int64_t bytes = 0;
        for (size_t i = 0; i < partition->segment_count; i++) {
            bytes += partition->segments[i].bytes;
        }
        const struct pn_segment *first = &partition->segments[0];
        expired = older(first, now_ms, retention_ms) ||
                  (retention_bytes >= 0 && bytes - first->bytes >= retention_bytes);
    }
    if (expired) {
        *taken = partition->segments[0];
        partition->segment_count--;
        memmove(partition->segments, partition->segments + 1,
                partition->segment_count * sizeof *partition->segments);
    }
    pthread_mutex_unlock(&partition->lock);
    pthread_mutex_unlock(&partition->append_lock);
    return expired;
}

/* Puts a segment back whose file could not be removed: dropping later ones would tear a gap. */
static void put_back(struct pn_partition *partition, const struct pn_segment *taken)
{
    pthread_mutex_lock(&partition->append_lock);
    pthread_mutex_lock(&partition->lock);
    pn_grow((void **)&partition->segments, &partition->segment_capacity,
            partition->segment_count + 1, sizeof *partition->segments);
    memmove(partition->segments + 1, partition->segments,
            partition->segment_count * sizeof *partition->segments);
    partition->segments[0] = *taken;
    partition->segment_count++;
    pthread_mutex_unlock(&partition->lock);
    pthread_mutex_unlock(&partition->append_lock);
}

static bool remove_files(struct pn_partition *partition, int64_t base_offset)
{
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    struct pn_err why;
    if (pn_io_unlink(io, pn_segment_path(path, partition->folder, base_offset, "log"), &why) != 0 &&
        why.class_ != PN_CLASS_MISSING) {
        pn_logger_warn(partition->env->logger, "log",
                       "a segment past its retention could not be removed: %s", why.msg);
        return false;
    }
    (void)io->ops->unlink(io, pn_segment_path(path, partition->folder, base_offset, "index"));
    return true;
}

size_t pn_partition_retain(struct pn_partition *partition, int64_t now_ms, int64_t retention_ms,
                           int64_t retention_bytes)
{
    size_t dropped = 0;
    struct pn_segment taken;
    roll_idle(partition, now_ms, retention_ms);
    while (take_expired(partition, now_ms, retention_ms, retention_bytes, &taken)) {
        if (!remove_files(partition, taken.base_offset)) {
            put_back(partition, &taken);
            break;
        }
        pn_segment_deinit(&taken);
        dropped++;
    }
    struct pn_err why;
    if (dropped > 0 && pn_io_sync_dir(partition->env->io, partition->folder, &why) != 0) {
        pn_logger_warn(partition->env->logger, "log", "%s", why.msg);
    }
    return dropped;
}

int64_t pn_partition_newest_ms(struct pn_partition *partition)
{
    int64_t newest_ms = INT64_MIN;
    pthread_mutex_lock(&partition->lock);
    for (size_t i = 0; i < partition->segment_count; i++) {
        const struct pn_segment *segment = &partition->segments[i];
        if (segment->bytes > 0 && segment->appended_ms > newest_ms) {
            newest_ms = segment->appended_ms;
        }
    }
    pthread_mutex_unlock(&partition->lock);
    return newest_ms;
}
