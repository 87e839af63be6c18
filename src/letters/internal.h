/* What the files of this module share. */
#ifndef PN_LETTERS_INTERNAL_H
#define PN_LETTERS_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "letters/letters.h"

struct pn_letters {
    char *path;
    struct pn_log *topics;
    struct pn_kinesis *kinesis;
    const struct pn_clock *clock;
    pthread_mutex_t lock; /* of all that follows, and of a resend as a whole */
    sqlite3 *sqlite;      /* NULL: not opened yet */
};

/* Where a record is about to go. */
struct pn_letter_intent {
    int32_t partition;
    int64_t from; /* no offset below it is the record's */
};

/* book.c; the lock is held. */
int pn_letters_read(struct pn_letters *letters, const char *id, bool *is_known,
                    struct pn_letter_sent *sent, int64_t *from, struct pn_err *e) PN_MUST_CHECK;
int pn_letters_intend(struct pn_letters *letters, const struct pn_letter *letter,
                      const struct pn_letter_intent *intent, struct pn_err *e) PN_MUST_CHECK;
int pn_letters_note_sent(struct pn_letters *letters, const char *id, int64_t offset,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
