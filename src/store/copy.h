/*
 * Copies all objects of a store to another one: what `pinion store copy` does.
 *
 * A plan lists both stores and compares what is in both, by size and CRC-32C; it writes nothing. A
 * run then copies what is missing and, if that is allowed, what differs. Each copy is compared with
 * its source by size and CRC-32C. A copy that was ended at any moment is continued by another plan
 * and run: what is in the target already is not copied again.
 *
 * The order is by rank: all objects of a rank are in the target before the first one of the next
 * rank is put there, and none of them is if one of an earlier rank could not be copied, or was
 * removed from the source after it was listed. So what names other objects never comes before
 * them. A plan lists the source's later ranks first, for a source that is written to meanwhile:
 * what an object of a later rank names is older than the object.
 *
 * Threads: a copy belongs to one thread, which starts and ends threads of its own. The functions
 * of the configuration are called by that one thread.
 */
#ifndef PN_STORE_COPY_H
#define PN_STORE_COPY_H

#include "base/io.h"
#include "store/store.h"

enum {
    PN_COPY_RANKS = 4,
    PN_COPY_RANK_IN_ORDER = 2,
    PN_COPY_RANK_HINT = 3,
    PN_COPY_THREADS_MAX = 64
};

enum pn_copy_state {
    PN_COPY_SAME,    /* it is in the target, with the same bytes */
    PN_COPY_MISSING, /* it is not in the target */
    PN_COPY_DIFFERS, /* the target has other bytes; of PN_COPY_RANK_HINT they may be replaced */
    PN_COPY_DONE,    /* it was copied */
    PN_COPY_GONE,    /* it was removed from the source meanwhile: another plan is needed */
    PN_COPY_FAILED   /* `why` says it */
};

struct pn_copy_item {
    char *key;
    int64_t size_bytes; /* in the source */
    int rank;
    bool is_there; /* the target has an object of this key */
    enum pn_copy_state state;
    int64_t there_bytes; /* its size */
    char *why;           /* NULL: no failure */
};

enum pn_copy_phase { PN_COPY_COMPARING, PN_COPY_COPYING };

struct pn_copy_config {
    struct pn_store *from; /* these are borrowed */
    struct pn_store *to;
    const struct pn_io *io; /* for files on their way */
    int threads;            /* objects at a time, up to PN_COPY_THREADS_MAX */
    bool reads_back;        /* reads the target's objects and does not believe its checksums */
    /* 0 to PN_COPY_RANKS - 1. Of PN_COPY_RANK_IN_ORDER, the objects of one folder are copied one
     * after the other, in the order of their keys. PN_COPY_RANK_HINT is for objects whose contents
     * may be replaced at any time. */
    int (*rank)(void *arg, const char *key);
    /* An object that only the target has. NULL ok. */
    void (*extra)(void *arg, const char *key);
    /* Several times a second: how many objects of how many are compared, or bytes copied. True ends
     * the work, with RETRY. */
    bool (*look)(void *arg, enum pn_copy_phase phase, int64_t done, int64_t all);
    void *arg; /* of these */
};

struct pn_copy {
    struct pn_copy_config config;
    struct pn_copy_item *items; /* by rank, then by key */
    size_t count;
    size_t capacity;
    int64_t extra; /* objects that only the target has */
};

/* The caller destroys the copy, also after a failure. */
int pn_copy_plan(const struct pn_copy_config *config, struct pn_copy **copy,
                 struct pn_err *e) PN_MUST_CHECK;
/* Copies the items that are MISSING and, with `replaces`, those that DIFFER. Objects that could not
 * be copied are FAILED, or GONE, which is not a failure of the call; the later ranks are MISSING
 * then. */
int pn_copy_run(struct pn_copy *copy, bool replaces, struct pn_err *e) PN_MUST_CHECK;
void pn_copy_destroy(struct pn_copy **copy); /* NULL ok */

/* The item of a key of the source; NULL: the source had no such object. */
const struct pn_copy_item *pn_copy_find(const struct pn_copy *copy, const char *key);

struct pn_copy_count {
    int64_t objects;
    int64_t bytes;
};
struct pn_copy_count pn_copy_count(const struct pn_copy *copy, enum pn_copy_state state);

#endif
