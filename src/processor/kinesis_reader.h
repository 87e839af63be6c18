/*
 * What the files of the source that is a Kinesis elsewhere share.
 *
 *   kinesis_reader.c         the source: its life and its operations
 *   kinesis_reader_call.h    one call of its API
 *   kinesis_reader_calls.c   calls, from a struct to a struct
 *   kinesis_reader_look.c    which streams and shards there are, remembered for a while
 *   kinesis_reader_turn.c    whose turn it is to read a shard: iterators, limits
 *   kinesis_reader_loss.c    what is lost, and which shards are gone or at their end
 *   kinesis_reader_get.c     reading a shard by GetRecords
 */
#ifndef PN_PROCESSOR_KINESIS_READER_H
#define PN_PROCESSOR_KINESIS_READER_H

#include <pthread.h>

#include "aws/remote/remote.h"
#include "base/notifier.h"
#include "base/random.h"
#include "processor/kinesis_consumer.h"
#include "processor/kinesis_reader_call.h"
#include "processor/source.h"

enum {
    /* How old may it be which streams and shards there are? Kinesis allows few looks. */
    PN_KINESIS_READER_LOOK_MS = 10000,
    PN_KINESIS_READER_ITERATOR_BYTES_MAX = 8192,
    PN_KINESIS_READER_ARN_SIZE = PN_KINESIS_CONSUMER_ARN_SIZE,
    PN_KINESIS_READER_CURSORS_MAX = 1024 /* of a shard: the readers of its stream's tables */
};

/* Where GetRecords continues for a reader that has come to `text` (struct pn_processor_place). */
struct pn_kinesis_reader_cursor {
    char text[PN_PLACE_TEXT_SIZE];
    char *iterator;  /* malloc'ed */
    int64_t made_ms; /* by the clock that only rises */
    bool is_first; /* it was made for the text: that of a sequence number begins with its record */
};

/* A thread that reads a shard, such as that of a table. Times are by the clock that only rises. */
struct pn_kinesis_reader_thread {
    pthread_t thread;
    int64_t asked_ms; /* for records, last */
    int64_t read_ms;  /* when it read last; before that, when it asked first */
    bool is_regular;  /* it has asked more than once: one that shows the lag may not ask again */
};

struct pn_kinesis_reader_shard {
    uint32_t index;
    bool is_gone; /* Kinesis does not list it, since gone_ms */
    int64_t gone_ms;
    struct pn_kinesis_reader_thread *threads; /* malloc'ed */
    size_t thread_count;
    size_t thread_capacity;
    int64_t next_ms;  /* no read before, by the clock that only rises */
    int64_t pause_ms; /* after the last refusal; 0: the last read was not refused */
    struct pn_kinesis_reader_cursor *cursors; /* malloc'ed */
    size_t cursor_count;
    size_t cursor_capacity;
};

/* A stream as it was looked at last. Stays where it is; its members are by the source's lock. */
struct pn_kinesis_reader_stream {
    char *name;
    uint64_t id;                          /* when it was created; 0: it was not there */
    char arn[PN_KINESIS_READER_ARN_SIZE]; /* "": it has none */
    int64_t retention_ms;                 /* how long it keeps records */
    int64_t looked_ms;                    /* by the clock that only rises; INT64_MIN: look again */
    struct pn_processor_source_shard *described; /* by index, rising; malloc'ed */
    size_t described_count;
    struct pn_kinesis_reader_shard *shards; /* malloc'ed, grows with the shards that are read */
    size_t shard_count;
    struct pn_kinesis_reader_stream *next;
};

struct pn_kinesis_fanout;

