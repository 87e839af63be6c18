/*
 * What the files of delta/ share: the handle, the limits, and the names in the log's folder.
 */
#ifndef PN_DELTA_INTERNAL_H
#define PN_DELTA_INTERNAL_H

#include "base/json.h"
#include "base/random.h"
#include "delta/actions.h"
#include "delta/delta.h"

#define PN_DELTA_COMPONENT "delta" /* in log lines */

enum {
    PN_DELTA_COMMIT_BYTES_MAX = 1 << 30,     /* of one commit file, or a checkpoint in JSON */
    PN_DELTA_CHECKPOINT_BYTES_MAX = 1 << 30, /* of a checkpoint's actions as JSON */
    PN_DELTA_HINT_BYTES_MAX = 1 << 20,       /* of _last_checkpoint */
    PN_DELTA_COMMIT_TRIES_MAX = 1000,        /* of one commit against faster writers */
    PN_DELTA_RETENTION_MS_MIN = 60000        /* of removed files, whatever the table says */
};

struct pn_delta_watch;

struct pn_delta {
    struct pn_store *store;
    char *path;     /* the table's key prefix, without a slash at the end */
    char *log_path; /* "<path>/_delta_log/" */
    const struct pn_delta_parquet *parquet;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_delta_config config;
    struct pn_delta_reader reader;
    /* The newest state a commit has seen, without files, so that the next one reads only what came
     * since; and the commit file it stands on, to notice a table that was made again. */
    struct pn_delta_snapshot *head;
    char head_etag[PN_ETAG_SIZE];
    struct pn_delta_watch *watch; /* of pn_delta_vacuum_again(); NULL before its first call */
};

/* "<path>/_delta_log/%020d.json" and friends, malloc'ed. */
char *pn_delta_commit_key(const struct pn_delta *table, int64_t version);
char *pn_delta_log_key(const struct pn_delta *table, const char *name);

/* A line of the table's configuration, or NULL. */
const char *pn_delta_property(const struct pn_delta_metadata *metadata, const char *key);
/* The same as a switch; anything but "true" is false. */
bool pn_delta_property_true(const struct pn_delta_metadata *metadata, const char *key);
/* What the table's own properties, or else the handle's configuration, say. */
int64_t pn_delta_checkpoint_interval(const struct pn_delta *table,
                                     const struct pn_delta_metadata *metadata);
int64_t pn_delta_log_retention_ms(const struct pn_delta *table,
                                  const struct pn_delta_metadata *metadata);
int64_t pn_delta_tombstone_retention_ms(const struct pn_delta *table,
                                        const struct pn_delta_metadata *metadata);
/* Reads "interval 7 days", "168 hours", "interval 1 week"; false when it is more than that. */
bool pn_delta_interval_parse(const char *text, int64_t *duration_ms);

#endif
