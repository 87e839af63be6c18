/* The inside of the hub: what its files share. Everything is under the hub's lock, but for what a
 * topic's source remembers, which the hub's thread alone has. */
#ifndef PN_LIVE_INTERNAL_H
#define PN_LIVE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "live/hub.h"

struct pn_live_watched {
    struct pn_live_topic topic; /* first: a topic is a watched one */
    struct pn_arena arena;      /* of its name and parts */
    uint64_t id;                /* never used again */
    size_t source;
    int subscribers;
    bool looking;    /* the thread has it */
    int64_t left_ns; /* when the last subscriber left */
    struct pn_live_watched *next;
};

struct pn_live_event {
    uint64_t topic; /* its id */
    char *text;     /* without its id line */
};

struct pn_live_subscriber {
    struct pn_live *live;
    struct pn_live_watched *topics[PN_LIVE_TOPICS_MAX];
    size_t topic_count;
    bool resumes;                      /* it came with the number of its last event */
    bool resyncs;                      /* it missed something */
    bool is_fresh[PN_LIVE_TOPICS_MAX]; /* the topic was not watched: a resumed one missed it */
    uint64_t number;                   /* of the last event that it was asked about */
    int64_t heartbeat_ns;
    int64_t said_ns;
    uint64_t round;      /* of the thread, after which all its topics are watched */
    bool greeted;        /* the first lines are said */
    atomic_bool pending; /* there is something to say */
    struct pn_live_subscriber *next;
};

struct pn_live {
    const struct pn_clock *clock;
    void (*wake)(void *arg);
    void *wake_arg;
    char epoch[24];
    struct pn_live_source sources[PN_LIVE_SOURCES_MAX];
    int64_t due_ns[PN_LIVE_SOURCES_MAX]; /* of each source: the next look */
    size_t source_count;
    pthread_t thread;
    bool is_running;
    atomic_int subscriber_count;
    /* The event that a source makes; the thread's own. */
    const struct pn_live_topic *about;
    const char *event;
    struct pn_buf data;
    struct pn_json_writer json;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a subscriber came, or it stops */
    bool is_stopping;
    uint64_t rounds; /* that the thread began */
    uint64_t topics_made;
    struct pn_live_watched *topics;
    struct pn_live_subscriber *subscribers;
    struct pn_live_event ring[PN_LIVE_RING]; /* event N is at N % PN_LIVE_RING */
    uint64_t number;                         /* of the newest event; 0: none */
};

/* --- topics.c --------------------------------------------------------------------------------- */

/* The topic of this name (not ended by a NUL), made if need be: then *fresh. Not yet subscribed
 * to. */
int pn_live_find_topic(struct pn_live *live, const char *name, size_t len,
                       struct pn_live_watched **topic, bool *fresh, struct pn_err *e) PN_MUST_CHECK;
/* Forgets the topics that nobody has subscribed to for a while; `all`: whatever the time. */
void pn_live_sweep_topics(struct pn_live *live, bool all);

#endif
