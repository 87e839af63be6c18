/* The hub's thread, and what its sources publish. */
#include "live/hub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "live/internal.h"

/* What a source may write of an event before it is seen to be too long. */
enum { MEMBERS_BYTES_MAX = 64 * 1024 };

struct pn_live *pn_live_create(const struct pn_clock *clock, void (*wake)(void *arg), void *arg)
{
    struct pn_live *live = pn_xcalloc(1, sizeof *live);
    pthread_condattr_t monotonic;
    live->clock = clock;
    live->wake = wake;
    live->wake_arg = arg;
    pn_buf_init(&live->data, MEMBERS_BYTES_MAX);
    (void)snprintf(live->epoch, sizeof live->epoch, "%016" PRIx64, pn_entropy_u64());
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return live;
}

void pn_live_add_source(struct pn_live *live, const struct pn_live_source *source)
{
    PN_ASSERT(live->source_count < PN_LIVE_SOURCES_MAX && !live->is_running);
    PN_ASSERT(source->look_ms > 0);
    live->sources[live->source_count++] = *source;
}

bool pn_live_is_watched(const struct pn_live *live)
{
    return atomic_load(&live->subscriber_count) > 0;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* The topics of a source that somebody subscribes to. They stay until they are given back. *any:
 * there are some, though maybe none that is new. */
static size_t take_topics(struct pn_live *live, size_t source, bool only_new, bool *any,
                          struct pn_live_topic ***topics)
{
    size_t count = 0;
    size_t capacity = 0;
    *topics = NULL;
    *any = false;
    for (struct pn_live_watched *at = live->topics; at != NULL; at = at->next) {
        if (at->source != source || at->subscribers == 0) {
            continue;
        }
        *any = true;
        if (!only_new || at->topic.is_new) {
            pn_grow((void **)topics, &capacity, count + 1, sizeof **topics);
            (*topics)[count++] = &at->topic;
            at->looking = true;
        }
    }
    return count;
}

/* Asks one source, without the lock. Does it have topics? */
static bool look(struct pn_live *live, size_t source, bool only_new)
{
    struct pn_live_topic **topics = NULL;
    bool any = false;
    size_t count = take_topics(live, source, only_new, &any, &topics);
    if (count > 0) {
        pthread_mutex_unlock(&live->lock);
        live->sources[source].look(live->sources[source].arg, live, topics, count);
        pthread_mutex_lock(&live->lock);
    }
    for (size_t i = 0; i < count; i++) {
        topics[i]->is_new = false;
        ((struct pn_live_watched *)topics[i])->looking = false;
    }
    free(topics);
    return any;
}

/* Asks the sources whose time has come, and all about topics that are new. When to look again. */
static int64_t look_round(struct pn_live *live)
{
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < live->source_count && !live->is_stopping; i++) {
        int64_t now_ns = pn_mono_ns(live->clock);
        bool due = now_ns >= live->due_ns[i];
        if (due) {
            live->due_ns[i] = now_ns + live->sources[i].look_ms * INT64_C(1000000);
        }
        if (look(live, i, !due) && live->due_ns[i] < next_ns) {
            next_ns = live->due_ns[i];
        }
    }
    return next_ns;
}

/* All topics of subscribers that came before this round are watched now. */
static bool greet(struct pn_live *live, uint64_t round)
{
    bool any = false;
    for (struct pn_live_subscriber *at = live->subscribers; at != NULL; at = at->next) {
        if (!at->greeted && at->round < round && !atomic_load(&at->pending)) {
            atomic_store(&at->pending, true);
            any = true;
        }
    }
    return any;
}

static bool has_news(const struct pn_live *live, uint64_t round)
{
    for (const struct pn_live_subscriber *at = live->subscribers; at != NULL; at = at->next) {
        if (!at->greeted && at->round >= round) {
            return true;
        }
    }
    return false;
}

