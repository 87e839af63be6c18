/*
 * Making, changing and deleting streams. What a crash leaves of each:
 *
 *   create   CREATING in the file, then the topic, then ACTIVE. The next start continues from
 *            CREATING.
 *   delete   DELETING in the file, then the topic goes, then the file. The next start continues
 *            from DELETING.
 *   others   the log's topic gets what the change needs (partitions, room for larger records, a
 *            longer retention), then the file is replaced, then the topic loses what is no longer
 *            wanted. A start gives the topic what the file says.
 *
 * The file counts: nothing is visible, or takes records, before it is on the disk. A replace that
 * failed may have left the new contents: the old ones are put back at once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked_file.h"
#include "base/json.h"
#include "base/mem.h"
#include "kinesis/internal.h"

enum {
    SHARDS_DEFAULT = 1,
    SHARDS_DEFAULT_ON_DEMAND = 4,
    RETENTION_HOURS_DEFAULT = 24,
    RECORD_KIB_DEFAULT = 1024,
    ACCOUNT_BYTES_MAX = 1024 * 1024,
    ACCOUNT_FILE_BYTES_MAX = ACCOUNT_BYTES_MAX + 1024
};

int pn_kinesis_check_limit(const struct pn_kinesis *kinesis, int64_t more, struct pn_err *e)
{
    const struct pn_kinesis_config *config = &kinesis->config;
    int64_t now = pn_registry_open_shards(kinesis);
    if (more <= 0 || now + more <= config->shards_max) {
        return 0;
    }
    return pn_err_set(
        e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
        "This request would exceed the shard limit for the account %s in %s. Current shard count "
        "for the account: %lld. Limit: %lld. Number of additional shards that would have resulted "
        "from this request: %lld. Refer to the AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits "
        "and how to request higher limits.",
        config->account, config->region, (long long)now, (long long)config->shards_max,
        (long long)more);
}

int pn_kinesis_hold_active(struct pn_kinesis *kinesis, const char *name,
                           struct pn_snapshot **snapshot, struct pn_err *e)
{
    const struct pn_stream *stream = NULL;
    int rc = pn_kinesis_stream(kinesis, name, &stream, e);
    *snapshot = (struct pn_snapshot *)(uintptr_t)stream;
    if (rc == 0 && stream->status != PN_STREAM_ACTIVE) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                        "Stream %s under account %s not ACTIVE, instead in state %s", stream->name,
                        kinesis->config.account, pn_stream_status_name(stream->status));
        pn_stream_release(&stream);
        *snapshot = NULL;
    }
    return rc;
}

/* --- changing --------------------------------------------------------------------------------- */

int pn_kinesis_update(struct pn_kinesis *kinesis, const char *name,
                      int (*fn)(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                                struct pn_err *e),
                      void *arg, struct pn_err *e)
{
    struct pn_snapshot *before = NULL;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pthread_mutex_lock(&kinesis->admin_lock);
    int rc = pn_kinesis_hold_active(kinesis, name, &before, e);
    if (rc == 0) {
        struct pn_stream edit = before->stream;
        rc = fn(arg, &edit, &arena, e);
        if (rc == 0) {
            rc = pn_kinesis_change(kinesis, before, &edit, false, e);
        }
        const struct pn_stream *stream = &before->stream;
        pn_stream_release(&stream);
    }
    pthread_mutex_unlock(&kinesis->admin_lock);
    pn_arena_deinit(&arena);
    return rc;
}

/* --- creating --------------------------------------------------------------------------------- */

static int check_create(const struct pn_stream_create *create, struct pn_err *e)
{
    size_t len = strlen(create->name);
    if (len == 0 || len > PN_STREAM_NAME_MAX) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value '%.*s' at 'streamName' failed to "
                          "satisfy constraint: Member must have length %s",
                          PN_STREAM_NAME_MAX * 2, create->name,
                          len == 0 ? "greater than or equal to 1" : "less than or equal to 128");
    }
    if (!pn_stream_name_valid(create->name, len)) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value '%s' at 'streamName' failed to "
                          "satisfy constraint: Member must satisfy regular expression pattern: "
                          "[a-zA-Z0-9_.-]+",
                          create->name);
    }
    if (create->shards < 0) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value '%d' at 'shardCount' failed to "
                          "satisfy constraint: Member must have value greater than or equal to 1",
                          create->shards);
    }
    if (create->shards > PN_SHARDS_MAX) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
                          "A stream has at most %d shards here, %d were asked for.",
                          (int)PN_SHARDS_MAX, create->shards);
    }
    return 0;
}

