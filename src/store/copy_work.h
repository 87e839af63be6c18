/* Threads that go through the items of a copy. For the files of copy.h. */
#ifndef PN_STORE_COPY_WORK_H
#define PN_STORE_COPY_WORK_H

#include <pthread.h>

#include "store/copy.h"

/* A piece of the items, one after the other by one thread. */
struct pn_copy_work {
    struct pn_copy *copy;
    /* Does one item, on any thread. Not 0: a failure that is not of one object, and ends all. */
    int (*fn)(struct pn_copy_work *work, struct pn_copy_item *item, struct pn_err *e);
    bool replaces;
    enum pn_copy_phase phase;
    int64_t all; /* objects or bytes */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved;
    size_t next; /* item that no thread has taken */
    size_t end;
    int running;        /* threads */
    bool is_ending;     /* no thread takes another item */
    int64_t done;       /* of `all` */
    int64_t held_bytes; /* in memory */
    int rc;             /* the first failure */
    struct pn_err failure;
};

void pn_copy_work_init(struct pn_copy_work *work, struct pn_copy *copy);
void pn_copy_work_deinit(struct pn_copy_work *work);
/* Does the items first .. end - 1. */
int pn_copy_work_run(struct pn_copy_work *work, size_t first, size_t end,
                     struct pn_err *e) PN_MUST_CHECK;
/* So many more objects or bytes are done. */
void pn_copy_work_note(struct pn_copy_work *work, int64_t more);
/* Whether everything is to end soon. */
bool pn_copy_work_is_ending(struct pn_copy_work *work);
/* Waits until so many bytes may be held in memory; and gives them back. */
void pn_copy_work_hold(struct pn_copy_work *work, int64_t bytes);
void pn_copy_work_give_back(struct pn_copy_work *work, int64_t bytes);

/* Fails the item when the failure is one of this object; returns rc when it is not. */
int pn_copy_fail_item(struct pn_copy_item *item, int rc, const struct pn_err *why,
                      struct pn_err *e);
/* The size and the CRC-32C of an object: as the store has them or, with `reads` and where it has
 * none, of the bytes, which are read. CORRUPT when these are not what the store says. */
int pn_copy_sum(struct pn_copy_work *work, struct pn_store *store, const char *key, bool reads,
                int64_t *size_bytes, uint32_t *sum, struct pn_err *e);

#endif
