#include "server/unread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/notifier.h"
#include "report/topics.h"

enum {
    LOOK_MS = 1000, /* between looks while records come */
    QUIET_MS = 5000 /* while none come: for topics that are gone */
};

/* One that holds records. */
struct item {
    bool is_stream;
    char *name;
    int64_t records; /* 0: it is gone, or read by now; the log has named it all the same */
    struct pn_metric *gauge;
};

struct pn_unread {
    const struct pn_pipeline *pipeline;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
    pthread_t thread;
    struct pn_notifier notifier; /* a stop */
    uint64_t seen;               /* its rings at the start */
    struct pn_notifier news;     /* records came, or a stop */
    atomic_bool is_rung;         /* since the last look */
    int listen_id;
    pthread_mutex_t lock;
    struct item *items; /* this and the following by `lock` */
    size_t count;
    size_t capacity;
};

/* --- looking ---------------------------------------------------------------------------------- */

static struct item *find(struct pn_unread *unread, bool is_stream, const char *name)
{
    for (size_t i = 0; i < unread->count; i++) {
        struct item *item = &unread->items[i];
        if (item->is_stream == is_stream && strcmp(item->name, name) == 0) {
            return item;
        }
    }
    return NULL;
}

static struct item *add(struct pn_unread *unread, bool is_stream, const char *name)
{
    pn_grow((void **)&unread->items, &unread->capacity, unread->count + 1, sizeof *unread->items);
    struct item *item = &unread->items[unread->count++];
    *item = (struct item){
        .is_stream = is_stream,
        .name = pn_xstrdup(name),
        .gauge = is_stream ? pn_metrics_get(unread->metrics, PN_METRIC_UNREAD_STREAM_RECORDS, name)
                           : pn_metrics_get(unread->metrics, PN_METRIC_UNREAD_TOPIC_RECORDS, name)};
    pn_logger_warn(unread->logger, "unread",
                   is_stream
                       ? "no table reads the stream %s: its records are kept, and become no rows"
                       : "no table reads the topic %s: its records are kept, and become no rows",
                   name);
    return item;
}

static void note(struct pn_unread *unread, bool is_stream, const char *name, int64_t records)
{
    struct item *item = find(unread, is_stream, name);
    if (item == NULL && records > 0) {
        item = add(unread, is_stream, name);
    }
    if (item != NULL) {
        item->records = records;
    }
}

static void look_at_topics(struct pn_unread *unread, struct pn_arena *arena)
{
    struct pn_topic_row *rows = NULL;
    size_t count = 0;
    struct pn_err ignored = {0}; /* the log says so itself */
    if (pn_topics_list(unread->log, unread->pipeline, arena, &rows, &count, &ignored) != 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].tables == NULL) {
            note(unread, false, rows[i].topic, rows[i].records);
        }
    }
}

static bool is_read(const struct pn_pipeline *pipeline, const char *name)
{
    const struct pn_pipeline_stream *stream = pn_pipeline_stream(pipeline, name);
    if (stream == NULL) {
        stream = pn_pipeline_stream_pattern(pipeline, name);
    }
    return stream != NULL && stream->flow_count > 0;
}

static void look_at_streams(struct pn_unread *unread, struct pn_arena *arena)
{
    const char **names = NULL;
    size_t count = 0;
    pn_kinesis_names(unread->kinesis, arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream *stream = NULL;
        int64_t records = 0;
        int64_t size_bytes = 0;
        if (is_read(unread->pipeline, names[i]) ||
            pn_kinesis_stream(unread->kinesis, names[i], &stream, NULL) != 0) {
            continue;
        }
        if (pn_topic_size(unread->log, stream->topic, (int32_t)stream->shard_count, &records,
                          &size_bytes, NULL) == 0) {
            note(unread, true, names[i], records);
        }
        pn_stream_release(&stream);
    }
}

