/*
 * The sink: it lands the records of topics as objects of JSON lines, in the layout and naming of
 * Kafka Connect's S3 sink (JsonFormat, DefaultPartitioner):
 *
 *   <topics_dir>/<topic>/partition=<n>/<topic>+<n>+<start offset, 10 digits>.json
 *
 * An object has one compact JSON value per line, each followed by LF, in the order of the log. The
 * sink lands values of any JSON type; the load decides whether a value becomes a row. A value that
 * is not JSON (also an empty value, and a tombstone) becomes a line of an object under
 * dead_letters_dir with the same name. The line has everything about the record except its headers:
 *
 *   {"topic":"t","partition":0,"offset":17,"timestamp":"2026-11-23T15:44:43.123Z",
 *    "reason":"invalid JSON at byte 3: ...","value":"...","encoding":"text",
 *    "key":null,"key_encoding":null}                             (one line)
 *
 * An encoding is "text", "base64" for bytes that are not UTF-8, or null for an absent value.
 *
 * Of topics that `origins` names, an object below origins_dir says where the records of each object
 * came from (store/origins_key.h). It is put before the object that it belongs to, so a reader that
 * finds that one finds both. Its bytes count for `flush_bytes`, too.
 *
 * When an object is cut:
 *   - every `flush_size` records;
 *   - when the next record would make it larger than `flush_bytes` (a cap, not a trigger: memory
 *     holds one open object, whatever the number of partitions, because a record is read from the
 *     log only when its object is about to be written);
 *   - when its oldest record was seen `rotate_interval_ms` ago, so that a quiet topic lands too;
 *   - where the log has a hole;
 *   - when a caller asks for a flush.
 *
 * Exactly once, in a local store. The sink stores a cut on disk (see state.h) before it writes the
 * cut's objects, and it completes every stored cut, even if the settings have changed. After a
 * crash it writes the missing objects with the same names and contents, and does not touch
 * existing ones. So a landed object never changes, and no record is in two objects. (Objects of
 * the newest cuts must stay in the store until the next cuts are stored: after a crash in between
 * they would be landed again.)
 *
 * Exactly once, in a store with notes (pn_store_keeps_notes(): a bucket). The sink stores nothing
 * on disk. Each object is put if there is none under its name, and its note (see note.h) says
 * where the next one begins. So several sinks may land the same log into the same bucket: the one
 * that is refused reads the note of the object that is there, and continues where that one ends. A
 * sink that starts looks for the last object (see chain.c), and puts what is missing of its cuts
 * (see chain_land.c). The newest object of each partition must stay in the bucket. An object of
 * values is put even if all its records are dead letters.
 *
 * Sinks that share a bucket may share the work (`group`): the cluster of the log deals out the
 * partitions among them (see group.c). That saves work and requests; what is in the bucket does not
 * depend on it. A flush lands all partitions, also those of other sinks. Into a bucket several
 * partitions land at the same time, by threads that end before the call does.
 *
 * Names never repeat. The offset in a name is that of the log, with two exceptions: the topic was
 * deleted and created again, or the store already had objects of the partition when the sink first
 * saw it. Then the offsets in names continue after the last one used, and a warning says so. Dead
 * letters always have the offset of the log. In a bucket, an object is named by the offset at which
 * the one before it ends, even where the log has a gap or a loss: all sinks must agree where an
 * object begins, whatever each of them still found in the log.
 *
 * If the log has lost records (retention was faster than landing, or a batch is damaged), the sink
 * logs an error with their offsets, counts them, and continues after them. After an error of the
 * store or the log it retries with a growing delay. Other partitions continue meanwhile, and
 * nothing is skipped.
 *
 * Metrics: pinion_sink_landed_records_total, pinion_sink_objects_total,
 * pinion_sink_dead_letters_total, pinion_sink_lost_records_total, pinion_sink_errors_total and the
 * gauge pinion_sink_lag_records, each with the label topic.
 */
#ifndef PN_SINK_SINK_H
#define PN_SINK_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "log/log.h"
#include "store/store.h"

enum { PN_SINK_FLUSH_BYTES_MAX = 1024 * 1024 * 1024 };

/* What is kept of where a topic's records came from, in objects beside the landed ones
 * (store/origins_key.h). */
