/*
 * The log port: topics of partitions of records, kept in offset order.
 *
 * What every implementation promises:
 *   - a request's `done` runs after its records are durable (as the durability setting says), or
 *     after they were refused; there is no third way;
 *   - records of one partition have offsets that grow in append order and are never used again;
 *     reads give them in order and only what is durable;
 *   - two records that follow each other may have offsets that don't: such a gap does not mean a
 *     loss. A read reports what is lost (retention, damage) in struct pn_log_records;
 *   - a record keeps key, value, headers and timestamp exactly; a NULL value is not an empty one.
 *
 *   - submit, topic, topics and offsets are answered from what the implementation knows, and never
 *     wait for a disk or a network; the other calls may, and so may a submit for a topic that is
 *     not known, which may have to be made.
 *
 * So the difference of two offsets is how many records there are between them at most.
 *
 * Implementations: embedded/ (segment files in the data folder; its offsets have no gaps) and
 * kafka/ (a cluster of Apache Kafka).
 */
#ifndef PN_LOG_LOG_H
#define PN_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    PN_TOPIC_NAME_MAX = 249, /* as Kafka */
    PN_PARTITIONS_MAX = 1024,
    PN_RECORD_BYTES_MAX = 16 * 1024 * 1024, /* key + value + headers: the hard limit */
    PN_RECORD_HEADERS_MAX = 64
};
enum { PN_LOG_REQUEST_OWN = 4 };
enum { PN_PARTITION_ANY = -1 }; /* by key (murmur2, as Kafka's clients) or round robin */

/* Codes of errors (rc, pn_err.code) that say more than their class. */
enum pn_log_code {
    PN_LOG_NOT_AUTHENTICATED = -101, /* the brokers do not accept pinion's credentials */
    PN_LOG_NOT_AUTHORIZED = -102,    /* they accept them, and deny this */
    PN_LOG_NO_BROKER = -103          /* none answers */
};

/* Bytes somebody else owns. data == NULL means absent, which isn't the same as len == 0. */
struct pn_bytes {
    const void *data;
    size_t len;
};

struct pn_record_header {
    struct pn_bytes name; /* UTF-8, never absent */
    struct pn_bytes value;
};

struct pn_record {
    struct pn_bytes key;
    struct pn_bytes value;
    const struct pn_record_header *headers;
    size_t header_count;
    int64_t timestamp_ms; /* when appending: -1 takes the time of the append */
    int64_t offset;       /* set by reads */
};

/* One record of a request, and what became of it. */
struct pn_log_entry {
    struct pn_record record;
    int32_t partition;    /* in: PN_PARTITION_ANY or a number; out: where it went */
    int64_t offset;       /* out, when rc is 0 */
    int rc;               /* out: 0, or why this record was refused */
    enum pn_class class_; /* out, when rc is not 0 */
};

/*
 * A request: records for one topic, durable together. The caller owns it and everything it points
 * to, and keeps it untouched until `done` ran. `done` is called exactly once for each successful
 * pn_log_submit(), on a thread of the log: it must not block nor call back into the log's submit.
 * On failure `err` says why (first failing entry); an entry's own rc says which ones failed.
 */
struct pn_log_request {
    const char *topic;
    struct pn_log_entry *entries;
    size_t count;
    /* Another submit follows at once, whatever becomes of this one: the log may wait for that one
     * before it wakes its committer, so that a group of requests is committed as a group. */
    bool more;
    void (*done)(struct pn_log_request *request);
    void *arg; /* the caller's */
    int rc;    /* out: 0 when every entry was appended */
    struct pn_err err;
    void *own[PN_LOG_REQUEST_OWN]; /* the implementation's, while submitted */
};

/* What holds for a topic: its own settings, else the log's. */
struct pn_log_topic_settings {
    int64_t retention_ms;    /* -1: forever */
    int64_t retention_bytes; /* a partition; -1: unbounded */
    int64_t record_bytes_max;
    int64_t segment_bytes;
    const char *compression; /* static: "none", "lz4", "zstd" */
};

struct pn_log_topic_info {
    char name[PN_TOPIC_NAME_MAX + 1];
    int32_t partitions;
    uint64_t id; /* a topic created again under an old name gets another one; 0: not known */
    int64_t retention_ms; /* its own, as in struct pn_log_topic_config */
    int64_t record_bytes_max;
    struct pn_log_topic_settings settings;
};

/* A topic that is there but cannot be used: what is kept of it besides its records is damaged. */
struct pn_log_closed_topic {
    const char *name;
    const char *why; /* and what to do */
};

