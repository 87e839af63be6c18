/* Making, changing, deleting and finding topics: what touches the log's folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/units.h"
#include "log/embedded/topic_file.h"
#include "log/embedded/topics.h"
#include "log/folder_lock.h"
#include "log/record.h"

static char *folder_of(const struct pn_topics *topics, const char *name)
{
    return pn_xasprintf("%s/%s", topics->env->config.folder, name);
}

/* What a partition's folder has is found before anybody sees the partition; that of a topic that
 * grows is not expected to be there. */
static void add_partitions(const struct pn_topics *topics, struct pn_topic *topic, int count,
                           bool is_opening)
{
    for (int i = atomic_load(&topic->partition_count); i < count; i++) {
        struct pn_partition *partition =
            pn_partition_create(topics->env, topic->name, topic->folder, i);
        partition->appended_records =
            pn_metrics_get(topics->env->metrics, PN_METRIC_LOG_APPENDED_RECORDS, topic->name);
        partition->appended_bytes =
            pn_metrics_get(topics->env->metrics, PN_METRIC_LOG_APPENDED_BYTES, topic->name);
        if (is_opening || pn_io_exists(topics->env->io, partition->folder)) {
            pn_partition_recover(partition);
        }
        topic->partitions[i] = partition;
    }
    atomic_store(&topic->partition_count, count);
}

static struct pn_topic *topic_create(const struct pn_topics *topics, const char *name,
                                     const struct pn_topic_file *file, bool is_opening)
{
    struct pn_topic *topic = pn_xcalloc(1, sizeof *topic);
    (void)snprintf(topic->name, sizeof topic->name, "%s", name);
    topic->folder = folder_of(topics, name);
    topic->id = file->id;
    topic->created_ms = file->created_ms;
    topic->partitions = pn_xcalloc(PN_PARTITIONS_MAX, sizeof(struct pn_partition *));
    atomic_init(&topic->users, 1);
    atomic_init(&topic->retention_ms, file->config.retention_ms);
    atomic_init(&topic->retention_bytes, file->config.retention_bytes);
    atomic_init(&topic->record_bytes_max, file->config.record_bytes_max);
    add_partitions(topics, topic, file->config.partitions, is_opening);
    return topic;
}

struct pn_partition *pn_topic_partition(const struct pn_topic *topic, int32_t number,
                                        struct pn_err *e)
{
    int count = atomic_load(&topic->partition_count);
    if (number < 0 || number >= count) {
        (void)pn_err_missing(e, "topic %s has no partition %d; it has 0 to %d", topic->name, number,
                             count - 1);
        return NULL;
    }
    return topic->partitions[number];
}

/* --- opening --------------------------------------------------------------------------------- */

static void close_topic(struct pn_topics *topics, const char *name, const struct pn_err *why)
{
    pn_grow((void **)&topics->closed, &topics->closed_capacity, topics->closed_count + 1,
            sizeof *topics->closed);
    struct pn_closed_topic *closed = &topics->closed[topics->closed_count++];
    closed->name = pn_xstrdup(name);
    (void)pn_err_set(&closed->why, PN_CLASS_CORRUPT, PN_FAIL,
                     "topic %s is closed, and its records stay as they are: %s", name, why->msg);
    pn_logger_error(topics->env->logger, "log", "%s", closed->why.msg);
}

/* How many partitions the topic's folder has: one more than the largest number of a folder in it.
 */
static int count_folders(const struct pn_topics *topics, const char *folder, int32_t *count,
                         struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(topics->env->io, folder, &listing, e);
    *count = 0;
    for (size_t i = 0; i < listing.count; i++) {
        const char *name = listing.entries[i].name;
        char plain[16];
        long number = strtol(name, NULL, 10);
        (void)snprintf(plain, sizeof plain, "%ld", number);
        if (listing.entries[i].is_dir && strcmp(plain, name) == 0 && number >= *count &&
            number < PN_PARTITIONS_MAX) {
            *count = (int32_t)number + 1;
        }
    }
    pn_io_listing_deinit(&listing);
    return rc;
}

/* What the topic's file says, which its folder must not contradict: a partition that is there is
 * served, never taken for one that is still to be made. */
