/* One subscription after another to a shard; what they bring goes into its window. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_fanout.h"
#include "processor/marks.h"

enum {
    BODY_BYTES_MAX = 8192,
    REPLY_BYTES_MAX = 1 << 20, /* of a refusal */
    PART_BLOCK_BYTES = 1024,   /* most events have few records, or none */
    PAUSE_FIRST_MS = 200,      /* after a failure, doubled by each further one */
    PAUSE_MAX_MS = 5000,
    LIFE_MS_MIN = 1000,     /* a server that ends them sooner is not asked without a rest */
    PAUSE_IN_USE_MS = 1000, /* Kinesis refuses a second one for 5 seconds */
    PAUSE_TAKEN_OVER_MS = 5000,
    PAUSE_TAKEN_OVER_MAX_MS = 60000,
    FAILURES_TOLD = 2,     /* one alone is a connection that broke */
    REFUSALS_TOLD = 8,     /* of those that end by themselves: another process's is not over yet */
    TAKEOVERS_TOLD = 3,    /* more than a handover between processes makes */
    UNDISTURBED_MS = 60000 /* so long nobody has taken over: the next one is the first */
};
static const char OPERATION[] = "SubscribeToShard";

/* --- events ----------------------------------------------------------------------------------- */

static bool is(struct pn_bytes text, const char *wanted)
{
    return text.len == strlen(wanted) && memcmp(text.data, wanted, text.len) == 0;
}

/* An event's records; malloc'ed. *after is malloc'ed, too; NULL: the shard is at its end. */
static int read_event(struct pn_kinesis_subscription *subscription, struct pn_bytes payload,
                      struct pn_kinesis_part **part, char **after, struct pn_err *e)
{
    struct pn_json *root = NULL;
    struct pn_kinesis_reader_records got = {.next = NULL};
    struct pn_err why = {0};
    struct pn_kinesis_part *made = pn_xcalloc(1, sizeof *made);
    struct pn_json_parser *parser = subscription->fanout->parser;
    pn_arena_init(&made->arena, PART_BLOCK_BYTES);
    int rc = pn_json_parse(parser, payload.data, payload.len, payload.len, &root, &why);
    const char *odd = rc != 0 ? why.msg : pn_kinesis_reader_take_records(root, &made->arena, &got);
    const struct pn_json *next = rc == 0 ? pn_json_get(root, "ContinuationSequenceNumber") : NULL;
    for (size_t i = 1; odd == NULL && i < got.count; i++) {
        if (!pn_kinesis_sequence_is_after(got.sequences[i], got.sequences[i - 1])) {
            odd = "its records are not in order";
        }
    }
    if (odd == NULL && next != NULL && next->type != PN_JSON_NULL &&
        (next->type != PN_JSON_STRING || !pn_processor_is_sequence(next->text, next->text_len))) {
        odd = "ContinuationSequenceNumber is not one";
    }
    if (odd != NULL) {
        rc = pn_reader_call_odd(OPERATION, odd, e);
        pn_kinesis_part_destroy(made);
        pn_json_parser_trim(parser);
        return rc;
    }
    made->records = got.records;
    made->sequences = got.sequences;
    made->count = got.count;
    made->behind_ms = got.behind_ms;
    made->bytes = made->arena.total_bytes + sizeof *made;
    *after = next != NULL && next->type == PN_JSON_STRING ? pn_json_dup(next) : NULL;
    pn_json_parser_trim(parser);
    *part = made;
    return 0;
}

/* Leaves out the records that the window has. *met: there were some, so that what follows them is
 * without a hole. */
static void pass_known(const struct pn_kinesis_window *window, struct pn_kinesis_part *part,
                       bool *met)
{
    const char *last = pn_kinesis_window_last(window);
    *met = false;
    while (last != NULL && part->count > 0 &&
           !pn_kinesis_sequence_is_after(part->sequences[0], last)) {
        part->records++;
        part->sequences++;
        part->count--;
        *met = true;
    }
}

/* Is it known by now whether records are missing before what this call brings? They may be, unless
 * it brings some that are in the window. An event can be empty before the records, as a read can:
 * then it is not known. */
