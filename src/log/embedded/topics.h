/*
 * The topics of a log: found by name, made, changed and deleted.
 *
 * In the log's folder a topic is a folder of its name with topic.json and one folder a partition,
 * made by its first append. "~new.<id>" is a topic being made and "~deleted.<id>" one being
 * removed; no topic's name has a '~'. Both are removed when the log is opened. A topic is there
 * from the rename that ends its making to the rename that begins its removal.
 *
 * A topic whose topic.json is damaged is closed: nobody reads it, writes it, or makes another one
 * of its name, and its records stay where they are. The log opens without it.
 */
#ifndef PN_LOG_TOPICS_H
#define PN_LOG_TOPICS_H

#include "log/embedded/age_clock.h"
#include "log/embedded/partition.h"

struct pn_topic {
    char name[PN_TOPIC_NAME_MAX + 1];
    char *folder;
    uint64_t id;
    int64_t created_ms;
    atomic_int partition_count;       /* only grows */
    struct pn_partition **partitions; /* PN_PARTITIONS_MAX places */
    atomic_llong retention_ms;        /* 0: the log's default */
    atomic_llong retention_bytes;
    atomic_llong record_bytes_max; /* 0: the log's default */
    atomic_uint round_robin;
    atomic_int users;    /* who holds it; 1 is the list itself */
    atomic_bool deleted; /* what still comes for it is refused */
};

struct pn_closed_topic {
    char *name;
    struct pn_err why;
};

struct pn_topics {
    struct pn_log_env *env;
    pthread_rwlock_t lock;
    struct pn_topic **topics; /* sorted by name */
    size_t count;
    size_t capacity;
    struct pn_closed_topic *closed; /* found by the opening, and as they are from then on */
    size_t closed_count;
    size_t closed_capacity;
    struct pn_age_clock age;
    pthread_mutex_t admin_lock; /* one change of topics at a time */
    pthread_mutex_t users_lock; /* deletion waits here for the others to let go */
    pthread_cond_t users_changed;
};

/* Caller's storage. */
void pn_topics_init(struct pn_topics *topics, struct pn_log_env *env);
void pn_topics_deinit(struct pn_topics *topics);
/* (topics_admin.c)
 * Finds the topics in the log's folder and recovers their partitions. */
int pn_topics_open(struct pn_topics *topics, struct pn_err *e) PN_MUST_CHECK;

/* The topic, held until pn_topic_release(); NULL when there is none. */
struct pn_topic *pn_topics_hold(struct pn_topics *topics, const char *name);
void pn_topic_release(struct pn_topics *topics, struct pn_topic *topic);
/* The same, with an error MISSING, or CORRUPT when it is closed. */
int pn_topics_find(struct pn_topics *topics, const char *name, struct pn_topic **topic,
                   struct pn_err *e) PN_MUST_CHECK;
/* 0, or CORRUPT with why the topic of this name is closed. */
int pn_topics_check_closed(const struct pn_topics *topics, const char *name,
                           struct pn_err *e) PN_MUST_CHECK;
/* All topics, each held, in an array the caller frees. */
struct pn_topic **pn_topics_hold_all(struct pn_topics *topics, size_t *count);

/* NULL, with MISSING, when the topic has no such partition. */
struct pn_partition *pn_topic_partition(const struct pn_topic *topic, int32_t number,
                                        struct pn_err *e);

/* As in log.h. (topics_admin.c) */
int pn_topics_create(struct pn_topics *topics, const char *name,
                     const struct pn_log_topic_config *config, struct pn_err *e) PN_MUST_CHECK;
int pn_topics_delete(struct pn_topics *topics, const char *name, struct pn_err *e) PN_MUST_CHECK;
int pn_topics_configure(struct pn_topics *topics, const char *name,
                        const struct pn_log_topic_config *config, struct pn_err *e) PN_MUST_CHECK;

/* The list's own, for topics_admin.c: a topic not (any more) in the list, and its place there. */
void pn_topic_destroy(struct pn_topic **topic);
void pn_topics_insert(struct pn_topics *topics, struct pn_topic *topic);
void pn_topics_remove(struct pn_topics *topics, const struct pn_topic *topic);

/* Drops what is past its retention, in every partition. One thread at a time. */
void pn_topics_retain(struct pn_topics *topics);

#endif
