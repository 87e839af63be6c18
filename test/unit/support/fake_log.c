#include "support/fake_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct fake_record {
    char *key;
    size_t key_len;
    char *value;
    size_t value_len;
    int64_t timestamp_ms;
};

struct fake_partition {
    struct fake_record *records; /* of offset 0 on */
    size_t capacity;
    int64_t begin;
    int64_t end;
    bool unsure;
    const char *passing;
    uint64_t doubts;
    int64_t damage_first;
    int64_t damage_end;
};

struct fake_topic {
    struct pn_log_topic_info info;
    struct fake_partition *partitions;
    int failing_reads;
    bool refuses_reads;
    bool is_hidden;
    struct fake_topic *next; /* by name */
};

struct fake_log {
    struct pn_log log;
    struct pn_log_ops ops;
    pthread_mutex_t lock;
    struct fake_topic *topics;
    uint64_t last_id;
    int64_t reads;
    void (*listener)(void *arg);
    void *listener_arg;
};

static struct fake_topic *find_topic(struct fake_log *fake, const char *name)
{
    struct fake_topic *topic = fake->topics;
    while (topic != NULL && strcmp(topic->info.name, name) != 0) {
        topic = topic->next;
    }
    return topic;
}

static struct fake_partition *find_partition(struct fake_log *fake, const char *name,
                                             int32_t partition)
{
    struct fake_topic *topic = find_topic(fake, name);
    return topic != NULL && partition >= 0 && partition < topic->info.partitions
               ? &topic->partitions[partition]
               : NULL;
}

static struct fake_partition *must_find(struct fake_log *fake, const char *name, int32_t partition)
{
    struct fake_partition *found = find_partition(fake, name, partition);
    PN_ASSERT(found != NULL);
    return found;
}

static void free_topic(struct fake_topic *topic)
{
    for (int32_t p = 0; p < topic->info.partitions; p++) {
        for (size_t i = 0; i < topic->partitions[p].capacity; i++) {
            free(topic->partitions[p].records[i].key);
            free(topic->partitions[p].records[i].value);
        }
        free(topic->partitions[p].records);
    }
    free(topic->partitions);
    free(topic);
}

static char *copy(const void *bytes, size_t len)
{
    if (bytes == NULL) {
        return NULL;
    }
    char *copied = pn_xmalloc(len + 1);
    memcpy(copied, bytes, len);
    return copied;
}

static struct pn_bytes copy_into(struct pn_arena *arena, const char *bytes, size_t len)
{
    if (bytes == NULL) {
        return (struct pn_bytes){0};
    }
    return (struct pn_bytes){.data = pn_arena_strndup(arena, bytes, len), .len = len};
}

static struct fake_log *fake_of(struct pn_log *log)
{
    return (struct fake_log *)log;
}

/* --- the port ------------------------------------------------------------------------------ */

static int fake_delete_topic(struct pn_log *log, const char *topic, struct pn_err *e)
{
    struct fake_log *fake = fake_of(log);
    pthread_mutex_lock(&fake->lock);
    struct fake_topic **link = &fake->topics;
    while (*link != NULL && strcmp((*link)->info.name, topic) != 0) {
        link = &(*link)->next;
    }
    struct fake_topic *found = *link;
    if (found != NULL) {
        *link = found->next;
        free_topic(found);
    }
    pthread_mutex_unlock(&fake->lock);
    return found != NULL ? 0 : pn_err_missing(e, "no topic %s", topic);
}

static int fake_topics(struct pn_log *log, struct pn_arena *arena,
                       struct pn_log_topic_info **topics, size_t *count, struct pn_err *e)
{
    (void)e;
    struct fake_log *fake = fake_of(log);
    pthread_mutex_lock(&fake->lock);
    *count = 0;
    for (struct fake_topic *topic = fake->topics; topic != NULL; topic = topic->next) {
        (*count)++;
    }
    *topics = pn_arena_calloc(arena, *count + 1, sizeof **topics);
    size_t at = 0;
    for (struct fake_topic *topic = fake->topics; topic != NULL; topic = topic->next) {
        if (!topic->is_hidden) {
            (*topics)[at++] = topic->info;
        }
    }
    *count = at;
    pthread_mutex_unlock(&fake->lock);
    return 0;
}

static int fake_refresh(struct pn_log *log, const char *name, struct pn_err *e)
{
    struct fake_log *fake = fake_of(log);
    pthread_mutex_lock(&fake->lock);
    const struct fake_topic *topic = find_topic(fake, name);
    bool is_hidden = topic != NULL && topic->is_hidden;
    pthread_mutex_unlock(&fake->lock);
    if (is_hidden) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "topic %s does not answer", name);
    }
    return topic != NULL ? 0 : pn_err_missing(e, "no topic %s", name);
}

