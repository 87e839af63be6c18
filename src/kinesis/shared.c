/*
 * Streams that several processes share: their metadata is in a ledger, one entry a stream.
 *
 *   stream/<name>   the stream's metadata, the same text as in a file
 *   account         the account's settings
 *   key             the key that iterators are sealed with, so that one of any process is good in
 *                   all; made before the first stream
 *
 * What the ledger says becomes a snapshot, in all processes alike. A change is put
 * with the version of the stream that it was made from, and made again if another came first.
 *
 *   create   the topic, then the entry. A topic without an entry is taken by the next creation: no
 *            record can be in it
 *   delete   DELETING in the entry, so that no process takes records any more; the topic goes; then
 *            the entry. A deletion that was cut short is finished by the next start, or by the next
 *            deletion
 *
 * Where two processes finish one deletion, one of them may be late: it looks at the ledger again
 * right before the topic goes, so that it does not take that of a new stream.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/internal.h"

#define STREAM  "stream/"
#define ACCOUNT "account"
#define KEY     "key"

enum { TRIES = 20, TEXT_BYTES_MAX = 8 << 20 };

bool pn_kinesis_is_shared(const struct pn_kinesis *kinesis)
{
    return kinesis->ledger != NULL;
}

int pn_kinesis_catch_up(struct pn_kinesis *kinesis, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = kinesis->ledger != NULL ? pn_ledger_catch_up(kinesis->ledger, &why) : 0;
    return rc == 0 ? 0 : pn_kinesis_internal(e, &why);
}

int pn_kinesis_check_known(struct pn_kinesis *kinesis, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = kinesis->ledger != NULL ? pn_ledger_denial(kinesis->ledger, &why) : 0;
    return rc == 0 ? 0 : pn_kinesis_internal(e, &why);
}

/* --- what the ledger says --------------------------------------------------------------------- */

/* No shard of a stream that is made later may look like one of this stream. */
static void pass(struct pn_kinesis *kinesis, const struct pn_stream *gone)
{
    for (size_t i = 0; i < gone->shard_count; i++) {
        int64_t created_s = gone->shards[i].created_ms / 1000;
        if (created_s > kinesis->gone_s) {
            kinesis->gone_s = created_s;
        }
    }
}

/* The log may not have heard of a topic that another process has just made; a put must not wait for
 * that. */
static void make_known(struct pn_kinesis *kinesis, const char *topic)
{
    struct pn_log_topic_info info;
    struct pn_err why = {0};
    if (pn_log_topic(kinesis->log, topic, &info, NULL) != 0 &&
        pn_log_refresh(kinesis->log, topic, &why) != 0) {
        pn_logger_warn(kinesis->logger, "kinesis", "topic %s is not known yet: %s", topic, why.msg);
    }
}

static void install(struct pn_kinesis *kinesis, const char *name, struct pn_bytes text, int64_t at,
                    const struct pn_snapshot *before)
{
    struct pn_arena arena;
    struct pn_buf copy;
    struct pn_stream stream;
    struct pn_err why = {0};
    pn_arena_init(&arena, 0);
    pn_buf_init(&copy, TEXT_BYTES_MAX);
    pn_buf_add(&copy, text.data, text.len);
    char *place =
        pn_arena_printf(&arena, "topic %s, offset %lld", PN_INTERNAL_TOPIC_LEDGER, (long long)at);
    int rc = pn_buf_check(&copy, place, &why);
    if (rc == 0) {
        rc = pn_metadata_parse(&copy, place, name, &arena, &stream, &why);
    }
    if (rc != 0) {
        pn_logger_error(kinesis->logger, "kinesis", "stream %s stays as it was: %s", name, why.msg);
    } else {
        bool is_same = before != NULL && before->stream.id == stream.id;
        stream.version = at;
        struct pn_snapshot *snapshot =
            pn_snapshot_create(kinesis, &stream, is_same ? before : NULL,
                               is_same && before->stream.status != stream.status);
        if (before != NULL && !is_same) {
            pass(kinesis, &before->stream);
        }
        if (kinesis->ledger != NULL) { /* else it may be one that was deleted long ago */
            make_known(kinesis, snapshot->stream.topic);
        }
        pn_registry_install(kinesis, snapshot);
    }
    pn_buf_deinit(&copy);
    pn_arena_deinit(&arena);
}

