/*
 * Enhanced fan-out: shards of a Kinesis elsewhere are not asked for records but subscribed to, as a
 * consumer that is registered with the stream. Each consumer has 2 MiB a second of each shard for
 * itself. What comes is pushed into a window (kinesis_window.h), from which the stream's tables
 * read as they would by GetRecords, with the same places and offsets.
 *
 *   kinesis_fanout.c               a table's read: from the window, which is moved to its place
 *   kinesis_fanout_subscription.c  one subscription after another to a shard
 *   kinesis_fanout_consumer.c      the consumer of a stream: found or registered
 *   kinesis_consumer.c             what names it
 *
 * A shard has one subscription, and so one window. A table that is somewhere else reads by
 * GetRecords until it has come to the window, unless no other table reads from that: then the
 * window is moved to it.
 *
 * A subscription ends after five minutes, by Kinesis; another one continues after its last event.
 * It is begun only when a table asks. Where two processes subscribe to a shard as one consumer,
 * the later one ends that of the earlier one.
 *
 * Source: Amazon Kinesis Data Streams API Reference: SubscribeToShard, RegisterStreamConsumer;
 * Developer Guide, "Develop enhanced fan-out consumers". As with the Kinesis Client Library, a
 * consumer that was registered stays when the process ends.
 */
#ifndef PN_PROCESSOR_KINESIS_FANOUT_H
#define PN_PROCESSOR_KINESIS_FANOUT_H

#include "kinesis/api/event_reader.h"
#include "processor/kinesis_consumer.h"
#include "processor/kinesis_reader.h"
#include "processor/kinesis_window.h"

enum {
    PN_KINESIS_FANOUT_VALUES_MAX = 1 << 20,  /* of an event: up to 10,000 records of five each */
    PN_KINESIS_SUBSCRIPTIONS_MAX = 256,      /* of a process; further shards are polled */
    PN_KINESIS_FANOUT_BYTES_MAX = 128 << 20, /* in all windows, before they stop growing */
    PN_KINESIS_FANOUT_SWEEP_MS = 10 * 1000,  /* so often it is looked for such ones */
    PN_KINESIS_FANOUT_ASKED_MS = 60 * 1000,  /* what no table asks for ends after this */
    PN_KINESIS_FANOUT_OTHERS_MS = 60 * 1000  /* a table that has not read since is not there */
};

struct pn_kinesis_fanout;

/* A table's thread that reads from a window, and when it did. */
struct pn_kinesis_window_reader {
    pthread_t thread;
    int64_t read_ms; /* 0: there is none */
};

/* A shard's subscription. Its members are by the lock of the fan-out, but for those of the call
 * while is_live: these are the remote's thread's. */
struct pn_kinesis_subscription {
    struct pn_kinesis_fanout *fanout;
    char *stream;
    uint64_t id; /* of the stream */
    uint32_t shard;
    struct pn_kinesis_window window;
    struct pn_kinesis_window_reader readers[2]; /* the last two that differ, the last one first */
    bool is_live;                               /* the remote has the call */
    bool is_cancelled; /* likewise, and what it still brings is not taken */
    bool is_paused;    /* the window was full */
    bool has_heard;    /* an event has come in this call */
    bool is_first;     /* nobody knows yet whether records are missing before what it brings */
    bool misses;       /* Kinesis does not have the shard, or the consumer */
    bool continues;    /* the next one begins after `after`; else at the window's base */
    char after[PN_PLACE_TEXT_SIZE];
    char arn[PN_KINESIS_READER_ARN_SIZE]; /* of the consumer */
    int64_t asked_ms;      /* when a table asked last; by the clock that only rises, as next_ms */
    int64_t begun_ms;      /* likewise */
    int64_t next_ms;       /* no further one before */
    int64_t heard_ms;      /* when the last event came; likewise */
    int64_t began_ms;      /* as begun_ms, by the clock of Kinesis */
    int failures;          /* in a row, without progress in between */
    int takeovers;         /* in a row */
    struct pn_err failure; /* the last one */
    /* Of the call: */
    struct pn_remote_call call;
    struct pn_buf body;
    struct pn_event_reader events;
    struct pn_err broken; /* why the call was ended here, or by an exception; code 0: neither */
    bool is_taken_over;   /* that exception */
    struct pn_kinesis_subscription *next;
};

