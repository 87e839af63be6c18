#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "log/kafka/private.h"

enum { TICK_MS = 1000, METADATA_TICKS = 5, SETTINGS_TICKS = 60 };
/* So long the cluster must say that a topic is not there, or has fewer partitions: a broker that
 * has just started may not know of all. */
enum { GONE_MS = 10000 };

/* --- topics ----------------------------------------------------------------------------------- */

static bool is_hidden(const rd_kafka_metadata_topic_t *topic)
{
    return pn_kafka_is_own(topic->topic) || topic->partition_cnt < 1 ||
           strlen(topic->topic) > PN_TOPIC_NAME_MAX;
}

static void note_replicas(struct pn_kafka *kafka, struct pn_kafka_topic *topic,
                          const rd_kafka_metadata_topic_t *found)
{
    for (int i = 0; i < found->partition_cnt; i++) {
        int32_t number = found->partitions[i].id;
        if (number >= 0 && number < topic->info.partitions) {
            pn_kafka_catalog_note_replicas(&kafka->catalog, topic->parts[number],
                                           &found->partitions[i]);
        }
    }
}

/* The cluster says that the topic is not there. It goes when that stays so, or `at_once`; a topic
 * of the name has another id then. */
static void note_gone(struct pn_kafka *kafka, struct pn_kafka_topic *topic, bool at_once)
{
    const char *name = topic->info.name;
    int64_t now_ms = pn_mono_ms(kafka->clock);
    int64_t gone_ms = atomic_load(&topic->gone_ms);
    struct pn_err failure = {0};
    if (gone_ms == 0) {
        atomic_store(&topic->gone_ms, now_ms);
        gone_ms = now_ms;
        pn_kafka_doubt(kafka, topic); /* should it come again at once */
    }
    if (!at_once && now_ms - gone_ms < GONE_MS) {
        return;
    }
    if (pn_kafka_ids_pass(kafka, name, topic->info.id, &failure) != 0) {
        pn_logger_error(kafka->logger, "kafka", "topic %s was deleted: %s", name, failure.msg);
        return; /* the next look tries again */
    }
    pn_kafka_readers_forget(kafka, name);
    pn_kafka_catalog_remove(&kafka->catalog, name, topic->info.id);
    pn_kafka_notify(kafka);
}

/* The cluster has the topic, maybe again. */
static void note_there(struct pn_kafka *kafka, struct pn_kafka_topic *topic)
{
    if (atomic_exchange(&topic->gone_ms, 0) != 0) {
        pn_kafka_notify(kafka);
    }
}

/* The topic as it is known, held, or a new one when it is new or has more partitions. *is_new. */
static struct pn_kafka_topic *take_topic(struct pn_kafka *kafka,
                                         const rd_kafka_metadata_topic_t *found, bool *is_new)
{
    struct pn_kafka_topic *known = pn_kafka_catalog_hold(&kafka->catalog, found->topic);
    uint64_t id = pn_kafka_ids_get(kafka, found->topic);
    if (known != NULL && known->info.id != id) { /* of a topic that was deleted */
        pn_kafka_topic_release(known);
        known = NULL;
    }
    if (known != NULL && found->partition_cnt < known->info.partitions) {
        note_gone(kafka, known, false); /* partitions of a topic never become fewer */
    } else if (known != NULL) {
        note_there(kafka, known);
    }
    *is_new = known == NULL || found->partition_cnt > known->info.partitions;
    if (!*is_new) {
        note_replicas(kafka, known, found);
        return known;
    }
    struct pn_kafka_topic *made =
        pn_kafka_topic_create(found->topic, found->partition_cnt, id, known);
    note_replicas(kafka, made, found);
    if (known != NULL) {
        pn_kafka_topic_release(known);
    }
    return made;
}

/* Asks for begin and end of new topics. They are seen although no leader answers: they take
 * records, and the ends are asked for again. */
