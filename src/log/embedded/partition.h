/*
 * A partition: a folder of segments, the last of which is appended to.
 *
 * Rights by thread:
 *   - `append_lock` is held by the thread that changes the partition: the committer while it writes
 *     or publishes a batch, retention while it rolls or drops segments. In between, while `written`
 *     is set, nobody but the committer may touch the active segment or its file;
 *   - `lock` is held, briefly and never during I/O, to look at or change the list of segments, or
 *     whether the partition is stopped. A change needs both, so holding either is enough to look;
 *     the committer too must hold one, for retention drops segments while it writes or syncs;
 *   - readers take `lock`, copy what they may see (durable records only), and read the files on
 *     their own: they never wait for the disk writes of the committer, nor it for them.
 *
 * States: taking writes -> stopped, by stop(), after a failed write that could not be taken back or
 * a failed sync. Nothing leads back but opening the log again: what the disk has of the last write
 * is unknown, and only recovery finds it out.
 */
#ifndef PN_LOG_PARTITION_H
#define PN_LOG_PARTITION_H

#include "log/embedded/env.h"
#include "log/embedded/pending.h"
#include "log/embedded/segment.h"

struct pn_partition {
    struct pn_log_env *env;
    char *topic;
    int32_t number;
    char *folder;

    pthread_mutex_t append_lock;
    int fd;                         /* the active segment's file, -1 while it is closed */
    uint64_t last_use;              /* of fd; see struct pn_open_files */
    int64_t prepared_bytes;         /* zeros were written up to here */
    struct pn_batch_header written; /* a batch written, not yet published; bytes 0: none */

    pthread_mutex_t lock;
    struct pn_segment *segments; /* by base offset; the last one is active; none before the first
                                    append */
    size_t segment_count;
    size_t segment_capacity;
    bool stopped;
    bool unsure;       /* as in struct pn_log_offsets; recovery's */
    struct pn_err why; /* when stopped */

    struct pn_pending pending; /* the committer's own */
    struct pn_metric *appended_records;
    struct pn_metric *appended_bytes;
};

/* `folder` is the topic's. Nothing is read or made yet. */
struct pn_partition *pn_partition_create(struct pn_log_env *env, const char *topic,
                                         const char *folder, int32_t number);
void pn_partition_destroy(struct pn_partition **partition);

/* Finds the segments, and the last whole batch; cuts the torn tail after it. On failure the
 * partition is stopped, and readable as far as it was found. (recovery.c) */
void pn_partition_recover(struct pn_partition *partition);
/* Syncs what isn't, and stores the active segment's index, so that opening again is quick. */
void pn_partition_close(struct pn_partition *partition);

/*
 * Writing a batch, for the committer alone: write, sync, then publish. The batch's base offset is
 * the partition's end offset. A failed write is RETRY when the disk is full, and was taken back;
 * after any other failure the partition is stopped and the error is FATAL.
 */
int64_t pn_partition_end_offset(struct pn_partition *partition);
int pn_partition_write(struct pn_partition *partition, const uint8_t *bytes,
                       const struct pn_batch_header *header, struct pn_err *e) PN_MUST_CHECK;
/* Starts writing to the disk what the next sync will wait for. */
void pn_partition_start_sync(struct pn_partition *partition);
int pn_partition_sync(struct pn_partition *partition, struct pn_err *e) PN_MUST_CHECK;
/* Is the file that the batch was written to still the one of its name? Somebody may have removed or
 * renamed it, its folder, or the whole data folder: then nobody would find the batch again. If not,
 * the batch is taken back and the partition is stopped. */
int pn_partition_check_there(struct pn_partition *partition, struct pn_err *e) PN_MUST_CHECK;
/* Makes the batch visible. Returns the end offset. */
int64_t pn_partition_publish(struct pn_partition *partition);

/* Seals the active segment and begins a new one; for a holder of append_lock, while no batch is
 * written. */
int pn_partition_roll(struct pn_partition *partition, struct pn_err *e) PN_MUST_CHECK;

/* Copies the reason when the partition doesn't take writes. */
bool pn_partition_stopped(struct pn_partition *partition, struct pn_err *why);
void pn_partition_stop(struct pn_partition *partition, const struct pn_err *why);

struct pn_log_offsets pn_partition_offsets(struct pn_partition *partition);

/* As pn_log_read() and pn_log_offset_at(). (partition_read.c) */
int pn_partition_read(struct pn_partition *partition, int64_t offset, size_t max_records,
                      size_t max_bytes, struct pn_arena *arena, struct pn_log_records *records,
                      struct pn_err *e) PN_MUST_CHECK;
int pn_partition_offset_at(struct pn_partition *partition, int64_t timestamp_ms, int64_t *offset,
                           struct pn_err *e) PN_MUST_CHECK;

/* Drops the segments that are older at `now_ms`, or beyond the size, of what is to be kept; -1
 * keeps all. Returns how many went. (retention.c) */
size_t pn_partition_retain(struct pn_partition *partition, int64_t now_ms, int64_t retention_ms,
                           int64_t retention_bytes);
/* Wall time of the last append to it; INT64_MIN when there is none. (retention.c) */
int64_t pn_partition_newest_ms(struct pn_partition *partition);

#endif
