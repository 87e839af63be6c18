/* Opening and closing the streams of a data folder. */
#include "kinesis/kinesis.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/internal.h"

enum { ACCOUNT_DIGITS = 12 };

/* --- the key ---------------------------------------------------------------------------------- */

static int make_key(struct pn_kinesis *kinesis, const char *path, struct pn_err *e)
{
    for (size_t at = 0; at < PN_ITERATOR_KEY_BYTES; at += sizeof(uint64_t)) {
        uint64_t random = pn_entropy_u64();
        memcpy(kinesis->iterator_key + at, &random, sizeof random);
    }
    return pn_io_replace_secret(kinesis->io, path, kinesis->iterator_key, PN_ITERATOR_KEY_BYTES, e);
}

/* The key that iterators are sealed with: made once, then read. */
static int get_key(struct pn_kinesis *kinesis, struct pn_err *e)
{
    struct pn_buf bytes;
    struct pn_err why;
    char *path = pn_xasprintf("%s/key", kinesis->config.folder);
    pn_buf_init(&bytes, PN_ITERATOR_KEY_BYTES);
    int rc = pn_io_read_file(kinesis->io, path, &bytes, &why);
    if (rc == 0 && bytes.len == PN_ITERATOR_KEY_BYTES) {
        memcpy(kinesis->iterator_key, bytes.data, PN_ITERATOR_KEY_BYTES);
    } else if (rc == 0 || why.class_ == PN_CLASS_INPUT) {
        rc = pn_err_set(&why, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s: it does not have %d bytes; remove it, which makes the existing shard "
                        "iterators invalid",
                        path, (int)PN_ITERATOR_KEY_BYTES);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = make_key(kinesis, path, &why);
    }
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    pn_buf_deinit(&bytes);
    free(path);
    return rc;
}

/* --- the streams ------------------------------------------------------------------------------ */

/* The stream's name of a file's, "<name>.json", cut off in place; false for other files. */
static bool cut_name(char *file)
{
    static const char suffix[] = ".json";
    size_t len = strlen(file);
    size_t suffix_len = sizeof suffix - 1;
    if (len <= suffix_len || strcmp(file + len - suffix_len, suffix) != 0) {
        return false;
    }
    file[len - suffix_len] = '\0';
    return pn_stream_name_valid(file, len - suffix_len);
}

/* One that is damaged is closed, and keeps no other from being served. */
static int recover_stream(struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    struct pn_err why;
    int rc = pn_kinesis_recover_stream(kinesis, name, &why);
    if (rc != 0 && why.class_ == PN_CLASS_CORRUPT) {
        pn_kinesis_close_stream(kinesis, name, &why);
        rc = 0;
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    }
    return rc;
}

static int recover_streams(struct pn_kinesis *kinesis, const char *folder, struct pn_err *e)
{
    struct pn_io_listing listing = {0};
    struct pn_err why;
    int rc = pn_io_list(kinesis->io, folder, &listing, &why);
    if (rc != 0) {
        rc = pn_kinesis_internal(e, &why);
    }
    for (size_t i = 0; rc == 0 && i < listing.count; i++) {
        if (!listing.entries[i].is_dir && cut_name(listing.entries[i].name)) {
            rc = recover_stream(kinesis, listing.entries[i].name, e);
        }
    }
    pn_io_listing_deinit(&listing);
    return rc;
}

static void warn_of_stray(struct pn_kinesis *kinesis, const char *topic)
{
    if (pn_kinesis_is_shared(kinesis)) {
        pn_logger_warn(kinesis->logger, "kinesis",
                       "topic %s belongs to a stream that topic %s does not have: the topic stays "
                       "as it is, and a new stream of that name begins with its records; delete "
                       "it if nobody needs them",
                       topic, PN_INTERNAL_TOPIC_LEDGER);
        return;
    }
    pn_logger_warn(kinesis->logger, "kinesis",
                   "topic %s belongs to a stream without metadata in %s/streams: the topic stays "
                   "as it is, and no stream of that name can be created",
                   topic, kinesis->config.folder);
}

/* A topic of a stream without metadata: nobody can read it, and nobody but a person may decide what
 * becomes of its records. */
static void warn_of_strays(struct pn_kinesis *kinesis)
{
    struct pn_arena arena;
    struct pn_log_topic_info *topics = NULL;
    size_t count = 0;
    size_t prefix_len = strlen(PN_KINESIS_TOPIC_PREFIX);
    pn_arena_init(&arena, 0);
    if (pn_log_topics(kinesis->log, &arena, &topics, &count, NULL) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (strncmp(topics[i].name, PN_KINESIS_TOPIC_PREFIX, prefix_len) != 0) {
                continue;
            }
            const char *name = topics[i].name + prefix_len;
            struct pn_snapshot *found = pn_registry_find(kinesis, name);
            if (found == NULL && pn_kinesis_check_closed(kinesis, name, NULL) == 0) {
                warn_of_stray(kinesis, topics[i].name);
            } else if (found != NULL) {
                const struct pn_stream *stream = &found->stream;
                pn_stream_release(&stream);
            }
        }
    }
    pn_arena_deinit(&arena);
}