/* Waits until a look is due, or somebody has come. */
static void await(struct pn_live *live, int64_t next_ns)
{
    if (live->is_stopping || has_news(live, live->rounds)) {
        return;
    }
    int64_t wait_ns = next_ns - pn_mono_ns(live->clock);
    if (live->subscribers == NULL || next_ns == INT64_MAX) {
        pthread_cond_wait(&live->changed, &live->lock);
    } else if (wait_ns > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += wait_ns / 1000000000;
        until.tv_nsec += wait_ns % 1000000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&live->changed, &live->lock, &until);
    }
}

static void *run(void *arg)
{
    struct pn_live *live = arg;
    pthread_mutex_lock(&live->lock);
    while (!live->is_stopping) {
        uint64_t round = ++live->rounds;
        uint64_t before = live->number;
        int64_t next_ns = look_round(live);
        bool news = greet(live, round) || live->number != before;
        pn_live_sweep_topics(live, false);
        if (news) {
            pthread_mutex_unlock(&live->lock);
            live->wake(live->wake_arg);
            pthread_mutex_lock(&live->lock);
        }
        await(live, next_ns);
    }
    pthread_mutex_unlock(&live->lock);
    return NULL;
}

int pn_live_start(struct pn_live *live, struct pn_err *e)
{
    int rc = pthread_create(&live->thread, NULL, run, live);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the thread of live updates");
    }
    live->is_running = true;
    return 0;
}

void pn_live_stop(struct pn_live *live)
{
    if (!live->is_running) {
        return;
    }
    pthread_mutex_lock(&live->lock);
    live->is_stopping = true;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
    pthread_join(live->thread, NULL);
    live->is_running = false;
}

void pn_live_destroy(struct pn_live **live)
{
    struct pn_live *gone = *live;
    if (gone == NULL) {
        return;
    }
    pn_live_stop(gone);
    PN_ASSERT(gone->subscribers == NULL);
    pn_live_sweep_topics(gone, true);
    for (size_t i = 0; i < PN_LIVE_RING; i++) {
        free(gone->ring[i].text);
    }
    pn_buf_deinit(&gone->data);
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *live = NULL;
}

/* --- publishing ------------------------------------------------------------------------------- */

static void add(struct pn_live *live, const struct pn_live_watched *watched, char *text)
{
    pthread_mutex_lock(&live->lock);
    struct pn_live_event *slot = &live->ring[++live->number % PN_LIVE_RING];
    free(slot->text);
    *slot = (struct pn_live_event){.topic = watched->id, .text = text};
    for (struct pn_live_subscriber *at = live->subscribers; at != NULL; at = at->next) {
        for (size_t i = 0; i < at->topic_count; i++) {
            if (at->topics[i] == watched && at->greeted) {
                atomic_store(&at->pending, true);
            }
        }
    }
    pthread_mutex_unlock(&live->lock);
}

struct pn_json_writer *pn_live_begin(struct pn_live *live, const struct pn_live_topic *topic,
                                     const char *event)
{
    live->about = topic;
    live->event = event;
    pn_buf_reset(&live->data);
    pn_json_writer_init(&live->json, &live->data);
    pn_json_put_object(&live->json);
    pn_json_add_cstr(&live->json, "topic", topic->name);
    return &live->json;
}

void pn_live_end(struct pn_live *live)
{
    pn_json_end(&live->json);
    if (pn_buf_failed(&live->data) || live->data.len > PN_LIVE_DATA_BYTES_MAX) {
        pn_json_end(pn_live_begin(live, live->about, live->event));
    }
    add(live, (const struct pn_live_watched *)live->about,
        pn_xasprintf("event: %s\ndata: %s\n\n", live->event, pn_buf_text(&live->data)));
}

void pn_live_publish(struct pn_live *live, const struct pn_live_topic *topic, const char *event)
{
    (void)pn_live_begin(live, topic, event);
    pn_live_end(live);
}
