#include "log/embedded/partition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/embedded/open_files.h"

/*
 * A sync of bytes that were in the file before needs no entry in the file system's journal: it
 * takes half the time, and does not wait for what others write. So zeros are written ahead of small
 * batches, in steps of as much as the segment has, within these bounds. Large batches are bound by
 * how fast the disk writes, and would only be slowed down.
 */
enum {
    PREPARE_BYTES_MIN = 16 * 1024,
    PREPARE_BYTES_MAX = 1024 * 1024,
    PREPARE_FOR_BATCHES_BELOW = 256 * 1024,
    ZERO_BYTES = 64 * 1024
};

static const uint8_t zeros[ZERO_BYTES];

struct pn_partition *pn_partition_create(struct pn_log_env *env, const char *topic,
                                         const char *folder, int32_t number)
{
    struct pn_partition *partition = pn_xcalloc(1, sizeof *partition);
    partition->env = env;
    partition->topic = pn_xstrdup(topic);
    partition->number = number;
    partition->folder = pn_xasprintf("%s/%d", folder, number);
    partition->fd = -1;
    pthread_mutex_init(&partition->append_lock, NULL);
    pthread_mutex_init(&partition->lock, NULL);
    return partition;
}

void pn_partition_destroy(struct pn_partition **partition)
{
    struct pn_partition *gone = *partition;
    if (gone == NULL) {
        return;
    }
    PN_ASSERT(gone->pending.count == 0);
    pn_open_files_close(gone);
    if (gone->stopped) {
        pn_metric_add(gone->env->stopped_partitions, -1);
    }
    for (size_t i = 0; i < gone->segment_count; i++) {
        pn_segment_deinit(&gone->segments[i]);
    }
    free(gone->segments);
    pn_pending_deinit(&gone->pending);
    pthread_mutex_destroy(&gone->lock);
    pthread_mutex_destroy(&gone->append_lock);
    free(gone->folder);
    free(gone->topic);
    free(gone);
    *partition = NULL;
}

/* --- state ----------------------------------------------------------------------------------- */

static struct pn_segment *active_of(const struct pn_partition *partition)
{
    return partition->segment_count == 0 ? NULL
                                         : &partition->segments[partition->segment_count - 1];
}

struct pn_log_offsets pn_partition_offsets(struct pn_partition *partition)
{
    struct pn_log_offsets offsets = {.unsure = partition->unsure};
    pthread_mutex_lock(&partition->lock);
    const struct pn_segment *active = active_of(partition);
    if (active != NULL) {
        offsets.begin = partition->segments[0].base_offset;
        offsets.end = active->next_offset;
    }
    for (size_t i = 0; i < partition->segment_count; i++) {
        offsets.size_bytes += partition->segments[i].bytes;
    }
    pthread_mutex_unlock(&partition->lock);
    return offsets;
}

int64_t pn_partition_end_offset(struct pn_partition *partition)
{
    return pn_partition_offsets(partition).end;
}

bool pn_partition_stopped(struct pn_partition *partition, struct pn_err *why)
{
    pthread_mutex_lock(&partition->lock);
    bool stopped = partition->stopped;
    if (stopped) {
        pn_err_copy(why, &partition->why);
    }
    pthread_mutex_unlock(&partition->lock);
    return stopped;
}

void pn_partition_stop(struct pn_partition *partition, const struct pn_err *why)
{
    pthread_mutex_lock(&partition->lock);
    bool first = !partition->stopped;
    if (first) {
        partition->stopped = true;
        (void)pn_err_set(&partition->why, PN_CLASS_FATAL, PN_FAIL,
                         "partition %d of topic %s accepts no writes until pinion is restarted: %s",
                         partition->number, partition->topic, why->msg);
    }
    pthread_mutex_unlock(&partition->lock);
    if (first) {
        pn_metric_add(partition->env->stopped_partitions, 1);
        pn_logger_error(partition->env->logger, "log", "%s", partition->why.msg);
    }
}

/* Stops the partition for `why`, which becomes the stopped partition's answer. */
static int stop(struct pn_partition *partition, struct pn_err *why, struct pn_err *e)
{
    pn_partition_stop(partition, why);
    (void)pn_partition_stopped(partition, e);
    return PN_FAIL;
}

/* --- segments -------------------------------------------------------------------------------- */