static int fake_offsets(struct pn_log *log, const char *topic, int32_t partition,
                        struct pn_log_offsets *offsets, struct pn_err *e)
{
    struct fake_log *fake = fake_of(log);
    pthread_mutex_lock(&fake->lock);
    struct fake_partition *part = find_partition(fake, topic, partition);
    if (part != NULL) {
        *offsets = (struct pn_log_offsets){.begin = part->begin,
                                           .end = part->end,
                                           .unsure = part->unsure,
                                           .doubts = part->doubts,
                                           .passing = part->passing};
    }
    pthread_mutex_unlock(&fake->lock);
    return part != NULL ? 0 : pn_err_missing(e, "no partition %s/%d", topic, partition);
}

static void read_records(const struct fake_partition *part, int64_t offset, size_t max_records,
                         size_t max_bytes, struct pn_arena *arena, struct pn_log_records *records)
{
    int64_t last = part->end;
    if (part->damage_first > offset && part->damage_first < last) {
        last = part->damage_first;
    }
    size_t bytes = 0;
    records->records = pn_arena_calloc(arena, max_records + 1, sizeof *records->records);
    while (offset < last && records->count < max_records) {
        const struct fake_record *from = &part->records[offset];
        bytes += from->key_len + from->value_len;
        if (records->count > 0 && bytes > max_bytes) {
            break;
        }
        struct pn_record *to = &records->records[records->count++];
        to->key = copy_into(arena, from->key, from->key_len);
        to->value = copy_into(arena, from->value, from->value_len);
        to->timestamp_ms = from->timestamp_ms;
        to->offset = offset++;
    }
    records->next_offset = offset;
}

static int fake_read(struct pn_log *log, const char *topic, int32_t partition, int64_t offset,
                     size_t max_records, size_t max_bytes, struct pn_arena *arena,
                     struct pn_log_records *records, struct pn_err *e)
{
    struct fake_log *fake = fake_of(log);
    *records = (struct pn_log_records){0};
    pthread_mutex_lock(&fake->lock);
    fake->reads++;
    struct fake_topic *found = find_topic(fake, topic);
    struct fake_partition *part = find_partition(fake, topic, partition);
    int rc = 0;
    if (part == NULL) {
        rc = pn_err_missing(e, "no partition %s/%d", topic, partition);
    } else if (found->failing_reads > 0) {
        found->failing_reads--;
        rc = pn_err_errno(e, EIO, "cannot read %s/%d", topic, partition);
    } else if (found->refuses_reads) {
        rc = pn_err_input(e, "%s/%d: invalid request", topic, partition);
    } else if (offset > part->end) {
        rc = pn_err_input(e, "offset %lld is behind the end", (long long)offset);
    } else if (offset >= part->damage_first && offset < part->damage_end) {
        records->next_offset = part->damage_end;
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "damaged batch, go on at %lld",
                        (long long)part->damage_end);
    } else {
        offset = offset < part->begin ? part->begin : offset;
        records->end_offset = part->end;
        records->lost_until = offset;
        read_records(part, offset, max_records, max_bytes, arena, records);
    }
    pthread_mutex_unlock(&fake->lock);
    return rc;
}

static int fake_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id,
                       struct pn_err *e)
{
    (void)e;
    struct fake_log *fake = fake_of(log);
    pthread_mutex_lock(&fake->lock);
    PN_ASSERT(fake->listener == NULL);
    fake->listener = fn;
    fake->listener_arg = arg;
    *id = 1;
    pthread_mutex_unlock(&fake->lock);
    return 0;
}

static void fake_unlisten(struct pn_log *log, int id)
{
    struct fake_log *fake = fake_of(log);
    PN_ASSERT(id == 1);
    pthread_mutex_lock(&fake->lock);
    fake->listener = NULL;
    pthread_mutex_unlock(&fake->lock);
}

/* Only what readers call; a test that makes a reader write would crash here. */
static const struct pn_log_ops fake_ops = {.name = "fake",
                                           .delete_topic = fake_delete_topic,
                                           .topics = fake_topics,
                                           .offsets = fake_offsets,
                                           .refresh = fake_refresh,
                                           .read = fake_read,
                                           .listen = fake_listen,
                                           .unlisten = fake_unlisten};

static int fake_raise_topic_id(struct pn_log *log, const char *name, uint64_t id, struct pn_err *e)
{
    struct fake_log *fake = fake_of(log);
    pthread_mutex_lock(&fake->lock);
    struct fake_topic *topic = find_topic(fake, name);
    if (topic != NULL && topic->info.id < id) {
        topic->info.id = id;
    }
    pthread_mutex_unlock(&fake->lock);
    return topic != NULL ? 0 : pn_err_missing(e, "no topic %s", name);
}

/* --- what tests do to it ------------------------------------------------------------------- */

struct fake_log *fake_log_create(void)
{
    struct fake_log *fake = pn_xcalloc(1, sizeof *fake);
    fake->ops = fake_ops;
    fake->log.ops = &fake->ops;
    pthread_mutex_init(&fake->lock, NULL);
    return fake;
}

void fake_log_count_ids(struct fake_log *fake)
{
    fake->ops.raise_topic_id = fake_raise_topic_id;
}

void fake_log_uncount_ids(struct fake_log *fake)
{
    fake->ops.raise_topic_id = NULL;
}

