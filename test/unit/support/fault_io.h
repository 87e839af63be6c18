/*
 * A disk that fails on demand, for tests: a `struct pn_io` in front of another one. It counts the
 * calls it passes on and makes one of them, or all from one on, fail with an errno, or write short.
 *
 * The torture loop of a test:
 *
 *     for (int64_t nth = 1;; nth++) {
 *         struct fault_io fault;
 *         fault_io_init(&fault, pn_io_system());
 *         fault_io_fail(&fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
 *         int rc = the_operation(&fault.io, ...);
 *         if (!fault_io_fired(&fault)) {
 *             assert_int_equal(rc, 0);  // every call has had its turn
 *             break;
 *         }
 *         assert_int_not_equal(rc, 0);
 *         ... open again on pn_io_system(); nothing acknowledged is lost ...
 *     }
 *
 * Closing always works and is not counted as a call; what was opened and not closed is counted, so
 * that a test sees leaked descriptors (fault_io_open_count()). Thread-safe but for init.
 */
#ifndef PN_TEST_SUPPORT_FAULT_IO_H
#define PN_TEST_SUPPORT_FAULT_IO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"

/* One for each member of struct pn_io_ops, and two groups. */
enum fault_call {
    FAULT_ANY,   /* every call but close, which cannot be failed */
    FAULT_SYNCS, /* fdatasync, fsync and syncfs */
    FAULT_OPEN,
    FAULT_PREAD,
    FAULT_PWRITEV,
    FAULT_FDATASYNC,
    FAULT_FSYNC,
    FAULT_SYNCFS,
    FAULT_FTRUNCATE,
    FAULT_FSTAT,
    FAULT_STAT,
    FAULT_RENAME,
    FAULT_LINK,
    FAULT_UNLINK,
    FAULT_MKDIR,
    FAULT_RMDIR,
    FAULT_FLOCK,
    FAULT_LIST,
    FAULT_CALL_COUNT
};

enum fault_mode {
    FAULT_ONCE,    /* the nth call fails */
    FAULT_FOREVER, /* the nth and all later ones of its kind fail */
    /* The nth call, which should be a pwritev, writes half of its bytes (at least one) and reports
     * so; the next pwritev fails with the errno. With errno 0 that one works: a plain short write.
     * Other kinds of calls just fail. */
    FAULT_SHORT_WRITE
};

struct fault_io {
    struct pn_io io; /* pass &fault.io */
    const struct pn_io *under;
    pthread_mutex_t lock;
    int64_t calls[FAULT_CALL_COUNT]; /* seen so far; of groups too */
    enum fault_call call;
    int64_t nth; /* 0: never */
    int error;
    enum fault_mode mode;
    bool fired;
    bool pwritev_fails_next;
    int64_t open_count;
};

/* Passes everything on to `under` until told otherwise. Holds nothing that needs freeing. */
void fault_io_init(struct fault_io *fault, const struct pn_io *under);
/* Arms it: the nth call (from 1) of that kind, counted from now, fails with `error`. Replaces what
 * was armed before; nth 0 disarms. Counters and `fired` start again. */
void fault_io_fail(struct fault_io *fault, enum fault_call call, int64_t nth, int error,
                   enum fault_mode mode);
/* Has it failed a call (or cut a write short) since it was armed? */
bool fault_io_fired(struct fault_io *fault);
/* Calls of a kind since init or the last fault_io_fail(), failed ones included. */
int64_t fault_io_calls(struct fault_io *fault, enum fault_call call);
/* Descriptors opened through it and not closed since init. */
int64_t fault_io_open_count(struct fault_io *fault);

#endif
