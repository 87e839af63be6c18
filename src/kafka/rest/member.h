/* The inside of members.h: one instance. */
#ifndef PN_KAFKA_REST_MEMBER_H
#define PN_KAFKA_REST_MEMBER_H

#include "kafka/rest/consumer_group.h"
#include "kafka/rest/members.h"
#include "log/member.h"

enum { PN_KAFKA_REST_START_UNKNOWN = -2 }; /* a position that is still to be asked for */

struct pn_kafka_rest_member {
    struct pn_kafka_rest_members *members;
    char *group;
    struct pn_kafka_rest_instance instance; /* its name does not change; the rest with `lock` */
    pthread_mutex_t lock;
    struct pn_log_member *member;
    struct pn_err failure; /* why it is not in the group; class NONE: it is, or nothing is known */
    bool is_gone;
    char **wanted; /* the names that it has subscribed to */
    size_t wanted_count;
    int64_t looked_ms; /* for topics that match the pattern */
    int users;         /* with the lock of all */
    struct pn_kafka_rest_member *next;
};

struct pn_kafka_rest_members {
    struct pn_kafka_rest_consumers_config config;
    pthread_mutex_t lock; /* of the list and of `users`; taken before a member's */
    pthread_cond_t changed;
    struct pn_kafka_rest_member *first;
    size_t count;
    bool is_stopping;
    bool is_running;
    pthread_t thread;
};

/* --- member.c; all with the member's lock ----------------------------------------------------- */

/* Joins; nobody else knows the member yet. */
int pn_kafka_rest_member_open(struct pn_kafka_rest_member *member,
                              struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Commits where the instance does so by itself, and leaves. */
void pn_kafka_rest_member_close(struct pn_kafka_rest_member *member);
/* Takes what the group says; not while a fetch is in progress. */
void pn_kafka_rest_member_serve(struct pn_kafka_rest_member *member);
/* Subscribes to what the instance wants, if that is not what it has subscribed to. */
int pn_kafka_rest_member_want(struct pn_kafka_rest_member *member,
                              struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Commits all positions that have moved since; NULL: those. */
int pn_kafka_rest_member_commit(struct pn_kafka_rest_member *member,
                                const struct pn_kafka_rest_positions *offsets,
                                struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The same where nobody waits for the outcome; only if the instance commits by itself. */
void pn_kafka_rest_member_auto_commit(struct pn_kafka_rest_member *member);
/* Finds a place to read from for each partition. */
int pn_kafka_rest_member_start(struct pn_kafka_rest_member *member,
                               struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* The group's offsets of partitions; those without one are left out. In the arena. */
int pn_kafka_rest_member_committed(struct pn_kafka_rest_member *member,
                                   const struct pn_kafka_rest_positions *partitions,
                                   struct pn_arena *arena, struct pn_kafka_rest_positions *offsets,
                                   struct pn_kafka_rest_refusal *refusal) PN_MUST_CHECK;
/* Puts the partitions in the place of those it has. */
void pn_kafka_rest_member_hold(struct pn_kafka_rest_member *member,
                               const struct pn_kafka_rest_positions *partitions);

#endif