enum pn_sink_origins {
    PN_SINK_ORIGINS_NONE,
    PN_SINK_ORIGINS_OFFSETS, /* the offsets, where they do not follow from the object's first one */
    PN_SINK_ORIGINS_ALL      /* offset, timestamp, key and headers */
};

/*
 * The texts are copied; what is marked so is borrowed for the sink's life. A topic is landed when
 * it is in `topics` or `topics_regex` matches its whole name.
 */
struct pn_sink_config {
    const char *folder;           /* <data>/sink: what the sink remembers of a local store; made
                                     when missing */
    const char *const *topics;    /* exact names; need not exist yet */
    size_t topic_count;           /* ... how many */
    const char *topics_regex;     /* POSIX extended; NULL for none */
    const char *topics_dir;       /* "topics" */
    const char *dead_letters_dir; /* "dead_letters" */
    const char *origins_dir;      /* "origins"; NULL: no topic keeps any */
    enum pn_sink_origins (*origins)(void *arg, const char *topic); /* NULL likewise. Any thread */
    void *origins_arg;            /* borrowed for the sink's life */
    int64_t flush_size;           /* records in an object, at least 1 */
    int64_t flush_bytes;          /* most bytes in an object of more than one record, up to
                                     PN_SINK_FLUSH_BYTES_MAX */
    int64_t rotate_interval_ms;   /* 0 lands what there is at once */
    const char *group;            /* of the log's cluster, in which sinks share the partitions;
                                     NULL: this one lands all */
    const char *worker;           /* its name in the group, no other sink's; NULL: none */
    struct pn_log *log;           /* borrowed */
    struct pn_store *store;       /* borrowed */
    const struct pn_io *io;       /* borrowed; for `folder` */
    const struct pn_clock *clock; /* borrowed */
    struct pn_logger *logger;     /* borrowed; may be NULL */
    struct pn_metrics *metrics;   /* borrowed; may be NULL */
};

struct pn_sink;

/*
 * Reads the stored cuts and the list of topics; lands nothing yet. INPUT: a setting is invalid.
 * CORRUPT: the stored cuts are damaged. With a local store, a log serves one sink; the log's lock
 * on the data folder prevents a second one. With notes, any number of sinks may land from a log to
 * a store, each with a folder of its own. It then looks for the end of each partition's objects,
 * and a failure of the store is returned.
 */
int pn_sink_create(const struct pn_sink_config *config, struct pn_sink **sink,
                   struct pn_err *e) PN_MUST_CHECK;
/* Stops, then frees. NULL ok. */
void pn_sink_destroy(struct pn_sink **sink);

/* Starts the thread that lands what becomes due, of its share when it has a group. */
int pn_sink_start(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/*
 * Stops the thread after the objects that it is writing, and stores how far it got. Records that
 * have not landed by then stay in the log, for the next start. Does nothing if not started.
 */
void pn_sink_stop(struct pn_sink *sink);

/* Lands what is due by now, on the caller's thread. Failures are kept for the next try (and seen in
 * the status); the first one is returned. */
int pn_sink_run(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/*
 * Lands everything that is durable in the log at the time of the call, on the caller's thread; on
 * success all of it is in the store, or was reported as lost. With or without the sink's thread.
 * Each partition is tried once; the first failure is returned after all have been tried.
 */
int pn_sink_flush(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;

/* One topic-partition. The counts are since pn_sink_create(). */
struct pn_sink_status {
    const char *topic;
    int32_t partition;
    int64_t landed_offset; /* everything before it has landed */
    int64_t end_offset;    /* the log's end, at the time of the call */
    int64_t lag;           /* records between the two that exist (log/lag.h) */
    int64_t objects;       /* without those of dead letters */
    int64_t records;       /* lines in them */
    int64_t bytes;         /* of all objects, those of dead letters too */
    int64_t dead_letters;
    int64_t lost;      /* records the log no longer had */
    int64_t errors;    /* failed tries */
    const char *error; /* why the last try failed; NULL when it did not */
};

/* Sorted by topic and partition; array and texts live in the arena. Doesn't wait for landing. Of
 * sinks that share the partitions each has those that it lands; one that is kept out of the group
 * has all, with the reason as their error. */
void pn_sink_status(struct pn_sink *sink, struct pn_arena *arena, struct pn_sink_status **statuses,
                    size_t *count);

#endif