static void push_segment(struct pn_partition *partition, int64_t base_offset)
{
    pthread_mutex_lock(&partition->lock);
    pn_grow((void **)&partition->segments, &partition->segment_capacity,
            partition->segment_count + 1, sizeof *partition->segments);
    pn_segment_init(&partition->segments[partition->segment_count++], base_offset);
    pthread_mutex_unlock(&partition->lock);
}

/* The folder of the topic has been there since the topic was made. If it is gone, no start would
 * find what is written to a new one. */
static int check_topic_there(const struct pn_partition *partition, struct pn_err *e)
{
    const char *slash = strrchr(partition->folder, '/');
    char *topic = pn_xasprintf("%.*s", (int)(slash - partition->folder), partition->folder);
    struct stat found;
    int rc = partition->env->io->ops->stat(partition->env->io, topic, &found);
    if (rc == -ENOENT || rc == -ENOTDIR) {
        rc =
            pn_err_set(e, PN_CLASS_FATAL, PN_FAIL,
                       "%s is no longer where it was: it or a folder above it was removed or "
                       "renamed while pinion ran. Stop pinion, put it back, and start pinion again",
                       topic);
    } else {
        rc = 0;
    }
    free(topic);
    return rc;
}

/* Opens the folder and makes the file of a segment in it. */
static int make_file(struct pn_partition *partition, int64_t base_offset, int *folder_fd, int *fd,
                     struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    int rc = check_topic_there(partition, e);
    if (rc == 0) {
        rc = pn_io_mkdirs(io, partition->folder, e);
    }
    if (rc == 0) {
        rc = pn_io_open(io, partition->folder, O_RDONLY | O_DIRECTORY, folder_fd, e);
    }
    if (rc == 0) {
        rc = pn_io_open(io, pn_segment_path(path, partition->folder, base_offset, "log"),
                        O_RDWR | O_CREAT | O_EXCL, fd, e);
    }
    return rc;
}

/* Makes the file of a segment, so that it is there after a crash, and opens it as the active one.
 * When there is no room for it, on the disk or among the open files, nothing has changed. */
static int create_segment(struct pn_partition *partition, int64_t base_offset, struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    struct pn_err why;
    int folder_fd = -1;
    int fd = -1;
    int rc = make_file(partition, base_offset, &folder_fd, &fd, &why);
    bool again = rc != 0 && why.class_ == PN_CLASS_RETRY;
    if (rc == 0) {
        rc = pn_io_sync(io, folder_fd, partition->folder, &why);
    }
    pn_io_close(io, &folder_fd);
    if (again) {
        pn_err_copy(e, &why);
        return rc;
    }
    if (rc != 0) {
        pn_io_close(io, &fd);
        return stop(partition, &why, e);
    }
    pn_open_files_replace(partition, fd);
    push_segment(partition, base_offset);
    return 0;
}

int pn_partition_roll(struct pn_partition *partition, struct pn_err *e)
{
    struct pn_segment *active = active_of(partition);
    const struct pn_io *io = partition->env->io;
    PN_ASSERT(active != NULL && active->bytes > 0 && partition->written.bytes == 0);
    struct pn_err why;
    /* The index spares time at the next start; without it the segment is read instead. */
    if (active->stored_bytes != active->bytes &&
        pn_segment_store_index(active, io, partition->folder, &why) != 0) {
        pn_logger_warn(partition->env->logger, "log", "an index was not stored: %s", why.msg);
    }
    if (partition->fd != -1) {
        /* The zeros after its end go; recovery knows them if they stay. */
        (void)io->ops->ftruncate(io, partition->fd, active->bytes);
    }
    return create_segment(partition, active->next_offset, e);
}

static int open_active(struct pn_partition *partition, struct pn_err *e)
{
    char path[PN_PATH_SIZE];
    int fd = -1;
    int rc = pn_io_open(
        partition->env->io,
        pn_segment_path(path, partition->folder, active_of(partition)->base_offset, "log"), O_RDWR,
        &fd, e);
    if (rc == 0) {
        pn_open_files_replace(partition, fd);
    }
    return rc;
}

static bool roll_due(const struct pn_partition *partition, const struct pn_segment *active,
                     size_t bytes)
{
    const struct pn_embedded_config *config = &partition->env->config;
    if (active->bytes == 0) {
        return false;
    }
    return active->bytes + (int64_t)bytes > config->segment_bytes ||
           active->created_ms < pn_wall_ms(partition->env->clock) - config->segment_ms;
}