static void look(struct pn_unread *unread)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pthread_mutex_lock(&unread->lock);
    for (size_t i = 0; i < unread->count; i++) {
        unread->items[i].records = 0;
    }
    look_at_topics(unread, &arena);
    look_at_streams(unread, &arena);
    for (size_t i = 0; i < unread->count; i++) {
        pn_metric_set(unread->items[i].gauge, unread->items[i].records);
    }
    pthread_mutex_unlock(&unread->lock);
    pn_arena_deinit(&arena);
}

/* For each commit of the log, on its thread: one ring between two looks is enough. */
static void on_append(void *arg)
{
    struct pn_unread *unread = arg;
    if (!atomic_exchange(&unread->is_rung, true)) {
        pn_notifier_notify(&unread->news);
    }
}

static void *run(void *arg)
{
    struct pn_unread *unread = arg;
    uint64_t heard = pn_notifier_count(&unread->news);
    while (pn_notifier_wait(&unread->notifier, unread->seen, LOOK_MS) == unread->seen) {
        atomic_store(&unread->is_rung, false);
        look(unread);
        heard = pn_notifier_wait(&unread->news, heard, QUIET_MS);
    }
    return NULL;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void report(void *arg, struct pn_arena *arena, struct pn_buf *out)
{
    struct pn_unread *unread = arg;
    (void)arena;
    pthread_mutex_lock(&unread->lock);
    for (size_t i = 0; i < unread->count; i++) {
        const struct item *item = &unread->items[i];
        if (item->records > 0) {
            pn_buf_adds(out, out->len > 0 ? ",{" : "{");
            pn_json_write_key(out, item->is_stream ? "stream" : "topic");
            pn_json_write_cstr(out, item->name);
            pn_buf_addf(out, ",\"records\":%lld}", (long long)item->records);
        }
    }
    pthread_mutex_unlock(&unread->lock);
}

void pn_unread_add_health(struct pn_unread *unread, struct pn_http_server *http)
{
    const struct pn_http_health health = {
        .name = "unread", .report = report, .arg = unread, .is_note = true};
    pn_http_server_add_health(http, &health);
}

/* --- start and stop --------------------------------------------------------------------------- */

static void destroy(struct pn_unread *unread)
{
    for (size_t i = 0; i < unread->count; i++) {
        free(unread->items[i].name);
    }
    free(unread->items);
    pn_notifier_deinit(&unread->news);
    pn_notifier_deinit(&unread->notifier);
    pthread_mutex_destroy(&unread->lock);
    free(unread);
}

int pn_unread_start(const struct pn_pipeline *pipeline, struct pn_log *log,
                    struct pn_kinesis *kinesis, struct pn_logger *logger,
                    struct pn_metrics *metrics, struct pn_unread **unread, struct pn_err *e)
{
    struct pn_unread *started = pn_xcalloc(1, sizeof *started);
    *started = (struct pn_unread){
        .pipeline = pipeline, .log = log, .kinesis = kinesis, .logger = logger, .metrics = metrics};
    pthread_mutex_init(&started->lock, NULL);
    pn_notifier_init(&started->notifier);
    pn_notifier_init(&started->news);
    started->seen = pn_notifier_count(&started->notifier);
    look(started);
    int rc = pn_log_listen(log, on_append, started, &started->listen_id, e);
    if (rc != 0) {
        destroy(started);
        return rc;
    }
    rc = pthread_create(&started->thread, NULL, run, started);
    if (rc != 0) {
        pn_log_unlisten(log, started->listen_id);
        destroy(started);
        return pn_err_errno(e, rc, "cannot start the thread that looks for unread topics");
    }
    *unread = started;
    return 0;
}

void pn_unread_stop(struct pn_unread **unread)
{
    struct pn_unread *gone = *unread;
    if (gone == NULL) {
        return;
    }
    *unread = NULL;
    pn_log_unlisten(gone->log, gone->listen_id);
    pn_notifier_notify(&gone->notifier);
    pn_notifier_notify(&gone->news);
    pthread_join(gone->thread, NULL);
    destroy(gone);
}
