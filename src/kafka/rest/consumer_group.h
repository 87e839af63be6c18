/* The inside of consumers.h: groups, instances, and who may touch what.
 *
 * `lock` guards all that is in memory. `file_lock` is held around reading or replacing a group's
 * file, and is taken before `lock`: so files are written in the order of the commits they hold. */
#ifndef PN_KAFKA_REST_CONSUMER_GROUP_H
#define PN_KAFKA_REST_CONSUMER_GROUP_H

#include <pthread.h>
#include <regex.h>

#include "kafka/rest/consumers.h"

enum { PN_KAFKA_REST_AUTO_COMMIT_MS = 5000, PN_KAFKA_REST_REFRESH_MS = 1000 };

struct pn_kafka_rest_committed {
    char *topic;
    int32_t partition;
    int64_t offset;
    char *metadata;
};

/* A partition of an instance. */
struct pn_kafka_rest_held {
    char *topic;
    int32_t partition;
    int64_t position; /* -1: none, and the reset policy is NONE */
};

struct pn_kafka_rest_instance {
    char *name;
    struct pn_kafka_rest_instance_config config; /* without name */
    char **topics;                               /* subscribed to by name */
    size_t topic_count;
    char *pattern; /* subscribed to by pattern, or NULL */
    regex_t regex; /* while there is a pattern */
    bool assigned; /* by itself */
    bool fetched;  /* since it subscribed */
    struct pn_kafka_rest_held *held;
    size_t held_count;
    size_t rotation; /* which partition a fetch starts with */
    bool busy;
    int64_t used_ms;
    int64_t auto_committed_ms;
    struct pn_kafka_rest_instance *next;
};

struct pn_kafka_rest_group {
    char *name;
    struct pn_kafka_rest_instance *instances; /* sorted by name */
    struct pn_kafka_rest_committed *committed;
    size_t committed_count;
    size_t committed_capacity;
    bool dirty;           /* committed offsets that are not in the file */
    uint64_t topics_seen; /* hash of the topics when partitions were last dealt out */
    int64_t refreshed_ms;
    struct pn_kafka_rest_group *next;
};

struct pn_kafka_rest_consumers {
    struct pn_kafka_rest_consumers_config config;
    char *folder;
    pthread_mutex_t file_lock;
    pthread_mutex_t lock;
    struct pn_kafka_rest_group *groups;
    size_t instance_count;
};

/* --- consumers.c ----------------------------------------------------------------------------- */

/* Each sets *refusal and returns -1. */
int pn_kafka_rest_refuse(struct pn_kafka_rest_refusal *refusal, int status, int code,
                         const char *fmt, ...) PN_PRINTF(4, 5);
int pn_kafka_rest_refuse_error(struct pn_kafka_rest_refusal *refusal, const struct pn_err *e);
/* These need `lock`. */
struct pn_kafka_rest_group *pn_kafka_rest_consumers_group(
    const struct pn_kafka_rest_consumers *consumers, const char *name);
struct pn_kafka_rest_instance *pn_kafka_rest_group_instance(const struct pn_kafka_rest_group *group,
                                                            const char *name);