static int load_topic(const struct pn_topics *topics, const char *folder, const char *name,
                      struct pn_topic_file *file, struct pn_err *e)
{
    bool is_old = false;
    int32_t there = 0;
    struct pn_err why;
    if (count_folders(topics, folder, &there, &why) != 0) {
        pn_logger_warn(topics->env->logger, "log", "topic %s: cannot count its partitions: %s",
                       name, why.msg);
    }
    int rc = pn_topic_file_load(topics->env->io, folder, name, file, &is_old, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING && there > 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "%s/topic.json is missing. Restore it from a backup; to abandon the "
                          "topic and its records, move its folder out of the log's",
                          folder);
    }
    if (rc != 0) {
        pn_err_copy(e, &why);
        return rc;
    }
    if (there > file->config.partitions) {
        pn_logger_error(topics->env->logger, "log",
                        "topic %s: %s/topic.json says it has %d %s, but there is a folder of "
                        "partition %d: %d are served",
                        name, folder, file->config.partitions,
                        pn_noun(file->config.partitions, "partition", "partitions"), there - 1,
                        there);
        file->config.partitions = there;
    }
    if (is_old && pn_topic_file_store(topics->env->io, folder, name, file, &why) != 0) {
        pn_logger_warn(topics->env->logger, "log", "%s/topic.json does not get a checksum yet: %s",
                       folder, why.msg);
    }
    return 0;
}

static void open_topic(struct pn_topics *topics, const char *name)
{
    char *folder = folder_of(topics, name);
    struct pn_topic_file file;
    struct pn_err why;
    int rc = load_topic(topics, folder, name, &file, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        pn_logger_warn(topics->env->logger, "log", "the folder %s is not a topic: %s", folder,
                       why.msg);
    } else if (rc != 0) {
        close_topic(topics, name, &why);
    } else {
        pn_topics_insert(topics, topic_create(topics, name, &file, true));
    }
    free(folder);
}

/* Ages are counted from the newest record on, for the clock may have been set while none looked. */
static void start_age_clock(struct pn_topics *topics)
{
    int64_t newest_ms = INT64_MIN;
    for (size_t i = 0; i < topics->count; i++) {
        for (int p = 0; p < atomic_load(&topics->topics[i]->partition_count); p++) {
            int64_t appended_ms = pn_partition_newest_ms(topics->topics[i]->partitions[p]);
            newest_ms = appended_ms > newest_ms ? appended_ms : newest_ms;
        }
    }
    pn_age_clock_init(&topics->age, topics->env->clock, topics->env->logger,
                      newest_ms == INT64_MIN ? INT64_MAX : newest_ms);
}

int pn_topics_open(struct pn_topics *topics, struct pn_err *e)
{
    const struct pn_log_env *env = topics->env;
    struct pn_io_listing listing = {0};
    /* What is found was perhaps renamed just before a crash, and must last from here on. */
    int rc = pn_io_sync_dir(env->io, env->config.folder, e);
    if (rc == 0) {
        rc = pn_io_sync_parent(env->io, env->config.folder, e);
    }
    if (rc == 0) {
        rc = pn_io_list(env->io, env->config.folder, &listing, e);
    }
    for (size_t i = 0; rc == 0 && i < listing.count; i++) {
        const char *name = listing.entries[i].name;
        if (!listing.entries[i].is_dir) {
            continue;
        }
        if (name[0] == '~') {
            char *path = folder_of(topics, name);
            struct pn_err why;
            if (pn_io_remove_tree(env->io, path, &why) != 0) {
                pn_logger_warn(env->logger, "log",
                               "the rest of a deleted topic could not be removed: %s", why.msg);
            }
            free(path);
        } else if (pn_topic_name_valid(name, strlen(name), NULL)) {
            open_topic(topics, name);
        }
    }
    pn_io_listing_deinit(&listing);
    start_age_clock(topics);
    return rc;
}

/* --- creating -------------------------------------------------------------------------------- */