void fake_log_destroy(struct fake_log **fake)
{
    while ((*fake)->topics != NULL) {
        struct fake_topic *topic = (*fake)->topics;
        (*fake)->topics = topic->next;
        free_topic(topic);
    }
    pthread_mutex_destroy(&(*fake)->lock);
    free(*fake);
    *fake = NULL;
}

struct pn_log *fake_log_port(struct fake_log *fake)
{
    return &fake->log;
}

void fake_log_add_topic(struct fake_log *fake, const char *topic, int32_t partitions)
{
    struct fake_topic *added = pn_xcalloc(1, sizeof *added);
    PN_ASSERT(strlen(topic) <= PN_TOPIC_NAME_MAX);
    memcpy(added->info.name, topic, strlen(topic));
    added->info.partitions = partitions;
    added->partitions = pn_xcalloc((size_t)partitions, sizeof *added->partitions);
    pthread_mutex_lock(&fake->lock);
    PN_ASSERT(find_topic(fake, topic) == NULL);
    added->info.id = ++fake->last_id;
    struct fake_topic **link = &fake->topics;
    while (*link != NULL && strcmp((*link)->info.name, topic) < 0) {
        link = &(*link)->next;
    }
    added->next = *link;
    *link = added;
    pthread_mutex_unlock(&fake->lock);
}

int64_t fake_log_append_bytes(struct fake_log *fake, const char *topic, int32_t partition,
                              struct pn_bytes key, struct pn_bytes value, int64_t timestamp_ms)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_partition *part = must_find(fake, topic, partition);
    size_t old_capacity = part->capacity;
    pn_grow((void **)&part->records, &part->capacity, (size_t)part->end + 1, sizeof *part->records);
    memset(part->records + old_capacity, 0,
           (part->capacity - old_capacity) * sizeof *part->records);
    struct fake_record *record = &part->records[part->end];
    free(record->key);
    free(record->value);
    *record = (struct fake_record){.key = copy(key.data, key.len),
                                   .key_len = key.len,
                                   .value = copy(value.data, value.len),
                                   .value_len = value.len,
                                   .timestamp_ms = timestamp_ms};
    int64_t offset = part->end++;
    if (fake->listener != NULL) {
        fake->listener(fake->listener_arg);
    }
    pthread_mutex_unlock(&fake->lock);
    return offset;
}

int64_t fake_log_append(struct fake_log *fake, const char *topic, int32_t partition,
                        const char *value)
{
    struct pn_bytes bytes = {.data = value, .len = value != NULL ? strlen(value) : 0};
    return fake_log_append_bytes(fake, topic, partition, (struct pn_bytes){0}, bytes, 0);
}

void fake_log_set_begin(struct fake_log *fake, const char *topic, int32_t partition, int64_t begin)
{
    pthread_mutex_lock(&fake->lock);
    must_find(fake, topic, partition)->begin = begin;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_set_end(struct fake_log *fake, const char *topic, int32_t partition, int64_t end)
{
    pthread_mutex_lock(&fake->lock);
    must_find(fake, topic, partition)->end = end;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_hide(struct fake_log *fake, const char *topic, bool is_hidden)
{
    pthread_mutex_lock(&fake->lock);
    find_topic(fake, topic)->is_hidden = is_hidden;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_set_id(struct fake_log *fake, const char *topic, uint64_t id)
{
    pthread_mutex_lock(&fake->lock);
    find_topic(fake, topic)->info.id = id;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_set_passing(struct fake_log *fake, const char *topic, int32_t partition,
                          const char *why)
{
    pthread_mutex_lock(&fake->lock);
    must_find(fake, topic, partition)->unsure = why != NULL;
    must_find(fake, topic, partition)->passing = why;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_doubt(struct fake_log *fake, const char *topic, int32_t partition)
{
    pthread_mutex_lock(&fake->lock);
    must_find(fake, topic, partition)->doubts++;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_set_unsure(struct fake_log *fake, const char *topic, int32_t partition, bool unsure)
{
    pthread_mutex_lock(&fake->lock);
    must_find(fake, topic, partition)->unsure = unsure;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_damage(struct fake_log *fake, const char *topic, int32_t partition, int64_t first,
                     int64_t end)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_partition *part = must_find(fake, topic, partition);
    part->damage_first = first;
    part->damage_end = end;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_fail_reads(struct fake_log *fake, const char *topic, int count)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_topic *found = find_topic(fake, topic);
    PN_ASSERT(found != NULL);
    found->failing_reads = count;
    pthread_mutex_unlock(&fake->lock);
}

void fake_log_refuse_reads(struct fake_log *fake, const char *topic, bool refuses)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_topic *found = find_topic(fake, topic);
    PN_ASSERT(found != NULL);
    found->refuses_reads = refuses;
    pthread_mutex_unlock(&fake->lock);
}

int64_t fake_log_reads(struct fake_log *fake)
{
    pthread_mutex_lock(&fake->lock);
    int64_t reads = fake->reads;
    pthread_mutex_unlock(&fake->lock);
    return reads;
}
