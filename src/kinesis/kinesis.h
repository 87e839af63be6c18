/*
 * Streams as Amazon Kinesis has them, on the log: the station below every interface to streams, and
 * below the processor. Nothing here knows HTTP, JSON or CBOR.
 *
 * A stream is a topic of the log (PN_KINESIS_TOPIC_PREFIX + its name), a shard is the partition of
 * the same number, and a record's sequence number holds its offset. So what the log promises holds:
 * what was acknowledged is durable, each shard's records are in order, offsets are never reused.
 * The rest of a stream (shards with their parents and hash-key ranges, status, retention, tags,
 * mode, consumers, ...) is metadata: `<folder>/streams/<name>.json`, replaced atomically by each
 * change before it is visible. A change that a crash cut short is finished at the next start.
 *
 * Where several processes share the log (config.shared), they share the streams: metadata is in a
 * topic of the log (ledger.h), and what one of them changes the others see within about a second,
 * or at once where they ask for a stream that they don't know. Shards are not split or merged then.
 *
 * How a record is kept in the log: key = the partition key (absent where the stream spreads its
 * records and none was given), value = the data, timestamp = the arrival; an explicit hash key that
 * chose the shard is the header PN_KINESIS_HASH_KEY_HEADER.
 *
 * Streams are read by many threads and changed by few: pn_kinesis_stream() hands out a snapshot
 * that never changes. Functions marked BLOCKS read or write the disk or wait; the others neither.
 *
 * Errors: pn_err.code is one of enum pn_kinesis_code, and the message is the text that AWS gives
 * (kinesis/api/call.h has their names on the wire). Where the log refused (disk full, damage), the
 * code is PN_KINESIS_INTERNAL, the class the log's and the message its own; when its queue is full,
 * puts are THROUGHPUT_EXCEEDED.
 */
#ifndef PN_KINESIS_KINESIS_H
#define PN_KINESIS_KINESIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "log/log.h"

#define PN_KINESIS_TOPIC_PREFIX    PN_INTERNAL_TOPIC_PREFIX
#define PN_KINESIS_HASH_KEY_HEADER "explicit-hash-key"

enum {
    PN_STREAM_NAME_MAX = 128,
    PN_SHARD_ID_SIZE = 24, /* "shardId-000000000000" and its NUL */
    PN_SEQUENCE_SIZE = 64, /* a sequence number in decimal, and its NUL */
    PN_HASH_KEY_SIZE = 40, /* a hash key in decimal, and its NUL */
    PN_ITERATOR_SIZE = 512 /* a shard iterator, and its NUL */
};

/* What pn_err.code is; the comment is the exception's name on the wire. */
enum pn_kinesis_code {
    PN_KINESIS_NOT_FOUND = -101,           /* ResourceNotFoundException */
    PN_KINESIS_IN_USE = -102,              /* ResourceInUseException */
    PN_KINESIS_INVALID_ARGUMENT = -103,    /* InvalidArgumentException */
    PN_KINESIS_LIMIT_EXCEEDED = -104,      /* LimitExceededException */
    PN_KINESIS_EXPIRED_ITERATOR = -105,    /* ExpiredIteratorException */
    PN_KINESIS_EXPIRED_TOKEN = -106,       /* ExpiredNextTokenException */
    PN_KINESIS_THROUGHPUT_EXCEEDED = -107, /* ProvisionedThroughputExceededException */
    PN_KINESIS_VALIDATION = -108,          /* ValidationException */
    PN_KINESIS_ACCESS_DENIED = -109,       /* AccessDeniedException */
    PN_KINESIS_INTERNAL = -110,            /* InternalFailure, HTTP 500 */
    PN_KINESIS_DRY_RUN = -111,             /* DryRunOperationException: it would have succeeded */
    PN_KINESIS_NOT_YOURS = -112            /* AccessDeniedException, HTTP 403: the API key is not
                                              for this stream */
};

/* A point of the ring of hash keys, 0 .. 2^128-1. */
struct pn_hash_key {
    uint64_t high;
    uint64_t low;
};

enum pn_stream_status {
    PN_STREAM_CREATING,
    PN_STREAM_DELETING,
    PN_STREAM_ACTIVE,
    PN_STREAM_UPDATING
};

