#include "log/embedded/submit.h"

#include <string.h>

#include "log/embedded/submitted.h"
#include "log/record.h"

/* Refuses a request because of one entry: an INPUT error. */
static int refuse(struct pn_log_entry *entry, struct pn_err *e)
{
    entry->rc = PN_FAIL;
    entry->class_ = PN_CLASS_INPUT;
    if (e != NULL) {
        e->class_ = PN_CLASS_INPUT;
    }
    return PN_FAIL;
}

/* Checks the entries and adds up what they take in the queue. `topic` is NULL before it is made. */
static int check_entries(const struct pn_log_env *env, const struct pn_topic *topic,
                         struct pn_log_request *request, struct pn_err *e)
{
    int64_t record_bytes_max = topic != NULL ? atomic_load(&topic->record_bytes_max) : 0;
    if (record_bytes_max == 0) {
        record_bytes_max = env->config.record_bytes_max;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < request->count; i++) {
        struct pn_log_entry *entry = &request->entries[i];
        entry->rc = 0;
        entry->class_ = PN_CLASS_NONE;
        if (pn_record_check(&entry->record, record_bytes_max, i, e) != 0) {
            return refuse(entry, e);
        }
        bytes += pn_record_bytes(&entry->record) + PN_ENTRY_OVERHEAD_BYTES;
    }
    pn_submitted_set_bytes(request, bytes);
    if (bytes > (size_t)env->config.queue_bytes_max) {
        return pn_err_input(e,
                            "the request's records have %zu bytes, but the log's queue accepts "
                            "%lld: send fewer at once",
                            bytes, (long long)env->config.queue_bytes_max);
    }
    return 0;
}

/* Makes a topic that is missing, if that is wanted, and holds it. */
static int make_topic(struct pn_log_env *env, struct pn_topics *topics, const char *name,
                      struct pn_topic **topic, struct pn_err *e)
{
    while (*topic == NULL) {
        if (!pn_topic_name_valid(name, strlen(name), e)) {
            return PN_FAIL;
        }
        if (!env->config.auto_create_topics) {
            return pn_topics_find(topics, name, topic, e);
        }
        const struct pn_log_first_config *first = &env->config.first;
        struct pn_log_topic_config config = {0};
        struct pn_err why;
        if (first->config_of != NULL) {
            first->config_of(first->arg, name, &config);
        }
        int rc = pn_topics_create(topics, name, &config, &why);
        if (rc != 0 && why.class_ != PN_CLASS_CONFLICT) {
            pn_err_copy(e, &why);
            return rc;
        }
        *topic = pn_topics_hold(topics, name); /* unless it was deleted again */
    }
    return 0;
}

static int choose_partitions(struct pn_topic *topic, struct pn_log_request *request,
                             struct pn_err *e)
{
    int32_t count = atomic_load(&topic->partition_count);
    for (size_t i = 0; i < request->count; i++) {
        struct pn_log_entry *entry = &request->entries[i];
        const struct pn_bytes *key = &entry->record.key;
        if (entry->partition == PN_PARTITION_ANY) {
            entry->partition =
                key->data != NULL
                    ? pn_partition_of_key(key->data, key->len, count)
                    : (int32_t)(atomic_fetch_add(&topic->round_robin, 1) % (unsigned)count);
        } else if (pn_topic_partition(topic, entry->partition, e) == NULL) {
            return refuse(entry, e);
        }
    }
    return 0;
}

static int submit(struct pn_log_env *env, struct pn_topics *topics, struct pn_committer *committer,
                  struct pn_log_request *request, struct pn_err *e)
{
    struct pn_topic *topic = pn_topics_hold(topics, request->topic);
    int rc = check_entries(env, topic, request, e);
    if (rc == 0) {
        rc = make_topic(env, topics, request->topic, &topic, e);
    }
    if (rc == 0) {
        rc = choose_partitions(topic, request, e);
    }
    if (rc == 0) {
        rc = pn_committer_reserve(committer, pn_submitted_bytes(request), e);
    }
    if (rc != 0) {
        if (topic != NULL) {
            pn_topic_release(topics, topic);
        }
        return rc;
    }
    request->rc = 0;
    pn_submitted_set_topic(request, topic);
    pn_submitted_set_pending(request, request->count);
    if (request->count == 0) {
        pn_topic_release(topics, topic);
        request->done(request);
        return 0;
    }
    pn_committer_push(committer, request);
    return 0;
}

int pn_embedded_submit(struct pn_log_env *env, struct pn_topics *topics,
                       struct pn_committer *committer, struct pn_log_request *request,
                       struct pn_err *e)
{
    bool more = request->more; /* the request may be answered before submit() returns */
    int rc = submit(env, topics, committer, request, e);
    if (!more) {
        pn_committer_wake(committer); /* also when this one failed: others may have gone before */
    }
    return rc;
}