static bool knows_start(const struct pn_kinesis_part *part, bool is_empty, bool is_end)
{
    return !is_empty || part->behind_ms == 0 || is_end;
}

/* Takes an event into the window. With the lock. */
static void add_event(struct pn_kinesis_subscription *subscription, struct pn_kinesis_part *part,
                      const char *after)
{
    struct pn_kinesis_window *window = &subscription->window;
    bool met = false;
    bool was_empty = part->count == 0;
    int64_t now_ms = pn_mono_ms(subscription->fanout->reader->clock);
    pass_known(window, part, &met);
    if (subscription->is_first && knows_start(part, was_empty, after == NULL)) {
        subscription->is_first = false;
        window->has_gap = window->has_gap || !met;
    }
    part->until_ms = subscription->is_first ? 0 : subscription->began_ms - part->behind_ms;
    window->behind_ms = part->behind_ms;
    window->until_ms = part->until_ms > window->until_ms ? part->until_ms : window->until_ms;
    window->ended = after == NULL;
    if (after != NULL) {
        subscription->continues = true;
        (void)snprintf(subscription->after, sizeof subscription->after, "%s", after);
    }
    subscription->has_heard = true;
    subscription->heard_ms = now_ms;
    if (part->count > 0 || part->behind_ms == 0) { /* empty events alone are a stand-still */
        subscription->failures = 0;
    }
    if (now_ms - subscription->begun_ms > UNDISTURBED_MS) {
        subscription->takeovers = 0;
    }
    size_t before = window->bytes;
    if (part->count > 0) {
        pn_kinesis_window_add(window, part);
        pn_kinesis_window_trim(window, PN_KINESIS_WINDOW_KEPT_BYTES);
    } else {
        pn_kinesis_part_destroy(part);
    }
    subscription->fanout->bytes = subscription->fanout->bytes + window->bytes - before;
}

/* --- the remote's thread ---------------------------------------------------------------------- */

/* An exception, or an error, ends the call. */
static void take_exception(struct pn_kinesis_subscription *subscription,
                           const struct pn_event *event)
{
    char type[PN_REMOTE_TEXT_SIZE];
    struct pn_json *root = NULL;
    const char *message = event->message.data != NULL ? event->message.data : "";
    size_t len = event->message.len;
    enum pn_class class_ = PN_CLASS_RETRY;
    int code = PN_FAIL;
    (void)snprintf(type, sizeof type, "%.*s",
                   (int)(event->type.len < sizeof type ? event->type.len : sizeof type - 1),
                   event->type.data != NULL ? (const char *)event->type.data : "");
    if (event->kind == PN_EVENT_EXCEPTION &&
        pn_json_parse(subscription->fanout->parser, event->payload.data, event->payload.len,
                      event->payload.len, &root, NULL) == 0) {
        (void)(pn_json_get_text(root, "message", &message, &len) ||
               pn_json_get_text(root, "Message", &message, &len));
    }
    pn_reader_call_judge(type, &class_, &code);
    subscription->is_taken_over = code == PN_KINESIS_READER_IN_USE;
    (void)pn_err_set(&subscription->broken, class_, code,
                     "Kinesis (kinesis.endpoint) ends a subscription with %s%s%.*s", type,
                     len > 0 ? ": " : "", (int)(len < 300 ? len : 300), message);
}

static enum pn_remote_taken take_event(struct pn_kinesis_subscription *subscription,
                                       const struct pn_event *event)
{
    struct pn_kinesis_fanout *fanout = subscription->fanout;
    struct pn_kinesis_part *part = NULL;
    char *after = NULL;
    if (event->kind == PN_EVENT_EXCEPTION || event->kind == PN_EVENT_ERROR) {
        take_exception(subscription, event);
        return PN_REMOTE_ENOUGH;
    }
    if (event->kind != PN_EVENT || !is(event->type, "SubscribeToShardEvent")) {
        return PN_REMOTE_TAKEN; /* of a later version of Kinesis */
    }
    if (read_event(subscription, event->payload, &part, &after, &subscription->broken) != 0) {
        return PN_REMOTE_ENOUGH;
    }
    pthread_mutex_lock(&fanout->lock);
    bool is_wanted = !subscription->is_cancelled;
    if (is_wanted) {
        add_event(subscription, part, after);
    } else {
        pn_kinesis_part_destroy(part);
    }
    pthread_mutex_unlock(&fanout->lock);
    free(after);
    pn_notifier_notify(&fanout->reader->notifier);
    return is_wanted ? PN_REMOTE_TAKEN : PN_REMOTE_ENOUGH;
}

