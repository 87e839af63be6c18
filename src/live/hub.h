/*
 * Live updates: subscribers name topics, and read what changes in them.
 *
 * A subscriber names topics, such as `run/daily/r1` or `health`. An event is small and says that a
 * topic changed; the subscriber then fetches what it shows by the routes that it used at first. So
 * nothing can be shown twice, and an event that was lost costs a fetch.
 *
 * Nobody sends events to the hub. The hub's thread asks its sources, at each source's pace, what
 * has changed of the topics that somebody subscribes to, and waits without end while nobody does.
 * So whatever can be watched costs nothing while it is not, and several changes between two looks
 * are one event.
 *
 * Events have numbers, and the newest PN_LIVE_RING of them are kept. A subscriber that comes again
 * with the number of its last event gets those that it missed. What a topic was like at the last
 * look is kept for KEPT_MS after its last subscriber left, so a change in between is found by the
 * next look. Where neither helps, the subscriber gets a `resync` and fetches everything.
 *
 * Lines are server-sent events (the HTML standard, section 9.2):
 *
 *   retry: 1000            at first
 *   id: <epoch>.<number>   the epoch is another one for each hub
 *   event: <name>
 *   data: {"topic": "run/daily/r1", ...}
 *
 * All functions may be called on any thread.
 */
#ifndef PN_LIVE_HUB_H
#define PN_LIVE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json_writer.h"

enum {
    PN_LIVE_TOPICS_MAX = 32, /* of a subscriber */
    PN_LIVE_TOPIC_BYTES_MAX = 700,
    PN_LIVE_PARTS_MAX = 5,
    PN_LIVE_SUBSCRIBERS_MAX = 64,
    PN_LIVE_RING = 4096,
    PN_LIVE_DATA_BYTES_MAX = 1024,
    PN_LIVE_SOURCES_MAX = 16
};

/* The code of an error of class RETRY: there are as many subscribers as may be. */
enum { PN_LIVE_FULL = -30 };

struct pn_live;
struct pn_live_subscriber;

/* A topic that somebody subscribes to, as its source sees it. */
struct pn_live_topic {
    const char *name;                     /* as the subscriber wrote it */
    const char *parts[PN_LIVE_PARTS_MAX]; /* what its slashes separate, percent-decoded */
    bool is_new; /* no look before: the source notes how it is, and publishes nothing */
    /* What the source remembers of it. The hub frees `state` by free(). */
    uint64_t seen;
    void *state;
};

/* A kind of topic: its first part, and how many parts there are with that one. */
struct pn_live_kind {
    const char *name;
    size_t parts;
};

struct pn_live_source {
    const struct pn_live_kind *kinds; /* ends with a NULL name */
    int64_t look_ms;                  /* between two looks */
    /* Looks at all topics of these kinds, and publishes what has changed. On the hub's thread,
     * which may wait for the disk. */
    void (*look)(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count);
    void *arg;
};

/* `wake` is called when subscribers have something to read; it must not block, and it may be called
 * until the stop. The clock is borrowed. */
struct pn_live *pn_live_create(const struct pn_clock *clock, void (*wake)(void *arg), void *arg);
/* Adds a source, which is copied but for its texts. Before the start. */
void pn_live_add_source(struct pn_live *live, const struct pn_live_source *source);
int pn_live_start(struct pn_live *live, struct pn_err *e) PN_MUST_CHECK;
/* Ends the thread: no source is asked any more. Not started or stopped already is fine. */
void pn_live_stop(struct pn_live *live);
/* Stops it first. There are no subscribers any more. NULL ok. */
void pn_live_destroy(struct pn_live **live);

/* Does anybody subscribe to anything? One atomic load. */
bool pn_live_is_watched(const struct pn_live *live);

/*
 * For a source, within its look(): the topic has changed. `event` names what happened. The data are
 * an object that begins with the topic; further members are added to what pn_live_begin() returns,
 * and pn_live_end() publishes it. Members that would make the data longer than
 * PN_LIVE_DATA_BYTES_MAX are left out.
 */
struct pn_json_writer *pn_live_begin(struct pn_live *live, const struct pn_live_topic *topic,
                                     const char *event);
void pn_live_end(struct pn_live *live);
/* Both, without further members. */
void pn_live_publish(struct pn_live *live, const struct pn_live_topic *topic, const char *event);

/*
 * Subscribes to `topics`, which have commas between them. `last_id` is the id of the last event
 * that the subscriber has (NULL: none). Something is said every `heartbeat_ms` at least. INPUT: a
 * topic is unknown, or there are too many; RETRY with the code PN_LIVE_FULL.
 */
int pn_live_subscribe(struct pn_live *live, const char *topics, const char *last_id,
                      int64_t heartbeat_ms, struct pn_live_subscriber **subscriber,
                      struct pn_err *e) PN_MUST_CHECK;
void pn_live_unsubscribe(struct pn_live_subscriber **subscriber); /* NULL ok */
/* Would pn_live_read() have something? One or two atomic loads. */
bool pn_live_is_ready(const struct pn_live_subscriber *subscriber);
/* Appends what is new, maybe nothing. */
void pn_live_read(struct pn_live_subscriber *subscriber, struct pn_buf *out);

#endif
