/*
 * Consumer groups: instances that read topics together, each partition by one of them, and the
 * offsets they committed.
 *
 * An instance either subscribes (to topics, or to a pattern; then the partitions are dealt out,
 * round robin, among the instances of its group, again whenever one comes, goes, or changes what it
 * wants, or a topic comes) or assigns itself partitions. Each partition it has, has a position: the
 * offset it reads next. A partition it gets starts at the group's committed offset, else where the
 * instance's reset policy says.
 *
 * Committed offsets are durable: <folder>/<group, percent-encoded>.json holds
 *   {"checked":1,"group":"g","offsets":[{"topic":"t","partition":0,"offset":42,"metadata":""},...],
 *    "crc32c":"0123abcd"}
 * (base/checked_file.h) and is replaced atomically, before a commit is answered. An instance with
 * auto-commit commits what it was given before when it fetches again (not more often than every
 * AUTO_COMMIT_MS), and when it goes or loses partitions. Instances themselves live in memory only:
 * a client whose instance is gone creates another one, as with the original.
 *
 * Thread-safe; operations may block on the disk. They return 0, or -1 with *refusal set.
 */
#ifndef PN_KAFKA_REST_CONSUMERS_H
#define PN_KAFKA_REST_CONSUMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "kafka/rest/format.h"
#include "kafka/rest/refusal.h"
#include "log/log.h"

/* A group is a file: its name, percent-encoded, must fit into a file's name. */
enum {
    PN_KAFKA_REST_GROUP_FILE_NAME_MAX = 200,
    PN_KAFKA_REST_INSTANCE_NAME_MAX = 200,
    PN_KAFKA_REST_PATTERN_MAX = 256
};

struct pn_kafka_rest_consumers_config {
    const char *folder;
    struct pn_log *log; /* whose topics may be consumed, all of them */
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger; /* NULL ok */
    int64_t instance_timeout_ms;
    int64_t instances_max;
};

struct pn_kafka_rest_consumers;

/* Copies the config and the folder's name, and borrows the rest. INPUT without a folder. */
int pn_kafka_rest_consumers_create(const struct pn_kafka_rest_consumers_config *config,
                                   struct pn_kafka_rest_consumers **consumers,
                                   struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_rest_consumers_destroy(
    struct pn_kafka_rest_consumers **consumers); /* NULL ok; commits nothing */
/* Removes instances that nobody asked for anything for the instance timeout. */
void pn_kafka_rest_consumers_tick(struct pn_kafka_rest_consumers *consumers);
/* Removes all instances, committing for those with auto-commit. */
void pn_kafka_rest_consumers_close(struct pn_kafka_rest_consumers *consumers);

enum pn_kafka_rest_reset {
    PN_KAFKA_REST_RESET_LATEST,
    PN_KAFKA_REST_RESET_EARLIEST,
    PN_KAFKA_REST_RESET_NONE
};

struct pn_kafka_rest_instance_config {
    const char *name; /* NULL: one is made up */
    enum pn_kafka_rest_format_kind format;
    enum pn_kafka_rest_reset reset;
    bool auto_commit;
    int64_t min_bytes;          /* a fetch waits for so many, at least 1 */
    int64_t request_timeout_ms; /* how long a fetch waits, unless it says */
};

/* Which instance an operation is for. */
struct pn_kafka_rest_instance_id {
    const char *group;
    const char *name;
};

struct pn_kafka_rest_position {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *metadata; /* of a commit; NULL ok */
};
struct pn_kafka_rest_positions {
    struct pn_kafka_rest_position *items;
    size_t count;
};

/* *name (in the arena) is the instance's. */
int pn_kafka_rest_consumers_add(struct pn_kafka_rest_consumers *consumers, const char *group,
                                const struct pn_kafka_rest_instance_config *config,
                                struct pn_arena *arena, const char **name,
                                struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Takes the instance out of its group, whose others get its partitions. */
int pn_kafka_rest_consumers_remove(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* `pattern` is a POSIX extended regular expression for whole names, or NULL: then `topics`. */
int pn_kafka_rest_consumers_subscribe(struct pn_kafka_rest_consumers *consumers,
                                      struct pn_kafka_rest_instance_id id,
                                      const char *const *topics, size_t count, const char *pattern,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
int pn_kafka_rest_consumers_unsubscribe(struct pn_kafka_rest_consumers *consumers,
                                        struct pn_kafka_rest_instance_id id,
                                        struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The topics subscribed to: the names given, or those that match the pattern now. */
int pn_kafka_rest_consumers_subscription(struct pn_kafka_rest_consumers *consumers,
                                         struct pn_kafka_rest_instance_id id,
                                         struct pn_arena *arena, const char *const **topics,
                                         size_t *count,
                                         struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The instance gets these partitions and no others; none ends it. */
int pn_kafka_rest_consumers_assign(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The partitions the instance has, with their positions. */
int pn_kafka_rest_consumers_assignments(struct pn_kafka_rest_consumers *consumers,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_positions *partitions,
                                        struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Commits the offsets given (each is the next to read), or, for NULL, all positions. */
int pn_kafka_rest_consumers_commit(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id,
                                   const struct pn_kafka_rest_positions *offsets,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The group's committed offsets of these partitions (NULL: those the instance has); partitions
 * without one are left out. */
int pn_kafka_rest_consumers_committed(struct pn_kafka_rest_consumers *consumers,
                                      struct pn_kafka_rest_instance_id id,
                                      const struct pn_kafka_rest_positions *partitions,
                                      struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *offsets,
                                      struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;

enum pn_kafka_rest_seek {
    PN_KAFKA_REST_SEEK_OFFSET,
    PN_KAFKA_REST_SEEK_BEGINNING,
    PN_KAFKA_REST_SEEK_END
};
int pn_kafka_rest_consumers_seek(struct pn_kafka_rest_consumers *consumers,
                                 struct pn_kafka_rest_instance_id id, enum pn_kafka_rest_seek where,
                                 const struct pn_kafka_rest_positions *positions,
                                 struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;

/*
 * A fetch: begin gives the partitions and positions to read, and the instance's settings; the
 * caller reads, sets each `offset` to where it stopped, and ends the fetch, which moves the
 * positions of partitions that are still the instance's and that nobody moved meanwhile. Only one
 * fetch of an instance is in progress at a time: *busy says that another one is; try again.
 */
struct pn_kafka_rest_fetch {
    struct pn_kafka_rest_instance_id id; /* in the arena */
    struct pn_kafka_rest_positions partitions;
    enum pn_kafka_rest_format_kind format;
    int64_t min_bytes;
    int64_t request_timeout_ms;
    bool first;          /* of this subscription: the original still joins the group then */
    int64_t *started_at; /* the module's own: the positions given */
};
int pn_kafka_rest_consumers_fetch_begin(struct pn_kafka_rest_consumers *consumers,
                                        struct pn_kafka_rest_instance_id id, struct pn_arena *arena,
                                        struct pn_kafka_rest_fetch *fetch, bool *busy,
                                        struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
void pn_kafka_rest_consumers_fetch_end(struct pn_kafka_rest_consumers *consumers,
                                       const struct pn_kafka_rest_fetch *fetch);
/* Would a fetch find more than `count` records, or that the instance is gone? Does not touch the
 * disk. */
bool pn_kafka_rest_consumers_ready(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id, int64_t count);

#endif