/* One shard of a snapshot. */
struct pn_shard {
    uint32_t index;                /* its number, and its partition in the log */
    int32_t parent;                /* index, or -1 */
    int32_t adjacent_parent;       /* index of the other parent of a merge, or -1 */
    struct pn_hash_key hash_start; /* inclusive */
    struct pn_hash_key hash_end;   /* inclusive */
    int64_t created_ms;            /* goes into its sequence numbers, in seconds */
    bool open;                     /* takes records */
    int64_t closed_ms;             /* 0 while open */
    int64_t end_offset;            /* of a closed shard: after its last record; -1 while open, for
                                      the moment in which its last records are written, and while
                                      the log cannot read all of it */
};

struct pn_stream_tag {
    const char *key;
    const char *value;
};

struct pn_stream_consumer {
    const char *name;
    const char *arn;
    int64_t created_ms;
    const struct pn_stream_tag *tags; /* sorted by key */
    size_t tag_count;
    const char *policy; /* resource policy, JSON text, or NULL */
};

/* A stream as it was at one moment; it never changes, and is good until it is released. */
struct pn_stream {
    const char *name;
    const char *arn;
    uint64_t id;       /* random; a stream created again under the same name has another */
    int64_t version;   /* where streams are shared: the offset of its metadata in the ledger */
    const char *topic; /* in the log */
    enum pn_stream_status status;
    int64_t created_ms;
    bool on_demand;
    bool spreads; /* record distribution strategy AUTO: records go to the open shards in turn,
                     whatever their keys; else USER_PARTITION_KEY */
    int32_t retention_hours;
    int32_t record_kib_max;        /* 1024 by default */
    int32_t warm_throughput_mibps; /* 0: not set */
    const struct pn_shard *shards; /* all, by index; shards[i].index == i */
    size_t shard_count;
    size_t open_shard_count;
    const struct pn_stream_tag *tags; /* sorted by key */
    size_t tag_count;
    const struct pn_stream_consumer *consumers; /* sorted by name */
    size_t consumer_count;
    const char *kms_key;        /* NULL: not encrypted. Kept and returned, no more */
    const char *const *metrics; /* enhanced monitoring: shard-level metrics asked for */
    size_t metric_count;
    const char *policy; /* resource policy, JSON text, or NULL */
};

struct pn_kinesis;

/* Streams that their first record makes. Called by many threads at once. */
struct pn_stream_admission {
    /* Is this a name of one? Doesn't wait. */
    bool (*admits)(void *arg, const char *name);
    /* Makes it, if it isn't there by now; LIMIT_EXCEEDED when there are enough. BLOCKS. */
    int (*make)(void *arg, struct pn_kinesis *kinesis, const char *name, struct pn_err *e);
    void *arg;
};

struct pn_kinesis_config {
    const char *folder;  /* <data>/kinesis; not used where the streams are shared */
    bool shared;         /* the log is not this process's alone */
    const char *region;  /* of ARNs, as "us-east-1" */
    const char *account; /* of ARNs, 12 digits */
    bool shard_limits;   /* AWS's limits on each shard, exact; else none */
    double error_rate;   /* 0..1: so many calls fail with InternalFailure or throughput exceeded */
    double put_failure_rate; /* 0..1: so many records of a PutRecords fail, each on its own */
    int64_t shards_max;      /* open shards of the account (DescribeLimits) */
    int64_t iterator_ms;     /* an iterator's life */
    struct pn_stream_admission admission; /* zeroed: no record makes a stream */
};

/* Reads the metadata and finishes what a crash cut short. All pointers are borrowed for its life,
 * the config's strings too; logger and metrics may be NULL. CORRUPT names a damaged metadata file.
 * BLOCKS. */
int pn_kinesis_create(const struct pn_kinesis_config *config, struct pn_log *log,
                      const struct pn_io *io, const struct pn_clock *clock,
                      struct pn_logger *logger, struct pn_metrics *metrics,
                      struct pn_kinesis **kinesis, struct pn_err *e) PN_MUST_CHECK;