/* The consumer of one stream. */
struct pn_kinesis_consumer {
    char *stream;
    uint64_t id; /* of the stream */
    char arn[PN_KINESIS_READER_ARN_SIZE];
    bool is_active;
    int64_t next_ms;  /* not asked for before, by the clock that only rises */
    int64_t since_ms; /* it is awaited; 0: it is not */
    int rc;           /* not 0: `failure` says why it is not there */
    struct pn_err failure;
    struct pn_kinesis_consumer *next;
};

struct pn_kinesis_fanout {
    struct pn_kinesis_reader *reader;
    char *consumer; /* its name, or its ARN */
    struct pn_metric *begun;
    pthread_mutex_t asking; /* held while a consumer is asked for */
    struct pn_kinesis_consumer *consumers;
    struct pn_json_parser *parser; /* of events; the remote's thread's */
    pthread_mutex_t lock;          /* of what follows; never held during a call */
    struct pn_kinesis_subscription *subscriptions;
    size_t bytes;     /* in all windows */
    int64_t swept_ms; /* by the clock that only rises */
};

/* INPUT when `consumer` is neither a name nor the ARN of a consumer. */
int pn_kinesis_fanout_create(struct pn_kinesis_reader *reader, const char *consumer,
                             struct pn_metrics *metrics, struct pn_kinesis_fanout **fanout,
                             struct pn_err *e) PN_MUST_CHECK;
/* After the reader's remote is gone. NULL ok. */
void pn_kinesis_fanout_destroy(struct pn_kinesis_fanout **fanout);
/* As pn_processor_source_read(), from the shard's window. *is_read false: the table is somewhere
 * else, and reads by GetRecords. */
int pn_kinesis_fanout_read(struct pn_kinesis_fanout *fanout, struct pn_kinesis_reading *reading,
                           size_t max_records, size_t max_bytes, struct pn_arena *arena,
                           struct pn_processor_source_records *out, bool *is_read,
                           struct pn_err *e) PN_MUST_CHECK;

/* --- kinesis_fanout_consumer.c ---------------------------------------------------------------- */

/* The consumer of the stream: registered if need be. *arn is "" while it is not ready, and is to be
 * asked for again. RETRY: it cannot be registered now; FATAL: it is another stream's. BLOCKS. */
int pn_kinesis_consumer_get(struct pn_kinesis_fanout *fanout,
                            const struct pn_kinesis_reader_stream *stream, uint64_t id, char *arn,
                            struct pn_err *e) PN_MUST_CHECK;
/* It may be gone: the next get asks Kinesis. */
void pn_kinesis_consumer_doubt(struct pn_kinesis_fanout *fanout, const char *stream);
void pn_kinesis_consumers_destroy(struct pn_kinesis_fanout *fanout);

/* --- kinesis_fanout_subscription.c ------------------------------------------------------------ */

/* The shard's, made if need be; NULL: there are too many. With the lock. */
struct pn_kinesis_subscription *pn_kinesis_subscription_of(struct pn_kinesis_fanout *fanout,
                                                           const char *stream, uint64_t id,
                                                           uint32_t shard);
/* Now and then: lets go of those that nobody asks for. With the lock. */
void pn_kinesis_subscriptions_sweep(struct pn_kinesis_fanout *fanout);
/* Begins a call as the consumer of that ARN. With the lock; not while is_live. */
void pn_kinesis_subscription_begin(struct pn_kinesis_subscription *subscription, const char *arn);
/* Ends its call, if it has one. With the lock. */
void pn_kinesis_subscription_cancel(struct pn_kinesis_subscription *subscription);
/* After records were read from the window: it may continue. With the lock. */
void pn_kinesis_subscription_make_room(struct pn_kinesis_subscription *subscription);
/* Has it failed so often that people are to know? With the lock. */
bool pn_kinesis_subscription_is_in_trouble(const struct pn_kinesis_subscription *subscription);
void pn_kinesis_subscriptions_destroy(struct pn_kinesis_fanout *fanout);

#endif
