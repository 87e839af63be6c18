/* Subscribers: what they named, and what they have read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "live/internal.h"

/* What one read gives at most, so that a slow client costs the memory of one piece. */
enum { READ_BYTES_MAX = 64 * 1024 };

/* --- coming and going ------------------------------------------------------------------------- */

static int take_topics(struct pn_live_subscriber *subscriber, const char *topics, struct pn_err *e)
{
    for (const char *at = topics;; at++) {
        size_t len = strcspn(at, ",");
        struct pn_live_watched *watched = NULL;
        size_t place = subscriber->topic_count;
        if (place == PN_LIVE_TOPICS_MAX) {
            return pn_err_input(e, "a stream has at most %d topics", PN_LIVE_TOPICS_MAX);
        }
        if (pn_live_find_topic(subscriber->live, at, len, &watched, &subscriber->is_fresh[place],
                               e) != 0) {
            return PN_FAIL;
        }
        watched->subscribers++;
        subscriber->topics[subscriber->topic_count++] = watched;
        at += len;
        if (*at == '\0') {
            return 0;
        }
    }
}

/* Where the subscriber continues: after its last event, if that is of this hub and still known. */
static void place_at(struct pn_live_subscriber *subscriber, const char *last_id)
{
    const struct pn_live *live = subscriber->live;
    size_t len = strlen(live->epoch);
    int64_t number = 0;
    subscriber->number = live->number;
    if (last_id == NULL || *last_id == '\0') {
        return;
    }
    subscriber->resumes = true;
    bool ours = strncmp(last_id, live->epoch, len) == 0 && last_id[len] == '.' &&
                pn_parse_i64(last_id + len + 1, &number, NULL) == 0 && number >= 0 &&
                (uint64_t)number <= live->number;
    if (ours && live->number - (uint64_t)number < PN_LIVE_RING) {
        subscriber->number = (uint64_t)number;
    } else {
        subscriber->resyncs = true;
    }
}

static void leave(struct pn_live_subscriber *subscriber)
{
    int64_t now_ns = pn_mono_ns(subscriber->live->clock);
    for (size_t i = 0; i < subscriber->topic_count; i++) {
        subscriber->topics[i]->subscribers--;
        subscriber->topics[i]->left_ns = now_ns;
    }
}

int pn_live_subscribe(struct pn_live *live, const char *topics, const char *last_id,
                      int64_t heartbeat_ms, struct pn_live_subscriber **subscriber,
                      struct pn_err *e)
{
    struct pn_live_subscriber *made = pn_xcalloc(1, sizeof *made);
    made->live = live;
    made->heartbeat_ns = heartbeat_ms * INT64_C(1000000);
    made->said_ns = pn_mono_ns(live->clock);
    pthread_mutex_lock(&live->lock);
    int rc = 0;
    if (atomic_load(&live->subscriber_count) >= PN_LIVE_SUBSCRIBERS_MAX) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_LIVE_FULL,
                        "%d streams of live updates are open, and there can be no more",
                        PN_LIVE_SUBSCRIBERS_MAX);
    } else {
        pn_live_sweep_topics(live, false);
        rc = take_topics(made, topics, e);
    }
    if (rc == 0) {
        place_at(made, last_id);
        made->round = live->rounds;
        made->next = live->subscribers;
        live->subscribers = made;
        atomic_fetch_add(&live->subscriber_count, 1);
        pthread_cond_broadcast(&live->changed);
        *subscriber = made;
    } else {
        leave(made);
        free(made);
    }
    pthread_mutex_unlock(&live->lock);
    return rc;
}