/* Every put must have ended before. NULL ok. */
void pn_kinesis_destroy(struct pn_kinesis **kinesis);
const struct pn_kinesis_config *pn_kinesis_config(const struct pn_kinesis *kinesis);
struct pn_log *pn_kinesis_log(struct pn_kinesis *kinesis);                 /* borrowed */
const struct pn_clock *pn_kinesis_clock(const struct pn_kinesis *kinesis); /* borrowed */

/* --- looking (registry.c) --------------------------------------------------------------------- */

/* The stream's present snapshot; NOT_FOUND "Stream <name> under account <account> not found.".
 * Give it back with pn_stream_release(). */
int pn_kinesis_stream(struct pn_kinesis *kinesis, const char *name, const struct pn_stream **stream,
                      struct pn_err *e) PN_MUST_CHECK;
void pn_stream_release(const struct pn_stream **stream); /* NULL ok */
/*
 * A stream whose metadata is damaged, or whose topic is, is closed: all that is asked of it, its
 * creation too, is an error of class CORRUPT that says why and what to do. The closed ones are
 * found by the start and stay the same; name and *why live as long as the module. Any thread.
 */
size_t pn_kinesis_closed_count(const struct pn_kinesis *kinesis);
const char *pn_kinesis_closed(const struct pn_kinesis *kinesis, size_t place, const char **why);
/* Do other processes have the streams, too? */
bool pn_kinesis_is_shared(const struct pn_kinesis *kinesis);
/* Where they do: takes over what was changed before the call. BLOCKS. */
int pn_kinesis_catch_up(struct pn_kinesis *kinesis, struct pn_err *e) PN_MUST_CHECK;
/* Where they do: INTERNAL, and which rights are missing, while the cluster does not let this server
 * know the streams. It looks again by itself. Doesn't wait. */
int pn_kinesis_check_known(struct pn_kinesis *kinesis, struct pn_err *e) PN_MUST_CHECK;
/* The names of all streams, sorted, in the arena; without those that are closed. */
void pn_kinesis_names(struct pn_kinesis *kinesis, struct pn_arena *arena, const char ***names,
                      size_t *count);
/* The open shard that holds a hash key. Never NULL for a stream with shards. */
const struct pn_shard *pn_stream_shard_of(const struct pn_stream *stream, struct pn_hash_key key);
/* The shard of an id ("shardId-000000000002"), or NULL. */
const struct pn_shard *pn_stream_shard(const struct pn_stream *stream, const char *shard_id,
                                       size_t len);

/* --- changing (admin.c); all BLOCK, are durable when they return, and one at a time a stream -- */

struct pn_stream_create {
    const char *name;
    int32_t shards; /* 0: the mode's default (on demand 4, provisioned 1) */
    bool on_demand;
    bool spreads;                  /* on demand only, as in struct pn_stream */
    int32_t record_kib_max;        /* 0: default */
    int32_t warm_throughput_mibps; /* 0: none */
    int32_t retention_hours;       /* 0: default */
    const struct pn_stream_tag *tags;
    size_t tag_count;
};
/* IN_USE, LIMIT_EXCEEDED, VALIDATION (a bad name). The stream is ACTIVE when this returns. */
int pn_kinesis_create_stream(struct pn_kinesis *kinesis, const struct pn_stream_create *create,
                             struct pn_err *e) PN_MUST_CHECK;
/* Removes the stream and its records; IN_USE when it has consumers and not `with_consumers`. */
int pn_kinesis_delete_stream(struct pn_kinesis *kinesis, const char *name, bool with_consumers,
                             struct pn_err *e) PN_MUST_CHECK;
/*
 * Resharding. The children are made, then the parents take no more records; records accepted
 * meanwhile go to one or the other, and a parent's are all before its children's. When these return
 * the stream is ACTIVE again and the parents' end_offset is known.
 */
int pn_kinesis_split(struct pn_kinesis *kinesis, const char *name, const char *shard_id,
                     struct pn_hash_key new_start, struct pn_err *e) PN_MUST_CHECK;
int pn_kinesis_merge(struct pn_kinesis *kinesis, const char *name, const char *shard_id,
                     const char *adjacent_id, struct pn_err *e) PN_MUST_CHECK;
/* Uniform scaling, AWS's limits (not above twice, not below half) included; *before is the count of
 * open shards that was. The intermediate splits and merges are one change here. */