static int learn_ends(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                      struct pn_err *e)
{
    struct pn_err failure = {0};
    bool grew = false;
    int rc = pn_kafka_refresh_ends(kafka, topics, count, &grew, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_RETRY) {
        pn_logger_debug(kafka->logger, "kafka", "%s", failure.msg);
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* Puts the topics that the cluster has into the catalog; new ones get their settings and ends
 * before they are seen. */
static int take_topics(struct pn_kafka *kafka, const rd_kafka_metadata_t *metadata,
                       struct pn_err *e)
{
    struct pn_kafka_topic **new =
        pn_xcalloc((size_t)metadata->topic_cnt + 1, sizeof(struct pn_kafka_topic *));
    size_t count = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *found = &metadata->topics[i];
        if (found->err == RD_KAFKA_RESP_ERR_NO_ERROR && !is_hidden(found)) {
            bool is_new = false;
            struct pn_kafka_topic *topic = take_topic(kafka, found, &is_new);
            if (is_new) {
                new[count++] = topic;
            } else {
                pn_kafka_topic_release(topic);
            }
        }
    }
    int rc = learn_ends(kafka, new, count, e);
    if (rc == 0) {
        pn_kafka_describe(kafka, new, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (rc == 0) {
            pn_kafka_catalog_put(&kafka->catalog, new[i]);
        } else {
            pn_kafka_topic_release(new[i]);
        }
    }
    free(new);
    return rc;
}

static int ask_topic(struct pn_kafka *kafka, const char *name, const rd_kafka_metadata_t **metadata,
                     struct pn_err *e)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka->asker, name, NULL);
    if (handle == NULL) {
        return pn_kafka_fail(kafka, rd_kafka_last_error(), e, "topic %s", name);
    }
    rd_kafka_resp_err_t err =
        rd_kafka_metadata(kafka->asker, 0, handle, metadata, (int)kafka->config.timeout_ms);
    rd_kafka_topic_destroy(handle);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : pn_kafka_fail(kafka, err, e, "cannot ask the brokers for topic %s", name);
}

/* Asks for a topic that an answer about all did not have. */
static void look_for(struct pn_kafka *kafka, struct pn_kafka_topic *topic, bool at_once)
{
    const rd_kafka_metadata_t *metadata = NULL;
    struct pn_err failure = {0};
    if (ask_topic(kafka, topic->info.name, &metadata, &failure) != 0) {
        return; /* the next look tries again */
    }
    if (metadata->topic_cnt == 1 &&
        metadata->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        note_gone(kafka, topic, at_once);
    } else if (metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_there(kafka, topic);
    }
    rd_kafka_metadata_destroy(metadata);
}

static int by_name(const void *left, const void *right)
{
    const char *const *l = left;
    const char *const *r = right;
    return strcmp(*l, *r);
}

/* Looks for the known topics that the answer does not have. One with another error is there. */
static void look_for_missing(struct pn_kafka *kafka, const rd_kafka_metadata_t *metadata)
{
    const char **names = pn_xcalloc((size_t)metadata->topic_cnt + 1, sizeof *names);
    size_t name_count = 0;
    size_t count = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (metadata->topics[i].err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            names[name_count++] = metadata->topics[i].topic;
        }
    }
    qsort(names, name_count, sizeof *names, by_name);
    struct pn_kafka_topic **known = pn_kafka_catalog_hold_all(&kafka->catalog, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = known[i]->info.name;
        if (bsearch(&name, names, name_count, sizeof *names, by_name) == NULL) {
            look_for(kafka, known[i], false);
        }
        pn_kafka_topic_release(known[i]);
    }
    free(known);
    free(names);
}

int pn_kafka_refresh_all(struct pn_kafka *kafka, int64_t timeout_ms, struct pn_err *e)
{
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(kafka->asker, 1, NULL, &metadata, (int)timeout_ms);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        pn_kafka_reach_doubt(kafka);
        return pn_kafka_fail(kafka, err, e, "cannot ask the brokers %s for their topics",
                             kafka->config.url);
    }
    pn_kafka_reach_answer(kafka);
    pn_kafka_catalog_note_brokers(&kafka->catalog, metadata);
    int rc = take_topics(kafka, metadata, e);
    if (rc == 0) {
        look_for_missing(kafka, metadata);
    }
    rd_kafka_metadata_destroy(metadata);
    return rc;
}

bool pn_kafka_refresh_deleted(struct pn_kafka *kafka, const char *name)
{
    struct pn_kafka_topic *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
    if (topic != NULL) {
        look_for(kafka, topic, true);
        pn_kafka_topic_release(topic);
        topic = pn_kafka_catalog_hold(&kafka->catalog, name);
    }
    bool is_gone = topic == NULL;
    if (topic != NULL) {
        pn_kafka_topic_release(topic);
    }
    return is_gone;
}

