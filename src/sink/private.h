/*
 * What the files of the sink share: the sink itself and its topic-partitions.
 *
 * Two locks. `work` is held by the thread that lands (the sink's, or a caller of run or flush) and
 * guards all but what is marked; `lock` is held for a moment only, and guards what the status reads
 * and what wakes the thread. `work` is taken first.
 */
#ifndef PN_SINK_PRIVATE_H
#define PN_SINK_PRIVATE_H

#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "sink/sink.h"
#include "sink/state.h"

struct pn_sink_part {
    struct pn_sink_memory memory;
    bool is_remembered;       /* memory is in the state file, or may be put there */
    bool is_selected;         /* the settings ask for this topic */
    bool is_seen;             /* by the present look at the log's topics */
    bool has_failed;          /* in the present pass */
    int64_t begin;            /* of the log, when last looked */
    int64_t end;              /* likewise */
    int64_t enough_end;       /* before this end, what waits fills no object; 0: not known */
    bool is_unsure;           /* that end, see struct pn_log_offsets: nothing lands meanwhile */
    int64_t waiting_since_ms; /* when a record that has not landed was first seen; -1 for none */
    int64_t retry_at_ms;      /* after a failure; not before */
    int failures;             /* in a row */
    int64_t lost_until;       /* losses before this offset were reported */
    int64_t lag;              /* what the gauge holds of this partition */
    struct pn_metric *landed_metric;
    struct pn_metric *objects_metric;
    struct pn_metric *dead_letters_metric;
    struct pn_metric *lost_metric;
    struct pn_metric *errors_metric;
    struct pn_metric *lag_metric;
    struct pn_sink_status status; /* guarded by `lock`; topic and error are not used */
    struct pn_err failure;        /* guarded by `lock`; of the last try, code 0 for none */
};

struct pn_sink {
    struct pn_sink_config config; /* texts are ours */
    char *state_path;
    bool has_regex;
    regex_t regex;

    pthread_mutex_t work;
    struct pn_sink_part **parts; /* sorted by topic and partition; changed with both locks */
    size_t part_count;
    size_t part_capacity;
    bool is_dirty; /* more has landed than is remembered */

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

/* --- parts.c: which partitions there are ---------------------------------------------------- */

/* Reads the state file into sink->parts. */
int pn_sink_parts_load(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* Looks at the log's topics: adds, drops and starts partitions afresh, and notes where each ends.
 */
int pn_sink_parts_look(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
void pn_sink_parts_deinit(struct pn_sink *sink);
/* Puts the memory of all partitions on disk. */
int pn_sink_remember(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* Brings the status and the metrics up to date. */
void pn_sink_publish(struct pn_sink *sink, struct pn_sink_part *part);

/* --- names.c: what objects are called -------------------------------------------------------- */

/* The key of an object, or NULL-terminated start of keys when `number` is negative. Caller frees.
 */
char *pn_sink_key(const char *dir, const struct pn_sink_memory *memory, int64_t number);
/* The first number that no object of the partition in the store uses: 0 when there is none. */
int pn_sink_find_base(struct pn_sink *sink, const struct pn_sink_memory *memory, int64_t *base,
                      struct pn_err *e) PN_MUST_CHECK;

/* --- land.c: from the log to the store ------------------------------------------------------- */

/*
 * Lands one batch of the partition: what is left of remembered cuts, else new ones of what is
 * before part->end. `all` cuts the last object though it is not full. *progress is false when
 * nothing was to be done.
 */
int pn_sink_land(struct pn_sink *sink, struct pn_sink_part *part, bool all, bool *progress,
                 struct pn_err *e) PN_MUST_CHECK;

#endif
