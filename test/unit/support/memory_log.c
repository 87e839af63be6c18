#include "support/memory_log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { TOPICS_MAX = 64, PARTITIONS_MAX = 16 };

struct kept {
    struct pn_record record; /* owns its bytes */
};

struct partition {
    struct kept *records;
    size_t count;
    size_t capacity;
};

struct topic {
    char name[PN_TOPIC_NAME_MAX + 1];
    uint64_t id;
    int32_t partitions;
    struct partition parts[PARTITIONS_MAX];
};

struct listener {
    void (*fn)(void *arg);
    void *arg;
};

struct pn_memory_log {
    struct pn_log log; /* first */
    pthread_mutex_t lock;
    pthread_cond_t change;
    pthread_t committer;
    int32_t partitions;
    struct topic *topics[TOPICS_MAX];
    size_t topic_count;
    uint64_t next_id;
    struct pn_log_request *queue;
    struct pn_log_request **queue_tail;
    bool held;
    bool unsure;
    bool ending;
    struct pn_err refusal;
    struct pn_err failure;
    struct listener listener;
    bool listening;
    bool telling;
};

static struct pn_memory_log *of(struct pn_log *log)
{
    return (struct pn_memory_log *)log;
}

static struct topic *find(struct pn_memory_log *m, const char *name)
{
    for (size_t i = 0; i < m->topic_count; i++) {
        if (strcmp(m->topics[i]->name, name) == 0) {
            return m->topics[i];
        }
    }
    return NULL;
}

static struct topic *make(struct pn_memory_log *m, const char *name, int32_t partitions)
{
    PN_ASSERT(m->topic_count < TOPICS_MAX && partitions <= PARTITIONS_MAX);
    struct topic *topic = pn_xcalloc(1, sizeof *topic);
    (void)snprintf(topic->name, sizeof topic->name, "%s", name);
    topic->id = ++m->next_id;
    topic->partitions = partitions;
    size_t at = m->topic_count++;
    while (at > 0 && strcmp(m->topics[at - 1]->name, name) > 0) {
        m->topics[at] = m->topics[at - 1];
        at--;
    }
    m->topics[at] = topic;
    return topic;
}

static struct pn_bytes copy(struct pn_bytes bytes)
{
    if (bytes.data != NULL) {
        char *owned = pn_xmalloc(bytes.len + 1);
        memcpy(owned, bytes.data, bytes.len);
        bytes.data = owned;
    }
    return bytes;
}

static void keep(struct pn_memory_log *m, struct topic *topic, struct pn_log_entry *entry)
{
    struct partition *part = &topic->parts[entry->partition];
    void *records = part->records;
    pn_grow(&records, &part->capacity, part->count + 1, sizeof *part->records);
    part->records = records;
    struct pn_record *record = &part->records[part->count].record;
    *record = entry->record;
    record->key = copy(entry->record.key);
    record->value = copy(entry->record.value);
    struct pn_record_header *headers = pn_xcalloc(record->header_count + 1, sizeof *headers);
    for (size_t i = 0; i < record->header_count; i++) {
        headers[i].name = copy(entry->record.headers[i].name);
        headers[i].value = copy(entry->record.headers[i].value);
    }
    record->headers = headers;
    record->offset = (int64_t)part->count;
    record->timestamp_ms = record->timestamp_ms < 0 ? 0 : record->timestamp_ms;
    entry->offset = record->offset;
    part->count++;
    (void)m;
}

static void commit(struct pn_memory_log *m, struct pn_log_request *request)
{
    struct topic *topic = find(m, request->topic);
    request->rc = m->failure.class_ != PN_CLASS_NONE ? PN_FAIL : 0;
    request->err = m->failure;
    for (size_t i = 0; i < request->count; i++) {
        struct pn_log_entry *entry = &request->entries[i];
        entry->rc = request->rc;
        entry->class_ = m->failure.class_;
        if (entry->partition == PN_PARTITION_ANY) {
            entry->partition = 0;
        }
        if (entry->rc == 0) {
            keep(m, topic, entry);
        }
    }
}

static void *run(void *arg)
{
    struct pn_memory_log *m = arg;
    pthread_mutex_lock(&m->lock);
    for (;;) {
        while ((m->queue == NULL || m->held) && !(m->ending && m->queue == NULL)) {
            pthread_cond_wait(&m->change, &m->lock);
        }
        struct pn_log_request *request = m->queue;
        if (request == NULL) {
            break;
        }
        m->queue = request->own[0];
        if (m->queue == NULL) {
            m->queue_tail = &m->queue;
        }
        commit(m, request);
        struct listener listener = m->listener;
        m->telling = m->listening;
        bool tell = m->telling;
        pthread_mutex_unlock(&m->lock);
        request->done(request);
        if (tell) {
            listener.fn(listener.arg);
        }
        pthread_mutex_lock(&m->lock);
        m->telling = false;
        pthread_cond_broadcast(&m->change);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void topic_free(struct topic *topic)
{
    for (int32_t p = 0; p < topic->partitions; p++) {
        for (size_t i = 0; i < topic->parts[p].count; i++) {
            struct pn_record *record = &topic->parts[p].records[i].record;
            free((void *)record->key.data);
            free((void *)record->value.data);
            for (size_t h = 0; h < record->header_count; h++) {
                free((void *)record->headers[h].name.data);
                free((void *)record->headers[h].value.data);
            }
            free((void *)record->headers);
        }
        free(topic->parts[p].records);
    }
    free(topic);
}

static void op_destroy(struct pn_log *log)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    m->held = false;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
    (void)pthread_join(m->committer, NULL);
    for (size_t i = 0; i < m->topic_count; i++) {
        topic_free(m->topics[i]);
    }
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->change);
    free(m);
}

