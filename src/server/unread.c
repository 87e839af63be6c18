#include "server/unread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
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
    int64_t records; /* 0: it is gone, or read by now; the log has named it nevertheless */
    /* One of the records. */
    int64_t partition; /* of a stream: the shard's number */
    int64_t offset;
    char sequence[PN_SEQUENCE_SIZE]; /* of a stream; "" when the record could not be read */
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
    struct item *items; /* this and the following: changed by the thread alone, by `lock` */
    size_t count;
    size_t capacity;
};

/* --- looking ---------------------------------------------------------------------------------- */

static struct item *find(const struct pn_unread *unread, bool is_stream, const char *name)
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
    pn_logger_warn(
        unread->logger, "unread",
        is_stream ? "no table reads the stream %s: its records are stored, but do not become rows"
                  : "no table reads the topic %s: its records are stored, but do not become rows",
        name);
    return item;
}

/* What a look has found of one of them. */
struct found {
    bool is_stream;
    const char *name;
    struct pn_topic_row size;
    char sequence[PN_SEQUENCE_SIZE];
};

struct look {
    struct found *found;
    size_t count;
    struct pn_arena arena;
};

static void look_at_topics(const struct pn_unread *unread, struct look *look)
{
    struct pn_topic_row *rows = NULL;
    size_t count = 0;
    struct pn_err ignored = {0}; /* the log says so itself */
    if (pn_topics_list(unread->log, unread->pipeline, &look->arena, &rows, &count, &ignored) != 0) {
        return;
    }
    struct found *found = pn_arena_calloc(&look->arena, look->count + count + 1, sizeof *found);
    memcpy(found, look->found, look->count * sizeof *found);
    look->found = found;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].tables == NULL) {
            found[look->count++] = (struct found){.name = rows[i].topic, .size = rows[i]};
        }
    }
}

/* The sequence number of a stream's first record, whose arrival is a part of it. A look that finds
 * the record of the look before does not read it again. */
static void find_sequence(struct pn_unread *unread, const struct pn_stream *stream,
                          struct found *found, struct pn_arena *arena)
{
    const struct item *before = find(unread, true, found->name);
    struct pn_log_records read = {0};
    if (before != NULL && before->partition == found->size.first_partition &&
        before->offset == found->size.first_offset) {
        memcpy(found->sequence, before->sequence, sizeof found->sequence);
    }
    for (size_t i = 0; found->sequence[0] == '\0' && i < stream->shard_count; i++) {
        const struct pn_shard *shard = &stream->shards[i];
        if (shard->index == found->size.first_partition &&
            pn_log_read(unread->log, stream->topic, (int32_t)shard->index, found->size.first_offset,
                        1, 1, arena, &read, NULL) == 0 &&
            read.count > 0) {
            (void)pn_sequence_text(shard->created_ms, shard->index, read.records[0].offset,
                                   read.records[0].timestamp_ms, found->sequence);
            found->size.first_offset = read.records[0].offset;
        }
    }
}

static void look_at_streams(struct pn_unread *unread, struct look *look)
{
    const char **names = NULL;
    size_t count = 0;
    pn_kinesis_names(unread->kinesis, &look->arena, &names, &count);
    look->found = pn_arena_calloc(&look->arena, count + 1, sizeof *look->found);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream *stream = NULL;
        if (pn_pipeline_reads_stream(unread->pipeline, names[i]) ||
            pn_kinesis_stream(unread->kinesis, names[i], &stream, NULL) != 0) {
            continue;
        }
        struct found *found = &look->found[look->count];
        *found = (struct found){.is_stream = true, .name = names[i]};
        if (pn_topic_size(unread->log, stream->topic, (int32_t)stream->shard_count, &found->size,
                          NULL) == 0) {
            find_sequence(unread, stream, found, &look->arena);
            look->count++;
        }
        pn_stream_release(&stream);
    }
}

static void note(struct pn_unread *unread, const struct found *found)
{
    struct item *item = find(unread, found->is_stream, found->name);
    if (item == NULL && found->size.records > 0) {
        item = add(unread, found->is_stream, found->name);
    }
    if (item != NULL) {
        item->records = found->size.records;
        item->partition = found->size.first_partition;
        item->offset = found->size.first_offset;
        memcpy(item->sequence, found->sequence, sizeof item->sequence);
    }
}

/* The disk is read without the lock: /health must not wait for it. */
static void look(struct pn_unread *unread)
{
    struct look look = {0};
    pn_arena_init(&look.arena, 0);
    look_at_streams(unread, &look);
    look_at_topics(unread, &look);
    pthread_mutex_lock(&unread->lock);
    for (size_t i = 0; i < unread->count; i++) {
        unread->items[i].records = 0;
    }
    for (size_t i = 0; i < look.count; i++) {
        note(unread, &look.found[i]);
    }
    for (size_t i = 0; i < unread->count; i++) {
        pn_metric_set(unread->items[i].gauge, unread->items[i].records);
    }
    pthread_mutex_unlock(&unread->lock);
    pn_arena_deinit(&look.arena);
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

static void put_item(struct pn_json_writer *json, const struct item *item)
{
    char shard[PN_SHARD_ID_SIZE];
    pn_json_put_object(json);
    pn_json_add_cstr(json, item->is_stream ? "stream" : "topic", item->name);
    pn_json_add_i64(json, "records", item->records);
    pn_json_add_object(json, "example");
    if (item->is_stream) {
        pn_json_add_cstr(json, "shard", pn_shard_id((uint32_t)item->partition, shard));
        pn_json_add_cstr(json, "sequence_number",
                         item->sequence[0] != '\0' ? item->sequence : NULL);
    } else {
        pn_json_add_i64(json, "partition", item->partition);
        pn_json_add_i64(json, "offset", item->offset);
    }
    pn_json_end(json);
    pn_json_end(json);
}

static void report(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    struct pn_unread *unread = arg;
    (void)arena;
    pthread_mutex_lock(&unread->lock);
    for (size_t i = 0; i < unread->count; i++) {
        if (unread->items[i].records > 0) {
            put_item(json, &unread->items[i]);
        }
    }
    pthread_mutex_unlock(&unread->lock);
}

void pn_unread_add_health(struct pn_unread *unread, struct pn_api *api)
{
    const struct pn_api_health health = {
        .name = "unread", .report = report, .arg = unread, .is_note = true};
    pn_api_add_health(api, &health);
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
        return pn_err_errno(e, rc, "cannot start the thread that finds unread topics");
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
