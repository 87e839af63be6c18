#include "log/embedded/embedded.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/embedded/maintenance.h"
#include "log/embedded/open_files.h"
#include "log/embedded/submit.h"
#include "log/folder_lock.h"

enum { FOLDER_LEN_MAX = PN_PATH_SIZE - 512 };

struct embedded {
    struct pn_log log; /* first: a pn_log is cast to it */
    struct pn_log_env env;
    struct pn_topics topics;
    struct pn_committer committer;
    struct pn_maintenance maintenance;
    int lock_fd;
};

static struct embedded *embedded_of(struct pn_log *log)
{
    return (struct embedded *)log;
}

/* --- the port's functions -------------------------------------------------------------------- */

static int embedded_submit(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    struct embedded *embedded = embedded_of(log);
    return pn_embedded_submit(&embedded->env, &embedded->topics, &embedded->committer, request, e);
}

static int embedded_create_topic(struct pn_log *log, const char *name,
                                 const struct pn_log_topic_config *config, struct pn_err *e)
{
    return pn_topics_create(&embedded_of(log)->topics, name, config, e);
}

static int embedded_delete_topic(struct pn_log *log, const char *name, struct pn_err *e)
{
    return pn_topics_delete(&embedded_of(log)->topics, name, e);
}

static int embedded_configure_topic(struct pn_log *log, const char *name,
                                    const struct pn_log_topic_config *config, struct pn_err *e)
{
    return pn_topics_configure(&embedded_of(log)->topics, name, config, e);
}

static int64_t own_or(int64_t own, int64_t fallback)
{
    return own != 0 ? own : fallback;
}

static void info_of(const struct pn_topics *topics, const struct pn_topic *topic,
                    struct pn_log_topic_info *info)
{
    static const char *const compressions[] = {[PN_COMPRESSION_NONE] = "none",
                                               [PN_COMPRESSION_LZ4] = "lz4",
                                               [PN_COMPRESSION_ZSTD] = "zstd"};
    const struct pn_embedded_config *config = &topics->env->config;
    int64_t retention_bytes = atomic_load(&topic->retention_bytes);
    *info = (struct pn_log_topic_info){.partitions = atomic_load(&topic->partition_count),
                                       .id = topic->id,
                                       .retention_ms = atomic_load(&topic->retention_ms),
                                       .record_bytes_max = atomic_load(&topic->record_bytes_max)};
    info->settings = (struct pn_log_topic_settings){
        .retention_ms = own_or(info->retention_ms, config->retention_ms),
        .retention_bytes = own_or(retention_bytes, config->retention_bytes),
        .record_bytes_max = own_or(info->record_bytes_max, config->record_bytes_max),
        .segment_bytes = config->segment_bytes,
        .compression = compressions[config->compression]};
    memcpy(info->name, topic->name, sizeof info->name);
}

static int embedded_topics(struct pn_log *log, struct pn_arena *arena,
                           struct pn_log_topic_info **infos, size_t *count, struct pn_err *e)
{
    (void)e;
    struct pn_topics *topics = &embedded_of(log)->topics;
    struct pn_topic **all = pn_topics_hold_all(topics, count);
    *infos = pn_arena_calloc(arena, *count, sizeof **infos);
    for (size_t i = 0; i < *count; i++) {
        info_of(topics, all[i], &(*infos)[i]);
        pn_topic_release(topics, all[i]);
    }
    free(all);
    return 0;
}

static void embedded_closed_topics(struct pn_log *log, struct pn_arena *arena,
                                   struct pn_log_closed_topic **closed, size_t *count)
{
    const struct pn_topics *topics = &embedded_of(log)->topics;
    *count = topics->closed_count;
    *closed = pn_arena_calloc(arena, *count, sizeof **closed);
    for (size_t i = 0; i < *count; i++) {
        (*closed)[i] = (struct pn_log_closed_topic){.name = topics->closed[i].name,
                                                    .why = topics->closed[i].why.msg};
    }
}

