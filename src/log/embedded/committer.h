/*
 * Group commit. Producers push requests on a list without a lock; one thread takes all that
 * gathered, and goes round after round:
 *
 *   1. a batch for each partition that has something waiting (at most PN_ROUND_PARTITIONS_MAX of
 *      them, at most about PN_BATCH_BYTES_USUAL a batch), each written with one call;
 *   2. one sync for each of these files, after the writing to disk was started on all of them;
 *   3. the new end offsets become visible, the listeners hear of it, and each request whose last
 *      record was written is answered.
 *
 * What arrives meanwhile is the next round's: the slower the disk, the larger the batches. A
 * partition gets one batch a round, so that at most one batch of a file is not durable.
 */
#ifndef PN_LOG_COMMITTER_H
#define PN_LOG_COMMITTER_H

#include "log/embedded/record_batch.h"
#include "log/embedded/topics.h"

enum {
    PN_ROUND_PARTITIONS_MAX = 64,
    PN_BATCH_BYTES_USUAL = 1024 * 1024,
    /* What a record costs the queue besides its bytes. */
    PN_ENTRY_OVERHEAD_BYTES = 128
};
_Static_assert((int)PN_ROUND_PARTITIONS_MAX < (int)PN_OPEN_FILES_MAX,
               "there is always an open file that is not being written to");

struct pn_log_listener {
    int id;
    void (*fn)(void *arg);
    void *arg;
};

/* A partition's part of a round. */
struct pn_round_part {
    struct pn_partition *partition;
    size_t entries; /* how many of the partition's pending ones */
    int rc;
    struct pn_err err;
};

struct pn_committer {
    struct pn_log_env *env;
    struct pn_topics *topics;
    pthread_t thread;

    _Atomic(struct pn_log_request *) incoming; /* newest first */
    atomic_llong queued_bytes;
    atomic_bool asleep;
    pthread_mutex_t lock; /* of wake and stopping */
    pthread_cond_t wake;
    bool stopping;

    pthread_mutex_t listeners_lock;
    struct pn_log_listener *listeners;
    size_t listener_count;
    size_t listener_capacity;
    int listener_id;

    /* The thread's own. */
    struct pn_batch_writer writer;
    struct pn_partition **busy; /* partitions with something pending, longest waiting first */
    size_t busy_count;
    size_t busy_capacity;
    struct pn_round_part parts[PN_ROUND_PARTITIONS_MAX];
    struct pn_log_request *answered; /* to be called, newest first */
};

/* Caller's storage. */
void pn_committer_start(struct pn_committer *committer, struct pn_log_env *env,
                        struct pn_topics *topics);
/* Finishes what was submitted. Nothing may be submitted any more. */
void pn_committer_stop(struct pn_committer *committer);

/* Takes room in the queue for a request; RETRY when it is full. */
int pn_committer_reserve(struct pn_committer *committer, size_t bytes,
                         struct pn_err *e) PN_MUST_CHECK;
/* Hands over a request whose room is reserved, whose topic is held and whose entries have their
 * partition. The committer must be woken then, after this one or after some more. */
void pn_committer_push(struct pn_committer *committer, struct pn_log_request *request);
void pn_committer_wake(struct pn_committer *committer);

int pn_committer_listen(struct pn_committer *committer, void (*fn)(void *arg), void *arg);
void pn_committer_unlisten(struct pn_committer *committer, int id);

#endif