int pn_kinesis_scale(struct pn_kinesis *kinesis, const char *name, int32_t target, int32_t *before,
                     struct pn_err *e) PN_MUST_CHECK;

/*
 * Any other change: `fn` edits a copy of the stream (allocating from the arena; strings it leaves
 * alone stay valid) and the result is checked against nothing: the caller has validated. Non-zero
 * from fn leaves the stream as it was and is returned. Retention is given to the log as well.
 */
int pn_kinesis_update(struct pn_kinesis *kinesis, const char *name,
                      int (*fn)(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                                struct pn_err *e),
                      void *arg, struct pn_err *e) PN_MUST_CHECK;
/* What belongs to the account and no stream, a small JSON text ("{}" when there is none):
 * settings, policies and the like of operations that only keep and return them. */
int pn_kinesis_account(struct pn_kinesis *kinesis, struct pn_buf *out,
                       struct pn_err *e) PN_MUST_CHECK;
int pn_kinesis_account_set(struct pn_kinesis *kinesis, const char *json, size_t len,
                           struct pn_err *e) PN_MUST_CHECK;

/* --- putting (put.c) -------------------------------------------------------------------------- */

/* One record to put, and what became of it. */
struct pn_stream_record {
    struct pn_bytes data;
    struct pn_bytes partition_key; /* absent: none, which only a stream that spreads takes */
    bool has_hash_key;             /* an explicit hash key was given */
    struct pn_hash_key hash_key; /* that one, else made by pn_stream_put_begin() (MD5 of the key) */
    int code;                    /* 0, or an enum pn_kinesis_code: refused, see `msg` */
    const char *msg;             /* in the arena */
    uint32_t shard;              /* where it went */
    int64_t created_ms;          /* of that shard, for its sequence number */
    int64_t offset;
    int64_t arrival_ms;
};

/*
 * A put on its way: zero it, set `records`, `count` and `arena`, and begin. The arena, the records
 * and their bytes must stay untouched until the end.
 */
struct pn_stream_put {
    struct pn_stream_record *records;
    size_t count;
    struct pn_arena *arena;
    bool failures;                 /* PutRecords: injected failures hit single records */
    struct pn_log_request request; /* hand it to pn_log_submit(), if request.count > 0 */
    /* put.c's own */
    struct pn_kinesis *kinesis;
    const struct pn_stream *stream;
    uint32_t *entry_of;
};

/*
 * Checks the stream (NOT_FOUND; IN_USE while it is deleted), routes each record to its shard,
 * applies limits and injected failures, and fills `put->request` with those that continue. From
 * here to pn_stream_put_end() the chosen shards are held open; so each begin that returned 0 needs
 * its end, whatever became of the request. A record above the stream's size, or without a partition
 * key where the stream needs one, is refused: with one record the call fails (VALIDATION), among
 * many likewise (AWS refuses the whole request).
 */
int pn_stream_put_begin(struct pn_kinesis *kinesis, const char *stream, struct pn_stream_put *put,
                        struct pn_err *e) PN_MUST_CHECK;
/*
 * The checks of pn_stream_put_begin(), and nothing else: no shard is held, nothing to end. What
 * begin would refuse by a limit of the moment (throughput) is not looked at.
 */
int pn_stream_put_check(struct pn_kinesis *kinesis, const char *stream, struct pn_stream_put *put,
                        struct pn_err *e) PN_MUST_CHECK;
/*
 * Takes the outcome from put->request (its done ran, or its submit failed: then pass submit_rc and
 * submit_error) into the records' `code`, `offset` and so on, and lets go of the shards. May run on
 * any thread; does not block.
 */
void pn_stream_put_end(struct pn_stream_put *put, int submit_rc, const struct pn_err *submit_error);

/* --- reading (get.c) -------------------------------------------------------------------------- */

enum pn_iterator_type {
    PN_ITERATOR_TRIM_HORIZON,
    PN_ITERATOR_LATEST,
    PN_ITERATOR_AT_SEQUENCE_NUMBER,
    PN_ITERATOR_AFTER_SEQUENCE_NUMBER,
    PN_ITERATOR_AT_TIMESTAMP
};

/* Where a position is as an offset of the shard. `sequence` is decimal text; INVALID_ARGUMENT when
 * it is not a sequence number of this shard. BLOCKS. */