/* Makes the folders. What is in them was perhaps renamed just before a crash, and must last from
 * here on. */
static int open_folders(struct pn_kinesis *kinesis, const char *streams, struct pn_err *e)
{
    const struct pn_io *io = kinesis->io;
    struct pn_err why;
    int rc = pn_io_mkdirs(io, streams, &why);
    if (rc == 0) {
        rc = pn_io_sync_dir(io, streams, &why);
    }
    if (rc == 0) {
        rc = pn_io_sync_dir(io, kinesis->config.folder, &why);
    }
    if (rc == 0) {
        rc = pn_io_sync_parent(io, kinesis->config.folder, &why);
    }
    return rc == 0 ? 0 : pn_kinesis_internal(e, &why);
}

/* They are parts of every ARN, which is read back by the colons between them. */
static int check_names(const struct pn_kinesis_config *config, struct pn_err *e)
{
    if (strspn(config->account, "0123456789") != ACCOUNT_DIGITS ||
        strlen(config->account) != ACCOUNT_DIGITS) {
        return pn_err_input(
            e, "kinesis.account must be 12 digits such as \"123456789012\", not \"%s\"",
            config->account);
    }
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (config->region[0] == '\0' || config->region[strspn(config->region, letters)] != '\0') {
        return pn_err_input(e,
                            "aws.region must be a region's name such as \"us-east-1\", not \"%s\"",
                            config->region);
    }
    return 0;
}

/* The streams of this process alone, from the files in its folder. */
static int open_own(struct pn_kinesis *kinesis, struct pn_err *e)
{
    char *folder = pn_xasprintf("%s/streams", kinesis->config.folder);
    int rc = open_folders(kinesis, folder, e);
    if (rc == 0) {
        rc = get_key(kinesis, e);
    }
    if (rc == 0) {
        rc = pn_metadata_load_gone(kinesis, e);
    }
    if (rc == 0) {
        rc = recover_streams(kinesis, folder, e);
    }
    free(folder);
    return rc;
}

int pn_kinesis_create(const struct pn_kinesis_config *config, struct pn_log *log,
                      const struct pn_io *io, const struct pn_clock *clock,
                      struct pn_logger *logger, struct pn_metrics *metrics,
                      struct pn_kinesis **kinesis, struct pn_err *e)
{
    int rc = check_names(config, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_kinesis *k = pn_xcalloc(1, sizeof *k);
    *k = (struct pn_kinesis){.config = *config,
                             .log = log,
                             .io = io,
                             .clock = clock,
                             .logger = logger,
                             .metrics = metrics};
    pthread_mutex_init(&k->admin_lock, NULL);
    pthread_mutex_init(&k->random_lock, NULL);
    pthread_mutex_init(&k->subscriptions_lock, NULL);
    pthread_rwlock_init(&k->streams_lock, NULL);
    pn_random_init(&k->random, pn_entropy_u64());

    rc = config->shared ? pn_shared_open(k, e) : open_own(k, e);
    if (rc == 0 && pn_kinesis_check_known(k, NULL) == 0) {
        warn_of_strays(k);
    }
    if (rc == 0) {
        *kinesis = k;
        k = NULL;
    }
    pn_kinesis_destroy(&k);
    return rc;
}

void pn_kinesis_destroy(struct pn_kinesis **kinesis)
{
    struct pn_kinesis *k = *kinesis;
    if (k == NULL) {
        return;
    }
    *kinesis = NULL;
    pn_ledger_close(&k->ledger); /* before what its changes go into */
    pn_registry_deinit(k);
    pn_kinesis_closed_deinit(k);
    pthread_rwlock_destroy(&k->streams_lock);
    PN_ASSERT(k->subscriptions == NULL);
    pthread_mutex_destroy(&k->subscriptions_lock);
    pthread_mutex_destroy(&k->random_lock);
    pthread_mutex_destroy(&k->admin_lock);
    free(k);
}

const struct pn_kinesis_config *pn_kinesis_config(const struct pn_kinesis *kinesis)
{
    return &kinesis->config;
}

const struct pn_clock *pn_kinesis_clock(const struct pn_kinesis *kinesis)
{
    return kinesis->clock;
}

struct pn_log *pn_kinesis_log(struct pn_kinesis *kinesis)
{
    return kinesis->log;
}
