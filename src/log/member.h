/*
 * Members of consumer groups: a port beside log.h, for logs on a cluster that has groups of its own
 * (pn_log_has_groups()). Members may be of any program and any machine.
 *
 * A member subscribes to topics. The group's coordinator deals out their partitions, each to one of
 * the members, and again whenever one comes or goes: `assigned` and `revoked` of the configuration
 * say so, and only from within pn_log_member_poll() and pn_log_member_leave(). A member does not
 * read: its owner does, with pn_log_read(), and commits. An owner without a subscription may commit
 * too, as long as the group has no members.
 *
 * One caller at a time. The calls may wait for the cluster, but not pn_log_member_poll() unless
 * `revoked` commits.
 */
#ifndef PN_LOG_MEMBER_H
#define PN_LOG_MEMBER_H

#include "log/log.h"

/* A partition, and an offset in it. */
struct pn_log_place {
    const char *topic;
    int32_t partition;
    int64_t offset;       /* committed: of the next record to read; -1: none */
    const char *metadata; /* the committer's own note; NULL: none */
};

struct pn_log_member_config {
    const char *group;
    const char *name; /* by which people find it in the group; need not be the only one */
    /* The group keeps the member's partitions for a member of this name that comes back in time,
     * and has one member of it: a later one puts an earlier one out. NULL: none. */
    const char *instance;
    /* The member has got partitions: it alone may read them. */
    void (*assigned)(void *arg, const struct pn_log_place *places, size_t count);
    /* It is about to lose them, and may commit, unless `is_lost`: others have them already. */
    void (*revoked)(void *arg, const struct pn_log_place *places, size_t count, bool is_lost);
    void *arg;
};

/* A partition of a topic as a group of the cluster has it. */
struct pn_log_group_place {
    const char *group;
    int32_t partition;
    int64_t committed; /* -1: the group has committed nothing */
    const char
        *member; /* that has the partition now, by the id that it has in the group; NULL: none
                         */
};

struct pn_log_member;

struct pn_log_member_ops {
    void (*leave)(struct pn_log_member *member);
    int (*subscribe)(struct pn_log_member *member, const char *const *topics, size_t count,
                     struct pn_err *e);
    int (*poll)(struct pn_log_member *member, struct pn_err *e);
    int (*commit)(struct pn_log_member *member, const struct pn_log_place *places, size_t count,
                  struct pn_err *e);
    int (*committed)(struct pn_log_member *member, struct pn_log_place *places, size_t count,
                     struct pn_arena *arena, struct pn_err *e);
};

struct pn_log_member {
    const struct pn_log_member_ops *ops;
};

static inline bool pn_log_has_groups(const struct pn_log *log)
{
    return log->ops->has_groups != NULL && log->ops->has_groups(log);
}

/* The partitions of the topic that the cluster's groups have committed an offset of, or that one of
 * their members has, whichever program it belongs to; sorted by group and partition, in the arena.
 * Groups that this program may not see are left out. MISSING: there is no such topic; RETRY: the
 * cluster did not answer. BLOCKS. */
PN_MUST_CHECK static inline int pn_log_groups(struct pn_log *log, const char *topic,
                                              struct pn_arena *arena,
                                              struct pn_log_group_place **places, size_t *count,
                                              struct pn_err *e)
{
    return log->ops->groups(log, topic, arena, places, count, e);
}
/* Texts are copied. End with pn_log_member_leave(), before the log. */
PN_MUST_CHECK static inline int pn_log_join(struct pn_log *log,
                                            const struct pn_log_member_config *config,
                                            struct pn_log_member **member, struct pn_err *e)
{
    return log->ops->join(log, config, member, e);
}
/* Gives back what it has (`revoked` is called), leaves the group, and frees the member. */
static inline void pn_log_member_leave(struct pn_log_member **member)
{
    if (*member != NULL) {
        (*member)->ops->leave(*member);
        *member = NULL;
    }
}
/* From now on the member wants these topics and no others; none: it is not in the group. Topics
 * need not exist yet. */
PN_MUST_CHECK static inline int pn_log_member_subscribe(struct pn_log_member *member,
                                                        const char *const *topics, size_t count,
                                                        struct pn_err *e)
{
    return member->ops->subscribe(member, topics, count, e);
}
/* Takes what the coordinator has to say; to be called several times a second. An error is one that
 * keeps it out of the group (rights, other ways of dealing out); it continues to try. FATAL:
 * another member of its instance's name has put it out, for good. */
PN_MUST_CHECK static inline int pn_log_member_poll(struct pn_log_member *member, struct pn_err *e)
{
    return member->ops->poll(member, e);
}
/* Durable when it returns 0. CONFLICT: the partitions are others' by now, and nothing is committed;
 * RETRY: the group is dealing out, or the cluster did not answer. */
PN_MUST_CHECK static inline int pn_log_member_commit(struct pn_log_member *member,
                                                     const struct pn_log_place *places,
                                                     size_t count, struct pn_err *e)
{
    return member->ops->commit(member, places, count, e);
}
/* Sets offset and metadata (in the arena) to what the group has committed. */
PN_MUST_CHECK static inline int pn_log_member_committed(struct pn_log_member *member,
                                                        struct pn_log_place *places, size_t count,
                                                        struct pn_arena *arena, struct pn_err *e)
{
    return member->ops->committed(member, places, count, arena, e);
}

#endif
