/*
 * Delta Lake tables: the transaction log of https://github.com/delta-io/delta PROTOCOL.md, in C.
 *
 * A table is a key prefix in a store: data files (Parquet, written by an engine) and
 * `_delta_log/<version %020d>.json`, one commit each, made by put-if-absent. Every data file is
 * durable before the commit that names it. Tables made here are protocol (1,2) without features,
 * so every reader opens them. Tables made elsewhere are read when every reader feature they ask
 * for is known; otherwise the error names the feature.
 *
 * Parquet is an engine's work: checkpoints are written and read through `struct pn_delta_parquet`,
 * which the engine implements, so that this module depends on no engine.
 */
#ifndef PN_DELTA_DELTA_H
#define PN_DELTA_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/logger.h"
#include "store/store.h"

/* How checkpoints become Parquet and back. */
struct pn_delta_parquet {
    /* Writes the checkpoint's rows to a new Parquet file at `path` (of pn_store_begin_file()), with
     * the columns and types that
     * the protocol's "Checkpoint schema" asks for (txn, add, remove, metaData, protocol; add.stats
     * as JSON text). `ndjson` holds one action a line, as in a commit file. */
    int (*write_checkpoint)(void *ctx, const char *ndjson, size_t len, const char *path,
                            struct pn_err *e);
    /* Calls `line` with each row of a checkpoint, an object of the store, as one action in JSON
     * ({"add":{...}}), nulls left out, until it returns non-zero, which is then returned. */
    int (*read_checkpoint)(void *ctx, const char *key,
                           int (*line)(void *arg, const char *json, size_t len, struct pn_err *e),
                           void *arg, struct pn_err *e);
    void *ctx;
};

struct pn_delta_config {
    int64_t checkpoint_interval;    /* commits between checkpoints, at least 1 */
    int64_t log_retention_ms;       /* of commit files that a checkpoint covers */
    int64_t tombstone_retention_ms; /* of removed files, for vacuum */
    const char *engine_info;        /* "pinion/0.1.0", for commitInfo */
};

struct pn_delta_map_entry {
    const char *key;
    const char *value; /* NULL: null */
};

/* One live (or removed) data file. */
struct pn_delta_file {
    /* Decoded and without detours: relative to the table, or absolute, or a URL (but "file:" URLs
     * are paths). Two spellings of one relative path are one file in a replay, as they are for
     * Spark; a relative and an absolute one of the same file are two. */
    const char *path;
    const char *uri; /* the path as the log has it, percent-encoded; NULL: made from `path` */
    struct pn_delta_map_entry *partition_values;
    size_t partition_value_count;
    int64_t size_bytes; /* of a removed file -1 when its remover didn't say */
    int64_t modified_ms;
    int64_t num_records;         /* from the statistics; -1 when unknown */
    const char *stats;           /* JSON text, or NULL */
    const char *tags;            /* other writers' notes, a JSON object's text, or NULL */
    const char *deletion_vector; /* the descriptor's JSON, or NULL */
    bool data_change;
    int64_t deleted_ms; /* removed files only */
};

struct pn_delta_txn {
    const char *app_id;
    int64_t version;
    int64_t updated_ms; /* 0: unknown */
};

struct pn_delta_metadata {
    const char *id;          /* UUID */
    const char *name;        /* or NULL */
    const char *description; /* or NULL */
    const char *schema;      /* schemaString: the schema's JSON text */
    const char **partition_columns;
    size_t partition_column_count;
    struct pn_delta_map_entry *configuration;
    size_t configuration_count;
    int64_t created_ms;
};

/* What a reader and a writer must know; the names only from (3,7) on. */
struct pn_delta_protocol {
    int32_t min_reader_version;
    int32_t min_writer_version;
    const char **reader_features; /* NULL when the log has no such list */
    size_t reader_feature_count;
    const char **writer_features;
    size_t writer_feature_count;
};