int pn_kafka_refresh_topic(struct pn_kafka *kafka, const char *name, struct pn_err *e)
{
    const rd_kafka_metadata_t *metadata = NULL;
    int rc = ask_topic(kafka, name, &metadata, e);
    if (rc != 0) {
        return rc;
    }
    const rd_kafka_metadata_topic_t *found = metadata->topic_cnt == 1 ? metadata->topics : NULL;
    bool is_new = false;
    if (found == NULL || found->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        rc = pn_err_missing(e, "there is no topic %s", name);
    } else if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = pn_kafka_fail(kafka, found->err, e, "topic %s", name);
    } else if (is_hidden(found)) {
        rc = pn_err_missing(e, "there is no topic %s", name);
    }
    if (rc == 0) {
        struct pn_kafka_topic *topic = take_topic(kafka, found, &is_new);
        rc = learn_ends(kafka, &topic, 1, e);
        if (rc == 0 && is_new) {
            pn_kafka_describe(kafka, &topic, 1);
            pn_kafka_catalog_put(&kafka->catalog, topic);
        } else {
            pn_kafka_topic_release(topic);
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return rc;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void refresh_known_ends(struct pn_kafka *kafka)
{
    size_t count = 0;
    bool grew = false;
    struct pn_kafka_topic **topics = pn_kafka_catalog_hold_all(&kafka->catalog, &count);
    /* What fails is tried again at the next tick; what connections complain of is logged. */
    struct pn_err failure = {0};
    int rc = pn_kafka_refresh_ends(kafka, topics, count, &grew, &failure);
    if (rc == 0 && grew) {
        pn_kafka_notify(kafka);
    }
    for (size_t i = 0; i < count; i++) {
        pn_kafka_topic_release(topics[i]);
    }
    free(topics);
}

static bool settings_differ(const struct pn_log_topic_info *left,
                            const struct pn_log_topic_info *right)
{
    const struct pn_log_topic_settings *l = &left->settings;
    const struct pn_log_topic_settings *r = &right->settings;
    return l->retention_ms != r->retention_ms || l->retention_bytes != r->retention_bytes ||
           l->record_bytes_max != r->record_bytes_max || l->segment_bytes != r->segment_bytes ||
           strcmp(l->compression, r->compression) != 0 ||
           left->retention_ms != right->retention_ms ||
           left->record_bytes_max != right->record_bytes_max;
}

static struct pn_kafka_topic *copy_topic(const struct pn_kafka_topic *topic)
{
    struct pn_kafka_topic *copy =
        pn_kafka_topic_create(topic->info.name, topic->info.partitions, topic->info.id, topic);
    copy->info = topic->info;
    copy->has_settings = topic->has_settings;
    atomic_store(&copy->gone_ms, atomic_load(&topic->gone_ms));
    return copy;
}

/* Asks for the topics' settings, and gives the holds of `topics` up. */
static void describe_again(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count)
{
    struct pn_kafka_topic **copies = pn_xcalloc(count + 1, sizeof(struct pn_kafka_topic *));
    for (size_t i = 0; i < count; i++) {
        copies[i] = copy_topic(topics[i]);
    }
    pn_kafka_describe(kafka, copies, count);
    for (size_t i = 0; i < count; i++) {
        if (settings_differ(&topics[i]->info, &copies[i]->info)) {
            pn_kafka_catalog_put(&kafka->catalog, copies[i]);
        } else {
            pn_kafka_topic_release(copies[i]);
        }
        pn_kafka_topic_release(topics[i]);
    }
    free(copies);
}

void pn_kafka_refresh_settings(struct pn_kafka *kafka, const char *name)
{
    struct pn_kafka_topic *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
    if (topic != NULL) {
        describe_again(kafka, &topic, 1);
    }
}

/* Somebody else may have altered them. */
static void refresh_all_settings(struct pn_kafka *kafka)
{
    size_t count = 0;
    struct pn_kafka_topic **topics = pn_kafka_catalog_hold_all(&kafka->catalog, &count);
    describe_again(kafka, topics, count);
    free(topics);
}

/* Sleeps for a tick; false when the thread is to end. */
static bool rest(struct pn_kafka_refresh *refresh)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TICK_MS / 1000;
    int rc = 0;
    pthread_mutex_lock(&refresh->lock);
    while (!refresh->is_stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&refresh->changed, &refresh->lock, &until);
    }
    bool go_on = !refresh->is_stopping;
    pthread_mutex_unlock(&refresh->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct pn_kafka *kafka = arg;
    for (unsigned tick = 1; rest(&kafka->refresh); tick++) {
        (void)rd_kafka_poll(kafka->asker, 0);
        pn_kafka_readers_poll(kafka);
        if (tick % METADATA_TICKS == 0) {
            struct pn_err failure = {0};
            int rc = pn_kafka_refresh_all(kafka, kafka->config.timeout_ms, &failure);
            if (rc != 0) {
                pn_logger_debug(kafka->logger, "kafka", "%s", failure.msg);
            }
        }
        if (tick % SETTINGS_TICKS == 0) {
            refresh_all_settings(kafka);
        }
        refresh_known_ends(kafka);
    }
    return NULL;
}

int pn_kafka_refresh_start(struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_kafka_refresh *refresh = &kafka->refresh;
    int rc = pthread_create(&refresh->thread, NULL, run, kafka);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the thread that asks Kafka's brokers");
    }
    refresh->is_running = true;
    return 0;
}

void pn_kafka_refresh_stop(struct pn_kafka *kafka)
{
    struct pn_kafka_refresh *refresh = &kafka->refresh;
    if (!refresh->is_running) {
        return;
    }
    pthread_mutex_lock(&refresh->lock);
    refresh->is_stopping = true;
    pthread_cond_signal(&refresh->changed);
    pthread_mutex_unlock(&refresh->lock);
    pthread_join(refresh->thread, NULL);
    refresh->is_running = false;
}