struct pn_kinesis_reader {
    struct pn_processor_source source;
    struct pn_remote *remote;
    const struct pn_clock *clock;
    int64_t read_ms; /* between two reads of a shard */
    struct pn_metric *throttled;
    struct pn_notifier notifier;
    struct pn_kinesis_fanout *fanout; /* NULL: shards are read by GetRecords alone */
    pthread_mutex_t looking; /* held while a stream is looked at, so that this is done once */
    pthread_mutex_t lock;    /* of what follows; never held during a call */
    struct pn_kinesis_reader_stream *streams;
    struct pn_random random;
    struct pn_arena arena; /* of the names */
    const char **names;    /* of all streams, as they were listed last */
    size_t name_count;
    int64_t listed_ms; /* by the clock that only rises; INT64_MIN: never */
    int64_t skew_ms;   /* how much their clock is ahead of ours; 0: little, or not known */
};

/* --- kinesis_reader_calls.c ------------------------------------------------------------------- */

/* All BLOCK, and have the errors of kinesis_reader_call.h. */

struct pn_kinesis_reader_summary {
    uint64_t id;
    char arn[PN_KINESIS_READER_ARN_SIZE];
    int64_t retention_ms;
    int64_t skew_ms;
};
int pn_kinesis_reader_summary(struct pn_kinesis_reader *reader, const char *stream,
                              struct pn_kinesis_reader_summary *out,
                              struct pn_err *e) PN_MUST_CHECK;
/* The shards, by index; malloc'ed. */
int pn_kinesis_reader_shards(struct pn_kinesis_reader *reader, const char *stream,
                             struct pn_processor_source_shard **shards, size_t *count,
                             struct pn_err *e) PN_MUST_CHECK;