/* A table as of one version. It owns all it points to; pn_delta_snapshot_destroy() frees it. */
struct pn_delta_snapshot {
    int64_t version;
    int64_t timestamp_ms; /* of its commit */
    struct pn_delta_protocol protocol;
    struct pn_delta_metadata metadata;
    struct pn_delta_file *files; /* live, in a fixed order: by path */
    size_t file_count;
    struct pn_delta_file *removed; /* tombstones still in the log */
    size_t removed_count;
    struct pn_delta_txn *txns; /* latest for each application */
    size_t txn_count;
    struct pn_arena arena;
};

/* A handle on one table's place, for one thread at a time. It belongs to no version: every call
 * looks at the log as it is then (what it remembers only saves reading again). */
struct pn_delta;

/* `path` is the key prefix ("delta_tables/raw/x"), copied. Nothing is read or made yet. All
 * pointers are borrowed for the handle's life; `parquet` may be NULL where no checkpoint needs to
 * be read or written (then one that is needed is an error). */
struct pn_delta *pn_delta_create(struct pn_store *store, const char *path,
                                 const struct pn_delta_parquet *parquet,
                                 const struct pn_clock *clock, struct pn_logger *logger,
                                 const struct pn_delta_config *config);
void pn_delta_destroy(struct pn_delta **table); /* NULL ok */
const char *pn_delta_path(const struct pn_delta *table);

/*
 * Reads the table as of `version`, or the latest for -1. MISSING when there is no table, or no such
 * version (any more; the message names the oldest and the newest). CORRUPT names the file and line.
 * A hint (_last_checkpoint) or checkpoint that is missing or damaged is passed over with a warning
 * where older files still give the answer. Destroy with pn_delta_snapshot_destroy().
 */
int pn_delta_snapshot(struct pn_delta *table, int64_t version, struct pn_delta_snapshot **snapshot,
                      struct pn_err *e) PN_MUST_CHECK;