/* A stream that is there, or a topic that belongs to none: its records are somebody's. */
static int check_free(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_snapshot *there = pn_registry_find(kinesis, name);
    if (there != NULL) {
        const struct pn_stream *stream = &there->stream;
        pn_stream_release(&stream);
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                          "Stream %s under account %s already exists.", name,
                          kinesis->config.account);
    }
    int rc = pn_kinesis_check_closed(kinesis, name, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_log_topic_info info;
    struct pn_err why = {0};
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, name);
    if (pn_log_topic(kinesis->log, topic, &info, &why) != 0) {
        rc = why.class_ == PN_CLASS_MISSING ? 0 : pn_kinesis_internal(e, &why);
    } else {
        rc = pn_err_set(
            e, PN_CLASS_CONFLICT, PN_KINESIS_INTERNAL,
            "the log has a topic %s without a stream: restore the metadata of its stream in "
            "%s/streams, or remove the topic's folder from the log's folder, then start again",
            topic, kinesis->config.folder);
    }
    free(topic);
    return rc;
}

static struct pn_stream new_stream(const struct pn_kinesis *kinesis,
                                   const struct pn_stream_create *create, struct pn_arena *arena)
{
    int32_t usual = create->on_demand ? SHARDS_DEFAULT_ON_DEMAND : SHARDS_DEFAULT;
    size_t count = (size_t)(create->shards != 0 ? create->shards : usual);
    struct pn_shard *shards = pn_arena_calloc(arena, count, sizeof *shards);
    struct pn_stream stream = {
        .name = create->name,
        .status = PN_STREAM_CREATING,
        .created_ms = pn_wall_ms(kinesis->clock),
        .on_demand = create->on_demand,
        .spreads = create->spreads,
        .retention_hours =
            create->retention_hours != 0 ? create->retention_hours : RETENTION_HOURS_DEFAULT,
        .record_kib_max = create->record_kib_max != 0 ? create->record_kib_max : RECORD_KIB_DEFAULT,
        .warm_throughput_mibps = create->warm_throughput_mibps,
        .shards = shards,
        .shard_count = count,
        .tags = create->tags,
        .tag_count = create->tag_count};
    int64_t after_gone_ms = (kinesis->gone_s + 1) * 1000;
    pn_shards_uniform(shards, count,
                      stream.created_ms > after_gone_ms ? stream.created_ms : after_gone_ms);
    while (stream.id == 0) {
        stream.id = pn_entropy_u64();
    }
    return stream;
}

/* The topic, then ACTIVE: from a CREATING that is on the disk to a stream for all to see. */
static int finish_creation(struct pn_kinesis *kinesis, struct pn_stream *stream, struct pn_err *e)
{
    struct pn_err why;
    struct pn_log_topic_config config = pn_kinesis_topic_config(stream);
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, stream->name);
    int rc = pn_log_create_topic(kinesis->log, topic, &config, &why);
    if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
        rc = pn_kinesis_fit_topic(kinesis, stream, topic, false,
                                  &why); /* an earlier try came as far */
    }
    free(topic);
    if (rc != 0) {
        return pn_kinesis_internal(e, &why);
    }
    stream->status = PN_STREAM_ACTIVE;
    rc = pn_metadata_store(kinesis, stream, e);
    if (rc == 0) {
        pn_registry_install(kinesis, pn_snapshot_create(kinesis, stream, NULL, false));
    }
    return rc;
}

/*
 * Takes away what a creation that failed has made: the topic only once the file says CREATING again
 * (or was never more), so that no start finds an ACTIVE stream without its topic.
 */
static void undo_creation(struct pn_kinesis *kinesis, struct pn_stream *stream)
{
    struct pn_err why;
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, stream->name);
    int rc = 0;
    if (stream->status == PN_STREAM_ACTIVE) {
        stream->status = PN_STREAM_CREATING;
        rc = pn_metadata_store(kinesis, stream, &why);
    }
    if (rc == 0) {
        rc = pn_log_delete_topic(kinesis->log, topic, &why);
        rc = rc != 0 && why.class_ == PN_CLASS_MISSING ? 0 : rc;
    }
    if (rc == 0) {
        rc = pn_metadata_remove(kinesis, stream->name, &why);
    }
    if (rc != 0) {
        pn_logger_warn(kinesis->logger, "kinesis",
                       "stream %s could not be created, but may exist after the next start: %s",
                       stream->name, why.msg);
    }
    free(topic);
}