/* Makes the topic's folder under a temporary name, whole, and then renames it. */
static int make_folder(const struct pn_topics *topics, const char *name,
                       const struct pn_topic_file *file, struct pn_err *e)
{
    const struct pn_io *io = topics->env->io;
    char *folder = folder_of(topics, name);
    char *temp =
        pn_xasprintf("%s/~new.%016llx", topics->env->config.folder, (unsigned long long)file->id);
    char *left = temp; /* what a failure leaves */
    int rc = pn_log_env_check_folder(topics->env, e);
    if (rc == 0) {
        rc = pn_io_mkdirs(io, temp, e);
    }
    if (rc == 0) {
        rc = pn_topic_file_store(io, temp, name, file, e);
    }
    if (rc == 0) {
        rc = pn_io_rename(io, temp, folder, e);
    }
    if (rc == 0) {
        left = folder;
        rc = pn_io_sync_parent(io, folder, e);
    }
    if (rc != 0) {
        struct pn_err why;
        if (pn_io_remove_tree(io, left, &why) != 0) {
            pn_logger_warn(topics->env->logger, "log",
                           "the rest of a topic that could not be created could not be removed: %s",
                           why.msg);
        }
        pn_err_prefix(e, "topic %s cannot be created", name);
    }
    free(temp);
    free(folder);
    return rc;
}

static int create_locked(struct pn_topics *topics, const char *name,
                         const struct pn_log_topic_config *config, struct pn_err *e)
{
    struct pn_topic *there = pn_topics_hold(topics, name);
    if (there != NULL) {
        pn_topic_release(topics, there);
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "topic '%s' already exists", name);
    }
    if (pn_topics_check_closed(topics, name, e) != 0) {
        return PN_FAIL;
    }
    if (topics->count >= PN_TOPICS_MAX) {
        return pn_err_input(
            e, "topic '%s' cannot be created: the log already has the maximum of %d topics", name,
            PN_TOPICS_MAX);
    }
    struct pn_topic_file file = {.created_ms = pn_wall_ms(topics->env->clock), .config = *config};
    while (file.id == 0) {
        file.id = pn_entropy_u64();
    }
    if (file.config.partitions == 0) {
        file.config.partitions = topics->env->config.partitions_default;
    }
    int rc = make_folder(topics, name, &file, e);
    if (rc == 0) {
        pn_topics_insert(topics, topic_create(topics, name, &file, false));
    }
    return rc;
}

int pn_topics_create(struct pn_topics *topics, const char *name,
                     const struct pn_log_topic_config *config, struct pn_err *e)
{
    static const struct pn_log_topic_config defaults = {0};
    if (config == NULL) {
        config = &defaults;
    }
    if (!pn_topic_name_valid(name, strlen(name), e)) {
        return PN_FAIL;
    }
    if (strcmp(name, PN_LOG_LOCK_FILE) == 0) {
        return pn_err_input(
            e, "a topic cannot be named '%s': this is the name of the log's own file", name);
    }
    int rc = pn_log_topic_config_check(config, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&topics->admin_lock);
    rc = create_locked(topics, name, config, e);
    pthread_mutex_unlock(&topics->admin_lock);
    return rc;
}

/* --- deleting -------------------------------------------------------------------------------- */

/* Waits until only the list's own hold is left. */
static void wait_alone(struct pn_topics *topics, struct pn_topic *topic)
{
    pthread_mutex_lock(&topics->users_lock);
    while (atomic_load(&topic->users) > 1) {
        pthread_cond_wait(&topics->users_changed, &topics->users_lock);
    }
    pthread_mutex_unlock(&topics->users_lock);
}

static int delete_locked(struct pn_topics *topics, const char *name, struct pn_err *e)
{
    const struct pn_io *io = topics->env->io;
    struct pn_topic *topic = NULL;
    int rc = pn_topics_find(topics, name, &topic, e);
    if (rc != 0) {
        return rc;
    }
    pn_topics_remove(topics, topic);
    atomic_store(&topic->deleted, true);
    pn_topic_release(topics, topic);
    wait_alone(topics, topic);
    char *away = pn_xasprintf("%s/~deleted.%016llx", topics->env->config.folder,
                              (unsigned long long)topic->id);
    rc = pn_io_rename(io, topic->folder, away, e);
    if (rc != 0) {
        atomic_store(&topic->deleted, false);
        pn_topics_insert(topics, topic);
        goto out;
    }
    rc = pn_io_sync_parent(io, away, e);
    pn_topic_destroy(&topic);
    struct pn_err why;
    if (pn_io_remove_tree(io, away, &why) != 0) {
        pn_logger_warn(topics->env->logger, "log",
                       "the rest of topic %s is removed at the next start: %s", name, why.msg);
    }
out:
    free(away);
    return rc;
}