/* Makes sure that there is an open active segment with room for a batch. */
static int prepare(struct pn_partition *partition, size_t bytes, struct pn_err *e)
{
    struct pn_segment *active = active_of(partition);
    if (active == NULL) {
        return create_segment(partition, 0, e);
    }
    if (roll_due(partition, active, bytes)) {
        return pn_partition_roll(partition, e);
    }
    if (partition->fd != -1) {
        pn_open_files_use(partition);
        return 0;
    }
    struct pn_err why;
    int rc = open_active(partition, &why);
    if (rc != 0 && why.class_ != PN_CLASS_RETRY) {
        return stop(partition, &why, e);
    }
    if (rc != 0) {
        pn_err_copy(e, &why);
    }
    return rc;
}

/* How many zeros to write after a batch that ends at `end`. */
static size_t zeros_behind(const struct pn_partition *partition, size_t batch_bytes, int64_t end)
{
    const struct pn_embedded_config *config = &partition->env->config;
    if (config->durability != PN_DURABILITY_FSYNC || end <= partition->prepared_bytes ||
        batch_bytes >= PREPARE_FOR_BATCHES_BELOW || end >= config->segment_bytes) {
        return 0;
    }
    int64_t step = end < PREPARE_BYTES_MIN ? PREPARE_BYTES_MIN : end;
    step = step > PREPARE_BYTES_MAX ? PREPARE_BYTES_MAX : step;
    return (size_t)(step < config->segment_bytes - end ? step : config->segment_bytes - end);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Takes back what a failed write or sync may have left behind the durable end of the file. */
static int take_back(struct pn_partition *partition, struct pn_err *e)
{
    const struct pn_segment *active = active_of(partition);
    char path[PN_PATH_SIZE];
    partition->written = (struct pn_batch_header){0};
    partition->prepared_bytes = 0;
    return pn_io_truncate(partition->env->io, partition->fd, active->bytes,
                          pn_segment_path(path, partition->folder, active->base_offset, "log"), e);
}

/* One write of the batch, and of zeros after it. */
static int write_bytes(struct pn_partition *partition, const uint8_t *bytes, size_t len,
                       size_t zero_len, struct pn_err *e)
{
    struct iovec iov[1 + PREPARE_BYTES_MAX / ZERO_BYTES];
    const struct pn_segment *active = active_of(partition);
    char path[PN_PATH_SIZE];
    int count = 1;
    iov[0] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    for (size_t left = zero_len; left > 0; left -= iov[count++].iov_len) {
        iov[count] = (struct iovec){.iov_base = (void *)(uintptr_t)zeros,
                                    .iov_len = left < ZERO_BYTES ? left : ZERO_BYTES};
    }
    return pn_io_writev_at(partition->env->io, partition->fd, iov, count, active->bytes,
                           pn_segment_path(path, partition->folder, active->base_offset, "log"), e);
}

/* Writes a batch after the active segment's end, or leaves no trace of it. */
static int write_batch(struct pn_partition *partition, const uint8_t *bytes,
                       const struct pn_batch_header *header, struct pn_err *e)
{
    int rc = prepare(partition, header->bytes, e);
    if (rc != 0) {
        return rc;
    }
    int64_t end = active_of(partition)->bytes + (int64_t)header->bytes;
    size_t zero_len = zeros_behind(partition, header->bytes, end);
    struct pn_err why;
    struct pn_err not_taken_back;
    rc = write_bytes(partition, bytes, header->bytes, zero_len, &why);
    if (rc != 0 && take_back(partition, &not_taken_back) != 0) {
        return stop(partition, &not_taken_back, e);
    }
    if (rc != 0 && why.class_ == PN_CLASS_RETRY && zero_len > 0) {
        zero_len = 0; /* the disk may have room for the batch alone */
        rc = write_bytes(partition, bytes, header->bytes, 0, &why);
        if (rc != 0 && take_back(partition, &not_taken_back) != 0) {
            return stop(partition, &not_taken_back, e);
        }
    }
    if (rc == 0) {
        partition->written = *header;
        if (zero_len > 0) {
            partition->prepared_bytes = end + (int64_t)zero_len;
        }
        return 0;
    }
    if (why.class_ != PN_CLASS_RETRY) {
        return stop(partition, &why, e);
    }
    pn_err_copy(e, &why);
    return rc;
}

int pn_partition_write(struct pn_partition *partition, const uint8_t *bytes,
                       const struct pn_batch_header *header, struct pn_err *e)
{
    PN_ASSERT(partition->written.bytes == 0);
    PN_ASSERT(header->base_offset == pn_partition_end_offset(partition));
    if (pn_partition_stopped(partition, e)) {
        return PN_FAIL;
    }
    pthread_mutex_lock(&partition->append_lock);
    int rc = write_batch(partition, bytes, header, e);
    pthread_mutex_unlock(&partition->append_lock);
    return rc;
}

/* The active segment's path. It stays the active one, but others may drop segments before it. */
static char *active_path(struct pn_partition *partition, char *path)
{
    pthread_mutex_lock(&partition->lock);
    int64_t base_offset = active_of(partition)->base_offset;
    pthread_mutex_unlock(&partition->lock);
    return pn_segment_path(path, partition->folder, base_offset, "log");
}

void pn_partition_start_sync(struct pn_partition *partition)
{
    pn_io_start_writeback(partition->env->io, partition->fd);
}

int pn_partition_sync(struct pn_partition *partition, struct pn_err *e)
{
    PN_ASSERT(partition->written.bytes > 0);
    char path[PN_PATH_SIZE];
    struct pn_err why;
    int rc = pn_io_datasync(partition->env->io, partition->fd, active_path(partition, path), &why);
    if (rc == 0) {
        return 0;
    }
    /* The records are refused, so they should not be there after a restart. That they are not is
     * as good as it gets: nothing on this file can be relied upon any more. */
    pthread_mutex_lock(&partition->append_lock);
    (void)take_back(partition, NULL);
    rc = stop(partition, &why, e);
    pthread_mutex_unlock(&partition->append_lock);
    return rc;
}

int pn_partition_check_there(struct pn_partition *partition, struct pn_err *e)
{
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    struct stat named;
    struct stat open;
    int rc = io->ops->stat(io, active_path(partition, path), &named);
    bool gone = rc == -ENOENT || rc == -ENOTDIR;
    if (rc == 0 && io->ops->fstat(io, partition->fd, &open) == 0) {
        gone = named.st_dev != open.st_dev || named.st_ino != open.st_ino;
    }
    if (!gone) {
        return 0;
    }
    struct pn_err why;
    (void)pn_err_set(&why, PN_CLASS_FATAL, PN_FAIL,
                     "%s is no longer where it was: the file or a folder above it was removed or "
                     "renamed while pinion ran. Stop pinion, put it back, and start pinion again",
                     path);
    pthread_mutex_lock(&partition->append_lock);
    (void)take_back(partition, NULL);
    rc = stop(partition, &why, e);
    pthread_mutex_unlock(&partition->append_lock);
    return rc;
}

int64_t pn_partition_publish(struct pn_partition *partition)
{
    PN_ASSERT(partition->written.bytes > 0);
    int64_t now_ms = pn_wall_ms(partition->env->clock);
    pthread_mutex_lock(&partition->append_lock);
    pthread_mutex_lock(&partition->lock);
    struct pn_segment *active = active_of(partition);
    pn_segment_add(active, &partition->written, now_ms,
                   partition->env->config.index_interval_bytes);
    int64_t end_offset = active->next_offset;
    pthread_mutex_unlock(&partition->lock);
    partition->written = (struct pn_batch_header){0};
    pthread_mutex_unlock(&partition->append_lock);
    return end_offset;
}

void pn_partition_close(struct pn_partition *partition)
{
    pthread_mutex_lock(&partition->append_lock);
    struct pn_segment *active = active_of(partition);
    if (active == NULL || partition->stopped || active->stored_bytes == active->bytes) {
        goto out;
    }
    const struct pn_io *io = partition->env->io;
    char path[PN_PATH_SIZE];
    struct pn_err why;
    int rc = partition->fd != -1 ? 0 : open_active(partition, &why);
    if (rc == 0) {
        (void)io->ops->ftruncate(io, partition->fd, active->bytes);
        rc = pn_io_datasync(io, partition->fd,
                            pn_segment_path(path, partition->folder, active->base_offset, "log"),
                            &why);
    }
    if (rc == 0) {
        rc = pn_segment_store_index(active, io, partition->folder, &why);
    }
    if (rc != 0) {
        pn_logger_warn(partition->env->logger, "log",
                       "partition %d of topic %s will be read completely at the next start: %s",
                       partition->number, partition->topic, why.msg);
    }
out:
    pn_open_files_close(partition);
    pthread_mutex_unlock(&partition->append_lock);
}
