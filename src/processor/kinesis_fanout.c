#include "processor/kinesis_fanout.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SILENT_MS = 10 * 1000 }; /* Kinesis sends an event every few seconds, if only an empty one */

/* --- whose window it is ----------------------------------------------------------------------- */

/* This thread reads from the window. With the lock. */
static void note_reader(struct pn_kinesis_subscription *subscription, int64_t now_ms)
{
    struct pn_kinesis_window_reader *readers = subscription->readers;
    if (readers[0].read_ms == 0 || !pthread_equal(readers[0].thread, pthread_self())) {
        readers[1] = readers[0];
        readers[0].thread = pthread_self();
    }
    readers[0].read_ms = now_ms;
}

/* Does another thread read from the window? With the lock. */
static bool has_other_reader(const struct pn_kinesis_subscription *subscription, int64_t now_ms)
{
    for (size_t i = 0; i < 2; i++) {
        const struct pn_kinesis_window_reader *reader = &subscription->readers[i];
        if (reader->read_ms != 0 && now_ms - reader->read_ms < PN_KINESIS_FANOUT_OTHERS_MS &&
            !pthread_equal(reader->thread, pthread_self())) {
            return true;
        }
    }
    return false;
}

/* What is to be done for a table that asks. */
enum todo {
    TODO_READ,      /* from the window */
    TODO_WAIT,      /* for what is coming */
    TODO_POLL,      /* it is somewhere else than the others */
    TODO_SUBSCRIBE, /* once the consumer is there */
    TODO_END,       /* the shard is read to its end */
    TODO_MISSING    /* the shard is not there, or the consumer */
};

static enum todo choose(struct pn_kinesis_subscription *subscription, const char *text,
                        int64_t now_ms, struct pn_kinesis_spot *spot)
{
    bool is_due = !subscription->is_live && now_ms >= subscription->next_ms;
    bool is_there = pn_kinesis_window_find(&subscription->window, text, spot);
    subscription->asked_ms = now_ms;
    if (subscription->misses) {
        return TODO_MISSING;
    }
    if (!is_there && has_other_reader(subscription, now_ms)) {
        return TODO_POLL;
    }
    if (!is_there && subscription->is_live) {
        pn_kinesis_subscription_cancel(subscription); /* another one begins at this place */
        return TODO_WAIT;
    }
    if (!is_there) {
        return is_due ? TODO_SUBSCRIBE : TODO_WAIT;
    }
    note_reader(subscription, now_ms);
    if (spot->part == NULL && subscription->window.ended) {
        return TODO_END;
    }
    bool has_room = subscription->window.unread_bytes < PN_KINESIS_WINDOW_UNREAD_BYTES;
    return is_due && has_room && !subscription->window.ended ? TODO_SUBSCRIBE : TODO_READ;
}

/* --- a read ----------------------------------------------------------------------------------- */

/* A read of a table, with what it is answered. */
struct fanout_read {
    struct pn_kinesis_fanout *fanout;
    struct pn_kinesis_reading *reading;
    size_t max_records;
    size_t max_bytes;
    struct pn_arena *arena;
    struct pn_processor_source_records *out;
};

/* Fills what the table gets from the window. With the lock. */
static void take(const struct fanout_read *read, struct pn_kinesis_subscription *subscription,
                 struct pn_kinesis_spot spot)
{
    struct pn_processor_source_records *out = read->out;
    const struct pn_kinesis_window *window = &subscription->window;
    bool has_heard = subscription->is_live && subscription->has_heard;
    bool is_after_gap = spot.part != NULL ? spot.index == 0 && spot.part->follows_gap
                                          : has_heard && window->has_gap;
    if (is_after_gap) {
        out->lost = pn_kinesis_reader_lost(read->reading, read->arena);
    }
    int64_t first =
        read->reading->offset + (out->lost != NULL ? PN_KINESIS_READER_LOST_OFFSETS : 0);
    pn_kinesis_window_read(&subscription->window, &spot, read->max_records, read->max_bytes,
                           read->arena, out);
    for (size_t i = 0; i < out->count; i++) {
        out->records[i].offset = first + (int64_t)i;
    }
    out->next_offset = first + (int64_t)out->count;
    out->lost_until = read->reading->offset;
    if (spot.part == NULL && has_heard) {
        int64_t silent_ms = pn_mono_ms(read->fanout->reader->clock) - subscription->heard_ms;
        out->behind_ms = window->behind_ms + (silent_ms > SILENT_MS ? silent_ms : 0);
        out->at_end = window->behind_ms == 0;
    }
    pn_kinesis_subscription_make_room(subscription);
}