static int embedded_topic(struct pn_log *log, const char *name, struct pn_log_topic_info *info,
                          struct pn_err *e)
{
    struct pn_topics *topics = &embedded_of(log)->topics;
    struct pn_topic *topic = NULL;
    int rc = pn_topics_find(topics, name, &topic, e);
    if (rc == 0) {
        info_of(topics, topic, info);
        pn_topic_release(topics, topic);
    }
    return rc;
}

/* Finds a partition; its topic is held when that succeeds. */
static int find_partition(struct pn_log *log, const char *name, int32_t number,
                          struct pn_topic **topic, struct pn_partition **partition,
                          struct pn_err *e)
{
    struct pn_topics *topics = &embedded_of(log)->topics;
    int rc = pn_topics_find(topics, name, topic, e);
    if (rc != 0) {
        return rc;
    }
    *partition = pn_topic_partition(*topic, number, e);
    if (*partition == NULL) {
        pn_topic_release(topics, *topic);
        return PN_FAIL;
    }
    return 0;
}

static int embedded_offsets(struct pn_log *log, const char *name, int32_t number,
                            struct pn_log_offsets *offsets, struct pn_err *e)
{
    struct pn_topic *topic = NULL;
    struct pn_partition *partition = NULL;
    int rc = find_partition(log, name, number, &topic, &partition, e);
    if (rc == 0) {
        *offsets = pn_partition_offsets(partition);
        pn_topic_release(&embedded_of(log)->topics, topic);
    }
    return rc;
}

static int embedded_offset_at(struct pn_log *log, const char *name, int32_t number,
                              int64_t timestamp_ms, int64_t *offset, struct pn_err *e)
{
    struct pn_topic *topic = NULL;
    struct pn_partition *partition = NULL;
    int rc = find_partition(log, name, number, &topic, &partition, e);
    if (rc == 0) {
        rc = pn_partition_offset_at(partition, timestamp_ms, offset, e);
        pn_topic_release(&embedded_of(log)->topics, topic);
    }
    return rc;
}

static int embedded_read(struct pn_log *log, const char *name, int32_t number, int64_t offset,
                         size_t max_records, size_t max_bytes, struct pn_arena *arena,
                         struct pn_log_records *records, struct pn_err *e)
{
    struct pn_topic *topic = NULL;
    struct pn_partition *partition = NULL;
    int rc = find_partition(log, name, number, &topic, &partition, e);
    if (rc == 0) {
        rc = pn_partition_read(partition, offset, max_records, max_bytes, arena, records, e);
        pn_topic_release(&embedded_of(log)->topics, topic);
    }
    return rc;
}

static int embedded_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id,
                           struct pn_err *e)
{
    (void)e;
    *id = pn_committer_listen(&embedded_of(log)->committer, fn, arg);
    return 0;
}

static void embedded_unlisten(struct pn_log *log, int id)
{
    pn_committer_unlisten(&embedded_of(log)->committer, id);
}

/* --- opening and closing --------------------------------------------------------------------- */

static void close_partitions(struct pn_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        for (int p = 0; p < atomic_load(&topics->topics[i]->partition_count); p++) {
            pn_partition_close(topics->topics[i]->partitions[p]);
        }
    }
}

static void embedded_free(struct embedded *embedded)
{
    pn_topics_deinit(&embedded->topics);
    pn_open_files_deinit(&embedded->env.open_files);
    pn_io_close(embedded->env.io, &embedded->lock_fd);
    free((void *)(uintptr_t)embedded->env.config.folder);
    free(embedded);
}

static void embedded_destroy(struct pn_log *log)
{
    struct embedded *embedded = embedded_of(log);
    pn_maintenance_stop(&embedded->maintenance);
    pn_committer_stop(&embedded->committer);
    close_partitions(&embedded->topics);
    embedded_free(embedded);
}

