/*
 * Dead letters that are sent again: through the same doors as any record (an append to the topic, a
 * put to the stream), and each once. What was sent is in `<data>/letters.db`, by the letter's id.
 *
 * Before a record is appended, the database durably says where it will go and from which offset on
 * it can be there; the record has the letter's id as a header. So when a crash, or a failed sync,
 * leaves it open whether a record was appended, the next attempt looks for it there first.
 *
 * All functions may be called on any thread; resends wait for each other.
 */
#ifndef PN_LETTERS_LETTERS_H
#define PN_LETTERS_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "kinesis/kinesis.h"
#include "log/log.h"

#define PN_LETTER_HEADER "pinion-dead-letter"

enum { PN_LETTER_TARGET_SIZE = PN_TOPIC_NAME_MAX + 1 };

/* What is sent, and where. Everything is borrowed for the call. */
struct pn_letter {
    const char *id;
    const char *old_id; /* under which an earlier version may have sent it; NULL: none */
    bool is_stream;
    const char *origin;  /* the topic or the stream */
    int32_t partition;   /* of a record without a key; -1: not known, the first */
    struct pn_bytes key; /* absent: none */
    struct pn_bytes value;
    bool is_edited;
};

/* Where a letter's record is. */
struct pn_letter_sent {
    char origin[PN_LETTER_TARGET_SIZE];
    int32_t partition; /* of the topic, or the shard's number */
    int64_t offset;    /* -1: it is not known whether it was sent; the next resend finds out */
    int64_t sent_ms;
    bool is_edited;
};

/* What a resend did. */
enum pn_letter_outcome { PN_LETTER_SENT, PN_LETTER_WAS_SENT };

struct pn_letters;

/* `path` is copied; all else is borrowed for its life. `topics` is the public view (log/public.h);
 * `kinesis` may be NULL: then no stream is. Nothing is opened or made before it is needed. */
struct pn_letters *pn_letters_create(const char *path, struct pn_log *topics,
                                     struct pn_kinesis *kinesis, const struct pn_clock *clock);
void pn_letters_destroy(struct pn_letters **letters); /* NULL ok */

/* Has the letter been sent, under its id or its old one (NULL: it has none)? BLOCKS. */
int pn_letters_find(struct pn_letters *letters, const char *id, const char *old_id, bool *is_known,
                    struct pn_letter_sent *sent, struct pn_err *e) PN_MUST_CHECK;
/* Sends the letter, unless it was sent. MISSING: there is no such topic or stream any more; other
 * errors are those of the append. BLOCKS. */
int pn_letters_send(struct pn_letters *letters, const struct pn_letter *letter,
                    enum pn_letter_outcome *outcome, struct pn_letter_sent *sent,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