/* It was said of a shard that is open: another subscription says it again, or continues. */
static void doubt_end(const struct fanout_read *read)
{
    pthread_mutex_lock(&read->fanout->lock);
    struct pn_kinesis_subscription *subscription = pn_kinesis_subscription_of(
        read->fanout, read->reading->stream->name, read->reading->id, read->reading->shard);
    if (subscription != NULL) {
        subscription->window.ended = false;
    }
    pthread_mutex_unlock(&read->fanout->lock);
}

/* The table has all records of a shard that Kinesis says is at its end, but for those that may be
 * missing after its last one. */
static int take_end(const struct fanout_read *read, bool has_gap, struct pn_err *e)
{
    struct pn_processor_source_records *out = read->out;
    int rc = pn_kinesis_reader_check_end(read->reading, e);
    if (rc == 0) {
        out->lost = has_gap ? pn_kinesis_reader_lost(read->reading, read->arena) : NULL;
        out->place.ended = true;
        out->next_offset =
            read->reading->offset + (out->lost != NULL ? PN_KINESIS_READER_LOST_OFFSETS : 0) + 1;
        out->behind_ms = 0;
        out->at_end = true;
    } else {
        doubt_end(read);
    }
    return rc;
}

/* Begins a subscription at the table's place, or after what the window has. */
static int subscribe(const struct fanout_read *read, struct pn_err *e)
{
    struct pn_kinesis_reading *reading = read->reading;
    struct pn_kinesis_fanout *fanout = read->fanout;
    struct pn_kinesis_spot spot;
    char arn[PN_KINESIS_READER_ARN_SIZE];
    int rc = pn_kinesis_consumer_get(fanout, reading->stream, reading->id, arn, e);
    if (rc != 0 || arn[0] == '\0') {
        return rc;
    }
    const char *text = reading->place->text;
    pthread_mutex_lock(&fanout->lock);
    struct pn_kinesis_subscription *subscription =
        pn_kinesis_subscription_of(fanout, reading->stream->name, reading->id, reading->shard);
    if (subscription != NULL && !subscription->is_live) { /* nobody else has meanwhile */
        if (!pn_kinesis_window_find(&subscription->window, text, &spot)) {
            fanout->bytes -= subscription->window.bytes;
            pn_kinesis_window_begin(&subscription->window, text);
            subscription->continues = false;
        }
        note_reader(subscription, pn_mono_ms(fanout->reader->clock));
        pn_kinesis_subscription_begin(subscription, arn);
    }
    pthread_mutex_unlock(&fanout->lock);
    return 0;
}

/* Kinesis does not have the shard or the consumer. The consumer is registered again, if it is that
 * one, and the shard may be gone. */
static int judge_missing(const struct fanout_read *read, const char *arn, struct pn_err *e)
{
    struct pn_kinesis_reading *reading = read->reading;
    char now[PN_KINESIS_READER_ARN_SIZE];
    pn_kinesis_consumer_doubt(read->fanout, reading->stream->name);
    int rc = pn_kinesis_consumer_get(read->fanout, reading->stream, reading->id, now, e);
    if (rc != 0 || strcmp(arn, now) != 0) {
        return rc;
    }
    return pn_kinesis_reader_judge_missing(reading, read->arena, read->out, e);
}

/* An event of the shard has come, so it is there. With the lock. */
static void note_there(const struct pn_kinesis_reading *reading)
{
    struct pn_kinesis_reader *reader = reading->reader;
    pthread_mutex_lock(&reader->lock);
    if (reading->stream->id == reading->id) {
        pn_kinesis_reader_shard_of(reading->stream, reading->shard)->is_gone = false;
    }
    pthread_mutex_unlock(&reader->lock);
}