/* With the lock. */
static bool is_full(const struct pn_kinesis_subscription *subscription)
{
    const struct pn_kinesis_window *window = &subscription->window;
    return window->unread_bytes >= PN_KINESIS_WINDOW_UNREAD_BYTES ||
           (window->unread_bytes > 0 && subscription->fanout->bytes >= PN_KINESIS_FANOUT_BYTES_MAX);
}

static enum pn_remote_taken take(struct pn_remote_call *call, const char *bytes, size_t len)
{
    struct pn_kinesis_subscription *subscription = call->arg;
    struct pn_kinesis_fanout *fanout = subscription->fanout;
    int64_t now_ms = pn_mono_ms(fanout->reader->clock);
    pthread_mutex_lock(&fanout->lock);
    bool is_over =
        subscription->is_cancelled || now_ms - subscription->asked_ms > PN_KINESIS_FANOUT_ASKED_MS;
    subscription->is_cancelled = is_over;
    subscription->is_paused = !is_over && is_full(subscription);
    bool is_paused = subscription->is_paused;
    pthread_mutex_unlock(&fanout->lock);
    is_over = is_over || subscription->broken.code != 0; /* what follows is not without a hole */
    enum pn_remote_taken taken = is_over     ? PN_REMOTE_ENOUGH
                                 : is_paused ? PN_REMOTE_LATER
                                             : PN_REMOTE_TAKEN;
    for (size_t at = 0, used = 0; taken == PN_REMOTE_TAKEN && at < len; at += used) {
        struct pn_event event;
        bool is_whole = false;
        if (pn_event_reader_take(&subscription->events, bytes + at, len - at, &used, &is_whole,
                                 &event, &subscription->broken) != 0) {
            return PN_REMOTE_ENOUGH;
        }
        if (is_whole) {
            taken = take_event(subscription, &event);
        }
    }
    return taken;
}

/* Half of `ms` to one and a half. */
static int64_t about(struct pn_kinesis_reader *reader, int64_t ms)
{
    pthread_mutex_lock(&reader->lock);
    int64_t more_ms = (int64_t)pn_random_below(&reader->random, (uint64_t)ms);
    pthread_mutex_unlock(&reader->lock);
    return ms / 2 + more_ms;
}

static int64_t doubled(int64_t ms, int times, int64_t max_ms)
{
    while (times-- > 0 && ms < max_ms) {
        ms *= 2;
    }
    return ms < max_ms ? ms : max_ms;
}

/* Why the call has ended, if it did not end as it should. */
static int failure_of(const struct pn_kinesis_subscription *subscription, struct pn_err *e)
{
    const struct pn_remote_call *call = &subscription->call;
    if (subscription->broken.code != 0) {
        *e = subscription->broken;
    } else if (call->rc != 0) {
        *e = call->failure;
        e->class_ = PN_CLASS_RETRY; /* credentials, too, may be good later */
    } else if (call->status != 200) {
        (void)pn_reader_call_refuse(call, e);
    } else if (!subscription->has_heard) {
        (void)pn_reader_call_odd(OPERATION, "it ends a subscription without an event", e);
    }
    return e->code;
}