/* As of a time: the newest version committed at or before it. */
int pn_delta_snapshot_at(struct pn_delta *table, int64_t timestamp_ms,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;
void pn_delta_snapshot_destroy(struct pn_delta_snapshot **snapshot);
/* An application's last transaction, or NULL; and its version, or -1. */
const struct pn_delta_txn *pn_delta_txn_of(const struct pn_delta_snapshot *snapshot,
                                           const char *app_id);
int64_t pn_delta_txn_version(const struct pn_delta_snapshot *snapshot, const char *app_id);
/* The same for the table as it is now, -1 too when there is none; cheap, since no files are read:
 * the handle remembers, and reads what came since its last call or commit. */
int pn_delta_txn_latest(struct pn_delta *table, const char *app_id, int64_t *version,
                        struct pn_err *e) PN_MUST_CHECK;

enum pn_delta_mode {
    PN_DELTA_APPEND,    /* blind: conflicts with nothing but metadata, protocol and txn */
    PN_DELTA_OVERWRITE, /* all files live at the time of the commit are removed; last one wins */
    PN_DELTA_REWRITE    /* `removes` are replaced by `adds` with the same rows: dataChange false */
};

/* A commit in the making; the caller owns everything it points to. */
struct pn_delta_commit {
    enum pn_delta_mode mode;
    const char *operation;            /* commitInfo: "WRITE", "OPTIMIZE", ... */
    const char *operation_parameters; /* commitInfo: a JSON object's text, or NULL */
    const char *notes;  /* commitInfo: our own member "pinion", a JSON object's text, or NULL */
    const char *schema; /* the rows' schema; the table is made with it when missing */
    const char *const *partition_columns; /* for a new table, and for OVERWRITE */
    size_t partition_column_count;
    const char *name;                 /* for a new table, or NULL */
    const struct pn_delta_file *adds; /* path relative to the table; already in the store. The mode
                                         decides on dataChange */
    size_t add_count;
    const struct pn_delta_file *removes; /* REWRITE */
    size_t remove_count;
    const struct pn_delta_txn *txns;
    size_t txn_count;
    /* NULL, or for each of `txns` the version that the table must have (-1: none yet). One that is
     * the txn's own version is only checked: the application did not move. */
    const int64_t *txns_before;
    /* Properties a new table is made with ("delta.logRetentionDuration", ...). */
    const struct pn_delta_map_entry *configuration;
    size_t configuration_count;
};

/*
 * A data file (its key in the store) that this process is about to write for a commit: from before
 * it is in the table's folder until the commit's outcome is known, no vacuum of this process takes
 * it. Each add wants one remove. Any thread.
 */
void pn_delta_pending_add(const char *key);
void pn_delta_pending_remove(const char *key);

/*
 * Commits: finds the latest version, checks what came since against what this commit needs, writes
 * the next version, and tries again when somebody was faster (bounded, with a short random wait).
 * With OVERWRITE a schema that differs replaces the table's; with APPEND rows that don't fit into
 * it are an INPUT error with code PN_DELTA_MISFIT. A schema of NULL is the table's own.
 * A table whose features a writer must know and we don't, or that must not lose rows
 * (delta.appendOnly), is not written: INPUT names the feature.
 * A txn whose version is not above the table's own: CONFLICT with code PN_DELTA_TXN_SEEN, nothing
 * is written (the caller's batch is already in the table); so is one whose version isn't the one
 * of txns_before (somebody else's batch is). A REWRITE of a file that is gone:
 * CONFLICT; one that would change the number of rows, where the statistics tell: INPUT. On success
 * *version is the commit's. When the outcome of the write is unknown the log is read back to find
 * out: the answer is right. Where that fails too, it is RETRY with code PN_DELTA_UNKNOWN: the files
 * of the commit must stay, since it may be there. RETRY, too, when the table was taken away or its
 * log cleaned beyond the version during the commit: then it is not there.
 * The data files of `adds` must be in the table's folder. One that is not there (another process's
 * vacuum took it): RETRY, nothing was committed, and its rows have to be written again. One that
 * goes while the commit is made is put back; only where that fails the commit names a file that is
 * not there: CORRUPT with code PN_DELTA_LOST.
 * Every checkpoint_interval commits a checkpoint is written and old log files are cleaned; failures
 * of these are logged and don't fail the commit.
 */
enum {
    PN_DELTA_TXN_SEEN = -20,
    PN_DELTA_UNKNOWN = -21,
    PN_DELTA_LOST = -22,
    PN_DELTA_MISFIT = -23
};
int pn_delta_commit(struct pn_delta *table, const struct pn_delta_commit *commit, int64_t *version,
                    struct pn_err *e) PN_MUST_CHECK;

/* Writes a checkpoint of the latest version, and `_last_checkpoint`. */
int pn_delta_checkpoint(struct pn_delta *table, struct pn_err *e) PN_MUST_CHECK;
/* Removes commits and checkpoints that are older than the table's log retention and that no younger
 * version needs. */
int pn_delta_clean(struct pn_delta *table, struct pn_err *e) PN_MUST_CHECK;

struct pn_delta_history_entry {
    int64_t version;
    int64_t timestamp_ms;
    const char *operation;  /* "" when the commit doesn't say */
    const char *parameters; /* JSON text, "{}" */
    const char *metrics;    /* JSON text, "{}" */
    const char *notes;      /* what commitInfo has as "pinion", as JSON text; NULL: nothing */
    const char *engine_info;
    int64_t files_added;
    int64_t files_removed;
    int64_t rows_added; /* by the statistics */
};
/* Newest first, at most `limit` from version `from` (or the latest for -1) down; memory in arena.
 */
int pn_delta_history(struct pn_delta *table, int64_t from, size_t limit, struct pn_arena *arena,
                     struct pn_delta_history_entry **entries, size_t *count,
                     struct pn_err *e) PN_MUST_CHECK;

/* The notes of the newest commit that has some, among the newest PN_DELTA_NOTES_COMMITS_MAX; *notes
 * is in the arena, and NULL where none has. *version is the table's. While that still is `seen`
 * (give -1 at first), no commit is read and *notes is NULL. */
enum { PN_DELTA_NOTES_COMMITS_MAX = 32 };
int pn_delta_newest_notes(struct pn_delta *table, int64_t seen, struct pn_arena *arena,
                          int64_t *version, const char **notes, struct pn_err *e) PN_MUST_CHECK;

/* How long files that left the table are kept for those who read older versions: the table's
 * delta.deletedFileRetentionDuration, or else the handle's configuration; a minute at least, since
 * what is about to be committed is younger. */
int64_t pn_delta_retention_ms(const struct pn_delta *table,
                              const struct pn_delta_snapshot *snapshot);
/*
 * Where a file of a snapshot is: its key in the store or, when it lies outside (a shallow clone has
 * such files), its URL; the other one is NULL. MISSING when an absolute path's file is not there;
 * relative ones are not looked for. Caller frees both.
 */
int pn_delta_file_place(struct pn_store *store, const char *table_path, const char *path,
                        char **key, char **url, struct pn_err *e) PN_MUST_CHECK;
/*
 * Are the files there that the newest commit adds? A cheap question, for one who watches over many
 * tables: only that commit is read. CORRUPT names the file that is not there, or what is wrong with
 * the commit. No table is fine.
 */
int pn_delta_check_newest(struct pn_delta *table, struct pn_err *e) PN_MUST_CHECK;
/*
 * Deletes data files that no kept version needs: removed longer than `retention_ms` ago, or never
 * committed and older than that. `dry_run` only reports. Files younger than the retention, files
 * that this process is about to commit, hidden ones and _delta_log are never touched. fn is called
 * for each file (deleted, or to be). A retention below pn_delta_retention_ms() takes files from
 * under readers, and from other processes' writers that are about to commit them: it is for a
 * caller who knows that there are none. Where the newest version names a file that is not there, or
 * where the store cannot look, nothing is deleted: CORRUPT or INPUT names it.
 */
int pn_delta_vacuum(struct pn_delta *table, int64_t retention_ms, bool dry_run,
                    void (*fn)(void *arg, const char *path, int64_t size_bytes), void *arg,
                    struct pn_err *e) PN_MUST_CHECK;

/*
 * The same for one that vacuums again and again by this handle: a file goes only when its calls
 * have seen it unneeded for the retention by the monotonic clock as well, so that neither a wall
 * clock that is set nor a sleep of the machine makes it old. *waiting is how many files the table
 * does not need (any more, or yet) that are still there.
 */
int pn_delta_vacuum_again(struct pn_delta *table, int64_t retention_ms,
                          void (*fn)(void *arg, const char *path, int64_t size_bytes), void *arg,
                          size_t *waiting, struct pn_err *e) PN_MUST_CHECK;

/*
 * Which small files are worth rewriting into one: groups of live files of the same partition, each
 * file below `target_bytes`, each group of at least two files, at most PN_DELTA_GROUP_FILES_MAX and
 * about `target_bytes` together. Memory in the snapshot's arena.
 */
enum { PN_DELTA_GROUP_FILES_MAX = 128 }; /* measured: an engine reads more at once no faster */
struct pn_delta_group {
    const struct pn_delta_file **files;
    size_t count;
    int64_t size_bytes;
};
int pn_delta_optimize_plan(struct pn_delta_snapshot *snapshot, int64_t target_bytes,
                           struct pn_delta_group **groups, size_t *count,
                           struct pn_err *e) PN_MUST_CHECK;

/* A fresh name for a data file: "part-00000-<uuid>-c000.snappy.parquet" (malloc'ed). */
char *pn_delta_new_file_name(int32_t part, const char *codec);

#endif
