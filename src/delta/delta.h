/*
 * Delta Lake tables: the transaction log of https://github.com/delta-io/delta PROTOCOL.md, in C.
 *
 * A table is a key prefix in a store: data files (Parquet, written by an engine) and
 * `_delta_log/<version %020d>.json`, one commit each, made by put-if-absent. Every data file is
 * durable before the commit that names it. This module creates tables of protocol (1,2) without
 * features, so every reader opens them; generated columns and deletion vectors make it ask for
 * more. It reads tables of other writers if it knows every reader
 * feature that they require; otherwise the error names the feature.
 *
 * Engines handle Parquet: checkpoints are written and read through `struct pn_delta_parquet`, which
 * the engine implements. So this module does not depend on an engine.
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
#include "delta/maker.h"
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
    struct pn_delta_maker maker;    /* of the handle's commits, for commitInfo */
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
    int64_t num_records;         /* without deleted ones, from the statistics; -1 when unknown */
    int64_t num_deleted;         /* those that the deletion vector marks */
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

/* A handle on the place of one table, for one thread at a time. It is not bound to a version: every
 * call uses the log as it is then. What the handle remembers only saves reading again. */
struct pn_delta;

/* `path` is the key prefix ("delta_tables/raw/x"), copied. The call reads and creates nothing. All
 * pointers are borrowed for the handle's life. `parquet` may be NULL if no checkpoint has to be
 * read or written; a call that needs one then fails. */
struct pn_delta *pn_delta_create(struct pn_store *store, const char *path,
                                 const struct pn_delta_parquet *parquet,
                                 const struct pn_clock *clock, struct pn_logger *logger,
                                 const struct pn_delta_config *config);
void pn_delta_destroy(struct pn_delta **table); /* NULL ok */
const char *pn_delta_path(const struct pn_delta *table);

/*
 * Reads the table as of `version`, or the latest for -1. MISSING: there is no table, or the version
 * does not exist or no longer exists; the message names the oldest and the newest. CORRUPT names
 * the file and line. If a hint (_last_checkpoint) or a checkpoint is missing or damaged, it is
 * skipped with a warning, as long as older files are sufficient. Destroy the snapshot with
 * pn_delta_snapshot_destroy().
 */
int pn_delta_snapshot(struct pn_delta *table, int64_t version, struct pn_delta_snapshot **snapshot,
                      struct pn_err *e) PN_MUST_CHECK;
/*
 * Brings a snapshot of the latest version, NULL at first, up to date: what came since is read, not
 * the whole log. It may be another one then. It is NULL after a failure. The errors of
 * pn_delta_snapshot().
 */
int pn_delta_refresh(struct pn_delta *table, struct pn_delta_snapshot **snapshot,
                     struct pn_err *e) PN_MUST_CHECK;