struct pn_log_offsets {
    int64_t begin;      /* offset of the oldest record kept */
    int64_t end;        /* offset the next record will get */
    int64_t size_bytes; /* of what is kept, as it is on the disk; -1 where that is not known */
    bool unsure; /* not all of the partition could be read when the log was opened: there may be
                      records from `end` on, and it takes no more until the log is opened again */
    const char *passing; /* static: why it is unsure, where that passes without opening the log
                            again; else NULL */
    uint64_t doubts; /* grows when something says that another program may have deleted the topic
                        and made it again, such as an end that falls; where ids are counted */
};

/* A broker that has a partition's records. */
struct pn_log_replica {
    int32_t broker;
    bool is_leader;
    bool is_in_sync;
};

/* Records read, in offset order; everything lives in the arena given to the read. */
struct pn_log_records {
    struct pn_record *records;
    size_t count;
    int64_t next_offset; /* where to read on: after the last record; without records, the end */
    int64_t end_offset;  /* the partition's end at the time of the read; at least next_offset */
    /* What there was from the offset asked for up to here is lost; not above the offset asked for:
     * nothing is. It is not above the first record. */
    int64_t lost_until;
};

/* Settings of one topic; 0 (or NULL) takes the log's default. -1 for retention means forever. The
 * age of a record is counted from its append, whatever its timestamp says. */
struct pn_log_topic_config {
    int32_t partitions;
    int64_t retention_ms;
    int64_t retention_bytes;  /* a partition */
    int64_t record_bytes_max; /* key, value and headers of one record; up to PN_RECORD_BYTES_MAX */
};

/* What a topic is made with that a record makes: fills `config`, in which all is 0. Called on the
 * threads that submit. NULL: the log's defaults. */
struct pn_log_first_config {
    void (*config_of)(void *arg, const char *topic, struct pn_log_topic_config *config);
    void *arg;
};

struct pn_log;
struct pn_log_member; /* log/member.h */
struct pn_log_member_config;
struct pn_log_group_place;

struct pn_log_ops {
    const char *name;
    void (*destroy)(struct pn_log *log);
    int (*submit)(struct pn_log *log, struct pn_log_request *request, struct pn_err *e);
    int (*create_topic)(struct pn_log *log, const char *topic,
                        const struct pn_log_topic_config *config, struct pn_err *e);
    int (*delete_topic)(struct pn_log *log, const char *topic, struct pn_err *e);
    int (*configure_topic)(struct pn_log *log, const char *topic,
                           const struct pn_log_topic_config *config, struct pn_err *e);
    int (*topics)(struct pn_log *log, struct pn_arena *arena, struct pn_log_topic_info **topics,
                  size_t *count, struct pn_err *e);
    void (*closed_topics)(struct pn_log *log, struct pn_arena *arena,
                          struct pn_log_closed_topic **topics, size_t *count); /* may be NULL */
    int (*topic)(struct pn_log *log, const char *topic, struct pn_log_topic_info *info,
                 struct pn_err *e);
    int (*offsets)(struct pn_log *log, const char *topic, int32_t partition,
                   struct pn_log_offsets *offsets, struct pn_err *e);
    int (*replicas)(struct pn_log *log, const char *topic, int32_t partition,
                    struct pn_arena *arena, struct pn_log_replica **replicas, size_t *count,
                    struct pn_err *e); /* may be NULL */
    void (*brokers)(struct pn_log *log, struct pn_arena *arena, int32_t **brokers,
                    size_t *count);                                          /* may be NULL */
    const char *(*unreachable)(struct pn_log *log, struct pn_arena *arena);  /* may be NULL */
    int (*refresh)(struct pn_log *log, const char *topic, struct pn_err *e); /* may be NULL */
    int (*refresh_settings)(struct pn_log *log, const char *topic,
                            struct pn_err *e); /* may be NULL */
    int (*raise_topic_id)(struct pn_log *log, const char *topic, uint64_t id,
                          struct pn_err *e);      /* NULL: ids are not counted */
    bool (*has_groups)(const struct pn_log *log); /* may be NULL */
    int (*join)(struct pn_log *log, const struct pn_log_member_config *config,
                struct pn_log_member **member, struct pn_err *e); /* NULL without groups */
    int (*groups)(struct pn_log *log, const char *topic, struct pn_arena *arena,
                  struct pn_log_group_place **places, size_t *count,
                  struct pn_err *e); /* likewise */
    int (*offset_at)(struct pn_log *log, const char *topic, int32_t partition, int64_t timestamp_ms,
                     int64_t *offset, struct pn_err *e);
    int (*read)(struct pn_log *log, const char *topic, int32_t partition, int64_t offset,
                size_t max_records, size_t max_bytes, struct pn_arena *arena,
                struct pn_log_records *records, struct pn_err *e);
    int (*listen)(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id, struct pn_err *e);
    void (*unlisten)(struct pn_log *log, int id);
};