int pn_topics_delete(struct pn_topics *topics, const char *name, struct pn_err *e)
{
    pthread_mutex_lock(&topics->admin_lock);
    int rc = delete_locked(topics, name, e);
    pthread_mutex_unlock(&topics->admin_lock);
    return rc;
}

/* --- changing -------------------------------------------------------------------------------- */

static int configure_locked(struct pn_topics *topics, struct pn_topic *topic,
                            const struct pn_log_topic_config *config, struct pn_err *e)
{
    int32_t partitions = atomic_load(&topic->partition_count);
    if (config->partitions != 0 && config->partitions < partitions) {
        return pn_err_input(e, "topic %s has %d %s, and their number cannot decrease", topic->name,
                            partitions, pn_noun(partitions, "partition", "partitions"));
    }
    struct pn_topic_file file = {
        .id = topic->id,
        .created_ms = topic->created_ms,
        .config = {.partitions = config->partitions != 0 ? config->partitions : partitions,
                   .retention_ms = config->retention_ms != 0 ? config->retention_ms
                                                             : atomic_load(&topic->retention_ms),
                   .retention_bytes = config->retention_bytes != 0
                                          ? config->retention_bytes
                                          : atomic_load(&topic->retention_bytes),
                   .record_bytes_max = config->record_bytes_max != 0
                                           ? config->record_bytes_max
                                           : atomic_load(&topic->record_bytes_max)}};
    int rc = pn_topic_file_store(topics->env->io, topic->folder, topic->name, &file, e);
    if (rc != 0) {
        return rc;
    }
    atomic_store(&topic->retention_ms, file.config.retention_ms);
    atomic_store(&topic->retention_bytes, file.config.retention_bytes);
    atomic_store(&topic->record_bytes_max, file.config.record_bytes_max);
    add_partitions(topics, topic, file.config.partitions, false);
    return 0;
}

int pn_topics_configure(struct pn_topics *topics, const char *name,
                        const struct pn_log_topic_config *config, struct pn_err *e)
{
    struct pn_topic *topic = NULL;
    int rc = pn_log_topic_config_check(config, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&topics->admin_lock);
    rc = pn_topics_find(topics, name, &topic, e);
    if (rc == 0) {
        rc = configure_locked(topics, topic, config, e);
        pn_topic_release(topics, topic);
    }
    pthread_mutex_unlock(&topics->admin_lock);
    return rc;
}

/* --- keeping up ------------------------------------------------------------------------------ */

void pn_topics_retain(struct pn_topics *topics)
{
    const struct pn_embedded_config *config = &topics->env->config;
    int64_t now_ms = pn_age_clock_now_ms(&topics->age);
    size_t count = 0;
    struct pn_topic **all = pn_topics_hold_all(topics, &count);
    for (size_t i = 0; i < count; i++) {
        int64_t retention_ms = atomic_load(&all[i]->retention_ms);
        int64_t retention_bytes = atomic_load(&all[i]->retention_bytes);
        for (int p = 0; p < atomic_load(&all[i]->partition_count); p++) {
            size_t dropped = pn_partition_retain(
                all[i]->partitions[p], now_ms,
                retention_ms != 0 ? retention_ms : config->retention_ms,
                retention_bytes != 0 ? retention_bytes : config->retention_bytes);
            if (dropped > 0) {
                pn_logger_info(topics->env->logger, "log",
                               "topic %s, partition %d: dropped %zu %s past the retention",
                               all[i]->name, p, dropped,
                               pn_noun((int64_t)dropped, "segment", "segments"));
            }
        }
        pn_topic_release(topics, all[i]);
    }
    free(all);
}
