/*
 * What several processes keep together: entries, each a key and a text, in a topic of the log that
 * all of them write to and read (one partition, kept forever). Every change is a record:
 *
 *   key      the entry's
 *   value    its new text; absent: the entry is removed
 *   headers  "after", the offset of the record that made the entry what the writer knew (-1: there
 *            was none), and "id", which is random
 *
 * A record counts if nothing has changed the entry since that offset. So the order of the records,
 * which the log gives them, decides between two writers, everybody who reads the topic comes to the
 * same entries, and there is no owner and no lock that somebody could die with.
 *
 * Entries are few and small: they are all in memory. Any thread, one put at a time. Functions
 * marked BLOCKS wait for the log.
 */
#ifndef PN_KINESIS_LEDGER_H
#define PN_KINESIS_LEDGER_H

#include "base/buf.h"
#include "base/logger.h"
#include "log/log.h"

struct pn_ledger;

struct pn_ledger_config {
    struct pn_log *log; /* borrowed, as the logger, which may be NULL */
    struct pn_logger *logger;
    const char *topic; /* static; made by the first put */
    /* An entry has changed, by the record at the offset `at`; text.data NULL: it is gone. Called in
     * order, on any thread, one at a time; must not call the ledger. */
    void (*changed)(void *arg, const char *key, struct pn_bytes text, int64_t at);
    void *arg;
};

/* Reads the whole topic. CORRUPT: records at its beginning are gone. Where the cluster denies it to
 * the user, the ledger has no entries: see pn_ledger_denial(). BLOCKS. */
int pn_ledger_open(const struct pn_ledger_config *config, struct pn_ledger **ledger,
                   struct pn_err *e) PN_MUST_CHECK;
/* 0; or NOT_AUTHORIZED, and which rights are missing: nothing could be read so far. While the
 * ledger is followed, it looks again every 5 s. Doesn't wait. */
int pn_ledger_denial(struct pn_ledger *ledger, struct pn_err *e) PN_MUST_CHECK;
/* Takes what others change from now on, on a thread of its own. */
int pn_ledger_follow(struct pn_ledger *ledger, struct pn_err *e) PN_MUST_CHECK;
void pn_ledger_close(struct pn_ledger **ledger); /* NULL ok */
/* Takes all changes that were made before the call. BLOCKS. */
int pn_ledger_catch_up(struct pn_ledger *ledger, struct pn_err *e) PN_MUST_CHECK;
/*
 * Changes an entry that is as the record at `after` made it, and takes all changes up to this one.
 * *won: it counts; else somebody else's came first. An error means that nobody knows yet: it may
 * still come to count. BLOCKS.
 */
int pn_ledger_put(struct pn_ledger *ledger, const char *key, struct pn_bytes text, int64_t after,
                  bool *won, struct pn_err *e) PN_MUST_CHECK;
/* Adds the entry's text to `out` (NULL ok); false when there is none. *at: the offset for
 * pn_ledger_put(), also of an entry that was removed; -1: there never was one. */
bool pn_ledger_get(struct pn_ledger *ledger, const char *key, struct pn_buf *out, int64_t *at);

#endif