/* The names of all streams, in the arena. */
int pn_kinesis_reader_names(struct pn_kinesis_reader *reader, struct pn_arena *arena,
                            const char ***names, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* An iterator for a place's text, malloc'ed. At a sequence number it begins with that record. */
int pn_kinesis_reader_iterator(struct pn_kinesis_reader *reader, const char *stream, uint32_t shard,
                               const char *text, char **iterator, struct pn_err *e) PN_MUST_CHECK;

struct pn_kinesis_reader_records {
    struct pn_record *records; /* in the arena, as the sequence numbers; offsets are not set */
    const char **sequences;
    size_t count;
    int64_t bytes;
    int64_t behind_ms;
    char *next; /* malloc'ed; NULL: the shard is read to its end */
};
int pn_kinesis_reader_get(struct pn_kinesis_reader *reader, const char *stream,
                          const char *iterator, size_t max_records, struct pn_arena *arena,
                          struct pn_kinesis_reader_records *out, struct pn_err *e) PN_MUST_CHECK;

/* Takes the members Records and MillisBehindLatest of a reply; `next` stays. Why it cannot, NULL
 * when it can. */
const char *pn_kinesis_reader_take_records(const struct pn_json *root, struct pn_arena *arena,
                                           struct pn_kinesis_reader_records *out);
/* Writes where to begin for a place's text, as an iterator or a subscription is asked to. */
void pn_kinesis_reader_write_place(struct pn_json_writer *json, const char *text,
                                   const char *type_key, const char *number_key);

/* --- kinesis_reader_look.c -------------------------------------------------------------------- */

/* The stream, looked at a while ago at most. MISSING when it is not there. The lock is not held. */
int pn_kinesis_reader_look(struct pn_kinesis_reader *reader, const char *name,
                           struct pn_kinesis_reader_stream **stream,
                           struct pn_err *e) PN_MUST_CHECK;
/* Forgets how its shards were read, as when the stream is gone. With the lock, or at the end. */
void pn_kinesis_reader_forget(struct pn_kinesis_reader_stream *stream);
/* The next look asks Kinesis. */
void pn_kinesis_reader_look_again(struct pn_kinesis_reader *reader,
                                  struct pn_kinesis_reader_stream *stream);

/* --- kinesis_reader_turn.c -------------------------------------------------------------------- */

/* One read of one shard. */
struct pn_kinesis_reading {
    struct pn_kinesis_reader *reader;
    struct pn_kinesis_reader_stream *stream;
    uint64_t id;
    uint32_t shard;
    int64_t offset;
    const struct pn_processor_place *place;
    int64_t retention_ms;
    int64_t now_ms;                         /* by the clock of Kinesis, as far as it is known */
    struct pn_kinesis_reader_cursor cursor; /* iterator NULL: there is none yet */
};

/* Is the stream still that one (else MISSING)? Then notes its retention, and the time. */
int pn_kinesis_reader_check_stream(struct pn_kinesis_reading *reading,
                                   struct pn_err *e) PN_MUST_CHECK;
/* Is the stream still that one (else MISSING), and is it this thread's turn? Then takes the
 * shard's cursor. */
int pn_kinesis_reader_take_turn(struct pn_kinesis_reading *reading, bool *is_ours,
                                struct pn_err *e) PN_MUST_CHECK;
/* Keeps the cursor for the next read, in place of the oldest one if there are
 * PN_KINESIS_READER_CURSORS_MAX of them. Those that Kinesis no longer takes are freed, and that of
 * a stream that is gone. */
void pn_kinesis_reader_give_cursor(struct pn_kinesis_reading *reading);
/* When the shard may be read again. */
void pn_kinesis_reader_pace(struct pn_kinesis_reading *reading, int64_t bytes, bool is_refused);
/* The shard, which is added if need be. With the lock. */
struct pn_kinesis_reader_shard *pn_kinesis_reader_shard_of(struct pn_kinesis_reader_stream *stream,
                                                           uint32_t index);

/* --- kinesis_reader_loss.c -------------------------------------------------------------------- */

/* Where records are lost, offsets continue so much later: further than any batch reaches, so that
 * what a crash has left of a batch (its dead letters) is not taken for what follows. */
#define PN_KINESIS_READER_LOST_OFFSETS (INT64_C(1) << 32)

/*
 * The record before the place is gone, or there was none. A stream keeps records for a while only:
 * so those that followed may be gone, too, unless all that arrived until a time that is not so long
 * ago was read. All by the clock of Kinesis, so that processes whose clocks differ number what
 * follows alike. Why records may be lost, in the arena; NULL: none are.
 */
const char *pn_kinesis_reader_lost(const struct pn_kinesis_reading *reading,
                                   struct pn_arena *arena);
/* Kinesis does not have the shard, or the stream. A shard goes some time after its last record. */
int pn_kinesis_reader_judge_missing(struct pn_kinesis_reading *reading, struct pn_arena *arena,
                                    struct pn_processor_source_records *out,
                                    struct pn_err *e) PN_MUST_CHECK;
/* A shard that was read to its end is never read again, so it is not enough that there is no
 * further iterator: the shard must be closed. The look is also for its children. */
int pn_kinesis_reader_check_end(struct pn_kinesis_reading *reading, struct pn_err *e) PN_MUST_CHECK;
/* Kinesis refuses the place: adds to its error what may be wrong with that. Another stream of the
 * name may be there, so the next look asks. */
void pn_kinesis_reader_blame_place(const struct pn_kinesis_reading *reading,
                                   struct pn_err *failure);

/* --- kinesis_reader_get.c --------------------------------------------------------------------- */

int pn_kinesis_reader_position(struct pn_processor_source *source, const char *name, uint64_t id,
                               uint32_t shard, enum pn_stream_start start, int64_t start_ms,
                               int64_t *offset, struct pn_processor_place *place,
                               struct pn_err *e) PN_MUST_CHECK;
/* Reads on at the reading's place, if it is this thread's turn; `out` has been filled as if nothing
 * was there. What comes was paid for, so it is not limited but in number: up to 10 MiB. */
int pn_kinesis_reader_get_some(struct pn_kinesis_reading *reading, size_t max_records,
                               struct pn_arena *arena, struct pn_processor_source_records *out,
                               struct pn_err *e) PN_MUST_CHECK;

#endif