struct pn_log {
    const struct pn_log_ops *ops;
};

/*
 * Hands a request to the log. On success `done` will be called once (it may run before this
 * returns). On failure nothing was taken and `done` is not called:
 *   MISSING   no such topic, and topics aren't created on first use
 *   INPUT     a bad topic name, a partition the topic doesn't have (the entry's rc is set too),
 *             a record over the limit
 *   RETRY     the queue is full (back-pressure); the disk is full where a topic must be created
 * What is known only when the records are written comes with `done`, for each entry on its own:
 *   RETRY     the disk is full
 *   FATAL     the partition stopped taking writes after a failed sync; the message says why
 *   MISSING   the topic was deleted
 */
PN_MUST_CHECK static inline int pn_log_submit(struct pn_log *log, struct pn_log_request *request,
                                              struct pn_err *e)
{
    return log->ops->submit(log, request, e);
}

/* Submits and waits; for commands and tests. */
int pn_log_append(struct pn_log *log, struct pn_log_request *request,
                  struct pn_err *e) PN_MUST_CHECK;

/* CONFLICT when it exists; INPUT for a bad name or number of partitions. `config` may be NULL. */
PN_MUST_CHECK static inline int pn_log_create_topic(struct pn_log *log, const char *topic,
                                                    const struct pn_log_topic_config *config,
                                                    struct pn_err *e)
{
    return log->ops->create_topic(log, topic, config, e);
}
/* Removes the topic with its records; MISSING when there is none. */
PN_MUST_CHECK static inline int pn_log_delete_topic(struct pn_log *log, const char *topic,
                                                    struct pn_err *e)
{
    return log->ops->delete_topic(log, topic, e);
}
/* Changes what is not 0 in config: more partitions (never fewer), retention, size of records. */
PN_MUST_CHECK static inline int pn_log_configure_topic(struct pn_log *log, const char *topic,
                                                       const struct pn_log_topic_config *config,
                                                       struct pn_err *e)
{
    return log->ops->configure_topic(log, topic, config, e);
}
/* All topics, sorted by name; the array lives in the arena. */
PN_MUST_CHECK static inline int pn_log_topics(struct pn_log *log, struct pn_arena *arena,
                                              struct pn_log_topic_info **topics, size_t *count,
                                              struct pn_err *e)
{
    return log->ops->topics(log, arena, topics, count, e);
}
/* The topics that are closed, which pn_log_topics() leaves out; whatever else is asked of one is
 * CORRUPT. Does not wait. The array lives in the arena, its texts in the log. */
static inline void pn_log_closed_topics(struct pn_log *log, struct pn_arena *arena,
                                        struct pn_log_closed_topic **topics, size_t *count)
{
    *count = 0;
    if (log->ops->closed_topics != NULL) {
        log->ops->closed_topics(log, arena, topics, count);
    }
}
/* MISSING when there is no such topic. */
PN_MUST_CHECK static inline int pn_log_topic(struct pn_log *log, const char *topic,
                                             struct pn_log_topic_info *info, struct pn_err *e)
{
    return log->ops->topic(log, topic, info, e);
}
/* MISSING for an unknown topic or partition. */
PN_MUST_CHECK static inline int pn_log_offsets(struct pn_log *log, const char *topic,
                                               int32_t partition, struct pn_log_offsets *offsets,
                                               struct pn_err *e)
{
    return log->ops->offsets(log, topic, partition, offsets, e);
}
/* Makes sure that pn_log_offsets() knows of all that is in the topic by now, also of what others
 * have appended. May wait. MISSING. */
PN_MUST_CHECK static inline int pn_log_refresh(struct pn_log *log, const char *topic,
                                               struct pn_err *e)
{
    return log->ops->refresh != NULL ? log->ops->refresh(log, topic, e) : 0;
}
/* Makes sure that pn_log_topic() has the topic's settings as they are by now, also where others
 * have changed them. May wait. MISSING. */
PN_MUST_CHECK static inline int pn_log_refresh_settings(struct pn_log *log, const char *topic,
                                                        struct pn_err *e)
{
    return log->ops->refresh_settings != NULL ? log->ops->refresh_settings(log, topic, e) : 0;
}
/* Where ids count how often the name was deleted, and each process counts for itself: does this log
 * do so? */