/* What is wrong with the subscription, if that is for people to know; else 0. With the lock. */
static int trouble_of(const struct fanout_read *read,
                      const struct pn_kinesis_subscription *subscription, struct pn_err *e)
{
    struct pn_err failure = subscription->failure;
    if (read->out->count > 0 || !pn_kinesis_subscription_is_in_trouble(subscription)) {
        return 0;
    }
    if (failure.code == PN_KINESIS_READER_INVALID_ARGUMENT) {
        pn_kinesis_reader_blame_place(read->reading, &failure);
    } else if (failure.code == PN_KINESIS_READER_IN_USE) {
        pn_err_add(&failure, ": does another program, or a process without --group, use the "
                             "consumer of kinesis.consumer? Give each its own");
    }
    failure.class_ = PN_CLASS_RETRY;
    pn_err_copy(e, &failure);
    return failure.code;
}

int pn_kinesis_fanout_read(struct pn_kinesis_fanout *fanout, struct pn_kinesis_reading *reading,
                           size_t max_records, size_t max_bytes, struct pn_arena *arena,
                           struct pn_processor_source_records *out, bool *is_read, struct pn_err *e)
{
    const struct fanout_read read = {.fanout = fanout,
                                     .reading = reading,
                                     .max_records = max_records,
                                     .max_bytes = max_bytes,
                                     .arena = arena,
                                     .out = out};
    char arn[PN_KINESIS_READER_ARN_SIZE] = "";
    struct pn_kinesis_spot spot = {NULL, 0};
    enum todo todo = TODO_POLL;
    bool has_gap = false;
    int rc = pn_kinesis_reader_check_stream(reading, e);
    *is_read = true;
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&fanout->lock);
    pn_kinesis_subscriptions_sweep(fanout);
    struct pn_kinesis_subscription *subscription =
        pn_kinesis_subscription_of(fanout, reading->stream->name, reading->id, reading->shard);
    if (subscription != NULL) {
        if (subscription->has_heard) {
            note_there(reading);
        }
        has_gap = subscription->window.has_gap;
        todo =
            choose(subscription, reading->place->text, pn_mono_ms(reading->reader->clock), &spot);
        bool is_there = todo == TODO_READ || (todo == TODO_SUBSCRIBE &&
                                              pn_kinesis_window_find(&subscription->window,
                                                                     reading->place->text, &spot));
        if (is_there) {
            take(&read, subscription, spot);
        }
        if (todo == TODO_MISSING) {
            memcpy(arn, subscription->arn, sizeof arn);
            subscription->misses = false;
        } else if (todo != TODO_POLL && todo != TODO_END) {
            rc = trouble_of(&read, subscription, e);
        }
    }
    pthread_mutex_unlock(&fanout->lock);
    if (todo == TODO_SUBSCRIBE) {
        struct pn_err why = {0};
        int failed = subscribe(&read, &why);
        if (rc == 0 && failed != 0 && out->count == 0) {
            rc = failed;
            pn_err_copy(e, &why);
        }
    } else if (todo == TODO_END) {
        rc = take_end(&read, has_gap, e);
    } else if (todo == TODO_MISSING) {
        rc = judge_missing(&read, arn, e);
    }
    *is_read = todo != TODO_POLL;
    return rc;
}

/* --- its life --------------------------------------------------------------------------------- */

int pn_kinesis_fanout_create(struct pn_kinesis_reader *reader, const char *consumer,
                             struct pn_metrics *metrics, struct pn_kinesis_fanout **fanout,
                             struct pn_err *e)
{
    int rc = pn_kinesis_consumer_check(consumer, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_kinesis_fanout *made = pn_xcalloc(1, sizeof *made);
    made->reader = reader;
    made->consumer = pn_xstrdup(consumer);
    made->begun = pn_metrics_get(metrics, PN_METRIC_STREAM_SUBSCRIPTIONS, NULL);
    made->parser = pn_json_parser_create();
    pn_json_parser_limit(made->parser, PN_KINESIS_FANOUT_VALUES_MAX);
    pthread_mutex_init(&made->asking, NULL);
    pthread_mutex_init(&made->lock, NULL);
    *fanout = made;
    return 0;
}

void pn_kinesis_fanout_destroy(struct pn_kinesis_fanout **fanout)
{
    struct pn_kinesis_fanout *gone = *fanout;
    if (gone == NULL) {
        return;
    }
    pn_kinesis_subscriptions_destroy(gone);
    pn_kinesis_consumers_destroy(gone);
    pn_json_parser_destroy(&gone->parser);
    pthread_mutex_destroy(&gone->asking);
    pthread_mutex_destroy(&gone->lock);
    free(gone->consumer);
    free(gone);
    *fanout = NULL;
}
