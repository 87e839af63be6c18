/*
 * What the files of the sink share: the sink itself and its topic-partitions.
 *
 * Two locks. `work` is held by the thread that lands (the sink's, or a caller of run or flush) and
 * guards all but what is marked; `lock` is held for a moment only, and guards what the status reads
 * and what wakes the thread. `work` is taken first. In a store with notes, the thread that holds
 * `work` has others that each land a partition (each.c): of the sink they change what is marked.
 */
#ifndef PN_SINK_PRIVATE_H
#define PN_SINK_PRIVATE_H

#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "log/member.h"
#include "sink/sink.h"
#include "sink/state.h"

enum { PN_SINK_AT_ONCE_MAX = 16 };

/*
 * Of a store with notes: where the chain of a partition's objects continues. memory.base + next is
 * the next object's number. memory.cuts are those before `next` that may not all be in the store.
 */
struct pn_sink_place {
    bool is_known;
    bool is_origin;       /* the chain has no object yet */
    int64_t next;         /* everything before this offset belongs to an object */
    int64_t dead_letters; /* of memory.cuts */
    int64_t dead_objects;
    bool has_stepped_back; /* the log ends before `next`: a mark is to say where it continues */
    int64_t mark_number;
};

struct pn_sink_part {
    struct pn_sink_memory memory;
    bool is_remembered;  /* memory is in the state file, or may be put there */
    bool is_selected;    /* the settings ask for this topic */
    bool is_ours;        /* by `lock`, too: it is not another sink's of the group */
    bool is_seen;        /* by the present look at the log's topics */
    bool has_failed;     /* in the present pass */
    int64_t begin;       /* of the log, when last looked */
    int64_t end;         /* likewise */
    int64_t enough_end;  /* before this end, what waits fills no object; 0: not known */
    bool is_unsure;      /* that end, see struct pn_log_offsets: nothing lands meanwhile */
    const char *passing; /* ... and why, where that passes; static, or NULL */
    uint64_t doubts;     /* of the log, when last looked */
    bool is_doubted;     /* the log's records may be others than those that have landed */
    bool is_short;       /* the log ends before what has landed, since short_since_ms */
    int64_t short_since_ms;
    int64_t ask_at_ms;        /* while it is not seen: when the log is asked for it again */
    int64_t waiting_since_ms; /* when a record that has not landed was first seen; -1 for none */
    int64_t retry_at_ms;      /* after a failure; not before */
    int failures;             /* in a row */
    int64_t lost_until;       /* losses before this offset were reported */
    struct pn_sink_place place;
    int64_t lag; /* what the gauge holds of this partition */
    struct pn_metric *landed_metric;
    struct pn_metric *objects_metric;
    struct pn_metric *dead_letters_metric;
    struct pn_metric *lost_metric;
    struct pn_metric *errors_metric;
    struct pn_metric *lag_metric;
    struct pn_sink_status status; /* guarded by `lock`; topic and error are not used */
    struct pn_err failure;        /* guarded by `lock`; of the last try, code 0 for none */
};

/* How the sink shares the partitions with others of its group. */
struct pn_sink_share {
    struct pn_log_member *member; /* NULL: all partitions are ours */
    char *topics;                 /* subscribed to; one name a line */
    struct pn_sink_owned {
        char topic[PN_TOPIC_NAME_MAX + 1];
        int32_t partition;
    } * owned; /* what the group has given us */
    size_t owned_count;
    size_t owned_capacity;
    struct pn_err failure; /* by `lock`, too: why it is kept out; code 0: it is not */
    int64_t failed_at_ms;
    bool has_dealt; /* the group has dealt out partitions since then, maybe none to us */
};

struct pn_sink {
    struct pn_sink_config config; /* texts are ours */
    char *state_path;
    bool has_chain; /* the store keeps notes: the objects are the memory, and the state file is not
                       written */
    bool has_regex;
    regex_t regex;

    pthread_mutex_t work;
    struct pn_sink_part **parts; /* sorted by topic and partition; changed with both locks */
    size_t part_count;
    size_t part_capacity;
    atomic_bool is_dirty; /* more has landed than is remembered */
    struct pn_sink_share share;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool is_woken; /* by records; set without a lock */
    bool is_resting;      /* by `lock`: the thread waits for a time to pass */
    bool is_stopping;     /* by `lock` */
    int64_t due_at_ms;    /* by `lock`: when the thread has to look again; -1 for never */
    bool is_running;      /* the thread was started; only start and stop look */
    pthread_t thread;
    int listen_id;
};

/* --- sink.c --------------------------------------------------------------------------------- */

/* Brings the memory up to date, so that the next start needn't look whether the newest objects are
 * there. The caller holds `work`. */
void pn_sink_remember_landed(struct pn_sink *sink);

/* --- each.c: partitions side by side -------------------------------------------------------- */

/* Calls fn(arg, part) for each of the partitions, up to `at_once` at the same time. */
void pn_sink_each(struct pn_sink_part *const *parts, size_t count, size_t at_once,
                  void (*fn)(void *arg, struct pn_sink_part *part), void *arg);

/* --- parts.c: which partitions there are ---------------------------------------------------- */