static int create_locked(struct pn_kinesis *kinesis, const struct pn_stream_create *create,
                         struct pn_err *e)
{
    struct pn_arena arena;
    int rc = check_free(kinesis, create->name, e);
    if (rc != 0) {
        return rc;
    }
    pn_arena_init(&arena, 0);
    struct pn_stream stream = new_stream(kinesis, create, &arena);
    rc = pn_kinesis_check_limit(kinesis, (int64_t)stream.shard_count, e);
    if (rc != 0) {
        goto out;
    }
    rc = pn_metadata_store(kinesis, &stream, e);
    if (rc == 0) {
        rc = finish_creation(kinesis, &stream, e);
    }
    if (rc != 0) {
        undo_creation(kinesis, &stream);
    }
out:
    pn_arena_deinit(&arena);
    return rc;
}

int pn_kinesis_create_stream(struct pn_kinesis *kinesis, const struct pn_stream_create *create,
                             struct pn_err *e)
{
    int rc = check_create(create, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&kinesis->admin_lock);
    rc = create_locked(kinesis, create, e);
    pthread_mutex_unlock(&kinesis->admin_lock);
    return rc;
}

/* --- deleting --------------------------------------------------------------------------------- */

/* The records, then the file: from a DELETING that is on the disk to nothing. */
static int finish_deletion(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                           struct pn_err *e)
{
    struct pn_err why;
    const char *name = stream->name;
    int rc = pn_metadata_keep_gone(kinesis, stream, e);
    if (rc != 0) {
        return rc;
    }
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, name);
    rc = pn_log_delete_topic(kinesis->log, topic, &why);
    free(topic);
    if (rc != 0 && why.class_ != PN_CLASS_MISSING) {
        return pn_kinesis_internal(e, &why);
    }
    /* A file that stays says DELETING: the next start, or a new stream of the name, removes it. */
    if (pn_metadata_remove(kinesis, name, &why) != 0) {
        pn_logger_warn(kinesis->logger, "kinesis",
                       "the metadata of deleted stream %s is removed at the next start: %s", name,
                       why.msg);
    }
    pn_registry_remove(kinesis, name);
    return 0;
}

/* Makes the stream DELETING, on the disk and for all to see, and waits for the last put. */
static int begin_deletion(struct pn_kinesis *kinesis, struct pn_snapshot *before, struct pn_err *e)
{
    struct pn_stream edit = before->stream;
    edit.status = PN_STREAM_DELETING;
    int rc = pn_metadata_store(kinesis, &edit, e);
    if (rc != 0 && pn_kinesis_restore(kinesis, &before->stream)) {
        return rc;
    }
    /* Also when the file may say either: nothing is acknowledged that the next start deletes. */
    const struct pn_stream *after = &pn_kinesis_reroute(kinesis, before, &edit)->stream;
    pn_stream_release(&after);
    return rc;
}

static int delete_locked(struct pn_kinesis *kinesis, const char *name, bool with_consumers,
                         struct pn_err *e)
{
    const struct pn_stream *stream = NULL;
    int rc = pn_kinesis_stream(kinesis, name, &stream, e);
    if (rc != 0) {
        return rc;
    }
    if (stream->consumer_count > 0 && !with_consumers) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                        "DeleteStream can't delete %s:%s because there are consumers associated "
                        "with this data stream. To delete %s anyway, set the "
                        "EnforceConsumerDeletion parameter to true to force the deletion of all "
                        "the consumers that are associated with it.",
                        kinesis->config.account, name, name);
    }
    if (rc == 0) {
        /* Again when it is DELETING already: the file may say so or not. */
        rc = begin_deletion(kinesis, (struct pn_snapshot *)(uintptr_t)stream, e);
    }
    if (rc == 0) {
        rc = finish_deletion(kinesis, stream, e);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_kinesis_delete_stream(struct pn_kinesis *kinesis, const char *name, bool with_consumers,
                             struct pn_err *e)
{
    pthread_mutex_lock(&kinesis->admin_lock);
    int rc = delete_locked(kinesis, name, with_consumers, e);
    pthread_mutex_unlock(&kinesis->admin_lock);
    return rc;
}

/* --- the start -------------------------------------------------------------------------------- */

static int recover_active(struct pn_kinesis *kinesis, struct pn_stream *stream, struct pn_err *e)
{
    struct pn_err why;
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, stream->name);
    char *path = pn_metadata_path(kinesis, stream->name);
    int rc = pn_kinesis_fit_topic(kinesis, stream, topic, false, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        (void)pn_err_set(&why, PN_CLASS_CORRUPT, PN_FAIL,
                         "the log has no topic %s for the records of the stream of %s: restore the "
                         "topic's folder, or remove that file to abandon the stream",
                         topic, path);
    }
    if (rc == 0) {
        rc = pn_kinesis_find_ends(kinesis, stream, topic,
                                  (struct pn_shard *)(uintptr_t)stream->shards, &why);
    }
    if (rc == 0) {
        pn_registry_install(kinesis, pn_snapshot_create(kinesis, stream, NULL, false));
    } else {
        rc = pn_kinesis_internal(e, &why);
    }
    free(path);
    free(topic);
    return rc;
}