/* As of a time: the newest version committed at or before it. */
int pn_delta_snapshot_at(struct pn_delta *table, int64_t timestamp_ms,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;
/* A version, or a time, as users name it. */
struct pn_delta_moment {
    bool is_time;
    int64_t value; /* the version, or milliseconds */
};
/* Reads "3", or a time (base/time_text.h). INPUT for anything else, naming it. */
int pn_delta_moment_parse(const char *text, struct pn_delta_moment *moment,
                          struct pn_err *e) PN_MUST_CHECK;
/* As of that. */
int pn_delta_snapshot_of(struct pn_delta *table, const struct pn_delta_moment *moment,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;
void pn_delta_snapshot_destroy(struct pn_delta_snapshot **snapshot);
/* An application's last transaction, or NULL; and its version, or -1. */
const struct pn_delta_txn *pn_delta_txn_of(const struct pn_delta_snapshot *snapshot,
                                           const char *app_id);
int64_t pn_delta_txn_version(const struct pn_delta_snapshot *snapshot, const char *app_id);
/* The same for the current table; -1 also if there is no table. It is cheap: the handle remembers
 * the state and reads only the commits since its last call or commit. */
int pn_delta_txn_latest(struct pn_delta *table, const char *app_id, int64_t *version,
                        struct pn_err *e) PN_MUST_CHECK;
/* Those of several applications, as of one moment. */
int pn_delta_txns_latest(struct pn_delta *table, const char *const *app_ids, size_t count,
                         int64_t *versions, struct pn_err *e) PN_MUST_CHECK;

/* The version of the current table, as cheaply; -1: there is no table. */
int pn_delta_version_latest(struct pn_delta *table, int64_t *version,
                            struct pn_err *e) PN_MUST_CHECK;

#define PN_DELTA_TXN_ANY INT64_MIN /* of txns_before */

enum pn_delta_mode {
    PN_DELTA_APPEND,    /* blind: conflicts with nothing but metadata, protocol and txn */
    PN_DELTA_OVERWRITE, /* all files live at the time of the commit are removed; last one wins */
    PN_DELTA_REWRITE,   /* `removes` are replaced by `adds` with the same rows: dataChange false */
    PN_DELTA_REPLACE,   /* the same with other rows: CONFLICT when one of `removes` is gone */
    PN_DELTA_RESTORE    /* a REPLACE whose `adds` the table had before, with their metadata */
};

/*
 * Deletion vectors in the making: files of a snapshot stay in the table, and rows of theirs are
 * marked as deleted. All vectors of a commit are in one file of the store. The snapshot must live
 * as long. For one thread at a time.
 */
struct pn_delta_vectors;
struct pn_delta_vectors *pn_delta_vectors_create(struct pn_delta *table);
void pn_delta_vectors_destroy(struct pn_delta_vectors **vectors); /* NULL ok */
/* Not where the log does not say how many rows the file has, which readers of vectors need. */
bool pn_delta_vectors_can_mark(const struct pn_delta_file *file);
/* Marks rows of a file, each file once: besides those that its vector marks already. The first row
 * is 0. The errors of pn_delta_deleted_rows(). */
int pn_delta_vectors_mark(struct pn_delta_vectors *vectors, const struct pn_delta_file *file,
                          const int64_t *rows, size_t count, struct pn_err *e) PN_MUST_CHECK;
/* Makes them durable, once, before the commit. Until destroy, no vacuum of this process deletes
 * the file. */
int pn_delta_vectors_write(struct pn_delta_vectors *vectors, struct pn_err *e) PN_MUST_CHECK;
/* After the commit failed with `rc`: removes the file, unless it is, or may be, in the table. */
void pn_delta_vectors_undo(struct pn_delta_vectors *vectors, int rc);

/* A commit in the making; the caller owns everything it points to. */
struct pn_delta_commit {
    enum pn_delta_mode mode;
    const char *operation;            /* commitInfo: "WRITE", "OPTIMIZE", ... */
    const char *operation_parameters; /* commitInfo: a JSON object's text, or NULL */
    const char *notes; /* commitInfo: our own member "pinion", a JSON object's text, or NULL */
    const struct pn_delta_maker *maker; /* NULL: the handle's */
    const char *schema; /* the rows' schema; the table is made with it when missing */
    bool adds_columns;  /* APPEND, REPLACE: the table gets the columns that it lacks */
    bool widens;        /* REWRITE of all files: the columns get the types of `schema` and those
                           that they lack, as pn_delta_widens() says that they can */
    bool carries_rows;  /* REPLACE: rows of `removes` are among those of `adds`, so these must have
                           all columns of the table */
    const char *const *partition_columns; /* for a new table, and for OVERWRITE */
    size_t partition_column_count;
    const char *name;                 /* for a new table, or NULL */
    const struct pn_delta_file *adds; /* path relative to the table; already in the store. The mode
                                         decides on dataChange */
    size_t add_count;
    const struct pn_delta_file *removes; /* REWRITE, REPLACE, RESTORE */
    size_t remove_count;
    /* REPLACE: files that stay, with more deleted rows; NULL: none. A table whose first vectors
     * they are gets the property delta.enableDeletionVectors and the feature deletionVectors. */
    const struct pn_delta_vectors *vectors;
    const struct pn_delta_metadata *metadata; /* RESTORE: but the id, which stays the table's */
    const struct pn_delta_txn *txns;
    size_t txn_count;
    /* NULL, or for each of `txns` the version that the table must have (-1: none yet). One that is
     * the txn's own version is only checked: the application did not move. Only an OVERWRITE, which
     * replaces the rows, may set a txn to a version below. PN_DELTA_TXN_ANY: the txn is set, also
     * to a version below, whatever it was; another txn of the commit is the condition. */
    const int64_t *txns_before;
    /* NULL, or the version that the table must still be at (-1: there is none yet): what is
     * committed was made of its rows. */
    const int64_t *read_version;
    /* Properties a new table is made with ("delta.logRetentionDuration", ...). */
    const struct pn_delta_map_entry *configuration;
    size_t configuration_count;
};

/*
 * Registers a data file (its key in the store) that this process is about to write for a commit. No
 * vacuum of this process deletes a registered file. Register it before it is in the table's folder,
 * and remove it when the outcome of the commit is known: each add needs one remove. Any thread.
 */
void pn_delta_pending_add(const char *key);
void pn_delta_pending_remove(const char *key);

/*
 * Commits: finds the latest version, checks the commits since then for conflicts, and writes the
 * next version. If another writer was faster, it tries again (a limited number of times, with a
 * short random wait). On success *version is the version of the commit.
 *
 * With OVERWRITE, a different schema replaces the table's. With APPEND and REPLACE, rows that do
 * not fit into the schema, or are partitioned otherwise, are an INPUT error with code
 * PN_DELTA_MISFIT; with adds_columns, columns of theirs that the table lacks are added to it in the
 * same commit, and are null for the rows that are there. A schema of NULL means the table's own.
 *
 * Errors:
 *   INPUT     a writer must know a feature of the table that this module does not know, or the
 *             table must not lose rows (delta.appendOnly); the message names the feature. Or a
 *             REWRITE would change the number of rows, by the statistics
 *   CONFLICT  with code PN_DELTA_TXN_SEEN: a txn is not above the table's own, so the caller's
 *             batch is already in the table; or the table's txn is not that of txns_before, so
 *             another writer's batch is. Nothing is written. With code PN_DELTA_MOVED: the table
 *             is not at read_version any more. Without these codes: a file of a REWRITE
 *             or REPLACE is no longer in the table
 *   RETRY     with code PN_DELTA_UNKNOWN: the write failed, and reading the log back to learn its
 *             outcome failed, too. The files of the commit must stay, because it may exist. Without
 *             that code nothing was committed: the table was removed during the commit, or its log
 *             was cleaned past the version; or another process's vacuum deleted a file of `adds`,
 *             so its rows have to be written again
 *   CORRUPT   with code PN_DELTA_LOST: the commit was made, but a file of `adds` was deleted
 *             meanwhile and could not be restored
 *
 * The data files of `adds` must be in the table's folder. A file that is deleted during the commit
 * is restored. Every checkpoint_interval commits, this writes a checkpoint and cleans old log
 * files; failures of these are logged and do not fail the commit.
 */
enum {
    PN_DELTA_TXN_SEEN = -20,
    PN_DELTA_UNKNOWN = -21,
    PN_DELTA_LOST = -22,
    PN_DELTA_MISFIT = -23,
    PN_DELTA_MOVED = -24
};
int pn_delta_commit(struct pn_delta *table, const struct pn_delta_commit *commit, int64_t *version,
                    struct pn_err *e) PN_MUST_CHECK;

/* What a restore did, or would do. */
struct pn_delta_restored {
    int64_t from;          /* the newest version before it */
    int64_t version;       /* that of its commit; -1: nothing had to change, or it was a dry run */
    int64_t files_added;   /* of the older version, which come back */
    int64_t files_removed; /* which leave the table; a vacuum deletes them later */
    int64_t rows_before;   /* -1: statistics do not say */
    int64_t rows_after;
    bool changes_metadata; /* schema, partition columns, properties, name */
};

/* The transactions of a restore's commit. */
struct pn_delta_restore_with {
    /* When the table has a transaction of it, the commit has one too, with the commit's version;
     * NULL: none. */
    const char *marking_app;
    /* Gives more of them for a restore of `now` to `then`, in the arena; they are set whatever they
     * were, also to versions below. It is called for each try, and for a dry run. True: they are
     * worth a commit that has to change nothing else. NULL: none. */
    bool (*txns)(void *arg, struct pn_delta *table, const struct pn_delta_snapshot *now,
                 const struct pn_delta_snapshot *then, struct pn_arena *arena,
                 struct pn_delta_txn **txns, size_t *count);
    void *arg;
};

/*
 * Makes the table what it was in `version`: a new commit adds and removes files, and brings back
 * the metadata; the protocol stays. Transactions stay as they are, so no application takes again
 * what it has brought, but for those of `with` (NULL: none). With `dry_run` it only looks.
 * `confirmed` is the version that a person was shown: when the table has moved on, nothing is
 * restored, and the error is CONFLICT, PN_DELTA_MOVED. NULL: whatever the table has by then. The
 * other errors are those of pn_delta_snapshot() and pn_delta_commit(), and MISSING when a vacuum
 * deleted files of the version: it names the first ones.
 */
int pn_delta_restore(struct pn_delta *table, int64_t version,
                     const struct pn_delta_restore_with *with, const int64_t *confirmed,
                     bool dry_run, struct pn_delta_restored *restored,
                     struct pn_err *e) PN_MUST_CHECK;
/* The rows of a snapshot's files; -1: statistics do not say. */
int64_t pn_delta_snapshot_rows(const struct pn_delta_snapshot *snapshot);
/* The size of its files by the log; INT64_MAX for more. */
int64_t pn_delta_snapshot_bytes(const struct pn_delta_snapshot *snapshot);

/*
 * Do rows of schema `rows` differ from a table of schema `table` only in wider types (an integer of
 * more bytes, a double for a float, a decimal with more digits on either side) and in columns that
 * the table lacks, and is there such a type?
 */
bool pn_delta_widens(const char *table, const char *rows);
/* Is the table at `path` divided by these columns, in this order? PN_DELTA_MISFIT: by others, which
 * the message names. */
int pn_delta_check_divided(const struct pn_delta_metadata *metadata, const char *path,
                           const char *const *columns, size_t count,
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
    const char *notes; /* what commitInfo, or JSON in its userMetadata, has as "pinion", as JSON
                        * text; NULL: nothing */
    const char *engine_info;
    struct pn_delta_maker maker;
    int64_t files_added;
    int64_t files_removed;
    int64_t rows_added; /* by the statistics */
};
/* Newest first, at most `limit` from version `from` (or the latest for -1) down; memory in arena.
 */
int pn_delta_history(struct pn_delta *table, int64_t from, size_t limit, struct pn_arena *arena,
                     struct pn_delta_history_entry **entries, size_t *count,
                     struct pn_err *e) PN_MUST_CHECK;
/* Oldest first, at most `limit` from version `from` up, or from the oldest that the log has. */
int pn_delta_history_up(struct pn_delta *table, int64_t from, size_t limit, struct pn_arena *arena,
                        struct pn_delta_history_entry **entries, size_t *count,
                        struct pn_err *e) PN_MUST_CHECK;

/* The notes of the newest commit that has some, among the newest PN_DELTA_NOTES_COMMITS_MAX; *notes
 * is in the arena, and NULL where none has. *version is the table's. While that still is `seen`
 * (give -1 at first), no commit is read and *notes is NULL. */
enum { PN_DELTA_NOTES_COMMITS_MAX = 32 };
int pn_delta_newest_notes(struct pn_delta *table, int64_t seen, struct pn_arena *arena,
                          int64_t *version, const char **notes, struct pn_err *e) PN_MUST_CHECK;

/* A column at the top of a table's schema, and the version since which the table has one of that
 * name without a break. Not exact: by that version; older commits are gone, or were not read. */
struct pn_delta_since {
    const char *name;
    int64_t version;
    bool is_exact;
};
/* Of the columns of a snapshot, in their order; memory in the arena. Reads
 * PN_DELTA_SINCE_COMMITS_MAX commits from the snapshot's version down, and not those beyond 64 MiB
 * together; then the state at the oldest of them. */
enum { PN_DELTA_SINCE_COMMITS_MAX = 200 };
int pn_delta_columns_since(struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                           struct pn_arena *arena, struct pn_delta_since **columns, size_t *count,
                           struct pn_err *e) PN_MUST_CHECK;

/*
 * What the commits after version `after`, up to that of `snapshot`, have added: the files of their
 * `add` actions with dataChange, in order; memory in the arena. Some may have left the table since,
 * by a compaction. *why is NULL, or says why these files are not all that changed (static text):
 * rows were removed, or commits or files are gone.
 */
int pn_delta_added_since(struct pn_delta *table, int64_t after,
                         const struct pn_delta_snapshot *snapshot, struct pn_arena *arena,
                         struct pn_delta_file **files, size_t *count, const char **why,
                         struct pn_err *e) PN_MUST_CHECK;

/*
 * Was the table overwritten or restored by another application in version `from` or later, up to
 * that of `snapshot`? *replaced: a commit without a txn of `app_id` removed rows, and not as a
 * DELETE, UPDATE or MERGE, which leave all rows but those that they choose. *gone: a commit was
 * cleaned from the log, so that is not known.
 */
int pn_delta_replaced_since(struct pn_delta *table, int64_t from,
                            const struct pn_delta_snapshot *snapshot, const char *app_id,
                            bool *replaced, bool *gone, struct pn_err *e) PN_MUST_CHECK;

/* How long files that left the table are kept for readers of older versions: the table's
 * delta.deletedFileRetentionDuration, or otherwise the handle's configuration. It is at least a
 * minute, because files that are about to be committed are younger. */
int64_t pn_delta_retention_ms(const struct pn_delta *table,
                              const struct pn_delta_snapshot *snapshot);
/*
 * Calls row(arg, N) for each row of a snapshot's file that its deletion vector marks, in order; the
 * first row is 0. A file without a vector has none. Stops with the callback's result when that is
 * not 0. CORRUPT: the vector is damaged, or is not there. INPUT: it is stored in a way that is not
 * known here, or outside the store. Source: PROTOCOL.md, "Deletion Vectors".
 */
int pn_delta_deleted_rows(struct pn_delta *table, const struct pn_delta_file *file,
                          int (*row)(void *arg, int64_t row), void *arg,
                          struct pn_err *e) PN_MUST_CHECK;
/*
 * Where a file of a snapshot is: its key in the store or, if it is outside of the store (a shallow
 * clone has such files), its URL; the other one is NULL. MISSING: the file of an absolute path does
 * not exist; files of relative paths are not checked. The caller frees both.
 */
int pn_delta_file_place(struct pn_store *store, const char *table_path, const char *path,
                        char **key, char **url, struct pn_err *e) PN_MUST_CHECK;
/*
 * Checks that the files that the newest commit adds exist. It reads only that commit, so it is
 * cheap enough to watch many tables. CORRUPT names the missing file, or the fault of the commit. A
 * missing table is not an error.
 */
int pn_delta_check_newest(struct pn_delta *table, struct pn_err *e) PN_MUST_CHECK;
/*
 * Deletes data files that no kept version needs: files that were removed longer than `retention_ms`
 * ago, and files of that age that were never committed. With `dry_run` it only reports them. It
 * never touches files younger than the retention, files that this process is about to commit,
 * hidden files, and _delta_log. It calls fn for each file that it has deleted or would delete; if
 * fn returns non-zero, it deletes no further batch of files and returns that value. `look` (NULL
 * ok) is called before each step: a file that is listed, a file whose use is examined, a batch that
 * is deleted. If it returns non-zero, the vacuum ends there with that value. A
 * retention below pn_delta_retention_ms() can delete files that readers use, or that writers of
 * other processes are about to commit: use it only if there are none. If the newest version names a
 * file that is missing, or that the store cannot examine, nothing is deleted: CORRUPT or INPUT
 * names the file.
 */
int pn_delta_vacuum(struct pn_delta *table, int64_t retention_ms, bool dry_run,
                    int (*fn)(void *arg, const char *path, int64_t size_bytes),
                    int (*look)(void *arg), void *arg, struct pn_err *e) PN_MUST_CHECK;

/*
 * The same for a caller that vacuums repeatedly with this handle. A file is deleted only if these
 * calls have also seen it unneeded for the retention by the monotonic clock. So neither a changed
 * wall clock nor a sleep of the machine makes a file old. *waiting is the number of files that
 * still exist but that the table does not need, no longer or not yet.
 */
int pn_delta_vacuum_again(struct pn_delta *table, int64_t retention_ms,
                          int (*fn)(void *arg, const char *path, int64_t size_bytes), void *arg,
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