/* An entry has changed; the ledger calls this with its lock. */
static void on_change(void *arg, const char *key, struct pn_bytes text, int64_t at)
{
    struct pn_kinesis *kinesis = arg;
    const char *name = key + strlen(STREAM);
    if (strcmp(key, KEY) == 0 && text.data != NULL && text.len == PN_ITERATOR_KEY_BYTES) {
        memcpy(kinesis->iterator_key, text.data, text.len); /* it is older than any stream */
        return;
    }
    if (strncmp(key, STREAM, strlen(STREAM)) != 0 || !pn_stream_name_valid(name, strlen(name))) {
        return; /* what else there is, is asked for */
    }
    struct pn_snapshot *before = pn_registry_find(kinesis, name);
    if (text.data != NULL) {
        install(kinesis, name, text, at, before);
    } else if (before != NULL) {
        pass(kinesis, &before->stream);
        pn_registry_remove(kinesis, name);
    }
    if (before != NULL) {
        const struct pn_stream *stream = &before->stream;
        pn_stream_release(&stream);
    }
}

/* --- putting ---------------------------------------------------------------------------------- */

static int put(struct pn_kinesis *kinesis, const char *key, struct pn_bytes text, int64_t after,
               bool *won, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = pn_ledger_put(kinesis->ledger, key, text, after, won, &why);
    return rc == 0 ? 0 : pn_kinesis_internal(e, &why);
}

static int put_stream(struct pn_kinesis *kinesis, const struct pn_stream *stream, bool *won,
                      struct pn_err *e)
{
    struct pn_buf text;
    struct pn_err why = {0};
    char *key = pn_xasprintf(STREAM "%s", stream->name);
    pn_buf_init(&text, TEXT_BYTES_MAX);
    int rc = pn_metadata_write(&text, stream, key, &why);
    rc = rc == 0
             ? put(kinesis, key, (struct pn_bytes){text.data, text.len}, stream->version, won, e)
             : pn_kinesis_internal(e, &why);
    pn_buf_deinit(&text);
    free(key);
    return rc;
}

static int busy(const struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                      "Stream %s under account %s is being changed by other servers: try again.",
                      name, kinesis->config.account);
}

/* --- creating --------------------------------------------------------------------------------- */

static int make_topic(struct pn_kinesis *kinesis, const struct pn_stream *stream, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_log_topic_config config = pn_kinesis_topic_config(stream);
    char *topic = pn_xasprintf("%s%s", PN_KINESIS_TOPIC_PREFIX, stream->name);
    int rc = pn_log_create_topic(kinesis->log, topic, &config, &why);
    if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
        rc = pn_kinesis_fit_topic(kinesis, stream, topic, true, &why);
    }
    free(topic);
    return rc == 0 ? 0 : pn_kinesis_internal(e, &why);
}

/* Iterators are of streams, so the first stream's creation makes their key. */
static int make_key(struct pn_kinesis *kinesis, struct pn_err *e)
{
    uint64_t key[PN_ITERATOR_KEY_BYTES / sizeof(uint64_t)];
    int64_t at = -1;
    bool won = false; /* else another process has made it */
    if (pn_ledger_get(kinesis->ledger, KEY, NULL, &at)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        key[i] = pn_entropy_u64();
    }
    return put(kinesis, KEY, (struct pn_bytes){key, sizeof key}, at, &won, e);
}

/* The offset at which an entry of that name is, or was. */
static int64_t version_of(struct pn_kinesis *kinesis, const char *name)
{
    int64_t at = -1;
    char *key = pn_xasprintf(STREAM "%s", name);
    (void)pn_ledger_get(kinesis->ledger, key, NULL, &at);
    free(key);
    return at;
}