static int check(struct topic *topic, struct pn_log_request *request, struct pn_err *e)
{
    for (size_t i = 0; i < request->count; i++) {
        struct pn_log_entry *entry = &request->entries[i];
        entry->rc = 0;
        if (entry->partition >= topic->partitions) {
            entry->rc = PN_FAIL;
            entry->class_ = PN_CLASS_INPUT;
            return pn_err_input(e, "no such partition");
        }
    }
    return 0;
}

static int op_submit(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    int rc = 0;
    pthread_mutex_lock(&m->lock);
    struct topic *topic = find(m, request->topic);
    if (m->refusal.class_ != PN_CLASS_NONE) {
        pn_err_copy(e, &m->refusal);
        rc = PN_FAIL;
    } else if (topic == NULL && m->partitions == 0) {
        rc = pn_err_missing(e, "no topic %s", request->topic);
    } else {
        if (topic == NULL) {
            topic = make(m, request->topic, m->partitions);
        }
        rc = check(topic, request, e);
    }
    if (rc == 0) {
        request->own[0] = NULL;
        *m->queue_tail = request;
        m->queue_tail = (struct pn_log_request **)&request->own[0];
        pthread_cond_broadcast(&m->change);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int op_create(struct pn_log *log, const char *name, const struct pn_log_topic_config *config,
                     struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    int rc = 0;
    if (find(m, name) != NULL) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "there is a topic %s", name);
    } else {
        (void)make(m, name, config != NULL ? config->partitions : 1);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int op_delete(struct pn_log *log, const char *name, struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    int rc = pn_err_missing(e, "no topic %s", name);
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->topic_count; i++) {
        if (strcmp(m->topics[i]->name, name) == 0) {
            topic_free(m->topics[i]);
            m->topic_count--;
            memmove(&m->topics[i], &m->topics[i + 1],
                    (m->topic_count - i) * sizeof(struct topic *));
            rc = 0;
        }
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int op_configure(struct pn_log *log, const char *name,
                        const struct pn_log_topic_config *config, struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    struct topic *topic = find(m, name);
    int rc = topic != NULL ? 0 : pn_err_missing(e, "no topic %s", name);
    if (rc == 0 && config->partitions > PARTITIONS_MAX) {
        rc = pn_err_input(e, "a topic has at most %d partitions", PARTITIONS_MAX);
    }
    if (rc == 0 && config->partitions > topic->partitions) {
        topic->partitions = config->partitions;
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static void info_of(const struct topic *topic, struct pn_log_topic_info *info)
{
    memset(info, 0, sizeof *info);
    memcpy(info->name, topic->name, sizeof info->name);
    info->partitions = topic->partitions;
    info->id = topic->id;
    info->settings = (struct pn_log_topic_settings){.retention_ms = -1,
                                                    .retention_bytes = -1,
                                                    .record_bytes_max = PN_RECORD_BYTES_MAX,
                                                    .segment_bytes = INT64_C(1) << 30,
                                                    .compression = "none"};
}

static int op_topics(struct pn_log *log, struct pn_arena *arena, struct pn_log_topic_info **topics,
                     size_t *count, struct pn_err *e)
{
    (void)e;
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    *topics = pn_arena_calloc(arena, m->topic_count + 1, sizeof **topics);
    *count = m->topic_count;
    for (size_t i = 0; i < m->topic_count; i++) {
        info_of(m->topics[i], &(*topics)[i]);
    }
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static int op_topic(struct pn_log *log, const char *name, struct pn_log_topic_info *info,
                    struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    struct topic *topic = find(m, name);
    if (topic != NULL) {
        info_of(topic, info);
    }
    pthread_mutex_unlock(&m->lock);
    return topic != NULL ? 0 : pn_err_missing(e, "no topic %s", name);
}

static struct partition *part_of(struct pn_memory_log *m, const char *name, int32_t partition)
{
    struct topic *topic = find(m, name);
    return topic != NULL && partition < topic->partitions ? &topic->parts[partition] : NULL;
}

static int op_offsets(struct pn_log *log, const char *name, int32_t partition,
                      struct pn_log_offsets *offsets, struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    const struct partition *part = part_of(m, name, partition);
    if (part != NULL) {
        *offsets = (struct pn_log_offsets){
            .begin = 0, .end = m->unsure ? 0 : (int64_t)part->count, .unsure = m->unsure};
    }
    pthread_mutex_unlock(&m->lock);
    return part != NULL ? 0 : pn_err_missing(e, "no partition %s-%d", name, partition);
}

static int op_offset_at(struct pn_log *log, const char *name, int32_t partition,
                        int64_t timestamp_ms, int64_t *offset, struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    const struct partition *part = part_of(m, name, partition);
    size_t at = 0;
    while (part != NULL && at < part->count &&
           part->records[at].record.timestamp_ms < timestamp_ms) {
        at++;
    }
    *offset = (int64_t)at;
    pthread_mutex_unlock(&m->lock);
    return part != NULL ? 0 : pn_err_missing(e, "no partition %s-%d", name, partition);
}

static int op_read(struct pn_log *log, const char *name, int32_t partition, int64_t offset,
                   size_t max_records, size_t max_bytes, struct pn_arena *arena,
                   struct pn_log_records *records, struct pn_err *e)
{
    struct pn_memory_log *m = of(log);
    int rc = 0;
    memset(records, 0, sizeof *records);
    pthread_mutex_lock(&m->lock);
    const struct partition *part = part_of(m, name, partition);
    if (part == NULL) {
        rc = pn_err_missing(e, "no partition %s-%d", name, partition);
    } else if (offset > (int64_t)part->count) {
        rc = pn_err_input(e, "offset %lld is beyond the end", (long long)offset);
    } else {
        size_t left = part->count - (size_t)offset;
        records->records = pn_arena_calloc(arena, left + 1, sizeof *records->records);
        size_t bytes = 0;
        while (records->count < left && records->count < max_records) {
            const struct pn_record *record = &part->records[(size_t)offset + records->count].record;
            bytes += record->key.len + record->value.len;
            if (records->count > 0 && bytes > max_bytes) {
                break;
            }
            records->records[records->count++] = *record;
        }
        records->next_offset = offset + (int64_t)records->count;
        records->end_offset = (int64_t)part->count;
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int op_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id,
                     struct pn_err *e)
{
    (void)e;
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    m->listener = (struct listener){.fn = fn, .arg = arg};
    m->listening = true;
    *id = 1;
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static void op_unlisten(struct pn_log *log, int id)
{
    (void)id;
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    m->listening = false;
    while (m->telling) {
        pthread_cond_wait(&m->change, &m->lock);
    }
    pthread_mutex_unlock(&m->lock);
}

static const struct pn_log_ops ops = {.name = "memory",
                                      .destroy = op_destroy,
                                      .submit = op_submit,
                                      .create_topic = op_create,
                                      .delete_topic = op_delete,
                                      .configure_topic = op_configure,
                                      .topics = op_topics,
                                      .topic = op_topic,
                                      .offsets = op_offsets,
                                      .offset_at = op_offset_at,
                                      .read = op_read,
                                      .listen = op_listen,
                                      .unlisten = op_unlisten};

struct pn_log *pn_memory_log_create(int32_t partitions)
{
    struct pn_memory_log *m = pn_xcalloc(1, sizeof *m);
    m->log.ops = &ops;
    m->partitions = partitions;
    m->queue_tail = &m->queue;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->change, NULL);
    int rc = pthread_create(&m->committer, NULL, run, m);
    PN_ASSERT(rc == 0);
    return &m->log;
}

void pn_memory_log_hold(struct pn_log *log, bool hold)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    m->held = hold;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
}

static void set(struct pn_memory_log *m, struct pn_err *target, enum pn_class class_,
                const char *msg)
{
    pthread_mutex_lock(&m->lock);
    (void)pn_err_set(target, class_, PN_FAIL, "%s", msg);
    pthread_mutex_unlock(&m->lock);
}

void pn_memory_log_refuse(struct pn_log *log, enum pn_class class_, const char *msg)
{
    set(of(log), &of(log)->refusal, class_, msg);
}

void pn_memory_log_fail(struct pn_log *log, enum pn_class class_, const char *msg)
{
    set(of(log), &of(log)->failure, class_, msg);
}

void pn_memory_log_set_unsure(struct pn_log *log, bool unsure)
{
    struct pn_memory_log *m = of(log);
    pthread_mutex_lock(&m->lock);
    m->unsure = unsure;
    pthread_mutex_unlock(&m->lock);
}

void pn_memory_log_put(struct pn_log *log, const char *topic, int32_t partition, const char *value)
{
    struct pn_log_entry entry = {.partition = partition};
    struct pn_log_request request = {.topic = topic, .entries = &entry, .count = 1};
    entry.record.value = (struct pn_bytes){.data = value, .len = strlen(value)};
    entry.record.timestamp_ms = -1;
    int rc = pn_log_append(log, &request, NULL);
    PN_ASSERT(rc == 0);
}