int pn_kinesis_recover_stream(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_stream stream;
    pn_arena_init(&arena, 0);
    int rc = pn_metadata_load(kinesis, name, &arena, &stream, e);
    if (rc == 0 && stream.status == PN_STREAM_CREATING) {
        pn_logger_info(kinesis->logger, "kinesis", "stream %s: its creation is finished", name);
        rc = finish_creation(kinesis, &stream, e);
    } else if (rc == 0 && stream.status == PN_STREAM_DELETING) {
        pn_logger_info(kinesis->logger, "kinesis", "stream %s: its deletion is finished", name);
        rc = finish_deletion(kinesis, &stream, e);
    } else if (rc == 0) {
        rc = recover_active(kinesis, &stream, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* --- the account ------------------------------------------------------------------------------ */

/* Takes the settings out of the file's text: an older file is nothing but them. */
static int take_account(const struct pn_buf *text, bool is_old, const char *path,
                        struct pn_buf *out, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, pn_buf_text(text), text->len, text->len, &root, NULL);
    const struct pn_json *account = rc == 0 && !is_old ? pn_json_get(root, "account") : root;
    if (rc == 0 && account != NULL) {
        pn_buf_add(out, account->raw, account->raw_len);
    } else {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s is damaged. Restore it from a backup, or remove it; the account's "
                        "settings are then those of a new account",
                        path);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_kinesis_account(struct pn_kinesis *kinesis, struct pn_buf *out, struct pn_err *e)
{
    struct pn_err why;
    struct pn_buf text;
    bool is_old = false;
    char *path = pn_xasprintf("%s/account.json", kinesis->config.folder);
    pn_buf_init(&text, ACCOUNT_FILE_BYTES_MAX);
    int rc = pn_checked_file_read(kinesis->io, path, "{", &text, &is_old, &why);
    if (rc == 0) {
        rc = take_account(&text, is_old, path, out, &why);
    } else if (why.class_ == PN_CLASS_MISSING) {
        pn_buf_adds(out, "{}");
        rc = 0;
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

/* The settings as a file that says whether it is whole. */
static int store_account(struct pn_kinesis *kinesis, const char *path, const char *json, size_t len,
                         struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, ACCOUNT_FILE_BYTES_MAX);
    struct pn_json_writer writer;
    pn_json_writer_init(&writer, &text);
    pn_checked_begin(&writer);
    pn_json_add_raw(&writer, "account", json, len);
    pn_checked_end(&writer);
    int rc = pn_buf_check(&text, path, e);
    if (rc == 0) {
        rc = pn_io_replace_file(kinesis->io, path, text.data, text.len, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

int pn_kinesis_account_set(struct pn_kinesis *kinesis, const char *json, size_t len,
                           struct pn_err *e)
{
    struct pn_err why;
    char *path = pn_xasprintf("%s/account.json", kinesis->config.folder);
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = 0;
    if (len > ACCOUNT_BYTES_MAX) {
        rc = pn_err_input(&why, "the account's settings are larger than %d bytes",
                          (int)ACCOUNT_BYTES_MAX);
    } else {
        rc = pn_json_parse(parser, json, len, len, &root, &why);
    }
    if (rc == 0) {
        pthread_mutex_lock(&kinesis->admin_lock);
        rc = store_account(kinesis, path, json, len, &why);
        pthread_mutex_unlock(&kinesis->admin_lock);
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_json_parser_destroy(&parser);
    free(path);
    return rc;
}