static void done(struct pn_remote_call *call)
{
    struct pn_kinesis_subscription *subscription = call->arg;
    struct pn_kinesis_fanout *fanout = subscription->fanout;
    struct pn_err why = {0};
    int rc = failure_of(subscription, &why);
    int64_t share = about(fanout->reader, 1000);
    bool is_refused = why.code == PN_KINESIS_READER_THROTTLED;
    bool is_in_use = why.code == PN_KINESIS_READER_IN_USE;
    int64_t pause_ms = 0;
    pthread_mutex_lock(&fanout->lock);
    bool is_failure = rc != 0 && !subscription->is_cancelled;
    if (is_failure && subscription->is_taken_over) {
        pause_ms = doubled(PAUSE_TAKEN_OVER_MS, subscription->takeovers++, PAUSE_TAKEN_OVER_MAX_MS);
        subscription->failure = why;
    } else if (is_failure) {
        pause_ms = is_in_use || is_refused
                       ? PAUSE_IN_USE_MS
                       : doubled(PAUSE_FIRST_MS, subscription->failures, PAUSE_MAX_MS);
        subscription->failures++;
        subscription->failure = why;
        subscription->misses = why.class_ == PN_CLASS_MISSING;
    } else if (rc == 0) {
        subscription->takeovers = 0;
    }
    int64_t due_ms = pn_mono_ms(fanout->reader->clock) + pause_ms * share / 1000;
    int64_t first_ms = subscription->begun_ms + LIFE_MS_MIN;
    subscription->next_ms = due_ms > first_ms ? due_ms : first_ms;
    pn_event_reader_deinit(&subscription->events); /* it may have a large part of a message */
    subscription->is_live = false;
    subscription->is_cancelled = false;
    pthread_mutex_unlock(&fanout->lock);
    if (is_refused) {
        pn_metric_add(fanout->reader->throttled, 1);
    }
    pn_notifier_notify(&fanout->reader->notifier);
}

/* --- from tables' threads --------------------------------------------------------------------- */

static void write_body(struct pn_kinesis_subscription *subscription)
{
    char id[PN_SHARD_ID_SIZE];
    struct pn_json_writer json;
    pn_buf_reset(&subscription->body);
    pn_json_writer_init(&json, &subscription->body);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "ConsumerARN", subscription->arn);
    pn_json_add_cstr(&json, "ShardId", pn_shard_id(subscription->shard, id));
    pn_json_add_object(&json, "StartingPosition");
    if (subscription->continues) {
        pn_json_add_cstr(&json, "Type", "AFTER_SEQUENCE_NUMBER");
        pn_json_add_cstr(&json, "SequenceNumber", subscription->after);
    } else {
        pn_kinesis_reader_write_place(&json, subscription->window.base, "Type", "SequenceNumber");
    }
    pn_json_end(&json);
    pn_json_end(&json);
    PN_ASSERT(!pn_buf_failed(&subscription->body)); /* each of its texts has a limit */
}

void pn_kinesis_subscription_begin(struct pn_kinesis_subscription *subscription, const char *arn)
{
    struct pn_kinesis_reader *reader = subscription->fanout->reader;
    PN_ASSERT(!subscription->is_live);
    (void)snprintf(subscription->arn, sizeof subscription->arn, "%s", arn);
    pthread_mutex_lock(&reader->lock);
    subscription->began_ms = pn_wall_ms(reader->clock) + reader->skew_ms;
    pthread_mutex_unlock(&reader->lock);
    subscription->begun_ms = pn_mono_ms(reader->clock);
    subscription->is_live = true;
    subscription->is_cancelled = false;
    subscription->is_paused = false;
    subscription->has_heard = false;
    subscription->is_first = true;
    subscription->misses = false;
    subscription->is_taken_over = false;
    subscription->broken = (struct pn_err){0};
    pn_event_reader_deinit(&subscription->events);
    pn_event_reader_init(&subscription->events);
    write_body(subscription);
    subscription->call.rc = 0;
    subscription->call.failure = (struct pn_err){0};
    subscription->call.body = pn_buf_text(&subscription->body);
    subscription->call.body_len = subscription->body.len;
    pn_metric_add(subscription->fanout->begun, 1);
    pn_remote_send(reader->remote, &subscription->call);
}

void pn_kinesis_subscription_cancel(struct pn_kinesis_subscription *subscription)
{
    if (subscription->is_live && !subscription->is_cancelled) {
        subscription->is_cancelled = true;
        pn_remote_cancel(subscription->fanout->reader->remote, &subscription->call);
    }
}