static const struct pn_log_ops embedded_ops = {
    .name = "embedded",
    .destroy = embedded_destroy,
    .submit = embedded_submit,
    .create_topic = embedded_create_topic,
    .delete_topic = embedded_delete_topic,
    .configure_topic = embedded_configure_topic,
    .topics = embedded_topics,
    .closed_topics = embedded_closed_topics,
    .topic = embedded_topic,
    .offsets = embedded_offsets,
    .offset_at = embedded_offset_at,
    .read = embedded_read,
    .listen = embedded_listen,
    .unlisten = embedded_unlisten,
};

static int check_config(const struct pn_embedded_config *config, struct pn_err *e)
{
    if (strlen(config->folder) > FOLDER_LEN_MAX) {
        return pn_err_input(e, "the log's folder has a name of more than %d bytes",
                            (int)FOLDER_LEN_MAX);
    }
    if (config->segment_bytes < 1 || config->segment_bytes > PN_SEGMENT_BYTES_MAX) {
        return pn_err_input(e, "the log's segment_bytes is %lld; it must be 1 to %d",
                            (long long)config->segment_bytes, (int)PN_SEGMENT_BYTES_MAX);
    }
    if (config->record_bytes_max < 1 || config->record_bytes_max > PN_RECORD_BYTES_MAX) {
        return pn_err_input(e, "the log's record_bytes_max is %lld; it must be 1 to %d",
                            (long long)config->record_bytes_max, (int)PN_RECORD_BYTES_MAX);
    }
    if (config->queue_bytes_max < config->record_bytes_max + PN_ENTRY_OVERHEAD_BYTES) {
        return pn_err_input(e,
                            "the log's queue_bytes_max (%lld) must have room for a record of "
                            "record_bytes_max (%lld) and %d bytes more",
                            (long long)config->queue_bytes_max, (long long)config->record_bytes_max,
                            (int)PN_ENTRY_OVERHEAD_BYTES);
    }
    if (config->segment_ms < 1 || config->index_interval_bytes < 0 || config->retention_ms < -1 ||
        config->retention_bytes < -1 || config->partitions_default < 1 ||
        config->partitions_default > PN_PARTITIONS_MAX) {
        return pn_err_input(e,
                            "a setting of the log is out of range: segment_ms from 1, "
                            "index_interval_bytes from 0, retention from -1, partitions 1 to "
                            "%d",
                            (int)PN_PARTITIONS_MAX);
    }
    return 0;
}

static void register_metrics(struct pn_log_env *env)
{
    env->commit_seconds = pn_metrics_get(env->metrics, PN_METRIC_LOG_COMMIT_SECONDS, NULL);
    env->stopped_partitions = pn_metrics_get(env->metrics, PN_METRIC_LOG_FAILED_PARTITIONS, NULL);
}

int pn_embedded_open(const struct pn_embedded_config *config, const struct pn_io *io,
                     const struct pn_clock *clock, struct pn_logger *logger,
                     struct pn_metrics *metrics, struct pn_log **log, struct pn_err *e)
{
    int rc = check_config(config, e);
    if (rc != 0) {
        return rc;
    }
    struct embedded *embedded = pn_xcalloc(1, sizeof *embedded);
    embedded->log.ops = &embedded_ops;
    embedded->lock_fd = -1;
    embedded->env = (struct pn_log_env){
        .config = *config, .io = io, .clock = clock, .logger = logger, .metrics = metrics};
    embedded->env.config.folder = pn_xstrdup(config->folder);
    pn_open_files_init(&embedded->env.open_files);
    pn_topics_init(&embedded->topics, &embedded->env);
    register_metrics(&embedded->env);
    rc = pn_io_mkdirs(io, config->folder, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_log_folder_lock(io, config->folder, &embedded->lock_fd, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_log_env_note_folder(&embedded->env, e);
    if (rc == 0) {
        rc = pn_topics_open(&embedded->topics, e);
    }
    if (rc != 0) {
        goto out;
    }
    pn_committer_start(&embedded->committer, &embedded->env, &embedded->topics);
    pn_maintenance_start(&embedded->maintenance, &embedded->topics);
    *log = &embedded->log;
    embedded = NULL;
out:
    if (embedded != NULL) {
        embedded_free(embedded);
    }
    return rc;
}
