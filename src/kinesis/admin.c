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

#include "base/mem.h"
#include "kinesis/internal.h"

/* --- changing --------------------------------------------------------------------------------- */

static int update_locked(struct pn_kinesis *kinesis, const char *name,
                         int (*fn)(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                                   struct pn_err *e),
                         void *arg, struct pn_err *e)
{
    struct pn_snapshot *before = NULL;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
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
    pn_arena_deinit(&arena);
    return rc;
}

int pn_kinesis_update(struct pn_kinesis *kinesis, const char *name,
                      int (*fn)(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                                struct pn_err *e),
                      void *arg, struct pn_err *e)
{
    pthread_mutex_lock(&kinesis->admin_lock);
    int rc = kinesis->ledger != NULL ? pn_shared_update(kinesis, name, fn, arg, e)
                                     : update_locked(kinesis, name, fn, arg, e);
    pthread_mutex_unlock(&kinesis->admin_lock);
    return rc;
}

/* --- creating --------------------------------------------------------------------------------- */

/* A stream that is there, or a topic that belongs to none: its records are somebody's. */
static int check_free(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_snapshot *there = pn_registry_find(kinesis, name);
    if (there != NULL) {
        const struct pn_stream *stream = &there->stream;
        pn_stream_release(&stream);
        return pn_kinesis_exists(kinesis, name, e);
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
    struct pn_stream stream = pn_kinesis_new_stream(kinesis, create, &arena);
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
    int rc = pn_kinesis_check_create(create, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&kinesis->admin_lock);
    rc = kinesis->ledger != NULL ? pn_shared_create(kinesis, create, e)
                                 : create_locked(kinesis, create, e);
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
    rc = pn_kinesis_check_deletable(kinesis, stream, with_consumers, e);
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
    int rc = kinesis->ledger != NULL ? pn_shared_delete(kinesis, name, with_consumers, e)
                                     : delete_locked(kinesis, name, with_consumers, e);
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