int pn_shard_position(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                      const struct pn_shard *shard, enum pn_iterator_type type,
                      const char *sequence, int64_t timestamp_ms, int64_t *offset,
                      struct pn_err *e) PN_MUST_CHECK;

/* Iterators keep nothing here: an opaque text, sealed with a key of the data folder's own (so a
 * forged one is found out), that survives a restart. `out` has PN_ITERATOR_SIZE bytes. */
void pn_iterator_write(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                       const struct pn_shard *shard, int64_t offset, char *out);
/*
 * Reads an iterator back and finds its stream (to release) and shard. INVALID_ARGUMENT "Invalid
 * ShardIterator." for a forged one, EXPIRED_ITERATOR with AWS's text for an old one, NOT_FOUND when
 * the stream is gone (or another now has its name).
 */
int pn_iterator_read(struct pn_kinesis *kinesis, const char *text, size_t len,
                     const struct pn_stream **stream, const struct pn_shard **shard,
                     int64_t *offset, struct pn_err *e) PN_MUST_CHECK;

/* A read of a shard. Everything is in the arena. */
struct pn_shard_records {
    struct pn_record *records; /* key, value, timestamp_ms, offset */
    size_t count;
    int64_t next_offset;              /* where to read on */
    int64_t lost_until;               /* see struct pn_log_records */
    int64_t behind_ms;                /* MillisBehindLatest */
    bool drained;                     /* the shard is closed and all of it was read */
    const struct pn_shard **children; /* when drained: those whose parent it is */
    size_t child_count;
};
/*
 * Reads on from `offset`. With `limited` and the limits on, it counts against the shard's reads
 * (THROUGHPUT_EXCEEDED). An offset that retention has removed is read from the oldest kept record.
 * Damage in the log: CORRUPT, as log.h says. BLOCKS.
 */
int pn_shard_read(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                  const struct pn_shard *shard, int64_t offset, size_t max_records,
                  size_t max_bytes, bool limited, struct pn_arena *arena,
                  struct pn_shard_records *out, struct pn_err *e) PN_MUST_CHECK;
/*
 * The same for readers that cannot be informed of damage, as the API has no word for it, and that
 * would ask for the same place forever: the read then gives no records and continues after it. An
 * error in the log lines and pinion_kinesis_lost_records_total say what they never get. BLOCKS.
 */
int pn_shard_read_past_damage(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                              const struct pn_shard *shard, int64_t offset, size_t max_records,
                              size_t max_bytes, bool limited, struct pn_arena *arena,
                              struct pn_shard_records *out, struct pn_err *e) PN_MUST_CHECK;

/* --- texts (texts.c) -------------------------------------------------------------------------- */

/* Each writes into `out` (of the size above) and returns it. */
char *pn_shard_id(uint32_t index, char *out);
char *pn_hash_key_text(struct pn_hash_key key, char *out);
/* Sequence numbers, see "ids" of docs/kinesis.md: strictly increasing a shard, made of the shard's
 * creation time, its number, the record's offset and its arrival time (in seconds). */
char *pn_sequence_text(int64_t created_ms, uint32_t shard, int64_t offset, int64_t arrival_ms,
                       char *out);
/* The first and, for a closed shard, the last number of a shard's range. */
char *pn_sequence_start(const struct pn_shard *shard, char *out);
char *pn_sequence_end(const struct pn_shard *shard, char *out);
/* Takes a number apart; false when it isn't one. The first number of a range is before offset 0:
 * its offset is -1; the last one's is INT64_MAX - 1. */
bool pn_sequence_parse(const char *text, size_t len, int64_t *created_s, uint32_t *shard,
                       int64_t *offset);
/* Decimal, below 2^128, no sign, no leading zero. */
bool pn_hash_key_parse(const char *text, size_t len, struct pn_hash_key *key);
struct pn_hash_key pn_hash_key_of(const void *partition_key, size_t len); /* MD5, big-endian */
const char *pn_stream_status_name(enum pn_stream_status status);          /* "ACTIVE" */
/* [a-zA-Z0-9_.-]{1,128} */
bool pn_stream_name_valid(const char *name, size_t len);

#endif