void pn_live_unsubscribe(struct pn_live_subscriber **subscriber)
{
    struct pn_live_subscriber *gone = *subscriber;
    if (gone == NULL) {
        return;
    }
    struct pn_live *live = gone->live;
    pthread_mutex_lock(&live->lock);
    for (struct pn_live_subscriber **at = &live->subscribers; *at != NULL; at = &(*at)->next) {
        if (*at == gone) {
            *at = gone->next;
            break;
        }
    }
    leave(gone);
    atomic_fetch_sub(&live->subscriber_count, 1);
    pthread_mutex_unlock(&live->lock);
    free(gone);
    *subscriber = NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

bool pn_live_is_ready(const struct pn_live_subscriber *subscriber)
{
    return atomic_load(&subscriber->pending);
}

static void add_id(const struct pn_live_subscriber *subscriber, struct pn_buf *out)
{
    pn_buf_addf(out, "id: %s.%" PRIu64 "\n", subscriber->live->epoch, subscriber->number);
}

static bool hears(const struct pn_live_subscriber *subscriber, uint64_t topic)
{
    for (size_t i = 0; i < subscriber->topic_count; i++) {
        if (subscriber->topics[i]->id == topic) {
            return true;
        }
    }
    return false;
}

/* A resync names the topics that it is about; where they would be too long it is about all of
 * them. */
static void add_resync(struct pn_live_subscriber *subscriber, bool all, struct pn_buf *out)
{
    struct pn_buf data;
    struct pn_json_writer json;
    pn_buf_init(&data, PN_LIVE_DATA_BYTES_MAX);
    pn_json_writer_init(&json, &data);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "topics");
    for (size_t i = 0; i < subscriber->topic_count; i++) {
        if (all || subscriber->is_fresh[i]) {
            pn_json_put_cstr(&json, subscriber->topics[i]->topic.name);
        }
    }
    pn_json_end(&json);
    pn_json_end(&json);
    add_id(subscriber, out);
    pn_buf_addf(out, "event: resync\ndata: %s\n\n",
                pn_buf_failed(&data) ? "{}" : pn_buf_text(&data));
    pn_buf_deinit(&data);
}

/* The first lines. Even without an event they have an id, from which the client continues. */
static void greet(struct pn_live_subscriber *subscriber, struct pn_buf *out)
{
    bool any_fresh = false;
    subscriber->greeted = true;
    for (size_t i = 0; i < subscriber->topic_count; i++) {
        any_fresh = any_fresh || subscriber->is_fresh[i];
    }
    pn_buf_adds(out, "retry: 1000\n");
    if (subscriber->resumes && (subscriber->resyncs || any_fresh)) {
        add_resync(subscriber, subscriber->resyncs, out);
    } else {
        add_id(subscriber, out);
        pn_buf_addc(out, '\n');
    }
}

static void add_events(struct pn_live_subscriber *subscriber, struct pn_buf *out)
{
    const struct pn_live *live = subscriber->live;
    if (live->number - subscriber->number >= PN_LIVE_RING) {
        subscriber->number = live->number;
        add_resync(subscriber, true, out);
        return;
    }
    while (subscriber->number < live->number && out->len < READ_BYTES_MAX) {
        const struct pn_live_event *event = &live->ring[++subscriber->number % PN_LIVE_RING];
        if (hears(subscriber, event->topic)) {
            add_id(subscriber, out);
            pn_buf_adds(out, event->text);
        }
    }
}

void pn_live_read(struct pn_live_subscriber *subscriber, struct pn_buf *out)
{
    struct pn_live *live = subscriber->live;
    size_t before = out->len;
    pthread_mutex_lock(&live->lock);
    int64_t now_ns = pn_mono_ns(live->clock);
    if (atomic_load(&subscriber->pending)) {
        if (!subscriber->greeted) {
            greet(subscriber, out);
        }
        add_events(subscriber, out);
        atomic_store(&subscriber->pending, subscriber->number < live->number);
    }
    if (out->len == before && subscriber->greeted &&
        now_ns - subscriber->said_ns >= subscriber->heartbeat_ns) {
        pn_buf_adds(out, ":\n");
        add_id(subscriber, out);
        pn_buf_addc(out, '\n');
    }
    if (out->len > before) {
        subscriber->said_ns = now_ns;
    }
    pthread_mutex_unlock(&live->lock);
}