/* Reads the state file into sink->parts. */
int pn_sink_parts_load(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* Looks at the log's topics: adds, drops and starts partitions afresh, and notes where each ends.
 */
int pn_sink_parts_look(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
void pn_sink_parts_deinit(struct pn_sink *sink);
/* Puts the memory of all partitions on disk, unless the store's notes are the memory. */
int pn_sink_remember(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* The partition, or NULL. */
struct pn_sink_part *pn_sink_parts_find(const struct pn_sink *sink, const char *topic,
                                        int32_t partition);
/* Brings the status and the metrics up to date. */
void pn_sink_publish(struct pn_sink *sink, struct pn_sink_part *part);

/* --- share.c: what the group has given us ----------------------------------------------------- */

/* The partition's place among those that are owned; their count when it is none of them. */
size_t pn_sink_share_find(const struct pn_sink_share *share, const char *topic, int32_t partition);
/* Is this partition ours to land? All are without a group. */
bool pn_sink_share_has(const struct pn_sink_share *share, const char *topic, int32_t partition);

/* --- group.c: sharing the partitions --------------------------------------------------------- */

/* Joins the group, if the settings name one and the log has groups. No partition is ours until the
 * group says so. */
int pn_sink_group_join(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* Leaves it, so that others get the partitions at once. */
void pn_sink_group_leave(struct pn_sink *sink);
/* Takes what the group says: partitions come and go. */
void pn_sink_group_poll(struct pn_sink *sink);
/* Others continue this partition's chain: where it ends is looked up when it is needed again. */
void pn_sink_group_forget(struct pn_sink_part *part);

/* --- names.c: what objects are called -------------------------------------------------------- */

/* The key of an object, or NULL-terminated start of keys when `number` is negative. Caller frees.
 */
char *pn_sink_key(const char *dir, const struct pn_sink_memory *memory, int64_t number);
/* The first number that no object of the partition in the store uses: 0 when there is none. */
int pn_sink_find_base(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t *base,
                      struct pn_err *e) PN_MUST_CHECK;
/* The greatest number of the partition's objects below `dir` from `from` on and before `below`; -1:
 * there is none. A few requests, however many objects there are. */
int pn_sink_find_last(struct pn_store *store, const char *dir, const struct pn_sink_memory *memory,
                      int64_t from, int64_t below, int64_t *number, struct pn_err *e) PN_MUST_CHECK;
/* Calls fn with the number of each of the partition's objects below `dir` from `from` on and before
 * `end`, in no particular order. */
int pn_sink_each_number(struct pn_store *store, const char *dir,
                        const struct pn_sink_memory *memory, int64_t from, int64_t end,
                        void (*fn)(void *arg, int64_t number), void *arg,
                        struct pn_err *e) PN_MUST_CHECK;

/* --- chain.c: where the chain continues ------------------------------------------------------ */

/* Finds the place of a partition in the store. *has_cuts: it is not found yet, because cuts of the
 * state file, from when the store was local, are to be completed first. Nor is it while the log is
 * unsure where the partition begins and the store has no origin of it. */
int pn_sink_chain_find(struct pn_sink *sink, struct pn_sink_part *part, bool *has_cuts,
                       struct pn_err *e) PN_MUST_CHECK;
/* The same without a change of the store: *is_there is false when the chain has no origin. */
int pn_sink_chain_look(struct pn_sink *sink, struct pn_sink_part *part, bool *is_there,
                       struct pn_err *e) PN_MUST_CHECK;
/* Puts the origin after what the memory says that has landed, also in place of another one. */
int pn_sink_chain_begin_at(struct pn_sink *sink, const struct pn_sink_memory *memory,
                           struct pn_err *e) PN_MUST_CHECK;
/* Removes the origin: the next sink finds the place as if it was the first one in this store. */
int pn_sink_chain_forget(struct pn_sink *sink, const struct pn_sink_memory *memory,
                         struct pn_err *e) PN_MUST_CHECK;
/* Another one has the next number. The place moves after that object's cuts, or past the object
 * when it is of an earlier topic. */
int pn_sink_chain_follow(struct pn_sink *sink, struct pn_sink_part *part,
                         struct pn_err *e) PN_MUST_CHECK;
/* Whether the object is one of this topic's chain that begins at `offset`; when it isn't, an error
 * that names it. */
int pn_sink_chain_check(struct pn_sink *sink, const struct pn_sink_part *part, int64_t offset,
                        struct pn_err *e) PN_MUST_CHECK;
/* Puts the mark of a partition whose log has stepped back. */
int pn_sink_chain_mark(struct pn_sink *sink, struct pn_sink_part *part,
                       struct pn_err *e) PN_MUST_CHECK;

/* --- chain_ids.c: ids of topics that each process counts -------------------------------------- */

/* The partition's topic has at least the greatest id of its origins, in the log too. Nothing where
 * the log does not count ids. */
int pn_sink_chain_take_id(struct pn_sink *sink, struct pn_sink_memory *memory,
                          struct pn_err *e) PN_MUST_CHECK;
/* The same for all topics that have an origin, at the start: from then on this process sees itself
 * that topics are deleted, and counts on from what others have counted. */
int pn_sink_chain_learn_ids(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;

/* --- chain_open.c: the start ----------------------------------------------------------------- */

/* For the start, before anybody appends: finds the places of all partitions, and where a log has
 * stepped back, says so in the store. */
int pn_sink_chain_open(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* The same for one partition. */
int pn_sink_chain_open_part(struct pn_sink *sink, struct pn_sink_part *part,
                            struct pn_err *e) PN_MUST_CHECK;

/* --- prove.c: the topic that has landed, or another one -------------------------------------- */

/* Where the partition is doubted: looks whether the log has the records that have landed. If it has
 * others, the place moves so that they land, too. RETRY: that is not sure yet. */
int pn_sink_prove(struct pn_sink *sink, struct pn_sink_part *part, struct pn_err *e) PN_MUST_CHECK;

/* --- land.c: from the log to the store ------------------------------------------------------- */

/*
 * Lands one batch of the partition: what is left of remembered cuts, else new ones of what is
 * before part->end. `all` cuts the last object though it is not full. *progress is false when
 * nothing was to be done.
 */
int pn_sink_land(struct pn_sink *sink, struct pn_sink_part *part, bool all, bool *progress,
                 struct pn_err *e) PN_MUST_CHECK;

#endif