static inline bool pn_log_counts_topic_ids(const struct pn_log *log)
{
    return log->ops->raise_topic_id != NULL;
}
/* Another process has counted up to `id`: the topic has no smaller one from now on, here and after
 * a restart. May wait. MISSING. */
PN_MUST_CHECK static inline int pn_log_raise_topic_id(struct pn_log *log, const char *topic,
                                                      uint64_t id, struct pn_err *e)
{
    return log->ops->raise_topic_id(log, topic, id, e);
}
/* The brokers that have the partition, in the order in which the cluster prefers them as leaders;
 * in the arena. A log that is not a cluster has one, 0. Does not wait. MISSING as for offsets. */
int pn_log_replicas(struct pn_log *log, const char *topic, int32_t partition,
                    struct pn_arena *arena, struct pn_log_replica **replicas, size_t *count,
                    struct pn_err *e) PN_MUST_CHECK;
/* All brokers, sorted; in the arena. Does not wait. */
void pn_log_brokers(struct pn_log *log, struct pn_arena *arena, int32_t **brokers, size_t *count);
/* Why records cannot be appended or read now, for as long as nobody answers; in the arena. NULL:
 * the log can be reached, as one in the data folder always can. Does not wait. */
static inline const char *pn_log_unreachable(struct pn_log *log, struct pn_arena *arena)
{
    return log->ops->unreachable != NULL ? log->ops->unreachable(log, arena) : NULL;
}
/* The offset of the first record with a timestamp at or after `timestamp_ms`; the end offset when
 * there is none. */
PN_MUST_CHECK static inline int pn_log_offset_at(struct pn_log *log, const char *topic,
                                                 int32_t partition, int64_t timestamp_ms,
                                                 int64_t *offset, struct pn_err *e)
{
    return log->ops->offset_at(log, topic, partition, timestamp_ms, offset, e);
}
/*
 * Reads records from `offset` on: at most `max_records`, and no more than `max_bytes` of keys and
 * values, but always at least one record when there is one. At the end it returns 0 with count 0.
 * An offset that no record has is read from the next one on; one below `begin` from `begin`, and
 * what was before that is lost. Above the end: INPUT. Records after lost ones are given by a read
 * of their own. A damaged batch: CORRUPT, with file and position; records before it were given by
 * earlier reads, those after it can be read from records->next_offset, which the message names, on.
 * To read on where an earlier read ended is what implementations are fast at.
 */
PN_MUST_CHECK static inline int pn_log_read(struct pn_log *log, const char *topic,
                                            int32_t partition, int64_t offset, size_t max_records,
                                            size_t max_bytes, struct pn_arena *arena,
                                            struct pn_log_records *records, struct pn_err *e)
{
    return log->ops->read(log, topic, partition, offset, max_records, max_bytes, arena, records, e);
}
/* Reads the record at `offset`, or the next one. An offset above the end sets *is_above and is not
 * an error: the log itself is asked, and what it says of its end without that may be older. */
int pn_log_look(struct pn_log *log, const char *topic, int32_t partition, int64_t offset,
                struct pn_arena *arena, struct pn_log_records *records, bool *is_above,
                struct pn_err *e) PN_MUST_CHECK;
/*
 * Calls fn(arg) soon after records were added, once for many of them, on a thread of the log: fn
 * must not block (set a flag, signal a condition). pn_log_unlisten() returns when fn no longer
 * runs.
 */
PN_MUST_CHECK static inline int pn_log_listen(struct pn_log *log, void (*fn)(void *arg), void *arg,
                                              int *id, struct pn_err *e)
{
    return log->ops->listen(log, fn, arg, id, e);
}
static inline void pn_log_unlisten(struct pn_log *log, int id)
{
    log->ops->unlisten(log, id);
}
/* Finishes what was submitted, then frees the log. NULL ok. */
void pn_log_destroy(struct pn_log **log);

/* Topics that other parts of pinion keep in the log for themselves (streams, and what processes
 * that share a log keep together of them): not for producers and consumers of topics, and not for
 * the sink. */
#define PN_INTERNAL_TOPIC_PREFIX "__kinesis."
#define PN_INTERNAL_TOPIC_LEDGER "__kinesis_streams"
bool pn_topic_is_internal(const char *name);

/* Is `name` a topic name Kafka would take: 1 to 249 of [a-zA-Z0-9._-], not "." nor ".."? On false
 * the error (INPUT) says what is wrong. */
bool pn_topic_name_valid(const char *name, size_t len, struct pn_err *e);

/* The partition Kafka's default partitioner gives a key: toPositive(murmur2(key)) % partitions. */
int32_t pn_partition_of_key(const void *key, size_t len, int32_t partitions);

#endif