void pn_kinesis_subscription_make_room(struct pn_kinesis_subscription *subscription)
{
    struct pn_kinesis_window *window = &subscription->window;
    struct pn_kinesis_fanout *fanout = subscription->fanout;
    if (fanout->bytes >= PN_KINESIS_FANOUT_BYTES_MAX) {
        size_t before = window->bytes;
        pn_kinesis_window_trim(window, 0);
        fanout->bytes -= before - window->bytes;
    }
    if (subscription->is_live && subscription->is_paused && !is_full(subscription)) {
        subscription->is_paused = false;
        pn_remote_resume(fanout->reader->remote, &subscription->call);
    }
}

bool pn_kinesis_subscription_is_in_trouble(const struct pn_kinesis_subscription *subscription)
{
    int code = subscription->failure.code;
    bool passes = code == PN_KINESIS_READER_IN_USE || code == PN_KINESIS_READER_THROTTLED;
    return subscription->failures >= (passes ? REFUSALS_TOLD : FAILURES_TOLD) ||
           (subscription->takeovers >= TAKEOVERS_TOLD && !subscription->is_live);
}

/* --- their lives ------------------------------------------------------------------------------ */

static void destroy(struct pn_kinesis_subscription *subscription)
{
    subscription->fanout->bytes -= subscription->window.bytes;
    pn_kinesis_window_deinit(&subscription->window);
    pn_event_reader_deinit(&subscription->events);
    pn_buf_deinit(&subscription->body);
    pn_buf_deinit(&subscription->call.reply);
    free(subscription->stream);
    free(subscription);
}

/* Lets go of those that nobody asks for: one that is paused would not end by itself. The number of
 * those that stay. With the lock. */
static size_t sweep(struct pn_kinesis_fanout *fanout, int64_t now_ms)
{
    size_t count = 0;
    for (struct pn_kinesis_subscription **at = &fanout->subscriptions; *at != NULL;) {
        struct pn_kinesis_subscription *one = *at;
        bool is_asked_for = now_ms - one->asked_ms <= PN_KINESIS_FANOUT_ASKED_MS;
        if (!is_asked_for && !one->is_live) {
            *at = one->next;
            destroy(one);
            continue;
        }
        if (!is_asked_for) {
            pn_kinesis_subscription_cancel(one);
        }
        at = &one->next;
        count++;
    }
    return count;
}

void pn_kinesis_subscriptions_sweep(struct pn_kinesis_fanout *fanout)
{
    int64_t now_ms = pn_mono_ms(fanout->reader->clock);
    if (now_ms - fanout->swept_ms >= PN_KINESIS_FANOUT_SWEEP_MS) {
        fanout->swept_ms = now_ms;
        (void)sweep(fanout, now_ms);
    }
}

struct pn_kinesis_subscription *pn_kinesis_subscription_of(struct pn_kinesis_fanout *fanout,
                                                           const char *stream, uint64_t id,
                                                           uint32_t shard)
{
    for (struct pn_kinesis_subscription *one = fanout->subscriptions; one != NULL;
         one = one->next) {
        if (one->shard == shard && one->id == id && strcmp(one->stream, stream) == 0) {
            return one;
        }
    }
    if (sweep(fanout, pn_mono_ms(fanout->reader->clock)) >= PN_KINESIS_SUBSCRIPTIONS_MAX) {
        return NULL;
    }
    struct pn_kinesis_subscription *made = pn_xcalloc(1, sizeof *made);
    made->fanout = fanout;
    made->stream = pn_xstrdup(stream);
    made->id = id;
    made->shard = shard;
    made->window.behind_ms = -1;
    made->asked_ms = pn_mono_ms(fanout->reader->clock);
    made->call = (struct pn_remote_call){
        .operation = OPERATION, .kind = PN_REMOTE_STREAM, .done = done, .take = take, .arg = made};
    pn_buf_init(&made->body, BODY_BYTES_MAX);
    pn_buf_init(&made->call.reply, REPLY_BYTES_MAX);
    pn_event_reader_init(&made->events);
    made->next = fanout->subscriptions;
    fanout->subscriptions = made;
    return made;
}

void pn_kinesis_subscriptions_destroy(struct pn_kinesis_fanout *fanout)
{
    while (fanout->subscriptions != NULL) {
        struct pn_kinesis_subscription *gone = fanout->subscriptions;
        PN_ASSERT(!gone->is_live); /* the remote is gone */
        fanout->subscriptions = gone->next;
        destroy(gone);
    }
}