int pn_shared_create(struct pn_kinesis *kinesis, const struct pn_stream_create *create,
                     struct pn_err *e)
{
    struct pn_arena arena;
    int rc = pn_kinesis_catch_up(kinesis, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_snapshot *there = pn_registry_find(kinesis, create->name);
    if (there != NULL) {
        const struct pn_stream *stream = &there->stream;
        pn_stream_release(&stream);
        return pn_kinesis_exists(kinesis, create->name, e);
    }
    pn_arena_init(&arena, 0);
    struct pn_stream stream = pn_kinesis_new_stream(kinesis, create, &arena);
    stream.status = PN_STREAM_ACTIVE;
    stream.version = version_of(kinesis, create->name);
    rc = pn_kinesis_check_limit(kinesis, (int64_t)stream.shard_count, e);
    if (rc == 0) {
        rc = make_key(kinesis, e);
    }
    if (rc == 0) {
        rc = make_topic(kinesis, &stream, e);
    }
    bool won = false;
    if (rc == 0) {
        rc = put_stream(kinesis, &stream, &won, e);
    }
    if (rc == 0 && !won) {
        rc = pn_kinesis_exists(kinesis, create->name, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* --- changing --------------------------------------------------------------------------------- */

int pn_shared_check_reshard(const struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    return kinesis->ledger == NULL
               ? 0
               : pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT,
                            "Stream %s is in a Kafka cluster (log.url), where a stream keeps its "
                            "shards: create another stream with as many as you need.",
                            name);
}

/* Fits the topic to the present entry; true when that still is the present one afterwards. An error
 * says nothing where it is not: another process may have deleted the topic with its stream. */
static bool fit_to_present(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_snapshot *present = pn_registry_find(kinesis, name);
    if (present == NULL) {
        return true;
    }
    const struct pn_stream *stream = &present->stream;
    int64_t version = stream->version;
    int rc = stream->status == PN_STREAM_ACTIVE
                 ? pn_kinesis_fit_topic(kinesis, stream, stream->topic, false, &why)
                 : 0;
    pn_stream_release(&stream);
    int caught_up = pn_kinesis_catch_up(kinesis, rc == 0 ? &why : NULL);
    if (caught_up == 0 && version_of(kinesis, name) != version) {
        return false;
    }
    pn_err_copy(e, &why);
    return rc == 0 && caught_up == 0;
}

/* After a change: the topic loses what is no longer wanted. Another process may change the stream
 * and fit the topic before we do; so the one that fits last looks whether the entry has moved. */
static void settle_topic(struct pn_kinesis *kinesis, const char *name)
{
    struct pn_err why = {0};
    bool is_settled = false;
    for (int i = 0; i < TRIES && !is_settled && why.code == 0; i++) {
        is_settled = fit_to_present(kinesis, name, &why);
    }
    if (!is_settled) {
        pn_logger_warn(kinesis->logger, "kinesis",
                       "topic %s%s may keep other settings than its stream until they are changed "
                       "again: %s",
                       PN_KINESIS_TOPIC_PREFIX, name,
                       why.code != 0 ? why.msg : "other servers are changing it");
    }
}

int pn_shared_update(struct pn_kinesis *kinesis, const char *name,
                     int (*fn)(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                               struct pn_err *e),
                     void *arg, struct pn_err *e)
{
    bool won = false;
    int rc = pn_kinesis_catch_up(kinesis, e);
    for (int i = 0; rc == 0 && !won && i < TRIES; i++) {
        struct pn_arena arena;
        struct pn_err why = {0};
        struct pn_snapshot *before = NULL;
        rc = pn_kinesis_hold_active(kinesis, name, &before, e);
        if (rc != 0) {
            return rc;
        }
        struct pn_stream edit = before->stream;
        pn_arena_init(&arena, 0);
        rc = fn(arg, &edit, &arena, e);
        if (rc == 0 && pn_kinesis_fit_topic(kinesis, &edit, edit.topic, true, &why) != 0) {
            rc = pn_kinesis_internal(e, &why);
        }
        if (rc == 0) {
            rc = put_stream(kinesis, &edit, &won, e);
        }
        if (rc == 0 && won) {
            settle_topic(kinesis, name);
        }
        const struct pn_stream *stream = &before->stream;
        pn_stream_release(&stream);
        pn_arena_deinit(&arena);
    }
    return rc == 0 && !won ? busy(kinesis, name, e) : rc;
}

/* --- deleting --------------------------------------------------------------------------------- */

/* The records, then the entry, of a stream that is DELETING. */
static int finish_deletion(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_snapshot *snapshot = pn_registry_find(kinesis, name);
    if (snapshot == NULL) {
        return 0; /* another process has finished it */
    }
    const struct pn_stream *stream = &snapshot->stream;
    int64_t version = stream->version;
    pn_stream_drain(snapshot);
    int rc = pn_kinesis_catch_up(kinesis, e);
    bool is_ours = rc == 0 && version_of(kinesis, name) == version;
    if (is_ours && pn_log_delete_topic(kinesis->log, stream->topic, &why) != 0 &&
        why.class_ != PN_CLASS_MISSING) {
        rc = pn_kinesis_internal(e, &why);
    }
    if (is_ours && rc == 0) {
        bool won = false; /* else another process has done the same */
        char *key = pn_xasprintf(STREAM "%s", name);
        rc = put(kinesis, key, (struct pn_bytes){0}, version, &won, e);
        free(key);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_shared_delete(struct pn_kinesis *kinesis, const char *name, bool with_consumers,
                     struct pn_err *e)
{
    bool is_deleting = false;
    int rc = pn_kinesis_catch_up(kinesis, e);
    for (int i = 0; rc == 0 && !is_deleting && i < TRIES; i++) {
        const struct pn_stream *stream = NULL;
        rc = pn_kinesis_stream(kinesis, name, &stream, e);
        if (rc != 0) {
            return rc;
        }
        rc = pn_kinesis_check_deletable(kinesis, stream, with_consumers, e);
        is_deleting = stream->status == PN_STREAM_DELETING;
        if (rc == 0 && !is_deleting) {
            struct pn_stream edit = *stream;
            edit.status = PN_STREAM_DELETING;
            rc = put_stream(kinesis, &edit, &is_deleting, e);
        }
        pn_stream_release(&stream);
    }
    if (rc != 0) {
        return rc;
    }
    return is_deleting ? finish_deletion(kinesis, name, e) : busy(kinesis, name, e);
}

/* --- the account ------------------------------------------------------------------------------ */

int pn_shared_account(struct pn_kinesis *kinesis, struct pn_buf *out, struct pn_err *e)
{
    int64_t at = -1;
    int rc = pn_kinesis_catch_up(kinesis, e);
    if (rc == 0) {
        (void)pn_ledger_get(kinesis->ledger, ACCOUNT, out, &at);
    }
    return rc;
}

/* The last one counts. */
int pn_shared_account_set(struct pn_kinesis *kinesis, const char *json, size_t len,
                          struct pn_err *e)
{
    bool won = false;
    int rc = pn_kinesis_catch_up(kinesis, e);
    for (int i = 0; rc == 0 && !won && i < TRIES; i++) {
        int64_t at = -1;
        (void)pn_ledger_get(kinesis->ledger, ACCOUNT, NULL, &at);
        rc = put(kinesis, ACCOUNT, (struct pn_bytes){json, len}, at, &won, e);
    }
    return rc == 0 && !won
               ? pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                            "The account's settings are being changed by other servers: try again.")
               : rc;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void look_at_all(struct pn_kinesis *kinesis)
{
    struct pn_arena arena;
    const char **names = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    pn_kinesis_names(kinesis, &arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream *stream = NULL;
        struct pn_err why = {0};
        bool is_deleting = pn_kinesis_stream(kinesis, names[i], &stream, NULL) == 0 &&
                           stream->status == PN_STREAM_DELETING;
        if (stream != NULL && !is_deleting) {
            make_known(kinesis, stream->topic);
        }
        pn_stream_release(&stream);
        if (is_deleting && finish_deletion(kinesis, names[i], &why) != 0) {
            pn_logger_warn(kinesis->logger, "kinesis",
                           "stream %s is not deleted yet, and the next start tries again: %s",
                           names[i], why.msg);
        }
    }
    pn_arena_deinit(&arena);
}

int pn_shared_open(struct pn_kinesis *kinesis, struct pn_err *e)
{
    struct pn_err why = {0};
    const struct pn_ledger_config config = {.log = kinesis->log,
                                            .logger = kinesis->logger,
                                            .topic = PN_INTERNAL_TOPIC_LEDGER,
                                            .changed = on_change,
                                            .arg = kinesis};
    if (pn_ledger_open(&config, &kinesis->ledger, &why) != 0) {
        return pn_kinesis_internal(e, &why);
    }
    look_at_all(kinesis);
    int rc = pn_ledger_follow(kinesis->ledger, &why);
    return rc == 0 ? 0 : pn_kinesis_internal(e, &why);
}