/* Finds the instance and marks it as used. */
int pn_kafka_rest_consumers_use(struct pn_kafka_rest_consumers *consumers,
                                struct pn_kafka_rest_instance_id id,
                                struct pn_kafka_rest_group **group,
                                struct pn_kafka_rest_instance **instance,
                                struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The instance's partitions and positions; a fetch starts with another one each time. */
void pn_kafka_rest_instance_copy_held(const struct pn_kafka_rest_instance *instance,
                                      struct pn_arena *arena,
                                      struct pn_kafka_rest_positions *partitions);
/* These must be called with no lock held. flush() writes the group's file if it is behind; the
 * quiet one is for where nobody waits for the outcome. */
int pn_kafka_rest_group_flush(struct pn_kafka_rest_consumers *consumers, const char *name,
                              struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_rest_group_flush_quietly(struct pn_kafka_rest_consumers *consumers, const char *name);
/* Are they partitions of the log? */
int pn_kafka_rest_check_partitions(struct pn_log *log,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* What an instance wants: sets it (and the partitions stay as they are), forgets it, and lists the
 * names given or those of the log that match the pattern now. */
int pn_kafka_rest_instance_subscribe(struct pn_kafka_rest_instance *instance,
                                     const char *const *topics, size_t count, const char *pattern,
                                     struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
void pn_kafka_rest_instance_unsubscribe(struct pn_kafka_rest_instance *instance);
int pn_kafka_rest_instance_names(struct pn_log *log, const struct pn_kafka_rest_instance *instance,
                                 struct pn_arena *arena, const char *const **topics, size_t *count,
                                 struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Both ways to get partitions at once are refused. */
int pn_kafka_rest_refuse_both(struct pn_kafka_rest_refusal *refusal);

/* --- consumer_fetch.c; of one instance, which nobody else touches ------------------------------
 */

void pn_kafka_rest_instance_fetch(struct pn_kafka_rest_instance *instance, struct pn_arena *arena,
                                  struct pn_kafka_rest_fetch *fetch);
void pn_kafka_rest_instance_fetched(struct pn_kafka_rest_instance *instance,
                                    const struct pn_kafka_rest_fetch *fetch, int64_t now_ms);
/* How many records there are at most from the positions on. */
int64_t pn_kafka_rest_instance_waiting(struct pn_log *log,
                                       const struct pn_kafka_rest_instance *instance);
int pn_kafka_rest_instance_seek(struct pn_log *log, struct pn_kafka_rest_instance *instance,
                                enum pn_kafka_rest_seek where,
                                const struct pn_kafka_rest_position *to,
                                struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Refused: a position cannot be read from, and the reset policy has no other. */
int pn_kafka_rest_refuse_position(const struct pn_kafka_rest_held *held,
                                  struct pn_kafka_rest_refusal *refusal);

/* --- consumer_offsets.c; file_lock must be held ------------------------------------------------
 */

/* Reads the group's file, if there is one, into group->committed. */
int pn_kafka_rest_group_load(struct pn_kafka_rest_consumers *consumers,
                             struct pn_kafka_rest_group *group, struct pn_err *e) PN_MUST_CHECK;
/* The file's contents. */
void pn_kafka_rest_group_serialize(const struct pn_kafka_rest_group *group, struct pn_buf *out);
/* Replaces the file of the group of this name. */
int pn_kafka_rest_group_save(struct pn_kafka_rest_consumers *consumers, const char *name,
                             const struct pn_buf *text, struct pn_err *e) PN_MUST_CHECK;
/* These need `lock` (or a group nobody else knows). */
const struct pn_kafka_rest_committed *pn_kafka_rest_group_find(
    const struct pn_kafka_rest_group *group, const char *topic, int32_t partition);
void pn_kafka_rest_group_commit(struct pn_kafka_rest_group *group,
                                const struct pn_kafka_rest_position *position);
void pn_kafka_rest_group_free_committed(struct pn_kafka_rest_group *group);

/* --- consumer_assign.c; `lock` must be held ----------------------------------------------------
 */

/* Deals the partitions out again if the topics changed or `force`; instances that lose partitions
 * commit first if they auto-commit. */
void pn_kafka_rest_group_deal(struct pn_kafka_rest_consumers *consumers,
                              struct pn_kafka_rest_group *group, bool force);
bool pn_kafka_rest_instance_wants(const struct pn_kafka_rest_instance *instance, const char *topic);
/* Where a partition starts for this instance. */
int64_t pn_kafka_rest_instance_start(struct pn_kafka_rest_consumers *consumers,
                                     const struct pn_kafka_rest_group *group,
                                     const struct pn_kafka_rest_instance *instance,
                                     const char *topic, int32_t partition);
/* Puts all the instance's positions into the group's committed offsets. */
void pn_kafka_rest_instance_commit(struct pn_kafka_rest_group *group,
                                   const struct pn_kafka_rest_instance *instance);
void pn_kafka_rest_instance_drop(struct pn_kafka_rest_instance *instance); /* its partitions */
struct pn_kafka_rest_held *pn_kafka_rest_instance_find(
    const struct pn_kafka_rest_instance *instance, const char *topic, int32_t partition);

#endif
